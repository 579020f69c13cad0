/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An order's state, for its own files: order (packets come, wait and go),
 * order_window (what came of a lane), order_wait (what a hole waits for).
 */
#ifndef MPQ_BOND_ORDER_PRIVATE_H
#define MPQ_BOND_ORDER_PRIVATE_H

#include "dataplane/bond/order.h"

#define MPQ_ORDER_HALF    (MPQ_ORDER_WINDOW / 2)
#define MPQ_ORDER_NO_PATH MPQ_DELAY_PATHS

struct mpq_order_lane {
	struct mpq_heap_entry due, blocked;
	uint32_t next; /* the first sequence that has not come out */
	uint32_t head; /* the first that is held, if any */
	struct mpq_held_lane held;
	mpq_time touched; /* the last arrival that was not too old */
	struct mpq_order_paths paths;
	mpq_time copied;    /* the last copy; 0: none came */
	mpq_time single;    /* the last that was none */
	uint8_t blocked_on; /* whose heap `blocked` is in, or NO_PATH */
	uint8_t passed;     /* paths that have brought later ones, bits .. */
	mpq_time bound;     /* .. than what was sent then */
};

struct mpq_order_verdict {
	bool early; /* every path has passed it, and nobody repairs it */
	unsigned blocked_on;
	mpq_time bound; /* it was sent by then */
	mpq_time due;
};

static inline uint32_t mpq_order_lane_id(const struct mpq_order *o,
					 const struct mpq_order_lane *lane)
{
	return (uint32_t)(lane - o->lanes);
}

static inline unsigned mpq_order_class_of(const struct mpq_order *o,
					  const struct mpq_order_lane *lane)
{
	return mpq_order_lane_id(o, lane) / MPQ_HEADER_LANES;
}

/* order_window.c: a bit for each sequence from next - HALF to next + HALF.
 * Below next it says that it was delivered, from next on that it is held.
 * Outside of it nothing is marked. */
bool mpq_order_window_marked(struct mpq_order *o,
			     const struct mpq_order_lane *lane,
			     uint32_t sequence);
void mpq_order_window_mark(struct mpq_order *o,
			   const struct mpq_order_lane *lane,
			   uint32_t sequence);
/* Moves next up to this sequence; what comes into the window is unmarked. */
void mpq_order_window_slide(struct mpq_order *o, struct mpq_order_lane *lane,
			    uint32_t sequence);
/* The first held one after next. There is one. */
uint32_t mpq_order_window_head(struct mpq_order *o,
			       const struct mpq_order_lane *lane);

/* order_wait.c: a packet came: which paths bring its lane, and whether as one
 * of several copies, is known to what is judged later. */
void mpq_order_wait_note(struct mpq_order *o, const struct mpq_held_packet *p,
			 bool copy, mpq_time now);
/* Did copies come of this lane lately? */
bool mpq_order_wait_has_copies(const struct mpq_order_lane *lane, mpq_time now);
/* Of a lane that holds something: how long its first hole waits, for what. */
struct mpq_order_verdict mpq_order_wait_judge(const struct mpq_order *o,
					      struct mpq_order_lane *lane,
					      mpq_time now);

#endif
