/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened, for whoever listens: the last MPQ_EVENTS_BACKLOG events, and
 * those who want the next ones told.
 */
#ifndef MPQ_CONTROLPLANE_EVENTS_H
#define MPQ_CONTROLPLANE_EVENTS_H

#include "common/northbound.h"

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_EVENTS_BACKLOG MPQ_NORTHBOUND_BACKLOG

struct mpq_events {
	struct json_object *ring[MPQ_EVENTS_BACKLOG];
	size_t next, n; /* where the next goes; how many there are */
	void (*published)(void *owner, struct json_object *event);
	void *owner;
};

void mpq_events_init(struct mpq_events *e,
		     void (*published)(void *owner, struct json_object *event),
		     void *owner);
void mpq_events_finish(struct mpq_events *e);

/* Takes `event`, stamps it ("time", RFC 3339) and tells it. */
void mpq_events_publish(struct mpq_events *e, struct json_object *event);

/* The kept ones, oldest first. */
void mpq_events_replay(const struct mpq_events *e,
		       void (*each)(void *context, struct json_object *event),
		       void *context);

/* {"event": name, key: value, .., NULL}: pairs of strings. */
struct json_object *mpq_events_new(const char *name, ...)
	__attribute__((sentinel));

/* "2026-11-22T13:37:00.123Z" of a wall-clock time `ago_us` before now. */
struct json_object *mpq_events_time(uint64_t ago_us);

#endif
