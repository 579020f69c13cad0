/* SPDX-License-Identifier: Apache-2.0 */
/* What steering decided, and why, in words. */
#ifndef MPQ_MPQCTL_STEERING_H
#define MPQ_MPQCTL_STEERING_H

#include <json-c/json.h>
#include <stdio.h>

/* Of a reason as dataplane/bond/steer.h names it; one that is not known is
 * returned as it is. */
const char *mpq_steering_reason(const char *reason);

/* "wan1, wan2"; at a concentrator, which knows them by their numbers, "path 0,
 * path 1". The caller frees. What is no array of paths is "". */
char *mpq_steering_paths(struct json_object *paths);

/* The event "steering" as a sentence. */
void mpq_steering_write(FILE *f, struct json_object *event);

#endif
