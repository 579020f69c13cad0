/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a path carries a parity (bond/parity.h): only while it loses. What is
 * missing of a flow makes all after it wait for a round trip, and an inner slow
 * start ends at that. At the end of each burst, as nobody knows when more
 * comes, as often as there is credit for it: an inner slow start finds it full.
 * And after so many packets, before others; but where something has waited all
 * the time, the bytes are worth more than the holes cost. Where many flows wait
 * for room, none: a hole makes but one of them wait.
 */
#include "dataplane/session_private.h"

#define ON_PPM  3000
#define OFF_PPM 1000
/* Two of them tell of each packet. */
#define EVERY_PKTS ((MPQ_PARITY_WINDOW - 2) / 2)
/* What is earned, one byte in so many, and may be kept. */
#define EARN_PART      14
#define CREDIT_MAX     (64 * MPQ_SESSION_PACKET)
#define OVERHEAD_BYTES 60 /* of a datagram */
#define FEW_FLOWS      2
/* A receiver solves for more than a sender may make, and for no more. */
#define SOLVE_PART 9
#define SOLVE_MAX  (2 * CREDIT_MAX)
/* What came, for so long after the last parity: paths that lose begin again. */
#define KEPT    (600 * MPQ_SECOND)
#define FULL    (200 * MPQ_MILLISECOND)
#define CROWDED (200 * MPQ_MILLISECOND)

void mpq_session_parity_begin(struct mpq_session_path *m)
{
	mpq_parity_out_init(&m->parity.out);
	mpq_parity_in_init(&m->parity.in);
	m->parity.on = false;
	m->parity.heard = MPQ_TIME_NEVER;
	m->parity.crowded = MPQ_TIME_NEVER;
	m->parity.idle = 0;
	m->parity.credit_bytes = CREDIT_MAX;
	m->parity.solve_bytes = SOLVE_MAX;
}

static void follow_loss(struct mpq_session_path *m, mpq_time now)
{
	uint32_t ppm = mpq_estimate_loss_ppm(&m->estimate, now);

	m->parity.on = ppm >= (m->parity.on ? OFF_PPM : ON_PPM);
}

static void follow_flows(struct mpq_session_path *m, mpq_time now)
{
	const struct mpq_session *s = m->session;
	unsigned flows = 0;

	for (size_t i = 0; i < s->policy.n_classes; i++) {
		flows += s->shared[i].flows + m->own[i].flows;
	}
	if (flows > FEW_FLOWS) {
		m->parity.crowded = now;
	}
}

static bool is_crowded(const struct mpq_session_path *m, mpq_time now)
{
	return m->parity.crowded != MPQ_TIME_NEVER &&
	       mpq_time_elapsed(m->parity.crowded, now) < CROWDED;
}

/* Something has always waited for it. */
static bool is_full(const struct mpq_session_path *m, mpq_time now)
{
	return mpq_time_elapsed(m->parity.idle, now) > FULL;
}

static void earn(struct mpq_session_path *m, size_t len_bytes)
{
	uint32_t credit = m->parity.credit_bytes;

	credit += (uint32_t)(len_bytes + OVERHEAD_BYTES) / EARN_PART;
	m->parity.credit_bytes = credit < CREDIT_MAX ? credit : CREDIT_MAX;
}

/* To keep a copy of each packet costs time, so it is done only where parities
 * are sent. */
void mpq_session_parity_left(struct mpq_session_path *m,
			     const struct mpq_packet *p)
{
	if (m->parity.on) {
		mpq_parity_add(&m->parity.out, &m->offer.header,
			       p != NULL ? p->data : NULL,
			       p != NULL ? p->len_bytes : 0);
	}
	if (p != NULL) {
		earn(m, p->len_bytes);
	}
}

/* So many packets without one are enough for it, by what is left to spend. */
static unsigned worth_pkts(const struct mpq_session_path *m)
{
	uint32_t credit = m->parity.credit_bytes;

	return credit > CREDIT_MAX / 4 * 3 ? 2
	       : credit > CREDIT_MAX / 2   ? 4
	       : credit > CREDIT_MAX / 4   ? 8
					   : 12;
}

