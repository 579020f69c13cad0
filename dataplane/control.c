/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/control.h"

#include "common/log.h"
#include "common/southbound.h"
#include "dataplane/calls.h"
#include "dataplane/telemetry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

/* After one end did not want the other: that takes a person to change. */
#define PATIENT_RETRY (5 * MPQ_SECOND)

/* So many decisions of steering are told at once, then one each interval. */
#define STORIES          50
#define STORY_INTERVAL   (100 * MPQ_MILLISECOND)
#define MEMBERS          8
#define MEMBERS_INTERVAL (5 * MPQ_SECOND)

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
		     mpq_tunnel_is_up(t) ? "up" : "down: ",
		     mpq_tunnel_is_up(t) ? "" : t->reason);
	send_event(owner, mpq_telemetry_tunnel_event(t, remote));
}

static void on_refused(void *owner, const char *path,
		       const struct mpq_tunnel *t,
		       const struct mpq_sockaddr *remote, const char *reason)
{
	char text[MPQ_SOCKADDR_TEXT_BYTES];

	mpq_log_notice("%s%s%spath=%s: refused %s: %s",
		       t != NULL ? "tunnel=" : "",
		       t != NULL ? t->config.name : "", t != NULL ? " " : "",
		       path, mpq_sockaddr_format(remote, text), reason);
	send_event(owner, mpq_telemetry_refused_event(path, t, remote, reason));
}

static void on_member(void *owner, const struct mpq_tunnel *t, unsigned path,
		      enum mpq_session_member_state was, const char *reason,
		      mpq_duration gap)
{
	enum mpq_session_member_state state = t->session->path[path].state;

	mpq_log_info("tunnel=%s: member %u: %s -> %s: %s", t->config.name, path,
		     mpq_session_member_state_name(was),
		     mpq_session_member_state_name(state), reason);
	/* The steps of joining are for the log. */
	if (state == MPQ_SESSION_AWAY || state >= MPQ_SESSION_TRIED) {
		send_event(owner, mpq_telemetry_member_event(t, path, was,
							     reason, gap));
	}
}

/* May one more be told? They reach *spent, which is `most` of them behind. */
static bool may_tell(mpq_time *spent, unsigned most, mpq_duration interval,
		     mpq_time now)
{
	mpq_time earliest = now - most * interval;

	if (*spent < earliest) {
		*spent = earliest;
	}
	if (*spent > now) {
		return false;
	}
	*spent += interval;
	return true;
}

/* Flows come and go by the thousand, and under load the paths over which a
 * class may spread change with each queue: only so many stories are told. */
static void on_steered(void *owner, const struct mpq_tunnel *t,
		       const struct mpq_steer_event *event)
{
	struct mpq_control *c = owner;
	bool tell = event->kind == MPQ_STEER_MEMBERS
			    ? may_tell(&c->members_spent, MEMBERS,
				       MEMBERS_INTERVAL, event->at)
			    : may_tell(&c->stories_spent, STORIES,
				       STORY_INTERVAL, event->at);

	if (tell) {
		send_event(c, mpq_telemetry_steering_event(t, event));
	} else {
		c->lost_events++;
	}
}

const struct mpq_engine_events mpq_control_events = {
	.member = on_member,
	.steered = on_steered,
	.path = on_path,
	.tunnel = on_tunnel,
	.refused = on_refused,
};

/* ---- the connection ----------------------------------------------------- */

static void arm_retry(struct mpq_control *c)
{
	mpq_duration wait = c->patient
				    ? PATIENT_RETRY
				    : MPQ_SOUTHBOUND_RETRY_MS * MPQ_MILLISECOND;
	struct itimerspec in = {
		.it_value.tv_sec = (time_t)(wait / MPQ_SECOND),
		.it_value.tv_nsec = (long)(wait % MPQ_SECOND),
	};

	c->patient = false;
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

static void close_all(const int *fds, size_t n)
{
	while (n > 0) {
		(void)close(fds[--n]);
	}
}

static void handle(struct mpq_control *c, struct json_object *message, int *fds,
		   size_t n_fds)
{
	struct json_object *reply;

	if (json_object_object_get_ex(message, "method", NULL)) {
		reply = mpq_calls_do(c->engine, message, fds, n_fds);
		if (reply != NULL) {
			send_message(c, reply, NULL, 0);
		}
		return;
	}
	close_all(fds, n_fds);
	if (json_object_object_get_ex(message, "error", NULL)) {
		mpq_log_error("mpquic-control refused our hello: %s",
			      json_object_to_json_string(message));
		c->patient = true;
		disconnect(c, "does not want us");
	}
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
	r = r < 0 ? r : more;
	if (c->frame != NULL && r < 0) {
		c->patient = r == -EMFILE;
		disconnect(c, r == -EPIPE ? "is gone" : strerror(-r));
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
	/* A listener that is stopped must not stop us. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
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
		c->patient = true;
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
