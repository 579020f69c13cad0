/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/requests.h"

#include "common/json.h"
#include "common/log.h"
#include "common/northbound.h"
#include "common/southbound.h"
#include "controlplane/daemon.h"
#include "controlplane/status.h"
#include "controlplane/transaction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse_error(struct mpq_northbound_call *call, int e,
			 const struct mpq_refusal *why)
{
	struct mpq_refusal own;

	if (e == -EINVAL) {
		mpq_northbound_refuse(call, MPQ_NORTHBOUND_INVALID, why);
		return;
	}
	(void)mpq_refusal_set(&own, "", "%s.", strerror(-e));
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_INTERNAL, &own);
}

/* The parameter, or the call is refused and NULL comes back. */
static const char *parameter(struct mpq_northbound_call *call, const char *key)
{
	struct mpq_json_reader r = {0};
	const char *value = mpq_json_string(&r, call->parameters, key);
	struct mpq_refusal why;

	if (!r.error[0]) {
		return value;
	}
	(void)mpq_refusal_set(&why, "", "parameter %s.", r.error);
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_INVALID, &why);
	return NULL;
}

/* ---- configuration ---- */

static struct mpq_version *parse(struct mpq_daemon *d,
				 struct mpq_northbound_call *call)
{
	const char *text = parameter(call, "config");
	struct mpq_version *v = NULL;
	struct mpq_refusal why;
	int e;

	if (!text) {
		return NULL;
	}
	e = mpq_version_new(&v, d->schema, text, strlen(text), time(NULL),
			    false, &why);
	if (e) {
		refuse_error(call, e, &why);
		return NULL;
	}
	return v;
}

static void do_check(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	struct mpq_version *v = parse(d, call);

	if (v) {
		mpq_version_free(v);
		mpq_northbound_reply(call, NULL);
	}
}

static struct json_object *changes_reply(struct json_object *changes)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "changes", changes);
	return o;
}

static struct json_object *diff(const struct mpq_daemon *d)
{
	return d->candidate ? mpq_tree_diff(d->running.version->tree,
					    d->candidate->tree)
			    : json_object_new_array();
}

static void do_load(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	struct mpq_version *v = parse(d, call);

	if (v) {
		mpq_version_free(d->candidate);
		d->candidate = v;
		mpq_northbound_reply(call, changes_reply(diff(d)));
	}
}

static void do_diff(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	mpq_northbound_reply(call, changes_reply(diff(d)));
}

static void do_discard(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	mpq_version_free(d->candidate);
	d->candidate = NULL;
	mpq_northbound_reply(call, NULL);
}

static void do_show_config(struct mpq_daemon *d,
			   struct mpq_northbound_call *call)
{
	const char *which = parameter(call, "which");
	const struct mpq_version *v;
	struct mpq_refusal why;
	struct json_object *o;

	if (!which) {
		return;
	}
	if (strcmp(which, "running") && strcmp(which, "candidate")) {
		(void)mpq_refusal_set(&why, "",
				      "there is no configuration "
				      "\"%s\".",
				      which);
		(void)mpq_refusal_allow(&why, "running, candidate");
		mpq_northbound_refuse(call, MPQ_NORTHBOUND_NOT_FOUND, &why);
		return;
	}
	v = !strcmp(which, "candidate") && d->candidate ? d->candidate
							: d->running.version;
	o = json_object_new_object();
	json_object_object_add(o, "config", mpq_tree_json(v->tree, false));
	mpq_northbound_reply(call, o);
}

struct commit_call {
	struct mpq_daemon *daemon;
	struct mpq_northbound_call *call;
};

/* A candidate that is in force is one no more; one that was loaded meanwhile
 * stays. */
static void clear_candidate(struct mpq_daemon *d)
{
	struct json_object *changes = diff(d);

	if (changes && json_object_array_length(changes) == 0) {
		mpq_version_free(d->candidate);
		d->candidate = NULL;
	}
	json_object_put(changes);
}

static void on_committed(void *context, const struct mpq_refusal *why,
			 uint32_t generation, struct json_object *changes)
{
	struct commit_call *c = context;
	struct json_object *o;

	if (why) {
		mpq_northbound_refuse(c->call, MPQ_NORTHBOUND_REFUSED, why);
	} else {
		clear_candidate(c->daemon);
		o = changes_reply(json_object_get(changes));
		json_object_object_add(o, "generation",
				       json_object_new_int64(generation));
		mpq_northbound_reply(c->call, o);
	}
	free(c);
}

/* The candidate again from its tree: the files that it names are read now, not
 * as they were when it was loaded. NULL: refused. */
