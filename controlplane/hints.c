/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/hints.h"

#include "controlplane/hints-internal.h"
#include "controlplane/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mpq_hints_add(struct json_object *list, const char *path,
		   const char *format, ...)
{
	struct json_object *o = json_object_new_object();
	char message[512];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	json_object_object_add(o, "path", json_object_new_string(path));
	json_object_object_add(o, "message", json_object_new_string(message));
	json_object_array_add(list, o);
}

static bool is_bonded(const struct mpq_config_tunnel *t)
{
	return t->paths.n > 1;
}

/* The one with the most paths; NULL: none is bonded. */
static const struct mpq_config_tunnel *widest(const struct mpq_config *c)
{
	const struct mpq_config_tunnel *best = NULL;

	for (size_t i = 0; i < c->n_tunnels; i++) {
		const struct mpq_config_tunnel *t = &c->tunnels[i];

		if (is_bonded(t) &&
		    (best == NULL || t->paths.n > best->paths.n)) {
			best = t;
		}
	}
	return best;
}

/* ---- paths ---- */

/* The first one that has the path; NULL: none. */
static const struct mpq_config_tunnel *tunnel_of(const struct mpq_config *c,
						 const char *path)
{
	for (size_t i = 0; i < c->n_tunnels; i++) {
		if (mpq_config_has(&c->tunnels[i].paths, path)) {
			return &c->tunnels[i];
		}
	}
	return NULL;
}

/* A bonded tunnel beside one that has a WAN for itself shares that WAN by
 * design. */
static bool share_by_design(const struct mpq_config *c, const char *a,
			    const char *b)
{
	const struct mpq_config_tunnel *s = tunnel_of(c, a),
				       *t = tunnel_of(c, b);

	return s != NULL && t != NULL && is_bonded(s) != is_bonded(t);
}

static void look_at_path(const struct mpq_config *c, size_t i,
			 struct json_object *list)
{
	const struct mpq_config_path *p = &c->paths[i];
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (p->enabled && tunnel_of(c, p->name) == NULL) {
		mpq_hints_add(list, mpq_refusal_path(at, "path", p->name, ""),
			      "no tunnel has this path: %s.",
			      c->edge ? "nothing is dialled by it"
				      : "who dials it is turned away");
	}
	for (size_t k = 0; p->wan[0] != '\0' && k < i; k++) {
		if (strcmp(c->paths[k].wan, p->wan) == 0 &&
		    !share_by_design(c, c->paths[k].name, p->name)) {
			mpq_hints_add(
				list,
				mpq_refusal_path(at, "path", p->name, "wan"),
				"%s is the WAN of path %s as well: they share "
				"what it carries, and fail together.",
				p->wan, c->paths[k].name);
			return;
		}
	}
}

/* ---- tunnels ---- */

static void look_at_servers(const struct mpq_config *c,
			    const struct mpq_config_tunnel *t,
			    struct json_object *list)
{
	const struct mpq_config_path *first =
		mpq_config_path(c, t->paths.item[0]);
	char at[MPQ_REFUSAL_PATH_BYTES];

	for (size_t i = 1; i < t->paths.n; i++) {
		const struct mpq_config_path *p =
			mpq_config_path(c, t->paths.item[i]);

		if (strcmp(p->server_name, first->server_name) != 0) {
			mpq_hints_add(
				list,
				mpq_refusal_path(at, "path", p->name,
						 "remote/server-name"),
				"%s of the same tunnel has another one: all "
				"paths of a bonded tunnel lead to one "
				"concentrator.",
				first->name);
			return;
		}
	}
}

static void look_at_tunnel(const struct mpq_config *c,
			   const struct mpq_config_tunnel *t,
			   struct json_object *list)
{
	char at[MPQ_REFUSAL_PATH_BYTES];
	size_t enabled = 0;

	for (size_t i = 0; i < t->paths.n; i++) {
		enabled += mpq_config_path(c, t->paths.item[i])->enabled;
	}
	if (t->enabled && enabled == 0) {
		mpq_hints_add(list,
			      mpq_refusal_path(at, "tunnel", t->name, "path"),
			      "none of them is enabled: the tunnel stays "
			      "down.");
	}
	if (c->edge) {
		look_at_servers(c, t, list);
	}
}

/* ---- classes ---- */

static bool is_reached(const struct mpq_config *c, const char *class)
{
	if (strcmp(class, MPQ_CONFIG_CLASS_DEFAULT) == 0) {
		return true;
	}
	for (size_t i = 0; i < c->n_rules; i++) {
		if (c->rules[i].enabled &&
		    strcmp(c->rules[i].class, class) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < c->n_tunnels; i++) {
		if (strcmp(c->tunnels[i].default_class, class) == 0) {
			return true;
		}
	}
	return false;
}

static bool follows_order(const char *mode)
{
	return strcmp(mode, "active-standby") == 0 ||
	       strcmp(mode, "priority-based") == 0 ||
	       strcmp(mode, "redundant") == 0;
}

static size_t count_metered(const struct mpq_config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_paths; i++) {
		n += c->paths[i].metered;
	}
	return n;
}

/* Of this tunnel's paths, those that the class may take. */
static size_t count_allowed(const struct mpq_config_class *k,
			    const struct mpq_config_tunnel *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->paths.n; i++) {
		n += !mpq_config_has(&k->exclude, t->paths.item[i]);
	}
	return n;
}

