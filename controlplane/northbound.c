/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/northbound.h"

#include "common/log.h"
#include "common/northbound.h"
#include "controlplane/channel.h"
#include "controlplane/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mpq_northbound_client {
	struct mpq_northbound_client *next;
	struct mpq_northbound *northbound;
	struct mpq_channel *channel;
	struct mpq_northbound_call *call; /* under way, or NULL */
	bool subscribed;
	char by[48];
};

struct mpq_northbound {
	struct ev_loop *loop;
	struct mpq_server *server;
	struct mpq_northbound_client *clients;
	size_t n;
	struct mpq_northbound_config config;
};

static void client_free(struct mpq_northbound_client *c)
{
	struct mpq_northbound_client **at = &c->northbound->clients;

	while (*at != c) {
		at = &(*at)->next;
	}
	*at = c->next;
	c->northbound->n--;
	if (c->call) {
		c->call->client = NULL;
	}
	mpq_channel_free(c->channel);
	free(c);
}

static void on_closed(void *owner, int error)
{
	struct mpq_northbound_client *c = owner;

	if (error && error != -EPIPE && error != -ECONNRESET) {
		mpq_log_warn("client (%s): cut off: %s", c->by,
			     strerror(-error));
	}
	client_free(c);
}

static void say(struct mpq_northbound_client *c, const char *error,
		struct json_object *parameters, bool continues)
{
	struct json_object *o = json_object_new_object();

	if (error) {
		json_object_object_add(o, "error",
				       json_object_new_string(error));
	}
	json_object_object_add(o, "parameters",
			       parameters ? parameters
					  : json_object_new_object());
	if (continues) {
		json_object_object_add(o, "continues",
				       json_object_new_boolean(true));
	}
	mpq_channel_send(c->channel, o, NULL, 0);
}

static void end_call(struct mpq_northbound_call *call)
{
	if (call->client) {
		call->client->call = NULL;
		mpq_channel_pause(call->client->channel, false);
	}
	json_object_put(call->parameters);
	free(call);
}

void mpq_northbound_reply(struct mpq_northbound_call *call,
			  struct json_object *parameters)
{
	if (call->client) {
		say(call->client, NULL, parameters, false);
	} else {
		json_object_put(parameters);
	}
	end_call(call);
}

static struct json_object *refusal_json(const struct mpq_refusal *why)
{
	const struct {
		const char *key, *value;
	} members[] = {
		{"message", why->message},
		{"path", why->path},
		{"allowed", why->allowed},
		{"next", why->next},
	};
	struct json_object *o = json_object_new_object();
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (i == 0 || members[i].value[0]) {
			json_object_object_add(o, members[i].key,
					       json_object_new_string(
						       members[i].value));
		}
	}
	return o;
}

void mpq_northbound_refuse(struct mpq_northbound_call *call, const char *error,
			   const struct mpq_refusal *why)
{
	if (call->client) {
		say(call->client, error, refusal_json(why), false);
	}
	end_call(call);
}

void mpq_northbound_subscribe(struct mpq_northbound_call *call)
{
	if (call->client) {
		call->client->subscribed = true;
	}
	end_call(call);
}

void mpq_northbound_stream(struct mpq_northbound_call *call,
			   struct json_object *parameters)
{
	if (call->client) {
		say(call->client, NULL, json_object_get(parameters), true);
	}
}

void mpq_northbound_publish(struct mpq_northbound *n, struct json_object *event)
{
	struct mpq_northbound_client *c;

	for (c = n->clients; c; c = c->next) {
		if (c->subscribed) {
			say(c, NULL, json_object_get(event), true);
		}
	}
}

/* The method's own name; NULL: no call of ours. */
static const char *method_name(struct json_object *message)
{
	struct json_object *method = NULL;
	const char *name;

	if (!json_object_object_get_ex(message, "method", &method) ||
	    !json_object_is_type(method, json_type_string)) {
		return NULL;
	}
	name = json_object_get_string(method);
	return strncmp(name, MPQ_NORTHBOUND_PREFIX,
		       strlen(MPQ_NORTHBOUND_PREFIX))
		       ? NULL
		       : name + strlen(MPQ_NORTHBOUND_PREFIX);
}

