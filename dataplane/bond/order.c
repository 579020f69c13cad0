/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/order.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HALF        (MPQ_ORDER_WINDOW / 2)
#define PATHS_SPAN  (1 * MPQ_SECOND)
#define PATHS_PKTS  64
#define PATHS_STALE (10 * MPQ_SECOND)
#define NO_PATH     MPQ_DELAY_PATHS
/* After a copy, others of it or before it may wait in a socket that we have not
 * read yet. */
#define COPY_WAIT (5 * MPQ_MILLISECOND)
/* A path that is behind with its copies for so long has none, and a lane in
 * which none came is none of copies: outages of a hand-over are shorter. */
#define COPY_GONE (300 * MPQ_MILLISECOND)

struct mpq_order_lane {
	struct mpq_heap_entry due, blocked;
	uint32_t next; /* the first sequence that has not come out */
	uint32_t head; /* the first that is held, if any */
	struct mpq_held_lane held;
	mpq_time touched; /* the last arrival that was not too old */
	struct mpq_order_paths paths;
	mpq_time copied;    /* the last copy; 0: none came */
	mpq_time single;    /* the last that was none */
	uint8_t blocked_on; /* whose heap `blocked` is in; NO_PATH: none */
	uint8_t passed;     /* paths that have brought later ones, bits .. */
	mpq_time bound;     /* .. than what was sent then */
};

struct verdict {
	bool early; /* every path has passed it, and nobody repairs it */
	unsigned blocked_on;
	mpq_time bound; /* it was sent by then */
	mpq_time due;
};

#define LANE_OF(e, member)                                                     \
	((struct mpq_order_lane *)((char *)(e)-offsetof(struct mpq_order_lane, \
							member)))

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

/* The window: a bit for each sequence from next - HALF to next + HALF. Below
 * next it says that it was delivered, from next on that it is held. */

static uint32_t lane_id(const struct mpq_order *o,
			const struct mpq_order_lane *lane)
{
	return (uint32_t)(lane - o->lanes);
}

static unsigned class_of(const struct mpq_order *o,
			 const struct mpq_order_lane *lane)
{
	return lane_id(o, lane) / MPQ_HEADER_LANES;
}

static uint64_t *word_of(struct mpq_order *o, const struct mpq_order_lane *lane,
			 uint32_t sequence)
{
	return &o->windows[lane_id(o, lane)][sequence % MPQ_ORDER_WINDOW / 64];
}

static bool is_marked(struct mpq_order *o, const struct mpq_order_lane *lane,
		      uint32_t sequence)
{
	return (*word_of(o, lane, sequence) >> sequence % 64 & 1) != 0;
}

static void mark(struct mpq_order *o, const struct mpq_order_lane *lane,
		 uint32_t sequence)
{
	*word_of(o, lane, sequence) |= UINT64_C(1) << sequence % 64;
}

static void clear_marks(struct mpq_order *o, const struct mpq_order_lane *lane,
			uint32_t from, uint32_t n)
{
	while (n > 0) {
		uint32_t first = from % 64;
		uint32_t bits = n < 64 - first ? n : 64 - first;
		uint64_t mask = UINT64_MAX >> (64 - bits) << first;

		*word_of(o, lane, from) &= ~mask;
		from += bits;
		n -= bits;
	}
}

/* Moves next up by n; what comes into the window is unmarked. */
static void slide(struct mpq_order *o, struct mpq_order_lane *lane, uint32_t n)
{
	uint32_t clear = n < MPQ_ORDER_WINDOW ? n : MPQ_ORDER_WINDOW;

	clear_marks(o, lane, lane->next + n + HALF - clear, clear);
	lane->next = (lane->next + n) & MPQ_HEADER_MASK24;
}

/* The first held one after next. There is one. */
static uint32_t find_head(struct mpq_order *o,
			  const struct mpq_order_lane *lane)
{
	uint32_t sequence = lane->next;
	uint64_t word = *word_of(o, lane, sequence) >> sequence % 64;

	while (word == 0) {
		sequence += 64 - sequence % 64;
		word = *word_of(o, lane, sequence);
	}
	return (sequence + (uint32_t)__builtin_ctzll(word)) & MPQ_HEADER_MASK24;
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
	struct mpq_order_counters *c = &o->counters[class_of(o, lane)];

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
	struct mpq_order_counters *c = &o->counters[class_of(o, lane)];

	while (lane->held.oldest != 0 && is_marked(o, lane, lane->next)) {
		struct mpq_held_packet p =
			mpq_held_take(&o->held, &lane->held,
				      mpq_held_find(&o->held, lane_id(o, lane),
						    lane->next));

		slide(o, lane, 1);
		count_wait(c, mpq_time_elapsed(p.arrived, now));
		deliver(o, lane, p.packet, p.repair, false);
	}
	if (lane->held.oldest != 0) {
		lane->head = find_head(o, lane);
	}
}

