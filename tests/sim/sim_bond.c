/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two whole engines under modelled links: what bonding does in the composition
 * that ships. Scenarios assert what must always hold and the goals that are
 * met; bond_figures.c prints tables.
 */
#include "tests/sim/bond_class.h"
#include "tests/sim/bond_copies.h"
#include "tests/sim/bond_figures.h"
#include "tests/sim/bond_leo.h"
#include "tests/sim/bond_run.h"

#include <stdio.h>
#include <string.h>

#define MS     MPQ_MILLISECOND
#define STREAM 1 /* which load is the thin stream */

#define CLASSES                                                                \
	BOND_WORLD_CLASSES ",{'name':'copies','mode':'redundant',"             \
			   "'priority':6,'copies':0,'order-cap-us':100000,"    \
			   "'repair-deadline-us':0}"
#define RULES "{'name':'voice','class':'copies','dscp':[46]}"

static const struct sim_profile pair20 = {"2 x 20/20",
					  2,
					  {{.mbps = 20, .rtt_ms = 20},
					   {.mbps = 20, .rtt_ms = 20}}};
static const struct sim_profile pair60 = {"2 x 20/60",
					  2,
					  {{.mbps = 20, .rtt_ms = 60},
					   {.mbps = 20, .rtt_ms = 60}}};
static const struct sim_profile pair120 = {"2 x 20/120",
					   2,
					   {{.mbps = 20, .rtt_ms = 120},
					    {.mbps = 20, .rtt_ms = 120}}};
static const struct sim_profile *const pairs[] = {&pair20, &pair60, &pair120};

static void a_seed_is_a_run(struct sim_run *run)
{
	struct bond_plan p = bond_plan_of(&sim_profiles[run->seed % 2 ? 4 : 11],
					  BOND_FLOW_CUBIC, 2, run->seed % 3 > 0,
					  2 * MPQ_SECOND);
	struct bond_result a, b;

	bond_run(run, &p, &a);
	bond_run(run, &p, &b);
	sim_holds(run, a.print == b.print, 0, "%llx is not %llx",
		  (unsigned long long)a.print, (unsigned long long)b.print);
}

/* A direction that carried acknowledgements only, between two flows: losses
 * have shrunk its windows. */
static void a_flow_up_is_as_quick_after_one_down(struct sim_run *run)
{
	const mpq_duration time = 10 * MPQ_SECOND;
	struct bond_plan p = bond_plan_of(&bond_het3_lossy, BOND_FLOW_CUBIC, 1,
					  false, 3 * time);
	struct bond_result r;

	for (unsigned i = 0; i < 3; i++) {
		p.load[i] = p.load[0];
		p.load[i].flow.down = i == 1;
		p.load[i].begins = i * time;
	}
	bond_run(run, &p, &r);
	sim_holds(run, r.load[2].mbps >= .6 * r.load[0].mbps, 0,
		  "%.1f Mbit/s at first, then %.1f", r.load[0].mbps,
		  r.load[2].mbps);
}

/* ---- whatever happens ---------------------------------------------------- */

static struct bond_event any_event(struct sim_random *r, mpq_duration at,
				   unsigned path, bool *gone)
{
	bool unplug = sim_random_chance(r, 500000);

	*gone = !*gone;
	return (struct bond_event){.at = at,
				   .path = path,
				   .kind = *gone    ? unplug ? BOND_UNPLUGGED
							     : BOND_SILENT
					   : unplug ? BOND_REPLUGGED
						    : BOND_HEARD};
}

/* One path comes and goes; what is told of it need not even fit together. */
static void any_events(struct sim_random *r, struct bond_plan *p)
{
	mpq_duration at = sim_random_range(r, 500, 1500) * MS;
	unsigned path =
		(unsigned)sim_random_range(r, 0, p->setup.profile->paths - 1);
	bool gone = false;

	for (unsigned i = 0; i + 1 < BOND_EVENTS && at < p->setup.time; i++) {
		p->event[i] = any_event(r, at, path, &gone);
		at += sim_random_range(r, 20, 1200) * MS;
	}
}

