/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/session_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPAIR_PKTS 8192
#define HELD_PKTS   4096
#define HELD_BYTES  (HELD_PKTS * 1500)
#define TICK        (100 * MPQ_MILLISECOND)
#define RATE_SPAN   (500 * MPQ_MILLISECOND)
/* A path is probed when it was not written to for so long: with traffic on
 * others, without any, and while it is to show whether it works. Where bytes
 * cost money, more seldom. */
#define PROBE_BUSY    (200 * MPQ_MILLISECOND)
#define PROBE_IDLE    (1 * MPQ_SECOND)
#define PROBE_TRIED   (50 * MPQ_MILLISECOND)
#define PROBE_METERED 5 /* times longer when idle */
#define BUSY          (2 * MPQ_SECOND)
/* After the first loss of a path, and how it grows with each within FLAPS. */
#define PROBATION     (250 * MPQ_MILLISECOND)
#define PROBATION_MAX (10 * MPQ_SECOND)
#define FLAPS         (60 * MPQ_SECOND)
#define GONE          (2 * MPQ_SECOND) /* of silence, of all paths */
#define JOIN_TIMEOUT  (5 * MPQ_SECOND)
#define QUEUES        (MPQ_SESSION_PATHS + 1) /* of a class */
/* A repair is sent when the loss is noticed, and takes its way behind what
 * stands in the path's queue. Too short a wait costs the inner flow a cut of
 * its window, too long a one only what is lost twice. */
#define REPAIR_SLACK (100 * MPQ_MILLISECOND)
/* RFC 8289 §4.3, and BBR's ProbeRTT; see tunnel.c. */
#define QUEUE_INTERVAL(rtt) (300 * MPQ_MILLISECOND + 2 * (rtt))
/* What waits for longer was sent again by who sent it, or is of no use. BBR's
 * ProbeRTT takes 200 ms and a round trip. Without any path, one may come. */
#define MAX_AGE(rtt) (250 * MPQ_MILLISECOND + (rtt))
#define MAX_AGE_DOWN (1 * MPQ_SECOND)

const char *mpq_session_member_state_name(enum mpq_session_member_state s)
{
	static const char *const names[MPQ_SESSION_MEMBER_STATES] = {
		[MPQ_SESSION_AWAY] = "away",
		[MPQ_SESSION_WAITING] = "waiting",
		[MPQ_SESSION_JOINING] = "joining",
		[MPQ_SESSION_JOINED] = "joined",
		[MPQ_SESSION_TRIED] = "probation",
		[MPQ_SESSION_USED] = "used",
		[MPQ_SESSION_SILENT] = "silent",
	};

	return names[s];
}

static bool carries(const struct mpq_session_path *m)
{
	return m->state == MPQ_SESSION_USED || m->state == MPQ_SESSION_SILENT;
}

/* ---- up and down --------------------------------------------------------- */

bool mpq_session_is_up(const struct mpq_session *s)
{
	return s->up;
}

/* A short silence of the only path is no end of the tunnel. */
static bool holds_up(const struct mpq_session_path *m, mpq_time now)
{
	return m->state == MPQ_SESSION_USED ||
	       (m->state == MPQ_SESSION_SILENT &&
		mpq_time_elapsed(m->since, now) < GONE);
}

static void follow(struct mpq_session *s, const char *reason, mpq_time now)
{
	bool up = false;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		up |= holds_up(&s->path[i], now);
	}
	if (up != s->up) {
		s->up = up;
		s->events->changed(s->owner, reason);
	}
}

void mpq_session_set_state(struct mpq_session_path *m,
			   enum mpq_session_member_state state,
			   const char *reason, mpq_time now)
{
	enum mpq_session_member_state was = m->state;
	mpq_duration gap = m->heard == MPQ_TIME_NEVER
				   ? 0
				   : mpq_time_elapsed(m->heard, now);

	if (was == state) {
		return;
	}
	m->state = state;
	m->since = now;
	(void)snprintf(m->reason, sizeof(m->reason), "%s", reason);
	m->session->events->member(m->session->owner, m->index, was, reason,
				   gap);
	follow(m->session, m->reason, now);
}

