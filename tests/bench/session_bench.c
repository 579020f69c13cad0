/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sessions cost a concentrator, by their number: CPU of a turn of its loop
 * in which nothing happens, of one in which a single session has a packet, and
 * memory. Whole engines in virtual time: each edge has two bonded tunnels of
 * two paths. Not a test: it prints and exits.
 *
 *	session_bench [EDGES ...]
 */
#include "tests/unit/dataplane/site.h"

#include "tests/fake/kernel.h"
#include "tests/fake/quiet.h"

#include <assert.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EDGES_MAX 500 /* MPQ_SNAPSHOT_PEERS is 512 */
#define TUNNELS   2   /* of an edge */
#define PATHS     2   /* of a tunnel */
#define PORTS     (TUNNELS * PATHS)
#define TURNS     2000
#define ROUNDS    7
#define BUSY_PKTS 2000
#define TEXT      (1 << 20)

struct edge {
	struct pki_set pki;
	struct site_side side;
	int tun[TUNNELS];
};

struct bench {
	struct pki_set pki;
	struct site_side vps;
	struct edge *edge;
	unsigned edges;
	int tun[EDGES_MAX * TUNNELS];
};

static void on_refused(void *owner, const char *path,
		       const struct mpq_tunnel *t,
		       const struct mpq_sockaddr *remote, const char *reason)
{
	(void)owner;
	(void)path;
	(void)t;
	(void)remote;
	(void)fprintf(stderr, "refused: %s\n", reason);
	abort();
}

static const struct mpq_engine_events events = {
	.path = quiet_path,
	.tunnel = quiet_tunnel,
	.refused = on_refused,
};

/* ---- configuration ------------------------------------------------------- */

static const char *comma(unsigned i)
{
	return i > 0 ? "," : "";
}

static void apply(struct site_side *side, struct json_object *config,
		  struct mpq_engine_descriptor *d, size_t n)
{
	if (config_apply(&side->engine, config, 1, d, n, side->at,
			 side->message) != 0) {
		(void)fprintf(stderr, "%s: %s\n", side->at, side->message);
		abort();
	}
}

static void list(struct json_object *config, const char *name, char *items)
{
	config_list(config, name, items);
	items[0] = '\0';
}

static void configure_vps(struct bench *b, char *text)
{
	static struct mpq_engine_descriptor d[EDGES_MAX * TUNNELS + PORTS];
	struct json_object *o =
		config_new("concentrator", &b->pki, b->pki.server);
	size_t n = 0;
	char name[16];

	for (unsigned i = 0; i < b->edges; i++) {
		config_append(text, TEXT,
			      "%s{'name':'edge-%u',"
			      "'certificate-name':'edge-%u.example'}",
			      comma(i), i, i);
	}
	list(o, "peers", text);
	for (unsigned i = 0; i < PORTS; i++) {
		(void)snprintf(name, sizeof(name), "port%u", i);
		config_append(text, TEXT,
			      "%s{'name':'%s','listen-address':'192.0.2.1',"
			      "'listen-port':%u}",
			      comma(i), name, 45001 + i);
		d[n++] = config_descriptor(MPQ_ENGINE_LISTEN, name,
					   fake_udp("192.0.2.1",
						    (uint16_t)(45001 + i)));
	}
	list(o, "paths", text);
	for (unsigned i = 0; i < b->edges * TUNNELS; i++) {
		unsigned port = i % TUNNELS * PATHS;

		(void)snprintf(name, sizeof(name), "t%u", i);
		config_append(
			text, TEXT,
			"%s{'name':'%s','paths':['port%u','port%u'],"
			"'peer':'edge-%u','mtu':1400,'accept-policy':true,"
			"'assign':['10.200.1.1/32'],"
			"'remote-prefixes':['10.1.0.0/16']}",
			comma(i), name, port, port + 1, i / TUNNELS);
		b->tun[i] = fake_tun();
		d[n++] = config_descriptor(MPQ_ENGINE_TUN, name, b->tun[i]);
	}
	list(o, "tunnels", text);
	apply(&b->vps, o, d, n);
}

static void configure_edge(struct edge *e, unsigned number, char *text)
{
	struct json_object *o = config_new("edge", &e->pki, e->pki.client);
	struct mpq_engine_descriptor d[TUNNELS];
	char name[16];

	for (unsigned i = 0; i < PORTS; i++) {
		config_append(text, TEXT,
			      "%s{'name':'wan%u','wan':'eth%u',"
			      "'remote-address':'192.0.2.1','remote-port':%u,"
			      "'server-name':'concentrator.example'}",
			      comma(i), i, i, 45001 + i);
	}
	list(o, "paths", text);
	for (unsigned i = 0; i < TUNNELS; i++) {
		(void)snprintf(name, sizeof(name), "t%u", i);
		config_append(
			text, TEXT,
			"%s{'name':'%s','paths':['wan%u','wan%u'],'mtu':1400,"
			"'addresses':['10.200.1.1/30']}",
			comma(i), name, i * PATHS, i * PATHS + 1);
		e->tun[i] = fake_tun();
		d[i] = config_descriptor(MPQ_ENGINE_TUN, name, e->tun[i]);
	}
	list(o, "tunnels", text);
	apply(&e->side, o, d, TUNNELS);
	for (unsigned i = 0; i < PORTS; i++) {
		int fds[MPQ_PATH_SOCKETS];
		char address[32];

		(void)snprintf(address, sizeof(address), "10.%u.%u.2",
			       number / 250, number % 250);
		(void)snprintf(name, sizeof(name), "wan%u", i);
		for (unsigned k = 0; k < MPQ_PATH_SOCKETS; k++) {
			fds[k] =
				fake_udp(address, (uint16_t)(1000 + 2 * i + k));
		}
		mpq_path_link(mpq_engine_path(&e->side.engine, name),
			      MPQ_LIFE_CONNECTING, "", fds, fake_now());
	}
}

