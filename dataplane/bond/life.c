/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/life.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct mpq_life_config mpq_life_default = {
	.silence_min = 500 * MPQ_MILLISECOND,
	.silence_rtts = 3,
	.down_after = 2 * MPQ_SECOND,
	.redial_soon = 100 * MPQ_MILLISECOND,
	.redial = 1 * MPQ_SECOND,
	.redial_rtts = 3,
	.redial_slack = 200 * MPQ_MILLISECOND,
	.redial_max = 2 * MPQ_SECOND,
	.accept_max = 10 * MPQ_SECOND,
	.refused_min = 2 * MPQ_SECOND,
	.refused_max = 60 * MPQ_SECOND,
};

static const char *const names[MPQ_LIFE_STATES] = {
	[MPQ_LIFE_DISABLED] = "disabled",
	[MPQ_LIFE_HELD] = "held",
	[MPQ_LIFE_NO_LINK] = "no-link",
	[MPQ_LIFE_NO_CARRIER] = "no-carrier",
	[MPQ_LIFE_NO_ADDRESS] = "no-address",
	[MPQ_LIFE_CONNECTING] = "connecting",
	[MPQ_LIFE_UP] = "up",
	[MPQ_LIFE_DOWN] = "down",
	[MPQ_LIFE_REFUSED] = "refused",
};

static const char *const usual_reason[MPQ_LIFE_STATES] = {
	[MPQ_LIFE_NO_LINK] = "there is no such device",
	[MPQ_LIFE_NO_CARRIER] = "the device has no carrier",
	[MPQ_LIFE_NO_ADDRESS] = "the device has no usable address",
	[MPQ_LIFE_CONNECTING] = "the link is ready",
};

const char *mpq_life_state_name(enum mpq_life_state s)
{
	assert(s < MPQ_LIFE_STATES);
	return names[s];
}

int mpq_life_state_parse(const char *name, enum mpq_life_state *ret)
{
	for (unsigned s = 0; s < MPQ_LIFE_STATES; s++) {
		if (strcmp(name, names[s]) == 0) {
			*ret = (enum mpq_life_state)s;
			return 0;
		}
	}
	return -EINVAL;
}

static unsigned enter(struct mpq_life *l, enum mpq_life_state state,
		      const char *reason, mpq_time now)
{
	assert(reason[0] != '\0');
	if (l->state == state && strcmp(l->reason, reason) == 0) {
		return 0;
	}
	if (l->state != state) {
		l->state = state;
		l->since = now;
	}
	(void)snprintf(l->reason, sizeof(l->reason), "%s", reason);
	return MPQ_LIFE_CHANGED;
}

static mpq_duration longer(mpq_duration a, mpq_duration b)
{
	return a > b ? a : b;
}

/* How long the current connection may be silent before a fresh one is tried. */
static mpq_duration silence_limit(const struct mpq_life *l)
{
	return longer(l->config->silence_min, l->config->silence_rtts * l->rtt);
}

/* And before it, or dialling, counts as down. */
static mpq_duration down_limit(const struct mpq_life *l)
{
	return longer(l->config->down_after, 2 * silence_limit(l));
}

static mpq_duration redial_limit(const struct mpq_life *l)
{
	const struct mpq_life_config *c = l->config;
	mpq_duration limit = c->redial;

	if (l->rtt > 0) {
		return longer(limit, c->redial_rtts * l->rtt + c->redial_slack);
	}
	for (unsigned i = 0; i < l->unanswered && limit < c->redial_max; i++) {
		limit *= 2;
	}
	return limit < c->redial_max ? limit : c->redial_max;
}

/* When the candidate is given up: what it said last extends its time. */
static mpq_time candidate_due(const struct mpq_life *l)
{
	if (l->heard == MPQ_TIME_NEVER) {
		return l->dialled + redial_limit(l);
	}
	return mpq_time_min(l->heard_last + redial_limit(l),
			    l->dialled + l->config->accept_max);
}

static mpq_duration silence(const struct mpq_life *l, mpq_time now)
{
	return mpq_time_elapsed(l->silent_since, now);
}

static bool answers(const struct mpq_life *l, mpq_time now)
{
	return l->has_current && silence(l, now) < silence_limit(l);
}

