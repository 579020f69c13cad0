/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/flow/fair.h"
#include "tests/unit/flow/sample.h"

#define LIMIT    1000
#define TARGET   (5 * MPQ_MILLISECOND)
#define INTERVAL (100 * MPQ_MILLISECOND)
#define TICK     MPQ_MILLISECOND
#define BULK     1400
#define QUANTUM  MPQ_FAIR_QUANTUM_BYTES

struct fixture {
	struct mpq_packet_pool pool;
	struct mpq_fair_room room;
	struct mpq_fair fair;
	mpq_time now;
	uint32_t id; /* of the next packet, to know it by */
	uint32_t random;
};

static const struct mpq_queue_config config = {
	.limit_pkts = LIMIT,
	.target = TARGET,
	.interval = INTERVAL,
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	mpq_fair_init(&f->fair, &f->pool, &config, &f->room);
	f->now = 77 * MPQ_SECOND;
	f->random = 20221;
	return mpq_packet_pool_init(&f->pool, LIMIT + 1);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	mpq_fair_finish(&f->fair);
	assert_int_equal(f->pool.free_pkts, f->pool.size_pkts);
	mpq_packet_pool_finish(&f->pool);
	free(f);
	return 0;
}

static struct mpq_packet *make(struct fixture *f, uint32_t flow, size_t len,
			       uint8_t tos)
{
	struct mpq_packet *p = mpq_packet_get(&f->pool);

	assert_non_null(p);
	memset(p->data, 0, 20);
	p->data[0] = 0x45;
	p->data[1] = tos;
	p->len_bytes = (uint16_t)len;
	p->flow = flow;
	p->sequence = f->id++;
	return p;
}

static bool push(struct fixture *f, uint32_t flow, size_t len)
{
	return mpq_fair_push(&f->fair, make(f, flow, len, 0), f->now);
}

static void fill(struct fixture *f, uint32_t flow, size_t n)
{
	while (n-- > 0) {
		assert_true(push(f, flow, BULK));
	}
}

struct taken {
	uint32_t flow, id;
	size_t len;
};

static bool pop(struct fixture *f, struct taken *ret)
{
	struct mpq_packet *p = mpq_fair_pop(&f->fair, f->now);

	*ret = (struct taken){0};
	if (p == NULL) {
		return false;
	}
	*ret = (struct taken){p->flow, p->sequence, p->len_bytes};
	mpq_packet_put(&f->pool, p);
	return true;
}

static uint32_t pop_flow(struct fixture *f)
{
	struct taken t;

	assert_true(pop(f, &t));
	return t.flow;
}

/* n ticks of a queue of one flow that neither grows nor shrinks but for what
 * is dropped. */
static void run_full(struct fixture *f, uint32_t flow, size_t ticks)
{
	for (size_t i = 0; i < ticks; i++) {
		f->now += TICK;
		assert_true(push(f, flow, BULK));
		(void)pop_flow(f);
	}
}

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

