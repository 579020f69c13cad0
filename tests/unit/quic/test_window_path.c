/* SPDX-License-Identifier: Apache-2.0 */
/* The window at work on a path with a queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/quic/window_fixture.h"

#define STEP      (MS / 4)
#define PATH_PKTS 20000
#define ACK_EACH  5

struct path {
	struct fixture *f;
	double bps, rtt_ms, loss; /* now */
	double jitter_ms;         /* up to so much more, in order */
	double queue_pkts;
	unsigned waits[400], steps; /* of the queue, by ms */
	bool limited;               /* we have more than it carries */
	uint64_t left_bytes;        /* there is to send */
	mpq_time sent[PATH_PKTS], back[PATH_PKTS];
	bool lost[PATH_PKTS];
	uint64_t head, tail; /* under way: head .. tail - 1 */
	uint64_t acked, unacked;
	uint32_t random;
	mpq_duration least_told;
};

static bool by_chance(struct path *p, double part)
{
	p->random = p->random * 1664525 + 1013904223;
	return p->random / 4294967296.0 < part;
}

static mpq_time jittered(struct path *p, mpq_time at, mpq_time before)
{
	if (p->jitter_ms > 0) {
		(void)by_chance(p, 0);
		at += (mpq_duration)(p->random / 4294967296.0 * p->jitter_ms *
				     1e6);
		at = at > before ? at : before;
	}
	return at;
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

static void flow(struct path *p, double seconds)
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

static struct path *path_new(struct fixture *f, double mbps, double rtt_ms)
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

/* Of the link's rate, in the last run of so many seconds. */
static double used(const struct path *p, double seconds)
{
	return (double)p->acked * PACKET * 8 / seconds / p->bps;
}

/* That so many of 100 packets find less than. */
static unsigned queue_of(const struct path *p, unsigned percent)
{
	unsigned sum = 0, ms = 0;

	while (ms < 399 && sum + p->waits[ms] < p->steps / 100 * percent) {
		sum += p->waits[ms++];
	}
	return ms;
}

static unsigned queue_ms(const struct path *p)
{
	return queue_of(p, 95);
}

static void a_path_is_filled_and_its_queue_short(void **state)
{
	static const double paths[][2] = {{20, 40},  {50, 30}, {10, 120},
					  {100, 25}, {300, 8}, {5, 30},
					  {2, 60},   {50, 300}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct path *p;
		double packet_ms = PACKET * 8 / paths[i][0] / 1000;

		f->window = (struct mpq_window){0};
		f->view = (struct mpq_window_view){0};
		p = path_new(f, paths[i][0], paths[i][1]);
		flow(p, 3 + paths[i][1] / 50);
		flow(p, 20);

		assert_true(used(p, 20) > 0.96);
		assert_true(queue_ms(p) <
			    10 + 3 * packet_ms + paths[i][1] / 40);
		free(p);
	}
}

/* One inner flow's segments, say: each finds an idle path. */
static void a_start_in_clumps_ends_at_what_they_show(void **state)
{
	struct fixture *f = *state;
	struct path *p = path_new(f, 20, 60);

	f->view.cwnd_bytes = 350000;
	for (unsigned i = 0; i < 10; i++) {
		p->left_bytes = 100000;
		flow(p, .3);
	}
	assert_true(f->window.started);
	p->left_bytes = 100000;
	flow(p, .3);
	assert_true(queue_ms(p) < 10);
	p->left_bytes = UINT64_MAX;
	flow(p, 1);
	flow(p, 1);
	assert_true(used(p, 1) > .95);
	free(p);
}

/* Without a loss, and well before three rounds that bring no more. */
static void a_start_ends_when_its_queue_shows(void **state)
{
	struct fixture *f = *state;
	struct path *p = path_new(f, 20, 40);

	f->view.cwnd_bytes = 200000;
	flow(p, .25);
	assert_true(f->window.started);
	flow(p, .2);
	flow(p, .5);
	assert_true(queue_ms(p) < 8);
	free(p);
}

static void a_slower_path_is_followed(void **state)
{
	struct path *p = path_new(*state, 20, 40);

	flow(p, 3);
	p->bps = 5e6;
	flow(p, 6);
	flow(p, 5);
	assert_true(used(p, 5) > 0.95);
	assert_true(queue_ms(p) < 40);
	free(p);
}

static void a_faster_path_is_found(void **state)
{
	struct fixture *f = *state;
	struct path *p = path_new(f, 5, 40);

	f->view.cwnd_bytes *= 4;
	flow(p, 3);
	p->bps = 20e6;
	flow(p, 2);
	flow(p, 5);
	assert_true(used(p, 5) > 0.95);
	free(p);
}

/* However little is tried. */
static void twice_as_much_is_found_in_two_seconds(void **state)
{
	static const double rtts[] = {10, 40, 120};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
		struct path *p;

		f->window = (struct mpq_window){0};
		f->view = (struct mpq_window_view){0};
		p = path_new(f, 10, rtts[i]);
		f->view.cwnd_bytes *= 4;
		flow(p, 5);
		p->bps = 20e6;
		flow(p, 2);
		flow(p, 1);
		assert_true(used(p, 1) > 0.9);
		free(p);
	}
}

