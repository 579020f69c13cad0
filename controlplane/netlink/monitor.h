/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's network state is, followed as it changes: links, addresses,
 * default routes, rules, and all that carries our protocol number. One
 * descriptor for the event loop; a whole dump at the start, and again when the
 * kernel says that notices were lost. Changes nothing in the kernel.
 *
 * What is kept is bounded (MPQ_OBSERVED_MAX of each kind); routes of others are
 * kept only when they are default routes.
 */
#ifndef MPQ_NETLINK_MONITOR_H
#define MPQ_NETLINK_MONITOR_H

#include "controlplane/netlink/address.h"
#include "controlplane/netlink/link.h"
#include "controlplane/netlink/route.h"

#include <stdbool.h>
#include <stdint.h>

struct mpq_monitor;

enum mpq_monitor_change {              /* a set */
	MPQ_MONITOR_APPEARED = 1 << 0, /* or another device has the name now:
					  the index differs */
	MPQ_MONITOR_GONE = 1 << 1,     /* deleted, or renamed */
	MPQ_MONITOR_STATE = 1 << 2, /* up, carrier, master, MTU, forwarding */
	MPQ_MONITOR_ADDRESS = 1 << 3,
	MPQ_MONITOR_GATEWAY = 1 << 4, /* a default route by this device */
};

/* Called from mpq_monitor_read() only, after the whole burst was taken in. */
struct mpq_monitor_events {
	/* `link` is NULL when the name has no device (any more). A rename is
	 * GONE of the old name and APPEARED of the new. */
	void (*link)(void *context, const char *name,
		     const struct mpq_link *link, unsigned changes);
	/* Something that the reconcile step looks at may have changed: call
	 * mpq_reconcile_run(). It costs little when all is well. */
	void (*changed)(void *context);
};

/* Reads the whole state; the first mpq_monitor_read() tells every link as
 * appeared. 0 or -errno. */
int mpq_monitor_new(struct mpq_monitor **ret,
		    const struct mpq_monitor_events *events, void *context);
void mpq_monitor_free(struct mpq_monitor *m);

int mpq_monitor_fd(const struct mpq_monitor *m); /* readable: call read */

/* Takes in what has come and calls the events. 0, or -errno: the state could
 * not be read anew; it is tried again at the next call. */
int mpq_monitor_read(struct mpq_monitor *m);

/* Pointers live until the next mpq_monitor_read() or mpq_reconcile_run(). */
const struct mpq_link *mpq_monitor_link(const struct mpq_monitor *m,
					const char *name);
const struct mpq_link *mpq_monitor_link_at(const struct mpq_monitor *m,
					   unsigned index);

/* The first usable address of the device; NULL: none (yet). */
const struct mpq_address *mpq_monitor_address(const struct mpq_monitor *m,
					      unsigned index, uint8_t family);

/* The default route by the device: the best of table main; where main has none,
 * the best of any table that is not ours; NULL: none. Its gateway may be of
 * family 0: point to point. */
const struct mpq_route *mpq_monitor_gateway(const struct mpq_monitor *m,
					    unsigned index, uint8_t family);

/* Host-wide forwarding, which netlink can read and not set. IPv6 has no other;
 * IPv4 has one a device too, which is ours to set for LANs and tunnels. */
bool mpq_monitor_forwarding(const struct mpq_monitor *m, uint8_t family);
bool mpq_monitor_has_ipv6(const struct mpq_monitor *m);

/* How often notices were lost and all was read anew; how many objects were not
 * kept because there are too many. */
uint64_t mpq_monitor_overruns(const struct mpq_monitor *m);
uint64_t mpq_monitor_not_kept(const struct mpq_monitor *m);

#endif
