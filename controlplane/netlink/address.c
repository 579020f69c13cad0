/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/address.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static int af_of(uint8_t family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

static size_t bytes_of(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

static void take_bytes(const struct nlattr *attr, struct mpq_prefix *ret)
{
	if (mnl_attr_get_payload_len(attr) == bytes_of(ret->family)) {
		memcpy(ret->addr, mnl_attr_get_payload(attr),
		       bytes_of(ret->family));
	}
}

/* IPv4 has the own address in IFA_LOCAL and, point to point, the peer's in
 * IFA_ADDRESS; IPv6 has IFA_LOCAL in the point-to-point case only. */
static void parse_addresses(const struct nlmsghdr *message,
			    struct mpq_address *a, uint32_t *flags)
{
	const struct nlattr *attr;
	bool local = false;

	mnl_attr_for_each(attr, message, sizeof(struct ifaddrmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFA_LOCAL:
			take_bytes(attr, &a->local);
			local = true;
			break;
		case IFA_ADDRESS:
			take_bytes(attr, &a->net);
			break;
		case IFA_FLAGS:
			*flags = mpq_rtnl_u32(attr);
			break;
		}
	}
	if (!local) {
		a->local = a->net;
	}
}

int mpq_address_parse(const struct nlmsghdr *message, struct mpq_address *ret)
{
	const struct ifaddrmsg *body = mnl_nlmsg_get_payload(message);
	struct mpq_address a = {0};
	uint32_t flags;

	if ((message->nlmsg_type != RTM_NEWADDR &&
	     message->nlmsg_type != RTM_DELADDR) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*body) ||
	    (body->ifa_family != AF_INET && body->ifa_family != AF_INET6)) {
		return -EINVAL;
	}
	a.index = body->ifa_index;
	a.local.family = body->ifa_family == AF_INET ? 4 : 6;
	a.local.length = body->ifa_prefixlen;
	a.net = a.local;
	flags = body->ifa_flags;
	parse_addresses(message, &a, &flags);
	a.usable = body->ifa_scope < RT_SCOPE_LINK &&
		   !(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) &&
		   (a.local.family == 4 || !(flags & IFA_F_DEPRECATED));
	*ret = a;
	return 0;
}

bool mpq_address_equal(const struct mpq_address *a, const struct mpq_address *b)
{
	return a->index == b->index && a->local.family == b->local.family &&
	       a->local.length == b->local.length &&
	       memcmp(a->local.addr, b->local.addr,
		      bytes_of(a->local.family)) == 0;
}

static int change(struct mpq_rtnl *r, const struct mpq_address *a,
		  uint16_t type, uint16_t flags)
{
	const struct ifaddrmsg body = {
		.ifa_family = (uint8_t)af_of(a->local.family),
		.ifa_prefixlen = a->local.length,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = a->index,
	};
	char buf[MPQ_RTNL_REQUEST_BYTES];
	struct nlmsghdr *request =
		mpq_rtnl_request(buf, type, flags, &body, sizeof(body));
	size_t bytes = bytes_of(a->local.family);

	mnl_attr_put(request, IFA_LOCAL, bytes, a->local.addr);
	mnl_attr_put(request, IFA_ADDRESS, bytes, a->net.addr);
	if (type == RTM_NEWADDR) {
		/* Nobody else is on a TUN: duplicates cannot be. */
		mnl_attr_put_u32(request, IFA_FLAGS,
				 a->local.family == 6 ? IFA_F_NODAD : 0);
		mnl_attr_put_u8(request, IFA_PROTO, MPQ_RTNL_PROTOCOL);
	}
	return mpq_rtnl_do(r, request);
}

int mpq_address_add(struct mpq_rtnl *r, const struct mpq_address *a)
{
	return change(r, a, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
}

int mpq_address_delete(struct mpq_rtnl *r, const struct mpq_address *a)
{
	return change(r, a, RTM_DELADDR, 0);
}
