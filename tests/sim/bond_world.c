/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_world.h"

#include "tests/fake/config.h"
#include "tests/fake/kernel.h"
#include "tests/fake/quiet.h"
#include "tests/fake/touched.h"
#include "tests/sim/bond_io.h"
#include "tests/sim/bond_trace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS         MPQ_MILLISECOND
#define GRAIN      (50 * MPQ_MICROSECOND) /* how late a wake-up comes */
#define TOLD       (5 * MS) /* after which mpquic-control knows of a device */
#define VPS        "192.0.2.1"
#define PORT       45000
#define REVERSE    0x5bd1e995
#define TRACE_STEP (100 * MS)

/* ---- what the engines tell ----------------------------------------------- */

static void on_member(void *owner, const struct mpq_tunnel *t, unsigned path,
		      enum mpq_session_member_state was, const char *reason,
		      mpq_duration gap)
{
	(void)was;
	bond_trace_member(owner, &t->session->path[path], reason, gap);
}

static void on_steered(void *owner, const struct mpq_tunnel *t,
		       const struct mpq_steer_event *event)
{
	(void)t;
	bond_trace_steered(owner, event);
}

static void on_path(void *owner, const struct mpq_path *p,
		    enum mpq_life_state was)
{
	(void)was;
	bond_trace_path(owner, p);
}

static const struct mpq_engine_events engine_events = {
	.member = on_member,
	.steered = on_steered,
	.path = on_path,
	.tunnel = quiet_tunnel,
	.refused = quiet_refused,
};

/* ---- configuration ------------------------------------------------------- */

/* Takes o. */
static void apply(struct bond_world *w, struct bond_side *side,
		  struct json_object *o, struct mpq_engine_descriptor *d,
		  size_t n)
{
	char at[128], message[256];
	int r = config_apply(&side->engine, o, 1, d, n, at, message);

	sim_holds(w->run, r == 0, w->now, "configuration: %s: %s", at, message);
}

static void apply_vps(struct bond_world *w, const struct pki_set *pki)
{
	struct json_object *o = config_new("concentrator", pki, pki->server);
	char paths[2048] = "", names[256] = "", tunnel[1024] = "";
	struct mpq_engine_descriptor d[SIM_PROFILE_PATHS + 1];
	size_t n = 0;

	w->vps.tun = bond_io_tun();
	d[n++] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", w->vps.tun);
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		char name[16];

		if (!w->path[i].exists) {
			continue;
		}
		(void)snprintf(name, sizeof(name), "port%u", i + 1);
		config_append(paths, sizeof(paths),
			      "%s{'name':'%s','listen-address':'" VPS
			      "','listen-port':%u}",
			      n > 1 ? "," : "", name, PORT + i + 1);
		config_append(names, sizeof(names), "%s'%s'", n > 1 ? "," : "",
			      name);
		d[n++] = config_descriptor(MPQ_ENGINE_LISTEN, name,
					   bond_io_udp(VPS, (uint16_t)(PORT +
								       i + 1)));
	}
	config_append(
		tunnel, sizeof(tunnel),
		"{'name':'mpq1','paths':[%s],'peer':'edge-1',"
		"'accept-policy':true,'mtu':%u,'assign':['10.200.1.1/32'],"
		"'remote-prefixes':['10.1.0.0/16']}",
		names, BOND_WORLD_MTU);
	config_list(o, "peers",
		    "{'name':'edge-1','certificate-name':"
		    "'edge-1.example'}");
	config_list(o, "paths", paths);
	config_list(o, "tunnels", tunnel);
	apply(w, &w->vps, o, d, n);
}

