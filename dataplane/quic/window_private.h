/* SPDX-License-Identifier: Apache-2.0 */
/* What quic/window and its start know of each other. */
#ifndef MPQ_QUIC_WINDOW_PRIVATE_H
#define MPQ_QUIC_WINDOW_PRIVATE_H

#include "dataplane/quic/window.h"

#define MPQ_WINDOW_PARTS    8                     /* of a round trip, .. */
#define MPQ_WINDOW_PART_MIN (8 * MPQ_MILLISECOND) /* .. at least */

static inline uint64_t mpq_window_bytes_in(uint64_t bps, mpq_duration time)
{
	return bps / 8 * (time / MPQ_MICROSECOND) / 1000000;
}

/* Over which the most that was delivered is taken. */
static inline mpq_duration mpq_window_part(const struct mpq_window *w)
{
	mpq_duration part = w->view.rtt_smoothed / MPQ_WINDOW_PARTS;

	return part > MPQ_WINDOW_PART_MIN ? part : MPQ_WINDOW_PART_MIN;
}

/* In this round. What is lost was counted as delivered for a moment, so that it
 * may be less than nothing. */
static inline uint64_t mpq_window_delivered(const struct mpq_window *w)
{
	uint64_t now = w->view.delivered_bytes;
	uint64_t then = w->before.delivered_bytes;

	return now > then ? now - then : 0;
}

/* How fast it sends meanwhile. */
uint64_t mpq_window_start_bps(const struct mpq_window *w);
/* A round has ended that brought so much; `limited`: by the path. Ends the
 * start when that shows what the path carries. */
void mpq_window_start_watch(struct mpq_window *w, uint64_t bps, bool limited);

#endif
