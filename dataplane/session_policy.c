/* SPDX-License-Identifier: Apache-2.0 */
/* A session's policy: told and heard, and what it says to steering, order and
 * queues. */
#include "dataplane/session_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES       4 /* of a policy */
#define POLICY_INTERVAL    (10 * MPQ_MILLISECOND)
#define COUNTERS_MAX_BYTES 256 /* of a class, each kind */
/* A repair is sent when the loss is noticed, and takes its way behind what
 * stands in the path's queue. Too short a wait costs the inner flow a cut of
 * its window, too long a one only what is lost twice. */
#define REPAIR_SLACK (100 * MPQ_MILLISECOND)

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

void mpq_session_set_order(struct mpq_session *s)
{
	mpq_duration repair = repair_time(s);

	for (unsigned i = 0; i < s->policy.n_classes; i++) {
		const struct mpq_policy_class *c = &s->policy.class[i];
		struct mpq_order_class order = {
			.cap = c->steer.order_cap,
			.repair = repair < c->repair_deadline
					  ? repair
					  : c->repair_deadline,
			.never = c->steer.excluded,
		};

		mpq_order_set_class(&s->order, i, &order);
	}
}

/* Packets of a class that is no more go to the first one; numbers were of the
 * old one. */
static void gather_class(struct mpq_session *s, unsigned c)
{
	struct mpq_packet *p = mpq_session_take_class(s, c), *next;

	for (; p != NULL; p = next) {
		next = p->next;
		p->class_id = 0;
		mpq_session_unnumber(p);
		mpq_session_put_class(s, 0, p);
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
			       mpq_session_carries(m), metered, now);
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

/* Where each class was; -1: nowhere. */
static void find_classes(const struct mpq_policy *old,
			 const struct mpq_policy *p,
			 int8_t ret_was[MPQ_SESSION_CLASSES])
{
	memset(ret_was, -1, MPQ_SESSION_CLASSES);
	for (size_t i = 0; i < p->n_classes; i++) {
		for (size_t k = 0; k < old->n_classes; k++) {
			if (strcmp(old->class[k].name, p->class[i].name) == 0) {
				ret_was[i] = (int8_t)k;
			}
		}
	}
}

/* An array with an element for each class. */
static void renumber(void *array, size_t size,
		     const int8_t was[MPQ_SESSION_CLASSES])
{
	uint8_t old[MPQ_SESSION_CLASSES * COUNTERS_MAX_BYTES], *to = array;

	assert(size <= COUNTERS_MAX_BYTES);
	memcpy(old, array, MPQ_SESSION_CLASSES * size);
	memset(array, 0, MPQ_SESSION_CLASSES * size);
	for (size_t i = 0; i < MPQ_SESSION_CLASSES; i++) {
		if (was[i] >= 0) {
			memcpy(to + i * size, old + (size_t)was[i] * size,
			       size);
		}
	}
}

/* The queues stay: what waits in them has its class. */
static void renumber_queues(struct mpq_fair queue[MPQ_SESSION_CLASSES],
			    const int8_t was[MPQ_SESSION_CLASSES])
{
	struct {
		uint64_t enqueued, full, delay, marked;
	} c[MPQ_SESSION_CLASSES];

	for (unsigned i = 0; i < MPQ_SESSION_CLASSES; i++) {
		c[i].enqueued = queue[i].enqueued;
		c[i].full = queue[i].dropped_full;
		c[i].delay = queue[i].dropped_delay;
		c[i].marked = queue[i].marked;
	}
	renumber(c, sizeof(c[0]), was);
	for (unsigned i = 0; i < MPQ_SESSION_CLASSES; i++) {
		queue[i].enqueued = c[i].enqueued;
		queue[i].dropped_full = c[i].full;
		queue[i].dropped_delay = c[i].delay;
		queue[i].marked = c[i].marked;
	}
}

/* Counters are of names, wherever these stand now; and so is what steering
 * has learnt. */
static void keep_counters(struct mpq_session *s, const struct mpq_policy *old)
{
	struct mpq_policy *p = &s->policy;
	int8_t was[MPQ_SESSION_CLASSES];

	for (size_t i = 0; i < p->classify.n_rules; i++) {
		keep_rule(old, p, i);
	}
	p->classify.hits[MPQ_CLASSIFY_RULES] =
		old->classify.hits[MPQ_CLASSIFY_RULES];
	find_classes(old, p, was);
	renumber(s->class, sizeof(s->class[0]), was);
	renumber(s->order.counters, sizeof(s->order.counters[0]), was);
	renumber_queues(s->shared, was);
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		renumber_queues(s->path[i].own, was);
		renumber_queues(s->path[i].urgent, was);
		/* Others are below others now. */
		memset(s->path[i].passed, 0, sizeof(s->path[i].passed));
		memset(s->path[i].ahead, 0, sizeof(s->path[i].ahead));
	}
	mpq_steer_renumber(s->steer, was);
}

