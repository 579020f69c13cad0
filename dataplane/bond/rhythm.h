/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a path's short outages come on a clock, as the hand-overs of LEO
 * constellations do, when the next one is due, and how long it will take. Pure:
 * the times at which outages began and ended in; period, phase and confidence
 * out. It does not decide what an outage is, nor what to do about the next one.
 *
 *	outages    x    x  .  x    x   *  x     . one that nobody saw
 *	            \___period___/              * one that has nothing to do
 *	                                          with it
 *
 * A period is believed when most of the outages fit it, and most of those that
 * it promises were seen: the first rules out its multiples, the second its
 * parts.
 */
#ifndef MPQ_BOND_RHYTHM_H
#define MPQ_BOND_RHYTHM_H

#include "common/clock.h"

#include <stdbool.h>

#define MPQ_RHYTHM_REMEMBERED 12
#define MPQ_RHYTHM_MIN        (5 * MPQ_SECOND)
#define MPQ_RHYTHM_MAX        (120 * MPQ_SECOND)
/* Outages that begin closer together are one. */
#define MPQ_RHYTHM_TOGETHER (2 * MPQ_SECOND)
/* How far from its time one may begin. */
#define MPQ_RHYTHM_TOLERANCE (400 * MPQ_MILLISECOND)
#define MPQ_RHYTHM_LENGTHS   4

struct mpq_rhythm {
	mpq_time event[MPQ_RHYTHM_REMEMBERED]; /* the oldest first */
	unsigned events;
	mpq_duration period; /* 0: none is known */
	mpq_time phase;      /* the last outage that fits */
	unsigned percent;    /* of the outages that fit */
	mpq_duration off;    /* from its time, of those, at most */
	bool lasts;          /* the last one */
	unsigned lengths;    /* of those that ended, the last few: */
	mpq_duration length[MPQ_RHYTHM_LENGTHS];
};

void mpq_rhythm_init(struct mpq_rhythm *r);

/* An outage began. `at` never goes back. */
void mpq_rhythm_outage(struct mpq_rhythm *r, mpq_time at);

/* The path works again; without one under way, nothing. */
void mpq_rhythm_over(struct mpq_rhythm *r, mpq_time at);

/* When the next one is due that is not long over; MPQ_TIME_NEVER: they come on
 * no clock, or none has come for long. */
mpq_time mpq_rhythm_next(const struct mpq_rhythm *r, mpq_time now);

/* Is one due within `before`, or was it due not longer than `after` ago? */
bool mpq_rhythm_is_near(const struct mpq_rhythm *r, mpq_duration before,
			mpq_duration after, mpq_time now);
/* Is it so well known that all can wait for it, and is one due within `before`,
 * or is it not yet over, if it takes as long as the last few did? Whatever
 * these took: one that has not begun MPQ_RHYTHM_TOLERANCE after its time does
 * not come. */
bool mpq_rhythm_is_due(const struct mpq_rhythm *r, mpq_duration before,
		       mpq_time now);

#endif
