/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/calls.h"

#include "common/frame.h"
#include "common/json.h"
#include "common/log.h"
#include "common/southbound.h"
#include "dataplane/explain.h"
#include "dataplane/telemetry.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A call under way: what came with it and what will be answered. */
struct call {
	struct mpq_engine *engine;
	struct json_object *parameters;
	struct json_object *labels; /* of the descriptors; borrowed */
	int *fds;                   /* -1 once taken */
	size_t n_fds;
	struct mpq_json_reader in;
	struct json_object *reply;  /* parameters of the reply, or NULL */
	char at[128], message[256]; /* message != "": refused */
};

static bool label_of(struct json_object *label, struct mpq_engine_descriptor *d)
{
	static const struct {
		const char *key;
		enum mpq_engine_kind kind;
	} kinds[] = {{"tun", MPQ_ENGINE_TUN}, {"listen", MPQ_ENGINE_LISTEN}};
	struct json_object *name;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (json_object_object_get_ex(label, kinds[i].key, &name) &&
		    json_object_is_type(name, json_type_string)) {
			d->kind = kinds[i].kind;
			(void)snprintf(d->name, sizeof(d->name), "%s",
				       json_object_get_string(name));
			return true;
		}
	}
	return false;
}

/* Those that say what they are move to d[]; how many. */
static size_t read_descriptors(struct call *call,
			       struct mpq_engine_descriptor *d)
{
	size_t n = 0;

	for (size_t i = 0; i < call->n_fds; i++) {
		if (label_of(json_object_array_get_idx(call->labels, i),
			     &d[n])) {
			d[n++].fd = call->fds[i];
			call->fds[i] = -1;
		}
	}
	return n;
}

static void do_apply(struct call *call)
{
	struct mpq_engine_descriptor d[MPQ_FRAME_MAX_DESCRIPTORS];
	struct json_object *o =
		mpq_json_object(&call->in, call->parameters, "snapshot");
	struct mpq_snapshot *snapshot;
	size_t n;

	if (call->in.error[0] != '\0' ||
	    mpq_snapshot_parse(&snapshot, o, call->at, call->message) < 0) {
		return;
	}
	n = read_descriptors(call, d);
	if (mpq_engine_apply(call->engine, snapshot, d, n, call->at,
			     call->message) == 0) {
		call->reply = json_object_new_object();
		json_object_object_add(call->reply, "generation",
				       json_object_new_uint64(
					       snapshot->generation));
		mpq_log_info("generation %llu is in force",
			     (unsigned long long)snapshot->generation);
	}
	for (size_t i = 0; i < n; i++) {
		if (d[i].fd >= 0) {
			(void)close(d[i].fd);
		}
	}
}

static struct mpq_path *path_of(struct call *call)
{
	const char *name = mpq_json_string(&call->in, call->parameters, "path");
	struct mpq_path *p = mpq_engine_path(call->engine, name);

	if (p == NULL) {
		mpq_json_fail(&call->in, "path", "there is no path \"%s\"",
			      name);
	}
	return p;
}

static int link_of(const char *name, enum mpq_life_state *ret)
{
	if (strcmp(name, "ready") == 0) {
		*ret = MPQ_LIFE_CONNECTING;
		return 0;
	}
	return mpq_life_state_parse(name, ret);
}

struct link { /* of a Socket call; borrowed from it */
	enum mpq_life_state state;
	const char *reason, *local_address;
	unsigned device_index;
};

static void read_link(struct call *call, struct link *ret)
{
	struct json_object *o = call->parameters;
	const char *state = mpq_json_string(&call->in, o, "link");

	ret->reason = mpq_json_string_or(&call->in, o, "reason", "");
	ret->local_address =
		mpq_json_string_or(&call->in, o, "local-address", "");
	ret->device_index =
		(unsigned)mpq_json_uint_or(&call->in, o, "device-index", 0,
					   UINT32_MAX, 0);
	if (link_of(state, &ret->state) < 0) {
		mpq_json_fail(&call->in, "link", "\"%s\" is unknown", state);
	} else if (ret->state == MPQ_LIFE_CONNECTING &&
		   call->n_fds != MPQ_PATH_SOCKETS) {
		mpq_json_fail(&call->in, "descriptors",
			      "a ready link comes with %d sockets, not %zu",
			      MPQ_PATH_SOCKETS, call->n_fds);
	}
}