static void look_at_redundant(const struct mpq_config_class *k,
			      const struct mpq_config_tunnel *t,
			      struct json_object *list)
{
	size_t n = t != NULL ? count_allowed(k, t) : 0;
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (n == 0 || strcmp(k->mode, "redundant") != 0) {
		return;
	}
	if (n == 1) {
		mpq_hints_add(list,
			      mpq_refusal_path(at, "class", k->name, "exclude"),
			      "one path of %s is left: there is none for a "
			      "copy.",
			      t->name);
	} else if (k->copies > n) {
		mpq_hints_add(list,
			      mpq_refusal_path(at, "class", k->name, "copies"),
			      "no tunnel has so many paths for it: %s has %zu.",
			      t->name, n);
	}
}

static void look_at_class(const struct mpq_config *c,
			  const struct mpq_config_class *k,
			  struct json_object *list)
{
	const struct mpq_config_tunnel *t = widest(c);
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (!is_reached(c, k->name)) {
		mpq_hints_add(list, mpq_refusal_path(at, "class", k->name, ""),
			      "no rule leads here, and no tunnel's "
			      "default-class: nothing is of this class.");
	}
	if (k->prefer.n > 0 && !follows_order(k->mode)) {
		mpq_hints_add(
			list, mpq_refusal_path(at, "class", k->name, "prefer"),
			"steering-mode %s goes by what is measured and "
			"follows no order: see active-standby, priority-based "
			"and redundant.",
			k->mode);
	}
	if (k->avoid_metered &&
	    (count_metered(c) == 0 || count_metered(c) == c->n_paths)) {
		mpq_hints_add(list,
			      mpq_refusal_path(at, "class", k->name,
					       "avoid-metered"),
			      "%s.",
			      count_metered(c) == 0
				      ? "no path is metered: there is none to "
					"avoid"
				      : "all paths are metered: there is no "
					"other");
	}
	look_at_redundant(k, t, list);
}

/* ---- devices ---- */

static void add_missing_lan(const struct mpq_config_tunnel *t,
			    const char *interface, struct json_object *list)
{
	char at[MPQ_REFUSAL_PATH_BYTES], node[64];

	(void)snprintf(node, sizeof(node), "lan[interface='%s']", interface);
	mpq_hints_add(list, mpq_refusal_path(at, "tunnel", t->name, node),
		      "there is no device %s on this machine now: what comes "
		      "by one of another name is neither carried nor guarded.",
		      interface);
}

void mpq_hints_of_devices(const struct mpq_config *c,
			  bool (*exists)(void *context, const char *interface),
			  void *context, struct json_object *list)
{
	char at[MPQ_REFUSAL_PATH_BYTES];

	for (size_t i = 0; i < c->n_paths; i++) {
		const struct mpq_config_path *p = &c->paths[i];

		if (p->enabled && p->wan[0] != '\0' &&
		    !exists(context, p->wan)) {
			mpq_hints_add(list,
				      mpq_refusal_path(at, "path", p->name,
						       "wan"),
				      "there is no device %s on this machine "
				      "now: the path waits for one.",
				      p->wan);
		}
	}
	for (size_t i = 0; i < c->n_tunnels; i++) {
		const struct mpq_config_tunnel *t = &c->tunnels[i];

		for (size_t k = 0; k < t->n_lans; k++) {
			if (!exists(context, t->lans[k].interface)) {
				add_missing_lan(t, t->lans[k].interface, list);
			}
		}
	}
}

/* ---- changes ---- */

static void look_at_lost_lan(const struct mpq_config *is,
			     const struct mpq_config_tunnel *t,
			     const char *interface, struct json_object *list)
{
	char at[MPQ_REFUSAL_PATH_BYTES], node[64], next[128] = "";

	(void)snprintf(node, sizeof(node), "lan[interface='%s']", interface);
	if (mpq_config_tunnel(is, t->name) == NULL) {
		node[0] = '\0';
		(void)snprintf(next, sizeof(next),
			       " 'mpqctl tunnel disable %s' stops the tunnel "
			       "and keeps the guard.",
			       t->name);
	}
	mpq_hints_add(list, mpq_refusal_path(at, "tunnel", t->name, node),
		      "%s is no tunnel's LAN any more and loses its guard: "
		      "what comes from there goes by the main routing table, "
		      "by a WAN and in clear if that leads there.%s",
		      interface, next);
}

void mpq_hints_of_change(const struct mpq_config *was,
			 const struct mpq_config *is, struct json_object *list)
{
	for (size_t i = 0; i < was->n_tunnels; i++) {
		const struct mpq_config_tunnel *t = &was->tunnels[i];

		for (size_t k = 0; k < t->n_lans; k++) {
			const char *lan = t->lans[k].interface;

			if (mpq_config_lan(is, lan, NULL) == NULL) {
				look_at_lost_lan(is, t, lan, list);
			}
		}
	}
}

/* ---- */

static void look_at_steering(const struct mpq_config *c,
			     struct json_object *list)
{
	if (c->edge && c->n_classes + c->n_rules > 0 && widest(c) == NULL) {
		mpq_hints_add(list,
			      c->n_rules > 0 ? "/mpquic:mpquic/rule"
					     : "/mpquic:mpquic/class",
			      "no tunnel has several paths: classes and rules "
			      "have no effect.");
		return;
	}
	for (size_t i = 0; i < c->n_classes; i++) {
		look_at_class(c, &c->classes[i], list);
	}
	mpq_hints_look_at_rules(c, list);
}

struct json_object *mpq_hints_new(const struct mpq_config *c)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < c->n_paths; i++) {
		look_at_path(c, i, list);
	}
	for (size_t i = 0; i < c->n_tunnels; i++) {
		look_at_tunnel(c, &c->tunnels[i], list);
	}
	look_at_steering(c, list);
	return list;
}
