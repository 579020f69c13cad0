/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"

static void never_steps_back(void **state)
{
	mpq_time last = mpq_clock_now();

	(void)state;
	assert_true(last > 0);
	for (int i = 0; i < 1000; i++) {
		mpq_time now = mpq_clock_now();

		assert_true(now >= last);
		last = now;
	}
}

static void elapsed_is_never_negative(void **state)
{
	(void)state;
	assert_int_equal(mpq_time_elapsed(5, 12), 7);
	assert_int_equal(mpq_time_elapsed(12, 5), 0);
	assert_int_equal(mpq_time_elapsed(MPQ_TIME_NEVER, 5), 0);
}

static void never_is_later_than_any_time(void **state)
{
	(void)state;
	assert_int_equal(mpq_time_min(MPQ_TIME_NEVER, 3), 3);
	assert_int_equal(mpq_time_min(3, MPQ_TIME_NEVER), 3);
	assert_int_equal(mpq_time_min(3, 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_steps_back),
		cmocka_unit_test(elapsed_is_never_negative),
		cmocka_unit_test(never_is_later_than_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
