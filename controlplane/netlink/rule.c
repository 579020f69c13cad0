/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/rule.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define RULE_MASK_ALL UINT32_MAX

/* *strange: it has what a rule of ours never has, so it is another's, whatever
 * its mark. */
static void take_attribute(const struct nlattr *attr, struct mpq_rule *rule,
			   bool *strange)
{
	switch (mnl_attr_get_type(attr)) {
	case FRA_PRIORITY:
		rule->priority = mpq_rtnl_u32(attr);
		break;
	case FRA_TABLE:
		rule->table = mpq_rtnl_u32(attr);
		break;
	case FRA_IIFNAME:
		(void)mpq_rtnl_text(attr, rule->interface,
				    sizeof(rule->interface));
		break;
	case FRA_FWMARK:
		rule->mark = mpq_rtnl_u32(attr);
		break;
	case FRA_FWMASK:
		*strange |= mpq_rtnl_u32(attr) != RULE_MASK_ALL;
		break;
	case FRA_PROTOCOL:
		rule->ours = mpq_rtnl_u8(attr) == MPQ_RTNL_PROTOCOL;
		break;
	case FRA_SRC:
	case FRA_DST:
	case FRA_OIFNAME:
	case FRA_L3MDEV:
	case FRA_UID_RANGE:
	case FRA_IP_PROTO:
	case FRA_SPORT_RANGE:
	case FRA_DPORT_RANGE:
		*strange = true;
		break;
	}
}

int mpq_rule_parse(const struct nlmsghdr *message, struct mpq_rule *ret)
{
	const struct fib_rule_hdr *body = mnl_nlmsg_get_payload(message);
	struct mpq_rule rule = {0};
	bool strange = false;
	const struct nlattr *attr;

	if ((message->nlmsg_type != RTM_NEWRULE &&
	     message->nlmsg_type != RTM_DELRULE) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*body) ||
	    (body->family != AF_INET && body->family != AF_INET6)) {
		return -EINVAL;
	}
	rule.family = body->family == AF_INET ? 4 : 6;
	rule.table = body->table;
	mnl_attr_for_each(attr, message, sizeof(*body))
	{
		take_attribute(attr, &rule, &strange);
	}
	if (strange || body->action != FR_ACT_TO_TBL ||
	    (body->flags & FIB_RULE_INVERT)) {
		rule.ours = false;
	}
	*ret = rule;
	return 0;
}

bool mpq_rule_equal(const struct mpq_rule *a, const struct mpq_rule *b)
{
	return a->family == b->family && a->priority == b->priority &&
	       a->table == b->table && a->mark == b->mark &&
	       a->ours == b->ours && strcmp(a->interface, b->interface) == 0;
}

static int change(struct mpq_rtnl *r, const struct mpq_rule *rule,
		  uint16_t type, uint16_t flags)
{
	const struct fib_rule_hdr body = {
		.family = rule->family == 4 ? AF_INET : AF_INET6,
		.table = rule->table < 256 ? (uint8_t)rule->table
					   : RT_TABLE_UNSPEC,
		.action = FR_ACT_TO_TBL,
	};
	char buf[MPQ_RTNL_REQUEST_BYTES];
	struct nlmsghdr *request =
		mpq_rtnl_request(buf, type, flags, &body, sizeof(body));

	mnl_attr_put_u32(request, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u32(request, FRA_TABLE, rule->table);
	mnl_attr_put_u8(request, FRA_PROTOCOL, MPQ_RTNL_PROTOCOL);
	if (rule->interface[0] != '\0') {
		mnl_attr_put_strz(request, FRA_IIFNAME, rule->interface);
	}
	if (rule->mark != 0) {
		mnl_attr_put_u32(request, FRA_FWMARK, rule->mark);
		mnl_attr_put_u32(request, FRA_FWMASK, RULE_MASK_ALL);
	}
	return mpq_rtnl_do(r, request);
}

int mpq_rule_add(struct mpq_rtnl *r, const struct mpq_rule *rule)
{
	return change(r, rule, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
}

int mpq_rule_delete(struct mpq_rtnl *r, const struct mpq_rule *rule)
{
	return change(r, rule, RTM_DELRULE, 0);
}

const char *mpq_rule_format(const struct mpq_rule *rule,
			    char text[MPQ_RULE_TEXT_BYTES])
{
	char selector[32];

	if (rule->mark != 0) {
		(void)snprintf(selector, sizeof(selector), "fwmark 0x%x",
			       rule->mark);
	} else {
		(void)snprintf(selector, sizeof(selector), "iif %s",
			       rule->interface);
	}
	(void)snprintf(text, MPQ_RULE_TEXT_BYTES, "rule %s table %u (IPv%u)",
		       selector, rule->table, rule->family);
	return text;
}
