/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of an emulated link: an Ethernet device, read and written whole
 * through AF_PACKET. The device may go away and come back under its name;
 * emu_device_refresh() notices.
 *
 * Frames larger than EMU_FRAME_BYTES (GSO that somebody forgot to switch off)
 * are counted and dropped: a link's loss and queue mean single packets.
 */
#ifndef MPQ_TESTS_NETNS_LINKEMU_DEVICE_H
#define MPQ_TESTS_NETNS_LINKEMU_DEVICE_H

#include "tests/netns/linkemu/frame.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define EMU_DEVICE_BATCH 64

struct emu_device {
	char name[IF_NAMESIZE];
	int fd;         /* -1 while there is no such device */
	unsigned index; /* the device that fd is bound to, 0: none */
	uint64_t oversized, missed, send_failed;
};

void emu_device_init(struct emu_device *d, const char *name);
void emu_device_finish(struct emu_device *d);

/* Opens the device if it has appeared or is another one than before, closes it
 * if it has gone. 1: fd is new; 0: as it was; -errno. */
int emu_device_refresh(struct emu_device *d);

/* Up to EMU_DEVICE_BATCH frames, from the pool. How many; 0: none left. */
int emu_device_receive(struct emu_device *d, struct emu_pool *pool,
		       struct emu_frame *ret_frames[EMU_DEVICE_BATCH]);

/* All of them; what the device does not take is counted. */
void emu_device_send(struct emu_device *d, struct emu_frame *const *frames,
		     int n);

/* What the kernel dropped because we were slow, since the last call, is added
 * to missed. */
void emu_device_count_missed(struct emu_device *d);

#endif
