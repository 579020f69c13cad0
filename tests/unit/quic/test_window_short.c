/* SPDX-License-Identifier: Apache-2.0 */
/* A window that keeps the path's queue short, for what cannot wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/quic/window_path.h"

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

/* A cell's, that wanders by half of the round trip. Seconds to find what it
 * carries, from a third of that on. */
static void what_a_path_carries_is_found_where_its_delay_wanders(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 10; i++) {
		struct path *p;

		f->window = (struct mpq_window){0};
		f->view = (struct mpq_window_view){0};
		p = path_new(f, 10, 45);
		p->random = i;
		p->wander_ms = 15;
		f->view.cwnd_bytes *= 6;
		flow(p, 5);
		mpq_window_keep_short(&f->window, true);
		flow(p, 5);
		p->bps *= 3;
		flow(p, 30);
		flow(p, 60);
		assert_true(used(p, 60) > .8);
		assert_true(queue_of(p, 99) < 35);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_queue_is_kept_short_where_jitter_hides_it),
		TEST(what_is_tried_in_vain_is_little_where_jitter_hides_it),
		TEST(another_rate_is_found_where_jitter_hides_it),
		TEST(there_is_room_when_the_library_probes),
		TEST(a_queue_that_is_kept_short_costs_little),
		TEST(what_a_path_carries_is_found_where_its_delay_wanders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
