/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/sim/link.h"

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND

static struct sim_link link;
static mpq_time now;

static void set_up(const struct sim_link_shape *shape)
{
	now = 100 * S;
	sim_link_init(&link, shape, 1, now);
}

static void push(size_t len, uint32_t number)
{
	static uint8_t data[SIM_LINK_MTU_BYTES];
	struct mpq_sockaddr address = {.len = 0};

	memcpy(data, &number, sizeof(number));
	sim_link_push(&link, &address, &address, 2, data, len, now);
}

/* Goes from event to event until a packet arrives; its number, -1: none. */
static int64_t arrival(void)
{
	const struct sim_link_packet *p = sim_link_pop(&link, now);
	uint32_t number;

	while (p == NULL) {
		if (sim_link_deadline(&link) == MPQ_TIME_NEVER) {
			return -1;
		}
		assert_true(sim_link_deadline(&link) >= now);
		now = sim_link_deadline(&link);
		p = sim_link_pop(&link, now);
	}
	assert_true(p->at <= now);
	assert_int_equal(p->ecn, 2);
	memcpy(&number, p->data, sizeof(number));
	return number;
}

static void delays_by_what_it_is_told(void **state)
{
	const struct sim_link_shape shape = {.delay = 20 * MS};

	(void)state;
	set_up(&shape);
	push(100, 1);
	now += 1 * MS;
	push(100, 2);
	assert_null(sim_link_pop(&link, now));
	assert_int_equal(arrival(), 1);
	assert_int_equal(now, 100 * S + 20 * MS);
	assert_int_equal(arrival(), 2);
	assert_int_equal(now, 100 * S + 21 * MS);
	assert_int_equal(arrival(), -1);
	sim_link_finish(&link);
}

static void transmits_at_its_rate_to_the_bit(void **state)
{
	const struct sim_link_shape shape = {.rate_bps = 10000000,
					     .delay = 5 * MS};
	mpq_time begun;

	(void)state;
	set_up(&shape);
	begun = now;
	for (uint32_t i = 0; i < 1000; i++) {
		push(1250, i); /* 1 ms each */
	}
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(arrival(), i);
		assert_int_equal(now, begun + 5 * MS + (i + 1) * MS);
	}
	sim_link_finish(&link);
}

static void loses_no_time_to_odd_rates(void **state)
{
	const struct sim_link_shape shape = {.rate_bps = 7000003};
	mpq_duration taken, exact;

	(void)state;
	set_up(&shape);
	for (uint32_t i = 0; i < 10000; i++) {
		push(777, i);
		now += 100; /* asks in the middle of packets */
	}
	while (arrival() >= 0) {
	}
	taken = now - 100 * S;
	exact = (mpq_duration)(10000.0 * 777 * 8 / 7000003 * 1e9);
	assert_true(taken >= exact && taken <= exact + 10000);
	sim_link_finish(&link);
}

static void drops_what_its_queue_does_not_hold(void **state)
{
	const struct sim_link_shape shape = {.rate_bps = 8000000,
					     .queue_bytes = 10000};

	(void)state;
	set_up(&shape);
	for (uint32_t i = 0; i < 15; i++) {
		push(1000, i);
	}
	assert_int_equal(link.counters.dropped_queue, 5);
	now += 2 * MS; /* two are through */
	for (uint32_t i = 15; i < 20; i++) {
		push(1000, i);
	}
	assert_int_equal(link.counters.dropped_queue, 8);
	for (uint32_t i = 0; i < 12; i++) {
		assert_int_equal(arrival(), i < 10 ? i : i + 5);
	}
	assert_int_equal(arrival(), -1);
	sim_link_finish(&link);
}

static void drops_what_is_longer_than_its_mtu(void **state)
{
	const struct sim_link_shape shape = {.mtu_bytes = 1372};

	(void)state;
	set_up(&shape);
	push(1373, 1);
	push(1372, 2);
	assert_int_equal(arrival(), 2);
	assert_int_equal(link.counters.dropped_mtu, 1);
	sim_link_finish(&link);
}

static unsigned survivors(unsigned n)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < n; i++) {
		push(100, i);
		now += 1 * MS;
		while (sim_link_pop(&link, now) != NULL) {
			count++;
		}
	}
	return count;
}

static void loses_the_share_that_it_is_told(void **state)
{
	const struct sim_link_shape shape = {.loss_ppm = 100000};
	unsigned n;

	(void)state;
	set_up(&shape);
	n = survivors(100000);
	assert_in_range(n, 89500, 90500);
	assert_int_equal(link.counters.lost, 100000 - n);
	sim_link_finish(&link);
}

static void loses_in_bursts_of_the_mean_length(void **state)
{
	const struct sim_link_shape shape = {.burst_ppm = 1000,
					     .burst_pkts = 20};
	unsigned bursts = 0, n = 400000;
	bool before = false;

	(void)state;
	set_up(&shape);
	for (uint32_t i = 0; i < n; i++) {
		bool lost = survivors(1) == 0;

		bursts += lost && !before;
		before = lost;
	}
	assert_in_range(bursts, 350, 450); /* n / (1000 + 20) */
	assert_in_range(link.counters.lost / bursts, 18, 22);
	sim_link_finish(&link);
}

