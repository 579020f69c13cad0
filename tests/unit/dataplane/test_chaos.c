/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends through anything that operators, kernels, networks and strangers do
 * to them, in any order. Nothing may break meanwhile, and when all is well
 * again packets pass, no descriptor is lost, nobody is left at the door.
 *
 * MPQUIC_SEED=n runs that seed alone and says what it does.
 */
#include "tests/sim/random.h"
#include "tests/unit/dataplane/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS  60
#define EVENTS 60
/* A refusal is met with patience of up to a minute. */
#define PATIENCE (70 * MPQ_SECOND)

struct chaos {
	struct site *site;
	struct sim_random random;
	bool talks;
	unsigned packets; /* for a filter to count */
};

static void tell(const struct chaos *c, const char *what)
{
	if (c->talks) {
		print_message("# %.3f s: %s\n", (double)fake_now() / 1e9, what);
	}
}

/* One of n texts. */
static const char *pick(struct chaos *c, const char *const *texts, size_t n)
{
	const char *text = texts[sim_random_range(&c->random, 0, n - 1)];

	tell(c, text);
	return text;
}

/* ---- operators ---------------------------------------------------------- */

/* mpquic-control knows of a deleted device at once, mpquic-data after a turn.
 */
static size_t add_tun(struct site_side *side, struct mpq_engine_descriptor *d,
		      size_t n)
{
	if (mpq_engine_tunnel(&side->engine, "mpq1") == NULL ||
	    fake_tun_deleted(side->tun)) {
		side->tun = fake_tun();
		d[n++] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", side->tun);
	}
	return n;
}

static void apply_edge(struct chaos *c, const char *path, const char *tunnel)
{
	struct mpq_engine_descriptor d[1];
	size_t n = add_tun(&c->site->edge, d, 0);

	assert_int_equal(site_apply_edge(c->site, path, tunnel, d, n), 0);
}

static void apply_vps(struct chaos *c, const char *peer, const char *path,
		      const char *tunnel)
{
	struct mpq_engine_descriptor d[2];
	size_t n = add_tun(&c->site->vps, d, 0);

	if (mpq_engine_listener(&c->site->vps.engine, "port1") == NULL) {
		d[n++] = config_descriptor(MPQ_ENGINE_LISTEN, "port1",
					   fake_udp(SITE_VPS, SITE_PORT));
	}
	assert_int_equal(site_apply_vps(c->site, peer, path, tunnel, d, n), 0);
}

static void change_edge(struct chaos *c)
{
	static const char *const paths[] = {
		SITE_EDGE_PATH,
		SITE_EDGE_PATH,
		"{'name':'wan1','wan':'eth2','remote-address':'192.0.2.1',"
		"'remote-port':45001,'server-name':'concentrator.example'}",
		"{'name':'wan1','wan':'eth1','remote-address':'192.0.2.1',"
		"'remote-port':45009,'server-name':'concentrator.example'}",
		"{'name':'wan1','wan':'eth1','remote-address':'192.0.2.1',"
		"'remote-port':45001,'server-name':'other.example'}",
		"{'name':'wan1','wan':'eth1','remote-address':'192.0.2.1',"
		"'remote-port':45001,'server-name':'concentrator.example',"
		"'enabled':false}",
	};
	static const char *const tunnels[] = {
		SITE_EDGE_TUNNEL,
		SITE_EDGE_TUNNEL,
		"",
		"{'name':'mpq1','paths':['wan1'],'mtu':1440}",
		"{'name':'mpq1','paths':['wan1'],'mtu':1280}",
		"{'name':'mpq1','paths':['wan1'],'mtu':1400,'enabled':false}",
	};

	apply_edge(c, pick(c, paths, 6), pick(c, tunnels, 6));
}

static void change_vps(struct chaos *c)
{
	static const char *const peers[] = {
		SITE_PEER,
		SITE_PEER,
		"{'name':'edge-1','certificate-name':'edge-2.example'}",
		"{'name':'edge-2','certificate-name':'edge-1.example'}",
	};
	static const char *const paths[] = {
		SITE_VPS_PATH,
		SITE_VPS_PATH,
		SITE_VPS_PATH,
		"{'name':'port1','listen-address':'192.0.2.1',"
		"'listen-port':45001,'enabled':false}",
	};
	static const char *const tunnels[] = {
		SITE_VPS_TUNNEL,
		SITE_VPS_TUNNEL,
		"",
		"{'name':'mpq1','paths':['port1'],'peer':'edge-2','mtu':1400}",
		"{'name':'mpq1','paths':['port1'],'peer':'edge-1','mtu':1440,"
		"'assign':['10.9.0.0/16']}",
		"{'name':'mpq1','paths':['port1'],'peer':'edge-1','mtu':1400,"
		"'enabled':false}",
	};

	apply_vps(c, pick(c, peers, 4), pick(c, paths, 4), pick(c, tunnels, 6));
}

static void hold(struct chaos *c)
{
	bool held = sim_random_chance(&c->random, 500000);

	tell(c, held ? "hold" : "release");
	mpq_path_hold(site_path(c->site), held, fake_now());
}

/* ---- the kernel --------------------------------------------------------- */

static void lose_link(struct chaos *c)
{
	static const enum mpq_life_state states[] = {MPQ_LIFE_NO_LINK,
						     MPQ_LIFE_NO_CARRIER,
						     MPQ_LIFE_NO_ADDRESS};

	tell(c, "the link is lost");
	(void)mpq_path_link(site_path(c->site),
			    states[sim_random_range(&c->random, 0, 2)], "lost",
			    NULL, fake_now());
}

