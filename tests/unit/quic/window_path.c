/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/quic/window_path.h"

#define STEP     (MS / 4)
#define ACK_EACH 5

static bool by_chance(struct path *p, double part)
{
	p->random = p->random * 1664525 + 1013904223;
	return p->random / 4294967296.0 < part;
}

/* From one random point to the next, as a cell's does. */
static mpq_time wandered(struct path *p, mpq_time at)
{
	mpq_duration step = (mpq_duration)(2e6 * p->wander_ms);
	double part;

	if (p->wander_ms <= 0) {
		return at;
	}
	while (at - p->wander.since >= step) {
		p->wander.since = at - p->wander.since < 2 * step
					  ? p->wander.since + step
					  : at - at % step;
		(void)by_chance(p, 0);
		p->wander.from = p->wander.to;
		p->wander.to = p->random / 2147483648.0 - 1;
	}
	part = (double)(at - p->wander.since) / (double)step;
	return at +
	       (mpq_duration)((p->wander.from +
			       part * (p->wander.to - p->wander.from) + 1) *
			      p->wander_ms * 1e6);
}

static mpq_time jittered(struct path *p, mpq_time at, mpq_time before)
{
	if (p->jitter_ms > 0) {
		(void)by_chance(p, 0);
		at += (mpq_duration)(p->random / 4294967296.0 * p->jitter_ms *
				     1e6);
	}
	return at > before ? at : before;
}

static void leave(struct path *p, mpq_time now)
{
	struct fixture *f = p->f;
	uint64_t quantum = mpq_window_quantum_bytes(&f->window);
	mpq_duration later = mpq_window_later(&f->window, now);
	mpq_duration waits =
		(mpq_duration)(p->queue_pkts * PACKET * 8 / p->bps * 1e9);
	uint64_t bytes = 0;

	if (later > 0) {
		mpq_window_was_later(&f->window, now);
	}
	quantum = quantum < 65535 ? quantum : 65535;
	while (bytes < quantum && bytes < p->left_bytes) {
		uint64_t i = p->tail++ % PATH_PKTS;

		assert_true(p->tail - p->head < PATH_PKTS);
		p->sent[i] = now + later;
		p->lost[i] = by_chance(p, p->loss);
		p->queue_pkts++;
		p->back[i] = now + waits + (mpq_duration)(p->rtt_ms * 1e6) +
			     (mpq_duration)((double)bytes * 8 / p->bps * 1e9);
		p->back[i] = wandered(p, p->back[i]);
		p->back[i] = jittered(p, p->back[i],
				      p->back[(i + PATH_PKTS - 1) % PATH_PKTS]);
		bytes += PACKET;
		f->view.sent_pkts++;
		f->view.in_flight_bytes += PACKET;
	}
	p->left_bytes -= bytes < p->left_bytes ? bytes : p->left_bytes;
	mpq_window_sent(&f->window, bytes, now);
}

static void come_back(struct path *p, mpq_time now)
{
	struct fixture *f = p->f;

	while (p->head < p->tail && p->back[p->head % PATH_PKTS] <= now) {
		uint64_t i = p->head++ % PATH_PKTS;
		mpq_duration rtt = now - p->sent[i];

		f->view.in_flight_bytes -= PACKET;
		f->view.lost_pkts += p->lost[i];
		if (p->lost[i]) {
			continue;
		}
		f->view.delivered_bytes += PACKET;
		f->view.acked_pkts++;
		p->acked++;
		if (++p->unacked < ACK_EACH) {
			continue;
		}
		p->unacked = 0;
		f->view.rtt_latest = rtt;
		f->view.rtt_variation =
			(3 * f->view.rtt_variation +
			 (rtt > f->view.rtt_smoothed
				  ? rtt - f->view.rtt_smoothed
				  : f->view.rtt_smoothed - rtt)) /
			4;
		f->view.rtt_smoothed = (7 * f->view.rtt_smoothed + rtt) / 8;
		mpq_window_observe(&f->window, &f->view, now);
	}
}

static void count(struct path *p)
{
	double ms = p->queue_pkts * PACKET * 8 / p->bps * 1000;

	p->waits[ms < 399 ? (unsigned)ms : 399]++;
	p->steps++;
}

void flow(struct path *p, double seconds)
{
	struct fixture *f = p->f;
	mpq_time end = f->now + (mpq_duration)(seconds * 1e9);

	p->acked = 0;
	memset(p->waits, 0, sizeof(p->waits));
	p->steps = 0;
	for (; f->now < end; f->now += STEP) {
		double gone = p->bps * (double)STEP / 1e9 / (8 * PACKET);

		p->queue_pkts = p->queue_pkts > gone ? p->queue_pkts - gone : 0;
		come_back(p, f->now);
		while (p->left_bytes > 0 && f->window.next <= f->now &&
		       f->view.in_flight_bytes < mpq_window_bytes(&f->window) &&
		       f->view.in_flight_bytes < f->view.cwnd_bytes) {
			leave(p, f->now);
			if (p->left_bytes > 0) {
				mpq_window_was_full(&f->window, f->now);
			}
		}
		if (p->limited && p->left_bytes > 0) {
			mpq_window_was_full(&f->window, f->now);
		}
		count(p);
	}
}

struct path *path_new(struct fixture *f, double mbps, double rtt_ms)
{
	struct path *p = calloc(1, sizeof(*p));

	p->f = f;
	p->bps = mbps * 1e6;
	p->rtt_ms = rtt_ms;
	p->limited = true;
	p->left_bytes = UINT64_MAX;
	p->random = 7;
	f->view.cwnd_bytes =
		(uint64_t)(2.2 * p->bps / 8 * rtt_ms / 1000) + 20 * PACKET;
	f->view.rtt_smoothed = (mpq_duration)(rtt_ms * 1e6);
	f->view.rtt_latest = f->view.rtt_smoothed;
	mpq_window_observe(&f->window, &f->view, f->now);
	return p;
}

double used(const struct path *p, double seconds)
{
	return (double)p->acked * PACKET * 8 / seconds / p->bps;
}

unsigned queue_of(const struct path *p, unsigned percent)
{
	unsigned sum = 0, ms = 0;

	while (ms < 399 && sum + p->waits[ms] < p->steps / 100 * percent) {
		sum += p->waits[ms++];
	}
	return ms;
}

unsigned queue_ms(const struct path *p)
{
	return queue_of(p, 95);
}
