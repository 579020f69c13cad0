/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mpquic-data knows of itself, as JSON: the reply to Status and the events
 * of common/southbound.h. Reads the engine, changes nothing.
 */
#ifndef MPQ_DATAPLANE_TELEMETRY_H
#define MPQ_DATAPLANE_TELEMETRY_H

#include "dataplane/engine.h"

#include <json-c/json.h>

/* Each returns a new object, or NULL when out of memory. */
struct json_object *mpq_telemetry_status(const struct mpq_engine *e,
					 mpq_time now);
/* The "paths" of Hello: which sockets we have. */
struct json_object *mpq_telemetry_sockets(const struct mpq_engine *e);

struct json_object *mpq_telemetry_path_event(const struct mpq_path *p,
					     enum mpq_life_state was);
struct json_object *
mpq_telemetry_tunnel_event(const struct mpq_tunnel *t,
			   const struct mpq_sockaddr *remote);
/* A member of a session has another state than it had. */
struct json_object *
mpq_telemetry_member_event(const struct mpq_tunnel *t, unsigned path,
			   enum mpq_session_member_state was,
			   const char *reason, mpq_duration gap);
struct json_object *
mpq_telemetry_steering_event(const struct mpq_tunnel *t,
			     const struct mpq_steer_event *e);
struct json_object *
mpq_telemetry_refused_event(const char *path, const struct mpq_tunnel *t,
			    const struct mpq_sockaddr *remote,
			    const char *reason);

#endif
