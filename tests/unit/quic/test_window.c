/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/quic/window.h"

#define MS     MPQ_MILLISECOND
#define RTT    (40 * MS)
#define PACKET 1450
#define ROUNDS 10
#define ROUND  (100000 / PACKET) /* packets a round trip: 20 Mbit/s */

struct fixture {
	struct mpq_window window;
	struct mpq_window_view view;
	mpq_time now;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->now = 9 * MPQ_SECOND;
	f->view.cwnd_bytes = 200000;
	f->view.rtt_latest = f->view.rtt_smoothed = RTT;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* One round trip in which so many packets were sent, and so many lost. */
static void round_of(struct fixture *f, unsigned sent, unsigned lost, bool full)
{
	f->view.sent_pkts += sent;
	f->view.lost_pkts += lost;
	f->view.delivered_bytes += (uint64_t)(sent - lost) * PACKET;
	f->now += RTT;
	if (full) {
		mpq_window_was_full(&f->window, f->now);
	}
	mpq_window_sent(&f->window, 0, f->now);
	mpq_window_observe(&f->window, &f->view, f->now);
}

static void rounds(struct fixture *f, unsigned n, unsigned sent, unsigned lost)
{
	for (unsigned i = 0; i < n; i++) {
		round_of(f, sent, lost, true);
	}
}

/* What the window lets go out in a round trip, at most. */
static double pace_of(struct fixture *f)
{
	mpq_window_sent(&f->window, 50 * PACKET, f->now);
	mpq_window_sent(&f->window, 50 * PACKET, f->now);
	return 100.0 * (double)RTT / (double)(f->window.next + MS - f->now) /
	       ROUND;
}

static void start(struct fixture *f)
{
	mpq_window_observe(&f->window, &f->view, f->now);
	for (unsigned n = 10; n < ROUND; n *= 2) {
		rounds(f, 1, n, 0);
	}
	rounds(f, 6, ROUND, 0);
	assert_true(f->window.started);
}

static void nothing_is_held_back_before_anything_is_known(void **state)
{
	struct fixture *f = *state;

	assert_true(mpq_window_bytes(&f->window) == UINT64_MAX);
	assert_true(mpq_window_quantum_bytes(&f->window) == UINT64_MAX);
	mpq_window_sent(&f->window, 10000, f->now);
	assert_int_equal(f->window.next, 0);
}

static void the_start_goes_by_the_librarys_window(void **state)
{
	struct fixture *f = *state;

	mpq_window_observe(&f->window, &f->view, f->now);
	assert_true(mpq_window_bytes(&f->window) == UINT64_MAX);
	/* 200 kB of window and twice that in a round trip of 100 kB */
	assert_true(pace_of(f) > 3.9 && pace_of(f) < 4.1);
}

static void the_start_ends_when_no_more_is_delivered(void **state)
{
	struct fixture *f = *state;

	mpq_window_observe(&f->window, &f->view, f->now);
	rounds(f, 1, 10, 0);
	rounds(f, 1, 20, 0);
	rounds(f, 1, 40, 0);
	rounds(f, 3, 42, 0);
	assert_true(f->window.started);
}

static void an_idle_path_does_not_end_its_start(void **state)
{
	struct fixture *f = *state;

	mpq_window_observe(&f->window, &f->view, f->now);
	for (unsigned i = 0; i < 100; i++) {
		round_of(f, 1, 0, false);
	}
	assert_false(f->window.started);
}

static void a_start_that_overflows_the_path_ends(void **state)
{
	struct fixture *f = *state;

	mpq_window_observe(&f->window, &f->view, f->now);
	for (unsigned i = 0; i < 5; i++) {
		round_of(f, ROUND, ROUND / 10, false);
	}
	assert_true(f->window.started);
}

/* Rounds that do not fill the path, of samples that are so much longer than the
 * round trip; one in four is not when it is by chance. */
static void odd_rounds(struct fixture *f, mpq_duration longer, bool by_chance,
		       unsigned pkts)
{
	mpq_window_observe(&f->window, &f->view, f->now);
	for (unsigned i = 0; i < 40; i++) {
		f->view.rtt_latest =
			RTT + i + (by_chance && i % 4 == 0 ? 0 : longer);
		mpq_window_observe(&f->window, &f->view, f->now);
		if (i % 8 == 7) {
			round_of(f, pkts, 0, false);
		}
	}
}

/* What comes in clumps fills a path's queue, and no round. */
static void a_start_that_leaves_a_queue_ends(void **state)
{
	odd_rounds(*state, 30 * MS, false, ROUND / 2);
	assert_true(((struct fixture *)*state)->window.started);
}

static void jitter_does_not_end_a_start(void **state)
{
	odd_rounds(*state, 30 * MS, true, ROUND / 2);
	assert_false(((struct fixture *)*state)->window.started);
}

/* Acknowledgements of a flow the other way, on a busy machine. */
static void a_thin_flow_does_not_end_a_start(void **state)
{
	odd_rounds(*state, 30 * MS, false, ROUND / 10);
	assert_false(((struct fixture *)*state)->window.started);
}

static void a_packet_that_waits_for_another_is_no_full_path(void **state)
{
	struct fixture *f = *state;

	mpq_window_observe(&f->window, &f->view, f->now);
	for (unsigned i = 0; i < 100; i++) {
		mpq_window_sent(&f->window, 2 * PACKET, f->now);
		mpq_window_sent(&f->window, 2 * PACKET, f->now);
		round_of(f, 6, 0, true);
	}
	assert_false(f->window.started);
}

/* A burst that left at another rate does not silence the path for seconds. */
static void is_never_far_ahead_of_its_time(void **state)
{
	struct fixture *f = *state;

	start(f);
	rounds(f, 12, 2, 0);
	mpq_window_sent(&f->window, 65535, f->now);
	assert_true(f->window.next > f->now);
	assert_true(f->window.next <= f->now + 200 * MPQ_MILLISECOND);
}

static void the_window_is_what_the_path_carries_and_some(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_true(mpq_window_bytes(&f->window) > ROUND * PACKET * 14 / 10);
	assert_true(mpq_window_bytes(&f->window) < ROUND * PACKET * 17 / 10);
}

/* Whoever sends no more than he may in a round that lets a queue go, has filled
 * no round; he may send as before, after it. */
static void a_queue_is_let_go_for_a_round(void **state)
{
	struct fixture *f = *state;

	start(f);
	for (unsigned i = 0; i < 40 && pace_of(f) > .8; i++) {
		f->window.next = f->now;
		rounds(f, 1, ROUND, 0);
	}
	f->window.next = f->now;
	assert_true(pace_of(f) < .8);
	for (unsigned i = 0; i < 3; i++) {
		f->window.next = f->now;
		round_of(f, ROUND * 3 / 4, 0, false);
	}
	f->window.next = f->now;
	assert_true(pace_of(f) > .95);
}

/* 1 % and more of loss that comes whatever is sent. */
static void losses_do_not_slow_it_down(void **state)
{
	struct fixture *f = *state;
	double least = 10;

	start(f);
	for (unsigned i = 0; i < 80; i++) {
		double pace;

		rounds(f, 1, ROUND, 2);
		pace = pace_of(f);
		/* but for the rounds that let the queue go */
		if (i % 8 < 6) {
			least = pace < least ? pace : least;
		}
		f->window.next = 0;
	}
	assert_true(least > 0.7);
	assert_true(mpq_window_bytes(&f->window) > ROUND * PACKET * 2);
}

static void without_losses_there_is_no_more_excess(void **state)
{
	struct fixture *f = *state;

	start(f);
	rounds(f, 80, ROUND, 2);
	rounds(f, 800, ROUND, 0);
	assert_true(mpq_window_bytes(&f->window) < ROUND * PACKET * 17 / 10);
}

static void a_slower_path_is_noticed_in_ten_rounds(void **state)
{
	struct fixture *f = *state;

	start(f);
	rounds(f, ROUNDS, ROUND / 4, 0);
	assert_true(mpq_window_bytes(&f->window) < ROUND * PACKET);
}

/* The machine did not run us: that says nothing of the path. */
static void being_late_does_not_slow_it_down(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes;

	start(f);
	bytes = mpq_window_bytes(&f->window);
	for (unsigned i = 0; i < 10 * ROUNDS; i++) {
		f->window.next = f->now + MS;
		mpq_window_was_full(&f->window, f->now);
		f->now += 30 * MS;
		mpq_window_sent(&f->window, PACKET, f->now);
		f->now -= 30 * MS;
		rounds(f, 1, ROUND / 2, 0);
	}
	assert_true(mpq_window_bytes(&f->window) >= bytes);
}

/* Clumps: each burst is full, and then there is nothing for a while. */
static void what_comes_in_clumps_does_not_slow_it_down(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes;

	start(f);
	bytes = mpq_window_bytes(&f->window);
	for (unsigned i = 0; i < 10 * ROUNDS; i++) {
		f->window.next = f->now - RTT / 2;
		mpq_window_sent(&f->window, PACKET, f->now);
		mpq_window_was_full(&f->window, f->now);
		mpq_window_sent(&f->window, PACKET, f->now);
		rounds(f, 1, ROUND / 2, 0);
	}
	assert_true(mpq_window_bytes(&f->window) >= bytes);
}

static void what_was_late_is_made_up_for(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->window.next = f->now + MS;
	mpq_window_was_full(&f->window, f->now);
	f->now += 8 * MS;
	mpq_window_sent(&f->window, PACKET, f->now);
	assert_true(f->window.next < f->now - 5 * MS);
	/* but not that there was nothing to send */
	f->window.next = f->now - 8 * MS;
	mpq_window_sent(&f->window, PACKET, f->now);
	assert_true(f->window.next >= f->now - MS);
}

static void a_round_that_was_not_filled_tells_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes;

