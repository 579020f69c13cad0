/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/window.h"

#define SPAN        (5 * MPQ_SECOND)
#define ROUND_MIN   (10 * MPQ_MILLISECOND)
#define START_FLAT  3
#define START_GAIN  200 /* per cent, of the congestion window a round trip */
#define WINDOW_GAIN 150
#define BURSTS      4 /* that acknowledgements, and we, are late by */
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

/* The queue that is meant to stand in the path: enough that it never runs
 * empty for our being late. */
#define QUEUE_MEANT (2 * MPQ_MILLISECOND)
#define GAIN_MIN    50
#define EMPTY_FEW   4 /* rounds without a queue: by chance, or a little */
#define GAIN_STEP   5 /* more each round without a queue, .. */
#define GAIN_MAX    125
#define GAIN_FULL   110 /* .. and at most this much when there is one */
/* A drain that let so much go and found no shorter delay found another's. */
#define DRAIN_MIN   (10 * MPQ_MILLISECOND)
#define GROWN       120 /* per cent */
#define PEAK_PART   8
#define PEAK_MIN    (8 * MPQ_MILLISECOND)
#define LOOK_EACH   (2500 * MPQ_MILLISECOND)
#define LOOK_ROUNDS 3 /* until it is seen what it did */
#define GAIN_LOOK   75

#define PROBE_EACH  (5 * MPQ_SECOND) /* ProbeRTTInterval, in the library */
#define PROBE_SLACK (30 * MPQ_MILLISECOND)  /* of acknowledgements */
#define PROBE_STEP  (100 * MPQ_MICROSECOND) /* less, doubled .. */
#define PROBE_TRIES 4                       /* .. after so many .. */
#define PROBE_STEPS 5                       /* .. so often */
#define PROBE_PART  10                      /* too little at most */

static uint64_t bytes_in(uint64_t bps, mpq_duration time)
{
	return bps / 8 * (time / MPQ_MICROSECOND) / 1000000;
}

static mpq_duration time_of(uint64_t bytes, uint64_t bps)
{
	return bytes * 8 * MPQ_SECOND / (bps + 1);
}

static mpq_duration least_rtt(const struct mpq_window *w)
{
	mpq_duration a = w->rtt_least[0], b = w->rtt_least[1];

	return b == 0 || a < b ? a : b;
}

/* By how much, per cent, to go over what the path carries, so that there is
 * enough left when losses that are none of ours have eaten from the library's
 * window. */
static unsigned excess(const struct mpq_window *w)
{
	uint64_t rounds = SHRINKS_FOR / (least_rtt(w) + MPQ_MILLISECOND);
	uint64_t percent;

	if (w->calm_pkts < CALM_PKTS / 4) {
		return 0;
	}
	percent = 100 * rounds * w->calm_lost / w->calm_pkts;
	return percent < LOSSY_MAX ? (unsigned)percent : LOSSY_MAX;
}

static uint64_t carried(const struct mpq_window *w)
{
	return bytes_in(w->rate_bps, least_rtt(w));
}

static uint64_t at_least(uint64_t bps)
{
	return bps > RATE_MIN_BPS ? bps : RATE_MIN_BPS;
}

static uint64_t pace_bps(const struct mpq_window *w)
{
	mpq_duration rtt = w->view.rtt_smoothed / MPQ_MICROSECOND;

	return at_least(w->started ? w->rate_bps * w->gain / 100
				   : w->view.cwnd_bytes * 8 * START_GAIN *
					     10000 / (rtt + 1));
}

uint64_t mpq_window_quantum_bytes(const struct mpq_window *w)
{
	uint64_t bytes = bytes_in(pace_bps(w), BURST);

	if (w->view.rtt_latest == 0) {
		return UINT64_MAX;
	}
	bytes = bytes > QUANTUM_MIN ? bytes : QUANTUM_MIN;
	return bytes < QUANTUM_MAX ? bytes : QUANTUM_MAX;
}

/* The queue to aim at. A burst is one, and where samples vary or are few, even
 * the least of a round is above the least of all. */
static mpq_duration queue_meant(const struct mpq_window *w)
{
	mpq_duration burst =
		time_of(mpq_window_quantum_bytes(w), w->rate_bps) / 2;
	mpq_duration meant = burst > QUEUE_MEANT ? burst : QUEUE_MEANT;

	mpq_duration varies = w->view.rtt_variation;

	varies = varies < least_rtt(w) / 4 ? varies : least_rtt(w) / 4;
	return meant + varies + least_rtt(w) / 100 * excess(w);
}

/* A sample stays the latest until there is another; one that was made shorter
 * must not be taken for true when that is long ago. */
