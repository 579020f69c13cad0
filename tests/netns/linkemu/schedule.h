/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes over time, read from a file: lines of
 *
 *   TIME LINK up|down|both NAME=VALUE ...	at TIME after the start
 *   repeat TIME				then from the beginning
 *   # a comment
 *
 * in rising order of time. Every line is tried on the emulator's links when it
 * is read, so that a wrong one is told at the start, not after an hour.
 */
#ifndef MPQ_TESTS_NETNS_LINKEMU_SCHEDULE_H
#define MPQ_TESTS_NETNS_LINKEMU_SCHEDULE_H

#include "common/clock.h"

#include <stddef.h>

struct emu_schedule_line {
	mpq_duration at;
	char *text;
};

struct emu_schedule {
	struct emu_schedule_line *lines;
	size_t n, next;
	mpq_duration period; /* 0: once */
	mpq_time begun;
};

/* 0; -errno; -EINVAL with the number of the wrong line in ret_line. */
int emu_schedule_read(struct emu_schedule *s, const char *file,
		      unsigned *ret_line);
void emu_schedule_finish(struct emu_schedule *s);

void emu_schedule_start(struct emu_schedule *s, mpq_time now);

/* The next change due by `now`, borrowed, or NULL. */
const char *emu_schedule_pop(struct emu_schedule *s, mpq_time now);
mpq_time emu_schedule_deadline(const struct emu_schedule *s);

#endif
