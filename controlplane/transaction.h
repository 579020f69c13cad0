/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a sound configuration to the running one, or back to where we were:
 *
 *   stage     on disk, under another name          refusal: nothing was done
 *   devices   TUN devices and listeners are made   refusal: they go again
 *   kernel    guards, routes, rules
 *   Apply     to mpquic-data, when it is there      refusal: the kernel as
 * before keep      rename: now it is the running one     refusal: all as before
 *
 * One at a time. Where mpquic-data does not answer in time, it is told the old
 * configuration again.
 */
#ifndef MPQ_CONTROLPLANE_TRANSACTION_H
#define MPQ_CONTROLPLANE_TRANSACTION_H

#include "controlplane/refusal.h"

#include <json-c/json.h>
#include <stdint.h>

struct mpq_daemon;
struct mpq_version;

/* How it ended: `refusal` NULL: in force as `generation`, with `changes`
 * (borrowed). */
typedef void mpq_transaction_done(void *context, const struct mpq_refusal *why,
				  uint32_t generation,
				  struct json_object *changes);

/* Takes `version` in any case. `file_hash`: of the file that it comes from, or
 * 0 to keep the last one. `done` is called once, maybe from in here. */
void mpq_transaction_start(struct mpq_daemon *d, struct mpq_version *version,
			   uint64_t file_hash, const char *by,
			   mpq_transaction_done *done, void *context);

/* The daemon ends: what is under way is dropped, `done` is not called. */
void mpq_transaction_abort(struct mpq_daemon *d);

#endif
