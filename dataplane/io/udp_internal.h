/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the three files of a UDP socket share: udp.c (set-up), udp_receive.c,
 * udp_send.c. For nobody else.
 */
#ifndef MPQ_IO_UDP_INTERNAL_H
#define MPQ_IO_UDP_INTERNAL_H

#include <errno.h>
#include <stdbool.h>

struct mpq_udp_arena;

struct mpq_udp_arena *mpq_udp_arena_new(void); /* NULL: out of memory */
void mpq_udp_arena_free(struct mpq_udp_arena *a);

/* The device that the socket is bound to went away: no later call succeeds. */
static inline bool mpq_udp_gone(int error)
{
	return error == ENODEV || error == ENETDOWN || error == ENXIO;
}

#endif
