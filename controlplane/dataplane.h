/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mpquic-data as this daemon sees it: what is to happen when it says Hello or
 * goes, and how it gets the running configuration. A part of the daemon, in a
 * file of its own.
 */
#ifndef MPQ_CONTROLPLANE_DATAPLANE_H
#define MPQ_CONTROLPLANE_DATAPLANE_H

#include "controlplane/southbound.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <time.h>

struct mpq_daemon;

struct mpq_dataplane {
	int pid;           /* of the last one; 0: none yet */
	unsigned restarts; /* another process than before said Hello */
	time_t since;      /* connected or lost; 0: never */
	bool pushing;      /* Apply of the running configuration is under way */
	bool push_due;     /* once more, when what is under way has ended */
	char refusal[512]; /* why it refused that configuration, "" if not */
	char lack[512];    /* what could not be made for it, "" if all was */
	struct json_object *lacking;    /* as in struct mpq_supply_parcel */
	unsigned retry_after, retry_in; /* seconds, while one of them is */
};

extern const struct mpq_southbound_events mpq_dataplane_events;

/* The running configuration to mpquic-data, whole; after what is under way.
 * What cannot be made for it (a device whose name is taken, a port in use) is
 * left out and tried again. Harmless when it is not connected. */
void mpq_dataplane_push(struct mpq_daemon *d);

/* Makes the TUN devices that are missing: true when there is a new one. */
bool mpq_dataplane_make_tuns(struct mpq_daemon *d);

/* Call each second: what failed is tried again. */
void mpq_dataplane_tick(struct mpq_daemon *d);

void mpq_dataplane_hold(struct mpq_daemon *d, const char *path, bool held);
void mpq_dataplane_finish(struct mpq_dataplane *p);

#endif
