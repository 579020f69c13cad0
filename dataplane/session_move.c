/* SPDX-License-Identifier: Apache-2.0 */
/* What waits and is to go another way: its path is gone or too narrow, its flow
 * or its class is steered anew. */
#include "dataplane/session_private.h"

/* Another path has sent it, or is to: one that was in use all the time. */
static bool has_others(const struct mpq_session_path *m,
		       const struct mpq_packet *p)
{
	for (unsigned i = 0; p->copies > 1 && i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *o = &m->session->path[i];

		if (o != m && (p->copied_to >> i & 1) != 0 &&
		    o->state == MPQ_SESSION_USED && o->since <= p->enqueued) {
			return true;
		}
	}
	return false;
}

/* One of a redundant class has its number, also when it has no copy: else those
 * that come after it would be numbered first. Without any other path it waits
 * for this one, or, when that is gone, for whichever comes. */
static void steer_last(struct mpq_session_path *m, struct mpq_packet *p,
		       mpq_time now)
{
	struct mpq_session *s = m->session;
	int to = mpq_steer_repair(s->steer, p->class_id, m->index, p->len_bytes,
				  now);

	p->enqueued = now; /* the path waited, no queue did */
	if (to >= 0 && to != (int)m->index) {
		p->copies = 1;
		mpq_session_queue_own(&s->path[to], p, now);
	} else if (mpq_session_carries(m)) {
		mpq_session_queue_own(m, p, now);
	} else {
		p->copies = 1;
		mpq_session_queue_shared(s, p, now);
	}
}

/* Its number says how many wait elsewhere. */
static bool is_numbered(const struct mpq_session *s, const struct mpq_packet *p)
{
	return p->kind == MPQ_HEADER_COPY &&
	       (p->copies > 1 || mpq_session_is_redundant(s, p->class_id));
}

static void steer_numbered(struct mpq_session_path *m, struct mpq_packet *p,
			   mpq_time now)
{
	struct mpq_session *s = m->session;

	if (has_others(m, p)) {
		s->class[p->class_id].copies_gone++;
		mpq_packet_put(s->pool, p);
	} else {
		steer_last(m, p, now);
	}
}

void mpq_session_bring_flow(struct mpq_session *s, unsigned class_id,
			    uint32_t flow, struct mpq_session_path *to)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		if (m != to && mpq_fair_move_flow(&m->own[class_id], flow,
						  &to->own[class_id]) > 0) {
			mpq_session_tell_queue(m);
		}
	}
}

/* It goes with all that waits of its flow: as steering tells when it gives the
 * flow another path (mpq_session_move_flow), or here. */
static bool divert_flow(struct mpq_session_path *m, struct mpq_packet *p,
			mpq_time now)
{
	struct mpq_session *s = m->session;
	struct mpq_fair *own = &m->own[p->class_id];
	struct mpq_steer_choice choice;

	if (mpq_steer_pick_again(s->steer, p->class_id, p->flow, p->len_bytes,
				 now, &choice) != MPQ_STEER_SEND) {
		return false;
	}
	if (mpq_fair_peek(own, now) == p && choice.shared) {
		(void)mpq_fair_move_flow(own, p->flow, &s->shared[p->class_id]);
		mpq_session_tell_queue(m);
	} else if (mpq_fair_peek(own, now) == p) {
		mpq_session_bring_flow(s, p->class_id, p->flow,
				       &s->path[choice.path[0]]);
		mpq_session_tell_queue(&s->path[choice.path[0]]);
	}
	return mpq_fair_peek(own, now) != p;
}

bool mpq_session_divert_own(struct mpq_session_path *m, unsigned class_id,
			    mpq_time now)
{
	struct mpq_session *s = m->session;
	struct mpq_packet *p = mpq_fair_peek(&m->own[class_id], now);

	if (mpq_steer_fitting(s->steer, class_id, p->len_bytes) == 0) {
		return false;
	}
	if (!is_numbered(s, p)) {
		return divert_flow(m, p, now);
	}
	steer_numbered(m, mpq_fair_pop(&m->own[class_id], now), now);
	mpq_session_tell_queue(m);
	return true;
}

