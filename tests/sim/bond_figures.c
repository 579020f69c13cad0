/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bond_figures.h"

#include "tests/sim/bond_class.h"
#include "tests/sim/bond_copies.h"
#include "tests/sim/bond_delay.h"
#include "tests/sim/bond_leo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS MPQ_MILLISECOND
#define LEO_TIME                                                               \
	(120 * MPQ_SECOND) /* four hand-overs are learnt, four more            \
			    */

#define PATH(rate, rtt, ...)                                                   \
	{                                                                      \
		.mbps = (rate), .rtt_ms = (rtt), ##__VA_ARGS__                 \
	}

const struct sim_profile bond_het3_lossy = {"het3, 1 % loss",
					    3,
					    {PATH(50, 30, .loss_percent = 1),
					     PATH(20, 60, .loss_percent = 1),
					     PATH(10, 120, .loss_percent = 1)}};

struct options {
	unsigned profile; /* 0: all */
	mpq_duration time;
	uint64_t seed;
	unsigned load; /* harm, shares: 0: all */
	bool trace;
};

double bond_plan_mbps(const struct sim_profile *p, bool down)
{
	double sum = 0;

	if (p == &sim_profiles[18] && !down) {
		return 30;
	}
	for (unsigned i = 0; i < p->paths; i++) {
		sum += p->path[i].mbps;
	}
	return sum;
}

struct bond_plan bond_plan_of(const struct sim_profile *p,
			      enum bond_flow_kind kind, unsigned flows,
			      bool down, mpq_duration time)
{
	return (struct bond_plan){
		.setup = {.profile = p,
			  .paths = (1U << p->paths) - 1,
			  .time = time},
		.load = {{.flow = {.kind = kind,
				   .down = down,
				   .mbps = 0.8 * bond_plan_mbps(p, down) *
					   BOND_WORLD_MTU /
					   BOND_WORLD_WIRE_BYTES},
			  .flows = flows}}};
}

static void run_plan(const struct options *o, const struct bond_plan *p,
		     struct bond_result *r, struct sim_run *run)
{
	*run = (struct sim_run){.seed = o->seed, .trace = o->trace};
	bond_run(run, p, r);
}

static void print_result(const struct bond_plan *p, const char *what,
			 const struct bond_result *r, const struct sim_run *run)
{
	const struct bond_outcome *o = &r->load[0];

	(void)printf("%-32s %-18s %6.1f of %6.1f Mbit/s %.2f  delay p50 %4.0f "
		     "p99 %4.0f ms  lost %6.3f %%  reordered %5llu by %4llu "
		     "spurious %5llu  CPU %.3f s/s%s%s",
		     p->setup.profile->name, what, o->mbps, r->link_mbps,
		     o->mbps / r->link_mbps, o->p50_ms, o->p99_ms,
		     o->sent > 0 ? 100.0 * (double)o->lost / (double)o->sent
				 : 0,
		     (unsigned long long)o->reordered,
		     (unsigned long long)o->behind,
		     (unsigned long long)o->spurious, r->cpu_seconds,
		     run->failed ? "  FAILED: " : "",
		     run->failed ? run->why : "");
}

/* ---- each path alone ----------------------------------------------------- */

static bool is_repeated(const struct sim_profile *p, unsigned path)
{
	return path > 0 && memcmp(&p->path[path], &p->path[path - 1],
				  sizeof(p->path[0])) == 0;
}

static void single(const struct options *o, const struct sim_profile *profile)
{
	for (unsigned k = 0; k < profile->paths; k++) {
		struct bond_plan p = bond_plan_of(profile, BOND_FLOW_CUBIC, 1,
						  true, o->time);
		struct bond_result r;
		struct sim_run run;
		char what[32];

		if (is_repeated(profile, k)) {
			continue;
		}
		p.setup.paths = 1U << k;
		run_plan(o, &p, &r, &run);
		(void)snprintf(what, sizeof(what), "path %u CUBIC", k);
		print_result(&p, what, &r, &run);
		(void)putchar('\n');
		(void)fflush(stdout);
	}
}

