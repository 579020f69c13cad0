/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue in front of a path: first in, first out, bounded in packets, with
 * a delay target (CoDel, RFC 8289): what has stood longer than the target for
 * an interval is marked (CE, when ECN-capable: RFC 3168, RFC 6040) or dropped
 * from the head. Pure: time comes in as `now`.
 */
#ifndef MPQ_FLOW_QUEUE_H
#define MPQ_FLOW_QUEUE_H

#include "common/clock.h"
#include "dataplane/flow/codel.h"
#include "dataplane/flow/packet.h"

#include <stdbool.h>

struct mpq_queue_config {
	size_t limit_pkts;     /* tail drop above this */
	mpq_duration target;   /* 0: no delay control */
	mpq_duration interval; /* about a worst round trip: 100 ms */
	/* flow/fair: what stood for longer is of no use; 0: it is. And so many
	 * bytes may wait in more packets than the limit. */
	mpq_duration max_age;
	size_t limit_bytes;
};

struct mpq_queue {
	struct mpq_queue_config config;
	struct mpq_packet_pool *pool; /* where dropped packets go */
	struct mpq_packet *head, *tail;
	size_t pkts, bytes;
	bool decided; /* the head has passed delay control and is to be sent */
	struct mpq_codel codel;
	uint64_t enqueued, dropped_full, dropped_delay, marked;
	mpq_duration sojourn; /* of the packet last taken */
};

void mpq_queue_init(struct mpq_queue *q, struct mpq_packet_pool *pool,
		    const struct mpq_queue_config *config);
void mpq_queue_finish(struct mpq_queue *q); /* puts all packets back */

/* Takes p. false: the queue was full, p went back to the pool, counted. */
bool mpq_queue_push(struct mpq_queue *q, struct mpq_packet *p, mpq_time now);

/* The packet to send next, after delay control; it stays in the queue until
 * mpq_queue_pop(), so that a refused write loses nothing. NULL when empty.
 * Peeking twice gives the same packet. */
struct mpq_packet *mpq_queue_peek(struct mpq_queue *q, mpq_time now);

/* Takes out what mpq_queue_peek() gave; the caller owns it. */
struct mpq_packet *mpq_queue_pop(struct mpq_queue *q, mpq_time now);

/* Drops from the head what has stood for longer than `age`, also what was
 * peeked at. How many; they count as dropped_delay. */
size_t mpq_queue_drop_older(struct mpq_queue *q, mpq_duration age,
			    mpq_time now);

/* Puts all packets back to the pool; returns how many. */
size_t mpq_queue_clear(struct mpq_queue *q);

#endif
