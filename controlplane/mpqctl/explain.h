/* SPDX-License-Identifier: Apache-2.0 */
/* mpqctl explain: what becomes of a flow, and why. */
#ifndef MPQ_MPQCTL_EXPLAIN_H
#define MPQ_MPQCTL_EXPLAIN_H

#include "controlplane/mpqctl/verb.h"

enum mpq_exit mpq_explain_run(const struct mpq_call *call);

#endif
