/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/alarms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DAY ((time_t)86400)
#define NOW ((time_t)1800000000) /* 2027-01-15 08:00 UTC */

static const char *expiry(time_t left)
{
	static char text[MPQ_ALARMS_TEXT_BYTES];

	mpq_alarms_dates(NOW - DAY, NOW + left, NOW, text);
	return text;
}

static void is_silent_for_more_than_thirty_days(void **state)
{
	(void)state;
	assert_string_equal(expiry(400 * DAY), "");
	assert_string_equal(expiry(30 * DAY + 1), "");
}

static void warns_at_thirty_seven_and_one(void **state)
{
	(void)state;
	assert_non_null(strstr(expiry(30 * DAY), "less than 30 days"));
	assert_non_null(strstr(expiry(7 * DAY + 1), "less than 30 days"));
	assert_non_null(strstr(expiry(7 * DAY), "less than 7 days"));
	assert_non_null(strstr(expiry(DAY), "less than 1 day."));
	assert_non_null(strstr(expiry(1), "2027-01-15 08:00 UTC"));
}

static void says_when_it_is_over(void **state)
{
	(void)state;
	assert_non_null(strstr(expiry(0), "expired on 2027-01-15 08:00 UTC"));
	assert_non_null(strstr(expiry(-DAY), "expired on 2027-01-14"));
}

static void doubts_the_clock_before_the_beginning(void **state)
{
	char text[MPQ_ALARMS_TEXT_BYTES];

	(void)state;
	mpq_alarms_dates(NOW, NOW + 400 * DAY, DAY, text);
	assert_non_null(strstr(text, "not valid before 2027-01-15"));
	assert_non_null(strstr(text, "the clock here says 1970-01-02"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_silent_for_more_than_thirty_days),
		cmocka_unit_test(warns_at_thirty_seven_and_one),
		cmocka_unit_test(says_when_it_is_over),
		cmocka_unit_test(doubts_the_clock_before_the_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
