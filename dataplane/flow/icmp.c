/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/flow/icmp.h"

#include "dataplane/flow/bytes.h"
#include "dataplane/flow/ip.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define ICMP_BYTES           8
#define IPV4_BYTES           20
#define IPV6_BYTES           40
#define V4_ERROR_BYTES       576 /* all of the error: RFC 1812 §4.3.2.3 */
#define V4_LEAST_MTU         68
#define V6_LEAST_MTU         1280
#define TTL                  64
#define INTERNETWORK_CONTROL 0xc0 /* as TOS: RFC 1812 §4.3.2.5 */

/* Destination unreachable, source quench, redirect, time exceeded, parameter
 * problem: RFC 1812 §4.3.2.7. */
static bool is_error_type_v4(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* RFC 4443 §2.1 and §2.4 (e.1), (e.2): errors and the redirect. */
static bool is_error_type_v6(uint8_t type)
{
	return type < 128 || type == 137;
}

/* An ICMP message whose type is not there counts as an error: nobody who sent
 * that is to be answered. */
static bool is_icmp_error(const struct mpq_ip *ip, const uint8_t *packet)
{
	uint8_t icmp = ip->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	uint8_t type;

	if (ip->protocol != icmp) {
		return false;
	}
	if (ip->header_bytes == ip->total_bytes) {
		return true;
	}
	type = packet[ip->header_bytes];
	return ip->version == 4 ? is_error_type_v4(type)
				: is_error_type_v6(type);
}

/* One host, and one that an answer can be sent to. */
static bool is_host_v4(const uint8_t *a)
{
	return a[0] != 0 && a[0] != 127 && a[0] < 224;
}

static bool is_host_v6(const uint8_t *a)
{
	static const uint8_t zero[15];

	return a[0] != 0xff &&
	       (memcmp(a, zero, sizeof(zero)) != 0 || a[15] > 1);
}

static bool is_host(const struct mpq_ip *ip, const uint8_t *a)
{
	return ip->version == 4 ? is_host_v4(a) : is_host_v6(a);
}

/* RFC 1812 §4.3.2.7, RFC 4443 §2.4 (e). */
static bool is_due(const struct mpq_ip *ip, const uint8_t *packet)
{
	if (ip->version == 4 &&
	    mpq_ip_fold(mpq_ip_sum(packet, ip->header_bytes, 0)) != 0) {
		return false;
	}
	return ip->fragment_offset_bytes == 0 && is_host(ip, ip->source) &&
	       is_host(ip, ip->destination) && !is_icmp_error(ip, packet);
}

static void refill(struct mpq_icmp_limiter *l, mpq_time now)
{
	const mpq_duration each = MPQ_SECOND / MPQ_ICMP_PER_SECOND;
	mpq_duration tokens = mpq_time_elapsed(l->refilled, now) / each;

	if (tokens >= l->spent) {
		l->spent = 0;
		l->refilled = now;
	} else {
		l->spent -= (uint32_t)tokens;
		l->refilled += tokens * each;
	}
}

static bool spend(struct mpq_icmp_limiter *l, mpq_time now)
{
	refill(l, now);
	if (l->spent == MPQ_ICMP_BURST) {
		l->suppressed++;
		return false;
	}
	l->spent++;
	return true;
}

static size_t quoted_bytes(const struct mpq_ip *ip, size_t room)
{
	return ip->total_bytes < room ? ip->total_bytes : room;
}

/* RFC 792, RFC 1191 §4. An id of 0 is right for what is never fragmented:
 * RFC 6864 §4.1. */
static int build_v4(enum mpq_icmp_error error, const struct mpq_ip *ip,
		    const uint8_t *packet, const uint8_t *from,
		    uint16_t mtu_bytes, uint8_t *out)
{
	uint8_t *icmp = out + IPV4_BYTES;
	size_t n = quoted_bytes(ip, V4_ERROR_BYTES - IPV4_BYTES - ICMP_BYTES);
	size_t len = IPV4_BYTES + ICMP_BYTES + n;

	memset(out, 0, IPV4_BYTES + ICMP_BYTES);
	out[0] = 0x45;
	out[1] = INTERNETWORK_CONTROL;
	mpq_bytes_put16(out + 2, (uint16_t)len);
	out[6] = 0x40;
	out[8] = TTL;
	out[9] = IPPROTO_ICMP;
	memcpy(out + 12, from, 4);
	memcpy(out + 16, ip->source, 4);
	mpq_bytes_put_sum(out + 10,
			  mpq_ip_fold(mpq_ip_sum(out, IPV4_BYTES, 0)));
	icmp[0] = 3;
	if (error == MPQ_ICMP_TOO_BIG) {
		icmp[1] = 4;
		mpq_bytes_put16(icmp + 6, mtu_bytes < V4_LEAST_MTU
						  ? V4_LEAST_MTU
						  : mtu_bytes);
	}
	memcpy(icmp + ICMP_BYTES, packet, n);
	mpq_bytes_put_sum(icmp + 2,
			  mpq_ip_fold(mpq_ip_sum(icmp, ICMP_BYTES + n, 0)));
	return (int)len;
}

static void write_header_v6(const uint8_t *from, const uint8_t *to,
			    size_t payload_bytes, uint8_t *out)
{
	memset(out, 0, IPV6_BYTES);
	out[0] = 0x60;
	mpq_bytes_put16(out + 4, (uint16_t)payload_bytes);
	out[6] = IPPROTO_ICMPV6;
	out[7] = TTL;
	memcpy(out + 8, from, 16);
	memcpy(out + 24, to, 16);
}

/* RFC 4443 §3.1, §3.2. */
static int build_v6(enum mpq_icmp_error error, const struct mpq_ip *ip,
		    const uint8_t *packet, const uint8_t *from,
		    uint16_t mtu_bytes, uint8_t *out)
{
	uint8_t *icmp = out + IPV6_BYTES;
	size_t n =
		quoted_bytes(ip, MPQ_ICMP_MAX_BYTES - IPV6_BYTES - ICMP_BYTES);
	struct mpq_ip header = {
		.version = 6,
		.source = out + 8,
		.destination = out + 24,
	};

	write_header_v6(from, ip->source, ICMP_BYTES + n, out);
	memset(icmp, 0, ICMP_BYTES);
	icmp[0] = 1;
	if (error == MPQ_ICMP_TOO_BIG) {
		icmp[0] = 2;
		mpq_bytes_put32(icmp + 4, mtu_bytes < V6_LEAST_MTU
						  ? V6_LEAST_MTU
						  : mtu_bytes);
	}
	memcpy(icmp + ICMP_BYTES, packet, n);
	mpq_bytes_put_sum(icmp + 2,
			  mpq_ip_fold(mpq_ip_sum(
				  icmp, ICMP_BYTES + n,
				  mpq_ip_pseudo_sum(&header, IPPROTO_ICMPV6,
						    ICMP_BYTES + n))));
	return (int)(IPV6_BYTES + ICMP_BYTES + n);
}

int mpq_icmp_build(enum mpq_icmp_error error, const uint8_t *packet, size_t len,
		   const uint8_t *from, uint16_t mtu_bytes,
		   struct mpq_icmp_limiter *limiter, mpq_time now, uint8_t *out)
{
	struct mpq_ip ip;

	if (mpq_ip_parse(&ip, packet, len) != 0 || !is_due(&ip, packet) ||
	    !spend(limiter, now)) {
		return 0;
	}
	if (from == NULL) {
		from = ip.destination;
	}
	if (ip.version == 4) {
		return build_v4(error, &ip, packet, from, mtu_bytes, out);
	}
	return build_v6(error, &ip, packet, from, mtu_bytes, out);
}
