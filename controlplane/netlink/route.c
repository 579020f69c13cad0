/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static size_t bytes_of(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

static bool same_prefix(const struct mpq_prefix *a, const struct mpq_prefix *b)
{
	return a->family == b->family && a->length == b->length &&
	       memcmp(a->addr, b->addr, bytes_of(a->family)) == 0;
}

static bool same_gateway(const struct mpq_prefix *a, const struct mpq_prefix *b)
{
	return a->family == b->family &&
	       (a->family == 0 ||
		memcmp(a->addr, b->addr, bytes_of(a->family)) == 0);
}

static void set_host(struct mpq_prefix *ret, uint8_t family, const void *bytes)
{
	memset(ret, 0, sizeof(*ret));
	ret->family = family;
	ret->length = family == 4 ? 32 : 128;
	memcpy(ret->addr, bytes, bytes_of(family));
}

static void take_gateway(const struct nlattr *attr, uint8_t family,
			 struct mpq_prefix *ret)
{
	if (mnl_attr_get_payload_len(attr) == bytes_of(family)) {
		set_host(ret, family, mnl_attr_get_payload(attr));
	}
}

/* A gateway of the other family (RFC 8950 §3). */
static void take_via(const struct nlattr *attr, struct mpq_prefix *ret)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);

	if (mnl_attr_get_payload_len(attr) == sizeof(*via) + 16 &&
	    via->rtvia_family == AF_INET6) {
		set_host(ret, 6, via->rtvia_addr);
	}
}

static void take_next_hop(const struct nlattr *attr, struct mpq_route *route)
{
	switch (mnl_attr_get_type(attr)) {
	case RTA_GATEWAY:
		take_gateway(attr, route->to.family, &route->gateway);
		break;
	case RTA_VIA:
		take_via(attr, &route->gateway);
		break;
	case RTA_OIF:
		route->index = mpq_rtnl_u32(attr);
		break;
	}
}

static void take_first_of_many(const struct nlattr *attr,
			       struct mpq_route *route)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);
	const struct nlattr *first = (const struct nlattr *)(hop + 1);

	if (len < sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
	    hop->rtnh_len > len) {
		return;
	}
	route->index = (unsigned)hop->rtnh_ifindex;
	len = hop->rtnh_len - sizeof(*hop);
	/* the macro names its iterator itself: attr */
	mnl_attr_for_each_payload(first, len)
	{
		take_next_hop(attr, route);
	}
}

static void take_attribute(const struct nlattr *attr, struct mpq_route *route)
{
	switch (mnl_attr_get_type(attr)) {
	case RTA_DST:
		if (mnl_attr_get_payload_len(attr) ==
		    bytes_of(route->to.family)) {
			memcpy(route->to.addr, mnl_attr_get_payload(attr),
			       bytes_of(route->to.family));
		}
		break;
	case RTA_TABLE:
		route->table = mpq_rtnl_u32(attr);
		break;
	case RTA_PRIORITY:
		route->metric = mpq_rtnl_u32(attr);
		break;
	case RTA_MULTIPATH:
		take_first_of_many(attr, route);
		break;
	default:
		take_next_hop(attr, route);
	}
}

static bool body_valid(const struct nlmsghdr *message)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);

	return (message->nlmsg_type == RTM_NEWROUTE ||
		message->nlmsg_type == RTM_DELROUTE) &&
	       mnl_nlmsg_get_payload_len(message) >= sizeof(*body) &&
	       (body->rtm_family == AF_INET || body->rtm_family == AF_INET6);
}

int mpq_route_parse(const struct nlmsghdr *message, struct mpq_route *ret)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	struct mpq_route route = {0};
	const struct nlattr *attr;

	if (!body_valid(message)) {
		return -EINVAL;
	}
	if ((body->rtm_type != RTN_UNICAST &&
	     body->rtm_type != RTN_UNREACHABLE) ||
	    (body->rtm_flags & RTM_F_CLONED)) {
		return -ENOTSUP;
	}
	route.table = body->rtm_table;
	route.to.family = body->rtm_family == AF_INET ? 4 : 6;
	route.to.length = body->rtm_dst_len;
	route.unreachable = body->rtm_type == RTN_UNREACHABLE;
	route.ours = body->rtm_protocol == MPQ_RTNL_PROTOCOL;
	mnl_attr_for_each(attr, message, sizeof(*body))
	{
		take_attribute(attr, &route);
	}
	if (route.unreachable) {
		route.index = 0; /* IPv6 says "lo" */
	}
	*ret = route;
	return 0;
}

