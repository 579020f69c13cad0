/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both ends of parities share: parity.c (the window, and the sender),
 * parity_in.c (the receiver). For nobody else.
 */
#ifndef MPQ_BOND_PARITY_PRIVATE_H
#define MPQ_BOND_PARITY_PRIVATE_H

#include "dataplane/bond/galois.h"
#include "dataplane/bond/parity.h"

/* Of the packet with the one sequence in the parity with the other: a Cauchy
 * matrix, as long as sequences are less than 128 apart. */
uint8_t mpq_parity_coefficient(uint16_t parity, uint16_t packet);

void mpq_parity_window_clear(struct mpq_parity_window *w);
/* NULL: it is not known what this sequence carried. */
const struct mpq_parity_symbol *
mpq_parity_window_find(const struct mpq_parity_window *w, uint16_t sequence);
/* In the place of what was there. `packet` NULL: it carried none. */
void mpq_parity_window_remember(struct mpq_parity_window *w,
				const struct mpq_header *h,
				const uint8_t *packet, size_t len);

void mpq_parity_write_tag(uint8_t tag[MPQ_PARITY_TAG_BYTES], uint8_t lane,
			  uint32_t sequence);
void mpq_parity_read_tag(const uint8_t tag[MPQ_PARITY_TAG_BYTES],
			 struct mpq_header *h);

#endif
