/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view of an IP packet's headers, for both families, that trusts nothing:
 * lengths are checked against the bytes that are there. Pure.
 */
#ifndef MPQ_FLOW_IP_H
#define MPQ_FLOW_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mpq_ip {
	uint8_t version;  /* 4 or 6 */
	uint8_t protocol; /* of the payload, after IPv6 extension headers */
	uint8_t traffic_class;
	uint8_t hop_limit;              /* or TTL */
	bool dont_fragment;             /* IPv4's DF; always true for IPv6 */
	bool fragment;                  /* part of a fragmented packet */
	uint16_t fragment_offset_bytes; /* 0 in the first fragment */
	uint16_t header_bytes; /* up to the payload, extension headers too */
	uint16_t total_bytes;  /* what the header says: the bytes given */
	const uint8_t *source, *destination;    /* 4 or 16 bytes, borrowed */
	uint16_t source_port, destination_port; /* TCP, UDP; else 0 */
};

/* 0; -EBADMSG: not a whole IP packet (short, wrong version, header longer than
 * the packet, bytes missing or too many). *ret untouched on failure. Checksums
 * are not looked at. */
int mpq_ip_parse(struct mpq_ip *ret, const uint8_t *data, size_t len);

/* Sets ECN to CE in place, with IPv4's checksum mended (RFC 1624).
 * false: the packet is not ECN-capable, untouched. */
bool mpq_ip_mark_ce(uint8_t *data, size_t len);

/* Sum of 16-bit words as RFC 1071, not yet folded or inverted; `sum` goes on
 * from an earlier call whose length was even. */
uint64_t mpq_ip_sum(const void *data, size_t len, uint64_t sum);
/* The same, copying on the way: the bytes come through the cache once. */
uint64_t mpq_ip_copy_sum(void *restrict to, const void *restrict data,
			 size_t len, uint64_t sum);
uint16_t mpq_ip_fold(uint64_t sum); /* folded and inverted, network order */

/* The pseudo-header's sum for a payload of `len` bytes. */
uint64_t mpq_ip_pseudo_sum(const struct mpq_ip *ip, uint8_t protocol,
			   size_t len);

#endif
