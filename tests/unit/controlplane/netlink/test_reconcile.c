/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel gets, keeps and loses what it is told to, and nothing else. */
#include "tests/unit/controlplane/netlink/netns.h"
#include "tests/unit/controlplane/netlink/site.h"

#include "controlplane/tundev.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct site *installed(void **state)
{
	struct site *s = *state;

	site_start(s);
	site_run(s);
	return s;
}

static void expect_nothing_to_do(struct site *s)
{
	site_run(s);
	if (s->added + s->removed + s->restored != 0) {
		print_error("%s", s->log);
	}
	assert_int_equal(s->added + s->removed + s->restored, 0);
}

static void expect_line(const char *command, const char *part)
{
	const char *output = netns_output("%s", command);

	if (strstr(output, part) == NULL) {
		print_error("%s: no '%s' in\n%s", command, part, output);
	}
	assert_non_null(strstr(output, part));
}

static void expect_no_line(const char *command, const char *part)
{
	const char *output = netns_output("%s", command);

	if (strstr(output, part) != NULL) {
		print_error("%s: '%s' in\n%s", command, part, output);
	}
	assert_null(strstr(output, part));
}

static void installs_rules_and_tables_of_lan_and_wan(void **state)
{
	(void)installed(state);
	expect_line("ip rule", "98:\tfrom all iif lan1 lookup 1001 proto 98");
	expect_line("ip -6 rule", "98:\tfrom all iif lan1 lookup 1001");
	expect_line("ip rule", "99:\tfrom all fwmark 0x6d710001 lookup 2001");
	expect_line("ip -6 rule", "99:\tfrom all fwmark 0x6d710001 lookup");
	expect_line("ip route show table 1001",
		    "default dev mpq1 proto 98 scope link metric 98");
	expect_line("ip route show table 1001",
		    "unreachable default proto 98 metric 4294967295");
	expect_line("ip -6 route show table 1001",
		    "default dev mpq1 proto 98 metric 98");
	expect_line("ip -6 route show table 1001", "unreachable default");
	expect_line("ip route show table 2001",
		    "default via 192.0.2.1 dev wan1 proto 98 metric 98");
	expect_line("ip route show table 2001", "192.0.2.0/24 dev wan1");
	expect_line("ip route show table 2001", "unreachable default");
	expect_line("ip -6 route show table 2001",
		    "default via 2001:db8:1::1 dev wan1 proto 98");
	expect_line("ip -6 route show table 2001", "2001:db8:1::/64 dev wan1");
	expect_line("ip -6 route show table 2001", "unreachable default");
}

static void sets_the_tunnel_up(void **state)
{
	(void)installed(state);
	expect_line("ip addr show mpq1", "mtu 1400");
	expect_line("ip addr show mpq1", "qlen 1000");
	expect_line("ip addr show mpq1", "UP,LOWER_UP");
	expect_line("ip addr show mpq1", "inet 10.200.1.1/30");
	expect_line("ip addr show mpq1", "inet6 fd00:200:1::1/64");
	expect_no_line("ip addr show mpq1", "fe80:");
	expect_line("cat /proc/sys/net/ipv4/conf/mpq1/forwarding", "1");
	expect_line("cat /proc/sys/net/ipv4/conf/lan1/forwarding", "1");
	expect_line("cat /proc/sys/net/ipv4/conf/wan1/forwarding", "0");
}

static void the_reverse_path_filter_drops_nothing_of_ours(void **state)
{
	struct site *s = installed(state);

	expect_line("cat /proc/sys/net/ipv4/conf/mpq1/rp_filter", "2");
	expect_line("cat /proc/sys/net/ipv4/conf/wan1/rp_filter", "0");
	netns_sh("echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter");
	site_follow(s);
	expect_line("cat /proc/sys/net/ipv4/conf/mpq1/rp_filter", "2");
	expect_line("cat /proc/sys/net/ipv4/conf/wan1/rp_filter", "2");
}

