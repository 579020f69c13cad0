/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/steer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS    MPQ_MILLISECOND
#define LEN   1000
#define PATHS 3

static struct mpq_steer *steer;
static struct mpq_estimate est[PATHS];
static struct mpq_steer_event last[MPQ_STEER_KINDS];
static unsigned events_of[MPQ_STEER_KINDS];
static mpq_time now;
static uint64_t picked[PATHS];

static void changed(void *owner, const struct mpq_steer_event *e)
{
	(void)owner;
	assert_true(e->kind < MPQ_STEER_KINDS);
	assert_true(e->reason < MPQ_STEER_REASONS);
	last[e->kind] = *e;
	events_of[e->kind]++;
}

static const struct mpq_steer_events events = {changed};

static void shape(unsigned path, mpq_duration rtt, uint64_t bps)
{
	const struct mpq_estimate_view view = {.rtt_smoothed = rtt,
					       .rtt_min = rtt,
					       .rtt_variation = MS};

	mpq_estimate_observe(&est[path], &view, now);
	est[path].rate_bps = bps;
	est[path].proven = now;
}

/* Three proven paths: 50/30, 20/60, 10/120. */
static int setup(void **state)
{
	(void)state;
	now = MPQ_SECOND;
	memset(last, 0, sizeof(last));
	memset(events_of, 0, sizeof(events_of));
	memset(picked, 0, sizeof(picked));
	steer = mpq_steer_new(&events, NULL, now);
	if (steer == NULL) {
		return -1;
	}
	for (unsigned i = 0; i < PATHS; i++) {
		mpq_estimate_init(&est[i], now);
	}
	shape(0, 30 * MS, 50000000);
	shape(1, 60 * MS, 20000000);
	shape(2, 120 * MS, 10000000);
	for (unsigned i = 0; i < PATHS; i++) {
		mpq_steer_path(steer, i, &est[i], true, false, now);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mpq_steer_free(steer);
	return 0;
}

static void configure(const struct mpq_steer_class_config *c)
{
	assert_int_equal(mpq_steer_configure(steer, 0, c, now), 0);
}

/* A path, or SHARED. */
#define SHARED MPQ_STEER_PATHS

static unsigned pick(uint32_t flow)
{
	struct mpq_steer_choice choice;

	assert_int_equal(mpq_steer_pick(steer, 0, flow, LEN, now, &choice), 0);
	assert_int_equal(choice.n, !choice.shared);
	return choice.shared ? SHARED : choice.path[0];
}

/* Offers for a while: a queue for each path and the shared one, of 20 ms. */
static void offer(uint32_t flow, uint64_t bps, mpq_duration time)
{
	mpq_duration gap = (uint64_t)LEN * 8 * MPQ_SECOND / bps;
	uint64_t queued[PATHS + 1] = {0};
	mpq_time busy[PATHS] = {0};

	for (mpq_time end = now + time; now < end; now += gap) {
		unsigned to = pick(flow);

		to = to == SHARED ? PATHS : to;
		queued[to] += queued[to] < 100 ? 1 : 0;
		for (unsigned i = 0; i < PATHS; i++) {
			est[i].proven = now;
			while (busy[i] <= now) {
				unsigned from = queued[i] > 0 ? i : PATHS;

				if (queued[from] == 0 ||
				    (from == PATHS &&
				     !mpq_steer_may_pull(steer, 0, i,
							 queued[from] * LEN,
							 now))) {
					break;
				}
				if (from == PATHS) {
					mpq_steer_pulled(steer, 0, i, LEN, now);
				}
				queued[from]--;
				picked[i]++;
				busy[i] = (busy[i] + MS > now ? busy[i] : now) +
					  (uint64_t)LEN * 8 * MPQ_SECOND /
						  est[i].rate_bps;
			}
			mpq_estimate_queued(&est[i], queued[i] * LEN);
		}
	}
}

/* What a flow sent on it lately makes one ask whether it is full. */
static void a_path_that_is_gone_is_asked_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PATHS; i++) {
		shape(i, 30 * MS, 10000000);
	}
	now += MPQ_SECOND;
	mpq_steer_expire(steer, now);
	for (unsigned left = PATHS; left > 1; left--) {
		unsigned path = SHARED;

		for (int i = 0; i < 30; i++) {
			path = pick(7);
			assert_int_not_equal(path, SHARED);
		}
		mpq_steer_path(steer, path, NULL, false, false, now);
		assert_int_not_equal(pick(7), path);
		assert_int_equal(last[MPQ_STEER_PINNED].reason,
				 MPQ_STEER_PATH_GONE);
	}
}

