/* SPDX-License-Identifier: Apache-2.0 */
/* Whole sessions in all sorts of weather; session_world.h says what holds. */
#include "tests/sim/session_scene.h"

#include <malloc.h>
#include <string.h>

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND

#define CLASSES     4
#define SEEDS       500
#define SEEDS_FEWER 60

/* ---- profiles ------------------------------------------------------------ */

static void profile(struct sim_run *run, unsigned number)
{
	struct session_world *w =
		scene_begin_profile(run, &sim_profiles[number - 1]);

	scene_add_classes(&w->policy[0], 2);
	w->policy[0].class[1].priority = 6;
	scene_mixed_flows(w, 2);
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
	struct session_world *w = scene_begin_profile(run, &sim_profiles[0]);

	w->never_late = w->never_lost = true;
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		for (unsigned i = 0; i < 3; i++) {
			scene_steady(w, e, 0.1,
				     (unsigned)scene_some(w, 60, 1400));
		}
	}
	session_world_run(w);
}

static void bears_flaps(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);
	unsigned n = w->length / (300 * MS);

	scene_mixed_flows(w, 1);
	w->may_starve = true;
	for (unsigned i = 0; i < n; i++) {
		scene_hole(w, scene_some(w, 300 * MS, w->length),
			   scene_some(w, 50, 400) * MS,
			   (unsigned)scene_some(w, 0, w->paths - 1));
	}
	session_world_run(w);
}

/* The first path is as wide as ever. */
static void make_narrow(struct session_world *w, bool always)
{
	for (unsigned i = 1; i < w->paths; i++) {
		if (scene_chance(w, 70)) {
			w->narrow[i].bytes = scene_some(w, 700, 1400);
			w->narrow[i].always = always;
		}
	}
}

static void uses_narrow_paths_for_what_fits(struct sim_run *run)
{
	static const unsigned clean[] = {1, 2, 3, 5, 9, 10};
	struct session_world *w =
		scene_begin_profile(run,
				    &sim_profiles[clean[run->seed % 6] - 1]);

	scene_any_policy(w, 0, 2);
	w->policy[0].metered = 0;
	make_narrow(w, true);
	scene_mixed_flows(w, 2);
	for (unsigned i = 0; i < w->flows; i++) {
		w->flow[i].plan.start += 500 * MS; /* all paths are up */
	}
	w->never_big = true;
	w->may_starve = true; /* what is large waits for the first path */
	session_world_run(w);
}

static void bears_connections_that_are_narrow(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	scene_any_policy(w, 0, 2);
	make_narrow(w, false);
	scene_mixed_flows(w, 2);
	w->may_starve = true;
	for (unsigned i = 0; i < 3; i++) {
		mpq_duration at = scene_some(w, 300 * MS, w->length - 300 * MS);
		unsigned path = (unsigned)scene_some(w, 0, w->paths - 1);

		scene_event(w, at, SESSION_REDIAL, path, 0);
		scene_hole(w, scene_some(w, 300 * MS, w->length),
			   scene_some(w, 50, 400) * MS,
			   (unsigned)scene_some(w, 0, w->paths - 1));
	}
	session_world_run(w);
}

static void bears_devices_that_go(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	scene_mixed_flows(w, 1);
	for (unsigned i = 0; i < 3; i++) {
		mpq_duration at = scene_some(w, 300 * MS, w->length - 300 * MS);
		unsigned path = (unsigned)scene_some(w, 0, w->paths - 1);

		scene_event(w, at, SESSION_GONE, path, 0);
		scene_event(w, at + scene_some(w, 1, 600) * MS, SESSION_BACK,
			    path, 0);
	}
	w->may_starve = true;
	session_world_run(w);
}

static void bears_black_holes(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	scene_mixed_flows(w, 1);
	scene_hole(w, scene_some(w, 400 * MS, 1000 * MS),
		   scene_some(w, 500, 3000) * MS,
		   (unsigned)scene_some(w, 0, w->paths - 1));
	session_world_run(w);
}

static void begins_anew_when_all_were_gone(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);
	mpq_duration at = scene_some(w, 400 * MS, 1000 * MS);
	bool silent = scene_chance(w, 50);

	scene_mixed_flows(w, 1);
	for (unsigned i = 0; i < w->paths; i++) {
		mpq_duration when = at + scene_some(w, 0, 100) * MS;
		mpq_duration time = scene_some(w, 100, 900) * MS;

		if (silent) {
			scene_hole(w, when, time, i);
		} else {
			scene_event(w, when, SESSION_GONE, i, 0);
			scene_event(w, when + time, SESSION_BACK, i, 0);
		}
	}
	w->may_starve = true;
	session_world_run(w);
}