static void the_guard_comes_first_and_goes_last(void **state)
{
	struct site *s = installed(state);
	const char *guard = "removed nftables table inet mpquic\n";
	struct mpq_desired none = {0};

	assert_int_equal(strncmp(s->log, "added nftables", 14), 0);
	s->desired = none;
	site_run(s);
	assert_non_null(strstr(s->log, "removed rule iif lan1"));
	assert_non_null(strstr(s->log, guard));
	assert_string_equal(strstr(s->log, guard), guard); /* the last line */
}

static void a_second_run_changes_nothing(void **state)
{
	expect_nothing_to_do(installed(state));
}

static void a_restart_adopts_all(void **state)
{
	struct site *s = installed(state);

	site_stop(s);
	site_start(s);
	expect_nothing_to_do(s);
}

/* What another does, and a command that shows that it is as before. */
static const struct {
	const char *blow, *look, *line;
} blows[] = {
	{"ip rule del pref 98", "ip rule", "iif lan1 lookup 1001"},
	{"ip -6 rule flush", "ip -6 rule", "iif lan1 lookup 1001"},
	{"ip rule del pref 99", "ip rule", "fwmark 0x6d710001 lookup 2001"},
	{"ip route flush table 1001", "ip route show table 1001",
	 "default dev mpq1"},
	{"ip route flush table 1001", "ip route show table 1001",
	 "unreachable default"},
	{"ip -6 route flush table 1001", "ip -6 route show table 1001",
	 "unreachable default"},
	{"ip route del default table 2001 metric 98",
	 "ip route show table 2001", "default via 192.0.2.1"},
	{"ip route flush table all proto 98", "ip route show table 2001",
	 "default via 192.0.2.1"},
	{"ip addr del 10.200.1.1/30 dev mpq1", "ip addr show mpq1",
	 "10.200.1.1/30"},
	{"ip addr flush dev mpq1", "ip addr show mpq1", "fd00:200:1::1/64"},
	{"ip link set mpq1 down", "ip link show mpq1", "UP,LOWER_UP"},
	{"ip link set mpq1 down", "ip route show table 1001",
	 "default dev mpq1"},
	{"ip link set mpq1 mtu 1500", "ip link show mpq1", "mtu 1400"},
	{"ip link set mpq1 txqueuelen 3", "ip link show mpq1", "qlen 1000"},
	{"echo 0 > /proc/sys/net/ipv4/conf/mpq1/forwarding",
	 "cat /proc/sys/net/ipv4/conf/mpq1/forwarding", "1"},
	{"echo 1 > /proc/sys/net/ipv4/conf/all/forwarding && "
	 "echo 0 > /proc/sys/net/ipv4/conf/all/forwarding",
	 "cat /proc/sys/net/ipv4/conf/lan1/forwarding", "1"},
	{"echo 1 > /proc/sys/net/ipv4/conf/mpq1/rp_filter",
	 "cat /proc/sys/net/ipv4/conf/mpq1/rp_filter", "2"},
	{"nft flush ruleset", "nft list table inet mpquic",
	 "iifname \"lan1\" oifname != \"mpq1\""},
	{"nft flush chain inet mpquic forward", "nft list table inet mpquic",
	 "iifname \"lan1\" oifname != \"mpq1\""},
	{"nft delete table inet mpquic", "nft list table inet mpquic",
	 "ip6 daddr fd00:200:1::1"},
};

static void restores_what_another_removes(void **state)
{
	struct site *s = installed(state);

	for (size_t i = 0; i < sizeof(blows) / sizeof(blows[0]); i++) {
		s->now += 10 * MPQ_SECOND;
		netns_sh("%s", blows[i].blow);
		site_follow(s);
		if (s->restored == 0) {
			print_error("after %s:\n%s", blows[i].blow, s->log);
		}
		assert_true(s->restored > 0);
		expect_line(blows[i].look, blows[i].line);
		expect_nothing_to_do(s);
	}
}

