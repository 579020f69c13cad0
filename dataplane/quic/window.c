/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/window.h"

#define SPAN        (5 * MPQ_SECOND)
#define ROUND_MIN   (10 * MPQ_MILLISECOND)
#define START_FLAT  3
#define START_LOST  50 /* one in so many is too much */
#define START_QUEUE (10 * MPQ_MILLISECOND)
#define START_GAIN  200 /* per cent, of the congestion window a round trip */
#define WINDOW_GAIN 150
#define BURSTS      4 /* that acknowledgements, and we, are late by */
#define CYCLE       8
#define GROWN       110                   /* per cent: there is more, look on */
#define BURST       (1 * MPQ_MILLISECOND) /* of sending, and of lateness */
/* On a busy machine we are woken late. The link was idle for so long, so that
 * what is made up for finds no queue. */
#define LATE_MAX    (10 * MPQ_MILLISECOND)
#define UNUSED_PART 8 /* of a round, that says that it was not filled */
/* What left at the rate of the start, before it was known how little the path
 * carries, is waited for no longer than this: its round trip, and that of what
 * stands in a queue. */
#define LEAD_MAX(rtt) (2 * (rtt) + 50 * MPQ_MILLISECOND)
#define QUANTUM_MIN   (2 * 1500)
#define QUANTUM_MAX   65535
#define RATE_MIN_BPS  100000
#define CALM_PKTS     1000
/* The library's window shrinks by what is lost in each round until it probes,
 * every two or three seconds. */
#define SHRINKS_FOR (2 * MPQ_SECOND)
#define LOSSY_MAX   150 /* per cent more */

/* What may stand in the path: while we are late, it lives on that. */
#define QUEUE_MEANT (4 * MPQ_MILLISECOND)
#define SAMPLES_MIN 4
#define PUSHED      3 /* rounds in which more was sent, or its queue shows */
#define PEAK_PART   8 /* of a round trip, .. */
#define PEAK_MIN    (8 * MPQ_MILLISECOND) /* .. at least */
#define GAIN_QUEUED 80 /* per cent of the rate at least, with a queue */

/* Per cent of the rate: a round in which more shows whether there is more, and
 * one that lets the queue go, which also shows the true round trip. */
static const uint8_t gain[CYCLE] = {125, 75, 100, 100, 100, 100, 100, 100};

static uint64_t most(const struct mpq_window *w)
{
	uint64_t bps = 0;

	for (unsigned i = 0; i < MPQ_WINDOW_ROUNDS; i++) {
		bps = w->rate_bps[i] > bps ? w->rate_bps[i] : bps;
	}
	return bps;
}

static uint64_t bytes_in(uint64_t bps, mpq_duration time)
{
	return bps / 8 * (time / MPQ_MICROSECOND) / 1000000;
}

mpq_duration mpq_window_rtt_least(const struct mpq_window *w)
{
	mpq_duration a = w->rtt_least[0], b = w->rtt_least[1];

	return b == 0 || a < b ? a : b;
}

/* By how much, per cent, to go over what the path carries, so that there is
 * enough left when losses that are none of ours have eaten from the library's
 * window. */
static unsigned excess(const struct mpq_window *w)
{
	uint64_t rounds =
		SHRINKS_FOR / (mpq_window_rtt_least(w) + MPQ_MILLISECOND);
	uint64_t percent;

	if (w->calm_pkts < CALM_PKTS / 4) {
		return 0;
	}
	percent = 100 * rounds * w->calm_lost / w->calm_pkts;
	return percent < LOSSY_MAX ? (unsigned)percent : LOSSY_MAX;
}

static uint64_t carried(const struct mpq_window *w)
{
	return bytes_in(most(w), mpq_window_rtt_least(w));
}

static uint64_t at_least(uint64_t bps)
{
	return bps > RATE_MIN_BPS ? bps : RATE_MIN_BPS;
}

static uint64_t rate_bps(const struct mpq_window *w)
{
	mpq_duration rtt = w->view.rtt_smoothed / MPQ_MICROSECOND;

	return at_least(w->started ? most(w)
				   : w->view.cwnd_bytes * 8 * START_GAIN *
					     10000 / (rtt + 1));
}

uint64_t mpq_window_quantum_bytes(const struct mpq_window *w)
{
	uint64_t bytes = bytes_in(rate_bps(w), BURST);

	if (w->view.rtt_latest == 0) {
		return UINT64_MAX;
	}
	bytes = bytes > QUANTUM_MIN ? bytes : QUANTUM_MIN;
	return bytes < QUANTUM_MAX ? bytes : QUANTUM_MAX;
}

/* Per cent less, so that what stands in the path beyond what is meant to is
 * gone in two rounds. */
static unsigned too_much(const struct mpq_window *w)
{
	mpq_duration meant = QUEUE_MEANT + w->view.rtt_variation +
			     mpq_window_rtt_least(w) / 100 * excess(w);
	uint64_t percent;

	if (w->queue <= meant) {
		return 0;
	}
	percent = 50 * (w->queue - meant) / (w->view.rtt_smoothed + 1);
	return percent < 100 - GAIN_QUEUED ? (unsigned)percent
					   : 100 - GAIN_QUEUED;
}

