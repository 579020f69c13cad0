/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of sim_bond, for people: what each path of a profile gives alone,
 * what the bond makes of them, and what failures cost.
 */
#ifndef MPQ_TESTS_SIM_BOND_FIGURES_H
#define MPQ_TESTS_SIM_BOND_FIGURES_H

#include "tests/sim/bond_run.h"

extern const struct sim_profile bond_het3_lossy;

/* All paths of the profile, `flows` equal flows. UDP: at `mbps` 0.8 of the sum,
 * to be set otherwise. */
struct bond_plan bond_plan_of(const struct sim_profile *p,
			      enum bond_flow_kind kind, unsigned flows,
			      bool down, mpq_duration time);
/* The sum of a profile's nominal rates, one way. */
double bond_plan_mbps(const struct sim_profile *p, bool down);

/* What the best of the profile's paths gives when it is alone. */
double bond_best_single_mbps(struct sim_run *run, struct bond_plan p);

/* single | outer | shares | turn | harm | fail | return | copies | beside
 * | leo  [PROFILE [SECONDS [SEED [LOAD]]]]: the status. LOAD: of harm. */
int bond_figures(int argc, char **argv);

#endif
