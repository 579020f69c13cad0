/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/supply.h"

#include "controlplane/snapshot.h"
#include "controlplane/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mpq_supply_item {
	struct mpq_supply_item *next;
	char name[MPQ_CONFIG_NAME_BYTES];
	char address[MPQ_SOCKADDR_TEXT_BYTES]; /* "": a TUN device */
};

void mpq_supply_clear(struct mpq_supply *s)
{
	struct mpq_supply_item *i;

	while ((i = s->items)) {
		s->items = i->next;
		free(i);
	}
}

static bool has(const struct mpq_supply *s, const char *name,
		const char *address)
{
	const struct mpq_supply_item *i;

	for (i = s->items; i; i = i->next) {
		if (!strcmp(i->name, name) && !strcmp(i->address, address)) {
			return true;
		}
	}
	return false;
}

/* Forgetting one only means that it is sent once more. */
static void note(struct mpq_supply *s, const char *name, const char *address)
{
	struct mpq_supply_item *i =
		has(s, name, address) ? NULL : calloc(1, sizeof(*i));

	if (i) {
		(void)snprintf(i->name, sizeof(i->name), "%s", name);
		(void)snprintf(i->address, sizeof(i->address), "%s", address);
		i->next = s->items;
		s->items = i;
	}
}

void mpq_supply_note_tun(struct mpq_supply *s, const char *name)
{
	note(s, name, "");
}

void mpq_supply_forget_tun(struct mpq_supply *s, const char *name)
{
	struct mpq_supply_item **at = &s->items, *i;

	while ((i = *at)) {
		if (!i->address[0] && !strcmp(i->name, name)) {
			*at = i->next;
			free(i);
		} else {
			at = &i->next;
		}
	}
}

/* On a host without IPv6 "::" becomes "0.0.0.0": one and the same wish. */
void mpq_supply_note_listener(struct mpq_supply *s, const char *name,
			      const char *address)
{
	char any[MPQ_SOCKADDR_TEXT_BYTES];
	const char *port = strrchr(address, ':');

	note(s, name, address);
	if (port && !strncmp(address, "0.0.0.0:", 8)) {
		(void)snprintf(any, sizeof(any), "[::]%s", port);
		note(s, name, any);
	}
}

static int put(struct mpq_supply_parcel *p, const char *kind, const char *name,
	       int fd, bool ours, struct mpq_refusal *r)
{
	struct json_object *label = json_object_new_object();

	if (p->n == MPQ_FRAME_MAX_DESCRIPTORS) {
		json_object_put(label);
		if (ours) {
			(void)close(fd);
		}
		(void)mpq_refusal_set(r, "/mpquic:mpquic/tunnel",
				      "more than %u devices and listeners are "
				      "new at once.",
				      MPQ_FRAME_MAX_DESCRIPTORS);
		(void)mpq_refusal_next(r, "commit some of them first");
		return -E2BIG;
	}
	json_object_object_add(label, kind, json_object_new_string(name));
	json_object_array_add(p->labels, label);
	p->fds[p->n] = fd;
	p->ours[p->n] = ours;
	p->n++;
	return 0;
}

/* Who of our own holds the port, NULL: nobody. */
static const char *holder(const struct mpq_supply *s, uint16_t port)
{
	const struct mpq_supply_item *i;
	const char *colon;

	for (i = s->items; i; i = i->next) {
		colon = strrchr(i->address, ':');
		if (colon && strtoul(colon + 1, NULL, 10) == port) {
			return i->name;
		}
	}
	return NULL;
}

static int refuse_listener(const struct mpq_supply *s,
			   const struct mpq_config_path *path, int e,
			   struct mpq_refusal *r)
{
	uint16_t port = mpq_sockaddr_port(&path->address);
	char at[128], text[MPQ_SOCKADDR_TEXT_BYTES];

	(void)snprintf(at, sizeof(at), "/mpquic:mpquic/path[name='%s']/listen",
		       path->name);
	(void)mpq_sockaddr_format(&path->address, text);
	if (e == -EADDRINUSE && holder(s, port)) {
		(void)mpq_refusal_set(r, at,
				      "path %s of the running configuration "
				      "still has port %u.",
				      holder(s, port), port);
		(void)mpq_refusal_next(r, "commit once without path %s",
				       path->name);
	} else if (e == -EADDRINUSE) {
		(void)mpq_refusal_set(r, at, "%s is in use by another program.",
				      text);
		(void)mpq_refusal_next(r, "see who: ss -lunp 'sport = %u'",
				       mpq_sockaddr_port(&path->address));
	} else if (e == -EADDRNOTAVAIL) {
		(void)mpq_refusal_set(r, at,
				      "this machine does not have the address "
				      "of %s.",
				      text);
		(void)mpq_refusal_next(r, "listen at \"::\", or add the "
					  "address first");
	} else {
		(void)mpq_refusal_set(r, at, "cannot listen at %s: %s.", text,
				      strerror(-e));
	}
	return e;
}