/* A satellite's hand-over, at this time: the delay is not ours. false: it was
 * taken for a queue until it was forgotten how short the way had been. */
static bool longer_way_is_seen_at_once(struct fixture *f, double seconds)
{
	struct path *p;
	bool at_once;

	f->window = (struct mpq_window){0};
	f->view = (struct mpq_window_view){0};
	p = path_new(f, 20, 30);
	f->view.cwnd_bytes *= 3;
	flow(p, seconds);
	p->rtt_ms = 80;
	flow(p, 5);
	at_once = used(p, 5) > .9;
	flow(p, 6);
	flow(p, 5);
	assert_true(used(p, 5) > 0.95);
	assert_true(queue_ms(p) < 30);
	free(p);
	return at_once;
}

/* In whatever part of the cycle it comes; unless the window, short of it, fills
 * too little of the longer way. */
static void a_longer_way_costs_little(void **state)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < 20; i++) {
		seen += longer_way_is_seen_at_once(*state, 2.7 + .06 * i);
	}
	assert_true(seen >= 17);
}

/* That would stand in it unseen, and what cannot wait behind it. */
static void a_queue_is_kept_short_where_jitter_hides_it(void **state)
{
	struct fixture *f = *state;
	struct path *p = path_new(f, 12, 60);
	unsigned before;

	f->view.cwnd_bytes *= 2;
	p->jitter_ms = 15;
	flow(p, 5);
	flow(p, 20);
	before = queue_ms(p);
	assert_true(used(p, 20) > .95);
	mpq_window_keep_short(&f->window, true);
	flow(p, 5);
	flow(p, 60);
	assert_true(used(p, 60) > .9);
	assert_true(queue_ms(p) < 10 && queue_ms(p) < before);
	mpq_window_keep_short(&f->window, false);
	flow(p, 2);
	flow(p, 10);
	assert_true(used(p, 10) > .95);
	free(p);
}

static struct path *short_path_new(struct fixture *f, double mbps)
{
	struct path *p;

	f->window = (struct mpq_window){0};
	f->view = (struct mpq_window_view){0};
	p = path_new(f, mbps, 60);
	f->view.cwnd_bytes *= 4;
	p->jitter_ms = 25;
	flow(p, 5);
	mpq_window_keep_short(&f->window, true);
	flow(p, 10);
	return p;
}

/* Nor does jitter make what is tried in vain look as if it had come through. */
static void what_is_tried_in_vain_is_little_where_jitter_hides_it(void **state)
{
	static const double rates[] = {6, 12, 30};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct path *p = short_path_new(f, rates[i]);

		flow(p, 120);
		assert_true(used(p, 120) > .92);
		assert_true(queue_of(p, 99) < 15);
		free(p);
	}
}

static void another_rate_is_found_where_jitter_hides_it(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 10; i++) {
		struct path *p = short_path_new(f, 12);

		p->random = i;
		p->bps *= 2;
		flow(p, 6);
		flow(p, 5);
		assert_true(used(p, 5) > .9);
		p->bps /= 3;
		flow(p, 8);
		flow(p, 10);
		assert_true(used(p, 10) > .9);
		assert_true(queue_ms(p) < 20);
		free(p);
	}
}

/* Where jitter defeats what is to spare the library its ProbeRTT: it halves the
 * window at once, and what cannot wait would stand before it until half of what
 * is under way has come back. */
