/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/explain.h"

#include "common/prefix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
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

/* A list of words "a, b, c". */
__attribute__((format(printf, 3, 4))) static void
append(char *text, size_t cap, const char *format, ...)
{
	size_t len = strlen(text);
	va_list ap;

	if (len > 0 && len + 2 < cap) {
		(void)snprintf(text + len, cap - len, ", ");
		len += 2;
	}
	va_start(ap, format);
	(void)vsnprintf(text + len, cap - len, format, ap);
	va_end(ap);
}

static const char *json_word(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "true or false";
	case json_type_int:
		return "a number";
	case json_type_double:
		return "a fraction";
	case json_type_object:
		return "an object {..}";
	case json_type_array:
		return "an array [..]";
	case json_type_string:
		return "a string";
	}
	return "something else";
}

static int wrong_type(struct walk *w, struct json_object *v, const char *wanted)
{
	return mpq_refusal_set(w->refusal, w->path, "expected %s, found %s.",
			       wanted, json_word(v));
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

static const char *expects(const struct lysc_node *node)
{
	LY_ARRAY_COUNT_TYPE i;

	LY_ARRAY_FOR(node->exts, i)
	{
		if (!strcmp(node->exts[i].def->name, "expects")) {
			return node->exts[i].argument;
		}
	}
	return NULL;
}

static const struct lysc_type *type_of(const struct lysc_node *node)
{
	const struct lysc_type *t;

	if (node->nodetype == LYS_LEAF) {
		t = ((const struct lysc_node_leaf *)node)->type;
	} else {
		t = ((const struct lysc_node_leaflist *)node)->type;
	}
	while (t->basetype == LY_TYPE_LEAFREF) {
		t = ((const struct lysc_type_leafref *)t)->realtype;
	}
	return t;
}

static bool is_small_integer(LY_DATA_TYPE t)
{
	return t == LY_TYPE_UINT8 || t == LY_TYPE_UINT16 ||
	       t == LY_TYPE_UINT32 || t == LY_TYPE_INT8 || t == LY_TYPE_INT16 ||
	       t == LY_TYPE_INT32;
}

/* RFC 7951 §6: which JSON value a YANG type is written as. */
static int check_json_type(struct walk *w, const struct lysc_type *t,
			   struct json_object *v)
{
	if (is_small_integer(t->basetype)) {
		if (!json_object_is_type(v, json_type_int)) {
			return wrong_type(w, v, "a whole number");
		}
	} else if (t->basetype == LY_TYPE_BOOL) {
		if (!json_object_is_type(v, json_type_boolean)) {
			return wrong_type(w, v, "true or false");
		}
	} else if (!json_object_is_type(v, json_type_string)) {
		return wrong_type(w, v, "a string");
	}
	return 0;
}

static const uint64_t type_max[] = {
	[LY_TYPE_UINT8] = UINT8_MAX,
	[LY_TYPE_UINT16] = UINT16_MAX,
	[LY_TYPE_UINT32] = UINT32_MAX,
	[LY_TYPE_UINT64] = UINT64_MAX,
};

/* The model has unsigned numbers only. */
static void allow_range(struct mpq_refusal *r, const struct lysc_type *t)
{
	const struct lysc_range *range =
		((const struct lysc_type_num *)t)->range;
	LY_ARRAY_COUNT_TYPE i;

	if (!range) {
		(void)mpq_refusal_allow(r, "0..%" PRIu64,
					type_max[t->basetype]);
		return;
	}
	LY_ARRAY_FOR(range->parts, i)
	{
		append(r->allowed, sizeof(r->allowed), "%" PRIu64 "..%" PRIu64,
		       range->parts[i].min_u64, range->parts[i].max_u64);
	}
}

static void allow_enum(struct mpq_refusal *r, const struct lysc_type *t)
{
	const struct lysc_type_enum *e = (const struct lysc_type_enum *)t;
	LY_ARRAY_COUNT_TYPE i;

	LY_ARRAY_FOR(e->enums, i)
	{
		append(r->allowed, sizeof(r->allowed), "%s", e->enums[i].name);
	}
}

static int refuse_value(struct walk *w, const struct lysc_node *node,
			const char *value, const char *from_libyang)
{
	const struct lysc_type *t = type_of(node);
	struct mpq_refusal *r = w->refusal;

	if (t->basetype == LY_TYPE_ENUM) {
		(void)mpq_refusal_set(r, w->path,
				      "\"%s\" is not a value of %s.", value,
				      node->name);
		allow_enum(r, t);
	} else if (is_small_integer(t->basetype)) {
		(void)mpq_refusal_set(r, w->path, "%s is out of range.", value);
		allow_range(r, t);
	} else if (expects(node)) {
		(void)mpq_refusal_set(r, w->path, "\"%s\" cannot be used here.",
				      value);
		(void)mpq_refusal_allow(r, "%s", expects(node));
	} else {
		(void)mpq_refusal_set(r, w->path, "\"%s\" is refused: %s",
				      value, from_libyang);
	}
	return -EINVAL;
}

/* inet:ip-prefix makes 10.0.0.1/24 into 10.0.0.0/24 and says nothing. */
static int check_host_bits(struct walk *w, const char *value,
			   const char *canonical)
{
	struct mpq_prefix given, kept;

	if (!canonical || !strchr(value, '/') ||
	    mpq_prefix_parse(value, &given) ||
	    mpq_prefix_parse(canonical, &kept) ||
	    !memcmp(given.addr, kept.addr, sizeof(given.addr))) {
		return 0;
	}
	(void)mpq_refusal_set(w->refusal, w->path,
			      "%s has bits set beyond its prefix length: the "
			      "network is %s.",
			      value, canonical);
	return mpq_refusal_allow(w->refusal, "%s", canonical);
}

static int walk_value(struct walk *w, const struct lysc_node *node,
		      struct json_object *v)
{
	const struct ly_ctx *ctx = w->module->ctx;
	const char *value, *canonical = NULL;
	LY_ERR e;
	int ret;

	ret = check_json_type(w, type_of(node), v);
	if (ret) {
		return ret;
	}
	value = json_object_get_string(v);
	if (strlen(value) != (size_t)json_object_get_string_len(v) &&
	    json_object_is_type(v, json_type_string)) {
		return mpq_refusal_set(w->refusal, w->path,
				       "the string holds a NUL character.");
	}
	e = lyd_value_validate(ctx, node, value, strlen(value), NULL, NULL,
			       &canonical);
	if (e && e != LY_EINCOMPLETE) { /* a reference, resolved later */
		return refuse_value(w, node, value, ly_errmsg(ctx));
	}
	ret = check_host_bits(w, value, canonical);
	if (canonical) {
		lydict_remove(ctx, canonical);
	}
	return ret;
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

static int walk_leaflist(struct walk *w, const struct lysc_node *node,
			 struct json_object *array)
{
	size_t i, was;
	int ret;

	if (!json_object_is_type(array, json_type_array)) {
		return wrong_type(w, array, "an array [..]");
	}
	for (i = 0; i < json_object_array_length(array); i++) {
		was = enter(w, "[%zu]", i + 1);
		ret = walk_value(w, node, json_object_array_get_idx(array, i));
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
		return wrong_type(w, array, "an array [..] of objects");
	}
	for (i = 0; i < json_object_array_length(array); i++) {
		entry = json_object_array_get_idx(array, i);
		was = enter(w, "[%zu]", i + 1);
		if (!json_object_is_type(entry, json_type_object)) {
			return wrong_type(w, entry, "an object {..}");
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
			return wrong_type(w, v, "an object {..}");
		}
		return walk_object(w, node, v);
	case LYS_LIST:
		return walk_list(w, node, v);
	case LYS_LEAFLIST:
		return walk_leaflist(w, node, v);
	default:
		return walk_value(w, node, v);
	}
}

static int refuse_unknown(struct walk *w, const struct lysc_node *parent,
			  const char *key)
{
	const struct lysc_node *n = NULL;

	(void)mpq_refusal_set(w->refusal, w->path[0] ? w->path : "/",
			      "there is no \"%s\" here.", key);
	while ((n = next(n, parent, w, 0))) {
		append(w->refusal->allowed, sizeof(w->refusal->allowed), "%s%s",
		       parent ? "" : "mpquic:", n->name);
	}
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
		append(w->refusal->allowed, sizeof(w->refusal->allowed), "%s",
		       n->name);
	}
	return -EINVAL;
}

static int refuse_missing(struct walk *w, const struct lysc_node *n)
{
	const struct lysc_type *t;

	(void)mpq_refusal_set(w->refusal, w->path[0] ? w->path : "/",
			      "\"%s%s\" is missing.",
			      w->path[0] ? "" : "mpquic:", n->name);
	if (n->nodetype != LYS_LEAF) {
		return -EINVAL;
	}
	t = type_of(n);
	if (t->basetype == LY_TYPE_ENUM) {
		allow_enum(w->refusal, t);
	} else if (is_small_integer(t->basetype)) {
		allow_range(w->refusal, t);
	} else if (expects(n)) {
		(void)mpq_refusal_allow(w->refusal, "%s", expects(n));
	}
	return -EINVAL;
}

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
			      "\"%s\" has %zu entries, which is too %s.",
			      n->name, count, count < min ? "few" : "many");
	return min == max ? mpq_refusal_allow(w->refusal, "exactly %u", min)
			  : mpq_refusal_allow(w->refusal, "%u to %u", min, max);
}

/* What the object lacks of `parent`'s children. */
static int check_absent(struct walk *w, const struct lysc_node *parent,
			struct json_object *object)
{
	const struct lysc_node *n = NULL;
	int ret = 0;

	while (!ret && (n = next(n, parent, w, LYS_GETNEXT_WITHCHOICE))) {
		if (n->nodetype == LYS_CHOICE) {
			ret = check_choice(w, n, object);
		} else if (n->nodetype & (LYS_LIST | LYS_LEAFLIST)) {
			ret = check_count(w, n, member(w, object, n->name));
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
		return wrong_type(&w, root,
				  "an object {\"mpquic:mpquic\": ..}");
	}
	return walk_object(&w, NULL, root);
}
