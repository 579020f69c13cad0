/* SPDX-License-Identifier: Apache-2.0 */
/* Who belongs to a session: opening it, joining it, leaving it. */
#include "dataplane/session_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CLIENT_CONTEXT 2 /* even by the client, odd by the proxy */
#define SERVER_CONTEXT 1 /* (RFC 9298 §4) */
/* Each costs a tenth of a millisecond and more, and events. */
#define JOIN_INTERVAL (100 * MPQ_MILLISECOND)
/* In which who opens is to be answered while others could do it; twice as long
 * each time, for all of them may be bad. */
#define OPEN_IN(rtt)    (100 * MPQ_MILLISECOND + 3 * (rtt))
#define OPEN_IN_DOUBLES 4

struct mpq_session_path *mpq_session_path_of(const struct mpq_session *s,
					     const struct mpq_channel *ch)
{
	struct mpq_session_path *m = ch->member_owner;

	return ch->member == &mpq_session_member && m->session == s &&
			       m->channel == ch
		       ? m
		       : NULL;
}

/* What it is of, or NULL: that of a path, the next, or the last one. */
static struct mpq_session_path *member_of(const struct mpq_session *s,
					  const struct mpq_channel *ch)
{
	struct mpq_session_path *m = ch->member_owner;

	return (ch->member == &mpq_session_member ||
		ch->member == &mpq_session_successor ||
		ch->member == &mpq_session_predecessor) &&
			       m->session == s
		       ? m
		       : NULL;
}

static bool is_next(const struct mpq_session_path *m,
		    const struct mpq_channel *ch)
{
	return m != NULL && m->next.channel == ch;
}

static void release(struct mpq_session_path *m)
{
	mpq_session_end_last(m);
	if (m->channel != NULL) {
		mpq_channel_set_member(m->channel, NULL, NULL);
		m->channel = NULL;
	}
}

/* ---- client -------------------------------------------------------------- */

static int say(struct mpq_channel *ch, enum mpq_join_capsule type,
	       const uint8_t *value, int len)
{
	return len < 0 ? len
		       : mpq_channel_send_capsule(ch, type, value, (size_t)len);
}

static int say_register(struct mpq_channel *ch, uint64_t context)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	return say(ch, MPQ_JOIN_REGISTER, value,
		   mpq_join_write_register(value, context));
}

static int say_open(const struct mpq_session_path *m)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	return say(m->channel, MPQ_JOIN_OPEN, value,
		   mpq_join_write_open(value, &m->session->key, m->index));
}

static int say_join(const struct mpq_session_path *m, struct mpq_channel *ch)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	return say(ch, MPQ_JOIN_JOIN, value,
		   mpq_join_write_join(value, &m->session->key, m->index,
				       ch->conn));
}

static int begin_context(struct mpq_channel *ch)
{
	mpq_channel_set_contexts(ch, CLIENT_CONTEXT, 0);
	return say_register(ch, CLIENT_CONTEXT);
}

static const char cannot_join[] = "the session cannot be joined";

static void ask(struct mpq_session_path *m, mpq_time now)
{
	struct mpq_session *s = m->session;
	bool opens = !s->open;
	int r = 0;

	if (opens) {
		r = mpq_join_new_key(&s->key, m->channel->conn);
	}
	r = r == 0 ? begin_context(m->channel) : r;
	if (r == 0) {
		r = opens ? say_open(m) : say_join(m, m->channel);
	}
	if (r < 0) {
		mpq_channel_close(m->channel, cannot_join);
		return;
	}
	s->opener = opens ? m->index : s->opener;
	mpq_session_tell_policy(m);
	mpq_session_set_state(m, MPQ_SESSION_JOINING,
			      opens ? "opening the session"
				    : "joining the session",
			      now);
}

static const char newer[] = "a newer connection took over";

static void end_next(struct mpq_session_path *m, const char *reason,
		     mpq_time now)
{
	struct mpq_channel *ch = m->next.channel;

	if (ch != NULL) {
		mpq_session_drop_next(m, now);
		mpq_channel_close(ch, reason);
	}
}

