/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scenarios of sim_session are made of: links, flows, policies and
 * events of a session_world, of any size that the run's seed gives. Runs
 * nothing.
 */
#ifndef MPQ_TESTS_SIM_SESSION_SCENE_H
#define MPQ_TESTS_SIM_SESSION_SCENE_H

#include "tests/sim/session_world.h"
#include "tests/sim/steer_profile.h"

#define SCENE_TAIL (200 * MPQ_MILLISECOND) /* without new packets */

/* By the run's seed. */
uint64_t scene_some(struct session_world *w, uint64_t low, uint64_t high);
bool scene_chance(struct session_world *w, unsigned percent);

/* These links, as fast as seconds of them are cheap (--long: as they are), each
 * satellite with one hand-over. */
struct session_world *scene_begin_profile(struct sim_run *run,
					  const struct sim_profile *p);
/* Two to four links of any kind. */
struct session_world *scene_begin_any(struct sim_run *run);

void scene_event(struct session_world *w, mpq_duration at,
		 enum session_event_kind kind, unsigned path, unsigned number);
/* The path swallows all for this time. */
void scene_hole(struct session_world *w, mpq_duration at, mpq_duration time,
		unsigned path);

/* Of all links' rate. */
struct session_flow_plan *scene_steady(struct session_world *w, unsigned end,
				       double share, unsigned bytes);
/* Some that fill what there is, some that do not, of all classes. */
void scene_mixed_flows(struct session_world *w, unsigned classes);

/* So many classes, a DSCP each. */
void scene_add_classes(struct mpq_policy *p, unsigned n);
/* The world's policy i: so many classes of any kind. */
void scene_any_policy(struct session_world *w, unsigned i, unsigned classes);

#endif
