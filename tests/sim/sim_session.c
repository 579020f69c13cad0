/* SPDX-License-Identifier: Apache-2.0 */
/* Whole sessions in all sorts of weather; session_world.h says what holds. */
#include "tests/sim/session_world.h"
#include "tests/sim/steer_profile.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND

#define LENGTH      (1900 * MS)
#define LENGTH_LONG (20 * S)
#define TAIL        (200 * MS) /* without new packets */
#define SUM_BPS     4000000    /* of the links: seconds of it are cheap */
#define CLASSES     4
#define SEEDS       500
#define SEEDS_FEWER 60

static uint64_t some(struct session_world *w, uint64_t low, uint64_t high)
{
	return sim_random_range(&w->random, low, high);
}

static bool chance(struct session_world *w, unsigned percent)
{
	return sim_random_chance(&w->random, percent * 10000);
}

/* ---- links --------------------------------------------------------------- */

static void scale_shape(struct sim_link_shape *s, double by)
{
	s->rate_bps = (uint64_t)((double)s->rate_bps * by);
	s->queue_bytes = (size_t)((double)s->queue_bytes * by);
	s->queue_bytes = s->queue_bytes > 9000 ? s->queue_bytes : 9000;
}

static void scale_link(struct sim_link *l, double by)
{
	scale_shape(&l->shape, by);
	for (size_t i = 0; i < l->n_changes; i++) {
		scale_shape(&l->changes[i].shape, by);
	}
}

static void event(struct session_world *w, mpq_duration at,
		  enum session_event_kind kind, unsigned path, unsigned number)
{
	session_world_event(w, &(struct session_event){.at = at,
						       .kind = kind,
						       .path = path,
						       .number = number});
}

static void hole(struct session_world *w, mpq_duration at, mpq_duration time,
		 unsigned path)
{
	event(w, at, SESSION_HOLE, path, 0);
	event(w, at + time, SESSION_UNHOLE, path, 0);
}

/* A satellite's; each run has one. */
static void hand_over(struct session_world *w, unsigned path)
{
	struct session_event e = {.at = some(w, 400 * MS, w->length),
				  .kind = SESSION_SHAPE,
				  .path = path,
				  .shape = w->link[path][0].shape};
	mpq_duration time = some(w, 100 * MS, 250 * MS);

	e.shape.delay = some(w, 15 * MS, 40 * MS);
	e.shape.rate_bps = e.shape.rate_bps / 100 * some(w, 60, 100);
	hole(w, e.at - time, time, path);
	session_world_event(w, &e);
}

static struct session_world *begin(struct sim_run *run, unsigned paths)
{
	struct session_world *w = session_world_begin(run, paths);

	w->length = run->is_long ? LENGTH_LONG : LENGTH;
	w->grid = some(w, 1, 20) * 50 * MPQ_MICROSECOND;
	mpq_policy_init(&w->policy[0]);
	return w;
}

static struct session_world *begin_profile(struct sim_run *run,
					   const struct sim_profile *p)
{
	struct session_world *w = begin(run, p->paths);
	double sum = 0;

	for (unsigned i = 0; i < p->paths; i++) {
		sum += p->path[i].mbps * 1e6;
	}
	for (unsigned i = 0; i < p->paths; i++) {
		for (unsigned e = 0; e < SESSION_ENDS; e++) {
			struct sim_link *l = &w->link[i][e];

			sim_profile_link(p, i, l, run->seed * 2 + e, w->start,
					 w->length);
			if (p->path[i].kind == SIM_LEO) {
				l->n_changes = 0;
			}
			scale_link(l, run->is_long ? 1 : SUM_BPS / sum);
		}
		if (p->path[i].kind == SIM_LEO) {
			hand_over(w, i);
		}
	}
	return w;
}

/* Two to four links of any kind. */
static struct session_world *begin_any(struct sim_run *run)
{
	struct sim_profile p = {.name = "any"};
	struct sim_random r = {run->seed};

