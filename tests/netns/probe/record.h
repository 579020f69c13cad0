/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of each numbered packet: when it was sent, how long its echo
 * took. Loss is what was sent and has no echo: exact, packet by packet. Pure.
 */
#ifndef MPQ_TESTS_NETNS_PROBE_RECORD_H
#define MPQ_TESTS_NETNS_PROBE_RECORD_H

#include "common/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PROBE_RECORD_CAP (8u << 20) /* packets, hours at a usual rate */

struct probe_record_entry {
	mpq_time sent, echoed; /* 0: not (yet), or not known */
};

struct probe_record {
	struct probe_record_entry *entries;
	uint64_t n, room;
	uint64_t highest_echoed;
	uint64_t duplicates, reordered, strange, send_errors;
};

void probe_record_init(struct probe_record *r);
void probe_record_finish(struct probe_record *r);

/* The next number. 0; -ENOSPC at the cap; -ENOMEM. */
int probe_record_sent(struct probe_record *r, mpq_time now);
void probe_record_echoed(struct probe_record *r, uint64_t number, mpq_time now);

/* For a receiver, which learns of a packet when it comes: its `echoed` is the
 * arrival. 0; -ENOSPC at the cap; -ENOMEM. */
int probe_record_arrived(struct probe_record *r, uint64_t number, mpq_time sent,
			 mpq_time now);
/* Numbers below `end` were sent: what did not come of them is lost. */
int probe_record_expect(struct probe_record *r, uint64_t end);

/* Numbers first..end-1, one line of JSON: sent, received, lost, the runs of
 * lost ones with the times of their sending (0 where a receiver cannot know),
 * times under way ("rtt-us"), when the first and the last of them came, the
 * longest time between two of them and when that began. Times in seconds of
 * CLOCK_MONOTONIC. */
void probe_record_report(const struct probe_record *r, uint64_t first,
			 uint64_t end, FILE *to);

#endif
