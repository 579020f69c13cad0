/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/status.h"

#include "controlplane/alarms.h"
#include "controlplane/daemon.h"

#include <stdio.h>
#include <string.h>

static void add_string(struct json_object *o, const char *key, const char *v)
{
	json_object_object_add(o, key, json_object_new_string(v));
}

static struct json_object *time_text(time_t t)
{
	char text[32];
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_object_new_string(text);
}

/* A copy of it with "since" in place of each "age-us". */
struct json_object *mpq_status_dated(struct json_object *from)
{
	struct json_object *o;
	size_t i;

	if (json_object_is_type(from, json_type_array)) {
		o = json_object_new_array();
		for (i = 0; i < json_object_array_length(from); i++) {
			json_object_array_add(
				o, mpq_status_dated(
					   json_object_array_get_idx(from, i)));
		}
		return o;
	}
	if (!json_object_is_type(from, json_type_object)) {
		return json_object_get(from);
	}
	o = json_object_new_object();
	json_object_object_foreach (from, key, value) {
		if (!strcmp(key, "age-us")) {
			json_object_object_add(
				o, "since",
				mpq_events_time((uint64_t)json_object_get_int64(
					value)));
		} else {
			json_object_object_add(o, key, mpq_status_dated(value));
		}
	}
	return o;
}

static struct json_object *entries(struct json_object *data, const char *key)
{
	struct json_object *from = NULL;

	if (!json_object_object_get_ex(data, key, &from) ||
	    !json_object_is_type(from, json_type_array)) {
		return json_object_new_array();
	}
	return mpq_status_dated(from);
}

static const char *absence(const struct mpq_daemon *d)
{
	return mpq_southbound_connected(d->southbound)
		       ? "mpquic-data does not answer"
		       : "mpquic-data is not connected";
}

static const struct mpq_paths_item *wan_of(const struct mpq_daemon *d,
					   const char *path)
{
	size_t i;

	for (i = 0; i < d->paths.n; i++) {
		if (!strcmp(d->paths.item[i].config->name, path)) {
			return &d->paths.item[i];
		}
	}
	return NULL;
}

static struct json_object *lone_path(const struct mpq_daemon *d,
				     const struct mpq_config_path *p)
{
	const struct mpq_paths_item *wan = wan_of(d, p->name);
	struct json_object *o = json_object_new_object();
	bool no_wan = wan && wan->is.state != MPQ_WAN_READY;

	add_string(o, "name", p->name);
	if (p->wan[0]) {
		add_string(o, "wan", p->wan);
	}
	add_string(o, "state",
		   !p->enabled ? "disabled"
		   : no_wan    ? mpq_wan_state_name(wan->is.state)
			       : "down");
	add_string(o, "reason",
		   !p->enabled ? "disabled by configuration"
		   : no_wan    ? wan->is.reason
			       : absence(d));
	return o;
}

static struct json_object *lone_tunnel(const struct mpq_daemon *d,
				       const struct mpq_config_tunnel *t)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "name", t->name);
	json_object_object_add(o, "enabled",
			       json_object_new_boolean(t->enabled));
	json_object_object_add(o, "up", json_object_new_boolean(false));
	add_string(o, "reason",
		   t->enabled ? absence(d) : "disabled by configuration");
	if (t->paths.n == 1) {
		add_string(o, "path", t->paths.item[0]);
	}
	if (t->peer[0]) {
		add_string(o, "peer", t->peer);
	}
	return o;
}

/* What can be said while mpquic-data is away. */
static void add_lone(struct json_object *o, const struct mpq_daemon *d)
{
	const struct mpq_config *c = d->running.version->config;
	struct json_object *tunnels = json_object_new_array(),
			   *paths = json_object_new_array();
	size_t i;

	for (i = 0; i < c->n_tunnels; i++) {
		json_object_array_add(tunnels, lone_tunnel(d, &c->tunnels[i]));
	}
	for (i = 0; c->edge && i < c->n_paths; i++) {
		json_object_array_add(paths, lone_path(d, &c->paths[i]));
	}
	json_object_object_add(o, "tunnels", tunnels);
	json_object_object_add(o, "paths", paths);
	json_object_object_add(o, "listeners", json_object_new_array());
}

static struct json_object *data_plane(const struct mpq_daemon *d)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "connected",
			       json_object_new_boolean(mpq_southbound_connected(
				       d->southbound)));
	if (d->dataplane.pid) {
		json_object_object_add(o, "pid",
				       json_object_new_int(d->dataplane.pid));
	}
	json_object_object_add(o, "restarts",
			       json_object_new_int64(
				       (int64_t)d->dataplane.restarts));
	if (d->dataplane.since) {
		json_object_object_add(o, "since",
				       time_text(d->dataplane.since));
	}
	return o;
}

static struct json_object *certificate(const struct mpq_daemon *d)
{
	const struct mpq_certificate_identity *own =
		&d->running.version->material->own;
	struct json_object *o = json_object_new_object();

	add_string(o, "subject", own->subject);
	json_object_object_add(o, "not-before", time_text(own->not_before));
	json_object_object_add(o, "not-after", time_text(own->not_after));
	return o;
}

static void add_guard(void *context, const struct mpq_guard_counter *c)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "packets",
			       json_object_new_uint64(c->packets));
	json_object_object_add(o, "bytes", json_object_new_uint64(c->bytes));
	json_object_object_add(context, c->name, o);
}

/* What the guards have dropped: {"leak-lan1": {"packets", "bytes"}}. */
static struct json_object *guards(const struct mpq_daemon *d)
{
	struct json_object *o = json_object_new_object();

	(void)mpq_reconcile_counters(mpq_kernel_reconcile(d->kernel), add_guard,
				     o);
	return o;
}

static void tell_member_holds(const struct mpq_daemon *d,
			      struct json_object *tunnel)
{
	struct json_object *session = NULL, *members = NULL;

	if (!json_object_object_get_ex(tunnel, "session", &session) ||
	    !json_object_object_get_ex(session, "members", &members) ||
	    !json_object_is_type(members, json_type_array)) {
		return;
	}
	for (size_t i = 0; i < json_object_array_length(members); i++) {
		mpq_holds_tell(&d->holds, json_object_array_get_idx(members, i),
			       "path");
	}
}

static struct json_object *holds_told(const struct mpq_daemon *d,
				      struct json_object *list, const char *key)
{
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		mpq_holds_tell(&d->holds, json_object_array_get_idx(list, i),
			       key);
		tell_member_holds(d, json_object_array_get_idx(list, i));
	}
	return list;
}

struct json_object *mpq_status_new(const struct mpq_daemon *d,
				   struct json_object *data)
{
	const struct mpq_config *c = d->running.version->config;
	struct json_object *o = json_object_new_object();

	add_string(o, "version", MPQ_VERSION);
	add_string(o, "role", c->edge ? "edge" : "concentrator");
	add_string(o, "name", c->name);
	json_object_object_add(o, "generation",
			       json_object_new_int64(d->running.generation));
	json_object_object_add(o, "data-plane", data_plane(d));
	if (data) {
		json_object_object_add(o, "tunnels",
				       holds_told(d, entries(data, "tunnels"),
						  "path"));
		json_object_object_add(o, "paths",
				       holds_told(d, entries(data, "paths"),
						  "name"));
		json_object_object_add(o, "listeners",
				       entries(data, "listeners"));
	} else {
		add_lone(o, d);
	}
	json_object_object_add(o, "guards", guards(d));
	json_object_object_add(o, "certificate", certificate(d));
	json_object_object_add(o, "alarms", mpq_alarms_new(d, time(NULL)));
	return o;
}
