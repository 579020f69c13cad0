/* SPDX-License-Identifier: Apache-2.0 */
/* Input: one packet, as a peer may send it. */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "dataplane/flow/guard.h"
#include "dataplane/flow/icmp.h"
#include "dataplane/flow/ip.h"
#include "tests/unit/flow/sample.h"

#define MAX_BYTES 65536

static bool is_inside(const uint8_t *p, size_t n, const uint8_t *data,
		      size_t size)
{
	return p >= data && n <= size && p <= data + size - n;
}

static void check_view(const struct mpq_ip *ip, const uint8_t *data,
		       size_t size)
{
	size_t address_bytes = ip->version == 4 ? 4 : 16;

	FUZZ_HOLDS(ip->version == 4 || ip->version == 6);
	FUZZ_HOLDS(ip->total_bytes == size);
	FUZZ_HOLDS(ip->header_bytes <= size);
	FUZZ_HOLDS(is_inside(ip->source, address_bytes, data, size));
	FUZZ_HOLDS(is_inside(ip->destination, address_bytes, data, size));
	FUZZ_HOLDS(ip->fragment_offset_bytes == 0 || ip->fragment);
}

/* Marking changes the ECN bits to 3 or nothing at all, and a right checksum
 * stays right. */
static void check_mark(const struct mpq_ip *ip, const uint8_t *data,
		       size_t size)
{
	static uint8_t copy[MAX_BYTES];
	struct mpq_ip marked;
	uint16_t before = mpq_ip_fold(mpq_ip_sum(data, ip->header_bytes, 0));

	memcpy(copy, data, size);
	if (!mpq_ip_mark_ce(copy, size)) {
		FUZZ_HOLDS((ip->traffic_class & 3) == 0);
		FUZZ_HOLDS(memcmp(copy, data, size) == 0);
		return;
	}
	FUZZ_HOLDS(mpq_ip_parse(&marked, copy, size) == 0);
	FUZZ_HOLDS(marked.traffic_class == (ip->traffic_class | 3));
	FUZZ_HOLDS(memcmp(copy + 12, data + 12, size - 12) == 0);
	FUZZ_HOLDS(ip->version == 6 || before != 0 ||
		   mpq_ip_fold(mpq_ip_sum(copy, ip->header_bytes, 0)) == 0);
}

static void check_error(enum mpq_icmp_error error, const uint8_t *data,
			size_t size)
{
	struct mpq_icmp_limiter limiter = {0};
	uint8_t out[MPQ_ICMP_MAX_BYTES], again[MPQ_ICMP_MAX_BYTES];
	struct mpq_ip ip;
	int n = mpq_icmp_build(error, data, size, NULL, 1280, &limiter, 1, out);

	FUZZ_HOLDS(n >= 0 && n <= MPQ_ICMP_MAX_BYTES);
	if (n == 0) {
		return;
	}
	FUZZ_HOLDS(mpq_ip_parse(&ip, out, (size_t)n) == 0);
	FUZZ_HOLDS(sample_is_sound(out, (size_t)n));
	FUZZ_HOLDS(mpq_icmp_build(error, out, (size_t)n, NULL, 1280, &limiter,
				  1, again) == 0);
}

static void check_guard(const struct mpq_ip *ip)
{
	struct mpq_guard g = {
		.source = {{.family = 4}, {.family = 6}},
		.sources = 2,
	};
	enum mpq_guard_verdict verdict = mpq_guard_check(&g, ip);

	FUZZ_HOLDS(verdict == MPQ_GUARD_PASS || verdict == MPQ_GUARD_SCOPE ||
		   verdict == MPQ_GUARD_TTL);
	g.sources = 0;
	FUZZ_HOLDS(mpq_guard_check(&g, ip) != MPQ_GUARD_PASS);
}

/* However it is taken apart, the sum is the same. */
static void check_sum(const uint8_t *data, size_t size)
{
	static uint8_t copy[MAX_BYTES];
	size_t half = size / 2 & ~(size_t)1;
	uint16_t whole = mpq_ip_fold(mpq_ip_sum(data, size, 0));

	FUZZ_HOLDS(mpq_ip_fold(mpq_ip_copy_sum(copy, data, size, 0)) == whole);
	FUZZ_HOLDS(memcmp(copy, data, size) == 0);
	FUZZ_HOLDS(mpq_ip_fold(mpq_ip_sum(data + half, size - half,
					  mpq_ip_sum(data, half, 0))) == whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mpq_ip ip;

	if (size >= MAX_BYTES) {
		return 0;
	}
	check_sum(data, size);
	check_error(MPQ_ICMP_TOO_BIG, data, size);
	check_error(MPQ_ICMP_UNREACHABLE, data, size);
	if (mpq_ip_parse(&ip, data, size) != 0) {
		return 0;
	}
	check_view(&ip, data, size);
	check_mark(&ip, data, size);
	check_guard(&ip);
	return 0;
}
