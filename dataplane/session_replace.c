/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path's fresh connection takes the place of one that carries: it joins
 * beside it, and only what has joined, and takes packets of full size, is sent
 * on. What waits, steering and what is known of the path's losses stay. Each
 * end changes what it sends by itself: the client once it was let in, the
 * server once it was heard there.
 */
#include "dataplane/session_private.h"

#include <stdio.h>
#include <string.h>

/* For which what is known already waits for its path's MTU. */
#define WIDTH_IN (500 * MPQ_MILLISECOND)
/* Server: what the fresh one has overtaken has come then. */
#define LATE (500 * MPQ_MILLISECOND)

void mpq_session_drop_next(struct mpq_session_path *m, mpq_time now)
{
	if (m->next.channel == NULL) {
		return;
	}
	mpq_channel_set_member(m->next.channel, NULL, NULL);
	if (m->next.heard) { /* the one before may bring something again */
		mpq_session_begin_receiving(m);
	}
	memset(&m->next, 0, sizeof(m->next));
	m->next.agreed = MPQ_TIME_NEVER;
	m->session->tick_due = now;
}

void mpq_session_drop_last(struct mpq_session_path *m)
{
	if (m->last == NULL) {
		return;
	}
	mpq_channel_set_member(m->last, NULL, NULL);
	m->last = NULL;
	if (!m->late) { /* what comes is of the fresh one alone */
		mpq_session_begin_receiving(m);
	}
}

void mpq_session_end_last(struct mpq_session_path *m)
{
	struct mpq_channel *ch = m->last;

	m->late = true; /* nothing that it brings tells of the path */
	if (ch != NULL && !m->session->client) {
		mpq_session_drop_last(m);
		mpq_channel_close(ch, MPQ_SESSION_NEWER);
	}
}

void mpq_session_set_next(struct mpq_session_path *m, struct mpq_channel *ch,
			  mpq_time now)
{
	mpq_session_drop_next(m, now);
	m->next.channel = ch;
	m->next.since = now;
	mpq_channel_set_member(ch, &mpq_session_successor, m);
}

void mpq_session_agree_next(struct mpq_session_path *m, mpq_time now)
{
	m->next.agreed = now;
	mpq_session_touch(m->session);
}

bool mpq_session_is_replaceable(const struct mpq_session_path *m)
{
	return m->state == MPQ_SESSION_USED || m->state == MPQ_SESSION_TRIED;
}

/* Is it at least as wide as what it replaces, or will it not be? */
static bool is_wide(const struct mpq_session_path *m)
{
	return mpq_channel_carries(m->next.channel) ||
	       mpq_channel_max_bonded(m->next.channel, MPQ_HEADER_BYTES) >=
		       mpq_session_max_packet(m);
}

static mpq_time takes_over_at(const struct mpq_session_path *m)
{
	if (m->next.agreed == MPQ_TIME_NEVER || !m->next.channel->up) {
		return MPQ_TIME_NEVER;
	}
	return is_wide(m) || m->state == MPQ_SESSION_SILENT
		       ? 0
		       : m->next.agreed + WIDTH_IN;
}

static mpq_time next_due(const struct mpq_session_path *m)
{
	mpq_time due;

	if (m->next.channel == NULL) {
		return MPQ_TIME_NEVER;
	}
	due = takes_over_at(m);
	if (m->session->client && m->next.agreed == MPQ_TIME_NEVER) {
		due = mpq_time_min(due, m->next.since + MPQ_SESSION_JOIN_IN);
	}
	return due;
}

/* The client's path ends its own. */
static mpq_time last_due(const struct mpq_session_path *m)
{
	return m->last != NULL && !m->session->client ? m->joined + LATE
						      : MPQ_TIME_NEVER;
}

mpq_time mpq_session_replacement_due(const struct mpq_session_path *m)
{
	return mpq_time_min(next_due(m), last_due(m));
}

/* Late ones of the one before may still come. A server does not change over
 * before it was spoken to by the fresh one. */
static void part(struct mpq_session_path *m)
{
	struct mpq_channel *old = m->channel;

	mpq_session_end_last(m);
	mpq_session_drop_last(m);
	m->last = old;
	m->late = !m->session->client;
	mpq_channel_set_member(old, &mpq_session_predecessor, m);
}

static void take_over(struct mpq_session_path *m, mpq_time now)
{
	struct mpq_session *s = m->session;

	part(m);
	mpq_session_begin_sending(m, m->next.channel, now);
	memcpy(m->mark, m->next.mark, sizeof(m->mark));
	m->joined = now;
	m->next.channel = NULL;
	m->next.heard = false;
	m->next.agreed = MPQ_TIME_NEVER;
	m->control |= MPQ_SESSION_PROBE;
	if (s->client) {
		mpq_session_tell_policy(m);
	}
	if (m->state == MPQ_SESSION_SILENT) {
		mpq_session_set_state(m, MPQ_SESSION_USED,
				      "a fresh connection took over", now);
	}
	mpq_session_send_repairs(s, now);
	mpq_channel_wake(m->channel);
}

void mpq_session_replace_turn(struct mpq_session *s, mpq_time now)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		if (last_due(m) <= now) {
			mpq_session_end_last(m);
		}
		if (next_due(m) > now) {
			continue;
		}
		if (takes_over_at(m) <= now) {
			take_over(m, now);
		} else {
			mpq_channel_close(m->next.channel,
					  MPQ_SESSION_NO_ANSWER);
			mpq_session_drop_next(m, now);
		}
	}
}
