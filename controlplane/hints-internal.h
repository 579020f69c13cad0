/* SPDX-License-Identifier: Apache-2.0 */
/* hints.c, of paths and classes, and hints-rules.c. */
#ifndef MPQ_CONTROLPLANE_HINTS_INTERNAL_H
#define MPQ_CONTROLPLANE_HINTS_INTERNAL_H

#include "controlplane/config.h"

void mpq_hints_add(struct json_object *list, const char *path,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void mpq_hints_look_at_rules(const struct mpq_config *c,
			     struct json_object *list);

#endif
