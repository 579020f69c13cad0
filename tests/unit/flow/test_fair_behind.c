/* SPDX-License-Identifier: Apache-2.0 */
/* What a slower path takes: not the first packet, but one from behind. */
#include "tests/unit/flow/fair_fixture.h"

struct passes { /* in their order, each time that one is told */
	uint32_t id[400];
	size_t n;
};

static void pass(void *owner, struct mpq_packet *p)
{
	struct passes *s = owner;

	assert_true(s->n < sizeof(s->id) / sizeof(s->id[0]));
	s->id[s->n++] = p->sequence;
}

/* So that only bytes tell how far behind. */
#define ANY MPQ_SECOND

static struct mpq_packet *peek(struct fixture *f, size_t pkts,
			       struct passes *ret)
{
	ret->n = 0;
	return mpq_fair_peek_behind(&f->fair, pkts * BULK, ANY, f->now, pass,
				    ret);
}

static void expect_peek(struct fixture *f, size_t pkts, uint32_t id,
			struct passes *ret)
{
	struct mpq_packet *p = peek(f, pkts, ret);

	assert_non_null(p);
	assert_int_equal(p->sequence, id);
}

static void expect_pop(struct fixture *f, uint32_t id)
{
	struct taken t;

	assert_true(pop(f, &t));
	assert_int_equal(t.id, id);
}

static void pop_behind(struct fixture *f, uint32_t id)
{
	struct mpq_packet *p = mpq_fair_pop_behind(&f->fair, f->now);

	assert_int_equal(p->sequence, id);
	mpq_packet_put(&f->pool, p);
}

/* Another queue for packets of the same pool. */
static void init_other(struct fixture *f, struct mpq_fair *ret)
{
	static struct mpq_fair_room room;

	memset(&room, 0, sizeof(room));
	mpq_fair_init(ret, &f->pool, &config, &room);
}

/* What is told of each bucket is what is in it. */
static void expect_accounts(const struct fixture *f)
{
	unsigned flows = 0;

	for (unsigned b = 0; b < MPQ_FAIR_BUCKETS; b++) {
		const struct mpq_fair_bucket *k = &f->room.bucket[b];
		const struct mpq_packet *p = k->head, *last = NULL;
		bool passed = k->passed != NULL;
		size_t bytes = 0, passed_bytes = 0;

		flows += k->head != NULL;
		for (; p != NULL; last = p, p = p->next) {
			bytes += p->len_bytes;
			passed_bytes += passed ? p->len_bytes : 0;
			passed = passed && p != k->passed;
		}
		assert_false(passed);
		assert_ptr_equal(k->tail, last);
		assert_int_equal(f->room.bytes[b], bytes);
		assert_int_equal(k->passed_bytes, passed_bytes);
	}
	assert_int_equal(f->fair.flows, flows);
}

static void those_before_it_are_passed_once_in_their_order(void **state)
{
	struct fixture *f = *state;
	struct passes s;

	fill(f, 1, 10);
	expect_peek(f, 3, 3, &s);
	assert_int_equal(s.n, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(s.id[i], i);
	}
	expect_peek(f, 3, 3, &s);
	assert_int_equal(s.n, 0);
	expect_peek(f, 5, 5, &s);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.id[0], 3);
	expect_peek(f, 2, 5, &s); /* it has been passed, and stays so */
	expect_accounts(f);
	pop_behind(f, 5);
	expect_accounts(f);
	assert_int_equal(f->fair.pkts, 9);
	assert_int_equal(f->fair.bytes, 9 * BULK);
	for (uint32_t i = 0; i < 5; i++) {
		expect_pop(f, i);
		expect_accounts(f);
	}
	for (uint32_t i = 6; i < 10; i++) {
		expect_pop(f, i);
	}
	expect_accounts(f);
}

static void what_was_peeked_at_is_passed_too(void **state)
{
	struct fixture *f = *state;
	struct passes s;

	fill(f, 1, 10);
	assert_int_equal(mpq_fair_peek(&f->fair, f->now)->sequence, 0);
	expect_peek(f, 3, 4, &s);
	assert_int_equal(s.n, 4);
	assert_int_equal(s.id[0], 0);
	assert_int_equal(s.id[3], 3);
	pop_behind(f, 4);
	expect_pop(f, 0);
}

