/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/expected.h"

#include "tests/unit/controlplane/netlink/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define LAN 2
#define WAN 3
#define TUN 4

static struct mpq_prefix addresses[2];
static struct mpq_desired_tunnel tunnel;
static struct mpq_desired_lan lans[2];
static struct mpq_desired_wan wan;
static struct mpq_desired_remote remote;
static struct mpq_desired desired;
static struct mpq_observed observed;
static struct mpq_expected expected;

static struct mpq_prefix prefix(const char *text)
{
	struct mpq_prefix p;

	assert_int_equal(mpq_prefix_parse(text, &p), 0);
	return p;
}

static int set_up(void **state)
{
	(void)state;
	addresses[0] = prefix("10.200.1.1/30");
	addresses[1] = prefix("fd00::1/64");
	tunnel = (struct mpq_desired_tunnel){"mpq1", 1400, true, addresses, 2};
	lans[0] = (struct mpq_desired_lan){"lan1", "mpq1", 1001};
	lans[1] = (struct mpq_desired_lan){"lan2", "mpq1", 1001};
	wan = (struct mpq_desired_wan){"wan1", 2001, 7};
	remote = (struct mpq_desired_remote){prefix("10.8.3.4/16"), "mpq1"};
	desired =
		(struct mpq_desired){&tunnel, 1, lans, 2, &wan, 1, &remote, 1};
	memset(&observed, 0, sizeof(observed));
	memset(&expected, 0, sizeof(expected));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mpq_observed_finish(&observed);
	mpq_expected_finish(&expected);
	return 0;
}

static void see(const struct nlmsghdr *message)
{
	mpq_observed_take(&observed, message);
}

static void compute(void)
{
	mpq_expected_finish(&expected);
	assert_int_equal(mpq_expected_init(&expected, &desired, &observed,
					   true),
			 0);
	assert_int_equal(mpq_expected_add_routes(&expected, &desired, &observed,
						 true),
			 0);
}

static size_t routes_by(unsigned index)
{
	size_t n = 0;

	for (size_t i = 0; i < expected.n_routes; i++) {
		n += expected.routes[i].index == index;
	}
	return n;
}

static bool has_route(const char *to, const char *gateway, unsigned index,
		      uint32_t table)
{
	struct mpq_route route = {
		.table = table,
		.metric =
			index == 0 ? MPQ_ROUTE_METRIC_FENCE : MPQ_ROUTE_METRIC,
		.to = prefix(to),
		.index = index,
		.unreachable = index == 0,
		.ours = true,
	};

	if (gateway != NULL) {
		route.gateway = prefix(gateway);
	}
	return mpq_expected_has_route(&expected, &route);
}

static void fences_stand_without_any_device(void **state)
{
	(void)state;
	compute();
	assert_int_equal(expected.n_links, 0);
	assert_int_equal(expected.n_rules, 6); /* two LANs and a WAN, twice */
	assert_int_equal(expected.n_routes, 5);
	assert_true(has_route("0.0.0.0/0", NULL, 0, 1001));
	assert_true(has_route("::/0", NULL, 0, 1001));
	assert_true(has_route("0.0.0.0/0", NULL, 0, 2001));
	assert_true(has_route("::/0", NULL, 0, 2001));
	assert_true(has_route("10.8.0.0/16", NULL, 0, RT_TABLE_MAIN));
}

static void without_ipv6_there_is_none_of_it(void **state)
{
	(void)state;
	see(message_link(RTM_NEWLINK, TUN, "mpq1", true, 1400));
	assert_int_equal(mpq_expected_init(&expected, &desired, &observed,
					   false),
			 0);
	assert_int_equal(mpq_expected_add_routes(&expected, &desired, &observed,
						 false),
			 0);
	assert_int_equal(expected.n_rules, 3);
	assert_int_equal(expected.n_addresses, 1);
	for (size_t i = 0; i < expected.n_routes; i++) {
		assert_int_equal(expected.routes[i].to.family, 4);
	}
}

static void a_tunnel_carries_the_families_of_its_addresses(void **state)
{
	(void)state;
	see(message_link(RTM_NEWLINK, TUN, "mpq1", true, 1400));
	compute();
	assert_true(has_route("0.0.0.0/0", NULL, TUN, 1001));
	assert_true(has_route("::/0", NULL, TUN, 1001));
	assert_true(has_route("10.8.0.0/16", NULL, TUN, RT_TABLE_MAIN));
	assert_int_equal(routes_by(TUN), 3); /* its two LANs share them */
	tunnel.n_addresses = 1;
	compute();
	assert_false(has_route("::/0", NULL, TUN, 1001));
	tunnel.addresses = &addresses[1];
	compute();
	assert_false(has_route("0.0.0.0/0", NULL, TUN, 1001));
	assert_true(has_route("::/0", NULL, TUN, 1001));
	tunnel.n_addresses = 0;
	compute();
	assert_true(has_route("0.0.0.0/0", NULL, TUN, 1001));
	assert_false(has_route("::/0", NULL, TUN, 1001));
}

