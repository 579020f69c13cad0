/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time. One clock for everything that waits or measures: CLOCK_MONOTONIC,
 * because ngtcp2 aborts when its clock steps back. Pure modules never call
 * mpq_clock_now(): they get `now` as an argument, and tests give them a virtual
 * one.
 */
#ifndef MPQ_COMMON_CLOCK_H
#define MPQ_COMMON_CLOCK_H

#include <stdint.h>

typedef uint64_t mpq_time;     /* a point on CLOCK_MONOTONIC, nanoseconds */
typedef uint64_t mpq_duration; /* nanoseconds */

#define MPQ_TIME_NEVER  UINT64_MAX
#define MPQ_MICROSECOND ((mpq_duration)1000)
#define MPQ_MILLISECOND ((mpq_duration)1000000)
#define MPQ_SECOND      ((mpq_duration)1000000000)

mpq_time mpq_clock_now(void);

/* From `since` to `now`, 0 when `since` lies ahead or is MPQ_TIME_NEVER. */
static inline mpq_duration mpq_time_elapsed(mpq_time since, mpq_time now)
{
	return since < now ? now - since : 0;
}

static inline mpq_time mpq_time_min(mpq_time a, mpq_time b)
{
	return a < b ? a : b;
}

#endif
