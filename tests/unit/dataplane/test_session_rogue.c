/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An edge whose concentrator means harm: it has the right certificate, so it
 * carries our packets anyhow. It must not break the edge, nor make it believe
 * in a session that there is not.
 */
#include "tests/unit/dataplane/fake_io.h"
#include "tests/unit/dataplane/peer.h"
#include "tests/unit/dataplane/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REQUEST_REJECTED 0x10b /* RFC 9114 §8.1 */
#define MESSAGE_ERROR    0x10e

#define EDGE_PATH(n, port)                                                     \
	"{'name':'wan" #n "','wan':'eth" #n "','remote-address':'192.0.2.1',"  \
	"'remote-port':" #port ",'server-name':'concentrator.example'}"
#define EDGE_TUNNEL                                                            \
	"{'name':'mpq1','paths':['wan1','wan2'],'mtu':1400,"                   \
	"'addresses':['10.200.1.1/30']}"

struct rogue {
	struct site *site;
	struct peers peers;
	struct mpq_join_key key;
	bool open; /* we have a key */
};

static struct mpq_path *path(struct rogue *r, int i)
{
	return mpq_engine_path(&r->site->edge.engine, i == 0 ? "wan1" : "wan2");
}

static void link_ready(struct rogue *r, int i)
{
	static uint16_t port = 1000;
	int fds[MPQ_PATH_SOCKETS];

	for (int k = 0; k < MPQ_PATH_SOCKETS; k++) {
		fds[k] = fake_udp(i == 0 ? "10.0.1.2" : "10.0.2.2", ++port);
	}
	(void)mpq_path_link(path(r, i), MPQ_LIFE_CONNECTING, "", fds,
			    fake_now());
}

static int setup(void **state)
{
	struct rogue *r = calloc(1, sizeof(*r));
	struct mpq_engine_descriptor d[1];

	(void)site_setup_bare(state);
	r->site = *state;
	r->site->edge.tun = fake_tun();
	d[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", r->site->edge.tun);
	assert_int_equal(
		site_apply_edge(r->site,
				EDGE_PATH(1, 45001) "," EDGE_PATH(2, 45002),
				EDGE_TUNNEL, d, 1),
		0);
	peers_init(&r->peers);
	for (uint16_t i = 0; i < 2; i++) {
		peers_listen(&r->peers, r->site->pki.server,
			     r->site->pki.authority, SITE_VPS, SITE_PORT + i);
	}
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rogue *r = *state;

	peers_finish(&r->peers);
	*state = r->site;
	(void)site_teardown(state);
	free(r);
	return 0;
}

static struct mpq_session *session(struct rogue *r)
{
	struct mpq_session *s = site_tunnel(&r->site->edge)->session;

	assert_non_null(s);
	return s;
}

static unsigned used(struct rogue *r)
{
	unsigned n = 0;

	for (int i = 0; i < MPQ_SESSION_PATHS; i++) {
		n += session(r)->path[i].state == MPQ_SESSION_USED;
	}
	return n;
}

/* Connections that are there. */
static unsigned alive(struct rogue *r)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->peers.n; i++) {
		n += !r->peers.peer[i]->over;
	}
	return n;
}

/* The newest that asked and still waits, or NULL. */
static struct peer *asking(struct rogue *r)
{
	for (size_t i = r->peers.n; i > 0; i--) {
		struct peer *p = r->peers.peer[i - 1];

		if (p->asked && !p->over) {
			return p;
		}
	}
	return NULL;
}

static struct peer *wait_for_question(struct rogue *r)
{
	mpq_time end = fake_now() + 70 * MPQ_SECOND;
	struct peer *p;

	while ((p = asking(r)) == NULL) {
		fake_run(10 * MPQ_MILLISECOND);
		assert_true(fake_now() < end);
	}
	return p;
}

