/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What jitter alone makes look like a queue. The least round trip of a round is
 * compared with the least of late; where the delay wanders, as a cell's does,
 * the one is longer than the other though nothing stands in the path. By how
 * much is what it is longer by on average when that is least: a queue of ours
 * goes now and then, jitter does not. Pure.
 */
#ifndef MPQ_QUIC_WINDOW_JITTER_H
#define MPQ_QUIC_WINDOW_JITTER_H

#include "common/clock.h"

struct mpq_window_jitter {
	mpq_duration mean; /* of what was found, of late */
	mpq_duration sum;  /* of what was found in .. */
	unsigned rounds;   /* .. so many rounds, until they are enough */
	/* Of the means of so many the least, in this span and in the one
	 * before; 0: none. */
	mpq_duration least[2];
};

/* A round ends, whose least round trip is longer by `found`. */
void mpq_window_jitter_round(struct mpq_window_jitter *j, mpq_duration found);
/* What was before the span that ends now is forgotten. */
void mpq_window_jitter_span(struct mpq_window_jitter *j);

/* So much is usual when there is no queue; 0: there is no jitter, or it is not
 * known yet. */
mpq_duration mpq_window_jitter_usual(const struct mpq_window_jitter *j);
/* What of `found` is a queue. */
mpq_duration mpq_window_jitter_queue(const struct mpq_window_jitter *j,
				     mpq_duration found);

#endif
