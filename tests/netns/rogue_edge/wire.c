/* SPDX-License-Identifier: Apache-2.0 */
/* What peer.c asks of fake_io.h and of a loop, by the kernel. */
#include "dataplane/io/loop.h"
#include "tests/unit/dataplane/fake_io.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WATCHED 256

struct mpq_loop {
	const struct mpq_loop_events *events;
	void *owner;
	struct mpq_loop_fd *fd[WATCHED];
	size_t n;
};

static struct mpq_loop *only; /* fake_run() is told of none */

mpq_time fake_now(void)
{
	return mpq_clock_now();
}

int fake_udp(const char *address, uint16_t port)
{
	struct mpq_sockaddr local;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)port; /* each has its own */
	if (fd < 0 || mpq_sockaddr_parse(address, 0, &local) < 0 ||
	    bind(fd, &local.sa, sizeof(local.in)) != 0) {
		abort();
	}
	return fd;
}

int mpq_loop_new(struct mpq_loop **ret, const struct mpq_loop_events *events,
		 void *owner)
{
	struct mpq_loop *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		return -ENOMEM;
	}
	l->events = events;
	l->owner = owner;
	*ret = only = l;
	return 0;
}

void mpq_loop_free(struct mpq_loop *l)
{
	free(l);
}

int mpq_loop_watch(struct mpq_loop *l, struct mpq_loop_fd *w)
{
	if (l->n == WATCHED) {
		return -ENOBUFS;
	}
	w->loop = l;
	l->fd[l->n++] = w;
	return 0;
}

void mpq_loop_unwatch(struct mpq_loop_fd *w)
{
	struct mpq_loop *l = w->loop;

	for (size_t i = 0; l != NULL && i < l->n; i++) {
		if (l->fd[i] == w) {
			l->fd[i] = l->fd[--l->n];
		}
	}
	w->loop = NULL;
}

static void read_all(struct mpq_loop *l, int timeout_ms)
{
	struct pollfd p[WATCHED];

	for (size_t i = 0; i < l->n; i++) {
		p[i] = (struct pollfd){.fd = l->fd[i]->fd, .events = POLLIN};
	}
	if (poll(p, l->n, timeout_ms) <= 0) {
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (p[i].revents != 0) {
			l->fd[i]->readable(l->fd[i]->owner, mpq_clock_now());
		}
	}
}

void fake_run(mpq_duration how_long)
{
	mpq_time now = mpq_clock_now(), end = now + how_long, due;

	do {
		due = only->events->turn_end(only->owner, now);
		due = mpq_time_min(due, end);
		read_all(only,
			 due <= now ? 0 : (int)((due - now) / MPQ_MILLISECOND));
		now = mpq_clock_now();
	} while (now < end);
	(void)only->events->turn_end(only->owner, now);
}
