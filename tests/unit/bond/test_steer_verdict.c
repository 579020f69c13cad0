/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths a class avoids, and when it trusts them again. */
#include "tests/unit/bond/steer_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS MPQ_MILLISECOND

static void loss_makes_a_path_avoided_with_hysteresis(void **state)
{
	(void)state;
	assert_int_equal(rig_pick(1), 0);
	rig.est[0].recent.acked = 400;
	rig.est[0].recent.lost = 100;
	rig.est[0].recent.halved = rig.now;
	rig.est[0].acked = 400;
	rig.est[0].lost = 100;
	for (int i = 0; i < 15; i++, rig.now += 10 * MS) {
		assert_int_equal(rig_pick(1), 0); /* not at once */
	}
	for (int i = 0; i < 15; i++, rig.now += 10 * MS) {
		(void)rig_pick(1);
	}
	assert_int_equal(rig_pick(1), 1);
	assert_int_equal(rig.last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_LOSS);
	assert_int_equal(rig.last[MPQ_STEER_AVOIDED].from, 1);
	assert_int_equal(mpq_steer_lossy(rig.steer), 1);
	/* Nothing is sent there but probes: of these 7 % are still lost. */
	for (int i = 0; i < 1000; i++, rig.now += 9 * MS) {
		rig.est[0].acked += i % 14 != 0;
		rig.est[0].lost += i % 14 == 0;
		(void)rig_pick(2);
	}
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 0);
	/* None any more; what the estimate had of before still stands there. */
	for (int i = 0; i < 600; i++, rig.now += 10 * MS) {
		rig.est[0].acked += i % 10 == 0;
		(void)rig_pick(2);
	}
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 1);
	assert_int_equal(rig.last[MPQ_STEER_TRUSTED].reason,
			 MPQ_STEER_RECOVERED);
	assert_int_equal(mpq_steer_lossy(rig.steer), 0);
	for (int i = 0; i < 100; i++, rig.now += 10 * MS) {
		rig.est[0].acked += 10;
		(void)rig_pick(2);
	}
	assert_int_equal(rig.events_of[MPQ_STEER_AVOIDED], 1);
}

/* A flow that fills its path would be spread over it at once. */
static void what_a_path_lost_on_probation_is_believed(void **state)
{
	(void)state;
	assert_int_equal(rig_pick(1), 0);
	mpq_steer_path(rig.steer, 0, &rig.est[0], false, false, rig.now);
	rig_pass(100 * MS);
	rig.est[0].recent.acked = rig.est[0].acked = 20;
	rig.est[0].recent.lost = rig.est[0].lost = 5;
	rig.est[0].recent.halved = rig.now;
	mpq_steer_path(rig.steer, 0, &rig.est[0], true, false, rig.now);
	for (int i = 0; i < 10; i++, rig.now += 10 * MS) {
		assert_int_equal(rig_pick(2), 1);
	}
	assert_int_equal(rig.events_of[MPQ_STEER_AVOIDED], 1);
	assert_int_equal(rig.last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_LOSS);
	assert_int_equal(rig.last[MPQ_STEER_AVOIDED].from, 1);
}

/* For half a second, with 1 % lost on path 0. */
static unsigned pick_beside_little_loss(unsigned each)
{
	unsigned path = MPQ_STEER_PATHS;

	rig.est[0].recent.acked = 495;
	rig.est[0].recent.lost = 5;
	for (int i = 0; i < 50; i++, rig.now += 10 * MS) {
		rig.est[0].recent.halved = rig.now;
		rig.est[0].acked += 99;
		rig.est[0].lost++;
		for (unsigned k = 0; k < each; k++) {
			path = rig_pick(1);
		}
	}
	return path;
}

static void a_guarded_class_leaves_a_path_that_loses_a_little(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	(void)state;
	rig_configure(&c);
	assert_int_equal(pick_beside_little_loss(1), 0);
	c.guarded = true;
	rig_configure(&c);
	assert_int_equal(pick_beside_little_loss(1), 1);
	assert_int_equal(rig.last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_LOSS);
}

