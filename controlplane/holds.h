/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that the operator took out of service for a while. Kept in memory: a
 * hold outlives mpquic-data, not mpquic-control.
 */
#ifndef MPQ_CONTROLPLANE_HOLDS_H
#define MPQ_CONTROLPLANE_HOLDS_H

#include <ev.h>
#include <json-c/json.h>
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

/* mpquic-data holds a path until it is told otherwise; the time is ours. So the
 * "reason" of an entry or event of its, about the path that `key` names there,
 * is told how long the hold lasts, if that is the reason and its end is known.
 */
void mpq_holds_tell(const struct mpq_holds *h, struct json_object *entry,
		    const char *key);

void mpq_holds_each(const struct mpq_holds *h,
		    void (*each)(void *context, const char *path),
		    void *context);

#endif
