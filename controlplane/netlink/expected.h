/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is desired, in the kernel's nouns: which links, addresses, rules and
 * routes there ought to be, given what is observed (which devices exist, which
 * gateways were learnt). Pure.
 */
#ifndef MPQ_NETLINK_EXPECTED_H
#define MPQ_NETLINK_EXPECTED_H

#include "controlplane/netlink/desired.h"
#include "controlplane/netlink/observed.h"

#include <stdbool.h>
#include <stddef.h>

#define MPQ_EXPECTED_QUEUE_LENGTH 1000 /* packets, of a TUN device */

struct mpq_expected_link {
	struct mpq_link link; /* index, name and the members in `what` */
	unsigned what;        /* a set of mpq_link_want */
};

struct mpq_expected {
	struct mpq_expected_link *links;
	size_t n_links;
	struct mpq_address *addresses;
	size_t n_addresses;
	struct mpq_rule *rules;
	size_t n_rules;
	struct mpq_route *routes; /* fences too */
	size_t n_routes;
	bool failed; /* no memory: it is not whole */
};

/* Links, addresses, rules and fences, of the families that are there. 0 or
 * -ENOMEM; call finish in either case. */
int mpq_expected_init(struct mpq_expected *ret, const struct mpq_desired *d,
		      const struct mpq_observed *o, bool ipv6);
void mpq_expected_finish(struct mpq_expected *e);

/* Adds the routes that are possible as things are. 0 or -ENOMEM. */
int mpq_expected_add_routes(struct mpq_expected *e, const struct mpq_desired *d,
			    const struct mpq_observed *o, bool ipv6);

bool mpq_expected_has_link(const struct mpq_expected *e,
			   const struct mpq_expected_link *link);
bool mpq_expected_has_address(const struct mpq_expected *e,
			      const struct mpq_address *address);
bool mpq_expected_has_rule(const struct mpq_expected *e,
			   const struct mpq_rule *rule);
bool mpq_expected_has_route(const struct mpq_expected *e,
			    const struct mpq_route *route);

#endif