static void a_rule_put_into_our_table_goes(void **state)
{
	struct site *s = installed(state);

	netns_sh("nft insert rule inet mpquic forward accept");
	site_follow(s);
	assert_int_equal(s->restored, 1);
	expect_no_line("nft list table inet mpquic", "\t\taccept\n");
}

static void an_address_put_on_the_tunnel_goes(void **state)
{
	struct site *s = installed(state);

	netns_sh("ip addr add 10.9.9.9/24 dev mpq1");
	site_follow(s);
	assert_int_equal(s->removed, 1);
	expect_no_line("ip addr show mpq1", "10.9.9.9");
}

static void a_device_that_comes_back_gets_all(void **state)
{
	struct site *s = installed(state);

	(void)close(s->tun);
	site_follow(s);
	expect_no_line("ip route show table 1001", "default dev mpq1");
	expect_line("ip route show table 1001", "unreachable default");
	assert_int_equal(mpq_tundev_create("mpq1", &s->tun), 0);
	site_follow(s);
	expect_line("ip route show table 1001", "default dev mpq1");
	expect_line("ip -6 route show table 1001", "default dev mpq1");
	expect_line("ip addr show mpq1", "inet 10.200.1.1/30");
	expect_line("ip addr show mpq1", "mtu 1400");
	assert_int_equal(s->restored, 0); /* it was nobody's deed */
	expect_nothing_to_do(s);
}

static void a_disabled_tunnel_is_down_and_fenced(void **state)
{
	struct site *s = installed(state);

	s->tunnel.up = false;
	site_run(s);
	expect_no_line("ip link show mpq1", "UP");
	expect_no_line("ip route show table 1001", "dev mpq1");
	expect_line("ip route show table 1001", "unreachable default");
	expect_nothing_to_do(s);
}

static void without_an_ipv6_address_ipv6_is_fenced(void **state)
{
	struct site *s = *state;

	s->tunnel.n_addresses = 1;
	site_start(s);
	site_run(s);
	expect_line("ip route show table 1001", "default dev mpq1");
	expect_no_line("ip -6 route show table 1001", "dev mpq1");
	expect_line("ip -6 route show table 1001", "unreachable default");
}

static void an_address_may_change_its_length(void **state)
{
	struct site *s = installed(state);

	s->addresses[0].length = 24;
	s->addresses[1].length = 48;
	site_run(s);
	expect_line("ip addr show mpq1", "inet 10.200.1.1/24");
	expect_line("ip addr show mpq1", "inet6 fd00:200:1::1/48");
	expect_no_line("ip addr show mpq1", "10.200.1.1/30");
	expect_nothing_to_do(s);
}

static void follows_the_gateway(void **state)
{
	struct site *s = installed(state);

	netns_sh("ip route replace default via 192.0.2.9 dev wan1");
	netns_sh("ip -6 route del default");
	site_follow(s);
	expect_line("ip route show table 2001", "default via 192.0.2.9");
	expect_no_line("ip route show table 2001", "192.0.2.1 ");
	expect_no_line("ip -6 route show table 2001", "default via");
	assert_int_equal(s->restored, 0);
	netns_sh("ip route del default");
	site_follow(s);
	expect_no_line("ip route show table 2001", "default via");
	netns_sh("ip route add default via 192.0.2.7 dev wan1 table 77");
	site_follow(s);
	expect_line("ip route show table 2001", "default via 192.0.2.7");
	expect_nothing_to_do(s);
}

static void the_best_of_two_gateways_is_taken(void **state)
{
	struct site *s = installed(state);

	netns_sh("ip route add default via 192.0.2.50 dev wan1 metric 50");
	site_follow(s);
	expect_line("ip route show table 2001", "default via 192.0.2.1 ");
	netns_sh("ip route del default via 192.0.2.1");
	site_follow(s);
	expect_line("ip route show table 2001", "default via 192.0.2.50 ");
}