/* It is known then whether it serves: until then the one that carries does. */
static void ask_beside(struct mpq_session_path *m, struct mpq_channel *ch,
		       mpq_time now)
{
	if (begin_context(ch) < 0 || say_join(m, ch) < 0) {
		mpq_channel_close(ch, cannot_join);
		return;
	}
	end_next(m, newer, now);
	mpq_session_set_next(m, ch, now);
}

bool mpq_session_replace(struct mpq_session *s, unsigned path,
			 struct mpq_channel *ch, mpq_time now)
{
	struct mpq_session_path *m = &s->path[path];

	if (m->channel == ch || !s->open || !mpq_session_is_replaceable(m)) {
		return true;
	}
	if (m->next.channel != ch && ch->own_context == 0) {
		mpq_session_touch(s);
		ask_beside(m, ch, now);
	}
	return false;
}

/* The peer hears of it by another path, later than of its next connection
 * perhaps. */
static void tell_leave(const struct mpq_session_path *gone)
{
	struct mpq_session *s = gone->session;
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		if (m->state == MPQ_SESSION_USED) {
			(void)say(m->channel, MPQ_JOIN_LEAVE, value,
				  mpq_join_write_leave(value, gone->index,
						       gone->mark));
		}
	}
}

void mpq_session_offer(struct mpq_session *s, unsigned path,
		       struct mpq_channel *ch, mpq_time now)
{
	struct mpq_session_path *m = &s->path[path];
	bool member = mpq_session_is_member(m);

	if (m->channel == ch || m->last == ch) {
		return;
	}
	mpq_session_touch(s);
	if (is_next(m, ch)) { /* the one before is of no use any more */
		mpq_session_withdraw(s, m->channel, "a fresh one is up", now);
		return;
	}
	if (ch->own_context != 0) { /* a request joins once */
		mpq_channel_close(ch, "it was silent and left the session");
		return;
	}
	if (s->opener == (int)path) {
		s->opener = -1;
	}
	end_next(m, newer, now);
	release(m);
	mpq_session_fresh(m, ch, now);
	mpq_session_set_state(m, MPQ_SESSION_WAITING,
			      "waiting for the session to open", now);
	/* Now, or what comes meanwhile overtakes it. */
	mpq_session_empty(m, now);
	mpq_session_send_repairs(s, now);
	if (member) { /* until this one joins it would send in vain */
		tell_leave(m);
	}
}

static bool has_members(const struct mpq_session *s)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (mpq_session_is_member(&s->path[i])) {
			return true;
		}
	}
	return false;
}

/* Does any other than a silent one still know the session? */
static bool is_in_use(const struct mpq_session *s)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *m = &s->path[i];

		if (mpq_session_is_member(m) &&
		    m->state != MPQ_SESSION_SILENT) {
			return true;
		}
	}
	return false;
}

/* Without any path left nothing is under way: the next one begins a session of
 * its own, whatever the peer still knows. Nor is there a reason to wait until
 * silent ones are given up, once the peer knows nothing: it was restarted. */
static bool is_over(const struct mpq_session *s, bool refused)
{
	return s->client && s->open &&
	       (!has_members(s) || (refused && !is_in_use(s)));
}

static void joined(struct mpq_session_path *m,
		   const uint8_t mark[MPQ_JOIN_MARK_BYTES], const char *reason,
		   mpq_time now)
{
	m->joined = now;
	memcpy(m->mark, mark, MPQ_JOIN_MARK_BYTES);
	mpq_steer_path(m->session->steer, m->index, &m->estimate, false,
		       m->metered, now);
	mpq_session_set_state(m, MPQ_SESSION_JOINED, reason, now);
}

/* The one that carried is gone, and with it what it had under way. */
static void succeed(struct mpq_session_path *m, mpq_time now)
{
	struct mpq_channel *ch = m->next.channel;
	bool heard = m->next.heard;
	bool agreed = !m->session->client || m->next.agreed != MPQ_TIME_NEVER;
	uint8_t mark[MPQ_JOIN_MARK_BYTES];

	if (ch == NULL) {
		return;
	}
	memcpy(mark, m->next.mark, sizeof(mark));
	mpq_session_drop_next(m, now);
	mpq_session_fresh(m, ch, now);
	m->heard = heard ? now : MPQ_TIME_NEVER;
	if (m->session->client) {
		mpq_session_tell_policy(m);
		m->control |= agreed ? MPQ_SESSION_PROBE : 0;
	}
	if (agreed) {
		joined(m, mark, "a fresh connection took over", now);
	} else {
		mpq_session_set_state(m, MPQ_SESSION_JOINING,
				      "joining the session", now);
	}
}

