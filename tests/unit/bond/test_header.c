/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/header.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void is_drawn_as_in_the_readme(void **state)
{
	static const uint8_t drawn[] = {0x47, 0xab, 0x12, 0x34, 0x56,
					0xfe, 0xdc, 0xba, 0xbe, 0xef};
	const struct mpq_header header = {
		.kind = MPQ_HEADER_REPAIR,
		.class_id = 7,
		.lane = 0xab,
		.sequence = 0x123456,
		.clock = 0xfedcba,
		.path_sequence = 0xbeef,
	};
	uint8_t out[MPQ_HEADER_BYTES];
	struct mpq_header read;

	(void)state;
	mpq_header_write(out, &header);
	assert_memory_equal(out, drawn, sizeof(drawn));
	assert_int_equal(mpq_header_read(drawn, sizeof(drawn), &read),
			 MPQ_HEADER_BYTES);
	assert_int_equal(read.kind, MPQ_HEADER_REPAIR);
	assert_int_equal(read.class_id, 7);
	assert_int_equal(read.lane, 0xab);
	assert_int_equal(read.sequence, 0x123456);
	assert_int_equal(read.clock, 0xfedcba);
	assert_int_equal(read.path_sequence, 0xbeef);
}

static void keeps_fields_apart_when_one_is_too_large(void **state)
{
	const struct mpq_header header = {
		.kind = MPQ_HEADER_DATA,
		.class_id = 0xff,
		.sequence = 0x1000001,
		.clock = 0xff000002,
	};
	uint8_t out[MPQ_HEADER_BYTES];
	struct mpq_header read;

	(void)state;
	mpq_header_write(out, &header);
	(void)mpq_header_read(out, sizeof(out), &read);
	assert_int_equal(read.kind, MPQ_HEADER_DATA);
	assert_int_equal(read.class_id, 31);
	assert_int_equal(read.lane, 0);
	assert_int_equal(read.sequence, 1);
	assert_int_equal(read.clock, 2);
}

static void rejects_what_is_too_short(void **state)
{
	const uint8_t data[MPQ_HEADER_BYTES] = {0};
	struct mpq_header read = {.lane = 42};

	(void)state;
	for (size_t len = 0; len < MPQ_HEADER_BYTES; len++) {
		assert_int_equal(mpq_header_read(data, len, &read), -EBADMSG);
		assert_int_equal(read.lane, 42);
	}
}

static void knows_by_the_upper_bit_what_has_no_place_in_a_lane(void **state)
{
	(void)state;
	for (uint8_t kind = 0; kind < MPQ_HEADER_KINDS; kind++) {
		const struct mpq_header header = {.kind = kind};

		assert_int_equal(mpq_header_in_lane(&header), kind < 4);
	}
}

static void compares_across_the_wrap(void **state)
{
	(void)state;
	assert_int_equal(mpq_header_distance24(5, 3), 2);
	assert_int_equal(mpq_header_distance24(3, 5), -2);
	assert_int_equal(mpq_header_distance24(1, 0xffffff), 2);
	assert_int_equal(mpq_header_distance24(0xffffff, 1), -2);
	assert_int_equal(mpq_header_distance24(0x7fffff, 0), 0x7fffff);
	assert_int_equal(mpq_header_distance24(0x800000, 0), -0x800000);
	assert_int_equal(mpq_header_distance16(1, 0xffff), 2);
	assert_int_equal(mpq_header_distance16(0xffff, 1), -2);
	assert_int_equal(mpq_header_distance16(0x7fff, 0), 0x7fff);
	assert_int_equal(mpq_header_distance16(0x8000, 0), -0x8000);
}

static void counts_the_clock_in_ticks_and_wraps_it(void **state)
{
	const mpq_time circle = (MPQ_HEADER_MASK24 + 1) * MPQ_HEADER_TICK;

	(void)state;
	assert_int_equal(mpq_header_clock(0), 0);
	assert_int_equal(mpq_header_clock(15999), 0);
	assert_int_equal(mpq_header_clock(16000), 1);
	assert_int_equal(mpq_header_clock(circle - 1), MPQ_HEADER_MASK24);
	assert_int_equal(mpq_header_clock(circle), 0);
	assert_int_equal(mpq_header_clock(7 * circle + 32000), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_drawn_as_in_the_readme),
		cmocka_unit_test(keeps_fields_apart_when_one_is_too_large),
		cmocka_unit_test(rejects_what_is_too_short),
		cmocka_unit_test(
			knows_by_the_upper_bit_what_has_no_place_in_a_lane),
		cmocka_unit_test(compares_across_the_wrap),
		cmocka_unit_test(counts_the_clock_in_ticks_and_wraps_it),
	};

	return cmocka_run_group_tests_name("bond/header", tests, NULL, NULL);
}
