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

bool mpq_session_unnumber(struct mpq_session *s, struct mpq_packet *p)
{
	if (p->kind == MPQ_HEADER_COPY && p->copies > 1) {
		s->class[p->class_id].copies_gone++;
		mpq_packet_put(s->pool, p);
		return false;
	}
	p->kind = MPQ_HEADER_DATA;
	p->copies = 0;
	return true;
}

static void unnumber_all(struct mpq_session *s, struct mpq_fair *q)
{
	struct mpq_packet *p, *next;

	(void)mpq_fair_take_all(q, &p);
	for (; p != NULL; p = next) {
		next = p->next;
		if (mpq_session_unnumber(s, p)) {
			(void)mpq_fair_put_back(q, p);
		}
	}
}

/* Before the first of its lane that comes after it. */
static void sort_in(struct mpq_packet **list, struct mpq_packet *p)
{
	uint8_t lane = mpq_session_lane(p->flow);
	struct mpq_packet *other;

	while ((other = *list) != NULL &&
	       (mpq_session_lane(other->flow) != lane ||
		mpq_header_distance24(other->sequence, p->sequence) <= 0)) {
		list = &other->next;
	}
	p->next = other;
	*list = p;
}

/* The only ones of their number, by it; the queues keep what has none. */
static struct mpq_packet *take_numbered(struct mpq_session *s, unsigned c)
{
	struct mpq_packet *sorted = NULL, *p, *next;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		(void)mpq_fair_take_all(&s->path[i].own[c], &p);
		for (; p != NULL; p = next) {
			next = p->next;
			if (p->kind == MPQ_HEADER_COPY && p->copies <= 1) {
				p->path = (uint8_t)i;
				sort_in(&sorted, p);
			} else if (mpq_session_unnumber(s, p)) {
				(void)mpq_fair_put_back(&s->path[i].own[c], p);
			}
		}
	}
	return sorted;
}

/* Numbered as they leave, what waits for several paths would be so in another
 * order. */
static void renumber_own(struct mpq_session *s, unsigned c)
{
	struct mpq_packet *p = take_numbered(s, c), *next;

	for (; p != NULL; p = next) {
		next = p->next;
		mpq_session_give_number(s, p);
		(void)mpq_fair_put_back(&s->path[p->path].own[c], p);
	}
}

void mpq_session_begin_numbers(struct mpq_session *s, mpq_time now)
{
	memset(s->sequence, 0, sizeof(s->sequence));
	for (unsigned c = 0; c < MPQ_SESSION_CLASSES; c++) {
		unnumber_all(s, &s->shared[c]);
		renumber_own(s, c);
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
