/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets on their own WAN, listeners for both families, TUN descriptors. */
#include "tests/unit/controlplane/netlink/netns.h"
#include "tests/unit/controlplane/netlink/site.h"

#include "controlplane/sockets.h"
#include "controlplane/tundev.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The port of the packets that the site counts. */
#define PORT_COUNTED 7777

static struct mpq_sockaddr to(const char *address)
{
	struct mpq_sockaddr a;

	assert_int_equal(mpq_sockaddr_parse(address, PORT_COUNTED, &a), 0);
	return a;
}

static int send_to(int fd, const char *address)
{
	struct mpq_sockaddr a = to(address);

	return sendto(fd, "quic", 4, 0, &a.sa, a.len) == 4 ? 0 : -errno;
}

static int option(int fd, int which)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, which, &value, &len), 0);
	return value;
}

static void a_wan_socket_is_bound_marked_and_sized(void **state)
{
	char device[IFNAMSIZ];
	socklen_t len = sizeof(device);
	int fd;

	(void)state;
	assert_int_equal(mpq_sockets_wan("wan1", SITE_WAN_MARK, AF_INET, &fd),
			 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
				    &len),
			 0);
	assert_string_equal(device, "wan1");
	assert_int_equal(option(fd, SO_MARK), SITE_WAN_MARK);
	/* The kernel doubles it, for its own book-keeping. */
	assert_int_equal(option(fd, SO_RCVBUF), 2 * MPQ_SOCKETS_BUFFER_BYTES);
	assert_int_equal(option(fd, SO_SNDBUF), 2 * MPQ_SOCKETS_BUFFER_BYTES);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	(void)close(fd);
}

static void ss_shows_the_socket_on_its_wan(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(mpq_sockets_wan("wan1", SITE_WAN_MARK, AF_INET, &fd),
			 0);
	assert_non_null(strstr(netns_output("ss -una"), "0.0.0.0%wan1:"));
	(void)close(fd);
}

static void a_wan_socket_wants_a_device(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(mpq_sockets_wan("wan9", 1, AF_INET, &fd), -ENODEV);
	assert_int_equal(mpq_sockets_wan("", 1, AF_INET, &fd), -EINVAL);
	assert_int_equal(mpq_sockets_wan("a-name-that-is-too-long", 1, AF_INET,
					 &fd),
			 -EINVAL);
	assert_int_equal(fd, -1);
}

/* A route that the WAN's server, or the LAN's, pushed for the concentrator. */
static void pushed_routes_do_not_move_the_outer_path(void **state)
{
	struct site *s = *state;
	int four, six;

	site_start(s);
	site_run(s);
	assert_int_equal(mpq_sockets_wan("wan1", SITE_WAN_MARK, AF_INET, &four),
			 0);
	assert_int_equal(mpq_sockets_wan("wan1", SITE_WAN_MARK, AF_INET6, &six),
			 0);
	(void)site_seen_at_isp(s);
	netns_sh("ip route add 198.51.100.1/32 via 10.1.0.2 dev lan1");
	netns_sh("ip route add 198.51.100.0/25 via 192.0.2.99 dev wan1");
	netns_sh("ip -6 route add 2001:db8:100::/64 via 2001:db8:1::99");
	assert_int_equal(send_to(four, "198.51.100.1"), 0);
	assert_int_equal(site_seen_at_isp(s), 1);
	assert_int_equal(send_to(six, "2001:db8:100::1"), 0);
	assert_int_equal(site_seen_at_isp(s), 1);
	(void)close(four);
	(void)close(six);
}

static void without_a_gateway_no_pushed_route_is_taken(void **state)
{
	struct site *s = *state;
	int fd;

	netns_sh("ip route del default");
	netns_sh("ip route add 198.51.100.1/32 via 192.0.2.99 dev wan1");
	site_start(s);
	site_run(s);
	assert_int_equal(mpq_sockets_wan("wan1", SITE_WAN_MARK, AF_INET, &fd),
			 0);
	/* It is taken for one on the device's own link. */
	assert_int_equal(send_to(fd, "198.51.100.1"), 0);
	assert_null(strstr(netns_output("ip neigh"), "192.0.2.99"));
	assert_non_null(strstr(netns_output("ip neigh"), "198.51.100.1 dev"));
	(void)close(fd);
}

