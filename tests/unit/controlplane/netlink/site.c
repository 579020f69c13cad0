/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controlplane/netlink/site.h"

#include "controlplane/tundev.h"
#include "tests/unit/controlplane/netlink/netns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* UDP ports that tell our packets from neighbour discovery and the like. */
#define PORT_DATA 7777
#define PORT_END  7778
#define WAIT_MS   5000

/* The kernel keeps packets in order on one processor. */
static void stay_on_one_processor(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void make_namespaces(struct site *s)
{
	stay_on_one_processor();
	s->before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(s->before >= 0);
	s->edge = netns_new();
	s->host = netns_new();
	s->isp = netns_new();
}

static void make_edge(struct site *s)
{
	netns_enter(s->edge);
	netns_sh("ip link add lan1 type veth peer name h1");
	netns_sh("ip link add wan1 type veth peer name i1");
	netns_move("h1", s->host, "eth0");
	netns_move("i1", s->isp, "eth0");
	netns_sh("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
	netns_sh("ip link set lan1 up && ip link set wan1 up");
	netns_sh("ip addr add 10.1.0.1/24 dev lan1");
	netns_sh("ip addr add fd01::1/64 dev lan1 nodad");
	netns_sh("ip addr add 192.0.2.2/24 dev wan1");
	netns_sh("ip addr add 2001:db8:1::2/64 dev wan1 nodad");
}

static void make_host(struct site *s)
{
	netns_enter(s->host);
	netns_sh("ip link set eth0 up && ip addr add 10.1.0.2/24 dev eth0");
	netns_sh("ip addr add fd01::2/64 dev eth0 nodad");
	netns_sh("ip route add default via 10.1.0.1");
	netns_sh("ip -6 route add default via fd01::1");
}

static void make_isp(struct site *s)
{
	netns_enter(s->isp);
	netns_sh("ip link set eth0 up && ip addr add 192.0.2.1/24 dev eth0");
	netns_sh("ip addr add 2001:db8:1::1/64 dev eth0 nodad");
	netns_sh("ip addr add 198.51.100.1/32 dev eth0");
	netns_sh("ip addr add 2001:db8:100::1/128 dev eth0 nodad");
	netns_sh("ip route add default via 192.0.2.2");
	netns_sh("ip -6 route add default via 2001:db8:1::2");
}

/* What a DHCP client and a router advertisement leave behind. */
static void learn_routes(struct site *s)
{
	netns_enter(s->edge);
	netns_sh("ip route add default via 192.0.2.1 dev wan1 proto dhcp");
	netns_sh("ip -6 route add default via 2001:db8:1::1 dev wan1 proto ra");
}

/* All that comes in by a device of a namespace. */
static int watch(int ns, const char *device)
{
	struct sockaddr_ll on = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL)};
	int fd;

	netns_enter(ns);
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	on.sll_ifindex = (int)if_nametoindex(device);
	assert_int_equal(bind(fd, (struct sockaddr *)&on, sizeof(on)), 0);
	return fd;
}

static void desire(struct site *s)
{
	assert_int_equal(mpq_prefix_parse("10.200.1.1/30", &s->addresses[0]),
			 0);
	assert_int_equal(mpq_prefix_parse("fd00:200:1::1/64", &s->addresses[1]),
			 0);
	s->tunnel = (struct mpq_desired_tunnel){
		.name = "mpq1",
		.mtu = 1400,
		.up = true,
		.addresses = s->addresses,
		.n_addresses = 2,
	};
	s->lan = (struct mpq_desired_lan){
		.interface = "lan1",
		.tunnel = "mpq1",
		.table = SITE_LAN_TABLE,
	};
	s->wan = (struct mpq_desired_wan){
		.interface = "wan1",
		.table = SITE_WAN_TABLE,
		.mark = SITE_WAN_MARK,
	};
	s->desired = (struct mpq_desired){
		.tunnels = &s->tunnel,
		.n_tunnels = 1,
		.lans = &s->lan,
		.n_lans = 1,
		.wans = &s->wan,
		.n_wans = 1,
	};
}

int site_up(void **state)
{
	struct site *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	*state = s;
	s->tun = -1;
	s->now = 1000 * MPQ_SECOND;
	make_namespaces(s);
	make_edge(s);
	make_host(s);
	make_isp(s);
	learn_routes(s);
	s->host_watch = watch(s->host, "eth0");
	s->isp_watch = watch(s->isp, "eth0");
	s->lan_watch = watch(s->edge, "lan1");
	s->wan_watch = watch(s->edge, "wan1");
	netns_enter(s->edge);
	assert_int_equal(mpq_tundev_create("mpq1", &s->tun), 0);
	desire(s);
	return 0;
}

