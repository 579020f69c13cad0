/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that wait for others, found by lane and sequence, and known in the
 * order of their arrival within the lane. Pure; its room is allocated once and
 * becomes resident as it is first used. Part of order.h, which decides what
 * waits and for how long.
 */
#ifndef MPQ_BOND_HELD_H
#define MPQ_BOND_HELD_H

#include "common/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_HELD_MAX_PKTS (UINT32_MAX / 4)

struct mpq_held_packet {
	void *packet; /* NULL: the slot is free */
	size_t len_bytes;
	uint32_t lane, sequence;
	mpq_time arrived, sent;
	uint8_t path;
	bool repair;
	uint32_t chain;        /* next of the bucket, or free; slots from 1 */
	uint32_t older, newer; /* of the lane; 0: none */
};

struct mpq_held_lane { /* all zero: empty */
	uint32_t oldest, newest;
};

struct mpq_held {
	struct mpq_held_packet *slots;
	uint32_t *buckets;
	unsigned bucket_bits;
	uint64_t factor;
	uint32_t free, fresh; /* fresh: slots from the front, used ever */
	size_t max_pkts, max_bytes;
	size_t pkts, bytes;
};

/* `seed`: chance, so that nobody can choose what shares a bucket. `max_pkts`
 * from 1 to MPQ_HELD_MAX_PKTS. 0 or -ENOMEM. */
int mpq_held_init(struct mpq_held *h, size_t max_pkts, size_t max_bytes,
		  uint64_t seed);
/* What is held is the caller's to take out first. */
void mpq_held_finish(struct mpq_held *h);

bool mpq_held_has_room(const struct mpq_held *h, size_t len_bytes);
/* A copy of `packet`, whose links are not read. There is room, and nothing of
 * that lane and sequence is held. */
void mpq_held_put(struct mpq_held *h, struct mpq_held_lane *lane,
		  const struct mpq_held_packet *packet);
/* Valid until it is taken; NULL: none. */
const struct mpq_held_packet *mpq_held_find(const struct mpq_held *h,
					    uint32_t lane, uint32_t sequence);
/* By arrival; NULL: the lane is empty. */
const struct mpq_held_packet *mpq_held_oldest(const struct mpq_held *h,
					      const struct mpq_held_lane *lane);
struct mpq_held_packet mpq_held_take(struct mpq_held *h,
				     struct mpq_held_lane *lane,
				     const struct mpq_held_packet *packet);

#endif
