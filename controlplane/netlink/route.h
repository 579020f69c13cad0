/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One route with one next hop (RTM_NEWROUTE), and the requests that change one.
 * A multipath route is read as its first next hop.
 */
#ifndef MPQ_NETLINK_ROUTE_H
#define MPQ_NETLINK_ROUTE_H

#include "common/prefix.h"
#include "controlplane/netlink/rtnl.h"

#include <stdbool.h>
#include <stdint.h>

/* Ours stand at this metric; the fence behind them, "unreachable", at the
 * worst there is, so that it acts when and only when they are gone. */
#define MPQ_ROUTE_METRIC       98u
#define MPQ_ROUTE_METRIC_FENCE UINT32_MAX

#define MPQ_ROUTE_TEXT_BYTES 192

struct mpq_route {
	uint32_t table, metric;
	struct mpq_prefix to;      /* length 0: default */
	struct mpq_prefix gateway; /* family 0: none; may be of the other one */
	unsigned index;            /* of the device; 0 for unreachable */
	bool unreachable;
	bool ours; /* our protocol number */
};

/* 0; -EINVAL: not a route; -ENOTSUP: of a kind that does not matter here
 * (local, broadcast, multicast, cloned). */
int mpq_route_parse(const struct nlmsghdr *message, struct mpq_route *ret);

/* Do both stand at the same place: table, destination, metric? */
bool mpq_route_same_place(const struct mpq_route *a, const struct mpq_route *b);
bool mpq_route_equal(const struct mpq_route *a, const struct mpq_route *b);

/* With `replace`, takes the place of the one of ours that stands there, without
 * a moment of none; without it, -EEXIST says that another's stands there.
 * 0 or -errno. */
int mpq_route_add(struct mpq_rtnl *r, const struct mpq_route *route,
		  bool replace);
int mpq_route_delete(struct mpq_rtnl *r, const struct mpq_route *route);

/* "default via 192.0.2.1 dev wan1 table 2001"; returns text. */
const char *mpq_route_format(const struct mpq_route *route, const char *device,
			     char text[MPQ_ROUTE_TEXT_BYTES]);

#endif
