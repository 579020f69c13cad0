/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/early.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct heard {
	char text[256];
	int answer;
};

static int hear(struct heard *h, const char *what, int64_t id, uint64_t value)
{
	size_t used = strlen(h->text);

	snprintf(h->text + used, sizeof(h->text) - used, "%s %d %u. ", what,
		 (int)id, (unsigned)value);
	return h->answer;
}

static int on_data(void *owner, int64_t id, const uint8_t *data, size_t len,
		   bool fin)
{
	char what[16];

	snprintf(what, sizeof(what), "%.*s", (int)len, (const char *)data);
	return hear(owner, what, id, fin);
}

static int on_closed(void *owner, int64_t id, uint64_t code)
{
	return hear(owner, "closed", id, code);
}

static int on_reset(void *owner, int64_t id)
{
	return hear(owner, "reset", id, 0);
}

static const struct mpq_conn_events events = {
	.stream_data = on_data,
	.stream_closed = on_closed,
	.stream_reset = on_reset,
};

static void keep_three(struct mpq_early *e)
{
	const uint8_t *text = (const uint8_t *)"abc";

	assert_int_equal(mpq_early_keep(e, MPQ_EARLY_DATA, 3, 1, text, 3), 0);
	assert_int_equal(mpq_early_keep(e, MPQ_EARLY_RESET, 7, 0, NULL, 0), 0);
	assert_int_equal(mpq_early_keep(e, MPQ_EARLY_CLOSED, 3, 9, NULL, 0), 0);
}

static void replays_in_order_and_once(void **state)
{
	struct mpq_early e = {0};
	struct heard h = {0};

	(void)state;
	keep_three(&e);
	assert_int_equal(mpq_early_replay(&e, &events, &h), 0);
	assert_string_equal(h.text, "abc 3 1. reset 7 0. closed 3 9. ");
	assert_int_equal(mpq_early_replay(&e, &events, &h), 0);
	assert_string_equal(h.text, "abc 3 1. reset 7 0. closed 3 9. ");
	keep_three(&e);
	mpq_early_drop(&e);
}

static void stops_where_the_owner_refuses(void **state)
{
	struct mpq_early e = {0};
	struct heard h = {.answer = -1};

	(void)state;
	keep_three(&e);
	assert_int_equal(mpq_early_replay(&e, &events, &h), -1);
	assert_string_equal(h.text, "abc 3 1. ");
	assert_int_equal(e.n, 0);
}

static void keeps_no_more_than_a_fixed_number(void **state)
{
	struct mpq_early e = {0};

	(void)state;
	for (int i = 0; i < MPQ_EARLY_MAX; i++) {
		assert_int_equal(mpq_early_keep(&e, MPQ_EARLY_RESET, i, 0, NULL,
						0),
				 0);
	}
	assert_int_equal(mpq_early_keep(&e, MPQ_EARLY_RESET, 1, 0, NULL, 0),
			 -ENOSPC);
	mpq_early_drop(&e);
	mpq_early_drop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_in_order_and_once),
		cmocka_unit_test(stops_where_the_owner_refuses),
		cmocka_unit_test(keeps_no_more_than_a_fixed_number),
	};

	return cmocka_run_group_tests_name("quic/early", tests, NULL, NULL);
}
