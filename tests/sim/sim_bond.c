/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two whole engines under modelled links: what bonding does in the composition
 * that ships. Scenarios assert what must always hold and the goals that are
 * met; `--figures` prints tables.
 */
#include "tests/sim/bond_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS MPQ_MILLISECOND

static struct bond_load load_of(const struct sim_profile *p, uint32_t paths,
				enum bond_flow_kind kind, bool down,
				mpq_duration time)
{
	return (struct bond_load){.setup = {.profile = p,
					    .paths = paths,
					    .time = time},
				  .flow = {.kind = kind, .down = down},
				  .flows = 1};
}

/* ---- figures ------------------------------------------------------------- */

static void print_result(const char *what, const char *name,
			 const struct bond_result *r, const struct sim_run *run)
{
	(void)printf("# %-32s %-14s %6.1f of %6.1f Mbit/s %.2f  delay p50 "
		     "%4.0f p99 %4.0f ms  lost %.2f %%  reordered %llu "
		     "spurious %llu  CPU %.3f s/s%s%s\n",
		     name, what, r->mbps, r->link_mbps, r->mbps / r->link_mbps,
		     r->p50_ms, r->p99_ms,
		     r->sent > 0 ? 100.0 * (double)r->lost / (double)r->sent
				 : 0,
		     (unsigned long long)r->reordered,
		     (unsigned long long)r->spurious, r->cpu_seconds,
		     run->failed ? "  FAILED: " : "",
		     run->failed ? run->why : "");
	(void)fflush(stdout);
}

/* Each different path of the profile alone, by a 1:1 tunnel. */
static int print_single(unsigned only, mpq_duration time, uint64_t seed)
{
	for (unsigned i = 0; i < SIM_PROFILES; i++) {
		const struct sim_profile *p = &sim_profiles[i];

		for (unsigned k = 0; k < p->paths; k++) {
			struct sim_run run = {.seed = seed};
			struct bond_load l =
				load_of(p, 1U << k, BOND_FLOW_CUBIC, true,
					time);
			struct bond_result r;
			char what[32];

			if ((only != 0 && only != i + 1) ||
			    (k > 0 && memcmp(&p->path[k], &p->path[k - 1],
					     sizeof(p->path[0])) == 0)) {
				continue;
			}
			bond_run(&run, &l, &r);
			(void)snprintf(what, sizeof(what), "path %u CUBIC", k);
			print_result(what, p->name, &r, &run);
		}
	}
	return 0;
}

static unsigned number(int argc, char **argv, int i, unsigned otherwise)
{
	return argc > i ? (unsigned)strtoul(argv[i], NULL, 10) : otherwise;
}

/* --figures single [PROFILE] [SECONDS] [SEED] */
static int figures(int argc, char **argv)
{
	unsigned only = number(argc, argv, 3, 0);
	mpq_duration time = number(argc, argv, 4, 20) * MPQ_SECOND;
	uint64_t seed = number(argc, argv, 5, 1);

	if (strcmp(argv[2], "single") == 0) {
		return print_single(only, time, seed);
	}
	return 2;
}

/* ---- scenarios ----------------------------------------------------------- */

static void a_seed_is_a_run(struct sim_run *run)
{
	struct bond_load l = load_of(&sim_profiles[0], 1, BOND_FLOW_CUBIC, true,
				     2 * MPQ_SECOND);
	struct bond_result a, b;

	bond_run(run, &l, &a);
	bond_run(run, &l, &b);
	sim_holds(run, a.print == b.print, 0, "%llx is not %llx",
		  (unsigned long long)a.print, (unsigned long long)b.print);
}

static const struct sim_scenario scenarios[] = {
	{"a_seed_is_a_run", a_seed_is_a_run, 1, NULL, NULL},
};

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--figures") == 0) {
		return figures(argc, argv);
	}
	return sim_scenarios(argc, argv, scenarios,
			     sizeof(scenarios) / sizeof(scenarios[0]));
}
