/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS MPQ_MILLISECOND

static struct mpq_estimate est;
static mpq_time now;
static uint64_t sent_id, acked_id;

static int setup(void **state)
{
	const struct mpq_estimate_view view = {.rtt_smoothed = 40 * MS,
					       .rtt_min = 40 * MS,
					       .rtt_variation = 2 * MS,
					       .cwnd_bytes = 100000,
					       .in_flight_bytes = 60000};

	(void)state;
	now = MPQ_SECOND;
	sent_id = acked_id = 0;
	mpq_estimate_init(&est, now);
	mpq_estimate_observe(&est, &view, now);
	return 0;
}

/* One datagram of 1000 bytes each millisecond, 8 Mbit/s, 40 in flight. */
static void run(mpq_duration time)
{
	mpq_time end = now + time;

	for (; now < end; now += MS) {
		mpq_estimate_sent(&est, sent_id++, 1000, now);
		if (sent_id - acked_id > 40) {
			mpq_estimate_acked(&est, acked_id++, now);
		}
	}
}

static void restarts_as_if_it_were_new(void **state)
{
	static struct mpq_estimate used, fresh;

	(void)state;
	mpq_estimate_init(&used, MPQ_SECOND);
	for (uint64_t id = 0; id < 100; id++) {
		mpq_estimate_sent(&used, id, 1000, MPQ_SECOND + id);
		mpq_estimate_lost(&used, id, 2 * MPQ_SECOND);
	}
	mpq_estimate_restart(&used, 3 * MPQ_SECOND);
	mpq_estimate_init(&fresh, 3 * MPQ_SECOND);
	assert_memory_equal(&used, &fresh, sizeof(used));
}

static void measures_capacity_when_it_is_filled(void **state)
{
	(void)state;
	mpq_estimate_queued(&est, 5000);
	assert_false(mpq_estimate_is_proven(&est, now));
	run(MPQ_SECOND);
	assert_true(mpq_estimate_is_proven(&est, now));
	assert_in_range(mpq_estimate_rate_bps(&est, now), 7600000, 8400000);
}

static void takes_an_idle_samples_rate_as_a_lower_bound_only(void **state)
{
	(void)state;
	mpq_estimate_queued(&est, 5000);
	run(MPQ_SECOND);
	mpq_estimate_queued(&est, 0); /* the source has no more */
	for (; acked_id < sent_id; now += MS) {
		mpq_estimate_acked(&est, acked_id++, now);
	}
	for (int i = 0; i < 100; i++, now += 10 * MS) {
		mpq_estimate_sent(&est, sent_id++, 1000, now);
		mpq_estimate_acked(&est, acked_id++, now);
	}
	assert_in_range(mpq_estimate_rate_bps(&est, now), 7600000, 8400000);
}

/* Others took what waited: nothing was sent that would tell. */
static void is_idle_once_nothing_is_left_for_it(void **state)
{
	(void)state;
	mpq_estimate_queued(&est, 5000);
	run(MPQ_SECOND);
	mpq_estimate_queued(&est, 0);
	for (; acked_id < sent_id; now += MS) {
		mpq_estimate_acked(&est, acked_id++, now);
	}
	for (int i = 0; i < 100; i++, now += 10 * MS) {
		mpq_estimate_queued(&est, 1);
		mpq_estimate_sent(&est, sent_id++, 1000, now);
		mpq_estimate_queued(&est, 0);
		mpq_estimate_acked(&est, acked_id++, now);
	}
	assert_in_range(mpq_estimate_rate_bps(&est, now), 7600000, 8400000);
}

static void follows_a_filled_path_that_slows_down(void **state)
{
	(void)state;
	mpq_estimate_queued(&est, 5000);
	run(MPQ_SECOND);
	for (int i = 0; i < 100; i++, now += 10 * MS) { /* 0.8 Mbit/s */
		mpq_estimate_sent(&est, sent_id++, 1000, now);
		mpq_estimate_acked(&est, acked_id++, now);
	}
	assert_in_range(mpq_estimate_rate_bps(&est, now), 700000, 1500000);
}