/* ---- the outer connection ------------------------------------------------ */

/* What one path gives when as much is offered as it has. */
static void outer(const struct options *o)
{
	static const struct sim_profile paths[] = {
		{"20/40", 1, {PATH(20, 40)}},
		{"20/40 loss .1", 1, {PATH(20, 40, .loss_percent = .1)}},
		{"20/40 loss .5", 1, {PATH(20, 40, .loss_percent = .5)}},
		{"20/40 loss 1", 1, {PATH(20, 40, .loss_percent = 1)}},
		{"20/40 loss 2", 1, {PATH(20, 40, .loss_percent = 2)}},
		{"20/40 loss 5", 1, {PATH(20, 40, .loss_percent = 5)}},
		{"20/40 loss 10", 1, {PATH(20, 40, .loss_percent = 10)}},
		{"20/40 loss 30", 1, {PATH(20, 40, .loss_percent = 30)}},
		{"20/40 bursts", 1, {PATH(20, 40, .burst_percent = 5)}},
		{"20/40 queue 5 ms", 1, {PATH(20, 40, .queue_ms = 5)}},
		{"20/40 queue 15 ms", 1, {PATH(20, 40, .queue_ms = 15)}},
		{"20/40 queue 2 s", 1, {PATH(20, 40, .queue_ms = 2000)}},
		{"50/20 jitter 10", 1, {PATH(50, 20, .jitter_ms = 10)}},
		{"30/60 jitter 15",
		 1,
		 {PATH(30, 60, .jitter_ms = 15, .queue_ms = 200)}},
		{"10/120 loss 1", 1, {PATH(10, 120, .loss_percent = 1)}},
		{"300/10", 1, {PATH(300, 10)}},
		{"50/300", 1, {PATH(50, 300)}},
		{"2/60", 1, {PATH(2, 60)}},
		{"LEO 100",
		 1,
		 {PATH(100, 55, .loss_percent = 1, .kind = SIM_LEO,
		       .queue_ms = 60)}},
		{"LTE walk",
		 1,
		 {PATH(20, 60, .jitter_ms = 20, .queue_ms = 500,
		       .kind = SIM_WALK)}},
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct bond_plan p = bond_plan_of(&paths[i], BOND_FLOW_UDP, 1,
						  true, o->time);
		struct bond_result r;
		struct sim_run run;

		if (o->profile != 0 && o->profile != i + 1) {
			continue;
		}
		p.load[0].flow.mbps *= .95 / .8;
		run_plan(o, &p, &r, &run);
		print_result(&p, "UDP .95", &r, &run);
		p.load[0].flow.kind = BOND_FLOW_BBR;
		run_plan(o, &p, &r, &run);
		(void)printf("  BBR %.2f p50 %.0f p99 %.0f\n",
			     r.load[0].mbps / r.link_mbps, r.load[0].p50_ms,
			     r.load[0].p99_ms);
		(void)fflush(stdout);
	}
}

/* ---- a and b: shares of the sum ------------------------------------------ */

/* Apart from what comes after it. */
#define SHARE_START (3 * MPQ_SECOND)

static void share(const struct options *o, const struct sim_profile *profile)
{
	static const struct {
		const char *name;
		enum bond_flow_kind kind;
		unsigned flows;
		bool down;
	} loads[] = {
		{"CUBIC up", BOND_FLOW_CUBIC, 1, false},
		{"CUBIC down", BOND_FLOW_CUBIC, 1, true},
		{"8 CUBIC down", BOND_FLOW_CUBIC, 8, true},
		{"UDP .85 down", BOND_FLOW_UDP, 1, true},
	};

	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		struct bond_plan p =
			bond_plan_of(profile, loads[i].kind, loads[i].flows,
				     loads[i].down, o->time);
		struct bond_result r;
		struct sim_run run;

		if (o->load != 0 && o->load != i + 1) {
			continue;
		}
		p.load[0].flow.mbps *= .85 / .8;
		p.event[0].at = o->time > 2 * SHARE_START ? SHARE_START : 0;
		p.event[0].kind = BOND_MARK;
		run_plan(o, &p, &r, &run);
		print_result(&p, loads[i].name, &r, &run);
		(void)printf("  begun %.3f\n",
			     r.load[0].marked_mbps / r.link_mbps);
		(void)fflush(stdout);
	}
}