static void any_flows(struct sim_random *r, struct bond_plan *p)
{
	for (int i = 0; i < BOND_LOADS; i++) {
		p->load[i] = (struct bond_load){
			.flow = {.kind = (enum bond_flow_kind)sim_random_range(
					 r, 0, BOND_FLOW_KINDS - 1),
				 .down = sim_random_chance(r, 500000),
				 .mbps = (double)sim_random_range(r, 1, 40) / 4,
				 .bytes = sim_random_range(r, 100,
							   BOND_WORLD_MTU),
				 .dscp = sim_random_chance(r, 200000) ? 46 : 0},
			.flows = (unsigned)sim_random_range(r, 1, 3)};
	}
}

static void any_class(struct sim_random *r, char *text, size_t cap)
{
	static const char *const modes[] = {"auto",           "auto",
					    "smallest-delay", "load-balancing",
					    "priority-based", "active-standby"};

	(void)snprintf(text, cap,
		       "{'name':'default','mode':'%s','priority':3,"
		       "'order-cap-us':%u,'repair-deadline-us':%u},"
		       "{'name':'copies','mode':'redundant','priority':%u,"
		       "'copies':0,'order-cap-us':100000}",
		       modes[sim_random_range(r, 0, 5)],
		       (unsigned)sim_random_range(r, 0, 4) * 50000,
		       (unsigned)sim_random_range(r, 0, 4) * 125000,
		       (unsigned)sim_random_range(r, 0, 7));
}

/* The world itself watches what must hold at every moment. */
static void anything_at_all(struct sim_run *run)
{
	struct sim_random r = {.state = run->seed * 7919};
	char classes[512];
	struct bond_plan p = {
		.setup = {.profile = &sim_profiles[run->seed % SIM_PROFILES],
			  .paths = 0x3f,
			  .time = sim_random_range(&r, 2, 4) * MPQ_SECOND,
			  .classes = classes,
			  .rules = RULES}};
	struct bond_result result;

	any_class(&r, classes, sizeof(classes));
	any_flows(&r, &p);
	if (sim_random_chance(&r, 700000)) {
		any_events(&r, &p);
	}
	bond_run(run, &p, &result);
	for (int i = 0; i < BOND_LOADS; i++) {
		sim_holds(run, result.load[i].sent > result.load[i].lost, 0,
			  "load %d got nothing through", i);
	}
}

/* ---- goals --------------------------------------------------------------- */

static void share(struct sim_run *run, const struct sim_profile *profile,
		  unsigned flows, double least)
{
	struct bond_plan p = bond_plan_of(profile, BOND_FLOW_CUBIC, flows,
					  run->seed % 2 == 0, 10 * MPQ_SECOND);
	struct bond_result r;

	bond_run(run, &p, &r);
	sim_holds(run, r.load[0].mbps >= least * r.link_mbps, 0,
		  "%s: %.2f of the sum, not %.2f", profile->name,
		  r.load[0].mbps / r.link_mbps, least);
}

static void one_flow_gets_most_of_the_sum(struct sim_run *run)
{
	share(run, &sim_profiles[0], 1, .80);
	share(run, &sim_profiles[1], 1, .65);
	share(run, &sim_profiles[5], 1, .55);
}

static void eight_flows_get_most_of_the_sum(struct sim_run *run)
{
	share(run, &sim_profiles[0], 8, .82);
	share(run, &sim_profiles[4], 8, .75);
	share(run, &sim_profiles[5], 8, .75);
}

