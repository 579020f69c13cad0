/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a path is sent on: the most that it has shown to carry, a little
 * more in the rounds that try, less in those that let a queue go.
 */
#include "dataplane/quic/window_private.h"

#define BURST        (1 * MPQ_MILLISECOND) /* of sending */
#define QUANTUM_MIN  (2 * 1500)
#define QUANTUM_MAX  65535
#define RATE_MIN_BPS 100000
#define CALM_PKTS    250
/* The library's window shrinks by what is lost in each round until it probes,
 * every two or three seconds. */
#define SHRINKS_FOR (2 * MPQ_SECOND)
#define LOSSY_MAX   150 /* per cent more */
#define GAIN_QUEUED 80  /* per cent of the rate at least, with a queue */
#define GAIN_DRAINS 40

/* What is tried stands in a queue when there is no more, so it is little until
 * there is. */
#define TRY_QUEUE (4 * MPQ_MILLISECOND)
#define TRY_BYTES (3 * 1500) /* less does not show */
#define TRY_MIN   5          /* per cent */
#define TRY_MAX   25
#define DRAIN_MAX 25
#define DEEP_EACH 4 /* cycles */

/* Where the queue is to be short: so much of the rate is left free, per cent,
 * and at most so much more for jitter; or so much, where tries are long. */
#define SPARE     1
#define BLUR_MAX  2
#define BLUR_LONG 4

uint64_t mpq_window_most_bps(const struct mpq_window *w)
{
	uint64_t bps = 0;

	for (unsigned i = 0; i < MPQ_WINDOW_ROUNDS; i++) {
		bps = w->rate_bps[i] > bps ? w->rate_bps[i] : bps;
	}
	return w->steady.bps > 0 && w->steady.bps < bps ? w->steady.bps : bps;
}

/* By how much, per cent, to go over what the path carries, so that there is
 * enough left when losses that are none of ours have eaten from the library's
 * window. */
unsigned mpq_window_excess(const struct mpq_window *w)
{
	uint64_t rounds =
		SHRINKS_FOR / (mpq_window_rtt_least(w) + MPQ_MILLISECOND);
	uint64_t percent;

	if (w->calm_pkts < CALM_PKTS) {
		return 0;
	}
	percent = 100 * rounds * w->calm_lost / w->calm_pkts;
	return percent < LOSSY_MAX ? (unsigned)percent : LOSSY_MAX;
}

uint64_t mpq_window_carried_bytes(const struct mpq_window *w)
{
	return mpq_window_bytes_in(mpq_window_most_bps(w),
				   mpq_window_rtt_least(w));
}

static uint64_t at_least(uint64_t bps)
{
	return bps > RATE_MIN_BPS ? bps : RATE_MIN_BPS;
}

static uint64_t rate_bps(const struct mpq_window *w)
{
	return at_least(w->started ? mpq_window_most_bps(w)
				   : mpq_window_start_bps(w));
}

uint64_t mpq_window_quantum_bytes(const struct mpq_window *w)
{
	uint64_t bytes = mpq_window_bytes_in(rate_bps(w), BURST);

	if (w->view.rtt_latest == 0) {
		return UINT64_MAX;
	}
	bytes = bytes > QUANTUM_MIN ? bytes : QUANTUM_MIN;
	return bytes < QUANTUM_MAX ? bytes : QUANTUM_MAX;
}

unsigned mpq_window_try_rounds(const struct mpq_window *w)
{
	return w->short_queue ? mpq_window_steady_rounds(&w->steady) : 1;
}

/* By so many per cent jitter makes a round look faster or slower than it was;
 * half of it, most are nearer. */
static unsigned blur(const struct mpq_window *w)
{
	uint64_t percent =
		50 * w->view.rtt_variation / (w->view.rtt_smoothed + 1);

	if (!w->short_queue) {
		return 0;
	}
	if (mpq_window_steady_is_long(&w->steady)) {
		percent = 50 * w->steady.off / w->steady.usual;
		return percent < BLUR_LONG ? (unsigned)percent : BLUR_LONG;
	}
	return percent < BLUR_MAX ? (unsigned)percent : BLUR_MAX;
}

