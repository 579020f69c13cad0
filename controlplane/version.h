/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One whole configuration that passed every check: the tree, what C reads of
 * it, and the files it names. Candidate and running are one of these each.
 */
#ifndef MPQ_CONTROLPLANE_VERSION_H
#define MPQ_CONTROLPLANE_VERSION_H

#include "controlplane/config.h"
#include "controlplane/material.h"
#include "controlplane/refusal.h"
#include "controlplane/schema.h"

#include <time.h>

struct mpq_version {
	struct mpq_tree *tree;
	struct mpq_config *config;
	struct mpq_material *material;
};

/* From JSON text. 0; -EINVAL with *r; -ENOMEM. `now` is wall-clock time, for
 * the certificates' dates; `known` as in material.h. */
int mpq_version_new(struct mpq_version **ret, struct mpq_schema *schema,
		    const char *text, size_t len, time_t now, bool known,
		    struct mpq_refusal *r);

/* From a tree, which it takes in any case. */
int mpq_version_take(struct mpq_version **ret, struct mpq_tree *tree,
		     time_t now, bool known, struct mpq_refusal *r);

void mpq_version_free(struct mpq_version *v);

#endif
