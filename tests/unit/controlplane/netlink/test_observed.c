/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/observed.h"

#include "tests/unit/controlplane/netlink/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/fib_rules.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DHCP 16
#define OURS MPQ_RTNL_PROTOCOL
#define MAIN RT_TABLE_MAIN

static void take(struct mpq_observed *o, const struct nlmsghdr *message)
{
	mpq_observed_take(o, message);
}

/* wan1, up, with an address and a gateway, and nothing left to tell. */
static void begin(struct mpq_observed *o)
{
	struct mpq_observed_change *changes;
	bool changed;

	memset(o, 0, sizeof(*o));
	take(o, message_link(RTM_NEWLINK, 3, "wan1", true, 1500));
	take(o, message_address(RTM_NEWADDR, 3, "192.0.2.2/24"));
	take(o, message_route(RTM_NEWROUTE, "0.0.0.0/0", "192.0.2.1", 3, MAIN,
			      0, DHCP));
	(void)mpq_observed_take_changes(o, &changes, &changed);
	free(changes);
	assert_true(changed);
}

static void expect_changes(struct mpq_observed *o, const char *name,
			   unsigned what)
{
	struct mpq_observed_change *changes;
	bool changed;
	size_t n = mpq_observed_take_changes(o, &changes, &changed);

	assert_int_equal(n, what != 0);
	if (what != 0) {
		assert_string_equal(changes[0].name, name);
		assert_int_equal(changes[0].what, what);
		assert_true(changed);
	}
	free(changes);
}

static void repeats_are_no_news(void **state)
{
	struct mpq_observed o;

	(void)state;
	begin(&o);
	take(&o, message_link(RTM_NEWLINK, 3, "wan1", true, 1500));
	take(&o, message_address(RTM_NEWADDR, 3, "192.0.2.2/24"));
	take(&o, message_route(RTM_NEWROUTE, "0.0.0.0/0", "192.0.2.1", 3, MAIN,
			       0, DHCP));
	assert_false(o.changed);
	assert_int_equal(o.n_links + o.n_addresses + o.n_routes, 3);
	mpq_observed_finish(&o);
}

static void a_replacing_route_takes_the_others_place(void **state)
{
	struct mpq_observed o;
	struct nlmsghdr *m;

	(void)state;
	begin(&o);
	m = message_route(RTM_NEWROUTE, "0.0.0.0/0", "192.0.2.9", 3, MAIN, 0,
			  DHCP);
	m->nlmsg_flags = NLM_F_REPLACE;
	take(&o, m);
	assert_int_equal(o.n_routes, 1);
	assert_int_equal(o.routes[0].gateway.addr[3], 9);
	expect_changes(&o, "wan1", MPQ_MONITOR_GATEWAY);
	mpq_observed_finish(&o);
}

static void another_metric_stands_beside(void **state)
{
	struct mpq_observed o;

	(void)state;
	begin(&o);
	take(&o, message_route(RTM_NEWROUTE, "0.0.0.0/0", "192.0.2.9", 3, MAIN,
			       5, DHCP));
	assert_int_equal(o.n_routes, 2);
	assert_int_equal(mpq_observed_gateway(&o, 3, 4)->metric, 0);
	take(&o, message_route(RTM_DELROUTE, "0.0.0.0/0", "192.0.2.1", 3, MAIN,
			       0, DHCP));
	assert_int_equal(mpq_observed_gateway(&o, 3, 4)->metric, 5);
	assert_null(mpq_observed_gateway(&o, 3, 6));
	assert_null(mpq_observed_gateway(&o, 4, 4));
	mpq_observed_finish(&o);
}

static void table_main_speaks_first(void **state)
{
	struct mpq_observed o;

	(void)state;
	begin(&o);
	take(&o, message_route(RTM_NEWROUTE, "0.0.0.0/0", "192.0.2.3", 3, 300,
			       0, DHCP));
	take(&o, message_route(RTM_NEWROUTE, "0.0.0.0/0", "192.0.2.4", 3, MAIN,
			       50, DHCP));
	take(&o, message_route(RTM_DELROUTE, "0.0.0.0/0", "192.0.2.1", 3, MAIN,
			       0, DHCP));
	assert_int_equal(mpq_observed_gateway(&o, 3, 4)->metric, 50);
	take(&o, message_route(RTM_DELROUTE, "0.0.0.0/0", "192.0.2.4", 3, MAIN,
			       50, DHCP));
	assert_int_equal(mpq_observed_gateway(&o, 3, 4)->table, 300);
	mpq_observed_finish(&o);
}

