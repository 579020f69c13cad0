/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations counted by size, an eighth of their value apart: percentiles of any
 * number of them in fixed room.
 */
#ifndef MPQ_TESTS_SIM_HISTOGRAM_H
#define MPQ_TESTS_SIM_HISTOGRAM_H

#include "common/clock.h"

#include <stddef.h>

#define SIM_HISTOGRAM_BINS (8 * 64)

struct sim_histogram {
	uint64_t bins[SIM_HISTOGRAM_BINS];
	uint64_t count;
	mpq_duration max;
};

static inline size_t sim_histogram_bin(mpq_duration d)
{
	unsigned log2 = d >= 8 ? 63U - (unsigned)__builtin_clzll(d) : 3;

	return 8 * (size_t)(log2 - 3) + (size_t)(d >> (log2 - 3));
}

static inline void sim_histogram_add(struct sim_histogram *h, mpq_duration d)
{
	h->bins[sim_histogram_bin(d)]++;
	h->count++;
	h->max = d > h->max ? d : h->max;
}

/* What `permille` of them are shorter than or near to; 0 of none. */
static inline mpq_duration
sim_histogram_percentile(const struct sim_histogram *h, unsigned permille)
{
	uint64_t below = 0;

	for (size_t bin = 0; bin < SIM_HISTOGRAM_BINS; bin++) {
		below += h->bins[bin];
		if (below * 1000 > h->count * permille) {
			return bin < 8 ? bin : (bin % 8 + 8) << (bin / 8 - 1);
		}
	}
	return h->max;
}

#endif
