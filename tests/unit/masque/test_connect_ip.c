/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/masque/connect_ip.h"

#define BYTES(...)                                                             \
	(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static int addresses(const uint8_t *value, size_t len, int is_request)
{
	struct mpq_connect_ip_address a[4];

	return mpq_connect_ip_parse_addresses(value, len, a, 4, is_request);
}

static int routes(const uint8_t *value, size_t len)
{
	struct mpq_connect_ip_route r[4];

	return mpq_connect_ip_parse_routes(value, len, r, 4);
}

static struct mpq_prefix prefix4(uint8_t a, uint8_t b, uint8_t c, uint8_t d,
				 uint8_t length)
{
	return (struct mpq_prefix){.family = 4,
				   .length = length,
				   .addr = {a, b, c, d}};
}

static struct mpq_prefix prefix6(uint8_t first, uint8_t second, uint8_t last,
				 uint8_t length)
{
	struct mpq_prefix p = {.family = 6, .length = length};

	p.addr[0] = first;
	p.addr[1] = second;
	p.addr[15] = last;
	return p;
}

static void reads_an_assignment_of_both_families(void **state)
{
	static const uint8_t value[] = {0, 4,    10, 200, 1, 0, 30, 0x40, 9,
					6, 0xfd, 0,  0,   0, 0, 0,  0,    0,
					0, 0,    0,  0,   0, 0, 0,  1,    128};
	struct mpq_connect_ip_address a[2];

	(void)state;
	assert_int_equal(mpq_connect_ip_parse_addresses(value, sizeof(value), a,
							2, 0),
			 2);
	assert_int_equal(a[0].request_id, 0);
	assert_int_equal(a[0].prefix.family, 4);
	assert_int_equal(a[0].prefix.length, 30);
	assert_memory_equal(a[0].prefix.addr, "\x0a\xc8\x01\x00", 4);
	assert_int_equal(a[1].request_id, 9);
	assert_int_equal(a[1].prefix.family, 6);
	assert_int_equal(a[1].prefix.length, 128);
	assert_int_equal(a[1].prefix.addr[15], 1);
	/* Cut anywhere but between the two it is malformed. */
	for (size_t cut = 1; cut < sizeof(value); cut++) {
		assert_int_equal(mpq_connect_ip_parse_addresses(value, cut, a,
								2, 0),
				 cut == 7 ? 1 : -EBADMSG);
	}
}

static void refuses_malformed_addresses(void **state)
{
	(void)state;
	/* version 5 */
	assert_int_equal(addresses(BYTES(0, 5, 10, 0, 0, 1, 32), 0), -EBADMSG);
	/* prefix too long */
	assert_int_equal(addresses(BYTES(0, 4, 10, 0, 0, 1, 33), 0), -EBADMSG);
	assert_int_equal(addresses(BYTES(0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
					 0, 0, 0, 0, 0, 129),
				   0),
			 -EBADMSG);
	/* trailing byte */
	assert_int_equal(addresses(BYTES(0, 4, 10, 0, 0, 1, 32, 0), 0),
			 -EBADMSG);
}

static void refuses_host_bits(void **state)
{
	(void)state;
	assert_int_equal(addresses(BYTES(0, 4, 10, 200, 1, 1, 30), 0),
			 -EBADMSG);
	assert_int_equal(addresses(BYTES(0, 4, 10, 200, 1, 4, 30), 0), 1);
	assert_int_equal(addresses(BYTES(0, 4, 128, 0, 0, 0, 0), 0), -EBADMSG);
	assert_int_equal(addresses(BYTES(0, 4, 128, 0, 0, 0, 1), 0), 1);
	assert_int_equal(addresses(BYTES(0, 4, 10, 0, 0, 1, 24), 0), -EBADMSG);
	assert_int_equal(addresses(BYTES(0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
					 0, 0, 0, 0, 1, 127),
				   0),
			 -EBADMSG);
}

static void refuses_a_request_for_nothing_or_without_number(void **state)
{
	(void)state;
	assert_int_equal(addresses(NULL, 0, 1), -EBADMSG);
	assert_int_equal(addresses(NULL, 0, 0), 0); /* all withdrawn */
	assert_int_equal(addresses(BYTES(0, 4, 0, 0, 0, 0, 32), 1), -EBADMSG);
	assert_int_equal(addresses(BYTES(1, 4, 0, 0, 0, 0, 32), 1), 1);
}

static void says_when_there_are_more_than_room(void **state)
{
	uint8_t value[5 * 7], ranges[5 * 10];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		memcpy(value + 7 * i, "\x00\x04\x0a\x00\x00\x01\x20", 7);
		memcpy(ranges + 10 * i,
		       "\x04\x0a\x00\x00\x00\x0a\x00\x00\x00\x00", 10);
		ranges[10 * i + 4] = ranges[10 * i + 8] = (uint8_t)i;
	}
	assert_int_equal(addresses(value, 4 * 7, 0), 4);
	assert_int_equal(addresses(value, 5 * 7, 0), -E2BIG);
	assert_int_equal(routes(ranges, 4 * 10), 4);
	assert_int_equal(routes(ranges, 5 * 10), -E2BIG);
}

