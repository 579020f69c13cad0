/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing of the LAN's leaves by the WAN in clear: real packets, a real kernel,
 * nobody at work but the kernel (the daemon is stopped before each blow, as by
 * kill -9). The first test shows that the watch would see a leak.
 */
#include "tests/unit/controlplane/netlink/netns.h"
#include "tests/unit/controlplane/netlink/site.h"

#include "controlplane/tundev.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct site *guarded(void **state)
{
	struct site *s = *state;

	site_start(s);
	site_run(s);
	site_stop(s);
	return s;
}

/* Sends both families; none may come to the isp, `in_tunnel` of each have to
 * come into the tunnel. */
static void expect_no_leak(struct site *s, unsigned in_tunnel)
{
	for (int family = 4; family <= 6; family += 2) {
		site_send_from_host(s, family);
		assert_int_equal(site_seen_at_isp(s), 0);
		assert_int_equal(site_seen_in_tunnel(s), in_tunnel);
	}
}

static void a_bare_router_leaks_all(void **state)
{
	struct site *s = *state;

	netns_sh("echo 1 > /proc/sys/net/ipv4/ip_forward");
	(void)site_seen_at_isp(s); /* neighbours are known after it */
	site_send_from_host(s, 4);
	assert_int_equal(site_seen_at_isp(s), SITE_PACKETS);
	site_send_from_host(s, 6);
	assert_int_equal(site_seen_at_isp(s), SITE_PACKETS);
}

static void all_goes_into_the_tunnel(void **state)
{
	expect_no_leak(guarded(state), SITE_PACKETS);
}

static void nothing_leaks_while_the_tunnel_is_down(void **state)
{
	struct site *s = guarded(state);

	netns_sh("ip link set mpq1 down");
	expect_no_leak(s, 0);
}

static void nothing_leaks_when_the_device_is_deleted(void **state)
{
	struct site *s = guarded(state);

	(void)close(s->tun);
	s->tun = -1;
	expect_no_leak(s, 0);
}

static void nothing_leaks_when_the_rules_are_deleted(void **state)
{
	struct site *s = guarded(state);

	netns_sh("ip rule del pref 98 && ip -6 rule del pref 98");
	expect_no_leak(s, 0);
	site_start(s);
	assert_int_equal(site_counter(s, "leak-lan1"), 2 * SITE_PACKETS);
}

static void nothing_leaks_when_nftables_are_flushed(void **state)
{
	struct site *s = guarded(state);

	netns_sh("nft flush ruleset");
	expect_no_leak(s, SITE_PACKETS);
}

static void
nothing_leaks_when_nftables_are_flushed_and_the_device_goes(void **state)
{
	struct site *s = guarded(state);

	netns_sh("nft flush ruleset");
	(void)close(s->tun);
	s->tun = -1;
	expect_no_leak(s, 0);
}

/* LocalNet: the WAN claims that the far server is on its own link. */
static void nothing_leaks_when_the_wan_claims_the_destination(void **state)
{
	struct site *s = guarded(state);

	netns_sh("ip addr add 198.51.100.254/24 dev wan1");
	netns_sh("ip addr add 2001:db8:100::254/64 dev wan1 nodad");
	expect_no_leak(s, SITE_PACKETS);
	netns_sh("ip link set mpq1 down");
	expect_no_leak(s, 0);
}

/* TunnelVision: the WAN's DHCP server pushes routes (option 121). */
static void nothing_leaks_when_the_wan_pushes_routes(void **state)
{
	struct site *s = guarded(state);

	netns_sh("ip route add 128.0.0.0/1 via 192.0.2.1 dev wan1");
	netns_sh("ip route add 198.51.100.1/32 via 192.0.2.1 dev wan1");
	netns_sh("ip -6 route add 2001:db8:100::/48 via 2001:db8:1::1");
	expect_no_leak(s, SITE_PACKETS);
	netns_sh("ip link set mpq1 down");
	expect_no_leak(s, 0);
}

