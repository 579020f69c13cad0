/* SPDX-License-Identifier: Apache-2.0 */
/* The window at work on a path with a queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/quic/window_path.h"

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
		TEST(losses_leave_it_full),
		TEST(a_shorter_way_is_seen_after_doctored_samples),
		TEST(the_library_seldom_needs_to_probe_for_the_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
