/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One leaf's value in JSON: does it fit its type, and what would. Says what
 * libyang does not: the range, the words of an enumeration, what a type of
 * another module looks like (our extension `expects`). A part of explain.h.
 */
#ifndef MPQ_CONTROLPLANE_VALUE_H
#define MPQ_CONTROLPLANE_VALUE_H

#include "controlplane/refusal.h"

#include <json-c/json.h>
#include <libyang/libyang.h>

/* 0, or -EINVAL with *r. Also refuses prefixes with host bits. */
int mpq_value_check(const struct lysc_node *node, const char *path,
		    struct json_object *v, struct mpq_refusal *r);

/* Adds to *r what the leaf may be, where that can be said. */
void mpq_value_allow(const struct lysc_node *node, struct mpq_refusal *r);

/* "expected an array, found a string"; returns -EINVAL. */
int mpq_value_wrong_type(const char *path, struct json_object *v,
			 const char *wanted, struct mpq_refusal *r);

#endif
