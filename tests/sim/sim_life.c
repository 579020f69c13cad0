/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path's life through whatever happens to links in the field, with thousands
 * of seeds. What holds at every moment is in life_composer.c; a scenario says
 * what happens, and within which time the path is back.
 */
#include "tests/sim/life_world.h"

#include <stdlib.h>

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND

static mpq_duration longer(mpq_duration a, mpq_duration b)
{
	return a > b ? a : b;
}

/* 2 s + 3 RTT, from our next packet on. A way so long that two dials, or the
 * last answers and then three RTTs of silence, do not fit into 2 s, needs the
 * time of those instead. */
static void set_bound(struct life_world *w)
{
	const struct mpq_life_config *c = &mpq_life_default;
	mpq_duration redial = c->redial_rtts * w->rtt + c->redial_slack;
	mpq_duration notice = w->rtt / 2 + c->silence_rtts * w->rtt;

	w->bound =
		longer(2 * S, longer(redial, notice)) + 3 * w->rtt + w->traffic;
}

static struct life_world *new_world(struct sim_run *run, mpq_duration rtt_min,
				    mpq_duration rtt_max, mpq_duration traffic)
{
	struct life_world *w = malloc(sizeof(*w));
	struct sim_random r = {run->seed ^ 0x5151};

	if (w == NULL) {
		abort();
	}
	life_world_init(w, run, sim_random_range(&r, rtt_min, rtt_max),
			traffic);
	set_bound(w);
	return w;
}

/* Every event may take it down and up again, with a state in between. */
static void finish(struct sim_run *run, struct life_world *w)
{
	sim_holds(run, w->changes <= 5 * w->events + 2, w->now,
		  "%u changes of state for %u events", w->changes, w->events);
	sim_holds(run, life_world_works(w), w->now, "is %s at the end",
		  mpq_life_state_name(w->life.state));
	run->figure = w->slowest;
	free(w);
}

static mpq_duration some_time(struct sim_random *r)
{
	switch (sim_random_range(r, 0, 3)) {
	case 0:
		return sim_random_range(r, 0, 50 * MS);
	case 1:
		return sim_random_range(r, 0, 2 * S);
	case 2:
		return sim_random_range(r, 0, 10 * S);
	default:
		return sim_random_range(r, 0, 60 * S);
	}
}

static enum life_obstacle_kind some_kind(struct sim_random *r)
{
	return (enum life_obstacle_kind)sim_random_range(r, 0,
							 LIFE_OBSTACLE_KINDS -
								 1);
}

static void adds(struct life_world *w, struct sim_random *r,
		 enum life_obstacle_kind kind, mpq_time from)
{
	life_world_add(w, kind, from,
		       kind == LIFE_READDRESS ? 0 : some_time(r));
}

static void any_single_obstacle(struct sim_run *run)
{
	struct life_world *w = new_world(run, 5 * MS, 600 * MS, 100 * MS);
	struct sim_random r = {run->seed};

	adds(w, &r, (enum life_obstacle_kind)(run->seed % LIFE_OBSTACLE_KINDS),
	     10 * S + sim_random_range(&r, 0, S));
	life_world_run(w, 200 * S);
	finish(run, w);
}

static void obstacles_in_a_row(struct sim_run *run)
{
	struct life_world *w = new_world(run, 5 * MS, 600 * MS, 250 * MS);
	struct sim_random r = {run->seed};
	mpq_time from = 2 * S;

	for (int i = 0; i < 12; i++) {
		adds(w, &r, some_kind(&r), from + sim_random_range(&r, 0, S));
		from = w->obstacles[w->n_obstacles - 1].until + some_time(&r);
	}
	life_world_run(w, from + 130 * S);
	finish(run, w);
}

static void obstacles_that_overlap(struct sim_run *run)
{
	struct life_world *w = new_world(run, 5 * MS, 600 * MS, 250 * MS);
	struct sim_random r = {run->seed};

	for (int i = 0; i < 25; i++) {
		adds(w, &r, some_kind(&r), sim_random_range(&r, 0, 90 * S));
	}
	life_world_run(w, 300 * S);
	finish(run, w);
}

static void renewals_at_any_time(struct sim_run *run)
{
	struct life_world *w = new_world(run, 5 * MS, 600 * MS, 250 * MS);
	struct sim_random r = {run->seed};

	w->renewals_ppm = (uint32_t)sim_random_range(&r, 100, 100000);
	for (int i = 0; i < 10; i++) {
		adds(w, &r, some_kind(&r), sim_random_range(&r, 0, 90 * S));
	}
	life_world_run(w, 300 * S);
	sim_holds(run, w->life.connects > 1, w->now, "nothing was renewed");
	finish(run, w);
}

static void a_loose_plug(struct sim_run *run)
{
	struct life_world *w = new_world(run, 5 * MS, 100 * MS, 250 * MS);
	struct sim_random r = {run->seed};

	for (int i = 0; i < 30; i++) {
		life_world_add(w,
			       sim_random_chance(&r, 500000) ? LIFE_LINK_LOST
							     : LIFE_READDRESS,
			       10 * S + sim_random_range(&r, 0, 5 * S),
			       sim_random_range(&r, 0, 200 * MS));
	}
	life_world_run(w, 30 * S);
	finish(run, w);
}

