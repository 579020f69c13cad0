/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/unit/masque/pair.h"
#include "tests/unit/masque/wire.h"

/* RFC 9114 §8.1 */
enum {
	NO_ERROR = 0x100,
	GENERAL_PROTOCOL_ERROR = 0x101,
	STREAM_CREATION_ERROR = 0x103,
	CLOSED_CRITICAL_STREAM = 0x104,
	FRAME_UNEXPECTED = 0x105,
	EXCESSIVE_LOAD = 0x107,
	SETTINGS_ERROR = 0x109,
	REQUEST_CANCELLED = 0x10c,
	MESSAGE_ERROR = 0x10e,
};

static struct pair pair;
static struct wire wire;

static int set_up(void **state)
{
	(void)state;
	pair_init(&pair);
	wire.len = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pair_finish(&pair);
	return 0;
}

static uint64_t error_of(const struct pair_end *e)
{
	const char *sentence = NULL;
	uint64_t code = mpq_h3_error(e->h3, &sentence);

	assert_non_null(sentence);
	assert_true(strlen(sentence) > 0);
	return code;
}

static void send_filled(struct pair_end *e, uint64_t type, size_t len)
{
	static uint8_t value[MPQ_CAPSULE_MAX_BYTES];

	memset(value, (int)(len & 0xff), len);
	assert_int_equal(mpq_h3_send_capsule(e->h3, type, value, len), 0);
}

static void connects_and_carries_capsules_at_any_chunk_size(void **state)
{
	(void)state;
	pair_finish(&pair);
	for (size_t chunk = 1; chunk < 400; chunk += chunk < 20 ? 1 : 37) {
		pair_init(&pair);
		pair.chunk = chunk;
		pair_connect(&pair, "mpq3");
		assert_int_equal(pair.client.n_ready, 1);
		assert_int_equal(pair.server.n_requests, 1);
		assert_string_equal(pair.server.request.authority,
				    "vps.example");
		assert_string_equal(pair.server.request.path,
				    "/.well-known/masque/ip/*/*/");
		assert_string_equal(pair.server.request.tunnel, "mpq3");
		assert_int_equal(pair.client.n_responses, 1);
		assert_int_equal(pair.client.status, 200);
		assert_int_equal(mpq_h3_stream(pair.client.h3), 0);
		assert_int_equal(mpq_h3_stream(pair.server.h3), 0);
		send_filled(&pair.server, MPQ_CAPSULE_ADDRESS_ASSIGN, 7);
		send_filled(&pair.server, MPQ_CAPSULE_ROUTE_ADVERTISEMENT, 300);
		send_filled(&pair.client, 0x2b37, 0);
		pair_run(&pair);
		send_filled(&pair.client, MPQ_CAPSULE_ADDRESS_REQUEST, 19);
		pair_run(&pair);
		assert_int_equal(pair.client.n_capsules, 2);
		assert_int_equal(pair.client.capsule_type[0], 1);
		assert_int_equal(pair.client.capsule_len[1], 300);
		assert_int_equal(pair.server.n_capsules, 2);
		assert_int_equal(pair.server.capsule_type[0], 0x2b37);
		assert_int_equal(pair.server.capsule_len[1], 19);
		assert_int_equal(pair.client.rc, 0);
		assert_int_equal(pair.server.rc, 0);
		assert_int_equal(pair.client.n_closed, 0);
		pair_finish(&pair);
	}
	pair_init(&pair);
}

static void serves_a_client_that_names_no_tunnel(void **state)
{
	(void)state;
	pair_connect(&pair, "");
	assert_int_equal(pair.client.status, 200);
	assert_string_equal(pair.server.request.tunnel, "");
}

static void sends_capsules_ahead_of_the_answer(void **state)
{
	(void)state;
	pair.server.answer = 0;
	pair_connect(&pair, "mpq1");
	send_filled(&pair.client, MPQ_CAPSULE_ADDRESS_REQUEST, 7);
	assert_int_equal(mpq_h3_send_capsule(pair.server.h3, 1, NULL, 0),
			 -EPIPE);
	pair_run(&pair);
	assert_int_equal(pair.server.n_capsules, 1);
	assert_int_equal(pair.client.n_responses, 0);
	assert_int_equal(mpq_h3_respond(pair.server.h3, 200), 0);
	assert_int_equal(mpq_h3_respond(pair.server.h3, 200), -EPIPE);
	send_filled(&pair.server, MPQ_CAPSULE_ADDRESS_ASSIGN, 7);
	pair_run(&pair);
	assert_int_equal(pair.client.status, 200);
	assert_int_equal(pair.client.n_capsules, 1);
}