static unsigned gain_of(const struct mpq_window *w)
{
	uint64_t enough = carried(w) * (130 + excess(w)) / 100 +
			  BURSTS * mpq_window_quantum_bytes(w);
	unsigned percent = gain[w->cycle % CYCLE];

	if (percent == 100) {
		percent = percent + excess(w) / 2 - too_much(w);
	}
	/* What is left of the start, or of a faster path. */
	return w->view.in_flight_bytes > enough && percent > 75 ? 75 : percent;
}

static uint64_t pace_bps(const struct mpq_window *w)
{
	return w->started ? at_least(rate_bps(w) * gain_of(w) / 100)
			  : rate_bps(w);
}

/* A sample stays the latest until there is another; one that was made shorter
 * must not be taken for true when that is long ago. */
static void take_least(struct mpq_window *w, const struct mpq_window_view *v,
		       bool fresh)
{
	if (w->probe.tried == 0) {
		w->rtt_min = v->rtt_min;
	} else if (fresh && v->rtt_latest < w->rtt_min) {
		w->rtt_min = v->rtt_latest;
	}
}

static void take_rtt(struct mpq_window *w, mpq_duration rtt, mpq_time now)
{
	if (w->round_least == 0 || rtt < w->round_least) {
		w->round_least = rtt;
	}
	if (now - w->span_since >= SPAN) {
		w->rtt_least[1] = w->rtt_least[0];
		w->rtt_least[0] = rtt;
		w->span_since = now;
	} else if (w->rtt_least[0] == 0 || rtt < w->rtt_least[0]) {
		w->rtt_least[0] = rtt;
	}
}

/* The most that was delivered in a part of a round. */
static void take_peak(struct mpq_window *w, mpq_time now)
{
	mpq_duration part = w->view.rtt_smoothed / PEAK_PART, time;
	uint64_t bps;

	part = part > PEAK_MIN ? part : PEAK_MIN;
	time = now - w->peak_since;
	if (time < part) {
		return;
	}
	bps = w->view.delivered_bytes > w->peak_bytes
		      ? (w->view.delivered_bytes - w->peak_bytes) * 8 *
				(MPQ_SECOND / MPQ_MICROSECOND) /
				(time / MPQ_MICROSECOND)
		      : 0;
	w->peak_bps = bps > w->peak_bps ? bps : w->peak_bps;
	w->peak_since = now;
	w->peak_bytes = w->view.delivered_bytes;
}

/* ---- ProbeRTT ------------------------------------------------------------ */

mpq_duration mpq_window_later(const struct mpq_window *w, mpq_time now)
{
	mpq_duration rtt = w->view.rtt_latest;

	if (w->round_least > 0 && w->round_least < rtt) {
		rtt = w->round_least;
	}
	return mpq_window_probe_later(&w->probe, rtt, mpq_window_rtt_least(w),
				      w->view.rtt_smoothed, now);
}

void mpq_window_was_later(struct mpq_window *w, mpq_time now)
{
	mpq_window_probe_tried(&w->probe, now);
}

/* ---- rounds -------------------------------------------------------------- */

/* Losses are told a round later. */
static void watch_loss(struct mpq_window *w)
{
	if (w->was_calm) {
		w->calm_pkts +=
			(uint32_t)(w->view.sent_pkts - w->before.sent_pkts);
		w->calm_lost +=
			(uint32_t)(w->view.lost_pkts - w->before.lost_pkts);
	}
	if (w->calm_pkts > CALM_PKTS) {
		w->calm_pkts /= 2;
		w->calm_lost /= 2;
	}
	w->was_calm = w->started && gain_of(w) <= 100;
}

/* By the path: not by us, who had nothing to send, or were not run. Bursts
 * alone do not tell, for what comes in clumps fills them all. */
static bool is_limited(const struct mpq_window *w, mpq_duration round)
{
	return 2 * w->full_bursts > w->bursts &&
	       w->unused <= round / UNUSED_PART;
}

/* What comes in clumps at the rate of the start is lost in the path's queue,
 * however little there is between the clumps. */
static bool overflows(const struct mpq_window *w)
{
	return START_LOST * (w->view.lost_pkts - w->before.lost_pkts) >
	       w->view.sent_pkts - w->before.sent_pkts;
}

static void watch_start(struct mpq_window *w, uint64_t bps, bool limited)
{
	if (bps > w->full_bps + w->full_bps / 4) {
		w->full_bps = bps;
		w->flat = 0;
	} else if ((limited || overflows(w)) && ++w->flat >= START_FLAT) {
		w->started = true;
	}
}

/* What comes thinly, or in clumps, fills no round; but what then stands in the
 * path ends the start as well. */
static bool leaves_a_queue(const struct mpq_window *w, uint64_t bps)
{
	mpq_duration part = mpq_window_rtt_least(w) / 4;

	return w->queue > (part > START_QUEUE ? part : START_QUEUE) &&
	       most(w) > 0 && bps <= most(w) / 4 * 5;
}

