/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/daemon.h"

#include "common/log.h"
#include "controlplane/requests.h"
#include "controlplane/startup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* mpquic-data tries to connect every 100 ms: time enough for it to bring back
 * the TUN devices that it holds before they are made. */
#define GRACE_SECONDS  0.4
#define REVIEW_SECONDS 1.0

/* ---- the kernel ---- */

static void review_paths(struct mpq_daemon *d)
{
	mpq_paths_review(&d->paths, mpq_kernel_monitor(d->kernel),
			 d->southbound);
}

static void on_kernel_changed(void *owner)
{
	review_paths(owner);
}

static void on_kernel_link(void *owner, const char *name,
			   const struct mpq_link *link)
{
	(void)owner;
	mpq_log_debug("device %s: %s", name,
		      !link           ? "gone"
		      : !link->up     ? "down"
		      : link->carrier ? "up"
				      : "no carrier");
}

static void on_restored(void *owner, const char *what)
{
	struct mpq_daemon *d = owner;

	mpq_events_publish(&d->events,
			   mpq_events_new("restored", "what", what, NULL));
}

static void on_tun_lost(void *owner, const char *name)
{
	struct mpq_daemon *d = owner;
	char what[IFNAMSIZ + 8];

	mpq_supply_forget_tun(&d->supply, name);
	if (mpq_dataplane_make_tuns(d)) {
		(void)snprintf(what, sizeof(what), "device %s", name);
		on_restored(d, what);
		mpq_dataplane_push(d);
	}
}

static const struct mpq_kernel_events kernel_events = {
	.changed = on_kernel_changed,
	.link = on_kernel_link,
	.restored = on_restored,
	.tun_lost = on_tun_lost,
};

static void on_wan_changed(void *owner, const struct mpq_paths_item *item)
{
	struct mpq_daemon *d = owner;

	mpq_log_notice("path=%s: %s is %s%s%s", item->config->name,
		       item->config->wan, mpq_wan_state_name(item->is.state),
		       item->is.reason[0] ? ": " : "", item->is.reason);
	mpq_events_publish(&d->events,
			   mpq_events_new("link", "path", item->config->name,
					  "wan", item->config->wan, "is",
					  mpq_wan_state_name(item->is.state),
					  "reason", item->is.reason,
					  "local-address", item->is.address,
					  NULL));
}

/* ---- operators ---- */

static void on_call(void *owner, struct mpq_northbound_call *call)
{
	mpq_requests_dispatch(owner, call);
}

static void on_published(void *owner, struct json_object *event)
{
	struct mpq_daemon *d = owner;

	if (d->northbound) {
		mpq_northbound_publish(d->northbound, event);
	}
}

/* ---- time ---- */

static void on_grace(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct mpq_daemon *d = w->data;

	(void)revents;
	(void)mpq_dataplane_make_tuns(d);
	ev_timer_start(loop, &d->review);
}

static void log_dates(struct mpq_daemon *d)
{
	const struct mpq_certificate_identity *own =
		&d->running.version->material->own;
	char text[MPQ_ALARMS_TEXT_BYTES];

	mpq_alarms_dates(own->not_before, own->not_after, time(NULL), text);
	if (strcmp(text, d->dates) != 0) {
		memcpy(d->dates, text, sizeof(text));
		if (text[0]) {
			mpq_log_warn("%s", text);
		}
	}
}

static void on_review(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct mpq_daemon *d = w->data;

	(void)loop;
	(void)revents;
	mpq_dataplane_tick(d);
	review_paths(d);
	log_dates(d);
}

static void on_hold_over(void *owner, const char *path)
{
	mpq_dataplane_hold(owner, path, false);
}

static void on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)revents;
	mpq_log_notice("%s: ending; routes and guards stay",
		       strsignal(w->signum));
	ev_break(loop, EVBREAK_ALL);
}

/* ---- start and stop ---- */

static int make_dir(const char *dir, struct mpq_refusal *r)
{
	if (mkdir(dir, 0755) && errno != EEXIST) {
		int e = -errno;

		(void)mpq_refusal_set(r, "", "cannot make the folder %s: %s.",
				      dir, strerror(-e));
		return e;
	}
	return 0;
}

/* Two of us would undo each other's work. */
static int take_lock(struct mpq_daemon *d, struct mpq_refusal *r)
{
	char path[PATH_MAX];
	int e;

	(void)snprintf(path, sizeof(path), "%s/control.lock",
		       d->options->runtime_dir);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock >= 0 && !flock(d->lock, LOCK_EX | LOCK_NB)) {
		return 0;
	}
	e = -errno;
	if (e == -EWOULDBLOCK) {
		(void)mpq_refusal_set(r, "",
				      "another mpquic-control runs here: it "
				      "holds %s.",
				      path);
		(void)mpq_refusal_next(r, "systemctl stop mpquic-control, or "
					  "name another --runtime-dir");
	} else {
		(void)mpq_refusal_set(r, "", "cannot open %s: %s.", path,
				      strerror(-e));
	}
	return e;
}

static int find_data_user(const struct mpq_options *o,
			  struct mpq_southbound_config *c,
			  struct mpq_refusal *r)
{
	const char *name = o->data_user ? o->data_user : "mpquic-data";
	const struct passwd *p = getpwnam(name);

