/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of RFC 9484's three capsules. Pure.
 *
 *   Assigned Address  { Request ID (i), IP Version (8), Address, Prefix (8) }
 * .. IP Address Range  { IP Version (8), Start, End, IP Protocol (8) } ..
 */
#ifndef MPQ_MASQUE_CONNECT_IP_H
#define MPQ_MASQUE_CONNECT_IP_H

#include "common/prefix.h"

#include <stddef.h>
#include <stdint.h>

#define MPQ_CONNECT_IP_ADDRESSES 16
#define MPQ_CONNECT_IP_ROUTES    64

struct mpq_connect_ip_address { /* of ADDRESS_ASSIGN and ADDRESS_REQUEST */
	uint64_t request_id;    /* 0 in an unsolicited assignment */
	struct mpq_prefix prefix;
};

struct mpq_connect_ip_route {
	uint8_t family;             /* 4 or 6 */
	uint8_t protocol;           /* 0: all */
	uint8_t start[16], end[16]; /* network order, both inclusive */
};

/* Parse a value: the number of entries. -EBADMSG: malformed (wrong version,
 * prefix too long, host bits set (§4.7.1), ranges unordered or overlapping
 * (§4.7.3), request id 0 in a request, trailing bytes); -E2BIG: more entries
 * than room. A malformed capsule closes the stream (§4.7). */
int mpq_connect_ip_parse_addresses(const uint8_t *value, size_t len,
				   struct mpq_connect_ip_address *ret,
				   size_t room, int is_request);
int mpq_connect_ip_parse_routes(const uint8_t *value, size_t len,
				struct mpq_connect_ip_route *ret, size_t room);

/* Write a value (host bits are cleared; routes are sorted as §4.7.3 wants,
 * and one that lies inside another is left out): its length; 0 when it does
 * not fit in cap, and for an empty list, whose value is empty. */
size_t
mpq_connect_ip_write_addresses(uint8_t *out, size_t cap,
			       const struct mpq_connect_ip_address *addresses,
			       size_t n);
size_t mpq_connect_ip_write_routes(uint8_t *out, size_t cap,
				   const struct mpq_prefix *prefixes, size_t n);

#endif
