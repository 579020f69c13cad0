/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/paths.h"

#include "common/json.h"
#include "common/log.h"
#include "common/southbound.h"
#include "controlplane/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKETS 2 /* one for the connection, one for its successor */

static struct mpq_paths_item *find(struct mpq_paths *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (!strcmp(p->item[i].config->name, name)) {
			return &p->item[i];
		}
	}
	return NULL;
}

/* Would mpquic-data, and the kernel, take both for the same path? */
static bool same_path(const struct mpq_paths_item *a,
		      const struct mpq_paths_item *b)
{
	return a->mark == b->mark && a->config->enabled && b->config->enabled &&
	       !strcmp(a->config->wan, b->config->wan) &&
	       !strcmp(a->config->server_name, b->config->server_name) &&
	       mpq_sockaddr_equal(&a->config->address, &b->config->address);
}

static void inherit(struct mpq_paths *was, struct mpq_paths_item *is)
{
	const struct mpq_paths_item *old = find(was, is->config->name);

	if (!old) {
		return;
	}
	is->is = old->is;
	if (same_path(old, is)) {
		is->sent = old->sent;
		is->has_sent = old->has_sent;
		is->adopted = old->adopted;
	}
}

int mpq_paths_configure(struct mpq_paths *p, const struct mpq_config *c,
			const struct mpq_policy *policy)
{
	struct mpq_paths_item *item = calloc(c->n_paths + 1, sizeof(*item));
	size_t n = 0, i;

	if (!item) {
		return -ENOMEM;
	}
	for (i = 0; i < c->n_paths; i++) {
		if (c->paths[i].wan[0]) {
			item[n].config = &c->paths[i];
			item[n].mark = mpq_policy_mark(policy, c->paths[i].wan);
			inherit(p, &item[n]);
			n++;
		}
	}
	free(p->item);
	p->item = item;
	p->n = n;
	return 0;
}

void mpq_paths_finish(struct mpq_paths *p)
{
	free(p->item);
	p->item = NULL;
	p->n = 0;
}

void mpq_paths_forget(struct mpq_paths *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		p->item[i].has_sent = false;
	}
}

static void adopt(struct mpq_paths *p, struct json_object *o)
{
	struct mpq_json_reader r = {.at = "Hello/paths"};
	const char *name = mpq_json_string(&r, o, "name"),
		   *link = mpq_json_string(&r, o, "link"),
		   *address = mpq_json_string_or(&r, o, "local-address", "");
	struct mpq_paths_item *item = find(p, name);
	struct mpq_wan sent = {
		.index = (unsigned)mpq_json_uint_or(&r, o, "device-index", 0,
						    UINT32_MAX, 0)};

	if (r.error[0] || !item || mpq_wan_state_parse(link, &sent.state) ||
	    strlen(address) >= sizeof(sent.address)) {
		return; /* it will be told */
	}
	memcpy(sent.address, address, strlen(address) + 1);
	item->sent = sent;
	item->has_sent = true;
	item->adopted = true;
}

void mpq_paths_adopt(struct mpq_paths *p, struct json_object *hello_paths)
{
	size_t i, n = hello_paths ? json_object_array_length(hello_paths) : 0;

	for (i = 0; i < n; i++) {
		adopt(p, json_object_array_get_idx(hello_paths, i));
	}
}

static void look(struct mpq_paths_item *item, const struct mpq_monitor *m,
		 struct mpq_wan *ret)
{
	const struct mpq_config_path *c = item->config;
	uint8_t family = c->address.sa.sa_family == AF_INET ? 4 : 6;
	struct mpq_wan_view v = {
		.name = c->wan,
		.link = mpq_monitor_link(m, c->wan),
	};

	if (v.link) {
		v.address = mpq_monitor_address(m, v.link->index, family);
		v.gateway = mpq_monitor_gateway(m, v.link->index, family);
	}
	mpq_wan_judge(&v, &c->address, ret);
}

static struct json_object *parameters(const struct mpq_paths_item *item)
{
	struct json_object *p = json_object_new_object();
	const struct mpq_wan *w = &item->is;

