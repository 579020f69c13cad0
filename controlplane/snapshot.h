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
#include <stdint.h>

/* The caller's to put. `secret`: 64 hexadecimal digits. */
struct json_object *mpq_snapshot_new(const struct mpq_config *c,
				     const struct mpq_material *m,
				     uint32_t generation, const char *secret);

#endif