/* A round that was not filled says only that the path carries so much. */
static void end_round(struct mpq_window *w, uint64_t bps, mpq_duration time)
{
	bool limited = is_limited(w, time);

	if (!limited && leaves_a_queue(w, bps)) {
		w->started = true;
	}
	if (!limited && bps < most(w)) {
		/* But in a round that lets the queue go it was we who held
		 * back, and one is enough. */
		w->cycle += gain[w->cycle % CYCLE] < 100;
		return;
	}
	w->cycle = bps > most(w) * GROWN / 100 ? 0 : w->cycle + 1;
	w->round++;
	w->rate_bps[w->round % MPQ_WINDOW_ROUNDS] = bps;
	if (!w->started) {
		watch_start(w, bps, limited);
	}
}

/* A queue of ours grows by what we send beyond what is delivered. Where it has
 * grown at once by a good part of a round trip, and yet for a while as much is
 * delivered as before, the way has become longer. */
static void watch_jump(struct mpq_window *w, mpq_duration before)
{
	bool jumped =
		w->pushed == 0 && w->queue > before + w->view.rtt_smoothed / 4;
	uint64_t was_bps = w->jumped_bps;

	w->jumped_bps = jumped && was_bps == 0 ? most(w) : 0;
	was_bps = was_bps > 0 ? was_bps : w->jumped_bps;
	if (was_bps > 0 && w->peak_bps > was_bps / 10 * 9) {
		w->rtt_least[0] = w->rtt_least[1] = w->round_least;
		w->queue = 0;
		w->jumped_bps = 0;
	}
}

/* Few samples may all have waited for their acknowledgement. */
static void watch_queue(struct mpq_window *w)
{
	mpq_duration least = mpq_window_rtt_least(w), before = w->queue;

	if (w->samples < SAMPLES_MIN || w->round_least == 0) {
		return;
	}
	w->queue = w->round_least > least ? w->round_least - least : 0;
	if (w->started) {
		watch_jump(w, before);
	}
	w->samples = 0;
	w->round_least = 0;
	w->peak_bps = 0;
}

static void begin_round(struct mpq_window *w, mpq_time now)
{
	w->round_since = now;
	w->before = w->view;
	w->pushed = gain[w->cycle % CYCLE] > 100 ? PUSHED
						 : w->pushed - (w->pushed > 0);
	w->bursts = w->full_bursts = 0;
	w->unused = 0;
}

void mpq_window_observe(struct mpq_window *w, const struct mpq_window_view *v,
			mpq_time now)
{
	mpq_duration round =
		v->rtt_smoothed > ROUND_MIN ? v->rtt_smoothed : ROUND_MIN;
	mpq_duration time = now - w->round_since;
	bool fresh = v->rtt_latest != w->view.rtt_latest;

	if (v->rtt_latest == 0) {
		return;
	}
	w->samples += fresh;
	w->view = *v;
	if (!mpq_window_probe_doctored(&w->probe, v->rtt_latest,
				       mpq_window_rtt_least(w), v->rtt_smoothed,
				       now)) {
		take_least(w, v, fresh);
		if (fresh || w->probe.tried == 0) {
			take_rtt(w, v->rtt_latest, now);
		}
	}
	mpq_window_probe_observe(&w->probe, v->rtt_latest, now);
	take_peak(w, now);
	if (w->round_since == 0) {
		begin_round(w, now);
	} else if (time >= round) {
		uint64_t bytes =
			v->delivered_bytes > w->before.delivered_bytes
				? v->delivered_bytes - w->before.delivered_bytes
				: 0;

		watch_queue(w);
		watch_loss(w);
		end_round(w,
			  bytes * 8 * (MPQ_SECOND / MPQ_MICROSECOND) /
				  (time / MPQ_MICROSECOND),
			  time);
		begin_round(w, now);
	}
}

void mpq_window_sent(struct mpq_window *w, uint64_t bytes, mpq_time now)
{
	mpq_duration forgiven = w->early ? LATE_MAX : BURST;
	bool behind = w->next + forgiven <= now;
	mpq_time from = behind ? now - forgiven : w->next;

	if (behind && (w->early || !w->full)) {
		w->unused += from - w->next;
	}
	w->bursts++;
	w->full_bursts += w->full;
	w->full = w->early = false;
	if (w->view.rtt_latest > 0) {
		w->next = mpq_time_min(from + bytes * 8 * MPQ_SECOND /
						       pace_bps(w),
				       now + LEAD_MAX(w->view.rtt_smoothed));
	}
}

void mpq_window_was_full(struct mpq_window *w, mpq_time now)
{
	w->full = true;
	w->early = w->next > now;
}

uint64_t mpq_window_bytes(const struct mpq_window *w)
{
	if (!w->started || mpq_window_rtt_least(w) == 0) {
		return UINT64_MAX;
	}
	return carried(w) * (WINDOW_GAIN + excess(w)) / 100 +
	       bytes_in(most(w), 2 * w->view.rtt_variation) +
	       BURSTS * mpq_window_quantum_bytes(w);
}
