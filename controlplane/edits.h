/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of common/northbound.h that are about the configuration. Commit,
 * TunnelEnable and TunnelDisable only while no transaction is under way.
 */
#ifndef MPQ_CONTROLPLANE_EDITS_H
#define MPQ_CONTROLPLANE_EDITS_H

#include "controlplane/northbound.h"

struct mpq_daemon;

void mpq_edits_check(struct mpq_daemon *d, struct mpq_northbound_call *call);
void mpq_edits_load(struct mpq_daemon *d, struct mpq_northbound_call *call);
void mpq_edits_diff(struct mpq_daemon *d, struct mpq_northbound_call *call);
void mpq_edits_discard(struct mpq_daemon *d, struct mpq_northbound_call *call);
void mpq_edits_commit(struct mpq_daemon *d, struct mpq_northbound_call *call);
void mpq_edits_show_config(struct mpq_daemon *d,
			   struct mpq_northbound_call *call);
void mpq_edits_tunnel_enable(struct mpq_daemon *d,
			     struct mpq_northbound_call *call);
void mpq_edits_tunnel_disable(struct mpq_daemon *d,
			      struct mpq_northbound_call *call);

#endif