/* As the protocol wants it. */
static void answer(struct rogue *r, struct peer *p)
{
	if (p->question.type == MPQ_JOIN_OPEN) {
		assert_int_equal(mpq_join_take_key(&r->key, p->question.id,
						   p->conn),
				 0);
		r->open = true;
	}
	assert_true(p->question.type == MPQ_JOIN_OPEN ||
		    mpq_join_is_proven(&p->question, &r->key, p->conn));
	peer_register(p);
	peer_accept(p, &r->key, p->question.path);
	p->asked = false;
}

static void play_fair(struct rogue *r, mpq_duration time)
{
	mpq_time end = fake_now() + time;
	struct peer *p;

	while (fake_now() < end) {
		while ((p = asking(r)) != NULL) {
			answer(r, p);
		}
		fake_run(10 * MPQ_MILLISECOND);
	}
}

/* The edge works, whatever was before. */
static void all_is_well(struct rogue *r)
{
	struct mpq_packet_pool *pool = &r->site->edge.engine.pool;
	unsigned came = 0, before = 0;

	play_fair(r, 70 * MPQ_SECOND);
	assert_int_equal(used(r), 2);
	assert_int_equal(alive(r), 2);
	for (size_t i = 0; i < r->peers.n; i++) {
		before += r->peers.peer[i]->kinds[MPQ_HEADER_DATA];
	}
	for (int i = 0; i < 20; i++) {
		site_send_out(r->site, 500);
		fake_run(5 * MPQ_MILLISECOND);
	}
	fake_run(2 * MPQ_SECOND);
	for (size_t i = 0; i < r->peers.n; i++) {
		came += r->peers.peer[i]->kinds[MPQ_HEADER_DATA];
	}
	assert_int_equal(came - before, 20);
	assert_int_equal(pool->free_pkts, pool->size_pkts);
}

static void two_links(struct rogue *r)
{
	link_ready(r, 0);
	link_ready(r, 1);
}

static void one_that_plays_fair_is_used(void **state)
{
	struct rogue *r = *state;

	two_links(r);
	play_fair(r, 2 * MPQ_SECOND);
	all_is_well(r);
}

/* ---- acceptances --------------------------------------------------------- */

static void accept_wrongly(struct rogue *r, struct peer *p, int how)
{
	struct mpq_join_key key;
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	int len;

	assert_int_equal(mpq_join_take_key(&key, p->question.id, p->conn), 0);
	(void)r;
	peer_register(p);
	len = mpq_join_write_accept(value, &key, p->question.path, p->conn);
	switch (how) {
	case 0: /* another proof */
		value[len - 1] ^= 1;
		break;
	case 1: /* another session */
		value[0] ^= 1;
		break;
	case 2: /* a key of its own */
		key.secret[0] ^= 1;
		len = mpq_join_write_accept(value, &key, p->question.path,
					    p->conn);
		break;
	default: /* reflecting: as if it were the client's */
		len = mpq_join_write_join(value, &key, p->question.path,
					  p->conn);
		break;
	}
	peer_capsule(p, MPQ_JOIN_ACCEPT, value, (size_t)len);
	p->asked = false;
}

static void who_proves_nothing_is_left(void **state)
{
	struct rogue *r = *state;

	link_ready(r, 0);
	for (int how = 0; how < 4; how++) {
		struct peer *p = wait_for_question(r);

		accept_wrongly(r, p, how);
		fake_run(200 * MPQ_MILLISECOND);
		assert_true(p->over);
		assert_int_equal(p->end.code, REQUEST_REJECTED);
		assert_false(session(r)->open);
		assert_false(r->site->edge.tunnel_up);
	}
	link_ready(r, 1);
	all_is_well(r);
}

/* Nothing is sent meanwhile, and nothing piles up. */
static void who_never_answers_is_dialled_again(void **state)
{
	struct rogue *r = *state;

	two_links(r);
	for (int i = 0; i < 60; i++) {
		site_send_out(r->site, 500);
		fake_run(1 * MPQ_SECOND);
		assert_in_range(alive(r), 0, 4);
		assert_int_equal(used(r), 0);
	}
	for (size_t i = 0; i < r->peers.n; i++) {
		assert_int_equal(r->peers.peer[i]->kinds[MPQ_HEADER_DATA], 0);
	}
	assert_in_range(r->peers.n, 3, 60);
	all_is_well(r);
}

