/* SPDX-License-Identifier: Apache-2.0 */
/* Flows: pinned, spread, gathered; and what is sent again. */
#include "tests/unit/bond/steer_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS MPQ_MILLISECOND

/* What a flow sent on it lately makes one ask whether it is full. */
static void a_path_that_is_gone_is_asked_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_PATHS; i++) {
		rig_shape(i, 30 * MS, 10000000);
	}
	rig.now += MPQ_SECOND;
	mpq_steer_expire(rig.steer, rig.now);
	for (unsigned left = RIG_PATHS; left > 1; left--) {
		unsigned path = RIG_SHARED;

		for (int i = 0; i < 30; i++) {
			path = rig_pick(7);
			assert_int_not_equal(path, RIG_SHARED);
		}
		mpq_steer_path(rig.steer, path, NULL, false, false, rig.now);
		assert_int_not_equal(rig_pick(7), path);
		assert_int_equal(rig.last[MPQ_STEER_PINNED].reason,
				 MPQ_STEER_PATH_GONE);
	}
}

static void auto_keeps_a_small_flow_on_one_path(void **state)
{
	(void)state;
	rig_offer(1, 5000000, 5 * MPQ_SECOND);
	assert_int_equal(rig.picked[1] + rig.picked[2], 0);
	assert_int_equal(rig.events_of[MPQ_STEER_SPREAD], 0);
}

static void auto_spreads_a_flow_that_fills_its_path(void **state)
{
	struct mpq_steer_flow_view view;

	(void)state;
	rig_offer(1, 78000000, 3 * MPQ_SECOND);
	assert_int_equal(rig.events_of[MPQ_STEER_SPREAD], 1);
	assert_int_equal(rig.last[MPQ_STEER_SPREAD].flow, 1);
	assert_int_equal(rig.last[MPQ_STEER_SPREAD].to, 7);
	assert_true(mpq_steer_explain(rig.steer, 0, 1, &view));
	assert_true(view.spread);
	assert_int_equal(view.paths, 7);
	assert_int_equal(view.reason, MPQ_STEER_IDLE_CAPACITY);
	assert_false(mpq_steer_explain(rig.steer, 0, 2, &view));
	assert_true(rig.picked[1] > rig.picked[0] / 5);
	assert_true(rig.picked[2] > 0); /* only what the others leave */
}

/* Nobody knows what the paths carry. */
static void forget_rates(uint64_t bps)
{
	for (unsigned i = 0; i < RIG_PATHS; i++) {
		rig.est[i].rate_bps = bps;
		rig.est[i].proven = MPQ_TIME_NEVER;
	}
	rig_pass(20 * MS);
}

/* Enough to be no page. */
static unsigned offer_a_burst(uint32_t flow, uint64_t queued_bytes)
{
	unsigned to = rig_pick(flow);

	mpq_estimate_queued(&rig.est[0], queued_bytes);
	for (unsigned i = 0; i < 80; i++) {
		rig.now += MS / 8;
		to = rig_pick(flow);
	}
	mpq_estimate_queued(&rig.est[0], 0);
	return to;
}

static void auto_spreads_what_floods_a_path_before_it_is_known(void **state)
{
	(void)state;
	forget_rates(5000000);
	assert_int_equal(offer_a_burst(7, 200000), 0);
	assert_int_equal(offer_a_burst(7, 260000), RIG_SHARED);
	assert_int_equal(rig.events_of[MPQ_STEER_SPREAD], 1);
}

/* What is soon gone is a slow start's. */
static void
auto_lets_a_burst_wait_for_a_fast_path_before_it_is_known(void **state)
{
	(void)state;
	forget_rates(300000000);
	assert_int_equal(offer_a_burst(7, 260000), 0);
	assert_int_equal(offer_a_burst(7, 800000), RIG_SHARED);
}

