/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out, up to their queues: steered, and copied. */
#include "dataplane/session_private.h"

#include <string.h>

#define TELL_EACH (10 * MPQ_MILLISECOND) /* a path: others have their limit */

static void into(struct mpq_fair *q, struct mpq_packet *p, mpq_time now)
{
	if (p->enqueued == MPQ_TIME_NEVER) {
		(void)mpq_fair_push(q, p, now);
	} else {
		(void)mpq_fair_put_back(q, p);
	}
}

void mpq_session_queue_own(struct mpq_session_path *m, struct mpq_packet *p,
			   mpq_time now)
{
	into(&m->own[p->class_id], p, now);
	mpq_session_tell_queue(m);
}

void mpq_session_queue_shared(struct mpq_session *s, struct mpq_packet *p,
			      mpq_time now)
{
	into(&s->shared[p->class_id], p, now);
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
		mpq_session_queue_own(&s->path[choice->path[i + 1]], copy[i],
				      now);
	}
	mpq_session_queue_own(&s->path[choice->path[0]], p, now);
}

static void steer_kept(struct mpq_session *s, unsigned class_id, mpq_time now);

static void into_queues(struct mpq_session *s, struct mpq_packet *p,
			const struct mpq_steer_choice *choice, mpq_time now)
{
	if (choice->shared) {
		mpq_session_queue_shared(s, p, now);
	} else if (mpq_session_is_redundant(s, p->class_id) &&
		   p->kind != MPQ_HEADER_COPY) {
		steer_kept(s, p->class_id, now); /* it came before */
		into_many(s, p, choice, now);
	} else {
		if (choice->diverted &&
		    !mpq_session_is_redundant(s, p->class_id)) {
			mpq_session_bring_flow(s, p->class_id, p->flow,
					       &s->path[choice->path[0]]);
		}
		mpq_session_queue_own(&s->path[choice->path[0]], p, now);
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
		mpq_session_queue_shared(s, p, now);
	} else {
		c->over_rate++;
		mpq_packet_put(s->pool, p);
	}
}

void mpq_session_steer(struct mpq_session *s, struct mpq_packet *p,
		       mpq_time now)
{
	struct mpq_steer_choice choice;
	int r = mpq_steer_pick_again(s->steer, p->class_id, p->flow,
				     p->len_bytes, now, &choice);

	queue(s, p, r, &choice, now);
}

void mpq_session_steer_all(struct mpq_session *s, struct mpq_packet *p,
			   mpq_time now)
{
	struct mpq_packet *next;

	for (; p != NULL; p = next) {
		next = p->next;
		mpq_session_steer(s, p, now);
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
	mpq_session_steer_all(s, first, now);
}

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