/* IPv4 drops routes without a notice in these. */
static void follows_a_wan_through_down_and_up(void **state)
{
	struct site *s = installed(state);

	netns_sh("ip link set wan1 down");
	site_follow(s);
	expect_no_line("ip route show table 2001", "wan1");
	expect_nothing_to_do(s);
	netns_sh("ip link set wan1 up");
	netns_sh("ip route add default via 192.0.2.1 dev wan1");
	site_follow(s);
	expect_line("ip route show table 2001", "default via 192.0.2.1");
	expect_line("ip route show table 2001", "192.0.2.0/24 dev wan1");
	expect_nothing_to_do(s);
}

static void follows_a_wan_to_another_address(void **state)
{
	struct site *s = installed(state);

	netns_sh("ip addr flush dev wan1");
	site_follow(s);
	expect_no_line("ip route show table 2001", "wan1");
	netns_sh("ip addr add 203.0.113.5/28 dev wan1");
	netns_sh("ip route add default via 203.0.113.1 dev wan1");
	site_follow(s);
	expect_line("ip route show table 2001", "default via 203.0.113.1");
	expect_line("ip route show table 2001", "203.0.113.0/28 dev wan1");
	expect_nothing_to_do(s);
}

static void follows_a_wan_that_is_replugged(void **state)
{
	struct site *s = installed(state);

	netns_sh("ip link del wan1");
	site_follow(s);
	assert_true(s->last_changes & MPQ_MONITOR_GONE);
	expect_no_line("ip route show table 2001", "wan1");
	expect_line("ip route show table 2001", "unreachable default");
	netns_sh("ip link add wan1 type veth peer name other");
	netns_sh("ip link set wan1 up && ip addr add 192.0.2.2/24 dev wan1");
	netns_sh("ip route add default via 192.0.2.1 dev wan1");
	site_follow(s);
	assert_true(s->last_changes & MPQ_MONITOR_APPEARED);
	expect_line("ip route show table 2001", "default via 192.0.2.1");
	expect_nothing_to_do(s);
}

static void a_point_to_point_wan_needs_no_gateway(void **state)
{
	struct site *s = *state;
	int modem;

	assert_int_equal(mpq_tundev_create("wwan0", &modem), 0);
	netns_sh("ip link set wwan0 up");
	netns_sh("ip addr add 10.64.0.2 peer 10.64.0.1/32 dev wwan0");
	s->wan.interface = "wwan0";
	site_start(s);
	site_run(s);
	expect_line("ip route show table 2001", "default dev wwan0");
	expect_line("ip route show table 2001", "10.64.0.1 dev wwan0");
	expect_no_line("ip -6 route show table 2001", "wwan0");
	expect_nothing_to_do(s);
	(void)close(modem);
}

static void removes_what_is_not_desired_any_more(void **state)
{
	struct site *s = installed(state);
	struct mpq_desired_remote remote = {.tunnel = "mpq1"};

	assert_int_equal(mpq_prefix_parse("10.8.0.1/16", &remote.prefix), 0);
	s->desired.remotes = &remote;
	s->desired.n_remotes = 1;
	s->desired.n_lans = 0;
	site_run(s);
	expect_no_line("ip rule", "lan1");
	expect_no_line("ip -6 rule", "lan1");
	expect_no_line("ip route show table all", "table 1001");
	expect_no_line("nft list table inet mpquic", "lan1");
	expect_line("ip route", "10.8.0.0/16 dev mpq1 proto 98");
	expect_line("ip route", "unreachable 10.8.0.0/16 proto 98");
	expect_nothing_to_do(s);
}

static void a_later_process_sweeps_what_a_crash_left(void **state)
{
	struct site *s = installed(state);

	site_stop(s);
	s->lan.table = 1005;
	s->wan.mark = 5;
	site_start(s);
	site_run(s);
	expect_no_line("ip route show table all", "table 1001");
	expect_no_line("ip rule", "1001");
	expect_no_line("ip rule", "0x6d710001");
	expect_line("ip rule", "iif lan1 lookup 1005");
	expect_line("ip route show table 1005", "default dev mpq1");
	expect_nothing_to_do(s);
}

