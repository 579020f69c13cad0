/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a flow has to bear beside others that fill all paths: of its own class,
 * of another one, and of one that matters as much. Tables for people; the
 * scenarios in sim_bond.c assert on the same runs.
 */
#ifndef MPQ_TESTS_SIM_BOND_CLASS_H
#define MPQ_TESTS_SIM_BOND_CLASS_H

#include "tests/sim/bond_run.h"

/* load[0] is what is looked at, load[1] what fills the paths. */
enum bond_class_case {
	BOND_CLASS_ALONE,      /* a critical class, nothing beside it */
	BOND_CLASS_CUBIC,      /* 4 CUBIC flows of a lower class beside it */
	BOND_CLASS_UDP,        /* 1.5 times what the paths carry beside it */
	BOND_CLASS_SAME,       /* a slow flow, and CUBIC in the same class */
	BOND_CLASS_SAME_EIGHT, /* .. eight of them */
	BOND_CLASS_EQUAL,      /* CUBIC, and UDP of a class that is as high */
	BOND_CLASS_OVER,       /* UDP itself, more than the paths carry */
	BOND_CLASS_CASES
};

struct bond_plan bond_class_plan(const struct sim_profile *p, uint32_t paths,
				 enum bond_class_case which, bool down,
				 mpq_duration time);
void bond_class_figures(const struct sim_profile *p, mpq_duration time,
			uint64_t seed, bool trace);

#endif