static void leave(struct mpq_session_path *m, const char *reason, mpq_time now)
{
	struct mpq_session *s = m->session;
	bool member = mpq_session_is_member(m);
	/* Who ended it knows. */
	bool known = m->channel != NULL && m->channel->end.by_peer;
	bool refused = known && m->state == MPQ_SESSION_JOINING;

	release(m);
	m->lost_at = member ? now : m->lost_at;
	mpq_session_set_state(m, MPQ_SESSION_AWAY, reason, now);
	mpq_steer_path(s->steer, m->index, NULL, false, m->metered, now);
	mpq_delay_forget(&s->delay, m->index);
	mpq_repair_path_reset(s->repair, m->index, now);
	mpq_session_empty(m, now);
	if (s->opener == m->index) {
		s->opener = -1;
	}
	if (s->client && member && !known) {
		tell_leave(m);
	}
	succeed(m, now);
	if (is_over(s, refused)) {
		s->open = false;
	}
}

static bool others_wait(const struct mpq_session *s)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (s->path[i].state == MPQ_SESSION_WAITING) {
			return true;
		}
	}
	return false;
}

mpq_time mpq_session_opening_due(const struct mpq_session *s)
{
	const struct mpq_session_path *m;

	if (s->opener < 0 || !others_wait(s)) {
		return MPQ_TIME_NEVER;
	}
	m = &s->path[s->opener];
	return m->since +
	       (OPEN_IN(m->estimate.view.rtt_smoothed) << s->passed_over);
}

/* It lost the question or the answer, as a lossy path does for seconds. To ask
 * by another one is to begin another session, so this connection ends; what it
 * still has under way is older than the next opening. */
static void pass_over_opener(struct mpq_session *s, mpq_time now)
{
	static const char reason[] = "it did not answer in time: another path "
				     "opens the session";
	struct mpq_session_path *m = &s->path[s->opener];
	struct mpq_channel *ch = m->channel;

	s->passed_over += s->passed_over < OPEN_IN_DOUBLES;
	leave(m, reason, now);
	mpq_channel_close(ch, reason);
}

/* One opens, the others wait for it. */
void mpq_session_join_turn(struct mpq_session *s, mpq_time now)
{
	if (!s->client) {
		return;
	}
	if (mpq_session_opening_due(s) <= now) {
		pass_over_opener(s, now);
	}
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		if (m->state == MPQ_SESSION_WAITING &&
		    (s->open || s->opener < 0)) {
			ask(m, now);
		}
	}
}

void mpq_session_withdraw(struct mpq_session *s, const struct mpq_channel *ch,
			  const char *reason, mpq_time now)
{
	struct mpq_session_path *m = member_of(s, ch);

	if (m == NULL) {
		return;
	}
	s->now = now;
	mpq_session_touch(s);
	if (is_next(m, ch)) {
		mpq_session_drop_next(m, now);
	} else if (m->last == ch) {
		mpq_session_drop_last(m);
	} else {
		leave(m, reason, now);
		mpq_session_send_repairs(s, now);
		s->tick_due = now; /* those who are left have more to carry */
	}
}

static bool asked(const struct mpq_session_path *m,
		  const struct mpq_channel *ch)
{
	return is_next(m, ch)
		       ? m->next.agreed == MPQ_TIME_NEVER
		       : m->channel == ch && m->state == MPQ_SESSION_JOINING;
}

