/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct world;

struct end {
	struct mpq_loop_fd watch;
	struct world *world;
	int far; /* what is written there becomes readable here */
	unsigned reads, writes;
	bool keep;          /* does not read: readable for ever */
	struct end *victim; /* unwatched by this one's readable() */
	mpq_time seen;
};

/* A loop with two watched sockets, and what happened to them. */
struct world {
	struct mpq_loop *loop;
	struct end end[2];
	unsigned turns, stop_after;
	mpq_time deadline, last;
	/* The test's own part of a turn, may be NULL. */
	void (*turn)(struct world *w, mpq_time now);
};

static mpq_time on_turn_end(void *owner, mpq_time now)
{
	struct world *w = owner;

	assert_true(now == mpq_loop_now(w->loop));
	assert_true(now >= w->last);
	w->last = now;
	w->turns++;
	if (w->turn) {
		w->turn(w, now);
	}
	if (w->turns == w->stop_after) {
		mpq_loop_stop(w->loop);
	}
	return w->deadline;
}

static void on_readable(void *owner, mpq_time now)
{
	struct end *e = owner;
	char byte;

	assert_true(now == mpq_loop_now(e->world->loop));
	e->reads++;
	e->seen = now;
	if (!e->keep) {
		assert_int_equal(read(e->watch.fd, &byte, 1), 1);
	}
	if (e->victim) {
		mpq_loop_unwatch(&e->victim->watch);
	}
}

static void on_writable(void *owner, mpq_time now)
{
	struct end *e = owner;

	(void)now;
	e->writes++;
}

static void poke(struct end *e)
{
	assert_int_equal(write(e->far, "x", 1), 1);
}

static int set_up(void **state)
{
	static const struct mpq_loop_events events = {on_turn_end};
	static struct world w;

	w = (struct world){.deadline = MPQ_TIME_NEVER};
	if (mpq_loop_new(&w.loop, &events, &w)) {
		return -1;
	}
	for (int i = 0; i < 2; i++) {
		struct end *e = &w.end[i];
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
			return -1;
		}
		e->world = &w;
		e->far = pair[1];
		e->watch = (struct mpq_loop_fd){.fd = pair[0],
						.readable = on_readable,
						.writable = on_writable,
						.owner = e};
		if (mpq_loop_watch(w.loop, &e->watch)) {
			return -1;
		}
	}
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++) {
		mpq_loop_unwatch(&w->end[i].watch);
		(void)close(w->end[i].watch.fd);
		(void)close(w->end[i].far);
	}
	mpq_loop_free(w->loop);
	return 0;
}

static void stop_at_deadline(struct world *w, mpq_time now)
{
	if (w->turns == 1) {
		w->deadline = now + 2 * MPQ_MILLISECOND;
	} else if (now >= w->deadline) {
		mpq_loop_stop(w->loop);
	}
}

static void fires_at_the_deadline_and_not_before(void **state)
{
	struct world *w = *state;

	w->turn = stop_at_deadline;
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_true(w->last >= w->deadline);
	assert_int_equal(w->turns, 2); /* one that names it, and it */
}

static void advance_moves_the_turn_forward_and_never_back(void **state)
{
	struct world *w = *state;
	mpq_time now = mpq_loop_now(w->loop);

	mpq_loop_advance(w->loop, now + 5);
	assert_true(mpq_loop_now(w->loop) == now + 5);
	mpq_loop_advance(w->loop, now);
	assert_true(mpq_loop_now(w->loop) == now + 5);
}

static void bring_deadline_nearer(struct world *w, mpq_time now)
{
	if (w->turns == 1) {
		w->deadline = now + 3600 * MPQ_SECOND;
		poke(&w->end[0]);
	} else if (w->turns == 2) {
		w->deadline = now + MPQ_MILLISECOND;
	} else if (now >= w->deadline) {
		mpq_loop_stop(w->loop);
	}
}

static void a_nearer_deadline_replaces_a_far_one(void **state)
{
	struct world *w = *state;

	w->turn = bring_deadline_nearer;
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_int_equal(w->turns, 3);
}

static void push_deadline_away(struct world *w, mpq_time now)
{
	if (w->turns == 1) {
		w->deadline = now + MPQ_MILLISECOND;
		poke(&w->end[0]);
	} else if (w->turns == 2) {
		w->deadline = now + 3 * MPQ_MILLISECOND;
	} else if (now >= w->deadline) {
		mpq_loop_stop(w->loop);
	}
}

static void a_deadline_that_moves_away_still_fires(void **state)
{
	struct world *w = *state;

	w->turn = push_deadline_away;
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_true(w->last >= w->deadline);
	assert_in_range(w->turns, 3, 4); /* the old one may wake it up too */
}

static void lapse_then_poke(struct world *w, mpq_time now)
{
	if (w->turns == 1) {
		w->deadline = now + MPQ_MILLISECOND;
	} else if (w->deadline != MPQ_TIME_NEVER && now >= w->deadline) {
		w->deadline = MPQ_TIME_NEVER;
		w->stop_after = w->turns + 1;
		poke(&w->end[1]);
	}
}