static void tells_the_client_why_it_refuses(void **state)
{
	(void)state;
	pair.server.answer = 0;
	pair_connect(&pair, "mpq7");
	assert_int_equal(mpq_h3_refuse(pair.server.h3, 403, "no mpq7 here"), 0);
	pair_run(&pair);
	assert_int_equal(pair.client.n_responses, 1);
	assert_int_equal(pair.client.status, 403);
	assert_string_equal(mpq_h3_reason(pair.client.h3), "no mpq7 here");
	assert_int_equal(pair.client.n_closed, 1);
	assert_int_equal(pair.server.n_closed, 1);
	assert_int_equal(pair.server.stop_code[0], NO_ERROR);
	assert_int_equal(mpq_h3_send_capsule(pair.client.h3, 1, NULL, 0),
			 -EPIPE);
	assert_int_equal(mpq_h3_send_capsule(pair.server.h3, 1, NULL, 0),
			 -EPIPE);
	assert_int_equal(pair.client.rc, 0);
	assert_int_equal(pair.server.rc, 0);
}

static void caps_what_a_peer_that_does_not_read_costs(void **state)
{
	uint8_t value[1000];
	int rc = 0;
	size_t n = 0;

	(void)state;
	memset(value, sizeof(value) & 0xff, sizeof(value));
	pair_connect(&pair, "mpq1");
	mpq_h3_block(pair.server.h3, 0);
	while (rc == 0 && n < 1000) {
		rc = mpq_h3_send_capsule(pair.server.h3, 0x2b37, value,
					 sizeof(value));
		n += rc == 0;
	}
	assert_int_equal(rc, -ENOBUFS);
	assert_true(n >= 8 && n <= 32);
	pair_run(&pair);
	assert_int_equal(pair.client.fed[0], pair.client.consumed[0]);
	assert_int_equal(pair.client.n_capsules, 0);
	assert_int_equal(mpq_h3_send_capsule(pair.server.h3, 0x2b37, value, 1),
			 0);
}

static void goes_on_when_flow_control_lets_it(void **state)
{
	(void)state;
	pair_connect(&pair, "mpq1");
	mpq_h3_block(pair.server.h3, 0);
	for (int i = 0; i < 10; i++) {
		send_filled(&pair.server, 0x2b37, 1000);
	}
	pair_run(&pair);
	assert_int_equal(pair.client.n_capsules, 0);
	mpq_h3_unblock(pair.server.h3, 0);
	pair_run(&pair);
	assert_int_equal(pair.client.n_capsules, 10);
	/* The ring has gone round more than once. */
	for (int i = 0; i < 30; i++) {
		send_filled(&pair.server, 0x2b37, 1000 + (size_t)i);
		pair_run(&pair);
	}
	assert_int_equal(pair.client.n_capsules, 40);
	assert_int_equal(pair.client.capsule_len[39], 1029);
}

/* A request of the test's own in place of the client's. */
static void ask(const char *const *fields)
{
	pair.drop_request = true;
	pair_connect(&pair, "");
	wire_headers(&wire, fields);
	pair_feed(&pair, &pair.server, 0, wire.bytes, wire.len, false);
	pair_run(&pair);
}

#define GOOD                                                                   \
	":method", "CONNECT", ":protocol", "connect-ip", ":scheme", "https",   \
		":authority", "vps.example"
#define PATH ":path", "/.well-known/masque/ip/*/*/"