	c->data_uid = 0;
	c->data_gid = (gid_t)-1;
	if (!p && !o->data_user) { /* as mpquic-data itself does */
		p = getpwnam("nobody");
	}
	if (!p && o->data_user) {
		(void)mpq_refusal_set(r, "",
				      "--data-user: there is no user "
				      "\"%s\".",
				      name);
		(void)mpq_refusal_next(r, "systemd-sysusers makes "
					  "mpquic-data, the default");
		return -ENOENT;
	}
	if (p && p->pw_uid != 0) {
		c->data_uid = p->pw_uid;
		c->data_gid = p->pw_gid;
	}
	return 0;
}

static int listen_southbound(struct mpq_daemon *d, struct mpq_refusal *r)
{
	char path[PATH_MAX];
	struct mpq_southbound_config c = {
		.path = path,
		.events = &mpq_dataplane_events,
		.owner = d,
	};
	int e = find_data_user(d->options, &c, r);

	(void)snprintf(path, sizeof(path), "%s/data.sock",
		       d->options->runtime_dir);
	return e ? e : mpq_southbound_new(&d->southbound, d->loop, &c, r);
}

static int listen_northbound(struct mpq_daemon *d, struct mpq_refusal *r)
{
	const struct group *g = getgrnam("mpquic");
	char path[PATH_MAX];
	struct mpq_northbound_config c = {
		.path = path,
		.group = g ? g->gr_gid : (gid_t)-1,
		.call = on_call,
		.owner = d,
	};

	(void)snprintf(path, sizeof(path), "%s/control.sock",
		       d->options->runtime_dir);
	return mpq_northbound_new(&d->northbound, d->loop, &c, r);
}

static void start_watchers(struct mpq_daemon *d)
{
	ev_timer_init(&d->grace, on_grace, GRACE_SECONDS, 0.0);
	ev_timer_init(&d->review, on_review, REVIEW_SECONDS, REVIEW_SECONDS);
	ev_signal_init(&d->terminate, on_signal, SIGTERM);
	ev_signal_init(&d->interrupt, on_signal, SIGINT);
	d->grace.data = d;
	d->review.data = d;
	ev_timer_start(d->loop, &d->grace);
	ev_signal_start(d->loop, &d->terminate);
	ev_signal_start(d->loop, &d->interrupt);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int prepare(struct mpq_daemon *d, struct mpq_refusal *r)
{
	int e = make_dir(d->options->runtime_dir, r);

	if (!e) {
		e = take_lock(d, r);
	}
	if (!e) {
		e = mpq_schema_new(&d->schema, d->options->yang_dir, r);
	}
	if (!e) {
		e = mpq_store_init(&d->store, d->options->state_dir, r);
	}
	if (!e) {
		e = mpq_store_secret(&d->store, d->secret, r);
	}
	return e;
}

int mpq_daemon_start(struct mpq_daemon *d, const struct mpq_options *options,
		     struct mpq_refusal *r)
{
	int e;

	*d = (struct mpq_daemon){.options = options, .lock = -1};
	(void)mpq_refusal_set(r, "", "out of memory.");
	d->loop = ev_default_loop(EVFLAG_AUTO);
	if (!d->loop) {
		return -ENOMEM;
	}
	mpq_events_init(&d->events, on_published, d);
	d->paths.changed = on_wan_changed;
	d->paths.owner = d;
	d->holds.loop = d->loop;
	d->holds.over = on_hold_over;
	d->holds.owner = d;
	e = prepare(d, r);
	if (!e) {
		e = mpq_kernel_new(&d->kernel, d->loop, &kernel_events, d, r);
	}
	if (!e) {
		e = listen_southbound(d, r);
	}
	if (!e) {
		e = mpq_startup_load(d, r);
	}
	if (!e) {
		e = listen_northbound(d, r);
	}
	if (!e) {
		start_watchers(d);
	}
	return e;
}

void mpq_daemon_run(struct mpq_daemon *d)
{
	ev_run(d->loop, 0);
}

void mpq_daemon_stop(struct mpq_daemon *d)
{
	/* What is under way ends with the connection, and is answered. */
	mpq_southbound_free(d->southbound);
	mpq_northbound_free(d->northbound);
	mpq_dataplane_finish(&d->dataplane);
	mpq_holds_finish(&d->holds);
	mpq_paths_finish(&d->paths);
	mpq_supply_clear(&d->supply);
	mpq_kernel_free(d->kernel);
	mpq_version_free(d->candidate);
	mpq_policy_free(d->running.policy);
	mpq_version_free(d->running.version);
	mpq_events_finish(&d->events);
	mpq_store_finish(&d->store);
	mpq_schema_free(d->schema);
	if (d->lock >= 0) {
		(void)close(d->lock);
	}
	explicit_bzero(d->secret, sizeof(d->secret));
}

/* The monitor tells of nothing here: one run does it all. */
int mpq_daemon_purge(const struct mpq_options *options, struct mpq_refusal *r)
{
	struct mpq_daemon d = {.options = options, .lock = -1};
	int e = make_dir(options->runtime_dir, r);

	d.loop = ev_default_loop(EVFLAG_AUTO);
	if (!e) {
		e = take_lock(&d, r);
	}
	if (!e) {
		e = mpq_kernel_new(&d.kernel, d.loop, &kernel_events, &d, r);
	}
	if (!e) {
		mpq_kernel_apply(d.kernel, NULL);
		if (mpq_kernel_trouble(d.kernel)[0]) {
			(void)mpq_refusal_set(r, "",
					      "not all could be "
					      "removed: %s",
					      mpq_kernel_trouble(d.kernel));
			e = -EIO;
		}
	}
	mpq_kernel_free(d.kernel);
	if (d.lock >= 0) {
		(void)close(d.lock);
	}
	return e;
}
