/* SPDX-License-Identifier: Apache-2.0 */
/* A queue that a channel takes plain packets from, as a tunnel's is. */
#ifndef MPQ_TESTS_DATAPLANE_QUEUE_SOURCE_H
#define MPQ_TESTS_DATAPLANE_QUEUE_SOURCE_H

#include "dataplane/channel.h"
#include "dataplane/flow/fair.h"

struct queue_source {
	struct mpq_fair queue;
	struct mpq_fair_room room;
	unsigned too_big;
};

static inline bool
queue_source_offer(void *owner, struct mpq_channel_offer *ret, mpq_time now)
{
	struct queue_source *s = owner;
	const struct mpq_packet *p = mpq_fair_peek(&s->queue, now);

	if (p == NULL) {
		return false;
	}
	*ret = (struct mpq_channel_offer){.data = p->data,
					  .data_bytes = p->len_bytes,
					  .more = s->queue.pkts > 1};
	return true;
}

static inline void queue_source_taken(void *owner, uint64_t id, mpq_time now)
{
	struct queue_source *s = owner;

	(void)id;
	mpq_packet_put(s->queue.pool, mpq_fair_pop(&s->queue, now));
}

static inline void queue_source_too_big(void *owner, size_t limit, mpq_time now)
{
	struct queue_source *s = owner;

	(void)limit;
	s->too_big++;
	mpq_packet_put(s->queue.pool, mpq_fair_pop(&s->queue, now));
}

static const struct mpq_channel_source queue_source = {
	.offer = queue_source_offer,
	.taken = queue_source_taken,
	.too_big = queue_source_too_big,
};

#endif
