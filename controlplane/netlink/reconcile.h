/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the kernel hold what is desired, with the least change: what matches is
 * adopted (a restart changes nothing), what is missing is added, what carries
 * our mark and is not desired is removed (leftovers of a crash too). The order
 * leaves no moment without a guard:
 *
 *   1. guards: the desired ones, and still those of LANs that are to go
 *   2. rules, and the "unreachable" fence of each table
 *   3. links and addresses
 *   4. routes
 *   5. what is not desired goes: routes, rules, fences, addresses
 *   6. guards: exactly the desired ones
 *
 * One object that is refused does not keep the others from being put in place.
 * Everything outlives the daemon; only an empty `desired` removes it.
 *
 * Deliberately not here: making TUN devices, deciding what is desired.
 */
#ifndef MPQ_NETLINK_RECONCILE_H
#define MPQ_NETLINK_RECONCILE_H

#include "common/clock.h"
#include "controlplane/netlink/desired.h"
#include "controlplane/netlink/guard.h"
#include "controlplane/netlink/monitor.h"

#include <stdint.h>

struct mpq_reconcile;

enum mpq_reconcile_action {
	MPQ_RECONCILE_ADDED, /* or changed */
	MPQ_RECONCILE_REMOVED,
	MPQ_RECONCILE_RESTORED, /* it was there before, another removed it */
};

struct mpq_reconcile_events {
	/* `what` as an operator reads it: "route default dev mpq1 table 1001".
	 */
	void (*did)(void *context, enum mpq_reconcile_action action,
		    const char *what);
	/* It goes on with the rest, and tries this again at the next run. */
	void (*failed)(void *context, const char *what, int error,
		       const char *reason);
};

enum {
	MPQ_RECONCILE_LATER = 1
};

/* `monitor` is borrowed for the life of it. 0 or -errno. */
int mpq_reconcile_new(struct mpq_reconcile **ret, struct mpq_monitor *monitor,
		      const struct mpq_reconcile_events *events, void *context);
void mpq_reconcile_free(struct mpq_reconcile *r); /* the kernel keeps all */

/* Call it after the configuration changed and at mpq_monitor_events.changed.
 * 0: the kernel holds what is desired. MPQ_RECONCILE_LATER: nothing new is
 * desired, and another program undoes our work again and again: nothing was
 * done now, call again at mpq_reconcile_deadline(). -EINVAL:
 * mpq_desired_check() says why; nothing was touched. Other -errno: the first
 * failure; each was told to `failed`. */
int mpq_reconcile_run(struct mpq_reconcile *r, const struct mpq_desired *d,
		      mpq_time now);
mpq_time mpq_reconcile_deadline(const struct mpq_reconcile *r);

/* Drops of the guards since they were installed, for status and alarms:
 *   "leak-lan1"   from lan1, on its way elsewhere than into its tunnel
 *   "inject-lan1" to lan1, from elsewhere than its tunnel
 *   "stray-mpq1"  out of mpq1, on its way elsewhere than to its LANs
 *   "spoof-mpq1"  to an address of mpq1, come by elsewhere (CVE-2019-14899)
 *   "answer-mpq1" of this host itself, from an address of mpq1 or quoting what
 *                 came for its LANs, on its way elsewhere
 * 0 or -errno. */
int mpq_reconcile_counters(struct mpq_reconcile *r,
			   void (*each)(void *context,
					const struct mpq_guard_counter *c),
			   void *context);

#endif
