/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/order_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LANE_OF(e, member)                                                     \
	((struct mpq_order_lane *)((char *)(e)-offsetof(struct mpq_order_lane, \
							member)))

/* What a faster path's queue may be longer than expected. */
#define AHEAD_MORE (10 * MPQ_MILLISECOND)

static int allocate(struct mpq_order *o)
{
	size_t lanes = (size_t)o->config.classes * MPQ_HEADER_LANES;
	size_t holes =
		lanes < o->config.held_pkts ? lanes : o->config.held_pkts;

	o->lanes = calloc(lanes, sizeof(*o->lanes));
	o->windows = calloc(lanes, sizeof(*o->windows));
	o->copies = calloc(lanes, sizeof(*o->copies));
	o->heap_slots =
		calloc((MPQ_DELAY_PATHS + 1) * holes, sizeof(*o->heap_slots));
	if (o->lanes == NULL || o->windows == NULL || o->copies == NULL ||
	    o->heap_slots == NULL) {
		return -ENOMEM;
	}
	o->due.slots = o->heap_slots;
	for (unsigned i = 0; i < MPQ_DELAY_PATHS; i++) {
		o->blocked[i].slots = o->heap_slots + (i + 1) * holes;
	}
	return 0;
}

int mpq_order_init(struct mpq_order *o, const struct mpq_order_config *config,
		   const struct mpq_delay *delay,
		   const struct mpq_order_events *events, void *user)
{
	int rc;

	assert(config->classes > 0 && config->classes <= MPQ_HEADER_CLASSES);
	*o = (struct mpq_order){
		.config = *config,
		.delay = delay,
		.events = events,
		.user = user,
	};
	rc = mpq_held_init(&o->held, config->held_pkts, config->held_bytes,
			   config->seed);
	if (rc == 0) {
		rc = allocate(o);
	}
	if (rc < 0) {
		mpq_order_finish(o);
	}
	return rc;
}

static void drop_held(struct mpq_order *o, struct mpq_order_lane *lane)
{
	const struct mpq_held_packet *p;

	while ((p = mpq_held_oldest(&o->held, &lane->held)) != NULL) {
		struct mpq_held_packet taken =
			mpq_held_take(&o->held, &lane->held, p);

		o->events->drop(o->user, taken.packet, MPQ_ORDER_FINISHED);
	}
}

void mpq_order_finish(struct mpq_order *o)
{
	if (o == NULL) {
		return;
	}
	while (o->due.entries > 0) {
		struct mpq_order_lane *lane =
			LANE_OF(mpq_heap_least(&o->due), due);

		mpq_heap_remove(&o->due, &lane->due);
		drop_held(o, lane);
	}
	mpq_held_finish(&o->held);
	free(o->lanes);
	free(o->windows);
	free(o->copies);
	free(o->heap_slots);
	*o = (struct mpq_order){0};
}

void mpq_order_set_room(struct mpq_order *o, size_t held_pkts)
{
	size_t most = o->config.held_pkts;

	o->held.max_pkts = held_pkts == 0     ? 1
			   : held_pkts < most ? held_pkts
					      : most;
}

void mpq_order_set_class(struct mpq_order *o, unsigned class_id,
			 const struct mpq_order_class *config)
{
	assert(class_id < o->config.classes);
	o->classes[class_id] = *config;
}

static struct mpq_order_counters *counters_of(struct mpq_order *o,
					      const struct mpq_order_lane *lane)
{
	return &o->counters[mpq_order_class_of(o, lane)];
}

static bool is_ordered(const struct mpq_order *o,
		       const struct mpq_order_lane *lane)
{
	return o->classes[mpq_order_class_of(o, lane)].cap > 0;
}

static void count_wait(struct mpq_order_counters *c, mpq_duration waited)
{
	c->held++;
	c->waited += waited;
	c->waited_max = waited > c->waited_max ? waited : c->waited_max;
}

static void deliver(struct mpq_order *o, const struct mpq_order_lane *lane,
		    void *packet, bool repair, bool late)
{
	struct mpq_order_counters *c = counters_of(o, lane);

	c->delivered++;
	c->late += late;
	c->repaired += repair && !late;
	c->repaired_late += repair && late;
	o->events->deliver(o->user, packet, late);
}

/* What is next without a hole before it. */
static void release_run(struct mpq_order *o, struct mpq_order_lane *lane,
			mpq_time now)
{
	struct mpq_order_counters *c = counters_of(o, lane);

	while (lane->held.oldest != 0 &&
	       mpq_order_window_marked(o, lane, lane->next)) {
		struct mpq_held_packet p =
			mpq_held_take(&o->held, &lane->held,
				      mpq_held_find(&o->held,
						    mpq_order_lane_id(o, lane),
						    lane->next));

		mpq_order_window_slide(o, lane, lane->next + 1);
		count_wait(c, mpq_time_elapsed(p.arrived, now));
		deliver(o, lane, p.packet, p.repair, false);
	}
	if (lane->held.oldest != 0) {
		lane->head = mpq_order_window_head(o, lane);
	}
}

