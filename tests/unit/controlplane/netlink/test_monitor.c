/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel does is seen, told once and by name. */
#include "tests/unit/controlplane/netlink/netns.h"
#include "tests/unit/controlplane/netlink/site.h"

#include "controlplane/netlink/observed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	struct mpq_monitor *monitor;
	unsigned changed;
	char log[4096];
	bool quiet;
};

static void link_changed(void *context, const char *name,
			 const struct mpq_link *link, unsigned changes)
{
	static const struct {
		unsigned change;
		const char *word;
	} words[] = {
		{MPQ_MONITOR_APPEARED, " appeared"},
		{MPQ_MONITOR_GONE, " gone"},
		{MPQ_MONITOR_STATE, " state"},
		{MPQ_MONITOR_ADDRESS, " address"},
		{MPQ_MONITOR_GATEWAY, " gateway"},
	};
	struct seen *seen = context;
	size_t n = strlen(seen->log);
	FILE *out;

	if (seen->quiet) {
		return;
	}
	out = fmemopen(seen->log + n, sizeof(seen->log) - n, "w");
	assert_non_null(out);
	(void)fprintf(out, "%s%s", name, link == NULL ? " (none)" : "");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (changes & words[i].change) {
			(void)fputs(words[i].word, out);
		}
	}
	(void)fputs("\n", out);
	(void)fclose(out);
}

static void something_changed(void *context)
{
	struct seen *seen = context;

	seen->changed++;
}

static const struct mpq_monitor_events events = {
	.link = link_changed,
	.changed = something_changed,
};