static bool is_worth_it(const struct mpq_session_path *m, unsigned pkts)
{
	return m->parity.on && m->parity.out.untold >= pkts &&
	       m->parity.credit_bytes >=
		       m->parity.out.untold_longest_bytes + OVERHEAD_BYTES;
}

bool mpq_session_parity_waits(const struct mpq_session_path *m)
{
	return is_worth_it(m, worth_pkts(m));
}

bool mpq_session_parity_offer(struct mpq_session_path *m, bool due,
			      struct mpq_channel_offer *ret, mpq_time now)
{
	if (!due) {
		m->parity.idle = now;
	}
	follow_loss(m, now);
	if (!m->parity.on) {
		return false;
	}
	follow_flows(m, now);
	if (is_crowded(m, now) || (due && is_full(m, now)) ||
	    !is_worth_it(m, due ? EVERY_PKTS : worth_pkts(m))) {
		return false;
	}
	ret->data_bytes = mpq_parity_write(&m->parity.out, m->path_sequence,
					   &m->offer.header, &ret->data);
	m->offer.what = MPQ_SESSION_OFFER_PARITY;
	return ret->data_bytes > 0;
}

void mpq_session_parity_taken(struct mpq_session_path *m, uint64_t id,
			      mpq_time now)
{
	size_t len = mpq_parity_written_bytes(&m->parity.out);
	uint32_t cost = (uint32_t)len + OVERHEAD_BYTES;
	uint32_t *credit = &m->parity.credit_bytes;

	*credit -= cost < *credit ? cost : *credit;
	mpq_parity_sent(&m->parity.out);
	mpq_session_parity_left(m, NULL);
	m->parities_out++;
	mpq_session_tell_queue(m);
	mpq_estimate_sent(&m->estimate, id, len, now);
}

/* ---- receiver ------------------------------------------------------------ */

/* Does the peer send any here? Until then a copy of each packet would be kept
 * for nothing; so the first one or two of a connection make nothing good. */
static bool follows(const struct mpq_session_path *m)
{
	return m->parity.heard != MPQ_TIME_NEVER &&
	       mpq_time_elapsed(m->parity.heard, m->session->now) < KEPT;
}

static void keep(struct mpq_session_path *m, const struct mpq_header *h,
		 const uint8_t *data, size_t len)
{
	if (follows(m)) {
		mpq_parity_take(&m->parity.in, h, data, len);
	}
}

void mpq_session_parity_take(struct mpq_session_path *m,
			     const struct mpq_header *h, const uint8_t *data,
			     size_t len)
{
	uint32_t *credit = &m->parity.solve_bytes;

	if (!mpq_header_in_lane(h)) {
		keep(m, h, NULL, 0);
		return;
	}
	keep(m, h, data, len);
	*credit += (uint32_t)(len + OVERHEAD_BYTES) / SOLVE_PART;
	*credit = *credit < SOLVE_MAX ? *credit : SOLVE_MAX;
}

static void follow(struct mpq_session_path *m)
{
	if (!follows(m)) {
		mpq_parity_in_init(&m->parity.in); /* of a wrap ago, perhaps */
	}
	m->parity.heard = m->session->now;
}

void mpq_session_parity_solve(struct mpq_session_path *m,
			      const struct mpq_header *h, const uint8_t *data,
			      size_t len)
{
	size_t cost = len + OVERHEAD_BYTES;

	m->parities_in++;
	follow(m);
	if (cost > m->parity.solve_bytes) {
		m->parities_ignored++;
		mpq_parity_take(&m->parity.in, h, NULL, 0);
		return;
	}
	m->parity.solve_bytes -= (uint32_t)cost;
	if (mpq_parity_take_parity(&m->parity.in, h, data, len) < 0) {
		m->session->counters.malformed++;
	}
}