static void answers_each_wrong_request_with_its_status(void **state)
{
	static const struct {
		const char *fields[14];
		unsigned status;
	} cases[] = {
		{{GOOD, PATH, NULL}, 200},
		{{GOOD, PATH, "capsule-protocol", "?1", NULL}, 200},
		{{":method", "GET", ":scheme", "https", ":authority", "x",
		  ":path", "/", NULL},
		 501},
		{{":method", "CONNECT", ":authority", "x:443", NULL}, 501},
		{{":method", "CONNECT", ":protocol", "connect-udp", ":scheme",
		  "https", ":authority", "x", PATH, NULL},
		 501},
		{{":method", "CONNECT", ":protocol", "connect-ip", ":scheme",
		  "http", ":authority", "x", PATH, NULL},
		 400},
		{{GOOD, ":path", "/.well-known/masque/ip/10.0.0.1/*/", NULL},
		 400},
		{{GOOD, ":path", "/.well-known/masque/ip/*/6/", NULL}, 400},
		{{GOOD, ":path", "/.well-known/masque/udp/x/1/", NULL}, 404},
		{{GOOD, PATH, "mpquic-tunnel", "a b", NULL}, 400},
		{{GOOD, PATH, "content-length", "3", NULL}, 400},
	};

	(void)state;
	pair_finish(&pair);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(NULL);
		ask(cases[i].fields);
		assert_int_equal(pair.server.rc, 0);
		assert_int_equal(pair.server.n_requests,
				 cases[i].status == 200);
		assert_int_equal(pair.client.status, cases[i].status);
		assert_true(cases[i].status == 200 ||
			    mpq_h3_reason(pair.client.h3)[0] != '\0');
		pair_finish(&pair);
	}
	set_up(NULL);
}

static void resets_a_request_that_is_not_http(void **state)
{
	static const char *const cases[][14] = {
		{GOOD, NULL}, /* no :path */
		{GOOD, PATH, PATH, NULL},
		{PATH, ":method", "CONNECT", ":protocol", "connect-ip",
		 ":scheme", "https", NULL}, /* no :authority */
		{GOOD, PATH, "Upper", "case", NULL},
		{GOOD, PATH, "connection", "close", NULL},
		{GOOD, "x", "y", PATH, NULL},
	};

	(void)state;
	pair_finish(&pair);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(NULL);
		ask(cases[i]);
		assert_int_equal(pair.server.rc, 0);
		assert_int_equal(pair.server.n_requests, 0);
		assert_int_equal(pair.server.stop_code[0], MESSAGE_ERROR);
		assert_int_equal(pair.server.n_closed, 1);
		assert_int_equal(pair.server.closed_code, MESSAGE_ERROR);
		pair_finish(&pair);
	}
	set_up(NULL);
}

static void refuses_a_section_of_too_many_fields(void **state)
{
	const char *fields[2 * 101 + 1];

	(void)state;
	memcpy(fields, (const char *const[]){GOOD, PATH},
	       10 * sizeof(fields[0]));
	for (size_t i = 10; i < 202; i += 2) {
		fields[i] = "x";
		fields[i + 1] = "y";
	}
	fields[202] = NULL;
	ask(fields);
	assert_int_equal(pair.client.status, 431);
	assert_int_equal(pair.server.n_requests, 0);
}

static void refuses_a_second_request(void **state)
{
	const char *const fields[] = {GOOD, PATH, NULL};

	(void)state;
	pair_connect(&pair, "mpq1");
	wire_headers(&wire, fields);
	pair_feed(&pair, &pair.server, 4, wire.bytes, wire.len, false);
	pair_run(&pair);
	assert_int_equal(pair.server.n_requests, 1);
	assert_int_equal(pair.server.rc, 0);
	assert_int_equal(pair.server.stop_code[4], NO_ERROR);
	/* It has an answer (which our client did not ask for). */
	assert_true(pair.client.fed[4] > 0);
	assert_int_equal(pair.server.n_closed, 0);
	/* The first goes on. */
	send_filled(&pair.server, MPQ_CAPSULE_ADDRESS_ASSIGN, 7);
}

static void closes_on_what_no_request_may_carry(void **state)
{
	const char *const trailers[] = {"x", "y", NULL};

	(void)state;
	pair_connect(&pair, "mpq1");
	wire_headers(&wire, trailers);
	pair_feed(&pair, &pair.server, 0, wire.bytes, wire.len, false);
	assert_int_equal(pair.server.rc, -EPROTO);
	assert_int_equal(error_of(&pair.server), FRAME_UNEXPECTED);
}

static void feed_capsule_bytes(const uint8_t *bytes, size_t len, bool fin)
{
	wire.len = 0;
	wire_frame(&wire, WIRE_DATA, bytes, len);
	pair_feed(&pair, &pair.server, 0, wire.bytes, wire.len, fin);
}

