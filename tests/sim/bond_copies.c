/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_copies.h"

#include <stdio.h>

#define MS   MPQ_MILLISECOND
#define TIME (8 * MPQ_SECOND)
#define RUNS 50

#define CLASSES                                                                \
	BOND_WORLD_CLASSES ",{'name':'copies','mode':'redundant',"             \
			   "'priority':6,'copies':0,'order-cap-us':100000,"    \
			   "'repair-deadline-us':250000}"
#define RULES "{'name':'voice','class':'copies','dscp':[46]}"

static const char *const names[BOND_COPIES_CASES] = {
	[BOND_COPIES_SILENT] = "black hole",
	[BOND_COPIES_UNPLUGGED] = "device gone",
	[BOND_COPIES_LOSSY] = "30 % loss",
	[BOND_COPIES_RETURNS] = "30 % loss, goes and returns",
	[BOND_COPIES_FLAPS] = "flaps",
};

static struct bond_load copies_load(bool down)
{
	return (struct bond_load){.flow = {.kind = BOND_FLOW_UDP,
					   .down = down,
					   .mbps = 500 * 200 * 8e-6,
					   .bytes = 200,
					   .dscp = 46},
				  .flows = 1};
}

static void add_event(struct bond_plan *p, mpq_time at, unsigned path,
		      enum bond_event_kind kind)
{
	unsigned i = 0;

	while (p->event[i].at > 0) {
		i++;
	}
	p->event[i] = (struct bond_event){at, path, kind};
}

static void add_events(struct bond_plan *p, enum bond_copies_case which,
		       unsigned path, uint64_t seed)
{
	struct sim_random r = {.state = seed};
	mpq_time at = 4 * MPQ_SECOND + seed * 13 % 100 * MS;
	bool unplug = seed / 2 % 2 != 0;

	add_event(p, at - MS, path, BOND_MARK);
	if (which == BOND_COPIES_SILENT || which == BOND_COPIES_UNPLUGGED) {
		add_event(p, at, path,
			  which == BOND_COPIES_SILENT ? BOND_SILENT
						      : BOND_UNPLUGGED);
	} else if (which == BOND_COPIES_RETURNS) {
		add_event(p, at, path, unplug ? BOND_UNPLUGGED : BOND_SILENT);
		add_event(p, at + 1500 * MS, path,
			  unplug ? BOND_REPLUGGED : BOND_HEARD);
	}
	while (which == BOND_COPIES_FLAPS && at < TIME - MPQ_SECOND) {
		add_event(p, at, path, unplug ? BOND_UNPLUGGED : BOND_SILENT);
		at += sim_random_range(&r, 20, 800) * MS;
		add_event(p, at, path, unplug ? BOND_REPLUGGED : BOND_HEARD);
		at += sim_random_range(&r, 200, 1000) * MS;
	}
}

static void run_case(struct sim_run *run, const struct bond_copies *c,
		     struct bond_result *ret)
{
	unsigned path = (unsigned)(run->seed % 2);
	struct sim_profile profile = {"two", 2, {{.mbps = 20}, {.mbps = 20}}};
	struct bond_plan p = {.setup = {.profile = &profile,
					.paths = 3,
					.time = TIME,
					.classes = CLASSES,
					.rules = RULES},
			      .load = {copies_load(true), copies_load(false)}};

	for (int i = 0; i < 2; i++) {
		profile.path[i].rtt_ms = c->rtt_ms[i];
	}
	if (c->which == BOND_COPIES_LOSSY || c->which == BOND_COPIES_RETURNS) {
		profile.path[path].loss_percent = 30;
	}
	if (c->bulk) {
		p.load[2] = (struct bond_load){.flow = {.kind = BOND_FLOW_CUBIC,
							.down = true},
					       .flows = 1};
	}
	add_events(&p, c->which, path, run->seed);
	bond_run(run, &p, ret);
}

void bond_copies_hold(struct sim_run *run, const struct bond_copies *c,
		      struct bond_result *ret)
{
	run_case(run, c, ret);
	for (int i = 0; i < 2; i++) {
		const struct bond_outcome *o = &ret->load[i];

		sim_holds(run, o->lost == 0 && o->reordered == 0, 0,
			  "%s, RTT %.0f and %.0f ms%s, %s: %llu lost, %llu out "
			  "of order",
			  names[c->which], c->rtt_ms[0], c->rtt_ms[1],
			  c->bulk ? ", bulk" : "", i == 0 ? "down" : "up",
			  (unsigned long long)o->lost,
			  (unsigned long long)o->reordered);
	}
}

static void print_case(const struct bond_copies *c, uint64_t seed, bool trace)
{
	uint64_t sent = 0, lost = 0, reordered = 0;
	double p99 = 0;
	mpq_duration gap = 0;
	unsigned failed = 0;

	for (unsigned i = 0; i < RUNS; i++) {
		struct sim_run run = {.seed = seed + i, .trace = trace};
		struct bond_result r;

		run_case(&run, c, &r);
		failed += run.failed;
		for (int k = 0; k < 2; k++) {
			const struct bond_outcome *o = &r.load[k];

			sent += o->sent;
			lost += o->lost;
			reordered += o->reordered;
			gap = o->gap > gap ? o->gap : gap;
			p99 = o->p99_ms > p99 ? o->p99_ms : p99;
		}
	}
	(void)printf("%-27s RTT %3.0f %3.0f ms%s: lost %llu, reordered %llu of "
		     "%llu; gap max %.0f ms, delay p99 %.0f ms at most; "
		     "failed %u\n",
		     names[c->which], c->rtt_ms[0], c->rtt_ms[1],
		     c->bulk ? ", bulk" : "      ", (unsigned long long)lost,
		     (unsigned long long)reordered, (unsigned long long)sent,
		     (double)gap / 1e6, p99, failed);
	(void)fflush(stdout);
}

void bond_copies_figures(unsigned which, uint64_t seed, bool trace)
{
	static const double rtts[][2] = {
		{20, 20}, {60, 60}, {120, 120}, {20, 60}, {60, 20}};

	for (unsigned w = 0; w < BOND_COPIES_CASES; w++) {
		for (int i = 0; i < 10 && (which == 0 || which == w + 1); i++) {
			struct bond_copies c = {
				.which = (enum bond_copies_case)w,
				.rtt_ms = {rtts[i / 2][0], rtts[i / 2][1]},
				.bulk = i % 2 != 0};

			print_case(&c, seed, trace);
		}
	}
}
