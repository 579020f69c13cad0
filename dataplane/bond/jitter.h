/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a path's delay varies: the interarrival jitter of RFC 3550 §6.4.1,
 * as a stream of ten packets a second would see it. Pure.
 *
 * RFC 3550 compares each packet with the one before. On a path that carries
 * two thousand packets a second that tells how far the delay moves in half a
 * millisecond, which is less the more is sent and nothing that a link could be
 * known by. So what left at least a tenth of a second apart is compared: the
 * mean of the differences. A delay that is spread evenly over +-J shows as 2/3
 * of J; one that wanders over +-J from one random point to the next, as the
 * lab's emulator lets it, as 0.54 of J. A queue that changes its length counts
 * too.
 */
#ifndef MPQ_BOND_JITTER_H
#define MPQ_BOND_JITTER_H

#include "common/clock.h"

#include <stdint.h>

#define MPQ_JITTER_SAMPLES 32 /* a power of two */
#define MPQ_JITTER_LAG     (100 * MPQ_MILLISECOND)

struct mpq_jitter {
	/* Ring, in order of departure: the first to leave in each hundredth
	 * of a second. */
	struct mpq_jitter_sample {
		mpq_time sent;
		int64_t transit;
		uint16_t sequence; /* of those that left at once */
	} sample[MPQ_JITTER_SAMPLES];
	uint32_t samples;  /* ever; 0: anew after a pause; wraps */
	uint32_t settled;  /* of these: nothing that left before may come */
	uint32_t compared; /* up to where it does not matter */
	mpq_duration mean;
};

void mpq_jitter_init(struct mpq_jitter *j);
/* Something arrived that left at `sent`, in this sequence; transit has any
 * constant in it. */
void mpq_jitter_arrived(struct mpq_jitter *j, mpq_time sent, uint16_t sequence,
			int64_t transit);

#endif