static unsigned no_answer(struct mpq_life *l, mpq_duration elapsed,
			  mpq_time now)
{
	char reason[64];

	(void)snprintf(reason, sizeof(reason),
		       "no answer for %llu.%llu s, dialling again",
		       (unsigned long long)(elapsed / MPQ_SECOND),
		       (unsigned long long)(elapsed % MPQ_SECOND /
					    (100 * MPQ_MILLISECOND)));
	return enter(l, MPQ_LIFE_DOWN, reason, now);
}

static unsigned drop_candidate(struct mpq_life *l)
{
	bool had = l->has_candidate;

	l->has_candidate = false;
	l->waiting_since = MPQ_TIME_NEVER;
	return had ? MPQ_LIFE_DROP_CANDIDATE : 0;
}

static unsigned drop_both(struct mpq_life *l)
{
	bool had = l->has_current;

	l->has_current = false;
	l->silent_since = MPQ_TIME_NEVER;
	return (had ? MPQ_LIFE_DROP_CURRENT : 0) | drop_candidate(l);
}

static bool may_run(const struct mpq_life *l)
{
	return l->disabled == NULL && l->held_until == 0 &&
	       l->link == MPQ_LIFE_CONNECTING;
}

static unsigned rest(struct mpq_life *l, mpq_time now)
{
	unsigned actions = drop_both(l);

	l->running = false;
	if (l->disabled != NULL) {
		return actions | enter(l, MPQ_LIFE_DISABLED, l->disabled, now);
	}
	if (l->held_until != 0) {
		return actions | enter(l, MPQ_LIFE_HELD,
				       l->held_until == MPQ_TIME_NEVER
					       ? "held until it is released"
					       : "held for a while",
				       now);
	}
	return actions | enter(l, l->link, l->link_reason, now);
}

static unsigned start(struct mpq_life *l, mpq_time now)
{
	l->running = true;
	l->next_dial = now;
	l->unanswered = 0;
	return enter(l, MPQ_LIFE_CONNECTING, "dialling", now);
}

static unsigned give_up_candidate(struct mpq_life *l, mpq_time now)
{
	unsigned actions = 0;

	if (!l->has_candidate || now < candidate_due(l)) {
		return 0;
	}
	if (l->heard != MPQ_TIME_NEVER && !answers(l, now)) {
		actions = enter(l, MPQ_LIFE_DOWN,
				"the peer answers but does not let us in, "
				"dialling again",
				now);
	} else if (l->state == MPQ_LIFE_REFUSED) {
		actions = no_answer(l, now - l->dialled, now);
	}
	l->has_candidate = false;
	l->next_dial = now;
	l->unanswered++;
	return actions | MPQ_LIFE_DROP_CANDIDATE;
}

/* Only what said nothing else yet goes down for silence: the reason that is
 * there already (a refusal, a reset) tells more. */
static bool may_fall_silent(const struct mpq_life *l)
{
	return l->state == MPQ_LIFE_UP || l->state == MPQ_LIFE_CONNECTING;
}

static mpq_time silent_from(const struct mpq_life *l)
{
	return l->has_current ? l->silent_since : l->waiting_since;
}

static bool is_renewing(const struct mpq_life *l)
{
	return l->has_candidate && l->renewing != NULL;
}

static unsigned tell_renewal(struct mpq_life *l, mpq_time now)
{
	char reason[sizeof(l->reason)];

	(void)snprintf(reason, sizeof(reason), "connected, %s", l->renewing);
	return enter(l, MPQ_LIFE_UP, reason, now);
}

static unsigned judge(struct mpq_life *l, mpq_time now)
{
	mpq_duration elapsed = mpq_time_elapsed(silent_from(l), now);

	if (answers(l, now)) {
		l->unanswered = 0;
		/* It was let in: an old refusal keeps us from nothing. */
		l->next_dial = mpq_time_min(l->next_dial,
					    l->dialled + l->config->redial);
		return is_renewing(l)
			       ? tell_renewal(l, now)
			       : drop_candidate(l) | enter(l, MPQ_LIFE_UP,
							   "connected", now);
	}
	if (elapsed >= down_limit(l) && may_fall_silent(l)) {
		return no_answer(l, elapsed, now);
	}
	return 0;
}