static void refuse_message(struct mpq_northbound_client *c)
{
	struct mpq_refusal why;

	(void)mpq_refusal_set(&why, "",
			      "this is not a call: it has no \"method\" that "
			      "starts with \"%s\".",
			      MPQ_NORTHBOUND_PREFIX);
	say(c, MPQ_NORTHBOUND_INVALID, refusal_json(&why), false);
	mpq_channel_close(c->channel);
}

static struct mpq_northbound_call *call_new(struct mpq_northbound_client *c,
					    struct json_object *message,
					    const char *method)
{
	struct mpq_northbound_call *call = calloc(1, sizeof(*call));
	struct json_object *parameters = NULL, *more = NULL;

	if (!call) {
		return NULL;
	}
	(void)json_object_object_get_ex(message, "more", &more);
	if (json_object_object_get_ex(message, "parameters", &parameters) &&
	    json_object_is_type(parameters, json_type_object)) {
		call->parameters = json_object_get(parameters);
	} else {
		call->parameters = json_object_new_object();
	}
	(void)snprintf(call->method, sizeof(call->method), "%s", method);
	call->more = more && json_object_get_boolean(more);
	memcpy(call->by, c->by, sizeof(call->by));
	call->client = c;
	return call;
}

static void on_message(void *owner, struct json_object *message, int *fds,
		       size_t n)
{
	struct mpq_northbound_client *c = owner;
	const char *method = method_name(message);

	while (n > 0) {
		(void)close(fds[--n]); /* nobody asked for them */
	}
	if (!method || c->subscribed) {
		refuse_message(c);
		return;
	}
	c->call = call_new(c, message, method);
	if (!c->call) {
		mpq_channel_close(c->channel);
		return;
	}
	mpq_channel_pause(c->channel, true);
	c->northbound->config.call(c->northbound->config.owner, c->call);
}

static const struct mpq_channel_events channel_events = {
	.message = on_message,
	.closed = on_closed,
};

static void turn_away(const struct mpq_server_peer *peer, int fd,
		      const char *why)
{
	mpq_log_warn("client of uid %u (pid %d) turned away: %s",
		     (unsigned)peer->uid, (int)peer->pid, why);
	(void)close(fd);
}

static void on_accepted(void *context, int fd,
			const struct mpq_server_peer *peer)
{
	struct mpq_northbound *n = context;
	struct mpq_northbound_client *c;

	if (peer->uid != 0 && !peer->in_group) {
		turn_away(peer, fd, "neither root nor of the group mpquic");
		return;
	}
	c = n->n < MPQ_NORTHBOUND_CLIENTS ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		turn_away(peer, fd, "too many clients");
		return;
	}
	c->northbound = n;
	(void)snprintf(c->by, sizeof(c->by), "uid %u, pid %d",
		       (unsigned)peer->uid, (int)peer->pid);
	c->channel = mpq_channel_new(n->loop, fd, &channel_events, c);
	if (!c->channel) {
		free(c);
		return;
	}
	c->next = n->clients;
	n->clients = c;
	n->n++;
}

int mpq_northbound_new(struct mpq_northbound **ret, struct ev_loop *loop,
		       const struct mpq_northbound_config *config,
		       struct mpq_refusal *r)
{
	struct mpq_northbound *n = calloc(1, sizeof(*n));
	struct mpq_server_config server = {
		.path = config->path,
		.group = config->group,
		.mode = config->group == (gid_t)-1 ? 0600 : 0660,
		.accepted = on_accepted,
		.context = n,
	};
	int e;

	if (!n) {
		return -ENOMEM;
	}
	n->loop = loop;
	n->config = *config;
	e = mpq_server_new(&n->server, loop, &server, r);
	if (e) {
		free(n);
		return e;
	}
	*ret = n;
	return 0;
}

void mpq_northbound_free(struct mpq_northbound *n)
{
	if (n) {
		while (n->clients) {
			client_free(n->clients);
		}
		mpq_server_free(n->server);
		free(n);
	}
}
