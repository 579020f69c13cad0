/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/delay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS     MPQ_MILLISECOND
#define S      MPQ_SECOND
#define CIRCLE ((MPQ_HEADER_MASK24 + 1) * MPQ_HEADER_TICK)

static struct mpq_delay delay;
static mpq_time origin; /* of the sender's clock, on ours */

static int setup(void **state)
{
	(void)state;
	mpq_delay_init(&delay);
	origin = 0;
	return 0;
}

static mpq_time arrive(unsigned path, uint16_t sequence, mpq_time sent,
		       mpq_duration way)
{
	const struct mpq_header header = {
		.clock = mpq_header_clock(sent - origin),
		.path_sequence = sequence,
	};

	return mpq_delay_arrived(&delay, path, &header, sent + way);
}

static void compares_paths_whatever_the_clocks(void **state)
{
	(void)state;
	origin = 777 * S;
	for (uint16_t i = 0; i < 100; i++) {
		mpq_time sent = 1000 * S + i * 16 * MS;

		(void)arrive(0, i, sent, 10 * MS);
		(void)arrive(1, i, sent, 30 * MS);
		(void)arrive(2, i, sent, 70 * MS);
	}
	assert_int_equal(mpq_delay_offset(&delay, 0, 1002 * S), 0);
	assert_in_range(mpq_delay_offset(&delay, 1, 1002 * S), 19 * MS,
			21 * MS);
	assert_in_range(mpq_delay_offset(&delay, 2, 1002 * S), 59 * MS,
			61 * MS);
	assert_in_range(delay.paths[1].change, 0, MS);
	assert_in_range(delay.paths[1].jitter.mean, 0, MS);
	/* One that brings nothing is compared no more. */
	(void)arrive(1, 100, 1010 * S, 30 * MS);
	assert_int_equal(mpq_delay_offset(&delay, 1, 1010 * S), 0);
	assert_int_equal(mpq_delay_known(&delay), 7);
	mpq_delay_forget(&delay, 1);
	assert_int_equal(mpq_delay_known(&delay), 5);
	assert_int_equal(mpq_delay_offset(&delay, 1, 1010 * S), 0);
}

static void unwraps_the_clock_over_pauses(void **state)
{
	mpq_time first, second, third;

	(void)state;
	first = arrive(0, 0, CIRCLE - 32 * MPQ_MICROSECOND, 5 * MS);
	second = arrive(1, 0, CIRCLE + 32 * MPQ_MICROSECOND, 9 * MS);
	assert_int_equal(second - first, 64 * MPQ_MICROSECOND);
	/* Of many rounds nothing is on the wire. */
	third = arrive(0, 1, 10 * CIRCLE + 7 * S, 5 * MS);
	assert_int_equal(third - second,
			 9 * CIRCLE + 7 * S - 32 * MPQ_MICROSECOND);
	/* And back. */
	assert_int_equal(arrive(1, 1, 10 * CIRCLE + 6 * S, 2 * S), third - S);
}

static void says_what_has_been_passed(void **state)
{
	mpq_time sent;

	(void)state;
	assert_int_equal(mpq_delay_passed(&delay, 0), MPQ_TIME_NEVER);
	sent = arrive(0, 0, S, 5 * MS);
	assert_int_equal(mpq_delay_passed(&delay, 0), sent);
	sent = arrive(0, 1, S + 16 * MS, 5 * MS);
	assert_int_equal(mpq_delay_passed(&delay, 0), sent);
	/* What was overtaken by 8 ms says that more may be. */
	(void)arrive(0, 3, S + 32 * MS, 5 * MS);
	(void)arrive(0, 2, S + 24 * MS, 14 * MS);
	assert_int_equal(mpq_delay_passed(&delay, 0), sent + 8 * MS);
	assert_int_equal(delay.paths[0].reordered, 1);
	/* So does what the sender itself let wait. */
	(void)arrive(0, 4, S + 20 * MS, 18 * MS);
	assert_int_equal(delay.paths[0].reordered, 1);
	assert_int_equal(mpq_delay_passed(&delay, 0), sent + 4 * MS);
	/* It is forgotten by and by. */
	for (uint16_t i = 5; i < 100; i++) {
		sent = arrive(0, i, S + i * S, 5 * MS);
	}
	assert_int_equal(mpq_delay_passed(&delay, 0), sent);
}

static void expects_by_the_slowest_of_the_last_second(void **state)
{
	mpq_time sent = 0;

	(void)state;
	for (uint16_t i = 0; i < 1000; i++) {
		sent = arrive(0, i, 10 * S + i * 16 * MS,
			      i == 10 ? 90 * MS : 20 * MS);
		if (i == 20) {
			assert_in_range(mpq_delay_due(&delay, 0, sent) - sent -
						(10 * S + i * 16 * MS - sent),
					90 * MS, 105 * MS);
		}
	}
	assert_in_range(mpq_delay_due(&delay, 0, sent) - sent -
				(10 * S + 999 * 16 * MS - sent),
			20 * MS, 22 * MS);
}

static void sees_queues_fill(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 200; i++) {
		(void)arrive(0, i, 10 * S + i * 16 * MS,
			     20 * MS + (i > 100 ? 50 * MS : 0));
	}
	assert_in_range(mpq_delay_queueing(&delay, 0), 49 * MS, 51 * MS);
}