static void the_last_one_is_had_and_no_other(void **state)
{
	struct fixture *f = *state;
	struct passes s;

	assert_null(peek(f, 3, &s));
	fill(f, 1, 4);
	expect_peek(f, 10, 3, &s);
	pop_behind(f, 3);
	expect_accounts(f);
	assert_null(peek(f, 10, &s));
	fill(f, 1, 1); /* behind all that were passed */
	expect_peek(f, 10, 4, &s);
	expect_pop(f, 0);
	expect_pop(f, 1);
	expect_pop(f, 2);
	expect_accounts(f);
	expect_peek(f, 0, 4, &s);
	pop_behind(f, 4);
	expect_accounts(f);
	assert_int_equal(f->fair.pkts, 0);
}

/* The faster paths take of all of them in turn. */
static void each_of_several_flows_has_its_share_before_it(void **state)
{
	struct fixture *f = *state;
	struct passes s;

	fill(f, 1, 10);
	fill(f, 2, 11);
	expect_peek(f, 6, 13, &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.id[0], 10);
	pop_behind(f, 13);
	fill(f, 3, 20);
	expect_peek(f, 6, 23, &s); /* of the longest */
	assert_int_equal(s.n, 2);
	expect_accounts(f);
}

/* As many as leave until then by how it went so far. */
static void it_is_no_farther_behind_than_the_queue_moves(void **state)
{
	struct fixture *f = *state;
	struct passes s;
	struct mpq_packet *p;

	fill(f, 1, 100);
	f->now += 50 * TICK;
	s.n = 0;
	p = mpq_fair_peek_behind(&f->fair, 80 * BULK, 10 * TICK, f->now, pass,
				 &s);
	assert_int_equal(p->sequence, 20);
	p = mpq_fair_peek_behind(&f->fair, 80 * BULK, 50 * TICK, f->now, pass,
				 &s);
	assert_int_equal(p->sequence, 80);
}

/* The faster path took nothing for long. */
static void what_a_slower_path_had_is_not_owed_for_long(void **state)
{
	struct fixture *f = *state;
	struct passes s;
	unsigned others = 0;

	fill(f, 1, 400);
	(void)mpq_fair_peek(&f->fair, f->now);
	for (uint32_t i = 0; i < 300; i++) {
		expect_peek(f, 3, 4 + i, &s);
		pop_behind(f, 4 + i);
	}
	expect_pop(f, 0);
	fill(f, 2, 200);
	while (pop_flow(f) == 2) {
		others++;
	}
	assert_in_range(others, 20, 40);
}

static void what_was_passed_is_dropped_last(void **state)
{
	struct fixture *f = *state;
	struct passes s;

	f->fair.config.limit_pkts = 6;
	fill(f, 1, 6);
	expect_peek(f, 4, 4, &s);
	fill(f, 1, 1);
	assert_int_equal(f->fair.dropped_full, 1);
	expect_peek(f, 4, 5, &s); /* 4 is gone */
	fill(f, 1, 1);
	expect_peek(f, 5, 7, &s);
	assert_int_equal(s.n, 1); /* 6; 5 is gone */
	pop_behind(f, 7);
	f->fair.config.limit_pkts = 5;
	assert_false(push(f, 1, BULK)); /* all others were passed */
	expect_accounts(f);
	for (uint32_t i = 0; i < 4; i++) {
		expect_pop(f, i);
	}
}

static void delay_control_drops_what_was_not_passed(void **state)
{
	struct fixture *f = *state;
	struct passes s;

	fill(f, 1, 300);
	expect_peek(f, 200, 200, &s);
	for (uint32_t i = 0; i < 200; i++) {
		f->now += TICK;
		expect_pop(f, i);
	}
	assert_int_not_equal(f->fair.dropped_delay, 0);
	expect_accounts(f);
}

static void what_is_too_old_goes_also_when_it_was_passed(void **state)
{
	struct fixture *f = *state;
	struct passes s;

	fill(f, 1, 10);
	f->now += 10 * TICK;
	fill(f, 1, 10);
	expect_peek(f, 5, 5, &s);
	assert_int_equal(mpq_fair_drop_older(&f->fair, 5 * TICK, f->now), 10);
	expect_accounts(f);
	expect_peek(f, 1, 11, &s);
	expect_pop(f, 10);
}

