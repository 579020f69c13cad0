/* SPDX-License-Identifier: Apache-2.0 */
/* What a world's flows send, and what answers make of them. */
#include "tests/sim/session_world.h"

#include <assert.h>
#include <string.h>

#define ANSWER_LOST (600 * MPQ_MILLISECOND)
#define ANSWER_PKTS 2 /* that one answer is for */

static size_t build(const struct session_flow *f, uint8_t *data,
		    struct session_packet *p)
{
	size_t len =
		f->plan.bytes > SESSION_LEAST ? f->plan.bytes : SESSION_LEAST;

	memset(data, 0, SESSION_LEAST);
	data[0] = 0x45;
	data[1] = (uint8_t)(f->plan.dscp << 2);
	data[2] = (uint8_t)(len >> 8);
	data[3] = (uint8_t)len;
	data[8] = 64;
	data[9] = 17;
	memcpy(data + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	data[15] += p->end;
	data[19] -= p->end;
	data[20] = 40;
	data[21] = p->flow;
	data[22] = 50;
	data[24] = (uint8_t)((len - 20) >> 8);
	data[25] = (uint8_t)(len - 20);
	memcpy(data + SESSION_PACKET_HEAD, p, sizeof(*p));
	return len;
}

/* false: it was refused. */
static bool send_one(struct session_world *w, unsigned i)
{
	struct session_flow *f = &w->flow[i];
	struct session_end *end = &w->end[f->plan.end];
	struct session_packet content = {.magic = SESSION_MAGIC,
					 .end = (uint8_t)end->index,
					 .flow = (uint8_t)i};
	struct mpq_packet *p;
	struct mpq_ip ip;

	end->touched = true;
	p = mpq_session_queued(end->session) < end->session->pool->free_pkts
		    ? mpq_packet_get(end->session->pool)
		    : NULL;
	if (p == NULL) {
		end->refused++;
		return false;
	}
	if (f->plan.kind == SESSION_ANSWERS) {
		content.acked = f[-1].delivered;
	}
	content.serial = session_account_sent(end, i, f->sent++);
	p->len_bytes = (uint16_t)build(f, p->data, &content);
	if (mpq_ip_parse(&ip, p->data, p->len_bytes) < 0) {
		assert(false);
	}
	sim_trace(w->run, w->now, "end %u: flow %u is %08x", end->index, i,
		  mpq_classify_flow(&ip, end->session->seed));
	mpq_session_send(end->session, p, &ip, w->now);
	return true;
}

static void send_steady(struct session_world *w, unsigned i)
{
	struct session_flow *f = &w->flow[i];
	unsigned burst = f->plan.burst > 0 ? f->plan.burst : 1;
	mpq_duration gap = (mpq_duration)((double)burst * 1e9 / f->plan.pps);

	for (; f->next <= w->now;
	     f->next += sim_random_range(&w->random, gap / 2, gap * 3 / 2)) {
		for (unsigned k = 0; k < burst; k++) {
			(void)send_one(w, i);
		}
	}
}

static void send_window(struct session_world *w, unsigned i)
{
	struct session_flow *f = &w->flow[i];

	if (w->now - f->answered_at > ANSWER_LOST) { /* begins anew */
		f->answered = f->sent;
		f->answered_at = w->now;
		f->window = f->window > 4 ? f->window / 2 : 2;
	}
	while (f->sent - f->answered < (uint32_t)f->window && send_one(w, i)) {
	}
	f->next = f->answered_at + ANSWER_LOST + 1;
}

void session_traffic_send(struct session_world *w)
{
	for (unsigned i = 0; i < w->flows; i++) {
		struct session_flow *f = &w->flow[i];

		if (f->plan.kind == SESSION_ANSWERS) {
			for (; f->owed >= ANSWER_PKTS; f->owed -= ANSWER_PKTS) {
				(void)send_one(w, i);
			}
			continue;
		}
		if (w->now < w->start + f->plan.start ||
		    w->now >= w->start + f->plan.stop) {
			continue;
		}
		(f->plan.kind == SESSION_WINDOW ? send_window : send_steady)(w,
									     i);
	}
}

mpq_time session_traffic_next(const struct session_world *w)
{
	mpq_time at = MPQ_TIME_NEVER;

	for (unsigned i = 0; i < w->flows; i++) {
		const struct session_flow *f = &w->flow[i];

		if (f->plan.kind != SESSION_ANSWERS &&
		    f->next < w->start + f->plan.stop) {
			at = mpq_time_min(at, f->next);
		}
	}
	return at;
}

void session_traffic_answer(struct session_world *w, const uint8_t *data)
{
	struct session_packet p;
	struct session_flow *f;

	memcpy(&p, data + SESSION_PACKET_HEAD, sizeof(p));
	if (p.magic != SESSION_MAGIC || p.flow >= w->flows) {
		return;
	}
	f = &w->flow[p.flow];
	if (f->plan.kind == SESSION_WINDOW) {
		w->flow[p.flow + 1].owed++;
	} else if (f->plan.kind == SESSION_ANSWERS &&
		   p.acked > f[-1].answered) {
		f[-1].window +=
			(double)(p.acked - f[-1].answered) / f[-1].window;
		f[-1].answered = p.acked;
		f[-1].answered_at = w->now;
	}
}
