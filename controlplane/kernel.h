/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This machine's kernel as the daemon uses it: the monitor and the reconciler
 * in the event loop, and the TUN devices, of which it keeps a descriptor each,
 * so that they outlive mpquic-data.
 */
#ifndef MPQ_CONTROLPLANE_KERNEL_H
#define MPQ_CONTROLPLANE_KERNEL_H

#include "controlplane/netlink/monitor.h"
#include "controlplane/netlink/reconcile.h"
#include "controlplane/policy.h"
#include "controlplane/refusal.h"

#include <ev.h>

struct mpq_kernel;

struct mpq_kernel_events {
	/* Devices, addresses or gateways changed; routes and rules follow
	 * already. Look at the monitor for what is now. */
	void (*changed)(void *owner);
	/* One device came, went or changed; `link` NULL: gone. */
	void (*link)(void *owner, const char *name,
		     const struct mpq_link *link);
	/* Something of ours that another had removed is back. */
	void (*restored)(void *owner, const char *what);
	/* A TUN device was deleted: its descriptors are dead. */
	void (*tun_lost)(void *owner, const char *name);
};

int mpq_kernel_new(struct mpq_kernel **ret, struct ev_loop *loop,
		   const struct mpq_kernel_events *events, void *owner,
		   struct mpq_refusal *r);
void mpq_kernel_free(struct mpq_kernel *k); /* routes and guards stay */

const struct mpq_monitor *mpq_kernel_monitor(const struct mpq_kernel *k);
struct mpq_reconcile *mpq_kernel_reconcile(struct mpq_kernel *k);

/* Makes it so, and keeps it so from now on. `p` (borrowed until the next call)
 * may be NULL: nothing. A failure is tried again, see mpq_kernel_trouble(). */
void mpq_kernel_apply(struct mpq_kernel *k, const struct mpq_policy *p);

/* What could not be made so at the last attempt, "" when all is well. */
const char *mpq_kernel_trouble(const struct mpq_kernel *k);

/* The TUN device `name`, made if need be: *ret_fd is the kernel object's.
 * 0; -errno with *r. */
int mpq_kernel_tun(struct mpq_kernel *k, const char *name, int *ret_fd,
		   struct mpq_refusal *r);
bool mpq_kernel_has_tun(const struct mpq_kernel *k, const char *name);

/* Takes a descriptor that mpquic-data handed back. 0, or -errno: not a TUN
 * device of this name; fd is closed then. */
int mpq_kernel_adopt_tun(struct mpq_kernel *k, const char *name, int fd);

/* Lets go of each TUN device that `keep` does not want. */
void mpq_kernel_drop_tuns(struct mpq_kernel *k,
			  bool (*keep)(void *context, const char *name),
			  void *context);

#endif
