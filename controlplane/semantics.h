/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration has to satisfy beyond what YANG can say: settings of the
 * other role, things that two entries cannot both have, addresses that cannot
 * work. Pure: looks at the configuration alone, not at this machine.
 */
#ifndef MPQ_CONTROLPLANE_SEMANTICS_H
#define MPQ_CONTROLPLANE_SEMANTICS_H

#include "controlplane/config.h"
#include "controlplane/refusal.h"

/* 0, or -EINVAL with *r. */
int mpq_semantics_check(const struct mpq_config *c, struct mpq_refusal *r);

#endif
