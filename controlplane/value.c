/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/value.h"

#include "common/prefix.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define EXACT 1e15 /* up to here a double tells a fraction */

/* json-c reads NaN and Infinity, which JSON does not have; and what is too
 * large for a double is infinite. */
static const char *fraction_word(struct json_object *v)
{
	double d = json_object_get_double(v);

	if (isnan(d)) {
		return "NaN, which is no JSON";
	}
	if (isinf(d)) {
		return "an infinite number";
	}
	return d > -EXACT && d < EXACT && (double)(int64_t)d != d
		       ? "a fraction"
		       : "a number with a point or an exponent";
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
		return fraction_word(v);
	case json_type_object:
		return "an object {..}";
	case json_type_array:
		return "an array [..]";
	case json_type_string:
		return "a string";
	}
	return "something else";
}

int mpq_value_wrong_type(const char *path, struct json_object *v,
			 const char *wanted, struct mpq_refusal *r)
{
	(void)mpq_refusal_set(r, path, "expected %s, found %s.", wanted,
			      json_word(v));
	return v || !path[0]
		       ? -EINVAL
		       : mpq_refusal_next(
				 r, "remove the member, or the entry: what "
				    "is not set is left out");
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

/* Our unions are a number, or a word that is none: libyang would take "6" for
 * the number here, and refuse it later without saying why. */
static int check_union(const char *path, struct json_object *v,
		       struct mpq_refusal *r)
{
	const char *text;

	if (json_object_is_type(v, json_type_int)) {
		return 0;
	}
	if (!json_object_is_type(v, json_type_string)) {
		return mpq_value_wrong_type(path, v, "a number or a string", r);
	}
	text = json_object_get_string(v);
	if (text[0] && text[strspn(text, "0123456789")] == '\0') {
		return mpq_value_wrong_type(path, v, "a number without quotes",
					    r);
	}
	return 0;
}

/* RFC 7951 §6: which JSON value a YANG type is written as. */
static int check_json_type(const char *path, const struct lysc_type *t,
			   struct json_object *v, struct mpq_refusal *r)
{
	if (is_small_integer(t->basetype)) {
		if (!json_object_is_type(v, json_type_int)) {
			return mpq_value_wrong_type(path, v, "a whole number",
						    r);
		}
	} else if (t->basetype == LY_TYPE_BOOL) {
		if (!json_object_is_type(v, json_type_boolean)) {
			return mpq_value_wrong_type(path, v, "true or false",
						    r);
		}
	} else if (t->basetype == LY_TYPE_UNION) {
		return check_union(path, v, r);
	} else if (!json_object_is_type(v, json_type_string)) {
		return mpq_value_wrong_type(path, v, "a string", r);
	}
	return 0;
}

static const uint64_t type_max[] = {
	[LY_TYPE_UINT8] = UINT8_MAX,
	[LY_TYPE_UINT16] = UINT16_MAX,
	[LY_TYPE_UINT32] = UINT32_MAX,
	[LY_TYPE_UINT64] = UINT64_MAX,
};

static const char *units(const struct lysc_node *node)
{
	return node->nodetype == LYS_LEAF
		       ? ((const struct lysc_node_leaf *)node)->units
		       : NULL;
}

/* The model has unsigned numbers only; none with units has several ranges. */
static void allow_range(struct mpq_refusal *r, const struct lysc_node *node,
			const struct lysc_type *t)
{
	const struct lysc_range *range =
		((const struct lysc_type_num *)t)->range;
	const char *unit = units(node);
	LY_ARRAY_COUNT_TYPE i;

	if (!range) {
		(void)mpq_refusal_allow(r, "0..%" PRIu64,
					type_max[t->basetype]);
		return;
	}
	LY_ARRAY_FOR(range->parts, i)
	{
		mpq_refusal_also(r, "%" PRIu64 "..%" PRIu64 "%s%s",
				 range->parts[i].min_u64,
				 range->parts[i].max_u64, unit ? " " : "",
				 unit ? unit : "");
	}
}

static void allow_enum(struct mpq_refusal *r, const struct lysc_type *t)
{
	const struct lysc_type_enum *e = (const struct lysc_type_enum *)t;
	LY_ARRAY_COUNT_TYPE i;

	LY_ARRAY_FOR(e->enums, i)
	{
		mpq_refusal_also(r, "%s", e->enums[i].name);
	}
}

void mpq_value_allow(const struct lysc_node *node, struct mpq_refusal *r)
{
	const struct lysc_type *t = type_of(node);

	if (t->basetype == LY_TYPE_ENUM) {
		allow_enum(r, t);
	} else if (is_small_integer(t->basetype)) {
		allow_range(r, node, t);
	} else if (expects(node)) {
		(void)mpq_refusal_allow(r, "%s", expects(node));
	}
}

/* What json-c makes of a whole number that 64 bits do not hold. */
static bool is_cut(struct json_object *v)
{
	return json_object_is_type(v, json_type_int) &&
	       (json_object_get_uint64(v) == UINT64_MAX ||
		json_object_get_int64(v) == INT64_MIN);
}

static int refuse(const char *path, const struct lysc_node *node,
		  struct json_object *v, const char *from_libyang,
		  struct mpq_refusal *r)
{
	const struct lysc_type *t = type_of(node);
	const char *value = json_object_get_string(v);

	if (is_cut(v)) {
		(void)mpq_refusal_set(r, path, "this number is out of range.");
	} else if (json_object_is_type(v, json_type_int)) {
		(void)mpq_refusal_set(r, path, "%s is out of range.", value);
	} else if (t->basetype == LY_TYPE_ENUM) {
		(void)mpq_refusal_set(r, path, "\"%s\" is not a value of %s.",
				      value, node->name);
	} else if (expects(node)) {
		(void)mpq_refusal_set(r, path, "\"%s\" cannot be used here.",
				      value);
	} else {
		(void)mpq_refusal_set(r, path, "\"%s\" is refused: %s", value,
				      from_libyang);
	}
	mpq_value_allow(node, r);
	return -EINVAL;
}

/* inet:ip-prefix makes 10.0.0.1/24 into 10.0.0.0/24 and says nothing. */
static int check_host_bits(const char *path, const char *value,
			   const char *canonical, struct mpq_refusal *r)
{
	struct mpq_prefix given, kept;

	if (!canonical || !strchr(value, '/') ||
	    mpq_prefix_parse(value, &given) ||
	    mpq_prefix_parse(canonical, &kept) ||
	    !memcmp(given.addr, kept.addr, sizeof(given.addr))) {
		return 0;
	}
	(void)mpq_refusal_set(r, path,
			      "%s has bits set beyond its prefix length: the "
			      "network is %s.",
			      value, canonical);
	return mpq_refusal_allow(r, "%s", canonical);
}

/* libyang's sentence: ours, where the model has an error-message. */
static const char *complaint(const struct ly_ctx *ctx)
{
	const struct ly_err_item *e = ly_err_last(ctx);

	return e && e->msg ? e->msg : "it does not fit.";
}

int mpq_value_check(const struct lysc_node *node, const char *path,
		    struct json_object *v, struct mpq_refusal *r)
{
	const struct ly_ctx *ctx = node->module->ctx;
	const char *value, *canonical = NULL;
	LY_ERR e;
	int ret;

	ret = check_json_type(path, type_of(node), v, r);
	if (ret) {
		if (is_small_integer(type_of(node)->basetype)) {
			mpq_value_allow(node, r);
		}
		return ret;
	}
	value = json_object_get_string(v);
	if (strlen(value) != (size_t)json_object_get_string_len(v) &&
	    json_object_is_type(v, json_type_string)) {
		return mpq_refusal_set(r, path,
				       "the string holds a NUL character.");
	}
	e = lyd_value_validate(ctx, node, value, strlen(value), NULL, NULL,
			       &canonical);
	if (e && e != LY_EINCOMPLETE) { /* a reference, resolved later */
		return refuse(path, node, v, complaint(ctx), r);
	}
	ret = check_host_bits(path, value, canonical, r);
	if (canonical) {
		lydict_remove(ctx, canonical);
	}
	return ret;
}
