/* SPDX-License-Identifier: Apache-2.0 */
/* Turns, delay control and drops. */
#include "tests/unit/flow/fair_fixture.h"

static void one_flow_is_first_in_first_out(void **state)
{
	struct fixture *f = *state;
	struct taken t;

	fill(f, 5, 10);
	assert_int_equal(f->fair.pkts, 10);
	assert_int_equal(f->fair.bytes, 10 * BULK);
	for (uint32_t i = 0; i < 10; i++) {
		f->now += TICK;
		assert_true(pop(f, &t));
		assert_int_equal(t.id, i);
		assert_int_equal(f->fair.sojourn, (i + 1) * TICK);
	}
	assert_false(pop(f, &t));
	assert_null(mpq_fair_peek(&f->fair, f->now));
	assert_int_equal(f->fair.pkts, 0);
	assert_int_equal(f->fair.bytes, 0);
	assert_int_equal(f->fair.enqueued, 10);
}

static void flows_take_turns(void **state)
{
	struct fixture *f = *state;
	unsigned n[4] = {0};

	fill(f, 1, 20);
	fill(f, 2, 20);
	fill(f, 3, 20);
	for (unsigned i = 0; i < 55; i++) {
		n[pop_flow(f)]++;
		/* A turn may begin with a bit left of it, and be of two. */
		for (unsigned j = 1; j <= 3; j++) {
			assert_in_range(n[j] + 2, i / 3, i / 3 + 4);
		}
	}
}

/* Each flow has its share of bytes, however long its packets are. */
static void turns_are_of_bytes(void **state)
{
	static const size_t len[3] = {1500, 700, 90};
	struct fixture *f = *state;
	size_t bytes[3] = {0};
	struct taken t;

	for (unsigned i = 0; i < 20; i++) {
		assert_true(push(f, 0, len[0]));
	}
	for (unsigned i = 0; i < 43; i++) {
		assert_true(push(f, 1, len[1]));
	}
	for (unsigned i = 0; i < 333; i++) {
		assert_true(push(f, 2, len[2]));
	}
	for (unsigned i = 0; i < 200; i++) {
		assert_true(pop(f, &t));
		bytes[t.flow] += t.len;
		for (unsigned j = 0; j < 3; j++) {
			assert_true(bytes[t.flow] <= bytes[j] + 2 * QUANTUM);
		}
	}
}

/* A link of a packet a tick, always busy with bulk; and a packet now and then,
 * that must not wait for more than what is being sent and what is decided. */
static void a_sparse_flow_waits_less_than_two_turns(void **state)
{
	struct fixture *f = *state;
	size_t sparse = 0;

	for (uint32_t flow = 1; flow <= 5; flow++) {
		fill(f, flow, 50);
	}
	settle(f, 10);
	for (unsigned tick = 0; tick < 1000; tick++) {
		struct taken t;

		f->now += TICK;
		if (tick % 20 == 7) {
			(void)mpq_fair_peek(&f->fair, f->now);
			assert_true(push(f, 99, 200));
		}
		assert_true(pop(f, &t));
		if (t.flow == 99) {
			assert_true(f->fair.sojourn < 2 * TICK);
			sparse++;
			continue;
		}
		assert_true(push(f, t.flow, BULK));
	}
	assert_int_equal(sparse, 50);
	assert_int_not_equal(f->fair.dropped_delay, 0);
}

/* What keeps coming is not new for ever. */
static void a_flow_that_fills_its_turns_is_sparse_no_more(void **state)
{
	struct fixture *f = *state;
	unsigned bulk = 0;

	fill(f, 1, 100);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(push(f, 2, BULK));
		bulk += pop_flow(f) == 1;
	}
	assert_in_range(bulk, 45, 55);
}