static void a_flow_has_no_path_where_flows_do_not_count(void **state)
{
	struct mpq_steer_class_config c = {.mode = MPQ_STEER_ACTIVE_STANDBY,
					   .order = {2},
					   .n_order = 1};
	struct mpq_steer_flow_view view;

	(void)state;
	assert_int_equal(rig_pick(1), 0);
	assert_true(mpq_steer_explain(rig.steer, 0, 1, &view));
	assert_int_equal(mpq_steer_may_take(rig.steer, 0), 7);
	rig_configure(&c);
	assert_int_equal(mpq_steer_may_take(rig.steer, 0), 4);
	assert_int_equal(rig_pick(1), 2);
	assert_false(mpq_steer_explain(rig.steer, 0, 1, &view));
}

static void a_young_spread_flow_is_helped_at_once(void **state)
{
	(void)state;
	mpq_estimate_queued(&rig.est[0], 50000);
	while (rig_pick(1) != RIG_SHARED) {
	}
	assert_false(rig_may_pull(1, 5000)); /* 0.6 ms */
	assert_true(rig_may_pull(1, 20000)); /* 3 ms, and it is 15 ms later */
	rig.now += 2 * MPQ_SECOND;
	mpq_steer_expire(rig.steer, rig.now);
	assert_false(rig_may_pull(1, 20000));
	assert_true(rig_may_pull(1, 110000)); /* 18 ms */
}

/* It fills its path after seconds only, so that its slow start is over. */
static void an_old_spread_flow_is_helped_when_that_is_sooner(void **state)
{
	(void)state;
	rig_offer(1, 5000000, 3 * MPQ_SECOND);
	mpq_estimate_queued(&rig.est[0], 50000);
	while (rig_pick(1) != RIG_SHARED) {
	}
	assert_false(rig_may_pull(1, 20000));
	assert_true(rig_may_pull(1, 110000));
}

static void a_queue_that_the_peer_tells_of_is_part_of_the_way(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_SMALLEST_DELAY};

	(void)state;
	rig_configure(&c);
	assert_false(rig_may_pull(1, 50000)); /* 8 ms; it is 15 ms later */
	rig.est[0].view.queueing = 34 * MS;   /* as a longer way looks like */
	assert_false(rig_may_pull(1, 50000));
	rig.est[0].view.queueing = 40 * MS;
	assert_true(rig_may_pull(1, 50000));
}

/* Twice of what it did is offered, not all that its window takes. */
static void a_path_proven_long_ago_is_tried_step_by_step(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_SMALLEST_DELAY};

	(void)state;
	rig_configure(&c);
	rig.est[0].rate_bps = 1000000;
	rig.est[0].proven = 0;
	rig.now += 2 * MPQ_ESTIMATE_PROVEN;
	rig.est[1].proven = rig.now;
	mpq_steer_expire(rig.steer, rig.now);
	rig.est[0].view.in_flight_bytes = 7500; /* 30 ms at twice its rate */
	assert_true(rig_may_pull(0, 3000));
	rig.est[0].view.in_flight_bytes = 15000;
	assert_false(rig_may_pull(0, 3000));
	rig.est[0].proven = MPQ_TIME_NEVER; /* .. unless nothing is known */
	assert_true(rig_may_pull(0, 3000));
}

static void what_is_in_flight_beyond_the_way_stands_in_a_queue(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_SMALLEST_DELAY};

	(void)state;
	rig_configure(&c);
	assert_false(rig_may_pull(1, 50000));     /* 8 ms; it is 15 ms later */
	rig.est[0].view.in_flight_bytes = 187500; /* its 30 ms */
	assert_false(rig_may_pull(1, 50000));
	rig.est[0].view.in_flight_bytes = 250000; /* 10 ms in a queue */
	assert_true(rig_may_pull(1, 50000));
}

