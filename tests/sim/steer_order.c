/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/steer_order.h"

#include <string.h>

#define IN_USE (300 * MPQ_MILLISECOND)

void sim_order_init(struct sim_order *o, const struct sim_order_clock *clock,
		    mpq_duration cap, mpq_duration repair)
{
	memset(o, 0, sizeof(*o));
	o->clock = clock;
	o->cap = cap;
	o->repair = repair;
	o->first_held = o->passed_at = MPQ_TIME_NEVER;
}

static struct sim_order_packet *slot_of(struct sim_order *o, uint64_t seq)
{
	return &o->held[seq % SIM_ORDER_WINDOW];
}

static void deliver(struct sim_order *o, const struct sim_order_packet *p)
{
	o->done[(p->seq - 1) % SIM_ORDER_WINDOW] = p->seq;
	o->delivered++;
	o->deliver(o->owner, p);
}

static void release_ready(struct sim_order *o)
{
	struct sim_order_packet *p;

	while (p = slot_of(o, o->next), p->seq == o->next + 1) {
		deliver(o, p);
		o->n_held--;
		p->seq = 0;
		o->next++;
		o->passed_at = MPQ_TIME_NEVER;
		o->first_held = MPQ_TIME_NEVER;
	}
}

static struct sim_order_packet *first_held(struct sim_order *o)
{
	for (uint64_t s = o->next; s < o->last; s++) {
		if (slot_of(o, s)->seq == s + 1) {
			return slot_of(o, s);
		}
	}
	return NULL;
}

static void give_up_hole(struct sim_order *o)
{
	o->next = first_held(o)->seq - 1;
	o->gave_up++;
	release_ready(o);
}

void sim_order_arrived(struct sim_order *o, const struct sim_order_packet *p,
		       mpq_time now)
{
	uint64_t seq = p->seq - 1;

	if (seq < o->next) {
		if (o->done[seq % SIM_ORDER_WINDOW] >= p->seq) {
			o->duplicates++;
		} else {
			o->late++;
			deliver(o, p);
		}
		return;
	}
	if (slot_of(o, seq)->seq == p->seq) {
		o->duplicates++;
		return;
	}
	while (seq >= o->next + SIM_ORDER_WINDOW) {
		if (o->n_held > 0) {
			give_up_hole(o);
		} else {
			o->next = seq;
		}
	}
	*slot_of(o, seq) = *p;
	o->n_held++;
	o->held_max = o->n_held > o->held_max ? o->n_held : o->held_max;
	o->last = p->seq > o->last ? p->seq : o->last;
	release_ready(o);
	if (o->n_held > 0 && o->first_held == MPQ_TIME_NEVER) {
		o->first_held = now;
	}
}

static bool all_passed(const struct sim_order *o, mpq_time sent, mpq_time now)
{
	for (unsigned i = 0; i < SIM_ORDER_PATHS; i++) {
		if (o->clock->seen[i] > 0 &&
		    mpq_time_elapsed(o->clock->seen[i], now) < IN_USE &&
		    o->clock->passed[i] <= sent) {
			return false;
		}
	}
	return true;
}

void sim_order_expire(struct sim_order *o, mpq_time now)
{
	while (o->n_held > 0) {
		const struct sim_order_packet *p = first_held(o);

		if (o->passed_at == MPQ_TIME_NEVER &&
		    all_passed(o, p->bound, now)) {
			o->passed_at = now;
		}
		if (!(o->passed_at != MPQ_TIME_NEVER &&
		      now - o->passed_at >= o->repair) &&
		    now - p->arrived < o->cap + o->repair) {
			return;
		}
		give_up_hole(o);
	}
}
