/* SPDX-License-Identifier: Apache-2.0 */
/* What a slower path takes of a shared queue: not the first packet, but one
 * from behind, and what becomes of those that it has passed. */
#include "dataplane/session_private.h"
#include "tests/unit/dataplane/bonded.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The first path is 15 ms sooner than the others, and carries 50 Mbit/s: what
 * they take has 67 packets before it, as far as there are so many. */
static struct mpq_session *unlike_paths(void **state, enum mpq_steer_mode mode)
{
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, mode, fake_now());
	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		mpq_duration rtt = (i == 0 ? 30 : 60) * MPQ_MILLISECOND;
		const struct mpq_estimate_view view = {
			.rtt_smoothed = rtt,
			.rtt_min = rtt,
			.cwnd_bytes = 1000000,
		};

		mpq_estimate_init(&s->path[i].estimate, fake_now());
		mpq_estimate_observe(&s->path[i].estimate, &view, fake_now());
		s->path[i].estimate.rate_bps = i == 0 ? 50000000 : 20000000;
		s->path[i].estimate.proven = fake_now();
		mpq_steer_path(s->steer, i, &s->path[i].estimate, true, false,
			       fake_now());
	}
	return s;
}

static void expect_taken(struct mpq_session_path *m, enum mpq_header_kind kind,
			 uint32_t sequence)
{
	size_t len;

	m->control = 0;
	(void)bonded_take(m, &len);
	assert_int_equal(m->offer.head[0] >> 5, m->offer.header.kind);
	assert_int_equal(m->offer.header.kind, kind);
	assert_int_equal(m->offer.header.sequence, sequence);
}

static void a_slower_path_takes_from_behind(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);

	bonded_give(s, 0, 1400, 100);
	expect_taken(&s->path[0], MPQ_HEADER_DATA, 0);
	for (uint32_t i = 0; i < 8; i++) {
		expect_taken(&s->path[1], MPQ_HEADER_AHEAD, 69 + i);
	}
	for (uint32_t i = 1; i < 69; i++) {
		expect_taken(&s->path[0], MPQ_HEADER_DATA, i);
	}
	expect_taken(&s->path[0], MPQ_HEADER_DATA, 77);
}

static void an_offer_that_is_not_taken_loses_no_number(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);

	bonded_give(s, 0, 1400, 100);
	assert_true(bonded_offers(&s->path[1]));
	assert_int_equal(s->path[1].offer.what, MPQ_SESSION_OFFER_BEHIND);
	assert_true(bonded_offers(&s->path[2]));
	assert_true(bonded_offers(&s->path[1]));
	for (uint32_t i = 0; i < 100; i++) {
		expect_taken(&s->path[0], MPQ_HEADER_DATA, i);
	}
}

/* The others of its share would not take it, and it would wait for ever. */
static void shares_leave_no_packet_to_nobody(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_LOAD_BALANCING);

	for (unsigned i = 0; i < 20; i++) {
		bool taken = false;
		size_t len;

		bonded_give(s, 0, 1400, 1);
		for (unsigned p = 0; !taken && p < BONDED_PATHS; p++) {
			taken = bonded_offers(&s->path[p]);
			if (taken) {
				(void)bonded_take(&s->path[p], &len);
			}
		}
		assert_true(taken);
	}
}

/* What comes later in the order takes none of it yet. */
static void the_first_of_an_order_takes_the_first(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.class[0].steer.mode = MPQ_STEER_PRIORITY_BASED;
	policy.class[0].steer.n_order = 2;
	policy.class[0].steer.order[0] = 1;
	mpq_tunnel_set_policy(site_tunnel(&((struct site *)*state)->edge),
			      &policy, fake_now());
	bonded_give(s, 0, 1400, 5);
	assert_false(bonded_offers(&s->path[0]));
	for (uint32_t i = 0; i < 5; i++) {
		expect_taken(&s->path[1], MPQ_HEADER_DATA, i);
	}
}

static void what_was_passed_is_numbered_anew_in_another_session(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);

	bonded_give(s, 0, 1400, 100);
	expect_taken(&s->path[1], MPQ_HEADER_AHEAD, 68);
	bonded_fall_silent(s);
	assert_int_equal(mpq_session_restart(s, fake_now()), 0);
	for (uint32_t i = 0; i < 99; i++) {
		expect_taken(&s->path[0], MPQ_HEADER_DATA, i);
	}
}

/* What has its number stays in the shared queue, what has none goes. */
static void what_was_passed_is_sent_whatever_the_mode_becomes(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);

	bonded_give(s, 0, 1400, 100);
	expect_taken(&s->path[1], MPQ_HEADER_AHEAD, 68);
	bonded_set_mode(*state, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	assert_int_equal(s->shared[0].pkts, 68);
	assert_int_equal(s->path[0].own[0].pkts, 31);
	bonded_give(s, 0, 1400, 1);
	while (s->shared[0].pkts + s->path[0].own[0].pkts > 0) {
		size_t len;

		(void)bonded_take(&s->path[0], &len);
	}
	assert_int_equal(s->sequence[0][s->path[0].offer.header.lane], 101);
}

/* A flow was gathered, and its path goes. */
static void what_was_passed_keeps_its_number_on_another_path(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);
	struct mpq_session_path *m = &s->path[1];

	bonded_give(s, 0, 1400, 100);
	expect_taken(m, MPQ_HEADER_AHEAD, 68);
	assert_int_equal(mpq_fair_move_all(&s->shared[0], &m->own[0]), 99);
	mpq_session_withdraw(s, m->channel, "test", fake_now());
	assert_int_equal(m->own[0].pkts, 0);
	expect_taken(&s->path[0], MPQ_HEADER_REPAIR, 68);
	for (uint32_t i = 0; i < 99; i++) {
		expect_taken(&s->path[0], MPQ_HEADER_DATA, i + (i >= 68));
	}
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, bonded_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slower_path_takes_from_behind),
		TEST(an_offer_that_is_not_taken_loses_no_number),
		TEST(shares_leave_no_packet_to_nobody),
		TEST(the_first_of_an_order_takes_the_first),
		TEST(what_was_passed_is_numbered_anew_in_another_session),
		TEST(what_was_passed_is_sent_whatever_the_mode_becomes),
		TEST(what_was_passed_keeps_its_number_on_another_path),
	};

	return cmocka_run_group_tests_name("dataplane/session_behind", tests,
					   NULL, NULL);
}
