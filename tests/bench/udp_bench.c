/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What io/udp costs a packet on loopback, kernel included: batches of a length
 * are sent and received in turn, CPU time is divided by their number.
 */
#include "dataplane/io/udp.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS     2000
#define BATCH_PKTS 44

static double cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int open_udp(struct mpq_udp *u, const char *ip)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = inet_addr(ip);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		return -1;
	}
	return mpq_udp_init(u, fd);
}

static void count(void *owner, const struct mpq_udp_datagram *d)
{
	uint64_t *bytes = owner;

	*bytes += d->len_bytes;
}

static void send_batch(struct mpq_udp *u, size_t len, uint8_t ecn,
		       const struct mpq_sockaddr *to)
{
	for (int i = 0; i < BATCH_PKTS; i++) {
		uint8_t *p = mpq_udp_reserve(u, len);

		p[0] = (uint8_t)i;
		mpq_udp_commit(u, len, ecn, &u->local, to);
	}
	(void)mpq_udp_flush(u);
}

static int receive_batch(struct mpq_udp *u, uint64_t *bytes)
{
	struct pollfd p = {.fd = u->fd, .events = POLLIN};
	int n = 0;

	while (n < BATCH_PKTS) {
		if (poll(&p, 1, 1000) != 1) {
			return -1;
		}
		n += mpq_udp_receive(u, 256, count, bytes);
	}
	return 0;
}

static int measure(const char *from, const char *to, size_t len, bool gso)
{
	double sending = 0, receiving = 0, packets = ROUNDS * BATCH_PKTS;
	struct mpq_sockaddr dial;
	struct mpq_udp a, b;
	uint64_t bytes = 0;

	if (open_udp(&a, from) || open_udp(&b, to)) {
		perror("socket");
		return -1;
	}
	a.gso = gso;
	dial = b.local;
	dial.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < ROUNDS; i++) {
		double t0 = cpu_ns(), t1;

		send_batch(&a, len, 2, &dial);
		t1 = cpu_ns();
		sending += t1 - t0;
		if (receive_batch(&b, &bytes)) {
			fprintf(stderr, "packets were lost on loopback\n");
			return -1;
		}
		receiving += cpu_ns() - t1;
	}
	printf("%-9s -> %-9s %5zu B %-8s send %5.0f ns, receive %5.0f ns "
	       "a packet\n",
	       from, to, len, gso ? "GSO" : "plain", sending / packets,
	       receiving / packets);
	mpq_udp_finish(&a);
	mpq_udp_finish(&b);
	return 0;
}

int main(void)
{
	int r = measure("127.0.0.1", "127.0.0.1", 1400, true);

	r = r ? r : measure("127.0.0.1", "0.0.0.0", 1400, true);
	r = r ? r : measure("0.0.0.0", "0.0.0.0", 1400, true);
	r = r ? r : measure("127.0.0.1", "127.0.0.1", 240, true);
	r = r ? r : measure("127.0.0.1", "127.0.0.1", 1400, false);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
