/* SPDX-License-Identifier: Apache-2.0 */
/* One address of a device (RTM_NEWADDR), and the requests that change one. */
#ifndef MPQ_NETLINK_ADDRESS_H
#define MPQ_NETLINK_ADDRESS_H

#include "common/prefix.h"
#include "controlplane/netlink/rtnl.h"

#include <stdbool.h>
#include <stdint.h>

struct mpq_address {
	unsigned index;          /* of the device */
	struct mpq_prefix local; /* with its host bits */
	struct mpq_prefix net;   /* what is on the link: the peer's side of a
				    point-to-point address */
	bool usable; /* not tentative, no duplicate, global or site scope */
};

/* 0, or -EINVAL when the message is no RTM_NEWADDR/RTM_DELADDR of IP. */
int mpq_address_parse(const struct nlmsghdr *message, struct mpq_address *ret);

/* Same device, address and length? */
bool mpq_address_equal(const struct mpq_address *a,
		       const struct mpq_address *b);

/* 0 or -errno. */
int mpq_address_add(struct mpq_rtnl *r, const struct mpq_address *a);
int mpq_address_delete(struct mpq_rtnl *r, const struct mpq_address *a);

#endif
