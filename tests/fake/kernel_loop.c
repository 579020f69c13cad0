/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/kernel_private.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define LOOPS 1024

struct watch {
	struct mpq_loop_fd *fd; /* NULL: free */
	bool read, write;
	bool stranger; /* none of ours */
};

struct mpq_loop {
	const struct mpq_loop_events *events;
	void *owner;
	mpq_time deadline;
	bool ready;
	struct watch *watches;
	size_t n, strangers;
};

static struct mpq_loop *loops[LOOPS];
static void (*turned)(void *owner);
static void *turned_owner;

/* ---- turns --------------------------------------------------------------- */

void kernel_loop_reset(void)
{
	memset(loops, 0, sizeof(loops));
	turned = NULL;
}

void kernel_watch(void (*watch)(void *owner), void *owner)
{
	turned = watch;
	turned_owner = owner;
}

void kernel_loop_ready(struct mpq_loop *l)
{
	if (l != NULL) {
		l->ready = true;
	}
}

static bool is_real(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

static bool may_read(const struct watch *w)
{
	const struct kernel_end *e;

	if (w->fd == NULL || !w->read) {
		return false;
	}
	e = kernel_end(w->fd->fd);
	return e != NULL ? kernel_end_is_readable(e)
			 : is_real(w->fd->fd, POLLIN);
}

static bool may_write(const struct watch *w)
{
	return w->fd != NULL && w->write && is_real(w->fd->fd, POLLOUT);
}

static bool hears_strangers(const struct mpq_loop *l)
{
	for (size_t i = 0; l->strangers > 0 && i < l->n; i++) {
		const struct watch *w = &l->watches[i];

		if (may_write(w) || may_read(w)) {
			return true;
		}
	}
	return false;
}

/* A callback may watch more, or less. */
static void read_and_write(struct mpq_loop *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct mpq_loop_fd *fd = l->watches[i].fd;

		if (may_read(&l->watches[i])) {
			fd->readable(fd->owner, kernel_now());
		}
		fd = l->watches[i].fd;
		if (may_write(&l->watches[i])) {
			fd->writable(fd->owner, kernel_now());
		}
		l->ready |= may_read(&l->watches[i]);
	}
}

static void turn(struct mpq_loop *l)
{
	bool was_ready = l->ready || l->strangers > 0;

	l->ready = false;
	if (was_ready) {
		read_and_write(l);
	}
	l->deadline = l->events->turn_end(l->owner, kernel_now());
	if (turned != NULL) {
		turned(turned_owner);
	}
}

void kernel_turn_loop(struct mpq_loop *l)
{
	turn(l);
}

bool kernel_turn(void)
{
	bool any = false;

	for (int i = 0; i < LOOPS; i++) {
		struct mpq_loop *l = loops[i];

		if (l != NULL && (l->ready || l->deadline <= kernel_now() ||
				  hears_strangers(l))) {
			turn(l);
			any = true;
		}
	}
	return any;
}

void kernel_wake(void)
{
	for (int i = 0; i < LOOPS; i++) {
		kernel_loop_ready(loops[i]);
	}
}

mpq_time kernel_deadline(void)
{
	mpq_time due = MPQ_TIME_NEVER;

	for (int i = 0; i < LOOPS; i++) {
		if (loops[i] != NULL) {
			due = mpq_time_min(due, loops[i]->deadline);
		}
	}
	return due;
}

/* ---- dataplane/io/loop.h ------------------------------------------------- */

int mpq_loop_new(struct mpq_loop **ret, const struct mpq_loop_events *events,
		 void *owner)
{
	struct mpq_loop *l = calloc(1, sizeof(*l));

	for (int i = 0; l != NULL && i < LOOPS; i++) {
		if (loops[i] == NULL) {
			l->events = events;
			l->owner = owner;
			l->deadline = kernel_now();
			loops[i] = l;
			*ret = l;
			return 0;
		}
	}
	free(l);
	return -ENOMEM;
}

void mpq_loop_free(struct mpq_loop *l)
{
	for (int i = 0; i < LOOPS; i++) {
		if (l != NULL && loops[i] == l) {
			loops[i] = NULL;
		}
	}
	if (l != NULL) {
		free(l->watches);
	}
	free(l);
}

static struct watch *watch_of(const struct mpq_loop *l,
			      const struct mpq_loop_fd *w)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->watches[i].fd == w) {
			return &l->watches[i];
		}
	}
	return NULL;
}

static struct watch *new_watch(struct mpq_loop *l)
{
	struct watch *w = watch_of(l, NULL);
	size_t more = l->n * 2 + 16;

	if (w == NULL) {
		l->watches = realloc(l->watches, more * sizeof(*w));
		assert(l->watches != NULL);
		w = &l->watches[l->n];
		memset(w, 0, (more - l->n) * sizeof(*w));
		l->n = more;
	}
	return w;
}

int mpq_loop_watch(struct mpq_loop *l, struct mpq_loop_fd *w)
{
	struct kernel_end *e = kernel_end(w->fd);

	if (w->fd < 0) {
		return -EBADF;
	}
	*new_watch(l) =
		(struct watch){.fd = w, .read = true, .stranger = e == NULL};
	w->loop = l;
	l->strangers += e == NULL;
	if (e != NULL) {
		e->loop = l;
		l->ready |= kernel_end_is_readable(e);
	}
	return 0;
}

void mpq_loop_unwatch(struct mpq_loop_fd *w)
{
	struct mpq_loop *l = w->loop;
	struct kernel_end *e = kernel_end(w->fd);
	struct watch *watch;

	if (l == NULL) {
		return;
	}
	watch = watch_of(l, w);
	l->strangers -= watch->stranger;
	*watch = (struct watch){0};
	w->loop = NULL;
	if (e != NULL) {
		e->loop = NULL;
	}
}

void mpq_loop_want_read(struct mpq_loop_fd *w, bool want)
{
	if (w->loop != NULL) {
		watch_of(w->loop, w)->read = want;
		w->loop->ready |= want;
	}
}

void mpq_loop_want_write(struct mpq_loop_fd *w, bool want)
{
	if (w->loop != NULL) {
		watch_of(w->loop, w)->write = want;
	}
}

mpq_time mpq_loop_now(const struct mpq_loop *l)
{
	(void)l;
	return kernel_now();
}

void mpq_loop_advance(struct mpq_loop *l, mpq_time now)
{
	(void)l;
	assert(now <= kernel_now());
}

int mpq_loop_run(struct mpq_loop *l)
{
	(void)l;
	return -ENOSYS;
}

void mpq_loop_stop(struct mpq_loop *l)
{
	(void)l;
}
