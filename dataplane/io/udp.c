/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/io/udp.h"

#include "dataplane/io/udp_internal.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <unistd.h>

#define ECN_BITS 0x03

struct option {
	int level, name, value;
};

/* The reports of both families: a dual-stack socket has peers of both. */
static const struct option options_v4[] = {
	{IPPROTO_IP, IP_RECVTOS, 1},
	{IPPROTO_IP, IP_RECVERR, 1},
	{IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE},
};
static const struct option options_v6[] = {
	{IPPROTO_IPV6, IPV6_RECVTCLASS, 1},
	{IPPROTO_IPV6, IPV6_RECVERR, 1},
	{IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE},
};

static int set_option(int fd, const struct option *o)
{
	return setsockopt(fd, o->level, o->name, &o->value, sizeof(o->value))
		       ? -errno
		       : 0;
}

static int set_options(int fd, const struct option *o, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		r = set_option(fd, &o[i]);
	}
	return r;
}

static bool is_v6(const struct mpq_udp *u)
{
	return u->local.sa.sa_family == AF_INET6;
}

static int read_local(struct mpq_udp *u)
{
	u->local.len = sizeof(u->local.in6);
	if (getsockname(u->fd, &u->local.sa, &u->local.len)) {
		return -errno;
	}
	switch (u->local.sa.sa_family) {
	case AF_INET:
		u->wildcard = u->local.in.sin_addr.s_addr == INADDR_ANY;
		return 0;
	case AF_INET6:
		u->wildcard = IN6_IS_ADDR_UNSPECIFIED(&u->local.in6.sin6_addr);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

/* A control message for ECN replaces the whole octet, so the DSCP that
 * mpquic-control has set must go with it. */
static uint8_t read_dscp(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, level, name, &value, &len) || value < 0) {
		return 0;
	}
	return (uint8_t)(value & ~ECN_BITS);
}

static int set_address_reports(struct mpq_udp *u)
{
	static const struct option v4 = {IPPROTO_IP, IP_PKTINFO, 1};
	static const struct option v6 = {IPPROTO_IPV6, IPV6_RECVPKTINFO, 1};

	return u->wildcard ? set_option(u->fd, is_v6(u) ? &v6 : &v4) : 0;
}

static int set_up(struct mpq_udp *u)
{
	static const struct option gro = {IPPROTO_UDP, UDP_GRO, 1};
	int r = read_local(u);

	if (!r) {
		r = set_options(u->fd, options_v4,
				sizeof(options_v4) / sizeof(options_v4[0]));
	}
	if (!r && is_v6(u)) {
		r = set_options(u->fd, options_v6,
				sizeof(options_v6) / sizeof(options_v6[0]));
	}
	if (!r) {
		r = set_address_reports(u);
	}
	if (r) {
		return r;
	}
	u->tos = read_dscp(u->fd, IPPROTO_IP, IP_TOS);
	u->tclass = is_v6(u) ? read_dscp(u->fd, IPPROTO_IPV6, IPV6_TCLASS) : 0;
	(void)set_option(u->fd, &gro); /* without it: more calls */
	u->batch = malloc(MPQ_UDP_BATCH_BYTES);
	u->arena = mpq_udp_arena_new();
	return u->batch && u->arena ? 0 : -ENOMEM;
}

int mpq_udp_init(struct mpq_udp *u, int fd)
{
	int r;

	*u = (struct mpq_udp){.fd = fd,
			      .gso = true,
			      .gso_max = MPQ_UDP_GSO_MAX};
	r = set_up(u);
	if (r) {
		mpq_udp_finish(u);
	}
	return r;
}

void mpq_udp_finish(struct mpq_udp *u)
{
	if (!u) {
		return;
	}
	if (u->fd >= 0) {
		(void)close(u->fd);
		u->fd = -1;
	}
	free(u->batch);
	u->batch = NULL;
	mpq_udp_arena_free(u->arena);
	u->arena = NULL;
}
