/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of an emulated link:
 *
 *   push -> hole, loss, burst -> queue -> rate -> delay, jitter -> pop
 *
 * Pure: `now` comes in, what is due is announced by the deadline. Reads no
 * clock and does no I/O, so a test drives it through hours in an instant.
 */
#ifndef MPQ_TESTS_NETNS_LINKEMU_DIRECTION_H
#define MPQ_TESTS_NETNS_LINKEMU_DIRECTION_H

#include "common/clock.h"
#include "tests/netns/linkemu/frame.h"
#include "tests/netns/linkemu/random.h"
#include "tests/netns/linkemu/shape.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMU_DIRECTION_HEADER_BYTES 14 /* Ethernet's, which no rate counts */

struct emu_direction_counters {
	uint64_t received, received_bytes;
	uint64_t sent, sent_bytes;
	uint64_t lost, burst_lost, queue_full, hole;
	uint64_t reordered, duplicated, no_memory;
	uint64_t queue_peak_bytes;
};

struct emu_direction {
	struct emu_shape shape; /* read by anyone, set by emu_direction_shape */
	struct emu_direction_counters counters;
	/* private */
	struct emu_pool *pool; /* borrowed */
	struct emu_random random;
	struct emu_frame *head, *tail; /* in front of the rate */
	uint64_t queue_bytes;
	mpq_time busy_until, last_due;
	mpq_time wander_since; /* of the jitter: between these two, -1..1 */
	double wander_from, wander_to;
	struct emu_frame **heap; /* under way, earliest first */
	size_t n_heap, heap_room;
	uint64_t order;
	bool in_burst;
};

void emu_direction_init(struct emu_direction *d, struct emu_pool *pool,
			uint64_t seed);
void emu_direction_finish(struct emu_direction *d);

/* Takes effect at the next frame; a hole empties queue and link at once. */
void emu_direction_shape(struct emu_direction *d, const struct emu_shape *s);

/* Takes f. */
void emu_direction_push(struct emu_direction *d, struct emu_frame *f,
			mpq_time now);

/* The next frame that has arrived at the far end, for the caller to put back
 * into the pool; NULL while there is none. */
struct emu_frame *emu_direction_pop(struct emu_direction *d, mpq_time now);

/* When pop or push's work is next due. */
mpq_time emu_direction_deadline(const struct emu_direction *d);

#endif
