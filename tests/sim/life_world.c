/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/life_private.h"

#include <assert.h>
#include <string.h>

static const char *const obstacle_names[LIFE_OBSTACLE_KINDS] = {
	"link lost", "readdress", "hole",    "restart",    "amnesia",
	"refuse",    "hold",      "disable", "cannot dial"};

void life_world_init(struct life_world *w, struct sim_run *run,
		     mpq_duration rtt, mpq_duration traffic)
{
	memset(w, 0, sizeof(*w));
	w->run = run;
	w->random.state = run->seed;
	w->renewals.state = ~run->seed;
	w->rtt = rtt;
	w->traffic = traffic;
	w->current = w->candidate = -1;
	w->clear_since = MPQ_TIME_NEVER;
	mpq_life_init(&w->life, &mpq_life_default, 0);
	life_world_add(w, LIFE_LINK_LOST, 0, MPQ_SECOND);
}

void life_world_add(struct life_world *w, enum life_obstacle_kind kind,
		    mpq_time from, mpq_duration duration)
{
	assert(w->n_obstacles < LIFE_OBSTACLES);
	w->obstacles[w->n_obstacles++] =
		(struct life_obstacle){.kind = kind,
				       .from = from,
				       .until = from + duration};
}

bool life_world_works(const struct life_world *w)
{
	return w->life.state == MPQ_LIFE_UP && w->current >= 0 &&
	       w->known[w->slot[w->current].id];
}

static bool waits_out_a_refusal(const struct life_world *w)
{
	return w->life.state == MPQ_LIFE_REFUSED && w->candidate < 0;
}

static bool clear(const struct life_world *w)
{
	for (int i = 0; i < LIFE_OBSTACLE_KINDS; i++) {
		if (w->active[i] > 0) {
			return false;
		}
	}
	return !waits_out_a_refusal(w);
}

static void check_recovery(struct life_world *w)
{
	if (!clear(w)) {
		w->clear_since = MPQ_TIME_NEVER;
		return;
	}
	if (w->clear_since == MPQ_TIME_NEVER) {
		w->clear_since = w->now;
	}
	if (life_world_works(w)) {
		return;
	}
	sim_holds(w->run, w->now - w->clear_since <= w->bound, w->now,
		  "%s (%s) %.3f s after the last obstacle, rtt %.3f s",
		  mpq_life_state_name(w->life.state), w->life.reason,
		  (double)(w->now - w->clear_since) / (double)MPQ_SECOND,
		  (double)w->rtt / (double)MPQ_SECOND);
	if (w->now - w->clear_since > w->slowest) {
		w->slowest = w->now - w->clear_since;
	}
}

/* ---- obstacles */

static void set_link(struct life_world *w)
{
	static const enum mpq_life_state lost[] = {MPQ_LIFE_NO_LINK,
						   MPQ_LIFE_NO_CARRIER,
						   MPQ_LIFE_NO_ADDRESS};

	w->n_packets = 0;
	w->may_dial_early = true;
	if (life_link_ready(w)) {
		LIFE(w, mpq_life_link(&w->life, MPQ_LIFE_CONNECTING, NULL,
				      w->now));
	} else {
		LIFE(w, mpq_life_link(&w->life,
				      lost[sim_random_range(&w->random, 0, 2)],
				      NULL, w->now));
	}
}

static void set_held(struct life_world *w)
{
	w->may_dial_early = true;
	if (w->active[LIFE_HOLD] > 0) {
		LIFE(w, mpq_life_hold(&w->life, MPQ_TIME_NEVER, w->now));
	} else {
		LIFE(w, mpq_life_release(&w->life, w->now));
	}
}

static void apply(struct life_world *w, enum life_obstacle_kind kind)
{
	w->events++;
	w->clear_since = MPQ_TIME_NEVER; /* it begins anew */
	switch (kind) {
	case LIFE_LINK_LOST:
	case LIFE_READDRESS:
		set_link(w);
		break;
	case LIFE_RESTART:
	case LIFE_AMNESIA:
		memset(w->known, 0, sizeof(w->known));
		w->tells_resets = kind == LIFE_RESTART;
		break;
	case LIFE_HOLD:
		set_held(w);
		break;
	case LIFE_DISABLE:
		w->may_dial_early = true;
		LIFE(w,
		     w->active[LIFE_DISABLE] == 0
			     ? mpq_life_enable(&w->life, w->now)
			     : mpq_life_disable(&w->life, "for now", w->now));
		break;
	default:
		break;
	}
}

static void obstacles(struct life_world *w)
{
	for (size_t i = 0; i < w->n_obstacles; i++) {
		struct life_obstacle *o = &w->obstacles[i];

		if (o->from <= w->now) {
			o->from = MPQ_TIME_NEVER;
			w->active[o->kind]++;
			sim_trace(w->run, w->now, "%s begins",
				  obstacle_names[o->kind]);
			apply(w, o->kind);
		}
		if (o->until <= w->now) {
			o->until = MPQ_TIME_NEVER;
			w->active[o->kind]--;
			sim_trace(w->run, w->now, "%s ends",
				  obstacle_names[o->kind]);
			apply(w, o->kind);
		}
	}
}

/* ---- time */

static mpq_time next_event(const struct life_world *w)
{
	mpq_time next = mpq_life_deadline(&w->life);

	for (size_t i = 0; i < w->n_obstacles; i++) {
		next = mpq_time_min(next, w->obstacles[i].from);
		next = mpq_time_min(next, w->obstacles[i].until);
	}
	next = mpq_time_min(next, life_network_deadline(w));
	if (w->clear_since != MPQ_TIME_NEVER && !life_world_works(w)) {
		next = mpq_time_min(next, w->clear_since + w->bound + 1);
	}
	return next;
}

static void turn(struct life_world *w)
{
	obstacles(w);
	life_network_turn(w);
	life_tell(w);
	check_recovery(w);
}

void life_world_run(struct life_world *w, mpq_time end)
{
	w->end = end;
	while (!w->run->failed) {
		mpq_time next = next_event(w);

		if (next > end) {
			w->now = end;
			return;
		}
		w->now = next > w->now ? next : w->now;
		turn(w);
	}
}
