/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out in batches, and in: what arrives is what was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/io/netns.h"
#include "tests/unit/io/udp_pair.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

static struct mpq_sockaddr at(const struct mpq_udp *u, const char *text)
{
	return udp_pair_address(text, ntohs(u->local.in.sin_port));
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

static void batch_is_one_send_and_arrives_in_order(const char *ip)
{
	struct udp_pair p;

	udp_pair_open(&p, ip, ip);
	for (uint8_t i = 0; i < 20; i++) {
		udp_pair_send(&p.a, i, 1200, 0, &p.b.local);
	}
	udp_pair_send(&p.a, 20, 300, 0, &p.b.local);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.sends, 1);
	assert_int_equal(p.a.packets_out, 21);
	assert_int_equal(p.a.bytes_out, 20 * 1200 + 300);

	udp_pair_receive(&p.b, &p.in, 21);
	for (uint8_t i = 0; i < 20; i++) {
		udp_pair_assert(&p.in.got[i], i, 1200);
		assert_true(same(&p.in.got[i].remote, &p.a.local));
		assert_true(same(&p.in.got[i].local, &p.b.local));
	}
	udp_pair_assert(&p.in.got[20], 20, 300);
	assert_int_equal(p.b.receives, 1); /* GRO kept it whole */
	assert_int_equal(p.b.packets_in, 21);
	assert_int_equal(p.b.bytes_in, 20 * 1200 + 300);
	udp_pair_close(&p);
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
	struct udp_pair p;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	udp_pair_send(&p.a, 0, 1000, 0, &p.b.local);
	assert_int_equal(p.a.sends, 0);
	udp_pair_send(&p.a, 1, 999, 0, &p.b.local);
	assert_int_equal(p.a.sends, 1);
	udp_pair_send(&p.a, 2, 999, 0, &p.b.local);
	assert_int_equal(p.a.sends, 1);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.sends, 2);
	udp_pair_receive(&p.b, &p.in, 3);
	udp_pair_assert(&p.in.got[0], 0, 1000);
	udp_pair_assert(&p.in.got[1], 1, 999);
	udp_pair_assert(&p.in.got[2], 2, 999);
	udp_pair_close(&p);
}

static void longer_packet_goes_into_the_next_batch(void **state)
{
	struct udp_pair p;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	udp_pair_send(&p.a, 0, 500, 0, &p.b.local);
	udp_pair_send(&p.a, 1, 500, 0, &p.b.local);
	udp_pair_send(&p.a, 2, 1400, 0, &p.b.local);
	assert_int_equal(p.a.sends, 1);
	assert_int_equal(p.a.packets_out, 2);
	udp_pair_send(&p.a, 3, 1400, 0, &p.b.local);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.sends, 2);
	udp_pair_receive(&p.b, &p.in, 4);
	udp_pair_assert(&p.in.got[1], 1, 500);
	udp_pair_assert(&p.in.got[2], 2, 1400);
	udp_pair_assert(&p.in.got[3], 3, 1400);
	udp_pair_close(&p);
}

static void other_remote_or_ecn_goes_into_the_next_batch(void **state)
{
	struct mpq_udp c;
	struct udp_pair p;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	udp_pair_bind(&c, "127.0.0.1");
	udp_pair_send(&p.a, 0, 500, 0, &p.b.local);
	udp_pair_send(&p.a, 1, 500, 0, &c.local);
	assert_int_equal(p.a.sends, 1);
	udp_pair_send(&p.a, 2, 500, 2, &c.local);
	assert_int_equal(p.a.sends, 2);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	udp_pair_receive(&p.b, &p.in, 1);
	udp_pair_assert(&p.in.got[0], 0, 500);
	udp_pair_receive(&c, &p.in, 2);
	udp_pair_assert(&p.in.got[0], 1, 500);
	assert_int_equal(p.in.got[0].ecn, 0);
	udp_pair_assert(&p.in.got[1], 2, 500);
	assert_int_equal(p.in.got[1].ecn, 2);
	mpq_udp_finish(&c);
	udp_pair_close(&p);
}

