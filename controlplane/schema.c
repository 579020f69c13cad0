/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/schema.h"

#include "controlplane/difference.h"
#include "controlplane/explain.h"

#include <errno.h>
#include <libyang/libyang.h>
#include <libyang/version.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTEXT_OPTIONS (LY_CTX_DISABLE_SEARCHDIR_CWD | LY_CTX_NO_YANGLIBRARY)

struct mpq_schema {
	struct ly_ctx *ctx;
	const struct lys_module *module;
};

struct mpq_tree {
	struct mpq_schema *schema; /* borrowed */
	struct lyd_node *root;
};

struct complaint { /* libyang's last one; "" where it says nothing */
	const char *message;
	const char *tag; /* RFC 7950 §15 */
	char data_path[512];
	char schema_path[512];
};

#if LY_VERSION_MAJOR >= 3
static void last_complaint(const struct ly_ctx *ctx, struct complaint *c)
{
	const struct ly_err_item *e = ly_err_last(ctx);

	*c = (struct complaint){.message = "", .tag = ""};
	if (!e) {
		return;
	}
	c->message = e->msg ? e->msg : "";
	c->tag = e->apptag ? e->apptag : "";
	(void)snprintf(c->data_path, sizeof(c->data_path), "%s",
		       e->data_path ? e->data_path : "");
	(void)snprintf(c->schema_path, sizeof(c->schema_path), "%s",
		       e->schema_path ? e->schema_path : "");
}
#else
/* Version 2 writes: Schema location "..", data location "..", line number 1. */
static void cut_location(const char *text, const char *word, char *ret,
			 size_t cap)
{
	const char *at = text ? strcasestr(text, word) : NULL;
	size_t len;

	if (!at) {
		return;
	}
	at += strlen(word);
	len = strcspn(at, "\"");
	(void)snprintf(ret, cap, "%.*s", (int)len, at);
}

static void last_complaint(const struct ly_ctx *ctx, struct complaint *c)
{
	const char *path = ly_errpath(ctx), *message = ly_errmsg(ctx),
		   *tag = ly_errapptag(ctx);

	*c = (struct complaint){.message = message ? message : "",
				.tag = tag ? tag : ""};
	cut_location(path, "data location \"", c->data_path,
		     sizeof(c->data_path));
	cut_location(path, "schema location \"", c->schema_path,
		     sizeof(c->schema_path));
}
#endif

static int refuse_schema(const struct ly_ctx *ctx, const char *dir,
			 struct mpq_refusal *r)
{
	struct complaint c = {.message = ""};

	if (ctx) {
		last_complaint(ctx, &c);
	}
	(void)mpq_refusal_set(r, "",
			      "the model mpquic.yang in %s cannot be "
			      "loaded: %s",
			      dir,
			      c.message[0] ? c.message : "it is not there");
	return mpq_refusal_next(r, "name the folder that holds mpquic.yang "
				   "with --yang-dir");
}

static bool has_model(const char *dir)
{
	char name[PATH_MAX];
	int n = snprintf(name, sizeof(name), "%s/mpquic.yang", dir);

	return n > 0 && (size_t)n < sizeof(name) && access(name, R_OK) == 0;
}

int mpq_schema_new(struct mpq_schema **ret, const char *yang_dir,
		   struct mpq_refusal *r)
{
	struct mpq_schema *s = calloc(1, sizeof(*s));
	int e;

	if (!s) {
		return -ENOMEM;
	}
	(void)ly_log_options(LY_LOSTORE_LAST);
	/* libyang would search all folders below. */
	if (!has_model(yang_dir) ||
	    ly_ctx_new(yang_dir, CONTEXT_OPTIONS, &s->ctx)) {
		e = refuse_schema(NULL, yang_dir, r);
		free(s);
		return e;
	}
	s->module = ly_ctx_load_module(s->ctx, "mpquic", NULL, NULL);
	if (!s->module) {
		e = refuse_schema(s->ctx, yang_dir, r);
		mpq_schema_free(s);
		return e;
	}
	*ret = s;
	return 0;
}

void mpq_schema_free(struct mpq_schema *s)
{
	if (s) {
		ly_ctx_destroy(s->ctx);
		free(s);
	}
}

/* The reference's path with the module's name for its prefix, as libyang wants
 * it for data. */
