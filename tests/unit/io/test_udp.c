/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/io/udp.h"
#include "tests/unit/io/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARRIVED_MAX 256
#define WAIT_MS     5000 /* until a loopback packet counts as lost */

/* What this machine let the test have: a namespace of its own. */
static bool have_netns;

struct arrived {
	size_t len;
	uint8_t first, ecn;
	bool intact; /* every byte is as sent */
	mpq_time received;
	struct mpq_sockaddr local, remote;
};

struct inbox {
	struct arrived got[ARRIVED_MAX];
	unsigned count;
};

static struct mpq_sockaddr address(const char *text, uint16_t port)
{
	struct mpq_sockaddr a;

	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
		a.sa.sa_family = AF_INET;
		a.len = sizeof(a.in);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &a.in6.sin6_addr),
				 1);
		a.sa.sa_family = AF_INET6;
		a.len = sizeof(a.in6);
	}
	a.in.sin_port = htons(port); /* at the same place in both */
	return a;
}

static struct mpq_sockaddr at(const struct mpq_udp *u, const char *text)
{
	return address(text, ntohs(u->local.in.sin_port));
}

static int bound_socket(const char *text)
{
	struct mpq_sockaddr a = address(text, 0);
	int fd = socket(a.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), off = 0;

	assert_true(fd >= 0);
	if (a.sa.sa_family == AF_INET6) {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
				 sizeof(off));
	}
	assert_int_equal(bind(fd, &a.sa, a.len), 0);
	return fd;
}

static void open_udp(struct mpq_udp *u, const char *text)
{
	assert_int_equal(mpq_udp_init(u, bound_socket(text)), 0);
}

/* A packet whose bytes all follow from its number and place. */
static void send_packet(struct mpq_udp *u, uint8_t number, size_t len,
			uint8_t ecn, const struct mpq_sockaddr *to)
{
	uint8_t *p = mpq_udp_reserve(u, len);

	for (size_t i = 0; i < len; i++) {
		p[i] = (uint8_t)(number + i * 7);
	}
	mpq_udp_commit(u, len, ecn, &u->local, to);
}

static void on_datagram(void *owner, const struct mpq_udp_datagram *d)
{
	struct inbox *in = owner;
	struct arrived *a = &in->got[in->count++];

	assert_true(in->count <= ARRIVED_MAX);
	*a = (struct arrived){.len = d->len_bytes,
			      .ecn = d->ecn,
			      .intact = true,
			      .received = d->received,
			      .local = d->local,
			      .remote = d->remote};
	a->first = d->len_bytes ? d->data[0] : 0;
	for (size_t i = 0; i < d->len_bytes; i++) {
		a->intact &= d->data[i] == (uint8_t)(a->first + i * 7);
	}
}

static bool wait_readable(const struct mpq_udp *u)
{
	struct pollfd p = {.fd = u->fd, .events = POLLIN};

	return poll(&p, 1, WAIT_MS) == 1;
}

/* Receives until n are there. */
static void receive(struct mpq_udp *u, struct inbox *in, unsigned n)
{
	in->count = 0;
	while (in->count < n) {
		assert_true(wait_readable(u));
		assert_true(mpq_udp_receive(u, 64, on_datagram, in) >= 0);
	}
	assert_int_equal(in->count, n);
}

static void assert_arrived(const struct arrived *a, uint8_t first, size_t len)
{
	assert_true(a->intact);
	assert_int_equal(a->first, first);
	assert_int_equal(a->len, len);
}

static bool same(const struct mpq_sockaddr *a, const struct mpq_sockaddr *b)
{
	if (a->sa.sa_family != b->sa.sa_family ||
	    a->in.sin_port != b->in.sin_port) {
		return false;
	}
	return a->sa.sa_family == AF_INET
		       ? a->in.sin_addr.s_addr == b->in.sin_addr.s_addr
		       : !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16);
}

struct pair {
	struct mpq_udp a, b;
	struct inbox in;
};

