/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole configuration as mpquic-data gets it: see S in common/southbound.h.
 * Pure: configuration and material in, JSON out.
 */
#ifndef MPQ_CONTROLPLANE_SNAPSHOT_H
#define MPQ_CONTROLPLANE_SNAPSHOT_H

#include "controlplane/config.h"
#include "controlplane/material.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* The caller's to put. `secret`: 64 hexadecimal digits. */
struct json_object *mpq_snapshot_new(const struct mpq_config *c,
				     const struct mpq_material *m,
				     uint32_t generation, const char *secret);

/* What cannot be had now is listed as {"tunnel": name} and {"path": name}; an
 * absent list (NULL) is an empty one. Is `name` in it? */
bool mpq_snapshot_lacks(struct json_object *lacking, const char *kind,
			const char *name);

/* Takes out what is lacking: tunnels go, paths are disabled. */
void mpq_snapshot_leave_out(struct json_object *snapshot,
			    struct json_object *lacking);

#endif
