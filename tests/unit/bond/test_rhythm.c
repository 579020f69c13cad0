/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/rhythm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS    MPQ_MILLISECOND
#define S     MPQ_SECOND
#define START (1000 * S + 420 * MS)

static struct mpq_rhythm rhythm;

static int setup(void **state)
{
	(void)state;
	mpq_rhythm_init(&rhythm);
	return 0;
}

static void knows_nothing_at_first(void **state)
{
	(void)state;
	assert_int_equal(mpq_rhythm_next(&rhythm, START), MPQ_TIME_NEVER);
	for (unsigned i = 0; i < 3; i++) {
		mpq_rhythm_outage(&rhythm, START + i * 15 * S);
		assert_int_equal(mpq_rhythm_next(&rhythm, START + i * 15 * S),
				 MPQ_TIME_NEVER);
	}
}

static void learns_a_clock_of_15_s(void **state)
{
	static const unsigned off[] = {0, 120, 40, 200, 90};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		mpq_rhythm_outage(&rhythm, START + i * 15 * S + off[i] * MS);
	}
	assert_in_range(mpq_rhythm_next(&rhythm, START + 61 * S),
			START + 75 * S - 200 * MS, START + 75 * S + 300 * MS);
	assert_int_equal(rhythm.percent, 100);
}

static void learns_it_with_one_unseen_and_one_too_many(void **state)
{
	static const unsigned seconds[] = {0, 15, 38, 45, 60, 75};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		mpq_rhythm_outage(&rhythm, START + seconds[i] * S);
	}
	assert_in_range(rhythm.period, 14900 * MS, 15100 * MS);
	assert_in_range(mpq_rhythm_next(&rhythm, START + 76 * S),
			START + 89 * S, START + 91 * S);
}

static void outages_by_chance_are_no_clock(void **state)
{
	static const unsigned seconds[] = {0,   7,   29,  40,  63,  91,
					   109, 112, 146, 170, 181, 203};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		mpq_rhythm_outage(&rhythm, START + seconds[i] * S);
		assert_int_equal(mpq_rhythm_next(&rhythm,
						 START + seconds[i] * S),
				 MPQ_TIME_NEVER);
	}
}

static void several_at_a_time_are_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		mpq_rhythm_outage(&rhythm, START + i * 15 * S);
		mpq_rhythm_outage(&rhythm, START + i * 15 * S + 600 * MS);
	}
	assert_int_equal(rhythm.events, 6);
	assert_in_range(rhythm.period, 14900 * MS, 15100 * MS);
}

static void is_near_around_the_time_only(void **state)
{
	mpq_time due = START + 75 * S;

	(void)state;
	assert_false(mpq_rhythm_is_near(&rhythm, S, S, START));
	for (unsigned i = 0; i < 5; i++) {
		mpq_rhythm_outage(&rhythm, START + i * 15 * S);
	}
	assert_false(mpq_rhythm_is_near(&rhythm, 300 * MS, 600 * MS,
					due - 400 * MS));
	for (unsigned ms = 0; ms < 900; ms += 50) {
		assert_true(mpq_rhythm_is_near(&rhythm, 300 * MS, 600 * MS,
					       due - 300 * MS + ms * MS));
	}
	assert_false(mpq_rhythm_is_near(&rhythm, 300 * MS, 600 * MS,
					due + 700 * MS));
}

/* Each begins `off` late and takes `length`; the last one's time. */
static mpq_time outages(const unsigned *off_ms, const unsigned *length_ms,
			unsigned n)
{
	mpq_time at = START;

	for (unsigned i = 0; i < n; i++) {
		at = START + i * 15 * S + off_ms[i] * MS;
		mpq_rhythm_outage(&rhythm, at);
		mpq_rhythm_over(&rhythm, at + length_ms[i] * MS);
		mpq_rhythm_over(&rhythm, at + 900 * MS); /* none was */
	}
	return START + (n - 1) * 15 * S;
}

static void is_due_for_as_long_as_others_took(void **state)
{
	static const unsigned off[] = {0, 10, 0, 5, 0},
			      length[] = {390, 100, 200, 150, 120};
	mpq_time due = outages(off, length, 5) + 15 * S;

	(void)state;
	assert_in_range(rhythm.off, 1, 15 * MS);
	assert_false(mpq_rhythm_is_due(&rhythm, 30 * MS, due - 50 * MS));
	assert_true(mpq_rhythm_is_due(&rhythm, 30 * MS, due - 25 * MS));
	assert_true(mpq_rhythm_is_due(&rhythm, 30 * MS, due + 195 * MS));
	assert_false(mpq_rhythm_is_due(&rhythm, 30 * MS, due + 220 * MS));
	/* Once it was seen, nothing is due. */
	mpq_rhythm_outage(&rhythm, due);
	assert_false(mpq_rhythm_is_due(&rhythm, 30 * MS, due + 10 * MS));
}

static void is_due_no_longer_than_one_may_be_late(void **state)
{
	static const unsigned off[5], length[] = {800, 800, 800, 800, 800};
	mpq_time due = outages(off, length, 5) + 15 * S;

	(void)state;
	assert_true(mpq_rhythm_is_due(&rhythm, 30 * MS,
				      due + MPQ_RHYTHM_TOLERANCE - MS));
	assert_false(mpq_rhythm_is_due(&rhythm, 30 * MS,
				       due + MPQ_RHYTHM_TOLERANCE));
}

static void is_never_due_when_the_clock_is_vague(void **state)
{
	static const unsigned off[] = {0, 150, 20, 90, 0},
			      length[] = {100, 100, 100, 100, 100};
	mpq_time due = outages(off, length, 5) + 15 * S;

	(void)state;
	assert_true(mpq_rhythm_is_near(&rhythm, 30 * MS, 30 * MS, due));
	for (unsigned ms = 0; ms < 600; ms += 10) {
		assert_false(mpq_rhythm_is_due(&rhythm, 30 * MS,
					       due - 300 * MS + ms * MS));
	}
}

static void is_forgotten_when_none_comes_any_more(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		mpq_rhythm_outage(&rhythm, START + i * 15 * S);
	}
	assert_int_not_equal(mpq_rhythm_next(&rhythm, START + 110 * S),
			     MPQ_TIME_NEVER);
	assert_int_equal(mpq_rhythm_next(&rhythm, START + 125 * S),
			 MPQ_TIME_NEVER);
}

static void follows_another_clock(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		mpq_rhythm_outage(&rhythm, START + i * 15 * S);
	}
	for (unsigned i = 0; i < 12; i++) {
		mpq_rhythm_outage(&rhythm, START + (100 + i * 20) * S);
	}
	assert_in_range(rhythm.period, 19900 * MS, 20100 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(knows_nothing_at_first, setup),
		cmocka_unit_test_setup(learns_a_clock_of_15_s, setup),
		cmocka_unit_test_setup(
			learns_it_with_one_unseen_and_one_too_many, setup),
		cmocka_unit_test_setup(outages_by_chance_are_no_clock, setup),
		cmocka_unit_test_setup(several_at_a_time_are_one, setup),
		cmocka_unit_test_setup(is_near_around_the_time_only, setup),
		cmocka_unit_test_setup(is_due_for_as_long_as_others_took,
				       setup),
		cmocka_unit_test_setup(is_due_no_longer_than_one_may_be_late,
				       setup),
		cmocka_unit_test_setup(is_never_due_when_the_clock_is_vague,
				       setup),
		cmocka_unit_test_setup(is_forgotten_when_none_comes_any_more,
				       setup),
		cmocka_unit_test_setup(follows_another_clock, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
