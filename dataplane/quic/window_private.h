/* SPDX-License-Identifier: Apache-2.0 */
/* What quic/window and its parts know of each other. */
#ifndef MPQ_QUIC_WINDOW_PRIVATE_H
#define MPQ_QUIC_WINDOW_PRIVATE_H

#include "dataplane/quic/window.h"

#define MPQ_WINDOW_PARTS    8                     /* of a round trip, .. */
#define MPQ_WINDOW_PART_MIN (8 * MPQ_MILLISECOND) /* .. at least */

/* A cycle of rounds: in the first more is sent, to see whether there is more;
 * the second lets the queue go, which also shows the true round trip. */
#define MPQ_WINDOW_CYCLE 8
#define MPQ_WINDOW_TRY   0
#define MPQ_WINDOW_DRAIN 1
/* What may stand in the path: while we are late, it lives on that. */
#define MPQ_WINDOW_QUEUE_MEANT (4 * MPQ_MILLISECOND)
#define MPQ_WINDOW_BURSTS      4 /* that acknowledgements, and we, are late by */

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

/* ---- window_gain --------------------------------------------------------- */

/* That it has shown to carry, of late; and so many fill it then. */
uint64_t mpq_window_most_bps(const struct mpq_window *w);
uint64_t mpq_window_carried_bytes(const struct mpq_window *w);
/* By how much, per cent, to go over that. */
unsigned mpq_window_excess(const struct mpq_window *w);
/* Does more stand in it than is meant to? */
bool mpq_window_is_queued(const struct mpq_window *w);
/* So much more is tried, per cent, for so many rounds. */
unsigned mpq_window_try(const struct mpq_window *w);
unsigned mpq_window_try_rounds(const struct mpq_window *w);
/* Of the most, per cent, that is sent now; and that rate. */
unsigned mpq_window_gain(const struct mpq_window *w);
uint64_t mpq_window_pace_bps(const struct mpq_window *w);

/* ---- window_way ---------------------------------------------------------- */

void mpq_window_way_sample(struct mpq_window *w, mpq_duration rtt,
			   mpq_time now);
/* A round has ended that brought so much. */
void mpq_window_way_round(struct mpq_window *w, uint64_t bps);
/* Before `v` is taken over: has an outage ended? */
void mpq_window_way_outage(struct mpq_window *w,
			   const struct mpq_window_view *v, mpq_time now);

/* ---- window_start -------------------------------------------------------- */

/* How fast it sends meanwhile. */
uint64_t mpq_window_start_bps(const struct mpq_window *w);
/* A round has ended that brought so much; `limited`: by the path. Ends the
 * start when that shows what the path carries. */
void mpq_window_start_watch(struct mpq_window *w, uint64_t bps, bool limited);

#endif