/* The peer tells of a queue in the path. */
static void tell_queue(mpq_duration queueing)
{
	struct mpq_estimate_view view = est.view;

	view.queueing = queueing;
	mpq_estimate_observe(&est, &view, now);
}

/* 0.8 Mbit/s, and nothing waits for it here. */
static void trickle(mpq_duration time)
{
	for (mpq_time end = now + time; now < end; now += 10 * MS) {
		mpq_estimate_sent(&est, sent_id++, 1000, now);
		mpq_estimate_acked(&est, acked_id++, now);
	}
}

/* One took of a shared queue at once what it could, and put it into a queue of
 * a second. */
static void follows_a_path_in_which_a_queue_stands(void **state)
{
	(void)state;
	mpq_estimate_queued(&est, 5000);
	run(MPQ_SECOND);
	mpq_estimate_queued(&est, 0);
	acked_id = sent_id;
	tell_queue(30 * MS); /* which may be a longer way */
	trickle(MPQ_SECOND);
	assert_in_range(mpq_estimate_rate_bps(&est, now), 7600000, 8400000);
	tell_queue(100 * MS);
	trickle(MPQ_SECOND);
	assert_in_range(mpq_estimate_rate_bps(&est, now), 700000, 1500000);
}

/* 1000 bytes each 10 ms, and something always waits. */
static void crawl(mpq_duration time)
{
	for (mpq_time end = now + time; now < end; now += 10 * MS) {
		mpq_estimate_sent(&est, sent_id++, 1000, now);
		while (acked_id + 4 < sent_id) {
			mpq_estimate_acked(&est, acked_id++, now);
		}
	}
}

/* A connection that begins again, or comes out of an outage, fills no path:
 * after flaps one was held for a tenth of what it was, and for good. */
static void a_rate_far_below_the_most_is_doubted_soon(void **state)
{
	(void)state;
	mpq_estimate_queued(&est, 5000);
	run(2 * MPQ_SECOND);
	mpq_estimate_restart(&est, now);
	sent_id = acked_id = 0;
	mpq_estimate_queued(&est, 5000);
	crawl(2 * MPQ_SECOND);
	assert_true(mpq_estimate_is_proven(&est, now));
	assert_true(mpq_estimate_rate_bps(&est, now) < 1000000);
	assert_true(mpq_estimate_is_proven(&est, now + MPQ_SECOND));
	assert_false(mpq_estimate_is_proven(&est, now + 2 * MPQ_SECOND));
	/* If it is so again, that is believed for longer. */
	now += 3 * MPQ_SECOND;
	crawl(2 * MPQ_SECOND);
	assert_true(mpq_estimate_is_proven(&est, now + 3 * MPQ_SECOND));
	assert_false(mpq_estimate_is_proven(&est, now + 4 * MPQ_SECOND));
	/* And in the end what it was is no measure any more. */
	now += MPQ_ESTIMATE_PROVEN;
	est.view.queueing = 50 * MS;
	crawl(2 * MPQ_SECOND);
	assert_true(mpq_estimate_is_proven(&est, now + 30 * MPQ_SECOND));
}

/* A path that is full has a queue; with less under way than a connection begins
 * with, and none, it was the connection that held it back. */
static void less_than_a_beginning_and_no_queue_is_doubted(void **state)
{
	(void)state;
	mpq_estimate_queued(&est, 5000);
	crawl(2 * MPQ_SECOND);
	assert_true(mpq_estimate_is_proven(&est, now + MPQ_SECOND));
	assert_false(mpq_estimate_is_proven(&est, now + 2 * MPQ_SECOND));
}

static void a_silence_is_no_sample(void **state)
{
	(void)state;
	mpq_estimate_queued(&est, 5000);
	run(2 * MPQ_SECOND);
	for (int i = 0; i < 20;
	     i++) { /* a second of silence, again and again */
		now += MPQ_SECOND;
		while (acked_id + 1 < sent_id) {
			mpq_estimate_acked(&est, acked_id++, now);
		}
		mpq_estimate_sent(&est, sent_id++, 1000, now);
		mpq_estimate_sent(&est, sent_id++, 1000, now);
	}
	assert_in_range(est.rate_bps, 7600000, 8400000);
	assert_in_range(est.capacity.bps, 7600000, 8400000);
}

