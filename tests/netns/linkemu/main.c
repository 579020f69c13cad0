/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linkemu: emulates WAN links between pairs of Ethernet devices, many links in
 * one process, from user space (no netem needed).
 *
 *   linkemu [-c SOCKET] [-s SCHEDULE] [-S SEED] [-r] -l
 * NAME:DEV:DEV[,SHAPE..]..
 *
 *  -l  a link: frames from the first DEV leave by the second ("up") and back
 *      ("down"); words as in shape.h, "up.rate=1M" for one direction
 *  -c  control socket (control.h)   -s  changes over time (schedule.h)
 *  -S  seed of the random numbers   -r  real-time priority
 *
 * One thread. Frames due within SLACK leave together, and after a turn that
 * moved frames it rests for REST, so that the number of wake-ups does not grow
 * with that of packets: both are errors of the delay that it emulates.
 */
#include "tests/netns/linkemu/control.h"
#include "tests/netns/linkemu/emulator.h"
#include "tests/netns/linkemu/schedule.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define SLACK              (50 * MPQ_MICROSECOND)
#define REST               (100 * MPQ_MICROSECOND)
#define REFRESH            (50 * MPQ_MILLISECOND) /* for devices that come and go */
#define EVENTS             32
#define ID_LISTENER        1000
#define ID_CLIENT          1001
#define ID_SIGNAL          2000
#define REAL_TIME_PRIORITY 20

struct program {
	struct emu emu;
	struct emu_control control;
	struct emu_schedule schedule;
	const char *socket, *schedule_file;
	int epoll, signal;
	mpq_time refresh_due;
	bool moved, quit;
};

static void watch(struct program *p, int fd, uint32_t id)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = id};

	if (fd >= 0 && epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e)) {
		perror("linkemu: epoll_ctl");
	}
}

static void refresh(struct program *p)
{
	for (int i = 0; i < p->emu.n_links; i++) {
		for (int j = 0; j < 2; j++) {
			struct emu_device *d = &p->emu.link[i].device[j];

			if (emu_device_refresh(d) > 0) {
				watch(p, d->fd, (uint32_t)(i * 2 + j));
			}
		}
	}
}

static void dispatch(struct program *p, uint32_t id, mpq_time now)
{
	int client;

	if (id == ID_SIGNAL) {
		p->quit = true;
	} else if (id == ID_LISTENER) {
		client = emu_control_accept(&p->control);
		if (client >= 0) {
			watch(p, p->control.client[client],
			      ID_CLIENT + (uint32_t)client);
		}
	} else if (id >= ID_CLIENT) {
		(void)emu_control_serve(&p->control, (int)(id - ID_CLIENT),
					&p->emu, now);
	} else {
		emu_receive(&p->emu, (int)(id / 2), (int)(id % 2), now);
		p->moved = true;
	}
}

static struct timespec timespec_of(mpq_duration d)
{
	return (struct timespec){(time_t)(d / MPQ_SECOND),
				 (long)(d % MPQ_SECOND)};
}

static void wait_and_dispatch(struct program *p, mpq_time deadline)
{
	struct epoll_event events[EVENTS];
	mpq_time now = mpq_clock_now();
	struct timespec wait = timespec_of(mpq_time_elapsed(now, deadline));
	int n = epoll_pwait2(p->epoll, events, EVENTS, &wait, NULL);

	now = mpq_clock_now();
	for (int i = 0; i < n; i++) {
		dispatch(p, events[i].data.u32, now);
	}
}

static void turn(struct program *p)
{
	mpq_time now = mpq_clock_now(), next;
	struct timespec rest = timespec_of(REST);
	const char *text;

	while ((text = emu_schedule_pop(&p->schedule, now))) {
		(void)emu_apply(&p->emu, text);
	}
	if (now >= p->refresh_due) {
		refresh(p);
		p->refresh_due = now + REFRESH;
	}
	next = emu_send(&p->emu, now + SLACK);
	next = mpq_time_min(next, p->refresh_due);
	next = mpq_time_min(next, emu_schedule_deadline(&p->schedule));
	if (p->moved && next > now + REST) {
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL);
	}
	p->moved = false;
	wait_and_dispatch(p, next);
}

static void real_time(void)
{
	struct sched_param param = {.sched_priority = REAL_TIME_PRIORITY};

	if (sched_setscheduler(0, SCHED_FIFO, &param)) {
		perror("linkemu: no real-time priority, going on without it");
	}
}

static int usage(void)
{
	(void)fprintf(stderr, "usage: linkemu [-c SOCKET] [-s SCHEDULE] "
			      "[-S SEED] [-r] -l NAME:DEV:DEV[,SHAPE..] ..\n");
	return -EINVAL;
}

static int options(struct program *p, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "l:c:s:S:r")) != -1) {
		if (c == 'l' && emu_add_link(&p->emu, optarg)) {
			(void)fprintf(stderr, "linkemu: wrong: -l %s\n",
				      optarg);
			return -EINVAL;
		} else if (c == 'c') {
			p->socket = optarg;
		} else if (c == 's') {
			p->schedule_file = optarg;
		} else if (c == 'S') {
			p->emu.seed = strtoull(optarg, NULL, 0);
		} else if (c == 'r') {
			real_time();
		} else if (c == '?') {
			return usage();
		}
	}
	return p->emu.n_links && optind == argc ? 0 : usage();
}

static int read_schedule(struct program *p)
{
	unsigned line = 0;
	int result;

	if (!p->schedule_file) {
		return 0;
	}
	result = emu_schedule_read(&p->schedule, p->schedule_file, &line);
	if (result) {
		(void)fprintf(stderr, "linkemu: %s:%u: %s\n", p->schedule_file,
			      line, strerror(-result));
	}
	return result;
}

static int start(struct program *p)
{
	sigset_t signals;
	int result = 0;

	(void)prctl(PR_SET_TIMERSLACK, 1000UL);
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	p->signal = signalfd(-1, &signals, SFD_CLOEXEC);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(p, p->signal, ID_SIGNAL);
	if (p->socket) {
		result = emu_control_start(&p->control, p->socket);
		watch(p, p->control.listener, ID_LISTENER);
	}
	if (result) {
		(void)fprintf(stderr, "linkemu: %s: %s\n", p->socket,
			      strerror(-result));
	}
	return result;
}

int main(int argc, char **argv)
{
	static struct program p = {.control.listener = -1};
	int result;

	emu_init(&p.emu, 1);
	result = options(&p, argc, argv);
	if (!result) {
		result = read_schedule(&p);
	}
	if (!result) {
		result = start(&p);
	}
	if (!result) {
		emu_schedule_start(&p.schedule, mpq_clock_now());
		while (!p.quit) {
			turn(&p);
		}
	}
	emu_control_finish(&p.control);
	emu_schedule_finish(&p.schedule);
	emu_finish(&p.emu);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
