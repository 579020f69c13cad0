/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct mpq_held held;
static struct mpq_held_lane lanes[2];

static int setup(void **state)
{
	(void)state;
	lanes[0] = lanes[1] = (struct mpq_held_lane){0};
	return mpq_held_init(&held, 100, 1000, 0);
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct mpq_held_packet *p;

		while ((p = mpq_held_oldest(&held, &lanes[i])) != NULL) {
			(void)mpq_held_take(&held, &lanes[i], p);
		}
	}
	mpq_held_finish(&held);
	return 0;
}

static void put(uint32_t lane, uint32_t sequence)
{
	const struct mpq_held_packet p = {
		.packet = &held,
		.len_bytes = 10,
		.lane = lane,
		.sequence = sequence,
	};

	mpq_held_put(&held, &lanes[lane], &p);
}

static void take(uint32_t lane, uint32_t sequence)
{
	struct mpq_held_packet p =
		mpq_held_take(&held, &lanes[lane],
			      mpq_held_find(&held, lane, sequence));

	assert_int_equal(p.lane, lane);
	assert_int_equal(p.sequence, sequence);
}

static void finds_by_lane_and_sequence(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 50; i++) {
		put(0, 1000 * i);
		put(1, 1000 * i);
	}
	for (uint32_t i = 0; i < 50; i++) {
		take(1, 1000 * i);
		assert_null(mpq_held_find(&held, 1, 1000 * i));
		take(0, 1000 * i);
	}
	assert_null(mpq_held_find(&held, 0, 1));
	assert_int_equal(held.pkts, 0);
	assert_int_equal(held.bytes, 0);
}

static void knows_the_oldest_of_a_lane(void **state)
{
	(void)state;
	assert_null(mpq_held_oldest(&held, &lanes[0]));
	put(0, 9);
	put(1, 1);
	put(0, 7);
	put(0, 8);
	assert_int_equal(mpq_held_oldest(&held, &lanes[0])->sequence, 9);
	take(0, 7);
	take(0, 9);
	assert_int_equal(mpq_held_oldest(&held, &lanes[0])->sequence, 8);
	assert_int_equal(mpq_held_oldest(&held, &lanes[1])->sequence, 1);
}

static void has_room_for_so_many_packets_and_bytes(void **state)
{
	(void)state;
	assert_false(mpq_held_has_room(&held, 1001));
	assert_true(mpq_held_has_room(&held, 1000));
	for (uint32_t i = 0; i < 99; i++) {
		put(0, i);
	}
	assert_true(mpq_held_has_room(&held, 10));
	assert_false(mpq_held_has_room(&held, 11));
	put(0, 99);
	assert_false(mpq_held_has_room(&held, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finds_by_lane_and_sequence),
		TEST(knows_the_oldest_of_a_lane),
		TEST(has_room_for_so_many_packets_and_bytes),
	};

	return cmocka_run_group_tests_name("bond/held", tests, NULL, NULL);
}