	p.paths = (unsigned)sim_random_range(&r, 2, 4);
	for (unsigned i = 0; i < p.paths; i++) {
		p.path[i].mbps = (double)sim_random_range(&r, 5, 50);
		p.path[i].rtt_ms = (double)sim_random_range(&r, 4, 120);
		p.path[i].loss_percent =
			sim_random_chance(&r, 300000)
				? (double)sim_random_range(&r, 1, 30) / 10
				: 0;
		p.path[i].jitter_ms = (double)sim_random_range(&r, 0, 10);
	}
	return begin_profile(run, &p);
}

/* ---- flows --------------------------------------------------------------- */

static double link_bps(const struct session_world *w, unsigned end)
{
	double sum = 0;

	for (unsigned i = 0; i < w->paths; i++) {
		sum += (double)w->link[i][end].shape.rate_bps;
	}
	return sum;
}

static struct session_flow_plan *steady(struct session_world *w, unsigned end,
					double share, unsigned bytes)
{
	struct session_flow_plan *f = session_world_flow(w);

	*f = (struct session_flow_plan){.kind = SESSION_STEADY,
					.end = end,
					.bytes = bytes,
					.pps = share * link_bps(w, end) / 8 /
					       (bytes + 66),
					.start = some(w, 100 * MS, 400 * MS),
					.stop = w->length - TAIL};
	return f;
}

static void window(struct session_world *w, unsigned end, uint8_t dscp)
{
	struct session_flow_plan f = {.kind = SESSION_WINDOW,
				      .end = end,
				      .dscp = dscp,
				      .bytes = 1400,
				      .window = (unsigned)some(w, 4, 60),
				      .start = some(w, 50 * MS, 400 * MS),
				      .stop = w->length - TAIL};

	*session_world_flow(w) = f;
	f.kind = SESSION_ANSWERS;
	f.end = 1 - end;
	f.bytes = 80;
	*session_world_flow(w) = f;
}

/* Some that fill what there is, some that do not, of all classes. */
static void mixed_flows(struct session_world *w, unsigned classes)
{
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		window(w, e, (uint8_t)(8 * some(w, 0, classes - 1)));
		for (uint64_t n = some(w, 1, 3); n > 0; n--) {
			double share = chance(w, 15)
					       ? 1.2
					       : (double)some(w, 2, 30) / 100;
			struct session_flow_plan *f =
				steady(w, e, share,
				       (unsigned)some(w, 60, 1400));

			f->dscp = (uint8_t)(8 * some(w, 0, classes - 1));
			f->burst = (unsigned)some(w, 1, 4);
		}
	}
}

/* ---- policies ------------------------------------------------------------ */

static void set_rules(struct mpq_policy *p)
{
	for (size_t i = 0; i < p->n_classes; i++) {
		struct mpq_classify_rule *r = &p->classify.rule[i];

		*r = (struct mpq_classify_rule){.class_id = (uint8_t)i,
						.dscp = UINT64_C(1) << (8 * i),
						.protocol = MPQ_CLASSIFY_ANY};
		(void)snprintf(p->rule_name[i], sizeof(p->rule_name[i]),
			       "rule-%zu", i);
		(void)snprintf(p->class[i].name, sizeof(p->class[i].name),
			       i == 0 ? "default" : "class-%zu", i);
	}
	p->classify.n_rules = p->n_classes;
	mpq_classify_compile(&p->classify);
}

static void add_classes(struct mpq_policy *p, unsigned n)
{
	mpq_policy_init(p);
	p->n_classes = n;
	for (unsigned i = 1; i < n; i++) {
		mpq_policy_class_init(&p->class[i]);
	}
	set_rules(p);
}

static void any_class(struct session_world *w, struct mpq_policy_class *c)
{
	c->steer.mode = (enum mpq_steer_mode)some(w, 0, MPQ_STEER_MODES - 1);
	c->steer.order_cap = some(w, 20, 300) * MS;
	c->steer.copies = (uint8_t)(chance(w, 50) ? some(w, 1, 3) : 0);
	c->steer.loss_max_ppm = chance(w, 50) ? 80000 : 0;
	c->steer.avoid_metered = chance(w, 20);
	c->repair_deadline = chance(w, 80) ? some(w, 100, 500) * MS : 0;
	c->priority = (uint8_t)some(w, 2, 4);
}