static void bears_joins_that_race(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	scene_mixed_flows(w, 1);
	for (unsigned i = 0; i < 12; i++) {
		scene_event(w, scene_some(w, 0, w->length),
			    scene_chance(w, 70) ? SESSION_REDIAL : SESSION_SHUT,
			    (unsigned)scene_some(w, 0, w->paths - 1), 0);
	}
	w->may_starve = true;
	session_world_run(w);
}

/* Each class stays what it is in number and name. */
static void bears_modes_that_change(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	for (unsigned i = 0; i < SESSION_POLICIES; i++) {
		scene_any_policy(w, i, 3);
	}
	scene_mixed_flows(w, 3);
	for (unsigned i = 0; i < 12; i++) {
		scene_event(w, scene_some(w, 100 * MS, w->length),
			    SESSION_POLICY, 0,
			    (unsigned)scene_some(w, 0, SESSION_POLICIES - 1));
	}
	session_world_run(w);
}

static void bears_classes_that_come_and_go(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	for (unsigned i = 0; i < SESSION_POLICIES; i++) {
		scene_any_policy(w, i, (unsigned)scene_some(w, 1, CLASSES));
	}
	w->renumbers = true;
	scene_mixed_flows(w, CLASSES);
	for (unsigned i = 0; i < 12; i++) {
		scene_event(w, scene_some(w, 100 * MS, w->length),
			    SESSION_POLICY, 0,
			    (unsigned)scene_some(w, 0, SESSION_POLICIES - 1));
	}
	session_world_run(w);
}

static void serves_classes_of_every_kind(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	scene_any_policy(w, 0, CLASSES);
	w->policy[0].class[3].steer.rate_limit_bps = 500000;
	w->policy[0].class[2].steer.excluded = 1;
	scene_mixed_flows(w, CLASSES);
	scene_mixed_flows(w, CLASSES);
	w->may_starve = true; /* priorities are strict */
	session_world_run(w);
}

/* An equal share of what is too little for all. */
static void starves_none_of_many(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	w->length += 1000 * MS;
	w->starve_max = 1500 * MS;
	for (unsigned i = 0; i < 10; i++) {
		scene_steady(w, 0, scene_chance(w, 20) ? 1 : 0.1,
			     (unsigned)scene_some(w, 200, 1400));
		scene_steady(w, 1, scene_chance(w, 20) ? 1 : 0.1,
			     (unsigned)scene_some(w, 200, 1400));
	}
	session_world_run(w);
}

static void bears_bursts_beyond_its_buffers(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	w->pool_pkts = scene_some(w, 64, 512);
	scene_any_policy(w, 0, 2);
	scene_mixed_flows(w, 2);
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		struct session_flow_plan *f = scene_steady(w, e, 2, 100);

		f->burst = (unsigned)scene_some(w, 100, 1000);
		f->dscp = (uint8_t)(8 * scene_some(w, 0, 1));
	}
	w->may_starve = true; /* there are no buffers left for some */
	session_world_run(w);
}

static void bears_a_peer_that_forges(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	w->hostile = true;
	w->may_starve = true;
	w->pool_pkts = scene_some(w, 200, SESSION_POOL);
	scene_mixed_flows(w, 1);
	for (unsigned i = 0; i < 20; i++) {
		scene_event(w, scene_some(w, 200 * MS, w->length),
			    SESSION_FORGED,
			    (unsigned)scene_some(w, 0, w->paths - 1),
			    (unsigned)scene_some(w, 1, 100));
	}
	session_world_run(w);
}

/* Whatever happens to all paths but one, as long as that one carries all. */
static void loses_nothing_of_what_is_copied(struct sim_run *run)
{
	struct session_world *w = scene_begin_profile(run, &sim_profiles[0]);

	w->policy[0].class[0].steer.mode = MPQ_STEER_REDUNDANT;
	/* Once both are there. */
	session_world_event(
		w, &(struct session_event){.at = 450 * MS,
					   .kind = SESSION_SHAPE,
					   .path = 1,
					   .shape = w->link[1][0].shape});
	w->event[0].shape.loss_ppm = (uint32_t)scene_some(w, 0, 300000);
	scene_hole(w, scene_some(w, 600 * MS, w->length),
		   scene_some(w, 50, 1000) * MS, 1);
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		scene_steady(w, e, 0.2, (unsigned)scene_some(w, 60, 1400));
		scene_steady(w, e, 0.1, (unsigned)scene_some(w, 60, 1400));
	}
	for (unsigned i = 0; i < w->flows; i++) {
		w->flow[i].plan.start += 400 * MS; /* both are there */
	}
	w->never_lost = true;
	session_world_run(w);
}

