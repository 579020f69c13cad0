/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/copies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND

static struct mpq_delay delay;
static struct mpq_copies_lane lane;
static uint16_t path_sequence;

static int setup(void **state)
{
	(void)state;
	mpq_delay_init(&delay);
	memset(&lane, 0, sizeof(lane));
	path_sequence = 0;
	return 0;
}

/* On path 0, and 10 ms under way. */
static void arrive(uint32_t sequence, unsigned sent_ms)
{
	const struct mpq_header header = {
		.kind = MPQ_HEADER_COPY,
		.sequence = sequence,
		.clock = mpq_header_clock(1000 * S + sent_ms * MS),
		.path_sequence = path_sequence++,
	};
	mpq_time sent = mpq_delay_arrived(&delay, 0, &header,
					  1000 * S + (sent_ms + 10) * MS);

	mpq_copies_arrived(&lane, &delay, 0, sequence & MPQ_HEADER_MASK24,
			   sent);
}

static bool passed(uint32_t sequence)
{
	return mpq_copies_passed(&lane, &delay, 0,
				 sequence & MPQ_HEADER_MASK24);
}

static void a_path_has_passed_what_is_before_the_last_it_brought(void **state)
{
	(void)state;
	arrive(5, 0);
	assert_true(passed(4));
	assert_false(passed(5));
	assert_false(passed(6));
	arrive(7, 1);
	assert_true(passed(6));
	assert_false(passed(7));
	arrive(6, 2); /* does not take it back */
	assert_true(passed(6));
}

static void nothing_comes_on_a_path_that_is_not_known(void **state)
{
	(void)state;
	assert_true(passed(4));
	arrive(3, 0);
	assert_false(passed(4));
	mpq_delay_forget(&delay, 0);
	assert_true(passed(4));
}

static void a_path_that_brought_none_has_passed_none(void **state)
{
	(void)state;
	arrive(5, 0);
	memset(&lane, 0, sizeof(lane));
	assert_false(passed(4));
	assert_false(passed(MPQ_HEADER_MASK24));
}

/* What was seen to be overtaken by 20 ms may be so again. */
static void where_packets_overtake_each_other_it_takes_as_long(void **state)
{
	(void)state;
	arrive(0, 20);
	arrive(1, 0);
	arrive(3, 30);
	assert_false(passed(2));
	arrive(4, 49);
	assert_false(passed(2));
	assert_false(passed(3));
	arrive(5, 50);
	assert_true(passed(2));
	assert_false(passed(4));
	arrive(6, 70);
	assert_true(passed(4));
	assert_false(passed(5));
}

static void follows_the_sequence_around(void **state)
{
	(void)state;
	arrive(MPQ_HEADER_MASK24, 0);
	assert_true(passed(MPQ_HEADER_MASK24 - 1));
	assert_false(passed(0));
	arrive(1, 1);
	assert_true(passed(0));
	assert_true(passed(MPQ_HEADER_MASK24));
}

static void what_is_far_ahead_is_of_long_ago(void **state)
{
	(void)state;
	arrive(9000, 0);
	assert_false(passed(100));
	arrive(101, 1);
	assert_true(passed(100));
	assert_false(passed(102));
}

static void who_brings_none_while_others_do_is_behind(void **state)
{
	struct mpq_copies_class class = {0};

	(void)state;
	mpq_copies_heard(&class, 0, 10 * S);
	mpq_copies_heard(&class, 0, 11 * S);
	assert_int_equal(class.behind[0], 0);
	assert_int_equal(class.behind[1], 10 * S);
	mpq_copies_heard(&class, 1, 12 * S);
	assert_int_equal(class.behind[0], 12 * S);
	assert_int_equal(class.behind[1], 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_path_has_passed_what_is_before_the_last_it_brought),
		TEST(nothing_comes_on_a_path_that_is_not_known),
		TEST(a_path_that_brought_none_has_passed_none),
		TEST(where_packets_overtake_each_other_it_takes_as_long),
		TEST(follows_the_sequence_around),
		TEST(what_is_far_ahead_is_of_long_ago),
		TEST(who_brings_none_while_others_do_is_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
