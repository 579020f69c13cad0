/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/requests.h"

#include "common/json.h"
#include "common/log.h"
#include "common/northbound.h"
#include "common/southbound.h"
#include "controlplane/answers.h"
#include "controlplane/daemon.h"
#include "controlplane/edits.h"
#include "controlplane/flows.h"
#include "controlplane/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- paths ---- */

static void on_held(void *context, int error, struct json_object *parameters)
{
	struct mpq_northbound_call *call = context;

	if (!error) {
		mpq_northbound_reply(call, NULL);
		return;
	}
	mpq_answers_remote(call, error, parameters);
}

static bool path_known(struct mpq_daemon *d, struct mpq_northbound_call *call,
		       const char *path)
{
	if (!mpq_config_path(d->running.version->config, path)) {
		mpq_answers_not_found(call, "path", path);
		return false;
	}
	if (!mpq_southbound_connected(d->southbound)) {
		mpq_answers_not_connected(call);
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
		mpq_answers_not_connected(call);
	}
}

static void do_path_hold(struct mpq_daemon *d, struct mpq_northbound_call *call)
{
	const char *path = mpq_answers_parameter(call, "path");
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
	const char *path = mpq_answers_parameter(call, "path");

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
		mpq_answers_error(call, -ENOMEM, NULL);
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

static const struct method {
	const char *name;
	void (*run)(struct mpq_daemon *d, struct mpq_northbound_call *call);
	bool commits; /* one at a time */
} methods[] = {
	{"Status", do_status, false},
	{"Explain", mpq_flows_explain, false},
	{"Check", mpq_edits_check, false},
	{"Load", mpq_edits_load, false},
	{"Diff", mpq_edits_diff, false},
	{"Commit", mpq_edits_commit, true},
	{"Discard", mpq_edits_discard, false},
	{"ShowConfig", mpq_edits_show_config, false},
	{"PathHold", do_path_hold, false},
	{"PathRelease", do_path_release, false},
	{"TunnelEnable", mpq_edits_tunnel_enable, true},
	{"TunnelDisable", mpq_edits_tunnel_disable, true},
	{"Events", do_events, false},
};

static const struct method *find_method(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!strcmp(methods[i].name, name)) {
			return &methods[i];
		}
	}
	return NULL;
}

static bool busy(const struct mpq_daemon *d)
{
	return d->transaction || d->dataplane.pushing;
}

/* A client has one call at a time, but one that is gone may have left its own
 * behind. */
static void wait_for_turn(struct mpq_daemon *d,
			  struct mpq_northbound_call *call)
{
	struct mpq_refusal why;

	if (d->n_waiting < MPQ_NORTHBOUND_CLIENTS) {
		d->waiting[d->n_waiting++] = call;
		return;
	}
	(void)mpq_refusal_set(&why, "",
			      "%d commits wait already for the one that is "
			      "under way.",
			      MPQ_NORTHBOUND_CLIENTS);
	(void)mpq_refusal_next(&why, "commit again in some seconds; mpqctl "
				     "status tells whether mpquic-data is "
				     "there");
	mpq_northbound_refuse(call, MPQ_NORTHBOUND_REFUSED, &why);
}

void mpq_requests_dispatch(struct mpq_daemon *d,
			   struct mpq_northbound_call *call)
{
	const struct method *m = find_method(call->method);
	struct mpq_refusal why;

	if (!m) {
		(void)mpq_refusal_set(&why, "", "there is no method %s%s.",
				      MPQ_NORTHBOUND_PREFIX, call->method);
		mpq_northbound_refuse(call, MPQ_NORTHBOUND_NOT_FOUND, &why);
	} else if (m->commits && busy(d)) {
		wait_for_turn(d, call);
	} else {
		m->run(d, call);
	}
}

void mpq_requests_resume(struct mpq_daemon *d)
{
	struct mpq_northbound_call *call;

	while (d->n_waiting > 0 && !busy(d)) {
		call = d->waiting[0];
		d->n_waiting--;
		memmove(&d->waiting[0], &d->waiting[1],
			d->n_waiting * sizeof(d->waiting[0]));
		if (call->client) {
			mpq_requests_dispatch(d, call);
		} else {
			mpq_northbound_reply(call, NULL); /* nobody asks */
		}
	}
}