static void bears_links_that_reorder(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	for (unsigned i = 0; i < w->paths; i++) {
		for (unsigned e = 0; e < SESSION_ENDS; e++) {
			w->link[i][e].shape.reorder = true;
			w->link[i][e].shape.jitter = scene_some(w, 1, 30) * MS;
		}
	}
	scene_mixed_flows(w, 1);
	session_world_run(w);
}

/* Nothing for a while, then all of it. */
static void wakes_up(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	w->length += scene_some(w, 0, 30) * S;
	scene_mixed_flows(w, 1);
	for (unsigned i = 0; i < w->flows; i++) {
		w->flow[i].plan.start = w->length - 1200 * MS;
		w->flow[i].plan.stop = w->length - SCENE_TAIL;
	}
	if (scene_chance(w, 50)) { /* silence begins meanwhile */
		scene_hole(w, w->length - scene_some(w, 1250, 1600) * MS,
			   scene_some(w, 50, 3000) * MS, 0);
	}
	session_world_run(w);
}

static void bears_everything_at_once(struct sim_run *run)
{
	struct session_world *w = scene_begin_any(run);

	for (unsigned i = 0; i < SESSION_POLICIES; i++) {
		scene_any_policy(w, i, CLASSES);
	}
	scene_mixed_flows(w, CLASSES);
	for (unsigned i = 0; i < 15; i++) {
		mpq_duration at = scene_some(w, 0, w->length);
		unsigned path = (unsigned)scene_some(w, 0, w->paths - 1);

		switch (scene_some(w, 0, 4)) {
		case 0:
			scene_hole(w, at, scene_some(w, 10, 600) * MS, path);
			break;
		case 1:
			scene_event(w, at, SESSION_GONE, path, 0);
			scene_event(w, at + scene_some(w, 1, 500) * MS,
				    SESSION_BACK, path, 0);
			break;
		case 2:
			scene_event(w, at, SESSION_REDIAL, path, 0);
			break;
		case 3:
			scene_event(w, at, SESSION_SHUT, path, 0);
			break;
		default:
			scene_event(w, at, SESSION_POLICY, 0,
				    (unsigned)scene_some(w, 0,
							 SESSION_POLICIES - 1));
			break;
		}
	}
	w->may_starve = true;
	session_world_run(w);
}

/* No burst overflows one. */
static void give_long_queues(struct session_world *w)
{
	for (unsigned i = 0; i < w->paths; i++) {
		for (unsigned e = 0; e < SESSION_ENDS; e++) {
			w->link[i][e].shape.queue_bytes = 64000;
		}
	}
}

/* Modes change, and classes come and go, under a load that one path carries
 * alone. */
static void loses_nothing_while_its_policy_changes(struct sim_run *run)
{
	static const unsigned profiles[] = {0, 1, 4, 8};
	struct session_world *w =
		scene_begin_profile(run,
				    &sim_profiles[profiles[run->seed % 4]]);

	give_long_queues(w);
	for (unsigned i = 0; i < SESSION_POLICIES; i++) {
		scene_any_policy(w, i, (unsigned)scene_some(w, 1, CLASSES));
		w->policy[i].metered = 0;
	}
	for (unsigned e = 0; e < SESSION_ENDS; e++) {
		for (unsigned c = 0; c < CLASSES; c++) {
			struct session_flow_plan *f =
				scene_steady(w, e, 0.02,
					     (unsigned)scene_some(w, 60, 1400));

			f->dscp = (uint8_t)(8 * c);
			f->burst = (unsigned)scene_some(w, 1, 10);
			f->start += 700 * MS; /* all paths are there */
		}
	}
	for (unsigned i = 0; i < 20; i++) {
		scene_event(w, scene_some(w, 600 * MS, w->length),
			    SESSION_POLICY, 0,
			    (unsigned)scene_some(w, 0, SESSION_POLICIES - 1));
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