static void find_link(struct chaos *c)
{
	tell(c, "the link is ready");
	site_link_ready(c->site);
}

static void delete_device(struct chaos *c)
{
	struct site_side *side = sim_random_chance(&c->random, 500000)
					 ? &c->site->edge
					 : &c->site->vps;

	tell(c, "a device is deleted");
	if (mpq_engine_tunnel(&side->engine, "mpq1") != NULL) {
		fake_tun_delete(side->tun);
	}
}

/* ---- the network -------------------------------------------------------- */

static void cut(struct chaos *c)
{
	bool on = sim_random_chance(&c->random, 500000);

	tell(c, on ? "cut" : "not cut");
	fake_cut(SITE_WAN, on);
}

static bool most_pass(void *context, const struct mpq_sockaddr *from,
		      const struct mpq_sockaddr *to, size_t len)
{
	struct chaos *c = context;

	(void)from;
	(void)to;
	(void)len;
	return sim_random_chance(&c->random, 800000);
}

static bool small_pass(void *context, const struct mpq_sockaddr *from,
		       const struct mpq_sockaddr *to, size_t len)
{
	(void)context;
	(void)from;
	(void)to;
	return len <= 1300;
}

static void spoil(struct chaos *c)
{
	tell(c, "losses, or a narrow path, or neither");
	switch (sim_random_range(&c->random, 0, 2)) {
	case 0:
		fake_filter(most_pass, c);
		break;
	case 1:
		fake_filter(small_pass, c);
		break;
	default:
		fake_filter(NULL, NULL);
	}
}

static void talk(struct chaos *c)
{
	tell(c, "traffic");
	for (int i = 0; i < 100; i++) {
		size_t len = sim_random_range(&c->random, 60, 1400);

		if (mpq_engine_tunnel(&c->site->edge.engine, "mpq1") != NULL) {
			site_send_out(c->site, len);
		}
		if (mpq_engine_tunnel(&c->site->vps.engine, "mpq1") != NULL) {
			site_send_in(c->site, len);
		}
	}
}

static void babble(struct chaos *c)
{
	struct mpq_sockaddr from, to;
	uint8_t bytes[1300];

	tell(c, "garbage");
	assert_int_equal(mpq_sockaddr_parse("203.0.113.9", 9, &from), 0);
	assert_int_equal(mpq_sockaddr_parse(SITE_VPS, SITE_PORT, &to), 0);
	for (int i = 0; i < 50; i++) {
		for (size_t k = 0; k < sizeof(bytes); k++) {
			bytes[k] = (uint8_t)sim_random_next(&c->random);
		}
		fake_inject(&from, &to, bytes,
			    sim_random_range(&c->random, 0, sizeof(bytes)));
	}
}

/* ---- a run -------------------------------------------------------------- */

static void something(struct chaos *c)
{
	static void (*const things[])(struct chaos * c) = {
		change_edge,   change_vps, hold,  lose_link, find_link,
		delete_device, cut,        spoil, talk,      babble,
	};

	things[sim_random_range(&c->random, 0,
				sizeof(things) / sizeof(things[0]) - 1)](c);
	fake_run(sim_random_range(&c->random, 0, 3) == 0
			 ? 0
			 : sim_random_range(&c->random, 0, 2000) *
				   MPQ_MILLISECOND);
}

static void make_all_well(struct chaos *c)
{
	tell(c, "all is well again");
	fake_cut(SITE_WAN, false);
	fake_filter(NULL, NULL);
	apply_vps(c, SITE_PEER, SITE_VPS_PATH, SITE_VPS_TUNNEL);
	apply_edge(c, SITE_EDGE_PATH, SITE_EDGE_TUNNEL);
	mpq_path_hold(site_path(c->site), false, fake_now());
	site_link_ready(c->site);
	fake_run(PATIENCE);
}

static void assert_well(struct chaos *c, unsigned descriptors)
{
	struct site *s = c->site;
	unsigned came = fake_tun_came(s->edge.tun) + fake_tun_came(s->vps.tun);
	const struct mpq_listener *l =
		mpq_engine_listener(&s->vps.engine, "port1");

	assert_int_equal(site_path(s)->life.state, MPQ_LIFE_UP);
	for (int i = 0; i < 10; i++) {
		site_send_out(s, 1400);
		site_send_in(s, 1400);
	}
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(fake_tun_came(s->edge.tun) +
				 fake_tun_came(s->vps.tun) - came,
			 20);
	assert_int_equal(l->n_handshakes, 0);
	assert_int_equal(l->n_guests, 1);
	assert_int_equal(fake_open_descriptors(), descriptors);
}

static void run_seed(uint64_t seed, bool talks)
{
	void *state;
	struct chaos c = {.random = {seed}, .talks = talks};
	unsigned descriptors;

	print_message("# seed %llu\n", (unsigned long long)seed);
	(void)site_setup(&state);
	c.site = state;
	descriptors = fake_open_descriptors();
	for (int i = 0; i < EVENTS; i++) {
		something(&c);
	}
	make_all_well(&c);
	assert_well(&c, descriptors);
	(void)site_teardown(&state);
}

static void all_is_well_that_ends_well(void **state)
{
	const char *only = getenv("MPQUIC_SEED");

	(void)state;
	if (only != NULL) {
		run_seed(strtoull(only, NULL, 10), true);
		return;
	}
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		run_seed(seed, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_well_that_ends_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
