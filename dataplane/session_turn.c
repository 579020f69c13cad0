/* SPDX-License-Identifier: Apache-2.0 */
/* A session's turn: its members' states, probes, reports, what is due. */
#include "dataplane/session_private.h"

#define TICK      (100 * MPQ_MILLISECOND)
#define RATE_SPAN (500 * MPQ_MILLISECOND)
/* A path is probed when it was not written to for so long: with traffic on
 * others, without any, and while it is to show whether it works. Where bytes
 * cost money, more seldom. */
#define PROBE_BUSY  (200 * MPQ_MILLISECOND)
#define PROBE_IDLE  (1 * MPQ_SECOND)
#define PROBE_TRIED (50 * MPQ_MILLISECOND)
/* So many first ones show a path that loses a third of what it is given; 2 kB.
 */
#define PROBES_FIRST 25
#define PROBE_FIRST  (10 * MPQ_MILLISECOND)
#define PROBE_PAUSE  (20 * MPQ_MILLISECOND) /* to see when an outage is */
/* Enough of them to see loss end in 5 s; 10 kbit/s. */
#define PROBE_LOSSY   (100 * MPQ_MILLISECOND)
#define PROBE_METERED 5 /* times longer when idle */
#define BUSY          (2 * MPQ_SECOND)
/* After the first loss of a path, and how it grows with each within FLAPS. */
#define PROBATION     (250 * MPQ_MILLISECOND)
#define PROBATION_MAX (5 * MPQ_SECOND)
#define FLAPS         (60 * MPQ_SECOND)

bool mpq_session_others_carry(const struct mpq_session_path *m)
{
	const struct mpq_session *s = m->session;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (i != m->index && s->path[i].state == MPQ_SESSION_USED) {
			return true;
		}
	}
	return false;
}

static void use(struct mpq_session_path *m, const char *reason, mpq_time now)
{
	/* Also when others carry: a class may exclude those. */
	unsigned kept = mpq_session_pathless(m->session);

	mpq_steer_path(m->session->steer, m->index, &m->estimate, true,
		       m->metered, now);
	mpq_session_steer_kept(m->session, kept, now); /* before what comes */
	mpq_session_set_state(m, MPQ_SESSION_USED, reason, now);
	m->control |= MPQ_SESSION_PROBE;
}

/* A flow that fills its path would at once be spread over one of which nothing
 * is known. */
static void look_at(struct mpq_session_path *m, mpq_time now)
{
	m->trusted_at = now + PROBES_FIRST * PROBE_FIRST +
			m->estimate.view.rtt_smoothed;
	mpq_session_set_state(m, MPQ_SESSION_TRIED, "new, on probation", now);
}

/* One that was lost lately has to behave for a while, the longer the oftener
 * it was; unless there is no other. */
static void try_out(struct mpq_session_path *m, mpq_time now)
{
	if (mpq_time_elapsed(m->lost_at, now) > FLAPS) {
		m->probation = 0;
	}
	if (!mpq_session_others_carry(m)) {
		use(m, "ready", now);
		return;
	}
	if (m->lost_at == MPQ_TIME_NEVER) {
		look_at(m, now);
		return;
	}
	m->probation = m->probation == 0                  ? PROBATION
		       : m->probation * 2 < PROBATION_MAX ? m->probation * 2
							  : PROBATION_MAX;
	m->trusted_at = now + m->probation;
	mpq_session_set_state(m, MPQ_SESSION_TRIED, "back, on probation", now);
}

static bool is_silent(const struct mpq_session_path *m)
{
	return (mpq_steer_silent(m->session->steer) >> m->index & 1) != 0;
}

static void fall_silent(struct mpq_session_path *m, mpq_time now)
{
	m->lost_at = now;
	mpq_session_set_state(m, MPQ_SESSION_SILENT,
			      "what was sent is not acknowledged", now);
	mpq_repair_path_out(m->session->repair, m->index, now);
	mpq_session_empty(m, now);
}

