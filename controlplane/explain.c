/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/explain.h"

#include "controlplane/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct walk {
	const struct lys_module *module;
	struct mpq_refusal *refusal;
	char path[sizeof(((struct mpq_refusal *)0)->path)];
	size_t len; /* of path */
};

static int walk_object(struct walk *w, const struct lysc_node *parent,
		       struct json_object *object);

/* Appends to the path; returns the length to go back to. */
__attribute__((format(printf, 2, 3))) static size_t
enter(struct walk *w, const char *format, ...)
{
	size_t was = w->len;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(w->path + was, sizeof(w->path) - was, format, ap);
	va_end(ap);
	w->len = was + (size_t)n;
	if (w->len >= sizeof(w->path)) {
		w->len = sizeof(w->path) - 1;
	}
	return was;
}

static void leave(struct walk *w, size_t was)
{
	w->len = was;
	w->path[was] = '\0';
}

const char *mpq_explain_extension(const struct lysc_node *node,
				  const char *name)
{
	LY_ARRAY_COUNT_TYPE i;

	for (; node; node = node->parent) {
		LY_ARRAY_FOR(node->exts, i)
		{
			if (!strcmp(node->exts[i].def->name, name)) {
				return node->exts[i].argument;
			}
		}
	}
	return NULL;
}

/* A member of the object by its name, which may carry the module's. */
static struct json_object *member(const struct walk *w,
				  struct json_object *object, const char *name)
{
	struct json_object *v = NULL;
	char qualified[128];

	if (json_object_object_get_ex(object, name, &v)) {
		return v;
	}
	(void)snprintf(qualified, sizeof(qualified), "%s:%s", w->module->name,
		       name);
	(void)json_object_object_get_ex(object, qualified, &v);
	return v;
}

/* Does an earlier one of the array have the same text under `key` (NULL: is it
 * the same)? */
static bool repeated(const struct walk *w, struct json_object *array, size_t i,
		     const char *key)
{
	struct json_object *is = json_object_array_get_idx(array, i), *was;
	size_t j;

	is = key ? member(w, is, key) : is;
	for (j = 0; j < i; j++) {
		was = json_object_array_get_idx(array, j);
		was = key ? member(w, was, key) : was;
		if (was && !strcmp(json_object_get_string(is),
				   json_object_get_string(was))) {
			return true;
		}
	}
	return false;
}

/* Before anything is done with the entries: that bounds what they cost. */
static int check_count(struct walk *w, const struct lysc_node *n,
		       struct json_object *array)
{
	const struct lysc_node_leaflist *ll = (const void *)n;
	const struct lysc_node_list *l = (const void *)n;
	bool list = n->nodetype == LYS_LIST;
	uint32_t min = list ? l->min : ll->min, max = list ? l->max : ll->max;
	size_t count = array ? json_object_array_length(array) : 0;

	if (count >= min && (max == 0 || count <= max)) {
		return 0;
	}
	(void)mpq_refusal_set(w->refusal, w->path,
			      "there are %zu entries here, which is too %s.",
			      count, count < min ? "few" : "many");
	return min == max ? mpq_refusal_allow(w->refusal, "exactly %u", min)
			  : mpq_refusal_allow(w->refusal, "%u to %u", min, max);
}

static int walk_leaflist(struct walk *w, const struct lysc_node *node,
			 struct json_object *array)
{
	size_t i, was;
	int ret;

	if (!json_object_is_type(array, json_type_array)) {
		return mpq_value_wrong_type(w->path, array, "an array [..]",
					    w->refusal);
	}
	ret = check_count(w, node, array);
	if (ret) {
		return ret;
	}
	for (i = 0; i < json_object_array_length(array); i++) {
		was = enter(w, "[%zu]", i + 1);
		ret = mpq_value_check(node, w->path,
				      json_object_array_get_idx(array, i),
				      w->refusal);
		if (!ret && repeated(w, array, i, NULL)) {
			ret = mpq_refusal_set(
				w->refusal, w->path, "\"%s\" is here twice.",
				json_object_get_string(
					json_object_array_get_idx(array, i)));
		}
		if (ret) {
			return ret;
		}
		leave(w, was);
	}
	return 0;
}