static void open_pair(struct pair *p, const char *a, const char *b)
{
	memset(p, 0, sizeof(*p));
	open_udp(&p->a, a);
	open_udp(&p->b, b);
}

static void close_pair(struct pair *p)
{
	mpq_udp_finish(&p->a);
	mpq_udp_finish(&p->b);
}

static void batch_is_one_send_and_arrives_in_order(const char *ip)
{
	struct pair p;

	open_pair(&p, ip, ip);
	for (uint8_t i = 0; i < 20; i++) {
		send_packet(&p.a, i, 1200, 0, &p.b.local);
	}
	send_packet(&p.a, 20, 300, 0, &p.b.local);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.sends, 1);
	assert_int_equal(p.a.packets_out, 21);
	assert_int_equal(p.a.bytes_out, 20 * 1200 + 300);

	receive(&p.b, &p.in, 21);
	for (uint8_t i = 0; i < 20; i++) {
		assert_arrived(&p.in.got[i], i, 1200);
		assert_true(same(&p.in.got[i].remote, &p.a.local));
		assert_true(same(&p.in.got[i].local, &p.b.local));
	}
	assert_arrived(&p.in.got[20], 20, 300);
	assert_int_equal(p.b.receives, 1); /* GRO kept it whole */
	assert_int_equal(p.b.packets_in, 21);
	assert_int_equal(p.b.bytes_in, 20 * 1200 + 300);
	close_pair(&p);
}

static void batch_is_one_send_and_arrives_in_order_v4(void **state)
{
	(void)state;
	batch_is_one_send_and_arrives_in_order("127.0.0.1");
}

static void batch_is_one_send_and_arrives_in_order_v6(void **state)
{
	(void)state;
	batch_is_one_send_and_arrives_in_order("::1");
}

static void shorter_packet_closes_the_batch(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	send_packet(&p.a, 0, 1000, 0, &p.b.local);
	assert_int_equal(p.a.sends, 0);
	send_packet(&p.a, 1, 999, 0, &p.b.local);
	assert_int_equal(p.a.sends, 1);
	send_packet(&p.a, 2, 999, 0, &p.b.local);
	assert_int_equal(p.a.sends, 1);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.sends, 2);
	receive(&p.b, &p.in, 3);
	assert_arrived(&p.in.got[0], 0, 1000);
	assert_arrived(&p.in.got[1], 1, 999);
	assert_arrived(&p.in.got[2], 2, 999);
	close_pair(&p);
}

static void longer_packet_goes_into_the_next_batch(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	send_packet(&p.a, 0, 500, 0, &p.b.local);
	send_packet(&p.a, 1, 500, 0, &p.b.local);
	send_packet(&p.a, 2, 1400, 0, &p.b.local);
	assert_int_equal(p.a.sends, 1);
	assert_int_equal(p.a.packets_out, 2);
	send_packet(&p.a, 3, 1400, 0, &p.b.local);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.sends, 2);
	receive(&p.b, &p.in, 4);
	assert_arrived(&p.in.got[1], 1, 500);
	assert_arrived(&p.in.got[2], 2, 1400);
	assert_arrived(&p.in.got[3], 3, 1400);
	close_pair(&p);
}

static void other_remote_or_ecn_goes_into_the_next_batch(void **state)
{
	struct mpq_udp c;
	struct pair p;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	open_udp(&c, "127.0.0.1");
	send_packet(&p.a, 0, 500, 0, &p.b.local);
	send_packet(&p.a, 1, 500, 0, &c.local);
	assert_int_equal(p.a.sends, 1);
	send_packet(&p.a, 2, 500, 2, &c.local);
	assert_int_equal(p.a.sends, 2);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	receive(&p.b, &p.in, 1);
	assert_arrived(&p.in.got[0], 0, 500);
	receive(&c, &p.in, 2);
	assert_arrived(&p.in.got[0], 1, 500);
	assert_int_equal(p.in.got[0].ecn, 0);
	assert_arrived(&p.in.got[1], 2, 500);
	assert_int_equal(p.in.got[1].ecn, 2);
	mpq_udp_finish(&c);
	close_pair(&p);
}