/* A server's packets may overtake its consent, so it waits for the client's
 * first ones. */
static bool is_ready(const struct mpq_session_path *m)
{
	return mpq_channel_carries(m->channel) &&
	       (m->session->client || m->heard != MPQ_TIME_NEVER);
}

static void probe(struct mpq_session_path *m, mpq_time now)
{
	m->control |= MPQ_SESSION_PROBE;
	m->sent = now; /* if it is refused, so are others */
}

/* It owes an answer. Others that answer meanwhile show that it is gone, and not
 * the peer; where nothing is under way, that has to be asked for. */
static void ask_others(const struct mpq_session_path *m, mpq_time now)
{
	mpq_time overdue = mpq_estimate_overdue_at(&m->estimate);

	for (unsigned i = 0; now >= overdue && i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *other = &m->session->path[i];

		if (other != m && other->state == MPQ_SESSION_USED &&
		    other->sent < overdue) {
			probe(other, now);
		}
	}
}

static void watch(struct mpq_session_path *m, mpq_time now)
{
	switch (m->state) {
	case MPQ_SESSION_JOINED:
		if (is_ready(m)) {
			try_out(m, now);
		}
		break;
	case MPQ_SESSION_TRIED:
		if (now >= m->trusted_at || !mpq_session_others_carry(m)) {
			use(m, "it has behaved well", now);
		}
		break;
	case MPQ_SESSION_USED:
		if (is_silent(m)) {
			fall_silent(m, now);
		} else {
			ask_others(m, now);
		}
		break;
	case MPQ_SESSION_SILENT:
		if (!is_silent(m)) {
			mpq_session_set_state(m, MPQ_SESSION_USED,
					      "it answers again", now);
		}
		break;
	default:
		break;
	}
}

static bool is_lately(mpq_time at, mpq_time now)
{
	return at != MPQ_TIME_NEVER && mpq_time_elapsed(at, now) < BUSY;
}

static bool is_lossy(const struct mpq_session_path *m)
{
	return (mpq_steer_lossy(m->session->steer) >> m->index & 1) != 0;
}

static bool pauses(const struct mpq_session_path *m)
{
	return (mpq_steer_pausing(m->session->steer) >> m->index & 1) != 0;
}

static mpq_duration probe_interval(const struct mpq_session_path *m,
				   mpq_time now)
{
	const struct mpq_session *s = m->session;
	bool busy = is_lately(s->data_out, now) || is_lately(s->data_in, now);

	if (m->estimate.next_id < PROBES_FIRST) {
		return PROBE_FIRST;
	}
	if (busy && pauses(m)) {
		return PROBE_PAUSE;
	}
	if (m->state != MPQ_SESSION_USED) {
		return PROBE_TRIED;
	}
	if (busy) {
		return is_lossy(m) ? PROBE_LOSSY : PROBE_BUSY;
	}
	return m->metered ? PROBE_METERED * PROBE_IDLE : PROBE_IDLE;
}

/* What a server sends before it was heard may come before its consent. */
static bool may_probe(const struct mpq_session_path *m)
{
	return mpq_session_is_member(m) &&
	       (m->session->client || m->heard != MPQ_TIME_NEVER);
}

static mpq_time probe_due(const struct mpq_session_path *m, mpq_time now)
{
	return may_probe(m) ? m->sent + probe_interval(m, now) : MPQ_TIME_NEVER;
}

static void measure_rate(struct mpq_session_path *m, mpq_time now)
{
	mpq_duration time = now - m->rate_since;

	if (time >= RATE_SPAN) {
		m->rate_in_bps = (m->in_bytes - m->rate_bytes) * 8 *
				 (MPQ_SECOND / MPQ_MICROSECOND) /
				 (time / MPQ_MICROSECOND);
		m->rate_bytes = m->in_bytes;
		m->rate_since = now;
	}
}

static void turn_member(struct mpq_session_path *m, mpq_time now)
{
	watch(m, now);
	if (probe_due(m, now) <= now) {
		probe(m, now);
	}
}