static void any_policy(struct session_world *w, unsigned i, unsigned classes)
{
	struct mpq_policy *p = &w->policy[i];

	add_classes(p, classes);
	for (unsigned c = 0; c < classes; c++) {
		any_class(w, &p->class[c]);
	}
	p->metered = chance(w, 20) ? 1 : 0;
}

/* ---- profiles ------------------------------------------------------------ */

static void profile(struct sim_run *run, unsigned number)
{
	struct session_world *w = begin_profile(run, &sim_profiles[number - 1]);

	add_classes(&w->policy[0], 2);
	w->policy[0].class[1].priority = 6;
	mixed_flows(w, 2);
	for (unsigned i = 0; i < w->paths; i++) {
		/* What is pinned there until it is avoided hardly comes. */
		w->may_starve |=
			sim_profiles[number - 1].path[i].loss_percent > 10;
	}
	session_world_run(w);
}

#define PROFILE(n)                                                             \
	static void profile_##n(struct sim_run *run)                           \
	{                                                                      \
		profile(run, n);                                               \
	}
PROFILE(1)
PROFILE(2)
PROFILE(3)
PROFILE(4)
PROFILE(5)
PROFILE(6)
PROFILE(7)
PROFILE(8)
PROFILE(9)
PROFILE(10)
PROFILE(11)
PROFILE(12)
PROFILE(13)
PROFILE(14)
PROFILE(15)
PROFILE(16)
PROFILE(17)
PROFILE(18)
PROFILE(19)
PROFILE(20)

/* ---- what goes wrong ----------------------------------------------------- */

/* What does not fill clean links is not touched at all. */
static void carries_a_light_load_whole(struct sim_run *run)
{
	struct session_world *w = begin_profile(run, &sim_profiles[0]);

	w->never_late = w->never_lost = true;
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		for (unsigned i = 0; i < 3; i++) {
			steady(w, e, 0.1, (unsigned)some(w, 60, 1400));
		}
	}
	session_world_run(w);
}

static void bears_flaps(struct sim_run *run)
{
	struct session_world *w = begin_any(run);
	unsigned n = w->length / (300 * MS);

	mixed_flows(w, 1);
	w->may_starve = true;
	for (unsigned i = 0; i < n; i++) {
		hole(w, some(w, 300 * MS, w->length), some(w, 50, 400) * MS,
		     (unsigned)some(w, 0, w->paths - 1));
	}
	session_world_run(w);
}

/* The first path is as wide as ever. */
static void make_narrow(struct session_world *w, bool always)
{
	for (unsigned i = 1; i < w->paths; i++) {
		if (chance(w, 70)) {
			w->narrow[i].bytes = some(w, 700, 1400);
			w->narrow[i].always = always;
		}
	}
}

static void uses_narrow_paths_for_what_fits(struct sim_run *run)
{
	static const unsigned clean[] = {1, 2, 3, 5, 9, 10};
	struct session_world *w =
		begin_profile(run, &sim_profiles[clean[run->seed % 6] - 1]);

	any_policy(w, 0, 2);
	w->policy[0].metered = 0;
	make_narrow(w, true);
	mixed_flows(w, 2);
	for (unsigned i = 0; i < w->flows; i++) {
		w->flow[i].plan.start += 500 * MS; /* all paths are up */
	}
	w->never_big = true;
	w->may_starve = true; /* what is large waits for the first path */
	session_world_run(w);
}

static void bears_connections_that_are_narrow(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	any_policy(w, 0, 2);
	make_narrow(w, false);
	mixed_flows(w, 2);
	w->may_starve = true;
	for (unsigned i = 0; i < 3; i++) {
		mpq_duration at = some(w, 300 * MS, w->length - 300 * MS);
		unsigned path = (unsigned)some(w, 0, w->paths - 1);

		event(w, at, SESSION_REDIAL, path, 0);
		hole(w, some(w, 300 * MS, w->length), some(w, 50, 400) * MS,
		     (unsigned)some(w, 0, w->paths - 1));
	}
	session_world_run(w);
}

static void bears_devices_that_go(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	mixed_flows(w, 1);
	for (unsigned i = 0; i < 3; i++) {
		mpq_duration at = some(w, 300 * MS, w->length - 300 * MS);
		unsigned path = (unsigned)some(w, 0, w->paths - 1);

		event(w, at, SESSION_GONE, path, 0);
		event(w, at + some(w, 1, 600) * MS, SESSION_BACK, path, 0);
	}
	w->may_starve = true;
	session_world_run(w);
}