int site_down(void **state)
{
	struct site *s = *state;

	site_stop(s);
	netns_enter(s->before);
	(void)close(s->before);
	(void)close(s->edge);
	(void)close(s->host);
	(void)close(s->isp);
	(void)close(s->host_watch);
	(void)close(s->isp_watch);
	(void)close(s->lan_watch);
	(void)close(s->wan_watch);
	if (s->tun >= 0) {
		(void)close(s->tun);
	}
	free(s);
	return 0;
}

static void note(struct site *s, const char *word, const char *what,
		 const char *more)
{
	size_t n = strlen(s->log);

	(void)snprintf(s->log + n, sizeof(s->log) - n, "%s %s%s\n", word, what,
		       more);
}

static void did(void *context, enum mpq_reconcile_action action,
		const char *what)
{
	static const char *const words[] = {"added", "removed", "restored"};
	struct site *s = context;
	unsigned *counts[] = {&s->added, &s->removed, &s->restored};

	(*counts[action])++;
	note(s, words[action], what, "");
}

static void failed(void *context, const char *what, int error,
		   const char *reason)
{
	struct site *s = context;

	(void)error;
	s->failed++;
	note(s, "failed", what, reason);
}

static void link_changed(void *context, const char *name,
			 const struct mpq_link *link, unsigned changes)
{
	struct site *s = context;

	(void)link;
	s->links++;
	if (strcmp(name, "wan1") == 0) {
		s->last_changes |= changes;
	}
}

static void something_changed(void *context)
{
	struct site *s = context;

	s->changed++;
}

static const struct mpq_monitor_events monitor_events = {
	.link = link_changed,
	.changed = something_changed,
};
static const struct mpq_reconcile_events reconcile_events = {
	.did = did,
	.failed = failed,
};

void site_start(struct site *s)
{
	assert_int_equal(mpq_monitor_new(&s->monitor, &monitor_events, s), 0);
	assert_int_equal(mpq_reconcile_new(&s->reconcile, s->monitor,
					   &reconcile_events, s),
			 0);
}

void site_stop(struct site *s)
{
	mpq_reconcile_free(s->reconcile);
	s->reconcile = NULL;
	mpq_monitor_free(s->monitor);
	s->monitor = NULL;
}

static void forget_reports(struct site *s)
{
	s->added = s->removed = s->restored = s->failed = 0;
	s->links = s->changed = s->last_changes = 0;
	s->log[0] = '\0';
}

static void expect_no_failure(struct site *s, int result)
{
	if (result != 0 || s->failed != 0) {
		print_error("%d\n%s", result, s->log);
	}
	assert_int_equal(result, 0);
	assert_int_equal(s->failed, 0);
}

void site_run(struct site *s)
{
	forget_reports(s);
	expect_no_failure(s,
			  mpq_reconcile_run(s->reconcile, &s->desired, s->now));
}

void site_follow(struct site *s)
{
	forget_reports(s);
	assert_int_equal(mpq_monitor_read(s->monitor), 0);
	while (s->changed > 0) {
		s->changed = 0;
		expect_no_failure(s, mpq_reconcile_run(s->reconcile,
						       &s->desired, s->now));
		assert_int_equal(mpq_monitor_read(s->monitor), 0);
	}
}

static socklen_t address_of(const char *text, uint16_t port,
			    struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return sizeof(*in6);
}

static void send_udp(int ns, const char *to, uint16_t port, int count)
{
	struct sockaddr_storage address;
	socklen_t len = address_of(to, port, &address);
	int fd;

	netns_enter(ns);
	fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	for (int i = 0; i < count; i++) {
		/* Not connected: what comes back of ICMP stops nothing. */
		(void)!sendto(fd, "clear", 5, 0, (struct sockaddr *)&address,
			      len);
	}
	(void)close(fd);
}

static const char *const far[] = {
	[4] = "198.51.100.1", [6] = "2001:db8:100::1"};

void site_send_from_host(struct site *s, int family)
{
	send_udp(s->host, far[family], PORT_DATA, SITE_PACKETS);
	netns_enter(s->edge);
}

void site_send_from_isp(struct site *s, const char *to)
{
	send_udp(s->isp, to, PORT_DATA, SITE_PACKETS);
	netns_enter(s->edge);
}

static size_t fill_udp(uint8_t *p)
{
	const struct udphdr udp = {.dest = htons(PORT_DATA),
				   .len = htons(sizeof(udp))};

	memcpy(p, &udp, sizeof(udp));
	return sizeof(udp);
}

static uint16_t checksum(const void *header, size_t len)
{
	const uint8_t *p = header;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~(sum + (sum >> 16)));
}

static size_t fill_ipv4(uint8_t *p)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.tot_len = htons(sizeof(ip) + sizeof(struct udphdr)),
		.saddr = inet_addr(far[4]),
		.daddr = inet_addr("10.1.0.2"),
	};

	ip.check = checksum(&ip, sizeof(ip));
	memcpy(p, &ip, sizeof(ip));
	return sizeof(ip) + fill_udp(p + sizeof(ip));
}