	start(f);
	bytes = mpq_window_bytes(&f->window);
	for (unsigned i = 0; i < 100; i++) {
		round_of(f, 2, 0, false);
	}
	assert_int_equal(mpq_window_bytes(&f->window), bytes);
	round_of(f, 2 * ROUND, 0, false); /* that there is more, it does */
	assert_true(mpq_window_bytes(&f->window) > bytes * 3 / 2);
}

/* ---- a path with a queue, and the window at work on it ------------------- */

#define STEP      (MS / 4)
#define PATH_PKTS 20000
#define ACK_EACH  5

struct path {
	struct fixture *f;
	double bps, rtt_ms, loss; /* now */
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

/* That 95 of 100 packets find less than. */
static unsigned queue_ms(const struct path *p)
{
	unsigned sum = 0, ms = 0;

	while (ms < 399 && sum + p->waits[ms] < p->steps / 20 * 19) {
		sum += p->waits[ms++];
	}
	return ms;
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

/* It would outlive its cause in a path that is seldom used. */
static void a_queue_is_gone_with_what_was_under_way(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->view.in_flight_bytes = 1;
	for (unsigned i = 0; i < 16; i++) {
		f->view.rtt_latest = RTT + 30 * MS + i;
		mpq_window_observe(&f->window, &f->view, f->now);
		if (i % 8 == 7) {
			rounds(f, 1, ROUND / 2, 0);
		}
	}
	assert_true(f->window.queue > 20 * MS);
	f->view.in_flight_bytes = 0;
	mpq_window_observe(&f->window, &f->view, f->now);
	assert_int_equal(f->window.queue, 0);
}

/* A satellite's hand-over: the delay is not ours. */
static void a_longer_way_costs_little(void **state)
{
	struct fixture *f = *state;
	struct path *p = path_new(f, 20, 30);

	f->view.cwnd_bytes *= 3;
	flow(p, 3);
	p->rtt_ms = 80;
	flow(p, 5);
	assert_true(used(p, 5) > 0.9);
	flow(p, 6);
	flow(p, 5);
	assert_true(used(p, 5) > 0.95);
	assert_true(queue_ms(p) < 30);
	free(p);
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

/* What the library makes of the samples: ProbeRTT, or not. */
static void the_library_seldom_needs_to_probe_for_the_round_trip(void **state)
{
	struct fixture *f = *state;
	struct path *p = path_new(f, 20, 40);
	unsigned probes = 0, said = 0;

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
		assert_true(f->window.probe.least > 32 * MS);
	}
	assert_true(said > 20);
	assert_true(probes <= 12); /* of 24 */
	free(p);
}

/* A packet that was refused did not leave. */
static void asking_how_late_to_be_is_no_try(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->now += 3 * MPQ_SECOND;
	assert_true(mpq_window_later(&f->window, f->now) > 0);
	assert_true(mpq_window_later(&f->window, f->now) > 0);
	mpq_window_was_later(&f->window, f->now);
	assert_int_equal(mpq_window_later(&f->window, f->now), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_held_back_before_anything_is_known),
		TEST(the_start_goes_by_the_librarys_window),
		TEST(a_start_in_clumps_ends_at_what_they_show),
		TEST(a_start_ends_when_its_queue_shows),
		TEST(the_start_ends_when_no_more_is_delivered),
		TEST(an_idle_path_does_not_end_its_start),
		TEST(a_start_that_overflows_the_path_ends),
		TEST(a_start_that_leaves_a_queue_ends),
		TEST(jitter_does_not_end_a_start),
		TEST(a_thin_flow_does_not_end_a_start),
		TEST(a_packet_that_waits_for_another_is_no_full_path),
		TEST(is_never_far_ahead_of_its_time),
		TEST(the_window_is_what_the_path_carries_and_some),
		TEST(a_queue_is_let_go_for_a_round),
		TEST(losses_do_not_slow_it_down),
		TEST(without_losses_there_is_no_more_excess),
		TEST(a_slower_path_is_noticed_in_ten_rounds),
		TEST(being_late_does_not_slow_it_down),
		TEST(what_comes_in_clumps_does_not_slow_it_down),
		TEST(what_was_late_is_made_up_for),
		TEST(a_round_that_was_not_filled_tells_nothing),
		TEST(a_path_is_filled_and_its_queue_short),
		TEST(a_slower_path_is_followed),
		TEST(a_faster_path_is_found),
		TEST(twice_as_much_is_found_in_two_seconds),
		TEST(a_queue_is_gone_with_what_was_under_way),
		TEST(a_longer_way_costs_little),
		TEST(losses_leave_it_full),
		TEST(a_shorter_way_is_seen_after_doctored_samples),
		TEST(the_library_seldom_needs_to_probe_for_the_round_trip),
		TEST(asking_how_late_to_be_is_no_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
