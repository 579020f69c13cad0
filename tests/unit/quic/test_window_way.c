/* SPDX-License-Identifier: Apache-2.0 */
/* A way that becomes longer, and what of a round trip is a queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/quic/window_jitter.h"
#include "tests/unit/quic/window_path.h"

/* ---- jitter -------------------------------------------------------------- */

static void without_jitter_all_is_queue(void **state)
{
	struct mpq_window_jitter j = {0};

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		mpq_window_jitter_round(&j, 0);
	}
	assert_true(mpq_window_jitter_usual(&j) < MS);
	assert_true(mpq_window_jitter_queue(&j, 20 * MS) > 19 * MS);
}

static void before_enough_rounds_nothing_is_usual(void **state)
{
	struct mpq_window_jitter j = {0};

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		mpq_window_jitter_round(&j, 12 * MS);
	}
	assert_int_equal(mpq_window_jitter_usual(&j), 0);
	mpq_window_jitter_round(&j, 12 * MS);
	assert_true(mpq_window_jitter_usual(&j) >= 12 * MS);
}

/* 0 to 24 ms, 12 on average. */
static void wander(struct mpq_window_jitter *j, mpq_duration queue)
{
	for (unsigned i = 0; i < 32; i++) {
		mpq_window_jitter_round(j, queue + i * 7 % 25 * MS);
	}
}

static void a_single_late_round_is_no_queue_where_many_are(void **state)
{
	struct mpq_window_jitter j = {0};

	(void)state;
	wander(&j, 0);
	assert_true(mpq_window_jitter_usual(&j) > 8 * MS);
	mpq_window_jitter_round(&j, 24 * MS);
	assert_true(mpq_window_jitter_queue(&j, 24 * MS) < 8 * MS);
	wander(&j, 30 * MS);
	assert_true(mpq_window_jitter_queue(&j, 42 * MS) > 20 * MS);
}

static void what_always_stands_becomes_usual_in_two_spans(void **state)
{
	struct mpq_window_jitter j = {0};

	(void)state;
	wander(&j, 0);
	mpq_window_jitter_span(&j);
	wander(&j, 30 * MS);
	assert_true(mpq_window_jitter_usual(&j) < 16 * MS);
	mpq_window_jitter_span(&j);
	wander(&j, 30 * MS);
	assert_true(mpq_window_jitter_usual(&j) > 30 * MS);
}

/* ---- a longer way -------------------------------------------------------- */

/* It loses, so that the library's window, which shrinks, holds back: nothing
 * tells then by how much more is delivered. */
static struct path *lossy_path_new(struct fixture *f)
{
	struct path *p;

	f->window = (struct mpq_window){0};
	f->view = (struct mpq_window_view){0};
	p = path_new(f, 50, 34);
	p->loss = .01;
	f->view.cwnd_bytes *= 3;
	flow(p, 5);
	return p;
}

/* The library's window breathes, and the delay does not. */
static void a_delay_that_does_not_follow_the_rate_is_the_ways(void **state)
{
	struct fixture *f = *state;
	struct path *p = lossy_path_new(f);
	uint64_t fits = (uint64_t)(p->bps / 8 * .076);

	p->rtt_ms = 76;
	for (unsigned i = 0; i < 20; i++) {
		f->view.cwnd_bytes = fits * (4 + i % 3) / 10;
		flow(p, .1);
	}
	assert_true(mpq_window_rtt_least(&f->window) > 74 * MS);
	free(p);
}

static void a_queue_that_follows_the_rate_is_none_of_the_way(void **state)
{
	struct fixture *f = *state;
	struct path *p = lossy_path_new(f);

	f->view.cwnd_bytes *= 4;
	p->bps /= 4;
	for (unsigned i = 0; i < 20; i++) {
		flow(p, .1);
		assert_true(mpq_window_rtt_least(&f->window) < 40 * MS);
	}
	free(p);
}

/* ---- an outage ----------------------------------------------------------- */

/* All under way is lost, and this is the first that comes back after it. */
static void outage(struct path *p, double rtt_ms)
{
	struct fixture *f = p->f;

	f->now += 300 * MS;
	f->view.lost_pkts += p->tail - p->head;
	f->view.in_flight_bytes = 0;
	p->head = p->tail;
	p->rtt_ms = rtt_ms;
	f->view.rtt_latest = (mpq_duration)(rtt_ms * 1e6);
	f->view.acked_pkts++;
	f->view.delivered_bytes += 40;
	mpq_window_observe(&f->window, &f->view, f->now);
}

static void after_an_outage_the_way_is_what_comes_first(void **state)
{
	struct fixture *f = *state;
	struct path *p = lossy_path_new(f);

	outage(p, 76);
	assert_int_equal(mpq_window_rtt_least(&f->window), 76 * MS);
	assert_int_equal(f->window.queue, 0);
	flow(p, 1);
	flow(p, 2);
	assert_true(used(p, 2) > .9);
	free(p);
}

static void the_library_is_told_of_a_longer_way_only_and_once(void **state)
{
	struct fixture *f = *state;
	struct path *p = lossy_path_new(f);

	assert_false(mpq_window_is_longer(&f->window, f->now));
	outage(p, 30);
	assert_false(mpq_window_is_longer(&f->window, f->now));
	flow(p, 1);
	outage(p, 76);
	assert_true(mpq_window_is_longer(&f->window, f->now));
	mpq_window_was_told(&f->window);
	assert_false(mpq_window_is_longer(&f->window, f->now));
	flow(p, 1);
	outage(p, 110);
	assert_true(mpq_window_is_longer(&f->window, f->now));
	assert_false(mpq_window_is_longer(&f->window, f->now + 2 * MPQ_SECOND));
	free(p);
}

static void a_few_losses_are_no_outage(void **state)
{
	struct fixture *f = *state;
	struct path *p = lossy_path_new(f);

	f->view.lost_pkts += 9;
	f->view.in_flight_bytes = 0;
	f->view.rtt_latest = 76 * MS;
	f->view.acked_pkts++;
	mpq_window_observe(&f->window, &f->view, f->now);
	assert_false(mpq_window_is_longer(&f->window, f->now));
	assert_true(mpq_window_rtt_least(&f->window) < 40 * MS);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_jitter_all_is_queue),
		cmocka_unit_test(before_enough_rounds_nothing_is_usual),
		cmocka_unit_test(
			a_single_late_round_is_no_queue_where_many_are),
		cmocka_unit_test(what_always_stands_becomes_usual_in_two_spans),
		TEST(a_delay_that_does_not_follow_the_rate_is_the_ways),
		TEST(a_queue_that_follows_the_rate_is_none_of_the_way),
		TEST(after_an_outage_the_way_is_what_comes_first),
		TEST(the_library_is_told_of_a_longer_way_only_and_once),
		TEST(a_few_losses_are_no_outage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
