/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fair queue with a pool of its own, for its tests.
 */
#ifndef MPQ_TESTS_FLOW_FAIR_FIXTURE_H
#define MPQ_TESTS_FLOW_FAIR_FIXTURE_H

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

static const struct mpq_fair_config config = {
	.limit_pkts = LIMIT,
	.target = TARGET,
	.interval = INTERVAL,
};

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	mpq_fair_init(&f->fair, &f->pool, &config, &f->room);
	f->now = 77 * MPQ_SECOND;
	f->random = 20221;
	return mpq_packet_pool_init(&f->pool, LIMIT + 1);
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	mpq_fair_finish(&f->fair);
	assert_int_equal(f->pool.free_pkts, f->pool.size_pkts);
	mpq_packet_pool_finish(&f->pool);
	free(f);
	return 0;
}

static inline struct mpq_packet *make(struct fixture *f, uint32_t flow,
				      size_t len, uint8_t tos)
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

static inline bool push(struct fixture *f, uint32_t flow, size_t len)
{
	return mpq_fair_push(&f->fair, make(f, flow, len, 0), f->now);
}

static inline void fill(struct fixture *f, uint32_t flow, size_t n)
{
	while (n-- > 0) {
		assert_true(push(f, flow, BULK));
	}
}

struct taken {
	uint32_t flow, id;
	size_t len;
};

static inline bool pop(struct fixture *f, struct taken *ret)
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

static inline uint32_t pop_flow(struct fixture *f)
{
	struct taken t;

	assert_true(pop(f, &t));
	return t.flow;
}

/* n ticks of a queue of one flow that neither grows nor shrinks but for what
 * is dropped. */
static inline void run_full(struct fixture *f, uint32_t flow, size_t ticks)
{
	for (size_t i = 0; i < ticks; i++) {
		f->now += TICK;
		assert_true(push(f, flow, BULK));
		(void)pop_flow(f);
	}
}

/* What fills the link is known as such. */
static inline void settle(struct fixture *f, size_t pkts)
{
	while (pkts-- > 0) {
		(void)pop_flow(f);
	}
}

#endif
