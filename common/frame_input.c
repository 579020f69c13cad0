/* SPDX-License-Identifier: Apache-2.0 */
#include "common/frame_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BYTES 65536
#define MAX_DEPTH  64 /* of nested JSON */

/* Moves what is unread to the front and makes room behind it. */
static int make_room(struct mpq_frame *f)
{
	size_t unread = f->end - f->start, size = unread + READ_BYTES;
	char *in;

	if (f->start > 0) {
		memmove(f->in, f->in + f->start, unread);
		f->base += f->start;
		f->scanned -= f->start;
		f->start = 0;
		f->end = unread;
	}
	if (size <= f->size) {
		return 0;
	}
	size += unread; /* doubling */
	in = realloc(f->in, size);
	if (in == NULL) {
		return -ENOMEM;
	}
	f->in = in;
	f->size = size;
	return 0;
}

/* Keeps one message's descriptors. More than are allowed beside one message do
 * not fit the buffer: the kernel closes the rest and says MSG_CTRUNC; as it
 * does with those for which this process has no more numbers. */
static int hold_descriptors(struct mpq_frame *f, struct msghdr *msg)
{
	size_t before = f->n_held;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		for (size_t i = 0; i < n; i++) {
			struct mpq_frame_held *h = &f->held[f->n_held];

			assert(f->n_held < MPQ_FRAME_MAX_HELD);
			memcpy(&h->fd, CMSG_DATA(c) + i * sizeof(int),
			       sizeof(int));
			h->at = f->base + f->end - 1;
			f->n_held++;
		}
	}
	if ((msg->msg_flags & MSG_CTRUNC) == 0) {
		return 0;
	}
	return f->n_held - before < MPQ_FRAME_MAX_DESCRIPTORS ? -EMFILE
							      : -EPROTO;
}

/* Bytes read, 0 at the end, -errno. */
static ssize_t read_some(struct mpq_frame *f)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(MPQ_FRAME_MAX_DESCRIPTORS * sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;
	int result = make_room(f);

	if (result != 0) {
		return result;
	}
	iov = (struct iovec){f->in + f->end, READ_BYTES};
	msg.msg_control = control.bytes;
	msg.msg_controllen = sizeof(control.bytes);
	n = recvmsg(f->fd, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0) {
		return -errno;
	}
	f->end += (size_t)n;
	result = hold_descriptors(f, &msg);
	return result != 0 ? result : n;
}

/* With a whole message waiting, or one that is too long, the caller is due. */
static bool input_full(const struct mpq_frame *f)
{
	return f->end - f->start > MPQ_FRAME_MAX_BYTES ||
	       f->n_held + MPQ_FRAME_MAX_DESCRIPTORS > MPQ_FRAME_MAX_HELD;
}

int mpq_frame_receive(struct mpq_frame *f)
{
	bool any = false;

	while (f->error == 0 && !input_full(f)) {
		ssize_t n = read_some(f);

		if (n > 0) {
			any = true;
			continue;
		}
		if (n == -EINTR) {
			continue;
		}
		if (n == -EAGAIN) {
			return 0;
		}
		if (any && n == 0) {
			return 0; /* first what came before the end */
		}
		return n == 0 ? -EPIPE : mpq_frame_die(f, (int)n);
	}
	return f->error;
}

/* The length of the first message without its NUL; -EAGAIN: not whole yet. */
static ssize_t find_message(struct mpq_frame *f)
{
	const char *nul;

	if (f->end == f->scanned) {
		nul = NULL;
	} else {
		nul = memchr(f->in + f->scanned, '\0', f->end - f->scanned);
	}
	f->scanned = nul != NULL ? (size_t)(nul - f->in) : f->end;
	if (f->scanned - f->start > MPQ_FRAME_MAX_BYTES) {
		return -EMSGSIZE;
	}
	if (nul == NULL) {
		return -EAGAIN;
	}
	return (ssize_t)(f->scanned - f->start);
}

static struct json_object *parse(const char *text, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(MAX_DEPTH);
	struct json_object *message = NULL;

	if (t == NULL) {
		return NULL;
	}
	json_tokener_set_flags(t, JSON_TOKENER_STRICT |
					  JSON_TOKENER_VALIDATE_UTF8);
	/* With its NUL, so that a bare number counts as finished. */
	message = json_tokener_parse_ex(t, text, (int)len + 1);
	json_tokener_free(t);
	if (!json_object_is_type(message, json_type_object)) {
		json_object_put(message);
		return NULL;
	}
	return message;
}

/* How many descriptors came with bytes before position `end`. */
static size_t count_held(const struct mpq_frame *f, uint64_t end)
{
	size_t n = 0;

	while (n < f->n_held && f->held[n].at < end) {
		n++;
	}
	return n;
}

static void take_held(struct mpq_frame *f, int *ret_fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ret_fds[i] = f->held[i].fd;
	}
	f->n_held -= n;
	memmove(f->held, f->held + n, f->n_held * sizeof(f->held[0]));
}

/* Past the message; a buffer that one long message needed is given back. */
static void consume(struct mpq_frame *f, size_t len)
{
	f->start += len + 1;
	f->scanned = f->start;
	if (f->start == f->end && f->size > 4 * READ_BYTES) {
		f->base += f->start;
		free(f->in);
		f->in = NULL;
		f->start = f->scanned = f->end = f->size = 0;
	}
}

int mpq_frame_next(struct mpq_frame *f, struct json_object **ret_message,
		   int ret_fds[MPQ_FRAME_MAX_DESCRIPTORS], size_t *ret_n)
{
	struct json_object *message;
	ssize_t len;
	size_t n;

	if (f->error != 0) {
		return f->error;
	}
	len = find_message(f);
	if (len == -EAGAIN) {
		return count_held(f, UINT64_MAX) > MPQ_FRAME_MAX_DESCRIPTORS
			       ? mpq_frame_die(f, -EPROTO)
			       : 0;
	}
	if (len < 0) {
		return mpq_frame_die(f, (int)len);
	}
	message = parse(f->in + f->start, (size_t)len);
	n = count_held(f, f->base + f->start + (size_t)len + 1);
	if (message == NULL || n > MPQ_FRAME_MAX_DESCRIPTORS ||
	    mpq_frame_count_labels(message) != n) {
		json_object_put(message);
		return mpq_frame_die(f, -EPROTO);
	}
	consume(f, (size_t)len);
	take_held(f, ret_fds, n);
	*ret_message = message;
	*ret_n = n;
	return 1;
}
