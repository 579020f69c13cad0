/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/flow/ip.h"
#include "tests/unit/flow/sample.h"

static uint8_t packet[2048];

/* Parsed in a buffer of exactly that length, so that ASan sees a step too far.
 */
static int parse(struct mpq_ip *ret, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));
	int r;

	memcpy(copy, packet, len);
	r = mpq_ip_parse(ret, copy, len);
	free(copy);
	return r;
}

static void assert_bad(size_t len)
{
	struct mpq_ip ip, before;

	memset(&before, 0x5a, sizeof(before));
	memcpy(&ip, &before, sizeof(ip));
	assert_int_equal(parse(&ip, len), -EBADMSG);
	assert_memory_equal(&ip, &before, sizeof(ip));
}

static void put16(size_t at, unsigned value)
{
	packet[at] = (uint8_t)(value >> 8);
	packet[at + 1] = (uint8_t)value;
}

static void reads_ipv4(void **state)
{
	struct sample s = sample_tcp(4);
	size_t len;
	struct mpq_ip ip;

	(void)state;
	s.tos = 0xb9;
	len = sample_write(&s, packet);
	assert_int_equal(mpq_ip_parse(&ip, packet, len), 0);
	assert_int_equal(ip.version, 4);
	assert_int_equal(ip.protocol, 6);
	assert_int_equal(ip.traffic_class, 0xb9);
	assert_int_equal(ip.hop_limit, 64);
	assert_true(ip.dont_fragment);
	assert_false(ip.fragment);
	assert_int_equal(ip.header_bytes, 20);
	assert_int_equal(ip.total_bytes, len);
	assert_ptr_equal(ip.source, packet + 12);
	assert_ptr_equal(ip.destination, packet + 16);
	assert_int_equal(ip.source_port, 5201);
	assert_int_equal(ip.destination_port, 40000);
	s.dont_fragment = false;
	len = sample_write(&s, packet);
	assert_int_equal(mpq_ip_parse(&ip, packet, len), 0);
	assert_false(ip.dont_fragment);
}

static void reads_ipv6(void **state)
{
	struct sample s = sample_udp(6);
	size_t len;
	struct mpq_ip ip;

	(void)state;
	s.tos = 0xb9;
	len = sample_write(&s, packet);
	assert_int_equal(mpq_ip_parse(&ip, packet, len), 0);
	assert_int_equal(ip.version, 6);
	assert_int_equal(ip.protocol, 17);
	assert_int_equal(ip.traffic_class, 0xb9);
	assert_int_equal(ip.hop_limit, 64);
	assert_true(ip.dont_fragment);
	assert_false(ip.fragment);
	assert_int_equal(ip.header_bytes, 40);
	assert_int_equal(ip.total_bytes, len);
	assert_ptr_equal(ip.source, packet + 8);
	assert_ptr_equal(ip.destination, packet + 24);
	assert_int_equal(ip.source_port, 5201);
	assert_int_equal(ip.destination_port, 40000);
}

static void refuses_every_other_length(void **state)
{
	struct mpq_ip ip;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct sample s = i < 2 ? sample_tcp(i % 2 ? 4 : 6)
					: sample_udp(i % 2 ? 4 : 6);
		size_t len;

		s.payload_bytes = 200;
		len = sample_write(&s, packet);
		for (size_t n = 0; n < len + 50; n++) {
			if (n == len) {
				assert_int_equal(parse(&ip, n), 0);
			} else {
				assert_bad(n);
			}
		}
	}
}

/* Packets that are cut short and say so: whole as IP, whatever is inside. */
static void takes_every_length_that_the_header_says(void **state)
{
	struct sample s = sample_tcp(4);
	struct mpq_ip ip;

	(void)state;
	(void)sample_write(&s, packet);
	for (size_t n = 0; n < 100; n++) {
		put16(2, (unsigned)n);
		if (n < 20) {
			assert_bad(n);
			continue;
		}
		assert_int_equal(parse(&ip, n), 0);
		assert_int_equal(ip.source_port, n < 24 ? 0 : 5201);
	}
	s = sample_tcp(6);
	(void)sample_write(&s, packet);
	for (size_t n = 40; n < 100; n++) {
		put16(4, (unsigned)n - 40);
		assert_int_equal(parse(&ip, n), 0);
		assert_int_equal(ip.destination_port, n < 44 ? 0 : 40000);
	}
}

static void refuses_other_versions(void **state)
{
	struct sample s = sample_tcp(4);
	size_t len = sample_write(&s, packet);

	(void)state;
	for (unsigned version = 0; version < 16; version++) {
		if (version != 4) {
			packet[0] = (uint8_t)(version << 4 | 5);
			assert_bad(len);
		}
	}
}