static void batch_ends_at_gso_max_and_at_64_packets(void **state)
{
	struct udp_pair p;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	p.a.gso_max = 10;
	for (uint8_t i = 0; i < 10; i++) {
		assert_int_equal(p.a.sends, 0);
		udp_pair_send(&p.a, i, 100, 0, &p.b.local);
	}
	assert_int_equal(p.a.sends, 1);
	p.a.gso_max = UINT8_MAX; /* more than kernels take */
	for (uint8_t i = 10; i < 74; i++) {
		assert_int_equal(p.a.sends, 1);
		udp_pair_send(&p.a, i, 100, 0, &p.b.local);
	}
	assert_int_equal(p.a.sends, 2);
	assert_true(p.a.gso);
	udp_pair_receive(&p.b, &p.in, 74);
	udp_pair_close(&p);
}

static void batch_ends_below_64_kib(void **state)
{
	struct udp_pair p;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	for (uint8_t i = 0; i < 50; i++) {
		udp_pair_send(&p.a, i, 1472, 0, &p.b.local);
	}
	assert_int_equal(p.a.sends, 1);
	assert_int_equal(p.a.packets_out, 65000 / 1472);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_true(p.a.gso);
	udp_pair_receive(&p.b, &p.in, 50);
	for (uint8_t i = 0; i < 50; i++) {
		udp_pair_assert(&p.in.got[i], i, 1472);
	}
	udp_pair_close(&p);
}

static void flush_of_nothing_sends_nothing(void **state)
{
	struct udp_pair p;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	assert_non_null(mpq_udp_reserve(&p.a, 1500));
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.sends, 0);
	udp_pair_close(&p);
}

static void carries_ecn(const char *from, const char *to, const char *dial)
{
	struct mpq_sockaddr remote;
	struct udp_pair p;

	udp_pair_open(&p, from, to);
	remote = at(&p.b, dial);
	for (uint8_t ecn = 0; ecn < 4; ecn++) {
		udp_pair_send(&p.a, ecn, 100, ecn, &remote);
	}
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	udp_pair_receive(&p.b, &p.in, 4);
	for (uint8_t ecn = 0; ecn < 4; ecn++) {
		assert_int_equal(p.in.got[ecn].ecn, ecn);
	}
	udp_pair_close(&p);
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
	int sender = udp_pair_socket("127.0.0.1"), on = 1, tos = 0xb8;
	int fd = udp_pair_socket("127.0.0.1");
	struct mpq_sockaddr to = {.len = sizeof(to.in)};
	struct mpq_udp u;

	(void)state;
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, 4), 0);
	assert_int_equal(getsockname(fd, &to.sa, &to.len), 0);
	assert_int_equal(setsockopt(sender, IPPROTO_IP, IP_TOS, &tos, 4), 0);
	assert_int_equal(mpq_udp_init(&u, sender), 0);
	udp_pair_send(&u, 0, 10, 2, &to);
	udp_pair_send(&u, 0, 10, 0, &to);
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
	struct udp_pair p;
	uint8_t *room;

	udp_pair_open(&p, from, to);
	remote = at(&p.b, dial);
	asked = at(&p.b, as);
	udp_pair_send(&p.a, 1, 100, 0, &remote);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	udp_pair_receive(&p.b, &p.in, 1);
	assert_true(same(&p.in.got[0].local, &asked));

	for (int i = 0; i < 2; i++) {
		room = mpq_udp_reserve(&p.b, 10);
		memset(room, 0, 10);
		mpq_udp_commit(&p.b, 10, 1, &p.in.got[0].local,
			       &p.in.got[0].remote);
	}
	assert_int_equal(mpq_udp_flush(&p.b), 0);
	assert_int_equal(p.b.sends, 1);
	udp_pair_receive(&p.a, &p.in, 2);
	assert_true(same(&p.in.got[0].remote, &remote));
	assert_true(same(&p.in.got[1].remote, &remote));
	assert_int_equal(p.in.got[0].ecn, 1);
	udp_pair_close(&p);
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
	struct udp_pair p;
	const char *from[] = {"127.0.0.2", "127.0.0.3"};

	(void)state;
	udp_pair_open(&p, "0.0.0.0", "127.0.0.1");
	for (int i = 0; i < 2; i++) {
		struct mpq_sockaddr local = at(&p.a, from[i]);

		memset(mpq_udp_reserve(&p.a, 10), 0, 10);
		mpq_udp_commit(&p.a, 10, 0, &local, &p.b.local);
	}
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	assert_int_equal(p.a.sends, 2);
	udp_pair_receive(&p.b, &p.in, 2);
	for (int i = 0; i < 2; i++) {
		struct mpq_sockaddr local = at(&p.a, from[i]);

		assert_true(same(&p.in.got[i].remote, &local));
	}
	udp_pair_close(&p);
}

