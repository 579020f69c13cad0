/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel refuses, and what comes back as an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/io/netns.h"
#include "tests/unit/io/udp_pair.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* What this machine let the test have: a namespace of its own. */
static bool have_netns;

/* A socket without UDP checksums cannot have its sends cut: a real refusal. */
static void falls_back_to_plain_sends_where_gso_is_refused(void **state)
{
	struct udp_pair p;
	int on = 1;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	assert_int_equal(setsockopt(p.a.fd, SOL_SOCKET, SO_NO_CHECK, &on,
				    sizeof(on)),
			 0);
	for (int round = 0; round < 2; round++) {
		for (uint8_t i = 0; i < 10; i++) {
			udp_pair_send(&p.a, i, 800, 2, &p.b.local);
		}
		udp_pair_send(&p.a, 10, 80, 2, &p.b.local);
		assert_int_equal(mpq_udp_flush(&p.a), 0);
		assert_false(p.a.gso);
		udp_pair_receive(&p.b, &p.in, 11);
		for (uint8_t i = 0; i < 10; i++) {
			udp_pair_assert(&p.in.got[i], i, 800);
			assert_int_equal(p.in.got[i].ecn, 2);
		}
		udp_pair_assert(&p.in.got[10], 10, 80);
	}
	assert_int_equal(p.a.packets_out, 22);
	assert_int_equal(p.a.send_errors, 0);
	udp_pair_close(&p);
}

static void packet_above_the_mtu_is_lost_and_counted_and_gso_stays(void **state)
{
	struct udp_pair p;

	(void)state;
	if (!have_netns) {
		print_message("needs root, to set the MTU of a loopback\n");
		skip();
	}
	assert_int_equal(netns_set_mtu("lo", 1400), 0);
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	udp_pair_send(&p.a, 0, 1500, 0, &p.b.local); /* the probe */
	udp_pair_send(&p.a, 1, 1000, 0, &p.b.local); /* the data behind it */
	for (uint8_t i = 2; i < 12; i++) {
		udp_pair_send(&p.a, i, 1372, 0, &p.b.local); /* just fits */
	}
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.send_too_long, 1);
	assert_int_equal(p.a.send_errors, 0);
	assert_true(p.a.gso);
	udp_pair_receive(&p.b, &p.in, 11);
	udp_pair_assert(&p.in.got[0], 1, 1000);
	udp_pair_close(&p);
	assert_int_equal(netns_set_mtu("lo", 65536), 0);
}

static void port_unreachable_does_not_end_the_socket(const char *ip)
{
	struct mpq_sockaddr closed;
	struct mpq_udp gone;
	struct udp_pair p;

	udp_pair_open(&p, ip, ip);
	udp_pair_bind(&gone, ip);
	closed = gone.local;
	mpq_udp_finish(&gone);
	for (uint8_t i = 0; i < 5; i++) {
		udp_pair_send(&p.a, i, 100, 0, &closed);
		assert_int_equal(mpq_udp_flush(&p.a), 0);
	}
	/* The pending error would eat this one, were it not sent again. */
	udp_pair_send(&p.a, 5, 100, 0, &p.b.local);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	udp_pair_receive(&p.b, &p.in, 1);
	udp_pair_assert(&p.in.got[0], 5, 100);

	assert_true(udp_pair_wait(&p.a));
	assert_int_equal(mpq_udp_receive(&p.a, 8, udp_pair_take, &p.in), 0);
	assert_int_equal(p.a.last_error, ECONNREFUSED);
	assert_int_equal(p.a.send_errors, 0);
	udp_pair_send(&p.b, 6, 100, 0, &p.a.local);
	assert_int_equal(mpq_udp_flush(&p.b), 0);
	udp_pair_receive(&p.a, &p.in, 1);
	udp_pair_close(&p);
}

static void port_unreachable_does_not_end_the_socket_v4_v6(void **state)
{
	(void)state;
	port_unreachable_does_not_end_the_socket("127.0.0.1");
	port_unreachable_does_not_end_the_socket("::1");
}