static void names_are_those_of_atsss(void **state)
{
	static const char *const names[MPQ_STEER_MODES] = {
		"auto",           "smallest-delay", "load-balancing",
		"priority-based", "active-standby", "redundant"};
	enum mpq_steer_mode m = MPQ_STEER_MODES;

	(void)state;
	for (unsigned i = 0; i < MPQ_STEER_MODES; i++) {
		assert_string_equal(mpq_steer_mode_name((enum mpq_steer_mode)i),
				    names[i]);
		assert_int_equal(mpq_steer_mode_parse(names[i], &m), 0);
		assert_int_equal(m, i);
	}
	assert_int_equal(mpq_steer_mode_parse("priority", &m), 0);
	assert_int_equal(m, MPQ_STEER_PRIORITY_BASED);
	assert_int_equal(mpq_steer_mode_parse("failover", &m), 0);
	assert_int_equal(m, MPQ_STEER_ACTIVE_STANDBY);
	assert_int_equal(mpq_steer_mode_parse("balanced", &m), 0);
	assert_int_equal(m, MPQ_STEER_LOAD_BALANCING);
	assert_int_equal(mpq_steer_mode_parse("bond", &m), -EINVAL);
	assert_int_equal(m, MPQ_STEER_LOAD_BALANCING);
}

static void every_kind_and_reason_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MPQ_STEER_KINDS; i++) {
		assert_non_null(mpq_steer_kind_name((enum mpq_steer_kind)i));
	}
	for (unsigned i = 0; i < MPQ_STEER_REASONS; i++) {
		assert_non_null(
			mpq_steer_reason_name((enum mpq_steer_reason)i));
	}
}

static void refuses_bad_configuration(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	(void)state;
	assert_int_equal(mpq_steer_configure(steer, MPQ_STEER_CLASSES, &c, now),
			 -EINVAL);
	c.order[0] = 1;
	c.order[1] = 1;
	c.n_order = 2;
	assert_int_equal(mpq_steer_configure(steer, 0, &c, now), -EINVAL);
	c.n_order = 1;
	c.excluded = 2;
	assert_int_equal(mpq_steer_configure(steer, 0, &c, now), -EINVAL);
	c.excluded = 1;
	assert_int_equal(mpq_steer_configure(steer, 0, &c, now), 0);
	c.mode = MPQ_STEER_MODES;
	assert_int_equal(mpq_steer_configure(steer, 0, &c, now), -EINVAL);
}

static void active_standby_takes_the_first_and_returns_to_it(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_ACTIVE_STANDBY,
		.order = {2, 0},
		.n_order = 2};

	(void)state;
	configure(&c);
	assert_int_equal(pick(1), 2);
	mpq_steer_path(steer, 2, &est[2], false, false, now);
	assert_int_equal(pick(1), 0);
	assert_int_equal(last[MPQ_STEER_ACTIVE].reason, MPQ_STEER_PATH_GONE);
	mpq_steer_path(steer, 0, &est[0], false, false, now);
	assert_int_equal(pick(1), 1);
	mpq_steer_path(steer, 2, &est[2], true, false, now);
	assert_int_equal(pick(1), 2);
	assert_int_equal(last[MPQ_STEER_ACTIVE].reason, MPQ_STEER_RECOVERED);
	assert_int_equal(last[MPQ_STEER_ACTIVE].from, 2);
	assert_int_equal(last[MPQ_STEER_ACTIVE].to, 4);
}

static bool may_pull(unsigned path, uint64_t waiting_bytes)
{
	return mpq_steer_may_pull(steer, 0, path, waiting_bytes, now);
}

static void smallest_delay_waits_for_the_fast_path_when_sooner(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_SMALLEST_DELAY};

	(void)state;
	configure(&c);
	assert_int_equal(pick(1), SHARED);
	assert_true(may_pull(0, LEN));
	assert_false(may_pull(1, LEN));
	assert_false(may_pull(1, 80000));  /* 13 ms; it is 15 ms later */
	assert_true(may_pull(1, 110000));  /* 18 ms */
	assert_false(may_pull(2, 320000)); /* 36 ms with both; 45 ms later */
	assert_true(may_pull(2, 420000));  /* 48 ms */
}

static void load_balancing_shares_in_proportion_to_capacity(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_LOAD_BALANCING};

	(void)state;
	configure(&c);
	for (unsigned i = 0; i < PATHS; i++) {
		est[i].view.cwnd_bytes = 100000;
	}
	offer(1, 8000000, 8 * MPQ_SECOND); /* 8000 packets; a tenth of all */
	assert_in_range(picked[0], 4900, 5100);
	assert_in_range(picked[1], 1900, 2100);
	assert_in_range(picked[2], 900, 1100);
}

static void load_balancing_waits_for_no_path_that_is_full(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_LOAD_BALANCING};

	(void)state;
	configure(&c);
	for (unsigned i = 0; i < 100; i++) { /* the others have no window */
		assert_true(may_pull(0, LEN));
		mpq_steer_pulled(steer, 0, 0, LEN, now);
	}
	est[1].view.cwnd_bytes = 100000;
	assert_false(may_pull(0, LEN));
	assert_true(may_pull(1, LEN));
	assert_true(may_pull(0, 80000)); /* it does not take its share */
}

static void priority_based_fills_then_overflows(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_PRIORITY_BASED, .order = {1}, .n_order = 1};

	(void)state;
	configure(&c);
	assert_int_equal(pick(1), SHARED);
	assert_true(may_pull(1, LEN));
	assert_false(may_pull(0, 5 * 2500)); /* 5 ms at 20 Mbit/s */
	assert_true(may_pull(0, 10 * 2500));
	assert_false(may_pull(2, 10 * 2500)); /* the two carry 70 Mbit/s */
	mpq_steer_path(steer, 1, &est[1], false, false, now);
	assert_true(may_pull(0, LEN));
	assert_false(may_pull(1, LEN));
}

