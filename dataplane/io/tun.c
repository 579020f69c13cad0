/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/io/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* Linux 6.2; the headers of Debian 12 are older. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define OFFLOAD_TSO (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)
#define OFFLOAD_USO (OFFLOAD_TSO | TUN_F_USO4 | TUN_F_USO6)

/* A device of another shape would give and take frames that are shifted. */
static int check_shape(int fd)
{
	const int wanted = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	struct ifreq r = {0};
	int size = sizeof(struct virtio_net_hdr);

	if (ioctl(fd, TUNGETIFF, &r)) {
		return -errno;
	}
	if ((r.ifr_flags & wanted) != wanted) {
		return -EINVAL;
	}
	return ioctl(fd, TUNSETVNETHDRSZ, &size) ? -errno : 0;
}

static void probe_offloads(struct mpq_tun *t)
{
	t->uso = ioctl(t->fd, TUNSETOFFLOAD, OFFLOAD_USO) == 0;
	t->tso = t->uso || ioctl(t->fd, TUNSETOFFLOAD, OFFLOAD_TSO) == 0;
}

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		return -errno;
	}
	return 0;
}

int mpq_tun_init(struct mpq_tun *t, int fd)
{
	int r;

	*t = (struct mpq_tun){.fd = fd};
	r = check_shape(fd);
	if (!r) {
		r = set_nonblocking(fd);
	}
	if (r) {
		mpq_tun_finish(t);
		return r;
	}
	probe_offloads(t);
	return 0;
}

void mpq_tun_finish(struct mpq_tun *t)
{
	if (t && t->fd >= 0) {
		(void)close(t->fd);
		t->fd = -1;
	}
}

int mpq_tun_read(struct mpq_tun *t, struct virtio_net_hdr *ret_hdr,
		 uint8_t *frame, size_t cap)
{
	struct iovec v[2] = {{ret_hdr, sizeof(*ret_hdr)}, {frame, cap}};
	ssize_t n = readv(t->fd, v, 2);

	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR) {
			return 0;
		}
		t->read_errors++;
		return -errno;
	}
	if ((size_t)n <= sizeof(*ret_hdr)) {
		return 0;
	}
	n -= (ssize_t)sizeof(*ret_hdr);
	t->frames_in++;
	t->bytes_in += (uint64_t)n;
	return (int)n;
}

int mpq_tun_write(struct mpq_tun *t, const struct virtio_net_hdr *hdr,
		  const uint8_t *frame, size_t len)
{
	struct iovec v[2] = {{(void *)hdr, sizeof(*hdr)}, {(void *)frame, len}};

	if (writev(t->fd, v, 2) < 0) {
		int r = -errno;

		if (r == -EAGAIN || r == -ENOBUFS) {
			t->write_full++;
		} else {
			t->write_errors++;
		}
		return r;
	}
	t->frames_out++;
	t->bytes_out += len;
	return 0;
}
