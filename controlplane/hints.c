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

static bool has_tunnel(const struct mpq_config *c, const char *path)
{
	for (size_t i = 0; i < c->n_tunnels; i++) {
		if (mpq_config_has(&c->tunnels[i].paths, path)) {
			return true;
		}
	}
	return false;
}

static void look_at_path(const struct mpq_config *c, size_t i,
			 struct json_object *list)
{
	const struct mpq_config_path *p = &c->paths[i];
	char at[MPQ_REFUSAL_PATH_BYTES];

	if (p->enabled && !has_tunnel(c, p->name)) {
		mpq_hints_add(list, mpq_refusal_path(at, "path", p->name, ""),
			      "no tunnel has this path: %s.",
			      c->edge ? "nothing is dialled by it"
				      : "it does not listen");
	}
	for (size_t k = 0; p->wan[0] != '\0' && k < i; k++) {
		if (strcmp(c->paths[k].wan, p->wan) == 0) {
			mpq_hints_add(
				list,
				mpq_refusal_path(at, "path", p->name, "wan"),
				"%s is the WAN of %s as well: they share what "
				"it carries, and fail together.",
				p->wan, c->paths[k].name);
			return;
		}
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

static bool has_metered(const struct mpq_config *c)
{
	for (size_t i = 0; i < c->n_paths; i++) {
		if (c->paths[i].metered) {
			return true;
		}
	}
	return false;
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
	if (k->avoid_metered && !has_metered(c)) {
		mpq_hints_add(list,
			      mpq_refusal_path(at, "class", k->name,
					       "avoid-metered"),
			      "no path is metered: there is none to avoid.");
	}
	if (t != NULL && k->copies > t->paths.n) {
		mpq_hints_add(list,
			      mpq_refusal_path(at, "class", k->name, "copies"),
			      "no tunnel has so many paths: %s has %zu.",
			      t->name, t->paths.n);
	}
}

struct json_object *mpq_hints_new(const struct mpq_config *c)
{
	struct json_object *list = json_object_new_array();

	if (c->edge && c->n_classes + c->n_rules > 0 && widest(c) == NULL) {
		mpq_hints_add(list,
			      c->n_rules > 0 ? "/mpquic:mpquic/rule"
					     : "/mpquic:mpquic/class",
			      "no tunnel has several paths: classes and rules "
			      "have no effect.");
		return list;
	}
	for (size_t i = 0; i < c->n_paths; i++) {
		look_at_path(c, i, list);
	}
	for (size_t i = 0; i < c->n_classes; i++) {
		look_at_class(c, &c->classes[i], list);
	}
	mpq_hints_look_at_rules(c, list);
	return list;
}
