/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshot reader: what mpquic-control sends, and what it must not. */
#include "dataplane/snapshot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TRUST                                                                  \
	"\"trust\":{\"certificate-pem\":\"c\",\"private-key-pem\":\"k\","      \
	"\"authority-pem\":\"a\"}"
#define EDGE_PATH                                                              \
	"{\"name\":\"wan1\",\"wan\":\"eth1\",\"remote-address\":\"192.0.2."    \
	"1\","                                                                 \
	"\"remote-port\":45001,\"server-name\":\"vps.example\"}"
#define EDGE_TUNNEL                                                            \
	"{\"name\":\"mpq1\",\"path\":\"wan1\",\"mtu\":1400,"                   \
	"\"addresses\":[\"10.200.1.1/30\",\"fd00::1/64\"]}"

static int parse(const char *text, struct mpq_snapshot **ret, char *at,
		 char *message)
{
	struct json_object *o = json_tokener_parse(text);
	int r;

	assert_non_null(o);
	at[0] = '\0';
	message[0] = '\0';
	r = mpq_snapshot_parse(ret, o, at, message);
	json_object_put(o);
	return r;
}

static void make(char *out, size_t cap, const char *trust, const char *path,
		 const char *tunnel)
{
	(void)snprintf(out, cap,
		       "{\"generation\":7,\"role\":\"edge\",\"secret\":\"%s\","
		       "%s,\"paths\":[%s],\"tunnels\":[%s]}",
		       HEX64, trust, path, tunnel);
}

static void reads_an_edge(void **state)
{
	char text[2048], at[128], message[256];
	struct mpq_snapshot *s;

	(void)state;
	make(text, sizeof(text), TRUST, EDGE_PATH, EDGE_TUNNEL);
	assert_int_equal(parse(text, &s, at, message), 0);
	assert_true(s->edge);
	assert_int_equal(s->generation, 7);
	assert_int_equal(s->secret[1], 0x11);
	assert_string_equal(s->paths[0].wan, "eth1");
	assert_int_equal(mpq_sockaddr_port(&s->paths[0].remote), 45001);
	assert_int_equal(s->tunnels[0].addresses.n, 2);
	assert_int_equal(s->tunnels[0].addresses.prefix[0].length, 30);
	assert_int_equal(s->tunnels[0].queue_delay, 15 * MPQ_MILLISECOND);
	assert_ptr_equal(mpq_snapshot_tunnel_of(s, "wan1"), &s->tunnels[0]);
	assert_null(mpq_snapshot_tunnel_of(s, "wan2"));
	mpq_snapshot_free(s);
}

static void says_where_and_why_it_refuses(void **state)
{
	static const struct {
		const char *trust, *path, *tunnel, *at, *message;
	} cases[] = {
		{"\"trust\":{\"certificate-pem\":\"c\","
		 "\"private-key-pem\":\"k\"}",
		 EDGE_PATH, EDGE_TUNNEL, "", "no way to skip verification"},
		{TRUST, "{\"name\":\"wan1\"}", EDGE_TUNNEL, "paths/0", "wan"},
		{TRUST,
		 "{\"name\":\"wan1\",\"wan\":\"eth1\",\"remote-address\":"
		 "\"vps\",\"remote-port\":45001,\"server-name\":\"v\"}",
		 EDGE_TUNNEL, "paths/0", "is not an IP address"},
		{TRUST, EDGE_PATH,
		 "{\"name\":\"mpq1\",\"path\":\"wan9\",\"mtu\":1400}",
		 "tunnels/0", "there is no path \"wan9\""},
		{TRUST, EDGE_PATH,
		 "{\"name\":\"mpq1\",\"path\":\"wan1\",\"mtu\":9000}",
		 "tunnels/0", "1280..1500"},
		{TRUST, EDGE_PATH,
		 "{\"name\":\"a-name-longer-than-15\",\"path\":\"wan1\","
		 "\"mtu\":1400}",
		 "tunnels/0", "longer than 15"},
		{TRUST, EDGE_PATH "," EDGE_PATH, EDGE_TUNNEL, "paths/1",
		 "\"wan1\" is there twice"},
		{TRUST, EDGE_PATH, EDGE_TUNNEL "," EDGE_TUNNEL, "tunnels/1",
		 "\"mpq1\" is there twice"},
		{TRUST, EDGE_PATH,
		 EDGE_TUNNEL ",{\"name\":\"mpq2\",\"path\":\"wan1\","
			     "\"mtu\":1400}",
		 "tunnels/1", "\"mpq1\" has the path already"},
		{"\"trust\":{\"certificate-pem\":\"c\","
		 "\"private-key-pem\":\"k\",\"authority-pem\":\"a\","
		 "\"profile\":\"low\"}",
		 EDGE_PATH, EDGE_TUNNEL, "", "\"low\" is unknown"},
		{"\"trust\":{\"certificate-pem\":\"c\","
		 "\"private-key-pem\":\"k\",\"authority-pem\":\"a\","
		 "\"cipher\":\"null\"}",
		 EDGE_PATH, EDGE_TUNNEL, "", "\"null\" is unknown"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[2048], at[128], message[256];
		struct mpq_snapshot *s = NULL;

		make(text, sizeof(text), cases[i].trust, cases[i].path,
		     cases[i].tunnel);
		assert_int_equal(parse(text, &s, at, message), -EINVAL);
		assert_null(s);
		assert_string_equal(at, cases[i].at);
		assert_non_null(strstr(message, cases[i].message));
	}
}

static void knows_a_peer_by_name_or_pin_or_both(void **state)
{
	struct mpq_snapshot_peer peers[] = {
		{.name = "by-name", .certificate_name = "ship-1.example"},
		{.name = "by-pin", .pins = {{1, 2, 3}}, .n_pins = 1},
		{.name = "by-both",
		 .certificate_name = "ship-3.example",
		 .pins = {{4, 5, 6}},
		 .n_pins = 1},
	};
	struct mpq_snapshot s = {.peers = peers, .n_peers = 3};
	struct mpq_certificate_identity who = {.names = 1};

	(void)state;
	(void)strcpy(who.name[0], "SHIP-1.example");
	assert_string_equal(mpq_snapshot_identify(&s, &who)->name, "by-name");
	(void)strcpy(who.name[0], "ship-3.example");
	assert_null(mpq_snapshot_identify(&s, &who));
	memcpy(who.spki_sha256, peers[2].pins[0], 32);
	assert_string_equal(mpq_snapshot_identify(&s, &who)->name, "by-both");
	memcpy(who.spki_sha256, peers[1].pins[0], 32);
	assert_string_equal(mpq_snapshot_identify(&s, &who)->name, "by-pin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_an_edge),
		cmocka_unit_test(says_where_and_why_it_refuses),
		cmocka_unit_test(knows_a_peer_by_name_or_pin_or_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
