/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the configuration to what the kernel ought to hold: tables, marks,
 * routes, guards. Pure. The numbers that it chooses follow from names, so that
 * a change elsewhere in the configuration moves none of them.
 */
#ifndef MPQ_CONTROLPLANE_POLICY_H
#define MPQ_CONTROLPLANE_POLICY_H

#include "controlplane/config.h"
#include "controlplane/netlink/desired.h"

#include <stdint.h>

/* "mpq3" gets table 1003, the WAN of path "wan3" table 2003 and mark
 * MPQ_POLICY_MARK + 3, unless the number is taken: then the next one. */
#define MPQ_POLICY_TABLE_LAN 1000u
#define MPQ_POLICY_TABLE_WAN 2000u
#define MPQ_POLICY_MARK      0x6d710000u
#define MPQ_POLICY_NUMBERS   255u

struct mpq_policy {
	struct mpq_desired desired; /* points into what follows, and into the
				     * configuration, which has to outlive it */
	struct mpq_desired_tunnel *tunnels;
	struct mpq_desired_lan *lans;
	struct mpq_desired_wan *wans;
	struct mpq_desired_remote *remotes;
};

int mpq_policy_new(struct mpq_policy **ret, const struct mpq_config *c);
void mpq_policy_free(struct mpq_policy *p);

/* The mark of the sockets on this WAN, 0: not one of ours. */
uint32_t mpq_policy_mark(const struct mpq_policy *p, const char *wan);

#endif
