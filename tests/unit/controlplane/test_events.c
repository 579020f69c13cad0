/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct mpq_events events;
static unsigned published;
static char seen[2048];

static void on_published(void *owner, struct json_object *event)
{
	(void)owner;
	assert_true(json_object_object_get_ex(event, "time", NULL));
	published++;
}

static void note(void *context, struct json_object *event)
{
	struct json_object *n = NULL;

	(void)context;
	assert_true(json_object_object_get_ex(event, "n", &n));
	(void)snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s ",
		       json_object_get_string(n));
}

static void publish(unsigned n)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", n);
	mpq_events_publish(&events, mpq_events_new("test", "n", text, NULL));
}

static int set_up(void **state)
{
	(void)state;
	published = 0;
	seen[0] = '\0';
	mpq_events_init(&events, on_published, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mpq_events_finish(&events);
	return 0;
}

static void replays_in_order(void **state)
{
	(void)state;
	publish(1);
	publish(2);
	publish(3);
	assert_int_equal(published, 3);
	mpq_events_replay(&events, note, NULL);
	assert_string_equal(seen, "1 2 3 ");
}

static void keeps_the_last_ones_only(void **state)
{
	unsigned n;

	(void)state;
	for (n = 1; n <= MPQ_EVENTS_BACKLOG + 3; n++) {
		publish(n);
	}
	assert_int_equal(published, MPQ_EVENTS_BACKLOG + 3);
	mpq_events_replay(&events, note, NULL);
	assert_memory_equal(seen, "4 5 6 ", 6);
	assert_string_equal(seen + strlen(seen) - 8, "258 259 ");
}

static void writes_times_of_rfc_3339(void **state)
{
	struct json_object *now = mpq_events_time(0),
			   *before = mpq_events_time(3600u * 1000000u);
	const char *a = json_object_get_string(now),
		   *b = json_object_get_string(before);

	(void)state;
	assert_int_equal(strlen(a), strlen("2026-11-22T13:37:00.123Z"));
	assert_int_equal(a[10], 'T');
	assert_int_equal(a[23], 'Z');
	assert_true(strcmp(b, a) < 0);
	json_object_put(now);
	json_object_put(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(replays_in_order, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(keeps_the_last_ones_only,
						set_up, tear_down),
		cmocka_unit_test(writes_times_of_rfc_3339),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