/* What fills the link is known as such. */
static void settle(struct fixture *f, size_t pkts)
{
	while (pkts-- > 0) {
		(void)pop_flow(f);
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

static void it_is_told_whether_a_sparse_flow_waits(void **state)
{
	struct fixture *f = *state;

	assert_false(mpq_fair_has_sparse(&f->fair));
	fill(f, 1, 10);
	while (mpq_fair_has_sparse(&f->fair)) {
		assert_int_equal(pop_flow(f), 1);
	}
	assert_true(f->fair.pkts > 5);
	assert_true(push(f, 2, 100));
	assert_true(mpq_fair_has_sparse(&f->fair));
	assert_int_equal(pop_flow(f), 2);
	assert_int_equal(pop_flow(f), 1);
	assert_false(mpq_fair_has_sparse(&f->fair));
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

/* The second queue of a test, with packets of the same pool. */
static struct mpq_fair *other_of(struct fixture *f)
{
	static struct mpq_fair_room room;
	static struct mpq_fair other;

	memset(&room, 0, sizeof(room));
	mpq_fair_init(&other, &f->pool,
		      &(struct mpq_queue_config){.limit_pkts = 1}, &room);
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

/* ---- against a model ---------------------------------------------------- */

#define MODEL_FLOWS 8
#define MODEL_PKTS  512

/* RFC 8290 §4 as it is told: a list of flows, each a list of packets. */
struct model {
	struct {
		uint32_t id[MODEL_PKTS];
		size_t len[MODEL_PKTS], first, n;
		int deficit;
	} flow[MODEL_FLOWS];
	unsigned fresh[MODEL_FLOWS], old[MODEL_FLOWS + 1];
	size_t n_fresh, n_old;
};

static bool is_listed(const struct model *m, unsigned flow)
{
	for (size_t i = 0; i < m->n_fresh; i++) {
		if (m->fresh[i] == flow) {
			return true;
		}
	}
	for (size_t i = 0; i < m->n_old; i++) {
		if (m->old[i] == flow) {
			return true;
		}
	}
	return false;
}

static void model_push(struct model *m, unsigned flow, uint32_t id, size_t len)
{
	size_t at = (m->flow[flow].first + m->flow[flow].n++) % MODEL_PKTS;

	m->flow[flow].id[at] = id;
	m->flow[flow].len[at] = len;
	if (!is_listed(m, flow)) {
		m->flow[flow].deficit = QUANTUM;
		m->fresh[m->n_fresh++] = flow;
	}
}

static unsigned shift(unsigned *list, size_t *n)
{
	unsigned first = list[0];

	memmove(list, list + 1, --*n * sizeof(list[0]));
	return first;
}

static bool model_pop(struct model *m, uint32_t *ret_id)
{
	while (m->n_fresh + m->n_old > 0) {
		bool fresh = m->n_fresh > 0;
		unsigned flow = fresh ? m->fresh[0] : m->old[0];
		size_t first = m->flow[flow].first;

		if (m->flow[flow].deficit > 0 && m->flow[flow].n > 0) {
			m->flow[flow].deficit -= (int)m->flow[flow].len[first];
			m->flow[flow].first = (first + 1) % MODEL_PKTS;
			m->flow[flow].n--;
			*ret_id = m->flow[flow].id[first];
			return true;
		}
		(void)shift(fresh ? m->fresh : m->old,
			    fresh ? &m->n_fresh : &m->n_old);
		if (m->flow[flow].deficit <= 0) {
			m->flow[flow].deficit += QUANTUM;
			m->old[m->n_old++] = flow;
		} else if (fresh && m->n_old > 0) {
			m->old[m->n_old++] = flow;
		}
	}
	return false;
}

static void it_takes_turns_as_the_model_does(void **state)
{
	static struct model m;
	struct fixture *f = *state;
	size_t popped = 0;

	memset(&m, 0, sizeof(m));
	f->fair.config.target = 0;
	for (unsigned i = 0; i < 20000; i++) {
		/* Stretches in which it fills, and such in which it drains. */
		unsigned fills = i / 500 % 2 == 0 ? 55 : 45;
		bool in = sample_random(&f->random) % 100 < fills;

		if (in && f->fair.pkts < MODEL_PKTS) {
			unsigned flow = sample_random(&f->random) % MODEL_FLOWS;
			size_t len = 40 + sample_random(&f->random) % 1461;

			model_push(&m, flow, f->id, len);
			assert_true(push(f, flow, len));
		} else if (!in) {
			uint32_t want;
			struct taken t;
			bool any = model_pop(&m, &want);

			assert_int_equal(pop(f, &t), any);
			assert_true(!any || t.id == want);
			popped += any;
		}
	}
	assert_true(popped > 5000);
}

#define MANY 400

struct accounts {
	uint32_t last[MANY]; /* id + 1 of the packet last seen */
	uint64_t popped, bytes_in, bytes_out;
};

/* Peeks, sometimes without popping; each flow's packets come in their order. */
static void take_one(struct fixture *f, struct accounts *a)
{
	struct mpq_packet *p = mpq_fair_peek(&f->fair, f->now);

	assert_ptr_equal(mpq_fair_peek(&f->fair, f->now), p);
	assert_true(p != NULL || f->fair.pkts == 0);
	if (p == NULL || sample_random(&f->random) % 4 == 0) {
		return;
	}
	assert_ptr_equal(mpq_fair_pop(&f->fair, f->now), p);
	assert_true(p->sequence >= a->last[p->flow]);
	a->last[p->flow] = p->sequence + 1;
	a->popped++;
	mpq_packet_put(&f->pool, p);
}

static void check_sums(const struct fixture *f, const struct accounts *a)
{
	size_t pkts = f->fair.decided != NULL, bytes = 0;

	bytes += f->fair.decided != NULL ? f->fair.decided->len_bytes : 0;
	for (unsigned b = 0; b < MPQ_FAIR_BUCKETS; b++) {
		const struct mpq_packet *p = f->room.bucket[b].head;
		size_t own = 0;

		for (; p != NULL; p = p->next) {
			pkts++;
			own += p->len_bytes;
			assert_true(f->fair.oldest <= p->enqueued);
		}
		assert_int_equal(own, f->room.bytes[b]);
		bytes += own;
	}
	assert_int_equal(pkts, f->fair.pkts);
	assert_int_equal(bytes, f->fair.bytes);
	assert_int_equal(f->fair.pkts + f->pool.free_pkts, f->pool.size_pkts);
	assert_int_equal(f->fair.pkts + a->popped + f->fair.dropped_full +
				 f->fair.dropped_delay,
			 f->id);
}

/* More flows than buckets, a queue that overflows, delay control, old age:
 * nothing is lost from sight and each flow keeps its order. */
static void nothing_is_lost_from_sight(void **state)
{
	struct fixture *f = *state;
	struct accounts a = {{0}};

	f->fair.config.limit_pkts = 300;
	for (unsigned i = 0; i < 60000; i++) {
		unsigned fills = i / 3000 % 2 == 0 ? 75 : 40;
		uint32_t r = sample_random(&f->random);

		f->now += r % 1000 * MPQ_MICROSECOND;
		if (r % 100 < fills) {
			unsigned of = i / 10000 % 2 == 0 ? MANY : 20;

			(void)push(f, sample_random(&f->random) % of,
				   20 + sample_random(&f->random) % 1481);
		} else {
			take_one(f, &a);
		}
		if (r % 512 == 0) {
			(void)mpq_fair_drop_older(&f->fair,
						  200 * MPQ_MILLISECOND,
						  f->now);
		}
		if (i % 64 == 0) {
			check_sums(f, &a);
		}
	}
	assert_true(f->fair.dropped_full > 100);
	assert_true(f->fair.dropped_delay > 100);
	assert_true(a.popped > 5000);
}

/* 64 flows wait in 128 buckets: nearly all of them alone. */
static void flows_seldom_share_a_bucket(void **state)
{
	struct fixture *f = *state;
	unsigned shared = 0;

	for (unsigned i = 0; i < 64; i++) {
		assert_true(push(f, sample_random(&f->random), 100));
	}
	for (unsigned b = 0; b < MPQ_FAIR_BUCKETS; b++) {
		shared += f->room.guests[b];
	}
	assert_true(shared <= 2);
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
		TEST(it_is_told_whether_a_sparse_flow_waits),
		TEST(small_packets_fill_it_by_their_bytes),
		TEST(a_full_queue_drops_from_the_longest),
		TEST(what_is_refused_itself_is_told),
		TEST(what_was_peeked_stays_whatever_comes),
		TEST(delay_control_is_of_each_flow),
		TEST(no_target_no_control),
		TEST(what_is_ecn_capable_is_marked_not_dropped),
		TEST(the_last_packets_are_never_dropped),
		TEST(what_grew_too_old_goes_however_it_stands),
		TEST(what_is_of_no_use_any_more_is_not_sent),
		TEST(a_flow_moves_in_its_order_and_with_its_age),
		TEST(what_was_peeked_of_others_stays_when_a_flow_moves),
		TEST(guests_move_by_themselves),
		TEST(all_are_taken_in_their_flows_order),
		TEST(clearing_gives_all_back),
		TEST(a_cleared_queue_has_no_grudge),
		TEST(its_room_is_left_alone_until_something_waits),
		TEST(finishing_nothing_is_fine),
		TEST(it_takes_turns_as_the_model_does),
		TEST(nothing_is_lost_from_sight),
		TEST(flows_seldom_share_a_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
