/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/southbound.h"

#include "common/json.h"
#include "common/log.h"
#include "common/southbound.h"
#include "controlplane/channel.h"
#include "controlplane/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL_SECONDS  5.0  /* a call that takes longer has failed .. */
#define STUCK_SECONDS 15.0 /* .. and so has who does not answer it at all */
#define CLIENTS_MAX   4    /* connections, of which one has said Hello */

struct call {
	struct call *next;
	mpq_southbound_done *done; /* NULL: told, or nobody asks */
	void *context;
	ev_tstamp at;
};

struct client {
	struct client *next;
	struct mpq_southbound *southbound;
	struct mpq_channel *channel;
	int pid;
	bool greeted; /* it has said Hello, and is southbound->current */
	struct call *calls, **calls_tail; /* oldest first */
};

struct mpq_southbound {
	struct ev_loop *loop;
	struct mpq_server *server;
	struct client *clients, *current;
	uid_t data_uid;
	ev_timer tick;
	const struct mpq_southbound_events *events;
	void *owner;
};

static struct client **find(struct mpq_southbound *s, const struct client *c)
{
	struct client **at = &s->clients;

	while (*at != c) {
		at = &(*at)->next;
	}
	return at;
}

static void finish_call(struct call *call, int error,
			struct json_object *parameters)
{
	if (call->done) {
		call->done(call->context, error, parameters);
	}
	call->done = NULL;
}

static void client_free(struct client *c)
{
	struct mpq_southbound *s = c->southbound;
	struct client **at = find(s, c);
	struct call *call;

	*at = c->next;
	if (s->current == c) {
		s->current = NULL;
	}
	while ((call = c->calls)) {
		c->calls = call->next;
		finish_call(call, -ECONNRESET, NULL);
		free(call);
	}
	mpq_channel_free(c->channel);
	free(c);
}

static void on_closed(void *owner, int error)
{
	struct client *c = owner;
	struct mpq_southbound *s = c->southbound;
	bool was_current = s->current == c;

	if (error && error != -EPIPE) {
		mpq_log_warn("mpquic-data (pid %d): connection lost: %s",
			     c->pid, strerror(-error));
	}
	client_free(c);
	if (was_current) {
		s->events->lost(s->owner);
	}
}

static void reply(struct client *c, const char *error, const char *message)
{
	struct json_object *o = json_object_new_object(),
			   *p = json_object_new_object();

	if (error) {
		json_object_object_add(o, "error",
				       json_object_new_string(error));
		json_object_object_add(p, "message",
				       json_object_new_string(message));
	}
	json_object_object_add(o, "parameters", p);
	mpq_channel_send(c->channel, o, NULL, 0);
}

static void refuse_hello(struct client *c, const char *message)
{
	mpq_log_error("mpquic-data (pid %d): Hello refused: %s", c->pid,
		      message);
	reply(c, MPQ_SOUTHBOUND_REFUSED, message);
	mpq_channel_close(c->channel);
}

/* The labels beside Hello's descriptors: {"tun": "mpq1"} each. */
static void read_labels(struct mpq_json_reader *r, struct json_object *message,
			int *fds, size_t n, struct mpq_southbound_hello *h)
{
	struct json_object *labels =
		mpq_json_array_or_null(r, message, "descriptors");
	size_t i;

	for (i = 0; labels && i < n && !r->error[0]; i++) {
		h->tun[i].name =
			mpq_json_string(r, json_object_array_get_idx(labels, i),
					"tun");
		h->tun[i].fd = fds[i];
		h->tuns = i + 1;
	}
}

static void close_all(const int *fds, size_t n)
{
	while (n > 0) {
		(void)close(fds[--n]);
	}
}

/* What was said before by another one is void. */
static void make_current(struct mpq_southbound *s, struct client *c)
{
	struct client *was = s->current;

	if (was && was != c) {
		mpq_log_warn("mpquic-data (pid %d) takes the place of pid %d",
			     c->pid, was->pid);
		client_free(was);
		s->events->lost(s->owner);
	}
	c->greeted = true;
	s->current = c;
}

static void on_hello(struct client *c, struct json_object *message, int *fds,
		     size_t n)
{
	struct mpq_json_reader r = {.at = "Hello"};
	struct json_object *p = mpq_json_object(&r, message, "parameters");
	struct mpq_southbound_hello h = {0};

	(void)mpq_json_uint(&r, p, "protocol", MPQ_SOUTHBOUND_PROTOCOL,
			    MPQ_SOUTHBOUND_PROTOCOL);
	h.version = mpq_json_string(&r, p, "version");
	h.pid = c->pid;
	h.generation =
		(uint32_t)mpq_json_uint(&r, p, "generation", 0, UINT32_MAX);
	h.paths = mpq_json_array_or_null(&r, p, "paths");
	read_labels(&r, message, fds, n, &h);
	if (r.error[0]) {
		close_all(fds, n);
		refuse_hello(c, r.error);
		return;
	}
	reply(c, NULL, NULL);
	make_current(c->southbound, c);
	c->southbound->events->hello(c->southbound->owner, &h);
}

static void on_event(struct client *c, struct json_object *message)
{
	struct mpq_json_reader r = {.at = "Event"};
	struct json_object *p = mpq_json_object(&r, message, "parameters");

	(void)mpq_json_string(&r, p, "event");
	if (r.error[0]) {
		mpq_log_warn("mpquic-data (pid %d): %s, event passed over",
			     c->pid, r.error);
		return;
	}
	if (c->southbound->current == c) {
		c->southbound->events->event(c->southbound->owner, p);
	}
}

