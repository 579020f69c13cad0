/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/sockets.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno
									: 0;
}

/* Beyond rmem_max with CAP_NET_ADMIN, up to it without: a smaller buffer is
 * slower, not wrong. */
static void size_buffers(int fd)
{
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, MPQ_SOCKETS_BUFFER_BYTES)) {
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF,
			      MPQ_SOCKETS_BUFFER_BYTES);
	}
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, MPQ_SOCKETS_BUFFER_BYTES)) {
		(void)set_int(fd, SOL_SOCKET, SO_SNDBUF,
			      MPQ_SOCKETS_BUFFER_BYTES);
	}
}

static int bind_to(int fd, const struct mpq_sockaddr *address)
{
	return bind(fd, &address->sa, address->len) < 0 ? -errno : 0;
}

static int prepare_wan(int fd, const char *wan, uint32_t mark, int family)
{
	const struct mpq_sockaddr any4 = {
		.in = {.sin_family = AF_INET},
		.len = sizeof(struct sockaddr_in),
	};
	const struct mpq_sockaddr any6 = {
		.in6 = {.sin6_family = AF_INET6},
		.len = sizeof(struct sockaddr_in6),
	};
	int r = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, wan,
		       (socklen_t)strlen(wan) + 1) < 0) {
		return -errno;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0) {
		return -errno;
	}
	if (family == AF_INET6) {
		r = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	}
	if (r < 0) {
		return r;
	}
	size_buffers(fd);
	return bind_to(fd, family == AF_INET6 ? &any6 : &any4);
}

int mpq_sockets_wan(const char *wan, uint32_t mark, int family, int *ret_fd)
{
	int fd, r;

	/* An empty name would take the binding off instead. */
	if (wan[0] == '\0' || strlen(wan) >= IFNAMSIZ) {
		return -EINVAL;
	}
	fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	r = prepare_wan(fd, wan, mark, family);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int listen_on(const struct mpq_sockaddr *address, int *ret_fd)
{
	int fd, r = 0;

	fd = socket(address->sa.sa_family,
		    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (address->sa.sa_family == AF_INET6) {
		r = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	}
	if (r == 0) {
		size_buffers(fd);
		r = bind_to(fd, address);
	}
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int mpq_sockets_listen(const struct mpq_sockaddr *address, int *ret_fd)
{
	const struct mpq_sockaddr any4 = {
		.in = {.sin_family = AF_INET,
		       .sin_port = htons(mpq_sockaddr_port(address))},
		.len = sizeof(struct sockaddr_in),
	};
	int r = listen_on(address, ret_fd);

	if (r == -EAFNOSUPPORT && address->sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&address->in6.sin6_addr)) {
		r = listen_on(&any4, ret_fd);
	}
	return r;
}
