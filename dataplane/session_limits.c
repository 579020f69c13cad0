/* SPDX-License-Identifier: Apache-2.0 */
/* What may wait in a session's queues: how much of it, and for how long. */
#include "dataplane/session_private.h"

#define MOMENT    (500 * MPQ_MILLISECOND) /* what a hand-over takes */
#define HOLES_MAX (60 * MPQ_MILLISECOND)
/* RFC 8289 §4.3, and BBR's ProbeRTT; see tunnel.c. */
#define QUEUE_INTERVAL(rtt) (300 * MPQ_MILLISECOND + 2 * (rtt))
/* What waits for longer was sent again by who sent it, or is of no use. BBR's
 * ProbeRTT takes 200 ms and a round trip. */
#define MAX_AGE(rtt) (250 * MPQ_MILLISECOND + (rtt))

static void drop_old_of(struct mpq_fair *q, mpq_time now)
{
	(void)mpq_fair_drop_older(q, q->config.max_age, now);
}

/* A path whose window is full offers nothing, for as long as nothing is
 * acknowledged there. */
static void drop_old(struct mpq_session *s, mpq_time now)
{
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		drop_old_of(&s->shared[c], now);
		for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
			drop_old_of(&s->path[i].own[c], now);
			mpq_session_expire_urgent(&s->path[i], c, now);
		}
	}
}

static void set_queue(struct mpq_fair *q, const struct mpq_session *s,
		      mpq_duration rtt, size_t limit_pkts)
{
	q->config.target = s->queue_delay;
	q->config.interval = QUEUE_INTERVAL(rtt);
	if (limit_pkts > 0) {
		q->config.limit_pkts = limit_pkts;
		q->config.limit_bytes = limit_pkts * MPQ_SESSION_PACKET;
		q->config.max_age = MAX_AGE(rtt);
	} else {
		q->config.max_age = MPQ_SESSION_AGE_DOWN;
	}
}

/* Delay control would lose what is copied: a queue on one path costs nothing
 * while another is quicker, and without another one each of them counts. Age
 * alone ends it. */
static void set_own(struct mpq_session_path *m, unsigned class_id,
		    size_t limit_pkts)
{
	const struct mpq_session *s = m->session;
	struct mpq_fair *q = &m->own[class_id];

	set_queue(q, s, m->estimate.view.rtt_smoothed, limit_pkts);
	if (m->state == MPQ_SESSION_SILENT && limit_pkts > 0) {
		q->config.max_age += MOMENT;
	}
	if (s->policy.class[class_id].steer.mode == MPQ_STEER_REDUNDANT) {
		q->config.target = q->config.max_age;
	}
}

/* While a path is silent for a moment, as in a hand-over, what comes is let
 * wait for it: dropped, it would slow its senders down for long. */
static size_t limit_of(const struct mpq_session_path *m, mpq_time now)
{
	if (m->state == MPQ_SESSION_USED) {
		return mpq_session_queue_limit(m, now);
	}
	return m->state == MPQ_SESSION_SILENT &&
			       mpq_time_elapsed(m->since, now) < MOMENT
		       ? mpq_session_queue_limit(m, m->estimate.answered)
		       : 0;
}

/* Has a path just fallen silent, or is one left alone for an outage that is
 * due? What is silent for longer is no hand-over. */
static bool is_lull(const struct mpq_session *s, mpq_time now)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *m = &s->path[i];

		if (m->state == MPQ_SESSION_SILENT && limit_of(m, now) > 0) {
			return true;
		}
	}
	return mpq_steer_pausing(s->steer) != 0;
}

/* So much longer something may wait, while there is a lull and for a moment
 * after it: what it kept has to leave first. */
static mpq_duration more_age(struct mpq_session *s, mpq_time now)
{
	if (is_lull(s, now)) {
		s->lull = now;
	}
	return mpq_time_elapsed(s->lull, now) < MOMENT ? MOMENT : 0;
}

/* What comes after a hole comes at once when that is filled, and so does what
 * its sender sends then; until then the paths live on what stands in the queue.
 */
static mpq_duration for_holes(const struct mpq_session *s, mpq_duration rtt)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (mpq_session_carries(&s->path[i]) && s->path[i].parity.on) {
			return rtt < HOLES_MAX ? rtt : HOLES_MAX;
		}
	}
	return 0;
}

static void set_queues(struct mpq_session *s, mpq_time now)
{
	mpq_duration worst = 0, age = more_age(s, now);
	size_t sum = 0;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];
		mpq_duration rtt = m->estimate.view.rtt_smoothed;
		size_t limit = limit_of(m, now);

		sum += limit;
		worst = rtt > worst && mpq_session_carries(m) ? rtt : worst;
		for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
			set_own(m, c, limit);
		}
	}
	/* A path that is later than others takes what has waited for so long;
	 * with less delay in the queue it would never be used. */
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		set_queue(&s->shared[c], s, worst, sum);
		s->shared[c].config.target +=
			mpq_steer_delay_spread(s->steer, c) +
			for_holes(s, worst);
		s->shared[c].config.max_age +=
			mpq_steer_delay_spread(s->steer, c) + age;
	}
}

void mpq_session_limit_queues(struct mpq_session *s, mpq_time now)
{
	drop_old(s, now);
	set_queues(s, now);
}
