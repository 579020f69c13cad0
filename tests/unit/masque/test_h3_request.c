/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "dataplane/masque/h3_request.h"

static struct mpq_h3_request_fields fields;

static void field(const char *name, const char *value)
{
	mpq_h3_request_field(&fields, name, strlen(name), value, strlen(value));
}

/* A good request, but for one pseudo-header: NULL leaves it out. */
static void request(const char *name, const char *value)
{
	static const char *const good[][2] = {
		{":method", "CONNECT"},
		{":protocol", "connect-ip"},
		{":scheme", "https"},
		{":authority", "vps.example:45001"},
		{":path", MPQ_H3_REQUEST_PATH},
	};

	mpq_h3_request_init(&fields);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (name == NULL || strcmp(good[i][0], name) != 0) {
			field(good[i][0], good[i][1]);
		} else if (value != NULL) {
			field(name, value);
		}
	}
}

static unsigned status(void)
{
	const char *sentence = NULL;
	unsigned s = mpq_h3_request_check(&fields, &sentence);

	assert_true((s == 0) == (sentence == NULL));
	return s;
}

static unsigned status_with(const char *name, const char *value)
{
	request(name, value);
	return status();
}

static unsigned status_adding(const char *name, const char *value)
{
	request(NULL, NULL);
	field(name, value);
	return status();
}

static void accepts_a_plain_request(void **state)
{
	(void)state;
	request(NULL, NULL);
	assert_int_equal(status(), 0);
	assert_string_equal(fields.request.authority, "vps.example:45001");
	assert_string_equal(fields.request.path, MPQ_H3_REQUEST_PATH);
	assert_string_equal(fields.request.tunnel, "");
}

static void accepts_what_others_send(void **state)
{
	(void)state;
	assert_int_equal(status_adding("capsule-protocol", "?1"), 0);
	assert_int_equal(status_adding("capsule-protocol", "?0"), 0);
	assert_int_equal(status_adding("user-agent", "x"), 0);
	assert_int_equal(status_with(":scheme", "HTTPS"), 0);
	/* RFC 6570 §3.2.2 encodes the wildcard. */
	assert_int_equal(status_with(":path",
				     "/.well-known/masque/ip/%2A/%2a/"),
			 0);
}

static void refuses_other_methods_and_protocols(void **state)
{
	(void)state;
	assert_int_equal(status_with(":method", "GET"), 501);
	assert_int_equal(status_with(":method", "connect"), 501);
	assert_int_equal(status_with(":method", "AVERYLONGMETHODNAME"), 501);
	assert_int_equal(status_with(":protocol", NULL), 501);
	assert_int_equal(status_with(":protocol", "connect-udp"), 501);
	assert_int_equal(status_with(":protocol", "websocket"), 501);
}

static void refuses_what_is_malformed(void **state)
{
	char authority[257];

	(void)state;
	memset(authority, 'a', 256);
	authority[256] = '\0';
	assert_int_equal(status_with(":scheme", "http"), 400);
	assert_int_equal(status_with(":scheme", NULL), 400);
	assert_int_equal(status_with(":authority", NULL), 400);
	assert_int_equal(status_with(":authority", ""), 400);
	assert_int_equal(status_with(":authority", authority), 400);
	assert_int_equal(status_adding("content-length", "0"), 400);
	assert_int_equal(status_adding("content-type", "text/plain"), 400);
	assert_int_equal(status_adding("transfer-encoding", "chunked"), 400);
}

static void refuses_other_paths_and_narrower_scopes(void **state)
{
	static const struct {
		const char *path;
		unsigned status;
	} cases[] = {
		{"/", 404},
		{"/.well-known/masque/udp/192.0.2.1/443/", 404},
		{"/.well-known/masque/ip", 404},
		{"/.well-known/masque/ip/*/*/more", 404},
		{"/.well-known/masque/ip/*/*", 400},
		{"/.well-known/masque/ip/*", 400},
		{"/.well-known/masque/ip/**/*/", 400},
		{"/.well-known/masque/ip/192.0.2.0%2F24/*/", 400},
		{"/.well-known/masque/ip/example.org/*/", 400},
		{"/.well-known/masque/ip/*/17/", 400},
		{"/.well-known/masque/ip/%2/*/", 400},
	};
	char path[257];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(status_with(":path", cases[i].path),
				 cases[i].status);
	}
	memset(path, '/', 256);
	path[256] = '\0';
	assert_int_equal(status_with(":path", path), 404);
	assert_int_equal(status_with(":path", NULL), 404);
}

static void takes_the_name_of_a_tunnel(void **state)
{
	(void)state;
	assert_int_equal(status_adding("mpquic-tunnel", "mpq3"), 0);
	assert_string_equal(fields.request.tunnel, "mpq3");
	assert_int_equal(status_adding("mpquic-tunnel",
				       "abcdefghijklmnopqrstuvwxyz_.-ABC"),
			 0);
	assert_int_equal(status_adding("mpquic-tunnel",
				       "abcdefghijklmnopqrstuvwxyz_.-ABCD"),
			 400);
	assert_int_equal(status_adding("mpquic-tunnel", ""), 400);
	assert_int_equal(status_adding("mpquic-tunnel", "mpq 3"), 400);
	assert_int_equal(status_adding("mpquic-tunnel", "../etc"), 400);
	request(NULL, NULL);
	field("mpquic-tunnel", "mpq1");
	field("mpquic-tunnel", "mpq2");
	assert_int_equal(status(), 400);
}

static void refuses_too_many_fields(void **state)
{
	(void)state;
	request(NULL, NULL);
	for (int i = 5; i < MPQ_H3_REQUEST_FIELDS; i++) {
		field("x", "y");
	}
	assert_int_equal(status(), 0);
	field("x", "y");
	assert_int_equal(status(), 431);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_a_plain_request),
		cmocka_unit_test(accepts_what_others_send),
		cmocka_unit_test(refuses_other_methods_and_protocols),
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(refuses_other_paths_and_narrower_scopes),
		cmocka_unit_test(takes_the_name_of_a_tunnel),
		cmocka_unit_test(refuses_too_many_fields),
	};

	return cmocka_run_group_tests_name("masque/h3_request", tests, NULL,
					   NULL);
}
