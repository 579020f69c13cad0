/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/flow/queue.h"

#include "dataplane/flow/ip.h"

#include <assert.h>

void mpq_queue_init(struct mpq_queue *q, struct mpq_packet_pool *pool,
		    const struct mpq_queue_config *config)
{
	*q = (struct mpq_queue){.config = *config, .pool = pool};
}

void mpq_queue_finish(struct mpq_queue *q)
{
	if (q != NULL && q->pool != NULL) {
		(void)mpq_queue_clear(q);
	}
}

static void append(struct mpq_queue *q, struct mpq_packet *p)
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

bool mpq_queue_push(struct mpq_queue *q, struct mpq_packet *p, mpq_time now)
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

size_t mpq_queue_move_flow(struct mpq_queue *q, uint32_t flow,
			   struct mpq_queue *to)
{
	struct mpq_packet *p = q->head;
	size_t moved = q->pkts;

	if (p == NULL) {
		return 0;
	}
	q->head = q->tail = NULL;
	q->pkts = 0;
	q->bytes = 0;
	q->decided = false;
	while (p != NULL) {
		struct mpq_packet *next = p->next;

		append(p->flow == flow ? to : q, p);
		p = next;
	}
	return moved - q->pkts;
}

static struct mpq_packet *take_head(struct mpq_queue *q)
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

static void drop_head(struct mpq_queue *q)
{
	q->dropped_delay++;
	mpq_packet_put(q->pool, take_head(q));
}

static uint64_t square_root(uint64_t x)
{
	uint64_t root = 0;

	for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1) {
		if ((root | bit) * (root | bit) <= x) {
			root |= bit;
		}
	}
	return root;
}

/* RFC 8289 §5.3: t + interval / sqrt(count), with 16 bits of fraction. */
static mpq_time control_law(const struct mpq_queue *q, mpq_time t)
{
	uint64_t root = square_root((uint64_t)q->codel.count << 32);

	return t + (q->config.interval << 16) / root;
}

/* RFC 8289 §5.6, dodequeue(): has the head stood above the target for an
 * interval? What would be left behind it has to be more than a packet: a queue
 * that short is not a standing one, whatever its delay. */
static bool may_drop(struct mpq_queue *q, mpq_time now)
{
	mpq_duration sojourn;

	if (q->head == NULL) {
		q->codel.first_above = 0;
		return false;
	}
	sojourn = mpq_time_elapsed(q->head->enqueued, now);
	if (sojourn < q->config.target ||
	    q->bytes - q->head->len_bytes <= MPQ_PACKET_MAX_BYTES) {
		q->codel.first_above = 0;
		return false;
	}
	if (q->codel.first_above == 0) {
		q->codel.first_above = now + q->config.interval;
		return false;
	}
	return now >= q->codel.first_above;
}

/* The head pays for the queue: by a mark (true, it stays) or by its life. */
static bool mark_or_drop(struct mpq_queue *q)
{
	if (mpq_ip_mark_ce(q->head->data, q->head->len_bytes)) {
		q->marked++;
		return true;
	}
	drop_head(q);
	return false;
}

static void go_on_dropping(struct mpq_queue *q, mpq_time now)
{
	bool marked = false;

	while (!marked && q->codel.dropping && now >= q->codel.drop_next) {
		q->codel.count++;
		marked = mark_or_drop(q);
		if (!marked && !may_drop(q, now)) {
			q->codel.dropping = false;
		} else {
			q->codel.drop_next = control_law(q, q->codel.drop_next);
		}
	}
}

/* Soon after the last time, the rate that was right then is where to start:
 * RFC 8289 §5.5. */
static void start_dropping(struct mpq_queue *q, mpq_time now)
{
	uint32_t delta = q->codel.count - q->codel.last_count;
	mpq_duration since = mpq_time_elapsed(q->codel.drop_next, now);

	if (!mark_or_drop(q)) {
		(void)may_drop(q, now);
	}
	q->codel.dropping = true;
	q->codel.count =
		delta > 1 && since < 16 * q->config.interval ? delta : 1;
	q->codel.last_count = q->codel.count;
	q->codel.drop_next = control_law(q, now);
}

static void control_delay(struct mpq_queue *q, mpq_time now)
{
	bool over = may_drop(q, now);

	if (q->codel.dropping && !over) {
		q->codel.dropping = false;
	} else if (q->codel.dropping) {
		go_on_dropping(q, now);
	} else if (over) {
		start_dropping(q, now);
	}
}

struct mpq_packet *mpq_queue_peek(struct mpq_queue *q, mpq_time now)
{
	if (!q->decided && q->config.target != 0 && q->head != NULL) {
		control_delay(q, now);
	}
	q->decided = q->head != NULL;
	return q->head;
}

struct mpq_packet *mpq_queue_pop(struct mpq_queue *q, mpq_time now)
{
	struct mpq_packet *p = mpq_queue_peek(q, now);

	if (p == NULL) {
		return NULL;
	}
	q->sojourn = mpq_time_elapsed(p->enqueued, now);
	return take_head(q);
}

size_t mpq_queue_drop_older(struct mpq_queue *q, mpq_duration age, mpq_time now)
{
	size_t before = q->pkts;

	while (q->head != NULL &&
	       mpq_time_elapsed(q->head->enqueued, now) > age) {
		drop_head(q);
	}
	return before - q->pkts;
}

size_t mpq_queue_clear(struct mpq_queue *q)
{
	size_t n = q->pkts;

	while (q->head != NULL) {
		mpq_packet_put(q->pool, take_head(q));
	}
	assert(q->pkts == 0 && q->bytes == 0);
	q->codel.first_above = 0;
	q->codel.dropping = false;
	return n;
}
