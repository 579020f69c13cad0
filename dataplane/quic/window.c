/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/window_private.h"

#define SPAN        (5 * MPQ_SECOND)
#define ROUND_MIN   (10 * MPQ_MILLISECOND)
#define WINDOW_GAIN 150
#define BURSTS      4 /* that acknowledgements, and we, are late by */
#define CYCLE       8
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
#define LOWER       (1 * MPQ_MILLISECOND) /* is worth another look */
#define SAMPLES_MIN 4
#define PUSHED      3  /* rounds in which more was sent, or its queue shows */
#define GAIN_QUEUED 80 /* per cent of the rate at least, with a queue */

/* A cycle of rounds: in the first more is sent, to see whether there is more;
 * the second lets the queue go, which also shows the true round trip. What is
 * tried stands in a queue when there is no more, so it is little until there
 * is. */
#define TRY         0
#define DRAIN       1
#define TRY_QUEUE   (4 * MPQ_MILLISECOND)
#define TRY_BYTES   (3 * 1500) /* less does not show */
#define TRY_MIN     5          /* per cent */
#define TRY_MAX     25
#define DRAIN_MAX   25
#define DEEP_EACH   4 /* cycles */
#define GAIN_DRAINS 40

/* Where the queue is to be short: so much of the rate is left free, per cent,
 * and at most so much more for jitter. */
#define SPARE    1
#define BLUR_MAX 2