static void a_flow_leaves_a_small_path_for_one_too_unlike(void **state)
{
	(void)state;
	mpq_estimate_init(&rig.est[0], rig.now);
	mpq_estimate_init(&rig.est[1], rig.now);
	mpq_estimate_init(&rig.est[2], rig.now);
	rig_shape(0, 20 * MS, 5000000);
	rig_shape(1, 400 * MS, 50000000);
	rig_shape(2, 600 * MS, 1000000);
	rig.now += 20 * MS;
	mpq_steer_expire(rig.steer, rig.now);
	rig_offer(1, 20000000, 3 * MPQ_SECOND);
	assert_int_equal(rig.last[MPQ_STEER_PINNED].reason,
			 MPQ_STEER_IDLE_CAPACITY);
	assert_int_equal(rig.last[MPQ_STEER_PINNED].to, 2);
	assert_int_equal(rig_pick(1), 1);
}

static void a_flow_does_not_flee_its_own_queue_to_a_lesser_path(void **state)
{
	(void)state;
	rig_offer(1, 40000000, MPQ_SECOND);
	assert_int_equal(rig_pick(1), 0);
	mpq_estimate_queued(&rig.est[0], 500000); /* 80 ms */
	rig.now += 600 * MS;
	assert_int_equal(rig_pick(1), 0);
}

static void auto_gathers_a_flow_that_fits_one_path_again(void **state)
{
	(void)state;
	rig_offer(1, 70000000, 4 * MPQ_SECOND);
	assert_int_equal(rig.events_of[MPQ_STEER_SPREAD], 1);
	rig_offer(1, 30000000, 6 * MPQ_SECOND);
	assert_int_equal(rig.events_of[MPQ_STEER_GATHERED], 1);
	assert_int_equal(rig.last[MPQ_STEER_GATHERED].reason,
			 MPQ_STEER_NO_GAIN);
	memset(rig.picked, 0, sizeof(rig.picked));
	rig_offer(1, 30000000, MPQ_SECOND);
	assert_int_equal(rig.picked[1] + rig.picked[2], 0);
}

/* What is owed an answer from now on, or since `now` was. */
static void silence(unsigned path, bool silent)
{
	rig.est[path].answered = rig.now;
	rig.est[path].unanswered =
		silent ? rig.now - MPQ_SECOND : MPQ_TIME_NEVER;
	rig.est[path].ignored = rig.est[path].unanswered;
}

/* As in a hand-over: what waits for all of them is not moved to the one. */
static void a_moment_of_silence_gathers_nothing(void **state)
{
	(void)state;
	mpq_steer_path(rig.steer, 2, &rig.est[2], false, false, rig.now);
	rig_offer(1, 65000000, 4 * MPQ_SECOND);
	assert_int_equal(rig_pick(1), RIG_SHARED);
	silence(1, true);
	rig_offer(1, 40000000, 400 * MS);
	assert_int_equal(rig_pick(1), RIG_SHARED);
	assert_int_equal(mpq_steer_may_take(rig.steer, 0), 1);
	silence(1, false);
	rig_offer(1, 65000000, MPQ_SECOND);
	assert_int_equal(rig.events_of[MPQ_STEER_GATHERED], 0);
	silence(1, true);
	rig_offer(1, 40000000, 1300 * MS);
	assert_int_equal(rig.last[MPQ_STEER_GATHERED].reason,
			 MPQ_STEER_PATH_GONE);
	assert_int_equal(rig_pick(1), 0);
}

/* That it did not pay, again and again, was with another path. */
static void a_path_that_is_back_is_tried_at_once(void **state)
{
	(void)state;
	mpq_steer_path(rig.steer, 2, &rig.est[2], false, false, rig.now);
	for (unsigned n = 1; n <= 3; n++) {
		rig_offer(1, 65000000, (4U + (1U << n)) * MPQ_SECOND);
		assert_int_equal(rig.events_of[MPQ_STEER_SPREAD], n);
		rig_offer(1, 30000000, 6 * MPQ_SECOND);
		assert_int_equal(rig.events_of[MPQ_STEER_GATHERED], n);
	}
	rig_offer(1, 65000000, 1500 * MS);
	assert_int_equal(rig.events_of[MPQ_STEER_SPREAD], 3);
	silence(1, true);
	rig_offer(1, 65000000, 300 * MS);
	silence(1, false);
	rig_offer(1, 65000000, MPQ_SECOND);
	assert_int_equal(rig.events_of[MPQ_STEER_SPREAD], 4);
}