static void answers_come_in_without_a_default_route_in_main(void **state)
{
	struct site *s = *state;
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	struct mpq_sockaddr back = to("192.0.2.2");
	struct pollfd p = {.events = POLLIN};
	int fd, far;

	netns_sh("ip route del default && "
		 "ip route add default via 192.0.2.1 dev wan1 table 77");
	site_start(s);
	site_run(s);
	assert_int_equal(mpq_sockets_wan("wan1", SITE_WAN_MARK, AF_INET, &fd),
			 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	assert_int_equal(send_to(fd, "198.51.100.1"), 0);
	netns_enter(s->isp);
	netns_sh("ip route del default");
	netns_sh("ip route add 192.0.2.2/32 dev eth0 src 198.51.100.1");
	far = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	back.in.sin_port = ((struct sockaddr_in *)&own)->sin_port;
	assert_int_equal(sendto(far, "back", 4, 0, &back.sa, back.len), 4);
	netns_enter(s->edge);
	p.fd = fd;
	assert_int_equal(poll(&p, 1, 5000), 1);
	(void)close(fd);
	(void)close(far);
}

static void survives_a_renumbering(void **state)
{
	struct site *s = *state;
	int fd;

	site_start(s);
	site_run(s);
	assert_int_equal(mpq_sockets_wan("wan1", SITE_WAN_MARK, AF_INET, &fd),
			 0);
	netns_sh("ip addr flush dev wan1");
	site_follow(s);
	netns_sh("ip addr add 192.0.2.3/24 dev wan1");
	netns_sh("ip route add default via 192.0.2.1 dev wan1");
	netns_sh("ip addr add 2001:db8:1::2/64 dev wan1 nodad");
	site_follow(s);
	assert_int_equal(send_to(fd, "198.51.100.1"), 0);
	(void)close(fd);
}

/* Modems that all give the same address and gateway. */
static void two_wans_may_look_alike(void **state)
{
	struct site *s = *state;
	struct mpq_desired_wan wans[2] = {
		s->wan,
		{.interface = "wan2", .table = 2002, .mark = 2},
	};
	int isp2 = netns_new(), fd;

	netns_sh("ip link add wan2 type veth peer name i2");
	netns_move("i2", isp2, "eth0");
	netns_sh("ip link set wan2 up && ip addr add 192.0.2.2/24 dev wan2");
	netns_sh("ip route add default via 192.0.2.1 dev wan2 metric 9");
	s->desired.wans = wans;
	s->desired.n_wans = 2;
	site_start(s);
	site_run(s);
	assert_int_equal(mpq_sockets_wan("wan2", 2, AF_INET, &fd), 0);
	netns_enter(isp2);
	netns_sh("ip link set eth0 up && ip addr add 192.0.2.1/24 dev eth0");
	netns_sh("ip addr add 198.51.100.1/32 dev eth0");
	netns_enter(s->edge);
	assert_int_equal(send_to(fd, "198.51.100.1"), 0);
	assert_int_equal(site_seen_at_isp(s), 0);
	assert_non_null(strstr(netns_output("ip neigh show dev wan2"),
			       "192.0.2.1 lladdr"));
	(void)close(fd);
	(void)close(isp2);
}

static unsigned short port_of(int fd)
{
	struct sockaddr_in6 in6;
	socklen_t len = sizeof(in6);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&in6, &len), 0);
	return ntohs(in6.sin6_port);
}

static void a_listener_hears_both_families(void **state)
{
	struct mpq_sockaddr any = to("::"), four = to("127.0.0.1"),
			    six = to("::1");
	char buf[8];
	int fd, fd4, fd6;

	(void)state;
	assert_int_equal(mpq_sockets_listen(&any, &fd), 0);
	assert_int_equal(port_of(fd), PORT_COUNTED);
	fd4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(sendto(fd4, "4", 1, 0, &four.sa, four.len), 1);
	assert_int_equal(sendto(fd6, "6", 1, 0, &six.sa, six.len), 1);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 1);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 1);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), -1);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	(void)close(fd);
	(void)close(fd4);
	(void)close(fd6);
}

