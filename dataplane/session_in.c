/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams in: from a channel to the order, and what the peer says of ours. */
#include "dataplane/session_private.h"

#include <string.h>

/* A peer that asks more often is not answered (bond/README.md §4). */
#define ANSWER_INTERVAL (10 * MPQ_MILLISECOND)
#define REPORT_INTERVAL (100 * MPQ_MILLISECOND)

/* ---- order's packets ----------------------------------------------------- */

static void on_deliver(void *user, void *packet, bool late)
{
	struct mpq_session *s = user;
	struct mpq_packet *p = packet;

	(void)late;
	s->events->deliver(s->owner, p->data, p->len_bytes);
	mpq_packet_put(s->pool, p);
}

static void on_drop(void *user, void *packet, enum mpq_order_drop why)
{
	struct mpq_session *s = user;

	(void)why; /* order counts */
	mpq_packet_put(s->pool, packet);
}

const struct mpq_order_events mpq_session_order_events = {
	.deliver = on_deliver,
	.drop = on_drop,
};

/* ---- kinds --------------------------------------------------------------- */

/* It holds back no more than is left for others, as tunnel.c's queues do: one
 * peer whose packets all have holes before them cannot have the whole pool. */
static void share_pool(struct mpq_session *s)
{
	size_t held = s->order.held.pkts;

	mpq_order_set_room(&s->order, (held + s->pool->free_pkts + 1) / 2);
}

/* false: it is none, or there is no buffer for it. */
static bool take_packet(struct mpq_session_path *m, const struct mpq_header *h,
			const uint8_t *data, size_t len, mpq_time sent)
{
	struct mpq_session *s = m->session;
	struct mpq_packet *p;

	if (len == 0 || len > MPQ_PACKET_MAX_BYTES) {
		s->counters.malformed++;
		return false;
	}
	share_pool(s);
	p = mpq_packet_get(s->pool);
	if (p == NULL) {
		s->counters.no_buffer++;
		return false;
	}
	memcpy(p->data, data, len);
	p->len_bytes = (uint16_t)len;
	s->data_in = s->now;
	mpq_order_arrived(&s->order, h, m->index, sent, p, len, s->now);
	return true;
}

static void take_restored(struct mpq_session_path *m,
			  const struct mpq_header *h, mpq_time sent)
{
	uint8_t packet[MPQ_PARITY_MAX_BYTES];
	struct mpq_header restored;
	size_t len;

	while ((len = mpq_parity_next(&m->parity.in, &restored, packet)) > 0) {
		m->restored++;
		restored.clock = h->clock;
		(void)take_packet(m, &restored, packet, len, sent);
	}
}

static void take_probe(struct mpq_session_path *m, const uint8_t *data,
		       size_t len)
{
	struct mpq_session *s = m->session;

	s->counters.probes_in++;
	if ((m->answered != MPQ_TIME_NEVER &&
	     mpq_time_elapsed(m->answered, s->now) < ANSWER_INTERVAL) ||
	    len > sizeof(m->answer)) {
		s->counters.probes_limited++;
		return;
	}
	m->answered = s->now;
	memcpy(m->answer, data, len);
	m->answer_bytes = len;
	m->control |= MPQ_SESSION_ANSWER;
}

static void take_report(struct mpq_session *s, const uint8_t *data, size_t len)
{
	struct mpq_report r;

	if (mpq_report_read(&r, data, len) < 0) {
		s->counters.malformed++;
		return;
	}
	if (s->was_told && (int32_t)(r.number - s->told_number) <= 0) {
		return; /* overtaken on another path */
	}
	s->was_told = true;
	s->told_number = r.number;
	s->counters.reports_in++;
	for (size_t i = 0; i < r.n_paths; i++) {
		struct mpq_session_path *m = &s->path[r.path[i].path];

		m->told = r.path[i];
		m->told_at = s->now;
	}
}

static void take_in_lane(struct mpq_session_path *m, const struct mpq_header *h,
			 const uint8_t *data, size_t len, mpq_time sent)
{
	bool taken = take_packet(m, h, data, len, sent);

	m->packets_in += taken;
	m->bytes_in += taken ? len : 0;
}

static void take(struct mpq_session_path *m, const struct mpq_header *h,
		 const uint8_t *data, size_t len, mpq_time sent)
{
	if (h->kind != MPQ_HEADER_PARITY) {
		mpq_session_parity_take(m, h, data, len);
	}
	if (mpq_header_in_lane(h)) {
		take_in_lane(m, h, data, len, sent);
		return;
	}
	switch (h->kind) {
	case MPQ_HEADER_PROBE:
		take_probe(m, data, len);
		break;
	case MPQ_HEADER_ANSWER:
		break; /* that it came is all it says */
	case MPQ_HEADER_REPORT:
		take_report(m->session, data, len);
		break;
	case MPQ_HEADER_PARITY:
		mpq_session_parity_solve(m, h, data, len);
		break;
	default: /* the header has no room for others */
		break;
	}
}

