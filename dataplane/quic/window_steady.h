/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a path carries, where its queue is to stay short. Jitter makes a round
 * look up to a fifth faster or slower than it was; the fastest of several is
 * too fast then, and what was tried in vain looks as if it had come through. So
 * it is taken by and by, from the rounds that tried more: did the delay grow by
 * the queue that this makes on a path that carries no more? For that the mean
 * of a try is compared, which blurs less than its least; and the more a round's
 * mean is off by chance, the more rounds a try lasts. Pure.
 */
#ifndef MPQ_QUIC_WINDOW_STEADY_H
#define MPQ_QUIC_WINDOW_STEADY_H

#include "common/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct mpq_window_steady {
	uint64_t bps;         /* 0: nobody asks */
	unsigned through;     /* tries in a row that left no queue */
	mpq_duration usual;   /* RTT of rounds in which nothing is tried, their
			       * mean; 0: none yet */
	mpq_duration off;     /* so much a round's mean is off, on average */
	mpq_duration rtt_sum; /* of this round .. */
	unsigned samples;     /* .. of so many */
	struct mpq_window_steady_tries { /* so far; sums over the rounds */
		unsigned rounds, samples;
		mpq_duration rtt;
		uint64_t sent_bps, came_bps;
	} tries;
};

struct mpq_window_try {    /* a round of one */
	uint64_t most_bps; /* that was thought to be carried, .. */
	uint64_t sent_bps; /* .. what was tried, .. */
	uint64_t came_bps; /* .. and what came of it, by its round */
	mpq_duration rtt;  /* for so long */
};

void mpq_window_steady_begin(struct mpq_window_steady *s); /* a round */
void mpq_window_steady_sample(struct mpq_window_steady *s, mpq_duration rtt);

/* A round ends: one in which that came back which was tried, or nothing that
 * was. True: it was the last of its try. */
bool mpq_window_steady_tried(struct mpq_window_steady *s,
			     const struct mpq_window_try *t);
void mpq_window_steady_rested(struct mpq_window_steady *s);

/* So many rounds a try lasts. */
unsigned mpq_window_steady_rounds(const struct mpq_window_steady *s);
/* So many that one round alone tells next to nothing. */
bool mpq_window_steady_is_long(const struct mpq_window_steady *s);
/* How much more to try next, per cent over all of them; 0: as little as shows.
 */
unsigned mpq_window_steady_more(const struct mpq_window_steady *s);

#endif