static void batch_ends_at_gso_max_and_at_64_packets(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	p.a.gso_max = 10;
	for (uint8_t i = 0; i < 10; i++) {
		assert_int_equal(p.a.sends, 0);
		send_packet(&p.a, i, 100, 0, &p.b.local);
	}
	assert_int_equal(p.a.sends, 1);
	p.a.gso_max = UINT8_MAX; /* more than kernels take */
	for (uint8_t i = 10; i < 74; i++) {
		assert_int_equal(p.a.sends, 1);
		send_packet(&p.a, i, 100, 0, &p.b.local);
	}
	assert_int_equal(p.a.sends, 2);
	assert_true(p.a.gso);
	receive(&p.b, &p.in, 74);
	close_pair(&p);
}

static void batch_ends_below_64_kib(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	for (uint8_t i = 0; i < 50; i++) {
		send_packet(&p.a, i, 1472, 0, &p.b.local);
	}
	assert_int_equal(p.a.sends, 1);
	assert_int_equal(p.a.packets_out, 65000 / 1472);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_true(p.a.gso);
	receive(&p.b, &p.in, 50);
	for (uint8_t i = 0; i < 50; i++) {
		assert_arrived(&p.in.got[i], i, 1472);
	}
	close_pair(&p);
}

static void flush_of_nothing_sends_nothing(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	assert_non_null(mpq_udp_reserve(&p.a, 1500));
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.sends, 0);
	close_pair(&p);
}

static void carries_ecn(const char *from, const char *to, const char *dial)
{
	struct mpq_sockaddr remote;
	struct pair p;

	open_pair(&p, from, to);
	remote = at(&p.b, dial);
	for (uint8_t ecn = 0; ecn < 4; ecn++) {
		send_packet(&p.a, ecn, 100, ecn, &remote);
	}
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	receive(&p.b, &p.in, 4);
	for (uint8_t ecn = 0; ecn < 4; ecn++) {
		assert_int_equal(p.in.got[ecn].ecn, ecn);
	}
	close_pair(&p);
}

static void carries_ecn_on_both_families_and_mapped(void **state)
{
	(void)state;
	carries_ecn("127.0.0.1", "127.0.0.1", "127.0.0.1");
	carries_ecn("::1", "::1", "::1");
	carries_ecn("127.0.0.1", "::", "127.0.0.1");
	carries_ecn("::", "127.0.0.1", "::ffff:127.0.0.1");
	carries_ecn("::", "::", "::1");
}

static int tos_of_next(int fd)
{
	uint8_t data[64], control[64];
	struct iovec part = {data, sizeof(data)};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};

	assert_true(recvmsg(fd, &m, 0) >= 0);
	assert_non_null(CMSG_FIRSTHDR(&m));
	return *CMSG_DATA(CMSG_FIRSTHDR(&m));
}

static void ecn_keeps_the_dscp_that_the_socket_came_with(void **state)
{
	int sender = bound_socket("127.0.0.1"), on = 1, tos = 0xb8;
	int fd = bound_socket("127.0.0.1");
	struct mpq_sockaddr to = {.len = sizeof(to.in)};
	struct mpq_udp u;

	(void)state;
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, 4), 0);
	assert_int_equal(getsockname(fd, &to.sa, &to.len), 0);
	assert_int_equal(setsockopt(sender, IPPROTO_IP, IP_TOS, &tos, 4), 0);
	assert_int_equal(mpq_udp_init(&u, sender), 0);
	send_packet(&u, 0, 10, 2, &to);
	send_packet(&u, 0, 10, 0, &to);
	assert_int_equal(mpq_udp_flush(&u), 0);
	assert_int_equal(tos_of_next(fd), 0xb8 | 2);
	assert_int_equal(tos_of_next(fd), 0xb8);
	mpq_udp_finish(&u);
	(void)close(fd);
}

