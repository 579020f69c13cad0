/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out, up to their queues: steered, moved. */
#include "dataplane/session_private.h"

#include <string.h>

#define TELL_EACH (10 * MPQ_MILLISECOND) /* a path: others have their limit */

/* ---- into queues --------------------------------------------------------- */

/* What has waited already keeps its age. */
static void into(struct mpq_fair *q, struct mpq_packet *p, mpq_time now)
{
	if (p->enqueued == MPQ_TIME_NEVER) {
		(void)mpq_fair_push(q, p, now);
	} else {
		(void)mpq_fair_put_back(q, p);
	}
}

static void into_own(struct mpq_session_path *m, struct mpq_packet *p,
		     mpq_time now)
{
	into(&m->own[p->class_id], p, now);
	mpq_session_tell_queue(m);
}

static void copy_packet(struct mpq_packet *copy, const struct mpq_packet *p)
{
	copy->enqueued = p->enqueued;
	copy->class_id = p->class_id;
	copy->kind = p->kind;
	copy->copies = p->copies;
	copy->copied_to = p->copied_to;
	copy->flow = p->flow;
	copy->sequence = p->sequence;
	copy->len_bytes = p->len_bytes;
	memcpy(copy->data, p->data, p->len_bytes);
}

/* As many as there are buffers for. */
static unsigned get_copies(struct mpq_session *s, unsigned class_id,
			   unsigned wanted,
			   struct mpq_packet *ret[MPQ_STEER_PATHS])
{
	unsigned n = 0;

	while (n < wanted && !mpq_session_is_short(s) &&
	       (ret[n] = mpq_packet_get(s->pool)) != NULL) {
		n++;
	}
	s->class[class_id].copies_unmade += wanted - n;
	return n;
}

/* Copies are one packet of the order, so the number is given here. What shares
 * a lane then waits as one flow: a queue that is fair to flows would change
 * their order, and what a path brings later would no more show what it lost. */
static void into_many(struct mpq_session *s, struct mpq_packet *p,
		      const struct mpq_steer_choice *choice, mpq_time now)
{
	struct mpq_packet *copy[MPQ_STEER_PATHS];
	unsigned n = get_copies(s, p->class_id, choice->n - 1u, copy);

	p->kind = MPQ_HEADER_COPY;
	p->flow = mpq_session_lane(p->flow);
	p->copies = (uint8_t)(n + 1);
	p->copied_to = 0;
	for (unsigned i = 0; i <= n; i++) {
		p->copied_to |= (uint8_t)(1u << choice->path[i]);
	}
	mpq_session_give_number(s, p);
	for (unsigned i = 0; i < n; i++) {
		copy_packet(copy[i], p);
		into_own(&s->path[choice->path[i + 1]], copy[i], now);
	}
	into_own(&s->path[choice->path[0]], p, now);
}

static bool is_redundant(const struct mpq_session *s, unsigned class_id)
{
	return s->policy.class[class_id].steer.mode == MPQ_STEER_REDUNDANT;
}

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
		into_own(&s->path[to], p, now);
	} else if (mpq_session_carries(m)) {
		into_own(m, p, now);
	} else {
		p->copies = 1;
		into(&s->shared[p->class_id], p, now);
	}
}

/* Its number says how many wait elsewhere. */
static bool is_numbered(const struct mpq_session *s, const struct mpq_packet *p)
{
	return p->kind == MPQ_HEADER_COPY &&
	       (p->copies > 1 || is_redundant(s, p->class_id));
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

static void steer_kept(struct mpq_session *s, unsigned class_id, mpq_time now);

/* What waits of the flow goes with one that is diverted, before it. */
static void bring_flow(struct mpq_session *s, unsigned class_id, uint32_t flow,
		       struct mpq_session_path *to)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		if (m != to && mpq_fair_move_flow(&m->own[class_id], flow,
						  &to->own[class_id]) > 0) {
			mpq_session_tell_queue(m);
		}
	}
}

static void into_queues(struct mpq_session *s, struct mpq_packet *p,
			const struct mpq_steer_choice *choice, mpq_time now)
{
	if (choice->shared) {
		into(&s->shared[p->class_id], p, now);
	} else if (is_redundant(s, p->class_id) && p->kind != MPQ_HEADER_COPY) {
		steer_kept(s, p->class_id, now); /* it came before */
		into_many(s, p, choice, now);
	} else {
		if (choice->diverted && !is_redundant(s, p->class_id)) {
			bring_flow(s, p->class_id, p->flow,
				   &s->path[choice->path[0]]);
		}
		into_own(&s->path[choice->path[0]], p, now);
	}
}

/* What the widest path carries is told. */
static void drop_too_large(struct mpq_session *s, struct mpq_packet *p)
{
	size_t most = 0;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *m = &s->path[i];
		size_t bytes = m->estimate.view.max_bytes;

		if (m->state == MPQ_SESSION_USED && bytes > most) {
			most = bytes;
		}
	}
	s->class[p->class_id].too_big++;
	s->events->too_big(s->owner, p, most);
	mpq_packet_put(s->pool, p);
}