static void closes_on_a_capsule_that_its_owner_finds_malformed(void **state)
{
	(void)state;
	pair_connect(&pair, "mpq1");
	pair.server.refuse_capsules = true;
	send_filled(&pair.client, MPQ_CAPSULE_ADDRESS_ASSIGN, 3);
	pair_run(&pair);
	assert_int_equal(pair.server.rc, -EPROTO);
	assert_int_equal(error_of(&pair.server), MESSAGE_ERROR);
}

static void closes_on_a_capsule_that_is_too_long(void **state)
{
	static const uint8_t head[] = {MPQ_CAPSULE_ADDRESS_ASSIGN, 0x50, 0x01};

	(void)state;
	pair_connect(&pair, "mpq1");
	feed_capsule_bytes(head, sizeof(head), false);
	assert_int_equal(pair.server.rc, -EPROTO);
	assert_int_equal(error_of(&pair.server), EXCESSIVE_LOAD);
	/* Nothing goes on after an error. */
	assert_int_equal(mpq_h3_read(pair.server.h3, 0, head, 1, false),
			 -EPROTO);
	assert_int_equal(mpq_h3_send_capsule(pair.server.h3, 1, NULL, 0),
			 -EPIPE);
}

/* RFC 9297 §3.3 */
static void closes_on_an_end_within_a_capsule(void **state)
{
	static const uint8_t cut[] = {MPQ_CAPSULE_ADDRESS_ASSIGN, 7, 0};

	(void)state;
	pair_connect(&pair, "mpq1");
	feed_capsule_bytes(cut, sizeof(cut), true);
	assert_int_equal(pair.server.rc, -EPROTO);
	assert_int_equal(error_of(&pair.server), MESSAGE_ERROR);
}

static void ends_with_the_peers_end(void **state)
{
	(void)state;
	pair_connect(&pair, "mpq1");
	pair_feed(&pair, &pair.server, 0, NULL, 0, true);
	assert_int_equal(pair.server.n_closed, 1);
	assert_int_equal(pair.server.closed_code, NO_ERROR);
	pair_run(&pair);
	/* Our side ended too, and then the stream closed, without a word. */
	assert_true(pair.server.ended[0]);
	assert_int_equal(pair.server.n_closed, 1);
	assert_int_equal(pair.client.n_closed, 1);
	assert_int_equal(mpq_h3_send_capsule(pair.server.h3, 1, NULL, 0),
			 -EPIPE);
}

static void ends_with_the_peers_reset(void **state)
{
	(void)state;
	pair_connect(&pair, "mpq1");
	assert_int_equal(mpq_h3_stream_reset(pair.server.h3, 0), 0);
	assert_int_equal(pair.server.n_closed, 1);
	assert_int_equal(pair.server.closed_code, REQUEST_CANCELLED);
	assert_true(pair.server.reset[0]);
	assert_int_equal(mpq_h3_stream_reset(pair.server.h3, 0), 0);
	assert_int_equal(pair.server.n_closed, 1);
}

static void ends_when_the_peer_stops_reading(void **state)
{
	(void)state;
	pair_connect(&pair, "mpq1");
	assert_int_equal(mpq_h3_stop_sending(pair.client.h3, 0), 0);
	assert_int_equal(pair.client.n_closed, 1);
	assert_int_equal(pair.client.closed_code, REQUEST_CANCELLED);
}

static void waits_for_the_status_when_a_refusal_stops_it_first(void **state)
{
	(void)state;
	pair.server.answer = 0;
	pair_connect(&pair, "mpq1");
	assert_int_equal(mpq_h3_stop_sending(pair.client.h3, 0), 0);
	assert_int_equal(pair.client.n_closed, 0);
	assert_int_equal(mpq_h3_refuse(pair.server.h3, 403, "no"), 0);
	pair_run(&pair);
	assert_int_equal(pair.client.status, 403);
	assert_int_equal(pair.client.n_closed, 1);
}

static void does_not_answer_a_request_that_went(void **state)
{
	(void)state;
	pair.server.answer = 0;
	pair_connect(&pair, "mpq1");
	assert_int_equal(mpq_h3_stream_reset(pair.server.h3, 0), 0);
	assert_int_equal(mpq_h3_respond(pair.server.h3, 200), -EPIPE);
	assert_int_equal(mpq_h3_refuse(pair.server.h3, 403, "no"), -EPIPE);
}

