/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int mpq_sockaddr_parse(const char *address, uint16_t port,
		       struct mpq_sockaddr *ret)
{
	struct mpq_sockaddr a = {0};

	if (inet_pton(AF_INET, address, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		a.len = sizeof(a.in);
		*ret = a;
		return 0;
	}
	/* Cleared again: a failed inet_pton may have left something. */
	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET6, address, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		a.len = sizeof(a.in6);
		*ret = a;
		return 0;
	}
	return -EINVAL;
}

static const char *format_in6(const struct mpq_sockaddr *a, char *text)
{
	const struct in6_addr *in6 = &a->in6.sin6_addr;
	char address[INET6_ADDRSTRLEN] = "?";

	if (IN6_IS_ADDR_V4MAPPED(in6)) {
		(void)inet_ntop(AF_INET, &in6->s6_addr[12], address,
				sizeof(address));
		(void)snprintf(text, MPQ_SOCKADDR_TEXT_BYTES, "%s:%u", address,
			       ntohs(a->in6.sin6_port));
		return text;
	}
	(void)inet_ntop(AF_INET6, in6, address, sizeof(address));
	(void)snprintf(text, MPQ_SOCKADDR_TEXT_BYTES, "[%s]:%u", address,
		       ntohs(a->in6.sin6_port));
	return text;
}

const char *mpq_sockaddr_format(const struct mpq_sockaddr *a, char *text)
{
	char address[INET_ADDRSTRLEN] = "?";

	if (a->len != 0 && a->sa.sa_family == AF_INET6) {
		return format_in6(a, text);
	}
	if (a->len == 0 || a->sa.sa_family != AF_INET) {
		(void)snprintf(text, MPQ_SOCKADDR_TEXT_BYTES, "-");
		return text;
	}
	(void)inet_ntop(AF_INET, &a->in.sin_addr, address, sizeof(address));
	(void)snprintf(text, MPQ_SOCKADDR_TEXT_BYTES, "%s:%u", address,
		       ntohs(a->in.sin_port));
	return text;
}

bool mpq_sockaddr_equal(const struct mpq_sockaddr *a,
			const struct mpq_sockaddr *b)
{
	if (a->len == 0 || b->len == 0) {
		return a->len == b->len;
	}
	if (a->sa.sa_family != b->sa.sa_family) {
		return false;
	}
	if (a->sa.sa_family == AF_INET) {
		return a->in.sin_port == b->in.sin_port &&
		       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	}
	return a->in6.sin6_port == b->in6.sin6_port &&
	       a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
	       IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
}

uint16_t mpq_sockaddr_port(const struct mpq_sockaddr *a)
{
	if (a->len == 0) {
		return 0;
	}
	return ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port
						: a->in6.sin6_port);
}
