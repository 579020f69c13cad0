/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Satellites that hand over each 15 s, beside a cell or each other: what a
 * slow flow of a critical class has to bear, once the hand-overs are learnt,
 * and what bulk gets beside it, against links of the same kind without
 * hand-overs.
 */
#ifndef MPQ_TESTS_SIM_BOND_LEO_H
#define MPQ_TESTS_SIM_BOND_LEO_H

#include "tests/sim/bond_run.h"

enum bond_leo_links {
	BOND_LEO_AND_LTE,
	BOND_LEO_TWICE,
	BOND_LEO_SETS
};
enum bond_leo_bulk {
	BOND_LEO_NONE,
	BOND_LEO_CUBIC,
	BOND_LEO_EIGHT, /* .. of them */
	BOND_LEO_UDP,   /* .85 of the sum of the rates */
	BOND_LEO_BULKS
};

/* load[0] is the critical flow, load[1] the bulk. The last third of `time`
 * is marked. */
struct bond_plan bond_leo_plan(enum bond_leo_links links,
			       enum bond_leo_bulk bulk, bool hand_overs,
			       bool down, mpq_duration time);

/* The seeds from `seed` on, every other one upward. `which` from 1 on, 0:
 * all. */
void bond_leo_figures(unsigned which, mpq_duration time, uint64_t seed,
		      bool trace);

#endif
