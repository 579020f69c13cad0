/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on a Unix stream socket: one JSON object and a NUL byte each (the
 * framing of varlink.org), descriptors beside a message by SCM_RIGHTS. A
 * message that carries N descriptors says so in its top-level member
 * "descriptors" (an array of N labels), so that the two can never be mixed up.
 *
 * Non-blocking; knows no event loop. Input and output are bounded: a peer that
 * sends a longer message or does not read its replies is cut off.
 */
#ifndef MPQ_COMMON_FRAME_H
#define MPQ_COMMON_FRAME_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* Of one message and of output; descriptors beside one message: the kernel's
 * own limit is 253. */
#define MPQ_FRAME_MAX_BYTES       (4u << 20)
#define MPQ_FRAME_MAX_DESCRIPTORS 240

struct mpq_frame; /* one end of a connection */

/* Takes fd (made non-blocking). NULL when out of memory; fd is closed then. */
struct mpq_frame *mpq_frame_new(int fd);
void mpq_frame_free(struct mpq_frame *f); /* closes everything it holds */

int mpq_frame_fd(const struct mpq_frame *f);

/* Queues `message` (borrowed) with `n` descriptors (duplicated, the caller
 * keeps his own) and writes what the socket takes. The message's "descriptors"
 * member must be an array of n labels, absent when n is 0. 0; -ENOBUFS when
 * the peer does not read, -EINVAL when labels and n differ, -EMSGSIZE when the
 * message is too long (not queued then, the connection lives); other -errno:
 * the connection is dead. */
int mpq_frame_send(struct mpq_frame *f, struct json_object *message,
		   const int *fds, size_t n);

/* Call when writable. 0, or -errno: dead. */
int mpq_frame_flush(struct mpq_frame *f);
bool mpq_frame_wants_write(const struct mpq_frame *f);

/* Call when readable: reads what is there. 0; -EPIPE at the end of the
 * stream; -EMFILE: descriptors came for which this process has no numbers left;
 * other -errno: dead. */
int mpq_frame_receive(struct mpq_frame *f);

/* The next whole message. 1: *ret_message is the caller's (json_object_put),
 * ret_fds[0..*ret_n) are the caller's to close. 0: none yet. -EMSGSIZE, -EPROTO
 * (not a JSON object; descriptors missing): dead. */
int mpq_frame_next(struct mpq_frame *f, struct json_object **ret_message,
		   int ret_fds[MPQ_FRAME_MAX_DESCRIPTORS], size_t *ret_n);

/* Who is at the other end (SO_PEERCRED). 0 or -errno. */
int mpq_frame_peer(const struct mpq_frame *f, unsigned *ret_uid,
		   unsigned *ret_gid, int *ret_pid);

#endif