/* 26 ms at 2,500 packets a second: all that a path slows down for a moment. */
static void small_packets_fill_it_by_their_bytes(void **state)
{
	struct fixture *f = *state;

	f->fair.config.limit_pkts = 5;
	f->fair.config.limit_bytes = 5 * BULK;
	for (unsigned i = 0; i < 5 * BULK / 100; i++) {
		assert_true(push(f, i % 7, 100));
	}
	assert_int_equal(f->fair.dropped_full, 0);
	(void)push(f, 1, 200);
	assert_int_equal(f->fair.dropped_full, 1);
}

/* Each takes a buffer of the pool, however small it is. */
static void tiny_packets_do_not_take_all_buffers(void **state)
{
	struct fixture *f = *state;

	f->fair.config.limit_pkts = 64;
	f->fair.config.limit_bytes = 64 * BULK;
	for (unsigned i = 0; i < 600; i++) {
		(void)push(f, i % 7, 40);
	}
	assert_int_equal(f->fair.pkts, 512);
	assert_int_equal(f->fair.dropped_full, 600 - 512);
}

static void a_full_queue_drops_from_the_longest(void **state)
{
	struct fixture *f = *state;
	struct taken t;

	fill(f, 1, LIMIT - 2);
	assert_true(push(f, 2, 100));
	assert_true(push(f, 2, 100));
	assert_true(push(f, 3, 100));
	assert_int_equal(f->fair.pkts, LIMIT);
	assert_int_equal(f->fair.dropped_full, 1);
	assert_true(pop(f, &t)); /* the bulk flow's first is gone */
	assert_int_equal(t.flow, 1);
	assert_int_equal(t.id, 1);
	assert_int_equal(f->fair.enqueued, LIMIT + 1);
}

static void what_is_refused_itself_is_told(void **state)
{
	struct fixture *f = *state;

	f->fair.config.limit_pkts = 1;
	assert_true(push(f, 1, 100));
	assert_false(push(f, 2, 1000));
	assert_int_equal(f->fair.pkts, 1);
	assert_int_equal(f->fair.bytes, 100);
	assert_int_equal(f->fair.enqueued, 1);
	assert_int_equal(f->fair.dropped_full, 1);
	assert_int_equal(pop_flow(f), 1);
}

static void what_was_peeked_stays_whatever_comes(void **state)
{
	struct fixture *f = *state;
	struct mpq_packet *p;

	f->fair.config.limit_pkts = 5;
	fill(f, 1, 5);
	p = mpq_fair_peek(&f->fair, f->now);
	assert_int_equal(p->sequence, 0);
	assert_int_equal(f->fair.pkts, 5);
	f->now += 2 * INTERVAL;
	for (unsigned i = 0; i < 20; i++) {
		(void)push(f, 2 + i, 100 + i);
		assert_ptr_equal(mpq_fair_peek(&f->fair, f->now), p);
	}
	assert_int_equal(f->fair.pkts, 5);
	assert_ptr_equal(mpq_fair_pop(&f->fair, f->now), p);
	mpq_packet_put(&f->pool, p);
}

static void delay_control_is_of_each_flow(void **state)
{
	struct fixture *f = *state;

	fill(f, 1, 100);
	settle(f, 2);
	for (unsigned i = 0; i < 2000; i++) {
		f->now += TICK;
		assert_true(push(f, 1, BULK));
		if (i % 10 == 0) {
			assert_true(push(f, 2, 100));
			assert_int_equal(pop_flow(f), 2);
		}
		(void)pop_flow(f);
	}
	assert_int_not_equal(f->fair.dropped_delay, 0);
}

static void no_target_no_control(void **state)
{
	struct fixture *f = *state;

	f->fair.config.target = 0;
	fill(f, 1, 200);
	run_full(f, 1, 1000);
	assert_int_equal(f->fair.dropped_delay, 0);
	assert_int_equal(f->fair.pkts, 200);
}

