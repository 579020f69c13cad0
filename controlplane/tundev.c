/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/tundev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TUNDEV_FLAGS (IFF_TUN | IFF_NO_PI | IFF_VNET_HDR)

int mpq_tundev_create(const char *name, int *ret_fd)
{
	struct ifreq request = {.ifr_flags = TUNDEV_FLAGS};
	size_t length = strlen(name);
	int fd;

	/* An empty name or a '%' would have the kernel choose one. */
	if (length == 0 || length >= IFNAMSIZ || strchr(name, '%') != NULL) {
		return -EINVAL;
	}
	memcpy(request.ifr_name, name, length);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		int error = -errno;

		(void)close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int mpq_tundev_adopt(int fd, char ret_name[IFNAMSIZ])
{
	const int kind = TUNDEV_FLAGS | IFF_TAP | IFF_MULTI_QUEUE;
	struct ifreq request = {0};

	if (ioctl(fd, TUNGETIFF, &request) < 0) {
		return errno == EBADFD ? -EBADFD : -EINVAL;
	}
	if ((request.ifr_flags & kind) != TUNDEV_FLAGS) {
		return -EINVAL;
	}
	memcpy(ret_name, request.ifr_name, IFNAMSIZ);
	return 0;
}