static void fill_lossy_path(mpq_duration rtt, bool congested)
{
	struct mpq_estimate_view view = rig.est[0].view;

	view.rtt_smoothed = rtt;
	mpq_estimate_observe(&rig.est[0], &view, rig.now);
	for (int i = 0; i < 2000; i++, rig.now += 10 * MS) {
		rig.est[0].acked += 9;
		rig.est[0].lost += congested;
		rig.est[0].congested += congested;
		(void)rig_pick(1);
	}
}

/* What others fill loses in its queue; what else is lost cannot be told then.
 */
static void loss_does_not_end_while_a_queue_stands_there(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	(void)state;
	c.guarded = true;
	rig_configure(&c);
	assert_int_equal(pick_beside_little_loss(1), 1);
	fill_lossy_path(100 * MS, true);
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 0);
	fill_lossy_path(30 * MS, false);
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 1);
}

static void a_repair_may_be_sooner_than_the_path_without_loss(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	(void)state;
	c.guarded = true;
	rig_configure(&c);
	rig_shape(1, 120 * MS, 20000000); /* 15 ms and a round trip are less */
	assert_int_equal(pick_beside_little_loss(1), 0);
}

static void a_guarded_class_of_much_needs_the_lossy_path(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	(void)state;
	c.guarded = true;
	rig_configure(&c);
	assert_int_equal(pick_beside_little_loss(10), 0); /* 8 Mbit/s */
}

static void lose(void)
{
	unsigned avoided = rig.events_of[MPQ_STEER_AVOIDED];

	rig.est[0].recent.acked = 400;
	rig.est[0].recent.lost = 100;
	for (int i = 0; i < 30; i++, rig.now += 10 * MS) {
		rig.est[0].recent.halved = rig.now;
		rig.est[0].acked += 10;
		rig.est[0].lost += 5;
		(void)rig_pick(1);
	}
	assert_int_equal(rig.events_of[MPQ_STEER_AVOIDED], avoided + 1);
}

/* How long that takes from now on. */
static mpq_duration until_trusted(void)
{
	unsigned trusted = rig.events_of[MPQ_STEER_TRUSTED];
	mpq_time since = rig.now;

	while (rig.events_of[MPQ_STEER_TRUSTED] == trusted &&
	       rig.now - since < 100 * MPQ_SECOND) {
		rig.now += 10 * MS;
		(void)rig_pick(1);
	}
	return rig.now - since;
}

/* Each time that it was wrong to try it, the next try is later. */
static void a_path_that_loses_again_is_tried_later(void **state)
{
	static const mpq_duration about[] = {5, 10, 20};

	(void)state;
	for (int n = 0; n < 3; n++) {
		lose();
		assert_in_range(until_trusted(), (about[n] - 1) * MPQ_SECOND,
				(about[n] + 1) * MPQ_SECOND);
	}
}

/* What silences swallowed looks like loss; it ends with them. */
static void a_path_that_flaps_is_tried_within_ten_seconds(void **state)
{
	(void)state;
	for (int n = 0; n < 5; n++) {
		lose();
		rig.est[0].unanswered = rig.now - MPQ_SECOND;
		rig.est[0].ignored = rig.est[0].unanswered;
		rig_pass(50 * MS);
		assert_int_equal(mpq_steer_silent(rig.steer), 1);
		rig.est[0].answered = rig.now;
		rig.est[0].unanswered = rig.est[0].ignored = MPQ_TIME_NEVER;
		assert_in_range(until_trusted(), 4 * MPQ_SECOND,
				11 * MPQ_SECOND);
	}
}

