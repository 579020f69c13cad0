/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/lately.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND

static struct mpq_lately lately;
static uint64_t expected, received;
static mpq_time now;

static int setup(void **state)
{
	(void)state;
	now = 1000 * S;
	expected = received = 0;
	mpq_lately_init(&lately, now);
	return 0;
}

/* n datagrams, one each `every`, of which one in `one_in` is lost; 0: none. */
static void pass(unsigned n, mpq_duration every, unsigned one_in)
{
	for (unsigned i = 0; i < n; i++) {
		now += every;
		mpq_lately_pass(&lately, expected, received, now);
		expected++;
		received += one_in == 0 || i % one_in != one_in / 2;
	}
}

static uint32_t ppm(void)
{
	return mpq_lately_ppm(&lately, expected, received);
}

static void nothing_was_lost_of_nothing(void **state)
{
	(void)state;
	assert_int_equal(ppm(), 0);
}

static void tells_the_share_of_the_last_ten_seconds(void **state)
{
	(void)state;
	pass(2000, MS, 20);
	assert_in_range(ppm(), 49500, 50500);
	pass(7900, MS, 0); /* 100 of 9,900 */
	assert_in_range(ppm(), 10000, 10200);
	pass(2200, MS, 0);
	assert_int_equal(ppm(), 0);
}

static void rises_at_once(void **state)
{
	(void)state;
	pass(10000, MS, 0);
	pass(1000, MS, 2);
	assert_in_range(ppm(), 49000, 56000);
}

static void takes_back_what_comes_slots_later(void **state)
{
	(void)state;
	pass(3000, MS, 10);
	received += 300;
	assert_int_equal(ppm(), 0);
	pass(3000, MS, 0);
	assert_int_equal(ppm(), 0);
	pass(12000, MS, 10);
	assert_in_range(ppm(), 99000, 101000);
}

static void
a_path_that_is_only_probed_forgets_within_forty_seconds(void **state)
{
	(void)state;
	pass(3000, MS, 3);
	pass(20, 200 * MS, 0); /* 4 s of one each 200 ms are a slot */
	assert_in_range(ppm(), 300000, 340000);
	pass(180, 200 * MS, 0);
	assert_int_equal(ppm(), 0);
}

static void a_pause_ends_what_was_before_it(void **state)
{
	(void)state;
	pass(3000, MS, 3);
	pass(1, 9 * S, 0);
	assert_in_range(ppm(), 300000, 340000);
	pass(1, 10 * S, 0);
	assert_int_equal(ppm(), 0);
	/* What was missing when it ended is not: a whole flight of it. */
	now += 10 * S;
	mpq_lately_pass(&lately, expected, received, now);
	expected += 10;
	received++;
	assert_int_equal(ppm(), 900000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_was_lost_of_nothing, setup),
		cmocka_unit_test_setup(tells_the_share_of_the_last_ten_seconds,
				       setup),
		cmocka_unit_test_setup(rises_at_once, setup),
		cmocka_unit_test_setup(takes_back_what_comes_slots_later,
				       setup),
		cmocka_unit_test_setup(
			a_path_that_is_only_probed_forgets_within_forty_seconds,
			setup),
		cmocka_unit_test_setup(a_pause_ends_what_was_before_it, setup),
	};

	return cmocka_run_group_tests_name("bond/lately", tests, NULL, NULL);
}