static void redundant_sends_the_copies_asked_for(void **state)
{
	struct mpq_steer_class_config c = {.mode = MPQ_STEER_REDUNDANT,
					   .copies = 2};
	struct mpq_steer_choice choice;

	(void)state;
	configure(&c);
	assert_int_equal(mpq_steer_pick(steer, 0, 1, LEN, now, &choice), 0);
	assert_int_equal(choice.n, 2);
	assert_int_equal(choice.path[0], 0);
	assert_int_equal(choice.path[1], 1);
	c.copies = 0; /* all */
	c.excluded = 2;
	configure(&c);
	now += 20 * MS;
	assert_int_equal(mpq_steer_pick(steer, 0, 1, LEN, now, &choice), 0);
	assert_int_equal(choice.n, 2);
	assert_int_equal(choice.path[1], 2);
}

/* It looks as slow as what it carried so far. */
static void a_path_that_was_never_full_takes_all_copies(void **state)
{
	const struct mpq_steer_class_config c = {.mode = MPQ_STEER_REDUNDANT,
						 .copies = 2};
	struct mpq_steer_choice choice;

	(void)state;
	est[1].rate_bps = 300000;
	est[1].proven = MPQ_TIME_NEVER;
	configure(&c);
	for (int i = 0; i < 4000; i++, now += MS) { /* 8 Mbit/s, 4 s */
		assert_int_equal(mpq_steer_pick(steer, 0, 1, LEN, now, &choice),
				 0);
		assert_int_equal(choice.n, 2);
	}
}

static void copies_take_half_of_a_path_at_most(void **state)
{
	const struct mpq_steer_class_config c = {.mode = MPQ_STEER_REDUNDANT,
						 .copies = 3};
	const struct mpq_steer_class_counters *n;
	struct mpq_steer_choice choice;
	uint64_t copies[PATHS] = {0};

	(void)state;
	configure(&c);
	for (int i = 0; i < 20000; i++, now += MS / 4) { /* 32 Mbit/s, 5 s */
		assert_int_equal(mpq_steer_pick(steer, 0, 1, LEN, now, &choice),
				 0);
		for (unsigned k = 1; k < choice.n; k++) {
			copies[choice.path[k]] += LEN * 8;
		}
	}
	assert_in_range(copies[1], 45000000, 51000000); /* of 100 Mbit */
	assert_in_range(copies[2], 22500000, 25500000); /* of 50 Mbit */
	n = mpq_steer_counters(steer, 0);
	assert_true(n->copies_withheld > 0);
	assert_int_equal(n->copies, (copies[1] + copies[2]) / 8 / LEN);
}

static void excluded_paths_are_never_used(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;
	struct mpq_steer_choice choice;

	(void)state;
	c.excluded = 1;
	for (unsigned m = 0; m < MPQ_STEER_MODES; m++) {
		c.mode = (enum mpq_steer_mode)m;
		configure(&c);
		for (unsigned i = 0; i < 200; i++, now += MS) {
			assert_int_equal(mpq_steer_pick(steer, 0, i % 5, LEN,
							now, &choice),
					 0);
			for (unsigned k = 0; k < choice.n; k++) {
				assert_int_not_equal(choice.path[k], 0);
			}
		}
	}
	mpq_steer_path(steer, 1, &est[1], false, false, now);
	mpq_steer_path(steer, 2, &est[2], false, false, now);
	assert_int_equal(mpq_steer_pick(steer, 0, 1, LEN, now, &choice),
			 MPQ_STEER_NO_PATH);
	assert_int_equal(mpq_steer_repair(steer, 0, 1, LEN, now), -ENETUNREACH);
}

static void metered_paths_wait_for_the_others_to_go(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	(void)state;
	c.avoid_metered = true;
	configure(&c);
	mpq_steer_path(steer, 0, &est[0], true, true, now);
	assert_int_equal(pick(1), 1);
	mpq_steer_path(steer, 1, &est[1], false, false, now);
	mpq_steer_path(steer, 2, &est[2], false, false, now);
	assert_int_equal(pick(1), 0);
}

static void a_rate_limit_holds(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;
	struct mpq_steer_choice choice;
	unsigned sent = 0;

	(void)state;
	c.rate_limit_bps = 4000000;
	configure(&c);
	for (int i = 0; i < 10000; i++, now += MS / 2) { /* 16 Mbit/s, 5 s */
		sent += mpq_steer_pick(steer, 0, 1, LEN, now, &choice) ==
			MPQ_STEER_SEND;
	}
	assert_in_range(sent, 2400, 2600);
	assert_int_equal(mpq_steer_counters(steer, 0)->over_rate, 10000 - sent);
}