static unsigned overtakings(const struct sim_link_shape *shape)
{
	unsigned n = 0;
	int64_t last = -1, number;

	set_up(shape);
	for (uint32_t i = 0; i < 2000; i++) {
		push(100, i);
	}
	while ((number = arrival()) >= 0) {
		n += number < last;
		last = number > last ? number : last;
	}
	assert_int_equal(link.counters.delivered, 2000);
	sim_link_finish(&link);
	return n;
}

static void keeps_order_unless_it_is_told_not_to(void **state)
{
	struct sim_link_shape shape = {.rate_bps = 10000000,
				       .delay = 10 * MS,
				       .jitter = 5 * MS};

	(void)state;
	assert_int_equal(overtakings(&shape), 0);
	shape.reorder = true;
	assert_true(overtakings(&shape) > 500);
}

/* From the least to the most, and neighbours are alike. */
static void wanders_all_the_way_and_never_jumps(void **state)
{
	const struct sim_link_shape shape = {.delay = 30 * MS,
					     .wander = 15 * MS};
	mpq_duration least = S, most = 0, took, before = 0;
	mpq_time begin;

	(void)state;
	set_up(&shape);
	begin = now;
	for (uint32_t i = 0; i < 5000; i++) {
		const struct sim_link_packet *p;

		push(100, i);
		now += MS;
		p = sim_link_pop(&link, now);
		if (p == NULL) {
			continue;
		}
		/* one comes for each that is sent, but for the wander */
		took = p->at - begin - (link.counters.delivered - 1) * MS;
		assert_true(took >= 15 * MS && took <= 45 * MS);
		assert_true(before == 0 ||
			    (took + 2 * MS > before && took < before + 2 * MS));
		least = took < least ? took : least;
		most = took > most ? took : most;
		before = took;
	}
	assert_true(least < 17 * MS && most > 43 * MS);
	sim_link_finish(&link);
}

static void follows_its_schedule(void **state)
{
	const struct sim_link_shape fast = {.rate_bps = 8000000};
	const struct sim_link_shape slow = {.rate_bps = 800000,
					    .delay = 7 * MS};

	(void)state;
	set_up(&fast);
	sim_link_schedule(&link, now + 1500000, &slow); /* 1.5 ms */
	for (uint32_t i = 0; i < 3; i++) {
		push(1000, i); /* 1 ms, later 10 ms each */
	}
	assert_int_equal(arrival(), 0);
	assert_int_equal(now, 100 * S + 1 * MS);
	assert_int_equal(arrival(), 1); /* half of it at the slow rate */
	assert_int_equal(now, 100 * S + 1500000 + 5 * MS + 7 * MS);
	assert_int_equal(arrival(), 2);
	assert_int_equal(now, 100 * S + 1500000 + 15 * MS + 7 * MS);
	sim_link_finish(&link);
}

static void swallows_everything_while_it_is_down(void **state)
{
	const struct sim_link_shape up = {.rate_bps = 8000000,
					  .delay = 10 * MS};
	const struct sim_link_shape down = {.down = true};

	(void)state;
	set_up(&up);
	sim_link_schedule(&link, now + 5 * MS, &down);
	sim_link_schedule(&link, now + 50 * MS, &up);
	push(1000, 1);
	now += 20 * MS;
	assert_null(sim_link_pop(&link, now));
	push(1000, 2);
	now += 30 * MS;
	push(1000, 3);
	assert_int_equal(arrival(), 3);
	assert_int_equal(link.counters.dropped_down, 2);
	assert_int_equal(arrival(), -1);
	sim_link_finish(&link);
}

static void repeats_itself_with_the_same_seed(void **state)
{
	const struct sim_link_shape shape = {.delay = 10 * MS,
					     .jitter = 30 * MS,
					     .reorder = true,
					     .loss_ppm = 200000};
	int64_t first[200];

	(void)state;
	for (int round = 0; round < 2; round++) {
		set_up(&shape);
		for (uint32_t i = 0; i < 200; i++) {
			push(100, i);
		}
		for (int i = 0; i < 200; i++) {
			int64_t number = arrival();

			assert_true(round == 0 || first[i] == number);
			first[i] = number;
		}
		sim_link_finish(&link);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_by_what_it_is_told),
		cmocka_unit_test(transmits_at_its_rate_to_the_bit),
		cmocka_unit_test(loses_no_time_to_odd_rates),
		cmocka_unit_test(drops_what_its_queue_does_not_hold),
		cmocka_unit_test(drops_what_is_longer_than_its_mtu),
		cmocka_unit_test(loses_the_share_that_it_is_told),
		cmocka_unit_test(loses_in_bursts_of_the_mean_length),
		cmocka_unit_test(keeps_order_unless_it_is_told_not_to),
		cmocka_unit_test(wanders_all_the_way_and_never_jumps),
		cmocka_unit_test(follows_its_schedule),
		cmocka_unit_test(swallows_everything_while_it_is_down),
		cmocka_unit_test(repeats_itself_with_the_same_seed),
	};

	return cmocka_run_group_tests_name("sim/link", tests, NULL, NULL);
}