static const struct lysc_node *next(const struct lysc_node *last,
				    const struct lysc_node *parent,
				    const struct walk *w, uint32_t options)
{
	return lys_getnext(last, parent, parent ? NULL : w->module->compiled,
			   options);
}

static int walk_list(struct walk *w, const struct lysc_node *node,
		     struct json_object *array)
{
	const struct lysc_node *key = lysc_node_child(node);
	struct json_object *entry, *name;
	size_t i, was;
	int ret;

	if (!json_object_is_type(array, json_type_array)) {
		return mpq_value_wrong_type(w->path, array,
					    "an array [..] of objects",
					    w->refusal);
	}
	ret = check_count(w, node, array);
	if (ret) {
		return ret;
	}
	for (i = 0; i < json_object_array_length(array); i++) {
		entry = json_object_array_get_idx(array, i);
		was = enter(w, "[%zu]", i + 1);
		if (!json_object_is_type(entry, json_type_object)) {
			return mpq_value_wrong_type(w->path, entry,
						    "an object {..}",
						    w->refusal);
		}
		name = member(w, entry, key->name);
		if (!name) {
			return mpq_refusal_set(
				w->refusal, w->path,
				"this entry has no \"%s\", which tells the "
				"entries of %s apart.",
				key->name, node->name);
		}
		if (json_object_is_type(name, json_type_string)) {
			leave(w, was);
			(void)enter(w, "[%s='%s']", key->name,
				    json_object_get_string(name));
		}
		ret = walk_object(w, node, entry);
		if (!ret && repeated(w, array, i, key->name)) {
			ret = mpq_refusal_set(w->refusal, w->path,
					      "two entries of %s have this "
					      "%s.",
					      node->name, key->name);
		}
		if (ret) {
			return ret;
		}
		leave(w, was);
	}
	return 0;
}

static int walk_node(struct walk *w, const struct lysc_node *node,
		     struct json_object *v)
{
	switch (node->nodetype) {
	case LYS_CONTAINER:
		if (!json_object_is_type(v, json_type_object)) {
			return mpq_value_wrong_type(w->path, v,
						    "an object {..}",
						    w->refusal);
		}
		return walk_object(w, node, v);
	case LYS_LIST:
		return walk_list(w, node, v);
	case LYS_LEAFLIST:
		return walk_leaflist(w, node, v);
	default:
		return mpq_value_check(node, w->path, v, w->refusal);
	}
}

/* What may have been meant: "lan-interface" by "lan" here, or "steering-mode"
 * of a tunnel, which is a class's. */
static void guess(const struct walk *w, const struct lysc_node *parent,
		  const char *key, struct mpq_refusal *r)
{
	const struct lysc_node *top =
		lys_find_child(NULL, w->module, w->module->name, 0, 0, 0);
	const struct lysc_node *n;

	LY_LIST_FOR(parent ? lysc_node_child(parent) : NULL, n)
	{
		if (strstr(n->name, key)) {
			(void)mpq_refusal_next(r, "perhaps %s is meant",
					       n->name);
			return;
		}
	}
	LY_LIST_FOR(lysc_node_child(top), n)
	{
		if (lys_find_child(n, w->module, key, 0, 0, 0)) {
			(void)mpq_refusal_next(r,
					       "it is a setting of %s: put "
					       "it there",
					       n->name);
			return;
		}
	}
}

static int refuse_unknown(struct walk *w, const struct lysc_node *parent,
			  const char *key)
{
	const struct lysc_node *n = NULL;

	(void)mpq_refusal_set(w->refusal, w->path[0] ? w->path : "/",
			      "there is no \"%s\" here.", key);
	while ((n = next(n, parent, w, 0))) {
		mpq_refusal_also(w->refusal, "%s%s",
				 parent ? "" : "mpquic:", n->name);
	}
	guess(w, parent, key, w->refusal);
	return -EINVAL;
}

