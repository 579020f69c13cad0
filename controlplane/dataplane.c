/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/dataplane.h"

#include "common/log.h"
#include "common/southbound.h"
#include "controlplane/daemon.h"
#include "controlplane/requests.h"
#include "controlplane/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RETRY_MAX_SECONDS 60
#define EVENT_MAX_BYTES   4096 /* mpquic-data has no privilege to flood us */

/* Each new trouble is logged once. */
static void note(struct mpq_daemon *d, char text[512], const char *is)
{
	if (strcmp(text, is) == 0) {
		return;
	}
	(void)snprintf(text, 512, "%s", is);
	if (text[0]) {
		mpq_log_error("not all of generation %u is in force, trying "
			      "again: %s",
			      d->running.generation, text);
	}
}

static bool troubled(const struct mpq_dataplane *p)
{
	return p->refusal[0] || p->lack[0];
}

/* Soon at first, then less and less often. */
static void schedule_retry(struct mpq_dataplane *p)
{
	if (!troubled(p)) {
		p->retry_after = 0;
		return;
	}
	p->retry_after = p->retry_after ? 2 * p->retry_after : 1;
	if (p->retry_after > RETRY_MAX_SECONDS) {
		p->retry_after = RETRY_MAX_SECONDS;
	}
	p->retry_in = p->retry_after;
}

bool mpq_dataplane_make_tuns(struct mpq_daemon *d)
{
	const struct mpq_config *c = d->running.version->config;
	struct mpq_refusal why;
	bool any = false;
	size_t i;
	int fd;

	for (i = 0; i < c->n_tunnels; i++) {
		if (mpq_kernel_has_tun(d->kernel, c->tunnels[i].name)) {
			continue;
		}
		if (mpq_kernel_tun(d->kernel, c->tunnels[i].name, &fd, &why)) {
			note(d, d->dataplane.lack, why.message);
		} else {
			any = true;
		}
	}
	return any;
}

/* ---- Apply ---- */

static void on_pushed(void *context, int error, struct json_object *parameters)
{
	struct mpq_daemon *d = context;
	struct mpq_dataplane *p = &d->dataplane;
	struct json_object *message = NULL;
	const char *refusal = "";

	p->pushing = false;
	if (error == -EREMOTE) {
		(void)json_object_object_get_ex(parameters, "message",
						&message);
		refusal = message ? json_object_get_string(message)
				  : "it gives no reason";
	} else if (error == -ETIMEDOUT) {
		refusal = "it does not answer";
	} else if (!error) {
		mpq_supply_delivered(&d->supply, d->running.version->config,
				     p->lacking);
	}
	note(d, p->refusal, refusal);
	schedule_retry(p);
	if (p->push_due && !error) {
		mpq_dataplane_push(d);
	}
	mpq_requests_resume(d);
}

static struct json_object *parameters_of(const struct mpq_daemon *d)
{
	struct json_object *p = json_object_new_object(),
			   *s = mpq_snapshot_new(d->running.version->config,
						 d->running.version->material,
						 d->running.generation,
						 d->secret);

	mpq_snapshot_leave_out(s, d->dataplane.lacking);
	json_object_object_add(p, "snapshot", s);
	return p;
}

void mpq_dataplane_push(struct mpq_daemon *d)
{
	struct mpq_dataplane *p = &d->dataplane;
	struct mpq_supply_parcel parcel;
	struct mpq_refusal why;

	if (!mpq_southbound_connected(d->southbound)) {
		return;
	}
	p->push_due = p->pushing || d->transaction;
	if (p->push_due) {
		return;
	}
	mpq_supply_pack_some(&d->supply, d->kernel, d->running.version->config,
			     &parcel, &why);
	json_object_put(p->lacking);
	p->lacking = json_object_get(parcel.lacking);
	note(d, p->lack,
	     json_object_array_length(p->lacking) ? why.message : "");
	p->pushing = !mpq_southbound_call(d->southbound, MPQ_SOUTHBOUND_APPLY,
					  parameters_of(d),
					  json_object_get(parcel.labels),
					  parcel.fds, parcel.n, on_pushed, d);
	mpq_supply_parcel_finish(&parcel);
}

void mpq_dataplane_tick(struct mpq_daemon *d)
{
	struct mpq_dataplane *p = &d->dataplane;

	if (d->transaction || p->pushing) {
		return;
	}
	if (mpq_dataplane_make_tuns(d)) {
		mpq_dataplane_push(d);
	} else if (troubled(p) && p->retry_in-- <= 1) {
		schedule_retry(p);
		mpq_dataplane_push(d);
	}
}

/* ---- holds ---- */