static void what_is_ecn_capable_is_marked_not_dropped(void **state)
{
	struct fixture *f = *state;
	uint64_t ce = 0;

	for (unsigned i = 0; i < 200; i++) {
		assert_true(
			mpq_fair_push(&f->fair, make(f, 1, BULK, 2), f->now));
	}
	for (unsigned i = 0; i < 500; i++) {
		struct mpq_packet *p;

		f->now += TICK;
		assert_true(
			mpq_fair_push(&f->fair, make(f, 1, BULK, 2), f->now));
		p = mpq_fair_pop(&f->fair, f->now);
		ce += (p->data[1] & 3) == 3;
		mpq_packet_put(&f->pool, p);
	}
	assert_int_not_equal(ce, 0);
	assert_int_equal(f->fair.marked, ce);
	assert_int_equal(f->fair.dropped_delay, 0);
	assert_int_equal(f->fair.pkts, 200);
}

static void the_last_packets_are_never_dropped(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 300; i++) {
		assert_true(push(f, i % 3, 1500));
		assert_true(push(f, i % 2, 1500));
		f->now += INTERVAL;
		(void)pop_flow(f);
		f->now += INTERVAL;
		(void)pop_flow(f);
	}
	assert_int_equal(f->fair.dropped_delay, 0);
}

static void what_grew_too_old_goes_however_it_stands(void **state)
{
	struct fixture *f = *state;

	fill(f, 1, 2);
	fill(f, 2, 1);
	f->now += 600 * MPQ_MILLISECOND;
	fill(f, 1, 1);
	fill(f, 3, 1);
	assert_non_null(mpq_fair_peek(&f->fair, f->now));
	f->now += 400 * MPQ_MILLISECOND;
	assert_int_equal(mpq_fair_drop_older(&f->fair, MPQ_SECOND, f->now), 0);
	f->now += 1;
	assert_int_equal(mpq_fair_drop_older(&f->fair, MPQ_SECOND, f->now), 3);
	assert_int_equal(f->fair.pkts, 2);
	assert_int_equal(f->fair.dropped_delay, 3);
	f->now += 600 * MPQ_MILLISECOND;
	assert_int_equal(mpq_fair_drop_older(&f->fair, MPQ_SECOND, f->now), 2);
	assert_null(mpq_fair_peek(&f->fair, f->now));
	assert_int_equal(f->fair.bytes, 0);
}

/* A sender that does not slow down has itself to wait so long, no more; and
 * others do not. */
static void what_is_of_no_use_any_more_is_not_sent(void **state)
{
	struct fixture *f = *state;
	struct taken t;

	f->fair.config.target = 0;
	f->fair.config.max_age = 50 * TICK;
	for (unsigned i = 0; i < 900; i++) {
		f->now += TICK;
		assert_true(push(f, 1, BULK));
		assert_true(push(f, 1, BULK));
		assert_true(pop(f, &t));
		assert_true(f->fair.sojourn <= 50 * TICK);
	}
	assert_in_range(f->fair.dropped_delay, 790, 850);
	assert_in_range(f->fair.pkts, 51, 102);
	f->now += 51 * TICK;
	assert_false(pop(f, &t));
	assert_int_equal(f->fair.bytes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_flow_is_first_in_first_out),
		TEST(flows_take_turns),
		TEST(turns_are_of_bytes),
		TEST(a_sparse_flow_waits_less_than_two_turns),
		TEST(a_flow_that_fills_its_turns_is_sparse_no_more),
		TEST(small_packets_fill_it_by_their_bytes),
		TEST(tiny_packets_do_not_take_all_buffers),
		TEST(a_full_queue_drops_from_the_longest),
		TEST(what_is_refused_itself_is_told),
		TEST(what_was_peeked_stays_whatever_comes),
		TEST(delay_control_is_of_each_flow),
		TEST(no_target_no_control),
		TEST(what_is_ecn_capable_is_marked_not_dropped),
		TEST(the_last_packets_are_never_dropped),
		TEST(what_grew_too_old_goes_however_it_stands),
		TEST(what_is_of_no_use_any_more_is_not_sent),
	};

	return cmocka_run_group_tests_name("flow/fair", tests, NULL, NULL);
}
