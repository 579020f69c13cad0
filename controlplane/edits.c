/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/edits.h"

#include "common/northbound.h"
#include "controlplane/answers.h"
#include "controlplane/daemon.h"
#include "controlplane/hints.h"
#include "controlplane/transaction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mpq_version *parse(struct mpq_daemon *d,
				 struct mpq_northbound_call *call)
{
	const char *text = mpq_answers_parameter(call, "config");
	struct mpq_version *v = NULL;
	struct mpq_refusal why;
	int e;

	if (!text) {
		return NULL;
	}
	e = mpq_version_new(&v, d->schema, text, strlen(text), time(NULL),
			    false, &why);
	if (e) {
		mpq_answers_error(call, e, &why);
		return NULL;
	}
	return v;
}

/* What a change to it brings that an operator may not expect. */
static struct json_object *warnings(const struct mpq_daemon *d,
				    const struct mpq_version *v)
{
	struct json_object *list = json_object_new_array();

	mpq_hints_of_change(d->running.version->config, v->config, list);
	return list;
}

static bool device_exists(void *context, const char *interface)
{
	const struct mpq_daemon *d = context;

	return mpq_monitor_link(mpq_kernel_monitor(d->kernel), interface);
}

static void add_hints(struct mpq_daemon *d, struct json_object *o,
		      const struct mpq_version *v)
{
	struct json_object *list = mpq_hints_new(v->config);

	mpq_hints_of_devices(v->config, device_exists, d, list);
	json_object_object_add(o, "hints", list);
}

void mpq_edits_check(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	struct mpq_version *v = parse(d, call);
	struct json_object *o;

	if (v) {
		o = json_object_new_object();
		add_hints(d, o, v);
		mpq_version_free(v);
		mpq_northbound_reply(call, o);
	}
}

static struct json_object *changes_reply(struct json_object *changes,
					 struct json_object *warnings)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "changes", changes);
	json_object_object_add(o, "warnings", warnings);
	return o;
}

static struct json_object *diff(const struct mpq_daemon *d)
{
	return d->candidate ? mpq_tree_diff(d->running.version->tree,
					    d->candidate->tree)
			    : json_object_new_array();
}

void mpq_edits_load(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	struct mpq_version *v = parse(d, call);
	struct json_object *o;

	if (v) {
		mpq_version_free(d->candidate);
		d->candidate = v;
		o = changes_reply(diff(d), warnings(d, v));
		add_hints(d, o, v);
		mpq_northbound_reply(call, o);
	}
}

void mpq_edits_diff(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	const struct mpq_version *v =
		d->candidate ? d->candidate : d->running.version;

	mpq_northbound_reply(call, changes_reply(diff(d), warnings(d, v)));
}

void mpq_edits_discard(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	mpq_version_free(d->candidate);
	d->candidate = NULL;
	mpq_northbound_reply(call, NULL);
}

void mpq_edits_show_config(struct mpq_daemon *d,
			   struct mpq_northbound_call *call)
{
	const char *which = mpq_answers_parameter(call, "which");
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
	struct json_object *warnings;
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
		o = changes_reply(json_object_get(changes),
				  json_object_get(c->warnings));
		json_object_object_add(o, "generation",
				       json_object_new_int64(generation));
		mpq_northbound_reply(c->call, o);
	}
	json_object_put(c->warnings);
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
		mpq_answers_error(call, e, &why);
		return NULL;
	}
	return fresh;
}

/* Without a candidate a commit reads certificates and keys anew. */
void mpq_edits_commit(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	struct mpq_version *v =
		renew(call, d->candidate ? d->candidate : d->running.version);
	struct commit_call *c = v ? calloc(1, sizeof(*c)) : NULL;

	if (c) {
		*c = (struct commit_call){.daemon = d,
					  .call = call,
					  .warnings = warnings(d, v)};
		mpq_transaction_start(d, v, 0, call->by, on_committed, c);
	} else if (v) {
		mpq_version_free(v);
		mpq_answers_error(call, -ENOMEM, NULL);
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
			  struct mpq_northbound_call *call, bool enabled)
{
	const char *tunnel = mpq_answers_parameter(call, "tunnel");
	const struct mpq_config_tunnel *t;
	struct mpq_version *v = NULL;
	struct mpq_refusal why;
	int e;

	if (!tunnel) {
		return;
	}
	t = mpq_config_tunnel(d->running.version->config, tunnel);
	if (!t) {
		mpq_answers_not_found(call, "tunnel", tunnel);
		return;
	}
	follow_candidate(d, tunnel, enabled ? "true" : "false");
	if (t->enabled == enabled) {
		mpq_northbound_reply(call, NULL);
		return;
	}
	e = with_enabled(d->running.version, tunnel, enabled ? "true" : "false",
			 &v, &why);
	if (e) {
		mpq_answers_error(call, e, &why);
		return;
	}
	mpq_transaction_start(d, v, 0, call->by, on_switched, call);
}

void mpq_edits_tunnel_enable(struct mpq_daemon *d,
			     struct mpq_northbound_call *call)
{
	switch_tunnel(d, call, true);
}

void mpq_edits_tunnel_disable(struct mpq_daemon *d,
			      struct mpq_northbound_call *call)
{
	switch_tunnel(d, call, false);
}
