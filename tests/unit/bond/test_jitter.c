/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/jitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS MPQ_MILLISECOND
#define US MPQ_MICROSECOND
#define S  MPQ_SECOND

static struct mpq_jitter jitter;
static uint64_t x;

static int setup(void **state)
{
	(void)state;
	mpq_jitter_init(&jitter);
	x = 1;
	return 0;
}

/* From -1000 to 999. */
static int64_t any(void)
{
	x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (int64_t)(x >> 33) % 2000 - 1000;
}

/* `every` apart, each with a delay of its own in +-j. */
static void even(mpq_duration every, mpq_duration j, mpq_duration time)
{
	for (mpq_time at = 0; at < time; at += every) {
		mpq_jitter_arrived(&jitter, 10 * S + at, 0,
				   any() * (int64_t)(j / 1000));
	}
}

/* The delay goes from one point in +-j to the next, in 2 j; what is sent in
 * step with that would see the points only. */
static void wander(mpq_duration every, mpq_duration j, mpq_duration time)
{
	int64_t from = any(), to = any();
	mpq_time began = 0;

	for (mpq_time at = 0; at < time; at += every) {
		while (at - began >= 2 * j) {
			began += 2 * j;
			from = to;
			to = any();
		}
		mpq_jitter_arrived(&jitter, 10 * S + at, 0,
				   from * (int64_t)(j / 1000) +
					   (to - from) * (int64_t)(at - began) /
						   2000);
	}
}

static void two_thirds_of_an_even_spread(void **state)
{
	const mpq_duration apart[] = {300 * US, 2 * MS, 20 * MS, 100 * MS};

	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 5; k <= 20; k *= 2) {
			(void)setup(state);
			even(apart[i], k * MS, i < 2 ? 10 * S : 40 * S);
			assert_in_range(jitter.mean, k * MS * 56 / 100,
					k * MS * 77 / 100);
		}
	}
}

static void fifty_four_percent_of_a_wandering_delay(void **state)
{
	const mpq_duration apart[] = {300 * US, 2300 * US, 21 * MS};

	for (unsigned i = 0; i < 3; i++) {
		for (unsigned k = 5; k <= 20; k *= 2) {
			(void)setup(state);
			wander(apart[i], k * MS, 10 * S);
			assert_in_range(jitter.mean, k * MS * 44 / 100,
					k * MS * 64 / 100);
		}
	}
}

static void a_steady_delay_has_none(void **state)
{
	(void)state;
	even(MS, 0, 10 * S);
	assert_int_equal(jitter.mean, 0);
	assert_true(jitter.compared > 100);
}

static void a_delay_that_changed_for_good_is_forgotten(void **state)
{
	(void)state;
	for (mpq_time at = 0; at < 20 * S; at += MS) {
		mpq_jitter_arrived(&jitter, at, 0, at < 5 * S ? 0 : 50 * MS);
	}
	assert_in_range(jitter.mean, 0, 100 * US);
}

static void what_was_before_a_pause_is_not_compared(void **state)
{
	(void)state;
	even(MS, 0, 10 * S);
	for (mpq_time at = 0; at < S; at += MS) {
		mpq_jitter_arrived(&jitter, 40 * S + at, 0, 80 * MS);
	}
	assert_int_equal(jitter.mean, 0);
}

/* Bursts of packets that leave `every` apart, with a delay of its own in
 * +-10 ms each, as they arrive. */
static void overtaking(mpq_duration every, size_t burst)
{
	static struct {
		mpq_time sent, at;
	} packet[4000];
	const size_t n = sizeof(packet) / sizeof(packet[0]);
	const mpq_time end = 10 * S + (mpq_time)n / burst * every;

	for (size_t i = 0; i < n; i++) {
		packet[i].sent = 10 * S + i / burst * every;
		packet[i].at =
			packet[i].sent + 20 * MS + (mpq_time)(any() * 10000);
	}
	for (mpq_time at = 10 * S; at < end; at += MS / 10) {
		size_t first = at > 10 * S + 40 * MS
				       ? (at - 10 * S - 40 * MS) / every * burst
				       : 0;
		size_t last = first + (50 * MS / every + 1) * burst;

		for (size_t i = first; i < n && i < last; i++) {
			if (packet[i].at / (MS / 10) == at / (MS / 10)) {
				mpq_jitter_arrived(&jitter, packet[i].sent,
						   (uint16_t)i,
						   (int64_t)(packet[i].at -
							     packet[i].sent));
			}
		}
	}
}

/* Those that come first are the quick ones: they must not stand for all. */
static void tells_the_same_of_packets_that_overtake_each_other(void **state)
{
	(void)state;
	overtaking(MS, 1);
	assert_in_range(jitter.mean, 5600 * US, 7700 * US);
}

static void tells_the_same_of_bursts(void **state)
{
	(void)state;
	overtaking(4 * MS, 4);
	assert_in_range(jitter.mean, 5600 * US, 7700 * US);
}

/* Clocks of a peer that means harm: nothing runs over, as UBSan sees it. */
static void survives_any_clock(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		mpq_time sent = (UINT64_C(1) << 59) +
				(uint64_t)(any() + 1000) * (x >> 30);

		mpq_jitter_arrived(&jitter, sent, (uint16_t)i, -(int64_t)sent);
	}
	assert_in_range(jitter.mean, 0, 16 * S);
	x = 1;
	for (mpq_time at = 0; at < 60 * S; at += MS) {
		mpq_jitter_arrived(&jitter, (UINT64_C(1) << 60) + at, 0, 5);
	}
	assert_in_range(jitter.mean, 0, MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(two_thirds_of_an_even_spread, setup),
		cmocka_unit_test_setup(fifty_four_percent_of_a_wandering_delay,
				       setup),
		cmocka_unit_test_setup(a_steady_delay_has_none, setup),
		cmocka_unit_test_setup(
			a_delay_that_changed_for_good_is_forgotten, setup),
		cmocka_unit_test_setup(what_was_before_a_pause_is_not_compared,
				       setup),
		cmocka_unit_test_setup(
			tells_the_same_of_packets_that_overtake_each_other,
			setup),
		cmocka_unit_test_setup(tells_the_same_of_bursts, setup),
		cmocka_unit_test_setup(survives_any_clock, setup),
	};

	return cmocka_run_group_tests_name("bond/jitter", tests, NULL, NULL);
}