static void apply_edge(struct bond_world *w, const struct pki_set *pki)
{
	const struct bond_setup *s = w->setup;
	struct json_object *o = config_new("edge", pki, pki->client);
	char paths[2048] = "", names[256] = "", tunnel[1024] = "";
	struct mpq_engine_descriptor d[1];
	bool first = true;

	w->edge.tun = bond_io_tun();
	d[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", w->edge.tun);
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		if (!w->path[i].exists) {
			continue;
		}
		config_append(
			paths, sizeof(paths),
			"%s{'name':'wan%u','wan':'eth%u','remote-address':'" VPS
			"','remote-port':%u,'server-name':"
			"'concentrator.example'}",
			first ? "" : ",", i + 1, i + 1, PORT + i + 1);
		config_append(names, sizeof(names), "%s'wan%u'",
			      first ? "" : ",", i + 1);
		first = false;
	}
	config_append(tunnel, sizeof(tunnel),
		      "{'name':'mpq1','paths':[%s],'mtu':%u,"
		      "'addresses':['10.200.1.1/30']}",
		      names, BOND_WORLD_MTU);
	config_list(o, "classes",
		    s->classes != NULL ? s->classes : BOND_WORLD_CLASSES);
	config_list(o, "rules", s->rules != NULL ? s->rules : "");
	config_list(o, "paths", paths);
	config_list(o, "tunnels", tunnel);
	apply(w, &w->edge, o, d, 1);
}

/* ---- links --------------------------------------------------------------- */

static struct mpq_path *edge_path(struct bond_world *w, unsigned i)
{
	char name[16];
	struct mpq_path *p;

	(void)snprintf(name, sizeof(name), "wan%u", i + 1);
	p = mpq_engine_path(&w->edge.engine, name);
	assert(p != NULL);
	return p;
}

/* Two fresh sockets at the WAN's next address. */
static void link_ready(struct bond_world *w, unsigned i)
{
	struct bond_path *p = &w->path[i];
	int fds[MPQ_PATH_SOCKETS];
	char address[32];

	(void)snprintf(address, sizeof(address), "10.0.%u.%u", p->wan,
		       2 + p->addresses++ % 250);
	for (int k = 0; k < MPQ_PATH_SOCKETS; k++) {
		fds[k] = bond_io_udp(address, (uint16_t)(2000 + k));
	}
	(void)mpq_path_link(edge_path(w, i), MPQ_LIFE_CONNECTING, "", fds,
			    w->now);
	bond_io_wake();
}

/* Both ways alike, but for their losses, and for the way up of profile 19. */
static void init_path(struct bond_world *w, unsigned i)
{
	const struct bond_setup *s = w->setup;
	struct bond_path *p = &w->path[i];

	p->exists = (s->paths >> i & 1) != 0 && i < s->profile->paths;
	p->wan = i + 1;
	if (!p->exists) {
		return;
	}
	sim_profile_link(s->profile, i, &p->down, w->run->seed,
			 BOND_WORLD_START, s->time);
	sim_profile_link(s->profile, i, &p->up, w->run->seed, BOND_WORLD_START,
			 s->time);
	p->up.random.state ^= REVERSE;
	if (s->profile == &sim_profiles[18]) {
		p->up.shape.rate_bps = i == 0 ? 20000000 : 10000000;
	}
	p->up.shape.mtu_bytes = p->down.shape.mtu_bytes = 1500;
	for (size_t k = 0; k < p->up.n_changes; k++) {
		p->up.changes[k].shape.mtu_bytes = 1500;
		p->down.changes[k].shape.mtu_bytes = 1500;
	}
	p->up_shape = p->up.shape;
	p->down_shape = p->down.shape;
	bond_io_wire(p->wan, &p->up, &p->down);
}

void bond_world_silence(struct bond_world *w, unsigned path, bool dead)
{
	struct bond_path *p = &w->path[path];

	p->up_shape.down = p->down_shape.down = dead;
	sim_link_set(&p->up, &p->up_shape, w->now);
	sim_link_set(&p->down, &p->down_shape, w->now);
	sim_trace(w->run, w->now, "path %u %s", path,
		  dead ? "is silent" : "is back");
}

