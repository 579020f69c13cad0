/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "dataplane/flow/icmp.h"
#include "dataplane/flow/ip.h"
#include "tests/unit/flow/sample.h"

static uint8_t packet[65536];
static uint8_t out[MPQ_ICMP_MAX_BYTES];

static int build(enum mpq_icmp_error error, size_t len, uint16_t mtu_bytes)
{
	struct mpq_icmp_limiter limiter = {0};

	return mpq_icmp_build(error, packet, len, NULL, mtu_bytes, &limiter, 1,
			      out);
}

static size_t write(int version, int protocol, size_t payload_bytes)
{
	struct sample s = sample_udp(version);

	s.protocol = protocol;
	s.payload_bytes = payload_bytes;
	return sample_write(&s, packet);
}

static void too_big_for_ipv4(void **state)
{
	size_t len = write(4, 17, 1400);
	int n = build(MPQ_ICMP_TOO_BIG, len, 1280);

	(void)state;
	assert_int_equal(n, 576);
	assert_true(sample_is_sound(out, 576));
	assert_int_equal(out[9], 1);
	assert_memory_equal(out + 12, packet + 16, 4);
	assert_memory_equal(out + 16, packet + 12, 4);
	assert_int_equal(out[20], 3);
	assert_int_equal(out[21], 4);
	assert_int_equal(out[24] | out[25], 0);
	assert_int_equal(out[26] << 8 | out[27], 1280);
	assert_memory_equal(out + 28, packet, 576 - 28);
}

static void too_big_for_ipv6(void **state)
{
	size_t len = write(6, 17, 1400);
	int n = build(MPQ_ICMP_TOO_BIG, len, 1380);

	(void)state;
	assert_int_equal(n, 1280);
	assert_true(sample_is_sound(out, 1280));
	assert_int_equal(out[6], 58);
	assert_memory_equal(out + 8, packet + 24, 16);
	assert_memory_equal(out + 24, packet + 8, 16);
	assert_int_equal(out[40], 2);
	assert_int_equal(out[41], 0);
	assert_int_equal(out[44] | out[45], 0);
	assert_int_equal(out[46] << 8 | out[47], 1380);
	assert_memory_equal(out + 48, packet, 1280 - 48);
}

static void no_route(void **state)
{
	size_t len = write(4, 17, 10);
	int n = build(MPQ_ICMP_UNREACHABLE, len, 0);

	(void)state;
	assert_int_equal(n, 28 + len);
	assert_true(sample_is_sound(out, (size_t)n));
	assert_int_equal(out[20], 3);
	assert_int_equal(out[21], 0);
	len = write(6, 17, 10);
	n = build(MPQ_ICMP_UNREACHABLE, len, 0);
	assert_int_equal(n, 48 + len);
	assert_true(sample_is_sound(out, (size_t)n));
	assert_int_equal(out[40], 1);
	assert_int_equal(out[41], 0);
}

static void every_length_is_quoted_soundly(void **state)
{
	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		size_t most = version == 4 ? 576 : 1280;
		size_t header = version == 4 ? 28 : 48;

		for (size_t n = 0; n < 1400; n++) {
			size_t len = write(version, 17, n);
			size_t wanted =
				header + len < most ? header + len : most;

			assert_int_equal(build(MPQ_ICMP_TOO_BIG, len, 1400),
					 wanted);
			assert_true(sample_is_sound(out, wanted));
		}
	}
}

static void speaks_as_whom_it_is_told(void **state)
{
	static const uint8_t me[16] = {10, 200, 1, 1, 5, 6, 7, 8, 9};
	struct mpq_icmp_limiter limiter = {0};
	size_t len = write(4, 17, 100);

	(void)state;
	assert_int_not_equal(mpq_icmp_build(MPQ_ICMP_TOO_BIG, packet, len, me,
					    1280, &limiter, 1, out),
			     0);
	assert_memory_equal(out + 12, me, 4);
	len = write(6, 17, 100);
	assert_int_not_equal(mpq_icmp_build(MPQ_ICMP_TOO_BIG, packet, len, me,
					    1280, &limiter, 1, out),
			     0);
	assert_memory_equal(out + 8, me, 16);
}

static void an_mtu_below_the_least_is_not_said(void **state)
{
	size_t len = write(6, 17, 1400);

	(void)state;
	assert_int_equal(build(MPQ_ICMP_TOO_BIG, len, 1000), 1280);
	assert_int_equal(out[46] << 8 | out[47], 1280);
	len = write(4, 17, 1400);
	assert_int_equal(build(MPQ_ICMP_TOO_BIG, len, 10), 576);
	assert_int_equal(out[26] << 8 | out[27], 68);
}

/* Types of ICMPv4 that are errors: RFC 1812 §4.3.2.7. */
static void never_about_an_icmp_error(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		size_t len = write(4, 1, 64);
		bool error = type == 3 || type == 4 || type == 5 ||
			     type == 11 || type == 12;

		packet[20] = (uint8_t)type;
		assert_int_equal(build(MPQ_ICMP_TOO_BIG, len, 1280) == 0,
				 error);
	}
	for (unsigned type = 0; type < 256; type++) {
		size_t len = write(6, 58, 64);

		packet[40] = (uint8_t)type;
		assert_int_equal(build(MPQ_ICMP_TOO_BIG, len, 1280) == 0,
				 type < 128 || type == 137);
	}
}

