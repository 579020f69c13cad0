/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/3 written by hand, for what our own client would never send: frames
 * (RFC 9114 §7) and header sections without a dynamic table (RFC 9204 §4.5).
 */
#ifndef MPQ_TESTS_MASQUE_WIRE_H
#define MPQ_TESTS_MASQUE_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_DATA = 0,
	WIRE_HEADERS = 1,
	WIRE_CANCEL_PUSH = 3,
	WIRE_SETTINGS = 4,
	WIRE_PUSH_PROMISE = 5,
	WIRE_GREASE = 0x21,
};

struct wire {
	uint8_t bytes[80000];
	size_t len;
};

void wire_varint(struct wire *w, uint64_t value);
void wire_frame(struct wire *w, uint64_t type, const void *payload, size_t len);

/* A HEADERS frame of name, value, name, value, .., NULL. */
void wire_headers(struct wire *w, const char *const *fields);

#endif
