/* SPDX-License-Identifier: Apache-2.0 */
#include "common/frame.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BYTES      65536
#define MAX_DEPTH       64  /* of nested JSON */
#define MAX_HELD_INPUT  128 /* descriptors: one message's and room for more */
#define MAX_HELD_OUTPUT 256

/* A message on its way out. Its descriptors go with its first byte, and a
 * sendmsg never holds bytes of two messages: so the last byte of a recvmsg
 * that brought descriptors lies in their message. */
struct output {
	struct output *next;
	char *bytes; /* with the NUL */
	size_t len, sent;
	size_t n_fds;
	int fds[MPQ_FRAME_MAX_DESCRIPTORS];
};

struct held { /* a descriptor that came in */
	int fd;
	uint64_t at; /* position in the stream of the last byte beside it */
};

struct mpq_frame {
	int fd;
	int error; /* why the connection is dead, 0 while it is not */

	char *in; /* in[start..end) is unread, free of NUL up to `scanned` */
	size_t start, scanned, end, size;
	uint64_t base; /* position in the stream of in[0] */
	struct held held[MAX_HELD_INPUT];
	size_t n_held;

	struct output *out, **out_tail;
	size_t out_bytes, out_fds;
};

struct mpq_frame *mpq_frame_new(int fd)
{
	struct mpq_frame *f = calloc(1, sizeof(*f));
	int flags;

	if (f == NULL) {
		(void)close(fd);
		return NULL;
	}
	flags = fcntl(fd, F_GETFL);
	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	f->fd = fd;
	f->out_tail = &f->out;
	return f;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		(void)close(fds[i]);
	}
}

static void free_output(struct output *o)
{
	close_all(o->fds, o->n_fds);
	free(o->bytes);
	free(o);
}

static void close_held(struct mpq_frame *f)
{
	for (size_t i = 0; i < f->n_held; i++) {
		(void)close(f->held[i].fd);
	}
	f->n_held = 0;
}

void mpq_frame_free(struct mpq_frame *f)
{
	struct output *o, *next;

	if (f == NULL) {
		return;
	}
	for (o = f->out; o != NULL; o = next) {
		next = o->next;
		free_output(o);
	}
	close_held(f);
	free(f->in);
	(void)close(f->fd);
	free(f);
}

int mpq_frame_fd(const struct mpq_frame *f)
{
	return f->fd;
}

/* The first error stays; what came in is not worth keeping. */
static int die(struct mpq_frame *f, int error)
{
	assert(error < 0);
	if (f->error == 0) {
		f->error = error;
	}
	close_held(f);
	return f->error;
}

/* How many labels the message has; SIZE_MAX when it is not an array. */
static size_t count_labels(struct json_object *message)
{
	struct json_object *labels;

	if (!json_object_object_get_ex(message, "descriptors", &labels)) {
		return 0;
	}
	return json_object_is_type(labels, json_type_array)
		       ? json_object_array_length(labels)
		       : SIZE_MAX;
}

static int duplicate(struct output *o, const int *fds, size_t n)
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

static int copy_bytes(struct output *o, struct json_object *message)
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

static int fill_output(const struct mpq_frame *f, struct output *o,
		       struct json_object *message, const int *fds, size_t n)
{
	int result = copy_bytes(o, message);

	if (result != 0) {
		return result;
	}
	/* One message always fits, however long: the bound is on what waits. */
	if (f->out != NULL && (f->out_bytes + o->len > MPQ_FRAME_MAX_BYTES ||
			       f->out_fds + n > MAX_HELD_OUTPUT)) {
		return -ENOBUFS;
	}
	return duplicate(o, fds, n);
}

int mpq_frame_send(struct mpq_frame *f, struct json_object *message,
		   const int *fds, size_t n)
{
	struct output *o;
	int result;

	if (f->error != 0) {
		return f->error;
	}
	if (n > MPQ_FRAME_MAX_DESCRIPTORS || count_labels(message) != n) {
		return -EINVAL;
	}
	o = calloc(1, sizeof(*o));
	if (o == NULL) {
		return -ENOMEM;
	}
	result = fill_output(f, o, message, fds, n);
	if (result != 0) {
		free_output(o);
		return result;
	}
	*f->out_tail = o;
	f->out_tail = &o->next;
	f->out_bytes += o->len;
	f->out_fds += n;
	return mpq_frame_flush(f);
}

static ssize_t write_some(int fd, struct output *o)
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
	struct output *o = f->out;

	f->out = o->next;
	if (f->out == NULL) {
		f->out_tail = &f->out;
	}
	f->out_bytes -= o->len;
	free_output(o);
}

int mpq_frame_flush(struct mpq_frame *f)
{
	while (f->error == 0 && f->out != NULL) {
		struct output *o = f->out;
		ssize_t n = write_some(f->fd, o);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return errno == EAGAIN ? 0 : die(f, -errno);
		}
		f->out_fds -= o->n_fds;
		close_all(o->fds, o->n_fds);
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
 * not fit the buffer: the kernel closes the rest and says MSG_CTRUNC. */
static int hold_descriptors(struct mpq_frame *f, struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		for (size_t i = 0; i < n; i++) {
			struct held *h = &f->held[f->n_held];

			assert(f->n_held < MAX_HELD_INPUT);
			memcpy(&h->fd, CMSG_DATA(c) + i * sizeof(int),
			       sizeof(int));
			h->at = f->base + f->end - 1;
			f->n_held++;
		}
	}
	return msg->msg_flags & MSG_CTRUNC ? -EPROTO : 0;
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
	       f->n_held + MPQ_FRAME_MAX_DESCRIPTORS > MAX_HELD_INPUT;
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
		return n == 0 ? -EPIPE : die(f, (int)n);
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
			       ? die(f, -EPROTO)
			       : 0;
	}
	if (len < 0) {
		return die(f, (int)len);
	}
	message = parse(f->in + f->start, (size_t)len);
	n = count_held(f, f->base + f->start + (size_t)len + 1);
	if (message == NULL || n > MPQ_FRAME_MAX_DESCRIPTORS ||
	    count_labels(message) != n) {
		json_object_put(message);
		return die(f, -EPROTO);
	}
	consume(f, (size_t)len);
	take_held(f, ret_fds, n);
	*ret_message = message;
	*ret_n = n;
	return 1;
}

int mpq_frame_peer(const struct mpq_frame *f, unsigned *ret_uid,
		   unsigned *ret_gid, int *ret_pid)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(f->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
		return -errno;
	}
	*ret_uid = who.uid;
	*ret_gid = who.gid;
	*ret_pid = who.pid;
	return 0;
}