static mpq_time now_of(const struct mpq_session_path *m)
{
	return m->channel->now;
}

/* The header's bytes; negative: there is none. */
static int open_datagram(struct mpq_session_path *m, const uint8_t *data,
			 size_t len, struct mpq_header *ret, mpq_time now)
{
	struct mpq_session *s = m->session;
	int n = mpq_header_read(data, len, ret);

	s->now = now;
	if (n < 0) {
		s->counters.malformed++;
		return n;
	}
	s->counters.datagrams_in++;
	/* else they never end */
	s->received |= ret->kind != MPQ_HEADER_REPORT;
	m->heard = now;
	m->in_bytes += len;
	return n;
}

static void receive(struct mpq_session_path *m, const uint8_t *data, size_t len,
		    mpq_time now)
{
	struct mpq_header h;
	int n = open_datagram(m, data, len, &h, now);
	mpq_time sent;

	if (n < 0) {
		return;
	}
	sent = mpq_delay_arrived(&m->session->delay, m->index, &h, now);
	take(m, &h, data + n, len - (size_t)n, sent);
	take_restored(m, &h, sent);
}

/* Of the connection before the one that was heard. */
static void receive_late(struct mpq_session_path *m, const uint8_t *data,
			 size_t len, mpq_time now)
{
	struct mpq_header h;
	int n = open_datagram(m, data, len, &h, now);

	if (n >= 0 && mpq_header_in_lane(&h)) {
		take_in_lane(m, &h, data + n, len - (size_t)n,
			     mpq_delay_sent(&m->session->delay, &h, now));
	}
}

static void on_datagram(void *owner, const uint8_t *data, size_t len)
{
	struct mpq_session_path *m = owner;

	if (m->last != NULL && !m->late) {
		mpq_session_begin_receiving(m);
		m->late = true;
	}
	(m->next.heard ? receive_late : receive)(m, data, len, now_of(m));
}

/* The peer was let in there, and sends on it. */
static void on_successor_datagram(void *owner, const uint8_t *data, size_t len)
{
	struct mpq_session_path *m = owner;
	mpq_time now = m->next.channel->now;

	if (m->session->client) {
		return; /* no server speaks first */
	}
	if (!m->next.heard) {
		mpq_session_begin_receiving(m);
		m->next.heard = true;
		mpq_session_agree_next(m, now);
	}
	receive(m, data, len, now);
}

static void on_predecessor_datagram(void *owner, const uint8_t *data,
				    size_t len)
{
	struct mpq_session_path *m = owner;

	(m->late ? receive_late : receive)(m, data, len, m->last->now);
}

/* Of what was sent by the one before nothing is asked any more. */
static void on_answer(void *owner, uint64_t id)
{
	(void)owner;
	(void)id;
}

static void on_acked(void *owner, uint64_t id)
{
	struct mpq_session_path *m = owner;
	mpq_time now = now_of(m);

	mpq_estimate_acked(&m->estimate, id, now);
	mpq_repair_acked(m->session->repair, m->index, id);
}

static void on_lost(void *owner, uint64_t id)
{
	struct mpq_session_path *m = owner;
	mpq_time now = now_of(m);

	mpq_estimate_lost(&m->estimate, id, now);
	mpq_repair_lost(m->session->repair, m->index, id, now);
}

static void on_moved(void *owner)
{
	const struct mpq_session_path *m = owner;

	mpq_session_touch(m->session);
}

const struct mpq_channel_member mpq_session_member = {
	.datagram = on_datagram,
	.acked = on_acked,
	.lost = on_lost,
	.moved = on_moved,
};

const struct mpq_channel_member mpq_session_successor = {
	.datagram = on_successor_datagram,
	.acked = on_answer,
	.lost = on_answer,
	.moved = on_moved,
};

const struct mpq_channel_member mpq_session_predecessor = {
	.datagram = on_predecessor_datagram,
	.acked = on_answer,
	.lost = on_answer,
	.moved = on_moved,
};

/* ---- reports ------------------------------------------------------------- */

/* The path on which it is there first. */
void mpq_session_send_reports(struct mpq_session *s, mpq_time now)
{
	struct mpq_session_path *best = NULL;

	if (!s->received || now < s->report_due) {
		return;
	}
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_session_path *m = &s->path[i];

		if (m->state == MPQ_SESSION_USED &&
		    (best == NULL ||
		     mpq_estimate_one_way(&m->estimate) <
			     mpq_estimate_one_way(&best->estimate))) {
			best = m;
		}
	}
	if (best != NULL) {
		best->control |= MPQ_SESSION_REPORT;
	}
	s->received = false;
	s->report_due = now + REPORT_INTERVAL;
}
