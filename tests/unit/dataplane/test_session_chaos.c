/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers with good certificates that open, join, leave and vanish in any order,
 * say whatever comes to their mind, and flood, while the operator changes his.
 * Nothing may break or grow meanwhile, and afterwards an honest session works.
 *
 * MPQUIC_SEED=n runs that seed alone and says what it does, MPQUIC_SEEDS=n the
 * first n.
 */
#include "tests/sim/random.h"
#include "tests/unit/dataplane/fake_io.h"
#include "tests/unit/dataplane/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS  12
#define EVENTS 200
#define DIALS  56
#define KEYS   3 /* the first is that of edge-1's session, if there is one */

struct chaos {
	struct hostile *h;
	struct sim_random random;
	bool talks;
	struct mpq_join_key key[KEYS];
	uint32_t policy;
};

static void tell(const struct chaos *c, const char *what, const struct peer *p)
{
	unsigned i = 0;

	if (!c->talks) {
		return;
	}
	while (p != NULL && c->h->peers.peer[i] != p) {
		i++;
	}
	print_message("# %.3f s: %s %d\n", (double)fake_now() / 1e9, what,
		      p != NULL ? (int)i : -1);
}

static uint64_t any(struct chaos *c, uint64_t n)
{
	return sim_random_range(&c->random, 0, n - 1);
}

static void noise(struct chaos *c, uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		data[i] = (uint8_t)sim_random_next(&c->random);
	}
}

/* One that has a request, in a session or not; or NULL. */
static struct peer *someone(struct chaos *c, bool joined)
{
	for (int i = 0; i < 40 && c->h->peers.n > 0; i++) {
		struct peer *p = c->h->peers.peer[any(c, c->h->peers.n)];

		if (!p->over && !p->closed && p->status == 200 &&
		    (p->accepts > 0) == joined) {
			return p;
		}
	}
	return NULL;
}

/* ---- what they do -------------------------------------------------------- */

static void dial(struct chaos *c)
{
	struct hostile *h = c->h;
	char address[32];

	if (h->peers.n == DIALS) {
		return;
	}
	(void)snprintf(address, sizeof(address), "203.0.113.%u",
		       (unsigned)h->peers.n + 1);
	(void)peer_dial(&h->peers, any(c, 6) ? h->site->pki.client : h->other,
			h->site->pki.authority, address,
			(uint16_t)(SITE_PORT + any(c, 2)));
	tell(c, "dials", h->peers.peer[h->peers.n - 1]);
}

static void join(struct chaos *c, struct peer *p)
{
	unsigned path = (unsigned)any(c, MPQ_JOIN_PATHS);
	const struct mpq_session *s = hostile_session_of(c->h, 1);
	bool open = s != NULL && s->open && any(c, 8) != 0;

	if (any(c, 12) != 0) {
		peer_register(p);
	}
	if (!open) {
		tell(c, "opens", p);
		peer_open(p, &c->key[any(c, 6) ? 0 : any(c, KEYS)], path);
	} else {
		tell(c, "joins", p);
		peer_join(p, &c->key[any(c, 6) ? 0 : any(c, KEYS)], path);
	}
}

static void leave(struct chaos *c, struct peer *p)
{
	unsigned path = (unsigned)any(c, MPQ_JOIN_PATHS + 1);

	tell(c, "leaves", p);
	peer_leave(p, hostile_session_of(c->h, 1), path);
}

static void tell_policy(struct chaos *c, struct peer *p)
{
	uint8_t value[MPQ_CAPSULE_MAX_BYTES];
	struct mpq_policy policy;
	int n;

	tell(c, "tells a policy", p);
	mpq_policy_init(&policy);
	policy.n_classes = 1 + any(c, MPQ_POLICY_CLASSES);
	for (size_t i = 0; i < policy.n_classes; i++) {
		struct mpq_policy_class *class = &policy.class[i];

		*class = policy.class[0];
		if (i > 0) {
			class->name[0] = (char)('a' + i);
			class->name[1] = '\0';
		}
		class->steer.mode = (enum mpq_steer_mode)any(c, 6);
		class->steer.order_cap = any(c, 1000) * MPQ_MILLISECOND;
		class->repair_deadline = any(c, 1000) * MPQ_MILLISECOND;
		class->priority = (uint8_t)any(c, MPQ_POLICY_PRIORITIES);
	}
	policy.classify.fallback = (uint8_t)any(c, policy.n_classes);
	n = mpq_policy_write(&policy, value + 4, sizeof(value) - 4);
	assert_true(n > 0);
	c->policy += (uint32_t)any(c, 3);
	for (int i = 0; i < 4; i++) {
		value[i] = (uint8_t)(c->policy >> (24 - 8 * i));
	}
	peer_capsule(p, MPQ_JOIN_POLICY, value, 4 + (size_t)n);
}