static void never_about_icmp_without_a_type(void **state)
{
	(void)state;
	assert_int_equal(build(MPQ_ICMP_TOO_BIG, write(4, 1, 0), 1280), 0);
	assert_int_equal(build(MPQ_ICMP_TOO_BIG, write(6, 58, 0), 1280), 0);
}

static void never_about_a_later_fragment(void **state)
{
	size_t len = write(4, 17, 100);

	(void)state;
	packet[6] = 0x20;
	sample_mend(packet, len);
	assert_int_not_equal(build(MPQ_ICMP_TOO_BIG, len, 1280), 0);
	packet[7] = 1;
	sample_mend(packet, len);
	assert_int_equal(build(MPQ_ICMP_TOO_BIG, len, 1280), 0);
}

static void assert_silent(int version, size_t at, const void *address)
{
	size_t len = write(version, 17, 100);

	memcpy(packet + at, address, version == 4 ? 4 : 16);
	sample_mend(packet, len);
	assert_int_equal(build(MPQ_ICMP_TOO_BIG, len, 1280), 0);
	assert_int_equal(build(MPQ_ICMP_UNREACHABLE, len, 0), 0);
}

static void never_to_or_about_what_is_no_host(void **state)
{
	static const uint8_t v4[][4] = {
		{0, 0, 0, 0},   {127, 0, 0, 1},       {224, 0, 0, 1},
		{239, 1, 1, 1}, {255, 255, 255, 255}, {240, 0, 0, 1},
	};
	static const uint8_t v6[][16] = {
		{0},
		{[15] = 1},
		{0xff, 0x02, [15] = 1},
		{0xff, 0x0e, [15] = 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		assert_silent(4, 12, v4[i]);
		assert_silent(4, 16, v4[i]);
	}
	for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		assert_silent(6, 8, v6[i]);
		assert_silent(6, 24, v6[i]);
	}
}

static void never_about_a_broken_packet(void **state)
{
	size_t len = write(4, 17, 100);

	(void)state;
	packet[10] ^= 1;
	assert_int_equal(build(MPQ_ICMP_TOO_BIG, len, 1280), 0);
	packet[10] ^= 1;
	assert_int_not_equal(build(MPQ_ICMP_TOO_BIG, len, 1280), 0);
	for (size_t n = 0; n < len; n++) {
		assert_int_equal(build(MPQ_ICMP_TOO_BIG, n, 1280), 0);
	}
	assert_int_equal(build(MPQ_ICMP_TOO_BIG, len + 1, 1280), 0);
}

static size_t burst(struct mpq_icmp_limiter *limiter, mpq_time now, size_t n)
{
	size_t len = write(4, 17, 100), built = 0;

	for (size_t i = 0; i < n; i++) {
		built += mpq_icmp_build(MPQ_ICMP_TOO_BIG, packet, len, NULL,
					1280, limiter, now, out) != 0;
	}
	return built;
}

static void a_burst_then_so_many_a_second(void **state)
{
	struct mpq_icmp_limiter limiter = {0};
	mpq_time now = 123 * MPQ_SECOND;
	size_t built = 0;

	(void)state;
	assert_int_equal(burst(&limiter, now, 1000), MPQ_ICMP_BURST);
	assert_int_equal(limiter.suppressed, 1000 - MPQ_ICMP_BURST);
	for (int i = 0; i < 1000; i++) {
		now += MPQ_MILLISECOND;
		built += burst(&limiter, now, 10);
	}
	assert_int_equal(built, MPQ_ICMP_PER_SECOND);
	now += 1000 * MPQ_SECOND; /* no more than a burst is saved up */
	assert_int_equal(burst(&limiter, now, 1000), MPQ_ICMP_BURST);
}

static void the_limit_holds_from_time_zero(void **state)
{
	struct mpq_icmp_limiter limiter = {0};

	(void)state;
	assert_int_equal(burst(&limiter, 0, 200), MPQ_ICMP_BURST);
	assert_int_equal(burst(&limiter, 0, 200), 0);
}

static void what_is_not_due_costs_no_token(void **state)
{
	struct mpq_icmp_limiter limiter = {0};
	size_t len = write(4, 1, 64);

	(void)state;
	packet[20] = 3;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(mpq_icmp_build(MPQ_ICMP_TOO_BIG, packet, len,
						NULL, 1280, &limiter, 1, out),
				 0);
	}
	assert_int_equal(limiter.suppressed, 0);
	assert_int_equal(burst(&limiter, 1, 1000), MPQ_ICMP_BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_big_for_ipv4),
		cmocka_unit_test(too_big_for_ipv6),
		cmocka_unit_test(no_route),
		cmocka_unit_test(every_length_is_quoted_soundly),
		cmocka_unit_test(speaks_as_whom_it_is_told),
		cmocka_unit_test(an_mtu_below_the_least_is_not_said),
		cmocka_unit_test(never_about_an_icmp_error),
		cmocka_unit_test(never_about_icmp_without_a_type),
		cmocka_unit_test(never_about_a_later_fragment),
		cmocka_unit_test(never_to_or_about_what_is_no_host),
		cmocka_unit_test(never_about_a_broken_packet),
		cmocka_unit_test(a_burst_then_so_many_a_second),
		cmocka_unit_test(the_limit_holds_from_time_zero),
		cmocka_unit_test(what_is_not_due_costs_no_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
