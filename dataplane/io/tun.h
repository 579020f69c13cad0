/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TUN device by a descriptor that mpquic-control opened (IFF_TUN, IFF_NO_PI,
 * IFF_VNET_HDR): reads frames with their virtio_net_hdr, writes them. What
 * offloads the kernel takes is probed here (TUNSETOFFLOAD needs no privilege).
 */
#ifndef MPQ_IO_TUN_H
#define MPQ_IO_TUN_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mpq_tun {
	int fd;        /* owned */
	bool tso, uso; /* the kernel hands us, and takes, such frames */
	uint64_t frames_in, frames_out, bytes_in, bytes_out;
	uint64_t read_errors, write_errors, write_full;
};

/* Takes fd. 0 or -errno (fd is closed then). */
int mpq_tun_init(struct mpq_tun *t, int fd);
void mpq_tun_finish(struct mpq_tun *t);

/* One frame: its length without the header, 0 when there is none now; -EBADFD:
 * the device was deleted; other -errno are counted and harmless (-EIO: link
 * down). A zero-length read counts as none. */
int mpq_tun_read(struct mpq_tun *t, struct virtio_net_hdr *ret_hdr,
		 uint8_t *frame, size_t cap);

/* 0 or -errno, counted. */
int mpq_tun_write(struct mpq_tun *t, const struct virtio_net_hdr *hdr,
		  const uint8_t *frame, size_t len);

#endif
