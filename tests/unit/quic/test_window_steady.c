/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/quic/window_steady.h"

#define MS   MPQ_MILLISECOND
#define MBPS ((uint64_t)1000000)
#define RTT  (80 * MS)

/* Rounds with a mean of RTT, in which nothing was tried. */
static struct mpq_window_steady rested(void)
{
	struct mpq_window_steady s = {.bps = 100 * MBPS};

	for (unsigned i = 0; i < 10; i++) {
		mpq_window_steady_begin(&s);
		mpq_window_steady_sample(&s, RTT - 5 * MS);
		mpq_window_steady_sample(&s, RTT + 5 * MS);
		mpq_window_steady_rested(&s);
	}
	return s;
}

static void try_percent(struct mpq_window_steady *s, unsigned percent,
			unsigned came_percent, mpq_duration rtt)
{
	const struct mpq_window_try t = {.most_bps = s->bps,
					 .sent_bps =
						 s->bps * (100 + percent) / 100,
					 .came_bps =
						 s->bps * came_percent / 100,
					 .rtt = RTT};

	mpq_window_steady_begin(s);
	mpq_window_steady_sample(s, rtt);
	mpq_window_steady_tried(s, &t);
}

static void what_left_no_queue_is_taken_for_more(void **state)
{
	struct mpq_window_steady s = rested();

	(void)state;
	try_percent(&s, 5, 105, RTT);
	assert_true(s.bps > 102 * MBPS && s.bps < 103 * MBPS);
	assert_int_equal(mpq_window_steady_more(&s), 0);
}

/* 4 ms of queue come of 5 % that are not carried, as a round ends. */
static void what_left_a_queue_is_no_more_however_fast_it_came(void **state)
{
	struct mpq_window_steady s = rested();

	(void)state;
	try_percent(&s, 5, 120, RTT + 2 * MS);
	assert_true(s.bps == 100 * MBPS);
}

static void no_more_than_was_sent_is_believed(void **state)
{
	struct mpq_window_steady s = rested();

	(void)state;
	try_percent(&s, 5, 130, RTT);
	assert_true(s.bps < 103 * MBPS);
}

static void what_is_sure_is_taken_whole_and_more_is_tried(void **state)
{
	struct mpq_window_steady s = rested();

	(void)state;
	try_percent(&s, 5, 105, RTT);
	try_percent(&s, 5, 105, RTT);
	assert_int_equal(mpq_window_steady_more(&s), 10);
	try_percent(&s, 10, 110, RTT + MS);
	try_percent(&s, 10, 110, RTT + MS);
	assert_int_equal(mpq_window_steady_more(&s), 25);
	assert_true(s.bps > 115 * MBPS);
	try_percent(&s, 25, 125, RTT + 3 * MS);
	assert_int_equal(mpq_window_steady_more(&s), 25);
	assert_true(s.bps > 144 * MBPS);
}

/* It had risen too much, so that by then a queue stands. */
static void a_rise_that_was_wrong_is_half_taken_back(void **state)
{
	struct mpq_window_steady s = rested();
	uint64_t risen;

	(void)state;
	try_percent(&s, 5, 105, RTT);
	try_percent(&s, 5, 105, RTT);
	try_percent(&s, 10, 110, RTT);
	risen = s.bps;
	try_percent(&s, 10, 90, RTT + 5 * MS);
	assert_int_equal(mpq_window_steady_more(&s), 0);
	assert_true(s.bps > risen / 100 * 94 && s.bps < risen / 100 * 96);
}

/* Jitter makes a round slower as well. */
static void less_is_believed_by_and_by_and_only_with_a_queue(void **state)
{
	struct mpq_window_steady s = rested();

	(void)state;
	try_percent(&s, 5, 80, RTT);
	assert_true(s.bps == 100 * MBPS);
	assert_int_equal(mpq_window_steady_more(&s), 0);
	try_percent(&s, 5, 80, RTT + 5 * MS);
	assert_true(s.bps > 97 * MBPS && s.bps < 98 * MBPS);
}

static void before_a_round_of_rest_nothing_is_known(void **state)
{
	struct mpq_window_steady s = {.bps = 100 * MBPS};

	(void)state;
	try_percent(&s, 5, 105, RTT);
	assert_true(s.bps == 100 * MBPS);
}

static void the_usual_delay_follows_the_way(void **state)
{
	struct mpq_window_steady s = rested();

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		mpq_window_steady_begin(&s);
		mpq_window_steady_sample(&s, RTT + 40 * MS);
		mpq_window_steady_rested(&s);
	}
	try_percent(&s, 5, 105, RTT + 40 * MS);
	assert_true(s.bps > 102 * MBPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_left_no_queue_is_taken_for_more),
		cmocka_unit_test(
			what_left_a_queue_is_no_more_however_fast_it_came),
		cmocka_unit_test(no_more_than_was_sent_is_believed),
		cmocka_unit_test(what_is_sure_is_taken_whole_and_more_is_tried),
		cmocka_unit_test(a_rise_that_was_wrong_is_half_taken_back),
		cmocka_unit_test(
			less_is_believed_by_and_by_and_only_with_a_queue),
		cmocka_unit_test(before_a_round_of_rest_nothing_is_known),
		cmocka_unit_test(the_usual_delay_follows_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
