/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One network device as the kernel shows it (RTM_NEWLINK), and the requests
 * that change one. Making TUN devices is not here (controlplane/tundev.h): a
 * TUN device is a descriptor, and netlink has none.
 */
#ifndef MPQ_NETLINK_LINK_H
#define MPQ_NETLINK_LINK_H

#include "controlplane/netlink/rtnl.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct mpq_link {
	unsigned index;
	unsigned master; /* bridge, bond or VRF that it is a port of; 0: none.
			  * What comes in by a port comes in by its master: a
			  * LAN's rules and guards have to name that. */
	char name[IFNAMSIZ];
	bool up;             /* IFF_UP: the administrator's wish */
	bool carrier;        /* IFF_LOWER_UP: the modem's or the cable's word */
	bool point_to_point; /* IFF_POINTOPOINT or IFF_NOARP: needs no gateway
			      */
	bool tun;            /* rtnl kind "tun" */
	unsigned mtu, queue_length;
	uint8_t address_mode; /* IN6_ADDR_GEN_MODE_*; 255: no IPv6 here */
	bool forwarding;      /* IPv4's, of this device */
	uint8_t rp_filter;    /* IPv4's, of this device: 0, 1 strict, 2 loose */
};

/* What a TUN device or a LAN or WAN of ours ought to be. */
enum mpq_link_want {
	MPQ_LINK_MTU = 1 << 0,
	MPQ_LINK_QUEUE_LENGTH = 1 << 1,
	MPQ_LINK_UP = 1 << 2, /* up or down, as the bool says */
	MPQ_LINK_ADDRESS_MODE = 1 << 3,
	MPQ_LINK_FORWARDING = 1 << 4,
	MPQ_LINK_RP_FILTER = 1 << 5,
};

/* 0, or -EINVAL when the message is no RTM_NEWLINK/RTM_DELLINK with a name. */
int mpq_link_parse(const struct nlmsghdr *message, struct mpq_link *ret);

/* The members of `want` (a set of mpq_link_want) in which the two differ. */
unsigned mpq_link_differs(const struct mpq_link *is,
			  const struct mpq_link *wanted, unsigned want);

/* Sets the members of `what` on the device wanted->index. Works in a service
 * that cannot write /proc/sys: CAP_NET_ADMIN is enough. 0 or -errno. */
int mpq_link_set(struct mpq_rtnl *r, const struct mpq_link *wanted,
		 unsigned what);

#endif
