/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/io/loop.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The kernel may fire a timer this much late to save a wake-up: its default,
 * 50 us, is what a 1 Gbit/s path sends in three packets. */
#define TIMER_SLACK_NS 1000

struct mpq_loop {
	struct ev_loop *ev;
	const struct mpq_loop_events *events;
	void *owner;
	ev_check turn_start;
	ev_io timer;
	ev_signal term, interrupt;
	int timer_fd;
	mpq_time now;
	mpq_time armed; /* what timer_fd is set to, MPQ_TIME_NEVER: nothing */
	bool fired;     /* timer_fd is readable until it is set again */
	bool stop;
};

/* Two watchers, not one with two events: either may be stopped and freed by
 * the other's callback, and libev then drops what was pending for it. */
struct watcher {
	ev_io read, write;
};

static void on_turn_start(struct ev_loop *ev, ev_check *w, int revents)
{
	struct mpq_loop *l = w->data;

	(void)ev;
	(void)revents;
	l->now = mpq_clock_now();
}

/* Not read(): setting the timer anew clears it too, for one call less. */
static void on_timer(struct ev_loop *ev, ev_io *w, int revents)
{
	struct mpq_loop *l = w->data;

	(void)ev;
	(void)revents;
	l->fired = true;
}

static void on_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
	(void)ev;
	(void)revents;
	mpq_loop_stop(w->data);
}

static void on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct mpq_loop_fd *fd = w->data;

	(void)ev;
	(void)revents;
	fd->readable(fd->owner, fd->loop->now);
}

static void on_writable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct mpq_loop_fd *fd = w->data;

	(void)ev;
	(void)revents;
	fd->writable(fd->owner, fd->loop->now);
}

static void start_watchers(struct mpq_loop *l)
{
	ev_check_init(&l->turn_start, on_turn_start);
	ev_set_priority(&l->turn_start, EV_MAXPRI);
	l->turn_start.data = l;
	ev_check_start(l->ev, &l->turn_start);

	ev_io_init(&l->timer, on_timer, l->timer_fd, EV_READ);
	l->timer.data = l;
	ev_io_start(l->ev, &l->timer);

	ev_signal_init(&l->term, on_signal, SIGTERM);
	l->term.data = l;
	ev_signal_start(l->ev, &l->term);
	ev_signal_init(&l->interrupt, on_signal, SIGINT);
	l->interrupt.data = l;
	ev_signal_start(l->ev, &l->interrupt);
}

int mpq_loop_new(struct mpq_loop **ret, const struct mpq_loop_events *events,
		 void *owner)
{
	struct mpq_loop *l = calloc(1, sizeof(*l));
	int r;

	if (!l) {
		return -ENOMEM;
	}
	l->events = events;
	l->owner = owner;
	l->armed = MPQ_TIME_NEVER;
	l->timer_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->timer_fd < 0) {
		r = -errno;
		mpq_loop_free(l);
		return r;
	}
	l->ev = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
	if (!l->ev) {
		mpq_loop_free(l);
		return -ENOMEM;
	}
	(void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	start_watchers(l);
	l->now = mpq_clock_now();
	*ret = l;
	return 0;
}

void mpq_loop_free(struct mpq_loop *l)
{
	if (!l) {
		return;
	}
	if (l->ev) {
		ev_signal_stop(l->ev, &l->interrupt);
		ev_signal_stop(l->ev, &l->term);
		ev_io_stop(l->ev, &l->timer);
		ev_check_stop(l->ev, &l->turn_start);
		ev_loop_destroy(l->ev);
	}
	if (l->timer_fd >= 0) {
		(void)close(l->timer_fd);
	}
	free(l);
}

int mpq_loop_watch(struct mpq_loop *l, struct mpq_loop_fd *w)
{
	struct watcher *p;

	if (w->fd < 0) {
		return -EBADF;
	}
	if (w->watcher) {
		return -EALREADY;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		return -ENOMEM;
	}
	ev_io_init(&p->read, on_readable, w->fd, EV_READ);
	ev_io_init(&p->write, on_writable, w->fd, EV_WRITE);
	p->read.data = p->write.data = w;
	w->loop = l;
	w->watcher = p;
	ev_io_start(l->ev, &p->read);
	return 0;
}

void mpq_loop_unwatch(struct mpq_loop_fd *w)
{
	struct watcher *p = w->watcher;

	if (!p) {
		return;
	}
	ev_io_stop(w->loop->ev, &p->read);
	ev_io_stop(w->loop->ev, &p->write);
	w->watcher = NULL;
	w->loop = NULL;
	free(p);
}

static void want(struct ev_loop *ev, ev_io *io, bool wanted)
{
	if (wanted) {
		ev_io_start(ev, io);
	} else {
		ev_io_stop(ev, io);
	}
}

void mpq_loop_want_read(struct mpq_loop_fd *w, bool wanted)
{
	struct watcher *p = w->watcher;

	if (p) {
		want(w->loop->ev, &p->read, wanted);
	}
}

void mpq_loop_want_write(struct mpq_loop_fd *w, bool wanted)
{
	struct watcher *p = w->watcher;

	if (p && w->writable) {
		want(w->loop->ev, &p->write, wanted);
	}
}

mpq_time mpq_loop_now(const struct mpq_loop *l)
{
	return l->now;
}

void mpq_loop_advance(struct mpq_loop *l, mpq_time now)
{
	if (now > l->now) {
		l->now = now;
	}
}

static int set_timer(struct mpq_loop *l, mpq_time deadline)
{
	struct itimerspec t = {0};

	if (deadline != MPQ_TIME_NEVER) {
		t.it_value.tv_sec = (time_t)(deadline / MPQ_SECOND);
		t.it_value.tv_nsec = (long)(deadline % MPQ_SECOND);
	}
	if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &t, NULL)) {
		return -errno;
	}
	l->armed = deadline;
	l->fired = false;
	return 0;
}

/* A deadline that moved away leaves the timer alone: under load each
 * acknowledgement pushes it further, and one turn too many when the old one
 * fires is cheaper than a system call in every turn. */
static int arm(struct mpq_loop *l, mpq_time deadline)
{
	if (deadline <= l->now) {
		return 0; /* the next turn does not wait */
	}
	if (!l->fired && deadline >= l->armed) {
		return 0;
	}
	return set_timer(l, deadline);
}

int mpq_loop_run(struct mpq_loop *l)
{
	mpq_time deadline = l->now; /* due: the owner names the first one */
	int r = 0;

	while (!r && !l->stop) {
		bool due = deadline <= l->now;

		(void)ev_run(l->ev, due ? EVRUN_NOWAIT : EVRUN_ONCE);
		deadline = l->events->turn_end(l->owner, l->now);
		r = arm(l, deadline);
	}
	return r;
}

void mpq_loop_stop(struct mpq_loop *l)
{
	l->stop = true;
}