	json_object_object_add(p, "path",
			       json_object_new_string(item->config->name));
	json_object_object_add(p, "link",
			       json_object_new_string(
				       mpq_wan_state_name(w->state)));
	json_object_object_add(p, "reason", json_object_new_string(w->reason));
	json_object_object_add(p, "device-index",
			       json_object_new_int64(w->index));
	json_object_object_add(p, "local-address",
			       json_object_new_string(w->address));
	return p;
}

static struct json_object *labels(const struct mpq_paths_item *item)
{
	struct json_object *a = json_object_new_array(), *o;
	int i;

	for (i = 0; i < SOCKETS; i++) {
		o = json_object_new_object();
		json_object_object_add(o, "path",
				       json_object_new_string(
					       item->config->name));
		json_object_array_add(a, o);
	}
	return a;
}

static int make_sockets(const struct mpq_paths_item *item, int fds[SOCKETS])
{
	const struct mpq_config_path *c = item->config;
	int e = mpq_sockets_wan(c->wan, item->mark, c->address.sa.sa_family,
				&fds[0]);

	if (!e) {
		e = mpq_sockets_wan(c->wan, item->mark, c->address.sa.sa_family,
				    &fds[1]);
		if (e) {
			(void)close(fds[0]);
		}
	}
	return e;
}

/* Each new trouble is logged once. The device may be gone again: then the
 * monitor will say so. */
static void note_trouble(struct mpq_paths_item *item, int e)
{
	char text[sizeof(item->trouble)] = "";

	if (e) {
		(void)snprintf(text, sizeof(text), "no socket on %s: %s",
			       item->config->wan, strerror(-e));
	}
	if (strcmp(item->trouble, text) != 0 && e) {
		mpq_log_warn("path=%s: %s; trying again", item->config->name,
			     text);
	}
	memcpy(item->trouble, text, sizeof(text));
}

static void on_sent(void *context, int error, struct json_object *parameters_)
{
	struct json_object *message = NULL;

	(void)context;
	if (error == -EREMOTE) {
		(void)json_object_object_get_ex(parameters_, "message",
						&message);
		mpq_log_error("mpquic-data refused a link's state: %s",
			      message ? json_object_get_string(message) : "?");
	}
}

static void tell(struct mpq_paths_item *item, struct mpq_southbound *s)
{
	int fds[SOCKETS] = {-1, -1}, e = 0;
	bool ready = item->is.state == MPQ_WAN_READY;

	if (ready) {
		e = make_sockets(item, fds);
	}
	note_trouble(item, e);
	if (e) {
		return;
	}
	e = mpq_southbound_call(s, MPQ_SOUTHBOUND_SOCKET_CALL, parameters(item),
				ready ? labels(item) : NULL, fds,
				ready ? SOCKETS : 0, on_sent, NULL);
	if (ready) {
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	if (!e) {
		item->sent = item->is;
		item->has_sent = true;
		item->adopted = false;
	}
}

/* Does mpquic-data know how the WAN is? */
static bool up_to_date(struct mpq_paths_item *item)
{
	if (!item->has_sent) {
		return false;
	}
	if (item->adopted && item->sent.state == item->is.state) {
		item->sent.gateway = item->is.gateway;
		memcpy(item->sent.reason, item->is.reason,
		       sizeof(item->sent.reason));
		item->adopted = false;
	}
	return mpq_wan_same(&item->sent, &item->is) &&
	       !strcmp(item->sent.reason, item->is.reason);
}

void mpq_paths_review(struct mpq_paths *p, const struct mpq_monitor *m,
		      struct mpq_southbound *s)
{
	struct mpq_paths_item *item;
	struct mpq_wan is;
	size_t i;

	for (i = 0; i < p->n; i++) {
		item = &p->item[i];
		look(item, m, &is);
		if (is.state != item->is.state ||
		    strcmp(is.reason, item->is.reason) != 0 ||
		    !mpq_wan_same(&is, &item->is)) {
			item->is = is;
			p->changed(p->owner, item);
		}
		if (item->config->enabled && !up_to_date(item) &&
		    mpq_southbound_connected(s)) {
			tell(item, s);
		}
	}
}
