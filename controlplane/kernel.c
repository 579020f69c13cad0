/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/kernel.h"

#include "common/log.h"
#include "controlplane/tundev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_SECONDS 1.0

struct tun {
	struct tun *next;
	char name[IFNAMSIZ];
	int fd;
};

struct mpq_kernel {
	struct ev_loop *loop;
	struct mpq_monitor *monitor;
	struct mpq_reconcile *reconcile;
	ev_io readable;
	ev_timer retry;
	const struct mpq_policy *policy; /* borrowed; NULL: nothing */
	bool started;                    /* apply was called */
	bool dirty;                      /* the monitor said so in this turn */
	char trouble[256], failure[256];
	struct tun *tuns;
	const struct mpq_kernel_events *events;
	void *owner;
};

static const struct mpq_desired nothing;

static void on_did(void *context, enum mpq_reconcile_action action,
		   const char *what)
{
	struct mpq_kernel *k = context;

	if (action == MPQ_RECONCILE_RESTORED) {
		mpq_log_warn("%s had been removed by another: restored", what);
		k->events->restored(k->owner, what);
	} else {
		mpq_log_debug("%s: %s", what,
			      action == MPQ_RECONCILE_ADDED ? "added"
							    : "removed");
	}
}

static void on_failed(void *context, const char *what, int error,
		      const char *reason)
{
	struct mpq_kernel *k = context;

	(void)error;
	if (!k->failure[0]) {
		(void)snprintf(k->failure, sizeof(k->failure), "%s: %s", what,
			       reason);
	}
}

static const struct mpq_reconcile_events reconcile_events = {
	.did = on_did,
	.failed = on_failed,
};

static void rearm(struct mpq_kernel *k, double seconds)
{
	ev_timer_stop(k->loop, &k->retry);
	ev_timer_set(&k->retry, seconds, 0.0);
	ev_timer_start(k->loop, &k->retry);
}

/* Each new trouble is logged once, and its end. */
static void note_trouble(struct mpq_kernel *k)
{
	if (!strcmp(k->trouble, k->failure)) {
		return;
	}
	memcpy(k->trouble, k->failure, sizeof(k->trouble));
	if (k->trouble[0]) {
		mpq_log_error("%s; trying again", k->trouble);
	} else {
		mpq_log_notice("routes, rules and guards are in place again");
	}
}

static void run(struct mpq_kernel *k)
{
	mpq_time now = mpq_clock_now(), at;
	int ret;

	if (!k->started) {
		return;
	}
	k->failure[0] = '\0';
	ret = mpq_reconcile_run(k->reconcile,
				k->policy ? &k->policy->desired : &nothing,
				now);
	if (ret == MPQ_RECONCILE_LATER) {
		at = mpq_reconcile_deadline(k->reconcile);
		rearm(k, (double)mpq_time_elapsed(now, at) / 1e9 + 0.001);
		return;
	}
	if (ret < 0 && !k->failure[0]) {
		(void)snprintf(k->failure, sizeof(k->failure),
			       "routes and guards: %s", strerror(-ret));
	}
	if (ret < 0) {
		rearm(k, RETRY_SECONDS);
	}
	note_trouble(k);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	run(w->data);
}

static struct tun **find(struct mpq_kernel *k, const char *name)
{
	struct tun **at = &k->tuns;

	while (*at && strcmp((*at)->name, name) != 0) {
		at = &(*at)->next;
	}
	return at;
}

static void drop(struct tun **at)
{
	struct tun *t = *at;

	*at = t->next;
	(void)close(t->fd);
	free(t);
}

static void on_link(void *context, const char *name,
		    const struct mpq_link *link, unsigned changes)
{
	struct mpq_kernel *k = context;
	char is[IFNAMSIZ];
	struct tun **at;

	k->dirty = true;
	(void)changes;
	k->events->link(k->owner, name, link);
	at = find(k, name);
	/* Deleted, or renamed: either way it is not what it has to be. */
	if (*at && (mpq_tundev_adopt((*at)->fd, is) || strcmp(is, name))) {
		drop(at);
		mpq_log_warn("tunnel=%s: its device was deleted or renamed by "
			     "another: making it anew",
			     name);
		k->events->tun_lost(k->owner, name);
	}
}

static void on_changed(void *context)
{
	struct mpq_kernel *k = context;

	k->dirty = true;
}

static const struct mpq_monitor_events monitor_events = {
	.link = on_link,
	.changed = on_changed,
};

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct mpq_kernel *k = w->data;
	int ret = mpq_monitor_read(k->monitor);

	(void)loop;
	(void)revents;
	if (ret) {
		mpq_log_error("the kernel's network state cannot be read: %s; "
			      "trying again",
			      strerror(-ret));
	}
	if (k->dirty) {
		k->dirty = false;
		run(k);
		k->events->changed(k->owner);
	}
}

static int open_netlink(struct mpq_kernel *k)
{
	int ret = mpq_monitor_new(&k->monitor, &monitor_events, k);

	return ret ? ret
		   : mpq_reconcile_new(&k->reconcile, k->monitor,
				       &reconcile_events, k);
}