/* Where an early version did: paths too unlike, lossy, bloated, decaying. */
static void bonding_does_no_harm(struct sim_run *run)
{
	static const struct {
		unsigned profile, flows, seconds;
		enum bond_flow_kind kind;
	} cases[] = {
		{20, 1, 10, BOND_FLOW_CUBIC}, {18, 8, 10, BOND_FLOW_CUBIC},
		{11, 1, 16, BOND_FLOW_CUBIC}, {20, 1, 10, BOND_FLOW_BBR},
		{18, 1, 10, BOND_FLOW_UDP},   {10, 8, 10, BOND_FLOW_CUBIC},
		{16, 1, 10, BOND_FLOW_QUIC},  {5, 1, 10, BOND_FLOW_BBR},
	};
	unsigned i = (unsigned)(run->seed % (sizeof(cases) / sizeof(cases[0])));
	struct bond_plan p = bond_plan_of(&sim_profiles[cases[i].profile - 1],
					  cases[i].kind, cases[i].flows, true,
					  cases[i].seconds * MPQ_SECOND);
	double best = bond_best_single_mbps(run, p);
	struct bond_result r;

	bond_run(run, &p, &r);
	sim_holds(run, r.load[0].mbps >= .95 * best, 0,
		  "%s, %u %s: %.1f Mbit/s, the best path alone %.1f",
		  p.setup.profile->name, cases[i].flows,
		  bond_flow_names[cases[i].kind], r.load[0].mbps, best);
}

/* Its slow start is over when its packets are held back for what that one lost.
 */
static void a_flow_begins_without_a_path_that_loses_a_third(struct sim_run *run)
{
	struct bond_plan p = bond_plan_of(&sim_profiles[17], BOND_FLOW_CUBIC, 1,
					  true, 10 * MPQ_SECOND);
	double best = bond_best_single_mbps(run, p);
	struct bond_result r;

	bond_run(run, &p, &r);
	sim_holds(run, r.load[0].mbps >= .95 * best, 0,
		  "%.1f Mbit/s, the best path alone %.1f", r.load[0].mbps,
		  best);
}

static void a_stream_of_most_of_the_sum_loses_nothing(struct sim_run *run)
{
	struct bond_plan p =
		bond_plan_of(&sim_profiles[run->seed % 2 ? 0 : 1],
			     BOND_FLOW_UDP, 1, true, 5 * MPQ_SECOND);
	struct bond_result r;

	bond_run(run, &p, &r);
	sim_holds(run, r.load[0].lost * 1000 <= r.load[0].sent, 0,
		  "%llu lost of %llu", (unsigned long long)r.load[0].lost,
		  (unsigned long long)r.load[0].sent);
	sim_holds(run, r.load[0].reordered == 0, 0, "%llu out of order",
		  (unsigned long long)r.load[0].reordered);
}

/* 100 packets a second; path seed % 2 goes at any moment. */
static struct bond_plan thin_stream(const struct sim_run *run,
				    const struct sim_profile *profile,
				    enum bond_event_kind kind)
{
	mpq_duration at = 2 * MPQ_SECOND + run->seed * 13 % 100 * MS;

	return (struct bond_plan){.setup = {.profile = profile,
					    .paths = 3,
					    .time = 4 * MPQ_SECOND,
					    .classes = CLASSES,
					    .rules = RULES},
				  .load = {{.flow = {.kind = BOND_FLOW_UDP,
						     .down = true,
						     .mbps = 100 * 200 * 8e-6,
						     .bytes = 200},
					    .flows = 1}},
				  .event = {{.at = at - MS, .kind = BOND_MARK},
					    {.at = at,
					     .path = (unsigned)(run->seed % 2),
					     .kind = kind}}};
}

static void outlives(struct sim_run *run, enum bond_event_kind kind,
		     double rtts, double ms)
{
	for (int i = 0; i < 3; i++) {
		struct bond_plan p = thin_stream(run, pairs[i], kind);
		mpq_duration allowed =
			(mpq_duration)((rtts * pairs[i]->path[0].rtt_ms + ms) *
				       1e6);
		struct bond_result r;

		bond_run(run, &p, &r);
		sim_holds(run, r.load[0].gap <= allowed, 0,
			  "%s: a gap of %.0f ms, not %.0f", pairs[i]->name,
			  (double)r.load[0].gap / 1e6, (double)allowed / 1e6);
		sim_holds(run, r.load[0].lost == 0, 0, "%s: %llu lost",
			  pairs[i]->name, (unsigned long long)r.load[0].lost);
		run->figure = r.load[0].gap > run->figure ? r.load[0].gap
							  : run->figure;
	}
}

