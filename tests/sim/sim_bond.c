/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two whole engines under modelled links: what bonding does in the composition
 * that ships. Scenarios assert what must always hold and the goals that are
 * met; bond_figures.c prints tables.
 */
#include "tests/sim/bond_class.h"
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

/* ---- g: beside others ---------------------------------------------------- */

/* By turns all paths, and one alone: a 1:1 tunnel; up and down. */
static void run_beside(struct sim_run *run, enum bond_class_case which,
		       struct bond_result *ret)
{
	bool down = run->seed % 2 == 0;
	struct bond_plan p = bond_class_plan(&sim_profiles[0],
					     run->seed / 2 % 2 == 0 ? 3 : 1,
					     which, down, 4 * MPQ_SECOND);

	bond_run(run, &p, ret);
}

/* Nothing of it is lost, and what its connection's start put into the link
 * apart it does not wait. */
static void holds_quick(struct sim_run *run, const struct bond_outcome *o)
{
	sim_holds(run, o->lost == 0, 0, "%llu of %llu lost",
		  (unsigned long long)o->lost, (unsigned long long)o->sent);
	sim_holds(run, o->p50_ms <= 60, 0, "delay of %.0f ms", o->p50_ms);
	sim_holds(run, o->p99_ms <= 130, 0, "delay p99 of %.0f ms", o->p99_ms);
	run->figure = (mpq_duration)(o->p50_ms * 1e6);
}

static void a_slow_flow_is_quick_beside_any_other(struct sim_run *run)
{
	static const enum bond_class_case cases[] = {BOND_CLASS_CUBIC,
						     BOND_CLASS_UDP,
						     BOND_CLASS_SAME,
						     BOND_CLASS_SAME_EIGHT};
	struct bond_result r;

	run_beside(run, cases[run->seed / 4 % 4], &r);
	holds_quick(run, &r.load[0]);
}

static void classes_as_high_as_each_other_share(struct sim_run *run)
{
	struct bond_plan p =
		bond_class_plan(&sim_profiles[0], 3, BOND_CLASS_EQUAL,
				run->seed % 2 == 0, 5 * MPQ_SECOND);
	struct bond_result r;

	bond_run(run, &p, &r);
	for (unsigned i = 0; i < 2; i++) {
		double part = r.load[i].mbps / r.link_mbps;

		sim_holds(run, part > 0.3, 0, "load %u has %.2f", i, part);
	}
}

static void who_sends_too_much_waits_no_longer_than_told(struct sim_run *run)
{
	struct bond_result r;

	run_beside(run, BOND_CLASS_OVER, &r);
	sim_holds(run, r.load[0].p99_ms < 420, 0, "delay p99 of %.0f ms",
		  r.load[0].p99_ms);
	sim_holds(run, r.load[0].mbps > 0.8 * r.link_mbps, 0,
		  "%.1f of %.1f Mbit/s", r.load[0].mbps, r.link_mbps);
	run->figure = (mpq_duration)(r.load[0].p99_ms * 1e6);
}

static const struct sim_scenario scenarios[] = {
	{"a_seed_is_a_run", a_seed_is_a_run, 1, NULL, NULL},
	{"a_slow_flow_is_quick_beside_any_other",
	 a_slow_flow_is_quick_beside_any_other, 16, "median delay", NULL},
	{"classes_as_high_as_each_other_share",
	 classes_as_high_as_each_other_share, 2, NULL, NULL},
	{"who_sends_too_much_waits_no_longer_than_told",
	 who_sends_too_much_waits_no_longer_than_told, 4, "delay p99", NULL},
};

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--figures") == 0) {
		return bond_figures(argc - 2, argv + 2);
	}
	return sim_scenarios(argc, argv, scenarios,
			     sizeof(scenarios) / sizeof(scenarios[0]));
}