static void a_path_that_is_gone_gathers_at_once(void **state)
{
	(void)state;
	rig_offer(1, 70000000, 4 * MPQ_SECOND);
	assert_int_equal(rig_pick(1), RIG_SHARED);
	mpq_steer_path(rig.steer, 1, &rig.est[1], false, false, rig.now);
	mpq_steer_path(rig.steer, 2, &rig.est[2], false, false, rig.now);
	rig_offer(1, 40000000, 300 * MS);
	assert_int_equal(rig.last[MPQ_STEER_GATHERED].reason,
			 MPQ_STEER_PATH_GONE);
	assert_int_equal(rig_pick(1), 0);
}

static void auto_never_spreads_beyond_the_order_window(void **state)
{
	(void)state;
	mpq_estimate_init(&rig.est[1], rig.now);
	mpq_estimate_init(&rig.est[2], rig.now);
	rig_shape(1, 300 * MS, 50000000);
	rig_shape(2, 400 * MS, 50000000);
	rig.now += 20 * MS;
	mpq_steer_expire(rig.steer, rig.now);
	rig_offer(1, 70000000, 3 * MPQ_SECOND);
	assert_int_equal(rig.events_of[MPQ_STEER_SPREAD], 0);
	assert_int_equal(rig.picked[1] + rig.picked[2], 0);
}

static void a_pause_lets_a_flow_move_to_a_sooner_path(void **state)
{
	(void)state;
	mpq_estimate_queued(&rig.est[0], 250000); /* 40 ms */
	assert_int_equal(rig_pick(1), 1);
	mpq_estimate_queued(&rig.est[0], 0);
	rig.now += 5 * MS; /* path 0 is sooner by 15 ms: it would overtake */
	assert_int_equal(rig_pick(1), 1);
	rig.now += 600 * MS;
	assert_int_equal(rig_pick(1), 0);
	assert_int_equal(rig.last[MPQ_STEER_PINNED].reason, MPQ_STEER_SOONER);
}

static void repair_goes_the_fastest_other_way(void **state)
{
	(void)state;
	assert_int_equal(mpq_steer_repair(rig.steer, 0, 0, RIG_LEN, rig.now),
			 1);
	assert_int_equal(mpq_steer_repair(rig.steer, 0, 1, RIG_LEN, rig.now),
			 0);
	mpq_steer_path(rig.steer, 1, &rig.est[1], false, false, rig.now);
	mpq_steer_path(rig.steer, 2, &rig.est[2], false, false, rig.now);
	assert_int_equal(mpq_steer_repair(rig.steer, 0, 0, RIG_LEN, rig.now),
			 0);
}

/* A slow path has a second of its own to send; where it was lost it would be
 * there in 65 ms, if it is not lost again. */
static void repair_does_not_wait_for_a_slow_path(void **state)
{
	(void)state;
	mpq_steer_path(rig.steer, 2, &rig.est[2], false, false, rig.now);
	rig.est[1].view.cwnd_bytes = 10 * RIG_LEN;
	mpq_estimate_queued(&rig.est[1], 2500000);
	assert_int_equal(mpq_steer_repair(rig.steer, 0, 0, RIG_LEN, rig.now),
			 0);
	mpq_estimate_queued(&rig.est[1], 10 * RIG_LEN);
	assert_int_equal(mpq_steer_repair(rig.steer, 0, 0, RIG_LEN, rig.now),
			 1);
}