static void reads_ipv4_header_lengths(void **state)
{
	struct sample s = sample_tcp(4);
	struct mpq_ip ip;
	size_t len;

	(void)state;
	s.payload_bytes = 0;
	s.option_bytes = 0;
	len = sample_write(&s, packet);
	for (unsigned words = 0; words < 16; words++) {
		packet[0] = (uint8_t)(0x40 | words);
		if (words < 5 || words * 4 > len) {
			assert_bad(len);
			continue;
		}
		assert_int_equal(parse(&ip, len), 0);
		assert_int_equal(ip.header_bytes, words * 4);
	}
}

static void sees_ipv4_fragments(void **state)
{
	static const struct {
		uint16_t field;
		bool fragment, dont_fragment;
		uint16_t offset;
	} cases[] = {
		{0x0000, false, false, 0},     {0x4000, false, true, 0},
		{0x2000, true, false, 0},      {0x6000, true, true, 0},
		{0x0001, true, false, 8},      {0x20b9, true, false, 0xb9 * 8},
		{0x1fff, true, false, 0xfff8}, {0x8000, false, false, 0},
	};
	struct sample s = sample_udp(4);
	size_t len = sample_write(&s, packet);
	struct mpq_ip ip;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put16(6, cases[i].field);
		assert_int_equal(parse(&ip, len), 0);
		assert_int_equal(ip.fragment, cases[i].fragment);
		assert_int_equal(ip.dont_fragment, cases[i].dont_fragment);
		assert_int_equal(ip.fragment_offset_bytes, cases[i].offset);
		/* Ports are in the first fragment only. */
		assert_int_equal(ip.source_port, cases[i].offset ? 0 : 5201);
	}
}

/* Puts an extension header of n bytes between IPv6 and what follows. */
static size_t insert(size_t len, uint8_t type, size_t n, uint8_t length_field)
{
	memmove(packet + 40 + n, packet + 40, len - 40);
	memset(packet + 40, 0, n);
	packet[40] = packet[6];
	packet[41] = length_field;
	packet[6] = type;
	put16(4, (unsigned)(len + n - 40));
	return len + n;
}

static void walks_extension_headers(void **state)
{
	struct sample s = sample_udp(6);
	size_t len;
	struct mpq_ip ip;

	(void)state;
	s.payload_bytes = 100;
	len = sample_write(&s, packet);
	len = insert(len, 60, 16, 1);           /* destination options */
	len = insert(len, 51, 24, 4);           /* authentication */
	len = insert(len, 44, 8, 0);            /* fragment, a whole one */
	len = insert(len, 43, 8, 0);            /* routing */
	len = insert(len, 0, 2048 - 1024, 127); /* hop by hop */
	assert_int_equal(parse(&ip, len), 0);
	assert_int_equal(ip.protocol, 17);
	assert_int_equal(ip.header_bytes, 40 + 1024 + 8 + 8 + 24 + 16);
	assert_int_equal(ip.source_port, 5201);
	assert_false(ip.fragment);
	for (size_t n = 41; n < (size_t)ip.header_bytes; n++) {
		put16(4, (unsigned)(n - 40));
		assert_bad(n);
	}
}

static void stops_at_what_is_no_extension(void **state)
{
	static const uint8_t types[] = {50, 58, 59, 89, 132, 135, 253, 255};
	struct sample s = sample_udp(6);
	size_t len = sample_write(&s, packet);
	struct mpq_ip ip;

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		packet[6] = types[i];
		assert_int_equal(parse(&ip, len), 0);
		assert_int_equal(ip.protocol, types[i]);
		assert_int_equal(ip.header_bytes, 40);
		assert_int_equal(ip.source_port, 0);
	}
}

static void sees_ipv6_fragments(void **state)
{
	struct sample s = sample_udp(6);
	size_t len = sample_write(&s, packet);
	struct mpq_ip ip;

	(void)state;
	len = insert(len, 44, 8, 0);
	put16(42, 1); /* the first of several */
	assert_int_equal(parse(&ip, len), 0);
	assert_true(ip.fragment);
	assert_int_equal(ip.fragment_offset_bytes, 0);
	assert_int_equal(ip.source_port, 5201);
	put16(42, 1448); /* the last: no TCP or UDP header in it */
	assert_int_equal(parse(&ip, len), 0);
	assert_true(ip.fragment);
	assert_int_equal(ip.fragment_offset_bytes, 1448);
	assert_int_equal(ip.header_bytes, 48);
	assert_int_equal(ip.source_port, 0);
	packet[40] = 60; /* an extension header, but it is in the first one */
	packet[49] = 255;
	assert_int_equal(parse(&ip, len), 0);
	assert_int_equal(ip.header_bytes, 48);
	assert_int_equal(ip.protocol, 60);
}