static void expect_none_back_by_the_wan(struct site *s, unsigned at_host)
{
	for (int family = 4; family <= 6; family += 2) {
		site_send_from_tunnel(s, family);
		assert_int_equal(site_seen_at_isp(s), 0);
		assert_int_equal(site_seen_at_host(s), at_host);
	}
}

static void what_comes_out_of_the_tunnel_reaches_the_lan(void **state)
{
	struct site *s = guarded(state);

	(void)site_seen_at_host(s);
	expect_none_back_by_the_wan(s, SITE_PACKETS);
}

/* The same trick against the way back: the WAN claims half of the LAN. */
static void what_comes_out_of_the_tunnel_does_not_leave_by_the_wan(void **state)
{
	struct site *s = guarded(state);

	(void)site_seen_at_isp(s);
	netns_enter(s->isp);
	netns_sh("ip addr add 10.1.0.2/32 dev eth0");
	netns_enter(s->edge);
	netns_sh("ip route add 10.1.0.2/32 via 192.0.2.1 dev wan1");
	netns_sh("ip -6 route add fd01::2/128 via 2001:db8:1::1 dev wan1");
	for (int family = 4; family <= 6; family += 2) {
		site_send_from_tunnel(s, family);
		assert_int_equal(site_seen_at_isp(s), 0);
	}
	site_start(s);
	assert_int_equal(site_counter(s, "stray-mpq1"), 2 * SITE_PACKETS);
}

static void the_wan_cannot_reach_into_the_lan(void **state)
{
	struct site *s = guarded(state);

	(void)site_seen_at_host(s);
	netns_sh("echo 1 > /proc/sys/net/ipv4/ip_forward");
	site_send_from_isp(s, "10.1.0.2");
	assert_int_equal(site_seen_at_host(s), 0);
	site_send_from_isp(s, "fd01::2");
	assert_int_equal(site_seen_at_host(s), 0);
	site_start(s);
	assert_int_equal(site_counter(s, "inject-lan1"), 2 * SITE_PACKETS);
}

static int listen_at(const char *address)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons(7777)};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
	return fd;
}

static unsigned received(int fd)
{
	char buf[64];
	unsigned n = 0;

	while (recv(fd, buf, sizeof(buf), 0) >= 0) {
		n++;
	}
	return n;
}

/* CVE-2019-14899: to the WAN's neighbours the tunnel's address is not there. */
static void the_wan_cannot_reach_the_tunnels_address(void **state)
{
	struct site *s = guarded(state);
	int four = listen_at("::ffff:10.200.1.1");
	int six = listen_at("fd00:200:1::1");

	(void)site_seen_at_isp(s);
	site_send_from_isp(s, "10.200.1.1");
	site_send_from_isp(s, "fd00:200:1::1");
	(void)site_seen_at_isp(s);
	assert_int_equal(received(four), 0);
	assert_int_equal(received(six), 0);
	site_start(s);
	assert_int_equal(site_counter(s, "spoof-mpq1"), 2 * SITE_PACKETS);
	(void)close(four);
	(void)close(six);
}

static void two_restarts_and_a_change_leave_no_gap(void **state)
{
	struct site *s = guarded(state);

	expect_no_leak(s, SITE_PACKETS);
	site_start(s);
	site_run(s);
	expect_no_leak(s, SITE_PACKETS);
	s->lan.table = SITE_LAN_TABLE + 1;
	site_run(s);
	expect_no_leak(s, SITE_PACKETS);
}

/* A LAN that moves to another tunnel and one that is given up are never without
 * a guard; what is not desired any more is not held back. */
