/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/estimate_private.h"

#include <string.h>

enum {
	SAMPLE_PKTS = 8, /* fewer say little .. */
	RECENT_PKTS = 512,
	FULL_PERCENT_IDLE = 20, /* of a full sample's time, at most */
	PACKET_BYTES = 1500,
	BEGIN_BYTES = 10 * 1200, /* in a round trip, RFC 9002 §7.2 */
	PROOFS = 2,
};
#define SAMPLE_MIN   (40 * MPQ_MILLISECOND)
#define SAMPLE_MAX   MPQ_SECOND /* .. but a slow path has no more */
#define SAMPLE_PAUSE (2 * MPQ_SECOND)
#define DOUBTED      (2 * MPQ_SECOND)
#define BASE_SPAN    (3 * MPQ_SECOND)
#define QUEUE_MIN    (2 * MPQ_MILLISECOND)
#define CONGESTED    (10 * MPQ_MILLISECOND) /* more than jitter makes */
/* A queue beyond half a round trip and so much is none of a way that has become
 * longer: hand-overs change it by less. */
#define STANDING     (20 * MPQ_MILLISECOND)
#define RECENT       (10 * MPQ_SECOND)
#define RATE_MIN_BPS 1000
#define BITS         8

static void begin(struct mpq_estimate *e, mpq_time now)
{
	e->sample.start = MPQ_TIME_NEVER;
	e->proven = MPQ_TIME_NEVER;
	e->believed = MPQ_ESTIMATE_PROVEN;
	e->unanswered = e->ignored = MPQ_TIME_NEVER;
	e->idle_since = e->base.since = e->seen = now;
	e->answered = now;
	e->recent.halved = now;
}

void mpq_estimate_init(struct mpq_estimate *e, mpq_time now)
{
	memset(e, 0, sizeof(*e));
	mpq_capacity_init(&e->capacity);
	begin(e, now);
}

void mpq_estimate_restart(struct mpq_estimate *e, mpq_time now)
{
	uint64_t used = e->next_id < MPQ_ESTIMATE_REMEMBERED
				? e->next_id
				: MPQ_ESTIMATE_REMEMBERED;
	uint8_t *after = (uint8_t *)(e->sent + MPQ_ESTIMATE_REMEMBERED);
	struct mpq_estimate_most most = e->most;
	struct mpq_capacity capacity = e->capacity;

	memset(e->sent, 0, used * sizeof(e->sent[0]));
	memset(e, 0, offsetof(struct mpq_estimate, sent));
	memset(after, 0, sizeof(*e) - (size_t)(after - (uint8_t *)e));
	begin(e, now);
	e->most = most;
	e->capacity = capacity;
	mpq_capacity_skip(&e->capacity);
}

void mpq_estimate_renew(struct mpq_estimate *e, mpq_time now)
{
	struct mpq_estimate_recent recent = e->recent;

	mpq_estimate_restart(e, now);
	e->recent = recent;
}

void mpq_estimate_observe(struct mpq_estimate *e,
			  const struct mpq_estimate_view *view, mpq_time now)
{
	mpq_duration rtt = view->rtt_smoothed;

	e->view = *view;
	e->seen = now;
	if (mpq_time_elapsed(e->base.since, now) >= BASE_SPAN) {
		e->base.before = e->base.now;
		e->base.now = rtt;
		e->base.since = now;
	} else if (e->base.now == 0 || rtt < e->base.now) {
		e->base.now = rtt;
	}
}

void mpq_estimate_queued(struct mpq_estimate *e, uint64_t bytes)
{
	if (bytes == 0 && e->idle_since == MPQ_TIME_NEVER) {
		e->idle_since = e->seen;
	}
	e->queued_bytes = bytes;
}

static uint64_t per_second(uint64_t bytes, mpq_duration time)
{
	return bytes * BITS * (MPQ_SECOND / MPQ_MICROSECOND) /
	       (time / MPQ_MICROSECOND + 1);
}

