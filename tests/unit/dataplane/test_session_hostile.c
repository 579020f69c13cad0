/* SPDX-License-Identifier: Apache-2.0 */
/* Joins and capsules of peers that mean harm. */
#include "tests/unit/dataplane/fake_io.h"
#include "tests/unit/dataplane/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define REQUEST_REJECTED 0x10b /* RFC 9114 §8.1 */
#define MESSAGE_ERROR    0x10e

static void a_session_is_opened_and_joined(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	hostile_is_sound(h, member, &sequence);
	assert_true(member[0]->their_context % 2 == 1);
}

/* ---- refusals ------------------------------------------------------------ */

static void join_unknown(struct hostile *h, struct peer *p,
			 const struct mpq_join_key *key)
{
	struct mpq_join_key other = *key;

	(void)h;
	other.id[3] ^= 1;
	peer_join(p, &other, 1);
}

static void join_with_a_key_of_its_own(struct hostile *h, struct peer *p,
				       const struct mpq_join_key *key)
{
	struct mpq_join_key own;

	(void)h;
	assert_int_equal(mpq_join_take_key(&own, key->id, p->conn), 0);
	peer_join(p, &own, 1);
}

static void join_with_a_proof_of_another(struct hostile *h, struct peer *p,
					 const struct mpq_join_key *key)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	int len = mpq_join_write_join(value, key, 1, h->peers.peer[0]->conn);

	peer_capsule(p, MPQ_JOIN_JOIN, value, (size_t)len);
}

static void join_reflecting(struct hostile *h, struct peer *p,
			    const struct mpq_join_key *key)
{
	const struct peer_capsule *c =
		peer_find(h->peers.peer[1], MPQ_JOIN_ACCEPT);

	(void)key;
	assert_non_null(c);
	peer_capsule(p, MPQ_JOIN_JOIN, c->value, c->len);
}

static void join_another_path(struct hostile *h, struct peer *p,
			      const struct mpq_join_key *key)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	int len = mpq_join_write_join(value, key, 1, p->conn);

	(void)h;
	value[MPQ_JOIN_ID_BYTES] = 2;
	peer_capsule(p, MPQ_JOIN_JOIN, value, (size_t)len);
}

static void join_with_noise(struct hostile *h, struct peer *p,
			    const struct mpq_join_key *key)
{
	uint8_t value[MPQ_JOIN_ID_BYTES + 1 + MPQ_EXPORT_BYTES] = {0};

	(void)h;
	(void)key;
	assert_int_equal(mpq_export_random(value, MPQ_JOIN_ID_BYTES), 0);
	peer_capsule(p, MPQ_JOIN_JOIN, value, sizeof(value));
}

static void join_rightly(struct hostile *h, struct peer *p,
			 const struct mpq_join_key *key)
{
	(void)h;
	peer_join(p, key, 1);
}

/* What the refused one sees: nothing else may tell one reason from another. */
struct refusal {
	struct mpq_conn_end end;
	mpq_duration took;
	unsigned capsules, status;
	uint64_t context;
};

static struct refusal refused(struct hostile *h, struct peer *p,
			      void (*join)(struct hostile *h, struct peer *p,
					   const struct mpq_join_key *key),
			      const struct mpq_join_key *key)
{
	struct refusal r = {0};
	mpq_time start;

	fake_run(3 * MPQ_SECOND);
	start = fake_now();
	join(h, p, key);
	while (!p->over) {
		fake_run(1 * MPQ_MILLISECOND);
		assert_true(fake_now() < start + 1 * MPQ_SECOND);
	}
	r.end = p->end;
	r.took = fake_now() - start;
	r.capsules = p->n_capsules;
	r.status = p->status;
	r.context = p->their_context;
	return r;
}

static void assert_alike(const struct refusal *a, const struct refusal *b)
{
	assert_int_equal(a->end.layer, MPQ_CONN_APPLICATION);
	assert_true(a->end.by_peer);
	assert_int_equal(a->end.code, REQUEST_REJECTED);
	assert_int_equal(a->end.layer, b->end.layer);
	assert_int_equal(a->end.code, b->end.code);
	assert_string_equal(a->end.reason, b->end.reason);
	assert_int_equal(a->took, b->took);
	assert_int_equal(a->capsules, b->capsules);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->context, b->context);
}