int mpq_kernel_new(struct mpq_kernel **ret, struct ev_loop *loop,
		   const struct mpq_kernel_events *events, void *owner,
		   struct mpq_refusal *r)
{
	struct mpq_kernel *k = calloc(1, sizeof(*k));
	int e;

	if (!k) {
		return -ENOMEM;
	}
	k->loop = loop;
	k->events = events;
	k->owner = owner;
	ev_timer_init(&k->retry, on_retry, 0.0, 0.0);
	k->retry.data = k;
	e = open_netlink(k);
	if (e) {
		(void)mpq_refusal_set(r, "",
				      "the kernel's network state cannot be "
				      "read by netlink: %s.",
				      strerror(-e));
		if (e == -EPERM) {
			(void)mpq_refusal_next(
				r, "start it as root, or by its unit: "
				   "systemctl start mpquic-control");
		}
		mpq_kernel_free(k);
		return e;
	}
	ev_io_init(&k->readable, on_readable, mpq_monitor_fd(k->monitor),
		   EV_READ);
	k->readable.data = k;
	ev_io_start(loop, &k->readable);
	*ret = k;
	return 0;
}

void mpq_kernel_free(struct mpq_kernel *k)
{
	if (!k) {
		return;
	}
	ev_timer_stop(k->loop, &k->retry);
	ev_io_stop(k->loop, &k->readable);
	while (k->tuns) {
		drop(&k->tuns);
	}
	mpq_reconcile_free(k->reconcile);
	mpq_monitor_free(k->monitor);
	free(k);
}

const struct mpq_monitor *mpq_kernel_monitor(const struct mpq_kernel *k)
{
	return k->monitor;
}

struct mpq_reconcile *mpq_kernel_reconcile(struct mpq_kernel *k)
{
	return k->reconcile;
}

void mpq_kernel_apply(struct mpq_kernel *k, const struct mpq_policy *p)
{
	k->policy = p;
	k->started = true;
	run(k);
}

const char *mpq_kernel_trouble(const struct mpq_kernel *k)
{
	return k->trouble;
}

static int keep_tun(struct mpq_kernel *k, const char *name, int fd)
{
	struct tun *t = calloc(1, sizeof(*t));

	if (!t) {
		(void)close(fd);
		return -ENOMEM;
	}
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	t->fd = fd;
	t->next = k->tuns;
	k->tuns = t;
	return 0;
}

static int refuse_tun(const char *name, int e, struct mpq_refusal *r)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/mpquic:mpquic/tunnel[name='%s']",
		       name);
	if (e == -EBUSY) {
		(void)mpq_refusal_set(r, path,
				      "another process holds the device %s.",
				      name);
		(void)mpq_refusal_next(r, "end it, or give the tunnel another "
					  "name");
	} else if (e == -EINVAL) {
		(void)mpq_refusal_set(r, path,
				      "there is a device %s that is not a "
				      "tunnel of ours.",
				      name);
		(void)mpq_refusal_next(r, "give the tunnel another name");
	} else if (e == -ENOENT || e == -ENODEV) {
		(void)mpq_refusal_set(r, path,
				      "this machine has no /dev/net/tun.");
		(void)mpq_refusal_next(r, "modprobe tun");
	} else {
		(void)mpq_refusal_set(r, path,
				      "the device %s cannot be made: %s.", name,
				      strerror(-e));
		if (e == -EPERM) {
			(void)mpq_refusal_next(r, "mpquic-control needs "
						  "CAP_NET_ADMIN: start it by "
						  "its unit");
		}
	}
	return e;
}

int mpq_kernel_tun(struct mpq_kernel *k, const char *name, int *ret_fd,
		   struct mpq_refusal *r)
{
	struct tun *t = *find(k, name);
	int fd = -1, e;

	if (t) {
		*ret_fd = t->fd;
		return 0;
	}
	e = mpq_tundev_create(name, &fd);
	if (e) {
		return refuse_tun(name, e, r);
	}
	e = keep_tun(k, name, fd);
	if (!e) {
		*ret_fd = fd;
	}
	return e;
}

bool mpq_kernel_has_tun(const struct mpq_kernel *k, const char *name)
{
	const struct tun *t = k->tuns;

	while (t && strcmp(t->name, name) != 0) {
		t = t->next;
	}
	return t != NULL;
}

int mpq_kernel_adopt_tun(struct mpq_kernel *k, const char *name, int fd)
{
	char is[IFNAMSIZ];
	int e = mpq_tundev_adopt(fd, is);

	if (!e && strcmp(is, name) != 0) {
		e = -EINVAL;
	}
	if (e || *find(k, name)) { /* not one, or we have it already */
		(void)close(fd);
		return e;
	}
	return keep_tun(k, name, fd);
}

void mpq_kernel_drop_tuns(struct mpq_kernel *k,
			  bool (*keep)(void *context, const char *name),
			  void *context)
{
	struct tun **at = &k->tuns;

	while (*at) {
		if (keep(context, (*at)->name)) {
			at = &(*at)->next;
		} else {
			drop(at);
		}
	}
}
