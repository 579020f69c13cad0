/* SPDX-License-Identifier: Apache-2.0 */
/* Delay control, as a fair queue has it in front of one flow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/flow/fair.h"
#include "dataplane/flow/ip.h"
#include "tests/unit/flow/sample.h"

#define LIMIT    1000
#define TARGET   (5 * MPQ_MILLISECOND)
#define INTERVAL (100 * MPQ_MILLISECOND)
#define PACKET   1400
#define TICK     MPQ_MILLISECOND

struct fixture {
	struct mpq_packet_pool pool;
	struct mpq_fair queue; /* of one flow */
	struct mpq_fair_room room;
	mpq_time now;
	uint16_t id; /* of the next packet, to know it by */
};

static const struct mpq_fair_config config = {
	.limit_pkts = LIMIT,
	.target = TARGET,
	.interval = INTERVAL,
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	mpq_fair_init(&f->queue, &f->pool, &config, &f->room);
	f->now = 77 * MPQ_SECOND;
	return mpq_packet_pool_init(&f->pool, LIMIT + 1);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	mpq_fair_finish(&f->queue);
	assert_int_equal(f->pool.free_pkts, f->pool.size_pkts);
	mpq_packet_pool_finish(&f->pool);
	free(f);
	return 0;
}

static bool push_sized(struct fixture *f, uint8_t tos, size_t len)
{
	struct mpq_packet *p = mpq_packet_get(&f->pool);
	struct sample s = sample_udp(4);

	assert_non_null(p);
	s.protocol = 253; /* for experiments: no checksum to compute */
	s.tos = tos;
	s.id = f->id++;
	s.payload_bytes = len - 20;
	p->flow = 1;
	p->len_bytes = (uint16_t)sample_write(&s, p->data);
	return mpq_fair_push(&f->queue, p, f->now);
}

static bool push(struct fixture *f, uint8_t tos)
{
	return push_sized(f, tos, PACKET);
}

static unsigned id_of(const struct mpq_packet *p)
{
	return (unsigned)p->data[4] << 8 | p->data[5];
}

/* Takes one packet; its id, or -1. */
static int pop(struct fixture *f)
{
	struct mpq_packet *p = mpq_fair_pop(&f->queue, f->now);
	int id;

	if (p == NULL) {
		return -1;
	}
	id = (int)id_of(p);
	mpq_packet_put(&f->pool, p);
	return id;
}

/* n ticks of a queue that neither grows nor shrinks but for what is dropped. */
static void run_full(struct fixture *f, uint8_t tos, size_t ticks)
{
	for (size_t i = 0; i < ticks; i++) {
		f->now += TICK;
		assert_true(push(f, tos));
		assert_int_not_equal(pop(f), -1);
	}
}

static void fill(struct fixture *f, uint8_t tos, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(push(f, tos));
	}
}

static void delay_below_the_target_is_no_matter(void **state)
{
	struct fixture *f = *state;

	fill(f, 0, 4); /* 4 ticks of delay, target 5 */
	run_full(f, 0, 2000);
	assert_int_equal(f->queue.dropped_delay, 0);
	assert_int_equal(f->queue.pkts, 4);
	assert_true(f->queue.sojourn < TARGET);
}

static void a_burst_shorter_than_the_interval_passes(void **state)
{
	struct fixture *f = *state;

	fill(f, 0, 90);
	for (int i = 0; i < 90; i++) {
		f->now += TICK;
		assert_int_equal(pop(f), i);
	}
	assert_int_equal(f->queue.dropped_delay, 0);
}

/* RFC 8289 §5.3: the first one when the delay has stood for an interval, then
 * after interval / sqrt(1), / sqrt(2), ... */
static void drops_come_by_the_control_law(void **state)
{
	struct fixture *f = *state;
	double wanted = (double)f->now + TICK + (double)INTERVAL;
	uint64_t drops = 0;

	fill(f, 0, 500);
	f->now += 50 * TICK;
	wanted += 50.0 * TICK;
	while (drops < 40) {
		f->now += TICK;
		assert_true(push(f, 0));
		assert_int_not_equal(pop(f), -1);
		if (f->queue.dropped_delay == drops) {
			continue;
		}
		drops++;
		assert_int_equal(f->queue.dropped_delay, drops);
		assert_in_range(f->now, (mpq_time)wanted - 1000,
				(mpq_time)wanted + TICK + 1000);
		wanted = (drops == 1 ? (double)f->now : wanted) +
			 (double)INTERVAL / sqrt((double)drops);
	}
}

static void drops_take_the_head(void **state)
{
	struct fixture *f = *state;
	int id = 0, before = -1;

	fill(f, 0, 500);
	while (f->queue.dropped_delay == 0) {
		f->now += TICK;
		before = id;
		id = pop(f);
	}
	assert_int_equal(id, before + 2);
}