/* ---- measures ------------------------------------------------------------ */

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double rss_kib(void)
{
	unsigned long all = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert(f != NULL);
	if (fscanf(f, "%lu %lu", &all, &resident) != 2) {
		abort();
	}
	(void)fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static unsigned tunnels_up(const struct mpq_engine *e)
{
	unsigned n = 0;

	for (size_t i = 0; i < e->n_tunnels; i++) {
		const struct mpq_session *s = e->tunnels[i]->session;

		for (int k = 0; s != NULL && k < MPQ_SESSION_PATHS; k++) {
			n += s->path[k].state == MPQ_SESSION_USED;
		}
	}
	return n / PATHS;
}

/* The least of several rounds: the machine is rarely alone. `tun`: a packet
 * comes each time, -1: none. */
static double turn_us(struct bench *b, int tun)
{
	uint64_t least = UINT64_MAX;
	uint8_t packet[200];

	site_udp(packet, sizeof(packet), "198.51.100.1", "10.1.0.7");
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start, spent = 0;

		for (int i = 0; i < TURNS; i++) {
			if (tun >= 0) {
				fake_run(MPQ_MILLISECOND / 10);
				fake_tun_push(tun, packet, sizeof(packet));
			}
			start = cpu_ns();
			kernel_turn_loop(b->vps.engine.loop);
			spent += cpu_ns() - start;
			i += tun >= 0 ? 19 : 0;
		}
		spent = tun >= 0 ? spent * 20 : spent;
		least = spent < least ? spent : least;
	}
	return (double)least / TURNS / 1e3;
}

static void keep_busy(struct bench *b)
{
	uint8_t packet[1400];

	site_udp(packet, sizeof(packet), "198.51.100.1", "10.1.0.7");
	for (int i = 0; i < BUSY_PKTS; i++) {
		for (unsigned t = 0; t < b->edges * TUNNELS; t++) {
			if (i % 16 == (int)t % 16) {
				for (int k = 0; k < 16; k++) {
					packet[23] = (uint8_t)k;
					fake_tun_push(b->tun[t], packet,
						      sizeof(packet));
				}
			}
		}
		fake_run(MPQ_MILLISECOND);
	}
}

static double new_kib(void)
{
	static const struct mpq_session_events none;
	static struct mpq_session *s[100];
	struct mpq_packet_pool pool;
	double before, after;

	if (mpq_packet_pool_init(&pool, 100) < 0) {
		abort();
	}
	before = rss_kib();
	for (int i = 0; i < 100; i++) {
		s[i] = mpq_session_new(false, &none, NULL, &pool, 42, 1000);
	}
	after = rss_kib();
	for (int i = 0; i < 100; i++) {
		mpq_session_free(s[i]);
	}
	mpq_packet_pool_finish(&pool);
	return (after - before) / 100;
}

/* ---- the run ------------------------------------------------------------- */

static void run(unsigned edges)
{
	struct bench *b = calloc(1, sizeof(*b));
	char *text = calloc(1, TEXT);
	double sessions = edges * TUNNELS, empty, idle;

	fake_reset();
	b->edges = edges;
	b->edge = calloc(edges, sizeof(*b->edge));
	b->pki = pki_set_new();
	for (unsigned i = 0; i < edges; i++) {
		char name[32];
		struct pki_wish wish = {.cn = "edge",
					.issuer = b->pki.authority,
					.client = true,
					.names = {name}};

		(void)snprintf(name, sizeof(name), "edge-%u.example", i);
		b->edge[i].pki = b->pki;
		b->edge[i].pki.client = pki_new(&wish);
		if (mpq_engine_init(&b->edge[i].side.engine, &events,
				    &b->edge[i].side) < 0) {
			abort();
		}
	}
	if (mpq_engine_init(&b->vps.engine, &events, &b->vps) < 0) {
		abort();
	}
	configure_vps(b, text);
	empty = rss_kib();
	for (unsigned i = 0; i < edges; i++) {
		configure_edge(&b->edge[i], i, text);
		if (i % 4 == 3) {
			fake_run(20 * MPQ_MILLISECOND);
		}
	}
	fake_run(4 * MPQ_SECOND);
	if (tunnels_up(&b->vps.engine) != edges * TUNNELS) {
		(void)fprintf(stderr, "%u of %u are up\n",
			      tunnels_up(&b->vps.engine), edges * TUNNELS);
		abort();
	}
	idle = rss_kib();
	(void)printf("%6.0f sessions: %8.3f us an idle turn, ", sessions,
		     turn_us(b, -1));
	(void)fflush(stdout);
	(void)printf("%8.3f us with a packet of one; ", turn_us(b, b->tun[0]));
	(void)fflush(stdout);
	keep_busy(b);
	(void)printf("both ends with their connections %.0f KiB a session "
		     "idle, %.0f after traffic\n",
		     (idle - empty) / sessions, (rss_kib() - empty) / sessions);
	(void)fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024); /* as mpquic-data does */
	(void)printf("a new session: %.0f KiB\n", new_kib());
	(void)fflush(stdout);
	if (argc < 2) {
		run(1);
	}
	run((unsigned)atoi(argv[1]));
	return 0;
}