static void loss_makes_a_path_avoided_with_hysteresis(void **state)
{
	(void)state;
	assert_int_equal(pick(1), 0);
	est[0].recent.acked = 400;
	est[0].recent.lost = 100;
	est[0].recent.halved = now;
	est[0].acked = 400;
	est[0].lost = 100;
	for (int i = 0; i < 15; i++, now += 10 * MS) {
		assert_int_equal(pick(1), 0); /* not at once */
	}
	for (int i = 0; i < 15; i++, now += 10 * MS) {
		(void)pick(1);
	}
	assert_int_equal(pick(1), 1);
	assert_int_equal(last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_LOSS);
	assert_int_equal(last[MPQ_STEER_AVOIDED].from, 1);
	assert_int_equal(mpq_steer_lossy(steer), 1);
	/* Nothing is sent there but probes: of these 7 % are still lost. */
	for (int i = 0; i < 1000; i++, now += 9 * MS) {
		est[0].acked += i % 14 != 0;
		est[0].lost += i % 14 == 0;
		(void)pick(2);
	}
	assert_int_equal(events_of[MPQ_STEER_TRUSTED], 0);
	/* None any more; what the estimate had of before still stands there. */
	for (int i = 0; i < 600; i++, now += 10 * MS) {
		est[0].acked += i % 10 == 0;
		(void)pick(2);
	}
	assert_int_equal(events_of[MPQ_STEER_TRUSTED], 1);
	assert_int_equal(last[MPQ_STEER_TRUSTED].reason, MPQ_STEER_RECOVERED);
	assert_int_equal(mpq_steer_lossy(steer), 0);
	for (int i = 0; i < 100; i++, now += 10 * MS) {
		est[0].acked += 10;
		(void)pick(2);
	}
	assert_int_equal(events_of[MPQ_STEER_AVOIDED], 1);
}

/* For half a second, with 1 % lost on path 0. */
static unsigned pick_beside_little_loss(unsigned each)
{
	unsigned path = MPQ_STEER_PATHS;

	est[0].recent.acked = 495;
	est[0].recent.lost = 5;
	for (int i = 0; i < 50; i++, now += 10 * MS) {
		est[0].recent.halved = now;
		est[0].acked += 99;
		est[0].lost++;
		for (unsigned k = 0; k < each; k++) {
			path = pick(1);
		}
	}
	return path;
}

static void a_guarded_class_leaves_a_path_that_loses_a_little(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	(void)state;
	configure(&c);
	assert_int_equal(pick_beside_little_loss(1), 0);
	c.guarded = true;
	configure(&c);
	assert_int_equal(pick_beside_little_loss(1), 1);
	assert_int_equal(last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_LOSS);
}

static void a_repair_may_be_sooner_than_the_path_without_loss(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	(void)state;
	c.guarded = true;
	configure(&c);
	shape(1, 120 * MS, 20000000); /* 15 ms and a round trip are less */
	assert_int_equal(pick_beside_little_loss(1), 0);
}

static void a_guarded_class_of_much_needs_the_lossy_path(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	(void)state;
	c.guarded = true;
	configure(&c);
	assert_int_equal(pick_beside_little_loss(10), 0); /* 8 Mbit/s */
}

/* Each time that it was wrong to try it, the next try is later. */
static void a_path_that_loses_again_is_tried_later(void **state)
{
	mpq_time avoided = 0;
	mpq_duration away[3];

	(void)state;
	for (int n = 0; n < 3; n++) {
		est[0].recent.acked = 400;
		est[0].recent.lost = 100;
		for (int i = 0; i < 30; i++, now += 10 * MS) {
			est[0].recent.halved = now;
			est[0].acked += 10;
			est[0].lost += 5;
			(void)pick(1);
		}
		assert_int_equal(events_of[MPQ_STEER_AVOIDED], (unsigned)n + 1);
		avoided = now;
		while (events_of[MPQ_STEER_TRUSTED] == (unsigned)n &&
		       now - avoided < 100 * MPQ_SECOND) {
			now += 10 * MS;
			(void)pick(1);
		}
		away[n] = now - avoided;
	}
	assert_in_range(away[0], 4 * MPQ_SECOND, 6 * MPQ_SECOND);
	assert_in_range(away[1], 9 * MPQ_SECOND, 11 * MPQ_SECOND);
	assert_in_range(away[2], 19 * MPQ_SECOND, 21 * MPQ_SECOND);
}

static void pass(mpq_duration time)
{
	for (mpq_time end = now + time; now < end; now += 10 * MS) {
		(void)pick(1);
	}
}

static void a_queue_in_a_path_makes_it_avoided(void **state)
{
	(void)state;
	pass(200 * MS);
	est[0].view.queueing = 300 * MS;
	est[0].view.rtt_smoothed = 330 * MS;
	pass(400 * MS); /* a start makes one, too */
	assert_int_equal(events_of[MPQ_STEER_AVOIDED], 0);
	est[1].rate_bps = 10000000; /* 10 and 10 beside 50: no */
	pass(400 * MS);
	assert_int_equal(events_of[MPQ_STEER_AVOIDED], 0);
	est[1].rate_bps = 20000000;
	pass(800 * MS);
	assert_int_equal(events_of[MPQ_STEER_AVOIDED], 1);
	assert_int_equal(last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_BUFFERBLOAT);
	est[0].view.queueing = 200 * MS; /* less, not by enough */
	pass(5 * MPQ_SECOND);
	assert_int_equal(events_of[MPQ_STEER_TRUSTED], 0);
	est[0].view.queueing = 50 * MS;
	est[0].view.rtt_smoothed = 80 * MS;
	pass(2200 * MS);
	assert_int_equal(events_of[MPQ_STEER_TRUSTED], 1);
}

