/* SPDX-License-Identifier: Apache-2.0 */
/* One rule of policy routing (RTM_NEWRULE), and the requests that change one.
 */
#ifndef MPQ_NETLINK_RULE_H
#define MPQ_NETLINK_RULE_H

#include "controlplane/netlink/rtnl.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* Before main (32766) and before what other programs put there; 1..97 stay free
 * for an operator who wants a rule of his ahead of ours. */
#define MPQ_RULE_PRIORITY_LAN 98u
#define MPQ_RULE_PRIORITY_WAN 99u

#define MPQ_RULE_TEXT_BYTES 96

struct mpq_rule {
	uint8_t family; /* 4 or 6 */
	uint32_t priority, table;
	char interface[IFNAMSIZ]; /* "iif"; "": any */
	uint32_t mark;            /* 0: any; the mask is all ones */
	bool ours;                /* our protocol number */
};

/* 0, or -EINVAL when the message is no rule of IP. One whose selectors or
 * action are others than the above is given as not ours. */
int mpq_rule_parse(const struct nlmsghdr *message, struct mpq_rule *ret);
bool mpq_rule_equal(const struct mpq_rule *a, const struct mpq_rule *b);

/* 0 or -errno. */
int mpq_rule_add(struct mpq_rtnl *r, const struct mpq_rule *rule);
int mpq_rule_delete(struct mpq_rtnl *r, const struct mpq_rule *rule);

/* "rule iif lan1 table 1001 (IPv4)"; returns text. */
const char *mpq_rule_format(const struct mpq_rule *rule,
			    char text[MPQ_RULE_TEXT_BYTES]);

#endif
