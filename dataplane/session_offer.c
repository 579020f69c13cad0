/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out, from their queues: what a member offers to its channel, and in
 * which order. */
#include "dataplane/session_private.h"

static void stamp(struct mpq_session_path *m, mpq_time now)
{
	struct mpq_header *h = &m->offer.header;

	h->clock = mpq_header_clock(now);
	h->path_sequence = m->path_sequence;
	mpq_header_write(m->offer.head, h);
}

static size_t report(struct mpq_session_path *m, mpq_time now)
{
	struct mpq_session *s = m->session;
	struct mpq_report r = {.number = s->report_number};

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		const struct mpq_session_path *p = &s->path[i];

		if (!mpq_session_is_member(p) || p->heard == MPQ_TIME_NEVER) {
			continue;
		}
		r.path[r.n_paths++] = (struct mpq_report_path){
			.path = (uint8_t)i,
			.offset = mpq_delay_offset(&s->delay, i, now),
			.jitter = s->delay.paths[i].jitter.mean,
			.queueing = mpq_delay_queueing(&s->delay, i),
			.loss_ppm = mpq_delay_loss_ppm(&s->delay, i),
			.received = (uint32_t)s->delay.paths[i].received,
			.rate_bps = p->rate_in_bps,
			.silence = mpq_time_elapsed(p->heard, now),
			.renew = mpq_session_is_worn(p, now),
		};
	}
	return mpq_report_write(&r, m->control_bytes);
}

static bool offer_control(struct mpq_session_path *m,
			  struct mpq_channel_offer *ret, mpq_time now)
{
	struct mpq_header *h = &m->offer.header;

	*h = (struct mpq_header){0};
	ret->data = m->control_bytes;
	ret->data_bytes = 0;
	if (m->control & MPQ_SESSION_ANSWER) {
		m->offer.control = MPQ_SESSION_ANSWER;
		h->kind = MPQ_HEADER_ANSWER;
		ret->data = m->answer;
		ret->data_bytes = m->answer_bytes;
	} else if (m->control & MPQ_SESSION_REPORT) {
		m->offer.control = MPQ_SESSION_REPORT;
		h->kind = MPQ_HEADER_REPORT;
		ret->data_bytes = report(m, now);
	} else {
		m->offer.control = MPQ_SESSION_PROBE;
		h->kind = MPQ_HEADER_PROBE;
	}
	m->offer.what = MPQ_SESSION_OFFER_CONTROL;
	return true;
}

static void offer_packet(struct mpq_session_path *m,
			 enum mpq_session_offered what, struct mpq_packet *p,
			 struct mpq_channel_offer *ret)
{
	const struct mpq_session *s = m->session;
	uint8_t lane = mpq_session_lane(p->flow);

	m->offer.what = what;
	m->refused = false;
	m->offer.packet = p;
	m->offer.class_id = p->class_id;
	/* The only one of its number is no copy: if it is lost, it is sent
	 * again. */
	m->offer.header = (struct mpq_header){
		.kind = p->kind == MPQ_HEADER_COPY && p->copies <= 1
				? MPQ_HEADER_DATA
				: p->kind,
		.class_id = p->class_id,
		.lane = lane,
		.sequence = p->kind == MPQ_HEADER_DATA
				    ? s->sequence[p->class_id][lane] &
					      MPQ_HEADER_MASK24
				    : p->sequence,
	};
	ret->data = p->data;
	ret->data_bytes = p->len_bytes;
}

/* The first that is still of use. */
static bool offer_urgent(struct mpq_session_path *m, unsigned c,
			 struct mpq_channel_offer *ret, mpq_time now)
{
	struct mpq_packet *p;

	while ((p = mpq_fair_peek(&m->urgent[c], now)) != NULL) {
		if (now <= p->deadline) {
			offer_packet(m, MPQ_SESSION_OFFER_URGENT, p, ret);
			return true;
		}
		m->session->class[c].expired++;
		mpq_packet_put(m->session->pool,
			       mpq_session_pop_urgent(m, c, now).packet);
	}
	return false;
}

static bool offer_own(struct mpq_session_path *m, unsigned c,
		      struct mpq_channel_offer *ret, mpq_time now)
{
	struct mpq_packet *p = mpq_fair_peek(&m->own[c], now);

	if (p == NULL) {
		return false;
	}
	offer_packet(m, MPQ_SESSION_OFFER_OWN, p, ret);
	return true;
}