static void drained_errors_leave_the_socket_quiet(void **state)
{
	struct mpq_sockaddr closed;
	struct mpq_udp gone;
	struct udp_pair p;
	struct pollfd f;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	udp_pair_bind(&gone, "127.0.0.1");
	closed = gone.local;
	mpq_udp_finish(&gone);
	udp_pair_send(&p.a, 0, 100, 0, &closed);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_true(udp_pair_wait(&p.a));
	assert_int_equal(mpq_udp_receive(&p.a, 8, udp_pair_take, &p.in), 0);
	f = (struct pollfd){.fd = p.a.fd, .events = POLLIN};
	assert_int_equal(poll(&f, 1, 0), 0);
	udp_pair_close(&p);
}

static void no_route_is_counted_and_harmless(void **state)
{
	struct mpq_sockaddr nowhere = udp_pair_address("192.0.2.1", 9);
	struct udp_pair p;

	(void)state;
	if (!have_netns) {
		print_message("needs root, for a namespace without routes\n");
		skip();
	}
	udp_pair_open(&p, "0.0.0.0", "127.0.0.1");
	for (uint8_t i = 0; i < 3; i++) {
		memset(mpq_udp_reserve(&p.a, 10), 0, 10);
		mpq_udp_commit(&p.a, 10, 0, &p.a.local, &nowhere);
	}
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.send_errors, 3);
	assert_int_equal(p.a.last_error, ENETUNREACH);
	assert_true(p.a.gso);
	udp_pair_close(&p);
}

static void device_that_went_away_is_reported_by_flush_once(void **state)
{
	const char name[] = "mpqgone";
	struct mpq_sockaddr peer = udp_pair_address("198.51.100.2", 9);
	struct mpq_udp u;
	int tun, fd;

	(void)state;
	tun = have_netns ? netns_open_tun(name, IFF_TUN | IFF_NO_PI) : -EPERM;
	if (tun < 0) {
		print_message("needs root and /dev/net/tun\n");
		skip();
	}
	assert_int_equal(netns_set_address(name, "198.51.100.1", 24), 0);
	assert_int_equal(netns_set_up(name), 0);
	fd = udp_pair_socket("0.0.0.0");
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name,
				    sizeof(name)),
			 0);
	assert_int_equal(mpq_udp_init(&u, fd), 0);
	udp_pair_send(&u, 0, 100, 0, &peer);
	assert_int_equal(mpq_udp_flush(&u), 0);
	assert_int_equal(u.packets_out, 1);
	(void)close(tun); /* deletes the device */
	udp_pair_send(&u, 1, 100, 0, &peer);
	udp_pair_send(&u, 2, 50, 0, &peer); /* closes the batch: sent here */
	assert_int_equal(mpq_udp_flush(&u), -ENODEV);
	assert_int_equal(mpq_udp_flush(&u), 0);
	assert_int_equal(u.send_errors, 2);
	mpq_udp_finish(&u);
}

static void refuses_what_is_not_a_udp_socket_and_closes_it(void **state)
{
	struct mpq_udp u;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(mpq_udp_init(&u, fd), -EAFNOSUPPORT);
	assert_int_equal(u.fd, -1);
	assert_int_equal(close(fd), -1);
	assert_int_equal(mpq_udp_init(&u, -1), -EBADF);
	mpq_udp_finish(&u);
	mpq_udp_finish(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			falls_back_to_plain_sends_where_gso_is_refused),
		cmocka_unit_test(
			packet_above_the_mtu_is_lost_and_counted_and_gso_stays),
		cmocka_unit_test(
			port_unreachable_does_not_end_the_socket_v4_v6),
		cmocka_unit_test(drained_errors_leave_the_socket_quiet),
		cmocka_unit_test(no_route_is_counted_and_harmless),
		cmocka_unit_test(
			device_that_went_away_is_reported_by_flush_once),
		cmocka_unit_test(
			refuses_what_is_not_a_udp_socket_and_closes_it),
	};

	have_netns = netns_enter() == 0;
	return cmocka_run_group_tests_name("io/udp_errors", tests, NULL, NULL);
}