static void give_up_hole(struct mpq_order *o, struct mpq_order_lane *lane,
			 uint64_t *counter, mpq_time now)
{
	(*counter)++;
	mpq_order_window_slide(o, lane, lane->head);
	release_run(o, lane, now);
}

static void disarm(struct mpq_order *o, struct mpq_order_lane *lane)
{
	mpq_heap_remove(&o->due, &lane->due);
	if (lane->blocked.place != 0) {
		mpq_heap_remove(&o->blocked[lane->blocked_on], &lane->blocked);
	}
}

static void arm(struct mpq_order *o, struct mpq_order_lane *lane,
		const struct mpq_order_verdict *v)
{
	mpq_heap_put(&o->due, &lane->due, v->due);
	if (lane->blocked.place != 0 && lane->blocked_on != v->blocked_on) {
		mpq_heap_remove(&o->blocked[lane->blocked_on], &lane->blocked);
	}
	lane->blocked_on = (uint8_t)v->blocked_on;
	if (v->blocked_on != MPQ_ORDER_NO_PATH) {
		mpq_heap_put(&o->blocked[v->blocked_on], &lane->blocked,
			     v->bound);
	}
}

/* Releases whatever need not wait, and notes what the rest waits for. */
static void settle(struct mpq_order *o, struct mpq_order_lane *lane,
		   mpq_time now)
{
	struct mpq_order_counters *c = counters_of(o, lane);

	release_run(o, lane, now);
	while (lane->held.oldest != 0) {
		struct mpq_order_verdict v = mpq_order_wait_judge(o, lane, now);

		if (now < v.due) {
			arm(o, lane, &v);
			return;
		}
		give_up_hole(o, lane,
			     v.early ? &c->released_early
				     : &c->released_timeout,
			     now);
	}
	disarm(o, lane);
}

static void release_all(struct mpq_order *o, struct mpq_order_lane *lane,
			mpq_time now)
{
	while (lane->held.oldest != 0) {
		give_up_hole(o, lane, &counters_of(o, lane)->released_cap, now);
	}
	disarm(o, lane);
}

/* Until there is room for len, or nothing is held; the hole that would have
 * been given up next goes first. If the packet in hand comes before what it
 * would make way for, it needs no room: then its lane's next is its sequence.
 */
static void make_room(struct mpq_order *o, struct mpq_order_lane *lane,
		      uint32_t sequence, size_t len, mpq_time now)
{
	while (!mpq_held_has_room(&o->held, len) && o->due.entries > 0) {
		struct mpq_order_lane *victim =
			LANE_OF(mpq_heap_least(&o->due), due);
		uint64_t *counter = &counters_of(o, victim)->released_cap;

		if (victim == lane &&
		    mpq_header_distance24(sequence, lane->head) < 0) {
			(*counter)++;
			mpq_order_window_slide(o, lane, sequence);
			return;
		}
		give_up_hole(o, victim, counter, now);
		if (victim->held.oldest == 0) {
			disarm(o, victim);
		} else if (victim != lane) {
			settle(o, victim, now);
		}
	}
}

/* In order, or as if it were. */
static void deliver_next(struct mpq_order *o, struct mpq_order_lane *lane,
			 const struct mpq_held_packet *p, mpq_time now)
{
	mpq_order_window_mark(o, lane, p->sequence);
	mpq_order_window_slide(o, lane, lane->next + 1);
	deliver(o, lane, p->packet, p->repair, false);
	settle(o, lane, now);
}

static void hold(struct mpq_order *o, struct mpq_order_lane *lane,
		 const struct mpq_held_packet *p, mpq_time now)
{
	bool first = lane->held.oldest == 0;

	mpq_held_put(&o->held, &lane->held, p);
	mpq_order_window_mark(o, lane, p->sequence);
	if (first || mpq_header_distance24(p->sequence, lane->head) < 0) {
		lane->head = p->sequence;
		settle(o, lane, now);
	}
}

static void take_ahead(struct mpq_order *o, struct mpq_order_lane *lane,
		       const struct mpq_held_packet *p, mpq_time now)
{
	make_room(o, lane, p->sequence, p->len_bytes, now);
	if (p->sequence != lane->next &&
	    mpq_held_has_room(&o->held, p->len_bytes)) {
		hold(o, lane, p, now);
		return;
	}
	/* Nothing is held before it. */
	mpq_order_window_slide(o, lane, p->sequence);
	deliver_next(o, lane, p, now);
}

/* More is missing than the window shows: what is held has no order with it. */
static void jump(struct mpq_order *o, struct mpq_order_lane *lane,
		 const struct mpq_held_packet *p, mpq_time now)
{
	counters_of(o, lane)->jumps++;
	lane->touched = now;
	release_all(o, lane, now);
	memset(&o->copies[mpq_order_lane_id(o, lane)], 0, sizeof(*o->copies));
	mpq_order_window_slide(o, lane, p->sequence);
	deliver_next(o, lane, p, now);
}

