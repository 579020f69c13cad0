/* SPDX-License-Identifier: Apache-2.0 */
/* steering.c, of classes and all together, and steering-rules.c, of a rule. */
#ifndef MPQ_CONTROLPLANE_STEERING_INTERNAL_H
#define MPQ_CONTROLPLANE_STEERING_INTERNAL_H

#include "controlplane/steering.h"

/* Is there such a class, for what is at `at`? 0, or -EINVAL with *r. */
int mpq_steering_check_class(const struct mpq_config *c, const char *at,
			     const char *name, struct mpq_refusal *r);

/* 0, or -EINVAL with *r. */
int mpq_steering_check_rule(const struct mpq_config *c,
			    const struct mpq_config_rule *u,
			    struct mpq_refusal *r);

/* Where what it matches comes from: of a LAN, the LAN's prefixes. The rule was
 * checked. */
const struct mpq_config_prefixes *
mpq_steering_sources(const struct mpq_config *c,
		     const struct mpq_config_rule *u);

#endif