static void a_purge_leaves_only_what_is_others(void **state)
{
	struct site *s = *state;
	struct mpq_desired none = {0};

	netns_sh("ip rule add iif lan1 pref 500 lookup 700");
	netns_sh("ip route add 10.77.0.0/16 via 10.1.0.9 table 1001");
	netns_sh("nft add table inet theirs");
	site_start(s);
	site_run(s);
	s->desired = none;
	site_run(s);
	expect_no_line("ip rule", "98:");
	expect_no_line("ip -6 rule", "proto 98");
	expect_no_line("ip route show table all", "proto 98");
	expect_no_line("ip -6 route show table all", "proto 98");
	expect_no_line("nft list tables", "mpquic");
	expect_line("nft list tables", "inet theirs");
	expect_line("ip rule", "500:");
	expect_line("ip route show table 1001", "10.77.0.0/16");
	expect_nothing_to_do(s);
}

static void the_guards_counters_go_on_counting(void **state)
{
	struct site *s = installed(state);

	netns_sh("ip rule del pref 98");
	site_send_from_host(s, 4);
	assert_int_equal(site_seen_at_isp(s), 0);
	assert_int_equal(site_counter(s, "leak-lan1"), SITE_PACKETS);
	s->tunnel.n_addresses = 1;
	site_run(s); /* replaces the table */
	assert_int_equal(site_counter(s, "leak-lan1"), SITE_PACKETS);
}

static void two_that_fight_do_not_eat_the_machine(void **state)
{
	struct site *s = installed(state);
	int r = 0, rounds;

	for (rounds = 0; rounds < 50 && r == 0; rounds++) {
		netns_sh("ip rule del pref 98");
		r = mpq_reconcile_run(s->reconcile, &s->desired, s->now);
	}
	assert_int_equal(r, MPQ_RECONCILE_LATER);
	assert_in_range(rounds, 10, 13);
	assert_true(mpq_reconcile_deadline(s->reconcile) > s->now);
	s->now = mpq_reconcile_deadline(s->reconcile);
	assert_int_equal(mpq_reconcile_run(s->reconcile, &s->desired, s->now),
			 0);
	expect_line("ip rule", "iif lan1 lookup 1001");
	assert_int_equal(mpq_reconcile_deadline(s->reconcile), MPQ_TIME_NEVER);
}

static void what_cannot_be_is_refused_whole(void **state)
{
	struct site *s = *state;

	site_start(s);
	s->lan.tunnel = "mpq2";
	assert_int_equal(mpq_reconcile_run(s->reconcile, &s->desired, s->now),
			 -EINVAL);
	expect_no_line("ip rule", "lan1");
	expect_no_line("nft list tables", "mpquic");
}

static void one_refusal_does_not_stop_the_rest(void **state)
{
	struct site *s = *state;

	/* Another's route at our very place. */
	netns_sh("ip route add unreachable default table 1001 "
		 "metric 4294967295");
	site_start(s);
	assert_int_equal(mpq_reconcile_run(s->reconcile, &s->desired, s->now),
			 -EEXIST);
	if (s->failed != 1) {
		print_error("%s", s->log);
	}
	assert_int_equal(s->failed, 1);
	expect_line("ip route show table 1001", "default dev mpq1");
	expect_line("ip route show table 2001", "default via 192.0.2.1");
	netns_sh("ip route flush table 1001");
	site_follow(s);
	expect_line("ip route show table 1001", "unreachable default proto 98");
}

/* To nobody with CAP_NET_ADMIN, as the unit runs it. */
static int become_nobody(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{.effective = 1u << CAP_NET_ADMIN,
		 .permitted = 1u << CAP_NET_ADMIN},
	};

	if (prctl(PR_SET_KEEPCAPS, 1) != 0 || setresgid(65534, 65534, 65534) ||
	    setresuid(65534, 65534, 65534)) {
		return -errno;
	}
	return syscall(SYS_capset, &header, data) != 0 ? -errno : 0;
}

