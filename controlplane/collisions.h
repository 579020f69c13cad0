/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two entries of a configuration cannot both have: a port, a path, a LAN,
 * a table, an address, a certificate. Pure; a part of semantics.h.
 */
#ifndef MPQ_CONTROLPLANE_COLLISIONS_H
#define MPQ_CONTROLPLANE_COLLISIONS_H

#include "controlplane/config.h"
#include "controlplane/refusal.h"

/* 0, or -EINVAL with *r, which names the later of the two. */
int mpq_collisions_check(const struct mpq_config *c, struct mpq_refusal *r);

#endif
