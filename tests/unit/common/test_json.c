/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/json.h"

static const char text[] =
	"{\"name\": \"mpq1\", \"mtu\": 1400, \"bytes\": "
	"\"18446744073709551615\","
	" \"up\": true, \"down\": false, \"paths\": [1, 2],"
	" \"config\": {\"a\": 1}, \"nothing\": null, \"minus\": -5,"
	" \"huge\": \"18446744073709551616\", \"half\": 1.5,"
	" \"spaced\": \" 7\", \"negative\": \"-7\", \"empty\": \"\"}";

static int parse(void **state)
{
	*state = json_tokener_parse(text);
	return *state == NULL;
}

static int drop(void **state)
{
	json_object_put(*state);
	return 0;
}

static void reads_what_is_there(void **state)
{
	struct mpq_json_reader r = {0};
	struct json_object *o = *state;

	assert_string_equal(mpq_json_string(&r, o, "name"), "mpq1");
	assert_int_equal(mpq_json_uint(&r, o, "mtu", 68, 65535), 1400);
	assert_true(mpq_json_uint(&r, o, "bytes", 0, UINT64_MAX) == UINT64_MAX);
	assert_true(mpq_json_bool(&r, o, "up"));
	assert_false(mpq_json_bool(&r, o, "down"));
	assert_int_equal(json_object_array_length(
				 mpq_json_array(&r, o, "paths")),
			 2);
	assert_int_equal(json_object_object_length(
				 mpq_json_object(&r, o, "config")),
			 1);
	assert_string_equal(r.error, "");
}

static void optional_members_win_over_their_fallback(void **state)
{
	struct mpq_json_reader r = {0};
	struct json_object *o = *state;

	assert_string_equal(mpq_json_string_or(&r, o, "name", "x"), "mpq1");
	assert_int_equal(mpq_json_uint_or(&r, o, "mtu", 68, 65535, 7), 1400);
	assert_false(mpq_json_bool_or(&r, o, "down", true));
	assert_non_null(mpq_json_array_or_null(&r, o, "paths"));
	assert_string_equal(r.error, "");
}

static void absent_optional_members_fall_back_without_error(void **state)
{
	struct mpq_json_reader r = {0};
	struct json_object *o = *state;

	assert_string_equal(mpq_json_string_or(&r, o, "no", "x"), "x");
	assert_null(mpq_json_string_or(&r, o, "no", NULL));
	assert_int_equal(mpq_json_uint_or(&r, o, "no", 68, 100, 7), 7);
	assert_true(mpq_json_bool_or(&r, o, "no", true));
	assert_null(mpq_json_array_or_null(&r, o, "no"));
	assert_string_equal(r.error, "");
}

#define assert_error(call, wanted, message)                                    \
	do {                                                                   \
		struct mpq_json_reader r = {0};                                \
		assert_true((call) == (wanted));                               \
		assert_string_equal(r.error, message);                         \
	} while (0)

static void says_what_is_missing(void **state)
{
	struct json_object *o = *state;
	struct mpq_json_reader s = {0};

	assert_string_equal(mpq_json_string(&s, o, "no"), "");
	assert_string_equal(s.error, "no: is missing");
	assert_error(mpq_json_uint(&r, o, "no", 0, 1), 0, "no: is missing");
	assert_error(mpq_json_bool(&r, o, "no"), false, "no: is missing");
	assert_error(mpq_json_object(&r, o, "no"), NULL, "no: is missing");
	assert_error(mpq_json_array(&r, o, "no"), NULL, "no: is missing");
}

static void says_which_type_it_wanted(void **state)
{
	struct json_object *o = *state;
	struct mpq_json_reader s = {0};

	assert_string_equal(mpq_json_string(&s, o, "mtu"), "");
	assert_string_equal(s.error, "mtu: 1400 is not a string");
	assert_error(mpq_json_string_or(&r, o, "nothing", NULL), NULL,
		     "nothing: null is not a string");
	assert_error(mpq_json_bool(&r, o, "mtu"), false,
		     "mtu: 1400 is not true or false");
	assert_error(mpq_json_bool_or(&r, o, "name", true), true,
		     "name: \"mpq1\" is not true or false");
	assert_error(mpq_json_object(&r, o, "paths"), NULL,
		     "paths: [1,2] is not an object");
	assert_error(mpq_json_array(&r, o, "config"), NULL,
		     "config: {\"a\":1} is not an array");
	assert_error(mpq_json_array_or_null(&r, o, "up"), NULL,
		     "up: true is not an array");
}