void mpq_dataplane_hold(struct mpq_daemon *d, const char *path, bool held)
{
	struct json_object *p = json_object_new_object();

	json_object_object_add(p, "path", json_object_new_string(path));
	json_object_object_add(p, "held", json_object_new_boolean(held));
	(void)mpq_southbound_call(d->southbound, MPQ_SOUTHBOUND_HOLD, p, NULL,
				  NULL, 0, NULL, NULL);
}

static void hold_again(void *context, const char *path)
{
	mpq_dataplane_hold(context, path, true);
}

/* ---- Hello ---- */

static void adopt_listeners(struct mpq_daemon *d, struct json_object *paths)
{
	size_t i, n = paths ? json_object_array_length(paths) : 0;
	struct json_object *o, *name, *link, *address;

	for (i = 0; i < n; i++) {
		o = json_object_array_get_idx(paths, i);
		if (json_object_object_get_ex(o, "name", &name) &&
		    json_object_object_get_ex(o, "link", &link) &&
		    json_object_object_get_ex(o, "local-address", &address) &&
		    !strcmp(json_object_get_string(link), "listening")) {
			mpq_supply_note_listener(&d->supply,
						 json_object_get_string(name),
						 json_object_get_string(
							 address));
		}
	}
}

static void adopt_tuns(struct mpq_daemon *d,
		       const struct mpq_southbound_hello *h)
{
	size_t i;
	int e;

	for (i = 0; i < h->tuns; i++) {
		e = mpq_kernel_adopt_tun(d->kernel, h->tun[i].name,
					 h->tun[i].fd);
		if (e) {
			mpq_log_warn("tunnel=%.15s: what mpquic-data holds is "
				     "not its device (%s): giving it another",
				     h->tun[i].name, strerror(-e));
		} else {
			mpq_supply_note_tun(&d->supply, h->tun[i].name);
		}
	}
}

static bool is_running(void *context, const char *name)
{
	const struct mpq_daemon *d = context;

	return mpq_config_tunnel(d->running.version->config, name) != NULL;
}

static void publish(struct mpq_daemon *d, const char *is)
{
	struct json_object *o = mpq_events_new("data-plane", "is", is, NULL);

	json_object_object_add(o, "pid", json_object_new_int(d->dataplane.pid));
	mpq_events_publish(&d->events, o);
}

static void greet(struct mpq_daemon *d, const struct mpq_southbound_hello *h)
{
	struct mpq_dataplane *p = &d->dataplane;

	if (p->pid && p->pid != h->pid) {
		p->restarts++;
	}
	p->pid = h->pid;
	p->since = time(NULL);
	p->retry_after = 0;
	mpq_log_notice("mpquic-data %.32s (pid %d) is connected, at "
		       "generation %u, with %zu TUN devices",
		       h->version, h->pid, h->generation, h->tuns);
	publish(d, "connected");
}

static void on_hello(void *owner, const struct mpq_southbound_hello *h)
{
	struct mpq_daemon *d = owner;

	greet(d, h);
	mpq_supply_clear(&d->supply);
	mpq_paths_forget(&d->paths);
	adopt_tuns(d, h);
	adopt_listeners(d, h->paths);
	mpq_paths_adopt(&d->paths, h->paths);
	mpq_dataplane_push(d);
	mpq_kernel_drop_tuns(d->kernel, is_running, d);
	mpq_paths_review(&d->paths, mpq_kernel_monitor(d->kernel),
			 d->southbound);
	mpq_holds_each(&d->holds, hold_again, d);
}

static void on_event(void *owner, struct json_object *parameters)
{
	struct mpq_daemon *d = owner;
	size_t len = 0;

	(void)json_object_to_json_string_length(parameters,
						JSON_C_TO_STRING_PLAIN, &len);
	if (len > EVENT_MAX_BYTES) {
		mpq_log_warn("an event of %zu bytes of mpquic-data: passed "
			     "over",
			     len);
		return;
	}
	mpq_holds_tell(&d->holds, parameters, "path");
	mpq_events_publish(&d->events, json_object_get(parameters));
}

static void on_lost(void *owner)
{
	struct mpq_daemon *d = owner;

	d->dataplane.since = time(NULL);
	mpq_log_warn("mpquic-data (pid %d) is gone; its devices, routes and "
		     "guards stay",
		     d->dataplane.pid);
	mpq_supply_clear(&d->supply);
	mpq_paths_forget(&d->paths);
	publish(d, "lost");
}

const struct mpq_southbound_events mpq_dataplane_events = {
	.hello = on_hello,
	.event = on_event,
	.lost = on_lost,
};

void mpq_dataplane_finish(struct mpq_dataplane *p)
{
	json_object_put(p->lacking);
	p->lacking = NULL;
}
