/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening Unix stream socket: the file with its rights, and who is at the
 * other end of what connects. What is said on it is the business of southbound
 * and northbound.
 */
#ifndef MPQ_CONTROLPLANE_SERVER_H
#define MPQ_CONTROLPLANE_SERVER_H

#include "controlplane/refusal.h"

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

struct mpq_server;

struct mpq_server_peer { /* SO_PEERCRED; `in_group`: of the allowed group */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool in_group; /* supplementary groups count too */
};

struct mpq_server_config {
	const char *path;
	gid_t group; /* of the file, and allowed; (gid_t)-1: none */
	mode_t mode;
	/* Takes fd (accept4'ed, close-on-exec). */
	void (*accepted)(void *owner, int fd,
			 const struct mpq_server_peer *peer);
	void *context;
};

/* Replaces a socket file that is left over. 0, or -errno with *r. */
int mpq_server_new(struct mpq_server **ret, struct ev_loop *loop,
		   const struct mpq_server_config *config,
		   struct mpq_refusal *r);
void mpq_server_free(struct mpq_server *s); /* removes the file */

#endif