/* Another path takes one that comes after it. */
static void pass(void *owner, struct mpq_packet *p)
{
	if (p->kind == MPQ_HEADER_DATA) {
		mpq_session_give_number(owner, p);
		p->kind = MPQ_HEADER_COPY;
		p->copies = 1;
	}
}

static bool fits_others_only(const struct mpq_session_path *m,
			     const struct mpq_packet *p)
{
	return p->len_bytes > mpq_session_max_packet(m) &&
	       mpq_steer_fitting(m->session->steer, p->class_id,
				 p->len_bytes) != 0;
}

/* By a slower path the first packet would come late, and all after it would
 * wait: it takes one that it brings when those before it have come. */
static bool offer_behind(struct mpq_session_path *m, unsigned c,
			 uint64_t ahead_bytes, mpq_duration gain,
			 struct mpq_channel_offer *ret, mpq_time now)
{
	struct mpq_session *s = m->session;
	struct mpq_packet *p = mpq_fair_peek_behind(&s->shared[c], ahead_bytes,
						    gain, now, pass, s);

	if (p == NULL || fits_others_only(m, p)) {
		m->refused = true;
		return false;
	}
	offer_packet(m, MPQ_SESSION_OFFER_BEHIND, p, ret);
	m->offer.header.kind = MPQ_HEADER_AHEAD;
	return true;
}

static bool offer_shared(struct mpq_session_path *m, unsigned c,
			 struct mpq_channel_offer *ret, mpq_time now)
{
	mpq_duration gain;
	uint64_t ahead_bytes;
	struct mpq_session *s = m->session;
	struct mpq_packet *p = mpq_fair_peek(&s->shared[c], now);

	if (p == NULL) {
		return false;
	}
	if (fits_others_only(m, p)) {
		mpq_session_tell_diverted(m, p, now);
	}
	if (!mpq_steer_may_pull(s->steer, c, m->index, s->shared[c].bytes,
				p->len_bytes)) {
		m->refused = true;
		return false;
	}
	ahead_bytes = mpq_steer_pull_behind(s->steer, c, m->index, p->len_bytes,
					    &gain);
	if (ahead_bytes > 0) {
		return offer_behind(m, c, ahead_bytes, gain, ret, now);
	}
	offer_packet(m, MPQ_SESSION_OFFER_SHARED, p, ret);
	return true;
}

/* A class's own queue and the shared one take turns, as one queue of all their
 * flows would. */
static bool offer_class(struct mpq_session_path *m, unsigned c,
			struct mpq_channel_offer *ret, mpq_time now)
{
	if (m->own[c].pkts == 0 || m->session->shared[c].pkts == 0) {
		m->ahead[c] = 0;
	}
	return m->ahead[c] <= 0 ? offer_own(m, c, ret, now) ||
					  offer_shared(m, c, ret, now)
				: offer_shared(m, c, ret, now) ||
					  offer_own(m, c, ret, now);
}

bool mpq_session_class_waits(const struct mpq_session_path *m, unsigned c)
{
	return m->own[c].pkts + m->urgent[c].pkts + m->session->shared[c].pkts >
	       0;
}

typedef bool offer_of(struct mpq_session_path *m, unsigned c,
		      struct mpq_channel_offer *ret, mpq_time now);

/* Of the classes by priority from `first` on and before `end`. */
static bool offer_first(struct mpq_session_path *m, size_t first, size_t end,
			offer_of *offer, struct mpq_channel_offer *ret,
			mpq_time now)
{
	for (size_t i = first; i < end; i++) {
		if (offer(m, m->session->by_priority[i], ret, now)) {
			return true;
		}
	}
	return false;
}

/* Classes that are as high as each other. What is sent again takes turns with
 * the rest: thin flows, which are quick there, would wait for all that a path
 * that is out had in flight. */
static bool offer_level(struct mpq_session_path *m, size_t first, size_t end,
			struct mpq_channel_offer *ret, mpq_time now)
{
	bool again = m->urgent_pkts > 0 && !m->again;

	return (again && offer_first(m, first, end, offer_urgent, ret, now)) ||
	       offer_first(m, first, end, offer_class, ret, now) ||
	       (m->urgent_pkts > 0 &&
		offer_first(m, first, end, offer_urgent, ret, now));
}

