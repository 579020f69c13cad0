/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a path can carry, for people: the most that got through it lately, as
 * bytes on the wire, and whether that is all it can do. A proof of less lowers
 * it bit by bit. Pure. Steering has its own view (estimate.h), which follows
 * each round trip.
 *
 * A path that always had more to send, and a queue on the way, shows its
 * capacity; so does one that does the same again and loses nothing. One that
 * had less to send shows what it can do at least. So does one that had more, no
 * queue, and losses, and one that loses more than .5 % with a queue: then
 * congestion control was what held it back, and perhaps took chance for a full
 * path.
 */
#ifndef MPQ_BOND_CAPACITY_H
#define MPQ_BOND_CAPACITY_H

#include "common/clock.h"

#include <stdbool.h>
#include <stdint.h>

/* So long the most is told if nothing comes near it; then what gets through. */
#define MPQ_CAPACITY_KEPT (60 * MPQ_SECOND)

struct mpq_capacity {
	uint64_t bps; /* 0: nothing got through yet */
	mpq_time at;  /* when it was last seen to be so */
	bool at_least;

	struct {
		mpq_time start;    /* MPQ_TIME_NEVER: none */
		mpq_duration idle; /* when what began it was sent */
		uint64_t bytes;
		bool queued;
		unsigned lost_pkts;
	} sample;
};

/* For each that was acknowledged: its bytes on the wire; `idle`: for how long
 * in all its sender had nothing to send until it was sent. `queued`: a queue
 * stands in the path just now. */
void mpq_capacity_init(struct mpq_capacity *c);
void mpq_capacity_acked(struct mpq_capacity *c, uint64_t bytes,
			mpq_duration idle, bool queued, mpq_time now);
void mpq_capacity_lost(struct mpq_capacity *c);
/* The path was silent: what comes now came slower, or all at once. */
void mpq_capacity_skip(struct mpq_capacity *c);

#endif
