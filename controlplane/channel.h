/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection of common/frame.h in the event loop. The owner frees it in
 * `closed` or outside of its callbacks; inside `message` he asks for its end by
 * mpq_channel_close().
 */
#ifndef MPQ_CONTROLPLANE_CHANNEL_H
#define MPQ_CONTROLPLANE_CHANNEL_H

#include <ev.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

struct mpq_channel;

struct mpq_channel_events {
	/* `message` is borrowed; the descriptors are the owner's to close. */
	void (*message)(void *owner, struct json_object *message, int *fds,
			size_t n);
	/* Once, last: 0 after mpq_channel_close(), else -errno. */
	void (*closed)(void *owner, int error);
};

/* Takes fd. NULL: out of memory, fd is closed. */
struct mpq_channel *mpq_channel_new(struct ev_loop *loop, int fd,
				    const struct mpq_channel_events *events,
				    void *owner);
void mpq_channel_free(struct mpq_channel *c);

/* The message is the channel's from now on; descriptors are duplicated. A
 * failure is told by `closed`, not here. */
void mpq_channel_send(struct mpq_channel *c, struct json_object *message,
		      const int *fds, size_t n);

/* While paused, nothing is read: the owner is not ready for more. */
void mpq_channel_pause(struct mpq_channel *c, bool paused);
void mpq_channel_close(struct mpq_channel *c);

#endif