/* The wildcard socket b is asked at `dial` and must answer from there. */
static void answers_from(const char *from, const char *to, const char *dial,
			 const char *as)
{
	struct mpq_sockaddr remote, asked;
	struct pair p;
	uint8_t *room;

	open_pair(&p, from, to);
	remote = at(&p.b, dial);
	asked = at(&p.b, as);
	send_packet(&p.a, 1, 100, 0, &remote);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	receive(&p.b, &p.in, 1);
	assert_true(same(&p.in.got[0].local, &asked));

	for (int i = 0; i < 2; i++) {
		room = mpq_udp_reserve(&p.b, 10);
		memset(room, 0, 10);
		mpq_udp_commit(&p.b, 10, 1, &p.in.got[0].local,
			       &p.in.got[0].remote);
	}
	assert_int_equal(mpq_udp_flush(&p.b), 0);
	assert_int_equal(p.b.sends, 1);
	receive(&p.a, &p.in, 2);
	assert_true(same(&p.in.got[0].remote, &remote));
	assert_true(same(&p.in.got[1].remote, &remote));
	assert_int_equal(p.in.got[0].ecn, 1);
	close_pair(&p);
}

static void wildcard_answers_from_the_address_that_was_asked(void **state)
{
	(void)state;
	answers_from("127.0.0.1", "0.0.0.0", "127.0.0.2", "127.0.0.2");
	answers_from("127.0.0.1", "::", "127.0.0.2", "::ffff:127.0.0.2");
	answers_from("::1", "::", "::1", "::1");
}

static void other_local_goes_into_the_next_batch_on_a_wildcard(void **state)
{
	struct pair p;
	const char *from[] = {"127.0.0.2", "127.0.0.3"};

	(void)state;
	open_pair(&p, "0.0.0.0", "127.0.0.1");
	for (int i = 0; i < 2; i++) {
		struct mpq_sockaddr local = at(&p.a, from[i]);

		memset(mpq_udp_reserve(&p.a, 10), 0, 10);
		mpq_udp_commit(&p.a, 10, 0, &local, &p.b.local);
	}
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.sends, 2);
	receive(&p.b, &p.in, 2);
	for (int i = 0; i < 2; i++) {
		struct mpq_sockaddr local = at(&p.a, from[i]);

		assert_true(same(&p.in.got[i].remote, &local));
	}
	close_pair(&p);
}

static void wildcard_without_a_local_lets_the_kernel_choose(void **state)
{
	const struct mpq_sockaddr any = {.len = 0};
	struct pair p;

	(void)state;
	open_pair(&p, "0.0.0.0", "127.0.0.1");
	memset(mpq_udp_reserve(&p.a, 10), 0, 10);
	mpq_udp_commit(&p.a, 10, 0, &any, &p.b.local);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	receive(&p.b, &p.in, 1);
	close_pair(&p);
}

/* A socket without UDP checksums cannot have its sends cut: a real refusal. */
static void falls_back_to_plain_sends_where_gso_is_refused(void **state)
{
	struct pair p;
	int on = 1;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	assert_int_equal(setsockopt(p.a.fd, SOL_SOCKET, SO_NO_CHECK, &on,
				    sizeof(on)),
			 0);
	for (int round = 0; round < 2; round++) {
		for (uint8_t i = 0; i < 10; i++) {
			send_packet(&p.a, i, 800, 2, &p.b.local);
		}
		send_packet(&p.a, 10, 80, 2, &p.b.local);
		assert_int_equal(mpq_udp_flush(&p.a), 0);
		assert_false(p.a.gso);
		receive(&p.b, &p.in, 11);
		for (uint8_t i = 0; i < 10; i++) {
			assert_arrived(&p.in.got[i], i, 800);
			assert_int_equal(p.in.got[i].ecn, 2);
		}
		assert_arrived(&p.in.got[10], 10, 80);
	}
	assert_int_equal(p.a.packets_out, 22);
	assert_int_equal(p.a.send_errors, 0);
	close_pair(&p);
}

