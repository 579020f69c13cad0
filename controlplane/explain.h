/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks JSON beside the schema and says, better than libyang does, what is
 * wrong with it: where exactly, and what would be allowed. Covers structure and
 * single values; what concerns several nodes (references, must) is libyang's,
 * which has the last word anyway. It also refuses prefixes with host bits,
 * which inet:ip-prefix would silently drop.
 */
#ifndef MPQ_CONTROLPLANE_EXPLAIN_H
#define MPQ_CONTROLPLANE_EXPLAIN_H

#include "controlplane/refusal.h"

#include <json-c/json.h>
#include <libyang/libyang.h>

/* 0, or -EINVAL with *r. */
int mpq_explain(const struct lys_module *module, struct json_object *root,
		struct mpq_refusal *r);

/* The argument of our extension `name` at the node or the nearest one above,
 * NULL when there is none. */
const char *mpq_explain_extension(const struct lysc_node *node,
				  const char *name);

#endif