void mpq_session_fresh(struct mpq_session_path *m, struct mpq_channel *ch,
		       mpq_time now)
{
	struct mpq_session *s = m->session;

	mpq_steer_path(s->steer, m->index, NULL, false, m->metered, now);
	mpq_repair_path_reset(s->repair, m->index, now);
	mpq_delay_forget(&s->delay, m->index);
	mpq_estimate_init(&m->estimate, now);
	m->channel = ch;
	mpq_channel_set_member(ch, &mpq_session_member, m);
	m->control = 0;
	m->path_sequence = 0;
	m->heard = m->told_at = MPQ_TIME_NEVER;
	m->answered = m->last_read = MPQ_TIME_NEVER;
	m->sent = now;
	m->rate_since = now;
	m->rate_bytes = m->in_bytes;
	m->rate_in_bps = 0;
	mpq_session_view(m, now);
}

/* ---- policy -------------------------------------------------------------- */

static void set_priorities(struct mpq_session *s)
{
	size_t n = 0;

	for (int level = MPQ_POLICY_PRIORITIES - 1; level >= 0; level--) {
		for (size_t i = 0; i < s->policy.n_classes; i++) {
			if (s->policy.class[i].priority == level) {
				s->by_priority[n++] = (uint8_t)i;
			}
		}
	}
}

/* How long a lost packet may take to come again: until its loss is noticed on
 * the slowest path, and sent. */
static mpq_duration repair_time(const struct mpq_session *s)
{
	mpq_duration rtt = 0;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *m = &s->path[i];

		if (m->state == MPQ_SESSION_USED &&
		    m->estimate.view.rtt_smoothed > rtt) {
			rtt = m->estimate.view.rtt_smoothed;
		}
	}
	return 2 * rtt + REPAIR_SLACK;
}

static void set_order(struct mpq_session *s)
{
	mpq_duration repair = repair_time(s);

	for (unsigned i = 0; i < s->policy.n_classes; i++) {
		const struct mpq_policy_class *c = &s->policy.class[i];
		struct mpq_order_class order = {
			.cap = c->steer.order_cap,
			.repair = c->steer.mode == MPQ_STEER_REDUNDANT ? 0
				  : repair < c->repair_deadline
					  ? repair
					  : c->repair_deadline,
		};

		mpq_order_set_class(&s->order, i, &order);
	}
}

static void gather(struct mpq_session *s, struct mpq_fair *from,
		   struct mpq_fair *to, mpq_time now)
{
	struct mpq_packet *p, *next;

	(void)mpq_fair_take_all(from, &p);
	for (; p != NULL; p = next) {
		next = p->next;
		if (p->kind == MPQ_HEADER_COPY) {
			mpq_packet_put(s->pool, p);
			continue;
		}
		p->class_id = 0;
		(void)mpq_fair_push(to, p, now);
	}
}

/* Packets of classes that are no more go to the first one. */
static void gather_classes(struct mpq_session *s, mpq_time now)
{
	for (size_t c = s->policy.n_classes; c < MPQ_SESSION_CLASSES; c++) {
		gather(s, &s->shared[c], &s->shared[0], now);
		for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
			struct mpq_session_path *m = &s->path[i];

			gather(s, &m->own[c], &m->own[0], now);
		}
	}
}

static void set_metered(struct mpq_session_path *m, bool metered, mpq_time now)
{
	if (m->metered == metered) {
		return;
	}
	m->metered = metered;
	if (mpq_session_is_member(m)) {
		mpq_steer_path(m->session->steer, m->index, &m->estimate,
			       carries(m), metered, now);
	}
}

static void keep_rule(const struct mpq_policy *old, struct mpq_policy *p,
		      size_t i)
{
	for (size_t k = 0; k < old->classify.n_rules; k++) {
		if (strcmp(old->rule_name[k], p->rule_name[i]) == 0) {
			p->classify.hits[i] = old->classify.hits[k];
			return;
		}
	}
}

