/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which configuration to start with. The file is what the operator wrote; the
 * state folder holds what was in force. A file that was taken before and has
 * not changed since says nothing new: then the last generation counts, which
 * may hold commits made after it. A changed file is taken as a new generation,
 * if it is sound; else the last generation stays and there is an alarm.
 */
#ifndef MPQ_CONTROLPLANE_STARTUP_H
#define MPQ_CONTROLPLANE_STARTUP_H

#include "controlplane/refusal.h"

#include <stddef.h>

struct mpq_daemon;

/* Fills d->running. 0; -errno with *r: neither is usable. */
int mpq_startup_load(struct mpq_daemon *d, struct mpq_refusal *r);

/* A file's whole text, NUL-terminated, the caller's to free. 0 or -errno with
 * *r. */
int mpq_startup_read(const char *file, char **ret_text, size_t *ret_len,
		     struct mpq_refusal *r);

#endif
