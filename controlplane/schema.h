/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The YANG model and configurations that satisfy it. With explain.c and
 * difference.c, the only place that knows libyang: everything else sees JSON
 * (RFC 7951) and struct mpq_config. What YANG cannot say is in semantics.h.
 */
#ifndef MPQ_CONTROLPLANE_SCHEMA_H
#define MPQ_CONTROLPLANE_SCHEMA_H

#include "controlplane/refusal.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

struct mpq_schema;
struct mpq_tree; /* a configuration that was validated; never changed */

/* Loads mpquic.yang from `yang_dir`. 0; -EINVAL, -ENOMEM. */
int mpq_schema_new(struct mpq_schema **ret, const char *yang_dir,
		   struct mpq_refusal *r);
void mpq_schema_free(struct mpq_schema *s); /* its trees first */

/* 0; -EINVAL with *r filled: syntax (with its line), unknown members, types,
 * ranges, mandatory nodes, references, must. */
int mpq_schema_parse(struct mpq_schema *s, const char *text, size_t len,
		     struct mpq_tree **ret, struct mpq_refusal *r);
void mpq_tree_free(struct mpq_tree *t);

/* The tree as {"mpquic:mpquic": {..}}; with or without default values. The
 * caller's to put. NULL: out of memory. */
struct json_object *mpq_tree_json(const struct mpq_tree *t, bool defaults);

/* What has to be done to make `was` into `is`: an array of {"path",
 * "operation": "create" | "delete" | "replace" | "move", "old"?, "new"?,
 * "after"? (a move: the one before it now, "" if none), "applies"}. Values of
 * leaves are strings, those of whole entries are objects. The caller's to put.
 * `was` may be NULL. NULL: out of memory. */
struct json_object *mpq_tree_diff(const struct mpq_tree *was,
				  const struct mpq_tree *is);

/* 0 or -ENOMEM. */
int mpq_tree_copy(const struct mpq_tree *t, struct mpq_tree **ret);

/* A copy of `t` in which the leaf at `path` has `value`. 0, -ENOENT (no such
 * node), -EINVAL with *r. */
int mpq_tree_with(const struct mpq_tree *t, const char *path, const char *value,
		  struct mpq_tree **ret, struct mpq_refusal *r);

#endif