static void packet_above_the_mtu_is_lost_and_counted_and_gso_stays(void **state)
{
	struct pair p;

	(void)state;
	if (!have_netns) {
		print_message("needs root, to set the MTU of a loopback\n");
		skip();
	}
	assert_int_equal(netns_set_mtu("lo", 1400), 0);
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	send_packet(&p.a, 0, 1500, 0, &p.b.local); /* the probe */
	send_packet(&p.a, 1, 1000, 0, &p.b.local); /* the data behind it */
	for (uint8_t i = 2; i < 12; i++) {
		send_packet(&p.a, i, 1372, 0, &p.b.local); /* just fits */
	}
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.send_too_long, 1);
	assert_int_equal(p.a.send_errors, 0);
	assert_true(p.a.gso);
	receive(&p.b, &p.in, 11);
	assert_arrived(&p.in.got[0], 1, 1000);
	close_pair(&p);
	assert_int_equal(netns_set_mtu("lo", 65536), 0);
}

static void port_unreachable_does_not_end_the_socket(const char *ip)
{
	struct mpq_sockaddr closed;
	struct mpq_udp gone;
	struct pair p;

	open_pair(&p, ip, ip);
	open_udp(&gone, ip);
	closed = gone.local;
	mpq_udp_finish(&gone);
	for (uint8_t i = 0; i < 5; i++) {
		send_packet(&p.a, i, 100, 0, &closed);
		assert_int_equal(mpq_udp_flush(&p.a), 0);
	}
	/* The pending error would eat this one, were it not sent again. */
	send_packet(&p.a, 5, 100, 0, &p.b.local);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	receive(&p.b, &p.in, 1);
	assert_arrived(&p.in.got[0], 5, 100);

	assert_true(wait_readable(&p.a));
	assert_int_equal(mpq_udp_receive(&p.a, 8, on_datagram, &p.in), 0);
	assert_int_equal(p.a.last_error, ECONNREFUSED);
	assert_int_equal(p.a.send_errors, 0);
	send_packet(&p.b, 6, 100, 0, &p.a.local);
	assert_int_equal(mpq_udp_flush(&p.b), 0);
	receive(&p.a, &p.in, 1);
	close_pair(&p);
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
	struct pair p;
	struct pollfd f;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	open_udp(&gone, "127.0.0.1");
	closed = gone.local;
	mpq_udp_finish(&gone);
	send_packet(&p.a, 0, 100, 0, &closed);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_true(wait_readable(&p.a));
	assert_int_equal(mpq_udp_receive(&p.a, 8, on_datagram, &p.in), 0);
	f = (struct pollfd){.fd = p.a.fd, .events = POLLIN};
	assert_int_equal(poll(&f, 1, 0), 0);
	close_pair(&p);
}

static void no_route_is_counted_and_harmless(void **state)
{
	struct mpq_sockaddr nowhere = address("192.0.2.1", 9);
	struct pair p;

	(void)state;
	if (!have_netns) {
		print_message("needs root, for a namespace without routes\n");
		skip();
	}
	open_pair(&p, "0.0.0.0", "127.0.0.1");
	for (uint8_t i = 0; i < 3; i++) {
		memset(mpq_udp_reserve(&p.a, 10), 0, 10);
		mpq_udp_commit(&p.a, 10, 0, &p.a.local, &nowhere);
	}
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.send_errors, 3);
	assert_int_equal(p.a.last_error, ENETUNREACH);
	assert_true(p.a.gso);
	close_pair(&p);
}

static void device_that_went_away_is_reported_by_flush_once(void **state)
{
	const char name[] = "mpqgone";
	struct mpq_sockaddr peer = address("198.51.100.2", 9);
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
	fd = bound_socket("0.0.0.0");
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name,
				    sizeof(name)),
			 0);
	assert_int_equal(mpq_udp_init(&u, fd), 0);
	send_packet(&u, 0, 100, 0, &peer);
	assert_int_equal(mpq_udp_flush(&u), 0);
	assert_int_equal(u.packets_out, 1);
	(void)close(tun); /* deletes the device */
	send_packet(&u, 1, 100, 0, &peer);
	send_packet(&u, 2, 50, 0, &peer); /* closes the batch: sent here */
	assert_int_equal(mpq_udp_flush(&u), -ENODEV);
	assert_int_equal(mpq_udp_flush(&u), 0);
	assert_int_equal(u.send_errors, 2);
	mpq_udp_finish(&u);
}

