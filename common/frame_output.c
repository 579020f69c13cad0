/* SPDX-License-Identifier: Apache-2.0 */
#include "common/frame_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 512 /* that wait to be sent */

static int duplicate(struct mpq_frame_output *o, const int *fds, size_t n)
{
	for (; o->n_fds < n; o->n_fds++) {
		int fd = fcntl(fds[o->n_fds], F_DUPFD_CLOEXEC, 0);

		if (fd < 0) {
			return -errno;
		}
		o->fds[o->n_fds] = fd;
	}
	return 0;
}

static int copy_bytes(struct mpq_frame_output *o, struct json_object *message)
{
	const char *text = json_object_to_json_string_length(
		message,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		&o->len);

	if (text == NULL) {
		return -ENOMEM;
	}
	if (o->len > MPQ_FRAME_MAX_BYTES) {
		return -EMSGSIZE;
	}
	o->len++; /* the NUL */
	o->bytes = malloc(o->len);
	if (o->bytes == NULL) {
		return -ENOMEM;
	}
	memcpy(o->bytes, text, o->len);
	return 0;
}

static int fill_output(const struct mpq_frame *f, struct mpq_frame_output *o,
		       struct json_object *message, const int *fds, size_t n)
{
	int result = copy_bytes(o, message);

	if (result != 0) {
		return result;
	}
	/* One message always fits, however long: the bound is on what waits. */
	if (f->out != NULL && (f->out_bytes + o->len > MPQ_FRAME_MAX_BYTES ||
			       f->out_fds + n > MAX_DESCRIPTORS)) {
		return -ENOBUFS;
	}
	return duplicate(o, fds, n);
}

int mpq_frame_send(struct mpq_frame *f, struct json_object *message,
		   const int *fds, size_t n)
{
	struct mpq_frame_output *o;
	int result;

	if (f->error != 0) {
		return f->error;
	}
	if (n > MPQ_FRAME_MAX_DESCRIPTORS ||
	    mpq_frame_count_labels(message) != n) {
		return -EINVAL;
	}
	o = calloc(1, sizeof(*o));
	if (o == NULL) {
		return -ENOMEM;
	}
	result = fill_output(f, o, message, fds, n);
	if (result != 0) {
		mpq_frame_free_output(o);
		return result;
	}
	*f->out_tail = o;
	f->out_tail = &o->next;
	f->out_bytes += o->len;
	f->out_fds += n;
	return mpq_frame_flush(f);
}

static ssize_t write_some(int fd, struct mpq_frame_output *o)
{
	union {
		struct cmsghdr header; /* for its alignment */
		char bytes[CMSG_SPACE(sizeof(o->fds))];
	} control = {0};
	struct iovec iov = {o->bytes + o->sent, o->len - o->sent};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	size_t fds_bytes = o->n_fds * sizeof(o->fds[0]);

	if (o->n_fds > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fds_bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(fds_bytes);
		memcpy(CMSG_DATA(&control.header), o->fds, fds_bytes);
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static void pop_output(struct mpq_frame *f)
{
	struct mpq_frame_output *o = f->out;

	f->out = o->next;
	if (f->out == NULL) {
		f->out_tail = &f->out;
	}
	f->out_bytes -= o->len;
	mpq_frame_free_output(o);
}

int mpq_frame_flush(struct mpq_frame *f)
{
	while (f->error == 0 && f->out != NULL) {
		struct mpq_frame_output *o = f->out;
		ssize_t n = write_some(f->fd, o);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return errno == EAGAIN ? 0 : mpq_frame_die(f, -errno);
		}
		f->out_fds -= o->n_fds;
		mpq_frame_close_all(o->fds, o->n_fds);
		o->n_fds = 0;
		o->sent += (size_t)n;
		if (o->sent == o->len) {
			pop_output(f);
		}
	}
	return f->error;
}

bool mpq_frame_wants_write(const struct mpq_frame *f)
{
	return f->error == 0 && f->out != NULL;
}
