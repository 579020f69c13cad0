/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/control.h"

#include "common/json.h"
#include "common/log.h"
#include "common/southbound.h"
#include "dataplane/telemetry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

/* A call under way: what came with it and what will be answered. */
struct call {
	struct mpq_control *control;
	struct json_object *parameters;
	struct json_object *labels; /* of the descriptors; borrowed */
	int *fds;                   /* -1 once taken */
	size_t n_fds;
	struct mpq_json_reader in;
	struct json_object *reply;  /* parameters of the reply, or NULL */
	char at[128], message[256]; /* message != "": refused */
};

/* ---- sending ------------------------------------------------------------- */

static void disconnect(struct mpq_control *c, const char *why);

static void send_message(struct mpq_control *c, struct json_object *message,
			 const int *fds, size_t n)
{
	int r;

	if (c->frame == NULL) {
		c->lost_events++;
	} else {
		r = mpq_frame_send(c->frame, message, fds, n);
		if (r < 0) {
			disconnect(c, strerror(-r));
		} else {
			mpq_loop_want_write(&c->watch,
					    mpq_frame_wants_write(c->frame));
		}
	}
	json_object_put(message);
}

static void send_event(struct mpq_control *c, struct json_object *parameters)
{
	struct json_object *message = json_object_new_object();

	json_object_object_add(message, "method",
			       json_object_new_string(MPQ_SOUTHBOUND_EVENT));
	json_object_object_add(message, "oneway",
			       json_object_new_boolean(true));
	json_object_object_add(message, "parameters", parameters);
	send_message(c, message, NULL, 0);
}

static void say_hello(struct mpq_control *c)
{
	const struct mpq_engine *e = c->engine;
	struct json_object *message = json_object_new_object();
	struct json_object *p = json_object_new_object();
	struct json_object *labels = json_object_new_array();
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
	size_t n = 0;

	json_object_object_add(p, "protocol",
			       json_object_new_int(MPQ_SOUTHBOUND_PROTOCOL));
	json_object_object_add(p, "version",
			       json_object_new_string(MPQ_VERSION));
	json_object_object_add(p, "pid", json_object_new_int(getpid()));
	json_object_object_add(p, "generation",
			       json_object_new_uint64(
				       e->snapshot != NULL
					       ? e->snapshot->generation
					       : 0));
	json_object_object_add(p, "paths", mpq_telemetry_sockets(e));
	for (size_t i = 0; i < e->n_tunnels && n < MPQ_FRAME_MAX_DESCRIPTORS;
	     i++) {
		const struct mpq_tunnel *t = e->tunnels[i];
		struct json_object *label = json_object_new_object();

		if (t->device_gone) {
			json_object_put(label);
			continue;
		}
		json_object_object_add(label, "tun",
				       json_object_new_string(t->config.name));
		json_object_array_add(labels, label);
		fds[n++] = t->tun.fd;
	}
	json_object_object_add(message, "method",
			       json_object_new_string(MPQ_SOUTHBOUND_HELLO));
	json_object_object_add(message, "parameters", p);
	if (n > 0) {
		json_object_object_add(message, "descriptors", labels);
	} else {
		json_object_put(labels);
	}
	send_message(c, message, fds, n);
}

static void send_reply(struct mpq_control *c, struct call *call)
{
	struct json_object *message = json_object_new_object();

	if (call->message[0] != '\0') {
		struct json_object *p = json_object_new_object();

		json_object_object_add(message, "error",
				       json_object_new_string(
					       MPQ_SOUTHBOUND_REFUSED));
		json_object_object_add(p, "path",
				       json_object_new_string(call->at));
		json_object_object_add(p, "message",
				       json_object_new_string(call->message));
		json_object_object_add(message, "parameters", p);
		json_object_put(call->reply);
	} else {
		json_object_object_add(message, "parameters",
				       call->reply != NULL
					       ? call->reply
					       : json_object_new_object());
	}
	send_message(c, message, NULL, 0);
}

/* ---- events of the engine ------------------------------------------------ */

static void on_path(void *owner, const struct mpq_path *p,
		    enum mpq_life_state was)
{
	mpq_log_notice("path=%s: %s -> %s%s%s", p->config.name,
		       mpq_life_state_name(was),
		       mpq_life_state_name(p->life.state),
		       p->life.reason[0] != '\0' ? ": " : "", p->life.reason);
	send_event(owner, mpq_telemetry_path_event(p, was));
}

static void on_tunnel(void *owner, const struct mpq_tunnel *t,
		      const struct mpq_sockaddr *remote)
{
	mpq_log_info("tunnel=%s: %s%s", t->config.name,
		     t->channel != NULL ? "up" : "down: ",
		     t->channel != NULL ? "" : t->reason);
	send_event(owner, mpq_telemetry_tunnel_event(t, remote));
}

