/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/capacity.h"

#include <string.h>

/* Acknowledgements that wait in a queue on their way come in bunches. */
#define SAMPLE (500 * MPQ_MILLISECOND)
#define PAUSE  (2 * MPQ_SECOND) /* an idle path's acknowledgement */
#define BITS   8

enum {
	FULL_PERCENT_IDLE = 5, /* of a full sample's time, at most */
	CLOSE_PART = 16,       /* so near to it, it is the same */
	PACKET_BYTES = 1400,
	LOSS_PART = 200, /* one lost of so many is too much for a proof */
	STEP_PART = 4,   /* of the way to another, at once */
};

void mpq_capacity_skip(struct mpq_capacity *c)
{
	memset(&c->sample, 0, sizeof(c->sample));
	c->sample.start = MPQ_TIME_NEVER;
}

void mpq_capacity_init(struct mpq_capacity *c)
{
	memset(c, 0, sizeof(*c));
	mpq_capacity_skip(c);
}

void mpq_capacity_lost(struct mpq_capacity *c)
{
	c->sample.lost_pkts++;
}

static void set(struct mpq_capacity *c, uint64_t bps, bool at_least,
		mpq_time now)
{
	c->bps = bps;
	c->at_least = at_least;
	c->at = now;
}

static void take_more(struct mpq_capacity *c, uint64_t bps, bool proof,
		      mpq_time now)
{
	/* One sample may be what a queue let go all at once. */
	if (c->bps > 0 && !c->at_least && bps < c->bps + c->bps / 4) {
		bps = c->bps + (bps - c->bps) / 4;
	}
	set(c, bps, !proof, now);
}

/* A part of the way to it. */
static uint64_t towards(uint64_t from, uint64_t to)
{
	return to > from ? from + (to - from) / STEP_PART
			 : from - (from - to) / STEP_PART;
}

/* As much as before, or less. */
static void take_less(struct mpq_capacity *c, uint64_t bps, bool proof,
		      bool full, mpq_time now)
{
	bool close = bps >= c->bps - c->bps / CLOSE_PART;

	if (now - c->at >= MPQ_CAPACITY_KEPT) {
		set(c, bps, !proof, now);
	} else if (proof) {
		set(c, towards(c->bps, bps), false, now);
	} else if (close && full) {
		set(c, towards(c->bps, bps),
		    c->at_least && c->sample.lost_pkts > 0, now);
	} else if (close) {
		c->at = now;
	}
}

static void take(struct mpq_capacity *c, mpq_duration time, mpq_duration idle,
		 mpq_time now)
{
	uint64_t bps = c->sample.bytes * BITS * (MPQ_SECOND / MPQ_MICROSECOND) /
		       (time / MPQ_MICROSECOND);
	bool full = idle * 100 <= time * FULL_PERCENT_IDLE;
	/* With more loss the connection's window shrinks before the path is
	 * full, whatever stands in its queue. */
	bool proof = full && c->sample.queued &&
		     c->sample.lost_pkts * (uint64_t)PACKET_BYTES * LOSS_PART <
			     c->sample.bytes;

	if (bps > c->bps + c->bps / CLOSE_PART) {
		take_more(c, bps, proof, now);
	} else {
		take_less(c, bps, proof, full, now);
	}
}

void mpq_capacity_acked(struct mpq_capacity *c, uint64_t bytes,
			mpq_duration idle, bool queued, mpq_time now)
{
	mpq_duration time = mpq_time_elapsed(c->sample.start, now);

	if (c->sample.start != MPQ_TIME_NEVER && time < PAUSE) {
		c->sample.bytes += time > 0 ? bytes : 0; /* it came with it */
		c->sample.queued |= queued;
		if (time < SAMPLE) {
			return;
		}
		take(c, time, mpq_time_elapsed(c->sample.idle, idle), now);
	}
	c->sample.start = now; /* its bytes are before it */
	c->sample.idle = idle;
	c->sample.bytes = 0;
	c->sample.queued = queued;
	c->sample.lost_pkts = 0;
}