static struct mpq_estimate_sent *slot_of(struct mpq_estimate *e, uint64_t id)
{
	return &e->sent[id % MPQ_ESTIMATE_REMEMBERED];
}

void mpq_estimate_sent(struct mpq_estimate *e, uint64_t id, size_t len_bytes,
		       mpq_time now)
{
	struct mpq_estimate_sent *s = slot_of(e, id);

	if (s->id != 0 && !s->lost) {
		e->outstanding--; /* forgotten */
	}
	e->idle += mpq_time_elapsed(e->idle_since, now);
	e->seen = now;
	e->idle_since = e->queued_bytes == 0 ? now : MPQ_TIME_NEVER;
	*s = (struct mpq_estimate_sent){.id = id + 1,
					.len_bytes = (uint16_t)len_bytes,
					.at_us = mpq_estimate_us(now),
					.idle = e->idle};
	e->outstanding++;
	e->view.in_flight_bytes += len_bytes; /* until the next view */
	e->next_id = id + 1;
	mpq_estimate_silence_sent(e, now);
}

static void forget_slowly(struct mpq_estimate *e, mpq_time now)
{
	if (e->recent.acked + e->recent.lost >= RECENT_PKTS ||
	    mpq_time_elapsed(e->recent.halved, now) >= RECENT) {
		e->recent.acked /= 2;
		e->recent.lost /= 2;
		e->recent.halved = now;
	}
}

/* As BBR knows that a pipe is full: a few rounds have brought no more. */
static unsigned prove(struct mpq_estimate *e, uint64_t bps)
{
	if (e->flat >= PROOFS) {
		e->flat = 0; /* of a proof that is no longer believed */
	}
	if (bps > e->rate_bps + e->rate_bps / 5) {
		e->flat = 0;
	} else {
		e->flat++;
	}
	e->rate_bps = bps > e->rate_bps ? bps : e->rate_bps;
	return e->flat;
}

/* In the path, this way: the round trip grows by the other way's queue too. A
 * delay spread evenly over +-J is J above its least and has 2/3 J of jitter. */
static bool has_queue(const struct mpq_estimate *e)
{
	const struct mpq_estimate_view *v = &e->view;

	return v->queueing > QUEUE_MIN + v->jitter + v->jitter / 2;
}

/* Much less than it could a while ago, or less than what a connection begins
 * with and no queue for it, may be the connection's fault, which has begun
 * again, or recovers from an outage, and fills no path. */
static bool is_doubtful(const struct mpq_estimate *e)
{
	uint64_t round_bytes = e->rate_bps / BITS *
			       (mpq_estimate_rtt(e) / MPQ_MICROSECOND) /
			       (MPQ_SECOND / MPQ_MICROSECOND);

	return e->rate_bps < e->most.bps / 2 ||
	       (round_bytes < BEGIN_BYTES && !has_queue(e));
}

/* What is doubtful has to be tried again, the later the oftener it was true. */
static void believe(struct mpq_estimate *e, mpq_time now)
{
	bool anew = !mpq_estimate_is_proven(e, now);

	if (mpq_time_elapsed(e->most.at, now) >= MPQ_ESTIMATE_PROVEN) {
		e->most.bps = 0;
	}
	if (e->rate_bps >= e->most.bps - e->most.bps / 8) {
		e->most.bps =
			e->rate_bps > e->most.bps ? e->rate_bps : e->most.bps;
		e->most.at = now;
	}
	if (!is_doubtful(e)) {
		e->believed = MPQ_ESTIMATE_PROVEN;
	} else if (e->believed == MPQ_ESTIMATE_PROVEN) {
		e->believed = DOUBTED;
	} else if (anew && e->believed * 2 < MPQ_ESTIMATE_PROVEN) {
		e->believed *= 2;
	}
	e->proven = now;
}