static void babble(struct chaos *c, struct peer *p)
{
	static const size_t lengths[] = {0, 1, 2, 9, 17, 49, 100, 4096};
	uint8_t value[4096];
	uint64_t type = any(c, 3) ? MPQ_JOIN_OPEN - 1 + any(c, 8) : any(c, 5);
	size_t len = lengths[any(c, 8)];

	tell(c, "babbles", p);
	noise(c, value, len);
	peer_capsule(p, type, value, len);
}

/* Datagrams that come by the stream (RFC 9297 §3.5). */
static void stream_datagrams(struct chaos *c, struct peer *p)
{
	uint8_t value[1 + MPQ_HEADER_BYTES + 60];

	tell(c, "sends datagrams by the stream", p);
	for (int i = 0; i < 20; i++) {
		noise(c, value, sizeof(value));
		value[0] = PEER_CONTEXT;
		site_udp(value + 1 + MPQ_HEADER_BYTES, 60, "10.1.0.7",
			 "198.51.100.1");
		peer_capsule(p, 0, value, sizeof(value));
	}
}

static void flood(struct chaos *c, struct peer *p)
{
	uint64_t n = any(c, 1500), kinds = any(c, 2) ? MPQ_HEADER_KINDS : 1;
	uint64_t step = any(c, 3);

	tell(c, "floods", p);
	for (uint64_t i = 0; i < n && p->n < PEER_QUEUE; i++) {
		const struct mpq_header header = {
			.kind = (uint8_t)any(c, kinds),
			.class_id = (uint8_t)any(c, 9),
			.lane = (uint8_t)any(c, 3),
			.sequence = step == 2 ? (uint32_t)any(c, 1 << 24)
					      : (uint32_t)(i * (1 + step)),
			.clock = any(c, 10) ? mpq_header_clock(fake_now())
					    : (uint32_t)any(c, 1 << 24),
		};

		peer_send(p, &header, 28 + any(c, 200));
	}
}

static void talk_plainly(struct chaos *c, struct peer *p)
{
	uint8_t packet[200];

	tell(c, "talks plainly", p);
	site_udp(packet, sizeof(packet), "10.1.0.7", "198.51.100.1");
	for (int i = 0; i < 20; i++) {
		peer_datagram(p, 0, packet, sizeof(packet));
	}
}

static void hang_up(struct chaos *c, struct peer *p)
{
	tell(c, "hangs up", p);
	peer_hang_up(p);
}

static void vanish(struct chaos *c, struct peer *p)
{
	tell(c, "vanishes", p);
	fake_cut(p->address, true);
	p->over = true; /* for us */
}

/* ---- what is done to the concentrator ------------------------------------ */

static void world_sends(struct chaos *c)
{
	uint8_t packet[1400];
	uint64_t n = any(c, 300);

	tell(c, "the world sends", NULL);
	for (uint64_t i = 0; i < n; i++) {
		int edge = (int)any(c, 2);
		const char *name = edge == 0 ? "mpq1" : "mpq2";

		if (mpq_engine_tunnel(&c->h->site->vps.engine, name) == NULL) {
			continue;
		}
		site_udp(packet, 60 + any(c, 1340), "198.51.100.1",
			 edge == 0 ? "10.1.0.7" : "10.2.0.7");
		fake_tun_push(c->h->tun[edge], packet,
			      (size_t)packet[2] << 8 | packet[3]);
	}
}

static void operator_acts(struct chaos *c)
{
	static const char *const tunnels[] = {
		HOSTILE_TUNNEL(1) "," HOSTILE_TUNNEL(2),
		HOSTILE_TUNNEL(1) "," HOSTILE_TUNNEL(2),
		HOSTILE_TUNNEL(2),
		"{'name':'mpq1','paths':['port1'],'peer':'edge-1','mtu':1400}",
		"{'name':'mpq1','paths':['port1','port2'],'peer':'edge-1',"
		"'mtu':1280,'accept-policy':false},"
		"{'name':'mpq2','paths':['port2'],'peer':'edge-2',"
		"'mtu':1440,'enabled':false}",
		"{'name':'mpq1','paths':['port1','port2'],'peer':'edge-2',"
		"'mtu':1400},{'name':'mpq2','paths':['port1','port2'],"
		"'peer':'edge-1','mtu':1400}",
		"",
	};
	const char *chosen = tunnels[any(c, 7)];

	tell(c, chosen, NULL);
	hostile_apply(c->h,
		      any(c, 4) ? HOSTILE_PEERS
				: "{'name':'edge-1','certificate-name':"
				  "'edge-2.example'},{'name':'edge-2',"
				  "'certificate-name':'edge-1.example'}",
		      chosen);
}

/* ---- a run --------------------------------------------------------------- */

