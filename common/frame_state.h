/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of common/frame.h, for its three files only: frame.c (life),
 * frame_output.c (sending) and frame_input.c (receiving).
 */
#ifndef MPQ_COMMON_FRAME_STATE_H
#define MPQ_COMMON_FRAME_STATE_H

#include "common/frame.h"

#include <stdint.h>

/* One message's descriptors, and room for another's. */
#define MPQ_FRAME_MAX_HELD (2 * MPQ_FRAME_MAX_DESCRIPTORS)

/* A message on its way out. Its descriptors go with its first byte, and a
 * sendmsg never holds bytes of two messages: so the last byte of a recvmsg
 * that brought descriptors lies in their message. */
struct mpq_frame_output {
	struct mpq_frame_output *next;
	char *bytes; /* with the NUL */
	size_t len, sent;
	size_t n_fds;
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
};

struct mpq_frame_held { /* a descriptor that came in */
	int fd;
	uint64_t at; /* position in the stream of the last byte beside it */
};

struct mpq_frame {
	int fd;
	int error; /* why the connection is dead, 0 while it is not */

	char *in; /* in[start..end) is unread, free of NUL up to `scanned` */
	size_t start, scanned, end, size;
	uint64_t base; /* position in the stream of in[0] */
	struct mpq_frame_held held[MPQ_FRAME_MAX_HELD];
	size_t n_held;

	struct mpq_frame_output *out, **out_tail;
	size_t out_bytes, out_fds;
};

/* The connection is dead from here on; returns the first error, which stays. */
int mpq_frame_die(struct mpq_frame *f, int error);

/* How many labels the message has; SIZE_MAX when it is no array. */
size_t mpq_frame_count_labels(struct json_object *message);

void mpq_frame_close_all(const int *fds, size_t n);
void mpq_frame_free_output(struct mpq_frame_output *o);

#endif