static void a_queue_in_a_path_makes_it_avoided(void **state)
{
	(void)state;
	rig_pass(200 * MS);
	rig.est[0].view.queueing = 300 * MS;
	rig.est[0].view.rtt_smoothed = 330 * MS;
	rig_pass(400 * MS); /* a start makes one, too */
	assert_int_equal(rig.events_of[MPQ_STEER_AVOIDED], 0);
	rig.est[1].rate_bps = 10000000; /* 10 and 10 beside 50: no */
	rig_pass(400 * MS);
	assert_int_equal(rig.events_of[MPQ_STEER_AVOIDED], 0);
	rig.est[1].rate_bps = 20000000;
	rig_pass(800 * MS);
	assert_int_equal(rig.events_of[MPQ_STEER_AVOIDED], 1);
	assert_int_equal(rig.last[MPQ_STEER_AVOIDED].reason,
			 MPQ_STEER_BUFFERBLOAT);
	rig.est[0].view.queueing = 200 * MS; /* less, not by enough */
	rig_pass(5 * MPQ_SECOND);
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 0);
	rig.est[0].view.queueing = 50 * MS;
	rig.est[0].view.rtt_smoothed = 80 * MS;
	rig_pass(2200 * MS);
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 1);
}

/* What it was: 50 Mbit/s, of which a little is left, with a queue or without
 * much of one. It is tried again, as nothing shows what it can do. */
static void a_path_that_decays_is_avoided_and_tried_again(void **state)
{
	(void)state;
	rig.est[0].most.bps = 50000000;
	rig.est[0].most.at = rig.now;
	rig_pass(200 * MS);
	rig.est[0].rate_bps = 1000000;
	rig.est[0].view.queueing = 400 * MS;
	rig_pass(700 * MS);
	assert_int_equal(rig.last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_DECAYED);
	rig.est[0].view.queueing = 0;
	rig_pass(2200 * MS);
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 1);
	rig.est[0].capacity.bps = 2000000;
	rig.est[0].capacity.at = rig.now;
	rig_pass(700 * MS);
	assert_int_equal(rig.events_of[MPQ_STEER_AVOIDED], 2);
	assert_int_equal(rig.last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_DECAYED);
	rig_pass(4200 * MS);
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 2);
	/* It is back: the capacity seen is of before it was tried. */
	rig_pass(3 * MPQ_SECOND);
	assert_int_equal(rig.events_of[MPQ_STEER_AVOIDED], 2);
}

/* After relapses it would be tried after 8 s. */
static void a_decayed_path_that_comes_up_anew_is_tried_soon(void **state)
{
	(void)state;
	rig.est[0].most.bps = 50000000;
	rig.est[0].most.at = rig.now;
	for (unsigned i = 0; i < 3; i++) {
		rig.est[0].rate_bps = 1000000;
		rig.est[0].view.queueing = 400 * MS;
		rig_pass(700 * MS);
		assert_int_equal(rig.events_of[MPQ_STEER_AVOIDED], i + 1);
		rig.est[0].view.queueing = 0;
		rig_pass(i < 2 ? 5 * MPQ_SECOND : MPQ_SECOND);
	}
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 2);
	mpq_steer_path(rig.steer, 0, &rig.est[0], false, false, rig.now);
	rig_pass(MPQ_SECOND);
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 2);
	mpq_steer_path(rig.steer, 0, &rig.est[0], true, false, rig.now);
	rig_pass(300 * MS);
	assert_int_equal(rig.events_of[MPQ_STEER_TRUSTED], 3);
}

static void a_silent_path_is_left_at_once_and_trusted_later(void **state)
{
	(void)state;
	assert_int_equal(rig_pick(1), 0);
	mpq_estimate_sent(&rig.est[0], 0, RIG_LEN, rig.now);
	rig.now = mpq_estimate_silent_at(&rig.est[0]);
	assert_int_equal(mpq_steer_deadline(rig.steer), rig.now);
	mpq_steer_expire(rig.steer, rig.now);
	assert_int_equal(mpq_steer_silent(rig.steer), 1);
	assert_int_equal(rig_pick(1), 1);
	assert_int_equal(rig.last[MPQ_STEER_PINNED].reason,
			 MPQ_STEER_PATH_GONE);
	mpq_estimate_acked(&rig.est[0], 0, rig.now);
	rig.now += 20 * MS;
	assert_int_equal(rig_pick(2), 1);
	rig.now += 10 * MS;
	for (int i = 0; i < 30; i++, rig.now += 10 * MS) {
		(void)rig_pick(1);
	}
	assert_int_equal(rig_pick(3), 0);
}