void bond_world_unplug(struct bond_world *w, unsigned path)
{
	bond_world_silence(w, path, true);
	bond_io_unplug(w->path[path].wan, true);
	bond_world_run(w, TOLD);
	(void)mpq_path_link(edge_path(w, path), MPQ_LIFE_NO_LINK,
			    "the device is gone", NULL, w->now);
	bond_io_wake();
}

void bond_world_replug(struct bond_world *w, unsigned path)
{
	bond_world_silence(w, path, false);
	bond_io_unplug(w->path[path].wan, false);
	link_ready(w, path);
}

double bond_world_mbps(const struct bond_world *w, bool down, mpq_time from,
		       mpq_duration time)
{
	double sum = 0;

	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		const struct bond_path *p = &w->path[i];

		if (!p->exists) {
			continue;
		}
		sum += !down && w->setup->profile == &sim_profiles[18]
			       ? (double)p->up_shape.rate_bps / 1e6
			       : sim_profile_mbps(w->setup->profile, i,
						  down ? &p->down : &p->up,
						  from, time);
	}
	return sum;
}

/* ---- time ---------------------------------------------------------------- */

static bool into_device(void *owner, bool down, const void *packet, size_t len)
{
	struct bond_world *w = owner;

	return bond_io_tun_push(down ? w->vps.tun : w->edge.tun, packet, len);
}

static void came(void *owner, int tun, const uint8_t *packet, size_t len)
{
	struct bond_world *w = owner;
	int number = bond_flow_of(packet, len);
	struct bond_flow *f;

	(void)tun;
	if (number < 0) {
		return; /* ICMP */
	}
	f = w->flow[number];
	bond_flow_came(f, packet, len, w->now);
	sim_holds(w->run, f->duplicates == 0, w->now,
		  "flow %d: a packet was delivered twice", number);
}

static void settle(struct bond_world *w)
{
	do {
		for (size_t i = 0; i < w->flows; i++) {
			bond_flow_run(w->flow[i], w->now);
		}
	} while (bond_io_turn());
}

static void watch_session(struct bond_world *w, const struct bond_side *side)
{
	const struct mpq_session *s = side->engine.tunnels[0]->session;
	const struct mpq_packet_pool *pool = &side->engine.pool;

	sim_holds(w->run, pool->exhausted == 0, w->now,
		  "%s: no packet buffer was left", side->name);
	sim_holds(w->run, s == NULL || s->order.held.pkts <= BOND_WORLD_HELD,
		  w->now, "%s: more is held than may be", side->name);
	sim_holds(w->run,
		  s == NULL || mpq_session_queued(s) <= pool->size_pkts / 2,
		  w->now, "%s: more is queued than may be", side->name);
}

static void on_turned(void *owner)
{
	struct bond_world *w = owner;
	const char *missed = touched_missed(&w->edge.engine);

	missed = missed != NULL ? missed : touched_missed(&w->vps.engine);
	sim_holds(w->run, missed == NULL, w->now, "%s", missed);
}

static void watch(struct bond_world *w)
{
	const struct mpq_packet_pool *pools[2] = {&w->edge.engine.pool,
						  &w->vps.engine.pool};

	for (int i = 0; i < 2; i++) {
		double used = 1 - (double)pools[i]->free_pkts /
					  (double)pools[i]->size_pkts;

		w->pool_most = used > w->pool_most ? used : w->pool_most;
	}
	watch_session(w, &w->edge);
	watch_session(w, &w->vps);
}

static void trace(struct bond_world *w)
{
	if (w->run->trace && w->now >= w->traced + TRACE_STEP) {
		w->traced = w->now;
		bond_trace_state(w);
	}
}

static mpq_time next_event(const struct bond_world *w, mpq_time end)
{
	mpq_time due = mpq_time_min(bond_io_deadline(), end);

	for (size_t i = 0; i < w->flows; i++) {
		due = mpq_time_min(due, bond_flow_deadline(w->flow[i], w->now));
	}
	due = (due + GRAIN - 1) / GRAIN * GRAIN;
	due = due > w->now ? due : w->now + GRAIN;
	return mpq_time_min(due, end);
}

