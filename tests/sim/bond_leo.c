/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_leo.h"

#include <stdio.h>
#include <stdlib.h>

#define SEEDS 10
#define EF    46
#define BULK  1400

#define LEO(rate, ...)                                                         \
	{                                                                      \
		.mbps = (rate), .rtt_ms = 55, .loss_percent = 1,               \
		.queue_ms = 60, ##__VA_ARGS__                                  \
	}
#define LTE(rate)                                                              \
	{                                                                      \
		.mbps = (rate), .rtt_ms = 60, .wander_ms = 15, .queue_ms = 200 \
	}
/* What an operator who sets nothing else has. */
#define CLASS(name, priority)                                                  \
	"{'name':'" name "','mode':'auto','priority':" priority                \
	",'copies':0,'order-cap-us':100000,'repair-deadline-us':500000,"       \
	"'loss-max-ppm':80000}"

/* The second of each is without hand-overs, at their mean rate; two LEO at two
 * fifths of theirs. */
static const struct sim_profile profiles[BOND_LEO_SETS][2] = {
	{{"LEO + LTE", 2, {LEO(100, .kind = SIM_LEO), LTE(30)}},
	 {"LEO + LTE, still", 2, {LEO(80), LTE(30)}}},
	{{"2 LEO", 2, {LEO(24, .kind = SIM_LEO), LEO(24, .kind = SIM_LEO)}},
	 {"2 LEO, still", 2, {LEO(19.2), LEO(19.2)}}},
};

static struct bond_load bulk_load(enum bond_leo_bulk bulk, bool down,
				  double sum_mbps)
{
	struct bond_load l = {.flow = {.kind = bulk == BOND_LEO_UDP
						       ? BOND_FLOW_UDP
						       : BOND_FLOW_CUBIC,
				       .down = down,
				       .mbps = .85 * sum_mbps * BOND_WORLD_MTU /
					       BOND_WORLD_WIRE_BYTES,
				       .bytes = BULK},
			      .flows = bulk == BOND_LEO_NONE    ? 0
				       : bulk == BOND_LEO_EIGHT ? 8
								: 1};

	return l;
}

struct bond_plan bond_leo_plan(enum bond_leo_links links,
			       enum bond_leo_bulk bulk, bool hand_overs,
			       bool down, mpq_duration time)
{
	const struct sim_profile *still = &profiles[links][1];

	return (struct bond_plan){
		.setup = {.profile = &profiles[links][!hand_overs],
			  .paths = 3,
			  .time = time,
			  .classes = CLASS("default", "3") "," CLASS("critical",
								     "7"),
			  .rules = "{'name':'ef','class':'critical',"
				   "'dscp':[46]}"},
		.load = {{.flow = {.kind = BOND_FLOW_UDP,
				   .down = down,
				   .mbps = 100 * 200 * 8e-6,
				   .bytes = 200,
				   .dscp = EF},
			  .flows = 1},
			 bulk_load(bulk, down,
				   still->path[0].mbps + still->path[1].mbps)},
		.event = {{.at = time / 3 * 2, .kind = BOND_MARK}}};
}

/* ---- tables -------------------------------------------------------------- */

struct column {
	double value[SEEDS];
};

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The median and the largest. */
static void print_column(const char *name, struct column *c)
{
	qsort(c->value, SEEDS, sizeof(c->value[0]), by_size);
	(void)printf(" %s %.2f/%.2f", name, c->value[SEEDS / 2],
		     c->value[SEEDS - 1]);
}

static double lost_percent(const struct bond_outcome *o)
{
	return o->sent > 0 ? 100.0 * (double)o->lost / (double)o->sent : 0;
}

static void print_row(const struct bond_result *r)
{
	struct column p50, p95, p99, max, lost, unused, bulk_lost;

	for (unsigned i = 0; i < SEEDS; i++) {
		const struct bond_outcome *o = &r[i].load[0];

		p50.value[i] = o->p50_ms;
		p95.value[i] = o->p95_ms;
		p99.value[i] = o->p99_ms;
		max.value[i] = o->max_ms;
		lost.value[i] = lost_percent(o);
		unused.value[i] = 1 - r[i].load[1].mbps / r[i].link_mbps;
		bulk_lost.value[i] = lost_percent(&r[i].load[1]);
	}
	print_column("p50", &p50);
	print_column("p95", &p95);
	print_column("p99", &p99);
	print_column("max", &max);
	print_column("ms, lost", &lost);
	print_column("%; of the links unused", &unused);
	print_column("bulk lost", &bulk_lost);
	(void)printf(" %%\n");
	(void)fflush(stdout);
}

static void row(enum bond_leo_links links, enum bond_leo_bulk bulk,
		bool hand_overs, mpq_duration time, uint64_t seed, bool trace)
{
	static const char *const names[] = {"nothing", "CUBIC", "8 CUBIC",
					    "UDP .85"};
	struct bond_result r[SEEDS];

	for (unsigned i = 0; i < SEEDS; i++) {
		struct bond_plan p =
			bond_leo_plan(links, bulk, hand_overs, i % 2, time);
		struct sim_run run = {.seed = seed + i, .trace = trace};

		bond_run(&run, &p, &r[i]);
		if (run.failed) {
			(void)printf("seed %llu: %s\n",
				     (unsigned long long)run.seed, run.why);
		}
	}
	(void)printf("%-16s beside %-7s: critical",
		     profiles[links][!hand_overs].name, names[bulk]);
	print_row(r);
}

void bond_leo_figures(unsigned which, mpq_duration time, uint64_t seed,
		      bool trace)
{
	for (unsigned i = 0; i < BOND_LEO_SETS * BOND_LEO_BULKS; i++) {
		if (which != 0 && which != i + 1) {
			continue;
		}
		row(i / BOND_LEO_BULKS, i % BOND_LEO_BULKS, true, time, seed,
		    trace);
		row(i / BOND_LEO_BULKS, i % BOND_LEO_BULKS, false, time, seed,
		    trace);
	}
}
