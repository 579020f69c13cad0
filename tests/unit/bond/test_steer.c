/* SPDX-License-Identifier: Apache-2.0 */
/* Modes, and what every class is held to. */
#include "tests/unit/bond/steer_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS MPQ_MILLISECOND

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
	assert_int_equal(mpq_steer_configure(rig.steer, MPQ_STEER_CLASSES, &c,
					     rig.now),
			 -EINVAL);
	c.order[0] = 1;
	c.order[1] = 1;
	c.n_order = 2;
	assert_int_equal(mpq_steer_configure(rig.steer, 0, &c, rig.now),
			 -EINVAL);
	c.n_order = 1;
	c.excluded = 2;
	assert_int_equal(mpq_steer_configure(rig.steer, 0, &c, rig.now),
			 -EINVAL);
	c.excluded = 1;
	assert_int_equal(mpq_steer_configure(rig.steer, 0, &c, rig.now), 0);
	c.mode = MPQ_STEER_MODES;
	assert_int_equal(mpq_steer_configure(rig.steer, 0, &c, rig.now),
			 -EINVAL);
}

static void active_standby_takes_the_first_and_returns_to_it(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_ACTIVE_STANDBY,
		.order = {2, 0},
		.n_order = 2};

	(void)state;
	rig_configure(&c);
	assert_int_equal(rig_pick(1), 2);
	mpq_steer_path(rig.steer, 2, &rig.est[2], false, false, rig.now);
	assert_int_equal(rig_pick(1), 0);
	assert_int_equal(rig.last[MPQ_STEER_ACTIVE].reason,
			 MPQ_STEER_PATH_GONE);
	mpq_steer_path(rig.steer, 0, &rig.est[0], false, false, rig.now);
	assert_int_equal(rig_pick(1), 1);
	mpq_steer_path(rig.steer, 2, &rig.est[2], true, false, rig.now);
	assert_int_equal(rig_pick(1), 2);
	assert_int_equal(rig.last[MPQ_STEER_ACTIVE].reason,
			 MPQ_STEER_RECOVERED);
	assert_int_equal(rig.last[MPQ_STEER_ACTIVE].from, 2);
	assert_int_equal(rig.last[MPQ_STEER_ACTIVE].to, 4);
}

static void smallest_delay_waits_for_the_fast_path_when_sooner(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_SMALLEST_DELAY};

	(void)state;
	rig_configure(&c);
	assert_int_equal(rig_pick(1), RIG_SHARED);
	assert_true(rig_may_pull(0, RIG_LEN));
	assert_false(rig_may_pull(1, RIG_LEN));
	assert_false(rig_may_pull(1, 80000)); /* 13 ms; it is 15 ms later */
	assert_true(rig_may_pull(1, 110000)); /* 18 ms */
	assert_false(
		rig_may_pull(2, 320000));     /* 36 ms with both; 45 ms later */
	assert_true(rig_may_pull(2, 420000)); /* 48 ms */
}

/* What the others bring in the 15 ms, and in the 45 and 30, that they are
 * sooner. */
static void takes_from_behind_what_faster_ones_bring_before(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_SMALLEST_DELAY};
	mpq_duration gain = 1;

	(void)state;
	rig_configure(&c);
	assert_int_equal(mpq_steer_pull_behind(rig.steer, 0, 0, RIG_LEN, &gain),
			 0);
	assert_int_equal(gain, 0);
	assert_int_equal(mpq_steer_pull_behind(rig.steer, 0, 1, RIG_LEN, &gain),
			 50000000 / 8 * 15 / 1000);
	assert_int_equal(gain, 15 * MPQ_MILLISECOND);
	assert_int_equal(mpq_steer_pull_behind(rig.steer, 0, 2, RIG_LEN, &gain),
			 50000000 / 8 * 45 / 1000 + 20000000 / 8 * 30 / 1000);
	assert_int_equal(gain, 45 * MPQ_MILLISECOND);
	rig_shape(1, 33 * MPQ_MILLISECOND, 20000000); /* as good */
	rig_pass(20 * MPQ_MILLISECOND);
	assert_int_equal(mpq_steer_pull_behind(rig.steer, 0, 1, RIG_LEN, &gain),
			 0);
	mpq_steer_path(rig.steer, 0, &rig.est[0], false, false, rig.now);
	mpq_steer_path(rig.steer, 1, &rig.est[1], false, false, rig.now);
	assert_int_equal(mpq_steer_pull_behind(rig.steer, 0, 2, RIG_LEN, &gain),
			 0);
}

