/* SPDX-License-Identifier: Apache-2.0 */
#include "common/frame_state.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

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

void mpq_frame_close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		(void)close(fds[i]);
	}
}

void mpq_frame_free_output(struct mpq_frame_output *o)
{
	mpq_frame_close_all(o->fds, o->n_fds);
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
	struct mpq_frame_output *o, *next;

	if (f == NULL) {
		return;
	}
	for (o = f->out; o != NULL; o = next) {
		next = o->next;
		mpq_frame_free_output(o);
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

/* What came in is not worth keeping. */
int mpq_frame_die(struct mpq_frame *f, int error)
{
	assert(error < 0);
	if (f->error == 0) {
		f->error = error;
	}
	close_held(f);
	return f->error;
}

size_t mpq_frame_count_labels(struct json_object *message)
{
	struct json_object *labels;

	if (!json_object_object_get_ex(message, "descriptors", &labels)) {
		return 0;
	}
	return json_object_is_type(labels, json_type_array)
		       ? json_object_array_length(labels)
		       : SIZE_MAX;
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
