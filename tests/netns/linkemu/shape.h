/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one direction of an emulated link is like, and its text form: words
 * "name=value" as they stand on the command line, in a schedule and in a
 * control message.
 *
 *  rate=20M	     bits a second of layer 3 (k, M, G); 0: no limit
 *  delay=40ms	     one way, after the rate (us, ms, s; a bare number is ms)
 *  jitter=5ms	     delay varies by up to this, both ways
 *  order=keep|free  keep (default): the delay wanders, nothing overtakes;
 *		     free: each frame has a delay of its own
 *  loss=1%	     each frame on its own
 *  burst=P:R[:L]    Gilbert-Elliott: a frame turns good into bad with P, bad
 *		     into good with R, and is lost with L (1) while bad
 *  reorder=1%	     such frames leave `gap` later than the rest
 *  gap=5ms
 *  duplicate=1%
 *  queue=100ms|64k  in front of the rate: as time at the rate, or in bytes
 *  overhead=40	     bytes a frame that the rate counts beside layer 3
 *  hole=0|1	     a silent black hole: what is inside is lost too
 */
#ifndef MPQ_TESTS_NETNS_LINKEMU_SHAPE_H
#define MPQ_TESTS_NETNS_LINKEMU_SHAPE_H

#include "common/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct emu_shape {
	double rate_bps;
	mpq_duration delay, jitter, gap;
	bool free_order;
	double loss, burst_begin, burst_end, burst_loss, reorder, duplicate;
	mpq_duration queue_time; /* 0: queue_bytes counts */
	uint64_t queue_bytes;
	uint32_t overhead_bytes;
	bool hole;
};

/* A link without any effect, a queue of 100 ms should it get a rate. */
void emu_shape_init(struct emu_shape *s);

/* One word. 0, or -EINVAL with s untouched. */
int emu_shape_set(struct emu_shape *s, const char *word);

/* The queue's limit at the present rate; 0: none. */
uint64_t emu_shape_queue_bytes(const struct emu_shape *s);

/* "20ms", "1.5s", "300us", "7" (ms). 0 or -EINVAL. */
int emu_shape_duration(const char *text, mpq_duration *ret);

#endif
