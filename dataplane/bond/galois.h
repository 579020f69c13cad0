/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic in GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1, eight
 * bytes at once and without tables: it shows nothing by its time, and what is
 * added up seldom shall not push other things out of the cache. Addition is
 * XOR.
 */
#ifndef MPQ_BOND_GALOIS_H
#define MPQ_BOND_GALOIS_H

#include <stddef.h>
#include <stdint.h>

uint8_t mpq_galois_times(uint8_t a, uint8_t c);
extern const uint8_t mpq_galois_inverse[256]; /* 0 has none */
/* into += c * from, byte by byte. They do not overlap. */
void mpq_galois_add_times(uint8_t *into, const uint8_t *from, size_t len,
			  uint8_t c);

#endif
