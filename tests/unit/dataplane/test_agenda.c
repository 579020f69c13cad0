/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/agenda.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ENTRIES 100
#define STEPS   20000

struct world {
	struct mpq_agenda agenda;
	struct mpq_agenda_entry entry[ENTRIES];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	mpq_agenda_init(&w->agenda);
	for (int i = 0; i < ENTRIES; i++) {
		assert_int_equal(mpq_agenda_add(&w->agenda, &w->entry[i]), 0);
	}
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < ENTRIES; i++) {
		mpq_agenda_remove(&w->entry[i]);
	}
	assert_null(mpq_agenda_take(&w->agenda));
	mpq_agenda_finish(&w->agenda);
	free(w);
	return 0;
}

static void take_all(struct world *w, mpq_time due)
{
	struct mpq_agenda_entry *e;

	while ((e = mpq_agenda_take(&w->agenda)) != NULL) {
		mpq_agenda_wait(e, due);
	}
}

static void who_is_new_has_a_turn_in_the_order_of_coming(void **state)
{
	struct world *w = *state;

	assert_int_equal(mpq_agenda_deadline(&w->agenda), 0);
	assert_int_equal(mpq_agenda_gather(&w->agenda, 1), ENTRIES);
	for (int i = 0; i < ENTRIES; i++) {
		assert_ptr_equal(mpq_agenda_take(&w->agenda), &w->entry[i]);
		assert_false(mpq_agenda_is_touched(&w->entry[i]));
	}
	assert_null(mpq_agenda_take(&w->agenda));
	assert_int_equal(mpq_agenda_deadline(&w->agenda), MPQ_TIME_NEVER);
}

static void one_touched_twice_has_one_turn(void **state)
{
	struct world *w = *state;

	take_all(w, 1000);
	mpq_agenda_touch(&w->entry[7]);
	mpq_agenda_touch(&w->entry[7]);
	assert_int_equal(mpq_agenda_deadline(&w->agenda), 0);
	assert_int_equal(mpq_agenda_gather(&w->agenda, 10), 1);
	assert_ptr_equal(mpq_agenda_take(&w->agenda), &w->entry[7]);
	assert_null(mpq_agenda_take(&w->agenda));
}

static void one_that_is_due_has_a_turn_and_others_keep_their_time(void **state)
{
	struct world *w = *state;

	take_all(w, 1000);
	mpq_agenda_wait(&w->entry[3], 500);
	mpq_agenda_wait(&w->entry[4], MPQ_TIME_NEVER);
	assert_int_equal(mpq_agenda_deadline(&w->agenda), 500);
	assert_int_equal(mpq_agenda_gather(&w->agenda, 499), 0);
	assert_int_equal(mpq_agenda_gather(&w->agenda, 500), 1);
	assert_ptr_equal(mpq_agenda_take(&w->agenda), &w->entry[3]);
	assert_int_equal(mpq_agenda_due(&w->entry[5]), 1000);
	assert_int_equal(mpq_agenda_due(&w->entry[3]), MPQ_TIME_NEVER);
	assert_int_equal(mpq_agenda_gather(&w->agenda, 2000), ENTRIES - 2);
	assert_false(mpq_agenda_is_touched(&w->entry[4]));
}

static void one_touched_during_a_turn_comes_behind(void **state)
{
	struct world *w = *state;
	size_t n;

	take_all(w, 1000);
	mpq_agenda_touch(&w->entry[1]);
	mpq_agenda_touch(&w->entry[2]);
	n = mpq_agenda_gather(&w->agenda, 1);
	assert_int_equal(n, 2);
	assert_ptr_equal(mpq_agenda_take(&w->agenda), &w->entry[1]);
	mpq_agenda_touch(&w->entry[1]);
	assert_ptr_equal(mpq_agenda_take(&w->agenda), &w->entry[2]);
	assert_ptr_equal(mpq_agenda_take(&w->agenda), &w->entry[1]);
}

static void one_that_goes_is_never_taken(void **state)
{
	struct world *w = *state;

	take_all(w, 1000);
	mpq_agenda_touch(&w->entry[1]);
	mpq_agenda_touch(&w->entry[2]);
	mpq_agenda_touch(&w->entry[3]);
	mpq_agenda_remove(&w->entry[2]);
	mpq_agenda_remove(&w->entry[9]);
	mpq_agenda_touch(&w->entry[2]); /* on none: harmless */
	assert_int_equal(mpq_agenda_gather(&w->agenda, 1000), ENTRIES - 2);
	for (int i = 0; i < ENTRIES - 2; i++) {
		struct mpq_agenda_entry *e = mpq_agenda_take(&w->agenda);

		assert_ptr_not_equal(e, &w->entry[2]);
		assert_ptr_not_equal(e, &w->entry[9]);
	}
	assert_null(mpq_agenda_take(&w->agenda));
}

/* Against a plain table of flags and times. */
static void holds_what_a_plain_table_holds(void **state)
{
	struct world *w = *state;
	mpq_time due[ENTRIES];
	unsigned seed = 1;

	take_all(w, MPQ_TIME_NEVER);
	for (int i = 0; i < ENTRIES; i++) {
		due[i] = MPQ_TIME_NEVER;
	}
	for (mpq_time now = 1; now < STEPS; now++) {
		int i = rand_r(&seed) % ENTRIES;
		mpq_time least = MPQ_TIME_NEVER;
		struct mpq_agenda_entry *e;

		if (rand_r(&seed) % 3 == 0) {
			mpq_agenda_touch(&w->entry[i]);
			due[i] = 0;
		} else {
			due[i] = now + (mpq_time)rand_r(&seed) % 50;
			mpq_agenda_wait(&w->entry[i], due[i]);
		}
		(void)mpq_agenda_gather(&w->agenda, now);
		while ((e = mpq_agenda_take(&w->agenda)) != NULL) {
			i = (int)(e - w->entry);
			assert_true(due[i] <= now);
			due[i] = MPQ_TIME_NEVER;
			mpq_agenda_wait(e, MPQ_TIME_NEVER);
		}
		for (i = 0; i < ENTRIES; i++) {
			assert_true(due[i] > now);
			least = mpq_time_min(least, due[i]);
		}
		assert_int_equal(mpq_agenda_deadline(&w->agenda), least);
	}
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_new_has_a_turn_in_the_order_of_coming),
		TEST(one_touched_twice_has_one_turn),
		TEST(one_that_is_due_has_a_turn_and_others_keep_their_time),
		TEST(one_touched_during_a_turn_comes_behind),
		TEST(one_that_goes_is_never_taken),
		TEST(holds_what_a_plain_table_holds),
	};

	return cmocka_run_group_tests_name("dataplane/agenda", tests, NULL,
					   NULL);
}