static void reads_back_the_addresses_that_it_wrote(void **state)
{
	const struct mpq_connect_ip_address in[] = {
		{.request_id = 1, .prefix = prefix4(10, 200, 1, 1, 30)},
		{.request_id = 70000, .prefix = prefix6(0xfd, 0, 0xff, 64)},
		{.request_id = 3, .prefix = prefix4(192, 0, 2, 7, 32)},
	};
	struct mpq_connect_ip_address out[3];
	uint8_t value[64];
	size_t n = mpq_connect_ip_write_addresses(value, sizeof(value), in, 3);

	(void)state;
	assert_int_equal(n, 1 + 6 + 4 + 18 + 1 + 6);
	assert_int_equal(mpq_connect_ip_parse_addresses(value, n, out, 3, 1),
			 3);
	assert_int_equal(out[0].request_id, 1);
	assert_memory_equal(out[0].prefix.addr, "\x0a\xc8\x01\x00", 4);
	assert_int_equal(out[1].request_id, 70000);
	assert_int_equal(out[1].prefix.addr[15], 0);
	assert_memory_equal(&out[2].prefix, &in[2].prefix,
			    sizeof(in[2].prefix));
	for (size_t cap = 0; cap < n; cap++) {
		assert_int_equal(mpq_connect_ip_write_addresses(value, cap, in,
								3),
				 0);
	}
}

static void reads_a_full_tunnel(void **state)
{
	struct mpq_connect_ip_route r[2];
	static const uint8_t value[] = {4,    0,    0,    0,    0,    0xff,
					0xff, 0xff, 0xff, 0,    6,    0,
					0,    0,    0,    0,    0,    0,
					0,    0,    0,    0,    0,    0,
					0,    0,    0,    0xff, 0xff, 0xff,
					0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					0xff, 0};

	(void)state;
	assert_int_equal(mpq_connect_ip_parse_routes(value, sizeof(value), r,
						     2),
			 2);
	assert_int_equal(r[0].family, 4);
	assert_int_equal(r[0].protocol, 0);
	assert_memory_equal(r[0].end, "\xff\xff\xff\xff", 4);
	assert_int_equal(r[1].family, 6);
	for (size_t cut = 1; cut < sizeof(value); cut++) {
		assert_int_equal(mpq_connect_ip_parse_routes(value, cut, r, 2),
				 cut == 10 ? 1 : -EBADMSG);
	}
}

static void refuses_routes_out_of_order(void **state)
{
	(void)state;
	/* start after end */
	assert_int_equal(routes(BYTES(4, 10, 0, 0, 2, 10, 0, 0, 1, 0)),
			 -EBADMSG);
	/* IPv6 before IPv4 */
	assert_int_equal(routes(BYTES(6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				      0, 0, 0, 0, 0, 0, 4, 10, 0, 0, 0, 10, 0,
				      0, 1, 0)),
			 -EBADMSG);
	/* protocol 17 before 6 */
	assert_int_equal(routes(BYTES(4, 10, 0, 0, 0, 10, 0, 0, 1, 17, 4, 10, 0,
				      1, 0, 10, 0, 1, 1, 6)),
			 -EBADMSG);
	assert_int_equal(routes(BYTES(4, 10, 0, 0, 0, 10, 0, 0, 1, 6, 4, 10, 0,
				      0, 0, 10, 0, 0, 1, 17)),
			 2);
	/* descending */
	assert_int_equal(routes(BYTES(4, 10, 0, 1, 0, 10, 0, 1, 1, 0, 4, 10, 0,
				      0, 0, 10, 0, 0, 1, 0)),
			 -EBADMSG);
	/* version 0 */
	assert_int_equal(routes(BYTES(0, 10, 0, 0, 2, 10, 0, 0, 2, 0)),
			 -EBADMSG);
}

static void refuses_routes_that_overlap(void **state)
{
	(void)state;
	/* the second starts where the first ends */
	assert_int_equal(routes(BYTES(4, 10, 0, 0, 0, 10, 0, 0, 9, 0, 4, 10, 0,
				      0, 9, 10, 0, 0, 20, 0)),
			 -EBADMSG);
	assert_int_equal(routes(BYTES(4, 10, 0, 0, 0, 10, 0, 0, 9, 0, 4, 10, 0,
				      0, 10, 10, 0, 0, 20, 0)),
			 2);
	/* inside the first */
	assert_int_equal(routes(BYTES(4, 10, 0, 0, 0, 10, 0, 0, 9, 0, 4, 10, 0,
				      0, 5, 10, 0, 0, 5, 0)),
			 -EBADMSG);
}

