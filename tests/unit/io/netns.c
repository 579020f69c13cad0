/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/io/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int device_ioctl(unsigned long request, struct ifreq *r)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result;

	if (fd < 0) {
		return -errno;
	}
	result = ioctl(fd, request, r) ? -errno : 0;
	(void)close(fd);
	return result;
}

static struct ifreq named(const char *device)
{
	struct ifreq r = {0};

	strncpy(r.ifr_name, device, sizeof(r.ifr_name) - 1);
	return r;
}

int netns_set_up(const char *device)
{
	struct ifreq r = named(device);

	r.ifr_flags = IFF_UP | IFF_RUNNING;
	return device_ioctl(SIOCSIFFLAGS, &r);
}

int netns_set_mtu(const char *device, int mtu_bytes)
{
	struct ifreq r = named(device);

	r.ifr_mtu = mtu_bytes;
	return device_ioctl(SIOCSIFMTU, &r);
}

static int set_in(unsigned long request, const char *device, uint32_t address)
{
	struct ifreq r = named(device);
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_addr.s_addr = address};

	memcpy(&r.ifr_addr, &in, sizeof(in));
	return device_ioctl(request, &r);
}

int netns_set_address(const char *device, const char *address, int prefix_len)
{
	int r = set_in(SIOCSIFADDR, device, inet_addr(address));

	if (r) {
		return r;
	}
	return set_in(SIOCSIFNETMASK, device,
		      htonl(UINT32_MAX << (32 - prefix_len)));
}

int netns_enter(void)
{
	if (unshare(CLONE_NEWNET)) {
		return -errno;
	}
	return netns_set_up("lo");
}

int netns_open_tun(const char *device, int flags)
{
	struct ifreq r = named(device);
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		return -errno;
	}
	r.ifr_flags = (short)flags;
	if (ioctl(fd, TUNSETIFF, &r)) {
		int result = -errno;

		(void)close(fd);
		return result;
	}
	return fd;
}
