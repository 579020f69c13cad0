/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/steer_transport.h"

#include <math.h>
#include <string.h>

#define MS           MPQ_MILLISECOND
#define INITIAL      (10 * SIM_TRANSPORT_MSS)
#define MIN_RTT_AGE  (10 * MPQ_SECOND)
#define RTT_UNKNOWN  (100 * MS)
#define CUBIC_BETA   0.7
#define CUBIC_C      0.4
#define CUBIC_FIRST  (1 / 20.)
#define THRESHOLD    3
#define PROBE_SLACK  (25 * MS)
#define RTO_MIN      (200 * MS)
#define PROBE_OUTER  (250 * MS) /* the reserve's pace, dataplane/channel */
#define STARTUP_GAIN 2.77
#define UNPACED      1e12
#define HYSTART_MIN  (16 * SIM_TRANSPORT_MSS)
#define BURST        (2 * MS) /* of pacing that may be caught up */

void sim_transport_init(struct sim_transport *t, enum sim_transport_kind kind,
			bool outer, mpq_time now)
{
	memset(t, 0, offsetof(struct sim_transport, flight));
	t->kind = kind;
	t->outer = outer;
	t->cwnd = INITIAL;
	t->ssthresh = UINT64_MAX;
	t->slow_start.least = 0;
	t->min_rtt = MPQ_TIME_NEVER;
	t->last_ack = t->last_send = t->next_send = now;
	t->delivered_at = now;
	t->probe_at = MPQ_TIME_NEVER;
}

static struct sim_transport_packet *slot_of(struct sim_transport *t,
					    uint64_t id)
{
	return &t->flight[id % SIM_TRANSPORT_FLIGHT];
}

static mpq_duration rtt_of(const struct sim_transport *t)
{
	return t->srtt > 0 ? t->srtt : RTT_UNKNOWN;
}

static double bandwidth(const struct sim_transport *t)
{
	double most = 0;

	for (unsigned i = 0; i < SIM_TRANSPORT_ROUNDS; i++) {
		most = t->bbr.bw[i] > most ? t->bbr.bw[i] : most;
	}
	return most;
}

/* As BBR has it, it only rises until the pipe is filled: what a connection
 * with nothing to send has measured holds nothing back. */
static double pacing(struct sim_transport *t)
{
	static const double gains[8] = {1.25, 0.75, 1, 1, 1, 1, 1, 1};
	double first = STARTUP_GAIN * INITIAL * 1e9 / (double)rtt_of(t);
	double rate = STARTUP_GAIN * bandwidth(t);

	if (t->kind != SIM_TRANSPORT_BBR) {
		return UNPACED;
	}
	if (t->bbr.filled) {
		return bandwidth(t) * gains[t->bbr.phase];
	}
	rate = rate > first ? rate : first;
	t->bbr.pace = rate > t->bbr.pace ? rate : t->bbr.pace;
	return t->bbr.pace;
}

bool sim_transport_may_send(const struct sim_transport *t, mpq_time now)
{
	return t->in_flight < t->cwnd && t->next_send <= now &&
	       t->next - t->oldest < SIM_TRANSPORT_FLIGHT;
}

static void arm(struct sim_transport *t, mpq_time now)
{
	mpq_duration wait = rtt_of(t) + 4 * t->variation + PROBE_SLACK;

	wait = !t->outer && wait < RTO_MIN ? RTO_MIN : wait;
	wait <<= t->probes < 6 ? t->probes : 6;
	wait = t->outer && t->probes > 0 && wait > PROBE_OUTER ? PROBE_OUTER
							       : wait;
	t->probe_at = t->in_flight > 0 ? now + wait : MPQ_TIME_NEVER;
}

void sim_transport_idle(struct sim_transport *t)
{
	t->limited_until = t->delivered + t->in_flight + 1;
}

uint64_t sim_transport_sent(struct sim_transport *t, size_t len, bool limited,
			    mpq_time now)
{
	struct sim_transport_packet *p = slot_of(t, t->next);
	mpq_time from = t->next_send + BURST > now ? t->next_send : now - BURST;

	if (t->in_flight == 0) {
		t->delivered_at = now;
	}
	*p = (struct sim_transport_packet){.id = t->next + 1,
					   .sent = now,
					   .len = (uint16_t)len,
					   .delivered = t->delivered,
					   .delivered_at = t->delivered_at,
					   .limited = t->limited_until > 0};
	t->in_flight += len;
	if (limited) {
		sim_transport_idle(t);
	}
	t->last_send = now;
	t->next_send = from + (mpq_duration)((double)len * 1e9 / pacing(t));
	if (t->probe_at == MPQ_TIME_NEVER) {
		arm(t, now);
	}
	return t->next++;
}

