/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of what was expected is missing, of the last ten seconds. Pure; the
 * counters are its caller's.
 *
 * By time and not by a number of datagrams: chance alone makes a thousand of
 * them show 5 % as anything from 3.6 to 6.4 %. Where few come, ten seconds are
 * too few of them, so that it looks back further.
 */
#ifndef MPQ_BOND_LATELY_H
#define MPQ_BOND_LATELY_H

#include "common/clock.h"

#include <stdint.h>

#define MPQ_LATELY_SLOTS 10

struct mpq_lately {
	struct {
		uint64_t expected, received;
	} mark[MPQ_LATELY_SLOTS]; /* what was counted when a slot began */
	unsigned oldest;
	mpq_time since;  /* when the newest slot began */
	mpq_time passed; /* the last call */
};

/* From counters that are 0. */
void mpq_lately_init(struct mpq_lately *l, mpq_time now);

/* Before something is counted, with what is counted so far. After a pause of
 * ten seconds what was before it is forgotten. */
void mpq_lately_pass(struct mpq_lately *l, uint64_t expected, uint64_t received,
		     mpq_time now);

/* Missing, in parts per million: of the last nine to ten slots. A slot is a
 * second, or until 20 are expected in it, but no longer than four, unless
 * mpq_lately_pass() was not called meanwhile. */
uint32_t mpq_lately_ppm(const struct mpq_lately *l, uint64_t expected,
			uint64_t received);

#endif
