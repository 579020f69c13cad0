/* SPDX-License-Identifier: Apache-2.0 */
/* The verb status: one picture of tunnels and paths, or one every second. */
#ifndef MPQ_MPQCTL_STATUS_H
#define MPQ_MPQCTL_STATUS_H

#include "controlplane/mpqctl/verb.h"

enum mpq_exit mpq_status_run(const struct mpq_call *call);

#endif
