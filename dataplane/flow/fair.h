/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue in front of a path that is fair to flows (FlowQueue-CoDel, RFC 8290):
 * each flow, known by packet->flow, waits in a bucket of its own with its own
 * delay control, and buckets take turns by bytes (DRR++). What comes in
 * sparsely, such as acknowledgements, DNS and voice, goes before those that
 * fill the link. Within a flow the order stays. Pure: time comes in as `now`.
 *
 *   push --> bucket by flow --> [new flows] --+
 *                          '--> [old flows] --+--> delay control --> peek, pop
 *
 * Several may take from one queue. Who is slower than the others takes what
 * would be quick by nobody: not the first, but one behind those that the others
 * will have taken until then (peek_behind, pop_behind). The caller is told
 * which ones it has passed so.
 *
 * Which bucket is asked from a table of 16 sets of 8
 * (set-associative): other than with a plain hash, two flows share one only
 * when more than 8 of a set are waiting at the same time.
 */
#ifndef MPQ_FLOW_FAIR_H
#define MPQ_FLOW_FAIR_H

#include "common/clock.h"
#include "dataplane/flow/codel.h"
#include "dataplane/flow/packet.h"

#include <stdbool.h>

#define MPQ_FAIR_BUCKETS       128
#define MPQ_FAIR_WAYS          8
#define MPQ_FAIR_QUANTUM_BYTES 1514 /* a turn; no packet is longer */

struct mpq_fair_config {
	size_t limit_pkts;     /* of all buckets; and see limit_bytes */
	mpq_duration target;   /* 0: no delay control */
	mpq_duration interval; /* about a worst round trip: 100 ms */
	mpq_duration max_age; /* what stood for longer is of no use; 0: it is */
	size_t limit_bytes;   /* so many may wait in more packets than that */
};

struct mpq_fair_bucket {
	struct mpq_packet *head, *tail;
	struct mpq_packet *passed; /* the last that was; NULL: none is here */
	uint32_t passed_bytes;     /* up to it */
	int32_t deficit_bytes; /* what is left of its turn; may be overdrawn */
	struct mpq_codel codel;
};

/* About 9 KiB, apart from the queue so that nobody touches that of a queue in
 * which nothing ever waits. */
struct mpq_fair_room {
	/* of each bucket, side by side, as they are searched */
	uint32_t tag[MPQ_FAIR_BUCKETS]; /* the flow whose it is */
	uint32_t bytes[MPQ_FAIR_BUCKETS];
	uint8_t list[MPQ_FAIR_BUCKETS]; /* that it is in */
	uint8_t next[MPQ_FAIR_BUCKETS]; /* in that list */
	bool guests[MPQ_FAIR_BUCKETS];  /* holds packets of other flows */
	struct mpq_fair_bucket bucket[MPQ_FAIR_BUCKETS];
};

struct mpq_fair_list {
	uint8_t first, last; /* a bucket's place + 1; 0: none */
};

struct mpq_fair {
	struct mpq_fair_config config;
	struct mpq_packet_pool *pool; /* where dropped packets go */
	struct mpq_fair_room *room;
	struct mpq_fair_list fresh, old;
	size_t pkts, bytes; /* with what was peeked at */
	unsigned flows;     /* buckets in which something waits, without it */
	/* Peeked at: out of its bucket already, to be sent. */
	struct mpq_packet *decided;
	unsigned behind; /* the bucket that was peeked behind */
	mpq_time oldest; /* none of those waiting came before */
	uint64_t enqueued, dropped_full, dropped_delay, marked;
	mpq_duration sojourn; /* of the packet last taken */
};

/* `room` is zeroed, borrowed, and this queue's alone. It is not touched before
 * the first push. */
void mpq_fair_init(struct mpq_fair *f, struct mpq_packet_pool *pool,
		   const struct mpq_fair_config *config,
		   struct mpq_fair_room *room);
void mpq_fair_finish(struct mpq_fair *f); /* puts all packets back */

/* Takes p. When the queue was full, the first packet of the longest bucket went
 * back to the pool, counted in dropped_full. false: that was p itself. */
bool mpq_fair_push(struct mpq_fair *f, struct mpq_packet *p, mpq_time now);

/* The same for one that has waited in a queue like this one: it keeps the time
 * at which it came there, and was counted there. */
bool mpq_fair_put_back(struct mpq_fair *f, struct mpq_packet *p);

/* The packet to send next, after delay control; it stays in the queue until
 * mpq_fair_pop(), whatever is pushed in between. NULL when empty. Peeking twice
 * gives the same packet. */
struct mpq_packet *mpq_fair_peek(struct mpq_fair *f, mpq_time now);

/* Takes out what mpq_fair_peek() gave; the caller owns it. */
struct mpq_packet *mpq_fair_pop(struct mpq_fair *f, mpq_time now);

/* Of the fullest bucket the first that nobody has passed and that has its share
 * of so many bytes before it, or will leave as late as `after` from now, as
 * things go; or its last one. NULL: all are passed. Those before it, and what
 * was peeked at, are passed with this call, in their order; some may have been
 * before. What is passed is still dropped, but what was not goes first. */
struct mpq_packet *mpq_fair_peek_behind(struct mpq_fair *f, size_t ahead_bytes,
					mpq_duration after, mpq_time now,
					void (*pass)(void *owner,
						     struct mpq_packet *p),
					void *owner);

/* Takes out what mpq_fair_peek_behind() just gave; the caller owns it. */
struct mpq_packet *mpq_fair_pop_behind(struct mpq_fair *f, mpq_time now);

/* Drops what has stood for longer than `age`, also what was peeked at. How
 * many; they count as dropped_delay. Costs nothing while there is none. */
size_t mpq_fair_drop_older(struct mpq_fair *f, mpq_duration age, mpq_time now);

/* Takes the packets of this flow to the end of another queue, in their order,
 * with the times at which they came, also what was peeked at, whatever that
 * one's limit. How many. */
size_t mpq_fair_move_flow(struct mpq_fair *f, uint32_t flow,
			  struct mpq_fair *to);

/* The same for all packets, those of a flow in their order. */
size_t mpq_fair_move_all(struct mpq_fair *f, struct mpq_fair *to);

/* Takes out all packets, those of a flow in their order; *ret_first and what
 * follows it by `next` is the caller's. How many. */
size_t mpq_fair_take_all(struct mpq_fair *f, struct mpq_packet **ret_first);

/* Puts all packets back to the pool; returns how many. */
size_t mpq_fair_clear(struct mpq_fair *f);

#endif
