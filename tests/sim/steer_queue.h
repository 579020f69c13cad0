/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue in front of a path of sim_steer: simpler than that of a session
 * (flow/fair), as steering is what is looked at. First in, first out, bounded
 * in packets, with a delay target (flow/codel): what has stood longer than that
 * for an interval is marked (CE, when ECN-capable) or dropped from the head.
 */
#ifndef MPQ_TESTS_SIM_STEER_QUEUE_H
#define MPQ_TESTS_SIM_STEER_QUEUE_H

#include "common/clock.h"
#include "dataplane/flow/fair.h"
#include "dataplane/flow/packet.h"

#include <stdbool.h>

struct sim_queue {
	struct mpq_fair_config config;
	struct mpq_packet_pool *pool; /* where dropped packets go */
	struct mpq_packet *head, *tail;
	size_t pkts, bytes;
	bool decided; /* the head has passed delay control and is to be sent */
	struct mpq_codel codel;
	uint64_t enqueued, dropped_full, dropped_delay, marked;
	mpq_duration sojourn; /* of the packet last taken */
};

void sim_queue_init(struct sim_queue *q, struct mpq_packet_pool *pool,
		    const struct mpq_fair_config *config);

/* Takes p. false: the queue was full, p went back to the pool, counted. */
bool sim_queue_push(struct sim_queue *q, struct mpq_packet *p, mpq_time now);

/* The packet to send next, after delay control; it stays in the queue until
 * sim_queue_pop(), so that a refused write loses nothing. NULL when empty.
 * Peeking twice gives the same packet. */
struct mpq_packet *sim_queue_peek(struct sim_queue *q, mpq_time now);

/* Takes out what sim_queue_peek() gave; the caller owns it. */
struct mpq_packet *sim_queue_pop(struct sim_queue *q, mpq_time now);

/* Puts all packets back to the pool; returns how many. */
size_t sim_queue_clear(struct sim_queue *q);

#endif
