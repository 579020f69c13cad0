/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two UDP sockets on the loopback and an inbox: packets whose bytes all follow
 * from their number, sent by the module and received by it.
 */
#ifndef MPQ_TESTS_IO_UDP_PAIR_H
#define MPQ_TESTS_IO_UDP_PAIR_H

#include "dataplane/io/udp.h"

#define UDP_PAIR_ARRIVED_MAX 256

struct udp_pair_arrived {
	size_t len;
	uint8_t first, ecn;
	bool intact; /* every byte is as sent */
	mpq_time received;
	struct mpq_sockaddr local, remote;
};

struct udp_pair_inbox {
	struct udp_pair_arrived got[UDP_PAIR_ARRIVED_MAX];
	unsigned count;
};

struct udp_pair {
	struct mpq_udp a, b;
	struct udp_pair_inbox in;
};

/* Text of either family. */
struct mpq_sockaddr udp_pair_address(const char *text, uint16_t port);
/* Bound to that address and any port; IPv6 ones take IPv4 as well. */
int udp_pair_socket(const char *text);
void udp_pair_bind(struct mpq_udp *u, const char *text);

/* A packet whose bytes all follow from its number and place. */
void udp_pair_send(struct mpq_udp *u, uint8_t number, size_t len, uint8_t ecn,
		   const struct mpq_sockaddr *to);
/* For mpq_udp_receive(): into the inbox that is its owner. */
void udp_pair_take(void *owner, const struct mpq_udp_datagram *d);
bool udp_pair_wait(const struct mpq_udp *u);
/* Receives until n are there. */
void udp_pair_receive(struct mpq_udp *u, struct udp_pair_inbox *in, unsigned n);
void udp_pair_assert(const struct udp_pair_arrived *a, uint8_t first,
		     size_t len);

void udp_pair_open(struct udp_pair *p, const char *a, const char *b);
void udp_pair_close(struct udp_pair *p);

#endif
