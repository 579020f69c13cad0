/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out: what a channel took of what was offered, and who has paid for it
 * with his turn. */
#include "dataplane/session_private.h"

#include <assert.h>

#define PASSED_MAX_BYTES                                                       \
	(MPQ_SESSION_CLASSES * MPQ_SESSION_BELOW * MPQ_SESSION_TURN_BYTES)

/* A class that had its turn goes behind those that are as high. */
static void count_turn(struct mpq_session *s, unsigned c, size_t len_bytes)
{
	size_t i = 0, last = s->policy.n_classes - 1u;

	s->turn_bytes[c] += (uint32_t)len_bytes;
	if (s->turn_bytes[c] < MPQ_SESSION_TURN_BYTES) {
		return;
	}
	s->turn_bytes[c] -= MPQ_SESSION_TURN_BYTES;
	while (i < last && s->by_priority[i] != c) {
		i++;
	}
	if (s->by_priority[i] != c) {
		return; /* it is no more */
	}
	for (; i < last && s->policy.class[s->by_priority[i + 1]].priority ==
				   s->policy.class[c].priority;
	     i++) {
		s->by_priority[i] = s->by_priority[i + 1];
	}
	s->by_priority[i] = (uint8_t)c;
}

/* By no more than a turn: what a path does not take is no debt of it. */
static void count_flow(struct mpq_session_path *m, unsigned c,
		       uint32_t len_bytes)
{
	const int32_t most = MPQ_FAIR_QUANTUM_BYTES * MPQ_SESSION_PART;
	bool own = m->offer.what == MPQ_SESSION_OFFER_OWN;
	unsigned flows = own ? m->own[c].flows : m->session->shared[c].flows;
	int32_t part = (int32_t)(len_bytes * MPQ_SESSION_PART /
				 (flows > 0 ? flows : 1));

	m->ahead[c] += own ? part : -part;
	m->ahead[c] = m->ahead[c] > most    ? most
		      : m->ahead[c] < -most ? -most
					    : m->ahead[c];
}

/* What waits below a packet that goes has been passed by it. */
static void count_passed(struct mpq_session_path *m, unsigned class_id,
			 uint32_t len_bytes)
{
	const struct mpq_policy_class *class = m->session->policy.class;
	uint32_t paid = mpq_session_share_below(m) * len_bytes;

	m->passed[class_id] -=
		paid < m->passed[class_id] ? paid : m->passed[class_id];
	for (unsigned c = 0; c < m->session->policy.n_classes; c++) {
		if (class[c].priority >= class[class_id].priority) {
			continue;
		}
		if (!mpq_session_class_waits(m, c)) {
			m->passed[c] = 0;
		} else if (m->passed[c] < PASSED_MAX_BYTES) {
			m->passed[c] += len_bytes;
		}
	}
}

/* Where it is alone, it meets no queue but its own. */
static void note_guarded(struct mpq_session_path *m, unsigned class_id,
			 mpq_time now)
{
	const struct mpq_session *s = m->session;

	for (unsigned c = 0; c < s->policy.n_classes; c++) {
		if (mpq_session_is_guarded(s, class_id) && m->passed[c] > 0 &&
		    s->policy.class[c].priority <
			    s->policy.class[class_id].priority) {
			m->guarded = now;
		}
	}
}

/* Takes the packet on offer out of its queue. */
static struct mpq_packet *take(struct mpq_session_path *m,
			       struct mpq_repair_item *ret_item, mpq_time now)
{
	struct mpq_session *s = m->session;
	unsigned c = m->offer.class_id;
	struct mpq_packet *p = m->offer.packet;

	*ret_item = (struct mpq_repair_item){
		.packet = p,
		.class = (uint8_t)c,
		.len_bytes = p->len_bytes,
		.deadline = now + s->policy.class[c].repair_deadline,
	};
	switch (m->offer.what) {
	case MPQ_SESSION_OFFER_URGENT:
		*ret_item = mpq_session_pop_urgent(m, c, now);
		return p;
	case MPQ_SESSION_OFFER_SHARED:
		p = mpq_fair_pop(&s->shared[c], now);
		mpq_steer_pulled(s->steer, c, m->index, p->len_bytes, now);
		return p;
	case MPQ_SESSION_OFFER_BEHIND:
		p = mpq_fair_pop_behind(&s->shared[c], now);
		assert(p == m->offer.packet);
		mpq_steer_pulled(s->steer, c, m->index, p->len_bytes, now);
		return p;
	default:
		return mpq_fair_pop(&m->own[c], now);
	}
}