static void keeps_only_default_routes_of_others(void **state)
{
	struct mpq_observed o;

	(void)state;
	begin(&o);
	take(&o, message_route(RTM_NEWROUTE, "10.0.0.0/8", "192.0.2.1", 3, MAIN,
			       0, DHCP));
	assert_int_equal(o.n_routes, 1);
	assert_false(o.changed);
	take(&o, message_route(RTM_NEWROUTE, "10.0.0.0/8", NULL, 0, MAIN,
			       UINT32_MAX, OURS));
	assert_int_equal(o.n_routes, 2);
	assert_true(o.routes[1].ours && o.routes[1].unreachable);
	/* Ours is nobody's gateway. */
	take(&o,
	     message_route(RTM_NEWROUTE, "0.0.0.0/0", NULL, 7, 1001, 98, OURS));
	assert_null(mpq_observed_gateway(&o, 7, 4));
	mpq_observed_finish(&o);
}

static void a_cloned_or_local_route_is_none(void **state)
{
	struct mpq_observed o;
	struct nlmsghdr *m;
	struct rtmsg *body;

	(void)state;
	begin(&o);
	m = message_route(RTM_NEWROUTE, "0.0.0.0/0", "192.0.2.1", 3, MAIN, 7,
			  DHCP);
	body = mnl_nlmsg_get_payload(m);
	body->rtm_flags = RTM_F_CLONED;
	take(&o, m);
	body->rtm_flags = 0;
	body->rtm_type = RTN_LOCAL;
	take(&o, m);
	assert_int_equal(o.n_routes, 1);
	mpq_observed_finish(&o);
}

/* IPv4's routes may be gone then, and no notice says so. */
static void down_gone_and_renumbered_raise_doubts(void **state)
{
	struct mpq_observed o;

	(void)state;
	begin(&o);
	take(&o, message_link(RTM_NEWLINK, 3, "wan1", false, 1500));
	assert_true(o.stale);
	mpq_observed_finish(&o);
	begin(&o);
	take(&o, message_address(RTM_DELADDR, 3, "192.0.2.2/24"));
	assert_true(o.stale);
	mpq_observed_finish(&o);
	begin(&o);
	take(&o, message_link(RTM_DELLINK, 3, "wan1", true, 1500));
	assert_true(o.stale);
	assert_int_equal(o.n_links + o.n_addresses, 0);
	mpq_observed_finish(&o);
}

/* A route's notice that was under way while a dump was read. */
static void a_late_notice_is_doubted_too(void **state)
{
	struct mpq_observed o = {0};

	(void)state;
	take(&o, message_link(RTM_NEWLINK, 3, "wan1", false, 1500));
	take(&o, message_route(RTM_NEWROUTE, "0.0.0.0/0", "192.0.2.1", 3, MAIN,
			       0, DHCP));
	assert_false(o.stale);
	take(&o, message_link(RTM_NEWLINK, 3, "wan1", false, 1500));
	assert_true(o.stale);
	mpq_observed_finish(&o);
}

static void only_our_rules_are_kept(void **state)
{
	struct mpq_observed o;
	struct nlmsghdr *m;

	(void)state;
	begin(&o);
	take(&o, message_rule(RTM_NEWRULE, "lan1", 1001, 3));
	assert_int_equal(o.n_rules, 0);
	m = message_rule(RTM_NEWRULE, "lan1", 1001, OURS);
	mnl_attr_put_u32(m, FRA_SRC, 1); /* narrower than ours ever are */
	take(&o, m);
	assert_int_equal(o.n_rules, 0);
	take(&o, message_rule(RTM_NEWRULE, "lan1", 1001, OURS));
	take(&o, message_rule(RTM_NEWRULE, "lan1", 1001, OURS));
	assert_int_equal(o.n_rules, 1);
	take(&o, message_rule(RTM_DELRULE, "lan1", 1001, OURS));
	assert_int_equal(o.n_rules, 0);
	assert_true(o.changed);
	mpq_observed_finish(&o);
}

static void netconf_is_the_devices_or_everybodys(void **state)
{
	struct mpq_observed o;

	(void)state;
	begin(&o);
	take(&o, message_netconf(3, 1, 2));
	assert_true(o.links[0].forwarding);
	assert_int_equal(o.links[0].rp_filter, 2);
	expect_changes(&o, "wan1", MPQ_MONITOR_STATE);
	take(&o, message_netconf(NETCONFA_IFINDEX_ALL, 1, 1));
	assert_true(o.forwarding4);
	assert_int_equal(o.rp_filter, 1);
	take(&o, message_netconf(99, 1, 1)); /* no such device */
	take(&o, message_netconf(NETCONFA_IFINDEX_DEFAULT, 0, 0));
	assert_true(o.forwarding4);
	mpq_observed_finish(&o);
}