static void bears_black_holes(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	mixed_flows(w, 1);
	hole(w, some(w, 400 * MS, 1000 * MS), some(w, 500, 3000) * MS,
	     (unsigned)some(w, 0, w->paths - 1));
	session_world_run(w);
}

static void begins_anew_when_all_were_gone(struct sim_run *run)
{
	struct session_world *w = begin_any(run);
	mpq_duration at = some(w, 400 * MS, 1000 * MS);
	bool silent = chance(w, 50);

	mixed_flows(w, 1);
	for (unsigned i = 0; i < w->paths; i++) {
		mpq_duration when = at + some(w, 0, 100) * MS;
		mpq_duration time = some(w, 100, 900) * MS;

		if (silent) {
			hole(w, when, time, i);
		} else {
			event(w, when, SESSION_GONE, i, 0);
			event(w, when + time, SESSION_BACK, i, 0);
		}
	}
	w->may_starve = true;
	session_world_run(w);
}

static void bears_joins_that_race(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	mixed_flows(w, 1);
	for (unsigned i = 0; i < 12; i++) {
		event(w, some(w, 0, w->length),
		      chance(w, 70) ? SESSION_REDIAL : SESSION_SHUT,
		      (unsigned)some(w, 0, w->paths - 1), 0);
	}
	w->may_starve = true;
	session_world_run(w);
}

/* Each class stays what it is in number and name. */
static void bears_modes_that_change(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	for (unsigned i = 0; i < SESSION_POLICIES; i++) {
		any_policy(w, i, 3);
	}
	mixed_flows(w, 3);
	for (unsigned i = 0; i < 12; i++) {
		event(w, some(w, 100 * MS, w->length), SESSION_POLICY, 0,
		      (unsigned)some(w, 0, SESSION_POLICIES - 1));
	}
	session_world_run(w);
}

static void bears_classes_that_come_and_go(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	for (unsigned i = 0; i < SESSION_POLICIES; i++) {
		any_policy(w, i, (unsigned)some(w, 1, CLASSES));
	}
	w->renumbers = true;
	mixed_flows(w, CLASSES);
	for (unsigned i = 0; i < 12; i++) {
		event(w, some(w, 100 * MS, w->length), SESSION_POLICY, 0,
		      (unsigned)some(w, 0, SESSION_POLICIES - 1));
	}
	session_world_run(w);
}

static void serves_classes_of_every_kind(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	any_policy(w, 0, CLASSES);
	w->policy[0].class[3].steer.rate_limit_bps = 500000;
	w->policy[0].class[2].steer.excluded = 1;
	mixed_flows(w, CLASSES);
	mixed_flows(w, CLASSES);
	w->may_starve = true; /* priorities are strict */
	session_world_run(w);
}

/* An equal share of what is too little for all. */
static void starves_none_of_many(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	w->length += 1000 * MS;
	w->starve_max = 1500 * MS;
	for (unsigned i = 0; i < 10; i++) {
		steady(w, 0, chance(w, 20) ? 1 : 0.1,
		       (unsigned)some(w, 200, 1400));
		steady(w, 1, chance(w, 20) ? 1 : 0.1,
		       (unsigned)some(w, 200, 1400));
	}
	session_world_run(w);
}

static void bears_bursts_beyond_its_buffers(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	w->pool_pkts = some(w, 64, 512);
	any_policy(w, 0, 2);
	mixed_flows(w, 2);
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		struct session_flow_plan *f = steady(w, e, 2, 100);

		f->burst = (unsigned)some(w, 100, 1000);
		f->dscp = (uint8_t)(8 * some(w, 0, 1));
	}
	w->may_starve = true; /* there are no buffers left for some */
	session_world_run(w);
}

static void bears_a_peer_that_forges(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	w->hostile = true;
	w->may_starve = true;
	w->pool_pkts = some(w, 200, SESSION_POOL);
	mixed_flows(w, 1);
	for (unsigned i = 0; i < 20; i++) {
		event(w, some(w, 200 * MS, w->length), SESSION_FORGED,
		      (unsigned)some(w, 0, w->paths - 1),
		      (unsigned)some(w, 1, 100));
	}
	session_world_run(w);
}

