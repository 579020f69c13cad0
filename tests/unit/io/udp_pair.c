/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/io/udp_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>

#define WAIT_MS 5000 /* until a loopback packet counts as lost */

struct mpq_sockaddr udp_pair_address(const char *text, uint16_t port)
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

int udp_pair_socket(const char *text)
{
	struct mpq_sockaddr a = udp_pair_address(text, 0);
	int fd = socket(a.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), off = 0;

	assert_true(fd >= 0);
	if (a.sa.sa_family == AF_INET6) {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
				 sizeof(off));
	}
	assert_int_equal(bind(fd, &a.sa, a.len), 0);
	return fd;
}

void udp_pair_bind(struct mpq_udp *u, const char *text)
{
	assert_int_equal(mpq_udp_init(u, udp_pair_socket(text)), 0);
}

void udp_pair_send(struct mpq_udp *u, uint8_t number, size_t len, uint8_t ecn,
		   const struct mpq_sockaddr *to)
{
	uint8_t *p = mpq_udp_reserve(u, len);

	for (size_t i = 0; i < len; i++) {
		p[i] = (uint8_t)(number + i * 7);
	}
	mpq_udp_commit(u, len, ecn, &u->local, to);
}

void udp_pair_take(void *owner, const struct mpq_udp_datagram *d)
{
	struct udp_pair_inbox *in = owner;
	struct udp_pair_arrived *a = &in->got[in->count++];

	assert_true(in->count <= UDP_PAIR_ARRIVED_MAX);
	*a = (struct udp_pair_arrived){.len = d->len_bytes,
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

bool udp_pair_wait(const struct mpq_udp *u)
{
	struct pollfd p = {.fd = u->fd, .events = POLLIN};

	return poll(&p, 1, WAIT_MS) == 1;
}

void udp_pair_receive(struct mpq_udp *u, struct udp_pair_inbox *in, unsigned n)
{
	in->count = 0;
	while (in->count < n) {
		assert_true(udp_pair_wait(u));
		assert_true(mpq_udp_receive(u, 64, udp_pair_take, in) >= 0);
	}
	assert_int_equal(in->count, n);
}

void udp_pair_assert(const struct udp_pair_arrived *a, uint8_t first,
		     size_t len)
{
	assert_true(a->intact);
	assert_int_equal(a->first, first);
	assert_int_equal(a->len, len);
}

void udp_pair_open(struct udp_pair *p, const char *a, const char *b)
{
	memset(p, 0, sizeof(*p));
	udp_pair_bind(&p->a, a);
	udp_pair_bind(&p->b, b);
}

void udp_pair_close(struct udp_pair *p)
{
	mpq_udp_finish(&p->a);
	mpq_udp_finish(&p->b);
}
