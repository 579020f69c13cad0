/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that do not fit every path. */
#include "tests/unit/bond/steer_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS MPQ_MILLISECOND

static void narrow(unsigned path)
{
	rig.est[path].view.max_bytes = RIG_LEN - 1;
}

static void pick(size_t len, struct mpq_steer_choice *ret)
{
	assert_int_equal(mpq_steer_pick(rig.steer, 0, 1, len, rig.now, ret), 0);
}

static void a_flow_begins_where_it_fits(void **state)
{
	(void)state;
	narrow(0);
	assert_int_equal(rig_pick(1), 1);
	assert_int_equal(rig.events_of[MPQ_STEER_PINNED], 0);
}

static void a_flow_leaves_a_path_for_its_larger_packets_and_stays(void **state)
{
	struct mpq_steer_choice c;

	(void)state;
	narrow(0);
	pick(100, &c);
	assert_int_equal(c.path[0], 0);
	pick(RIG_LEN, &c);
	assert_int_equal(c.path[0], 1);
	assert_int_equal(rig.events_of[MPQ_STEER_PINNED], 1);
	assert_int_equal(rig.last[MPQ_STEER_PINNED].reason,
			 MPQ_STEER_TOO_NARROW);
	pick(100, &c);
	assert_int_equal(c.path[0], 1);
	assert_int_equal(rig.events_of[MPQ_STEER_PINNED], 1);
}

/* And it does not go back for what is small in between. */
static void a_path_that_is_avoided_is_better_than_none(void **state)
{
	struct mpq_steer_choice c;

	(void)state;
	assert_int_equal(rig_pick(1), 0);
	rig.est[0].recent.acked = 400;
	rig.est[0].recent.lost = 100;
	rig.est[0].recent.halved = rig.now;
	rig_pass(2000 * MS);
	assert_int_not_equal(rig_pick(1), 0);
	narrow(1);
	narrow(2);
	assert_int_equal(mpq_steer_fitting(rig.steer, 0, RIG_LEN), 1);
	assert_int_equal(rig_pick(1), 0);
	rig.now += MS;
	pick(100, &c);
	assert_int_equal(c.path[0], 0);
	assert_int_equal(rig_pick(1), 0);
	assert_int_equal(rig.last[MPQ_STEER_PINNED].reason,
			 MPQ_STEER_TOO_NARROW);
	rig.now += 600 * MS;
	pick(100, &c);
	assert_int_not_equal(c.path[0], 0);
}

static void what_fits_none_goes_as_if_it_did(void **state)
{
	(void)state;
	assert_int_equal(rig_pick(1), 0);
	narrow(0);
	narrow(1);
	narrow(2);
	assert_int_equal(mpq_steer_fitting(rig.steer, 0, RIG_LEN - 1), 7);
	assert_int_equal(mpq_steer_fitting(rig.steer, 0, RIG_LEN), 0);
	assert_int_equal(rig_pick(1), 0);
	assert_int_equal(mpq_steer_repair(rig.steer, 0, 0, RIG_LEN, rig.now),
			 1);
}

static void
a_narrow_path_takes_nothing_large_and_nobody_waits_for_it(void **state)
{
	static const enum mpq_steer_mode modes[] = {MPQ_STEER_SMALLEST_DELAY,
						    MPQ_STEER_PRIORITY_BASED,
						    MPQ_STEER_LOAD_BALANCING,
						    MPQ_STEER_AUTO};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const struct mpq_steer_class_config c = {.mode = modes[i],
							 .order_cap = 100 * MS};
		mpq_duration gain;

		rig.est[0].view.max_bytes = 0;
		rig_configure(&c);
		assert_true(rig_may_pull(0, RIG_LEN));
		narrow(0);
		assert_false(rig_may_pull(0, RIG_LEN));
		assert_true(rig_may_pull(1, RIG_LEN));
		assert_int_equal(mpq_steer_pull_behind(rig.steer, 0, 1, RIG_LEN,
						       &gain),
				 0);
	}
}

static void active_standby_diverts_a_packet_and_not_the_class(void **state)
{
	const struct mpq_steer_class_config config = {
		.mode = MPQ_STEER_ACTIVE_STANDBY};
	struct mpq_steer_choice c;

	(void)state;
	rig_configure(&config);
	narrow(0);
	pick(RIG_LEN, &c);
	assert_int_equal(c.path[0], 1);
	assert_true(c.diverted);
	pick(100, &c);
	assert_int_equal(c.path[0], 0);
	assert_false(c.diverted);
	assert_int_equal(rig.events_of[MPQ_STEER_ACTIVE], 1);
	assert_int_equal(rig.last[MPQ_STEER_ACTIVE].to, 1);
}

static void copies_go_where_they_fit(void **state)
{
	const struct mpq_steer_class_config config = {
		.mode = MPQ_STEER_REDUNDANT};
	struct mpq_steer_choice c;

	(void)state;
	rig_configure(&config);
	narrow(1);
	pick(RIG_LEN, &c);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.path[0] + c.path[1], 2);
	assert_true(c.diverted);
	pick(100, &c);
	assert_int_equal(c.n, 3);
	assert_false(c.diverted);
}

static void what_is_sent_again_fits(void **state)
{
	(void)state;
	rig_pass(20 * MS);
	assert_int_equal(mpq_steer_repair(rig.steer, 0, 2, RIG_LEN, rig.now),
			 0);
	narrow(0);
	assert_int_equal(mpq_steer_repair(rig.steer, 0, 2, RIG_LEN, rig.now),
			 1);
	assert_int_equal(mpq_steer_repair(rig.steer, 0, 2, 100, rig.now), 0);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(a_flow_begins_where_it_fits),
		UNIT(a_flow_leaves_a_path_for_its_larger_packets_and_stays),
		UNIT(a_path_that_is_avoided_is_better_than_none),
		UNIT(what_fits_none_goes_as_if_it_did),
		UNIT(a_narrow_path_takes_nothing_large_and_nobody_waits_for_it),
		UNIT(active_standby_diverts_a_packet_and_not_the_class),
		UNIT(copies_go_where_they_fit),
		UNIT(what_is_sent_again_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