static void load_balancing_shares_in_proportion_to_capacity(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_LOAD_BALANCING};

	(void)state;
	rig_configure(&c);
	for (unsigned i = 0; i < RIG_PATHS; i++) {
		rig.est[i].view.cwnd_bytes = 100000;
	}
	rig_offer(1, 8000000,
		  8 * MPQ_SECOND); /* 8000 packets; a tenth of all */
	assert_in_range(rig.picked[0], 4900, 5100);
	assert_in_range(rig.picked[1], 1900, 2100);
	assert_in_range(rig.picked[2], 900, 1100);
}

static void load_balancing_waits_for_no_path_that_is_full(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_LOAD_BALANCING};

	(void)state;
	rig_configure(&c);
	for (unsigned i = 0; i < 100; i++) { /* the others have no window */
		assert_true(rig_may_pull(0, RIG_LEN));
		mpq_steer_pulled(rig.steer, 0, 0, RIG_LEN, rig.now);
	}
	rig.est[1].view.cwnd_bytes = 100000;
	assert_false(rig_may_pull(0, RIG_LEN));
	assert_true(rig_may_pull(1, RIG_LEN));
	assert_true(rig_may_pull(0, 80000)); /* it does not take its share */
}

/* By shares or by order the faster ones may not take what is before. */
static void only_what_goes_by_delay_is_taken_from_behind(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;
	mpq_duration gain;

	(void)state;
	for (c.mode = 0; c.mode < MPQ_STEER_MODES; c.mode++) {
		bool by_delay = c.mode == MPQ_STEER_AUTO ||
				c.mode == MPQ_STEER_SMALLEST_DELAY;

		rig_configure(&c);
		assert_int_equal(mpq_steer_pull_behind(rig.steer, 0, 1, RIG_LEN,
						       &gain) > 0,
				 by_delay);
		assert_int_equal(gain > 0, by_delay);
	}
}

static void priority_based_fills_then_overflows(void **state)
{
	const struct mpq_steer_class_config c = {
		.mode = MPQ_STEER_PRIORITY_BASED, .order = {1}, .n_order = 1};

	(void)state;
	rig_configure(&c);
	assert_int_equal(rig_pick(1), RIG_SHARED);
	assert_true(rig_may_pull(1, RIG_LEN));
	assert_false(rig_may_pull(0, 5 * 2500)); /* 5 ms at 20 Mbit/s */
	assert_true(rig_may_pull(0, 10 * 2500));
	assert_false(rig_may_pull(2, 10 * 2500)); /* the two carry 70 Mbit/s */
	mpq_steer_path(rig.steer, 1, &rig.est[1], false, false, rig.now);
	assert_true(rig_may_pull(0, RIG_LEN));
	assert_false(rig_may_pull(1, RIG_LEN));
}

static void redundant_sends_the_copies_asked_for(void **state)
{
	struct mpq_steer_class_config c = {.mode = MPQ_STEER_REDUNDANT,
					   .copies = 2};
	struct mpq_steer_choice choice;

	(void)state;
	rig_configure(&c);
	assert_int_equal(mpq_steer_pick(rig.steer, 0, 1, RIG_LEN, rig.now,
					&choice),
			 0);
	assert_int_equal(choice.n, 2);
	assert_int_equal(choice.path[0], 0);
	assert_int_equal(choice.path[1], 1);
	c.copies = 0; /* all */
	c.excluded = 2;
	rig_configure(&c);
	rig.now += 20 * MS;
	assert_int_equal(mpq_steer_pick(rig.steer, 0, 1, RIG_LEN, rig.now,
					&choice),
			 0);
	assert_int_equal(choice.n, 2);
	assert_int_equal(choice.path[1], 2);
}

static void what_is_steered_again_pays_for_no_copies(void **state)
{
	const struct mpq_steer_class_config c = {.mode = MPQ_STEER_REDUNDANT};
	struct mpq_steer_choice choice;

	(void)state;
	rig_configure(&c);
	for (int i = 0; i < 1000; i++) { /* at once: more than copies may be */
		assert_int_equal(mpq_steer_pick_again(rig.steer, 0, 1, RIG_LEN,
						      rig.now, &choice),
				 0);
		assert_int_equal(choice.n, 1);
		assert_int_equal(choice.path[0], 0);
	}
	assert_int_equal(mpq_steer_counters(rig.steer, 0)->copies, 0);
	assert_int_equal(mpq_steer_counters(rig.steer, 0)->copies_withheld, 0);
	assert_int_equal(mpq_steer_pick(rig.steer, 0, 1, RIG_LEN, rig.now,
					&choice),
			 0);
	assert_int_equal(choice.n, RIG_PATHS);
}