bool mpq_route_same_place(const struct mpq_route *a, const struct mpq_route *b)
{
	return a->table == b->table && a->metric == b->metric &&
	       same_prefix(&a->to, &b->to);
}

bool mpq_route_equal(const struct mpq_route *a, const struct mpq_route *b)
{
	return mpq_route_same_place(a, b) && a->index == b->index &&
	       a->unreachable == b->unreachable && a->ours == b->ours &&
	       same_gateway(&a->gateway, &b->gateway);
}

static void put_gateway(struct nlmsghdr *request, const struct mpq_route *route)
{
	struct {
		uint16_t family;
		uint8_t bytes[16];
	} __attribute__((packed)) via = {.family = AF_INET6};

	if (route->gateway.family == 0) {
		return;
	}
	if (route->gateway.family == route->to.family) {
		mnl_attr_put(request, RTA_GATEWAY,
			     bytes_of(route->gateway.family),
			     route->gateway.addr);
		return;
	}
	memcpy(via.bytes, route->gateway.addr, sizeof(via.bytes));
	mnl_attr_put(request, RTA_VIA, sizeof(via), &via);
}

static int change(struct mpq_rtnl *r, const struct mpq_route *route,
		  uint16_t type, uint16_t flags)
{
	const struct rtmsg body = {
		.rtm_family = route->to.family == 4 ? AF_INET : AF_INET6,
		.rtm_dst_len = route->to.length,
		.rtm_table = route->table < 256 ? (uint8_t)route->table
						: RT_TABLE_UNSPEC,
		.rtm_protocol = MPQ_RTNL_PROTOCOL,
		.rtm_scope = route->index != 0 && route->gateway.family == 0
				     ? RT_SCOPE_LINK
				     : RT_SCOPE_UNIVERSE,
		.rtm_type = route->unreachable ? RTN_UNREACHABLE : RTN_UNICAST,
		/* DHCP may give a gateway outside of the address's prefix */
		.rtm_flags = route->gateway.family != 0 ? RTNH_F_ONLINK : 0,
	};
	char buf[MPQ_RTNL_REQUEST_BYTES];
	struct nlmsghdr *request =
		mpq_rtnl_request(buf, type, flags, &body, sizeof(body));

	if (route->to.length != 0) {
		mnl_attr_put(request, RTA_DST, bytes_of(route->to.family),
			     route->to.addr);
	}
	mnl_attr_put_u32(request, RTA_TABLE, route->table);
	mnl_attr_put_u32(request, RTA_PRIORITY, route->metric);
	if (route->index != 0) {
		mnl_attr_put_u32(request, RTA_OIF, route->index);
	}
	put_gateway(request, route);
	return mpq_rtnl_do(r, request);
}

int mpq_route_add(struct mpq_rtnl *r, const struct mpq_route *route,
		  bool replace)
{
	return change(r, route, RTM_NEWROUTE,
		      NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL));
}

int mpq_route_delete(struct mpq_rtnl *r, const struct mpq_route *route)
{
	return change(r, route, RTM_DELROUTE, 0);
}

const char *mpq_route_format(const struct mpq_route *route, const char *device,
			     char text[MPQ_ROUTE_TEXT_BYTES])
{
	char to[MPQ_PREFIX_TEXT_BYTES] = "default";
	char via[MPQ_PREFIX_TEXT_BYTES + 8] = "";
	char table[24] = "main";

	if (route->to.length != 0) {
		(void)mpq_prefix_format(&route->to, to);
	} else if (route->to.family == 6) {
		(void)snprintf(to, sizeof(to), "default (IPv6)");
	}
	if (route->gateway.family != 0) {
		char gateway[MPQ_PREFIX_TEXT_BYTES];

		(void)mpq_prefix_format(&route->gateway, gateway);
		gateway[strcspn(gateway, "/")] = '\0';
		(void)snprintf(via, sizeof(via), " via %s", gateway);
	}
	if (route->table != RT_TABLE_MAIN) {
		(void)snprintf(table, sizeof(table), "%u", route->table);
	}
	(void)snprintf(text, MPQ_ROUTE_TEXT_BYTES, "route %s%s%s%s%s table %s",
		       route->unreachable ? "unreachable " : "", to, via,
		       route->unreachable ? "" : " dev ",
		       route->unreachable ? "" : device, table);
	return text;
}
