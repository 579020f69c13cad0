/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: libev for readiness, one timerfd for the earliest deadline
 * (libev's timers are coarse and run on wall-clock time), and the time of the
 * packet path. One turn: all that is readable is read, then turn_end() runs
 * once, which is where packets are written.
 */
#ifndef MPQ_IO_LOOP_H
#define MPQ_IO_LOOP_H

#include "common/clock.h"

#include <stdbool.h>

struct mpq_loop;

struct mpq_loop_events {
	/* After all readiness callbacks of a turn, and at the deadline.
	 * Returns the next deadline. */
	mpq_time (*turn_end)(void *owner, mpq_time now);
};

struct mpq_loop_fd {
	int fd;
	void (*readable)(void *owner, mpq_time now);
	void (*writable)(void *owner, mpq_time now); /* may be NULL */
	void *owner;
	/* private */
	struct mpq_loop *loop;
	void *watcher;
};

int mpq_loop_new(struct mpq_loop **ret, const struct mpq_loop_events *events,
		 void *owner);
void mpq_loop_free(struct mpq_loop *l);

/* Watches w->fd, borrowed, for reading (and writing while wanted). */
int mpq_loop_watch(struct mpq_loop *l, struct mpq_loop_fd *w);
void mpq_loop_unwatch(struct mpq_loop_fd *w); /* harmless when not watched */
void mpq_loop_want_read(struct mpq_loop_fd *w, bool want);
void mpq_loop_want_write(struct mpq_loop_fd *w, bool want);

/* The time of this turn: read when it began, or the latest that it was advanced
 * to since. */
mpq_time mpq_loop_now(const struct mpq_loop *l);
/* Somebody read the clock later in the turn. Never moves back. */
void mpq_loop_advance(struct mpq_loop *l, mpq_time now);

/* Until mpq_loop_stop() or SIGTERM/SIGINT. 0 or -errno. */
int mpq_loop_run(struct mpq_loop *l);
void mpq_loop_stop(struct mpq_loop *l);

#endif
