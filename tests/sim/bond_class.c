/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_class.h"

#include "tests/sim/bond_figures.h"

#include <stdio.h>

#define EF         46
#define BULK_BYTES 1400

#define CLASS(name, priority)                                                  \
	"{'name':'" name "','mode':'auto','priority':" priority                \
	",'copies':0,'order-cap-us':100000,'repair-deadline-us':250000}"

static const char *const names[BOND_CLASS_CASES] = {
	[BOND_CLASS_ALONE] = "critical, alone",
	[BOND_CLASS_CUBIC] = "critical, 4 CUBIC",
	[BOND_CLASS_UDP] = "critical, UDP 1.5",
	[BOND_CLASS_SAME] = "slow, CUBIC in class",
	[BOND_CLASS_SAME_EIGHT] = "slow, 8 CUBIC in class",
	[BOND_CLASS_EQUAL] = "CUBIC, UDP as high",
	[BOND_CLASS_OVER] = "UDP 1.5 itself",
};

static double sum_mbps(const struct sim_profile *p, uint32_t paths)
{
	double sum = 0;

	for (unsigned i = 0; i < p->paths; i++) {
		sum += (paths >> i & 1) != 0 ? p->path[i].mbps : 0;
	}
	return sum;
}

static struct bond_load slow_load(bool down, uint8_t dscp)
{
	return (struct bond_load){.flow = {.kind = BOND_FLOW_UDP,
					   .down = down,
					   .mbps = 100 * 200 * 8e-6,
					   .bytes = 200,
					   .dscp = dscp},
				  .flows = 1};
}

static struct bond_load cubic_load(bool down, unsigned flows, uint8_t dscp)
{
	return (struct bond_load){.flow = {.kind = BOND_FLOW_CUBIC,
					   .down = down,
					   .bytes = BULK_BYTES,
					   .dscp = dscp},
				  .flows = flows};
}

static struct bond_load udp_load(bool down, double mbps)
{
	return (struct bond_load){.flow = {.kind = BOND_FLOW_UDP,
					   .down = down,
					   .mbps = mbps,
					   .bytes = BULK_BYTES},
				  .flows = 1};
}

struct bond_plan bond_class_plan(const struct sim_profile *p, uint32_t paths,
				 enum bond_class_case which, bool down,
				 mpq_duration time)
{
	double mbps = sum_mbps(p, paths);
	struct bond_plan plan = {
		.setup = {.profile = p,
			  .paths = paths,
			  .time = time,
			  .classes = CLASS("default", "3") "," CLASS(
				  "critical", "7") "," CLASS("equal", "3"),
			  .rules = "{'name':'ef','class':'critical',"
				   "'dscp':[46]},"
				   "{'name':'eq','class':'equal','dscp':[8]}"},
		.load = {slow_load(down, EF)}};

	switch (which) {
	case BOND_CLASS_CUBIC:
		plan.load[1] = cubic_load(down, 4, 0);
		break;
	case BOND_CLASS_UDP:
		plan.load[1] = udp_load(down, 1.5 * mbps);
		break;
	case BOND_CLASS_SAME:
	case BOND_CLASS_SAME_EIGHT:
		plan.load[0].flow.dscp = 0;
		plan.load[1] =
			cubic_load(down, which == BOND_CLASS_SAME ? 1 : 8, 0);
		break;
	case BOND_CLASS_EQUAL:
		plan.load[0] = cubic_load(down, 4, 8);
		plan.load[1] = udp_load(down, 1.2 * mbps);
		break;
	case BOND_CLASS_OVER:
		plan.load[0] = udp_load(down, 1.5 * mbps);
		break;
	default:
		break;
	}
	return plan;
}

static void print(const struct bond_plan *p, enum bond_class_case which,
		  const struct bond_result *r, const struct sim_run *run)
{
	const struct bond_outcome *o = &r->load[0];
	bool down = p->load[0].flow.down;

	(void)printf("%-26s paths %#x %-4s %-23s %6.2f Mbit/s (%.2f), beside "
		     "%6.1f (%.2f)  delay p50 %4.0f p99 %4.0f ms, lost %.3f %%"
		     "%s%s\n",
		     p->setup.profile->name, p->setup.paths,
		     down ? "down" : "up", names[which], o->mbps,
		     o->mbps / r->link_mbps, r->load[1].mbps,
		     r->load[1].mbps / r->link_mbps, o->p50_ms, o->p99_ms,
		     o->sent > 0 ? 100.0 * (double)o->lost / (double)o->sent
				 : 0,
		     run->failed ? "  FAILED: " : "",
		     run->failed ? run->why : "");
	(void)fflush(stdout);
}

static void figures(const struct sim_profile *p, uint32_t paths,
		    mpq_duration time, uint64_t seed, bool trace)
{
	for (unsigned i = 0; i < BOND_CLASS_CASES; i++) {
		struct bond_plan plan =
			bond_class_plan(p, paths, i, true, time);
		struct sim_run run = {.seed = seed, .trace = trace};
		struct bond_result r;

		bond_run(&run, &plan, &r);
		print(&plan, i, &r, &run);
	}
}

void bond_class_figures(const struct sim_profile *p, mpq_duration time,
			uint64_t seed, bool trace)
{
	figures(p, (1U << p->paths) - 1, time, seed, trace);
	figures(p, 1U << (p->paths - 1), time, seed, trace);
}