static void every_refusal_of_a_join_is_the_same(void **state)
{
	static void (*const join[])(struct hostile *, struct peer *,
				    const struct mpq_join_key *) = {
		join_unknown,
		join_with_a_key_of_its_own,
		join_with_a_proof_of_another,
		join_reflecting,
		join_another_path,
		join_with_noise,
	};
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	struct refusal first, r;
	uint32_t sequence = 0;

	/* Without any session of its own. */
	first = refused(h, hostile_ready_other(h), join_with_noise, &key);
	assert_alike(&first, &first);
	hostile_session(h, &key, member, 2);
	for (size_t i = 0; i < sizeof(join) / sizeof(join[0]); i++) {
		hostile_is_sound(h, member, &sequence);
		r = refused(h, hostile_ready(h), join[i], &key);
		assert_alike(&r, &first);
		assert_int_equal(
			hostile_session_of(h, 1)->counters.refused_joins,
			i + 1);
	}
	hostile_is_sound(h, member, &sequence);
	assert_int_equal(hostile_session_of(h, 1)->counters.joins, 1);
}

/* The key was stolen, the certificate was not. */
static void another_identity_cannot_join_with_the_right_key(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key, own;
	struct refusal nothing, something;
	struct peer *member[2], *other;
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	nothing = refused(h, hostile_ready_other(h), join_rightly, &key);
	other = hostile_ready_other(h);
	peer_open(other, &own, 0);
	fake_run(100 * MPQ_MILLISECOND);
	assert_true(peer_is_accepted(other, &own));
	something = refused(h, hostile_ready_other(h), join_rightly, &key);
	assert_alike(&something, &nothing);
	hostile_is_sound(h, member, &sequence);
	assert_int_equal(hostile_session_of(h, 2)->counters.refused_joins, 2);
	assert_int_equal(hostile_session_of(h, 1)->counters.refused_joins, 0);
}

static void a_key_is_worth_nothing_once_its_session_is_over(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key old, new;
	struct peer *member[2], *opener;
	struct refusal r;

	hostile_session(h, &old, member, 2);
	opener = hostile_ready(h);
	peer_open(opener, &new, 4);
	fake_run(300 * MPQ_MILLISECOND);
	assert_true(peer_is_accepted(opener, &new));
	assert_true(member[0]->over && member[1]->over);
	assert_int_equal(hostile_members(h), 1);
	r = refused(h, hostile_ready(h), join_rightly, &old);
	assert_alike(&r, &r);
	assert_int_equal(hostile_members(h), 1);
	assert_false(opener->over);
}

/* ---- capsules out of place ----------------------------------------------- */

struct capsule {
	const char *what;
	uint64_t type;
	uint8_t value[64];
	size_t len;
};

static void is_sent_away(struct hostile *h, struct peer *p, const char *what)
{
	(void)h;
	fake_run(100 * MPQ_MILLISECOND);
	if (!p->over || p->end.code != MESSAGE_ERROR) {
		fail_msg("%s: over %d, code 0x%llx", what, p->over,
			 (unsigned long long)p->end.code);
	}
}

static void malformed_capsules_end_the_connection(void **state)
{
	static const struct capsule capsules[] = {
		{"open, empty", MPQ_JOIN_OPEN, {0}, 0},
		{"open, short", MPQ_JOIN_OPEN, {0}, 16},
		{"open, long", MPQ_JOIN_OPEN, {0}, 18},
		{"open, path 8", MPQ_JOIN_OPEN, {[16] = 8}, 17},
		{"join, empty", MPQ_JOIN_JOIN, {0}, 0},
		{"join, path 255", MPQ_JOIN_JOIN, {[16] = 255}, 49},
		{"join, short", MPQ_JOIN_JOIN, {0}, 48},
		{"accept", MPQ_JOIN_ACCEPT, {0}, 49},
		{"register, empty", MPQ_JOIN_REGISTER, {0}, 0},
		{"register again", MPQ_JOIN_REGISTER, {4, 1}, 2},
		{"leave, empty", MPQ_JOIN_LEAVE, {0}, 0},
		{"leave, path 8", MPQ_JOIN_LEAVE, {8}, 9},
		{"leave as a stranger", MPQ_JOIN_LEAVE, {0}, 9},
		{"policy, empty", MPQ_JOIN_POLICY, {0}, 0},
		{"policy as a stranger", MPQ_JOIN_POLICY, {0, 0, 0, 1}, 8},
	};
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	for (size_t i = 0; i < sizeof(capsules) / sizeof(capsules[0]); i++) {
		const struct capsule *c = &capsules[i];
		struct peer *p = hostile_ready(h);

		peer_capsule(p, c->type, c->value, c->len);
		is_sent_away(h, p, c->what);
	}
	hostile_is_sound(h, member, &sequence);
}