/* A full sample moves the rate, another one only raises it. A path in which a
 * queue stands is full, however little waits for it here. */
static void take_sample(struct mpq_estimate *e, mpq_duration idle, mpq_time now)
{
	mpq_duration time = now - e->sample.start;
	uint64_t bps = per_second(e->sample.bytes, time);

	if (!e->sample.standing && idle * 100 > time * FULL_PERCENT_IDLE) {
		e->rate_bps = bps > e->rate_bps ? bps : e->rate_bps;
		return;
	}
	if (!mpq_estimate_is_proven(e, now) && prove(e, bps) < PROOFS) {
		return;
	}
	if (bps > e->rate_bps || e->sample.standing) {
		/* Up is believed sooner: a path held below what it can do
		 * never shows more. */
		e->rate_bps = e->rate_bps / 2 + bps / 2;
	} else {
		e->rate_bps = e->rate_bps - e->rate_bps / 4 + bps / 4;
	}
	believe(e, now);
}

static void start_sample(struct mpq_estimate *e,
			 const struct mpq_estimate_sent *s, mpq_time now)
{
	e->sample.start = now;
	e->sample.idle = s->idle;
	e->sample.bytes = 0;
	e->sample.pkts = 0;
	e->sample.standing = mpq_estimate_is_standing(e);
}

static void count_delivered(struct mpq_estimate *e,
			    const struct mpq_estimate_sent *s, mpq_time now)
{
	mpq_duration length = mpq_estimate_rtt(e) > SAMPLE_MIN
				      ? mpq_estimate_rtt(e)
				      : SAMPLE_MIN;
	mpq_duration time;

	if (e->sample.start == MPQ_TIME_NEVER ||
	    now - e->sample.start > length + SAMPLE_PAUSE) {
		start_sample(e, s, now); /* whose bytes are before it */
		return;
	}
	e->sample.bytes += s->len_bytes;
	e->sample.pkts++;
	e->sample.standing = e->sample.standing && mpq_estimate_is_standing(e);
	time = now - e->sample.start;
	if (time >= length &&
	    (e->sample.pkts >= SAMPLE_PKTS || time >= SAMPLE_MAX)) {
		take_sample(e,
			    s->idle > e->sample.idle ? s->idle - e->sample.idle
						     : 0,
			    now);
		start_sample(e, s, now);
	}
}

void mpq_estimate_acked(struct mpq_estimate *e, uint64_t id, mpq_time now)
{
	struct mpq_estimate_sent *s = slot_of(e, id);

	e->seen = now;
	e->acked++;
	e->recent.acked++;
	forget_slowly(e, now);
	mpq_estimate_silence_end(e, now);
	if (s->id == id + 1) {
		mpq_estimate_silence_acked(e, s);
		if (s->lost) {
			e->spurious++;
			e->recent.lost -= e->recent.lost > 0;
		} else {
			e->outstanding--;
		}
		count_delivered(e, s, now);
		mpq_capacity_acked(&e->capacity,
				   s->len_bytes + e->view.wire_bytes, s->idle,
				   has_queue(e), now);
		s->id = 0;
		s->lost = false;
	}
	mpq_estimate_answered(e, now);
}

bool mpq_estimate_is_congested(const struct mpq_estimate *e)
{
	const struct mpq_estimate_view *v = &e->view;
	mpq_duration least = v->rtt_least > 0 ? v->rtt_least : v->rtt_min;

	return least > 0 && v->rtt_smoothed > least + least / 2 + CONGESTED;
}

void mpq_estimate_lost(struct mpq_estimate *e, uint64_t id, mpq_time now)
{
	struct mpq_estimate_sent *s = slot_of(e, id);

	if (s->id != id + 1 || s->lost) {
		return;
	}
	s->lost = true;
	e->outstanding--;
	e->lost++;
	mpq_capacity_lost(&e->capacity);
	if (id < e->outage_id) {
		e->in_outages++;
	} else if (mpq_estimate_is_congested(e)) {
		e->congested++;
	} else {
		e->recent.lost++;
	}
	forget_slowly(e, now);
}

