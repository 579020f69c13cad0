/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that were lost and go once more: to the queue of which path. */
#include "dataplane/session_private.h"

static bool push_urgent(struct mpq_session_path *m,
			const struct mpq_repair_item *item, mpq_time now)
{
	struct mpq_packet *p = item->packet;

	if (m->urgent_pkts == MPQ_SESSION_URGENT) {
		return false;
	}
	p->path = item->path;
	p->tries = item->tries;
	p->losses = item->losses;
	p->order = item->order;
	p->deadline = item->deadline;
	m->urgent_pkts++;
	m->urgent_bytes += p->len_bytes;
	(void)mpq_fair_push(&m->urgent[item->class], p, now);
	mpq_session_tell_queue(m);
	return true;
}

struct mpq_repair_item mpq_session_pop_urgent(struct mpq_session_path *m,
					      unsigned class_id, mpq_time now)
{
	struct mpq_packet *p = mpq_fair_pop(&m->urgent[class_id], now);

	m->urgent_pkts--;
	m->urgent_bytes -= p->len_bytes;
	return (struct mpq_repair_item){
		.packet = p,
		.path = p->path,
		.class = (uint8_t)class_id,
		.tries = p->tries,
		.losses = p->losses,
		.len_bytes = p->len_bytes,
		.order = p->order,
		.deadline = p->deadline,
	};
}

void mpq_session_expire_urgent(struct mpq_session_path *m, unsigned c,
			       mpq_time now)
{
	for (size_t n = m->urgent[c].pkts; n > 0; n--) {
		struct mpq_repair_item item = mpq_session_pop_urgent(m, c, now);

		if (now <= item.deadline) {
			(void)push_urgent(m, &item, now);
			continue;
		}
		m->session->class[c].expired++;
		mpq_packet_put(m->session->pool, item.packet);
	}
}

static void redirect(struct mpq_session *s, const struct mpq_repair_item *item,
		     mpq_time now)
{
	struct mpq_packet *p = item->packet;
	int to = mpq_steer_repair(s->steer, item->class, item->path,
				  item->len_bytes, now);

	if (to < 0 || !push_urgent(&s->path[to], item, now)) {
		s->class[item->class].expired++;
		mpq_packet_put(s->pool, p);
	}
}

bool mpq_session_divert_urgent(struct mpq_session_path *m, unsigned class_id,
			       mpq_time now)
{
	struct mpq_session *s = m->session;
	const struct mpq_packet *p = mpq_fair_peek(&m->urgent[class_id], now);
	struct mpq_repair_item item;

	if (mpq_steer_fitting(s->steer, class_id, p->len_bytes) == 0) {
		return false;
	}
	item = mpq_session_pop_urgent(m, class_id, now);
	redirect(s, &item, now);
	return true;
}

void mpq_session_send_repairs(struct mpq_session *s, mpq_time now)
{
	struct mpq_repair_item item;

	while (mpq_repair_next(s->repair, now, &item)) {
		redirect(s, &item, now);
	}
}

void mpq_session_empty_urgent(struct mpq_session_path *m, unsigned c,
			      mpq_time now)
{
	size_t n = m->urgent[c].pkts; /* some may come back */

	for (; n > 0; n--) {
		struct mpq_repair_item item = mpq_session_pop_urgent(m, c, now);

		item.path = m->index;
		redirect(m->session, &item, now);
	}
}
