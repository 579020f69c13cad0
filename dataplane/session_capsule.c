/* SPDX-License-Identifier: Apache-2.0 */
/* What the peer says of a session: which capsule may come when. */
#include "dataplane/session_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Each costs a tenth of a millisecond and more, and events. */
#define JOIN_INTERVAL (100 * MPQ_MILLISECOND)

static int registers(struct mpq_session *s, struct mpq_channel *ch,
		     const struct mpq_join_message *msg)
{
	if (ch->peer_context != 0 || msg->context == 0 ||
	    msg->context % 2 == (s->client ? 0 : 1)) {
		return -EBADMSG;
	}
	mpq_channel_set_contexts(ch, ch->own_context, msg->context);
	return 0;
}

/* Closed as well: what the peer gave up would stay here. */
static void peer_left(struct mpq_session *s, const struct mpq_join_message *msg,
		      mpq_time now)
{
	static const char told[] = "the peer said that this path is gone";
	struct mpq_session_path *m = &s->path[msg->path];

	if (m->next.channel != NULL &&
	    memcmp(m->next.mark, msg->mark, sizeof(m->next.mark)) == 0) {
		/* It had taken the place of ours there. */
		mpq_session_end_next(m, told, now);
	} else if (!mpq_session_is_member(m) ||
		   memcmp(m->mark, msg->mark, sizeof(m->mark)) != 0) {
		return;
	}
	mpq_session_end_current(m, "the peer says that it is gone", told, now);
	mpq_session_send_repairs(s, now);
}

/* A channel opens or joins once, after its context is registered. */
static bool may_ask(const struct mpq_session *s, const struct mpq_channel *ch)
{
	return !s->client && ch->up && ch->member == NULL &&
	       ch->peer_context != 0 && ch->own_context == 0;
}

static int dispatch(struct mpq_session *s, struct mpq_channel *ch,
		    const struct mpq_join_message *msg, mpq_time now)
{
	switch (msg->type) {
	case MPQ_JOIN_REGISTER:
		return registers(s, ch, msg);
	case MPQ_JOIN_OPEN:
	case MPQ_JOIN_JOIN:
		if (!may_ask(s, ch)) {
			return -EBADMSG;
		}
		if (!mpq_session_spend(&s->join_credit, JOIN_INTERVAL, now)) {
			mpq_session_refuse_join(s, ch);
			return 0;
		}
		(msg->type == MPQ_JOIN_OPEN
			 ? mpq_session_opened
			 : mpq_session_joins)(s, ch, msg, now);
		return 0;
	case MPQ_JOIN_ACCEPT:
		return s->client ? mpq_session_accepted(s, ch, msg, now)
				 : -EBADMSG;
	case MPQ_JOIN_LEAVE:
		if (mpq_session_member_of(s, ch) == NULL) {
			return -EBADMSG;
		}
		peer_left(s, msg, now);
		return 0;
	default:
		return 0;
	}
}

/* Above what is kept (capsule.h) a policy is one beyond our limits; of all
 * others the length is drawn. */
static int read_capsule(struct mpq_session *s, struct mpq_channel *ch,
			const struct mpq_capsule *c, mpq_time now)
{
	struct mpq_join_message msg;

	if (c->type == MPQ_JOIN_POLICY) {
		return s->client || mpq_session_member_of(s, ch) == NULL
			       ? -EBADMSG
			       : mpq_session_hear_policy(s, ch, c, now);
	}
	if (c->value == NULL ||
	    mpq_join_parse(&msg, c->type, c->value, c->len_bytes) < 0) {
		return -EBADMSG;
	}
	return dispatch(s, ch, &msg, now);
}

static const char *capsule_name(uint64_t type)
{
	static const char *const names[] = {
		"SESSION_OPEN",     "SESSION_JOIN",  "SESSION_ACCEPT",
		"REGISTER_CONTEXT", "SESSION_LEAVE", "SESSION_POLICY"};

	return names[type - MPQ_JOIN_OPEN];
}

int mpq_session_capsule(struct mpq_session *s, struct mpq_channel *ch,
			const struct mpq_capsule *c, mpq_time now)
{
	char reason[MPQ_SESSION_REASON_BYTES];
	int r;

	s->now = now;
	mpq_session_touch(s);
	if (c->type < MPQ_JOIN_OPEN || c->type > MPQ_JOIN_POLICY) {
		return 0;
	}
	r = read_capsule(s, ch, c, now);
	if (r < 0) {
		s->counters.refused_capsules++;
		(void)snprintf(reason, sizeof(reason),
			       "the peer sent a %s of %llu bytes that is "
			       "malformed, or not its to send now",
			       capsule_name(c->type),
			       (unsigned long long)c->len_bytes);
		mpq_channel_malformed(ch, reason);
	}
	return r;
}