void mpq_session_empty(struct mpq_session_path *m, mpq_time now)
{
	struct mpq_session *s = m->session;

	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		struct mpq_packet *p, *next;

		mpq_session_empty_urgent(m, c, now);
		(void)mpq_fair_take_all(&m->own[c], &p);
		for (; p != NULL; p = next) {
			next = p->next;
			if (is_numbered(s, p)) {
				steer_numbered(m, p, now);
			} else {
				p->enqueued = now;
				mpq_session_steer(s, p, now);
			}
		}
	}
	mpq_session_tell_queue(m);
}

/* Numbered ones stay where they are, and are still sent from there: copies are
 * of no use elsewhere, and what was passed in a shared queue has its place
 * among what has left. */
static void take_unnumbered(struct mpq_fair *q, struct mpq_packet ***end)
{
	struct mpq_packet *p, *next;

	(void)mpq_fair_take_all(q, &p);
	for (; p != NULL; p = next) {
		next = p->next;
		if (p->kind == MPQ_HEADER_COPY) {
			(void)mpq_fair_put_back(q, p);
			continue;
		}
		p->next = NULL;
		**end = p;
		*end = &p->next;
	}
}

void mpq_session_steer_class(struct mpq_session *s, unsigned class_id,
			     mpq_time now)
{
	struct mpq_packet *first = NULL, **end = &first;

	take_unnumbered(&s->shared[class_id], &end);
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		take_unnumbered(&s->path[i].own[class_id], &end);
		mpq_session_tell_queue(&s->path[i]);
	}
	mpq_session_steer_all(s, first, now);
}

static void spread_flow(struct mpq_session *s, unsigned class_id, uint32_t flow)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		if (mpq_fair_move_flow(&m->own[class_id], flow,
				       &s->shared[class_id]) > 0) {
			mpq_session_tell_queue(m);
		}
	}
}

/* The class has another active path, or has one now. */
static void move_class(struct mpq_session *s, unsigned class_id, unsigned path)
{
	struct mpq_session_path *to = &s->path[path];

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		if (m != to && mpq_fair_move_all(&m->own[class_id],
						 &to->own[class_id]) > 0) {
			mpq_session_tell_queue(m);
		}
	}
	mpq_session_tell_queue(to);
}

/* Sequences are given as packets leave, so what waits behind would come behind.
 */
void mpq_session_move_flow(struct mpq_session *s,
			   const struct mpq_steer_event *e)
{
	if (e->kind == MPQ_STEER_ACTIVE) {
		move_class(s, e->class, (unsigned)__builtin_ctz(e->to));
		return;
	}
	if (e->flow == MPQ_STEER_NO_FLOW || e->to == 0) {
		return;
	}
	if (e->kind == MPQ_STEER_SPREAD) {
		spread_flow(s, e->class, e->flow);
	} else if (e->kind == MPQ_STEER_GATHERED) {
		struct mpq_session_path *m = &s->path[__builtin_ctz(e->to)];

		(void)mpq_fair_move_flow(&s->shared[e->class], e->flow,
					 &m->own[e->class]);
		mpq_session_tell_queue(m);
	} else if (e->kind == MPQ_STEER_PINNED && e->from != 0 &&
		   e->from != e->to) {
		struct mpq_session_path *from =
			&s->path[__builtin_ctz(e->from)];
		struct mpq_session_path *to = &s->path[__builtin_ctz(e->to)];

		(void)mpq_fair_move_flow(&from->own[e->class], e->flow,
					 &to->own[e->class]);
		mpq_session_tell_queue(from);
		mpq_session_tell_queue(to);
	}
}
