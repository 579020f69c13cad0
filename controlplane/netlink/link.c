/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/link.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define LINK_NO_IPV6 255

/* An array of the kernel's, indexed from IPV4_DEVCONF_FORWARDING = 1. */
static uint32_t devconf(const struct nlattr *attr, unsigned which)
{
	const uint32_t *value = mnl_attr_get_payload(attr);

	if (mnl_attr_get_payload_len(attr) < which * sizeof(*value)) {
		return 0;
	}
	return value[which - 1];
}

static void parse_inet(const struct nlattr *family, struct mpq_link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, family)
	{
		if (mnl_attr_get_type(attr) == IFLA_INET_CONF) {
			link->forwarding =
				devconf(attr, IPV4_DEVCONF_FORWARDING) != 0;
			link->rp_filter =
				(uint8_t)devconf(attr, IPV4_DEVCONF_RP_FILTER);
		}
	}
}

static void parse_inet6(const struct nlattr *family, struct mpq_link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, family)
	{
		if (mnl_attr_get_type(attr) == IFLA_INET6_ADDR_GEN_MODE) {
			link->address_mode = mpq_rtnl_u8(attr);
		}
	}
}

static void parse_families(const struct nlattr *families, struct mpq_link *link)
{
	const struct nlattr *family;

	mnl_attr_for_each_nested(family, families)
	{
		if (mnl_attr_get_type(family) == AF_INET) {
			parse_inet(family, link);
		} else if (mnl_attr_get_type(family) == AF_INET6) {
			parse_inet6(family, link);
		}
	}
}

static bool kind_is_tun(const struct nlattr *info)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
		    mnl_attr_validate(attr, MNL_TYPE_STRING) >= 0) {
			return strncmp(mnl_attr_get_str(attr), "tun",
				       mnl_attr_get_payload_len(attr)) == 0;
		}
	}
	return false;
}

static void parse_attribute(const struct nlattr *attr, struct mpq_link *link)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		(void)mpq_rtnl_text(attr, link->name, sizeof(link->name));
		break;
	case IFLA_MASTER:
		link->master = mpq_rtnl_u32(attr);
		break;
	case IFLA_MTU:
		link->mtu = mpq_rtnl_u32(attr);
		break;
	case IFLA_TXQLEN:
		link->queue_length = mpq_rtnl_u32(attr);
		break;
	case IFLA_LINKINFO:
		link->tun = kind_is_tun(attr);
		break;
	case IFLA_AF_SPEC:
		parse_families(attr, link);
		break;
	}
}

int mpq_link_parse(const struct nlmsghdr *message, struct mpq_link *ret)
{
	const struct ifinfomsg *body = mnl_nlmsg_get_payload(message);
	struct mpq_link link = {.address_mode = LINK_NO_IPV6};
	const struct nlattr *attr;

	if ((message->nlmsg_type != RTM_NEWLINK &&
	     message->nlmsg_type != RTM_DELLINK) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*body)) {
		return -EINVAL;
	}
	link.index = (unsigned)body->ifi_index;
	link.up = body->ifi_flags & IFF_UP;
	link.carrier = body->ifi_flags & IFF_LOWER_UP;
	link.point_to_point = body->ifi_flags & (IFF_POINTOPOINT | IFF_NOARP);
	mnl_attr_for_each(attr, message, sizeof(*body))
	{
		parse_attribute(attr, &link);
	}
	if (link.index == 0 || link.name[0] == '\0') {
		return -EINVAL;
	}
	*ret = link;
	return 0;
}

unsigned mpq_link_differs(const struct mpq_link *is,
			  const struct mpq_link *wanted, unsigned want)
{
	unsigned differs = 0;

	differs |= is->mtu != wanted->mtu ? MPQ_LINK_MTU : 0;
	differs |= is->queue_length != wanted->queue_length
			   ? MPQ_LINK_QUEUE_LENGTH
			   : 0;
	differs |= is->up != wanted->up ? MPQ_LINK_UP : 0;
	differs |= is->address_mode != LINK_NO_IPV6 &&
				   is->address_mode != wanted->address_mode
			   ? MPQ_LINK_ADDRESS_MODE
			   : 0;
	differs |=
		is->forwarding != wanted->forwarding ? MPQ_LINK_FORWARDING : 0;
	differs |= is->rp_filter != wanted->rp_filter ? MPQ_LINK_RP_FILTER : 0;
	return differs & want;
}

static void put_inet(struct nlmsghdr *request, const struct mpq_link *wanted,
		     unsigned what)
{
	struct nlattr *family, *conf;

	if (!(what & (MPQ_LINK_FORWARDING | MPQ_LINK_RP_FILTER))) {
		return;
	}
	family = mnl_attr_nest_start(request, AF_INET);
	conf = mnl_attr_nest_start(request, IFLA_INET_CONF);
	if (what & MPQ_LINK_FORWARDING) {
		mnl_attr_put_u32(request, IPV4_DEVCONF_FORWARDING,
				 wanted->forwarding);
	}
	if (what & MPQ_LINK_RP_FILTER) {
		mnl_attr_put_u32(request, IPV4_DEVCONF_RP_FILTER,
				 wanted->rp_filter);
	}
	mnl_attr_nest_end(request, conf);
	mnl_attr_nest_end(request, family);
}

static void put_families(struct nlmsghdr *request,
			 const struct mpq_link *wanted, unsigned what)
{
	struct nlattr *families, *family;

	if (!(what & (MPQ_LINK_FORWARDING | MPQ_LINK_RP_FILTER |
		      MPQ_LINK_ADDRESS_MODE))) {
		return;
	}
	families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	put_inet(request, wanted, what);
	if (what & MPQ_LINK_ADDRESS_MODE) {
		family = mnl_attr_nest_start(request, AF_INET6);
		mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE,
				wanted->address_mode);
		mnl_attr_nest_end(request, family);
	}
	mnl_attr_nest_end(request, families);
}

int mpq_link_set(struct mpq_rtnl *r, const struct mpq_link *wanted,
		 unsigned what)
{
	const bool flags = what & MPQ_LINK_UP;
	/* Flags without a mask would be taken as all the flags there are. */
	const struct ifinfomsg body = {
		.ifi_index = (int)wanted->index,
		.ifi_flags = flags && wanted->up ? IFF_UP : 0,
		.ifi_change = flags ? IFF_UP : 0,
	};
	char buf[MPQ_RTNL_REQUEST_BYTES];
	struct nlmsghdr *request;

	request = mpq_rtnl_request(buf, RTM_SETLINK, 0, &body, sizeof(body));
	if (what & MPQ_LINK_MTU) {
		mnl_attr_put_u32(request, IFLA_MTU, wanted->mtu);
	}
	if (what & MPQ_LINK_QUEUE_LENGTH) {
		mnl_attr_put_u32(request, IFLA_TXQLEN, wanted->queue_length);
	}
	put_families(request, wanted, what);
	return mpq_rtnl_do(r, request);
}
