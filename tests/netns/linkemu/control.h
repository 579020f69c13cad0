/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator's control socket: Unix, SOCK_SEQPACKET, a message a line.
 *
 *   set LINK up|down|both NAME=VALUE ...   -> {"ok": true} or {"error": ".."}
 *   statistics				    -> see emu_statistics()
 */
#ifndef MPQ_TESTS_NETNS_LINKEMU_CONTROL_H
#define MPQ_TESTS_NETNS_LINKEMU_CONTROL_H

#include "tests/netns/linkemu/emulator.h"

#define EMU_CONTROL_CLIENTS 4

struct emu_control {
	char path[108];
	int listener;
	int client[EMU_CONTROL_CLIENTS]; /* -1: free */
};

/* Listens at `path`, in the place of whatever is there. 0 or -errno. */
int emu_control_start(struct emu_control *c, const char *path);
void emu_control_finish(struct emu_control *c);

/* A free place for a waiting caller, or the caller is turned away. Its number,
 * for which c->client holds the descriptor; -errno. */
int emu_control_accept(struct emu_control *c);

/* One message of a client. 0; -errno: it is gone, its place is free. */
int emu_control_serve(struct emu_control *c, int client, struct emu *e,
		      mpq_time now);

#endif
