/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses and prefixes, both families in one shape. Host bits are kept
 * (10.200.1.1/30 stays what it is); only the comparisons mask them.
 */
#ifndef MPQ_COMMON_PREFIX_H
#define MPQ_COMMON_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mpq_prefix {
	uint8_t family;   /* 4 or 6 */
	uint8_t length;   /* 0..32 or 0..128 */
	uint8_t addr[16]; /* network order; IPv4 uses the first 4 bytes */
};

#define MPQ_PREFIX_TEXT_BYTES 64

/* "10.0.0.0/8", "fd00::1" (= /128). 0, or -EINVAL with *ret untouched. */
int mpq_prefix_parse(const char *text, struct mpq_prefix *ret);

/* Writes "10.0.0.0/8" into text[MPQ_PREFIX_TEXT_BYTES]; returns text. */
const char *mpq_prefix_format(const struct mpq_prefix *p, char *text);

/* Does `p` contain the address `addr` (4 or 16 bytes, as `family` says)? */
bool mpq_prefix_contains(const struct mpq_prefix *p, uint8_t family,
			 const uint8_t *addr);

bool mpq_prefix_equal(const struct mpq_prefix *a, const struct mpq_prefix *b);

#endif