static bool is_kept(const struct mpq_session_path *m,
		    const struct mpq_packet *p)
{
	const struct mpq_session *s = m->session;

	return p->copies <= 1 &&
	       s->policy.class[p->class_id].repair_deadline > 0;
}

static void keep_for_repair(struct mpq_session_path *m, uint64_t id,
			    struct mpq_packet *p, struct mpq_repair_item *item)
{
	struct mpq_session *s = m->session;

	if (!is_kept(m, p)) {
		mpq_packet_put(s->pool, p);
		return;
	}
	if (mpq_session_is_short(s)) {
		s->counters.unrepaired++;
		mpq_packet_put(s->pool, p);
		return;
	}
	mpq_repair_sent(s->repair, m->index, id, item);
}

static void packet_taken(struct mpq_session_path *m, uint64_t id, mpq_time now)
{
	struct mpq_session *s = m->session;
	struct mpq_repair_item item;
	struct mpq_packet *p = take(m, &item, now);

	if (p->kind == MPQ_HEADER_DATA) {
		mpq_session_give_number(s, p);
	}
	mpq_session_parity_left(m, p);
	count_turn(s, p->class_id, p->len_bytes);
	m->again = m->offer.what == MPQ_SESSION_OFFER_URGENT;
	if (!m->again) {
		count_flow(m, p->class_id, p->len_bytes);
	}
	count_passed(m, p->class_id, p->len_bytes);
	note_guarded(m, p->class_id, now);
	m->packets_out++;
	m->bytes_out += p->len_bytes;
	if (p->kind == MPQ_HEADER_REPAIR) {
		m->repaired++;
		s->class[p->class_id].repaired++;
	} else {
		p->kind = MPQ_HEADER_REPAIR; /* should it go once more */
	}
	mpq_session_tell_queue(m);
	mpq_estimate_sent(&m->estimate, id, p->len_bytes, now);
	keep_for_repair(m, id, p, &item);
}

void mpq_session_taken(void *owner, uint64_t id, mpq_time now)
{
	struct mpq_session_path *m = owner;

	m->path_sequence++;
	m->sent = now;
	if (m->offer.what == MPQ_SESSION_OFFER_PARITY) {
		mpq_session_parity_taken(m, id, now);
		return;
	}
	if (m->offer.what != MPQ_SESSION_OFFER_CONTROL) {
		packet_taken(m, id, now);
		return;
	}
	mpq_session_parity_left(m, NULL);
	m->control &= ~m->offer.control;
	if (m->offer.control == MPQ_SESSION_REPORT) {
		m->session->report_number++;
		m->session->counters.reports_out++;
	} else if (m->offer.control == MPQ_SESSION_PROBE) {
		m->session->counters.probes_out++;
		m->probes++;
	}
	mpq_session_tell_queue(m);
	mpq_estimate_sent(&m->estimate, id, MPQ_HEADER_BYTES, now);
}

void mpq_session_too_big(void *owner, size_t limit, mpq_time now)
{
	struct mpq_session_path *m = owner;
	struct mpq_session *s = m->session;
	struct mpq_repair_item item;
	struct mpq_packet *p;

	if (m->offer.what == MPQ_SESSION_OFFER_CONTROL) {
		m->control &= ~m->offer.control;
		return;
	}
	if (m->offer.what == MPQ_SESSION_OFFER_PARITY) {
		mpq_parity_sent(&m->parity.out);
		return;
	}
	if ((m->offer.what == MPQ_SESSION_OFFER_OWN &&
	     mpq_session_divert_own(m, m->offer.class_id, now)) ||
	    (m->offer.what == MPQ_SESSION_OFFER_URGENT &&
	     mpq_session_divert_urgent(m, m->offer.class_id, now))) {
		return;
	}
	p = take(m, &item, now);
	s->class[p->class_id].too_big++;
	s->events->too_big(s->owner, p, limit);
	mpq_packet_put(s->pool, p);
}