/* It looks as slow as what it carried so far. */
static void a_path_that_was_never_full_takes_all_copies(void **state)
{
	const struct mpq_steer_class_config c = {.mode = MPQ_STEER_REDUNDANT,
						 .copies = 2};
	struct mpq_steer_choice choice;

	(void)state;
	rig.est[1].rate_bps = 300000;
	rig.est[1].proven = MPQ_TIME_NEVER;
	rig_configure(&c);
	for (int i = 0; i < 4000; i++, rig.now += MS) { /* 8 Mbit/s, 4 s */
		assert_int_equal(mpq_steer_pick(rig.steer, 0, 1, RIG_LEN,
						rig.now, &choice),
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
	uint64_t copies[RIG_PATHS] = {0};

	(void)state;
	rig_configure(&c);
	for (int i = 0; i < 20000;
	     i++, rig.now += MS / 4) { /* 32 Mbit/s, 5 s */
		assert_int_equal(mpq_steer_pick(rig.steer, 0, 1, RIG_LEN,
						rig.now, &choice),
				 0);
		for (unsigned k = 1; k < choice.n; k++) {
			copies[choice.path[k]] += RIG_LEN * 8;
		}
	}
	assert_in_range(copies[1], 45000000, 51000000); /* of 100 Mbit */
	assert_in_range(copies[2], 22500000, 25500000); /* of 50 Mbit */
	n = mpq_steer_counters(rig.steer, 0);
	assert_true(n->copies_withheld > 0);
	assert_int_equal(n->copies, (copies[1] + copies[2]) / 8 / RIG_LEN);
}

static void excluded_paths_are_never_used(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;
	struct mpq_steer_choice choice;

	(void)state;
	c.excluded = 1;
	for (unsigned m = 0; m < MPQ_STEER_MODES; m++) {
		c.mode = (enum mpq_steer_mode)m;
		rig_configure(&c);
		for (unsigned i = 0; i < 200; i++, rig.now += MS) {
			assert_int_equal(mpq_steer_pick(rig.steer, 0, i % 5,
							RIG_LEN, rig.now,
							&choice),
					 0);
			for (unsigned k = 0; k < choice.n; k++) {
				assert_int_not_equal(choice.path[k], 0);
			}
		}
	}
	mpq_steer_path(rig.steer, 1, &rig.est[1], false, false, rig.now);
	mpq_steer_path(rig.steer, 2, &rig.est[2], false, false, rig.now);
	assert_int_equal(mpq_steer_pick(rig.steer, 0, 1, RIG_LEN, rig.now,
					&choice),
			 MPQ_STEER_NO_PATH);
	assert_int_equal(mpq_steer_repair(rig.steer, 0, 1, RIG_LEN, rig.now),
			 -ENETUNREACH);
}

static void metered_paths_wait_for_the_others_to_go(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;

	(void)state;
	c.avoid_metered = true;
	rig_configure(&c);
	mpq_steer_path(rig.steer, 0, &rig.est[0], true, true, rig.now);
	assert_int_equal(rig_pick(1), 1);
	mpq_steer_path(rig.steer, 1, &rig.est[1], false, false, rig.now);
	mpq_steer_path(rig.steer, 2, &rig.est[2], false, false, rig.now);
	assert_int_equal(rig_pick(1), 0);
}

static void a_rate_limit_holds(void **state)
{
	struct mpq_steer_class_config c = mpq_steer_class_default;
	struct mpq_steer_choice choice;
	unsigned sent = 0;

	(void)state;
	c.rate_limit_bps = 4000000;
	rig_configure(&c);
	for (int i = 0; i < 10000;
	     i++, rig.now += MS / 2) { /* 16 Mbit/s, 5 s */
		sent += mpq_steer_pick(rig.steer, 0, 1, RIG_LEN, rig.now,
				       &choice) == MPQ_STEER_SEND;
	}
	assert_in_range(sent, 2400, 2600);
	assert_int_equal(mpq_steer_counters(rig.steer, 0)->over_rate,
			 10000 - sent);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(names_are_those_of_atsss),
		UNIT(every_kind_and_reason_has_a_name),
		UNIT(refuses_bad_configuration),
		UNIT(active_standby_takes_the_first_and_returns_to_it),
		UNIT(smallest_delay_waits_for_the_fast_path_when_sooner),
		UNIT(takes_from_behind_what_faster_ones_bring_before),
		UNIT(load_balancing_shares_in_proportion_to_capacity),
		UNIT(load_balancing_waits_for_no_path_that_is_full),
		UNIT(only_what_goes_by_delay_is_taken_from_behind),
		UNIT(priority_based_fills_then_overflows),
		UNIT(redundant_sends_the_copies_asked_for),
		UNIT(what_is_steered_again_pays_for_no_copies),
		UNIT(a_path_that_was_never_full_takes_all_copies),
		UNIT(copies_take_half_of_a_path_at_most),
		UNIT(excluded_paths_are_never_used),
		UNIT(metered_paths_wait_for_the_others_to_go),
		UNIT(a_rate_limit_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
