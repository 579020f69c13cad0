/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to Status: what mpquic-data says of itself, with what only
 * mpquic-control knows, or the latter alone while mpquic-data is away.
 */
#ifndef MPQ_CONTROLPLANE_STATUS_H
#define MPQ_CONTROLPLANE_STATUS_H

#include <json-c/json.h>

struct mpq_daemon;

/* `data`: mpquic-data's Status (borrowed), NULL: it did not answer. The
 * caller's to put. */
struct json_object *mpq_status_new(const struct mpq_daemon *d,
				   struct json_object *data);

/* A copy of what mpquic-data tells, with "since" (RFC 3339) in place of each
 * "age-us". The caller's to put. */
struct json_object *mpq_status_dated(struct json_object *from);

#endif