static void guesses_from_the_window_until_it_is_filled(void **state)
{
	(void)state;
	/* 100 kB a round trip of 40 ms are 20 Mbit/s; BBR's window is twice. */
	assert_in_range(mpq_estimate_rate_bps(&est, now), 9900000, 10100000);
}

static void slows_down_by_itself_when_nothing_answers(void **state)
{
	uint64_t before;

	(void)state;
	mpq_estimate_queued(&est, 5000);
	run(MPQ_SECOND);
	before = mpq_estimate_rate_bps(&est, now);
	now += 500 * MS;
	assert_true(mpq_estimate_rate_bps(&est, now) < before / 50);
	mpq_estimate_acked(&est, acked_id++, now);
	assert_true(mpq_estimate_rate_bps(&est, now) > before / 2);
}

static void takes_the_peers_word_for_the_way(void **state)
{
	(void)state;
	mpq_estimate_queued(&est, 5000);
	run(MPQ_SECOND);
	assert_in_range(mpq_estimate_one_way(&est), 19 * MS, 21 * MS);
	est.view.one_way = 5 * MS; /* what the peer's clock says is better */
	assert_int_equal(mpq_estimate_one_way(&est), 5 * MS);
}

static void takes_spurious_losses_back(void **state)
{
	(void)state;
	run(MPQ_SECOND);
	for (int i = 0; i < 20; i++) {
		mpq_estimate_lost(&est, acked_id + (uint64_t)i, now);
	}
	assert_true(mpq_estimate_loss_ppm(&est, now) > 20000);
	for (int i = 0; i < 20; i++) {
		mpq_estimate_acked(&est, acked_id++, now);
	}
	assert_int_equal(mpq_estimate_loss_ppm(&est, now), 0);
	assert_int_equal(est.spurious, 20);
}

static void forgets_losses_of_long_ago(void **state)
{
	(void)state;
	run(MPQ_SECOND);
	for (int i = 0; i < 30; i++) {
		mpq_estimate_lost(&est, acked_id++, now);
	}
	assert_true(mpq_estimate_loss_ppm(&est, now) > 30000);
	assert_true(mpq_estimate_loss_ppm(&est, now + 100 * MPQ_SECOND) < 100);
}

static void acknowledge_and_lose(int acked, int lost)
{
	(void)setup(NULL);
	for (int i = 0; i < acked + lost; i++) {
		mpq_estimate_sent(&est, sent_id++, 100, now);
	}
	for (int i = 0; i < acked; i++) {
		mpq_estimate_acked(&est, acked_id++, now);
	}
	for (int i = 0; i < lost; i++) {
		mpq_estimate_lost(&est, acked_id++, now);
	}
}

static void a_few_losses_say_little(void **state)
{
	(void)state;
	acknowledge_and_lose(25, 3);
	assert_true(mpq_estimate_loss_ppm(&est, now) > 80000);
	assert_false(mpq_estimate_loses(&est, 80000, now));
	acknowledge_and_lose(20, 6);
	assert_true(mpq_estimate_loses(&est, 80000, now));
	acknowledge_and_lose(183, 17); /* give or take four */
	assert_false(mpq_estimate_loses(&est, 80000, now));
	assert_true(mpq_estimate_loses(&est, 60000, now));
	assert_false(mpq_estimate_loses(&est, 0, now + 1000 * MPQ_SECOND));
}

static void lose_at_rtt(mpq_duration rtt, mpq_duration least)
{
	struct mpq_estimate_view longer = est.view;

	longer.rtt_smoothed = rtt;
	longer.rtt_min = 40 * MS;
	longer.rtt_least = least;
	mpq_estimate_observe(&est, &longer, now);
	for (int i = 0; i < 20; i++) {
		mpq_estimate_lost(&est, acked_id++, now);
	}
}

static void a_longer_way_is_no_queue_that_loses(void **state)
{
	(void)state;
	run(MPQ_SECOND);
	lose_at_rtt(80 * MS, 40 * MS);
	assert_int_equal(mpq_estimate_loss_ppm(&est, now), 0);
	lose_at_rtt(80 * MS, 75 * MS); /* a satellite handed over */
	assert_true(mpq_estimate_loss_ppm(&est, now) > 20000);
	assert_int_equal(est.congested, 20);
}