static void contexts_are_registered_once_and_rightly(void **state)
{
	static const struct capsule capsules[] = {
		{"context 0", MPQ_JOIN_REGISTER, {0, 1}, 2},
		{"the proxy's parity", MPQ_JOIN_REGISTER, {3, 1}, 2},
		{"version 0", MPQ_JOIN_REGISTER, {2, 0}, 2},
		{"version 2", MPQ_JOIN_REGISTER, {2, 2}, 2},
	};
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *p;

	for (size_t i = 0; i < sizeof(capsules) / sizeof(capsules[0]); i++) {
		p = hostile_dial(h);
		peer_capsule(p, capsules[i].type, capsules[i].value,
			     capsules[i].len);
		is_sent_away(h, p, capsules[i].what);
	}
	p = hostile_dial(h);
	peer_open(p, &key, 0); /* nothing is registered */
	is_sent_away(h, p, "open without a context");
}

static void a_request_opens_or_joins_once(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key, second;
	struct peer *member[2], *p;
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	p = hostile_ready(h);
	peer_join(p, &key, 2);
	peer_join(p, &key, 3);
	is_sent_away(h, p, "joins twice");
	fake_run(1 * MPQ_SECOND);
	p = hostile_ready(h);
	peer_join(p, &key, 2);
	fake_run(100 * MPQ_MILLISECOND);
	assert_true(peer_is_accepted(p, &key));
	peer_open(p, &second, 2);
	is_sent_away(h, p, "joins, then opens");
	fake_run(1 * MPQ_SECOND);
	hostile_is_sound(h, member, &sequence);
}

/* ---- races --------------------------------------------------------------- */

/* Until what is late by the one before is taken no more. */
#define TAKES_OVER (700 * MPQ_MILLISECOND)

static void of_many_that_join_one_path_one_is_left(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2], *rival[4];
	unsigned left = 0;
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	for (int i = 0; i < 4; i++) {
		rival[i] = hostile_ready(h);
	}
	for (int i = 0; i < 4; i++) {
		peer_join(rival[i], &key, 1);
	}
	fake_run(300 * MPQ_MILLISECOND);
	for (int i = 0; i < 4; i++) {
		if (!rival[i]->over) {
			left++;
			member[1] = rival[i];
		}
	}
	assert_int_equal(left, 1);
	assert_true(peer_is_accepted(member[1], &key));
	assert_int_equal(hostile_session_of(h, 1)->counters.refused_joins, 0);
	hostile_is_sound(h, member, &sequence);
	fake_run(TAKES_OVER);
	assert_int_equal(hostile_guests(h), 2);
}

static void paths_taken_over_again_and_again_leave_nothing_behind(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	for (unsigned i = 0; i < 40; i++) {
		struct peer *p = hostile_ready(h);

		peer_join(p, &key, i % 2);
		hostile_stream(p, &sequence, 20);
		fake_run(TAKES_OVER);
		assert_true(peer_is_accepted(p, &key));
		assert_true(member[i % 2]->over);
		member[i % 2] = p;
		assert_int_equal(hostile_members(h), 2);
		assert_in_range(hostile_guests(h), 2, 3);
	}
	fake_run(2 * MPQ_SECOND);
	hostile_is_sound(h, member, &sequence);
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(hostile_packets(h), 0);
}

static void sessions_opened_again_and_again_leave_nothing_behind(void **state)
{
	struct hostile *h = *state;
	struct peer *last = NULL;

	for (unsigned i = 0; i < 40; i++) {
		struct peer *p = hostile_ready(h);
		struct mpq_join_key key;
		uint32_t sequence = 5; /* a hole before it */

		peer_open(p, &key, i % MPQ_SESSION_PATHS);
		hostile_stream(p, &sequence, 20);
		fake_run(60 * MPQ_MILLISECOND);
		assert_true(peer_is_accepted(p, &key));
		assert_true(last == NULL || last->over);
		last = p;
		assert_int_equal(hostile_members(h), 1);
		assert_in_range(hostile_guests(h), 1, 2);
	}
	assert_int_equal(hostile_session_of(h, 1)->counters.opens, 40);
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(hostile_packets(h), 0);
}

