/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chance that can be repeated: splitmix64. A seed is a whole run.
 */
#ifndef MPQ_TESTS_SIM_RANDOM_H
#define MPQ_TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
	uint64_t state;
};

static inline uint64_t sim_random_next(struct sim_random *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* From `low` to `high`, both included. */
static inline uint64_t sim_random_range(struct sim_random *r, uint64_t low,
					uint64_t high)
{
	return low + sim_random_next(r) % (high - low + 1);
}

static inline bool sim_random_chance(struct sim_random *r, uint32_t ppm)
{
	return sim_random_next(r) % 1000000 < ppm;
}

#endif
