/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that what waits has, when they are to be of no use any more. */
#include "dataplane/session_private.h"

#include <string.h>

static void drop_urgent(struct mpq_session_path *m, unsigned c, mpq_time now)
{
	struct mpq_session *s = m->session;

	while (m->urgent[c].pkts > 0) {
		s->class[c].expired++;
		mpq_packet_put(s->pool,
			       mpq_session_pop_urgent(m, c, now).packet);
	}
}

void mpq_session_unnumber(struct mpq_packet *p)
{
	p->kind = MPQ_HEADER_DATA;
	p->copies = 0;
}

/* ---- all that waits of a class ------------------------------------------- */

struct list {
	struct mpq_packet *first, **end;
};

static void append(struct list *l, struct mpq_packet *p)
{
	p->next = NULL;
	*l->end = p;
	l->end = &p->next;
}

static bool is_after(const struct mpq_packet *p, const struct mpq_packet *q)
{
	return mpq_header_distance24(p->sequence, q->sequence) > 0;
}

/* Behind the one that was put there before, as a rule. */
static void sort_in(struct mpq_packet **lane, struct mpq_packet **before,
		    struct mpq_packet *p)
{
	if (*before != NULL && !is_after(*before, p)) {
		lane = &(*before)->next;
	}
	while (*lane != NULL && !is_after(*lane, p)) {
		lane = &(*lane)->next;
	}
	p->next = *lane;
	*lane = p;
	*before = p;
}

static struct mpq_fair *queue_of(struct mpq_session *s, unsigned c, unsigned i)
{
	return i < MPQ_SESSION_PATHS ? &s->path[i].own[c] : &s->shared[c];
}

/* A list for each lane of what is numbered, and one of the rest. */
static void sort_all(struct mpq_session *s, unsigned c,
		     struct mpq_packet *ret_lane[MPQ_HEADER_LANES],
		     struct list *ret_rest)
{
	struct mpq_packet *before[MPQ_HEADER_LANES] = {NULL}, *p, *next;

	for (unsigned i = 0; i <= MPQ_SESSION_PATHS; i++) {
		(void)mpq_fair_take_all(queue_of(s, c, i), &p);
		for (; p != NULL; p = next) {
			uint8_t lane = mpq_session_lane(p->flow);

			next = p->next;
			p->path = (uint8_t)i;
			if (p->kind == MPQ_HEADER_COPY) {
				sort_in(&ret_lane[lane], &before[lane], p);
			} else {
				append(ret_rest, p);
			}
		}
	}
}

/* All copies of the first one's number are here: then one of them is kept. What
 * follows them. */
static struct mpq_packet *keep_one(struct mpq_session *s, struct mpq_packet *p,
				   struct list *kept)
{
	struct mpq_packet *last = p, *next;
	unsigned n = 1, copies = p->copies;

	for (; last->next != NULL && last->next->sequence == p->sequence; n++) {
		last = last->next;
		copies = last->copies < copies ? last->copies : copies;
	}
	last = last->next;
	if (n >= copies) {
		next = p->next;
		append(kept, p);
		p = next;
	}
	for (; p != last; p = next) {
		next = p->next;
		s->class[p->class_id].copies_gone++;
		mpq_packet_put(s->pool, p);
	}
	return last;
}

struct mpq_packet *mpq_session_take_class(struct mpq_session *s, unsigned c)
{
	struct mpq_packet *lane[MPQ_HEADER_LANES] = {NULL};
	struct list kept = {NULL, &kept.first}, rest = {NULL, &rest.first};

	sort_all(s, c, lane, &rest);
	for (unsigned i = 0; i < MPQ_HEADER_LANES; i++) {
		while (lane[i] != NULL) {
			lane[i] = keep_one(s, lane[i], &kept);
		}
	}
	*kept.end = rest.first;
	return kept.first;
}

/* ---- anew ---------------------------------------------------------------- */

void mpq_session_put_class(struct mpq_session *s, unsigned c,
			   struct mpq_packet *p)
{
	(void)mpq_fair_put_back(queue_of(s, c, p->path), p);
}

/* Numbered as they leave, those that wait in several queues would be so in
 * another order. What has overtaken them may have left: that goes before them
 * for good, as numbers of two sessions know no order. */
static void renumber(struct mpq_session *s, unsigned c)
{
	struct mpq_packet *p = mpq_session_take_class(s, c), *next;

	for (; p != NULL; p = next) {
		next = p->next;
		if (p->kind == MPQ_HEADER_COPY) {
			mpq_session_give_number(s, p);
			p->copies = 1;
		}
		mpq_session_put_class(s, c, p);
	}
}

void mpq_session_begin_numbers(struct mpq_session *s, mpq_time now)
{
	memset(s->sequence, 0, sizeof(s->sequence));
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		renumber(s, c);
	}
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
			drop_urgent(m, c, now);
		}
		if (m->channel != NULL) {
			mpq_session_tell_queue(m);
		}
	}
}