static void see_members(struct mpq_session *s, mpq_time now)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		if (mpq_session_is_member(m)) {
			mpq_session_view(m, now);
			mpq_session_tell_queue(m);
		}
	}
}

static void tick(struct mpq_session *s, mpq_time now)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (s->path[i].channel != NULL) {
			measure_rate(&s->path[i], now);
		}
	}
	mpq_session_limit_queues(s, now);
	mpq_session_set_order(s);
	mpq_session_watch_windows(s, now);
	s->tick_due = now + TICK;
}

/* Something else than we speaks with us there. */
static void give_up_joining(struct mpq_session *s, mpq_time now)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *m = &s->path[i];

		if (m->state == MPQ_SESSION_JOINING &&
		    mpq_time_elapsed(m->since, now) >= MPQ_SESSION_JOIN_IN) {
			mpq_channel_close(m->channel, MPQ_SESSION_NO_ANSWER);
		}
	}
}

/* What it waits for may have come with something else's turn: 0 then. */
static mpq_time watch_until(const struct mpq_session_path *m)
{
	const struct mpq_session *s = m->session;

	switch (m->state) {
	case MPQ_SESSION_WAITING:
		return s->open || s->opener < 0 ? 0 : MPQ_TIME_NEVER;
	case MPQ_SESSION_JOINING:
		return mpq_time_min(m->since + MPQ_SESSION_JOIN_IN,
				    s->opener == m->index
					    ? mpq_session_opening_due(s)
					    : MPQ_TIME_NEVER);
	case MPQ_SESSION_JOINED:
		return is_ready(m) ? 0 : MPQ_TIME_NEVER;
	case MPQ_SESSION_TRIED:
		return mpq_session_others_carry(m) ? m->trusted_at : 0;
	case MPQ_SESSION_USED:
		return is_silent(m) ? 0 : MPQ_TIME_NEVER;
	case MPQ_SESSION_SILENT:
		if (!is_silent(m)) {
			return 0;
		}
		return mpq_time_elapsed(m->since, m->session->now) <
				       MPQ_SESSION_GONE
			       ? m->since + MPQ_SESSION_GONE
			       : MPQ_TIME_NEVER;
	default:
		return MPQ_TIME_NEVER;
	}
}

void mpq_session_turn(struct mpq_session *s, mpq_time now)
{
	s->now = now;
	mpq_session_join_turn(s, now);
	give_up_joining(s, now);
	mpq_session_replace_turn(s, now);
	see_members(s, now);
	mpq_steer_expire(s->steer, now);
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (mpq_session_is_member(&s->path[i])) {
			turn_member(&s->path[i], now);
		}
	}
	mpq_session_send_repairs(s, now);
	mpq_order_expire(&s->order, now);
	mpq_session_send_reports(s, now);
	mpq_session_follow(s, "no path answers", now);
	if (now >= s->tick_due) {
		tick(s, now);
	}
}

/* Idle sessions need no ticks: there are thousands. */
static bool is_quiet(const struct mpq_session *s)
{
	size_t urgent = 0;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		urgent += s->path[i].urgent_pkts;
	}
	return s->order.held.pkts + mpq_session_queued(s) + urgent == 0;
}

mpq_time mpq_session_deadline(const struct mpq_session *s)
{
	mpq_time due = mpq_order_deadline(&s->order);

	due = mpq_time_min(due, mpq_steer_deadline(s->steer));
	if (mpq_repair_is_due(s->repair)) {
		due = 0;
	}
	if (s->received) {
		due = mpq_time_min(due, s->report_due);
	}
	if (!is_quiet(s)) {
		due = mpq_time_min(due, s->tick_due);
	}
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *m = &s->path[i];

		due = mpq_time_min(due, probe_due(m, s->now));
		due = mpq_time_min(due, watch_until(m));
		due = mpq_time_min(due, mpq_session_replacement_due(m));
	}
	return due;
}