static void wildcard_without_a_local_lets_the_kernel_choose(void **state)
{
	const struct mpq_sockaddr any = {.len = 0};
	struct udp_pair p;

	(void)state;
	udp_pair_open(&p, "0.0.0.0", "127.0.0.1");
	memset(mpq_udp_reserve(&p.a, 10), 0, 10);
	mpq_udp_commit(&p.a, 10, 0, &any, &p.b.local);
	assert_int_equal(mpq_udp_flush(&p.a), 0);
	udp_pair_receive(&p.b, &p.in, 1);
	udp_pair_close(&p);
}

static void budget_bounds_what_is_read(void **state)
{
	struct udp_pair p;
	int n;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	p.a.gso_max = 1; /* 20 sends: nothing for GRO to merge */
	for (uint8_t i = 0; i < 20; i++) {
		udp_pair_send(&p.a, i, (size_t)(100 + i), 0, &p.b.local);
	}
	assert_int_equal(p.a.sends, 20);
	assert_true(udp_pair_wait(&p.b));
	p.in.count = 0;
	n = mpq_udp_receive(&p.b, 3, udp_pair_take, &p.in);
	assert_int_equal(n, 3);
	assert_int_equal(p.in.count, 3);
	n = mpq_udp_receive(&p.b, 64, udp_pair_take, &p.in);
	assert_int_equal(n, 17);
	for (uint8_t i = 0; i < 20; i++) {
		udp_pair_assert(&p.in.got[i], i, (size_t)(100 + i));
	}
	assert_int_equal(mpq_udp_receive(&p.b, 64, udp_pair_take, &p.in), 0);
	udp_pair_close(&p);
}

static void
what_comes_during_a_receive_is_not_older_than_its_sending(void **state)
{
	struct udp_pair p;
	mpq_time sent;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	for (uint8_t i = 0; i < 3; i++) {
		sent = mpq_clock_now();
		udp_pair_send(&p.a, i, 100, 0, &p.b.local);
		assert_int_equal(mpq_udp_flush(&p.a), 0);
		udp_pair_receive(&p.b, &p.in, 1);
		assert_true(p.in.got[0].received >= sent);
		assert_true(p.in.got[0].received <= mpq_clock_now());
	}
	udp_pair_close(&p);
}

static void empty_datagram_counts_and_is_delivered(void **state)
{
	struct udp_pair p;

	(void)state;
	udp_pair_open(&p, "127.0.0.1", "127.0.0.1");
	assert_int_equal(sendto(p.a.fd, "", 0, 0, &p.b.local.sa, p.b.local.len),
			 0);
	udp_pair_receive(&p.b, &p.in, 1);
	assert_int_equal(p.in.got[0].len, 0);
	assert_int_equal(p.b.packets_in, 1);
	udp_pair_close(&p);
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
		cmocka_unit_test(budget_bounds_what_is_read),
		cmocka_unit_test(
			what_comes_during_a_receive_is_not_older_than_its_sending),
		cmocka_unit_test(empty_datagram_counts_and_is_delivered),
	};

	(void)netns_enter();
	return cmocka_run_group_tests_name("io/udp", tests, NULL, NULL);
}