/* What it was: 50 Mbit/s, of which a little is left, with a queue or without
 * much of one. It is tried again, as nothing shows what it can do. */
static void a_path_that_decays_is_avoided_and_tried_again(void **state)
{
	(void)state;
	est[0].most.bps = 50000000;
	est[0].most.at = now;
	pass(200 * MS);
	est[0].rate_bps = 1000000;
	est[0].view.queueing = 400 * MS;
	pass(700 * MS);
	assert_int_equal(last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_DECAYED);
	est[0].view.queueing = 0;
	pass(2200 * MS);
	assert_int_equal(events_of[MPQ_STEER_TRUSTED], 1);
	est[0].capacity.bps = 2000000;
	est[0].capacity.at = now;
	pass(700 * MS);
	assert_int_equal(events_of[MPQ_STEER_AVOIDED], 2);
	assert_int_equal(last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_DECAYED);
	pass(4200 * MS);
	assert_int_equal(events_of[MPQ_STEER_TRUSTED], 2);
	/* It is back: the capacity seen is of before it was tried. */
	pass(3 * MPQ_SECOND);
	assert_int_equal(events_of[MPQ_STEER_AVOIDED], 2);
}

static void a_silent_path_is_left_at_once_and_trusted_later(void **state)
{
	(void)state;
	assert_int_equal(pick(1), 0);
	mpq_estimate_sent(&est[0], 0, LEN, now);
	now = mpq_estimate_silent_at(&est[0]);
	assert_int_equal(mpq_steer_deadline(steer), now);
	mpq_steer_expire(steer, now);
	assert_int_equal(mpq_steer_silent(steer), 1);
	assert_int_equal(pick(1), 1);
	assert_int_equal(last[MPQ_STEER_PINNED].reason, MPQ_STEER_PATH_GONE);
	mpq_estimate_acked(&est[0], 0, now);
	now += 20 * MS;
	assert_int_equal(pick(2), 1);
	now += 10 * MS;
	for (int i = 0; i < 30; i++, now += 10 * MS) {
		(void)pick(1);
	}
	assert_int_equal(pick(3), 0);
}

/* On paths 0 and 1 something is sent each millisecond, and answered a round
 * trip later; those in `dumb` bring no answer. */
static void converse(uint64_t *id, mpq_steer_set dumb, mpq_duration time)
{
	static const unsigned flight[] = {30, 60};

	for (mpq_time end = now + time; now < end; now += MS, (*id)++) {
		for (unsigned i = 0; i < 2; i++) {
			mpq_estimate_sent(&est[i], *id, LEN, now);
			if (*id >= flight[i] && (dumb >> i & 1) == 0) {
				mpq_estimate_acked(&est[i], *id - flight[i],
						   now);
			}
		}
		mpq_steer_expire(steer, now);
	}
}

static void a_path_that_alone_brings_no_answer_is_silent_soon(void **state)
{
	uint64_t id = 0;

	(void)state;
	converse(&id, 0, 300 * MS);
	converse(&id, 1, 30 * MS);
	assert_int_equal(mpq_steer_silent(steer), 0);
	converse(&id, 1, 30 * MS);
	assert_int_equal(mpq_steer_silent(steer), 1);
	assert_true(mpq_estimate_silent_at(&est[0]) > now);
	assert_int_equal(pick(1), 1);
	converse(&id, 0, 300 * MS);
	assert_int_equal(mpq_steer_silent(steer), 0);
	converse(&id, 3, 60 * MS); /* the peer is busy */
	assert_int_equal(mpq_steer_silent(steer), 0);
	assert_true(mpq_steer_deadline(steer) > now);
}

/* For 150 ms nothing is answered of what is sent each 10 ms. */
static void hand_over(unsigned path, uint64_t *id)
{
	mpq_time back = now + 150 * MS;

	for (; now < back; now += 10 * MS) {
		mpq_estimate_sent(&est[path], (*id)++, LEN, now);
		mpq_steer_expire(steer, now);
	}
	mpq_estimate_acked(&est[path], *id - 1, now);
	mpq_estimate_init(&est[path], now);
	shape(path, 30 * MS, 50000000);
	mpq_steer_expire(steer, now);
}

/* The others pause: from what the way takes and 20 ms before it on, for as long
 * as others took, that is without the round trip of the first answer. */
static void assert_pauses(mpq_time due, unsigned path)
{
	bool pauses = now > due - 30 * MS && now < due + 100 * MS;
	bool far = now < due - 60 * MS || now > due + 160 * MS;

	assert_true(pauses ? path == 1 : !far || path == 0);
}