static void drop(struct mpq_order *o, uint64_t *counter, void *packet,
		 enum mpq_order_drop why)
{
	(*counter)++;
	o->events->drop(o->user, packet, why);
}

static void take_behind(struct mpq_order *o, struct mpq_order_lane *lane,
			const struct mpq_held_packet *p, mpq_duration silence,
			mpq_time now)
{
	struct mpq_order_counters *c = counters_of(o, lane);

	if (mpq_header_distance24(p->sequence, lane->next) >= -MPQ_ORDER_HALF) {
		mpq_order_window_mark(o, lane, p->sequence);
		deliver(o, lane, p->packet, p->repair, is_ordered(o, lane));
	} else if (silence >= MPQ_ORDER_FORGET) {
		jump(o, lane, p, now);
	} else {
		drop(o, &c->out_of_window, p->packet, MPQ_ORDER_OUT_OF_WINDOW);
	}
}

static void take(struct mpq_order *o, struct mpq_order_lane *lane,
		 const struct mpq_held_packet *p, mpq_time now)
{
	struct mpq_order_counters *c = counters_of(o, lane);
	mpq_duration silence = mpq_time_elapsed(lane->touched, now);
	bool ordered = is_ordered(o, lane);
	int32_t ahead;

	if (!ordered) { /* any more */
		release_all(o, lane, now);
	}
	ahead = mpq_header_distance24(p->sequence, lane->next);
	if (ahead >= -MPQ_ORDER_HALF) {
		lane->touched = now;
	}
	if (mpq_order_window_marked(o, lane, p->sequence)) {
		drop(o, &c->duplicate, p->packet, MPQ_ORDER_DUPLICATE);
	} else if (ahead >= MPQ_ORDER_HALF) {
		jump(o, lane, p, now);
	} else if (ahead > 0 && ordered) {
		take_ahead(o, lane, p, now);
	} else if (ahead >= 0) {
		mpq_order_window_slide(o, lane, p->sequence);
		deliver_next(o, lane, p, now);
	} else {
		take_behind(o, lane, p, silence, now);
	}
}

/* Those before it may have left after it, by faster paths: as much later as
 * makes all of them come together. */
static mpq_time counts_as_sent(const struct mpq_order *o,
			       const struct mpq_header *header, unsigned path,
			       mpq_time sent, mpq_time now)
{
	return header->kind != MPQ_HEADER_AHEAD
		       ? sent
		       : sent + mpq_delay_offset(o->delay, path, now) +
				 AHEAD_MORE;
}

void mpq_order_arrived(struct mpq_order *o, const struct mpq_header *header,
		       unsigned path, mpq_time sent, void *packet, size_t len,
		       mpq_time now)
{
	uint32_t id = header->class_id * MPQ_HEADER_LANES + header->lane;
	const struct mpq_held_packet p = {
		.packet = packet,
		.len_bytes = len,
		.lane = id,
		.sequence = header->sequence,
		.arrived = now,
		.sent = counts_as_sent(o, header, path, sent, now),
		.path = (uint8_t)path,
		.repair = header->kind == MPQ_HEADER_REPAIR,
	};

	assert(path < MPQ_DELAY_PATHS && mpq_header_in_lane(header));
	if (header->class_id >= o->config.classes) {
		drop(o, &o->unknown_class, packet, MPQ_ORDER_UNKNOWN_CLASS);
		return;
	}
	mpq_order_wait_note(o, &p, header->kind == MPQ_HEADER_COPY, now);
	take(o, &o->lanes[id], &p, now);
	/* One that came before may be what shows that a hole is for good. */
	if (o->lanes[id].held.oldest != 0 &&
	    mpq_order_wait_has_copies(&o->lanes[id], now)) {
		settle(o, &o->lanes[id], now);
	}
}

mpq_time mpq_order_deadline(const struct mpq_order *o)
{
	const struct mpq_heap_entry *least = mpq_heap_least(&o->due);

	return least != NULL ? least->key : MPQ_TIME_NEVER;
}

static void expire_blocked(struct mpq_order *o, unsigned path, mpq_time now)
{
	struct mpq_heap_entry *e;

	while ((e = mpq_heap_least(&o->blocked[path])) != NULL &&
	       e->key < mpq_delay_passed(o->delay, path)) {
		settle(o, LANE_OF(e, blocked), now);
	}
}

void mpq_order_expire(struct mpq_order *o, mpq_time now)
{
	struct mpq_heap_entry *e;

	for (unsigned i = 0; i < MPQ_DELAY_PATHS; i++) {
		expire_blocked(o, i, now);
	}
	while ((e = mpq_heap_least(&o->due)) != NULL && e->key <= now) {
		settle(o, LANE_OF(e, due), now);
	}
}
