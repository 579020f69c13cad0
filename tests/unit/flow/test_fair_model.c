/* SPDX-License-Identifier: Apache-2.0 */
/* A fair queue against a plain model, and its accounts. */
#include "tests/unit/flow/fair_fixture.h"

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
		TEST(it_takes_turns_as_the_model_does),
		TEST(nothing_is_lost_from_sight),
		TEST(flows_seldom_share_a_bucket),
	};

	return cmocka_run_group_tests_name("flow/fair_model", tests, NULL,
					   NULL);
}
