/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "dataplane/flow/guard.h"
#include "tests/unit/flow/sample.h"

static uint8_t packet[2048];

static struct mpq_prefix prefix(const char *text)
{
	struct mpq_prefix p = {0};

	assert_int_equal(mpq_prefix_parse(text, &p), 0);
	return p;
}

/* All that is a host anywhere may send, to anywhere. */
static struct mpq_guard open_guard(void)
{
	return (struct mpq_guard){
		.source = {prefix("0.0.0.0/0"), prefix("::/0")},
		.sources = 2,
	};
}

static enum mpq_guard_verdict check(const struct mpq_guard *g,
				    const char *source, const char *destination)
{
	int version = strchr(source, ':') == NULL ? 4 : 6;
	int family = version == 4 ? AF_INET : AF_INET6;
	struct sample s = sample_udp(version);
	size_t len = sample_write(&s, packet);
	struct mpq_ip ip;

	assert_int_equal(inet_pton(family, source,
				   packet + (version == 4 ? 12 : 8)),
			 1);
	assert_int_equal(inet_pton(family, destination,
				   packet + (version == 4 ? 16 : 24)),
			 1);
	assert_int_equal(mpq_ip_parse(&ip, packet, len), 0);
	return mpq_guard_check(g, &ip);
}

static void passes_what_comes_from_its_prefixes(void **state)
{
	struct mpq_guard g = {
		.source = {prefix("10.200.1.1/32"), prefix("192.168.1.0/24"),
			   prefix("fd00:1::/48")},
		.sources = 3,
	};

	(void)state;
	assert_int_equal(check(&g, "10.200.1.1", "192.0.2.1"), MPQ_GUARD_PASS);
	assert_int_equal(check(&g, "192.168.1.77", "8.8.8.8"), MPQ_GUARD_PASS);
	assert_int_equal(check(&g, "fd00:1::5", "2001:db8::1"), MPQ_GUARD_PASS);
	assert_int_equal(check(&g, "10.200.1.2", "192.0.2.1"),
			 MPQ_GUARD_SOURCE);
	assert_int_equal(check(&g, "192.168.2.1", "192.0.2.1"),
			 MPQ_GUARD_SOURCE);
	assert_int_equal(check(&g, "fd00:2::5", "2001:db8::1"),
			 MPQ_GUARD_SOURCE);
}

static void no_source_is_allowed_unless_listed(void **state)
{
	struct mpq_guard g = {0};

	(void)state;
	assert_int_equal(check(&g, "192.0.2.1", "192.0.2.2"), MPQ_GUARD_SOURCE);
	assert_int_equal(check(&g, "2001:db8::1", "2001:db8::2"),
			 MPQ_GUARD_SOURCE);
}

static void a_prefix_is_of_one_family(void **state)
{
	struct mpq_guard g = {.source = {prefix("0.0.0.0/0")}, .sources = 1};

	(void)state;
	assert_int_equal(check(&g, "192.0.2.1", "192.0.2.2"), MPQ_GUARD_PASS);
	assert_int_equal(check(&g, "2001:db8::1", "2001:db8::2"),
			 MPQ_GUARD_SOURCE);
}

static void destinations_are_held_where_listed(void **state)
{
	struct mpq_guard g = open_guard();

	(void)state;
	g.destination[0] = prefix("192.168.1.0/24");
	g.destinations = 1;
	assert_int_equal(check(&g, "192.0.2.1", "192.168.1.9"), MPQ_GUARD_PASS);
	assert_int_equal(check(&g, "192.0.2.1", "192.168.2.9"),
			 MPQ_GUARD_DESTINATION);
	assert_int_equal(check(&g, "2001:db8::1", "2001:db8::2"),
			 MPQ_GUARD_DESTINATION);
}

static void hop_limit_zero_ends_here(void **state)
{
	struct mpq_guard g = open_guard();

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		struct sample s = sample_udp(version);
		size_t len;
		struct mpq_ip ip;

		s.ttl = 0;
		len = sample_write(&s, packet);
		assert_int_equal(mpq_ip_parse(&ip, packet, len), 0);
		assert_int_equal(mpq_guard_check(&g, &ip), MPQ_GUARD_TTL);
		s.ttl = 1;
		len = sample_write(&s, packet);
		assert_int_equal(mpq_ip_parse(&ip, packet, len), 0);
		assert_int_equal(mpq_guard_check(&g, &ip), MPQ_GUARD_PASS);
	}
}

