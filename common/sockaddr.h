/* SPDX-License-Identifier: Apache-2.0 */
/* A socket address of either family, in one shape with its length. */
#ifndef MPQ_COMMON_SOCKADDR_H
#define MPQ_COMMON_SOCKADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct mpq_sockaddr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len; /* 0: no address */
};

#define MPQ_SOCKADDR_TEXT_BYTES 64

/* An IP address in text (no name look-up) and a port. 0 or -EINVAL. */
int mpq_sockaddr_parse(const char *address, uint16_t port,
		       struct mpq_sockaddr *ret);

/* Writes "192.0.2.1:45001" or "[2001:db8::1]:45001"; an IPv4-mapped IPv6
 * address is written as the IPv4 address, no address as "-". Returns text. */
const char *mpq_sockaddr_format(const struct mpq_sockaddr *a, char *text);

bool mpq_sockaddr_equal(const struct mpq_sockaddr *a,
			const struct mpq_sockaddr *b);
uint16_t mpq_sockaddr_port(const struct mpq_sockaddr *a);

#endif