/* Whatever happens to all paths but one, as long as that one carries all. */
static void loses_nothing_of_what_is_copied(struct sim_run *run)
{
	struct session_world *w = begin_profile(run, &sim_profiles[0]);

	w->policy[0].class[0].steer.mode = MPQ_STEER_REDUNDANT;
	/* Once both are there. */
	session_world_event(
		w, &(struct session_event){.at = 450 * MS,
					   .kind = SESSION_SHAPE,
					   .path = 1,
					   .shape = w->link[1][0].shape});
	w->event[0].shape.loss_ppm = (uint32_t)some(w, 0, 300000);
	hole(w, some(w, 600 * MS, w->length), some(w, 50, 1000) * MS, 1);
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		steady(w, e, 0.2, (unsigned)some(w, 60, 1400));
		steady(w, e, 0.1, (unsigned)some(w, 60, 1400));
	}
	for (unsigned i = 0; i < w->flows; i++) {
		w->flow[i].plan.start += 400 * MS; /* both are there */
	}
	w->never_lost = true;
	session_world_run(w);
}

static void bears_links_that_reorder(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	for (unsigned i = 0; i < w->paths; i++) {
		for (unsigned e = 0; e < SESSION_ENDS; e++) {
			w->link[i][e].shape.reorder = true;
			w->link[i][e].shape.jitter = some(w, 1, 30) * MS;
		}
	}
	mixed_flows(w, 1);
	session_world_run(w);
}

/* Nothing for a while, then all of it. */
static void wakes_up(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	w->length += some(w, 0, 30) * S;
	mixed_flows(w, 1);
	for (unsigned i = 0; i < w->flows; i++) {
		w->flow[i].plan.start = w->length - 1200 * MS;
		w->flow[i].plan.stop = w->length - TAIL;
	}
	if (chance(w, 50)) { /* silence begins meanwhile */
		hole(w, w->length - some(w, 1250, 1600) * MS,
		     some(w, 50, 3000) * MS, 0);
	}
	session_world_run(w);
}

static void bears_everything_at_once(struct sim_run *run)
{
	struct session_world *w = begin_any(run);

	for (unsigned i = 0; i < SESSION_POLICIES; i++) {
		any_policy(w, i, CLASSES);
	}
	mixed_flows(w, CLASSES);
	for (unsigned i = 0; i < 15; i++) {
		mpq_duration at = some(w, 0, w->length);
		unsigned path = (unsigned)some(w, 0, w->paths - 1);

		switch (some(w, 0, 4)) {
		case 0:
			hole(w, at, some(w, 10, 600) * MS, path);
			break;
		case 1:
			event(w, at, SESSION_GONE, path, 0);
			event(w, at + some(w, 1, 500) * MS, SESSION_BACK, path,
			      0);
			break;
		case 2:
			event(w, at, SESSION_REDIAL, path, 0);
			break;
		case 3:
			event(w, at, SESSION_SHUT, path, 0);
			break;
		default:
			event(w, at, SESSION_POLICY, 0,
			      (unsigned)some(w, 0, SESSION_POLICIES - 1));
			break;
		}
	}
	w->may_starve = true;
	session_world_run(w);
}

/* Modes change, and classes come and go, under a load that one path carries
 * alone. */
/* No burst overflows one. */
static void give_long_queues(struct session_world *w)
{
	for (unsigned i = 0; i < w->paths; i++) {
		for (unsigned e = 0; e < SESSION_ENDS; e++) {
			w->link[i][e].shape.queue_bytes = 64000;
		}
	}
}

static void loses_nothing_while_its_policy_changes(struct sim_run *run)
{
	static const unsigned profiles[] = {0, 1, 4, 8};
	struct session_world *w =
		begin_profile(run, &sim_profiles[profiles[run->seed % 4]]);

	give_long_queues(w);
	for (unsigned i = 0; i < SESSION_POLICIES; i++) {
		any_policy(w, i, (unsigned)some(w, 1, CLASSES));
		w->policy[i].metered = 0;
	}
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		for (unsigned c = 0; c < CLASSES; c++) {
			struct session_flow_plan *f =
				steady(w, e, 0.02, (unsigned)some(w, 60, 1400));

			f->dscp = (uint8_t)(8 * c);
			f->burst = (unsigned)some(w, 1, 10);
			f->start += 700 * MS; /* all paths are there */
		}
	}
	for (unsigned i = 0; i < 20; i++) {
		event(w, some(w, 600 * MS, w->length), SESSION_POLICY, 0,
		      (unsigned)some(w, 0, SESSION_POLICIES - 1));
	}
	w->renumbers = w->never_lost = true;
	session_world_run(w);
}