/* nghttp3 would abort the process on our response. */
static void survives_a_peer_that_gives_us_no_streams(void **state)
{
	const char *const fields[] = {GOOD, PATH, NULL};

	(void)state;
	wire_headers(&wire, fields);
	pair_feed(&pair, &pair.server, 0, wire.bytes, wire.len, false);
	assert_int_equal(pair.server.rc, -EPROTO);
	assert_int_equal(error_of(&pair.server), GENERAL_PROTOCOL_ERROR);
}

static void refuses_a_peer_without_datagrams(void **state)
{
	static const uint8_t settings[] = {0x00, WIRE_SETTINGS, 0};

	(void)state;
	pair_bind(&pair.client);
	pair_feed(&pair, &pair.client, 3, settings, sizeof(settings), false);
	assert_int_equal(pair.client.rc, -EPROTO);
	assert_int_equal(error_of(&pair.client), SETTINGS_ERROR);
	assert_int_equal(pair.client.n_ready, 0);
}

static void refuses_streams_that_only_a_client_opens(void **state)
{
	static const uint8_t data[] = {0};

	(void)state;
	pair_connect(&pair, "mpq1");
	pair_feed(&pair, &pair.client, 1, data, sizeof(data), false);
	assert_int_equal(pair.client.rc, -EPROTO);
	assert_int_equal(error_of(&pair.client), STREAM_CREATION_ERROR);
}

static void cannot_be_pushed_to(void **state)
{
	static const uint8_t push_stream[] = {0x01, 0x00};

	(void)state;
	pair_connect(&pair, "mpq1");
	pair_feed(&pair, &pair.client, 15, push_stream, sizeof(push_stream),
		  false);
	assert_int_equal(pair.client.rc, -EPROTO);
	assert_int_equal(error_of(&pair.client), STREAM_CREATION_ERROR);
}

static void cannot_be_promised_a_push(void **state)
{
	(void)state;
	pair_connect(&pair, "mpq1");
	wire_frame(&wire, WIRE_PUSH_PROMISE, "\0\0\0", 3);
	pair_feed(&pair, &pair.client, 0, wire.bytes, wire.len, false);
	assert_int_equal(pair.client.rc, -EPROTO);
	assert_int_equal(error_of(&pair.client), FRAME_UNEXPECTED);
}

/* RFC 9114 §6.2: of an unknown kind, so it is tolerated and not read. */
static void stops_a_stream_of_unknown_kind_and_goes_on(void **state)
{
	static const uint8_t grease[] = {WIRE_GREASE, 'x', 'y'};

	(void)state;
	pair_connect(&pair, "mpq1");
	pair_feed(&pair, &pair.server, 14, grease, sizeof(grease), false);
	assert_int_equal(pair.server.rc, 0);
	assert_true(pair.server.stop[14]);
	assert_int_equal(pair.server.stop_code[14], STREAM_CREATION_ERROR);
	assert_int_equal(mpq_h3_stream_closed(pair.server.h3, 14, 0), 0);
	assert_int_equal(pair.server.n_closed, 0);
}

static void closes_when_a_critical_stream_closes(void **state)
{
	(void)state;
	pair_connect(&pair, "mpq1");
	assert_int_equal(mpq_h3_stream_closed(pair.server.h3, 2, 0), -EPROTO);
	assert_int_equal(error_of(&pair.server), CLOSED_CRITICAL_STREAM);
	assert_int_equal(mpq_h3_stop_sending(pair.client.h3, 6), -EPROTO);
	assert_int_equal(error_of(&pair.client), CLOSED_CRITICAL_STREAM);
}

static void does_not_read_for_ever_what_is_no_capsule(void **state)
{
	static const uint8_t nothing[1000];
	size_t total = 0;

	(void)state;
	pair_connect(&pair, "mpq1");
	while (pair.server.rc == 0 && total < 1000000) {
		wire.len = 0;
		wire_frame(&wire, WIRE_GREASE, nothing, sizeof(nothing));
		pair_feed(&pair, &pair.server, 2, wire.bytes, wire.len, false);
		total += wire.len;
	}
	assert_int_equal(error_of(&pair.server), EXCESSIVE_LOAD);
	assert_true(total <= MPQ_H3_STRAY_MAX_BYTES + 2000);
}