static void give_up_hole(struct mpq_order *o, struct mpq_order_lane *lane,
			 uint64_t *counter, mpq_time now)
{
	(*counter)++;
	slide(o, lane, (uint32_t)mpq_header_distance24(lane->head, lane->next));
	release_run(o, lane, now);
}

static unsigned paths_of(const struct mpq_order_paths *paths)
{
	return paths->now | paths->before;
}

/* `otherwise`: what may be as well, as long as little is known. */
static void note_path(struct mpq_order_paths *paths, unsigned path,
		      unsigned otherwise, mpq_time now)
{
	mpq_duration age = mpq_time_elapsed(paths->since, now);

	if (paths->pkts == 0 ||
	    (age >= PATHS_SPAN && paths->pkts >= PATHS_PKTS)) {
		bool known = paths->pkts > 0 && age < PATHS_STALE;

		paths->before = paths->now | (known ? 0 : (uint8_t)otherwise);
		paths->now = 0;
		paths->pkts = 0;
		paths->since = now;
	}
	paths->now |= (uint8_t)(1U << path);
	paths->pkts += paths->pkts < UINT16_MAX;
}

/* Of two bounds for when the missing was sent, the closer: what is held was
 * all sent after it. */
static const struct mpq_held_packet *bound_of(const struct mpq_order *o,
					      const struct mpq_order_lane *lane)
{
	const struct mpq_held_packet *oldest =
		mpq_held_oldest(&o->held, &lane->held);
	const struct mpq_held_packet *head =
		mpq_held_find(&o->held, lane_id(o, lane), lane->head);

	return head->sent < oldest->sent ? head : oldest;
}

/* What a path has shown it has shown for good: a peer whose clocks jump to and
 * fro would make each of its lanes wait for another path, again and again. */
static bool has_passed(const struct mpq_order *o, struct mpq_order_lane *lane,
		       unsigned path, const struct mpq_held_packet *bound)
{
	mpq_time passed = mpq_delay_passed(o->delay, path);

	if (lane->bound != bound->sent) {
		lane->bound = bound->sent;
		lane->passed = 0;
	}
	lane->passed |= (uint8_t)((passed > bound->sent) << path);
	/* On the path of the bound itself, the missing one went before it. */
	return (lane->passed >> path & 1) != 0 ||
	       (passed == bound->sent && path == bound->path);
}

/* It is to be expected that the path brings copies of this lane. */
static bool brings_copies(const struct mpq_order *o,
			  const struct mpq_order_lane *lane, unsigned path,
			  mpq_time now)
{
	mpq_time behind = o->copied[class_of(o, lane)].behind[path];

	return (paths_of(&lane->paths) & mpq_delay_known(o->delay)) >> path &
		       1 &&
	       (behind == 0 || mpq_time_elapsed(behind, now) < COPY_GONE);
}

static bool has_copies(const struct mpq_order_lane *lane, mpq_time now)
{
	return lane->copied != 0 &&
	       mpq_time_elapsed(lane->copied, now) < COPY_GONE;
}

/* What is missing among copies was one, so nobody repairs it. */
static mpq_duration repair_of(const struct mpq_order *o,
			      const struct mpq_order_lane *lane, mpq_time now)
{
	return has_copies(lane, now) && (lane->single == 0 ||
					 mpq_time_elapsed(lane->single, now) >=
						 PATHS_SPAN)
		       ? 0
		       : o->classes[class_of(o, lane)].repair;
}

/* Until the slowest path should have brought what is missing. */
static void await_paths(const struct mpq_order *o, struct mpq_order_lane *lane,
			const struct mpq_held_packet *bound, struct verdict *v)
{
	for (unsigned i = 0; i < MPQ_DELAY_PATHS; i++) {
		mpq_time due;

		if ((paths_of(&lane->paths) >> i & 1) == 0 ||
		    has_passed(o, lane, i, bound)) {
			continue;
		}
		due = mpq_delay_due(o->delay, i, bound->sent);
		v->due = due > v->due ? due : v->due;
		v->blocked_on = i;
		v->early = false;
	}
}