static void a_guarded_class_leaves_before_a_hand_over(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;
	mpq_time first = now;
	uint64_t id = 0;

	(void)state;
	c.guarded = true;
	configure(&c);
	assert_int_equal(mpq_steer_configure(steer, 1, &mpq_steer_class_default,
					     now),
			 0);
	for (unsigned i = 0; i < 5; i++) {
		now = first + i * 15 * MPQ_SECOND;
		shape(0, 30 * MS, 50000000);
		hand_over(0, &id);
	}
	for (now = first + 70 * MPQ_SECOND; now < first + 77 * MPQ_SECOND;
	     now += 10 * MS) {
		bool due = now > first + 74800 * MS && now < first + 75500 * MS;
		bool far = now < first + 74600 * MS || now > first + 75800 * MS;
		struct mpq_steer_choice choice;
		unsigned path = pick((uint32_t)(now / MS));

		assert_true(due ? path == 1 : !far || path == 0);
		assert_int_equal(mpq_steer_pick(steer, 1, (uint32_t)(now / MS),
						LEN, now, &choice),
				 0);
		assert_pauses(first + 75 * MPQ_SECOND, choice.path[0]);
		assert_int_equal(mpq_steer_pausing(steer) & 1,
				 choice.path[0] == 1);
	}
	assert_int_equal(last[MPQ_STEER_AVOIDED].reason, MPQ_STEER_HANDOVER);
	assert_int_equal(last[MPQ_STEER_TRUSTED].reason, MPQ_STEER_HANDOVER);
}

static void silence_everywhere_is_no_reason_to_stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PATHS; i++) {
		mpq_estimate_sent(&est[i], 0, LEN, now);
	}
	now += MPQ_SECOND;
	assert_in_range(pick(1), 0, PATHS - 1);
	assert_int_equal(mpq_steer_silent(steer), 7);
}

static void auto_keeps_a_small_flow_on_one_path(void **state)
{
	(void)state;
	offer(1, 5000000, 5 * MPQ_SECOND);
	assert_int_equal(picked[1] + picked[2], 0);
	assert_int_equal(events_of[MPQ_STEER_SPREAD], 0);
}

static void auto_spreads_a_flow_that_fills_its_path(void **state)
{
	struct mpq_steer_flow_view view;

	(void)state;
	offer(1, 78000000, 3 * MPQ_SECOND);
	assert_int_equal(events_of[MPQ_STEER_SPREAD], 1);
	assert_int_equal(last[MPQ_STEER_SPREAD].flow, 1);
	assert_int_equal(last[MPQ_STEER_SPREAD].to, 7);
	assert_true(mpq_steer_explain(steer, 0, 1, &view));
	assert_true(view.spread);
	assert_int_equal(view.paths, 7);
	assert_int_equal(view.reason, MPQ_STEER_IDLE_CAPACITY);
	assert_false(mpq_steer_explain(steer, 0, 2, &view));
	assert_true(picked[1] > picked[0] / 5);
	assert_true(picked[2] > 0); /* only what the others leave */
}

static void a_flow_has_no_path_where_flows_do_not_count(void **state)
{
	struct mpq_steer_class_config c = {.mode = MPQ_STEER_ACTIVE_STANDBY,
					   .order = {2},
					   .n_order = 1};
	struct mpq_steer_flow_view view;

	(void)state;
	assert_int_equal(pick(1), 0);
	assert_true(mpq_steer_explain(steer, 0, 1, &view));
	assert_int_equal(mpq_steer_may_take(steer, 0), 7);
	configure(&c);
	assert_int_equal(mpq_steer_may_take(steer, 0), 4);
	assert_int_equal(pick(1), 2);
	assert_false(mpq_steer_explain(steer, 0, 1, &view));
}

static void a_young_spread_flow_is_helped_at_once(void **state)
{
	(void)state;
	mpq_estimate_queued(&est[0], 50000);
	while (pick(1) != SHARED) {
	}
	assert_false(may_pull(1, 5000)); /* 0.6 ms */
	assert_true(may_pull(1, 20000)); /* 3 ms, and it is 15 ms later */
	now += 2 * MPQ_SECOND;
	mpq_steer_expire(steer, now);
	assert_false(may_pull(1, 20000));
	assert_true(may_pull(1, 110000)); /* 18 ms */
}

/* It fills its path after seconds only, so that its slow start is over. */
static void an_old_spread_flow_is_helped_when_that_is_sooner(void **state)
{
	(void)state;
	offer(1, 5000000, 3 * MPQ_SECOND);
	mpq_estimate_queued(&est[0], 50000);
	while (pick(1) != SHARED) {
	}
	assert_false(may_pull(1, 20000));
	assert_true(may_pull(1, 110000));
}

static void a_queue_that_the_peer_tells_of_is_part_of_the_way(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_SMALLEST_DELAY};

	(void)state;
	configure(&c);
	assert_false(may_pull(1, 50000)); /* 8 ms; it is 15 ms later */
	est[0].view.queueing = 34 * MS;   /* as a longer way looks like */
	assert_false(may_pull(1, 50000));
	est[0].view.queueing = 40 * MS;
	assert_true(may_pull(1, 50000));
}

/* Twice of what it did is offered, not all that its window takes. */
static void a_path_proven_long_ago_is_tried_step_by_step(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_SMALLEST_DELAY};

	(void)state;
	configure(&c);
	est[0].rate_bps = 1000000;
	est[0].proven = 0;
	now += 2 * MPQ_ESTIMATE_PROVEN;
	est[1].proven = now;
	mpq_steer_expire(steer, now);
	est[0].view.in_flight_bytes = 7500; /* 30 ms at twice its rate */
	assert_true(may_pull(0, 3000));
	est[0].view.in_flight_bytes = 15000;
	assert_false(may_pull(0, 3000));
	est[0].proven = MPQ_TIME_NEVER; /* .. unless nothing is known */
	assert_true(may_pull(0, 3000));
}

