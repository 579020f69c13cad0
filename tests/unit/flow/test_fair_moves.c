/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves a fair queue other than by its turn. */
#include "tests/unit/flow/fair_fixture.h"

/* The second queue of a test, with packets of the same pool. */
static struct mpq_fair *other_of(struct fixture *f)
{
	static struct mpq_fair_room room;
	static struct mpq_fair other;

	memset(&room, 0, sizeof(room));
	mpq_fair_init(&other, &f->pool,
		      &(struct mpq_fair_config){.limit_pkts = 1}, &room);
	return &other;
}

static void a_flow_moves_in_its_order_and_with_its_age(void **state)
{
	struct fixture *f = *state;
	struct mpq_fair *other = other_of(f);
	mpq_time came = f->now;

	for (unsigned i = 0; i < 12; i++) {
		assert_true(push(f, i % 3, 100 + i));
	}
	/* Of flow 0, and so it goes first. */
	assert_int_equal(mpq_fair_peek(&f->fair, f->now)->sequence, 0);
	f->now += MPQ_SECOND;
	assert_int_equal(mpq_fair_move_flow(&f->fair, 0, other), 4);
	assert_int_equal(mpq_fair_move_flow(&f->fair, 0, other), 0);
	assert_int_equal(other->pkts, 4);
	assert_int_equal(other->bytes, 100 + 103 + 106 + 109);
	assert_int_equal(other->oldest, came);
	for (unsigned i = 0; i < 12; i += 3) {
		struct mpq_packet *p = mpq_fair_pop(other, f->now);

		assert_int_equal(p->sequence, i);
		assert_int_equal(p->enqueued, came);
		mpq_packet_put(&f->pool, p);
	}
	assert_int_equal(f->fair.pkts, 8);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_not_equal(pop_flow(f), 0);
	}
	assert_int_equal(f->fair.bytes, 0);
	assert_int_equal(mpq_fair_move_flow(&f->fair, 1, other), 0);
}

static void what_is_put_back_keeps_its_age_and_is_not_counted(void **state)
{
	struct fixture *f = *state;
	struct mpq_fair *other = other_of(f);
	mpq_time came = f->now;

	assert_true(push(f, 1, 100));
	f->now += MPQ_SECOND;
	assert_true(mpq_fair_put_back(other, mpq_fair_pop(&f->fair, f->now)));
	assert_int_equal(other->enqueued, 0);
	assert_int_equal(other->oldest, came);
	assert_int_equal(mpq_fair_peek(other, f->now)->enqueued, came);
	mpq_packet_put(&f->pool, mpq_fair_pop(other, f->now));
	assert_int_equal(other->sojourn, MPQ_SECOND);
}

/* The limit holds for it, too. */
static void what_is_put_back_is_dropped_when_all_is_full(void **state)
{
	struct fixture *f = *state;
	struct mpq_fair *other = other_of(f);

	assert_true(mpq_fair_put_back(other, make(f, 1, 100, 0)));
	assert_false(mpq_fair_put_back(other, make(f, 2, 200, 0)));
	assert_int_equal(other->dropped_full, 1);
	assert_int_equal(other->pkts, 1);
	mpq_fair_finish(other);
}

static void what_was_peeked_of_others_stays_when_a_flow_moves(void **state)
{
	struct fixture *f = *state;
	struct mpq_fair *other = other_of(f);
	struct mpq_packet *p;

	fill(f, 1, 3);
	fill(f, 2, 3);
	p = mpq_fair_peek(&f->fair, f->now);
	assert_int_equal(p->flow, 1);
	assert_int_equal(mpq_fair_move_flow(&f->fair, 2, other), 3);
	assert_ptr_equal(mpq_fair_peek(&f->fair, f->now), p);
	settle(f, 3);
	assert_int_equal(f->fair.pkts, 0);
	mpq_fair_finish(other);
}