/* Its packets wait where they would not go now. */
static bool goes_elsewhere(const struct mpq_policy *old,
			   const struct mpq_policy *p, size_t i)
{
	const struct mpq_policy_class *was = &old->class[i];
	const struct mpq_policy_class *c = &p->class[i];

	return i < old->n_classes && strcmp(was->name, c->name) == 0 &&
	       (was->steer.mode != c->steer.mode ||
		was->steer.excluded != c->steer.excluded);
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
		struct mpq_steer_class_config config = s->policy.class[i].steer;

		config.guarded = mpq_session_is_guarded(s, i);
		(void)mpq_steer_configure(s->steer, i, &config, now);
	}
	set_priorities(s);
	for (unsigned c = s->policy.n_classes; c < MPQ_SESSION_CLASSES; c++) {
		gather_class(s, c);
	}
	for (unsigned i = 0; i < s->policy.n_classes; i++) {
		if (goes_elsewhere(&old, policy, i)) {
			mpq_session_steer_class(s, i, now);
		}
	}
	mpq_session_set_order(s);
}

/* ---- told and heard ------------------------------------------------------ */

static void put_number(uint8_t out[NUMBER_BYTES], uint32_t n)
{
	for (int i = 0; i < NUMBER_BYTES; i++) {
		out[i] = (uint8_t)(n >> (24 - 8 * i));
	}
}

static uint32_t get_number(const uint8_t *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 |
	       (uint32_t)in[2] << 8 | in[3];
}

void mpq_session_tell_policy(struct mpq_session_path *m)
{
	struct mpq_session *s = m->session;
	uint8_t value[MPQ_CAPSULE_MAX_BYTES];
	int n = mpq_policy_write(&s->policy, value + NUMBER_BYTES,
				 sizeof(value) - NUMBER_BYTES);

	if (n < 0) {
		return; /* checked when it was configured */
	}
	put_number(value, s->policy_number);
	(void)mpq_channel_send_capsule(m->channel, MPQ_JOIN_POLICY, value,
				       NUMBER_BYTES + (size_t)n);
}

static void tell_policy_to_all(struct mpq_session *s)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (mpq_session_is_member(&s->path[i])) {
			mpq_session_tell_policy(&s->path[i]);
		}
	}
}

void mpq_session_forget_policy(struct mpq_session *s)
{
	free(s->heard_policy);
	s->heard_policy = NULL;
	s->heard_bytes = 0;
	s->policy_number = 0;
}

/* An edge tells it once, and we may be told to follow it later. Without memory
 * for it, it has to be told again then. */
static void keep_heard(struct mpq_session *s, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy != NULL) {
		memcpy(copy, data, len);
	}
	free(s->heard_policy);
	s->heard_policy = copy;
	s->heard_bytes = copy != NULL ? len : 0;
}

static bool read_heard(struct mpq_policy *ret, const uint8_t *data, size_t len)
{
	char reason[128];

	if (data == NULL || mpq_policy_read(ret, data, len, reason) < 0) {
		return false;
	}
	mpq_classify_reverse(&ret->classify);
	return true;
}

int mpq_session_hear_policy(struct mpq_session *s, struct mpq_channel *ch,
			    const struct mpq_capsule *c, mpq_time now)
{
	struct mpq_policy policy;

	if (c->len_bytes < NUMBER_BYTES) {
		return -EBADMSG;
	}
	if (c->value != NULL &&
	    (int32_t)(get_number(c->value) - s->policy_number) <= 0) {
		return 0; /* told on each path, or overtaken */
	}
	if (!mpq_session_spend(&s->policy_credit, POLICY_INTERVAL, now)) {
		s->counters.refused_policies++;
		mpq_channel_reject(ch, "more policies than we can hear");
		return 0;
	}
	if (c->value == NULL || !read_heard(&policy, c->value + NUMBER_BYTES,
					    c->len_bytes - NUMBER_BYTES)) {
		s->counters.refused_policies++;
		return 0; /* of another version: the one before holds */
	}
	s->policy_number = get_number(c->value);
	keep_heard(s, c->value + NUMBER_BYTES, c->len_bytes - NUMBER_BYTES);
	if (!s->accept_policy) {
		s->counters.refused_policies++;
		return 0;
	}
	s->counters.policies++;
	mpq_session_apply_policy(s, &policy, now);
	return 0;
}

void mpq_session_configure(struct mpq_session *s,
			   const struct mpq_policy *policy, bool accept_policy,
			   mpq_duration queue_delay, mpq_time now)
{
	struct mpq_policy heard;

	mpq_session_touch(s);
	s->queue_delay = queue_delay;
	s->accept_policy = accept_policy;
	/* A server's own holds until it is told another. */
	if (!s->client && accept_policy &&
	    read_heard(&heard, s->heard_policy, s->heard_bytes)) {
		policy = &heard;
	}
	if (mpq_policy_equal(&s->policy, policy)) {
		return;
	}
	s->policy_number += s->client;
	mpq_session_apply_policy(s, policy, now);
	if (s->client) {
		tell_policy_to_all(s);
	}
}