/* One way, and then the other: what the paths have learnt of a direction that
 * carried acknowledgements only. */
static void turn(const struct options *o, const struct sim_profile *profile)
{
	for (int down = 0; down < 2; down++) {
		struct bond_plan p = bond_plan_of(profile, BOND_FLOW_CUBIC, 1,
						  down != 0, 2 * o->time);
		struct bond_result r;
		struct sim_run run;

		p.load[1] = p.load[0];
		p.load[1].flow.down = down == 0;
		p.load[1].begins = o->time;
		run_plan(o, &p, &r, &run);
		print_result(&p, down ? "CUBIC down" : "CUBIC up", &r, &run);
		(void)printf("  then %s %.1f Mbit/s %.2f\n",
			     down ? "up" : "down", r.load[1].mbps,
			     r.load[1].mbps / r.link_mbps);
		(void)fflush(stdout);
	}
}

/* One flow up again and again, with others down between. */
static void again(const struct options *o, const struct sim_profile *profile)
{
	static const struct {
		enum bond_flow_kind kind;
		unsigned flows;
		bool down;
	} loads[BOND_LOADS] = {
		{BOND_FLOW_CUBIC, 1, false}, {BOND_FLOW_CUBIC, 1, true},
		{BOND_FLOW_CUBIC, 8, true},  {BOND_FLOW_UDP, 1, true},
		{BOND_FLOW_CUBIC, 1, false}, {BOND_FLOW_CUBIC, 8, true},
		{BOND_FLOW_UDP, 1, true},    {BOND_FLOW_CUBIC, 1, false},
	};
	struct bond_plan p = bond_plan_of(profile, BOND_FLOW_CUBIC, 1, false,
					  BOND_LOADS * o->time);
	struct bond_result r;
	struct sim_run run;

	for (unsigned i = 0; i < BOND_LOADS; i++) {
		struct bond_plan l =
			bond_plan_of(profile, loads[i].kind, loads[i].flows,
				     loads[i].down, o->time);
		p.load[i] = l.load[0];
		p.load[i].begins = i * o->time;
	}
	run_plan(o, &p, &r, &run);
	(void)printf("%-24s", profile->name);
	for (unsigned i = 0; i < BOND_LOADS; i++) {
		(void)printf(" %u %s %.2f", loads[i].flows,
			     loads[i].down ? "down" : "up",
			     r.load[i].mbps / r.link_mbps);
	}
	(void)printf("\n");
	(void)fflush(stdout);
}

static void each_of(const struct options *o,
		    void (*what)(const struct options *o,
				 const struct sim_profile *profile))
{
	const struct sim_profile *profiles[] = {
		&sim_profiles[0], &sim_profiles[1], &sim_profiles[4],
		&sim_profiles[5], &bond_het3_lossy, &sim_profiles[11]};

	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		if (o->profile == 0 || o->profile == i + 1) {
			what(o, profiles[i]);
		}
	}
}

/* ---- c: never worse than the best path ----------------------------------- */

double bond_best_single_mbps(struct sim_run *run, struct bond_plan p)
{
	const struct sim_profile *profile = p.setup.profile;
	double best = 0;

	for (unsigned k = 0; k < profile->paths; k++) {
		struct bond_result r;

		if (!is_repeated(profile, k)) {
			p.setup.paths = 1U << k;
			bond_run(run, &p, &r);
			best = r.load[0].mbps > best ? r.load[0].mbps : best;
		}
	}
	return best;
}

