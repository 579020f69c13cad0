/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/difference.h"

#include "controlplane/explain.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct changes {
	struct json_object *list;
	const struct lyd_node *was, *is;
};

struct json_object *mpq_difference_print(const struct lyd_node *node,
					 uint32_t options)
{
	struct json_object *o;
	char *text = NULL;

	if (lyd_print_mem(&text, node, LYD_JSON, options | LYD_PRINT_SHRINK) ||
	    !text) {
		return NULL;
	}
	o = json_tokener_parse(text);
	free(text);
	return o;
}

/* The value of a node as a change shows it. */
static struct json_object *change_value(const struct lyd_node *node)
{
	struct lyd_node *bare =
		NULL; /* without what libyang notes of the diff */
	struct json_object *o;

	if (node->schema->nodetype & (LYS_LEAF | LYS_LEAFLIST)) {
		return json_object_new_string(lyd_get_value(node));
	}
	if (lyd_dup_single(node, NULL, LYD_DUP_RECURSIVE | LYD_DUP_NO_META,
			   &bare)) {
		return NULL;
	}
	o = mpq_difference_print(bare, LYD_PRINT_WD_EXPLICIT);
	lyd_free_tree(bare);
	return o;
}

static const char *meta(const struct lyd_node *node, const char *name)
{
	const struct lyd_meta *m = lyd_find_meta(node->meta, NULL, name);

	return m ? lyd_get_meta_value(m) : NULL;
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

/* How many paths a tunnel has in a tree; 0: it is not there. */
static unsigned count_paths(const struct lyd_node *tree,
			    const struct lyd_node *tunnel)
{
	char *at = lyd_path(tunnel, LYD_PATH_STD, NULL, 0);
	struct lyd_node *found = NULL, *child;
	unsigned n = 0;

	if (tree && at && !lyd_find_path(tree, at, 0, &found)) {
		LY_LIST_FOR(lyd_child(found), child)
		{
			n += !strcmp(child->schema->name, "path");
		}
	}
	free(at);
	return n;
}

static bool is_edge(const struct lyd_node *tree)
{
	struct lyd_node *role = NULL;

	return tree &&
	       !lyd_find_path(tree, "/mpquic:mpquic/local/role", 0, &role) &&
	       !strcmp(lyd_get_value(role), "edge");
}

/* One path carries an edge's tunnel by itself, several do in a session. */
static bool is_rebonded(const struct changes *c, const struct lyd_node *node)
{
	const struct lyd_node *tunnel = lyd_parent(node);
	unsigned was, is;

	if (strcmp(node->schema->name, "path") != 0 || !tunnel ||
	    strcmp(tunnel->schema->name, "tunnel") != 0 || !is_edge(c->is)) {
		return false;
	}
	was = count_paths(c->was, tunnel);
	is = count_paths(c->is, tunnel);
	return was > 0 && is > 0 && (was > 1) != (is > 1);
}

static const char *applies(const struct changes *c, const struct lyd_node *node)
{
	const char *when = mpq_explain_extension(node->schema, "applies");

	if (is_rebonded(c, node)) {
		return "session";
	}
	return when ? when : "live";
}

static struct json_object *new_change(const struct changes *changes,
				      const struct lyd_node *node,
				      const char *operation)
{
	struct json_object *c = json_object_new_object();
	char *path = lyd_path(node, LYD_PATH_STD, NULL, 0);

	add_text(c, "path", path);
	add_text(c, "operation", operation);
	add_text(c, "applies", applies(changes, node));
	json_object_array_add(changes->list, c);
	free(path);
	return c;
}

static void add_change(const struct changes *changes,
		       const struct lyd_node *node, const char *operation)
{
	struct json_object *c = new_change(changes, node, operation);
	const char *was = meta(node, "yang:orig-value");

	if (!strcmp(operation, "delete")) {
		json_object_object_add(c, "old", change_value(node));
	} else if (was) {
		add_text(c, "old", was);
	}
	if (strcmp(operation, "delete") != 0) {
		json_object_object_add(c, "new", change_value(node));
	}
}

/* Of an entry whose list the user orders. Of a leaf-list the one before it is
 * told by its value, of a list by its key: [name='voice']. */
static void add_move(const struct changes *changes, const struct lyd_node *node)
{
	bool list = node->schema->nodetype == LYS_LIST;
	const char *after = meta(node, list ? "yang:key" : "yang:value"),
		   *quote = list && after ? strchr(after, '\'') : NULL,
		   *end = quote ? strrchr(after, '\'') : NULL;
	struct json_object *c = new_change(changes, node, "move");

	if (quote) {
		json_object_object_add(
			c, "after",
			json_object_new_string_len(quote + 1,
						   (int)(end - quote - 1)));
	} else {
		add_text(c, "after", after ? after : "");
	}
}

static bool is_moved(const struct lyd_node *node, const char *operation)
{
	return !strcmp(operation, "replace") &&
	       node->schema->nodetype & (LYS_LIST | LYS_LEAFLIST);
}

static void add_changes(const struct changes *changes,
			const struct lyd_node *diff)
{
	const struct lyd_node *root, *node;
	const char *operation;

	LY_LIST_FOR(diff, root)
	{
		LYD_TREE_DFS_BEGIN(root, node)
		{
			operation = meta(node, "yang:operation");
			if (operation && is_moved(node, operation)) {
				add_move(changes, node);
			} else if (operation && strcmp(operation, "none")) {
				add_change(changes, node, operation);
				LYD_TREE_DFS_continue = 1;
			}
			LYD_TREE_DFS_END(root, node);
		}
	}
}

struct json_object *mpq_difference_new(const struct lyd_node *was,
				       const struct lyd_node *is)
{
	const struct changes changes = {json_object_new_array(), was, is};
	struct lyd_node *diff = NULL;

	if (!changes.list ||
	    lyd_diff_siblings(was, is, LYD_DIFF_DEFAULTS, &diff)) {
		json_object_put(changes.list);
		return NULL;
	}
	add_changes(&changes, diff);
	lyd_free_all(diff);
	return changes.list;
}