static void do_socket(struct call *call)
{
	struct mpq_path *p = path_of(call);
	struct link link;
	int r;

	read_link(call, &link);
	if (call->in.error[0] != '\0') {
		return;
	}
	p->device_index = link.device_index;
	(void)snprintf(p->local_address, sizeof(p->local_address), "%s",
		       link.local_address);
	r = mpq_path_link(p, link.state, link.reason, call->fds,
			  mpq_loop_now(call->engine->loop));
	if (link.state == MPQ_LIFE_CONNECTING) {
		for (size_t i = 0; i < MPQ_PATH_SOCKETS; i++) {
			call->fds[i] = -1;
		}
	}
	if (r < 0) {
		mpq_json_fail(&call->in, "descriptors",
			      "no use can be made of them: %s", strerror(-r));
	}
}

static void do_hold(struct call *call)
{
	struct mpq_path *p = path_of(call);
	bool held = mpq_json_bool(&call->in, call->parameters, "held");

	if (call->in.error[0] == '\0') {
		mpq_path_hold(p, held, mpq_loop_now(call->engine->loop));
	}
}

static void do_status(struct call *call)
{
	struct mpq_engine *e = call->engine;

	call->reply = mpq_telemetry_status(e, mpq_loop_now(e->loop));
}

static void do_explain(struct call *call)
{
	struct mpq_engine *e = call->engine;

	call->reply = mpq_explain(e, call->parameters, &call->in,
				  mpq_loop_now(e->loop));
}

static void dispatch(struct call *call, const char *method)
{
	static const struct {
		const char *method;
		void (*run)(struct call *call);
	} methods[] = {
		{MPQ_SOUTHBOUND_APPLY, do_apply},
		{MPQ_SOUTHBOUND_SOCKET_CALL, do_socket},
		{MPQ_SOUTHBOUND_HOLD, do_hold},
		{MPQ_SOUTHBOUND_STATUS, do_status},
		{MPQ_SOUTHBOUND_EXPLAIN, do_explain},
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].method, method) == 0) {
			methods[i].run(call);
			return;
		}
	}
	(void)snprintf(call->message, sizeof(call->message),
		       "mpquic-data %s knows no method \"%.100s\"", MPQ_VERSION,
		       method);
}

static struct json_object *make_reply(struct call *call)
{
	struct json_object *o = json_object_new_object();
	struct json_object *p = call->reply;

	if (p == NULL) {
		p = json_object_new_object();
	}
	if (call->message[0] != '\0') {
		json_object_object_add(o, "error",
				       json_object_new_string(
					       MPQ_SOUTHBOUND_REFUSED));
		json_object_object_add(p, "path",
				       json_object_new_string(call->at));
		json_object_object_add(p, "message",
				       json_object_new_string(call->message));
	}
	json_object_object_add(o, "parameters", p);
	return o;
}

struct json_object *mpq_calls_do(struct mpq_engine *e,
				 struct json_object *message, int *fds,
				 size_t n_fds)
{
	struct call call = {.engine = e, .fds = fds, .n_fds = n_fds};
	const char *method = mpq_json_string(&call.in, message, "method");
	bool oneway = mpq_json_bool_or(&call.in, message, "oneway", false);

	assert(n_fds <= MPQ_FRAME_MAX_DESCRIPTORS);
	(void)json_object_object_get_ex(message, "parameters",
					&call.parameters);
	(void)json_object_object_get_ex(message, "descriptors", &call.labels);
	if (call.in.error[0] == '\0') {
		dispatch(&call, method);
	}
	if (call.message[0] == '\0') {
		(void)snprintf(call.message, sizeof(call.message), "%s",
			       call.in.error);
	}
	if (call.message[0] != '\0') {
		mpq_log_warn("refused %s: %s %s", method, call.at,
			     call.message);
	}
	for (size_t i = 0; i < n_fds; i++) {
		if (fds[i] >= 0) {
			(void)close(fds[i]);
			fds[i] = -1;
		}
	}
	if (oneway) {
		json_object_put(call.reply);
		return NULL;
	}
	return make_reply(&call);
}