static void something(struct chaos *c)
{
	static void (*const outside[])(struct chaos *, struct peer *) = {
		join, join, join, join, join, babble, flood, talk_plainly,
	};
	static void (*const inside[])(struct chaos *, struct peer *) = {
		flood, flood,   flood,       flood,        flood,
		flood, babble,  tell_policy, tell_policy,  leave,
		join,  hang_up, vanish,      talk_plainly, stream_datagrams,
	};
	uint64_t what = any(c, 60);
	struct peer *p = NULL;

	if (what < 1) {
		operator_acts(c);
	} else if (what < 6) {
		world_sends(c);
	} else if (what < 20) {
		dial(c);
	} else if (what < 35 && (p = someone(c, false)) != NULL) {
		outside[any(c, sizeof(outside) / sizeof(outside[0]))](c, p);
	} else if ((p = someone(c, true)) != NULL) {
		inside[any(c, sizeof(inside) / sizeof(inside[0]))](c, p);
	}
}

static void nothing_has_grown(struct chaos *c)
{
	for (int edge = 1; edge <= 2; edge++) {
		const struct mpq_session *s = hostile_session_of(c->h, edge);

		if (s != NULL) {
			assert_in_range(s->order.held.pkts, 0, 4096);
			assert_in_range(mpq_session_queued(s), 0, 20000);
		}
	}
	/* Eight members and four others a listener, of two tunnels; and those
	 * that were closed but for the last packet. */
	assert_in_range(hostile_guests(c->h), 0, 2 * (8 + 2 * 5) + 8);
}

static void pass_time(struct chaos *c)
{
	uint64_t ms[] = {0, any(c, 50), any(c, 300), any(c, 300), 5000};

	fake_run(ms[any(c, any(c, 10) ? 4 : 5)] * MPQ_MILLISECOND);
	nothing_has_grown(c);
}

/* What no path has taken yet waits in the tunnels' own queues. */
static size_t waiting(struct chaos *c)
{
	const struct mpq_engine *e = &c->h->site->vps.engine;
	size_t n = 0;

	for (size_t i = 0; i < e->n_tunnels; i++) {
		n += e->tunnels[i]->queue.pkts;
	}
	return n;
}

static void all_go(struct chaos *c)
{
	for (size_t i = 0; i < c->h->peers.n; i++) {
		if (!c->h->peers.peer[i]->over) {
			peer_hang_up(c->h->peers.peer[i]);
		}
	}
	hostile_apply(c->h, HOSTILE_PEERS,
		      HOSTILE_TUNNEL(1) "," HOSTILE_TUNNEL(2));
	fake_run(60 * MPQ_SECOND);
	assert_int_equal(hostile_guests(c->h), 0);
	assert_int_equal(hostile_packets(c->h), waiting(c));
}

static void an_honest_session_works(struct chaos *c)
{
	struct hostile *h = c->h;
	struct mpq_join_key key;
	struct peer *member[2];
	uint32_t sequence = 0;
	unsigned came;

	hostile_session(h, &key, member, 2);
	came = fake_tun_came(h->tun[0]);
	for (int i = 0; i < 20; i++) {
		hostile_stream(member[i % 2], &sequence, 1);
		fake_run(5 * MPQ_MILLISECOND);
	}
	fake_run(500 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_came(h->tun[0]) - came, 20);
}

static void tell_counters(const struct chaos *c)
{
	const struct mpq_session *s = hostile_session_of(c->h, 1);

	if (c->talks && s != NULL) {
		print_message(
			"# opened %llu, joined %llu, refused %llu, "
			"policies %llu, datagrams %llu, delivered %llu\n",
			(unsigned long long)s->counters.opens,
			(unsigned long long)s->counters.joins,
			(unsigned long long)s->counters.refused_joins,
			(unsigned long long)s->counters.policies,
			(unsigned long long)s->counters.datagrams_in,
			(unsigned long long)s->order.counters[0].delivered);
	}
}

static void run_seed(uint64_t seed, bool talks)
{
	struct chaos c = {.random = {seed}, .talks = talks};
	void *state;

	print_message("# seed %llu\n", (unsigned long long)seed);
	(void)hostile_setup(&state);
	c.h = state;
	for (int i = 0; i < EVENTS; i++) {
		something(&c);
		pass_time(&c);
	}
	tell_counters(&c);
	tell(&c, "all go", NULL);
	all_go(&c);
	an_honest_session_works(&c);
	(void)hostile_teardown(&state);
}

static void nothing_breaks_and_nothing_grows(void **state)
{
	const char *only = getenv("MPQUIC_SEED");
	const char *many = getenv("MPQUIC_SEEDS");
	uint64_t seeds = many != NULL ? strtoull(many, NULL, 10) : SEEDS;

	(void)state;
	if (only != NULL) {
		run_seed(strtoull(only, NULL, 10), true);
		return;
	}
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		run_seed(seed, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_breaks_and_nothing_grows),
	};

	return cmocka_run_group_tests_name("dataplane/session_chaos", tests,
					   NULL, NULL);
}