static void sample_rtt(struct sim_transport *t, mpq_duration rtt, mpq_time now)
{
	mpq_duration diff = rtt > t->srtt ? rtt - t->srtt : t->srtt - rtt;

	if (rtt <= t->min_rtt || now - t->min_rtt_at > MIN_RTT_AGE) {
		t->min_rtt = rtt;
		t->min_rtt_at = now;
	}
	if (t->srtt == 0) {
		t->srtt = rtt;
		t->variation = rtt / 2;
		return;
	}
	t->variation = (3 * t->variation + diff) / 4;
	t->srtt = (7 * t->srtt + rtt) / 8;
}

static void next_phase(struct sim_transport *t, mpq_time now)
{
	if (now - t->bbr.phase_at > t->min_rtt) {
		t->bbr.phase = (t->bbr.phase + 1) % 8;
		t->bbr.phase_at = now;
	}
}

static void bbr_acked(struct sim_transport *t,
		      const struct sim_transport_packet *p, mpq_time now)
{
	double rate, bw;
	bool queue;

	if (now > p->delivered_at) {
		rate = (double)(t->delivered - p->delivered) * 1e9 /
		       (double)(now - p->delivered_at);
		if (!p->limited || rate > bandwidth(t)) {
			double *best =
				&t->bbr.bw[t->bbr.round % SIM_TRANSPORT_ROUNDS];

			*best = rate > *best ? rate : *best;
		}
	}
	bw = bandwidth(t);
	if (p->id > t->bbr.round_end) {
		t->bbr.round_end = t->next;
		/* A queue at the bottleneck shows it too, even when the
		 * source is what holds back; a thin one builds none. */
		queue = t->srtt > t->min_rtt + t->min_rtt / 4 + 2 * MS &&
			t->in_flight >= INITIAL;
		if (!t->bbr.filled && (!p->limited || queue)) {
			t->bbr.flat =
				bw > t->bbr.full * 1.25 ? 0 : t->bbr.flat + 1;
			t->bbr.full =
				bw > t->bbr.full * 1.25 ? bw : t->bbr.full;
			t->bbr.filled = t->bbr.flat >= 3;
		}
		t->bbr.round++;
		/* Keep what idle rounds cannot measure. */
		t->bbr.bw[t->bbr.round % SIM_TRANSPORT_ROUNDS] =
			p->limited ? bw : 0;
	}
	next_phase(t, now);
	if (t->bbr.filled) {
		t->cwnd = (uint64_t)(2 * bw * (double)t->min_rtt / 1e9) +
			  4 * SIM_TRANSPORT_MSS;
	} else if ((double)t->cwnd <
		   STARTUP_GAIN * bw * (double)t->min_rtt / 1e9 +
			   (double)INITIAL) {
		t->cwnd += p->len;
	}
}

/* As Linux does it (tcp_cubic.c): delay that has grown in a whole round ends
 * it, or acknowledgements that come close together for half of one. */
static void slow_start(struct sim_transport *t,
		       const struct sim_transport_packet *p, mpq_time now)
{
	mpq_duration allowed = t->min_rtt / 8;
	mpq_duration rtt = now - p->sent;

	allowed = allowed < 4 * MS ? 4 * MS : allowed;
	allowed = allowed > 16 * MS ? 16 * MS : allowed;
	t->cwnd += p->len;
	if (p->id > t->slow_start.end) {
		t->slow_start.end = t->next;
		t->slow_start.least = MPQ_TIME_NEVER;
		t->slow_start.samples = 0;
		t->slow_start.began = t->slow_start.last = now;
	}
	if (t->merged) {
		return;
	}
	t->slow_start.least =
		rtt < t->slow_start.least ? rtt : t->slow_start.least;
	t->slow_start.samples++;
	if (now - t->slow_start.last <= 2 * MS) {
		t->slow_start.last = now;
	}
	if (t->cwnd >= HYSTART_MIN &&
	    ((t->slow_start.samples > 8 &&
	      t->slow_start.least > t->min_rtt + allowed) ||
	     t->slow_start.last - t->slow_start.began > t->min_rtt / 2)) {
		t->ssthresh = t->cwnd;
	}
}

static void begin_epoch(struct sim_transport *t, double w, mpq_time now)
{
	t->cubic.epoch = now;
	t->cubic.reno = w;
	t->cubic.origin = t->cubic.w_max > w ? t->cubic.w_max : w;
	t->cubic.k = cbrt((t->cubic.origin - w) / CUBIC_C);
}

/* By so much, of what is acknowledged, the window grows: towards the cubic, as
 * fast as Reno at least, and before anything was ever lost by a 20th. */
static double cubic_growth(const struct sim_transport *t, double w,
			   mpq_time now)
{
	double at =
		(double)(now - t->cubic.epoch + t->min_rtt) / 1e9 - t->cubic.k;
	double target = CUBIC_C * at * at * at + t->cubic.origin;
	double least = t->cubic.w_max > 0 ? 1 / (100 * w) : CUBIC_FIRST;
	double growth;

	target = target > t->cubic.reno ? target : t->cubic.reno;
	target = target > w * 1.5 ? w * 1.5 : target;
	growth = (target - w) / w;
	return growth > least ? growth : least;
}

