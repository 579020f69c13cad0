/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge's paths and their sockets: looks at each path's WAN whenever
 * something may have changed, and tells mpquic-data what is new, with two fresh
 * sockets when the WAN is ready. What mpquic-data has already is left alone, so
 * a restart of this program costs it nothing.
 */
#ifndef MPQ_CONTROLPLANE_PATHS_H
#define MPQ_CONTROLPLANE_PATHS_H

#include "controlplane/config.h"
#include "controlplane/netlink/monitor.h"
#include "controlplane/policy.h"
#include "controlplane/southbound.h"
#include "controlplane/wan.h"

#include <json-c/json.h>

struct mpq_paths_item {
	const struct mpq_config_path *config; /* borrowed */
	uint32_t mark;
	struct mpq_wan is;   /* as last seen */
	struct mpq_wan sent; /* what mpquic-data works with .. */
	bool has_sent;       /* .. if anything */
	bool adopted; /* by Hello, which tells neither gateway nor reason */
	char trouble[160]; /* why no socket could be made, "" if not */
};

struct mpq_paths {
	struct mpq_paths_item *item;
	size_t n;
	/* A WAN's state changed: an event for people. */
	void (*changed)(void *owner, const struct mpq_paths_item *item);
	void *owner;
};

/* The paths are those of `c` (borrowed until the next call) from now on. What
 * mpquic-data has for a path that did not change stays noted. */
int mpq_paths_configure(struct mpq_paths *p, const struct mpq_config *c,
			const struct mpq_policy *policy);
void mpq_paths_finish(struct mpq_paths *p);

/* mpquic-data is gone, or new: it has nothing. */
void mpq_paths_forget(struct mpq_paths *p);

/* What Hello says that it has. */
void mpq_paths_adopt(struct mpq_paths *p, struct json_object *hello_paths);

/* Looks at every WAN and sends what differs. */
void mpq_paths_review(struct mpq_paths *p, const struct mpq_monitor *m,
		      struct mpq_southbound *s);

#endif