/* Flows whose hashes are near each other, and of two classes. */
static void each_flow_has_a_fate_of_its_own(void **state)
{
	struct mpq_steer_flow_view view;
	struct mpq_steer_choice choice;
	uint32_t hash = 1;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		hash = 1;
		for (unsigned i = 0; i < 300; i++) {
			hash = hash * 1664525 + 1013904223;
			assert_int_equal(mpq_steer_pick(rig.steer, i % 2, hash,
							RIG_LEN, rig.now,
							&choice),
					 MPQ_STEER_SEND);
		}
	}
	assert_int_equal(mpq_steer_counters(rig.steer, 0)->pinned, 150);
	assert_int_equal(mpq_steer_counters(rig.steer, 1)->pinned, 150);
	hash = 1;
	for (unsigned i = 0; i < 300; i++) {
		hash = hash * 1664525 + 1013904223;
		assert_true(mpq_steer_explain(rig.steer, i % 2, hash, &view));
	}
}

static void repairs_share_the_windows_of_the_others(void **state)
{
	unsigned to[RIG_PATHS] = {0};

	(void)state;
	rig.est[0].view.cwnd_bytes = rig.est[1].view.cwnd_bytes = 100000;
	rig.est[2].view.cwnd_bytes = 10 * RIG_LEN;
	rig.est[1].view.cwnd_bytes = 10 * RIG_LEN;
	mpq_steer_path(rig.steer, 0, &rig.est[0], false, false, rig.now);
	for (unsigned i = 0; i < 200; i++) {
		int path = mpq_steer_repair(rig.steer, 0, 0, RIG_LEN, rig.now);

		to[path]++;
		mpq_estimate_queued(&rig.est[path], to[path] * RIG_LEN);
	}
	assert_int_equal(to[0], 0);
	assert_in_range(to[1], 150, 160);
	assert_in_range(to[2], 40, 50);
}

static void a_million_flows_take_no_more_memory(void **state)
{
	size_t before;

	(void)state;
	before = mpq_steer_footprint_bytes(rig.steer);
	for (uint32_t i = 0; i < 1000000; i++) {
		(void)rig_pick(i * UINT32_C(2654435761));
		rig.now += (i % 64 == 0) * MS;
	}
	assert_int_equal(mpq_steer_footprint_bytes(rig.steer), before);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(a_path_that_is_gone_is_asked_nothing),
		UNIT(auto_keeps_a_small_flow_on_one_path),
		UNIT(auto_spreads_a_flow_that_fills_its_path),
		UNIT(auto_spreads_what_floods_a_path_before_it_is_known),
		UNIT(auto_lets_a_burst_wait_for_a_fast_path_before_it_is_known),
		UNIT(a_flow_has_no_path_where_flows_do_not_count),
		UNIT(a_young_spread_flow_is_helped_at_once),
		UNIT(an_old_spread_flow_is_helped_when_that_is_sooner),
		UNIT(a_queue_that_the_peer_tells_of_is_part_of_the_way),
		UNIT(a_path_proven_long_ago_is_tried_step_by_step),
		UNIT(what_is_in_flight_beyond_the_way_stands_in_a_queue),
		UNIT(a_flow_leaves_a_small_path_for_one_too_unlike),
		UNIT(a_flow_does_not_flee_its_own_queue_to_a_lesser_path),
		UNIT(auto_gathers_a_flow_that_fits_one_path_again),
		UNIT(a_moment_of_silence_gathers_nothing),
		UNIT(a_path_that_is_gone_gathers_at_once),
		UNIT(a_path_that_is_back_is_tried_at_once),
		UNIT(auto_never_spreads_beyond_the_order_window),
		UNIT(a_pause_lets_a_flow_move_to_a_sooner_path),
		UNIT(repair_goes_the_fastest_other_way),
		UNIT(repair_does_not_wait_for_a_slow_path),
		UNIT(each_flow_has_a_fate_of_its_own),
		UNIT(repairs_share_the_windows_of_the_others),
		UNIT(a_million_flows_take_no_more_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