static void target_path(const struct lysc_type_leafref *ref,
			const struct lys_module *module, char *path, size_t cap)
{
	const char *expr = lyxp_get_expr(ref->path), *at;
	size_t prefix = strlen(module->prefix), len = 0;

	for (at = expr; *at && len + strlen(module->name) + 2 < cap;) {
		if (!strncmp(at, module->prefix, prefix) && at[prefix] == ':') {
			len += (size_t)snprintf(path + len, cap - len, "%s",
						module->name);
			at += prefix;
		}
		path[len++] = *at++;
	}
	path[len] = '\0';
}

/* All values that a reference may have: "wan1, wan2". */
static void allow_targets(const struct lyd_node *root,
			  const struct lyd_node *node, struct mpq_refusal *r)
{
	const struct lysc_node_leaf *leaf = (const void *)node->schema;
	const struct lysc_type_leafref *ref = (const void *)leaf->type;
	struct ly_set *targets = NULL;
	char path[256];
	uint32_t i;

	if (leaf->type->basetype != LY_TYPE_LEAFREF) {
		return;
	}
	target_path(ref, node->schema->module, path, sizeof(path));
	if (lyd_find_xpath(root, path, &targets)) {
		return;
	}
	for (i = 0; i < targets->count; i++) {
		mpq_refusal_also(r, "%s", lyd_get_value(targets->dnodes[i]));
	}
	ly_set_free(targets, NULL);
}

/* Of which list a reference names an entry: "path". */
static void target_list(const struct lyd_node *node, char *list, size_t cap)
{
	const struct lysc_node_leaf *leaf = (const void *)node->schema;
	const struct lysc_type_leafref *ref = (const void *)leaf->type;
	const char *expr, *end, *at;

	(void)snprintf(list, cap, "%s", node->schema->name);
	if (leaf->type->basetype != LY_TYPE_LEAFREF) {
		return;
	}
	expr = lyxp_get_expr(ref->path);
	end = strrchr(expr, '/');
	for (at = end; at > expr && at[-1] != ':' && at[-1] != '/';) {
		at--;
	}
	if (end && at < end) {
		(void)snprintf(list, cap, "%.*s", (int)(end - at), at);
	}
}

static int refuse_reference(const struct lyd_node *root, const char *path,
			    struct mpq_refusal *r)
{
	struct lyd_node *node = NULL;
	char list[64];

	if (lyd_find_path(root, path, 0, &node)) {
		return mpq_refusal_set(r, path, "nothing has this name.");
	}
	target_list(node, list, sizeof(list));
	(void)mpq_refusal_set(r, path, "there is no %s named \"%s\".", list,
			      lyd_get_value(node));
	allow_targets(root, node, r);
	return -EINVAL;
}

static int refuse_tree(const struct mpq_schema *s, const struct lyd_node *root,
		       struct mpq_refusal *r)
{
	struct complaint c;
	const char *path;

	last_complaint(s->ctx, &c);
	path = c.data_path[0] ? c.data_path : c.schema_path;
	if (!strcmp(c.tag, "instance-required") && root) {
		return refuse_reference(root, path, r);
	}
	return mpq_refusal_set(r, path, "%s", c.message);
}

static int refuse_syntax(const char *text, size_t len, size_t at,
			 const char *what, struct mpq_refusal *r)
{
	size_t line = 1, column = 1, i;

	for (i = 0; i < at && i < len; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	return mpq_refusal_set(r, "",
			       "this is not JSON: line %zu, column %zu: "
			       "%s",
			       line, column, what);
}

/* A number, or a word such as null, goes on until something else comes. */
static enum json_tokener_error parse(struct json_tokener *t, const char *text,
				     size_t len, struct json_object **ret_root,
				     size_t *ret_end)
{
	enum json_tokener_error e;

	*ret_root = json_tokener_parse_ex(t, text, (int)len);
	*ret_end = json_tokener_get_parse_end(t);
	e = json_tokener_get_error(t);
	if (e == json_tokener_continue) {
		*ret_root = json_tokener_parse_ex(t, "\n", 1);
	}
	return json_tokener_get_error(t) == json_tokener_success
		       ? json_tokener_success
		       : e;
}

/* libyang 2.1 takes a text that ends too early, so syntax is json-c's. */
static int parse_json(const char *text, size_t len, struct json_object **ret,
		      struct mpq_refusal *r)
{
	struct json_tokener *t = json_tokener_new_ex(16);
	struct json_object *root;
	enum json_tokener_error e;
	size_t end;

	if (!t) {
		return -ENOMEM;
	}
	json_tokener_set_flags(t, JSON_TOKENER_STRICT |
					  JSON_TOKENER_VALIDATE_UTF8);
	e = parse(t, text, len, &root, &end);
	json_tokener_free(t);
	while (e == json_tokener_success && end < len &&
	       strchr(" \t\r\n", text[end])) {
		end++;
	}
	if (e == json_tokener_success && end == len) {
		*ret = root;
		return 0;
	}
	json_object_put(root);
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		(void)refuse_syntax(text, len, 0, "a byte order mark", r);
		return mpq_refusal_next(r, "save the file as UTF-8 without "
					   "one");
	}
	return refuse_syntax(text, len, end,
			     e == json_tokener_success ? "more text follows"
			     : e == json_tokener_continue
				     ? "the text ends too early"
				     : json_tokener_error_desc(e),
			     r);
}

