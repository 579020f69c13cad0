/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds at every moment:
 *   - current and candidate are where life believes them to be, and an action
 *     never asks for one that is not there;
 *   - no dial while another is under way, or while the link is lost, the path
 *     held or disabled, and no two within `redial` unless an event allows it
 *     (within `redial_soon` when the first of them was let in);
 *   - the state is what was told: disabled before held before the link's;
 *   - every state has a reason, and CHANGED is said exactly when one of them
 *     changed;
 *   - not up with a ready link means that a deadline is set, and expire()
 *     always moves it ahead;
 *   - with every obstacle gone it carries traffic within `bound`.
 */
#include "tests/sim/life_private.h"

#include <string.h>

static void drop(struct life_world *w, int *slot)
{
	if (sim_holds(w->run, *slot >= 0, w->now,
		      "asks to drop what is not there")) {
		w->slot[*slot].used = false;
		*slot = -1;
	}
}

static void check_dial(struct life_world *w)
{
	mpq_duration pace = w->let_in ? mpq_life_default.redial_soon
				      : mpq_life_default.redial;

	sim_holds(w->run, w->candidate < 0, w->now, "dials twice at once");
	sim_holds(w->run, life_allowed(w), w->now,
		  "dials while that is not allowed");
	sim_holds(w->run, w->may_dial_early || w->now - w->last_dial >= pace,
		  w->now, "dials again after %.3f s",
		  (double)(w->now - w->last_dial) / (double)MPQ_SECOND);
	w->last_dial = w->now;
	w->may_dial_early = false;
	w->let_in = false;
}

static bool dialled(struct life_world *w)
{
	int slot = w->current == 0 ? 1 : 0;
	struct life_connection *c = &w->slot[slot];

	check_dial(w);
	if (w->active[LIFE_CANNOT_DIAL] > 0) {
		return false;
	}
	*c = (struct life_connection){
		.used = true,
		.id = ++w->last_id,
		.created = w->now,
		.last_read = w->now,
		.oldest_unanswered = MPQ_TIME_NEVER,
		.next_traffic = MPQ_TIME_NEVER,
		.next_timeout = MPQ_TIME_NEVER,
	};
	sim_holds(w->run, c->id < LIFE_CONNECTIONS, w->now, "dials too often");
	w->candidate = slot;
	life_send(w, c);
	return !w->run->failed;
}

static void promote(struct life_world *w)
{
	struct life_connection *c = life_slot(w, w->candidate);

	if (!sim_holds(w->run, c != NULL && c->established, w->now,
		       "promotes what is not established")) {
		return;
	}
	if (w->current >= 0) {
		w->slot[w->current].used = false;
	}
	w->current = w->candidate;
	w->candidate = -1;
	w->let_in = true;
}

static void act(struct life_world *w, unsigned actions)
{
	if (actions & MPQ_LIFE_DROP_CURRENT) {
		drop(w, &w->current);
	}
	if (actions & MPQ_LIFE_DROP_CANDIDATE) {
		drop(w, &w->candidate);
	}
	if (actions & MPQ_LIFE_PROMOTE) {
		promote(w);
	}
	if (actions & MPQ_LIFE_DIAL && !dialled(w)) {
		unsigned more =
			mpq_life_ended(&w->life, false, false,
				       "no socket to dial from", w->now);

		sim_holds(w->run, (more & ~(unsigned)MPQ_LIFE_CHANGED) == 0,
			  w->now, "asks for more after a dial that failed");
	}
	if (actions & MPQ_LIFE_PROBE && w->current >= 0) {
		life_send(w, life_slot(w, w->current));
	}
}

struct life_before life_remember(const struct life_world *w)
{
	struct life_before b = {.state = w->life.state};

	memcpy(b.reason, w->life.reason, sizeof(b.reason));
	return b;
}

static enum mpq_life_state resting_state(const struct life_world *w)
{
	return w->active[LIFE_DISABLE] > 0 ? MPQ_LIFE_DISABLED
	       : w->active[LIFE_HOLD] > 0  ? MPQ_LIFE_HELD
					   : w->life.link;
}

static void check_state(struct life_world *w)
{
	const struct mpq_life *l = &w->life;

	sim_holds(w->run, l->reason[0] != '\0', w->now, "no reason for %s",
		  mpq_life_state_name(l->state));
	sim_holds(w->run, l->has_current == (w->current >= 0), w->now,
		  "wrong about the current connection");
	sim_holds(w->run, l->has_candidate == (w->candidate >= 0), w->now,
		  "wrong about the candidate");
	if (!life_allowed(w)) {
		sim_holds(w->run, l->state == resting_state(w), w->now,
			  "is %s instead of %s", mpq_life_state_name(l->state),
			  mpq_life_state_name(resting_state(w)));
		return;
	}
	sim_holds(w->run, l->state >= MPQ_LIFE_CONNECTING, w->now,
		  "is %s with a ready link", mpq_life_state_name(l->state));
	sim_holds(w->run,
		  l->state == MPQ_LIFE_UP ||
			  mpq_life_deadline(l) != MPQ_TIME_NEVER,
		  w->now, "waits for nothing while %s",
		  mpq_life_state_name(l->state));
}

/* A call of life is over: did it say what it changed? */
void life_settle(struct life_world *w, const struct life_before *b,
		 unsigned actions)
{
	bool changed = b->state != w->life.state ||
		       strcmp(b->reason, w->life.reason) != 0;

	sim_holds(w->run, changed == ((actions & MPQ_LIFE_CHANGED) != 0),
		  w->now, "%s a change from %s (%s) to %s (%s)",
		  changed ? "hides" : "tells", mpq_life_state_name(b->state),
		  b->reason, mpq_life_state_name(w->life.state),
		  w->life.reason);
	if (changed) {
		w->changes++;
		sim_trace(w->run, w->now, "%s: %s",
			  mpq_life_state_name(w->life.state), w->life.reason);
	}
	act(w, actions);
	check_state(w);
}

void life_ended(struct life_world *w, struct life_connection *c, bool refused,
		const char *reason)
{
	bool current = c == life_slot(w, w->current);

	c->used = false;
	if (current) {
		w->current = -1;
	} else {
		w->candidate = -1;
	}
	LIFE(w, mpq_life_ended(&w->life, current, refused, reason, w->now));
}

static void renew(struct life_world *w)
{
	unsigned dials = w->life.dials;

	if (sim_random_chance(&w->renewals, w->renewals_ppm)) {
		LIFE(w, mpq_life_renew(&w->life, "and dialling anew", w->now));
		w->events += w->life.dials - dials;
	}
}

void life_tell(struct life_world *w)
{
	struct life_connection *c = life_slot(w, w->candidate);

	if (c != NULL) {
		LIFE(w, mpq_life_observe_candidate(
				&w->life, c->last_read,
				c->step > 0 ? w->rtt : LIFE_INITIAL_TIMEOUT / 3,
				w->now));
		c = life_slot(w, w->candidate);
	}
	if (c != NULL && c->established) {
		LIFE(w, mpq_life_established(&w->life, w->now));
	}
	c = life_slot(w, w->current);
	if (c != NULL) {
		LIFE(w, mpq_life_observe(&w->life, c->oldest_unanswered, w->rtt,
					 w->now));
	}
	renew(w);
	if (mpq_life_deadline(&w->life) <= w->now) {
		LIFE(w, mpq_life_expire(&w->life, w->now));
		sim_holds(w->run, mpq_life_deadline(&w->life) > w->now, w->now,
			  "expire() leaves a deadline that is due");
	}
}