static void connections_that_leave_do_not_pile_up(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	for (unsigned i = 0; i < 40; i++) {
		const uint8_t path = 2 + i % 6;
		struct peer *p = hostile_ready(h);

		peer_join(p, &key, path);
		fake_run(50 * MPQ_MILLISECOND);
		peer_leave(p, hostile_session_of(h, 1), path);
		fake_run(50 * MPQ_MILLISECOND);
		assert_false(hostile_is_member(h, path));
		assert_in_range(hostile_guests(h), 2,
				2 + 1 + 2 * MPQ_LISTENER_TUNNEL_CHANNELS);
	}
	hostile_is_sound(h, member, &sequence);
}

/* What comes by it before its consent does is of no context to the client. */
static void nothing_is_sent_before_the_client_was_heard(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2], *p;
	const struct mpq_header probe = {.kind = MPQ_HEADER_PROBE};

	hostile_session(h, &key, member, 2);
	p = hostile_ready(h);
	peer_join(p, &key, 2);
	fake_run(1 * MPQ_SECOND);
	assert_true(peer_is_accepted(p, &key));
	for (unsigned i = 0; i < MPQ_HEADER_KINDS; i++) {
		assert_int_equal(p->kinds[i], 0);
	}
	peer_send(p, &probe, 8);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(p->kinds[MPQ_HEADER_ANSWER], 1);
	assert_true(p->kinds[MPQ_HEADER_PROBE] > 0);
}

/* ---- floods -------------------------------------------------------------- */

static void unknown_capsules_are_skipped(void **state)
{
	static const uint8_t value[4000];
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	for (int i = 0; i < 500; i++) {
		peer_capsule(member[0], 0x6d7077 + (unsigned)i, value,
			     sizeof(value));
		fake_run(5 * MPQ_MILLISECOND);
	}
	fake_run(1 * MPQ_SECOND);
	hostile_is_sound(h, member, &sequence);
}

static void who_joins_too_often_is_refused_like_any_other(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2], *rival[6];
	uint32_t sequence = 0;
	unsigned refused = 0;

	hostile_session(h, &key, member, 2);
	for (unsigned batch = 0; batch < 9; batch++) {
		for (unsigned i = 0; i < 6; i++) {
			rival[i] = peer_dial(&h->peers, h->site->pki.client,
					     h->site->pki.authority,
					     "203.0.113.200",
					     (uint16_t)(SITE_PORT + i % 2));
		}
		fake_run(120 * MPQ_MILLISECOND);
		for (unsigned i = 0; i < 6; i++) {
			assert_int_equal(rival[i]->status, 200);
			peer_register(rival[i]);
			peer_join(rival[i], &key, 2 + i);
		}
		fake_run(30 * MPQ_MILLISECOND);
	}
	fake_run(30 * MPQ_MILLISECOND);
	for (unsigned i = 0; i < 6; i++) { /* of the last ones */
		refused += rival[i]->over &&
			   rival[i]->end.code == REQUEST_REJECTED;
	}
	assert_in_range(refused, 3, 6);
	assert_in_range(hostile_session_of(h, 1)->counters.joins, 40, 50);
	hostile_both_carry(h, member, &sequence);
	assert_int_equal(hostile_members(h), 8);
}

#define TEST(test)                                                             \
	cmocka_unit_test_setup_teardown(test, hostile_setup, hostile_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_is_opened_and_joined),
		TEST(every_refusal_of_a_join_is_the_same),
		TEST(another_identity_cannot_join_with_the_right_key),
		TEST(a_key_is_worth_nothing_once_its_session_is_over),
		TEST(malformed_capsules_end_the_connection),
		TEST(contexts_are_registered_once_and_rightly),
		TEST(a_request_opens_or_joins_once),
		TEST(of_many_that_join_one_path_one_is_left),
		TEST(paths_taken_over_again_and_again_leave_nothing_behind),
		TEST(sessions_opened_again_and_again_leave_nothing_behind),
		TEST(connections_that_leave_do_not_pile_up),
		TEST(nothing_is_sent_before_the_client_was_heard),
		TEST(unknown_capsules_are_skipped),
		TEST(who_joins_too_often_is_refused_like_any_other),
	};

	return cmocka_run_group_tests_name("dataplane/session_hostile", tests,
					   NULL, NULL);
}