#define WAITS "a flow waited beside others that were served"
#define WAY   "sent to delivered"
#define RUN(sentence, run)                                                     \
	{                                                                      \
		sentence, run, SEEDS, WAITS, WAY                               \
	}
#define RUN_FEWER(sentence, run)                                               \
	{                                                                      \
		sentence, run, SEEDS_FEWER, WAITS, WAY                         \
	}

int main(int argc, char **argv)
{
	static const struct sim_scenario scenarios[] = {
		RUN("carries a light load whole", carries_a_light_load_whole),
		RUN("holds on 1: 2 x 20/40", profile_1),
		RUN("holds on 2: 6 x 20/40", profile_2),
		RUN("holds on 3: 2 x 100/25", profile_3),
		RUN("holds on 4: 300/10 + 80/30", profile_4),
		RUN("holds on 5: 50/30 + 20/60 + 10/120", profile_5),
		RUN("holds on 6: 2 x 20/40, 1 % loss", profile_6),
		RUN("holds on 7: 2 x 50/40, 1 % on one", profile_7),
		RUN("holds on 8: 2 x 50/20, jitter", profile_8),
		RUN("holds on 9: 50/20 + 50/80", profile_9),
		RUN("holds on 10: 50/30 + 5/30", profile_10),
		RUN("holds on 11: 50/30 + 50/300", profile_11),
		RUN("holds on 12: LEO + LTE", profile_12),
		RUN("holds on 13: two LEO", profile_13),
		RUN("holds on 14: two LTE", profile_14),
		RUN("holds on 15: 300/8 + LTE", profile_15),
		RUN("holds on 16: one bloated", profile_16),
		RUN("holds on 17: bursts on one", profile_17),
		RUN("holds on 18: 30 % loss on one", profile_18),
		RUN("holds on 19: 200/40 + 50/60", profile_19),
		RUN("holds on 20: one that decays", profile_20),
		RUN_FEWER("bears flaps", bears_flaps),
		RUN_FEWER("uses narrow paths for what fits",
			  uses_narrow_paths_for_what_fits),
		RUN_FEWER("bears connections that are narrow",
			  bears_connections_that_are_narrow),
		RUN_FEWER("bears devices that go", bears_devices_that_go),
		RUN_FEWER("bears black holes", bears_black_holes),
		RUN_FEWER("begins anew when all were gone",
			  begins_anew_when_all_were_gone),
		RUN_FEWER("bears joins that race", bears_joins_that_race),
		RUN_FEWER("bears modes that change", bears_modes_that_change),
		RUN_FEWER("bears classes that come and go",
			  bears_classes_that_come_and_go),
		RUN_FEWER("serves classes of every kind",
			  serves_classes_of_every_kind),
		RUN_FEWER("starves none of many", starves_none_of_many),
		RUN_FEWER("bears bursts beyond its buffers",
			  bears_bursts_beyond_its_buffers),
		RUN_FEWER("bears a peer that forges", bears_a_peer_that_forges),
		RUN_FEWER("loses nothing of what is copied",
			  loses_nothing_of_what_is_copied),
		RUN_FEWER("loses nothing while its policy changes",
			  loses_nothing_while_its_policy_changes),
		RUN_FEWER("bears links that reorder", bears_links_that_reorder),
		RUN_FEWER("wakes up", wakes_up),
		RUN_FEWER("bears everything at once", bears_everything_at_once),
	};

	/* What sessions allocate is large and hardly touched: fresh pages each
	 * time, or a third of the time goes into zeroing it. */
	(void)mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	return sim_scenarios(argc, argv, scenarios,
			     sizeof(scenarios) / sizeof(scenarios[0]));
}
