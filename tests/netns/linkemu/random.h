/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reproducible pseudo-random numbers (xoshiro256**), one generator a direction,
 * so that what happens on one link does not change what happens on another.
 * Not for anything that has to be unpredictable.
 */
#ifndef MPQ_TESTS_NETNS_LINKEMU_RANDOM_H
#define MPQ_TESTS_NETNS_LINKEMU_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct emu_random {
	uint64_t s[4];
};

void emu_random_init(struct emu_random *r, uint64_t seed);

/* In [0, 1). */
double emu_random_unit(struct emu_random *r);

/* True with probability p. p = 0 takes no number from the generator. */
bool emu_random_chance(struct emu_random *r, double p);

#endif
