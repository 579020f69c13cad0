/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of mpquic-control's, good ones and such as no mpquic-control makes. */
#include "dataplane/calls.h"
#include "tests/unit/dataplane/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Makes the call to the edge, with ' for ". */
static struct json_object *call(struct site *s, const char *text, int *fds,
				size_t n)
{
	char copy[4096], *c;
	struct json_object *message, *reply;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	while ((c = strchr(copy, '\'')) != NULL) {
		*c = '"';
	}
	message = json_tokener_parse(copy);
	assert_non_null(message);
	reply = mpq_calls_do(&s->edge.engine, message, fds, n);
	json_object_put(message);
	return reply;
}

static void assert_refused(struct json_object *reply, const char *why)
{
	struct json_object *parameters, *message;

	assert_true(json_object_object_get_ex(reply, "error", NULL));
	assert_true(
		json_object_object_get_ex(reply, "parameters", &parameters));
	assert_true(json_object_object_get_ex(parameters, "message", &message));
	if (strstr(json_object_get_string(message), why) == NULL) {
		fail_msg("%s", json_object_get_string(message));
	}
	json_object_put(reply);
}

static void assert_done(struct json_object *reply)
{
	assert_false(json_object_object_get_ex(reply, "error", NULL));
	json_object_put(reply);
}

static void nonsense_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *call, *why;
	} cases[] = {
		{"{'method':null}", "method"},
		{"{'method':5}", "method"},
		{"{'method':'mpquic.data.Fly'}", "knows no method"},
		{"{'method':'mpquic.data.Apply'}", "snapshot"},
		{"{'method':'mpquic.data.Apply','parameters':[]}", "snapshot"},
		{"{'method':'mpquic.data.Apply','parameters':{'snapshot':7}}",
		 "snapshot"},
		{"{'method':'mpquic.data.Apply','parameters':{'snapshot':{}}}",
		 "role"},
		{"{'method':'mpquic.data.Socket'}", "path"},
		{"{'method':'mpquic.data.Socket','parameters':{'path':'wan9'}}",
		 "wan9"},
		{"{'method':'mpquic.data.Socket','parameters':{'path':'wan1',"
		 "'link':'sideways'}}",
		 "sideways"},
		{"{'method':'mpquic.data.Socket','parameters':{'path':'wan1',"
		 "'link':'ready'}}",
		 "2 sockets, not 0"},
		{"{'method':'mpquic.data.Hold','parameters':{'path':'wan1'}}",
		 "held"},
	};
	struct site *s = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_refused(call(s, cases[i].call, NULL, 0), cases[i].why);
	}
	fake_run(1 * MPQ_SECOND);
	assert_true(s->edge.tunnel_up);
}

static void descriptors_of_no_use_are_closed(void **state)
{
	static const char *const calls[] = {
		"{'method':'mpquic.data.Fly','descriptors':[{},{}]}",
		"{'method':'mpquic.data.Status','descriptors':[1,null]}",
		"{'method':'mpquic.data.Hold','parameters':{'path':'wan1',"
		"'held':false},'descriptors':[{'tun':'mpq1'},{'tun':null}]}",
		"{'method':'mpquic.data.Socket','parameters':{'path':'wan1',"
		"'link':'no-link'},'descriptors':[{'path':'wan1'},'x']}",
		"{'method':'mpquic.data.Apply','parameters':{'snapshot':{}},"
		"'descriptors':[{'tun':'mpq1'},{'tun':null}]}",
	};
	struct site *s = *state;
	unsigned descriptors = fake_open_descriptors();

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int fds[] = {fake_other(), fake_other()};

		json_object_put(call(s, calls[i], fds, 2));
	}
	/* no-link closed two sockets */
	assert_int_equal(fake_open_descriptors(),
			 descriptors - MPQ_PATH_SOCKETS);
}

static void a_link_comes_and_goes_by_calls(void **state)
{
	struct site *s = *state;
	unsigned descriptors = fake_open_descriptors();
	int fds[] = {fake_udp(SITE_WAN, 90), fake_udp(SITE_WAN, 91)};

	assert_done(call(s,
			 "{'method':'mpquic.data.Socket','parameters':{"
			 "'path':'wan1','link':'no-carrier',"
			 "'reason':'pulled'}}",
			 NULL, 0));
	assert_int_equal(s->edge.state, MPQ_LIFE_NO_CARRIER);
	assert_string_equal(s->edge.path_reason, "pulled");
	assert_done(call(s,
			 "{'method':'mpquic.data.Socket','parameters':{"
			 "'path':'wan1','link':'ready','device-index':7,"
			 "'local-address':'10.0.1.2'},"
			 "'descriptors':[{'path':'wan1'},{'path':'wan1'}]}",
			 fds, 2));
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(s->edge.state, MPQ_LIFE_UP);
	assert_int_equal(fake_open_descriptors(), descriptors);
}

static void sockets_that_are_none_are_refused(void **state)
{
	struct site *s = *state;
	int fds[] = {fake_other(), fake_other()};

	assert_refused(call(s,
			    "{'method':'mpquic.data.Socket','parameters':{"
			    "'path':'wan1','link':'ready'},"
			    "'descriptors':[{'path':'wan1'},{'path':'wan1'}]}",
			    fds, 2),
		       "no use can be made");
	assert_int_equal(s->edge.state, MPQ_LIFE_NO_LINK);
}

static void who_wants_no_reply_gets_none(void **state)
{
	struct site *s = *state;

	assert_null(call(s,
			 "{'method':'mpquic.data.Hold','oneway':true,"
			 "'parameters':{'path':'wan1','held':true}}",
			 NULL, 0));
	assert_int_equal(s->edge.state, MPQ_LIFE_HELD);
	assert_null(call(s, "{'method':'mpquic.data.Status','oneway':true}",
			 NULL, 0));
}

#define SITE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, site_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SITE(nonsense_is_refused_with_a_reason),
		SITE(descriptors_of_no_use_are_closed),
		SITE(a_link_comes_and_goes_by_calls),
		SITE(sockets_that_are_none_are_refused),
		SITE(who_wants_no_reply_gets_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