static void what_is_in_flight_beyond_the_way_stands_in_a_queue(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_SMALLEST_DELAY};

	(void)state;
	configure(&c);
	assert_false(may_pull(1, 50000));     /* 8 ms; it is 15 ms later */
	est[0].view.in_flight_bytes = 187500; /* its 30 ms */
	assert_false(may_pull(1, 50000));
	est[0].view.in_flight_bytes = 250000; /* 10 ms in a queue */
	assert_true(may_pull(1, 50000));
}

static void a_flow_leaves_a_small_path_for_one_too_unlike(void **state)
{
	(void)state;
	mpq_estimate_init(&est[0], now);
	mpq_estimate_init(&est[1], now);
	mpq_estimate_init(&est[2], now);
	shape(0, 20 * MS, 5000000);
	shape(1, 400 * MS, 50000000);
	shape(2, 600 * MS, 1000000);
	now += 20 * MS;
	mpq_steer_expire(steer, now);
	offer(1, 20000000, 3 * MPQ_SECOND);
	assert_int_equal(last[MPQ_STEER_PINNED].reason,
			 MPQ_STEER_IDLE_CAPACITY);
	assert_int_equal(last[MPQ_STEER_PINNED].to, 2);
	assert_int_equal(pick(1), 1);
}

static void a_flow_does_not_flee_its_own_queue_to_a_lesser_path(void **state)
{
	(void)state;
	offer(1, 40000000, MPQ_SECOND);
	assert_int_equal(pick(1), 0);
	mpq_estimate_queued(&est[0], 500000); /* 80 ms */
	now += 600 * MS;
	assert_int_equal(pick(1), 0);
}

static void auto_gathers_a_flow_that_fits_one_path_again(void **state)
{
	(void)state;
	offer(1, 70000000, 4 * MPQ_SECOND);
	assert_int_equal(events_of[MPQ_STEER_SPREAD], 1);
	offer(1, 30000000, 6 * MPQ_SECOND);
	assert_int_equal(events_of[MPQ_STEER_GATHERED], 1);
	assert_int_equal(last[MPQ_STEER_GATHERED].reason, MPQ_STEER_NO_GAIN);
	memset(picked, 0, sizeof(picked));
	offer(1, 30000000, MPQ_SECOND);
	assert_int_equal(picked[1] + picked[2], 0);
}

/* What is owed an answer from now on, or since `now` was. */
static void silence(unsigned path, bool silent)
{
	est[path].answered = now;
	est[path].unanswered = silent ? now - MPQ_SECOND : MPQ_TIME_NEVER;
	est[path].ignored = est[path].unanswered;
}

/* As in a hand-over: what waits for all of them is not moved to the one. */
static void a_moment_of_silence_gathers_nothing(void **state)
{
	(void)state;
	mpq_steer_path(steer, 2, &est[2], false, false, now);
	offer(1, 65000000, 4 * MPQ_SECOND);
	assert_int_equal(pick(1), SHARED);
	silence(1, true);
	offer(1, 40000000, 400 * MS);
	assert_int_equal(pick(1), SHARED);
	assert_int_equal(mpq_steer_may_take(steer, 0), 1);
	silence(1, false);
	offer(1, 65000000, MPQ_SECOND);
	assert_int_equal(events_of[MPQ_STEER_GATHERED], 0);
	silence(1, true);
	offer(1, 40000000, 1300 * MS);
	assert_int_equal(last[MPQ_STEER_GATHERED].reason, MPQ_STEER_PATH_GONE);
	assert_int_equal(pick(1), 0);
}

static void a_path_that_is_gone_gathers_at_once(void **state)
{
	(void)state;
	offer(1, 70000000, 4 * MPQ_SECOND);
	assert_int_equal(pick(1), SHARED);
	mpq_steer_path(steer, 1, &est[1], false, false, now);
	mpq_steer_path(steer, 2, &est[2], false, false, now);
	offer(1, 40000000, 300 * MS);
	assert_int_equal(last[MPQ_STEER_GATHERED].reason, MPQ_STEER_PATH_GONE);
	assert_int_equal(pick(1), 0);
}

static void auto_never_spreads_beyond_the_order_window(void **state)
{
	(void)state;
	mpq_estimate_init(&est[1], now);
	mpq_estimate_init(&est[2], now);
	shape(1, 300 * MS, 50000000);
	shape(2, 400 * MS, 50000000);
	now += 20 * MS;
	mpq_steer_expire(steer, now);
	offer(1, 70000000, 3 * MPQ_SECOND);
	assert_int_equal(events_of[MPQ_STEER_SPREAD], 0);
	assert_int_equal(picked[1] + picked[2], 0);
}

