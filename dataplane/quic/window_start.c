/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path's start: as fast as the library's window lets, until what comes back
 * shows what the path carries: a queue, losses, or rounds that bring no more.
 * What the flows inside send comes in clumps often, and fills no round: then
 * parts of rounds must tell.
 */
#include "dataplane/quic/window_private.h"

#define START_FLAT   3
#define START_LOST   50 /* one in so many is too much */
#define MANY_LOST    5
#define START_GAIN   200 /* per cent, of the congestion window a round trip */
#define START_CLUMPS 3
#define CLUMP_BYTES  (30 * 1450)
#define START_QUEUE  (4 * MPQ_MILLISECOND)
#define QUEUE_LEFT   (10 * MPQ_MILLISECOND)

/* Where clumps showed what the path carries, no faster than twice that, however
 * large the library's window has grown. */
uint64_t mpq_window_start_bps(const struct mpq_window *w)
{
	mpq_duration rtt = w->view.rtt_smoothed / MPQ_MICROSECOND;
	uint64_t shown = w->clumps > 0 ? 2 * w->clump_most_bps : UINT64_MAX;
	uint64_t bps = w->view.cwnd_bytes * 8 * START_GAIN * 10000 / (rtt + 1);

	return bps < shown ? bps : shown;
}

/* So much that a queue can be of our making. What carries little makes none:
 * there delay and loss come from others, and from whoever runs late, and an end
 * would leave a start at next to nothing. */
static bool carries_much(const struct mpq_window *w)
{
	return mpq_window_delivered(w) > CLUMP_BYTES;
}

/* What comes in clumps at the rate of the start is lost in the path's queue,
 * however little there is between the clumps. */
static bool overflows(const struct mpq_window *w)
{
	uint64_t lost = w->view.lost_pkts - w->before.lost_pkts;
	uint64_t sent = w->view.sent_pkts - w->before.sent_pkts;

	return START_LOST * lost > sent &&
	       (carries_much(w) || (lost >= MANY_LOST && 4 * lost > sent));
}

/* Was more sent than what came through could take, for so long that it shows?
 */
static bool is_clump(const struct mpq_window *w)
{
	return w->held_before > CLUMP_BYTES &&
	       w->held_before > 2 * mpq_window_bytes_in(w->clump_most_bps,
							mpq_window_part(w));
}

/* What comes in clumps fills no round, but shows in parts of rounds what the
 * path carries. */
static bool watch_clumps(struct mpq_window *w)
{
	if (!is_clump(w) || w->part_bps == 0) {
		return false;
	}
	if (w->part_bps > w->clump_most_bps + w->clump_most_bps / 4) {
		w->clump_most_bps = w->clump_bps = w->part_bps;
		w->clumps = 0;
	} else {
		w->clump_bps =
			w->part_bps < w->clump_bps ? w->part_bps : w->clump_bps;
		w->clumps++;
	}
	return w->clumps >= START_CLUMPS;
}

static mpq_duration queue_of(const struct mpq_window *w)
{
	return mpq_window_jitter_queue(&w->jitter, w->queue);
}

static bool has_queue(const struct mpq_window *w)
{
	mpq_duration much = w->view.rtt_smoothed / 8;

	return queue_of(w) > (much > START_QUEUE ? much : START_QUEUE);
}

/* So much that it is not left standing, also where no round is filled. */
static bool leaves_queue(const struct mpq_window *w)
{
	mpq_duration part = mpq_window_rtt_least(w) / 4;

	return queue_of(w) > (part > QUEUE_LEFT ? part : QUEUE_LEFT);
}

/* Where little is carried, the library's window, which a loss lets fall to what
 * is under way, holds back more often than the path. */
static bool shows_queue(const struct mpq_window *w, bool limited)
{
	if (!carries_much(w)) {
		return limited && leaves_queue(w);
	}
	return ((limited || is_clump(w)) && has_queue(w)) || leaves_queue(w);
}

static void end_start(struct mpq_window *w)
{
	uint64_t *bps = &w->rate_bps[w->round % MPQ_WINDOW_ROUNDS];

	*bps = w->clumps > 0 && w->clump_bps > *bps ? w->clump_bps : *bps;
	w->started = w->drains = true;
}

void mpq_window_start_watch(struct mpq_window *w, uint64_t bps, bool limited)
{
	bool clumps = watch_clumps(w);

	if (bps > w->full_bps + w->full_bps / 4) {
		w->full_bps = bps;
		w->flat = 0;
	} else if (shows_queue(w, limited) || clumps ||
		   (((limited && carries_much(w)) || overflows(w)) &&
		    ++w->flat >= START_FLAT)) {
		end_start(w);
	}
}
