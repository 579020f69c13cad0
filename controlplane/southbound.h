/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation with mpquic-data: common/southbound.h, server side. One
 * mpquic-data at a time: a newer one that says Hello takes the place of the
 * older. Knows the form of the messages, not what is to be done about them.
 */
#ifndef MPQ_CONTROLPLANE_SOUTHBOUND_H
#define MPQ_CONTROLPLANE_SOUTHBOUND_H

#include "common/frame.h"
#include "controlplane/refusal.h"

#include <ev.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mpq_southbound;

struct mpq_southbound_hello { /* borrowed for the call */
	uint32_t generation;  /* 0: it has no configuration yet */
	int pid;
	const char *version;
	struct json_object *paths; /* an array, or NULL */
	struct {
		const char *name;
		int fd; /* the receiver's to close */
	} tun[MPQ_FRAME_MAX_DESCRIPTORS];
	size_t tuns;
};

struct mpq_southbound_events {
	void (*hello)(void *owner, const struct mpq_southbound_hello *h);
	void (*event)(void *owner, struct json_object *parameters);
	void (*lost)(void *owner); /* only after hello */
};

struct mpq_southbound_config {
	const char *path;
	uid_t data_uid; /* may connect beside root .. */
	gid_t data_gid; /* .. and needs this to reach the socket file;
			 * (gid_t)-1: it is root */
	const struct mpq_southbound_events *events;
	void *owner;
};

int mpq_southbound_new(struct mpq_southbound **ret, struct ev_loop *loop,
		       const struct mpq_southbound_config *config,
		       struct mpq_refusal *r);
void mpq_southbound_free(struct mpq_southbound *s);

bool mpq_southbound_connected(const struct mpq_southbound *s);

/* How a call ended: 0; -EREMOTE: refused, parameters hold "message" and maybe
 * "path"; -ETIMEDOUT; -ECONNRESET. `parameters` is borrowed, or NULL. */
typedef void mpq_southbound_done(void *context, int error,
				 struct json_object *parameters);

/* Takes `parameters` and `labels` (an array, NULL with n == 0); descriptors
 * stay the caller's. `done` (may be NULL) is called once, never from in here.
 */
int mpq_southbound_call(struct mpq_southbound *s, const char *method,
			struct json_object *parameters,
			struct json_object *labels, const int *fds, size_t n,
			mpq_southbound_done *done, void *context);

#endif
