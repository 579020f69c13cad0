/* SPDX-License-Identifier: Apache-2.0 */
/* Who belongs to a session: a client opens it or joins it, a path leaves it. */
#include "dataplane/session_private.h"

#include <errno.h>
#include <string.h>

#define CLIENT_CONTEXT 2 /* even by the client (RFC 9298 §4) */
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

struct mpq_session_path *mpq_session_member_of(const struct mpq_session *s,
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

int mpq_session_say(struct mpq_channel *ch, enum mpq_join_capsule type,
		    const uint8_t *value, int len)
{
	return len < 0 ? len
		       : mpq_channel_send_capsule(ch, type, value, (size_t)len);
}

int mpq_session_say_register(struct mpq_channel *ch, uint64_t context)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	return mpq_session_say(ch, MPQ_JOIN_REGISTER, value,
			       mpq_join_write_register(value, context));
}

static int say_open(const struct mpq_session_path *m)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	return mpq_session_say(m->channel, MPQ_JOIN_OPEN, value,
			       mpq_join_write_open(value, &m->session->key,
						   m->index));
}

static int say_join(const struct mpq_session_path *m, struct mpq_channel *ch)
{
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];

	return mpq_session_say(ch, MPQ_JOIN_JOIN, value,
			       mpq_join_write_join(value, &m->session->key,
						   m->index, ch->conn));
}

static int begin_context(struct mpq_channel *ch)
{
	mpq_channel_set_contexts(ch, CLIENT_CONTEXT, 0);
	return mpq_session_say_register(ch, CLIENT_CONTEXT);
}

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
		mpq_channel_close(m->channel, MPQ_SESSION_CANNOT_JOIN);
		return;
	}
	s->opener = opens ? m->index : s->opener;
	mpq_session_tell_policy(m);
	mpq_session_set_state(m, MPQ_SESSION_JOINING,
			      opens ? "opening the session"
				    : "joining the session",
			      now);
}

void mpq_session_end_next(struct mpq_session_path *m, const char *reason,
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
		mpq_channel_close(ch, MPQ_SESSION_CANNOT_JOIN);
		return;
	}
	mpq_session_end_next(m, MPQ_SESSION_NEWER, now);
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
			(void)mpq_session_say(m->channel, MPQ_JOIN_LEAVE, value,
					      mpq_join_write_leave(value,
								   gone->index,
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
	mpq_session_end_next(m, MPQ_SESSION_NEWER, now);
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

void mpq_session_joined(struct mpq_session_path *m,
			const uint8_t mark[MPQ_JOIN_MARK_BYTES],
			const char *reason, mpq_time now)
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
		mpq_session_joined(m, mark, "a fresh connection took over",
				   now);
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
	struct mpq_session_path *m = mpq_session_member_of(s, ch);

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

int mpq_session_accepted(struct mpq_session *s, struct mpq_channel *ch,
			 const struct mpq_join_message *msg, mpq_time now)
{
	struct mpq_session_path *m = mpq_session_member_of(s, ch);

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
	mpq_session_joined(m, msg->mark, "the concentrator let it in", now);
	m->control |= MPQ_SESSION_PROBE;
	return 0;
}

void mpq_session_end_current(struct mpq_session_path *m, const char *reason,
			     const char *told, mpq_time now)
{
	struct mpq_channel *ch = m->channel;

	if (ch != NULL) {
		leave(m, reason, now);
		mpq_channel_close(ch, told);
	}
}