static void is_silent_only_with_something_unanswered(void **state)
{
	mpq_time due;

	(void)state;
	assert_int_equal(mpq_estimate_silent_at(&est), MPQ_TIME_NEVER);
	for (unsigned i = 0; i < 4; i++) {
		mpq_estimate_sent(&est, i, 100, now);
	}
	due = mpq_estimate_silent_at(&est);
	assert_in_range(due - now, 40 * MS, 100 * MS);
	mpq_estimate_sent(&est, 4, 100, now + 5 * MS);
	assert_int_equal(mpq_estimate_silent_at(&est), due);
	mpq_estimate_acked(&est, 0, now + 40 * MS);
	assert_int_equal(mpq_estimate_silent_at(&est), due + 40 * MS);
	for (unsigned i = 1; i < 5; i++) {
		mpq_estimate_acked(&est, i, now + 45 * MS);
	}
	assert_int_equal(mpq_estimate_silent_at(&est), MPQ_TIME_NEVER);
}

/* 40 ms of way and 8 ms of its variation; a probe is sent after 73 ms. */
static void the_loss_of_the_last_ones_is_no_silence(void **state)
{
	(void)state;
	mpq_estimate_sent(&est, 0, 100, now);
	mpq_estimate_sent(&est, 1, 100, now);
	assert_in_range(mpq_estimate_silent_at(&est) - now, 115 * MS, 160 * MS);
	mpq_estimate_sent(&est, 2, 100, now + 20 * MS);
	assert_in_range(mpq_estimate_silent_at(&est) - now, 60 * MS, 110 * MS);
	mpq_estimate_acked(&est, 1, now + 41 * MS);
	mpq_estimate_acked(&est, 2, now + 61 * MS);
	assert_in_range(mpq_estimate_silent_at(&est) - now, 61 * MS + 115 * MS,
			61 * MS + 160 * MS);
}

static void what_was_sent_last_is_owed_an_answer(void **state)
{
	(void)state;
	mpq_estimate_sent(&est, sent_id++, 1000, now);
	mpq_estimate_sent(&est, sent_id++, 1000, now);
	assert_int_equal(mpq_estimate_overdue_at(&est), MPQ_TIME_NEVER);
	assert_int_equal(mpq_estimate_quiet_at(&est), MPQ_TIME_NEVER);
	run(200 * MS);
	/* The next answers were due now, and come each millisecond. */
	assert_in_range(mpq_estimate_overdue_at(&est) - now, 5 * MS, 20 * MS);
	assert_in_range(mpq_estimate_quiet_at(&est) - now, 30 * MS, 40 * MS);
	assert_true(mpq_estimate_silent_at(&est) - now > 70 * MS);
	while (acked_id < sent_id) {
		mpq_estimate_acked(&est, acked_id++, now);
	}
	assert_int_equal(mpq_estimate_overdue_at(&est), MPQ_TIME_NEVER);
}

static void a_pause_as_lately_is_not_long(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++, now += MS) {
		mpq_estimate_sent(&est, sent_id++, 1000, now);
		while (i % 30 == 0 && sent_id - acked_id > 40) {
			mpq_estimate_acked(&est, acked_id++, now);
		}
	}
	assert_in_range(mpq_estimate_quiet_at(&est) - est.answered, 60 * MS,
			100 * MS);
}

static struct mpq_estimate heard_at(mpq_duration rtt, mpq_time answered)
{
	struct mpq_estimate e = {.view.rtt_min = rtt, .answered = answered};

	return e;
}

static void a_peer_that_is_busy_is_so_on_all_paths(void **state)
{
	static struct mpq_estimate a, b;

	(void)state;
	a = heard_at(20 * MS, now);
	b = heard_at(20 * MS, now - 30 * MS);
	assert_false(mpq_estimate_spoke_after(&a, &b));
	b = heard_at(20 * MS, now - 40 * MS);
	assert_true(mpq_estimate_spoke_after(&a, &b));
	assert_false(mpq_estimate_spoke_after(&b, &a));
	/* What came last by a was under way for longer. */
	a = heard_at(100 * MS, now);
	assert_false(mpq_estimate_spoke_after(&a, &b));
	b = heard_at(20 * MS, now - 80 * MS);
	assert_true(mpq_estimate_spoke_after(&a, &b));
}