static void marks_what_is_ecn_capable(void **state)
{
	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		for (unsigned tos = 0; tos < 256; tos++) {
			struct sample s = sample_tcp(version);
			uint8_t before[2048];
			struct mpq_ip ip;
			size_t len;

			s.tos = (uint8_t)tos;
			s.id = (uint16_t)(tos * 257);
			len = sample_write(&s, packet);
			memcpy(before, packet, len);
			assert_int_equal(mpq_ip_mark_ce(packet, len),
					 (tos & 3) != 0);
			assert_true(sample_is_sound(packet, len));
			assert_int_equal(mpq_ip_parse(&ip, packet, len), 0);
			assert_int_equal(ip.traffic_class,
					 tos & 3 ? tos | 3 : tos);
			if ((tos & 3) == 0 || (tos & 3) == 3) {
				assert_memory_equal(packet, before, len);
			}
		}
	}
}

/* Every checksum once: the arithmetic of ones' complement has two zeros. */
static void mends_every_checksum(void **state)
{
	struct sample s = sample_tcp(4);

	(void)state;
	s.tos = 1;
	s.payload_bytes = 0;
	for (unsigned id = 0; id <= 0xffff; id++) {
		size_t len;

		s.id = (uint16_t)id;
		len = sample_write(&s, packet);
		assert_true(mpq_ip_mark_ce(packet, len));
		assert_true(sample_is_sound(packet, len));
	}
}

static void marks_nothing_in_a_stump(void **state)
{
	struct sample s = sample_tcp(4);

	(void)state;
	s.tos = 2;
	(void)sample_write(&s, packet);
	for (size_t n = 0; n < 20; n++) {
		assert_false(mpq_ip_mark_ce(packet, n));
	}
	s.version = 6;
	(void)sample_write(&s, packet);
	for (size_t n = 0; n < 40; n++) {
		assert_false(mpq_ip_mark_ce(packet, n));
	}
}

static uint16_t plain_sum(const uint8_t *p, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (unsigned)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static void assert_sum(const uint8_t *data, size_t len)
{
	uint16_t wanted = plain_sum(data, len), sum;
	uint8_t to[256], be[2];

	sum = mpq_ip_fold(mpq_ip_sum(data, len, 0));
	memcpy(be, &sum, 2);
	assert_int_equal(be[0] << 8 | be[1], wanted);
	memset(to, 0x5a, sizeof(to));
	assert_int_equal(mpq_ip_fold(mpq_ip_copy_sum(to, data, len, 0)), sum);
	assert_memory_equal(to, data, len);
	assert_int_equal(to[len], 0x5a);
	for (size_t n = 0; n <= len; n += 2) {
		assert_int_equal(mpq_ip_fold(
					 mpq_ip_sum(data + n, len - n,
						    mpq_ip_sum(data, n, 0))),
				 sum);
	}
}

static void sums_every_length_at_every_alignment(void **state)
{
	uint8_t data[256];
	uint32_t random = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)sample_random(&random);
	}
	for (size_t at = 0; at < 16; at++) {
		for (size_t len = 0; len < 200; len++) {
			assert_sum(data + at, len);
		}
	}
	memset(data, 0xff, sizeof(data));
	assert_sum(data, 200);
	memset(data, 0, sizeof(data));
	assert_sum(data, 200);
}

static void sums_64_kib_of_ones(void **state)
{
	static uint8_t data[65535];
	uint16_t wanted;

	(void)state;
	memset(data, 0xff, sizeof(data));
	wanted = plain_sum(data, sizeof(data));
	assert_int_equal(mpq_ip_fold(mpq_ip_sum(data, sizeof(data), 0)),
			 (uint16_t)(wanted << 8 | wanted >> 8));
}

static void the_pseudo_header_is_right(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct sample s = i < 2 ? sample_tcp(i % 2 ? 4 : 6)
					: sample_udp(i % 2 ? 4 : 6);
		size_t len = sample_write(&s, packet), n;
		struct mpq_ip ip;

		assert_int_equal(mpq_ip_parse(&ip, packet, len), 0);
		n = len - ip.header_bytes;
		assert_int_equal(mpq_ip_fold(mpq_ip_sum(
					 packet + ip.header_bytes, n,
					 mpq_ip_pseudo_sum(&ip, ip.protocol,
							   n))),
				 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_ipv4),
		cmocka_unit_test(reads_ipv6),
		cmocka_unit_test(refuses_every_other_length),
		cmocka_unit_test(takes_every_length_that_the_header_says),
		cmocka_unit_test(refuses_other_versions),
		cmocka_unit_test(reads_ipv4_header_lengths),
		cmocka_unit_test(sees_ipv4_fragments),
		cmocka_unit_test(walks_extension_headers),
		cmocka_unit_test(stops_at_what_is_no_extension),
		cmocka_unit_test(sees_ipv6_fragments),
		cmocka_unit_test(marks_what_is_ecn_capable),
		cmocka_unit_test(mends_every_checksum),
		cmocka_unit_test(marks_nothing_in_a_stump),
		cmocka_unit_test(sums_every_length_at_every_alignment),
		cmocka_unit_test(sums_64_kib_of_ones),
		cmocka_unit_test(the_pseudo_header_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