/* Counters are of names, wherever these stand now. */
static void keep_counters(struct mpq_session *s, const struct mpq_policy *old)
{
	struct mpq_session_class_counters class[MPQ_SESSION_CLASSES];
	struct mpq_policy *p = &s->policy;

	for (size_t i = 0; i < p->classify.n_rules; i++) {
		keep_rule(old, p, i);
	}
	p->classify.hits[MPQ_CLASSIFY_RULES] =
		old->classify.hits[MPQ_CLASSIFY_RULES];
	memcpy(class, s->class, sizeof(class));
	memset(s->class, 0, sizeof(s->class));
	for (size_t i = 0; i < p->n_classes; i++) {
		for (size_t k = 0; k < old->n_classes; k++) {
			if (strcmp(old->class[k].name, p->class[i].name) == 0) {
				s->class[i] = class[k];
			}
		}
	}
}

void mpq_session_apply_policy(struct mpq_session *s,
			      const struct mpq_policy *policy, mpq_time now)
{
	struct mpq_policy old = s->policy;

	s->policy = *policy;
	keep_counters(s, &old);
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		set_metered(&s->path[i], (s->policy.metered >> i & 1) != 0,
			    now);
	}
	for (unsigned i = 0; i < s->policy.n_classes; i++) {
		(void)mpq_steer_configure(s->steer, i,
					  &s->policy.class[i].steer, now);
	}
	set_priorities(s);
	gather_classes(s, now);
	set_order(s);
}

/* ---- the turn ------------------------------------------------------------ */

static bool others_carry(const struct mpq_session_path *m)
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
	bool first = !others_carry(m);

	mpq_steer_path(m->session->steer, m->index, &m->estimate, true,
		       m->metered, now);
	mpq_session_set_state(m, MPQ_SESSION_USED, reason, now);
	m->control |= MPQ_SESSION_PROBE;
	if (first) {
		mpq_session_steer_kept(m->session, now);
	}
}

/* One that was lost lately has to behave for a while, the longer the oftener
 * it was; unless there is no other. */
static void try_out(struct mpq_session_path *m, mpq_time now)
{
	if (mpq_time_elapsed(m->lost_at, now) > FLAPS) {
		m->probation = 0;
	}
	if (m->lost_at == MPQ_TIME_NEVER || !others_carry(m)) {
		use(m, "ready", now);
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

static void watch(struct mpq_session_path *m, mpq_time now)
{
	switch (m->state) {
	case MPQ_SESSION_JOINED:
		if (is_ready(m)) {
			try_out(m, now);
		}
		break;
	case MPQ_SESSION_TRIED:
		if (now >= m->trusted_at || !others_carry(m)) {
			use(m, "it has behaved well", now);
		}
		break;
	case MPQ_SESSION_USED:
		if (is_silent(m)) {
			fall_silent(m, now);
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

static mpq_duration probe_interval(const struct mpq_session_path *m,
				   mpq_time now)
{
	const struct mpq_session *s = m->session;
	bool busy = is_lately(s->data_out, now) || is_lately(s->data_in, now);

	if (m->state != MPQ_SESSION_USED) {
		return PROBE_TRIED;
	}
	if (busy) {
		return PROBE_BUSY;
	}
	return m->metered ? PROBE_METERED * PROBE_IDLE : PROBE_IDLE;
}

static mpq_time probe_due(const struct mpq_session_path *m, mpq_time now)
{
	return m->sent + probe_interval(m, now);
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
	mpq_session_view(m, now);
	mpq_session_tell_queue(m);
	watch(m, now);
	if (mpq_session_is_member(m) && probe_due(m, now) <= now) {
		m->control |= MPQ_SESSION_PROBE;
		m->sent = now; /* if it is refused, so are others */
	}
}

static void drop_old_of(struct mpq_fair *q, mpq_time now)
{
	(void)mpq_fair_drop_older(q, q->config.max_age, now);
}

static void drop_old(struct mpq_session *s, mpq_time now)
{
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		drop_old_of(&s->shared[c], now);
		for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
			drop_old_of(&s->path[i].own[c], now);
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
		q->config.max_age = MAX_AGE(rtt);
	} else {
		q->config.max_age = MAX_AGE_DOWN;
	}
}

static void set_queues(struct mpq_session *s, mpq_time now)
{
	mpq_duration worst = 0;
	size_t sum = 0;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];
		mpq_duration rtt = m->estimate.view.rtt_smoothed;
		size_t limit = m->state == MPQ_SESSION_USED
				       ? mpq_session_queue_limit(m, now)
				       : 0;

		sum += limit;
		worst = rtt > worst && carries(m) ? rtt : worst;
		for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
			set_queue(&m->own[c], s, rtt, limit);
		}
	}
	/* A path that is later than others takes what has waited for so long;
	 * with less delay in the queue it would never be used. */
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		set_queue(&s->shared[c], s, worst, sum);
		s->shared[c].config.target +=
			mpq_steer_delay_spread(s->steer, c);
		s->shared[c].config.max_age +=
			mpq_steer_delay_spread(s->steer, c);
	}
}

