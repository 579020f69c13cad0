/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/capacity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS   MPQ_MILLISECOND
#define S    MPQ_SECOND
#define MBIT 1000000

static struct mpq_capacity capacity;
static mpq_time now;
static mpq_duration idle;

static int setup(void **state)
{
	(void)state;
	now = 1000 * S;
	idle = 0;
	mpq_capacity_init(&capacity);
	return 0;
}

/* Acknowledgements of 1250 bytes at so many Mbit/s; of each second the sender
 * had nothing to send for `idle_part` percent. */
static void pass(mpq_duration time, unsigned mbps, unsigned idle_part,
		 bool queued)
{
	mpq_duration every = 10 * MS / mbps;

	for (mpq_time end = now + time; now < end; now += every) {
		idle += every * idle_part / 100;
		mpq_capacity_acked(&capacity, 1250, idle, queued, now);
	}
}

static void tells_what_a_full_path_carries(void **state)
{
	(void)state;
	assert_int_equal(capacity.bps, 0);
	pass(3 * S, 20, 0, true);
	assert_in_range(capacity.bps, 19.5 * MBIT, 20.5 * MBIT);
	assert_false(capacity.at_least);
	assert_true(now - capacity.at < S);
}

static void what_was_not_full_can_do_at_least_that(void **state)
{
	(void)state;
	pass(3 * S, 4, 80, false);
	assert_in_range(capacity.bps, 3.9 * MBIT, 4.1 * MBIT);
	assert_true(capacity.at_least);
	for (int i = 0; i < 30; i++) { /* more, losses, no queue: held back */
		pass(S / 10, 8, 0, false);
		mpq_capacity_lost(&capacity);
	}
	assert_in_range(capacity.bps, 7.8 * MBIT, 8.2 * MBIT);
	assert_true(capacity.at_least);
	pass(3 * S, 8, 0, false); /* and the same without any */
	assert_false(capacity.at_least);
}

static void a_full_path_that_loses_can_do_at_least_that(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		pass(S / 10, 20, 0, true);
		mpq_capacity_lost(&capacity);
		mpq_capacity_lost(&capacity);
	}
	assert_in_range(capacity.bps, 19 * MBIT, 21 * MBIT);
	assert_true(capacity.at_least);
}

static void less_traffic_is_no_less_capacity(void **state)
{
	mpq_time full;

	(void)state;
	pass(3 * S, 20, 0, true);
	full = now;
	pass(30 * S, 2, 90, false);
	assert_in_range(capacity.bps, 19.5 * MBIT, 20.5 * MBIT);
	assert_false(capacity.at_least);
	assert_true(capacity.at <= full + S / 2);
	/* For a minute. */
	pass(40 * S, 2, 90, false);
	assert_in_range(capacity.bps, 1.9 * MBIT, 2.1 * MBIT);
	assert_true(capacity.at_least);
}

static void a_sender_that_holds_back_lowers_nothing(void **state)
{
	(void)state;
	pass(3 * S, 20, 0, true);
	pass(20 * S, 9, 0, false);
	assert_in_range(capacity.bps, 19.5 * MBIT, 20.5 * MBIT);
	assert_false(capacity.at_least);
}

static void follows_a_link_that_slows_down_or_speeds_up(void **state)
{
	(void)state;
	pass(3 * S, 20, 0, true);
	pass(8 * S, 5, 0, true);
	assert_in_range(capacity.bps, 4.9 * MBIT, 5.5 * MBIT);
	assert_false(capacity.at_least);
	pass(2 * S, 20, 0, true);
	assert_in_range(capacity.bps, 19.5 * MBIT, 20.5 * MBIT);
}

static void what_a_silence_held_back_is_no_rate(void **state)
{
	(void)state;
	pass(3 * S, 20, 0, true);
	now += 300 * MS;
	mpq_capacity_skip(&capacity);
	for (int i = 0; i < 2000; i++) { /* all at once */
		mpq_capacity_acked(&capacity, 1250, idle, true, now);
	}
	pass(S, 20, 0, true);
	assert_in_range(capacity.bps, 19.5 * MBIT, 20.5 * MBIT);
}

static void a_pause_is_no_sample(void **state)
{
	(void)state;
	pass(3 * S, 20, 0, true);
	for (int i = 0; i < 10; i++) {
		now += 3 * S;
		mpq_capacity_acked(&capacity, 60, idle, true, now);
	}
	assert_in_range(capacity.bps, 19.5 * MBIT, 20.5 * MBIT);
	assert_false(capacity.at_least);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tells_what_a_full_path_carries, setup),
		cmocka_unit_test_setup(what_was_not_full_can_do_at_least_that,
				       setup),
		cmocka_unit_test_setup(
			a_full_path_that_loses_can_do_at_least_that, setup),
		cmocka_unit_test_setup(less_traffic_is_no_less_capacity, setup),
		cmocka_unit_test_setup(a_sender_that_holds_back_lowers_nothing,
				       setup),
		cmocka_unit_test_setup(
			follows_a_link_that_slows_down_or_speeds_up, setup),
		cmocka_unit_test_setup(what_a_silence_held_back_is_no_rate,
				       setup),
		cmocka_unit_test_setup(a_pause_is_no_sample, setup),
	};

	return cmocka_run_group_tests_name("bond/capacity", tests, NULL, NULL);
}