/* On paths 0 and 1 something is sent each millisecond, and answered a round
 * trip later; those in `dumb` bring no answer. */
static void converse(uint64_t *id, mpq_steer_set dumb, mpq_duration time)
{
	static const unsigned flight[] = {30, 60};

	for (mpq_time end = rig.now + time; rig.now < end;
	     rig.now += MS, (*id)++) {
		for (unsigned i = 0; i < 2; i++) {
			mpq_estimate_sent(&rig.est[i], *id, RIG_LEN, rig.now);
			if (*id >= flight[i] && (dumb >> i & 1) == 0) {
				mpq_estimate_acked(&rig.est[i], *id - flight[i],
						   rig.now);
			}
		}
		mpq_steer_expire(rig.steer, rig.now);
	}
}

static void a_path_that_alone_brings_no_answer_is_silent_soon(void **state)
{
	uint64_t id = 0;

	(void)state;
	converse(&id, 0, 300 * MS);
	converse(&id, 1, 30 * MS);
	assert_int_equal(mpq_steer_silent(rig.steer), 0);
	converse(&id, 1, 30 * MS);
	assert_int_equal(mpq_steer_silent(rig.steer), 1);
	assert_true(mpq_estimate_silent_at(&rig.est[0]) > rig.now);
	assert_int_equal(rig_pick(1), 1);
	converse(&id, 0, 300 * MS);
	assert_int_equal(mpq_steer_silent(rig.steer), 0);
	converse(&id, 3, 60 * MS); /* the peer is busy */
	assert_int_equal(mpq_steer_silent(rig.steer), 0);
	assert_true(mpq_steer_deadline(rig.steer) > rig.now);
}

/* For 150 ms nothing is answered of what is sent each 10 ms. */
static void hand_over(unsigned path, uint64_t *id)
{
	mpq_time back = rig.now + 150 * MS;

	for (; rig.now < back; rig.now += 10 * MS) {
		mpq_estimate_sent(&rig.est[path], (*id)++, RIG_LEN, rig.now);
		mpq_steer_expire(rig.steer, rig.now);
	}
	mpq_estimate_acked(&rig.est[path], *id - 1, rig.now);
	mpq_estimate_init(&rig.est[path], rig.now);
	rig_shape(path, 30 * MS, 50000000);
	mpq_steer_expire(rig.steer, rig.now);
}

/* Five, 15 s apart. */
static void hand_over_by_the_clock(mpq_time first, uint64_t *id)
{
	for (unsigned i = 0; i < 5; i++) {
		rig.now = first + i * 15 * MPQ_SECOND;
		rig_shape(0, 30 * MS, 50000000);
		hand_over(0, id);
	}
}

/* The others pause: from what the way takes and 20 ms before it on, for as long
 * as others took, that is without the round trip of the first answer. */
static void assert_pauses(mpq_time due, unsigned path)
{
	bool pauses = rig.now > due - 30 * MS && rig.now < due + 100 * MS;
	bool far = rig.now < due - 60 * MS || rig.now > due + 160 * MS;

	assert_true(pauses ? path == 1 : !far || path == 0);
}