static void begin_candidate(struct mpq_life *l, const char *renewing,
			    mpq_time now)
{
	l->has_candidate = true;
	l->renewing = renewing;
	l->dialled = now;
	/* Whatever becomes of it, the next one comes no sooner. */
	l->next_dial = now + l->config->redial;
	l->heard = l->heard_last = MPQ_TIME_NEVER;
	if (l->waiting_since == MPQ_TIME_NEVER) {
		l->waiting_since = now;
	}
	l->dials++;
}

static unsigned dial(struct mpq_life *l, mpq_time now)
{
	if (l->has_candidate || answers(l, now) || now < l->next_dial) {
		return 0;
	}
	begin_candidate(l, NULL, now);
	return MPQ_LIFE_DIAL | (l->has_current ? MPQ_LIFE_PROBE : 0);
}

/* Everything that follows from what is known, after any event. */
static unsigned step(struct mpq_life *l, mpq_time now)
{
	unsigned actions = 0;

	if (now >= l->held_until) {
		l->held_until = 0;
	}
	if (!may_run(l)) {
		return rest(l, now);
	}
	if (!l->running) {
		actions |= start(l, now);
	}
	actions |= give_up_candidate(l, now);
	actions |= judge(l, now);
	actions |= dial(l, now);
	return actions;
}

static void keep_link(struct mpq_life *l, enum mpq_life_state link,
		      const char *reason)
{
	if (reason == NULL || reason[0] == '\0') {
		reason = usual_reason[link];
	}
	l->link = link;
	(void)snprintf(l->link_reason, sizeof(l->link_reason), "%s", reason);
}

void mpq_life_init(struct mpq_life *l, const struct mpq_life_config *config,
		   mpq_time now)
{
	*l = (struct mpq_life){
		.config = config,
		.since = now,
		.heard = MPQ_TIME_NEVER,
		.heard_last = MPQ_TIME_NEVER,
		.waiting_since = MPQ_TIME_NEVER,
		.silent_since = MPQ_TIME_NEVER,
		.established = MPQ_TIME_NEVER,
	};
	keep_link(l, MPQ_LIFE_NO_LINK, "no device was seen yet");
	(void)rest(l, now);
}

unsigned mpq_life_enable(struct mpq_life *l, mpq_time now)
{
	l->disabled = NULL;
	return step(l, now);
}

unsigned mpq_life_disable(struct mpq_life *l, const char *why, mpq_time now)
{
	l->disabled = why;
	return step(l, now);
}

unsigned mpq_life_hold(struct mpq_life *l, mpq_time until, mpq_time now)
{
	l->held_until = until;
	return step(l, now);
}

unsigned mpq_life_release(struct mpq_life *l, mpq_time now)
{
	l->held_until = 0;
	return step(l, now);
}

unsigned mpq_life_link(struct mpq_life *l, enum mpq_life_state link,
		       const char *reason, mpq_time now)
{
	unsigned actions = drop_both(l);

	if (usual_reason[link] == NULL) {
		link = MPQ_LIFE_NO_LINK;
	}
	keep_link(l, link, reason);
	l->running = false;
	return actions | step(l, now);
}

/* Who let us in will again after a restart; but one that lets in and loses us
 * again and again is dialled no faster than one that does not answer. */
static void expect_to_be_let_in(struct mpq_life *l)
{
	mpq_duration soon = l->config->redial_soon;

	for (unsigned i = 0; i < l->short_lived && soon < l->config->redial;
	     i++) {
		soon *= 2;
	}
	l->next_dial = mpq_time_min(l->next_dial, l->dialled + soon);
}

unsigned mpq_life_established(struct mpq_life *l, mpq_time now)
{
	if (!l->has_candidate) {
		return 0;
	}
	l->has_candidate = false;
	l->has_current = true;
	l->silent_since = MPQ_TIME_NEVER;
	l->waiting_since = MPQ_TIME_NEVER;
	l->established = now;
	l->connects++;
	expect_to_be_let_in(l);
	return MPQ_LIFE_PROMOTE | step(l, now);
}