static void on_refused(void *owner, const char *path,
		       const struct mpq_sockaddr *remote, const char *reason)
{
	char text[MPQ_SOCKADDR_TEXT_BYTES];

	mpq_log_notice("path=%s: refused %s: %s", path,
		       mpq_sockaddr_format(remote, text), reason);
	send_event(owner, mpq_telemetry_refused_event(path, remote, reason));
}

const struct mpq_engine_events mpq_control_events = {
	.path = on_path,
	.tunnel = on_tunnel,
	.refused = on_refused,
};

/* ---- calls from mpquic-control --------------------------------------------
 */

static bool label_of(struct json_object *label, struct mpq_engine_descriptor *d)
{
	static const struct {
		const char *key;
		enum mpq_engine_kind kind;
	} kinds[] = {{"tun", MPQ_ENGINE_TUN}, {"listen", MPQ_ENGINE_LISTEN}};
	struct json_object *name;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (json_object_object_get_ex(label, kinds[i].key, &name)) {
			d->kind = kinds[i].kind;
			(void)snprintf(d->name, sizeof(d->name), "%s",
				       json_object_get_string(name));
			return true;
		}
	}
	return false;
}

static void do_apply(struct call *call)
{
	struct mpq_engine_descriptor d[MPQ_FRAME_MAX_DESCRIPTORS];
	struct json_object *o =
		mpq_json_object(&call->in, call->parameters, "snapshot");
	struct mpq_snapshot *snapshot;
	size_t n = 0;

	if (call->in.error[0] != '\0' ||
	    mpq_snapshot_parse(&snapshot, o, call->at, call->message) < 0) {
		return;
	}
	for (size_t i = 0; i < call->n_fds; i++) {
		if (label_of(json_object_array_get_idx(call->labels, i),
			     &d[n])) {
			d[n++].fd = call->fds[i];
			call->fds[i] = -1;
		}
	}
	if (mpq_engine_apply(call->control->engine, snapshot, d, n, call->at,
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
	struct mpq_path *p = mpq_engine_path(call->control->engine, name);

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

static void do_socket(struct call *call)
{
	struct mpq_path *p = path_of(call);
	const char *name = mpq_json_string(&call->in, call->parameters, "link");
	const char *reason =
		mpq_json_string_or(&call->in, call->parameters, "reason", "");
	const char *local = mpq_json_string_or(&call->in, call->parameters,
					       "local-address", "");
	unsigned device =
		(unsigned)mpq_json_uint_or(&call->in, call->parameters,
					   "device-index", 0, UINT32_MAX, 0);
	enum mpq_life_state link;
	int r;

	if (p == NULL || call->in.error[0] != '\0') {
		return;
	}
	if (link_of(name, &link) < 0) {
		mpq_json_fail(&call->in, "link", "\"%s\" is unknown", name);
		return;
	}
	if (link == MPQ_LIFE_CONNECTING && call->n_fds != MPQ_PATH_SOCKETS) {
		mpq_json_fail(&call->in, "descriptors",
			      "a ready link comes with %d sockets, not %zu",
			      MPQ_PATH_SOCKETS, call->n_fds);
		return;
	}
	p->device_index = device;
	(void)snprintf(p->local_address, sizeof(p->local_address), "%s", local);
	r = mpq_path_link(p, link, reason, call->fds,
			  mpq_loop_now(call->control->engine->loop));
	for (size_t i = 0; link == MPQ_LIFE_CONNECTING && i < call->n_fds;
	     i++) {
		call->fds[i] = -1;
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
		mpq_path_hold(p, held,
			      mpq_loop_now(call->control->engine->loop));
	}
}

static void do_status(struct call *call)
{
	struct mpq_engine *e = call->control->engine;

	call->reply = mpq_telemetry_status(e, mpq_loop_now(e->loop));
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

static void handle(struct mpq_control *c, struct json_object *message, int *fds,
		   size_t n_fds)
{
	struct call call = {.control = c, .fds = fds, .n_fds = n_fds};
	struct json_object *method, *descriptors;

	if (!json_object_object_get_ex(message, "method", &method)) {
		struct json_object *error;

		if (json_object_object_get_ex(message, "error", &error)) {
			mpq_log_error("mpquic-control refused our hello: %s",
				      json_object_to_json_string(message));
		}
	} else {
		(void)json_object_object_get_ex(message, "parameters",
						&call.parameters);
		if (json_object_object_get_ex(message, "descriptors",
					      &descriptors)) {
			call.labels = descriptors;
		}
		dispatch(&call, json_object_get_string(method));
		if (call.message[0] == '\0' && call.in.error[0] != '\0') {
			(void)snprintf(call.message, sizeof(call.message), "%s",
				       call.in.error);
		}
		if (call.message[0] != '\0') {
			mpq_log_warn("refused %s: %s %s",
				     json_object_get_string(method), call.at,
				     call.message);
		}
		send_reply(c, &call);
	}
	for (size_t i = 0; i < n_fds; i++) {
		if (fds[i] >= 0) {
			(void)close(fds[i]);
		}
	}
}

/* ---- the connection -------------------------------------------------------
 */

static void arm_retry(struct mpq_control *c)
{
	struct itimerspec in = {.it_value.tv_nsec =
					MPQ_SOUTHBOUND_RETRY_MS * 1000000L};

	(void)timerfd_settime(c->retry_fd, 0, &in, NULL);
}

static void disconnect(struct mpq_control *c, const char *why)
{
	mpq_log_warn("mpquic-control: %s; forwarding on with what is there",
		     why);
	mpq_loop_unwatch(&c->watch);
	mpq_frame_free(c->frame);
	c->frame = NULL;
	arm_retry(c);
}

static void on_readable(void *owner, mpq_time now)
{
	struct mpq_control *c = owner;
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
	struct json_object *message;
	size_t n;
	int r = mpq_frame_receive(c->frame);
	int more = 1;

	(void)now;
	while (c->frame != NULL && more > 0) {
		more = mpq_frame_next(c->frame, &message, fds, &n);
		if (more > 0) {
			handle(c, message, fds, n);
			json_object_put(message);
		}
	}
	if (c->frame != NULL && (r < 0 || more < 0)) {
		disconnect(c, r == -EPIPE ? "is gone"
					  : strerror(r < 0 ? -r : -more));
	}
}

static void on_writable(void *owner, mpq_time now)
{
	struct mpq_control *c = owner;
	int r = mpq_frame_flush(c->frame);

	(void)now;
	if (r < 0) {
		disconnect(c, strerror(-r));
		return;
	}
	mpq_loop_want_write(&c->watch, mpq_frame_wants_write(c->frame));
}

/* Only root or our own user may tell us what to do. */
static bool trusted(const struct mpq_frame *f)
{
	unsigned uid, gid;
	int pid;

	return mpq_frame_peer(f, &uid, &gid, &pid) == 0 &&
	       (uid == 0 || uid == getuid());
}

static int open_line(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd, r;

	if (strlen(path) >= sizeof(to.sun_path)) {
		return -ENAMETOOLONG;
	}
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	return fd;
}

static void connect_line(struct mpq_control *c)
{
	int fd = open_line(c->socket_path);

	c->frame = fd >= 0 ? mpq_frame_new(fd) : NULL;
	if (c->frame != NULL && !trusted(c->frame)) {
		mpq_log_error("%s: the listener is neither root nor our own "
			      "user; not obeying it",
			      c->socket_path);
		mpq_frame_free(c->frame);
		c->frame = NULL;
	}
	if (c->frame == NULL) {
		arm_retry(c);
		return;
	}
	c->watch = (struct mpq_loop_fd){
		.fd = mpq_frame_fd(c->frame),
		.readable = on_readable,
		.writable = on_writable,
		.owner = c,
	};
	if (mpq_loop_watch(c->engine->loop, &c->watch) < 0) {
		disconnect(c, "out of memory");
		return;
	}
	mpq_log_info("connected to mpquic-control at %s", c->socket_path);
	say_hello(c);
}

static void on_retry(void *owner, mpq_time now)
{
	struct mpq_control *c = owner;
	uint64_t ticks;

	(void)now;
	if (read(c->retry_fd, &ticks, sizeof(ticks)) > 0 && c->frame == NULL) {
		connect_line(c);
	}
}

int mpq_control_start(struct mpq_control *c, struct mpq_engine *engine,
		      const char *socket_path)
{
	int r;

	memset(c, 0, sizeof(*c));
	c->engine = engine;
	c->socket_path = socket_path;
	c->retry_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->retry_fd < 0) {
		return -errno;
	}
	c->retry = (struct mpq_loop_fd){.fd = c->retry_fd,
					.readable = on_retry,
					.owner = c};
	r = mpq_loop_watch(engine->loop, &c->retry);
	if (r < 0) {
		return r;
	}
	connect_line(c);
	if (c->frame == NULL) {
		mpq_log_notice("waiting for mpquic-control at %s", socket_path);
	}
	return 0;
}

void mpq_control_stop(struct mpq_control *c)
{
	mpq_loop_unwatch(&c->watch);
	mpq_loop_unwatch(&c->retry);
	mpq_frame_free(c->frame);
	c->frame = NULL;
	if (c->retry_fd >= 0) {
		(void)close(c->retry_fd);
	}
}