static unsigned spare(const struct mpq_window *w)
{
	return w->short_queue ? SPARE + blur(w) : 0;
}

static mpq_duration queue_of(const struct mpq_window *w)
{
	return w->short_queue ? mpq_window_jitter_queue(&w->jitter, w->queue)
			      : w->queue;
}

/* By so much more than the least round trip it may take, and no queue is there.
 */
static mpq_duration jitter_of(const struct mpq_window *w)
{
	return w->short_queue
		       ? mpq_window_jitter_usual(&w->jitter) + w->steady.off
		       : 0;
}

/* Beyond what is meant to stand in the path. */
static mpq_duration surplus(const struct mpq_window *w)
{
	mpq_duration meant =
		MPQ_WINDOW_QUEUE_MEANT + w->view.rtt_variation +
		mpq_window_rtt_least(w) / 100 * mpq_window_excess(w);
	mpq_duration queue = queue_of(w);

	return queue > meant ? queue - meant : 0;
}

bool mpq_window_is_queued(const struct mpq_window *w)
{
	return surplus(w) > 0;
}

/* Per cent less, so that the surplus is gone in two rounds, or in one. */
static unsigned too_much(const struct mpq_window *w)
{
	uint64_t percent = spare(w) + (w->short_queue ? 100 : 50) * surplus(w) /
					      (w->view.rtt_smoothed + 1);

	return percent < 100 - GAIN_QUEUED ? (unsigned)percent
					   : 100 - GAIN_QUEUED;
}

unsigned mpq_window_try(const struct mpq_window *w)
{
	unsigned rounds = mpq_window_try_rounds(w);
	uint64_t percent =
		100 * TRY_QUEUE / rounds / (w->view.rtt_smoothed + 1);
	uint64_t least = 100 * TRY_BYTES / (mpq_window_carried_bytes(w) + 1),
		 more = 0;

	percent = percent > least ? percent : least;
	if (w->grown) {
		more = w->short_queue
			       ? mpq_window_steady_more(&w->steady) / rounds
			       : TRY_MAX;
	}
	percent = percent > more ? percent : more;
	if (percent > TRY_MAX) {
		return TRY_MAX;
	}
	return percent > TRY_MIN ? (unsigned)percent : TRY_MIN;
}

/* Per cent less, so that what was tried and what stood before is gone; now and
 * then much less, for what always stood there is not known. */
static unsigned drain_of(const struct mpq_window *w)
{
	bool deep = w->lower ||
		    w->cycle / MPQ_WINDOW_CYCLE % DEEP_EACH == DEEP_EACH - 1;
	uint64_t percent =
		deep ? DRAIN_MAX
		     : mpq_window_try(w) * mpq_window_try_rounds(w) +
				100 * queue_of(w) / (w->view.rtt_smoothed + 1);

	percent = percent > spare(w) ? percent : spare(w);
	return percent < DRAIN_MAX ? (unsigned)percent : DRAIN_MAX;
}

unsigned mpq_window_gain(const struct mpq_window *w)
{
	uint64_t enough =
		mpq_window_carried_bytes(w) * (130 + mpq_window_excess(w)) /
			100 +
		mpq_window_bytes_in(mpq_window_most_bps(w), 2 * jitter_of(w)) +
		MPQ_WINDOW_BURSTS * mpq_window_quantum_bytes(w);

	/* What is left of the start, or of a faster path; or what ProbeRTT
	 * would have to wait for. */
	if (w->drains || w->makes_room) {
		return GAIN_DRAINS;
	}
	if (w->view.in_flight_bytes > enough) {
		return 100 - DRAIN_MAX;
	}
	switch (w->cycle % MPQ_WINDOW_CYCLE) {
	case MPQ_WINDOW_TRY:
		return 100 + mpq_window_try(w);
	case MPQ_WINDOW_DRAIN:
		return 100 - drain_of(w);
	default:
		return 100 + mpq_window_excess(w) / 2 - too_much(w);
	}
}

uint64_t mpq_window_pace_bps(const struct mpq_window *w)
{
	return w->started ? at_least(rate_bps(w) * mpq_window_gain(w) / 100)
			  : rate_bps(w);
}
