/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a byte, which body (0 ADDRESS_ASSIGN, 1 ADDRESS_REQUEST, 2
 * ROUTE_ADVERTISEMENT, 3 prefixes to advertise: family, length, 16 bytes
 * each), then the body.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "dataplane/masque/connect_ip.h"

#define PREFIX_BYTES 18
#define OUT_BYTES    4096

static void check_addresses(const uint8_t *value, size_t len, int is_request)
{
	struct mpq_connect_ip_address a[MPQ_CONNECT_IP_ADDRESSES];
	struct mpq_connect_ip_address b[MPQ_CONNECT_IP_ADDRESSES];
	uint8_t out[OUT_BYTES];
	int n = mpq_connect_ip_parse_addresses(value, len, a,
					       MPQ_CONNECT_IP_ADDRESSES,
					       is_request);
	size_t written;

	if (n < 0) {
		return;
	}
	FUZZ_HOLDS(n <= MPQ_CONNECT_IP_ADDRESSES);
	for (int i = 0; i < n; i++) {
		FUZZ_HOLDS(!is_request || a[i].request_id != 0);
		FUZZ_HOLDS(a[i].prefix.length <=
			   (a[i].prefix.family == 4 ? 32 : 128));
	}
	/* No longer than it came: a varint may have come the long way. */
	written =
		mpq_connect_ip_write_addresses(out, sizeof(out), a, (size_t)n);
	FUZZ_HOLDS(written <= len && (written > 0 || n == 0));
	FUZZ_HOLDS(mpq_connect_ip_parse_addresses(out, written, b,
						  MPQ_CONNECT_IP_ADDRESSES,
						  is_request) == n);
	FUZZ_HOLDS(memcmp(a, b, (size_t)n * sizeof(a[0])) == 0);
}

static void check_order(const struct mpq_connect_ip_route *r, int n)
{
	for (int i = 0; i < n; i++) {
		FUZZ_HOLDS(r[i].family == 4 || r[i].family == 6);
		FUZZ_HOLDS(memcmp(r[i].start, r[i].end, 16) <= 0);
		FUZZ_HOLDS(i == 0 || r[i].family != r[i - 1].family ||
			   r[i].protocol != r[i - 1].protocol ||
			   memcmp(r[i - 1].end, r[i].start, 16) < 0);
	}
}

static void check_routes(const uint8_t *value, size_t len)
{
	struct mpq_connect_ip_route r[MPQ_CONNECT_IP_ROUTES];
	int n = mpq_connect_ip_parse_routes(value, len, r,
					    MPQ_CONNECT_IP_ROUTES);

	FUZZ_HOLDS(n <= MPQ_CONNECT_IP_ROUTES);
	check_order(r, n);
}

/* Is the address in one of the ranges? */
static int covered(const struct mpq_connect_ip_route *r, int n, uint8_t family,
		   const uint8_t *addr)
{
	size_t bytes = family == 4 ? 4 : 16;

	for (int i = 0; i < n; i++) {
		if (r[i].family == family &&
		    memcmp(r[i].start, addr, bytes) <= 0 &&
		    memcmp(addr, r[i].end, bytes) <= 0) {
			return 1;
		}
	}
	return 0;
}

/* Whatever is configured makes an advertisement that a peer accepts. */
static void check_writing(const uint8_t *data, size_t len)
{
	struct mpq_prefix prefixes[MPQ_CONNECT_IP_ROUTES];
	struct mpq_connect_ip_route r[MPQ_CONNECT_IP_ROUTES];
	uint8_t out[OUT_BYTES];
	size_t n = 0, written;
	int read;

	for (; len >= PREFIX_BYTES && n < MPQ_CONNECT_IP_ROUTES;
	     len -= PREFIX_BYTES, data += PREFIX_BYTES) {
		uint8_t family = data[0] % 2 ? 6 : 4;

		prefixes[n] =
			(struct mpq_prefix){.family = family,
					    .length = data[1] %
						      (family == 4 ? 33 : 129)};
		memcpy(prefixes[n++].addr, data + 2, family == 4 ? 4 : 16);
	}
	written = mpq_connect_ip_write_routes(out, sizeof(out), prefixes, n);
	read = mpq_connect_ip_parse_routes(out, written, r,
					   MPQ_CONNECT_IP_ROUTES);
	FUZZ_HOLDS(read >= 0 && (size_t)read <= n && (read > 0) == (n > 0));
	check_order(r, read);
	for (size_t i = 0; i < n; i++) {
		FUZZ_HOLDS(
			covered(r, read, prefixes[i].family, prefixes[i].addr));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1) {
		return 0;
	}
	switch (data[0] % 4) {
	case 0:
	case 1:
		check_addresses(data + 1, size - 1, data[0] % 4);
		break;
	case 2:
		check_routes(data + 1, size - 1);
		break;
	default:
		check_writing(data + 1, size - 1);
		break;
	}
	return 0;
}
