/* SPDX-License-Identifier: Apache-2.0 */
/* Classes and rules in a snapshot. A part of snapshot.h. */
#ifndef MPQ_CONTROLPLANE_SNAPSHOT_STEERING_H
#define MPQ_CONTROLPLANE_SNAPSHOT_STEERING_H

#include "controlplane/config.h"

#include <json-c/json.h>

/* All of each; "default" first, also when it is not listed. */
struct json_object *mpq_snapshot_classes(const struct mpq_config *c);
/* Those that are enabled; a LAN as the prefixes that it has. */
struct json_object *mpq_snapshot_rules(const struct mpq_config *c);

struct json_object *mpq_snapshot_strings(const struct mpq_config_strings *s);
struct json_object *mpq_snapshot_prefixes(const struct mpq_config_prefixes *p);

#endif
