/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two files of telemetry share: telemetry.c, telemetry_session.c. For
 * nobody else.
 */
#ifndef MPQ_DATAPLANE_TELEMETRY_PRIVATE_H
#define MPQ_DATAPLANE_TELEMETRY_PRIVATE_H

#include "dataplane/telemetry.h"

void mpq_telemetry_text(struct json_object *o, const char *key,
			const char *text);
void mpq_telemetry_uint(struct json_object *o, const char *key, uint64_t value);
void mpq_telemetry_bool(struct json_object *o, const char *key, bool value);
void mpq_telemetry_us(struct json_object *o, const char *key, mpq_duration d);
struct json_object *mpq_telemetry_list(struct json_object *o, const char *key);

struct json_object *mpq_telemetry_path_names(const struct mpq_tunnel *t,
					     mpq_steer_set set);

/* Of a tunnel that has a session. */
struct json_object *mpq_telemetry_session(const struct mpq_tunnel *t,
					  mpq_time now);

#endif
