/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a sound configuration to the running one, or back to where we were:
 *
 *   stage    on disk, under another name         if refused: nothing was done
 *   devices  TUN devices, listeners are made      they go again
 *   Apply    to mpquic-data, when it is there     as before
 *   keep     rename: now it is the running one    the old one is told again
 *   kernel   guards, routes, rules                tried until it holds
 *
 * The kernel comes last, so that a refusal never takes a guard away.
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

/* Not while another is under way, or a push: see requests.c, which makes calls
 * wait. Takes `version` in any case. `file_hash`: of the file that it comes
 * from, or 0 to keep the last one. `done` is called once, maybe from in here.
 */
void mpq_transaction_start(struct mpq_daemon *d, struct mpq_version *version,
			   uint64_t file_hash, const char *by,
			   mpq_transaction_done *done, void *context);

#endif