static void a_flow_moves_with_what_was_passed_of_it(void **state)
{
	struct fixture *f = *state;
	struct passes s;
	struct mpq_fair to;

	init_other(f, &to);
	fill(f, 1, 10);
	(void)mpq_fair_peek(&f->fair, f->now);
	expect_peek(f, 3, 4, &s);
	pop_behind(f, 4);
	assert_int_equal(mpq_fair_move_flow(&f->fair, 1, &to), 9);
	expect_accounts(f);
	fill(f, 1, 2); /* nothing of what went is left */
	expect_peek(f, 1, 11, &s);
	assert_int_equal(s.n, 1);
	for (uint32_t i = 0; i < 9; i++) {
		struct mpq_packet *p = mpq_fair_pop(&to, f->now);

		assert_int_equal(p->sequence, i + (i >= 4));
		mpq_packet_put(&f->pool, p);
	}
	mpq_fair_finish(&to);
}

/* They are of the same sets of buckets. */
static void what_was_passed_stays_so_when_other_flows_move(void **state)
{
	struct fixture *f = *state;
	struct passes s;
	struct mpq_fair to;

	init_other(f, &to);
	fill(f, 1, 10);
	for (uint32_t flow = 2; flow < 200; flow++) {
		assert_true(push(f, flow, 100));
	}
	expect_peek(f, 2000, 9, &s);
	for (uint32_t flow = 2; flow < 200; flow++) {
		assert_int_equal(mpq_fair_move_flow(&f->fair, flow, &to), 1);
		expect_accounts(f);
	}
	expect_peek(f, 0, 9, &s);
	mpq_fair_finish(&to);
}

static void nothing_is_passed_after_all_were_taken(void **state)
{
	struct fixture *f = *state;
	struct passes s;

	fill(f, 1, 10);
	expect_peek(f, 3, 3, &s);
	assert_int_equal(mpq_fair_clear(&f->fair), 10);
	expect_accounts(f);
	fill(f, 1, 3);
	expect_peek(f, 1, 11, &s);
	assert_int_equal(s.n, 1);
	expect_pop(f, 10);
}

/* Takes one from behind, which nobody has passed before. */
static void take_unpassed(struct fixture *f, size_t pkts, bool *passed)
{
	struct passes s;
	struct mpq_packet *p = peek(f, pkts, &s);

	for (size_t i = 0; i < s.n; i++) {
		passed[s.id[i]] = true;
	}
	if (p != NULL) {
		assert_false(passed[p->sequence]);
		assert_ptr_equal(mpq_fair_pop_behind(&f->fair, f->now), p);
		mpq_packet_put(&f->pool, p);
	}
}

/* Any of all this, many times. */
static void its_accounts_hold_whatever_happens(void **state)
{
	struct fixture *f = *state;
	static bool passed[20000];
	struct mpq_fair to;
	struct taken t;

	init_other(f, &to);
	f->fair.config.limit_pkts = 60;
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t r = f->random = f->random * 1664525 + 1013904223;

		f->now += r % 7 == 0 ? TICK : 0;
		switch (r >> 16 & 7) {
		case 0:
		case 1:
		case 2: /* more flows than a set has buckets, of one set */
			(void)push(f, (r >> 20) % 40, 60 + (r >> 24) % 1340);
			break;
		case 3:
			(void)pop(f, &t);
			break;
		case 4:
		case 5:
			take_unpassed(f, (r >> 20) % 8, passed);
			break;
		case 6:
			(void)mpq_fair_move_flow(&f->fair, (r >> 20) % 40, &to);
			(void)mpq_fair_clear(&to);
			break;
		default:
			if ((r >> 19 & 31) == 0) {
				(void)mpq_fair_drop_older(&f->fair, 20 * TICK,
							  f->now);
			}
		}
		expect_accounts(f);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(those_before_it_are_passed_once_in_their_order),
		TEST(what_was_peeked_at_is_passed_too),
		TEST(the_last_one_is_had_and_no_other),
		TEST(each_of_several_flows_has_its_share_before_it),
		TEST(it_is_no_farther_behind_than_the_queue_moves),
		TEST(what_a_slower_path_had_is_not_owed_for_long),
		TEST(what_was_passed_is_dropped_last),
		TEST(delay_control_drops_what_was_not_passed),
		TEST(what_is_too_old_goes_also_when_it_was_passed),
		TEST(a_flow_moves_with_what_was_passed_of_it),
		TEST(what_was_passed_stays_so_when_other_flows_move),
		TEST(nothing_is_passed_after_all_were_taken),
		TEST(its_accounts_hold_whatever_happens),
	};

	return cmocka_run_group_tests_name("flow/fair_behind", tests, NULL,
					   NULL);
}