/* What the silence since the last acknowledgement still allows. */
static uint64_t silent_bound_bps(const struct mpq_estimate *e, mpq_time now)
{
	mpq_duration silent = mpq_time_elapsed(e->unanswered, now);
	mpq_duration usual = mpq_estimate_rtt(e) + MPQ_ESTIMATE_SILENCE_SLACK;

	return silent > usual
		       ? per_second((uint64_t)2 * PACKET_BYTES, silent - usual)
		       : UINT64_MAX;
}

uint64_t mpq_estimate_rate_bps(const struct mpq_estimate *e, mpq_time now)
{
	uint64_t bps = e->rate_bps;
	uint64_t bound = silent_bound_bps(e, now);

	if (!mpq_estimate_is_proven(e, now)) {
		/* BBR's window is two round trips' worth. */
		uint64_t guess =
			per_second(e->view.cwnd_bytes, mpq_estimate_rtt(e)) / 2;

		bps = guess > bps ? guess : bps;
	}
	bps = bound < bps ? bound : bps;
	return bps > RATE_MIN_BPS ? bps : RATE_MIN_BPS;
}

bool mpq_estimate_is_proven(const struct mpq_estimate *e, mpq_time now)
{
	return e->proven != MPQ_TIME_NEVER &&
	       mpq_time_elapsed(e->proven, now) < e->believed;
}

bool mpq_estimate_is_standing(const struct mpq_estimate *e)
{
	const struct mpq_estimate_view *v = &e->view;

	return v->queueing >
	       v->rtt_min / 2 + STANDING + v->jitter + v->jitter / 2;
}

static uint64_t lost_recently(const struct mpq_estimate *e, mpq_time now)
{
	mpq_duration age = mpq_time_elapsed(e->recent.halved, now) / RECENT;

	return age < 32 ? e->recent.lost >> age : 0;
}

/* A first loss among a few says nothing yet. */
static uint64_t all_recently(const struct mpq_estimate *e)
{
	uint64_t all = (uint64_t)e->recent.acked + e->recent.lost;

	return all > SAMPLE_PKTS * 4 ? all : SAMPLE_PKTS * 4;
}

uint32_t mpq_estimate_loss_ppm(const struct mpq_estimate *e, mpq_time now)
{
	return (uint32_t)(lost_recently(e, now) * 1000000 / all_recently(e));
}

/* Of those that came in a time so many vary by the root of their number. */
bool mpq_estimate_loses(const struct mpq_estimate *e, uint64_t max_ppm,
			mpq_time now)
{
	uint64_t lost = lost_recently(e, now);
	uint64_t most = max_ppm * all_recently(e) / 10000; /* hundredths */
	uint64_t over = lost * 100 > most ? lost * 100 - most : 0;

	return over * over > lost * 100 * 100;
}

uint64_t mpq_estimate_window_left(const struct mpq_estimate *e)
{
	const struct mpq_estimate_view *v = &e->view;

	return v->cwnd_bytes > v->in_flight_bytes
		       ? v->cwnd_bytes - v->in_flight_bytes
		       : 0;
}

mpq_duration mpq_estimate_one_way(const struct mpq_estimate *e)
{
	return e->view.one_way > 0 ? e->view.one_way : mpq_estimate_rtt(e) / 2;
}

mpq_duration mpq_estimate_one_way_base(const struct mpq_estimate *e)
{
	mpq_duration base = e->base.now;

	if (e->base.before > 0 && e->base.before < base) {
		base = e->base.before;
	}
	base = base > 0 && base < mpq_estimate_rtt(e) ? base / 2
						      : mpq_estimate_rtt(e) / 2;
	return e->view.one_way > 0 && e->view.one_way < base ? e->view.one_way
							     : base;
}