static void a_black_hole_costs_two_round_trips(struct sim_run *run)
{
	outlives(run, BOND_SILENT, 2.5, 50);
}

static void a_black_hole_costs_no_more_beside_a_download(struct sim_run *run)
{
	static const mpq_duration allowed[] = {100 * MS, 180 * MS, 300 * MS};

	for (int i = 0; i < 3; i++) {
		struct bond_plan p = thin_stream(run, pairs[i], BOND_SILENT);
		struct bond_result r;

		p.load[STREAM] =
			(struct bond_load){.flow = {.kind = BOND_FLOW_CUBIC,
						    .down = true},
					   .flows = 1};
		bond_run(run, &p, &r);
		sim_holds(run, r.load[0].gap <= allowed[i], 0,
			  "%s: a gap of %.0f ms, not %.0f", pairs[i]->name,
			  (double)r.load[0].gap / 1e6,
			  (double)allowed[i] / 1e6);
		sim_holds(run, r.load[0].lost == 0, 0, "%s: %llu lost",
			  pairs[i]->name, (unsigned long long)r.load[0].lost);
		run->figure = r.load[0].gap > run->figure ? r.load[0].gap
							  : run->figure;
	}
}

static void a_device_that_goes_costs_a_round_trip(struct sim_run *run)
{
	outlives(run, BOND_UNPLUGGED, 1, 30);
}

static void copies_lose_nothing(struct sim_run *run)
{
	static const enum bond_event_kind kinds[] = {BOND_SILENT,
						     BOND_UNPLUGGED};

	for (int i = 0; i < 6; i++) {
		struct bond_plan p =
			thin_stream(run, pairs[i % 3], kinds[i / 3]);
		struct bond_result r;

		p.load[0].flow.dscp = 46;
		p.load[0].flow.mbps *= 5;
		p.load[STREAM] =
			(struct bond_load){.flow = {.kind = BOND_FLOW_CUBIC,
						    .down = true},
					   .flows = 1};
		bond_run(run, &p, &r);
		sim_holds(run, r.load[0].lost == 0 && r.load[0].reordered == 0,
			  0, "%s, %s: %llu lost, %llu out of order",
			  p.setup.profile->name, i < 3 ? "silent" : "unplugged",
			  (unsigned long long)r.load[0].lost,
			  (unsigned long long)r.load[0].reordered);
	}
}

static void copies_over_two(struct sim_run *run, enum bond_copies_case which)
{
	static const double rtts[] = {20, 60, 120};
	struct bond_copies c = {.which = which,
				.rtt_ms = {rtts[run->seed % 3],
					   rtts[run->seed / 3 % 3]},
				.bulk = run->seed / 9 % 2 != 0};
	struct bond_result r;

	bond_copies_hold(run, &c, &r);
}

static void copies_bear_a_path_that_loses_a_third(struct sim_run *run)
{
	copies_over_two(run, BOND_COPIES_LOSSY);
}

static void copies_bear_a_lossy_path_that_goes_and_returns(struct sim_run *run)
{
	copies_over_two(run, BOND_COPIES_RETURNS);
}

static void copies_bear_a_path_that_flaps(struct sim_run *run)
{
	copies_over_two(run, BOND_COPIES_FLAPS);
}

static void a_path_that_returns_is_used_soon(struct sim_run *run)
{
	static const mpq_duration outages[] = {300 * MS, MPQ_SECOND,
					       5 * MPQ_SECOND};
	mpq_duration outage = outages[run->seed % 3];
	const struct sim_profile *profile = pairs[run->seed % 2];
	struct bond_plan p = bond_plan_of(profile, BOND_FLOW_UDP, 1, true,
					  outage + 6 * MPQ_SECOND);
	bool unplug = run->seed % 4 < 2;
	struct bond_result r;

	p.event[0] = (struct bond_event){.at = 2 * MPQ_SECOND,
					 .kind = unplug ? BOND_UNPLUGGED
							: BOND_SILENT};
	p.event[1] = (struct bond_event){.at = 2 * MPQ_SECOND + outage,
					 .kind = unplug ? BOND_REPLUGGED
							: BOND_HEARD};
	bond_run(run, &p, &r);
	sim_holds(run, r.full_after > 0 && r.full_after <= 2 * MPQ_SECOND, 0,
		  "in full use after %.1f s", (double)r.full_after / 1e9);
	run->figure = r.used_after;
}

