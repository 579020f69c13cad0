/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the way is, and what of a round trip is a queue. The way changes at
 * once, at a satellite's hand-over, say; taken for a queue, the longer one
 * would be sent on more and more slowly until it is forgotten how short it was.
 */
#include "dataplane/quic/window_private.h"

#define SPAN          (5 * MPQ_SECOND)
#define LOWER         (1 * MPQ_MILLISECOND) /* is worth another look */
#define SAMPLES_MIN   4
#define SAME_PART     64         /* of a round trip: it has not changed .. */
#define SAME_ROUNDS   3          /* .. in so many, .. */
#define VARIED        9          /* .. while the rate did, in eighths */
#define OUTAGE_PKTS   10         /* lost at once, .. */
#define OUTAGE_LEFT   (4 * 1500) /* .. and not more under way than that */
#define LONGER_PART   8
#define FORGET_WITHIN MPQ_SECOND

mpq_duration mpq_window_rtt_least(const struct mpq_window *w)
{
	mpq_duration a = w->rtt_least[0], b = w->rtt_least[1];

	return b == 0 || a < b ? a : b;
}

void mpq_window_way_sample(struct mpq_window *w, mpq_duration rtt, mpq_time now)
{
	if (w->round_least == 0 || rtt < w->round_least) {
		w->round_least = rtt;
	}
	if (now - w->span_since >= SPAN) {
		w->rtt_least[1] = w->rtt_least[0];
		w->rtt_least[0] = rtt;
		mpq_window_jitter_span(&w->jitter);
		w->span_since = now;
	} else if (w->rtt_least[0] == 0 || rtt < w->rtt_least[0]) {
		w->rtt_least[0] = rtt;
	}
}

static void is_new(struct mpq_window *w, mpq_duration rtt)
{
	w->rtt_least[0] = w->rtt_least[1] = rtt;
	w->queue = 0;
	w->jumped_bps = 0;
	w->same.rounds = 0;
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
static bool is_jump(struct mpq_window *w, mpq_duration before)
{
	bool jumped = has_jumped(w, before);
	uint64_t was_bps = w->jumped_bps;

	w->jumped_bps = jumped && was_bps == 0 ? mpq_window_most_bps(w) : 0;
	was_bps = was_bps > 0 ? was_bps : w->jumped_bps;
	return was_bps > 0 && w->peak_bps > was_bps / 10 * 9;
}

/* And it grows and shrinks with what we send; what stays the same meanwhile is
 * none. */
static bool stays(struct mpq_window *w, uint64_t bps)
{
	mpq_duration a = w->round_least, b = w->same.rtt;
	mpq_duration off = a > b ? a - b : b - a;

	if (w->queue <= 2 * MPQ_WINDOW_QUEUE_MEANT || off > a / SAME_PART ||
	    bps == 0) {
		w->same.rtt = a;
		w->same.rounds = 0;
		w->same.most_bps = w->same.least_bps = bps;
		return false;
	}
	w->same.most_bps = bps > w->same.most_bps ? bps : w->same.most_bps;
	w->same.least_bps = bps < w->same.least_bps ? bps : w->same.least_bps;
	return ++w->same.rounds >= SAME_ROUNDS &&
	       w->same.most_bps * 8 > w->same.least_bps * VARIED;
}

/* Few samples may all have waited for their acknowledgement. */
void mpq_window_way_round(struct mpq_window *w, uint64_t bps)
{
	mpq_duration least = mpq_window_rtt_least(w), before = w->queue;

	if (w->samples < SAMPLES_MIN || w->round_least == 0) {
		return;
	}
	w->queue = w->round_least > least ? w->round_least - least : 0;
	mpq_window_jitter_round(&w->jitter, w->queue);
	if (w->started && (is_jump(w, before) || stays(w, bps))) {
		is_new(w, w->round_least);
	}
	w->samples = 0;
	w->round_least = 0;
	w->peak_bps = 0;
	w->lower =
		least + LOWER < w->least_before ||
		(w->lower && w->cycle % MPQ_WINDOW_CYCLE != MPQ_WINDOW_DRAIN);
	w->least_before = least;
}

/* All that was under way is lost: no queue is left, and what came after it
 * shows the way as it is now. */
void mpq_window_way_outage(struct mpq_window *w,
			   const struct mpq_window_view *v, mpq_time now)
{
	uint64_t lost = v->lost_pkts - w->view.lost_pkts;
	mpq_duration least = mpq_window_rtt_least(w);

	if (!w->started || lost < OUTAGE_PKTS || least == 0 ||
	    v->in_flight_bytes > OUTAGE_LEFT) {
		return;
	}
	if (v->rtt_latest > least + least / LONGER_PART) {
		w->forgets = now + FORGET_WITHIN;
	}
	is_new(w, v->rtt_latest);
	w->round_least = 0;
	w->samples = 0;
}

bool mpq_window_is_longer(const struct mpq_window *w, mpq_time now)
{
	return now < w->forgets;
}

void mpq_window_was_told(struct mpq_window *w)
{
	w->forgets = 0;
	w->probe.since = 0;
	w->probe.began = 0;
}