static void take_least(struct mpq_window *w, const struct mpq_window_view *v)
{
	if (w->probe.tried == 0) {
		w->rtt_min = v->rtt_min;
	} else if (v->rtt_latest > 0 && v->rtt_latest < w->rtt_min &&
		   v->rtt_latest != w->view.rtt_latest) {
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

static void watch_probe(struct mpq_window *w, mpq_time now)
{
	struct mpq_window_probe *p = &w->probe;

	if (p->least == 0 || w->view.rtt_latest < p->least ||
	    now > p->since + PROBE_EACH) {
		p->least = w->view.rtt_latest;
		p->since = now;
		p->tries = 0;
	}
}

/* Is this sample less than the path's, because we said so? */
static bool is_doctored(const struct mpq_window *w, mpq_duration rtt,
			mpq_time now)
{
	return w->probe.tried > 0 && rtt < least_rtt(w) &&
	       now - w->probe.tried < 2 * w->view.rtt_smoothed + PROBE_SLACK;
}

mpq_duration mpq_window_later(struct mpq_window *w, mpq_time now)
{
	struct mpq_window_probe *p = &w->probe;
	mpq_duration least = least_rtt(w), rtt = w->view.rtt_latest;
	unsigned doubled = p->tries / PROBE_TRIES;

	if (w->round_least > 0 && w->round_least < rtt) {
		rtt = w->round_least;
	}
	if (p->least == 0 || now < p->since + PROBE_EACH / 5 ||
	    now < p->tried + w->view.rtt_smoothed + PROBE_SLACK ||
	    p->least < least - least / PROBE_PART ||
	    rtt > least + least / PROBE_PART) {
		return 0;
	}
	p->tried = now;
	p->tries++;
	return (rtt > p->least ? rtt - p->least : 0) +
	       (PROBE_STEP << (doubled < PROBE_STEPS ? doubled : PROBE_STEPS));
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
	w->was_calm =
		w->started && (w->gain <= 100 || w->queue < 2 * QUEUE_MEANT);
}

/* By the path: not by us, who had nothing to send, or were not run. Bursts
 * alone do not tell, for what comes in clumps fills them all. */
static bool is_limited(const struct mpq_window *w, mpq_duration round)
{
	return 2 * w->full_bursts > w->bursts &&
	       w->unused <= round / UNUSED_PART;
}

static void watch_start(struct mpq_window *w, uint64_t bps, bool limited)
{
	if (bps > w->full_bps + w->full_bps / 4) {
		w->full_bps = bps;
		w->flat = 0;
	} else if (limited && ++w->flat >= START_FLAT) {
		w->started = true;
	}
}

/* While a queue stands, what is delivered is what the path carries; without
 * one, the path carries at least that. */
static void take_rate(struct mpq_window *w, uint64_t bps, bool limited,
		      mpq_duration meant)
{
	if (bps > w->rate_bps) {
		w->rate_bps = w->queue >= meant && w->started
				      ? (w->rate_bps + bps) / 2
				      : bps;
	} else if (limited) {
		w->rate_bps -=
			(w->rate_bps - bps) / (w->queue >= meant ? 2 : 8);
	}
}

static void not_ours(struct mpq_window *w)
{
	w->rtt_least[0] = w->rtt_least[1] = w->round_least;
	w->queue = 0;
	w->drain_rtt = 0;
	w->queued_bps = w->jumped_bps = 0;
}

/* Less under way by so many milliseconds' worth makes the round trip as much
 * shorter, a round trip later, where the queue is ours. */
static void watch_drain(struct mpq_window *w, uint64_t bps)
{
	mpq_duration rtt = w->round_least, gone, shorter;

	if (w->gain >= 100) {
		w->drain_rtt = 0;
		return;
	}
	if (w->drain_rtt == 0 || rtt > w->drain_rtt) {
		w->drain_rtt = rtt;
		w->drain_in_flight = w->before.in_flight_bytes;
		return;
	}
	if (w->before.in_flight_bytes >= w->drain_in_flight) {
		return;
	}
	gone = time_of(w->drain_in_flight - w->before.in_flight_bytes,
		       w->rate_bps);
	shorter = w->drain_rtt - rtt;
	if (gone > DRAIN_MIN && gone > w->queue / 2 && shorter < gone / 4 &&
	    bps > w->rate_bps / 10 * 9) {
		not_ours(w);
	}
}

/* What the round found is of a round trip ago; since then the queue has gone on
 * as we made it. */
static mpq_duration queue_now(const struct mpq_window *w, mpq_duration round)
{
	mpq_duration change =
		round / 100 * (w->gain < 100 ? 100 - w->gain : w->gain - 100);

	if (w->gain >= 100) {
		return w->queue + change;
	}
	return w->queue > change ? w->queue - change : 0;
}

/* A queue of ours grows by what we send beyond what is delivered. Where it has
 * grown in one round by a good part of it, and yet for a while as much is
 * delivered as before, the way has become longer. */
static void watch_jump(struct mpq_window *w, mpq_duration before,
		       mpq_duration round)
{
	bool jumped = w->gain <= GAIN_FULL && w->queue > before + round / 4;
	uint64_t was_bps = w->jumped_bps;

	w->jumped_bps = jumped && was_bps == 0 ? w->rate_bps : 0;
	was_bps = was_bps > 0 ? was_bps : w->jumped_bps;
	if (was_bps > 0 && w->peak_bps > was_bps / 10 * 9) {
		w->rate_bps = was_bps;
		not_ours(w);
	}
}

/* Where a queue of ours stands, no more is delivered than before. */
static void watch_growth(struct mpq_window *w, uint64_t bps)
{
	if (w->queue < QUEUE_MEANT) {
		w->queued_bps = 0;
	} else if (w->queued_bps == 0) {
		w->queued_bps = bps;
	} else if (bps > w->queued_bps / 100 * GROWN &&
		   w->round_least < w->queued_rtt + QUEUE_MEANT) {
		not_ours(w);
	}
	if (w->queued_bps == bps) {
		w->queued_rtt = w->round_least;
	}
}

/* What stands there for ever looks like the path itself. So now and then a
 * round of less, and another one as long as that makes it shorter. */
static bool is_time_to_look(struct mpq_window *w, mpq_time now)
{
	mpq_duration least = least_rtt(w);

	if (w->looks > 0 && --w->looks == 0 &&
	    least + QUEUE_MEANT < w->looked_rtt) {
		w->looked = 0;
	}
	if (w->looks > 0 || now < w->looked + LOOK_EACH) {
		return false;
	}
	w->looked = now;
	w->looked_rtt = least;
	w->looks = LOOK_ROUNDS;
	return true;
}

static void choose_gain(struct mpq_window *w, mpq_duration meant,
			mpq_duration round, mpq_time now)
{
	mpq_duration queue = queue_now(w, round);

	if (w->started && is_time_to_look(w, now)) {
		w->gain = GAIN_LOOK;
		w->empty = 0;
		return;
	}
	if (w->queue < meant / 2 && w->gain >= 100) {
		w->empty++;
		w->gain = 100 + (w->empty <= EMPTY_FEW
					 ? w->empty
					 : GAIN_STEP * (w->empty - EMPTY_FEW));
		w->gain = w->gain < GAIN_MAX ? w->gain : GAIN_MAX;
		w->gain += excess(w) / 2;
		return;
	}
	w->empty = 0;
	if (queue < meant) {
		w->gain = 100 + (unsigned)(50 * (meant - queue) / round);
		w->gain = w->gain < GAIN_FULL ? w->gain : GAIN_FULL;
		w->gain += excess(w) / 2;
	} else {
		mpq_duration less = 75 * (queue - meant) / round;

		w->gain =
			less < 100 - GAIN_MIN ? 100 - (unsigned)less : GAIN_MIN;
	}
}

static void end_round(struct mpq_window *w, uint64_t bps, mpq_duration time,
		      mpq_time now)
{
	/* Silence tells nothing of a rate. */
	bool limited = bps > 0 && is_limited(w, time);
	mpq_duration meant = queue_meant(w);

	if (w->round_least > 0) {
		mpq_duration before = w->queue;

		w->queue = w->round_least - least_rtt(w);
		if (w->started) {
			watch_jump(w, before, time);
			watch_drain(w, bps);
			watch_growth(w, bps);
		}
	}
	take_rate(w, bps, limited || w->queue >= meant, meant);
	if (!w->started) {
		watch_start(w, bps,
			    limited || w->queue > meant + least_rtt(w) / 4);
		w->empty = 0;
	}
	if (limited || w->queue >= meant) {
		choose_gain(w, meant, time, now);
	} else {
		w->gain = 100;
	}
}

static void begin_round(struct mpq_window *w, mpq_time now)
{
	w->round_since = now;
	w->before = w->view;
	w->bursts = w->full_bursts = 0;
	w->unused = 0;
	w->round_least = 0;
	w->peak_bps = 0;
}

void mpq_window_observe(struct mpq_window *w, const struct mpq_window_view *v,
			mpq_time now)
{
	mpq_duration round =
		v->rtt_smoothed > ROUND_MIN ? v->rtt_smoothed : ROUND_MIN;
	mpq_duration time = now - w->round_since;

	if (v->rtt_latest == 0) {
		return;
	}
	w->view = *v;
	if (!is_doctored(w, v->rtt_latest, now)) {
		take_least(w, v);
		take_rtt(w, v->rtt_latest, now);
	}
	watch_probe(w, now);
	take_peak(w, now);
	if (w->round_since == 0) {
		begin_round(w, now);
	} else if (time >= round) {
		uint64_t bytes =
			v->delivered_bytes > w->before.delivered_bytes
				? v->delivered_bytes - w->before.delivered_bytes
				: 0;

		watch_loss(w);
		end_round(w,
			  bytes * 8 * (MPQ_SECOND / MPQ_MICROSECOND) /
				  (time / MPQ_MICROSECOND),
			  time, now);
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
	if (!w->started || least_rtt(w) == 0) {
		return UINT64_MAX;
	}
	return carried(w) * (WINDOW_GAIN + excess(w)) / 100 +
	       bytes_in(w->rate_bps, 2 * w->view.rtt_variation) +
	       BURSTS * mpq_window_quantum_bytes(w);
}