static struct mpq_version *renew(struct mpq_northbound_call *call,
				 const struct mpq_version *v)
{
	struct mpq_version *fresh = NULL;
	struct mpq_tree *tree = NULL;
	struct mpq_refusal why;
	int e = mpq_tree_copy(v->tree, &tree);

	if (!e) {
		e = mpq_version_take(&fresh, tree, time(NULL), false, &why);
	}
	if (e) {
		refuse_error(call, e, &why);
		return NULL;
	}
	return fresh;
}

/* Without a candidate a commit reads certificates and keys anew. */
static void do_commit(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	struct mpq_version *v =
		renew(call, d->candidate ? d->candidate : d->running.version);
	struct commit_call *c = v ? calloc(1, sizeof(*c)) : NULL;

	if (c) {
		*c = (struct commit_call){.daemon = d, .call = call};
		mpq_transaction_start(d, v, 0, call->by, on_committed, c);
	} else if (v) {
		mpq_version_free(v);
		refuse_error(call, -ENOMEM, NULL);
	}
}

/* ---- tunnels ---- */

static void on_switched(void *context, const struct mpq_refusal *why,
			uint32_t generation, struct json_object *changes)
{
	struct mpq_northbound_call *call = context;

	(void)generation;
	(void)changes;
	if (why) {
		mpq_northbound_refuse(call, MPQ_NORTHBOUND_REFUSED, why);
	} else {
		mpq_northbound_reply(call, NULL);
	}
}

static void refuse_not_found(struct mpq_northbound_call *call, const char *kind,
			     const char *name)
{
	struct mpq_refusal why;

	(void)mpq_refusal_set(&why, "", "there is no %s named \"%s\".", kind,
			      name);
	(void)mpq_refusal_next(&why, "mpqctl status shows those that there "
				     "are");
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_NOT_FOUND, &why);
}

/* `v` with the tunnel switched; NULL in *ret when it has no such tunnel. */
static int with_enabled(const struct mpq_version *v, const char *tunnel,
			const char *value, struct mpq_version **ret,
			struct mpq_refusal *why)
{
	struct mpq_tree *tree = NULL;
	char path[128];
	int e;

	(void)snprintf(path, sizeof(path),
		       "/mpquic:mpquic/tunnel[name='%s']/enabled", tunnel);
	e = mpq_tree_with(v->tree, path, value, &tree, why);
	return e ? e : mpq_version_take(ret, tree, time(NULL), true, why);
}

/* A candidate that waits gets the same, or its commit would undo it. */
static void follow_candidate(struct mpq_daemon *d, const char *tunnel,
			     const char *value)
{
	struct mpq_version *v = NULL;
	struct mpq_refusal why;

	if (d->candidate &&
	    !with_enabled(d->candidate, tunnel, value, &v, &why)) {
		mpq_version_free(d->candidate);
		d->candidate = v;
	}
}

static void switch_tunnel(struct mpq_daemon *d,
			  struct mpq_northbound_call *call, const char *value)
{
	const char *tunnel = parameter(call, "tunnel");
	struct mpq_version *v = NULL;
	struct mpq_refusal why;
	int e;

	if (!tunnel) {
		return;
	}
	if (!mpq_config_tunnel(d->running.version->config, tunnel)) {
		refuse_not_found(call, "tunnel", tunnel);
		return;
	}
	e = with_enabled(d->running.version, tunnel, value, &v, &why);
	if (e) {
		refuse_error(call, e, &why);
		return;
	}
	follow_candidate(d, tunnel, value);
	mpq_transaction_start(d, v, 0, call->by, on_switched, call);
}

static void do_tunnel_enable(struct mpq_daemon *d,
			     struct mpq_northbound_call *call)
{
	switch_tunnel(d, call, "true");
}

static void do_tunnel_disable(struct mpq_daemon *d,
			      struct mpq_northbound_call *call)
{
	switch_tunnel(d, call, "false");
}

/* ---- paths ---- */

static void refuse_not_connected(struct mpq_northbound_call *call)
{
	struct mpq_refusal why;

	(void)mpq_refusal_set(&why, "", "mpquic-data is not connected.");
	(void)mpq_refusal_next(&why, "systemctl status mpquic-data");
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_REFUSED, &why);
}

static void on_held(void *context, int error, struct json_object *parameters)
{
	struct mpq_northbound_call *call = context;
	struct json_object *message = NULL;
	struct mpq_refusal why;

	if (!error) {
		mpq_northbound_reply(call, NULL);
		return;
	}
	(void)json_object_object_get_ex(parameters, "message", &message);
	(void)mpq_refusal_set(&why, "", "mpquic-data: %s.",
			      message ? json_object_get_string(message)
				      : strerror(-error));
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_REFUSED, &why);
}

