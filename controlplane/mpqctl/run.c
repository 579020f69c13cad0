/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "controlplane/mpqctl/client.h"
#include "controlplane/mpqctl/events.h"
#include "controlplane/mpqctl/format.h"
#include "controlplane/mpqctl/notify.h"

#define RETRY_MS 1000

struct run {
	const struct mpq_call *call;
	const char *tunnel;
	int signals;               /* signalfd */
	struct mpq_client *events; /* NULL while mpquic-control is away */
	bool disabled;             /* by another: our unit is over */
	char *told; /* last, so that nothing is told twice in a row */
};

/* To stdout, which the journal keeps, and to systemctl status. */
static void tell(struct run *r, const char *text)
{
	char *copy;

	if (r->told != NULL && strcmp(r->told, text) == 0) {
		return;
	}
	copy = strdup(text);
	free(r->told);
	r->told = copy;
	(void)printf("%s\n", text);
	(void)fflush(stdout);
	mpq_notify_send("STATUS=%s", text);
}

static int block_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
		return -errno;
	}
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static struct json_object *tunnel_parameter(const struct run *r)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "tunnel", json_object_new_string(r->tunnel));
	return o;
}

static bool about_us(const struct run *r, struct json_object *event)
{
	return strcmp(mpq_format_member(event, "tunnel", ""), r->tunnel) == 0;
}

/* How the tunnel is now, as the event that made it so would read. */
static void tell_tunnel(struct run *r, struct json_object *status)
{
	struct json_object *tunnels = NULL, *enabled = NULL;

	if (!json_object_object_get_ex(status, "tunnels", &tunnels) ||
	    !json_object_is_type(tunnels, json_type_array)) {
		return;
	}
	for (size_t i = 0; i < json_object_array_length(tunnels); i++) {
		struct json_object *t = json_object_array_get_idx(tunnels, i);
		char *text = NULL;

		if (strcmp(mpq_format_member(t, "name", ""), r->tunnel) != 0) {
			continue;
		}
		r->disabled =
			json_object_object_get_ex(t, "enabled", &enabled) &&
			!json_object_get_boolean(enabled);
		json_object_object_add(t, "event",
				       json_object_new_string("tunnel"));
		json_object_object_add(t, "tunnel",
				       json_object_new_string(r->tunnel));
		text = mpq_events_text(t);
		if (text != NULL) {
			tell(r, text);
		}
		free(text);
	}
}

static void ask_tunnel(struct run *r)
{
	struct json_object *status;

	if (mpq_client_once(r->call, "Status", NULL, &status) == MPQ_EXIT_OK) {
		tell_tunnel(r, status);
		json_object_put(status);
	}
}

static bool is_event(struct json_object *event, const char *kind)
{
	return strcmp(mpq_format_member(event, "event", ""), kind) == 0;
}

static void tell_event(struct run *r, struct json_object *reply)
{
	struct json_object *event = NULL;
	char *text;

	if (!json_object_object_get_ex(reply, "parameters", &event)) {
		return;
	}
	/* These may change our tunnel without an event of its own. */
	if (is_event(event, "configuration-changed") ||
	    is_event(event, "data-plane")) {
		ask_tunnel(r);
		return;
	}
	/* Of what is steered where there is too much to say here. */
	if (!about_us(r, event) || is_event(event, "steering")) {
		return;
	}
	text = mpq_events_text(event);
	if (text != NULL) {
		tell(r, text);
	}
	free(text);
}

/* First the stream, then the state, so that no change falls between. */
static int subscribe(struct run *r)
{
	int error = mpq_client_connect(r->call->socket, &r->events);

	if (error == 0) {
		error = mpq_client_subscribe(r->events, "Events", NULL);
	}
	if (error != 0) {
		mpq_client_close(r->events);
		r->events = NULL;
		return error;
	}
	ask_tunnel(r);
	return 0;
}

static void lose(struct run *r)
{
	mpq_client_close(r->events);
	r->events = NULL;
	tell(r, "mpquic-control is away, waiting; the data plane forwards on");
}

static void read_events(struct run *r)
{
	struct json_object *reply;
	int got;

	while ((got = mpq_client_next(r->events, 0, &reply)) > 0) {
		tell_event(r, reply);
		json_object_put(reply);
	}
	if (got < 0) {
		lose(r);
	}
}

/* Until a signal comes, or another disables the tunnel. */
static void watch(struct run *r)
{
	while (!r->disabled) {
		struct pollfd p[2] = {
			{.fd = r->signals, .events = POLLIN},
			{.fd = r->events != NULL ? mpq_client_fd(r->events)
						 : -1,
			 .events = POLLIN},
		};
		int n = poll(p, 2, r->events != NULL ? -1 : RETRY_MS);

		if (n > 0 && p[0].revents != 0) {
			return;
		}
		if (n > 0 && p[1].revents != 0) {
			read_events(r);
		}
		if (r->events == NULL && n == 0) {
			(void)subscribe(r);
		}
	}
}

static enum mpq_exit disable(const struct run *r)
{
	enum mpq_exit result;

	mpq_notify_send("STOPPING=1\nSTATUS=disabling %s", r->tunnel);
	result = mpq_client_once(r->call, "TunnelDisable", tunnel_parameter(r),
				 NULL);
	if (result == MPQ_EXIT_OK) {
		(void)printf("tunnel %s: disabled\n", r->tunnel);
	}
	return result;
}

enum mpq_exit mpq_run_tunnel(const struct mpq_call *call)
{
	struct run r = {.call = call, .tunnel = call->argument[0]};
	enum mpq_exit result;

	r.signals = block_signals();
	if (r.signals < 0) {
		perror("mpqctl: signalfd");
		return MPQ_EXIT_REFUSED;
	}
	result = mpq_client_once(call, "TunnelEnable", tunnel_parameter(&r),
				 NULL);
	if (result == MPQ_EXIT_OK) {
		mpq_notify_send("READY=1\nSTATUS=%s is enabled", r.tunnel);
		if (subscribe(&r) != 0) {
			lose(&r);
		}
		watch(&r);
		result = r.disabled ? MPQ_EXIT_OK : disable(&r);
	}
	mpq_client_close(r.events);
	free(r.told);
	(void)close(r.signals);
	return result;
}
