/* SPDX-License-Identifier: Apache-2.0 */
/* What of the monitor the reconcile step uses and nobody else. */
#ifndef MPQ_NETLINK_MONITOR_INTERNAL_H
#define MPQ_NETLINK_MONITOR_INTERNAL_H

#include "controlplane/netlink/monitor.h"
#include "controlplane/netlink/observed.h"
#include "controlplane/netlink/rtnl.h"

/* Takes in what has come, without calling an event: the descriptor stays
 * readable until mpq_monitor_read(). The kernel has queued the notices of a
 * request before it acknowledges it, so after this the state has our own
 * changes too. 0 or -errno. */
int mpq_monitor_take_in(struct mpq_monitor *m);

const struct mpq_observed *mpq_monitor_observed(const struct mpq_monitor *m);
struct mpq_rtnl *mpq_monitor_rtnl(struct mpq_monitor *m);

/* Was our nftables table touched since the last question (or lost sight of)? */
bool mpq_monitor_guard_touched(struct mpq_monitor *m);

/* The kernel gives no notice of some changes of a link: asks. 0 or -errno. */
int mpq_monitor_reread(struct mpq_monitor *m, unsigned index);

/* IPv6 gives notice of a new address only some time after it acknowledged it:
 * until then, this. */
void mpq_monitor_assume_address(struct mpq_monitor *m,
				const struct mpq_address *a);

#endif