static void does_not_read_header_sections_for_ever(void **state)
{
	static const uint8_t head[] = {WIRE_HEADERS, 0x80, 0x10, 0, 0, 0, 0};
	static uint8_t field[3 + 127 + 2];
	size_t total = 0;

	(void)state;
	pair_connect(&pair, "mpq1");
	pair_feed(&pair, &pair.server, 4, head, sizeof(head), false);
	field[0] = 0x27; /* literal name of 7 bytes and more: 7 + 1 */
	field[1] = 1;
	memset(field + 2, 'n', 8);
	field[10] = 121;
	memset(field + 11, 'v', 121);
	while (pair.server.rc == 0 && total < 1000000) {
		pair_feed(&pair, &pair.server, 4, field, sizeof(field), false);
		total += sizeof(field);
	}
	assert_int_equal(error_of(&pair.server), EXCESSIVE_LOAD);
	assert_true(total <= MPQ_H3_STRAY_MAX_BYTES + 2000);
}

static void carries_capsules_without_end(void **state)
{
	(void)state;
	pair_connect(&pair, "mpq1");
	for (size_t sent = 0; sent < 4 * MPQ_H3_STRAY_MAX_BYTES; sent += 4000) {
		send_filled(&pair.client, 0x2b37, 4000);
		pair_run(&pair);
		assert_int_equal(pair.server.n_capsules, 1);
		pair.server.n_capsules = 0;
	}
	assert_int_equal(pair.server.rc, 0);
}

static void skips_interim_responses(void **state)
{
	static const char *const interim[] = {":status", "103", NULL};
	static const char *const final[] = {":status", "204", NULL};

	(void)state;
	pair.server.answer = 0;
	pair_connect(&pair, "mpq1");
	wire_headers(&wire, interim);
	pair_feed(&pair, &pair.client, 0, wire.bytes, wire.len, false);
	assert_int_equal(pair.client.n_responses, 0);
	wire.len = 0;
	wire_headers(&wire, final);
	pair_feed(&pair, &pair.client, 0, wire.bytes, wire.len, false);
	assert_int_equal(pair.client.n_responses, 1);
	assert_int_equal(pair.client.status, 204);
}

static void does_not_send_what_no_server_takes(void **state)
{
	struct mpq_h3_request request = {.tunnel = "a b"};

	(void)state;
	pair_bind(&pair.client);
	assert_int_equal(mpq_h3_connect(pair.client.h3, 0, &request), -EINVAL);
	memcpy(request.authority, "x", 2);
	assert_int_equal(mpq_h3_connect(pair.client.h3, 0, &request), -EINVAL);
	memcpy(request.tunnel, "a-b", 4);
	assert_int_equal(mpq_h3_connect(pair.client.h3, 0, &request), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connects_and_carries_capsules_at_any_chunk_size),
		TEST(serves_a_client_that_names_no_tunnel),
		TEST(sends_capsules_ahead_of_the_answer),
		TEST(tells_the_client_why_it_refuses),
		TEST(caps_what_a_peer_that_does_not_read_costs),
		TEST(goes_on_when_flow_control_lets_it),
		TEST(answers_each_wrong_request_with_its_status),
		TEST(resets_a_request_that_is_not_http),
		TEST(refuses_a_section_of_too_many_fields),
		TEST(refuses_a_second_request),
		TEST(closes_on_what_no_request_may_carry),
		TEST(closes_on_a_capsule_that_its_owner_finds_malformed),
		TEST(closes_on_a_capsule_that_is_too_long),
		TEST(closes_on_an_end_within_a_capsule),
		TEST(ends_with_the_peers_end),
		TEST(ends_with_the_peers_reset),
		TEST(ends_when_the_peer_stops_reading),
		TEST(waits_for_the_status_when_a_refusal_stops_it_first),
		TEST(does_not_answer_a_request_that_went),
		TEST(survives_a_peer_that_gives_us_no_streams),
		TEST(refuses_a_peer_without_datagrams),
		TEST(refuses_streams_that_only_a_client_opens),
		TEST(cannot_be_pushed_to),
		TEST(cannot_be_promised_a_push),
		TEST(stops_a_stream_of_unknown_kind_and_goes_on),
		TEST(closes_when_a_critical_stream_closes),
		TEST(does_not_read_for_ever_what_is_no_capsule),
		TEST(does_not_read_header_sections_for_ever),
		TEST(carries_capsules_without_end),
		TEST(skips_interim_responses),
		TEST(does_not_send_what_no_server_takes),
	};

	return cmocka_run_group_tests_name("masque/h3", tests, NULL, NULL);
}