static int run_as_nobody(struct site *s)
{
	int r = become_nobody();

	if (r == 0) {
		site_start(s);
		r = mpq_reconcile_run(s->reconcile, &s->desired, s->now);
	}
	if (r != 0) {
		print_error("%d\n%s", r, s->log);
	}
	return r;
}

static void net_admin_is_all_the_privilege_it_takes(void **state)
{
	struct site *s = *state;
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		_exit(run_as_nobody(s) == 0 ? 0 : 1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	site_start(s);
	expect_nothing_to_do(s);
}

/* An edge with much, and a change of one thing in it. */
static void many_tunnels_are_no_matter(void **state)
{
	enum {
		MANY = 100
	};
	struct site *s = *state;
	static char names[2][MANY][8];
	static struct mpq_desired_tunnel tunnels[MANY];
	static struct mpq_desired_lan lans[MANY];

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(names[0][i], 8, "m%d", i);
		(void)snprintf(names[1][i], 8, "l%d", i);
		tunnels[i] = (struct mpq_desired_tunnel){.name = names[0][i],
							 .mtu = 1400,
							 .up = true};
		lans[i] = (struct mpq_desired_lan){names[1][i], names[0][i],
						   3000 + (uint32_t)i};
	}
	s->desired.tunnels = tunnels;
	s->desired.n_tunnels = MANY;
	s->desired.lans = lans;
	s->desired.n_lans = MANY;
	site_start(s);
	site_run(s);
	expect_nothing_to_do(s);
	lans[MANY - 1].table = 4000;
	site_run(s);
	assert_int_equal(s->added, 4); /* two rules, two fences */
	assert_int_equal(s->removed, 4);
}

int main(void)
{
#define WITH_SITE(test)                                                        \
	cmocka_unit_test_setup_teardown(test, site_up, site_down)
	const struct CMUnitTest tests[] = {
		WITH_SITE(installs_rules_and_tables_of_lan_and_wan),
		WITH_SITE(sets_the_tunnel_up),
		WITH_SITE(the_reverse_path_filter_drops_nothing_of_ours),
		WITH_SITE(the_guard_comes_first_and_goes_last),
		WITH_SITE(a_second_run_changes_nothing),
		WITH_SITE(a_restart_adopts_all),
		WITH_SITE(restores_what_another_removes),
		WITH_SITE(a_rule_put_into_our_table_goes),
		WITH_SITE(an_address_put_on_the_tunnel_goes),
		WITH_SITE(a_device_that_comes_back_gets_all),
		WITH_SITE(a_disabled_tunnel_is_down_and_fenced),
		WITH_SITE(without_an_ipv6_address_ipv6_is_fenced),
		WITH_SITE(an_address_may_change_its_length),
		WITH_SITE(follows_the_gateway),
		WITH_SITE(the_best_of_two_gateways_is_taken),
		WITH_SITE(follows_a_wan_through_down_and_up),
		WITH_SITE(follows_a_wan_to_another_address),
		WITH_SITE(follows_a_wan_that_is_replugged),
		WITH_SITE(a_point_to_point_wan_needs_no_gateway),
		WITH_SITE(removes_what_is_not_desired_any_more),
		WITH_SITE(a_later_process_sweeps_what_a_crash_left),
		WITH_SITE(a_purge_leaves_only_what_is_others),
		WITH_SITE(the_guards_counters_go_on_counting),
		WITH_SITE(two_that_fight_do_not_eat_the_machine),
		WITH_SITE(what_cannot_be_is_refused_whole),
		WITH_SITE(one_refusal_does_not_stop_the_rest),
		WITH_SITE(net_admin_is_all_the_privilege_it_takes),
		WITH_SITE(many_tunnels_are_no_matter),
	};

	if (!netns_possible()) {
		return 0;
	}
	return cmocka_run_group_tests_name("netlink/reconcile", tests, NULL,
					   NULL);
}