/* So many flows that some are guests in others' buckets. */
static void guests_move_by_themselves(void **state)
{
	enum {
		FLOWS = 300
	};
	struct fixture *f = *state;
	struct mpq_fair *other = other_of(f);
	uint32_t next[FLOWS] = {0};
	unsigned guests = 0;

	for (uint32_t i = 0; i < 3 * FLOWS; i++) {
		assert_true(push(f, i % FLOWS, 100));
	}
	for (unsigned b = 0; b < MPQ_FAIR_BUCKETS; b++) {
		guests += f->room.guests[b];
	}
	assert_in_range(guests, 50, MPQ_FAIR_BUCKETS);
	for (uint32_t flow = 0; flow < FLOWS; flow += 2) {
		assert_int_equal(mpq_fair_move_flow(&f->fair, flow, other), 3);
	}
	assert_int_equal(other->pkts, 3 * FLOWS / 2);
	for (unsigned i = 0; i < 3 * FLOWS; i++) {
		struct mpq_fair *from = i % 2 == 0 ? other : &f->fair;
		struct mpq_packet *p = mpq_fair_pop(from, f->now);

		assert_int_equal(p->flow % 2, from == &f->fair);
		assert_int_equal(p->sequence,
				 p->flow + FLOWS * next[p->flow]++);
		mpq_packet_put(&f->pool, p);
	}
	assert_int_equal(f->fair.pkts + other->pkts, 0);
	for (unsigned b = 0; b < MPQ_FAIR_BUCKETS; b++) {
		assert_false(f->room.guests[b]);
	}
}

static void all_are_taken_in_their_flows_order(void **state)
{
	struct fixture *f = *state;
	struct mpq_packet *p, *next;
	uint32_t seen[4] = {0};

	assert_int_equal(mpq_fair_take_all(&f->fair, &p), 0);
	assert_null(p);
	for (uint32_t i = 0; i < 40; i++) {
		assert_true(push(f, i % 4, 100 + 300 * (i % 4)));
	}
	settle(f, 5);
	(void)mpq_fair_peek(&f->fair, f->now);
	assert_int_equal(mpq_fair_take_all(&f->fair, &p), 35);
	assert_int_equal(f->fair.pkts + f->fair.bytes, 0);
	for (; p != NULL; p = next) {
		next = p->next;
		assert_true(p->sequence >= seen[p->flow]);
		seen[p->flow] = p->sequence + 1;
		mpq_packet_put(&f->pool, p);
	}
	assert_int_equal(f->pool.free_pkts, f->pool.size_pkts);
	assert_null(mpq_fair_peek(&f->fair, f->now));
	fill(f, 3, 1);
	assert_int_equal(pop_flow(f), 3);
}

static void clearing_gives_all_back(void **state)
{
	struct fixture *f = *state;
	struct taken t;

	for (uint32_t flow = 0; flow < 20; flow++) {
		fill(f, flow, 2);
	}
	(void)mpq_fair_peek(&f->fair, f->now);
	assert_int_equal(mpq_fair_clear(&f->fair), 40);
	assert_int_equal(f->pool.free_pkts, f->pool.size_pkts);
	assert_null(mpq_fair_peek(&f->fair, f->now));
	assert_int_equal(mpq_fair_clear(&f->fair), 0);
	fill(f, 3, 1);
	assert_true(pop(f, &t));
	assert_int_equal(t.id, 40);
}

static void a_cleared_queue_has_no_grudge(void **state)
{
	struct fixture *f = *state;

	fill(f, 1, 200);
	run_full(f, 1, 500);
	(void)mpq_fair_clear(&f->fair);
	f->now += MPQ_SECOND;
	f->fair.dropped_delay = 0;
	fill(f, 1, 90);
	for (unsigned i = 0; i < 90; i++) {
		f->now += TICK;
		(void)pop_flow(f);
	}
	assert_int_equal(f->fair.dropped_delay, 0);
}

static void its_room_is_left_alone_until_something_waits(void **state)
{
	struct fixture *f = *state;
	struct taken t;

	mpq_fair_init(&f->fair, &f->pool, &config, NULL);
	assert_null(mpq_fair_peek(&f->fair, f->now));
	assert_false(pop(f, &t));
	assert_int_equal(mpq_fair_drop_older(&f->fair, 1, f->now), 0);
	assert_int_equal(mpq_fair_clear(&f->fair), 0);
}

static void finishing_nothing_is_fine(void **state)
{
	struct mpq_fair q = {0};

	(void)state;
	mpq_fair_finish(NULL);
	mpq_fair_finish(&q);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_flow_moves_in_its_order_and_with_its_age),
		TEST(what_is_put_back_keeps_its_age_and_is_not_counted),
		TEST(what_is_put_back_is_dropped_when_all_is_full),
		TEST(what_was_peeked_of_others_stays_when_a_flow_moves),
		TEST(guests_move_by_themselves),
		TEST(all_are_taken_in_their_flows_order),
		TEST(clearing_gives_all_back),
		TEST(a_cleared_queue_has_no_grudge),
		TEST(its_room_is_left_alone_until_something_waits),
		TEST(finishing_nothing_is_fine),
	};

	return cmocka_run_group_tests_name("flow/fair_moves", tests, NULL,
					   NULL);
}
