/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams that nobody should send to a QUIC listener, of many kinds, from
 * pseudo-random numbers: a seed gives the same ones again.
 */
#ifndef MPQ_TESTS_NETNS_GARBAGE_KINDS_H
#define MPQ_TESTS_NETNS_GARBAGE_KINDS_H

#include "tests/netns/linkemu/random.h"

#include <stddef.h>
#include <stdint.h>

#define GARBAGE_MAX_BYTES 1500

/* How many kinds there are, and the name of one. */
size_t garbage_kinds(void);
const char *garbage_kind_name(size_t kind);

/* Writes one datagram of that kind. Its size, 0..GARBAGE_MAX_BYTES. */
size_t garbage_kind_write(size_t kind, struct emu_random *r,
			  uint8_t to[GARBAGE_MAX_BYTES]);

#endif