static void tick(struct mpq_session *s, mpq_time now)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (s->path[i].channel != NULL) {
			measure_rate(&s->path[i], now);
		}
	}
	drop_old(s, now);
	set_queues(s, now);
	set_order(s);
	s->tick_due = now + TICK;
}

/* Something else than we speaks with us there. */
static void give_up_joining(struct mpq_session *s, mpq_time now)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *m = &s->path[i];

		if (m->state == MPQ_SESSION_JOINING &&
		    mpq_time_elapsed(m->since, now) >= JOIN_TIMEOUT) {
			mpq_channel_close(m->channel,
					  "the concentrator does not answer "
					  "the request for bonding: give the "
					  "tunnel one path, or update it");
		}
	}
}

static mpq_time watch_until(const struct mpq_session_path *m)
{
	switch (m->state) {
	case MPQ_SESSION_JOINING:
		return m->since + JOIN_TIMEOUT;
	case MPQ_SESSION_TRIED:
		return m->trusted_at;
	case MPQ_SESSION_SILENT:
		return mpq_time_elapsed(m->since, m->session->now) < GONE
			       ? m->since + GONE
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
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (mpq_session_is_member(&s->path[i])) {
			turn_member(&s->path[i], now);
		}
	}
	mpq_steer_expire(s->steer, now);
	mpq_session_send_repairs(s, now);
	mpq_order_expire(&s->order, now);
	mpq_session_send_reports(s, now);
	follow(s, "no path answers", now);
	if (now >= s->tick_due) {
		tick(s, now);
	}
}

/* Idle sessions need no ticks: there are thousands. */
static bool is_quiet(const struct mpq_session *s)
{
	return s->order.held.pkts == 0 && mpq_session_queued(s) == 0;
}

mpq_time mpq_session_deadline(const struct mpq_session *s)
{
	mpq_time due = mpq_order_deadline(&s->order);

	if (s->up) {
		due = mpq_time_min(due, mpq_steer_deadline(s->steer));
	}
	if (!is_quiet(s)) {
		due = mpq_time_min(due, s->tick_due);
	}
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *m = &s->path[i];

		if (mpq_session_is_member(m)) {
			due = mpq_time_min(due, probe_due(m, s->now));
		}
		due = mpq_time_min(due, watch_until(m));
		if (m->state == MPQ_SESSION_WAITING &&
		    (s->open || s->opener < 0)) {
			due = 0;
		}
	}
	return due;
}

/* ---- life ---------------------------------------------------------------- */

static void on_released(void *owner, void *packet)
{
	struct mpq_session *s = owner;

	mpq_packet_put(s->pool, packet);
}

static void on_steered(void *owner, const struct mpq_steer_event *event)
{
	struct mpq_session *s = owner;

	mpq_session_move_flow(s, event);
	s->events->steered(s->owner, event);
}

static const struct mpq_repair_events repair_events = {on_released};
static const struct mpq_steer_events steer_events = {on_steered};

