/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/northbound.h"
#include "controlplane/mpqctl/format.h"

#define ANSWER_MS 30000 /* a commit may wait for the data plane */

struct mpq_client {
	struct mpq_frame *frame;
};

static int connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(a.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(a.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		int error = -errno;

		(void)close(fd);
		return error;
	}
	return fd;
}

int mpq_client_connect(const char *socket, struct mpq_client **ret)
{
	struct mpq_client *c;
	int fd = connect_to(socket);

	if (fd < 0) {
		return fd;
	}
	c = malloc(sizeof(*c));
	if (c == NULL) {
		(void)close(fd);
		return -ENOMEM;
	}
	c->frame = mpq_frame_new(fd);
	if (c->frame == NULL) {
		free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

enum mpq_exit mpq_client_complain(const char *socket, int error)
{
	(void)fprintf(stderr,
		      "mpqctl: mpquic-control cannot be reached: %s: %s\n",
		      socket, strerror(-error));
	if (error == -EACCES || error == -EPERM) {
		(void)fputs(
			"  allowed:  root and members of the group mpquic\n"
			"  next:     sudo mpqctl ..., or usermod -aG mpquic "
			"USER and log in again\n",
			stderr);
	} else {
		(void)fputs(
			"  next:     systemctl start mpquic-control; "
			"journalctl -u mpquic-control tells why it ended\n"
			"  without:  'mpquic-control --check FILE' checks a "
			"configuration while it is not running\n",
			stderr);
	}
	return MPQ_EXIT_UNREACHABLE;
}

enum mpq_exit mpq_client_open(const struct mpq_call *call,
			      struct mpq_client **ret)
{
	int error = mpq_client_connect(call->socket, ret);

	return error != 0 ? mpq_client_complain(call->socket, error)
			  : MPQ_EXIT_OK;
}

void mpq_client_close(struct mpq_client *c)
{
	if (c != NULL) {
		mpq_frame_free(c->frame);
		free(c);
	}
}

int mpq_client_fd(const struct mpq_client *c)
{
	return mpq_frame_fd(c->frame);
}

static int wait_for(int fd, short events, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int send_call(struct mpq_client *c, const char *method,
		     struct json_object *parameters, bool more)
{
	struct json_object *m = json_object_new_object();
	char name[128];
	int result;

	(void)snprintf(name, sizeof(name), "%s%s", MPQ_NORTHBOUND_PREFIX,
		       method);
	json_object_object_add(m, "method", json_object_new_string(name));
	json_object_object_add(m, "parameters",
			       parameters != NULL ? parameters
						  : json_object_new_object());
	if (more) {
		json_object_object_add(m, "more", json_object_new_boolean(1));
	}
	result = mpq_frame_send(c->frame, m, NULL, 0);
	json_object_put(m);
	while (result == 0 && mpq_frame_wants_write(c->frame)) {
		result = wait_for(mpq_frame_fd(c->frame), POLLOUT, ANSWER_MS);
		result = result == 0  ? -ETIMEDOUT
			 : result < 0 ? result
				      : mpq_frame_flush(c->frame);
	}
	return result;
}

int mpq_client_subscribe(struct mpq_client *c, const char *method,
			 struct json_object *parameters)
{
	return send_call(c, method, parameters, true);
}

/* A reply in the buffer. Descriptors have no business here. */
static int take_reply(struct mpq_client *c, struct json_object **ret_reply)
{
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
	size_t n = 0;
	int result = mpq_frame_next(c->frame, ret_reply, fds, &n);

	for (size_t i = 0; i < n; i++) {
		(void)close(fds[i]);
	}
	return result;
}

int mpq_client_next(struct mpq_client *c, int timeout_ms,
		    struct json_object **ret_reply)
{
	int result = take_reply(c, ret_reply);

	while (result == 0) {
		int ready =
			wait_for(mpq_frame_fd(c->frame), POLLIN, timeout_ms);

		if (ready <= 0) {
			return ready;
		}
		result = mpq_frame_receive(c->frame);
		if (result == 0) {
			result = take_reply(c, ret_reply);
		}
	}
	return result;
}

static void print_line(const char *label, struct json_object *value)
{
	char *text;

	if (value == NULL) {
		return;
	}
	text = mpq_format_value(value);
	(void)fprintf(stderr, "  %-9s %s\n", label, text);
	free(text);
}

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(o, json_type_object)) {
		(void)json_object_object_get_ex(o, key, &value);
	}
	return value;
}

/* What is wrong, where, what is allowed, what to do next. */
static enum mpq_exit refused(const struct mpq_call *call,
			     struct json_object *reply)
{
	struct json_object *p = member(reply, "parameters");
	struct json_object *what = member(p, "message");
	char *text =
		mpq_format_value(what != NULL ? what : member(reply, "error"));

	if (call->json) {
		mpq_format_json(reply, true);
	}
	(void)fprintf(stderr, "mpqctl: refused: %s\n", text);
	free(text);
	print_line("where:", member(p, "path"));
	print_line("allowed:", member(p, "allowed"));
	print_line("next:", member(p, "next"));
	return MPQ_EXIT_REFUSED;
}

static enum mpq_exit lost(int error)
{
	if (error == 0) {
		(void)fprintf(
			stderr,
			"mpqctl: mpquic-control did not answer within "
			"%d s\n  next:     journalctl -u mpquic-control\n",
			ANSWER_MS / 1000);
	} else {
		(void)fprintf(stderr,
			      "mpqctl: mpquic-control closed the connection: "
			      "%s\n  next:     journalctl -u mpquic-control\n",
			      strerror(-error));
	}
	return MPQ_EXIT_UNREACHABLE;
}

enum mpq_exit mpq_client_call(struct mpq_client *c, const struct mpq_call *call,
			      const char *method,
			      struct json_object *parameters,
			      struct json_object **ret_reply)
{
	struct json_object *reply = NULL;
	enum mpq_exit result = MPQ_EXIT_OK;
	int got = send_call(c, method, parameters, false);

	if (got == 0) {
		got = mpq_client_next(c, ANSWER_MS, &reply);
	}
	if (got <= 0) {
		return lost(got);
	}
	if (member(reply, "error") != NULL) {
		result = refused(call, reply);
	} else if (ret_reply != NULL) {
		struct json_object *p = member(reply, "parameters");

		*ret_reply = p != NULL ? json_object_get(p)
				       : json_object_new_object();
	}
	json_object_put(reply);
	return result;
}

enum mpq_exit mpq_client_once(const struct mpq_call *call, const char *method,
			      struct json_object *parameters,
			      struct json_object **ret_reply)
{
	struct mpq_client *c;
	enum mpq_exit result = mpq_client_open(call, &c);

	if (result != MPQ_EXIT_OK) {
		json_object_put(parameters);
		return result;
	}
	result = mpq_client_call(c, call, method, parameters, ret_reply);
	mpq_client_close(c);
	return result;
}