static void budget_bounds_what_is_read(void **state)
{
	struct pair p;
	int n;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	p.a.gso_max = 1; /* 20 sends: nothing for GRO to merge */
	for (uint8_t i = 0; i < 20; i++) {
		send_packet(&p.a, i, (size_t)(100 + i), 0, &p.b.local);
	}
	assert_int_equal(p.a.sends, 20);
	assert_true(wait_readable(&p.b));
	p.in.count = 0;
	n = mpq_udp_receive(&p.b, 3, on_datagram, &p.in);
	assert_int_equal(n, 3);
	assert_int_equal(p.in.count, 3);
	n = mpq_udp_receive(&p.b, 64, on_datagram, &p.in);
	assert_int_equal(n, 17);
	for (uint8_t i = 0; i < 20; i++) {
		assert_arrived(&p.in.got[i], i, (size_t)(100 + i));
	}
	assert_int_equal(mpq_udp_receive(&p.b, 64, on_datagram, &p.in), 0);
	close_pair(&p);
}

static void
what_comes_during_a_receive_is_not_older_than_its_sending(void **state)
{
	struct pair p;
	mpq_time sent;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	for (uint8_t i = 0; i < 3; i++) {
		sent = mpq_clock_now();
		send_packet(&p.a, i, 100, 0, &p.b.local);
		assert_int_equal(mpq_udp_flush(&p.a), 0);
		receive(&p.b, &p.in, 1);
		assert_true(p.in.got[0].received >= sent);
		assert_true(p.in.got[0].received <= mpq_clock_now());
	}
	close_pair(&p);
}

static void empty_datagram_counts_and_is_delivered(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, "127.0.0.1", "127.0.0.1");
	assert_int_equal(sendto(p.a.fd, "", 0, 0, &p.b.local.sa, p.b.local.len),
			 0);
	receive(&p.b, &p.in, 1);
	assert_int_equal(p.in.got[0].len, 0);
	assert_int_equal(p.b.packets_in, 1);
	close_pair(&p);
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
		cmocka_unit_test(batch_is_one_send_and_arrives_in_order_v4),
		cmocka_unit_test(batch_is_one_send_and_arrives_in_order_v6),
		cmocka_unit_test(shorter_packet_closes_the_batch),
		cmocka_unit_test(longer_packet_goes_into_the_next_batch),
		cmocka_unit_test(other_remote_or_ecn_goes_into_the_next_batch),
		cmocka_unit_test(batch_ends_at_gso_max_and_at_64_packets),
		cmocka_unit_test(batch_ends_below_64_kib),
		cmocka_unit_test(flush_of_nothing_sends_nothing),
		cmocka_unit_test(carries_ecn_on_both_families_and_mapped),
		cmocka_unit_test(ecn_keeps_the_dscp_that_the_socket_came_with),
		cmocka_unit_test(
			wildcard_answers_from_the_address_that_was_asked),
		cmocka_unit_test(
			other_local_goes_into_the_next_batch_on_a_wildcard),
		cmocka_unit_test(
			wildcard_without_a_local_lets_the_kernel_choose),
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
		cmocka_unit_test(budget_bounds_what_is_read),
		cmocka_unit_test(
			what_comes_during_a_receive_is_not_older_than_its_sending),
		cmocka_unit_test(empty_datagram_counts_and_is_delivered),
		cmocka_unit_test(
			refuses_what_is_not_a_udp_socket_and_closes_it),
	};

	have_netns = netns_enter() == 0;
	return cmocka_run_group_tests_name("io/udp", tests, NULL, NULL);
}
