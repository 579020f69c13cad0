/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a path share: path.c (what life and mpquic-control decide),
 * path_turn.c (what its connections show), path_slot.c (a socket and the
 * channel on it). For nobody else.
 */
#ifndef MPQ_DATAPLANE_PATH_PRIVATE_H
#define MPQ_DATAPLANE_PATH_PRIVATE_H

#include "dataplane/path.h"

/* Does a set of mpq_life_action, in the order that bond/life.h gives. */
void mpq_path_act(struct mpq_path *p, unsigned actions, mpq_time now);

/* The largest datagrams of the path's tunnel. */
uint16_t mpq_path_wanted_bytes(const struct mpq_path *p);

void mpq_path_slot_init(struct mpq_path_slot *slot, struct mpq_path *p);

/* Takes fd. 0 or -errno (fd is closed then). */
int mpq_path_slot_open(struct mpq_path_slot *slot, int fd);
/* Without a channel. Harmless when it is closed. */
void mpq_path_slot_close(struct mpq_path_slot *slot);

/* Starts a channel for the path's tunnel. 0 or -errno. */
int mpq_path_slot_dial(struct mpq_path_slot *slot, mpq_time now);
/* Ends the channel, if there is one, with a good-bye to the peer. */
void mpq_path_slot_drop(struct mpq_path_slot *slot, const char *reason,
			mpq_time now);

/* Everything that the channel has to send now. */
void mpq_path_slot_write(struct mpq_path_slot *slot, mpq_time now);

#endif
