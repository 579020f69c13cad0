/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/session_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPAIR_PKTS 8192
#define HELD_PKTS   4096
#define HELD_BYTES  (HELD_PKTS * 1500)
#define QUEUES      (2 * MPQ_SESSION_PATHS + 1) /* of a class */

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
		mpq_time_elapsed(m->since, now) < MPQ_SESSION_GONE);
}

void mpq_session_follow(struct mpq_session *s, const char *reason, mpq_time now)
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
	mpq_session_follow(m->session, m->reason, now);
}

void mpq_session_explain(struct mpq_session *s, unsigned path,
			 const char *reason)
{
	struct mpq_session_path *m = &s->path[path];

	if (m->state == MPQ_SESSION_AWAY) {
		(void)snprintf(m->reason, sizeof(m->reason), "%s", reason);
	}
}

void mpq_session_fresh(struct mpq_session_path *m, struct mpq_channel *ch,
		       mpq_time now)
{
	struct mpq_session *s = m->session;

	mpq_steer_path(s->steer, m->index, NULL, false, m->metered, now);
	mpq_repair_path_reset(s->repair, m->index, now);
	mpq_delay_forget(&s->delay, m->index);
	mpq_estimate_restart(&m->estimate, now);
	m->channel = ch;
	mpq_channel_set_member(ch, &mpq_session_member, m);
	m->control = 0;
	m->refused = false;
	memset(m->passed, 0, sizeof(m->passed));
	m->path_sequence = 0;
	mpq_session_parity_begin(m);
	m->heard = m->told_at = MPQ_TIME_NEVER;
	m->shrunk = MPQ_TIME_NEVER;
	m->answered = m->last_read = MPQ_TIME_NEVER;
	m->sent = now;
	m->rate_since = now;
	m->rate_bytes = m->in_bytes;
	m->rate_in_bps = 0;
	mpq_session_view(m, now);
}

void mpq_session_begin_sending(struct mpq_session_path *m,
			       struct mpq_channel *ch, mpq_time now)
{
	mpq_repair_path_reset(m->session->repair, m->index, now);
	mpq_estimate_renew(&m->estimate, now);
	m->channel = ch;
	mpq_channel_set_member(ch, &mpq_session_member, m);
	m->refused = false;
	m->path_sequence = 0;
	mpq_parity_out_init(&m->parity.out);
	m->shrunk = m->last_read = MPQ_TIME_NEVER;
	m->sent = now;
	mpq_session_view(m, now);
	mpq_session_tell_queue(m);
}

void mpq_session_begin_receiving(struct mpq_session_path *m)
{
	mpq_delay_forget(&m->session->delay, m->index);
	mpq_parity_in_init(&m->parity.in);
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

/* What is told of a tunnel goes on counting. */
static void keep_counters(struct mpq_session *s, struct mpq_order *next)
{
	memcpy(next->counters, s->order.counters, sizeof(next->counters));
	next->unknown_class = s->order.unknown_class;
	s->counters.unrepaired += mpq_repair_counters(s->repair)->overflow;
}

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

	if (repair == NULL ||
	    mpq_order_init(&order, &config, &s->delay,
			   &mpq_session_order_events, s) < 0) {
		mpq_repair_free(repair);
		return -ENOMEM;
	}
	if (s->has_order) {
		keep_counters(s, &order);
		mpq_order_finish(&s->order);
	}
	mpq_session_begin_numbers(s, now);
	mpq_repair_free(s->repair);
	s->repair = repair;
	s->order = order;
	s->has_order = true;
	mpq_delay_init(&s->delay);
	s->was_told = false;
	mpq_session_set_order(s);
	return 0;
}

static void init_path(struct mpq_session *s, unsigned i, mpq_time now)
{
	static const struct mpq_fair_config queue = {
		.limit_pkts = 256, .max_age = MPQ_SESSION_AGE_DOWN};
	/* Each has its deadline. */
	static const struct mpq_fair_config urgent = {
		.limit_pkts = MPQ_SESSION_URGENT};
	struct mpq_session_path *m = &s->path[i];

	m->session = s;
	m->index = (uint8_t)i;
	m->since = now;
	m->heard = m->told_at = m->lost_at = m->answered = MPQ_TIME_NEVER;
	m->guarded = m->shrunk = m->next.agreed = MPQ_TIME_NEVER;
	(void)snprintf(m->reason, sizeof(m->reason), "it has not come yet");
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		mpq_fair_init(&m->own[c], s->pool, &queue,
			      &s->room[c * QUEUES + i]);
		mpq_fair_init(&m->urgent[c], s->pool, &urgent,
			      &s->room[c * QUEUES + MPQ_SESSION_PATHS + 1 + i]);
	}
}

struct mpq_session *mpq_session_new(bool client,
				    const struct mpq_session_events *events,
				    void *owner, struct mpq_packet_pool *pool,
				    uint64_t seed, mpq_time now)
{
	static const struct mpq_fair_config queue = {
		.limit_pkts = 2048, .max_age = MPQ_SESSION_AGE_DOWN};
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
	s->policy_number = client; /* a server has heard none */
	s->data_in = s->data_out = s->renewed = MPQ_TIME_NEVER;
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
	if (m->channel != NULL) {
		mpq_channel_set_member(m->channel, NULL, NULL);
	}
	mpq_session_drop_next(m, m->session->now);
	mpq_session_drop_last(m);
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		mpq_fair_finish(&m->own[c]);
		mpq_fair_finish(&m->urgent[c]);
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
	mpq_session_forget_policy(s);
	mpq_repair_free(s->repair);
	mpq_steer_free(s->steer);
	explicit_bzero(&s->key, sizeof(s->key));
	free(s->room);
	free(s->path);
	free(s);
}
