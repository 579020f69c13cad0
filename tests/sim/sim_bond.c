/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two whole engines under modelled links: what bonding does in the composition
 * that ships. Scenarios assert what must always hold and the goals that are
 * met; bond_figures.c prints tables.
 */
#include "tests/sim/bond_figures.h"
#include "tests/sim/bond_run.h"

#include <string.h>

static void a_seed_is_a_run(struct sim_run *run)
{
	struct bond_plan p = bond_plan_of(&sim_profiles[0], BOND_FLOW_CUBIC, 1,
					  true, 2 * MPQ_SECOND);
	struct bond_result a, b;

	p.setup.paths = 1;
	bond_run(run, &p, &a);
	bond_run(run, &p, &b);
	sim_holds(run, a.print == b.print, 0, "%llx is not %llx",
		  (unsigned long long)a.print, (unsigned long long)b.print);
}

static const struct sim_scenario scenarios[] = {
	{"a_seed_is_a_run", a_seed_is_a_run, 1, NULL, NULL},
};

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--figures") == 0) {
		return bond_figures(argc - 2, argv + 2);
	}
	return sim_scenarios(argc, argv, scenarios,
			     sizeof(scenarios) / sizeof(scenarios[0]));
}