/* One that held for longer than we were patient begins anew. */
static void back_off(struct mpq_life *l, mpq_time now)
{
	const struct mpq_life_config *c = l->config;

	if (l->established != MPQ_TIME_NEVER &&
	    mpq_time_elapsed(l->established, now) > l->refused_backoff) {
		l->refused_backoff = 0;
	}
	l->established = MPQ_TIME_NEVER;
	l->refused_backoff = longer(c->refused_min, 2 * l->refused_backoff);
	if (l->refused_backoff > c->refused_max) {
		l->refused_backoff = c->refused_max;
	}
	l->next_dial = now + l->refused_backoff;
}

/* Then nothing is dialled, and the refusal is the reason why. */
static bool waits_out_a_refusal(const struct mpq_life *l, mpq_time now)
{
	return l->state == MPQ_LIFE_REFUSED && now < l->next_dial;
}

static void forget(struct mpq_life *l, bool current, mpq_time now)
{
	if (current) {
		if (mpq_time_elapsed(l->established, now) < l->config->redial) {
			l->short_lived++;
		} else {
			l->short_lived = 0;
		}
		l->has_current = false;
		l->silent_since = MPQ_TIME_NEVER;
	} else {
		l->has_candidate = false;
		l->waiting_since = MPQ_TIME_NEVER;
	}
}

unsigned mpq_life_ended(struct mpq_life *l, bool current, bool refused,
			const char *reason, mpq_time now)
{
	unsigned actions = 0;

	if (!(current ? l->has_current : l->has_candidate)) {
		return 0;
	}
	forget(l, current, now);
	if (!current && answers(l, now)) {
		return step(l, now); /* no more than a renewal has failed */
	}
	if (refused) {
		back_off(l, now);
		actions = enter(l, MPQ_LIFE_REFUSED, reason, now);
	} else if (!waits_out_a_refusal(l, now) &&
		   (current || l->state != MPQ_LIFE_UP)) {
		actions = enter(l, MPQ_LIFE_DOWN, reason, now);
	}
	return actions | step(l, now);
}

void mpq_life_dropped(struct mpq_life *l)
{
	l->has_current = false;
	l->silent_since = MPQ_TIME_NEVER;
}

unsigned mpq_life_renew(struct mpq_life *l, const char *why, mpq_time now)
{
	if (!l->running || l->has_candidate || !answers(l, now) ||
	    now < l->next_dial) {
		return 0;
	}
	begin_candidate(l, why, now);
	return MPQ_LIFE_DIAL | step(l, now);
}

unsigned mpq_life_observe(struct mpq_life *l, mpq_time oldest_unanswered,
			  mpq_duration rtt, mpq_time now)
{
	if (!l->has_current) {
		return 0;
	}
	l->rtt = rtt > 0 ? rtt : l->rtt;
	l->silent_since = oldest_unanswered;
	return step(l, now);
}

unsigned mpq_life_observe_candidate(struct mpq_life *l, mpq_time last_read,
				    mpq_duration rtt, mpq_time now)
{
	if (!l->has_candidate || last_read == MPQ_TIME_NEVER ||
	    last_read <= l->dialled) {
		return 0;
	}
	if (l->heard == MPQ_TIME_NEVER) {
		l->heard = last_read;
	}
	l->heard_last = last_read;
	/* Before its first sample a connection shows a guess, which must not
	 * shorten what is known. */
	l->rtt = longer(l->rtt, rtt);
	l->waiting_since = last_read;
	return step(l, now);
}

mpq_time mpq_life_deadline(const struct mpq_life *l)
{
	mpq_time due = MPQ_TIME_NEVER;

	if (l->disabled == NULL && l->held_until != 0) {
		return l->held_until;
	}
	if (!l->running) {
		return MPQ_TIME_NEVER;
	}
	if (l->has_candidate) {
		due = candidate_due(l);
	} else if (!l->has_current) {
		due = l->next_dial;
	} else if (l->silent_since != MPQ_TIME_NEVER) {
		due = longer(l->next_dial, l->silent_since + silence_limit(l));
	}
	if (silent_from(l) != MPQ_TIME_NEVER && may_fall_silent(l)) {
		due = mpq_time_min(due, silent_from(l) + down_limit(l));
	}
	return due;
}

unsigned mpq_life_expire(struct mpq_life *l, mpq_time now)
{
	return step(l, now);
}
