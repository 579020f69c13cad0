/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store behind the monitor: takes kernel messages one by one and keeps what
 * is true after them. Pure: no socket, no clock; the tests feed it messages.
 */
#ifndef MPQ_NETLINK_OBSERVED_H
#define MPQ_NETLINK_OBSERVED_H

#include "controlplane/netlink/address.h"
#include "controlplane/netlink/link.h"
#include "controlplane/netlink/monitor.h"
#include "controlplane/netlink/route.h"
#include "controlplane/netlink/rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_OBSERVED_MAX 4096 /* of each kind */

/* A name to which something happened since the changes were last taken. */
struct mpq_observed_change {
	char name[IFNAMSIZ];
	unsigned what; /* a set of mpq_monitor_change */
};

struct mpq_observed {
	struct mpq_link *links;
	size_t n_links, cap_links;
	struct mpq_address *addresses;
	size_t n_addresses, cap_addresses;
	struct mpq_route *routes; /* ours, and default routes of others */
	size_t n_routes, cap_routes;
	struct mpq_rule *rules; /* ours */
	size_t n_rules, cap_rules;

	bool forwarding4, forwarding6; /* host-wide */
	uint8_t rp_filter;             /* "all": the stricter of it and the
					  device's acts */

	struct mpq_observed_change *changes; /* a name once */
	size_t n_changes, cap_changes;
	bool changed; /* anything at all */

	/* IPv4 forgets routes without a notice when a device goes down or an
	 * address goes: read all anew. */
	bool stale;
	uint64_t not_kept;
};

void mpq_observed_finish(struct mpq_observed *o);

/* Takes one message in; what is no business of ours is passed over. */
void mpq_observed_take(struct mpq_observed *o, const struct nlmsghdr *message);

/* An address that is known to be there before its notice comes. */
void mpq_observed_assume_address(struct mpq_observed *o,
				 const struct mpq_address *a);

/* `fresh`, read from nothing by whole dumps, becomes what is kept; what differs
 * is noted as changes. Takes what fresh holds and leaves it empty. */
void mpq_observed_replace(struct mpq_observed *o, struct mpq_observed *fresh);

/* Moves the changes out, to be told: *ret is the caller's to free. */
size_t mpq_observed_take_changes(struct mpq_observed *o,
				 struct mpq_observed_change **ret,
				 bool *ret_changed);

const struct mpq_link *mpq_observed_link(const struct mpq_observed *o,
					 const char *name);
const struct mpq_link *mpq_observed_link_at(const struct mpq_observed *o,
					    unsigned index);
const struct mpq_address *mpq_observed_address(const struct mpq_observed *o,
					       unsigned index, uint8_t family);
const struct mpq_route *mpq_observed_gateway(const struct mpq_observed *o,
					     unsigned index, uint8_t family);

#endif
