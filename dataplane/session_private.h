/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a session share; which does what is told in README.md. For
 * nobody else.
 */
#ifndef MPQ_DATAPLANE_SESSION_PRIVATE_H
#define MPQ_DATAPLANE_SESSION_PRIVATE_H

#include "dataplane/session.h"

/* Silent for so long, all paths end what the session carries. */
#define MPQ_SESSION_GONE (2 * MPQ_SECOND)
/* Of what costs a peer little and us much. */
#define MPQ_SESSION_BURST 32
/* Bytes of a usual one of a flow that fills a path: queues are as long in time,
 * whatever the packets' size. */
#define MPQ_SESSION_PACKET 1400
/* Priority from which a class cannot wait. */
#define MPQ_SESSION_GUARDED    6
#define MPQ_SESSION_TURN_BYTES 1500 /* of classes of the same priority */
/* One byte in 16 is of those that are passed, however much goes first: else a
 * class that fills the paths ends every connection of the others. */
#define MPQ_SESSION_BELOW 16
/* What has waited for longer is of no use. Without any path, one may come. */
#define MPQ_SESSION_AGE_DOWN (1 * MPQ_SECOND)

/* session.c: a member is told another state. */
void mpq_session_set_state(struct mpq_session_path *m,
			   enum mpq_session_member_state state,
			   const char *reason, mpq_time now);
/* The member has a fresh connection: nothing known of the old one holds. */
void mpq_session_fresh(struct mpq_session_path *m, struct mpq_channel *ch,
		       mpq_time now);
/* Forgets lanes, and what is under way: another session of the same tunnel. */
int mpq_session_restart(struct mpq_session *s, mpq_time now);
/* Up or down, by its members. */
void mpq_session_follow(struct mpq_session *s, const char *reason,
			mpq_time now);

/* .. or, of one that goes on: what is sent, and what comes, is of another
 * connection; what is known of the path's losses, and what waits, stays. */
void mpq_session_begin_sending(struct mpq_session_path *m,
			       struct mpq_channel *ch, mpq_time now);
void mpq_session_begin_receiving(struct mpq_session_path *m);

/* session_policy.c: takes over another policy; what was counted by name goes
 * on. */
void mpq_session_apply_policy(struct mpq_session *s,
			      const struct mpq_policy *policy, mpq_time now);
/* Client: our policy, to the peer. */
void mpq_session_tell_policy(struct mpq_session_path *m);
/* Server: SESSION_POLICY came from a member. 0; negative: it is malformed. */
int mpq_session_hear_policy(struct mpq_session *s, struct mpq_channel *ch,
			    const struct mpq_capsule *c, mpq_time now);
/* Server: another session, whose policies count from the beginning. The one in
 * force stays so until it tells its own. */
void mpq_session_forget_policy(struct mpq_session *s);

/* How long holes wait, by the paths as they are. */
void mpq_session_set_order(struct mpq_session *s);

/* MPQ_SESSION_BURST at once, then one an interval; false: too many. `credit`:
 * when all of it is there again. */
static inline bool mpq_session_spend(mpq_time *credit, mpq_duration interval,
				     mpq_time now)
{
	mpq_time from = *credit > now ? *credit : now;

	if (from - now > (MPQ_SESSION_BURST - 1) * interval) {
		return false;
	}
	*credit = from + interval;
	return true;
}

/* In which a request to join is answered. */
#define MPQ_SESSION_JOIN_IN (5 * MPQ_SECOND)
#define MPQ_SESSION_NO_ANSWER                                                  \
	"the concentrator does not answer the request for bonding: give the "  \
	"tunnel one path, or update it"

/* session_replace.c: a fresh connection asks, or was let in, beside the one
 * that carries; both ends agree on it; it is given up, or the one before is. */
bool mpq_session_is_replaceable(const struct mpq_session_path *m);
void mpq_session_set_next(struct mpq_session_path *m, struct mpq_channel *ch,
			  mpq_time now);
void mpq_session_agree_next(struct mpq_session_path *m, mpq_time now);
void mpq_session_drop_next(struct mpq_session_path *m, mpq_time now);
void mpq_session_drop_last(struct mpq_session_path *m);
/* The member has another connection, or none: a client's path ends the last
 * one when nothing comes by it any more, a server itself. */
void mpq_session_end_last(struct mpq_session_path *m);
void mpq_session_replace_turn(struct mpq_session *s, mpq_time now);
mpq_time mpq_session_replacement_due(const struct mpq_session_path *m);

#define MPQ_SESSION_NEWER       "a newer connection took over"
#define MPQ_SESSION_CANNOT_JOIN "the session cannot be joined"

/* session_let_in.c: what a client asks of a server. */
void mpq_session_opened(struct mpq_session *s, struct mpq_channel *ch,
			const struct mpq_join_message *msg, mpq_time now);
