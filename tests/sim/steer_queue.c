/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/steer_queue.h"

#include "dataplane/flow/ip.h"

#include <assert.h>

void sim_queue_init(struct sim_queue *q, struct mpq_packet_pool *pool,
		    const struct mpq_fair_config *config)
{
	*q = (struct sim_queue){.config = *config, .pool = pool};
}

static void append(struct sim_queue *q, struct mpq_packet *p)
{
	p->next = NULL;
	if (q->tail == NULL) {
		q->head = p;
	} else {
		q->tail->next = p;
	}
	q->tail = p;
	q->pkts++;
	q->bytes += p->len_bytes;
}

bool sim_queue_push(struct sim_queue *q, struct mpq_packet *p, mpq_time now)
{
	if (q->pkts >= q->config.limit_pkts) {
		q->dropped_full++;
		mpq_packet_put(q->pool, p);
		return false;
	}
	p->enqueued = now;
	append(q, p);
	q->enqueued++;
	return true;
}

static struct mpq_packet *take_head(struct sim_queue *q)
{
	struct mpq_packet *p = q->head;

	assert(q->pkts > 0 && q->bytes >= p->len_bytes);
	q->head = p->next;
	if (q->head == NULL) {
		q->tail = NULL;
	}
	p->next = NULL;
	q->pkts--;
	q->bytes -= p->len_bytes;
	q->decided = false;
	return p;
}

static void drop_head(struct sim_queue *q)
{
	q->dropped_delay++;
	mpq_packet_put(q->pool, take_head(q));
}

/* The head pays for the queue: by a mark (true, it stays) or by its life. */
static bool mark_or_drop(struct sim_queue *q)
{
	if (mpq_ip_mark_ce(q->head->data, q->head->len_bytes)) {
		q->marked++;
		return true;
	}
	drop_head(q);
	return false;
}

static bool is_charged(struct sim_queue *q, mpq_time now)
{
	size_t left_bytes = q->bytes - q->head->len_bytes;

	return mpq_codel_charges(&q->codel, q->config.target,
				 q->config.interval,
				 mpq_time_elapsed(q->head->enqueued, now),
				 left_bytes > MPQ_PACKET_MAX_BYTES, now);
}

static void control_delay(struct sim_queue *q, mpq_time now)
{
	bool marked = false;

	while (!marked && q->head != NULL && is_charged(q, now)) {
		marked = mark_or_drop(q);
	}
	if (q->head == NULL) {
		mpq_codel_rest(&q->codel);
	}
}

struct mpq_packet *sim_queue_peek(struct sim_queue *q, mpq_time now)
{
	if (!q->decided && q->config.target != 0 && q->head != NULL) {
		control_delay(q, now);
	}
	q->decided = q->head != NULL;
	return q->head;
}

struct mpq_packet *sim_queue_pop(struct sim_queue *q, mpq_time now)
{
	struct mpq_packet *p = sim_queue_peek(q, now);

	if (p == NULL) {
		return NULL;
	}
	q->sojourn = mpq_time_elapsed(p->enqueued, now);
	return take_head(q);
}

size_t sim_queue_clear(struct sim_queue *q)
{
	size_t n = q->pkts;

	while (q->head != NULL) {
		mpq_packet_put(q->pool, take_head(q));
	}
	assert(q->pkts == 0 && q->bytes == 0);
	mpq_codel_rest(&q->codel);
	return n;
}