static void there_is_room_when_the_library_probes(void **state)
{
	struct fixture *f = *state;
	struct path *p = short_path_new(f, 12);
	uint64_t half = (uint64_t)(p->bps / 8 * p->rtt_ms / 1000 / 2);
	unsigned probes = 0;

	for (unsigned i = 0; i < 12000; i++) {
		mpq_time began = f->window.probe.began;

		flow(p, .01);
		probes += f->window.probe.began > began;
		if (f->window.probe.began > 0 &&
		    f->now < f->window.probe.began + 200 * MS) {
			assert_true(f->view.in_flight_bytes < half * 5 / 4);
		}
	}
	assert_true(probes > 0);
	free(p);
}

/* What is left free is not less and less, and more is found. */
static void a_queue_that_is_kept_short_costs_little(void **state)
{
	static const double paths[][2] = {{20, 40},
					  {10, 120},
					  {100, 25},
					  {5, 30}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct path *p;

		f->window = (struct mpq_window){0};
		f->view = (struct mpq_window_view){0};
		p = path_new(f, paths[i][0], paths[i][1]);
		f->view.cwnd_bytes *= 4;
		mpq_window_keep_short(&f->window, true);
		flow(p, 60);
		flow(p, 20);
		assert_true(used(p, 20) > .88);
		p->bps *= 2;
		flow(p, 5);
		flow(p, 2);
		assert_true(used(p, 2) > .85);
		free(p);
	}
}

static void losses_leave_it_full(void **state)
{
	struct path *p = path_new(*state, 20, 40);

	p->loss = 0.02;
	flow(p, 3);
	flow(p, 10);
	assert_true(used(p, 10) > 0.95);
	free(p);
}

static void a_shorter_way_is_seen_after_doctored_samples(void **state)
{
	struct fixture *f = *state;
	struct path *p = path_new(f, 20, 80);

	f->view.rtt_min = 80 * MS;
	flow(p, 10);
	assert_true(f->window.probe.tried > 0);
	p->rtt_ms = 40;
	flow(p, 5);
	assert_true(f->window.rtt_min < 45 * MS);
	free(p);
}

/* What the library makes of the samples in two minutes: ProbeRTT so often. */
static unsigned probes_of(struct fixture *f, double mbps, double rtt_ms)
{
	struct path *p;
	unsigned probes = 0, said = 0;

	f->window = (struct mpq_window){0};
	f->view = (struct mpq_window_view){0};
	p = path_new(f, mbps, rtt_ms);
	flow(p, 3);
	for (unsigned i = 0; i < 120 * 20; i++) {
		struct mpq_window_probe before = f->window.probe;

		flow(p, .05);
		if (f->window.probe.since == before.since) {
			continue;
		}
		if (f->window.probe.least > before.least) {
			probes++;
		} else {
			said++;
		}
		/* never so little that the library's window is too small */
		assert_true((double)f->window.probe.least > .8e6 * rtt_ms);
	}
	assert_true(said > 20);
	free(p);
	return probes;
}

static void the_library_seldom_needs_to_probe_for_the_round_trip(void **state)
{
	static const double paths[][2] = {{20, 40},
					  {50, 30},
					  {20, 60},
					  {10, 120}};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		/* of 24 */
		assert_true(probes_of(*state, paths[i][0], paths[i][1]) <= 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_start_in_clumps_ends_at_what_they_show),
		TEST(a_start_ends_when_its_queue_shows),
		TEST(a_path_is_filled_and_its_queue_short),
		TEST(a_slower_path_is_followed),
		TEST(a_faster_path_is_found),
		TEST(twice_as_much_is_found_in_two_seconds),
		TEST(a_longer_way_costs_little),
		TEST(a_queue_is_kept_short_where_jitter_hides_it),
		TEST(what_is_tried_in_vain_is_little_where_jitter_hides_it),
		TEST(another_rate_is_found_where_jitter_hides_it),
		TEST(there_is_room_when_the_library_probes),
		TEST(a_queue_that_is_kept_short_costs_little),
		TEST(losses_leave_it_full),
		TEST(a_shorter_way_is_seen_after_doctored_samples),
		TEST(the_library_seldom_needs_to_probe_for_the_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