static void writes_routes_sorted_and_without_the_nested(void **state)
{
	const struct mpq_prefix in[] = {
		prefix6(0xfd, 0, 0, 8),        prefix4(192, 168, 4, 1, 22),
		prefix4(10, 0, 0, 0, 8),       prefix4(10, 9, 0, 0, 16),
		prefix4(192, 168, 4, 0, 22),   prefix4(192, 168, 7, 255, 32),
		prefix4(9, 255, 255, 255, 32),
	};
	static const uint8_t expected[][5] = {{9, 255, 255, 255, 255},
					      {10, 0, 0, 0, 255},
					      {192, 168, 4, 0, 7}};
	struct mpq_connect_ip_route out[8];
	uint8_t value[256];
	size_t n = mpq_connect_ip_write_routes(value, sizeof(value), in, 7);

	(void)state;
	assert_int_equal(n, 3 * 10 + 34);
	assert_int_equal(mpq_connect_ip_parse_routes(value, n, out, 8), 4);
	for (size_t i = 0; i < 3; i++) {
		assert_memory_equal(out[i].start, expected[i], 4);
	}
	assert_memory_equal(out[0].end, "\x09\xff\xff\xff", 4);
	assert_memory_equal(out[1].end, "\x0a\xff\xff\xff", 4);
	assert_memory_equal(out[2].end, "\xc0\xa8\x07\xff", 4);
	assert_int_equal(out[3].family, 6);
	assert_int_equal(out[3].start[0], 0xfd);
	assert_int_equal(out[3].end[0], 0xfd);
	assert_int_equal(out[3].end[1], 0xff);
	for (size_t cap = 0; cap < n; cap++) {
		assert_int_equal(mpq_connect_ip_write_routes(value, cap, in, 7),
				 0);
	}
}

static void writes_everything_as_one_range(void **state)
{
	const struct mpq_prefix all[] = {prefix4(0, 0, 0, 0, 0),
					 prefix4(10, 0, 0, 0, 8)};
	uint8_t value[16];

	(void)state;
	assert_int_equal(mpq_connect_ip_write_routes(value, sizeof(value), all,
						     2),
			 10);
	assert_memory_equal(value, "\x04\x00\x00\x00\x00\xff\xff\xff\xff\x00",
			    10);
}

static void writes_no_more_routes_than_a_peer_of_ours_reads(void **state)
{
	struct mpq_prefix many[MPQ_CONNECT_IP_ROUTES + 1];
	struct mpq_connect_ip_route out[MPQ_CONNECT_IP_ROUTES];
	uint8_t value[4096];
	size_t n;

	(void)state;
	for (size_t i = 0; i <= MPQ_CONNECT_IP_ROUTES; i++) {
		many[i] = prefix6(0xfd, (uint8_t)(200 - i), 0, 16);
	}
	n = mpq_connect_ip_write_routes(value, sizeof(value), many,
					MPQ_CONNECT_IP_ROUTES);
	assert_int_equal(n, 34 * MPQ_CONNECT_IP_ROUTES);
	assert_int_equal(mpq_connect_ip_parse_routes(value, n, out,
						     MPQ_CONNECT_IP_ROUTES),
			 MPQ_CONNECT_IP_ROUTES);
	assert_int_equal(mpq_connect_ip_write_routes(value, sizeof(value), many,
						     MPQ_CONNECT_IP_ROUTES + 1),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_an_assignment_of_both_families),
		cmocka_unit_test(refuses_malformed_addresses),
		cmocka_unit_test(refuses_host_bits),
		cmocka_unit_test(
			refuses_a_request_for_nothing_or_without_number),
		cmocka_unit_test(says_when_there_are_more_than_room),
		cmocka_unit_test(reads_back_the_addresses_that_it_wrote),
		cmocka_unit_test(reads_a_full_tunnel),
		cmocka_unit_test(refuses_routes_out_of_order),
		cmocka_unit_test(refuses_routes_that_overlap),
		cmocka_unit_test(writes_routes_sorted_and_without_the_nested),
		cmocka_unit_test(writes_everything_as_one_range),
		cmocka_unit_test(
			writes_no_more_routes_than_a_peer_of_ours_reads),
	};

	return cmocka_run_group_tests_name("masque/connect_ip", tests, NULL,
					   NULL);
}
