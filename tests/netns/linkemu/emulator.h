/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator: links, each of two devices and two directions. "up" is from
 * the first device to the second, "down" back.
 *
 * What may be said to it, on the command line, in a schedule and on the control
 * socket, is the same:  LINK up|down|both NAME=VALUE ...  (shape.h); LINK may
 * be "all".
 */
#ifndef MPQ_TESTS_NETNS_LINKEMU_EMULATOR_H
#define MPQ_TESTS_NETNS_LINKEMU_EMULATOR_H

#include "tests/netns/linkemu/device.h"
#include "tests/netns/linkemu/direction.h"

#include <stddef.h>

#define EMU_LINKS         16
#define EMU_LINK_NAME     16
#define EMU_POOL_FRAMES   160000 /* 1 Gbit/s through two seconds */
#define EMU_WORDS         32
#define EMU_MESSAGE_BYTES 1024

enum {
	EMU_UP,
	EMU_DOWN
};

struct emu_link {
	char name[EMU_LINK_NAME];
	struct emu_device device[2];       /* [EMU_UP] is read for "up" */
	struct emu_direction direction[2]; /* [EMU_UP], [EMU_DOWN] */
};

struct emu {
	struct emu_pool pool;
	struct emu_link link[EMU_LINKS];
	int n_links;
	uint64_t seed;
};

void emu_init(struct emu *e, uint64_t seed);
void emu_finish(struct emu *e);

/* "NAME:DEVICE:DEVICE[,[up.|down.]SHAPE]...". 0, -EINVAL, or -ENOSPC. */
int emu_add_link(struct emu *e, const char *text);

/* "LINK up|down|both SHAPE ...": all of it or, with -EINVAL, none. */
int emu_apply(struct emu *e, const char *text);

/* Reads the device of one direction until it is empty or `now` is stale. */
void emu_receive(struct emu *e, int link, int direction, mpq_time now);

/* Sends what has arrived by `now`. Returns when the next is due. */
mpq_time emu_send(struct emu *e, mpq_time now);

/* A JSON object, from malloc, or NULL without memory. */
char *emu_statistics(struct emu *e, mpq_time now);

#endif