static void says_what_is_no_whole_number(void **state)
{
	struct json_object *o = *state;

	assert_error(mpq_json_uint(&r, o, "name", 0, 9), 0,
		     "name: \"mpq1\" is not a whole number");
	assert_error(mpq_json_uint(&r, o, "half", 0, 9), 0,
		     "half: 1.5 is not a whole number");
	assert_error(mpq_json_uint(&r, o, "spaced", 0, 9), 0,
		     "spaced: \" 7\" is not a whole number");
	assert_error(mpq_json_uint(&r, o, "empty", 0, 9), 0,
		     "empty: \"\" is not a whole number");
	assert_error(mpq_json_uint_or(&r, o, "nothing", 0, 9, 3), 3,
		     "nothing: null is not a whole number");
}

static void says_the_range_it_wanted(void **state)
{
	struct json_object *o = *state;

	assert_error(mpq_json_uint(&r, o, "mtu", 68, 1399), 0,
		     "mtu: 1400 is out of range 68..1399");
	assert_error(mpq_json_uint(&r, o, "mtu", 1401, 65535), 0,
		     "mtu: 1400 is out of range 1401..65535");
	assert_error(mpq_json_uint(&r, o, "minus", 0, 9), 0,
		     "minus: -5 is out of range 0..9");
	assert_error(mpq_json_uint(&r, o, "negative", 0, 9), 0,
		     "negative: \"-7\" is out of range 0..9");
	assert_error(mpq_json_uint_or(&r, o, "huge", 0, 9, 4), 4,
		     "huge: \"18446744073709551616\" is out of range 0..9");
}

static void keeps_the_first_error_and_where_it_was(void **state)
{
	struct mpq_json_reader r = {.at = "tunnels/0"};
	struct json_object *o = *state;

	assert_null(mpq_json_object(&r, o, "inner"));
	assert_string_equal(mpq_json_string(&r, NULL, "name"), "");
	(void)mpq_json_uint(&r, o, "mtu", 0, 1);
	assert_string_equal(r.error, "tunnels/0/inner: is missing");
}

static void a_caller_adds_its_own_error(void **state)
{
	struct mpq_json_reader r = {.at = "paths/2"}, s = {.at = "paths"};

	(void)state;
	mpq_json_fail(&r, "wan", "%s is used twice", "eth1");
	assert_string_equal(r.error, "paths/2/wan: eth1 is used twice");
	mpq_json_fail(&s, "", "none given");
	assert_string_equal(s.error, "paths: none given");
}

static void shortens_a_long_value(void **state)
{
	struct mpq_json_reader r = {0};
	struct json_object *o = json_object_new_object();
	char value[4000];

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	json_object_object_add(o, "k", json_object_new_string(value));
	(void)mpq_json_uint(&r, o, "k", 0, 1);
	assert_non_null(strstr(r.error, "xx... is not a whole number"));
	assert_true(strlen(r.error) < 90);
	json_object_put(o);
}

static void a_long_place_does_not_overflow(void **state)
{
	struct mpq_json_reader r = {0};
	char key[600];

	(void)state;
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	mpq_json_fail(&r, key, "is bad");
	assert_int_equal(strlen(r.error), sizeof(r.error) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_there),
		cmocka_unit_test(optional_members_win_over_their_fallback),
		cmocka_unit_test(
			absent_optional_members_fall_back_without_error),
		cmocka_unit_test(says_what_is_missing),
		cmocka_unit_test(says_which_type_it_wanted),
		cmocka_unit_test(says_what_is_no_whole_number),
		cmocka_unit_test(says_the_range_it_wanted),
		cmocka_unit_test(keeps_the_first_error_and_where_it_was),
		cmocka_unit_test(a_caller_adds_its_own_error),
		cmocka_unit_test(shortens_a_long_value),
		cmocka_unit_test(a_long_place_does_not_overflow),
	};

	return cmocka_run_group_tests(tests, parse, drop);
}
