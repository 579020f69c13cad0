/* SPDX-License-Identifier: Apache-2.0 */
/* The verb tunnel run: a tunnel as a systemd unit. */
#ifndef MPQ_MPQCTL_RUN_H
#define MPQ_MPQCTL_RUN_H

#include "controlplane/mpqctl/verb.h"

enum mpq_exit mpq_run_tunnel(const struct mpq_call *call);

#endif
