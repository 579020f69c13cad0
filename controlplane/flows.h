/* SPDX-License-Identifier: Apache-2.0 */
/* Explain: what becomes of a flow. Reads the question as an operator puts it,
 * and hands it to mpquic-data, which knows. */
#ifndef MPQ_CONTROLPLANE_FLOWS_H
#define MPQ_CONTROLPLANE_FLOWS_H

#include "controlplane/northbound.h"

struct mpq_daemon;

void mpq_flows_explain(struct mpq_daemon *d, struct mpq_northbound_call *call);

#endif
