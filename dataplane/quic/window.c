/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/window_private.h"

#define ROUND_MIN   (10 * MPQ_MILLISECOND)
#define WINDOW_GAIN 150
#define LATE_BURST  (1 * MPQ_MILLISECOND)
/* On a busy machine we are woken late. The link was idle for so long, so that
 * what is made up for finds no queue. */
#define LATE_MAX    (10 * MPQ_MILLISECOND)
#define UNUSED_PART 8 /* of a round, that says that it was not filled */
/* What left at the rate of the start, before it was known how little the path
 * carries, is waited for no longer than this: its round trip, and that of what
 * stands in a queue. */
#define LEAD_MAX(rtt) (2 * (rtt) + 50 * MPQ_MILLISECOND)
#define CALM_PKTS     1000
#define PUSHED        3 /* rounds in which more was sent, or its queue shows */

static uint64_t bps_of(uint64_t bytes, mpq_duration time)
{
	return bytes * 8 * (MPQ_SECOND / MPQ_MICROSECOND) /
	       (time / MPQ_MICROSECOND);
}

/* Not where random losses are made up for by going beyond the rate: what cannot
 * wait leaves such a path. */
void mpq_window_keep_short(struct mpq_window *w, bool keep)
{
	w->short_queue = keep && mpq_window_excess(w) == 0;
	if (!w->short_queue) {
		w->steady = (struct mpq_window_steady){0};
	}
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
	w->was_calm = w->started && mpq_window_gain(w) <= 100;
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

	/* Nor would that of a few slow rounds be the most it carries. */
	if (mpq_window_steady_is_long(&w->steady) &&
	    sent < mpq_window_most_bps(w)) {
		sent = mpq_window_most_bps(w);
	}
	return w->short_queue && a > 0 && b > 0 && bps > sent ? sent : bps;
}

/* What a round tries comes back in the next. */
static void end_steady_round(struct mpq_window *w, uint64_t bps, bool limited)
{
	const struct mpq_window_try try = {.most_bps = mpq_window_most_bps(w),
					   .sent_bps = w->pace_bps[1],
					   .came_bps = bps,
					   .rtt = w->view.rtt_smoothed};
	unsigned rounds = mpq_window_try_rounds(w);
	bool more = false;

	if (w->steady.bps == 0) {
		w->steady.bps = mpq_window_most_bps(w);
	} else if (limited && try.sent_bps > try.most_bps) {
		more = mpq_window_steady_tried(&w->steady, &try) &&
		       mpq_window_steady_more(&w->steady) > 0;
	} else if (w->cycle % MPQ_WINDOW_CYCLE > MPQ_WINDOW_DRAIN + 1 &&
		   !mpq_window_is_queued(w)) {
		mpq_window_steady_rested(&w->steady);
	}
	if (!more && w->cycle % MPQ_WINDOW_CYCLE == MPQ_WINDOW_TRY &&
	    ++w->tried < rounds) {
		return;
	}
	w->tried = 0;
	w->grown = more;
	w->cycle = more ? MPQ_WINDOW_TRY : w->cycle + 1;
}

/* A round that was not filled says only that the path carries so much. */
static void end_round(struct mpq_window *w, uint64_t bps, mpq_duration time)
{
	bool limited = is_limited(w, time);

	if (!w->started) {
		mpq_window_start_watch(w, bps, limited);
	}
	if (!limited && bps < mpq_window_most_bps(w)) {
		/* But in a round that lets the queue go it was we who held
		 * back, and one is enough. */
		if (w->cycle % MPQ_WINDOW_CYCLE == MPQ_WINDOW_DRAIN) {
			w->cycle++;
			w->grown = false;
		}
		return;
	}
	if (w->short_queue && w->started) {
		end_steady_round(w, bps, limited);
		bps = believed(w, bps);
	} else if (bps > mpq_window_most_bps(w) *
				 (100 + mpq_window_try(w) / 2) / 100) {
		w->cycle = MPQ_WINDOW_TRY;
		w->grown = true;
	} else {
		w->grown = w->grown &&
			   w->cycle % MPQ_WINDOW_CYCLE != MPQ_WINDOW_DRAIN;
		w->cycle++;
	}
	w->round++;
	w->rate_bps[w->round % MPQ_WINDOW_ROUNDS] = bps;
}

static void begin_round(struct mpq_window *w, mpq_time now)
{
	w->round_since = now;
	w->before = w->view;
	w->pace_bps[1] = w->pace_bps[0];
	w->pace_bps[0] = w->started ? mpq_window_pace_bps(w) : 0;
	w->pushed = w->cycle % MPQ_WINDOW_CYCLE == MPQ_WINDOW_TRY
			    ? PUSHED
			    : w->pushed - (w->pushed > 0);
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
	uint64_t bps;
	bool more = v->delivered_bytes > w->view.delivered_bytes;
	bool sampled = v->rtt_latest != w->view.rtt_latest ||
		       v->rtt_smoothed != w->view.rtt_smoothed;
	bool fresh = v->acked_pkts != w->view.acked_pkts ||
		     v->rtt_latest != w->view.rtt_latest;

	if (v->rtt_latest == 0) {
		return;
	}
	w->came = more ? now : w->came;
	mpq_window_way_outage(w, v, now);
	w->view = *v;
	w->drains =
		w->drains &&
		v->in_flight_bytes >
			mpq_window_carried_bytes(w) +
				MPQ_WINDOW_BURSTS * mpq_window_quantum_bytes(w);
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
			mpq_window_way_sample(w, v->rtt_latest, now);
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
		bps = bps_of(mpq_window_delivered(w), acked_in(w, time));
		mpq_window_way_round(w, bps);
		watch_loss(w);
		end_round(w, bps, time);
		begin_round(w, now);
	}
}

void mpq_window_sent(struct mpq_window *w, uint64_t bytes, mpq_time now)
{
	mpq_duration forgiven = w->early ? LATE_MAX : LATE_BURST;
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
						       mpq_window_pace_bps(w),
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
	return mpq_window_carried_bytes(w) *
		       (WINDOW_GAIN + mpq_window_excess(w)) / 100 +
	       mpq_window_bytes_in(mpq_window_most_bps(w),
				   2 * w->view.rtt_variation) +
	       MPQ_WINDOW_BURSTS * mpq_window_quantum_bytes(w);
}