void mpq_session_joins(struct mpq_session *s, struct mpq_channel *ch,
		       const struct mpq_join_message *msg, mpq_time now);
/* All alike, whatever the reason. */
void mpq_session_refuse_join(struct mpq_session *s, struct mpq_channel *ch);

/* session_join.c */
/* The path whose connection this is, the next one or the last; or NULL. */
struct mpq_session_path *mpq_session_member_of(const struct mpq_session *s,
					       const struct mpq_channel *ch);
/* A capsule of `len` bytes; below 0: they could not be written, and that is
 * returned. */
int mpq_session_say(struct mpq_channel *ch, enum mpq_join_capsule type,
		    const uint8_t *value, int len);
int mpq_session_say_register(struct mpq_channel *ch, uint64_t context);
/* Client: what it asked for is granted. -EBADMSG: it did not ask. */
int mpq_session_accepted(struct mpq_session *s, struct mpq_channel *ch,
			 const struct mpq_join_message *msg, mpq_time now);
void mpq_session_joined(struct mpq_session_path *m,
			const uint8_t mark[MPQ_JOIN_MARK_BYTES],
			const char *reason, mpq_time now);
/* Ends the connection that is to replace the path's, or the path's; `told` to
 * the peer. Nothing where there is none. */
void mpq_session_end_next(struct mpq_session_path *m, const char *told,
			  mpq_time now);
void mpq_session_end_current(struct mpq_session_path *m, const char *reason,
			     const char *told, mpq_time now);
/* What is due of joining. */
void mpq_session_join_turn(struct mpq_session *s, mpq_time now);
/* Client: when another path opens in the place of the one that does; NEVER:
 * none does, or no other waits. */
mpq_time mpq_session_opening_due(const struct mpq_session *s);

/* session_view.c */
/* How many packets this path's queues hold, each. */
size_t mpq_session_queue_limit(const struct mpq_session_path *m, mpq_time now);
/* Its estimate is told what the connection shows, and what waits here. */
void mpq_session_view(struct mpq_session_path *m, mpq_time now);
void mpq_session_tell_queue(struct mpq_session_path *m);
/* The largest inner packet that it carries now. */
size_t mpq_session_max_packet(const struct mpq_session_path *m);

/* session_out.c */
/* Steers what waited, or had no way, once more. */
void mpq_session_steer(struct mpq_session *s, struct mpq_packet *p,
		       mpq_time now);
/* The same for a list of them, by `next`. */
void mpq_session_steer_all(struct mpq_session *s, struct mpq_packet *p,
			   mpq_time now);
/* Into a queue of its class: the path's own, or the one that paths share. What
 * has waited already keeps its age. */
void mpq_session_queue_own(struct mpq_session_path *m, struct mpq_packet *p,
			   mpq_time now);
void mpq_session_queue_shared(struct mpq_session *s, struct mpq_packet *p,
			      mpq_time now);
/* Its sender may want to know of this path: then the path is of more use. */
void mpq_session_tell_diverted(struct mpq_session_path *m,
			       const struct mpq_packet *p, mpq_time now);
/* The classes that no path may carry: what comes of them is kept. */
unsigned mpq_session_pathless(const struct mpq_session *s);
/* There is a path again: what was kept of these classes is steered anew. */
void mpq_session_steer_kept(struct mpq_session *s, unsigned classes,
			    mpq_time now);

/* session_move.c */
/* What waits for this path goes to others. */
void mpq_session_empty(struct mpq_session_path *m, mpq_time now);
/* The first of an own queue fits by others only: it goes by them, as does what
 * waits of its flow. false: it fits none, and stays. */
bool mpq_session_divert_own(struct mpq_session_path *m, unsigned class_id,
			    mpq_time now);
/* What waits of a flow at other paths goes by `to`, before one that comes. */
void mpq_session_bring_flow(struct mpq_session *s, unsigned class_id,
			    uint32_t flow, struct mpq_session_path *to);
/* A flow's way changes: what of it waits goes the new way, before what comes
 * now. */
void mpq_session_move_flow(struct mpq_session *s,
			   const struct mpq_steer_event *e);
/* A class is steered in another way: what of it waits, too. */
void mpq_session_steer_class(struct mpq_session *s, unsigned class_id,
			     mpq_time now);

/* session_again.c */
/* The next of a class to be sent again, of which there is one. */
struct mpq_repair_item mpq_session_pop_urgent(struct mpq_session_path *m,
					      unsigned class_id, mpq_time now);
/* It goes by another path, if it fits by others only; else it stays. */
bool mpq_session_divert_urgent(struct mpq_session_path *m, unsigned class_id,
			       mpq_time now);
void mpq_session_empty_urgent(struct mpq_session_path *m, unsigned class_id,
			      mpq_time now);
/* Those of a class whose deadline is over go, offered or not. */
void mpq_session_expire_urgent(struct mpq_session_path *m, unsigned class_id,
			       mpq_time now);