static size_t fill_ipv6(uint8_t *p)
{
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28),
		.ip6_plen = htons(sizeof(struct udphdr)),
		.ip6_nxt = IPPROTO_UDP,
		.ip6_hlim = 64,
	};

	assert_int_equal(inet_pton(AF_INET6, far[6], &ip.ip6_src), 1);
	assert_int_equal(inet_pton(AF_INET6, "fd01::2", &ip.ip6_dst), 1);
	memcpy(p, &ip, sizeof(ip));
	return sizeof(ip) + fill_udp(p + sizeof(ip));
}

void site_send_from_tunnel(struct site *s, int family)
{
	struct {
		struct virtio_net_hdr header;
		uint8_t packet[64];
	} frame = {0};
	size_t len;

	_Static_assert(offsetof(__typeof__(frame), packet) == 10,
		       "the kernel's default header");
	len = family == 4 ? fill_ipv4(frame.packet) : fill_ipv6(frame.packet);
	for (int i = 0; i < SITE_PACKETS; i++) {
		assert_int_equal(write(s->tun, &frame, 10 + len), 10 + len);
	}
}

static unsigned udp_port(const uint8_t *p, ssize_t len)
{
	size_t at = len > 0 && p[0] >> 4 == 6 ? 40 : 20;
	bool udp = (size_t)len >= at + 8 &&
		   (at == 40 ? p[6] : p[9]) == IPPROTO_UDP;

	return udp ? (unsigned)(p[at + 2] << 8 | p[at + 3]) : 0;
}

unsigned site_seen_in_tunnel(struct site *s)
{
	uint8_t frame[4096];
	unsigned seen = 0;

	for (;;) {
		ssize_t n =
			s->tun < 0 ? -1 : read(s->tun, frame, sizeof(frame));

		if (n < 0) {
			return seen;
		}
		seen += udp_port(frame + 10, n - 10) == PORT_DATA;
	}
}

static unsigned count_until_end(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct sockaddr_ll from;
	uint8_t packet[4096];
	unsigned seen = 0;

	while (poll(&p, 1, WAIT_MS) == 1) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, packet, sizeof(packet), 0,
				     (struct sockaddr *)&from, &len);
		unsigned port = udp_port(packet, n);

		if (from.sll_pkttype == PACKET_OUTGOING) {
			continue;
		}
		seen += port == PORT_DATA;
		if (port == PORT_END) {
			return seen;
		}
	}
	fail_msg("the closing packet did not come within %d ms", WAIT_MS);
	return seen;
}

/* One packet that is known to arrive, and what came before it. */
static unsigned hop(int from, const char *to, int at)
{
	send_udp(from, to, PORT_END, 1);
	return count_until_end(at);
}

/* The closing packets go the way that a packet would go, and there and back
 * once more at its end: by then a neighbour that it had to wait for has
 * answered. */
unsigned site_seen_at_isp(struct site *s)
{
	unsigned seen = 0;

	(void)hop(s->host, "10.1.0.1", s->lan_watch);
	(void)hop(s->host, "fd01::1", s->lan_watch);
	for (int i = 0; i < 2; i++) {
		seen += hop(s->edge, "192.0.2.1", s->isp_watch);
		seen += hop(s->edge, "2001:db8:1::1", s->isp_watch);
		(void)hop(s->isp, "192.0.2.2", s->wan_watch);
		(void)hop(s->isp, "2001:db8:1::2", s->wan_watch);
	}
	netns_enter(s->edge);
	return seen;
}

unsigned site_seen_at_host(struct site *s)
{
	unsigned seen = 0;

	(void)hop(s->isp, "192.0.2.2", s->wan_watch);
	(void)hop(s->isp, "2001:db8:1::2", s->wan_watch);
	for (int i = 0; i < 2; i++) {
		seen += hop(s->edge, "10.1.0.2", s->host_watch);
		seen += hop(s->edge, "fd01::2", s->host_watch);
		(void)hop(s->host, "10.1.0.1", s->lan_watch);
		(void)hop(s->host, "fd01::1", s->lan_watch);
	}
	netns_enter(s->edge);
	return seen;
}

struct wanted_counter {
	const char *name;
	uint64_t packets;
	bool found;
};

static void look_at_counter(void *context, const struct mpq_guard_counter *c)
{
	struct wanted_counter *w = context;

	if (strcmp(c->name, w->name) == 0) {
		w->packets = c->packets;
		w->found = true;
	}
}

uint64_t site_counter(struct site *s, const char *name)
{
	struct wanted_counter w = {.name = name};

	assert_int_equal(mpq_reconcile_counters(s->reconcile, look_at_counter,
						&w),
			 0);
	assert_true(w.found);
	return w.packets;
}