void bond_world_rest(struct bond_world *w)
{
	const struct mpq_packet_pool *pools[2] = {&w->edge.engine.pool,
						  &w->vps.engine.pool};

	for (int i = 0; i < 2; i++) {
		sim_holds(w->run, pools[i]->free_pkts == pools[i]->size_pkts,
			  w->now, "%s: %zu packet buffers are still in use",
			  i == 0 ? "edge" : "concentrator",
			  pools[i]->size_pkts - pools[i]->free_pkts);
	}
}

static double cpu_now(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

void bond_world_run(struct bond_world *w, mpq_duration time)
{
	mpq_time end = w->now + time;
	double start = cpu_now();

	settle(w);
	while (w->now < end && !w->run->failed) {
		w->now = next_event(w, end);
		bond_io_advance(w->now);
		settle(w);
		watch(w);
		trace(w);
	}
	w->cpu_seconds += cpu_now() - start;
}

unsigned bond_world_paths_up(const struct bond_world *w)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->edge.engine.n_paths; i++) {
		n += w->edge.engine.paths[i]->life.state == MPQ_LIFE_UP;
	}
	return n;
}

bool bond_world_up(struct bond_world *w)
{
	for (int i = 0; i < 50 && !w->run->failed; i++) {
		bond_world_run(w, 100 * MS);
		if (bond_world_paths_up(w) == w->edge.engine.n_paths) {
			bond_world_run(w, 500 * MS); /* MTU discovery */
			return true;
		}
	}
	return false;
}

struct bond_flow *bond_world_flow(struct bond_world *w,
				  const struct bond_flow_config *config)
{
	struct bond_flow_config c = *config;
	struct bond_flow *f = malloc(sizeof(*f));

	assert(f != NULL && w->flows < BOND_WORLD_FLOWS);
	c.bytes = c.bytes > 0 ? c.bytes : BOND_WORLD_MTU;
	bond_flow_init(f, (uint16_t)w->flows, &c, w->now);
	f->send = into_device;
	f->owner = w;
	w->flow[w->flows++] = f;
	return f;
}

/* ---- life ---------------------------------------------------------------- */

struct bond_world *bond_world_new(struct sim_run *run,
				  const struct bond_setup *setup)
{
	struct bond_world *w = calloc(1, sizeof(*w));
	struct pki_set pki;

	assert(w != NULL);
	w->run = run;
	w->setup = setup;
	w->now = BOND_WORLD_START;
	w->edge.world = w->vps.world = w;
	w->edge.name = "edge";
	w->vps.name = "vps";
	bond_io_init(w->now, came, w);
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		init_path(w, i);
	}
	if (mpq_engine_init(&w->edge.engine, &engine_events, &w->edge) != 0 ||
	    mpq_engine_init(&w->vps.engine, &engine_events, &w->vps) != 0) {
		abort();
	}
	kernel_watch(on_turned, w);
	pki = pki_set_new();
	apply_vps(w, &pki);
	apply_edge(w, &pki);
	pki_set_free(&pki);
	for (unsigned i = 0; i < SIM_PROFILE_PATHS && !run->failed; i++) {
		if (w->path[i].exists) {
			link_ready(w, i);
		}
	}
	return w;
}

void bond_world_free(struct bond_world *w)
{
	kernel_watch(NULL, NULL);
	mpq_engine_finish(&w->edge.engine);
	mpq_engine_finish(&w->vps.engine);
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		if (w->path[i].exists) {
			sim_link_finish(&w->path[i].up);
			sim_link_finish(&w->path[i].down);
		}
	}
	bond_io_finish();
	for (size_t i = 0; i < w->flows; i++) {
		free(w->flow[i]);
	}
	free(w);
}