static void cubic_acked(struct sim_transport *t,
			const struct sim_transport_packet *p, mpq_time now)
{
	double mss = SIM_TRANSPORT_MSS, w = (double)t->cwnd / mss;
	double acked = (double)p->len / mss;

	if (p->limited || p->sent < t->recovery) {
		return;
	}
	if (t->cwnd < t->ssthresh) {
		slow_start(t, p, now);
		return;
	}
	if (t->cubic.epoch == 0) {
		begin_epoch(t, w, now);
	}
	t->cubic.reno += acked * 3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA) / w;
	t->cwnd += (uint64_t)(mss * acked * cubic_growth(t, w, now));
}

static void reduce(struct sim_transport *t, mpq_time sent, mpq_time now)
{
	double w = (double)t->cwnd / SIM_TRANSPORT_MSS;

	if (t->kind == SIM_TRANSPORT_BBR || sent < t->recovery) {
		return;
	}
	t->recovery = now;
	t->cubic.w_max = w < t->cubic.w_max ? w * (1 + CUBIC_BETA) / 2 : w;
	t->cubic.epoch = 0;
	t->cwnd = (uint64_t)((double)t->cwnd * CUBIC_BETA);
	t->cwnd = t->cwnd > 2 * SIM_TRANSPORT_MSS
			  ? t->cwnd
			  : (uint64_t)2 * SIM_TRANSPORT_MSS;
	t->ssthresh = t->cwnd;
}

static void advance(struct sim_transport *t)
{
	while (t->oldest < t->next &&
	       (slot_of(t, t->oldest)->id != t->oldest + 1 ||
		slot_of(t, t->oldest)->lost)) {
		t->oldest++;
	}
}

bool sim_transport_acked(struct sim_transport *t, uint64_t id, mpq_time now)
{
	struct sim_transport_packet *p = slot_of(t, id);
	bool first;

	if (p->id != id + 1) {
		return false;
	}
	first = !p->lost;
	t->last_ack = now;
	t->probes = 0;
	t->acked_pkts++;
	t->delivered += p->len;
	if (t->delivered >= t->limited_until) {
		t->limited_until = 0;
	}
	t->delivered_at = now;
	if (first) {
		t->in_flight -= p->len;
	} else {
		t->spurious++;
		t->reordering = true;
	}
	if (id + 1 > t->largest_acked) {
		t->largest_acked = id + 1;
		t->largest_sent = p->sent;
		if (!t->merged) {
			sample_rtt(t, now - p->sent, now);
		}
	}
	if (t->kind == SIM_TRANSPORT_BBR) {
		bbr_acked(t, p, now);
	} else if (first) {
		cubic_acked(t, p, now);
	}
	p->id = 0;
	advance(t);
	arm(t, now);
	return first;
}

static void lose(struct sim_transport *t, uint64_t id, mpq_time now)
{
	struct sim_transport_packet *p = slot_of(t, id);

	p->lost = true;
	t->in_flight -= p->len;
	t->lost_pkts++;
	reduce(t, p->sent, now);
	if (t->on_lost != NULL) {
		t->on_lost(t->owner, id, now);
	}
}

/* RFC 9002 §6.1 for QUIC; RFC 8985 for TCP once it has seen reordering. */
static bool is_lost(const struct sim_transport *t,
		    const struct sim_transport_packet *p)
{
	mpq_duration late = t->largest_sent - p->sent;

	if (t->kind != SIM_TRANSPORT_QUIC && !t->outer && t->reordering) {
		return late > t->min_rtt / 4 + t->min_rtt / 8;
	}
	return p->id + THRESHOLD <= t->largest_acked || late > t->srtt / 8 + MS;
}

void sim_transport_detect(struct sim_transport *t, mpq_time now)
{
	for (uint64_t id = t->oldest; id + 1 < t->largest_acked; id++) {
		struct sim_transport_packet *p = slot_of(t, id);

		if (p->id != id + 1 || p->lost) {
			continue;
		}
		if (p->sent > t->largest_sent || !is_lost(t, p)) {
			break;
		}
		lose(t, id, now);
	}
	advance(t);
}

mpq_time sim_transport_deadline(const struct sim_transport *t)
{
	return t->probe_at;
}

bool sim_transport_expire(struct sim_transport *t, mpq_time now)
{
	if (now < t->probe_at) {
		return false;
	}
	t->probes++;
	/* RFC 8985 §7: a probe first, then the time-out proper. */
	if (!t->outer && t->probes > 1) {
		for (uint64_t id = t->oldest; id < t->next; id++) {
			struct sim_transport_packet *p = slot_of(t, id);

			if (p->id == id + 1 && !p->lost) {
				lose(t, id, now);
			}
		}
		t->cwnd = (uint64_t)2 * SIM_TRANSPORT_MSS;
		advance(t);
	}
	arm(t, now);
	if (t->probe_at == MPQ_TIME_NEVER) {
		t->probe_at = now + rtt_of(t);
	}
	return true;
}