void mpq_session_send_repairs(struct mpq_session *s, mpq_time now);

/* session_turn.c: is any other one used? */
bool mpq_session_others_carry(const struct mpq_session_path *m);
/* session_limits.c: at each tick. What is too old goes. */
void mpq_session_limit_queues(struct mpq_session *s, mpq_time now);
/* session_renew.c: at each tick; would what is sent here gain by a renewal? */
void mpq_session_watch_windows(struct mpq_session *s, mpq_time now);
bool mpq_session_is_worn(const struct mpq_session_path *m, mpq_time now);

/* session_offer.c: something of this class waits that the path might send. */
bool mpq_session_class_waits(const struct mpq_session_path *m, unsigned c);
/* Those that are passed share what is left to them: of so many bytes that go
 * before them one is theirs. 0: none is passed. */
uint32_t mpq_session_share_below(const struct mpq_session_path *m);
/* session_taken.c: see struct mpq_channel_source. `owner`: a member. */
void mpq_session_taken(void *owner, uint64_t id, mpq_time now);
void mpq_session_too_big(void *owner, size_t limit_bytes, mpq_time now);

/* session_numbers.c */
/* Numbers begin anew: what waits has none, or another one, and what was to be
 * sent again was of the session before. */
void mpq_session_begin_numbers(struct mpq_session *s, mpq_time now);
/* Takes all that waits of a class: what is numbered in its order, one packet of
 * each number, then the rest. Of what has left by one path nothing is left: it
 * would be delivered twice. */
struct mpq_packet *mpq_session_take_class(struct mpq_session *s, unsigned c);
/* One of these, of class c now, into the queue in which it was. */
void mpq_session_put_class(struct mpq_session *s, unsigned c,
			   struct mpq_packet *p);
/* It is the only one of its number, and has none any more. */
void mpq_session_unnumber(struct mpq_packet *p);

/* session_parity.c: parities of what a path carries, while it loses. */
void mpq_session_parity_begin(struct mpq_session_path *m);
/* A datagram left, with the header on offer; NULL: it has no place in a lane.
 */
void mpq_session_parity_left(struct mpq_session_path *m,
			     const struct mpq_packet *p);
/* One that is due, before anything else; or one for which there is room. */
bool mpq_session_parity_offer(struct mpq_session_path *m, bool due,
			      struct mpq_channel_offer *ret, mpq_time now);
void mpq_session_parity_taken(struct mpq_session_path *m, uint64_t id,
			      mpq_time now);
bool mpq_session_parity_waits(const struct mpq_session_path *m);
/* A datagram of another kind came, a parity came: no more of these are solved
 * for than one who keeps to the wire's limits sends. */
void mpq_session_parity_take(struct mpq_session_path *m,
			     const struct mpq_header *h, const uint8_t *data,
			     size_t len);
void mpq_session_parity_solve(struct mpq_session_path *m,
			      const struct mpq_header *h, const uint8_t *data,
			      size_t len);

/* session_in.c */
extern const struct mpq_channel_member mpq_session_member;
extern const struct mpq_channel_member mpq_session_successor;
extern const struct mpq_channel_member mpq_session_predecessor;
void mpq_session_send_reports(struct mpq_session *s, mpq_time now);
extern const struct mpq_order_events mpq_session_order_events;

static inline void mpq_session_touch(const struct mpq_session *s)
{
	if (s->events->touched != NULL) {
		s->events->touched(s->owner);
	}
}

/* Buffers are: what is left of them is for what arrives, and for other tunnels.
 */
static inline bool mpq_session_is_short(const struct mpq_session *s)
{
	return s->pool->free_pkts < s->pool->size_pkts / 8;
}

static inline bool mpq_session_carries(const struct mpq_session_path *m)
{
	return m->state == MPQ_SESSION_USED || m->state == MPQ_SESSION_SILENT;
}

/* What goes first is kept off hand-overs that come by the clock, and off
 * queues. */
static inline bool mpq_session_is_guarded(const struct mpq_session *s,
					  unsigned class_id)
{
	return s->policy.class[class_id].priority >= MPQ_SESSION_GUARDED;
}

static inline bool mpq_session_is_redundant(const struct mpq_session *s,
					    unsigned class_id)
{
	return s->policy.class[class_id].steer.mode == MPQ_STEER_REDUNDANT;
}

static inline uint8_t mpq_session_lane(uint32_t flow)
{
	return (uint8_t)flow;
}

/* The next of its lane. */
static inline void mpq_session_give_number(struct mpq_session *s,
					   struct mpq_packet *p)
{
	uint32_t *next = &s->sequence[p->class_id][mpq_session_lane(p->flow)];

	p->sequence = (*next)++ & MPQ_HEADER_MASK24;
}

static inline bool mpq_session_is_member(const struct mpq_session_path *m)
{
	return m->state >= MPQ_SESSION_JOINED;
}

#endif