static int explain_text(struct mpq_schema *s, const char *text, size_t len,
			struct mpq_refusal *r)
{
	struct json_object *root = NULL;
	int ret;

	ret = parse_json(text, len, &root, r);
	if (ret) {
		return ret;
	}
	ret = mpq_explain(s->module, root, r);
	json_object_put(root);
	return ret;
}

static int new_tree(struct mpq_schema *s, struct lyd_node *root,
		    struct mpq_tree **ret)
{
	struct mpq_tree *t = calloc(1, sizeof(*t));

	if (!t) {
		lyd_free_all(root);
		return -ENOMEM;
	}
	t->schema = s;
	t->root = root;
	*ret = t;
	return 0;
}

int mpq_schema_parse(struct mpq_schema *s, const char *text, size_t len,
		     struct mpq_tree **ret, struct mpq_refusal *r)
{
	struct lyd_node *root = NULL;
	char *copy;
	LY_ERR e;
	int result;

	result = explain_text(s, text, len, r);
	if (result) {
		return result;
	}
	copy = strndup(text, len);
	if (!copy) {
		return -ENOMEM;
	}
	e = lyd_parse_data_mem(s->ctx, copy, LYD_JSON,
			       LYD_PARSE_STRICT | LYD_PARSE_ONLY, 0, &root);
	free(copy);
	if (!e) {
		e = lyd_validate_all(&root, s->ctx, LYD_VALIDATE_NO_STATE,
				     NULL);
	}
	if (e) {
		result = refuse_tree(s, root, r);
		lyd_free_all(root);
		return result;
	}
	return new_tree(s, root, ret);
}

void mpq_tree_free(struct mpq_tree *t)
{
	if (t) {
		lyd_free_all(t->root);
		free(t);
	}
}

struct json_object *mpq_tree_json(const struct mpq_tree *t, bool defaults)
{
	return mpq_difference_print(t->root, defaults ? LYD_PRINT_WD_ALL
						      : LYD_PRINT_WD_EXPLICIT);
}

struct json_object *mpq_tree_diff(const struct mpq_tree *was,
				  const struct mpq_tree *is)
{
	return mpq_difference_new(was ? was->root : NULL, is->root);
}

int mpq_tree_copy(const struct mpq_tree *t, struct mpq_tree **ret)
{
	struct lyd_node *root = NULL;

	if (lyd_dup_siblings(t->root, NULL,
			     LYD_DUP_RECURSIVE | LYD_DUP_WITH_FLAGS, &root)) {
		return -ENOMEM;
	}
	return new_tree(t->schema, root, ret);
}

static int set_value(struct lyd_node *root, const char *path, const char *value)
{
	struct lyd_node *node = NULL;
	LY_ERR e;

	if (lyd_find_path(root, path, 0, &node)) {
		return -ENOENT;
	}
	e = lyd_change_term(node, value);
	return e && e != LY_EEXIST && e != LY_ENOT ? -EINVAL : 0;
}

int mpq_tree_with(const struct mpq_tree *t, const char *path, const char *value,
		  struct mpq_tree **ret, struct mpq_refusal *r)
{
	struct lyd_node *root = NULL;
	int e;

	if (lyd_dup_siblings(t->root, NULL,
			     LYD_DUP_RECURSIVE | LYD_DUP_WITH_FLAGS, &root)) {
		return -ENOMEM;
	}
	e = set_value(root, path, value);
	if (!e && lyd_validate_all(&root, t->schema->ctx, LYD_VALIDATE_NO_STATE,
				   NULL)) {
		e = -EINVAL;
	}
	if (e) {
		if (e == -EINVAL) {
			(void)refuse_tree(t->schema, root, r);
		}
		lyd_free_all(root);
		return e;
	}
	return new_tree(t->schema, root, ret);
}
