/* SPDX-License-Identifier: Apache-2.0 */
/* The window's rules, a round at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/quic/window_fixture.h"

#define ROUNDS 10
#define ROUND  (100000 / PACKET) /* packets a round trip: 20 Mbit/s */

/* One round trip in which so many packets were sent, and so many lost. */
static void round_of(struct fixture *f, unsigned sent, unsigned lost, bool full)
{
	f->view.sent_pkts += sent;
	f->view.lost_pkts += lost;
	f->view.delivered_bytes += (uint64_t)(sent - lost) * PACKET;
	f->view.acked_pkts += sent - lost;
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
/* Acknowledgements, of which one in ten is lost: each loss lets the library's
 * window fall to what is under way, so that it holds back. */
static void a_loss_in_a_thin_direction_does_not_end_a_start(void **state)
{
	struct fixture *f = *state;

	mpq_window_observe(&f->window, &f->view, f->now);
	rounds(f, 50, 10, 1);
	assert_false(f->window.started);
	rounds(f, 5, 10, 5); /* nothing comes through: too much */
	assert_true(f->window.started);
}

/* What is lost was counted as delivered for a moment. */
static void what_delivered_less_than_before_carries_little(void **state)
{
	struct fixture *f = *state;

	mpq_window_observe(&f->window, &f->view, f->now);
	rounds(f, 2, 10, 0);
	for (unsigned i = 0; i < 10; i++) {
		f->view.delivered_bytes -= 2 * PACKET;
		round_of(f, 2, 1, true);
	}
	assert_false(f->window.started);
}

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

/* A direction of acknowledgements only: what is acknowledged gives the library
 * no sample, and its least is what it was. */
static void what_is_no_sample_leaves_the_least(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(f->window.probe.least, RTT);
	f->view.rtt_latest = RTT + 2 * MS;
	mpq_window_observe(&f->window, &f->view, f->now);
	for (unsigned i = 0; i < 60; i++) {
		f->now += 100 * MS;
		f->view.delivered_bytes += 34;
		mpq_window_observe(&f->window, &f->view, f->now);
	}
	assert_int_equal(f->window.probe.least, RTT);
	/* Its interval has ended all the same, and another one begun. */
	assert_true(f->now < f->window.probe.since + 2 * MPQ_SECOND);
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

/* How much was delivered is not known to the byte when packets were lost. */
static void a_loss_makes_no_old_sample_a_fresh_one(void **state)
{
	struct fixture *f = *state;

	f->view.rtt_min = RTT;
	start(f);
	f->now += 3 * MPQ_SECOND;
	assert_true(mpq_window_later(&f->window, f->now) > 0);
	mpq_window_was_later(&f->window, f->now);
	f->now += RTT;
	f->view.rtt_latest = RTT - 5 * MS; /* it was made less */
	f->view.delivered_bytes += PACKET;
	f->view.acked_pkts++;
	mpq_window_observe(&f->window, &f->view, f->now);
	f->now += 1 * MPQ_SECOND;
	f->view.lost_pkts++;
	f->view.delivered_bytes += 100; /* it was a small one */
	mpq_window_observe(&f->window, &f->view, f->now);
	assert_int_equal(f->window.rtt_min, RTT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_held_back_before_anything_is_known),
		TEST(the_start_goes_by_the_librarys_window),
		TEST(the_start_ends_when_no_more_is_delivered),
		TEST(an_idle_path_does_not_end_its_start),
		TEST(a_start_that_overflows_the_path_ends),
		TEST(a_start_that_leaves_a_queue_ends),
		TEST(jitter_does_not_end_a_start),
		TEST(a_thin_flow_does_not_end_a_start),
		TEST(a_packet_that_waits_for_another_is_no_full_path),
		TEST(a_loss_in_a_thin_direction_does_not_end_a_start),
		TEST(what_delivered_less_than_before_carries_little),
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
		TEST(a_queue_is_gone_with_what_was_under_way),
		TEST(what_is_no_sample_leaves_the_least),
		TEST(asking_how_late_to_be_is_no_try),
		TEST(a_loss_makes_no_old_sample_a_fresh_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
