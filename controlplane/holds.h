/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that the operator took out of service for a while. Kept in memory: a
 * hold outlives mpquic-data, not mpquic-control.
 */
#ifndef MPQ_CONTROLPLANE_HOLDS_H
#define MPQ_CONTROLPLANE_HOLDS_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct mpq_holds_item;

struct mpq_holds {
	struct ev_loop *loop;
	struct mpq_holds_item *items;
	void (*over)(void *owner, const char *path); /* its time is up */
	void *owner;
};

/* `seconds` 0: until released. Replaces an earlier hold of the path. */
void mpq_holds_set(struct mpq_holds *h, const char *path, uint64_t seconds);
void mpq_holds_clear(struct mpq_holds *h, const char *path);
void mpq_holds_finish(struct mpq_holds *h);

/* Seconds until the hold of this path is over, rounded up; 0: it is not held,
 * or until released. */
uint64_t mpq_holds_left(const struct mpq_holds *h, const char *path);

void mpq_holds_each(const struct mpq_holds *h,
		    void (*each)(void *context, const char *path),
		    void *context);

#endif
