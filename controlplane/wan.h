/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an edge path's WAN can carry it, and why not: from what the kernel
 * shows of the device, its addresses and its default route. Pure. The states
 * are those that mpquic-data's Socket call takes.
 */
#ifndef MPQ_CONTROLPLANE_WAN_H
#define MPQ_CONTROLPLANE_WAN_H

#include "common/sockaddr.h"
#include "controlplane/netlink/address.h"
#include "controlplane/netlink/link.h"
#include "controlplane/netlink/route.h"

#include <stdbool.h>

#define MPQ_WAN_REASON_BYTES 160

enum mpq_wan_state {
	MPQ_WAN_NO_LINK,
	MPQ_WAN_NO_CARRIER,
	MPQ_WAN_NO_ADDRESS, /* or no route yet */
	MPQ_WAN_READY,
};

struct mpq_wan_view { /* borrowed; NULL: there is none */
	const char *name;
	const struct mpq_link *link;
	const struct mpq_address *address; /* of the remote's family */
	const struct mpq_route *gateway;
};

/* What sockets were made for; when it differs, they have to be made anew. */
struct mpq_wan {
	enum mpq_wan_state state;
	char reason[MPQ_WAN_REASON_BYTES];   /* a sentence; "" when ready */
	unsigned index;                      /* 0 unless ready */
	char address[MPQ_PREFIX_TEXT_BYTES]; /* "192.0.2.5", "" unless ready */
	struct mpq_prefix gateway;           /* family 0: none needed */
};

void mpq_wan_judge(const struct mpq_wan_view *view,
		   const struct mpq_sockaddr *remote, struct mpq_wan *ret);

/* Would sockets made for `a` do for `b`? */
bool mpq_wan_same(const struct mpq_wan *a, const struct mpq_wan *b);

const char *mpq_wan_state_name(enum mpq_wan_state s); /* "no-link" */
int mpq_wan_state_parse(const char *name, enum mpq_wan_state *ret);

#endif
