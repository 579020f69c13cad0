/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_delay.h"

#include <stdio.h>

#define EF     46
#define VARIED .0007            /* of the rate, with each seed */
#define START  (2 * MPQ_SECOND) /* of bulk: apart from what comes after */
/* As the lab's (tests/netns/flows.py): so many bytes of IP, counted after a
 * moment. */
#define STREAM_BYTES 1328
#define STREAM_START (1 * MPQ_SECOND)
/* Between two of them. */
#define THIN  .01 /* of its rate */
#define PAUSE (3 * MPQ_SECOND)

#define PATH(rate, rtt, ...)                                                   \
	{                                                                      \
		.mbps = (rate), .rtt_ms = (rtt), ##__VA_ARGS__                 \
	}

static const struct sim_profile profiles[] = {
	{"2x20/40", 2, {PATH(20, 40), PATH(20, 40)}},
	{"het3", 3, {PATH(50, 30), PATH(20, 60), PATH(10, 120)}},
	{"20/40", 1, {PATH(20, 40)}},
	{"10/120", 1, {PATH(10, 120)}},
	{"100/25", 1, {PATH(100, 25)}},
	{"2x20/40 1 %",
	 2,
	 {PATH(20, 40, .loss_percent = 1), PATH(20, 40, .loss_percent = 1)}},
};

enum load {
	ALONE,
	BULK,
	STREAM,
	AGAIN,  /* after one, in which the paths were filled */
	TURNED, /* after that, and one the other way */
	LOADS
};
static const char *const names[LOADS] = {[ALONE] = "critical",
					 [BULK] = ".. beside 8",
					 [STREAM] = "UDP .85",
					 [AGAIN] = "UDP again",
					 [TURNED] = "UDP turned"};

/* Means over runs, ms. */
struct means {
	double p50, p95, p99, mbps, lost;
	double p99_most; /* of one */
	double link_p95[SIM_PROFILE_PATHS];
};

static double sum_mbps(const struct sim_profile *p)
{
	double sum = 0;

	for (unsigned i = 0; i < p->paths; i++) {
		sum += p->path[i].mbps;
	}
	return sum;
}

/* Its stream once more, after a pause with a thin one, or one as fat the other
 * way. */
static void repeat(struct bond_plan *plan, bool turned)
{
	mpq_duration time = plan->setup.time;
	mpq_duration pause = turned ? time : PAUSE;

	plan->load[1] = plan->load[2] = plan->load[0];
	plan->load[1].flow.mbps *= turned ? 1 : THIN;
	plan->load[1].flow.down = !turned;
	plan->load[1].begins = time;
	plan->load[2].begins = time + pause;
	plan->setup.time = 2 * time + pause;
	plan->event[0].at = time + pause + STREAM_START;
}

static struct bond_plan plan_of(const struct sim_profile *p, enum load load,
				mpq_duration time)
{
	struct bond_plan plan = {
		.setup = {.profile = p,
			  .paths = (1U << p->paths) - 1,
			  .time = time,
			  .classes = BOND_WORLD_CLASSES
			  ",{'name':'critical','mode':'smallest-delay',"
			  "'priority':7,'copies':0,'order-cap-us':100000,"
			  "'repair-deadline-us':500000}",
			  .rules = "{'name':'ef','class':'critical',"
				   "'dscp':[46]}"},
		.load = {{.flow = {.kind = BOND_FLOW_UDP,
				   .down = true,
				   .mbps = 100 * 200 * 8e-6,
				   .bytes = 200,
				   .dscp = EF},
			  .flows = 1},
			 {.flow = {.kind = BOND_FLOW_CUBIC, .down = true},
			  .flows = load == BULK ? 8 : 0}},
		.event = {{.at = START, .kind = BOND_MARK}}};

	if (load >= STREAM) {
		plan.load[0].flow =
			(struct bond_flow_config){.kind = BOND_FLOW_UDP,
						  .down = true,
						  .mbps = .85 * sum_mbps(p),
						  .bytes = STREAM_BYTES};
		plan.event[0].at = STREAM_START;
	}
	if (load > STREAM) {
		repeat(&plan, load == TURNED);
	}
	return plan;
}

static void add(struct means *m, enum load load, const struct bond_result *r,
		unsigned runs)
{
	const struct bond_outcome *o = &r->load[load > STREAM ? 2 : 0];
	const struct bond_outcome *bulk = &r->load[1];

	m->p50 += o->p50_ms / runs;
	m->p95 += o->p95_ms / runs;
	m->p99 += o->p99_ms / runs;
	m->lost += 100.0 * (double)o->lost / (double)o->sent / runs;
	m->p99_most = o->p99_ms > m->p99_most ? o->p99_ms : m->p99_most;
	m->mbps += (o->mbps + (load == BULK ? bulk->mbps : 0)) / runs;
	for (unsigned i = 0; i < SIM_PROFILE_PATHS; i++) {
		m->link_p95[i] += r->link_p95_ms[i] / runs;
	}
}

static void print(const struct sim_profile *p, enum load load, bool start,
		  const struct means *m)
{
	(void)printf("%-12s %-12s %-10s %5.1f Mbit/s lost %5.3f %%  delay p50 "
		     "%5.1f p95 %5.1f p99 %5.1f (at most %5.1f) ms; links' "
		     "queues p95",
		     p->name, names[load], start ? "with start" : "after it",
		     m->mbps, m->lost, m->p50, m->p95, m->p99, m->p99_most);
	for (unsigned i = 0; i < p->paths; i++) {
		(void)printf(" %.1f", m->link_p95[i]);
	}
	(void)putchar('\n');
	(void)fflush(stdout);
}

static void figures(const struct sim_profile *p, enum load load, bool start,
		    mpq_duration time, uint64_t seed, unsigned seeds,
		    bool trace)
{
	struct bond_plan plan = plan_of(p, load, time);
	const struct bond_plan one = plan;
	struct means m = {0};

	plan.event[0].at = start ? 0 : plan.event[0].at;

	for (unsigned i = 0; i < seeds; i++) {
		struct sim_run run = {.seed = seed + i, .trace = trace};
		struct bond_result r;

		/* Without chance in the links no seed is unlike another. */
		for (unsigned l = 0; l < BOND_LOADS; l++) {
			plan.load[l].flow.mbps =
				one.load[l].flow.mbps *
				(1 + VARIED * (double)run.seed);
		}
		bond_run(&run, &plan, &r);
		if (run.failed) {
			(void)printf("seed %llu: %s\n",
				     (unsigned long long)run.seed, run.why);
		}
		add(&m, load, &r, seeds);
	}
	print(p, load, start, &m);
}

void bond_delay_figures(unsigned which, mpq_duration time, uint64_t seed,
			unsigned seeds, bool trace)
{
	for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		for (unsigned load = 0; load < LOADS; load++) {
			if (which == 0 || which == i + 1) {
				figures(&profiles[i], load, true, time, seed,
					seeds, trace);
				figures(&profiles[i], load, false, time, seed,
					seeds, trace);
			}
		}
	}
}