/* The law is the same for both: as many marks as there would be drops. */
static void marks_come_as_often_as_drops(void **state)
{
	struct fixture *f = *state;
	uint64_t marked;

	fill(f, 1, 500);
	run_full(f, 1, 1000);
	marked = f->queue.marked;
	mpq_fair_finish(&f->queue);
	mpq_fair_init(&f->queue, &f->pool, &config, &f->room);
	fill(f, 0, 500);
	run_full(f, 0, 1000);
	assert_in_range(f->queue.dropped_delay, marked - 1, marked + 1);
}

/* Small packets: many of them are still no standing queue. */
static void an_mtu_of_small_packets_is_never_dropped(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 16; i++) {
		assert_true(push_sized(f, 0, 100));
	}
	for (int i = 0; i < 100; i++) {
		f->now += INTERVAL;
		assert_int_not_equal(pop(f), -1);
		assert_true(push_sized(f, 0, 100));
	}
	assert_int_equal(f->queue.dropped_delay, 0);
}

static void dropping_ends_with_the_delay(void **state)
{
	struct fixture *f = *state;
	uint64_t dropped;

	fill(f, 0, 200);
	run_full(f, 0, 500);
	dropped = f->queue.dropped_delay;
	assert_int_not_equal(dropped, 0);
	while (f->queue.pkts > 3) {
		assert_int_not_equal(pop(f), -1);
	}
	dropped = f->queue.dropped_delay;
	run_full(f, 0, 1000);
	assert_int_equal(f->queue.dropped_delay, dropped);
	for (unsigned b = 0; b < MPQ_FAIR_BUCKETS; b++) {
		assert_false(f->room.bucket[b].codel.dropping);
	}
}

static uint64_t drops_within(struct fixture *f, size_t ticks)
{
	uint64_t before = f->queue.dropped_delay;

	run_full(f, 0, ticks);
	return f->queue.dropped_delay - before;
}

static void drain_to(struct fixture *f, size_t pkts)
{
	while (f->queue.pkts > pkts) {
		assert_int_not_equal(pop(f), -1);
	}
}

/* RFC 8289 §5.5: soon after, the rate goes on where it was. */
static void it_resumes_the_rate_that_was_right(void **state)
{
	struct fixture *f = *state;
	uint64_t first, soon, late;

	fill(f, 0, 400);
	first = drops_within(f, 1500);
	drain_to(f, 3);
	run_full(f, 0, 10);
	fill(f, 0, 300);
	soon = drops_within(f, 300);
	drain_to(f, 3);
	run_full(f, 0, 2000); /* more than 16 intervals */
	fill(f, 0, 300);
	late = drops_within(f, 300);
	assert_int_not_equal(first, 0);
	assert_true(soon > 2 * late);
}

/* A sender in the manner of TCP: a packet more each 100 ms, half on a drop or
 * mark, against a link of a packet a tick. */
static double mean_delay_of_tcp(struct fixture *f, uint8_t tos)
{
	double rate = 1.0, credit = 0, delay = 0;
	uint64_t signals = 0;
	size_t n = 0;

	for (int tick = 0; tick < 30000; tick++) {
		uint64_t now_signals = f->queue.dropped_delay +
				       f->queue.dropped_full + f->queue.marked;

		f->now += TICK;
		rate = now_signals != signals ? rate / 2 : rate + 0.0005;
		signals = now_signals;
		for (credit += rate; credit >= 1; credit -= 1) {
			(void)push(f, tos);
		}
		if (pop(f) != -1 && tick > 10000) {
			delay += (double)f->queue.sojourn;
			n++;
		}
	}
	return delay / (double)n;
}

static void holds_the_delay_of_a_responsive_sender(void **state)
{
	struct fixture *f = *state;
	struct mpq_fair_config none = config;
	double with, marking, without;

	with = mean_delay_of_tcp(f, 0);
	mpq_fair_finish(&f->queue);
	mpq_fair_init(&f->queue, &f->pool, &config, &f->room);
	marking = mean_delay_of_tcp(f, 2);
	assert_int_not_equal(f->queue.marked, 0);
	mpq_fair_finish(&f->queue);
	none.target = 0;
	mpq_fair_init(&f->queue, &f->pool, &none, &f->room);
	without = mean_delay_of_tcp(f, 0);
	assert_true(with < 4.0 * (double)TARGET);
	assert_true(marking < 4.0 * (double)TARGET);
	assert_true(without > 100.0 * (double)TARGET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(delay_below_the_target_is_no_matter),
		TEST(a_burst_shorter_than_the_interval_passes),
		TEST(drops_come_by_the_control_law),
		TEST(drops_take_the_head),
		TEST(marks_come_as_often_as_drops),
		TEST(an_mtu_of_small_packets_is_never_dropped),
		TEST(dropping_ends_with_the_delay),
		TEST(it_resumes_the_rate_that_was_right),
		TEST(holds_the_delay_of_a_responsive_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
