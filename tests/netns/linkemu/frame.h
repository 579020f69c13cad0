/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ethernet frames on their way through the emulator, and the pool that they
 * come from. The pool grows in blocks up to its cap and never shrinks; at the
 * cap emu_pool_get() refuses, which the caller counts.
 */
#ifndef MPQ_TESTS_NETNS_LINKEMU_FRAME_H
#define MPQ_TESTS_NETNS_LINKEMU_FRAME_H

#include "common/clock.h"

#include <stddef.h>
#include <stdint.h>

#define EMU_FRAME_BYTES 1600 /* an MTU of 1500, header, VLAN tags */

struct emu_frame {
	struct emu_frame *next; /* in a queue or in the pool */
	mpq_time due;           /* arrived (queue) or leaves (heap) */
	uint64_t order;         /* breaks ties of `due` */
	uint32_t bytes;
	uint8_t data[EMU_FRAME_BYTES];
};

struct emu_pool {
	struct emu_frame *free;
	size_t made, cap;
	struct emu_block *blocks; /* what emu_pool_finish() returns */
};

void emu_pool_init(struct emu_pool *p, size_t cap_frames);
void emu_pool_finish(struct emu_pool *p);
struct emu_frame *emu_pool_get(struct emu_pool *p); /* NULL at the cap */
void emu_pool_put(struct emu_pool *p, struct emu_frame *f);

#endif