static int accepted(struct mpq_session *s, struct mpq_channel *ch,
		    const struct mpq_join_message *msg, mpq_time now)
{
	struct mpq_session_path *m = member_of(s, ch);

	if (m == NULL || !asked(m, ch) || msg->path != m->index ||
	    ch->peer_context == 0) {
		return -EBADMSG;
	}
	if (!mpq_join_is_proven(msg, &s->key, ch->conn)) {
		mpq_channel_reject(ch, "the concentrator did not prove that "
				       "it knows the session");
		return 0;
	}
	if (is_next(m, ch)) {
		memcpy(m->next.mark, msg->mark, sizeof(m->next.mark));
		mpq_session_agree_next(m, now);
		return 0;
	}
	if (s->opener == m->index) {
		s->opener = -1;
		s->passed_over = 0;
		s->open = true;
		if (mpq_session_restart(s, now) < 0) {
			mpq_channel_close(ch, "out of memory");
			return 0;
		}
	}
	/* The last of the others may have gone meanwhile: the key holds. */
	s->open |= s->opener < 0;
	joined(m, msg->mark, "the concentrator let it in", now);
	m->control |= MPQ_SESSION_PROBE;
	return 0;
}

/* ---- server -------------------------------------------------------------- */

static void end_current(struct mpq_session_path *m, const char *reason,
			const char *told, mpq_time now)
{
	struct mpq_channel *ch = m->channel;

	if (ch != NULL) {
		leave(m, reason, now);
		mpq_channel_close(ch, told);
	}
}

static int say_accept(const struct mpq_session_path *m, struct mpq_channel *ch,
		      uint8_t ret_mark[MPQ_JOIN_MARK_BYTES])
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	mpq_channel_set_contexts(ch, SERVER_CONTEXT, ch->peer_context);
	if (say_register(ch, SERVER_CONTEXT) < 0 ||
	    say(ch, MPQ_JOIN_ACCEPT, value,
		mpq_join_write_accept(value, &m->session->key, m->index,
				      ch->conn)) < 0) {
		mpq_channel_close(ch, cannot_join);
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

	end_next(m, newer, now);
	if (mpq_session_is_replaceable(m)) {
		mpq_session_set_next(m, ch, now);
		(void)say_accept(m, ch, m->next.mark);
		return;
	}
	end_current(m, "a newer connection of this path took over", newer, now);
	mpq_session_fresh(m, ch, now);
	if (say_accept(m, ch, mark) == 0) {
		joined(m, mark, reason, now);
	}
}

static void reject(struct mpq_session *s, struct mpq_channel *ch)
{
	s->counters.refused_joins++;
	mpq_channel_reject(ch, "the session cannot be joined");
}

static const char began_anew[] = "another session was opened: this edge began "
				 "anew, by another path perhaps, or a second "
				 "one has its identity";

/* The edge begins anew: whatever it had here is over. */
static void opened(struct mpq_session *s, struct mpq_channel *ch,
		   const struct mpq_join_message *msg, mpq_time now)
{
	struct mpq_join_key key;

	if (mpq_join_take_key(&key, msg->id, ch->conn) < 0) {
		reject(s, ch);
		return;
	}
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		end_next(&s->path[i], began_anew, now);
		end_current(&s->path[i],
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

static void joins(struct mpq_session *s, struct mpq_channel *ch,
		  const struct mpq_join_message *msg, mpq_time now)
{
	if (!mpq_join_is_proven(msg, s->open ? &s->key : NULL, ch->conn)) {
		reject(s, ch);
		return;
	}
	s->counters.joins++;
	let_in(s, ch, msg->path, "it joined the session", now);
}

/* ---- capsules ------------------------------------------------------------ */

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
		end_next(m, told, now);
		end_current(m, "the peer says that it is gone", told, now);
		mpq_session_send_repairs(s, now);
	} else if (mpq_session_is_member(m) &&
		   memcmp(m->mark, msg->mark, sizeof(m->mark)) == 0) {
		end_current(m, "the peer says that it is gone", told, now);
		mpq_session_send_repairs(s, now);
	}
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
			reject(s, ch);
			return 0;
		}
		(msg->type == MPQ_JOIN_OPEN ? opened : joins)(s, ch, msg, now);
		return 0;
	case MPQ_JOIN_ACCEPT:
		return s->client ? accepted(s, ch, msg, now) : -EBADMSG;
	case MPQ_JOIN_LEAVE:
		if (member_of(s, ch) == NULL) {
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
		return s->client || member_of(s, ch) == NULL
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