static void harm(const struct options *o, const struct sim_profile *profile)
{
	static const struct {
		const char *name;
		enum bond_flow_kind kind;
		unsigned flows;
	} loads[] = {
		{"CUBIC", BOND_FLOW_CUBIC, 1},    {"BBR", BOND_FLOW_BBR, 1},
		{"8 CUBIC", BOND_FLOW_CUBIC, 8},  {"UDP .8", BOND_FLOW_UDP, 1},
		{"QUIC-like", BOND_FLOW_QUIC, 1},
	};

	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		struct bond_plan p =
			bond_plan_of(profile, loads[i].kind, loads[i].flows,
				     true, o->time);
		struct bond_result r;
		struct sim_run run = {.seed = o->seed};
		double best;

		if (o->load != 0 && o->load != i + 1) {
			continue;
		}
		best = bond_best_single_mbps(&run, p);
		run_plan(o, &p, &r, &run);
		print_result(&p, loads[i].name, &r, &run);
		(void)printf("  best path %.1f, ratio %.2f%s\n", best,
			     r.load[0].mbps / best,
			     r.load[0].mbps < .95 * best ? " HARM" : "");
		(void)fflush(stdout);
	}
}

/* ---- d and f: a path goes, and returns ----------------------------------- */

static struct sim_profile equal_pair(double rtt_ms)
{
	return (struct sim_profile){"2 x 20",
				    2,
				    {PATH(20, rtt_ms), PATH(20, rtt_ms)}};
}

