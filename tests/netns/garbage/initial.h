/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QUIC v1 Initial packet, protected as a client does (RFC 9001 §5.2, §5.4),
 * around whatever frames the caller wants: the way past the first checks of a
 * server for contents that no honest client sends.
 */
#ifndef MPQ_TESTS_NETNS_GARBAGE_INITIAL_H
#define MPQ_TESTS_NETNS_GARBAGE_INITIAL_H

#include <stddef.h>
#include <stdint.h>

#define GARBAGE_INITIAL_OVERHEAD 80 /* at most, around the frames */

struct garbage_initial {
	const uint8_t *dcid;
	size_t dcid_bytes; /* at most 20 */
	uint16_t number;   /* packet number */
	const uint8_t *frames;
	size_t frames_bytes;
};

/* Writes the packet, at most `room` bytes. Its size, or 0 if it does not fit.
 */
size_t garbage_initial_write(const struct garbage_initial *p, uint8_t *to,
			     size_t room);

#endif