/* ---- capsules out of place ----------------------------------------------- */

static void capsules_out_of_place_cost_a_connection_only(void **state)
{
	static const struct {
		uint64_t type;
		uint8_t value[64];
		size_t len;
	} capsules[] = {
		{MPQ_JOIN_OPEN, {0}, 17},
		{MPQ_JOIN_JOIN, {0}, 49},
		{MPQ_JOIN_ACCEPT, {0}, 49},
		{MPQ_JOIN_ACCEPT, {0}, 48},
		{MPQ_JOIN_REGISTER, {3, 1}, 2},
		{MPQ_JOIN_POLICY, {0, 0, 0, 1}, 8},
		{MPQ_JOIN_LEAVE, {9}, 9},
		{MPQ_JOIN_LEAVE, {0}, 0},
	};
	struct rogue *r = *state;

	two_links(r);
	for (size_t i = 0; i < sizeof(capsules) / sizeof(capsules[0]); i++) {
		struct peer *p;

		play_fair(r, 70 * MPQ_SECOND);
		assert_int_equal(used(r), 2);
		p = r->peers.peer[r->peers.n - 1];
		peer_capsule(p, capsules[i].type, capsules[i].value,
			     capsules[i].len);
		fake_run(200 * MPQ_MILLISECOND);
		assert_true(p->over);
		assert_int_equal(p->end.code, MESSAGE_ERROR);
		assert_int_equal(used(r), 1);
	}
	all_is_well(r);
}

static void who_says_that_paths_are_gone_is_asked_again(void **state)
{
	struct rogue *r = *state;

	two_links(r);
	play_fair(r, 2 * MPQ_SECOND);
	assert_int_equal(used(r), 2);
	for (int i = 0; i < 5; i++) {
		for (unsigned k = 0; k < MPQ_JOIN_PATHS; k++) {
			peer_leave(r->peers.peer[r->peers.n - 1], session(r),
				   k);
		}
		play_fair(r, 2 * MPQ_SECOND);
		assert_in_range(alive(r), 0, 4);
	}
	all_is_well(r);
}

/* ---- floods -------------------------------------------------------------- */

static void any_header_is_borne(void **state)
{
	struct rogue *r = *state;
	uint64_t x = 3;

	two_links(r);
	play_fair(r, 2 * MPQ_SECOND);
	for (int i = 0; i < 20000; i++) {
		struct peer *p = r->peers.peer[i % 2];
		struct mpq_header header;

		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		header = (struct mpq_header){
			.kind = x >> 61,
			.class_id = x >> 50 & 0x1f,
			.lane = x >> 40 & 3,
			.sequence = x >> 30 & MPQ_HEADER_MASK24,
			.clock = x >> 20 & MPQ_HEADER_MASK24,
		};
		p->path_sequence = (uint16_t)(x >> 10);
		peer_send(p, &header, 28 + (x >> 33) % 50);
		if (i % 100 == 0) {
			site_send_out(r->site, 500);
			fake_run(2 * MPQ_MILLISECOND);
			assert_in_range(session(r)->order.held.pkts, 0,
					session(r)->order.held.max_pkts);
		}
	}
	fake_run(3 * MPQ_SECOND);
	assert_true(session(r)->counters.datagrams_in > 19000);
	all_is_well(r);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_that_plays_fair_is_used),
		TEST(who_proves_nothing_is_left),
		TEST(who_never_answers_is_dialled_again),
		TEST(capsules_out_of_place_cost_a_connection_only),
		TEST(who_says_that_paths_are_gone_is_asked_again),
		TEST(any_header_is_borne),
	};

	return cmocka_run_group_tests_name("dataplane/session_rogue", tests,
					   NULL, NULL);
}
