/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a server lets into a session. */
#include "dataplane/session_private.h"

#include <errno.h>

#define SERVER_CONTEXT 1 /* odd by the proxy (RFC 9298 §4) */

static int say_accept(const struct mpq_session_path *m, struct mpq_channel *ch,
		      uint8_t ret_mark[MPQ_JOIN_MARK_BYTES])
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	mpq_channel_set_contexts(ch, SERVER_CONTEXT, ch->peer_context);
	if (mpq_session_say_register(ch, SERVER_CONTEXT) < 0 ||
	    mpq_session_say(ch, MPQ_JOIN_ACCEPT, value,
			    mpq_join_write_accept(value, &m->session->key,
						  m->index, ch->conn)) < 0) {
		mpq_channel_close(ch, MPQ_SESSION_CANNOT_JOIN);
		return -EPIPE;
	}
	mpq_join_read_mark(ret_mark, value);
	return 0;
}

/* What carries goes on to do so until the fresh one was heard. */
static void let_in(struct mpq_session *s, struct mpq_channel *ch, unsigned path,
		   const char *reason, mpq_time now)
{
	struct mpq_session_path *m = &s->path[path];
	uint8_t mark[MPQ_JOIN_MARK_BYTES];

	mpq_session_end_next(m, MPQ_SESSION_NEWER, now);
	if (mpq_session_is_replaceable(m)) {
		mpq_session_set_next(m, ch, now);
		(void)say_accept(m, ch, m->next.mark);
		return;
	}
	mpq_session_end_current(m, "a newer connection of this path took over",
				MPQ_SESSION_NEWER, now);
	mpq_session_fresh(m, ch, now);
	if (say_accept(m, ch, mark) == 0) {
		mpq_session_joined(m, mark, reason, now);
	}
}

void mpq_session_refuse_join(struct mpq_session *s, struct mpq_channel *ch)
{
	s->counters.refused_joins++;
	mpq_channel_reject(ch, MPQ_SESSION_CANNOT_JOIN);
}

static const char began_anew[] = "another session was opened: this edge began "
				 "anew, by another path perhaps, or a second "
				 "one has its identity";

/* The edge begins anew: whatever it had here is over. */
void mpq_session_opened(struct mpq_session *s, struct mpq_channel *ch,
			const struct mpq_join_message *msg, mpq_time now)
{
	struct mpq_join_key key;

	if (mpq_join_take_key(&key, msg->id, ch->conn) < 0) {
		mpq_session_refuse_join(s, ch);
		return;
	}
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		mpq_session_end_next(&s->path[i], began_anew, now);
		mpq_session_end_current(
			&s->path[i],
			"another session was opened: the edge began anew, "
			"or a second one has its identity",
			began_anew, now);
	}
	if (mpq_session_restart(s, now) < 0) {
		mpq_channel_close(ch, "out of memory");
		return;
	}
	s->key = key;
	s->open = true;
	mpq_session_forget_policy(s);
	s->counters.opens++;
	let_in(s, ch, msg->path, "it opened the session", now);
}

void mpq_session_joins(struct mpq_session *s, struct mpq_channel *ch,
		       const struct mpq_join_message *msg, mpq_time now)
{
	if (!mpq_join_is_proven(msg, s->open ? &s->key : NULL, ch->conn)) {
		mpq_session_refuse_join(s, ch);
		return;
	}
	s->counters.joins++;
	let_in(s, ch, msg->path, "it joined the session", now);
}