static int walk_member(struct walk *w, const struct lysc_node *parent,
		       const char *key, struct json_object *v)
{
	const char *colon = strchr(key, ':'), *name = colon ? colon + 1 : key;
	size_t prefix = colon ? (size_t)(colon - key) : 0;
	const struct lysc_node *node = NULL;
	size_t was;
	int ret;

	if ((colon || parent) &&
	    (!colon || (prefix == strlen(w->module->name) &&
			!strncmp(key, w->module->name, prefix)))) {
		node = lys_find_child(parent, w->module, name, 0, 0, 0);
	}
	if (!node) {
		return refuse_unknown(w, parent, key);
	}
	was = enter(w, "/%s%s", parent ? "" : "mpquic:", node->name);
	ret = walk_node(w, node, v);
	leave(w, was);
	return ret;
}

static bool present(const struct walk *w, const struct lysc_node *n,
		    struct json_object *object)
{
	return member(w, object, n->name) != NULL;
}

/* The first node of the case that the object has, NULL: none. */
static const struct lysc_node *present_in_case(const struct walk *w,
					       const struct lysc_node *kase,
					       struct json_object *object)
{
	const struct lysc_node *n = NULL;

	while ((n = next(n, kase, w, 0))) {
		if (present(w, n, object)) {
			return n;
		}
	}
	return NULL;
}

static int check_absent(struct walk *w, const struct lysc_node *parent,
			struct json_object *object);

static int check_choice(struct walk *w, const struct lysc_node *choice,
			struct json_object *object)
{
	const struct lysc_node *kase = NULL, *chosen = NULL, *first = NULL, *n;

	while ((kase = next(kase, choice, w, LYS_GETNEXT_WITHCASE))) {
		n = present_in_case(w, kase, object);
		if (n && first) {
			return mpq_refusal_set(
				w->refusal, w->path,
				"\"%s\" and \"%s\" exclude each other: give "
				"one of them.",
				first->name, n->name);
		}
		if (n) {
			first = n;
			chosen = kase;
		}
	}
	if (chosen) {
		return check_absent(w, chosen, object);
	}
	if (!(choice->flags & LYS_MAND_TRUE)) {
		return 0;
	}
	(void)mpq_refusal_set(w->refusal, w->path,
			      "one of these is needed here.");
	for (n = NULL; (n = next(n, choice, w, 0));) {
		mpq_refusal_also(w->refusal, "%s", n->name);
	}
	return -EINVAL;
}

static int refuse_missing(struct walk *w, const struct lysc_node *n)
{
	(void)mpq_refusal_set(w->refusal, w->path[0] ? w->path : "/",
			      "\"%s%s\" is missing.",
			      w->path[0] ? "" : "mpquic:", n->name);
	if (n->nodetype == LYS_LEAF) {
		mpq_value_allow(n, w->refusal);
	}
	return -EINVAL;
}

/* What the object lacks of `parent`'s children. */
static int check_absent(struct walk *w, const struct lysc_node *parent,
			struct json_object *object)
{
	const struct lysc_node *n = NULL;
	size_t was;
	int ret = 0;

	while (!ret && (n = next(n, parent, w, LYS_GETNEXT_WITHCHOICE))) {
		if (n->nodetype == LYS_CHOICE) {
			ret = check_choice(w, n, object);
		} else if (n->nodetype == LYS_LEAFLIST &&
			   !present(w, n, object)) {
			was = enter(w, "/%s", n->name);
			ret = check_count(w, n, NULL);
			leave(w, was);
		} else if ((n->flags & LYS_MAND_TRUE) &&
			   !present(w, n, object)) {
			ret = refuse_missing(w, n);
		}
	}
	return ret;
}

static int walk_object(struct walk *w, const struct lysc_node *parent,
		       struct json_object *object)
{
	int ret;

	json_object_object_foreach (object, key, value) {
		ret = walk_member(w, parent, key, value);
		if (ret) {
			return ret;
		}
	}
	return check_absent(w, parent, object);
}

int mpq_explain(const struct lys_module *module, struct json_object *root,
		struct mpq_refusal *r)
{
	struct walk w = {.module = module, .refusal = r};

	if (!json_object_is_type(root, json_type_object)) {
		return mpq_value_wrong_type(w.path, root,
					    "an object {\"mpquic:mpquic\": ..}",
					    r);
	}
	return walk_object(&w, NULL, root);
}
