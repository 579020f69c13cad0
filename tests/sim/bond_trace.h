/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be seen of a bond_world while it runs: lines for a person, each
 * 100 ms, and each change of mind of the sessions.
 */
#ifndef MPQ_TESTS_SIM_BOND_TRACE_H
#define MPQ_TESTS_SIM_BOND_TRACE_H

#include "tests/sim/bond_world.h"

void bond_trace_state(struct bond_world *w);
void bond_trace_steered(const struct bond_side *side,
			const struct mpq_steer_event *event);
void bond_trace_path(const struct bond_side *side, const struct mpq_path *p);
void bond_trace_member(const struct bond_side *side,
		       const struct mpq_session_path *m, const char *reason,
		       mpq_duration gap);

#endif