/* The first path loses a third each way: the session does not wait for it. */
static void begin(struct sim_run *run, void *arg)
{
	static const struct sim_profile profile = {
		"20/20 with 30 % loss + 20/100",
		2,
		{{.mbps = 20, .rtt_ms = 20, .loss_percent = 30},
		 {.mbps = 20, .rtt_ms = 100}}};
	const struct bond_setup setup = {.profile = &profile,
					 .paths = 3,
					 .time = 8 * MPQ_SECOND};
	struct bond_world *w = bond_world_new(run, &setup);
	const struct mpq_session *s = w->edge.engine.tunnels[0]->session;
	mpq_time start = w->now;

	(void)arg;
	while (!run->failed && !mpq_session_is_up(s) &&
	       w->now < start + 8 * MPQ_SECOND) {
		bond_world_run(w, 10 * MS);
	}
	run->figure = w->now - start;
	sim_holds(run, run->figure <= 700 * MS, w->now, "open after %.0f ms",
		  (double)run->figure / 1e6);
	bond_world_free(w);
}

static void a_session_opens_on_who_answers(struct sim_run *run)
{
	bond_run_apart(run, begin, NULL);
}

static void flaps_leave_no_path_stuck(struct sim_run *run)
{
	struct sim_random r = {.state = run->seed};
	struct bond_plan p =
		bond_plan_of(&pair60, BOND_FLOW_UDP, 1, true, 24 * MPQ_SECOND);
	mpq_duration at = MPQ_SECOND;
	struct bond_result result;
	bool gone = false;

	for (unsigned i = 0; i < 14; i++) {
		p.event[i] = any_event(&r, at, 0, &gone);
		at += sim_random_range(&r, 5, 1000) * MS;
	}
	p.event[13].kind = BOND_REPLUGGED; /* else it may still be unplugged */
	p.event[14] =
		(struct bond_event){.at = 20 * MPQ_SECOND, .kind = BOND_MARK};
	bond_run(run, &p, &result);
	sim_holds(run,
		  result.paths_up == 2 && result.path_mbps[0] > 10 &&
			  result.path_mbps[1] > 10,
		  0, "%u paths up, %.1f and %.1f Mbit/s", result.paths_up,
		  result.path_mbps[0], result.path_mbps[1]);
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

/* ---- h: hand-overs ------------------------------------------------------- */

#define HAND_OVERS (96 * MPQ_SECOND) /* four are learnt, and two more */

static void run_hand_overs(struct sim_run *run, enum bond_leo_bulk bulk,
			   struct bond_result *ret)
{
	struct bond_plan p = bond_leo_plan(BOND_LEO_AND_LTE, bulk, true,
					   run->seed % 2 == 0, HAND_OVERS);

	bond_run(run, &p, ret);
}

/* The cell alone: 30 ms and up to 15 ms of jitter. */
static void a_critical_flow_does_not_notice_hand_overs(struct sim_run *run)
{
	struct bond_result r;

	run_hand_overs(run, BOND_LEO_NONE, &r);
	sim_holds(run, r.load[0].lost == 0, 0, "%llu packets were lost",
		  (unsigned long long)r.load[0].lost);
	sim_holds(run, r.load[0].p99_ms <= 30 + 15 + 10, 0,
		  "delay p99 of %.0f ms", r.load[0].p99_ms);
	run->figure = (mpq_duration)(r.load[0].p99_ms * 1e6);
}

static void downloads_bear_hand_overs(struct sim_run *run)
{
	const struct bond_outcome *bulk;
	struct bond_result r;
	double lost;

	run_hand_overs(run, BOND_LEO_EIGHT, &r);
	bulk = &r.load[1];
	lost = 100.0 * (double)bulk->lost / (double)bulk->sent;
	/* .61 when a cell's wander was taken for a queue. */
	sim_holds(run, bulk->mbps > 0.7 * r.link_mbps, 0, "%.1f of %.1f Mbit/s",
		  bulk->mbps, r.link_mbps);
	sim_holds(run, lost <= 0.5, 0, "%.2f %% of the bulk were lost", lost);
	/* Without a queue that is kept short for it, 74 to 79. */
	sim_holds(run, r.load[0].p95_ms < 60, 0, "delay p95 of %.0f ms",
		  r.load[0].p95_ms);
	run->figure = (mpq_duration)(r.load[0].p95_ms * 1e6);
	sim_holds(run, r.load[0].lost == 0, 0, "%llu packets were lost",
		  (unsigned long long)r.load[0].lost);
}

static const struct sim_scenario scenarios[] = {
	{"a_seed_is_a_run", a_seed_is_a_run, 2, NULL, NULL},
	{"anything_at_all", anything_at_all, 40, NULL, NULL},
	{"one_flow_gets_most_of_the_sum", one_flow_gets_most_of_the_sum, 1,
	 NULL, NULL},
	{"eight_flows_get_most_of_the_sum", eight_flows_get_most_of_the_sum, 1,
	 NULL, NULL},
	{"a_flow_up_is_as_quick_after_one_down",
	 a_flow_up_is_as_quick_after_one_down, 8, NULL, NULL},
	{"bonding_does_no_harm", bonding_does_no_harm, 8, NULL, NULL},
	{"a_flow_begins_without_a_path_that_loses_a_third",
	 a_flow_begins_without_a_path_that_loses_a_third, 14, NULL, NULL},
	{"a_stream_of_most_of_the_sum_loses_nothing",
	 a_stream_of_most_of_the_sum_loses_nothing, 2, NULL, NULL},
	{"a_black_hole_costs_two_round_trips",
	 a_black_hole_costs_two_round_trips, 4, "gap", NULL},
	{"a_black_hole_costs_no_more_beside_a_download",
	 a_black_hole_costs_no_more_beside_a_download, 4, "gap", NULL},
	{"a_device_that_goes_costs_a_round_trip",
	 a_device_that_goes_costs_a_round_trip, 4, "gap", NULL},
	{"copies_lose_nothing", copies_lose_nothing, 2, NULL, NULL},
	{"copies_bear_a_path_that_loses_a_third",
	 copies_bear_a_path_that_loses_a_third, 9, NULL, NULL},
	{"copies_bear_a_lossy_path_that_goes_and_returns",
	 copies_bear_a_lossy_path_that_goes_and_returns, 9, NULL, NULL},
	{"copies_bear_a_path_that_flaps", copies_bear_a_path_that_flaps, 9,
	 NULL, NULL},
	{"a_path_that_returns_is_used_soon", a_path_that_returns_is_used_soon,
	 6, "used again after", NULL},
	{"a_session_opens_on_who_answers", a_session_opens_on_who_answers, 60,
	 "open after", NULL},
	{"flaps_leave_no_path_stuck", flaps_leave_no_path_stuck, 3, NULL, NULL},
	{"a_slow_flow_is_quick_beside_any_other",
	 a_slow_flow_is_quick_beside_any_other, 16, "median delay", NULL},
	{"classes_as_high_as_each_other_share",
	 classes_as_high_as_each_other_share, 2, NULL, NULL},
	{"who_sends_too_much_waits_no_longer_than_told",
	 who_sends_too_much_waits_no_longer_than_told, 4, "delay p99", NULL},
	{"a_critical_flow_does_not_notice_hand_overs",
	 a_critical_flow_does_not_notice_hand_overs, 4, "delay p99", NULL},
	{"downloads_bear_hand_overs", downloads_bear_hand_overs, 1, "delay p95",
	 NULL},
};

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--figures") == 0) {
		return bond_figures(argc - 2, argv + 2);
	}
	return sim_scenarios(argc, argv, scenarios,
			     sizeof(scenarios) / sizeof(scenarios[0]));
}
