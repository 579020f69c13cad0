/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/repair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS    MPQ_MILLISECOND
#define LIMIT 16
#define PKTS  64

static int packets[PKTS];
static unsigned released[PKTS], n_released;
static struct mpq_repair *repair;
static mpq_time now;

static void take_back(void *owner, void *packet)
{
	size_t i = (size_t)((int *)packet - packets);

	(void)owner;
	released[i]++;
	n_released++;
	assert_int_equal(released[i], 1); /* never twice */
}

static const struct mpq_repair_events events = {take_back};

static int setup(void **state)
{
	(void)state;
	now = MPQ_SECOND;
	n_released = 0;
	for (int i = 0; i < PKTS; i++) {
		released[i] = 0;
	}
	repair = mpq_repair_new(LIMIT, &events, NULL);
	return repair == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	mpq_repair_free(repair);
	repair = NULL;
	return 0;
}

static void send_first(unsigned path, uint64_t id, unsigned packet)
{
	const struct mpq_repair_item item = {.packet = &packets[packet],
					     .deadline = now + 200 * MS,
					     .len_bytes = 1000};

	mpq_repair_sent(repair, path, id, &item);
}

static unsigned number(const struct mpq_repair_item *item)
{
	return (unsigned)((int *)item->packet - packets);
}

static void releases_what_is_acknowledged(void **state)
{
	(void)state;
	send_first(0, 5, 0);
	send_first(1, 5, 1);
	mpq_repair_acked(repair, 0, 5);
	assert_int_equal(released[0], 1);
	assert_int_equal(released[1], 0);
	assert_int_equal(mpq_repair_held_pkts(repair), 1);
	assert_false(mpq_repair_is_due(repair));
}

static void gives_a_lost_one_back_twice_at_most(void **state)
{
	struct mpq_repair_item item;

	(void)state;
	send_first(0, 5, 0);
	mpq_repair_lost(repair, 0, 5, now);
	mpq_repair_lost(repair, 0, 5, now); /* reported twice */
	assert_true(mpq_repair_next(repair, now, &item));
	assert_int_equal(number(&item), 0);
	assert_int_equal(item.path, 0);
	assert_int_equal(item.tries, 1);
	assert_false(mpq_repair_next(repair, now, &item));
	mpq_repair_sent(repair, 1, 9, &item);
	mpq_repair_lost(repair, 1, 9, now);
	assert_true(mpq_repair_next(repair, now, &item));
	assert_int_equal(item.losses, 2);
	mpq_repair_sent(repair, 0, 6, &item);
	mpq_repair_lost(repair, 0, 6, now); /* again: given up */
	assert_false(mpq_repair_is_due(repair));
	assert_int_equal(released[0], 1);
	assert_int_equal(mpq_repair_counters(repair)->given_up, 1);
}

static void lets_what_is_too_late_expire(void **state)
{
	struct mpq_repair_item item;

	(void)state;
	send_first(0, 1, 0);
	send_first(0, 2, 1);
	mpq_repair_lost(repair, 0, 2, now + 100 * MS);
	mpq_repair_lost(repair, 0, 1, now + 201 * MS); /* already too late */
	assert_int_equal(released[0], 1);
	assert_false(mpq_repair_next(repair, now + 201 * MS, &item));
	assert_int_equal(released[1], 1); /* waited for too long */
	assert_int_equal(mpq_repair_counters(repair)->expired, 2);
}

static void a_late_acknowledgement_cancels(void **state)
{
	struct mpq_repair_item item;

	(void)state;
	send_first(0, 1, 0);
	mpq_repair_lost(repair, 0, 1, now);
	mpq_repair_acked(repair, 0, 1);
	assert_false(mpq_repair_next(repair, now, &item));
	assert_int_equal(released[0], 1);
	assert_int_equal(mpq_repair_counters(repair)->cancelled, 1);
	assert_int_equal(mpq_repair_counters(repair)->repaired, 0);
}

static void a_path_that_is_out_gives_all_back_in_order(void **state)
{
	struct mpq_repair_item item;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		send_first(i % 2, i, i);
	}
	mpq_repair_lost(repair, 1, 7, now);
	mpq_repair_acked(repair, 0, 4);
	mpq_repair_path_out(repair, 1, now);
	mpq_repair_path_out(repair, 0, now);
	for (unsigned i = 0; i < 10; i++) {
		if (i == 4) {
			continue;
		}
		assert_true(mpq_repair_next(repair, now, &item));
		assert_int_equal(number(&item), i);
		mpq_repair_sent(repair, 2, i, &item);
	}
	mpq_repair_path_out(repair, 2, now); /* moves once more, in order */
	assert_true(mpq_repair_next(repair, now, &item));
	assert_int_equal(number(&item), 0);
	assert_int_equal(item.tries, 2);
	mpq_repair_sent(repair, 0, 100, &item);
}

static void is_not_sent_for_ever_over_paths_that_fail(void **state)
{
	struct mpq_repair_item item;

	(void)state;
	send_first(0, 0, 0);
	for (uint64_t i = 1; i <= MPQ_REPAIR_TRIES_MAX; i++) {
		mpq_repair_path_out(repair, 0, now);
		assert_true(mpq_repair_next(repair, now, &item));
		mpq_repair_sent(repair, 0, i, &item);
	}
	mpq_repair_path_out(repair, 0, now);
	assert_false(mpq_repair_is_due(repair));
	assert_int_equal(released[0], 1);
}

static void at_the_limit_the_oldest_makes_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LIMIT + 3; i++) {
		send_first(i % 3, i, i);
	}
	assert_int_equal(mpq_repair_held_pkts(repair), LIMIT);
	assert_int_equal(mpq_repair_counters(repair)->overflow, 3);
	for (unsigned i = 0; i < LIMIT + 3; i++) {
		assert_int_equal(released[i], i < 3);
	}
	mpq_repair_lost(repair, 0, 0, now); /* gone: no effect */
	assert_false(mpq_repair_is_due(repair));
}

static void a_new_connections_ids_are_not_the_old_ones(void **state)
{
	struct mpq_repair_item item;

	(void)state;
	send_first(0, 1, 0);
	mpq_repair_path_reset(repair, 0, now);
	send_first(0, 1, 1);
	mpq_repair_acked(repair, 0, 1);
	assert_int_equal(released[0], 0);
	assert_int_equal(released[1], 1);
	assert_true(mpq_repair_next(repair, now, &item));
	assert_int_equal(number(&item), 0);
	mpq_repair_sent(repair, 1, 1, &item);
}

static void freeing_releases_everything(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		send_first(i % 2, i, i);
	}
	mpq_repair_path_out(repair, 0, now);
	mpq_repair_free(repair);
	repair = NULL;
	assert_int_equal(n_released, 8);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(releases_what_is_acknowledged),
		UNIT(gives_a_lost_one_back_twice_at_most),
		UNIT(lets_what_is_too_late_expire),
		UNIT(a_late_acknowledgement_cancels),
		UNIT(a_path_that_is_out_gives_all_back_in_order),
		UNIT(is_not_sent_for_ever_over_paths_that_fail),
		UNIT(at_the_limit_the_oldest_makes_room),
		UNIT(a_new_connections_ids_are_not_the_old_ones),
		UNIT(freeing_releases_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
