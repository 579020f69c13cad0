/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/alarms.h"

#include "controlplane/daemon.h"

#include <stdarg.h>
#include <stdio.h>

#define DAY ((time_t)86400)

__attribute__((format(printf, 3, 4))) static void
add(struct json_object *list, const char *what, const char *message, ...)
{
	struct json_object *o = json_object_new_object();
	char text[1024];
	va_list ap;

	va_start(ap, message);
	(void)vsnprintf(text, sizeof(text), message, ap);
	va_end(ap);
	json_object_object_add(o, "what", json_object_new_string(what));
	json_object_object_add(o, "message", json_object_new_string(text));
	json_object_array_add(list, o);
}

static const char *date_text(time_t t, char text[32])
{
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(text, 32, "%Y-%m-%d %H:%M UTC", &tm);
	return text;
}

void mpq_alarms_dates(time_t not_before, time_t not_after, time_t now,
		      char text[MPQ_ALARMS_TEXT_BYTES])
{
	time_t left = not_after - now;
	int days = left <= DAY ? 1 : left <= 7 * DAY ? 7 : 30;
	char date[32], here[32];

	text[0] = '\0';
	if (now < not_before) {
		(void)snprintf(text, MPQ_ALARMS_TEXT_BYTES,
			       "our certificate is not valid before %s, and "
			       "the clock here says %s: set the clock.",
			       date_text(not_before, date),
			       date_text(now, here));
	} else if (left <= 0) {
		(void)snprintf(text, MPQ_ALARMS_TEXT_BYTES,
			       "our certificate expired on %s: new "
			       "connections are refused. Renew it, then "
			       "mpqctl commit.",
			       date_text(not_after, date));
	} else if (left <= 30 * DAY) {
		(void)snprintf(text, MPQ_ALARMS_TEXT_BYTES,
			       "our certificate expires on %s, in less than "
			       "%d day%s. Renew it, then mpqctl commit.",
			       date_text(not_after, date), days,
			       days == 1 ? "" : "s");
	}
}

static void add_certificate(struct json_object *list,
			    const struct mpq_daemon *d, time_t now)
{
	const struct mpq_certificate_identity *own =
		&d->running.version->material->own;
	char text[MPQ_ALARMS_TEXT_BYTES];

	mpq_alarms_dates(own->not_before, own->not_after, now, text);
	if (text[0]) {
		add(list, "certificate", "%s", text);
	}
}

static bool any_ipv6(const struct mpq_config_prefixes *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (p->item[i].family == 6) {
			return true;
		}
	}
	return false;
}

/* Does a tunnel carry IPv6 to or from behind this machine? */
static bool routes_ipv6(const struct mpq_config *c)
{
	const struct mpq_config_tunnel *t;
	size_t i, j;

	for (i = 0; i < c->n_tunnels; i++) {
		t = &c->tunnels[i];
		if (any_ipv6(&t->remote_prefixes)) {
			return true;
		}
		for (j = 0; j < t->n_lans; j++) {
			if (any_ipv6(&t->lans[j].prefixes)) {
				return true;
			}
		}
	}
	return false;
}

static void add_forwarding(struct json_object *list, const struct mpq_daemon *d)
{
	const struct mpq_monitor *m = mpq_kernel_monitor(d->kernel);

	if (routes_ipv6(d->running.version->config) &&
	    mpq_monitor_has_ipv6(m) && !mpq_monitor_forwarding(m, 6)) {
		add(list, "ipv6-forwarding",
		    "a tunnel carries IPv6 and this machine does not forward "
		    "it: sysctl -w net.ipv6.conf.all.forwarding=1");
	}
}

/* What comes in by a port comes in by its master, for rules and guards. */
static void add_ports(struct json_object *list, const struct mpq_daemon *d)
{
	const struct mpq_monitor *m = mpq_kernel_monitor(d->kernel);
	const struct mpq_policy *p = d->running.policy;

	for (size_t i = 0; i < p->desired.n_lans; i++) {
		const struct mpq_desired_lan *lan = &p->desired.lans[i];
		const struct mpq_link *link =
			mpq_monitor_link(m, lan->interface);
		const struct mpq_link *master =
			link && link->master
				? mpq_monitor_link_at(m, link->master)
				: NULL;

		if (master) {
			add(list, "lan",
			    "%s, a LAN of tunnel %s, is a port of %s: what "
			    "comes by it is neither carried nor guarded. Name "
			    "%s in the configuration instead.",
			    lan->interface, lan->tunnel, master->name,
			    master->name);
		}
	}
}

static void add_data_plane(struct json_object *list, const struct mpq_daemon *d)
{
	if (!mpq_southbound_connected(d->southbound)) {
		add(list, "data-plane",
		    "mpquic-data is not connected: nothing is carried. "
		    "systemctl status mpquic-data");
	} else if (d->dataplane.refusal[0]) {
		add(list, "data-plane",
		    "mpquic-data does not take the running configuration: %s",
		    d->dataplane.refusal);
	}
	if (d->dataplane.lack[0]) {
		add(list, "device", "%s", d->dataplane.lack);
	}
}

static void add_trouble(struct json_object *list, const struct mpq_daemon *d)
{
	const char *kernel = mpq_kernel_trouble(d->kernel);
	size_t i;

	if (d->file_trouble[0]) {
		add(list, "configuration",
		    "%s was passed over, generation %u is in force: %s",
		    d->options->config, d->running.generation, d->file_trouble);
	}
	if (kernel[0]) {
		add(list, "kernel", "not in place: %s", kernel);
	}
	for (i = 0; i < d->paths.n; i++) {
		if (d->paths.item[i].trouble[0]) {
			add(list, "socket", "path %s: %s",
			    d->paths.item[i].config->name,
			    d->paths.item[i].trouble);
		}
	}
}

struct json_object *mpq_alarms_new(const struct mpq_daemon *d, time_t now)
{
	struct json_object *list = json_object_new_array();

	add_data_plane(list, d);
	add_trouble(list, d);
	add_forwarding(list, d);
	add_ports(list, d);
	add_certificate(list, d, now);
	return list;
}