static void a_pause_lets_a_flow_move_to_a_sooner_path(void **state)
{
	(void)state;
	mpq_estimate_queued(&est[0], 250000); /* 40 ms */
	assert_int_equal(pick(1), 1);
	mpq_estimate_queued(&est[0], 0);
	now += 5 * MS; /* path 0 is sooner by 15 ms: it would overtake */
	assert_int_equal(pick(1), 1);
	now += 600 * MS;
	assert_int_equal(pick(1), 0);
	assert_int_equal(last[MPQ_STEER_PINNED].reason, MPQ_STEER_SOONER);
}

static void repair_goes_the_fastest_other_way(void **state)
{
	(void)state;
	assert_int_equal(mpq_steer_repair(steer, 0, 0, LEN, now), 1);
	assert_int_equal(mpq_steer_repair(steer, 0, 1, LEN, now), 0);
	mpq_steer_path(steer, 1, &est[1], false, false, now);
	mpq_steer_path(steer, 2, &est[2], false, false, now);
	assert_int_equal(mpq_steer_repair(steer, 0, 0, LEN, now), 0);
}

/* A slow path has a second of its own to send; where it was lost it would be
 * there in 65 ms, if it is not lost again. */
static void repair_does_not_wait_for_a_slow_path(void **state)
{
	(void)state;
	mpq_steer_path(steer, 2, &est[2], false, false, now);
	est[1].view.cwnd_bytes = 10 * LEN;
	mpq_estimate_queued(&est[1], 2500000);
	assert_int_equal(mpq_steer_repair(steer, 0, 0, LEN, now), 0);
	mpq_estimate_queued(&est[1], 10 * LEN);
	assert_int_equal(mpq_steer_repair(steer, 0, 0, LEN, now), 1);
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
			assert_int_equal(mpq_steer_pick(steer, i % 2, hash, LEN,
							now, &choice),
					 MPQ_STEER_SEND);
		}
	}
	assert_int_equal(mpq_steer_counters(steer, 0)->pinned, 150);
	assert_int_equal(mpq_steer_counters(steer, 1)->pinned, 150);
	hash = 1;
	for (unsigned i = 0; i < 300; i++) {
		hash = hash * 1664525 + 1013904223;
		assert_true(mpq_steer_explain(steer, i % 2, hash, &view));
	}
}

static void repairs_share_the_windows_of_the_others(void **state)
{
	unsigned to[PATHS] = {0};

	(void)state;
	est[0].view.cwnd_bytes = est[1].view.cwnd_bytes = 100000;
	est[2].view.cwnd_bytes = 10 * LEN;
	est[1].view.cwnd_bytes = 10 * LEN;
	mpq_steer_path(steer, 0, &est[0], false, false, now);
	for (unsigned i = 0; i < 200; i++) {
		int path = mpq_steer_repair(steer, 0, 0, LEN, now);

		to[path]++;
		mpq_estimate_queued(&est[path], to[path] * LEN);
	}
	assert_int_equal(to[0], 0);
	assert_in_range(to[1], 150, 160);
	assert_in_range(to[2], 40, 50);
}

static void a_million_flows_take_no_more_memory(void **state)
{
	size_t before;

	(void)state;
	before = mpq_steer_footprint_bytes(steer);
	for (uint32_t i = 0; i < 1000000; i++) {
		(void)pick(i * UINT32_C(2654435761));
		now += (i % 64 == 0) * MS;
	}
	assert_int_equal(mpq_steer_footprint_bytes(steer), before);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(a_path_that_is_gone_is_asked_nothing),
		UNIT(names_are_those_of_atsss),
		UNIT(every_kind_and_reason_has_a_name),
		UNIT(refuses_bad_configuration),
		UNIT(active_standby_takes_the_first_and_returns_to_it),
		UNIT(smallest_delay_waits_for_the_fast_path_when_sooner),
		UNIT(load_balancing_shares_in_proportion_to_capacity),
		UNIT(load_balancing_waits_for_no_path_that_is_full),
		UNIT(priority_based_fills_then_overflows),
		UNIT(redundant_sends_the_copies_asked_for),
		UNIT(a_path_that_was_never_full_takes_all_copies),
		UNIT(copies_take_half_of_a_path_at_most),
		UNIT(excluded_paths_are_never_used),
		UNIT(metered_paths_wait_for_the_others_to_go),
		UNIT(a_rate_limit_holds),
		UNIT(loss_makes_a_path_avoided_with_hysteresis),
		UNIT(a_guarded_class_leaves_a_path_that_loses_a_little),
		UNIT(a_repair_may_be_sooner_than_the_path_without_loss),
		UNIT(a_guarded_class_of_much_needs_the_lossy_path),
		UNIT(a_path_that_loses_again_is_tried_later),
		UNIT(a_queue_in_a_path_makes_it_avoided),
		UNIT(a_path_that_decays_is_avoided_and_tried_again),
		UNIT(a_silent_path_is_left_at_once_and_trusted_later),
		UNIT(a_path_that_alone_brings_no_answer_is_silent_soon),
		UNIT(a_guarded_class_leaves_before_a_hand_over),
		UNIT(silence_everywhere_is_no_reason_to_stop),
		UNIT(auto_keeps_a_small_flow_on_one_path),
		UNIT(auto_spreads_a_flow_that_fills_its_path),
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