static struct bond_plan bond_failure(const struct sim_profile *profile,
				     enum bond_event_kind kind, bool down,
				     bool bulk)
{
	struct bond_plan p = {
		.setup = {.profile = profile,
			  .paths = (1U << profile->paths) - 1,
			  .time = 8 * MPQ_SECOND},
		.load = {{.flow = {.kind = BOND_FLOW_UDP,
				   .down = down,
				   .mbps = 100 * 200 * 8e-6,
				   .bytes = 200},
			  .flows = 1},
			 {.flow = {.kind = BOND_FLOW_CUBIC, .down = down},
			  .flows = bulk ? 1 : 0}},
		.event = {{.at = 4 * MPQ_SECOND - MS, .kind = BOND_MARK},
			  {.at = 4 * MPQ_SECOND, .path = 0, .kind = kind}}};

	return p;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Either path dies, 25 seeds each. */
static void failure(const struct options *o, const char *name, double rtt_ms,
		    enum bond_event_kind kind, bool down, bool bulk)
{
	struct sim_profile profile = equal_pair(rtt_ms);
	double gaps[50];
	uint64_t lost = 0, reordered = 0, least = 0;
	unsigned failed = 0;

	for (unsigned i = 0; i < 50; i++) {
		struct bond_plan p = bond_failure(&profile, kind, down, bulk);
		struct bond_result r;
		struct sim_run run = {.seed = o->seed + i / 2,
				      .trace = o->trace};

		p.event[1].path = i % 2;
		/* At any moment of what goes on. */
		p.event[1].at += (i / 2) * 13 * MS;
		bond_run(&run, &p, &r);
		gaps[i] = (double)r.load[0].gap / 1e6;
		lost += r.load[0].lost;
		least = r.load[0].lost > least ? r.load[0].lost : least;
		reordered += r.load[0].reordered;
		if (run.failed && failed++ == 0) {
			(void)printf("seed %llu path %u: %s\n",
				     (unsigned long long)run.seed, i % 2,
				     run.why);
		}
	}
	qsort(gaps, 50, sizeof(gaps[0]), by_size);
	(void)printf(
		"%-11s %-4s RTT %3.0f ms%s: gap p50 %5.0f p95 %5.0f max %5.0f "
		"ms, lost %.2f (most %llu), reordered %.2f of a run's 800"
		"; failed %u\n",
		name, down ? "down" : "up", rtt_ms, bulk ? ", bulk" : "",
		gaps[25], gaps[47], gaps[49], (double)lost / 50,
		(unsigned long long)least, (double)reordered / 50, failed);
	(void)fflush(stdout);
}

static void failures(const struct options *o)
{
	static const double rtts[] = {20, 60, 120};

	for (int i = 0; i < 3; i++) {
		for (int bulk = 0; bulk < 2; bulk++) {
			if (o->profile != 0 &&
			    o->profile !=
				    1U + 2 * (unsigned)i + (unsigned)bulk) {
				continue;
			}
			for (int down = 0; down < 2; down++) {
				failure(o, "black hole", rtts[i], BOND_SILENT,
					down != 0, bulk != 0);
				failure(o, "device gone", rtts[i],
					BOND_UNPLUGGED, down != 0, bulk != 0);
			}
		}
	}
}

/* ---- g: beside others ---------------------------------------------------- */

static void beside(const struct options *o, const struct sim_profile *p)
{
	bond_class_figures(p, o->time, o->seed, o->trace);
}

/* UDP at .85 of the sum, so that the path is needed. */
static void come_back(const struct options *o, double rtt_ms,
		      mpq_duration outage, bool unplug)
{
	struct sim_profile profile = equal_pair(rtt_ms);
	struct bond_plan p = bond_plan_of(&profile, BOND_FLOW_UDP, 1, true,
					  outage + 20 * MPQ_SECOND);
	struct bond_result r;
	struct sim_run run;

	p.load[0].flow.mbps *= .85 / .8;
	p.event[0] = (struct bond_event){.at = 4 * MPQ_SECOND,
					 .kind = unplug ? BOND_UNPLUGGED
							: BOND_SILENT};
	p.event[1] = (struct bond_event){.at = 4 * MPQ_SECOND + outage,
					 .kind = unplug ? BOND_REPLUGGED
							: BOND_HEARD};
	run_plan(o, &p, &r, &run);
	(void)printf("back after %5.1f s %-10s RTT %3.0f ms: used after %5.2f "
		     "s, in full after %5.2f s  %s\n",
		     (double)outage / 1e9, unplug ? "replugged" : "heard",
		     rtt_ms, (double)r.used_after / 1e9,
		     (double)r.full_after / 1e9, run.why);
	(void)fflush(stdout);
}

static void returns(const struct options *o)
{
	static const mpq_duration outages[] = {300 * MS, MPQ_SECOND,
					       5 * MPQ_SECOND, 30 * MPQ_SECOND,
					       300 * MPQ_SECOND};
	static const double rtts[] = {20, 60, 120};

	for (int r = 0; r < 3; r++) {
		for (int i = 0; i < 5; i++) {
			come_back(o, rtts[r], outages[i], false);
			come_back(o, rtts[r], outages[i], true);
		}
	}
}

/* Either path is silent for .05 to .4 s, 50 times, as long apart. */
static struct bond_plan flapping(const struct sim_profile *profile,
				 uint64_t seed)
{
	struct bond_plan p = bond_plan_of(profile, BOND_FLOW_UDP, 1, true, 0);
	struct sim_random r = {.state = seed * 7919};
	mpq_duration at = 4 * MPQ_SECOND;

	p.load[0].flow.mbps *= .85 / .8;
	for (unsigned i = 0; i < 50; i++) {
		unsigned path = (unsigned)sim_random_range(&r, 0, 1);

		p.event[2 * i] = (struct bond_event){.at = at,
						     .path = path,
						     .kind = BOND_SILENT};
		at += sim_random_range(&r, 50, 400) * MS;
		p.event[2 * i + 1] = (struct bond_event){.at = at,
							 .path = path,
							 .kind = BOND_HEARD};
		at += sim_random_range(&r, 50, 400) * MS;
	}
	p.setup.time = at + 60 * MPQ_SECOND;
	return p;
}

static void flaps(const struct options *o)
{
	enum {
		RUNS = 20
	};
	static const double rtts[] = {20, 60, 120};

	for (unsigned k = 0; k < 3; k++) {
		struct sim_profile profile = equal_pair(rtts[k]);
		double used[RUNS], full[RUNS], most = 0;
		uint64_t worst = 0;

		if (o->profile != 0 && o->profile != k + 1) {
			continue;
		}
		for (unsigned i = 0; i < RUNS; i++) {
			struct bond_plan p = flapping(&profile, o->seed + i);
			struct sim_run run = {.seed = o->seed + i,
					      .trace = o->trace};
			struct bond_result r;

			bond_run(&run, &p, &r);
			if (run.failed || r.full_after == 0) {
				(void)printf("seed %llu: never in full%s%s\n",
					     (unsigned long long)run.seed,
					     run.failed ? ": " : "", run.why);
			}
			used[i] = r.used_after > 0 ? (double)r.used_after / 1e9
						   : 99;
			full[i] = r.full_after > 0 ? (double)r.full_after / 1e9
						   : 99;
			worst = full[i] > most ? run.seed : worst;
			most = full[i] > most ? full[i] : most;
		}
		qsort(used, RUNS, sizeof(used[0]), by_size);
		qsort(full, RUNS, sizeof(full[0]), by_size);
		(void)printf(
			"after 50 flaps, RTT %3.0f ms: both used p50 %5.2f "
			"max %5.2f s, in full p50 %5.2f max %5.2f s (seed "
			"%llu)\n",
			rtts[k], used[RUNS / 2], used[RUNS - 1], full[RUNS / 2],
			most, (unsigned long long)worst);
		(void)fflush(stdout);
	}
}

/* ---- the program --------------------------------------------------------- */

static unsigned number(int argc, char **argv, int i, unsigned otherwise)
{
	return argc > i ? (unsigned)strtoul(argv[i], NULL, 10) : otherwise;
}

int bond_figures(int argc, char **argv)
{
	const struct options o = {.profile = number(argc, argv, 1, 0),
				  .time = number(argc, argv, 2, 20) *
					  MPQ_SECOND,
				  .seed = number(argc, argv, 3, 1),
				  .load = number(argc, argv, 4, 0),
				  .trace = getenv("TRACE") != NULL};
	void (*each)(const struct options *, const struct sim_profile *) = NULL;

	if (strcmp(argv[0], "shares") == 0) {
		each_of(&o, share);
	} else if (strcmp(argv[0], "turn") == 0) {
		each_of(&o, turn);
	} else if (strcmp(argv[0], "again") == 0) {
		each_of(&o, again);
	} else if (strcmp(argv[0], "outer") == 0) {
		outer(&o);
	} else if (strcmp(argv[0], "return") == 0) {
		returns(&o);
	} else if (strcmp(argv[0], "flaps") == 0) {
		flaps(&o);
	} else if (strcmp(argv[0], "fail") == 0) {
		failures(&o);
	} else if (strcmp(argv[0], "copies") == 0) {
		bond_copies_figures(o.profile, o.seed, o.trace);
	} else if (strcmp(argv[0], "leo") == 0) {
		bond_leo_figures(o.profile, argc > 2 ? o.time : LEO_TIME,
				 o.seed, o.trace);
	} else if (strcmp(argv[0], "delay") == 0) {
		bond_delay_figures(o.profile, o.time, o.seed,
				   number(argc, argv, 4, 10), o.trace);
	} else if (strcmp(argv[0], "single") == 0) {
		each = single;
	} else if (strcmp(argv[0], "beside") == 0) {
		each = beside;
	} else if (strcmp(argv[0], "harm") == 0) {
		each = harm;
	} else {
		return 2;
	}
	for (unsigned i = 0; each != NULL && i < SIM_PROFILES; i++) {
		if (o.profile == 0 || o.profile == i + 1) {
			each(&o, &sim_profiles[i]);
		}
	}
	return 0;
}
