/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controlplane/netlink/messages.h"

#include "common/prefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/fib_rules.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

static struct nlmsghdr *start(uint16_t type, const void *body, size_t bytes)
{
	static char buf[4096];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buf);

	message->nlmsg_type = type;
	memcpy(mnl_nlmsg_put_extra_header(message, bytes), body, bytes);
	return message;
}

static struct mpq_prefix prefix(const char *text)
{
	struct mpq_prefix p;

	assert_int_equal(mpq_prefix_parse(text, &p), 0);
	return p;
}

static uint8_t af_of(const struct mpq_prefix *p)
{
	return p->family == 4 ? AF_INET : AF_INET6;
}

static size_t bytes_of(const struct mpq_prefix *p)
{
	return p->family == 4 ? 4 : 16;
}

struct nlmsghdr *message_link(uint16_t type, unsigned index, const char *name,
			      bool up, unsigned mtu)
{
	const struct ifinfomsg body = {
		.ifi_index = (int)index,
		.ifi_flags = up ? IFF_UP : 0,
	};
	struct nlmsghdr *message = start(type, &body, sizeof(body));

	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	mnl_attr_put_u32(message, IFLA_MTU, mtu);
	return message;
}

struct nlmsghdr *message_address(uint16_t type, unsigned index,
				 const char *text)
{
	const struct mpq_prefix p = prefix(text);
	const struct ifaddrmsg body = {
		.ifa_family = af_of(&p),
		.ifa_prefixlen = p.length,
		.ifa_index = index,
	};
	struct nlmsghdr *message = start(type, &body, sizeof(body));

	mnl_attr_put(message, IFA_ADDRESS, bytes_of(&p), p.addr);
	return message;
}

struct nlmsghdr *message_route(uint16_t type, const char *to,
			       const char *gateway, unsigned index,
			       uint32_t table, uint32_t metric,
			       uint8_t protocol)
{
	const struct mpq_prefix p = prefix(to);
	const struct rtmsg body = {
		.rtm_family = af_of(&p),
		.rtm_dst_len = p.length,
		.rtm_protocol = protocol,
		.rtm_type = index == 0 ? RTN_UNREACHABLE : RTN_UNICAST,
	};
	struct nlmsghdr *message = start(type, &body, sizeof(body));

	mnl_attr_put(message, RTA_DST, bytes_of(&p), p.addr);
	mnl_attr_put_u32(message, RTA_TABLE, table);
	mnl_attr_put_u32(message, RTA_PRIORITY, metric);
	if (index != 0) {
		mnl_attr_put_u32(message, RTA_OIF, index);
	}
	if (gateway != NULL) {
		const struct mpq_prefix g = prefix(gateway);

		mnl_attr_put(message, RTA_GATEWAY, bytes_of(&g), g.addr);
	}
	return message;
}

struct nlmsghdr *message_rule(uint16_t type, const char *interface,
			      uint32_t table, uint8_t protocol)
{
	const struct fib_rule_hdr body = {
		.family = AF_INET,
		.action = FR_ACT_TO_TBL,
	};
	struct nlmsghdr *message = start(type, &body, sizeof(body));

	mnl_attr_put_u32(message, FRA_PRIORITY, 98);
	mnl_attr_put_u32(message, FRA_TABLE, table);
	mnl_attr_put_strz(message, FRA_IIFNAME, interface);
	mnl_attr_put_u8(message, FRA_PROTOCOL, protocol);
	return message;
}

struct nlmsghdr *message_netconf(int index, uint32_t forwarding,
				 uint32_t rp_filter)
{
	const struct netconfmsg body = {.ncm_family = AF_INET};
	struct nlmsghdr *message = start(RTM_NEWNETCONF, &body, sizeof(body));

	mnl_attr_put_u32(message, NETCONFA_IFINDEX, (uint32_t)index);
	mnl_attr_put_u32(message, NETCONFA_FORWARDING, forwarding);
	mnl_attr_put_u32(message, NETCONFA_RP_FILTER, rp_filter);
	return message;
}