static void no_deadline_means_no_turn_without_a_descriptor(void **state)
{
	struct world *w = *state;

	w->turn = lapse_then_poke;
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_int_equal(w->end[1].reads, 1);
	assert_true(w->end[1].seen == w->last);
}

static void a_due_deadline_leaves_room_for_reading(void **state)
{
	struct world *w = *state;

	w->deadline = 1; /* due in every turn */
	w->stop_after = 5;
	poke(&w->end[0]);
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_int_equal(w->turns, 5);
	assert_int_equal(w->end[0].reads, 1);
}

static void busy_descriptors_leave_room_for_turns_and_each_other(void **state)
{
	struct world *w = *state;

	w->turn = stop_at_deadline;
	for (int i = 0; i < 2; i++) {
		w->end[i].keep = true;
		poke(&w->end[i]);
	}
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_true(w->last >= w->deadline);
	assert_int_equal(w->end[0].reads, w->turns);
	assert_int_equal(w->end[1].reads, w->turns);
}

static void all_of_a_turn_share_one_clock_reading(void **state)
{
	struct world *w = *state;

	w->stop_after = 1;
	poke(&w->end[0]);
	poke(&w->end[1]);
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_true(w->end[0].seen == w->last && w->end[1].seen == w->last);
}

static void a_callback_may_unwatch_any_descriptor(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++) {
		poke(&w->end[i]);
		w->end[i].victim = &w->end[!i];
		mpq_loop_want_write(&w->end[i].watch, true);
	}
	w->deadline = 1;
	w->stop_after = 2;
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_int_equal(w->end[0].reads + w->end[1].reads, 1);
}

static void a_callback_may_unwatch_its_own_descriptor(void **state)
{
	struct world *w = *state;

	poke(&w->end[0]);
	w->end[0].keep = true;
	w->end[0].victim = &w->end[0];
	mpq_loop_want_write(&w->end[0].watch, true);
	w->deadline = 1;
	w->stop_after = 3;
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_int_equal(w->end[0].reads, 1);
	assert_in_range(w->end[0].writes, 0, 1);
}

static void reading_and_writing_are_called_only_while_wanted(void **state)
{
	struct world *w = *state;
	struct end *e = &w->end[0];

	w->deadline = 1;
	w->stop_after = 3;
	e->keep = true;
	poke(e);
	mpq_loop_want_read(&e->watch, false);
	mpq_loop_want_write(&e->watch, true);
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_int_equal(e->reads, 0);
	assert_int_equal(e->writes, 3);
	assert_int_equal(w->end[1].writes, 0);
}

static void stop_from_a_signal(void **state, int signal)
{
	struct world *w = *state;

	/* Due for ever: without the signal the loop would not end. */
	w->deadline = 1;
	assert_int_equal(raise(signal), 0);
	assert_int_equal(mpq_loop_run(w->loop), 0);
	assert_true(w->turns >= 1); /* the turn is completed */
}

static void sigterm_ends_the_run(void **state)
{
	stop_from_a_signal(state, SIGTERM);
}

static void sigint_ends_the_run(void **state)
{
	stop_from_a_signal(state, SIGINT);
}

static void refuses_a_bad_or_a_watched_descriptor(void **state)
{
	struct world *w = *state;
	struct mpq_loop_fd none = {.fd = -1, .readable = on_readable};

	assert_int_equal(mpq_loop_watch(w->loop, &none), -EBADF);
	assert_int_equal(mpq_loop_watch(w->loop, &w->end[0].watch), -EALREADY);
	mpq_loop_unwatch(&none);
	mpq_loop_want_read(&none, true);
	mpq_loop_want_write(&none, true);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(fires_at_the_deadline_and_not_before),
		LOOP_TEST(advance_moves_the_turn_forward_and_never_back),
		LOOP_TEST(a_nearer_deadline_replaces_a_far_one),
		LOOP_TEST(a_deadline_that_moves_away_still_fires),
		LOOP_TEST(no_deadline_means_no_turn_without_a_descriptor),
		LOOP_TEST(a_due_deadline_leaves_room_for_reading),
		LOOP_TEST(busy_descriptors_leave_room_for_turns_and_each_other),
		LOOP_TEST(all_of_a_turn_share_one_clock_reading),
		LOOP_TEST(a_callback_may_unwatch_any_descriptor),
		LOOP_TEST(a_callback_may_unwatch_its_own_descriptor),
		LOOP_TEST(reading_and_writing_are_called_only_while_wanted),
		LOOP_TEST(sigterm_ends_the_run),
		LOOP_TEST(sigint_ends_the_run),
		LOOP_TEST(refuses_a_bad_or_a_watched_descriptor),
	};

	return cmocka_run_group_tests_name("io/loop", tests, NULL, NULL);
}
