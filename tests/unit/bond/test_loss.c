/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/loss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct mpq_loss loss;
static uint64_t next;

static int setup(void **state)
{
	(void)state;
	mpq_loss_init(&loss);
	next = 0;
	return 0;
}

static uint64_t send_one(size_t len)
{
	mpq_loss_sent(&loss, next, len);
	return next++;
}

static void counts_true_losses_only(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		uint64_t id = send_one(1400);

		if (i % 10 == 0) {
			mpq_loss_lost(&loss, id, 1);
		}
		if (i % 20 != 0) { /* half of the losses are taken back */
			mpq_loss_acked(&loss, id, 1);
		}
	}
	assert_int_equal(loss.lost, 10);
	assert_int_equal(loss.spurious, 5);
	assert_int_equal(mpq_loss_ppm(&loss), 50000);
}

static void forgets_losses_of_ten_seconds_ago(void **state)
{
	mpq_time now = MPQ_SECOND;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		mpq_loss_lost(&loss, send_one(100), now);
	}
	assert_int_equal(mpq_loss_ppm(&loss), 1000000);
	for (int i = 0; i < 1000; i++) {
		now += 10 * MPQ_MILLISECOND;
		mpq_loss_acked(&loss, send_one(100), now);
	}
	assert_int_equal(mpq_loss_ppm(&loss), 0);
}

static void tells_a_shrunken_mtu_from_other_losses(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * MPQ_LOSS_STALL_LOSSES; i++) {
		mpq_loss_lost(&loss, send_one(100), 5); /* small ones */
	}
	assert_int_equal(mpq_loss_stalled_since(&loss), MPQ_TIME_NEVER);
	for (int i = 0; i < MPQ_LOSS_STALL_LOSSES; i++) {
		assert_int_equal(mpq_loss_stalled_since(&loss), MPQ_TIME_NEVER);
		mpq_loss_lost(&loss, send_one(1400),
			      10 + (mpq_time)i * MPQ_LOSS_STALL_SPAN /
					      (MPQ_LOSS_STALL_LOSSES - 1));
		mpq_loss_acked(&loss, send_one(100), 1); /* small ones pass */
	}
	assert_int_equal(mpq_loss_stalled_since(&loss), 10);
	mpq_loss_acked(&loss, send_one(1400), 1);
	assert_int_equal(mpq_loss_stalled_since(&loss), MPQ_TIME_NEVER);
}

static void what_an_outage_took_is_no_shrunken_mtu(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * MPQ_LOSS_STALL_LOSSES; i++) {
		mpq_loss_lost(&loss, send_one(1400), 1000);
	}
	/* and nothing large since */
	for (int i = 0; i < 3 * MPQ_LOSS_STALL_LOSSES; i++) {
		mpq_loss_acked(&loss, send_one(100), 1);
	}
	assert_int_equal(mpq_loss_stalled_since(&loss), MPQ_TIME_NEVER);
}

static void survives_reports_of_what_it_forgot(void **state)
{
	uint64_t old;

	(void)state;
	old = send_one(1400);
	for (int i = 0; i < MPQ_LOSS_REMEMBERED; i++) {
		(void)send_one(1400);
	}
	mpq_loss_lost(&loss, old, 1);
	mpq_loss_acked(&loss, old, 1);
	assert_int_equal(loss.lost, 1);
	assert_int_equal(loss.acked, 1);
	assert_int_equal(loss.spurious, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(counts_true_losses_only, setup),
		cmocka_unit_test_setup(forgets_losses_of_ten_seconds_ago,
				       setup),
		cmocka_unit_test_setup(what_an_outage_took_is_no_shrunken_mtu,
				       setup),
		cmocka_unit_test_setup(tells_a_shrunken_mtu_from_other_losses,
				       setup),
		cmocka_unit_test_setup(survives_reports_of_what_it_forgot,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