static size_t end_of_level(const struct mpq_session *s, size_t first)
{
	const struct mpq_policy_class *class = s->policy.class;
	size_t end = first;

	while (end < s->policy.n_classes &&
	       class[s->by_priority[end]].priority ==
		       class[s->by_priority[first]].priority) {
		end++;
	}
	return end;
}

/* Last what is to be sent again of classes that are no more. */
static bool offer_packets(struct mpq_session_path *m,
			  struct mpq_channel_offer *ret, mpq_time now)
{
	size_t n = m->session->policy.n_classes;

	for (size_t i = 0, end; i < n; i = end) {
		end = end_of_level(m->session, i);
		if (offer_level(m, i, end, ret, now)) {
			return true;
		}
	}
	for (size_t c = n; m->urgent_pkts > 0 && c < MPQ_SESSION_CLASSES; c++) {
		if (offer_urgent(m, (unsigned)c, ret, now)) {
			return true;
		}
	}
	return false;
}

uint32_t mpq_session_share_below(const struct mpq_session_path *m)
{
	uint32_t n = 0;

	for (unsigned c = 0; c < m->session->policy.n_classes; c++) {
		n += m->passed[c] > 0 && mpq_session_class_waits(m, c);
	}
	return n * MPQ_SESSION_BELOW;
}

static bool offer_passed(struct mpq_session_path *m,
			 struct mpq_channel_offer *ret, mpq_time now)
{
	uint32_t enough = mpq_session_share_below(m) * MPQ_SESSION_TURN_BYTES;

	for (unsigned c = 0; enough > 0 && c < m->session->policy.n_classes;
	     c++) {
		if (m->passed[c] >= enough && (offer_urgent(m, c, ret, now) ||
					       offer_class(m, c, ret, now))) {
			return true;
		}
	}
	return false;
}

static bool offer_any(struct mpq_session_path *m, struct mpq_channel_offer *ret,
		      mpq_time now)
{
	if (m->control != 0) {
		return offer_control(m, ret, now);
	}
	if (!mpq_session_carries(m)) {
		return false;
	}
	m->refused = false;
	return mpq_session_parity_offer(m, true, ret, now) ||
	       offer_passed(m, ret, now) || offer_packets(m, ret, now) ||
	       mpq_session_parity_offer(m, false, ret, now);
}

static bool on_offer(void *owner, struct mpq_channel_offer *ret, mpq_time now)
{
	struct mpq_session_path *m = owner;

	m->offer.what = MPQ_SESSION_OFFER_NONE;
	m->estimate.view.max_bytes = (uint32_t)mpq_session_max_packet(m);
	if (!offer_any(m, ret, now)) {
		mpq_session_tell_queue(m);
		return false;
	}
	stamp(m, now);
	ret->bonded = true;
	ret->head = m->offer.head;
	ret->head_bytes = MPQ_HEADER_BYTES;
	ret->more = mpq_session_waits(m->session, m->channel);
	return true;
}

static const struct mpq_channel_source source = {
	.offer = on_offer,
	.taken = mpq_session_taken,
	.too_big = mpq_session_too_big,
};

const struct mpq_channel_source *
mpq_session_source(struct mpq_session *s, const struct mpq_channel *ch,
		   void **ret_owner)
{
	struct mpq_session_path *m = mpq_session_path_of(s, ch);

	if (m == NULL || !mpq_session_is_member(m)) {
		return NULL;
	}
	mpq_session_touch(s); /* what it takes changes deadlines */
	*ret_owner = m;
	return &source;
}

void mpq_session_wake(const struct mpq_session *s)
{
	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		struct mpq_channel *ch = s->path[i].channel;

		if (ch != NULL && mpq_session_waits(s, ch)) {
			mpq_channel_wake(ch);
		}
	}
}

bool mpq_session_waits(const struct mpq_session *s,
		       const struct mpq_channel *ch)
{
	const struct mpq_session_path *m = mpq_session_path_of(s, ch);

	if (m == NULL || !mpq_session_is_member(m)) {
		return false;
	}
	if (m->control != 0) {
		return true;
	}
	if (!mpq_session_carries(m)) {
		return false;
	}
	for (unsigned i = 0; i < s->policy.n_classes; i++) {
		if (mpq_session_class_waits(m, i)) {
			return true;
		}
	}
	return m->urgent_pkts > 0 || mpq_session_parity_waits(m);
}