/* A copy may leave a path long after the one that came left another, so that
 * neither the path's clock nor its delay tells when it is late. */
static mpq_time copy_due(const struct mpq_order *o, struct mpq_order_lane *lane,
			 unsigned path, const struct mpq_held_packet *bound,
			 mpq_time arrived)
{
	mpq_time due;

	if (mpq_copies_passed(&o->copies[lane_id(o, lane)], o->delay, path,
			      lane->next)) {
		return 0;
	}
	if (brings_copies(o, lane, path, arrived)) {
		return MPQ_TIME_NEVER;
	}
	if (has_passed(o, lane, path, bound)) {
		return 0;
	}
	due = mpq_delay_due(o->delay, path, bound->sent);
	return due > arrived + COPY_WAIT ? due : arrived + COPY_WAIT;
}

/* Also paths that bring none so far: one may just have begun. */
static void await_copies(const struct mpq_order *o, struct mpq_order_lane *lane,
			 const struct mpq_held_packet *bound, mpq_time arrived,
			 struct verdict *v)
{
	unsigned never = o->classes[class_of(o, lane)].never;

	for (unsigned i = 0; i < MPQ_DELAY_PATHS; i++) {
		mpq_time due;

		if ((never >> i & 1) != 0 ||
		    (!brings_copies(o, lane, i, arrived) &&
		     !mpq_delay_in_use(o->delay, i, arrived))) {
			continue;
		}
		due = copy_due(o, lane, i, bound, arrived);
		v->due = due > v->due ? due : v->due;
		v->early = v->early && due == 0;
	}
}

static struct verdict judge(const struct mpq_order *o,
			    struct mpq_order_lane *lane, mpq_time now)
{
	const struct mpq_held_packet *bound = bound_of(o, lane);
	mpq_time arrived = mpq_held_oldest(&o->held, &lane->held)->arrived;
	mpq_duration cap = o->classes[class_of(o, lane)].cap;
	mpq_duration repair = repair_of(o, lane, now);
	struct verdict v = {repair == 0, NO_PATH, bound->sent,
			    arrived + repair};

	if (has_copies(lane, now)) {
		await_copies(o, lane, bound, arrived, &v);
	} else {
		await_paths(o, lane, bound, &v);
	}
	v.due = mpq_time_min(v.due, arrived + (cap > repair ? cap : repair));
	return v;
}

static void disarm(struct mpq_order *o, struct mpq_order_lane *lane)
{
	mpq_heap_remove(&o->due, &lane->due);
	if (lane->blocked.place != 0) {
		mpq_heap_remove(&o->blocked[lane->blocked_on], &lane->blocked);
	}
}

static void arm(struct mpq_order *o, struct mpq_order_lane *lane,
		const struct verdict *v)
{
	mpq_heap_put(&o->due, &lane->due, v->due);
	if (lane->blocked.place != 0 && lane->blocked_on != v->blocked_on) {
		mpq_heap_remove(&o->blocked[lane->blocked_on], &lane->blocked);
	}
	lane->blocked_on = (uint8_t)v->blocked_on;
	if (v->blocked_on != NO_PATH) {
		mpq_heap_put(&o->blocked[v->blocked_on], &lane->blocked,
			     v->bound);
	}
}

