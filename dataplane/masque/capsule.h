/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variable-length integers (RFC 9000 §16) and the Capsule Protocol (RFC 9297
 * §3.2). Pure.
 *
 *   Capsule { Type (i), Length (i), Value (..) }
 */
#ifndef MPQ_MASQUE_CAPSULE_H
#define MPQ_MASQUE_CAPSULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_VARINT_MAX_BYTES 8
#define MPQ_VARINT_MAX       ((UINT64_C(1) << 62) - 1)

size_t mpq_varint_size(uint64_t value);
/* Writes `value` (<= MPQ_VARINT_MAX) and returns its size. */
size_t mpq_varint_write(uint8_t *out, uint64_t value);
/* Returns the bytes read, 0 when there are too few. */
size_t mpq_varint_read(const uint8_t *data, size_t len, uint64_t *ret);

enum mpq_capsule_type {
	MPQ_CAPSULE_DATAGRAM = 0x00,            /* RFC 9297 §3.5 */
	MPQ_CAPSULE_ADDRESS_ASSIGN = 0x01,      /* RFC 9484 §4.7.1 */
	MPQ_CAPSULE_ADDRESS_REQUEST = 0x02,     /* RFC 9484 §4.7.2 */
	MPQ_CAPSULE_ROUTE_ADVERTISEMENT = 0x03, /* RFC 9484 §4.7.3 */
};

/* The largest value that is kept; a longer one of a type above is an error. Of
 * others the head is given out, and the value skipped. Whoever knows a type
 * decides, whoever does not ignores it (RFC 9297 §3.2). */
#define MPQ_CAPSULE_MAX_BYTES 4096

struct mpq_capsule {
	uint64_t type;
	const uint8_t *value; /* borrowed from the parser; NULL: too long */
	uint64_t len_bytes;
};

/* Takes a capsule stream in pieces of any size. */
struct mpq_capsule_parser {
	uint8_t buffer[2 * MPQ_VARINT_MAX_BYTES + MPQ_CAPSULE_MAX_BYTES];
	size_t held_bytes;
	uint64_t skip_bytes; /* of a capsule that is too long */
	uint64_t skipped;    /* capsules, a counter */
};

void mpq_capsule_parser_init(struct mpq_capsule_parser *p);

/* Consumes up to *len bytes from *data, moving both. 1: *ret is a capsule,
 * valid until the next call: call again, there may be more. 0: all consumed.
 * -EMSGSIZE: a known type with a value too long: close the stream. */
int mpq_capsule_parse(struct mpq_capsule_parser *p, const uint8_t **data,
		      size_t *len, struct mpq_capsule *ret);

/* True between capsules. A stream that ends elsewhere was malformed (RFC 9297
 * §3.3). */
bool mpq_capsule_parser_empty(const struct mpq_capsule_parser *p);

/* Writes type, length and value; 0 when `cap` is too small. */
size_t mpq_capsule_write(uint8_t *out, size_t cap, uint64_t type,
			 const void *value, size_t len);

#endif