static void a_fresh_state_is_compared(void **state)
{
	struct mpq_observed o, fresh;

	(void)state;
	begin(&o);
	begin(&fresh);
	mpq_observed_replace(&o, &fresh);
	expect_changes(&o, NULL, 0);

	begin(&fresh);
	fresh.links[0].carrier = true;
	take(&fresh, message_address(RTM_NEWADDR, 3, "192.0.2.3/24"));
	fresh.routes[0].gateway.addr[3] = 9;
	mpq_observed_replace(&o, &fresh);
	expect_changes(&o, "wan1",
		       MPQ_MONITOR_STATE | MPQ_MONITOR_ADDRESS |
			       MPQ_MONITOR_GATEWAY);
	assert_int_equal(o.n_addresses, 2);

	begin(&fresh);
	fresh.links[0].index = 4;
	mpq_observed_replace(&o, &fresh);
	expect_changes(&o, "wan1", MPQ_MONITOR_APPEARED);

	memset(&fresh, 0, sizeof(fresh));
	mpq_observed_replace(&o, &fresh);
	expect_changes(&o, "wan1", MPQ_MONITOR_GONE);
	assert_int_equal(o.n_links, 0);

	begin(&fresh);
	mpq_observed_replace(&o, &fresh);
	expect_changes(&o, "wan1", MPQ_MONITOR_APPEARED);
	mpq_observed_finish(&o);
}

static void keeps_no_more_than_its_bound(void **state)
{
	struct mpq_observed o = {0};
	char text[32];

	(void)state;
	take(&o, message_link(RTM_NEWLINK, 3, "wan1", true, 1500));
	for (int i = 0; i < MPQ_OBSERVED_MAX + 10; i++) {
		(void)snprintf(text, sizeof(text), "10.0.%d.%d/32", i / 256,
			       i % 256);
		take(&o, message_address(RTM_NEWADDR, 3, text));
	}
	assert_int_equal(o.n_addresses, MPQ_OBSERVED_MAX);
	assert_int_equal(o.not_kept, 10);
	assert_int_equal(o.n_changes, 1);
	mpq_observed_finish(&o);
}

static struct nlmsghdr *message_of_kind(int kind)
{
	switch (kind) {
	case 0:
		return message_link(RTM_NEWLINK, 5, "lan1", true, 1400);
	case 1:
		return message_address(RTM_NEWADDR, 3, "10.1.1.1/8");
	case 2:
		return message_route(RTM_NEWROUTE, "0.0.0.0/0", "10.0.0.1", 3,
				     5, 1, OURS);
	case 3:
		return message_rule(RTM_NEWRULE, "lan1", 1001, OURS);
	default:
		return message_netconf(3, 1, 1);
	}
}

/* In memory of just that size, so that a sanitizer sees the first byte read
 * beyond it. */
static void take_spoiled(struct mpq_observed *o, const struct nlmsghdr *m,
			 uint32_t len, uint32_t at, uint8_t flip)
{
	struct nlmsghdr *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, m, len);
	copy->nlmsg_len = len;
	((uint8_t *)copy)[at] ^= flip;
	take(o, copy);
	free(copy);
}

static void survives_messages_that_are_broken(void **state)
{
	struct mpq_observed o;

	(void)state;
	begin(&o);
	for (int kind = 0; kind < 5; kind++) {
		const struct nlmsghdr *m = message_of_kind(kind);
		uint32_t len = m->nlmsg_len;

		for (uint32_t i = MNL_NLMSG_HDRLEN; i < len; i++) {
			/* The kernel's are padded, whatever is in them. */
			take_spoiled(&o, m, MNL_ALIGN(i), 0, 0);
			take_spoiled(&o, m, len, i, 0xff);
			take_spoiled(&o, m, len, i, 0x01);
		}
	}
	assert_non_null(mpq_observed_link(&o, "wan1"));
	mpq_observed_finish(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repeats_are_no_news),
		cmocka_unit_test(a_replacing_route_takes_the_others_place),
		cmocka_unit_test(another_metric_stands_beside),
		cmocka_unit_test(table_main_speaks_first),
		cmocka_unit_test(keeps_only_default_routes_of_others),
		cmocka_unit_test(a_cloned_or_local_route_is_none),
		cmocka_unit_test(down_gone_and_renumbered_raise_doubts),
		cmocka_unit_test(a_late_notice_is_doubted_too),
		cmocka_unit_test(only_our_rules_are_kept),
		cmocka_unit_test(netconf_is_the_devices_or_everybodys),
		cmocka_unit_test(a_fresh_state_is_compared),
		cmocka_unit_test(keeps_no_more_than_its_bound),
		cmocka_unit_test(survives_messages_that_are_broken),
	};

	return cmocka_run_group_tests_name("netlink/observed", tests, NULL,
					   NULL);
}