static void sources_that_are_no_host_elsewhere(void **state)
{
	static const char *const v4[] = {
		"0.0.0.0",     "0.1.2.3",         "127.0.0.1",
		"127.255.1.1", "169.254.0.1",     "224.0.0.1",
		"239.255.0.1", "255.255.255.255", "240.0.0.1",
	};
	static const char *const v6[] = {
		"::",      "::1",     "fe80::1",          "febf:ffff::1",
		"ff02::1", "ff0e::1", "::ffff:192.0.2.1",
	};
	struct mpq_guard g = open_guard();

	(void)state;
	for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		assert_int_equal(check(&g, v4[i], "192.0.2.1"),
				 MPQ_GUARD_SCOPE);
	}
	for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		assert_int_equal(check(&g, v6[i], "2001:db8::1"),
				 MPQ_GUARD_SCOPE);
	}
}

static void destinations_that_stay_on_their_link(void **state)
{
	static const char *const v4[] = {
		"0.0.0.0",   "127.0.0.1",   "169.254.7.7",
		"224.0.0.1", "224.0.0.251", "255.255.255.255",
	};
	static const char *const v6[] = {
		"::",      "::1",     "fe80::1", "ff00::1",        "ff01::1",
		"ff02::1", "ff12::1", "ff32::1", "ff02::1:ff00:1",
	};
	struct mpq_guard g = open_guard();

	(void)state;
	for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		assert_int_equal(check(&g, "192.0.2.1", v4[i]),
				 MPQ_GUARD_SCOPE);
	}
	for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		assert_int_equal(check(&g, "2001:db8::1", v6[i]),
				 MPQ_GUARD_SCOPE);
	}
}

static void neighbours_of_the_forbidden_pass(void **state)
{
	static const char *const v4[][2] = {
		{"1.0.0.0", "1.0.0.1"},
		{"126.255.255.255", "128.0.0.0"},
		{"169.253.255.255", "169.255.0.0"},
		{"223.255.255.255", "224.0.1.0"},
		{"192.0.2.1", "239.255.255.250"},
		{"192.0.2.1", "255.255.255.254"},
	};
	static const char *const v6[][2] = {
		{"::2", "::3"},
		{"fe7f::1", "fec0::1"},
		{"2001:db8::1", "ff05::2"},
		{"2001:db8::1", "ff0e::2"},
		{"::fffe:192.0.2.1", "64:ff9b::1"},
	};
	struct mpq_guard g = open_guard();

	(void)state;
	for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		assert_int_equal(check(&g, v4[i][0], v4[i][1]), MPQ_GUARD_PASS);
	}
	for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		assert_int_equal(check(&g, v6[i][0], v6[i][1]), MPQ_GUARD_PASS);
	}
}

static void all_64_prefixes_count(void **state)
{
	struct mpq_guard g = {.sources = MPQ_GUARD_PREFIXES};

	(void)state;
	for (size_t i = 0; i < MPQ_GUARD_PREFIXES; i++) {
		g.source[i] = prefix("10.0.0.0/24");
		g.source[i].addr[2] = (uint8_t)i;
	}
	assert_int_equal(check(&g, "10.0.63.1", "192.0.2.1"), MPQ_GUARD_PASS);
	assert_int_equal(check(&g, "10.0.64.1", "192.0.2.1"), MPQ_GUARD_SOURCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_what_comes_from_its_prefixes),
		cmocka_unit_test(no_source_is_allowed_unless_listed),
		cmocka_unit_test(a_prefix_is_of_one_family),
		cmocka_unit_test(destinations_are_held_where_listed),
		cmocka_unit_test(hop_limit_zero_ends_here),
		cmocka_unit_test(sources_that_are_no_host_elsewhere),
		cmocka_unit_test(destinations_that_stay_on_their_link),
		cmocka_unit_test(neighbours_of_the_forbidden_pass),
		cmocka_unit_test(all_64_prefixes_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