static void a_listener_says_why_it_cannot(void **state)
{
	struct mpq_sockaddr any = to("::"), taken = to("0.0.0.0"),
			    foreign = to("203.0.113.9");
	int fd, other = -1;

	(void)state;
	assert_int_equal(mpq_sockets_listen(&any, &fd), 0);
	assert_int_equal(mpq_sockets_listen(&any, &other), -EADDRINUSE);
	assert_int_equal(mpq_sockets_listen(&taken, &other), -EADDRINUSE);
	assert_int_equal(mpq_sockets_listen(&foreign, &other), -EADDRNOTAVAIL);
	assert_int_equal(other, -1);
	(void)close(fd);
}

static void a_tun_is_made_and_recognised(void **state)
{
	char name[IFNAMSIZ];
	int fd, other = -1;

	(void)state;
	assert_int_equal(mpq_tundev_create("mpq2", &fd), 0);
	assert_int_equal(mpq_tundev_adopt(fd, name), 0);
	assert_string_equal(name, "mpq2");
	assert_int_equal(mpq_tundev_create("mpq2", &other), -EBUSY);
	assert_int_equal(mpq_tundev_create("wan1", &other), -EINVAL);
	assert_int_equal(mpq_tundev_create("", &other), -EINVAL);
	assert_int_equal(mpq_tundev_create("mpq%d", &other), -EINVAL);
	assert_int_equal(mpq_tundev_create("mpq-of-a-long-name", &other),
			 -EINVAL);
	assert_int_equal(other, -1);
	(void)close(fd);
	netns_sh("! ip link show mpq2 2>/dev/null");
}

static void another_descriptor_is_not_a_tun_of_ours(void **state)
{
	struct ifreq tap = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	char name[IFNAMSIZ] = "untouched";
	int fd;

	(void)state;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(mpq_tundev_adopt(fd, name), -EBADFD);
	strcpy(tap.ifr_name, "tap1");
	assert_int_equal(ioctl(fd, TUNSETIFF, &tap), 0);
	assert_int_equal(mpq_tundev_adopt(fd, name), -EINVAL);
	(void)close(fd);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(mpq_tundev_adopt(fd, name), -EINVAL);
	assert_string_equal(name, "untouched");
	(void)close(fd);
}

static void a_deleted_tun_is_told(void **state)
{
	char name[IFNAMSIZ];
	int fd;

	(void)state;
	assert_int_equal(mpq_tundev_create("mpq2", &fd), 0);
	netns_sh("ip link del mpq2");
	assert_int_equal(mpq_tundev_adopt(fd, name), -EBADFD);
	(void)close(fd);
}

int main(void)
{
#define WITH_SITE(test)                                                        \
	cmocka_unit_test_setup_teardown(test, site_up, site_down)
	const struct CMUnitTest tests[] = {
		WITH_SITE(a_wan_socket_is_bound_marked_and_sized),
		WITH_SITE(ss_shows_the_socket_on_its_wan),
		WITH_SITE(a_wan_socket_wants_a_device),
		WITH_SITE(pushed_routes_do_not_move_the_outer_path),
		WITH_SITE(without_a_gateway_no_pushed_route_is_taken),
		WITH_SITE(answers_come_in_without_a_default_route_in_main),
		WITH_SITE(survives_a_renumbering),
		WITH_SITE(two_wans_may_look_alike),
		WITH_SITE(a_listener_hears_both_families),
		WITH_SITE(a_listener_says_why_it_cannot),
		WITH_SITE(a_tun_is_made_and_recognised),
		WITH_SITE(another_descriptor_is_not_a_tun_of_ours),
		WITH_SITE(a_deleted_tun_is_told),
	};

	if (!netns_possible()) {
		return 0;
	}
	return cmocka_run_group_tests_name("controlplane/devices", tests, NULL,
					   NULL);
}