static uint64_t most(const struct mpq_window *w)
{
	uint64_t bps = 0;

	for (unsigned i = 0; i < MPQ_WINDOW_ROUNDS; i++) {
		bps = w->rate_bps[i] > bps ? w->rate_bps[i] : bps;
	}
	return w->steady.bps > 0 && w->steady.bps < bps ? w->steady.bps : bps;
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

/* Not where random losses are made up for by going beyond the rate: what cannot
 * wait leaves such a path. */
void mpq_window_keep_short(struct mpq_window *w, bool keep)
{
	w->short_queue = keep && excess(w) == 0;
	if (!w->short_queue) {
		w->steady = (struct mpq_window_steady){0};
	}
}

static uint64_t bps_of(uint64_t bytes, mpq_duration time)
{
	return bytes * 8 * (MPQ_SECOND / MPQ_MICROSECOND) /
	       (time / MPQ_MICROSECOND);
}

static uint64_t carried(const struct mpq_window *w)
{
	return mpq_window_bytes_in(most(w), mpq_window_rtt_least(w));
}

static uint64_t at_least(uint64_t bps)
{
	return bps > RATE_MIN_BPS ? bps : RATE_MIN_BPS;
}

static uint64_t rate_bps(const struct mpq_window *w)
{
	return at_least(w->started ? most(w) : mpq_window_start_bps(w));
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

/* By so many per cent jitter makes a round look faster or slower than it was;
 * half of it, most are nearer. */
static unsigned blur(const struct mpq_window *w)
{
	uint64_t percent =
		50 * w->view.rtt_variation / (w->view.rtt_smoothed + 1);

	if (!w->short_queue) {
		return 0;
	}
	return percent < BLUR_MAX ? (unsigned)percent : BLUR_MAX;
}

static unsigned spare(const struct mpq_window *w)
{
	return w->short_queue ? SPARE + blur(w) : 0;
}

/* Per cent less, so that what stands in the path beyond what is meant to is
 * gone in two rounds, or in one. */
static unsigned too_much(const struct mpq_window *w)
{
	mpq_duration meant = QUEUE_MEANT + w->view.rtt_variation +
			     mpq_window_rtt_least(w) / 100 * excess(w);
	uint64_t percent = spare(w);

	if (w->queue > meant) {
		percent += (w->short_queue ? 100 : 50) * (w->queue - meant) /
			   (w->view.rtt_smoothed + 1);
	}
	return percent < 100 - GAIN_QUEUED ? (unsigned)percent
					   : 100 - GAIN_QUEUED;
}

/* How much more is tried, per cent. */
static unsigned try_of(const struct mpq_window *w)
{
	uint64_t percent = 100 * TRY_QUEUE / (w->view.rtt_smoothed + 1);
	uint64_t least = 100 * TRY_BYTES / (carried(w) + 1), more = 0;

	percent = percent > least ? percent : least;
	if (w->grown) {
		more = w->short_queue ? mpq_window_steady_more(&w->steady)
				      : TRY_MAX;
	}
	percent = percent > more ? percent : more;
	if (percent > TRY_MAX) {
		return TRY_MAX;
	}
	return percent > TRY_MIN ? (unsigned)percent : TRY_MIN;
}

/* How much less, so that what was tried and what stood before is gone; now and
 * then much less, for what always stood there is not known. */
static unsigned drain_of(const struct mpq_window *w)
{
	bool deep = w->lower || w->cycle / CYCLE % DEEP_EACH == DEEP_EACH - 1;
	uint64_t percent =
		deep ? DRAIN_MAX
		     : try_of(w) + 100 * w->queue / (w->view.rtt_smoothed + 1);

	percent = percent > spare(w) ? percent : spare(w);
	return percent < DRAIN_MAX ? (unsigned)percent : DRAIN_MAX;
}

static unsigned gain_of(const struct mpq_window *w)
{
	uint64_t enough = carried(w) * (130 + excess(w)) / 100 +
			  BURSTS * mpq_window_quantum_bytes(w);

	/* What is left of the start, or of a faster path; or what ProbeRTT
	 * would have to wait for. */
	if (w->drains || w->makes_room) {
		return GAIN_DRAINS;
	}
	if (w->view.in_flight_bytes > enough) {
		return 100 - DRAIN_MAX;
	}
	switch (w->cycle % CYCLE) {
	case TRY:
		return 100 + try_of(w);
	case DRAIN:
		return 100 - drain_of(w);
	default:
		return 100 + excess(w) / 2 - too_much(w);
	}
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
	mpq_duration part = mpq_window_part(w), time;
	uint64_t bps;

	time = now - w->peak_since;
	if (time < part || w->came != now) {
		return;
	}
	bps = w->view.delivered_bytes > w->peak_bytes
		      ? bps_of(w->view.delivered_bytes - w->peak_bytes, time)
		      : 0;
	w->peak_bps = bps > w->peak_bps ? bps : w->peak_bps;
	w->part_bps = bps > w->part_bps ? bps : w->part_bps;
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

/* No more came than what was sent a round before: beyond that it is jitter, or
 * a queue that goes. The fastest of several rounds would be too fast by that,
 * and it would stand in a queue that cannot be told from the jitter. */
static uint64_t believed(const struct mpq_window *w, uint64_t bps)
{
	uint64_t a = w->pace_bps[0], b = w->pace_bps[1];
	uint64_t sent = a > b ? a : b;

	return w->short_queue && a > 0 && b > 0 && bps > sent ? sent : bps;
}

/* What a round tries comes back in the next. */
static void end_steady_round(struct mpq_window *w, uint64_t bps, bool limited)
{
	const struct mpq_window_try try = {.most_bps = most(w),
					   .sent_bps = w->pace_bps[1],
					   .came_bps = bps,
					   .rtt = w->view.rtt_smoothed};

	w->grown = false;
	if (w->steady.bps == 0) {
		w->steady.bps = most(w);
	} else if (limited && try.sent_bps > try.most_bps) {
		mpq_window_steady_tried(&w->steady, &try);
		w->grown = mpq_window_steady_more(&w->steady) > 0;
	} else if (w->cycle % CYCLE > DRAIN + 1) {
		mpq_window_steady_rested(&w->steady);
	}
	w->cycle = w->grown ? TRY : w->cycle + 1;
}

/* A round that was not filled says only that the path carries so much. */
static void end_round(struct mpq_window *w, uint64_t bps, mpq_duration time)
{
	bool limited = is_limited(w, time);

	if (!w->started) {
		mpq_window_start_watch(w, bps, limited);
	}
	if (!limited && bps < most(w)) {
		/* But in a round that lets the queue go it was we who held
		 * back, and one is enough. */
		if (w->cycle % CYCLE == DRAIN) {
			w->cycle++;
			w->grown = false;
		}
		return;
	}
	bps = believed(w, bps);
	if (w->short_queue && w->started) {
		end_steady_round(w, bps, limited);
	} else if (bps > most(w) * (100 + try_of(w) / 2) / 100) {
		w->cycle = TRY;
		w->grown = true;
	} else {
		w->grown = w->grown && w->cycle % CYCLE != DRAIN;
		w->cycle++;
	}
	w->round++;
	w->rate_bps[w->round % MPQ_WINDOW_ROUNDS] = bps;
}

/* Beyond what we may have put there: the start any, what is tried a quarter of
 * a round trip. */
static bool has_jumped(const struct mpq_window *w, mpq_duration before)
{
	mpq_duration much = w->view.rtt_smoothed / 4;

	much = w->pushed > 0 ? 2 * much : much;
	return w->start_shows == 0 && w->queue > before + much;
}

/* A queue of ours grows by what we send beyond what is delivered. Where it has
 * grown at once by a good part of a round trip, and yet for a while as much is
 * delivered as before, the way has become longer. */
static void watch_jump(struct mpq_window *w, mpq_duration before)
{
	bool jumped = has_jumped(w, before);
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
	w->lower = least + LOWER < w->least_before ||
		   (w->lower && w->cycle % CYCLE != DRAIN);
	w->least_before = least;
}

static void begin_round(struct mpq_window *w, mpq_time now)
{
	w->round_since = now;
	w->before = w->view;
	w->pace_bps[1] = w->pace_bps[0];
	w->pace_bps[0] = w->started ? pace_bps(w) : 0;
	w->pushed =
		w->cycle % CYCLE == TRY ? PUSHED : w->pushed - (w->pushed > 0);
	w->start_shows =
		!w->started ? PUSHED : w->start_shows - (w->start_shows > 0);
	w->came_before = w->came;
	w->bursts = w->full_bursts = 0;
	w->held_before = w->held_bytes;
	w->held_bytes = 0;
	w->part_bps = 0;
	w->unused = 0;
	mpq_window_steady_begin(&w->steady);
}

/* From the last acknowledgement before the round to the last in it, for each
 * stands for many packets; unless nothing was under way. */
static mpq_duration acked_in(const struct mpq_window *w, mpq_duration round)
{
	mpq_duration time = w->came - w->came_before;

	return time > round / 2 && time < round + round / 2 ? time : round;
}

void mpq_window_observe(struct mpq_window *w, const struct mpq_window_view *v,
			mpq_time now)
{
	mpq_duration round =
		v->rtt_smoothed > ROUND_MIN ? v->rtt_smoothed : ROUND_MIN;
	mpq_duration time = now - w->round_since;
	bool more = v->delivered_bytes > w->view.delivered_bytes;
	bool sampled = v->rtt_latest != w->view.rtt_latest ||
		       v->rtt_smoothed != w->view.rtt_smoothed;
	bool fresh = v->acked_pkts != w->view.acked_pkts ||
		     v->rtt_latest != w->view.rtt_latest;

	if (v->rtt_latest == 0) {
		return;
	}
	w->came = more ? now : w->came;
	w->view = *v;
	w->drains = w->drains &&
		    v->in_flight_bytes >
			    carried(w) + BURSTS * mpq_window_quantum_bytes(w);
	if (v->in_flight_bytes == 0) {
		w->queue = 0;
	}
	if (!mpq_window_probe_doctored(&w->probe, v->rtt_latest,
				       mpq_window_rtt_least(w), v->rtt_smoothed,
				       now)) {
		w->samples += fresh;
		if (fresh) {
			mpq_window_steady_sample(&w->steady, v->rtt_latest);
		}
		take_least(w, v, fresh);
		if (fresh || w->probe.tried == 0) {
			take_rtt(w, v->rtt_latest, now);
		}
	}
	if (more || sampled) {
		mpq_window_probe_observe(&w->probe, sampled ? v->rtt_latest : 0,
					 now);
	}
	w->makes_room =
		w->short_queue && w->started &&
		mpq_window_probe_is_near(&w->probe, v->rtt_smoothed, now);
	take_peak(w, now);
	if (w->round_since == 0) {
		begin_round(w, now);
	} else if (time >= round) {
		watch_queue(w);
		watch_loss(w);
		end_round(w, bps_of(mpq_window_delivered(w), acked_in(w, time)),
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
	w->held_bytes += w->full ? bytes : 0;
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
	       mpq_window_bytes_in(most(w), 2 * w->view.rtt_variation) +
	       BURSTS * mpq_window_quantum_bytes(w);
}