static bool path_known(struct mpq_daemon *d, struct mpq_northbound_call *call,
		       const char *path)
{
	if (!mpq_config_path(d->running.version->config, path)) {
		refuse_not_found(call, "path", path);
		return false;
	}
	if (!mpq_southbound_connected(d->southbound)) {
		refuse_not_connected(call);
		return false;
	}
	return true;
}

static void hold(struct mpq_daemon *d, struct mpq_northbound_call *call,
		 const char *path, bool held)
{
	struct json_object *p = json_object_new_object();

	json_object_object_add(p, "path", json_object_new_string(path));
	json_object_object_add(p, "held", json_object_new_boolean(held));
	if (mpq_southbound_call(d->southbound, MPQ_SOUTHBOUND_HOLD, p, NULL,
				NULL, 0, on_held, call)) {
		refuse_not_connected(call);
	}
}

static void do_path_hold(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	const char *path = parameter(call, "path");
	struct mpq_json_reader r = {0};
	struct mpq_refusal why;
	uint64_t seconds;

	if (!path || !path_known(d, call, path)) {
		return;
	}
	seconds =
		mpq_json_uint_or(&r, call->parameters, "seconds", 1, 86400, 0);
	if (r.error[0]) {
		(void)mpq_refusal_set(&why, "", "parameter %s.", r.error);
		mpq_northbound_refuse(call, MPQ_NORTHBOUND_INVALID, &why);
		return;
	}
	mpq_holds_set(&d->holds, path, seconds);
	hold(d, call, path, true);
}

static void do_path_release(struct mpq_daemon *d,
			    struct mpq_northbound_call *call)
{
	const char *path = parameter(call, "path");

	if (path && path_known(d, call, path)) {
		mpq_holds_clear(&d->holds, path);
		hold(d, call, path, false);
	}
}

/* ---- watching ---- */

struct status_call {
	struct mpq_daemon *daemon;
	struct mpq_northbound_call *call;
};

static void on_status(void *context, int error, struct json_object *parameters)
{
	struct status_call *s = context;

	mpq_northbound_reply(s->call,
			     mpq_status_new(s->daemon,
					    error ? NULL : parameters));
	free(s);
}

static void do_status(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	struct status_call *s = calloc(1, sizeof(*s));

	if (!s) {
		refuse_error(call, -ENOMEM, NULL);
		return;
	}
	*s = (struct status_call){.daemon = d, .call = call};
	if (mpq_southbound_call(d->southbound, MPQ_SOUTHBOUND_STATUS,
				json_object_new_object(), NULL, NULL, 0,
				on_status, s)) {
		on_status(s, -ENOTCONN, NULL);
	}
}

static void add_event(void *context, struct json_object *event)
{
	json_object_array_add(context, json_object_get(event));
}

static void stream_event(void *context, struct json_object *event)
{
	mpq_northbound_stream(context, event);
}

static void do_events(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	struct mpq_json_reader r = {0};
	struct json_object *o, *list;

	if (call->more) {
		if (mpq_json_bool_or(&r, call->parameters, "backlog", false)) {
			mpq_events_replay(&d->events, stream_event, call);
		}
		mpq_northbound_subscribe(call);
		return;
	}
	o = json_object_new_object();
	list = json_object_new_array();
	mpq_events_replay(&d->events, add_event, list);
	json_object_object_add(o, "events", list);
	mpq_northbound_reply(call, o);
}

/* ---- */

static const struct {
	const char *method;
	void (*run)(struct mpq_daemon *d, struct mpq_northbound_call *call);
} methods[] = {
	{"Status", do_status},
	{"Check", do_check},
	{"Load", do_load},
	{"Diff", do_diff},
	{"Commit", do_commit},
	{"Discard", do_discard},
	{"ShowConfig", do_show_config},
	{"PathHold", do_path_hold},
	{"PathRelease", do_path_release},
	{"TunnelEnable", do_tunnel_enable},
	{"TunnelDisable", do_tunnel_disable},
	{"Events", do_events},
};

void mpq_requests_dispatch(struct mpq_daemon *d,
			   struct mpq_northbound_call *call)
{
	struct mpq_refusal why;
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!strcmp(methods[i].method, call->method)) {
			methods[i].run(d, call);
			return;
		}
	}
	(void)mpq_refusal_set(&why, "", "there is no method %s%s.",
			      MPQ_NORTHBOUND_PREFIX, call->method);
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_NOT_FOUND, &why);
}