/* The old goes only when the new is there: without memory nothing changes. */
int mpq_session_restart(struct mpq_session *s, mpq_time now)
{
	const struct mpq_order_config config = {.classes = MPQ_SESSION_CLASSES,
						.held_pkts = HELD_PKTS,
						.held_bytes = HELD_BYTES,
						.seed = s->seed};
	struct mpq_repair *repair =
		mpq_repair_new(REPAIR_PKTS, &repair_events, s);
	struct mpq_order order;

	(void)now;
	if (repair == NULL ||
	    mpq_order_init(&order, &config, &s->delay,
			   &mpq_session_order_events, s) < 0) {
		mpq_repair_free(repair);
		return -ENOMEM;
	}
	if (s->has_order) {
		mpq_order_finish(&s->order);
	}
	mpq_repair_free(s->repair);
	s->repair = repair;
	s->order = order;
	s->has_order = true;
	mpq_delay_init(&s->delay);
	memset(s->sequence, 0, sizeof(s->sequence));
	s->was_told = false;
	set_order(s);
	return 0;
}

static void init_path(struct mpq_session *s, unsigned i, mpq_time now)
{
	static const struct mpq_queue_config queue = {.limit_pkts = 256,
						      .max_age = MAX_AGE_DOWN};
	struct mpq_session_path *m = &s->path[i];

	m->session = s;
	m->index = (uint8_t)i;
	m->since = now;
	m->heard = m->told_at = m->lost_at = m->answered = MPQ_TIME_NEVER;
	(void)snprintf(m->reason, sizeof(m->reason), "it has not come yet");
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		mpq_fair_init(&m->own[c], s->pool, &queue,
			      &s->room[c * QUEUES + i]);
	}
}

struct mpq_session *mpq_session_new(bool client,
				    const struct mpq_session_events *events,
				    void *owner, struct mpq_packet_pool *pool,
				    uint64_t seed, mpq_time now)
{
	static const struct mpq_queue_config queue = {.limit_pkts = 2048,
						      .max_age = MAX_AGE_DOWN};
	struct mpq_policy policy;
	struct mpq_session *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	s->client = client;
	s->events = events;
	s->owner = owner;
	s->pool = pool;
	s->seed = seed;
	s->opener = -1;
	s->data_in = s->data_out = MPQ_TIME_NEVER;
	s->now = now;
	s->steer = mpq_steer_new(&steer_events, s, now);
	s->path = calloc(MPQ_SESSION_PATHS, sizeof(*s->path));
	/* Its pages are there once something waits: most have one class. */
	s->room = calloc(MPQ_SESSION_CLASSES * QUEUES, sizeof(*s->room));
	if (s->steer == NULL || s->path == NULL || s->room == NULL) {
		mpq_session_free(s);
		return NULL;
	}
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		init_path(s, i, now);
	}
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		mpq_fair_init(&s->shared[c], pool, &queue,
			      &s->room[c * QUEUES + MPQ_SESSION_PATHS]);
	}
	if (mpq_session_restart(s, now) < 0) {
		mpq_session_free(s);
		return NULL;
	}
	mpq_policy_init(&policy);
	mpq_session_apply_policy(s, &policy, now);
	return s;
}

static void finish_path(struct mpq_session_path *m)
{
	struct mpq_session_urgent *u = &m->urgent;

	if (m->channel != NULL) {
		mpq_channel_set_member(m->channel, NULL, NULL);
	}
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		mpq_fair_finish(&m->own[c]);
	}
	while (u->head != u->tail) {
		mpq_packet_put(m->session->pool,
			       u->item[u->head++ % MPQ_SESSION_URGENT].packet);
	}
}

void mpq_session_free(struct mpq_session *s)
{
	if (s == NULL) {
		return;
	}
	for (unsigned i = 0; s->path != NULL && i < MPQ_SESSION_PATHS; i++) {
		if (s->path[i].session != NULL) {
			finish_path(&s->path[i]);
		}
	}
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		mpq_fair_finish(&s->shared[c]);
	}
	if (s->has_order) {
		mpq_order_finish(&s->order);
	}
	mpq_repair_free(s->repair);
	mpq_steer_free(s->steer);
	explicit_bzero(&s->key, sizeof(s->key));
	free(s->room);
	free(s->path);
	free(s);
}