/* What a probe brings after a pause is what the path is now. */
static void forgets_a_queue_while_it_is_idle(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 200; i++) {
		(void)arrive(0, i, 10 * S + i * MS,
			     20 * MS + (i > 100 ? 80 * MS : 0));
		(void)arrive(1, i, 10 * S + i * MS, 25 * MS);
	}
	assert_in_range(mpq_delay_queueing(&delay, 0), 79 * MS, 81 * MS);
	(void)arrive(0, 200, 11 * S, 20 * MS);
	(void)arrive(1, 200, 11 * S, 25 * MS);
	assert_in_range(mpq_delay_queueing(&delay, 0), 0, MS);
	assert_int_equal(mpq_delay_offset(&delay, 0, 11 * S), 0);
	assert_in_range(mpq_delay_offset(&delay, 1, 11 * S), 4 * MS, 6 * MS);
}

/* Ever, of the first path. */
static uint64_t lost(void)
{
	return delay.paths[0].expected - delay.paths[0].received;
}

static void counts_what_is_truly_lost(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		if (i % 100 != 50) {
			(void)arrive(0, (uint16_t)(i + 60000), S + i * MS,
				     5 * MS);
		}
	}
	assert_int_equal(lost(), 1000);
	assert_in_range(mpq_delay_loss_ppm(&delay, 0), 9000, 11000);
	assert_int_equal(delay.paths[0].reordered, 0);
}

static void takes_back_the_loss_of_what_is_late(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		unsigned late = i >= 20 && i % 100 == 70 ? i - 20 : i;

		if (i % 100 != 50) {
			(void)arrive(0, (uint16_t)late, S + late * MS, 5 * MS);
		}
		if (late != i) {
			(void)arrive(0, (uint16_t)i, S + i * MS, 5 * MS);
		}
	}
	assert_int_equal(lost(), 0);
	assert_int_equal(mpq_delay_loss_ppm(&delay, 0), 0);
	assert_int_equal(delay.paths[0].reordered, 50);
	assert_int_equal(delay.paths[0].reorder_pkts, 19);
	assert_in_range(delay.paths[0].reorder, 19 * MS - MS / 10,
			19 * MS + MS / 10);
	(void)arrive(0, 4999, S, 5 * MS);
	assert_int_equal(delay.paths[0].repeated, 1);
}

static void knows_what_came_twice_behind_any_gap(void **state)
{
	(void)state;
	for (uint16_t gap = 1; gap < 1100; gap += 7) {
		const struct mpq_delay_path *p = &delay.paths[0];
		uint16_t next = (uint16_t)(gap * 5);
		uint64_t repeated;

		mpq_delay_forget(&delay, 0);
		for (uint16_t i = 0; i < 1500; i++) {
			(void)arrive(0, (uint16_t)(next + i), S, MS);
		}
		next += 1500;
		(void)arrive(0, (uint16_t)(next + gap), S, MS);
		assert_int_equal(lost(), gap);
		repeated = gap < MPQ_DELAY_REMEMBERED ? 0 : gap - 1023;
		for (uint16_t i = 0; i < gap; i++) {
			(void)arrive(0, (uint16_t)(next + i), S, MS);
		}
		assert_int_equal(p->repeated, repeated);
		assert_int_equal(lost(), repeated);
		for (uint16_t i = 0; i < gap; i++) {
			(void)arrive(0, (uint16_t)(next + i), S, MS);
		}
		assert_int_equal(p->repeated, repeated + gap);
	}
}

static void begins_again_where_the_sequence_does(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		(void)arrive(0, (uint16_t)i, S + i * MS, 5 * MS);
	}
	for (unsigned i = 0; i < 100; i++) {
		(void)arrive(0, (uint16_t)(i + 30000), 2 * S + i * MS, 5 * MS);
	}
	assert_int_equal(lost(), 0);
}

/* Headers of a peer that means harm: nothing runs over (as UBSan sees it), and
 * an honest one after it is measured as ever. */
static void recovers_from_any_header(void **state)
{
	uint64_t x = 1;
	mpq_time now = S;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct mpq_header header;

		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		header.clock = x >> 40 & MPQ_HEADER_MASK24;
		header.clock =
			i < 100000 ? (uint32_t)i * 0x800001 : header.clock;
		header.clock &= MPQ_HEADER_MASK24;
		header.path_sequence = (uint16_t)(x >> 24);
		now += x >> 54;
		(void)mpq_delay_arrived(&delay, x >> 61, &header, now);
	}
	for (uint16_t i = 0; i < 3000; i++) {
		(void)arrive(0, i, now + 100 * S + i * 16 * MS, 10 * MS);
		(void)arrive(1, i, now + 100 * S + i * 16 * MS, 15 * MS);
	}
	assert_in_range(mpq_delay_offset(&delay, 1, now + 148 * S), 4 * MS,
			6 * MS);
	assert_int_equal(mpq_delay_loss_ppm(&delay, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(compares_paths_whatever_the_clocks),
		TEST(unwraps_the_clock_over_pauses),
		TEST(says_what_has_been_passed),
		TEST(expects_by_the_slowest_of_the_last_second),
		TEST(sees_queues_fill),
		TEST(forgets_a_queue_while_it_is_idle),
		TEST(counts_what_is_truly_lost),
		TEST(takes_back_the_loss_of_what_is_late),
		TEST(knows_what_came_twice_behind_any_gap),
		TEST(begins_again_where_the_sequence_does),
		TEST(recovers_from_any_header),
	};

	return cmocka_run_group_tests_name("bond/delay", tests, NULL, NULL);
}