static void a_lan_may_move_to_another_tunnel(void **state)
{
	struct site *s = guarded(state);
	struct mpq_desired_tunnel tunnels[2] = {s->tunnel, s->tunnel};
	int first = s->tun;

	tunnels[1].name = "mpq2";
	tunnels[1].addresses = NULL;
	tunnels[1].n_addresses = 0;
	s->desired.tunnels = tunnels;
	s->desired.n_tunnels = 2;
	s->lan.tunnel = "mpq2";
	site_start(s);
	site_run(s); /* mpq2 is not there yet: fenced */
	expect_no_leak(s, 0);
	assert_int_equal(mpq_tundev_create("mpq2", &s->tun), 0);
	site_follow(s);
	site_send_from_host(s, 4);
	assert_int_equal(site_seen_at_isp(s), 0);
	assert_int_equal(site_seen_in_tunnel(s), SITE_PACKETS);
	(void)close(first);
}

static void a_lan_that_is_given_up_is_free(void **state)
{
	struct site *s = guarded(state);

	s->desired.n_lans = 0;
	site_start(s);
	site_run(s);
	(void)site_seen_at_isp(s);
	site_send_from_host(s, 4);
	assert_int_equal(site_seen_at_isp(s), SITE_PACKETS);
}

/* The concentrator's side: what is for a site whose tunnel is away does not go
 * to the internet. Here the host plays the internet's server, the isp the way
 * out. */
static void what_is_for_a_remote_site_waits_for_its_tunnel(void **state)
{
	struct site *s = *state;
	struct mpq_desired_remote remotes[2];

	for (int i = 0; i < 2; i++) {
		remotes[i].tunnel = "mpq1";
	}
	assert_int_equal(mpq_prefix_parse("198.51.100.0/24",
					  &remotes[0].prefix),
			 0);
	assert_int_equal(mpq_prefix_parse("2001:db8:100::/48",
					  &remotes[1].prefix),
			 0);
	s->desired = (struct mpq_desired){
		.tunnels = &s->tunnel,
		.n_tunnels = 1,
		.remotes = remotes,
		.n_remotes = 2,
	};
	netns_sh("echo 1 > /proc/sys/net/ipv4/ip_forward");
	site_start(s);
	site_run(s);
	(void)site_seen_at_isp(s);
	expect_no_leak(s, SITE_PACKETS);
	site_stop(s);
	netns_sh("ip link set mpq1 down");
	expect_no_leak(s, 0);
	(void)close(s->tun);
	s->tun = -1;
	expect_no_leak(s, 0);
}

int main(void)
{
#define WITH_SITE(test)                                                        \
	cmocka_unit_test_setup_teardown(test, site_up, site_down)
	const struct CMUnitTest tests[] = {
		WITH_SITE(a_bare_router_leaks_all),
		WITH_SITE(all_goes_into_the_tunnel),
		WITH_SITE(nothing_leaks_while_the_tunnel_is_down),
		WITH_SITE(nothing_leaks_when_the_device_is_deleted),
		WITH_SITE(nothing_leaks_when_the_rules_are_deleted),
		WITH_SITE(nothing_leaks_when_nftables_are_flushed),
		WITH_SITE(
			nothing_leaks_when_nftables_are_flushed_and_the_device_goes),
		WITH_SITE(nothing_leaks_when_the_wan_claims_the_destination),
		WITH_SITE(nothing_leaks_when_the_wan_pushes_routes),
		WITH_SITE(what_comes_out_of_the_tunnel_reaches_the_lan),
		WITH_SITE(
			what_comes_out_of_the_tunnel_does_not_leave_by_the_wan),
		WITH_SITE(the_wan_cannot_reach_into_the_lan),
		WITH_SITE(the_wan_cannot_reach_the_tunnels_address),
		WITH_SITE(two_restarts_and_a_change_leave_no_gap),
		WITH_SITE(a_lan_may_move_to_another_tunnel),
		WITH_SITE(a_lan_that_is_given_up_is_free),
		WITH_SITE(what_is_for_a_remote_site_waits_for_its_tunnel),
	};

	if (!netns_possible()) {
		return 0;
	}
	return cmocka_run_group_tests_name("netlink/leaks", tests, NULL, NULL);
}
