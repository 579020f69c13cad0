/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of libyang as JSON, and what differs between two. A part of schema.h,
 * in a file of its own. */
#ifndef MPQ_CONTROLPLANE_DIFFERENCE_H
#define MPQ_CONTROLPLANE_DIFFERENCE_H

#include <json-c/json.h>
#include <libyang/libyang.h>
#include <stdint.h>

/* `options`: LYD_PRINT_WD_*. NULL: out of memory. */
struct json_object *mpq_difference_print(const struct lyd_node *node,
					 uint32_t options);

/* As mpq_tree_diff(). */
struct json_object *mpq_difference_new(const struct lyd_node *was,
				       const struct lyd_node *is);

#endif