static int pack_listener(const struct mpq_supply *s,
			 const struct mpq_config_path *path,
			 struct mpq_supply_parcel *p, struct mpq_refusal *r)
{
	char text[MPQ_SOCKADDR_TEXT_BYTES];
	int fd = -1, e;

	(void)mpq_sockaddr_format(&path->address, text);
	if (!path->enabled || path->wan[0] || has(s, path->name, text)) {
		return 0;
	}
	e = mpq_sockets_listen(&path->address, &fd);
	if (e) {
		return refuse_listener(s, path, e, r);
	}
	return put(p, "listen", path->name, fd, true, r);
}

static int pack_tun(const struct mpq_supply *s, struct mpq_kernel *k,
		    const char *name, struct mpq_supply_parcel *p,
		    struct mpq_refusal *r)
{
	int fd = -1, e = mpq_kernel_tun(k, name, &fd, r);

	if (e || has(s, name, "")) {
		return e;
	}
	return put(p, "tun", name, fd, false, r);
}

static void parcel_init(struct mpq_supply_parcel *p)
{
	*p = (struct mpq_supply_parcel){
		.labels = json_object_new_array(),
		.lacking = json_object_new_array(),
	};
}

int mpq_supply_pack(const struct mpq_supply *s, struct mpq_kernel *k,
		    const struct mpq_config *c, struct mpq_supply_parcel *ret,
		    struct mpq_refusal *r)
{
	size_t i;
	int e = 0;

	parcel_init(ret);
	for (i = 0; i < c->n_tunnels && !e; i++) {
		e = pack_tun(s, k, c->tunnels[i].name, ret, r);
	}
	for (i = 0; i < c->n_paths && !e; i++) {
		e = pack_listener(s, &c->paths[i], ret, r);
	}
	if (e) {
		mpq_supply_parcel_finish(ret);
	}
	return e;
}

static void note_lacking(struct mpq_supply_parcel *p, const char *kind,
			 const char *name, const struct mpq_refusal *why,
			 struct mpq_refusal *r)
{
	struct json_object *o = json_object_new_object();

	if (json_object_array_length(p->lacking) == 0) {
		*r = *why;
	}
	json_object_object_add(o, kind, json_object_new_string(name));
	json_object_array_add(p->lacking, o);
}

void mpq_supply_pack_some(const struct mpq_supply *s, struct mpq_kernel *k,
			  const struct mpq_config *c,
			  struct mpq_supply_parcel *ret, struct mpq_refusal *r)
{
	struct mpq_refusal why;
	size_t i;

	parcel_init(ret);
	for (i = 0; i < c->n_tunnels; i++) {
		if (pack_tun(s, k, c->tunnels[i].name, ret, &why)) {
			note_lacking(ret, "tunnel", c->tunnels[i].name, &why,
				     r);
		}
	}
	for (i = 0; i < c->n_paths; i++) {
		if (pack_listener(s, &c->paths[i], ret, &why)) {
			note_lacking(ret, "path", c->paths[i].name, &why, r);
		}
	}
}

void mpq_supply_parcel_finish(struct mpq_supply_parcel *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (p->ours[i]) {
			(void)close(p->fds[i]);
		}
	}
	json_object_put(p->labels);
	json_object_put(p->lacking);
	*p = (struct mpq_supply_parcel){0};
}

void mpq_supply_delivered(struct mpq_supply *s, const struct mpq_config *c,
			  struct json_object *lacking)
{
	char text[MPQ_SOCKADDR_TEXT_BYTES];
	const char *name;
	size_t i;

	mpq_supply_clear(s);
	for (i = 0; i < c->n_tunnels; i++) {
		name = c->tunnels[i].name;
		if (!mpq_snapshot_lacks(lacking, "tunnel", name)) {
			mpq_supply_note_tun(s, name);
		}
	}
	for (i = 0; i < c->n_paths; i++) {
		name = c->paths[i].name;
		if (!c->paths[i].wan[0] && c->paths[i].enabled &&
		    !mpq_snapshot_lacks(lacking, "path", name)) {
			mpq_supply_note_listener(
				s, name,
				mpq_sockaddr_format(&c->paths[i].address,
						    text));
		}
	}
}