static void on_reply(struct client *c, struct json_object *message)
{
	struct json_object *parameters = NULL;
	struct call *call = c->calls;
	bool refused = json_object_object_get_ex(message, "error", NULL);

	if (!call) {
		mpq_log_error("mpquic-data (pid %d): a reply without a call",
			      c->pid);
		mpq_channel_close(c->channel);
		return;
	}
	c->calls = call->next;
	if (!c->calls) {
		c->calls_tail = &c->calls;
	}
	(void)json_object_object_get_ex(message, "parameters", &parameters);
	finish_call(call, refused ? -EREMOTE : 0, parameters);
	free(call);
}

static void on_message(void *owner, struct json_object *message, int *fds,
		       size_t n)
{
	struct client *c = owner;
	struct json_object *method = NULL;
	const char *name;

	if (!json_object_object_get_ex(message, "method", &method)) {
		close_all(fds, n);
		on_reply(c, message);
		return;
	}
	name = json_object_get_string(method);
	if (!strcmp(name, MPQ_SOUTHBOUND_HELLO)) {
		on_hello(c, message, fds, n);
		return;
	}
	close_all(fds, n);
	if (!strcmp(name, MPQ_SOUTHBOUND_EVENT)) {
		on_event(c, message);
	} else {
		reply(c, MPQ_SOUTHBOUND_REFUSED, "no such method");
	}
}

static const struct mpq_channel_events channel_events = {
	.message = on_message,
	.closed = on_closed,
};

static size_t count(const struct mpq_southbound *s)
{
	const struct client *c;
	size_t n = 0;

	for (c = s->clients; c; c = c->next) {
		n++;
	}
	return n;
}

static void on_accepted(void *context, int fd,
			const struct mpq_server_peer *peer)
{
	struct mpq_southbound *s = context;
	struct client *c;

	if (peer->uid != 0 && peer->uid != s->data_uid) {
		mpq_log_warn("pid %d of uid %u is not mpquic-data: turned away",
			     (int)peer->pid, (unsigned)peer->uid);
		(void)close(fd);
		return;
	}
	c = count(s) < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		mpq_log_warn("too many connections of mpquic-data: pid %d "
			     "turned away",
			     (int)peer->pid);
		(void)close(fd);
		return;
	}
	c->southbound = s;
	c->pid = peer->pid;
	c->calls_tail = &c->calls;
	c->channel = mpq_channel_new(s->loop, fd, &channel_events, c);
	if (!c->channel) {
		free(c);
		return;
	}
	c->next = s->clients;
	s->clients = c;
}

/* Tells the callers that time is up. The place in the row stays: the reply may
 * still come, and belongs to this call. */
static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct mpq_southbound *s = w->data;
	struct client *c = s->current;
	ev_tstamp now = ev_now(loop);
	struct call *call;

	(void)revents;
	if (!c) {
		return;
	}
	if (c->calls && now - c->calls->at > STUCK_SECONDS) {
		mpq_log_error("mpquic-data (pid %d) has not answered for %.0f "
			      "s: cut off, so that it connects again",
			      c->pid, STUCK_SECONDS);
		mpq_channel_close(c->channel);
	}
	for (call = c->calls; call && s->current == c; call = call->next) {
		if (now - call->at > CALL_SECONDS) {
			finish_call(call, -ETIMEDOUT, NULL);
		}
	}
}

int mpq_southbound_new(struct mpq_southbound **ret, struct ev_loop *loop,
		       const struct mpq_southbound_config *config,
		       struct mpq_refusal *r)
{
	struct mpq_southbound *s = calloc(1, sizeof(*s));
	struct mpq_server_config server = {
		.path = config->path,
		.group = config->data_gid,
		.mode = config->data_gid == (gid_t)-1 ? 0600 : 0660,
		.accepted = on_accepted,
		.context = s,
	};
	int e;

	if (!s) {
		return -ENOMEM;
	}
	s->loop = loop;
	s->data_uid = config->data_uid;
	s->events = config->events;
	s->owner = config->owner;
	e = mpq_server_new(&s->server, loop, &server, r);
	if (e) {
		free(s);
		return e;
	}
	ev_timer_init(&s->tick, on_tick, 0.5, 0.5);
	s->tick.data = s;
	ev_timer_start(loop, &s->tick);
	*ret = s;
	return 0;
}

void mpq_southbound_free(struct mpq_southbound *s)
{
	if (!s) {
		return;
	}
	ev_timer_stop(s->loop, &s->tick);
	while (s->clients) {
		client_free(s->clients);
	}
	mpq_server_free(s->server);
	free(s);
}

bool mpq_southbound_connected(const struct mpq_southbound *s)
{
	return s->current != NULL;
}

int mpq_southbound_call(struct mpq_southbound *s, const char *method,
			struct json_object *parameters,
			struct json_object *labels, const int *fds, size_t n,
			mpq_southbound_done *done, void *context)
{
	struct json_object *o = json_object_new_object();
	struct client *c = s->current;
	struct call *call = c ? calloc(1, sizeof(*call)) : NULL;

	json_object_object_add(o, "method", json_object_new_string(method));
	json_object_object_add(o, "parameters", parameters);
	if (labels && n > 0) {
		json_object_object_add(o, "descriptors", labels);
	} else {
		json_object_put(labels);
	}
	if (!call) {
		json_object_put(o);
		return c ? -ENOMEM : -ENOTCONN;
	}
	*call = (struct call){.done = done,
			      .context = context,
			      .at = ev_now(s->loop)};
	*c->calls_tail = call;
	c->calls_tail = &call->next;
	mpq_channel_send(c->channel, o, fds, n);
	return 0;
}
