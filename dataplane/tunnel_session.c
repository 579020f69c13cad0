/* SPDX-License-Identifier: Apache-2.0 */
/* A bonded tunnel's session: its policy, and what it asks and tells. */
#include "dataplane/tunnel_private.h"

#include "dataplane/flow/ip.h"

#include <errno.h>
#include <stdio.h>

static void on_session_deliver(void *owner, const uint8_t *data, size_t len)
{
	mpq_tunnel_deliver(owner, data, len);
}

static void on_session_too_big(void *owner, const struct mpq_packet *p,
			       size_t limit)
{
	struct mpq_tunnel *t = owner;

	mpq_tunnel_too_big(t, p, limit, mpq_loop_now(t->shared->loop));
}

static void on_session_diverted(void *owner, const struct mpq_packet *p,
				size_t limit)
{
	struct mpq_tunnel *t = owner;

	mpq_tunnel_diverted(t, p, limit, mpq_loop_now(t->shared->loop));
}

/* What came before the session was up. */
static void hand_over(struct mpq_tunnel *t, mpq_time now)
{
	struct mpq_packet *p;
	struct mpq_ip ip;

	while ((p = mpq_fair_peek(&t->queue, now)) != NULL) {
		p = mpq_fair_pop(&t->queue, now);
		if (mpq_ip_parse(&ip, p->data, p->len_bytes) == 0) {
			mpq_session_send(t->session, p, &ip, now);
		} else {
			mpq_packet_put(t->shared->pool, p);
		}
	}
}

static void on_session_changed(void *owner, const char *reason)
{
	struct mpq_tunnel *t = owner;
	mpq_time now = mpq_loop_now(t->shared->loop);

	if (t->channel == NULL) {
		t->since = now;
		(void)snprintf(t->reason, sizeof(t->reason), "%s",
			       mpq_tunnel_is_bonded(t) ? "" : reason);
	}
	if (mpq_tunnel_is_bonded(t)) {
		hand_over(t, now);
	}
	t->shared->events->changed(t->shared->owner, t);
}

static void on_session_member(void *owner, unsigned path,
			      enum mpq_session_member_state was,
			      const char *reason, mpq_duration gap)
{
	struct mpq_tunnel *t = owner;

	t->shared->events->member(t->shared->owner, t, path, was, reason, gap);
}

static void on_session_steered(void *owner, const struct mpq_steer_event *event)
{
	struct mpq_tunnel *t = owner;

	t->shared->events->steered(t->shared->owner, t, event);
}

static void on_session_touched(void *owner)
{
	struct mpq_tunnel *t = owner;

	mpq_agenda_touch(&t->turn);
}

static const struct mpq_session_events session_events = {
	.deliver = on_session_deliver,
	.too_big = on_session_too_big,
	.diverted = on_session_diverted,
	.changed = on_session_changed,
	.member = on_session_member,
	.steered = on_session_steered,
	.touched = on_session_touched,
};

static void configure_session(struct mpq_tunnel *t, mpq_time now)
{
	mpq_session_configure(t->session, &t->policy, t->config.accept_policy,
			      t->config.queue_delay, now);
}

int mpq_tunnel_open_session(struct mpq_tunnel *t, bool client, mpq_time now)
{
	if (t->session != NULL) {
		return 0;
	}
	t->session = mpq_session_new(client, &session_events, t,
				     t->shared->pool, t->seed, now);
	if (t->session == NULL) {
		return -ENOMEM;
	}
	configure_session(t, now);
	return 0;
}

void mpq_tunnel_withdraw(struct mpq_tunnel *t, const struct mpq_channel *ch,
			 const char *reason, mpq_time now)
{
	if (t->session != NULL) {
		mpq_session_withdraw(t->session, ch, reason, now);
	}
}

void mpq_tunnel_close_session(struct mpq_tunnel *t)
{
	mpq_session_free(t->session);
	t->session = NULL;
	mpq_agenda_touch(&t->turn);
}

/* From places in the configuration to IDs. */
static mpq_steer_set number_set(const struct mpq_tunnel *t,
				mpq_steer_set places)
{
	mpq_steer_set set = 0;

	for (unsigned k = 0; k < t->config.n_paths; k++) {
		if ((places >> k & 1) != 0) {
			set |= (mpq_steer_set)1
			       << mpq_tunnel_path_id(t, t->config.paths[k]);
		}
	}
	return set;
}

static void number_class(const struct mpq_tunnel *t,
			 struct mpq_steer_class_config *c)
{
	for (unsigned i = 0; i < c->n_order; i++) {
		c->order[i] = (uint8_t)
			mpq_tunnel_path_id(t, t->config.paths[c->order[i]]);
	}
	c->excluded = number_set(t, c->excluded);
}

void mpq_tunnel_set_policy(struct mpq_tunnel *t,
			   const struct mpq_policy *policy, mpq_time now)
{
	struct mpq_policy old = t->policy;

	t->policy = *policy;
	mpq_policy_number_like(&t->policy, &old);
	for (size_t i = 0; i < t->policy.n_classes; i++) {
		number_class(t, &t->policy.class[i].steer);
	}
	t->policy.metered = number_set(t, t->policy.metered);
	if (t->session != NULL) {
		configure_session(t, now);
	}
}

mpq_time mpq_tunnel_deadline(const struct mpq_tunnel *t)
{
	return t->session != NULL ? mpq_session_deadline(t->session)
				  : MPQ_TIME_NEVER;
}