static void nothing_is_routed_into_a_tunnel_that_is_down(void **state)
{
	(void)state;
	see(message_link(RTM_NEWLINK, TUN, "mpq1", false, 1400));
	compute();
	assert_int_equal(routes_by(TUN), 0);
	see(message_link(RTM_NEWLINK, TUN, "mpq1", true, 1400));
	tunnel.up = false;
	compute();
	assert_int_equal(routes_by(TUN), 0);
	assert_int_equal(expected.n_links, 1);
	assert_false(expected.links[0].link.up);
}

static void a_wans_table_mirrors_what_is_known_of_it(void **state)
{
	(void)state;
	see(message_link(RTM_NEWLINK, WAN, "wan1", true, 1500));
	see(message_route(RTM_NEWROUTE, "0.0.0.0/0", "192.0.2.1", WAN,
			  RT_TABLE_MAIN, 0, 16));
	compute();
	assert_int_equal(routes_by(WAN), 0); /* no address yet */
	see(message_address(RTM_NEWADDR, WAN, "192.0.2.77/24"));
	see(message_address(RTM_NEWADDR, WAN, "192.0.2.78/24"));
	see(message_address(RTM_NEWADDR, WAN, "198.51.100.9/32"));
	see(message_address(RTM_NEWADDR, WAN, "2001:db8::9/64"));
	compute();
	assert_true(has_route("0.0.0.0/0", "192.0.2.1", WAN, 2001));
	assert_true(has_route("192.0.2.0/24", NULL, WAN, 2001));
	assert_true(has_route("2001:db8::/64", NULL, WAN, 2001));
	assert_int_equal(routes_by(WAN), 3);
}

static void a_modem_without_neighbours_needs_no_gateway(void **state)
{
	struct nlmsghdr *m = message_link(RTM_NEWLINK, WAN, "wan1", true, 1500);
	struct ifinfomsg *body = mnl_nlmsg_get_payload(m);

	(void)state;
	body->ifi_flags |= IFF_NOARP;
	see(m);
	see(message_address(RTM_NEWADDR, WAN, "10.64.0.2/32"));
	compute();
	assert_true(has_route("0.0.0.0/0", NULL, WAN, 2001));
	assert_int_equal(routes_by(WAN), 1); /* no IPv6 address, no route */
}

static void only_lans_and_tunnels_forward(void **state)
{
	(void)state;
	see(message_link(RTM_NEWLINK, LAN, "lan1", true, 1500));
	see(message_link(RTM_NEWLINK, WAN, "wan1", true, 1500));
	see(message_link(RTM_NEWLINK, TUN, "mpq1", true, 1500));
	compute();
	assert_int_equal(expected.n_links, 3);
	for (size_t i = 0; i < expected.n_links; i++) {
		const struct mpq_expected_link *l = &expected.links[i];
		bool forwards = l->what & MPQ_LINK_FORWARDING;

		assert_int_equal(forwards, l->link.index != WAN);
		assert_int_equal(!!(l->what & MPQ_LINK_UP),
				 l->link.index == TUN);
	}
}

static void a_wans_filter_is_off_or_loose(void **state)
{
	(void)state;
	see(message_link(RTM_NEWLINK, WAN, "wan1", true, 1500));
	compute();
	assert_int_equal(expected.links[0].link.rp_filter, 0);
	observed.rp_filter = 1;
	compute();
	assert_int_equal(expected.links[0].link.rp_filter, 2);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH(fences_stand_without_any_device),
		WITH(without_ipv6_there_is_none_of_it),
		WITH(a_tunnel_carries_the_families_of_its_addresses),
		WITH(nothing_is_routed_into_a_tunnel_that_is_down),
		WITH(a_wans_table_mirrors_what_is_known_of_it),
		WITH(a_modem_without_neighbours_needs_no_gateway),
		WITH(only_lans_and_tunnels_forward),
		WITH(a_wans_filter_is_off_or_loose),
	};

	return cmocka_run_group_tests_name("netlink/expected", tests, NULL,
					   NULL);
}