static bool readable(const struct mpq_monitor *m)
{
	struct pollfd p = {.fd = mpq_monitor_fd(m), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void read_all(struct seen *seen)
{
	seen->log[0] = '\0';
	seen->changed = 0;
	assert_int_equal(mpq_monitor_read(seen->monitor), 0);
}

static void begin(void **state, struct seen *seen)
{
	(void)state;
	memset(seen, 0, sizeof(*seen));
	assert_int_equal(mpq_monitor_new(&seen->monitor, &events, seen), 0);
	read_all(seen);
}

static void tells_every_link_first(void **state)
{
	struct seen seen = {0};

	(void)state;
	assert_int_equal(mpq_monitor_new(&seen.monitor, &events, &seen), 0);
	assert_true(readable(seen.monitor));
	read_all(&seen);
	assert_non_null(strstr(seen.log, "wan1 appeared\n"));
	assert_non_null(strstr(seen.log, "lan1 appeared\n"));
	assert_non_null(strstr(seen.log, "mpq1 appeared\n"));
	assert_int_equal(seen.changed, 1);
	mpq_monitor_free(seen.monitor);
}

static void knows_addresses_and_gateways(void **state)
{
	const struct mpq_address *address;
	const struct mpq_route *gateway;
	const struct mpq_link *link;
	char text[MPQ_PREFIX_TEXT_BYTES];
	struct seen seen;

	begin(state, &seen);
	link = mpq_monitor_link(seen.monitor, "wan1");
	assert_non_null(link);
	assert_true(link->up && link->carrier && !link->tun);
	assert_ptr_equal(mpq_monitor_link_at(seen.monitor, link->index), link);
	address = mpq_monitor_address(seen.monitor, link->index, 4);
	assert_string_equal(mpq_prefix_format(&address->local, text),
			    "192.0.2.2/24");
	address = mpq_monitor_address(seen.monitor, link->index, 6);
	assert_string_equal(mpq_prefix_format(&address->local, text),
			    "2001:db8:1::2/64");
	gateway = mpq_monitor_gateway(seen.monitor, link->index, 4);
	assert_string_equal(mpq_prefix_format(&gateway->gateway, text),
			    "192.0.2.1/32");
	gateway = mpq_monitor_gateway(seen.monitor, link->index, 6);
	assert_string_equal(mpq_prefix_format(&gateway->gateway, text),
			    "2001:db8:1::1/128");
	assert_true(mpq_monitor_link(seen.monitor, "mpq1")->tun);
	assert_null(mpq_monitor_link(seen.monitor, "wan2"));
	mpq_monitor_free(seen.monitor);
}

static void is_quiet_while_nothing_happens(void **state)
{
	struct seen seen;

	begin(state, &seen);
	assert_false(readable(seen.monitor));
	read_all(&seen);
	assert_string_equal(seen.log, "");
	assert_int_equal(seen.changed, 0);
	mpq_monitor_free(seen.monitor);
}

/* What is done to wan1, and what is told of it. */
static const struct {
	const char *deed, *told;
} deeds[] = {
	{"ip addr add 192.0.2.77/24 dev wan1", "wan1 address\n"},
	{"ip addr del 192.0.2.77/24 dev wan1", "wan1 address\n"},
	{"ip route del default dev wan1", "wan1 gateway\n"},
	{"ip route add default via 192.0.2.1", "wan1 gateway\n"},
	{"ip route replace default via 192.0.2.5", "wan1 gateway\n"},
	{"ip -6 route del default", "wan1 gateway\n"},
	{"ip link set wan1 mtu 1400", "wan1 state\n"},
	{"ip route add 10.0.0.0/8 via 192.0.2.5", ""},
	{"ip rule add pref 77 lookup 77", ""},
	{"nft add table inet theirs", ""},
	{"ip link set wan1 down", "wan1 state address gateway\n"},
	{"ip link set wan1 up", "wan1 state\n"},
};

static void tells_what_happened(void **state)
{
	struct seen seen;

	begin(state, &seen);
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		netns_sh("%s", deeds[i].deed);
		read_all(&seen);
		if (strcmp(seen.log, deeds[i].told) != 0) {
			print_error("%s:\n%s", deeds[i].deed, seen.log);
		}
		assert_string_equal(seen.log, deeds[i].told);
		assert_int_equal(seen.changed, deeds[i].told[0] != '\0');
	}
	mpq_monitor_free(seen.monitor);
}

static void tells_a_port_of_a_bridge(void **state)
{
	struct seen seen;

	begin(state, &seen);
	netns_sh("ip link add br0 type bridge");
	read_all(&seen);
	netns_sh("ip link set lan1 master br0");
	read_all(&seen);
	assert_non_null(strstr(seen.log, "lan1 state\n"));
	assert_int_equal(mpq_monitor_link(seen.monitor, "lan1")->master,
			 mpq_monitor_link(seen.monitor, "br0")->index);
	netns_sh("ip link set lan1 nomaster");
	read_all(&seen);
	assert_int_equal(mpq_monitor_link(seen.monitor, "lan1")->master, 0);
	mpq_monitor_free(seen.monitor);
}

static void sees_a_lost_carrier(void **state)
{
	struct site *s = *state;
	struct seen seen;

	begin(state, &seen);
	netns_enter(s->isp);
	netns_sh("ip link set eth0 down");
	netns_enter(s->edge);
	/* The kernel tells of carriers by a work queue. */
	for (int i = 0; i < 50; i++) {
		struct pollfd p = {.fd = mpq_monitor_fd(seen.monitor),
				   .events = POLLIN};

		assert_int_equal(poll(&p, 1, 5000), 1);
		read_all(&seen);
		if (!mpq_monitor_link(seen.monitor, "wan1")->carrier) {
			break;
		}
	}
	assert_false(mpq_monitor_link(seen.monitor, "wan1")->carrier);
	assert_true(mpq_monitor_link(seen.monitor, "wan1")->up);
	assert_non_null(strstr(seen.log, "wan1 state"));
	mpq_monitor_free(seen.monitor);
}

static void a_rename_is_gone_and_appeared(void **state)
{
	struct seen seen;
	unsigned index;

	begin(state, &seen);
	index = mpq_monitor_link(seen.monitor, "wan1")->index;
	netns_sh("ip link set wan1 down && ip link set wan1 name usb7");
	read_all(&seen);
	assert_non_null(strstr(seen.log, "wan1 (none) gone"));
	assert_non_null(strstr(seen.log, "usb7 appeared"));
	assert_int_equal(mpq_monitor_link(seen.monitor, "usb7")->index, index);
	netns_sh("ip link set usb7 name wan1");
	read_all(&seen);
	assert_non_null(strstr(seen.log, "wan1 appeared"));
	mpq_monitor_free(seen.monitor);
}

static void another_device_of_the_same_name_has_another_index(void **state)
{
	struct seen seen;
	unsigned index;

	begin(state, &seen);
	index = mpq_monitor_link(seen.monitor, "wan1")->index;
	netns_sh("ip link del wan1 && "
		 "ip link add wan1 type veth peer name other");
	read_all(&seen);
	assert_non_null(strstr(seen.log, "wan1 appeared gone"));
	assert_true(mpq_monitor_link(seen.monitor, "wan1")->index != index);
	assert_null(mpq_monitor_link_at(seen.monitor, index));
	assert_null(mpq_monitor_address(seen.monitor, index, 4));
	assert_null(mpq_monitor_gateway(seen.monitor, index, 4));
	mpq_monitor_free(seen.monitor);
}

static void knows_whether_the_host_forwards(void **state)
{
	struct seen seen;

	begin(state, &seen);
	assert_false(mpq_monitor_forwarding(seen.monitor, 4));
	assert_true(mpq_monitor_forwarding(seen.monitor, 6));
	netns_sh("echo 1 > /proc/sys/net/ipv4/ip_forward");
	netns_sh("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
	read_all(&seen);
	assert_true(mpq_monitor_forwarding(seen.monitor, 4));
	assert_false(mpq_monitor_forwarding(seen.monitor, 6));
	assert_int_equal(seen.changed, 1);
	mpq_monitor_free(seen.monitor);
}

static void make_noise(int count)
{
	FILE *ip = popen("ip -batch -", "we");

	assert_non_null(ip);
	for (int i = 0; i < count; i++) {
		(void)fprintf(ip, "addr add 172.16.%d.%d/32 dev lo\n", i / 250,
			      i % 250 + 1);
	}
	assert_int_equal(pclose(ip), 0);
}

/* More notices than the socket holds, and more addresses than are kept. */
static void survives_a_flood(void **state)
{
	struct seen seen;

	begin(state, &seen);
	make_noise(12000);
	netns_sh("ip link set wan1 down");
	read_all(&seen);
	assert_int_equal(mpq_monitor_overruns(seen.monitor), 1);
	assert_true(mpq_monitor_not_kept(seen.monitor) > 0);
	assert_non_null(strstr(seen.log, "lo address\n"));
	assert_non_null(strstr(seen.log, "wan1 state address gateway\n"));
	assert_false(mpq_monitor_link(seen.monitor, "wan1")->up);
	netns_sh("ip link set wan1 up");
	read_all(&seen);
	assert_string_equal(seen.log, "wan1 state\n");
	mpq_monitor_free(seen.monitor);
}

int main(void)
{
#define WITH_SITE(test)                                                        \
	cmocka_unit_test_setup_teardown(test, site_up, site_down)
	const struct CMUnitTest tests[] = {
		WITH_SITE(tells_every_link_first),
		WITH_SITE(knows_addresses_and_gateways),
		WITH_SITE(is_quiet_while_nothing_happens),
		WITH_SITE(tells_what_happened),
		WITH_SITE(tells_a_port_of_a_bridge),
		WITH_SITE(sees_a_lost_carrier),
		WITH_SITE(a_rename_is_gone_and_appeared),
		WITH_SITE(another_device_of_the_same_name_has_another_index),
		WITH_SITE(knows_whether_the_host_forwards),
		WITH_SITE(survives_a_flood),
	};

	if (!netns_possible()) {
		return 0;
	}
	return cmocka_run_group_tests_name("netlink/monitor", tests, NULL,
					   NULL);
}
