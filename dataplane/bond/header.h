/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a bonded datagram, which follows the Context ID and precedes
 * the IP packet. Pure: bytes in, fields out. What the fields mean on the wire
 * is told in README.md beside this file; what a receiver does with them is in
 * delay.h and order.h.
 *
 *   0        1        2         5                 8         10
 *  +--------+--------+---------+-----------------+---------+-----------
 *  | kind 3 | lane   | sequence| sender's clock  | sequence| IP packet,
 *  | class 5|        | in lane | in 16 us        | on path | or the kind's
 *  +--------+--------+---------+-----------------+---------+-----------
 *   most significant bit and byte first
 *
 * All numbers wrap, and are compared as serial numbers (RFC 1982 §3.2): of two
 * that are less than half the circle apart, it is known which is the later.
 */
#ifndef MPQ_BOND_HEADER_H
#define MPQ_BOND_HEADER_H

#include "common/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_HEADER_BYTES   10
#define MPQ_HEADER_CLASSES 32
#define MPQ_HEADER_LANES   256 /* of a class */
#define MPQ_HEADER_MASK24  UINT32_C(0xffffff)
/* A tick of the sender's clock; it wraps after 268 s. */
#define MPQ_HEADER_TICK (16 * MPQ_MICROSECOND)

/* The upper half is for datagrams that have no place in a lane. */
enum mpq_header_kind {
	MPQ_HEADER_DATA = 0,
	MPQ_HEADER_COPY = 1,   /* sent on other paths too, on purpose */
	MPQ_HEADER_REPAIR = 2, /* sent again: the first one seems lost */
	MPQ_HEADER_AHEAD = 3,  /* left before some of those that precede it */
	MPQ_HEADER_PROBE = 4,  /* shows that the path works; to be answered */
	MPQ_HEADER_ANSWER = 5, /* to a probe, with its payload */
	MPQ_HEADER_REPORT = 6, /* how the paths are received: report.h */
	MPQ_HEADER_PARITY = 7, /* of packets that the path carried: parity.h */
	MPQ_HEADER_KINDS = 8,
};

struct mpq_header {
	uint8_t kind;     /* enum mpq_header_kind; all 8 are known */
	uint8_t class_id; /* < MPQ_HEADER_CLASSES */
	/* Both are 0 where the kind has no place in a lane; but a PARITY's are
	 * part of what it tells (parity.h). */
	uint8_t lane;
	uint32_t sequence;      /* in the lane, 24 bits */
	uint32_t clock;         /* of the sender, 24 bits */
	uint16_t path_sequence; /* counts every datagram on the path */
};

/* Bits beyond a field's width are left out. */
void mpq_header_write(uint8_t out[MPQ_HEADER_BYTES],
		      const struct mpq_header *header);

/* The header's length, or -EBADMSG: too short. Every value of every field is
 * well formed. */
int mpq_header_read(const uint8_t *data, size_t len, struct mpq_header *ret);

/* Does it carry an IP packet, with a place in a lane? */
static inline bool mpq_header_in_lane(const struct mpq_header *header)
{
	return header->kind < MPQ_HEADER_PROBE;
}

/* `now` as the clock's field. Its zero is the sender's own affair. */
static inline uint32_t mpq_header_clock(mpq_time now)
{
	return (uint32_t)(now / MPQ_HEADER_TICK) & MPQ_HEADER_MASK24;
}

/* How far `a` is after `b`; negative: before. Half the circle counts as
 * before. */
static inline int32_t mpq_header_distance24(uint32_t a, uint32_t b)
{
	return (int32_t)((a - b) << 8) / 256;
}

static inline int32_t mpq_header_distance16(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b);
}

#endif