/* Without a path it is kept for a while: one may come back. */
static void queue(struct mpq_session *s, struct mpq_packet *p, int result,
		  const struct mpq_steer_choice *choice, mpq_time now)
{
	struct mpq_session_class_counters *c = &s->class[p->class_id];

	if (result == MPQ_STEER_SEND && choice->too_large) {
		drop_too_large(s, p);
	} else if (result == MPQ_STEER_SEND) {
		into_queues(s, p, choice, now);
	} else if (result == MPQ_STEER_NO_PATH) {
		into(&s->shared[p->class_id], p, now);
	} else {
		c->over_rate++;
		mpq_packet_put(s->pool, p);
	}
}

static void steer_again(struct mpq_session *s, struct mpq_packet *p,
			mpq_time now)
{
	struct mpq_steer_choice choice;
	int r = mpq_steer_pick_again(s->steer, p->class_id, p->flow,
				     p->len_bytes, now, &choice);

	queue(s, p, r, &choice, now);
}

static void steer_all(struct mpq_session *s, struct mpq_packet *p, mpq_time now)
{
	struct mpq_packet *next;

	for (; p != NULL; p = next) {
		next = p->next;
		steer_again(s, p, now);
	}
}

/* There is a path again: what was kept is steered anew. Without one it was in
 * no queue. */
static void steer_kept(struct mpq_session *s, unsigned class_id, mpq_time now)
{
	struct mpq_packet *first, *p;

	(void)mpq_fair_take_all(&s->shared[class_id], &first);
	for (p = first; p != NULL; p = p->next) {
		p->enqueued = now;
	}
	steer_all(s, first, now);
}

/* ---- too large for a path ------------------------------------------------ */

/* Who sends gets to know what that path carries. */
static void tell_diverted(struct mpq_session *s, const struct mpq_packet *p,
			  mpq_time now)
{
	unsigned c = p->class_id;
	mpq_steer_set narrow = mpq_steer_may_take(s->steer, c) &
			       ~mpq_steer_fitting(s->steer, c, p->len_bytes);

	if (narrow != 0) {
		mpq_session_tell_diverted(&s->path[__builtin_ctz(narrow)], p,
					  now);
	}
}

void mpq_session_tell_diverted(struct mpq_session_path *m,
			       const struct mpq_packet *p, mpq_time now)
{
	const struct mpq_session *s = m->session;

	if (s->events->diverted != NULL &&
	    mpq_time_elapsed(m->narrow, now) >= TELL_EACH) {
		m->narrow = now;
		s->events->diverted(s->owner, p, mpq_session_max_packet(m));
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
		bring_flow(s, p->class_id, p->flow, &s->path[choice.path[0]]);
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

void mpq_session_send(struct mpq_session *s, struct mpq_packet *p,
		      const struct mpq_ip *ip, mpq_time now)
{
	struct mpq_steer_choice choice;
	int r;

	mpq_session_touch(s);
	p->class_id = mpq_classify(&s->policy.classify, ip);
	p->flow = mpq_classify_flow(ip, s->seed);
	p->kind = MPQ_HEADER_DATA;
	p->copies = 0;
	p->enqueued = MPQ_TIME_NEVER;
	s->data_out = now;
	r = mpq_steer_pick(s->steer, p->class_id, p->flow, p->len_bytes, now,
			   &choice);
	if (r != MPQ_STEER_OVER_RATE) {
		s->class[p->class_id].packets_out++;
		s->class[p->class_id].bytes_out += p->len_bytes;
	}
	if (r == MPQ_STEER_SEND && choice.diverted) {
		tell_diverted(s, p, now);
	}
	queue(s, p, r, &choice, now);
}

size_t mpq_session_queued(const struct mpq_session *s)
{
	size_t pkts = 0;

	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		pkts += s->shared[c].pkts;
		for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
			pkts += s->path[i].own[c].pkts;
		}
	}
	return pkts;
}

unsigned mpq_session_pathless(const struct mpq_session *s)
{
	unsigned set = 0;

	for (unsigned c = 0; c < s->policy.n_classes; c++) {
		set |= (unsigned)(mpq_steer_may_take(s->steer, c) == 0) << c;
	}
	return set;
}

void mpq_session_steer_kept(struct mpq_session *s, unsigned classes,
			    mpq_time now)
{
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		if ((classes >> c & 1) != 0) {
			steer_kept(s, c, now);
		}
	}
}

/* ---- elsewhere ----------------------------------------------------------- */

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
				steer_again(s, p, now);
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
	steer_all(s, first, now);
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

/* Sequences are given as packets leave, so what waits behind would come behind:
 * 352 packets, by up to 899, when a flow that filled its path was spread. */
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