static void an_outage_is_no_loss(void **state)
{
	(void)state;
	run(MPQ_SECOND);
	now += MPQ_SECOND; /* silence */
	mpq_estimate_sent(&est, sent_id++, 100, now);
	mpq_estimate_answered(&est, now + 40 * MS);
	for (; acked_id < sent_id; acked_id++) {
		mpq_estimate_lost(&est, acked_id, now + 40 * MS);
	}
	assert_int_equal(mpq_estimate_loss_ppm(&est, now), 0);
	assert_int_equal(est.in_outages, est.lost);
	for (int i = 0; i < 100; i++) { /* but what is sent later may be */
		mpq_estimate_sent(&est, sent_id, 100, now + 41 * MS);
		mpq_estimate_lost(&est, sent_id++, now + 80 * MS);
	}
	assert_true(mpq_estimate_loss_ppm(&est, now) > 100000);
}

static void any_answer_ends_a_silence(void **state)
{
	(void)state;
	mpq_estimate_sent(&est, 0, 100, now);
	now += MPQ_SECOND;
	assert_true(mpq_estimate_silent_at(&est) < now);
	mpq_estimate_answered(&est, now);
	assert_true(mpq_estimate_silent_at(&est) > now);
}

static void survives_reports_of_what_it_never_sent(void **state)
{
	(void)state;
	mpq_estimate_acked(&est, 77, now);
	mpq_estimate_lost(&est, 78, now);
	assert_int_equal(est.outstanding, 0);
	for (uint64_t i = 0; i < 2 * MPQ_ESTIMATE_REMEMBERED; i++) {
		mpq_estimate_sent(&est, i, 100, now);
	}
	mpq_estimate_acked(&est, 0, now);
	mpq_estimate_lost(&est, 1, now);
	assert_int_equal(est.outstanding, MPQ_ESTIMATE_REMEMBERED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restarts_as_if_it_were_new),
		cmocka_unit_test_setup(measures_capacity_when_it_is_filled,
				       setup),
		cmocka_unit_test_setup(
			takes_an_idle_samples_rate_as_a_lower_bound_only,
			setup),
		cmocka_unit_test_setup(is_idle_once_nothing_is_left_for_it,
				       setup),
		cmocka_unit_test_setup(follows_a_filled_path_that_slows_down,
				       setup),
		cmocka_unit_test_setup(follows_a_path_in_which_a_queue_stands,
				       setup),
		cmocka_unit_test_setup(
			a_rate_far_below_the_most_is_doubted_soon, setup),
		cmocka_unit_test_setup(
			less_than_a_beginning_and_no_queue_is_doubted, setup),
		cmocka_unit_test_setup(a_silence_is_no_sample, setup),
		cmocka_unit_test_setup(
			guesses_from_the_window_until_it_is_filled, setup),
		cmocka_unit_test_setup(
			slows_down_by_itself_when_nothing_answers, setup),
		cmocka_unit_test_setup(takes_the_peers_word_for_the_way, setup),
		cmocka_unit_test_setup(takes_spurious_losses_back, setup),
		cmocka_unit_test_setup(forgets_losses_of_long_ago, setup),
		cmocka_unit_test_setup(a_few_losses_say_little, setup),
		cmocka_unit_test_setup(a_longer_way_is_no_queue_that_loses,
				       setup),
		cmocka_unit_test_setup(is_silent_only_with_something_unanswered,
				       setup),
		cmocka_unit_test_setup(the_loss_of_the_last_ones_is_no_silence,
				       setup),
		cmocka_unit_test_setup(what_was_sent_last_is_owed_an_answer,
				       setup),
		cmocka_unit_test_setup(a_pause_as_lately_is_not_long, setup),
		cmocka_unit_test(a_peer_that_is_busy_is_so_on_all_paths),
		cmocka_unit_test_setup(an_outage_is_no_loss, setup),
		cmocka_unit_test_setup(any_answer_ends_a_silence, setup),
		cmocka_unit_test_setup(survives_reports_of_what_it_never_sent,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
