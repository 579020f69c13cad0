/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation with operators' tools: common/northbound.h, server side. One
 * call a client at a time; what comes meanwhile waits in the socket. Knows the
 * form of the messages; what a call does is in requests.c.
 */
#ifndef MPQ_CONTROLPLANE_NORTHBOUND_H
#define MPQ_CONTROLPLANE_NORTHBOUND_H

#include "controlplane/refusal.h"

#include <ev.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

#define MPQ_NORTHBOUND_CLIENTS 32

struct mpq_northbound;
struct mpq_northbound_client;

/* A call until it is answered: exactly one of reply and refuse ends it. */
struct mpq_northbound_call {
	char method[32];                /* without MPQ_NORTHBOUND_PREFIX */
	struct json_object *parameters; /* an object */
	bool more;
	char by[48]; /* who asks: "uid 1000, pid 4711" */
	struct mpq_northbound_client *client; /* NULL: gone meanwhile */
};

struct mpq_northbound_config {
	const char *path;
	gid_t group; /* may call beside root; (gid_t)-1: none */
	void (*call)(void *owner, struct mpq_northbound_call *call);
	void *owner;
};

int mpq_northbound_new(struct mpq_northbound **ret, struct ev_loop *loop,
		       const struct mpq_northbound_config *config,
		       struct mpq_refusal *r);
void mpq_northbound_free(struct mpq_northbound *n);

/* Takes `parameters`; NULL: {}. Frees the call. */
void mpq_northbound_reply(struct mpq_northbound_call *call,
			  struct json_object *parameters);
/* `error`: one of MPQ_NORTHBOUND_*. Frees the call. */
void mpq_northbound_refuse(struct mpq_northbound_call *call, const char *error,
			   const struct mpq_refusal *why);

/* Makes the call a stream, which never ends by itself. Frees the call. */
void mpq_northbound_subscribe(struct mpq_northbound_call *call);
/* One element of the stream to a call that is about to be one. */
void mpq_northbound_stream(struct mpq_northbound_call *call,
			   struct json_object *parameters);
/* To all subscribers; borrowed. */
void mpq_northbound_publish(struct mpq_northbound *n,
			    struct json_object *event);

#endif