/* Releases whatever need not wait, and notes what the rest waits for. */
static void settle(struct mpq_order *o, struct mpq_order_lane *lane,
		   mpq_time now)
{
	struct mpq_order_counters *c = &o->counters[class_of(o, lane)];

	release_run(o, lane, now);
	while (lane->held.oldest != 0) {
		struct verdict v = judge(o, lane, now);

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
		give_up_hole(o, lane,
			     &o->counters[class_of(o, lane)].released_cap, now);
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
		uint64_t *counter =
			&o->counters[class_of(o, victim)].released_cap;

		if (victim == lane &&
		    mpq_header_distance24(sequence, lane->head) < 0) {
			(*counter)++;
			slide(o, lane,
			      (uint32_t)mpq_header_distance24(sequence,
							      lane->next));
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
	mark(o, lane, p->sequence);
	slide(o, lane, 1);
	deliver(o, lane, p->packet, p->repair, false);
	settle(o, lane, now);
}

static void hold(struct mpq_order *o, struct mpq_order_lane *lane,
		 const struct mpq_held_packet *p, mpq_time now)
{
	bool first = lane->held.oldest == 0;

	mpq_held_put(&o->held, &lane->held, p);
	mark(o, lane, p->sequence);
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
	slide(o, lane,
	      (uint32_t)mpq_header_distance24(p->sequence, lane->next));
	deliver_next(o, lane, p, now);
}

/* More is missing than the window shows: what is held has no order with it. */
static void jump(struct mpq_order *o, struct mpq_order_lane *lane,
		 const struct mpq_held_packet *p, mpq_time now)
{
	o->counters[class_of(o, lane)].jumps++;
	lane->touched = now;
	release_all(o, lane, now);
	memset(&o->copies[lane_id(o, lane)], 0, sizeof(*o->copies));
	slide(o, lane, (p->sequence - lane->next) & MPQ_HEADER_MASK24);
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
	struct mpq_order_counters *c = &o->counters[class_of(o, lane)];

	if (mpq_header_distance24(p->sequence, lane->next) >= -HALF) {
		mark(o, lane, p->sequence);
		deliver(o, lane, p->packet, p->repair,
			o->classes[class_of(o, lane)].cap > 0);
	} else if (silence >= MPQ_ORDER_FORGET) {
		jump(o, lane, p, now);
	} else {
		drop(o, &c->out_of_window, p->packet, MPQ_ORDER_OUT_OF_WINDOW);
	}
}

static bool in_window(const struct mpq_order_lane *lane, uint32_t sequence)
{
	int32_t ahead = mpq_header_distance24(sequence, lane->next);

	return ahead >= -HALF && ahead < HALF;
}

static void take(struct mpq_order *o, struct mpq_order_lane *lane,
		 const struct mpq_held_packet *p, mpq_time now)
{
	struct mpq_order_counters *c = &o->counters[class_of(o, lane)];
	mpq_duration silence = mpq_time_elapsed(lane->touched, now);
	bool ordered = o->classes[class_of(o, lane)].cap > 0;
	int32_t ahead;

	if (!ordered) { /* any more */
		release_all(o, lane, now);
	}
	ahead = mpq_header_distance24(p->sequence, lane->next);
	if (ahead >= -HALF) {
		lane->touched = now;
	}
	if (in_window(lane, p->sequence) && is_marked(o, lane, p->sequence)) {
		drop(o, &c->duplicate, p->packet, MPQ_ORDER_DUPLICATE);
	} else if (ahead >= HALF) {
		jump(o, lane, p, now);
	} else if (ahead > 0 && ordered) {
		take_ahead(o, lane, p, now);
	} else if (ahead >= 0) {
		slide(o, lane, (uint32_t)ahead);
		deliver_next(o, lane, p, now);
	} else {
		take_behind(o, lane, p, silence, now);
	}
}

/* What has no copies shows as well how far its path is. */
static void note_copy(struct mpq_order *o, struct mpq_order_lane *lane,
		      const struct mpq_held_packet *p, bool copy, mpq_time now)
{
	if (!copy) {
		lane->single = now;
	} else {
		lane->copied = now;
		mpq_copies_heard(&o->copied[class_of(o, lane)], p->path, now);
	}
	if (has_copies(lane, now) && !p->repair) {
		mpq_copies_arrived(&o->copies[p->lane], o->delay, p->path,
				   p->sequence, p->sent);
	}
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
		.sent = sent,
		.path = (uint8_t)path,
		.repair = header->kind == MPQ_HEADER_REPAIR,
	};

	assert(path < MPQ_DELAY_PATHS && mpq_header_in_lane(header));
	if (header->class_id >= o->config.classes) {
		drop(o, &o->unknown_class, packet, MPQ_ORDER_UNKNOWN_CLASS);
		return;
	}
	if (!p.repair) { /* a repair's path says nothing about the others */
		struct mpq_order_paths *all = &o->paths[header->class_id];

		note_path(all, path, mpq_delay_known(o->delay), now);
		note_path(&o->lanes[id].paths, path, paths_of(all), now);
	}
	note_copy(o, &o->lanes[id], &p, header->kind == MPQ_HEADER_COPY, now);
	take(o, &o->lanes[id], &p, now);
	/* One that came before may be what shows that a hole is for good. */
	if (o->lanes[id].held.oldest != 0 && has_copies(&o->lanes[id], now)) {
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
