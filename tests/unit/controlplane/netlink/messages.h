/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's messages, made by hand. Each call overwrites the one before. */
#ifndef TESTS_NETLINK_MESSAGES_H
#define TESTS_NETLINK_MESSAGES_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

struct nlmsghdr *message_link(uint16_t type, unsigned index, const char *name,
			      bool up, unsigned mtu);
struct nlmsghdr *message_address(uint16_t type, unsigned index,
				 const char *prefix);

/* gateway NULL: none; index 0: unreachable. */
struct nlmsghdr *message_route(uint16_t type, const char *to,
			       const char *gateway, unsigned index,
			       uint32_t table, uint32_t metric,
			       uint8_t protocol);
struct nlmsghdr *message_rule(uint16_t type, const char *interface,
			      uint32_t table, uint8_t protocol);
struct nlmsghdr *message_netconf(int index, uint32_t forwarding,
				 uint32_t rp_filter);

#endif