static void a_guarded_class_leaves_before_a_hand_over(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;
	mpq_time first = rig.now;
	uint64_t id = 0;

	(void)state;
	c.guarded = true;
	rig_configure(&c);
	assert_int_equal(mpq_steer_configure(rig.steer, 1,
					     &mpq_steer_class_default, rig.now),
			 0);
	hand_over_by_the_clock(first, &id);
	for (rig.now = first + 70 * MPQ_SECOND;
	     rig.now < first + 77 * MPQ_SECOND; rig.now += 10 * MS) {
		bool due = rig.now > first + 74800 * MS &&
			   rig.now < first + 75500 * MS;
		bool far = rig.now < first + 74600 * MS ||
			   rig.now > first + 75800 * MS;
		struct mpq_steer_choice choice;
		unsigned path = rig_pick((uint32_t)(rig.now / MS));

		assert_true(due ? path == 1 : !far || path == 0);
		assert_int_equal(mpq_steer_pick(rig.steer, 1,
						(uint32_t)(rig.now / MS),
						RIG_LEN, rig.now, &choice),
				 0);
		assert_pauses(first + 75 * MPQ_SECOND, choice.path[0]);
		assert_int_equal(mpq_steer_pausing(rig.steer) & 1,
				 choice.path[0] == 1);
	}
	assert_int_equal(rig.last[MPQ_STEER_AVOIDED].reason,
			 MPQ_STEER_HANDOVER);
	assert_int_equal(rig.last[MPQ_STEER_TRUSTED].reason,
			 MPQ_STEER_HANDOVER);
}

/* Neither what the others can take nor the way is the same for long. */
static void a_pause_begins_and_ends_once(void **state)
{
	mpq_time first = rig.now;
	unsigned before;
	uint64_t id = 0;

	(void)state;
	rig_configure(&mpq_steer_class_default);
	mpq_steer_path(rig.steer, 2, NULL, false, false, rig.now);
	hand_over_by_the_clock(first, &id);
	before = rig.events_of[MPQ_STEER_AVOIDED];
	for (rig.now = first + 74 * MPQ_SECOND;
	     rig.now < first + 76 * MPQ_SECOND; rig.now += 10 * MS) {
		bool odd = rig.now / (10 * MS) % 2 != 0;

		rig_shape(0, odd ? 60 * MS : 30 * MS, 50000000);
		rig_shape(1, 60 * MS, odd ? 6600000 : 5900000);
		(void)rig_pick(1);
	}
	assert_int_equal(rig.events_of[MPQ_STEER_AVOIDED] - before, 1);
	assert_int_equal(rig.last[MPQ_STEER_AVOIDED].reason,
			 MPQ_STEER_HANDOVER);
	assert_int_equal(mpq_steer_pausing(rig.steer), 0);
}

static void silence_everywhere_is_no_reason_to_stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RIG_PATHS; i++) {
		mpq_estimate_sent(&rig.est[i], 0, RIG_LEN, rig.now);
	}
	rig.now += MPQ_SECOND;
	assert_in_range(rig_pick(1), 0, RIG_PATHS - 1);
	assert_int_equal(mpq_steer_silent(rig.steer), 7);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(loss_makes_a_path_avoided_with_hysteresis),
		UNIT(what_a_path_lost_on_probation_is_believed),
		UNIT(a_guarded_class_leaves_a_path_that_loses_a_little),
		UNIT(loss_does_not_end_while_a_queue_stands_there),
		UNIT(a_repair_may_be_sooner_than_the_path_without_loss),
		UNIT(a_guarded_class_of_much_needs_the_lossy_path),
		UNIT(a_path_that_loses_again_is_tried_later),
		UNIT(a_path_that_flaps_is_tried_within_ten_seconds),
		UNIT(a_queue_in_a_path_makes_it_avoided),
		UNIT(a_path_that_decays_is_avoided_and_tried_again),
		UNIT(a_decayed_path_that_comes_up_anew_is_tried_soon),
		UNIT(a_silent_path_is_left_at_once_and_trusted_later),
		UNIT(a_path_that_alone_brings_no_answer_is_silent_soon),
		UNIT(a_guarded_class_leaves_before_a_hand_over),
		UNIT(a_pause_begins_and_ends_once),
		UNIT(silence_everywhere_is_no_reason_to_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