static void an_idle_path(struct sim_run *run)
{
	struct life_world *w = new_world(run, 5 * MS, 600 * MS, 2 * S);
	struct sim_random r = {run->seed};

	adds(w, &r, some_kind(&r), 60 * S + sim_random_range(&r, 0, 3 * S));
	life_world_run(w, 260 * S);
	finish(run, w);
}

static void a_very_long_way(struct sim_run *run)
{
	struct life_world *w = new_world(run, 600 * MS, 1500 * MS, 250 * MS);
	struct sim_random r = {run->seed};

	adds(w, &r, some_kind(&r), 60 * S);
	adds(w, &r, some_kind(&r), 190 * S);
	life_world_run(w, 400 * S);
	finish(run, w);
}

/* With every fifth packet lost there is no bound, but it comes back, and most
 * of the time it is there. */
static void a_lossy_link(struct sim_run *run)
{
	struct life_world *w = new_world(run, 5 * MS, 300 * MS, 100 * MS);
	struct sim_random r = {run->seed};

	w->loss_ppm = (uint32_t)sim_random_range(&r, 10000, 200000);
	w->bound = 30 * S;
	adds(w, &r, some_kind(&r), 60 * S);
	life_world_run(w, 300 * S);
	run->figure = w->slowest;
	free(w);
}

static void a_quiet_hour(struct sim_run *run)
{
	struct life_world *w = new_world(run, 1 * MS, 600 * MS, 500 * MS);

	life_world_run(w, 3600 * S);
	sim_holds(run, w->life.dials == 1 && w->changes == 3, w->now,
		  "%u dials, %u changes in a quiet hour", w->life.dials,
		  w->changes);
	finish(run, w);
}

static void holes_too_short_to_matter(struct sim_run *run)
{
	struct life_world *w = new_world(run, 1 * MS, 40 * MS, 50 * MS);
	struct sim_random r = {run->seed};

	for (int i = 0; i < 30; i++) {
		life_world_add(w, LIFE_HOLE, (10 + 2 * (mpq_time)i) * S,
			       sim_random_range(&r, 1 * MS, 150 * MS));
	}
	life_world_run(w, 80 * S);
	sim_holds(run, w->life.dials == 1 && w->changes == 3, w->now,
		  "%u dials, %u changes for short holes", w->life.dials,
		  w->changes);
	finish(run, w);
}

/* 2 + 4 + 8 + 16 + 32 s, then one a minute. */
static void a_long_refusal(struct sim_run *run)
{
	struct life_world *w = new_world(run, 5 * MS, 300 * MS, 250 * MS);

	life_world_add(w, LIFE_REFUSE, 0, 600 * S);
	life_world_run(w, 600 * S);
	sim_holds(run, w->life.dials <= 16, w->now, "%u dials in 10 min",
		  w->life.dials);
	sim_holds(run, w->life.state == MPQ_LIFE_REFUSED, w->now, "is %s",
		  mpq_life_state_name(w->life.state));
	life_world_run(w, 662 * S);
	finish(run, w);
}

static void a_long_hole(struct sim_run *run)
{
	struct life_world *w = new_world(run, 5 * MS, 300 * MS, 250 * MS);

	life_world_add(w, LIFE_HOLE, 10 * S, 600 * S);
	life_world_run(w, 610 * S - 1);
	/* No link, connecting, up, down, and its end by idle time-out. */
	sim_holds(run, w->changes <= 5, w->now, "%u changes in a hole",
		  w->changes);
	life_world_run(w, 620 * S);
	finish(run, w);
}

int main(int argc, char **argv)
{
	static const char recovery[] = "time to recover";
	const struct sim_scenario scenarios[] = {
		{"comes_back_after_any_single_obstacle", any_single_obstacle,
		 3000, recovery},
		{"comes_back_after_each_obstacle_in_a_row", obstacles_in_a_row,
		 1000, recovery},
		{"comes_back_after_obstacles_that_overlap",
		 obstacles_that_overlap, 1000, recovery},
		{"comes_back_while_it_renews", renewals_at_any_time, 1000,
		 recovery},
		{"lives_with_a_loose_plug", a_loose_plug, 1000, recovery},
		{"notices_on_an_idle_path", an_idle_path, 1000, recovery},
		{"comes_back_on_a_very_long_way", a_very_long_way, 500,
		 recovery},
		{"comes_back_on_a_lossy_link", a_lossy_link, 300, recovery},
		{"does_nothing_in_a_quiet_hour", a_quiet_hour, 20, recovery},
		{"does_not_mind_short_holes", holes_too_short_to_matter, 300,
		 recovery},
		{"is_patient_with_a_refusal", a_long_refusal, 100, recovery},
		{"dials_on_through_a_long_hole", a_long_hole, 100, recovery},
	};

	return sim_scenarios(argc, argv, scenarios,
			     sizeof(scenarios) / sizeof(scenarios[0]));
}
