/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP errors that a router owes the sender of a packet it could not carry:
 * RFC 792, RFC 1191, RFC 4443, RFC 1812 §4.3.2 (never about an ICMP error, a
 * fragment other than the first, multicast or a broken source; rate limited).
 * Pure.
 */
#ifndef MPQ_FLOW_ICMP_H
#define MPQ_FLOW_ICMP_H

#include "common/clock.h"

#include <stddef.h>
#include <stdint.h>

#define MPQ_ICMP_MAX_BYTES 1280

enum mpq_icmp_error {
	MPQ_ICMP_TOO_BIG,     /* IPv4 3/4 "fragmentation needed", IPv6 2/0 */
	MPQ_ICMP_UNREACHABLE, /* IPv4 3/0, IPv6 1/0 "no route" */
};

/* RFC 4443 §2.4 (f), RFC 1812 §4.3.2.8: so many at once, then so many a second.
 * Enough for every flow of a site to learn a new MTU within a second. */
#define MPQ_ICMP_BURST      50
#define MPQ_ICMP_PER_SECOND 200

struct mpq_icmp_limiter { /* token bucket; zero is a fresh one */
	mpq_time refilled;
	uint32_t spent; /* tokens that are not there */
	uint64_t suppressed;
};

/* Writes the error about `packet` to out[MPQ_ICMP_MAX_BYTES] and returns its
 * length. Its source is `from` (4 or 16 bytes of the packet's family; NULL: the
 * packet's own destination). `mtu_bytes` is for TOO_BIG; below the least that
 * the family knows (68, 1280) that least is said. TOO_BIG is said about IPv4
 * packets without DF too: nothing here fragments, and a sender that can does it
 * better. 0: none is due (RFC 1812), which costs no token, or the limiter said
 * no. */
int mpq_icmp_build(enum mpq_icmp_error error, const uint8_t *packet, size_t len,
		   const uint8_t *from, uint16_t mtu_bytes,
		   struct mpq_icmp_limiter *limiter, mpq_time now,
		   uint8_t *out);

#endif
