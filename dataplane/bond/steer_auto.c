/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/steer_private.h"

/*
 * A flow is pinned to the path on which its first packet arrives first. It is
 * spread when it fills its path while the class's other members, paths whose
 * delays the receiver's order window can bridge, have capacity to spare. It is
 * gathered again when that was no gain: when all that is carried would fit the
 * best path alone, either because the traffic became less or because spreading
 * did harm (an inner TCP that backs off looks just the same, and the cure is
 * the same). The next attempt then waits longer.
 */
#define WINDOW     (100 * MPQ_MILLISECOND) /* of a flow's measurement */
#define IDLE       MPQ_SECOND              /* so long a slot is kept */
#define FULL_QUEUE (3 * MPQ_MILLISECOND)
#define HEAVY_FOR  (60 * MPQ_MILLISECOND)
/* An inner slow start that fills one path first ends there, at a part of what
 * it could have; so a flow that begins to fill its path is spread before that
 * path is known to be full. Over unlike paths that costs delay: a page is not
 * yet a flow. */
#define ALIKE         (10 * MPQ_MILLISECOND)
#define EARLY_ALIKE   10000 /* bytes in a window */
#define EARLY_UNALIKE 64000
/* What no slow start brings that grows with what comes back: whoever brings it
 * goes on, and a path that begins has soon no room for it. */
#define FLOOD_BYTES 250000
#define FLOOD_QUEUE (20 * MPQ_MILLISECOND)
#define STUCK       (500 * MPQ_MILLISECOND)
#define BETWEEN     (100 * MPQ_MILLISECOND) /* promotions in a class */
#define GRACE       (3 * MPQ_SECOND)        /* of a flow that was just spread */
#define NO_GAIN_FOR (2 * MPQ_SECOND)
#define LIGHT_FOR   (2 * MPQ_SECOND)
#define BACKOFF_MIN (2 * MPQ_SECOND)
#define BACKOFF_MAX (64 * MPQ_SECOND)
#define RETURNED    (10 * MPQ_SECOND) /* a path, lately */
#define LULL_MAX    MPQ_SECOND        /* a hand-over, until it is trusted */
#define BETTER_BY   (5 * MPQ_MILLISECOND)
#define SETTLED     (500 * MPQ_MILLISECOND) /* between moves of a flow */
#define SLOW_START  (2 * MPQ_SECOND)        /* is over by then */
#define BITS        8

enum {
	HEAVY_PART = 16, /* of its path's capacity, at least */
	LIGHT_PART = 64,
	GAIN_PERCENT = 12, /* idle, of what all members carry */
	FULL_PERCENT = 85, /* load of a path that is full */
	WAYS = 8,          /* slots that a flow may have */
};

_Static_assert(MPQ_STEER_FLOWS % WAYS == 0, "slots are in sets");

static uint32_t mix(unsigned class, uint32_t flow)
{
	uint32_t h =
		(flow + class * UINT32_C(0x9e3779b9)) * UINT32_C(0x85ebca6b);

	return h >> 16 ^ h;
}

/* The first of the slots that it may have. */
static size_t set_of(unsigned class, uint32_t flow)
{
	return mix(class, flow) & (MPQ_STEER_FLOWS - 1) & ~(WAYS - 1);
}

const struct mpq_steer_flow *mpq_steer_flow(const struct mpq_steer *s,
					    unsigned class, uint32_t flow)
{
	size_t set = set_of(class, flow);

	for (size_t i = set; i < set + WAYS; i++) {
		const struct mpq_steer_flow *f = &s->flow[i];

		if (f->used && f->hash == flow && f->class == class) {
			return f;
		}
	}
	return NULL;
}

static void change(struct mpq_steer *s, struct mpq_steer_class *c,
		   struct mpq_steer_flow *f, enum mpq_steer_kind kind,
		   enum mpq_steer_reason reason, unsigned path, mpq_time now)
{
	struct mpq_steer_event event = {.kind = kind,
					.reason = reason,
					.flow = f->hash,
					.from = f->spread ? c->spread.members
							  : mpq_steer_bit(
								    f->path),
					.flow_bps = f->bps};

	f->spread = kind == MPQ_STEER_SPREAD;
	f->path = (uint8_t)path;
	f->since = now;
	f->reason = reason;
	f->heavy = f->light = MPQ_TIME_NEVER;
	event.to = f->spread ? c->spread.members : mpq_steer_bit(path);
	c->counters.moved += kind == MPQ_STEER_PINNED;
	c->counters.spread += kind == MPQ_STEER_SPREAD;
	c->counters.gathered += kind == MPQ_STEER_GATHERED;
	mpq_steer_tell(s, c, &event, now);
}

static void begin(struct mpq_steer *s, struct mpq_steer_class *c,
		  struct mpq_steer_flow *f, uint32_t hash, size_t len,
		  mpq_time now)
{
	*f = (struct mpq_steer_flow){
		.used = true,
		.hash = hash,
		.class = (uint8_t)mpq_steer_class_index(s, c),
		.path = (uint8_t)mpq_steer_path_earliest(s, c->fits, len),
		.reason = MPQ_STEER_FIRST_PACKET,
		.since = now,
		.last = now,
		.window = now,
		.heavy = MPQ_TIME_NEVER,
		.light = MPQ_TIME_NEVER};
	c->counters.pinned++;
}

/* One that is free, or that nobody has used for the longest time. */
static struct mpq_steer_flow *oldest_of(struct mpq_steer *s, size_t set)
{
	struct mpq_steer_flow *best = &s->flow[set];

	for (size_t i = set; i < set + WAYS && best->used; i++) {
		struct mpq_steer_flow *f = &s->flow[i];

		best = !f->used || f->last < best->last ? f : best;
	}
	return best;
}

/* A flow that finds all its slots taken by others that are alive shares the
 * fate of one of them; then what waits of it may be overtaken when that one
 * moves. */
static struct mpq_steer_flow *find(struct mpq_steer *s,
				   struct mpq_steer_class *c, uint32_t hash,
				   size_t len, mpq_time now)
{
	unsigned class = mpq_steer_class_index(s, c);
	size_t set = set_of(class, hash);
	struct mpq_steer_flow *f =
		(struct mpq_steer_flow *)mpq_steer_flow(s, class, hash);

	if (f != NULL) {
		return f;
	}
	f = oldest_of(s, set);
	if (f->used && mpq_time_elapsed(f->last, now) <= IDLE) {
		f = &s->flow[set + mix(class, hash) % WAYS];
		if (f->class == class) {
			return f;
		}
	}
	begin(s, c, f, hash, len, now);
	return f;
}

/* Closes a window of measurement; false: it goes on. */
static bool measured(struct mpq_steer_flow *f, size_t len, mpq_time now)
{
	mpq_duration time = now - f->window;
	uint64_t bps;

	f->window_bytes += len;
	if (time < WINDOW) {
		return false;
	}
	bps = f->window_bytes * BITS * (MPQ_SECOND / MPQ_MICROSECOND) /
	      (time / MPQ_MICROSECOND);
	f->bps = time > IDLE ? bps : f->bps / 2 + bps / 2;
	f->window = now;
	f->window_bytes = 0;
	return true;
}

static bool fills_its_path(const struct mpq_steer *s,
			   const struct mpq_steer_flow *f)
{
	const struct mpq_steer_path *p = &s->path[f->path];

	return p->estimate != NULL && f->bps * HEAVY_PART >= p->rate_bps &&
	       (mpq_steer_path_queue(p, 0) >= FULL_QUEUE ||
		p->load_bps * 100 >= p->rate_bps * FULL_PERCENT);
}

static bool came_back(const struct mpq_steer_class *c, mpq_steer_set paths,
		      mpq_time since)
{
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		if ((paths & mpq_steer_bit(i)) != 0 &&
		    c->verdict[i].trusted > since) {
			return true;
		}
	}
	return false;
}

/* That spreading did not pay was found with paths as they were then. */
static bool spreading_pays(const struct mpq_steer_class *c,
			   const struct mpq_steer_flow *f, mpq_time now)
{
	mpq_steer_set others = c->spread.members & ~mpq_steer_bit(f->path);

	return others != 0 &&
	       (now >= f->retry || came_back(c, others, f->since)) &&
	       now - c->spread.last_promoted >= BETWEEN &&
	       c->spread.idle_bps * 100 >= c->spread.all_bps * GAIN_PERCENT &&
	       c->spread.all_bps * 100 >=
		       c->spread.one_bps * (100 + GAIN_PERCENT);
}

static void spread(struct mpq_steer *s, struct mpq_steer_class *c,
		   struct mpq_steer_flow *f, mpq_time now)
{
	c->spread.last_promoted = now;
	if (f->reason == MPQ_STEER_FIRST_PACKET &&
	    now - f->since < SLOW_START) {
		c->spread.started = now;
	}
	change(s, c, f, MPQ_STEER_SPREAD,
	       c->spread.unproven ? MPQ_STEER_UNPROVEN
				  : MPQ_STEER_IDLE_CAPACITY,
	       f->path, now);
}

static bool has_spare(const struct mpq_steer_path *p, uint64_t bps)
{
	return p->rate_bps > p->load_bps + bps + bps / 4;
}

/* Paths that are too unlike to be used together, and it has the lesser one. */
static void leave_for_more(struct mpq_steer *s, struct mpq_steer_class *c,
			   struct mpq_steer_flow *f, mpq_time now)
{
	unsigned best = mpq_steer_path_best(s, c->fits);

	if (best != f->path &&
	    has_spare(&s->path[best], s->path[f->path].rate_bps)) {
		change(s, c, f, MPQ_STEER_PINNED, MPQ_STEER_IDLE_CAPACITY, best,
		       now);
	}
}

static void consider_spreading(struct mpq_steer *s, struct mpq_steer_class *c,
			       struct mpq_steer_flow *f, mpq_time now)
{
	if (!fills_its_path(s, f)) {
		f->heavy = MPQ_TIME_NEVER;
		return;
	}
	if (f->heavy == MPQ_TIME_NEVER) {
		f->heavy = now;
	}
	/* Earlier would end the inner slow start, for the delay grows. */
	if (s->path[f->path].proven && now - f->heavy >= HEAVY_FOR &&
	    spreading_pays(c, f, now)) {
		spread(s, c, f, now);
	} else if (now - f->heavy >= STUCK) {
		leave_for_more(s, c, f, now);
	}
}

static bool is_flooded(const struct mpq_steer_path *p)
{
	return p->estimate->queued_bytes >= FLOOD_BYTES &&
	       mpq_steer_path_queue(p, 0) >= FLOOD_QUEUE;
}

static void consider_spreading_early(struct mpq_steer *s,
				     struct mpq_steer_class *c,
				     struct mpq_steer_flow *f, mpq_time now)
{
	const struct mpq_steer_path *p = &s->path[f->path];
	bool alike = c->spread.base_spread <= ALIKE;

	/* Late and slow at the same time ends an inner slow start at once. */
	if (!alike && (c->spread.unproven || !p->proven) && !is_flooded(p)) {
		return;
	}
	if (f->window_bytes >= (alike ? EARLY_ALIKE : EARLY_UNALIKE) &&
	    mpq_steer_path_queue(p, 0) >= FULL_QUEUE &&
	    spreading_pays(c, f, now)) {
		spread(s, c, f, now);
	}
}

static void gather(struct mpq_steer *s, struct mpq_steer_class *c,
		   struct mpq_steer_flow *f, enum mpq_steer_reason reason,
		   mpq_time now)
{
	mpq_duration lasted = now - f->since;

	/* It went well for long, or paths come and go, which says nothing of
	 * it: the next attempt need not wait longer. */
	f->backoff = f->backoff == 0 || lasted > 8 * f->backoff + GRACE ||
				     came_back(c, c->eligible, now - RETURNED)
			     ? BACKOFF_MIN
		     : f->backoff * 2 < BACKOFF_MAX ? f->backoff * 2
						    : BACKOFF_MAX;
	f->retry = now + f->backoff;
	change(s, c, f, MPQ_STEER_GATHERED, reason,
	       mpq_steer_path_best(s, c->fits), now);
}

static void consider_gathering(struct mpq_steer *s, struct mpq_steer_class *c,
			       struct mpq_steer_flow *f, mpq_time now)
{
	mpq_steer_set m = c->spread.members;

	if ((c->eligible & (c->eligible - 1)) == 0) {
		/* No verdict on spreading: it may be tried at once when another
		 * path is back. After a moment, as a hand-over is, all is as it
		 * was. */
		if (c->spread.lull == MPQ_TIME_NEVER ||
		    now - c->spread.lull >= LULL_MAX) {
			change(s, c, f, MPQ_STEER_GATHERED, MPQ_STEER_PATH_GONE,
			       mpq_steer_path_best(s, c->fits), now);
		}
		return;
	}
	if ((m & (m - 1)) == 0) {
		gather(s, c, f, MPQ_STEER_DELAY_SPREAD, now);
		return;
	}
	if (f->bps * LIGHT_PART >= c->spread.one_bps) {
		f->light = MPQ_TIME_NEVER;
	} else if (f->light == MPQ_TIME_NEVER) {
		f->light = now;
	}
	if (f->light != MPQ_TIME_NEVER && now - f->light >= LIGHT_FOR) {
		gather(s, c, f, MPQ_STEER_FITS_ONE, now);
	} else if (now - f->since >= GRACE &&
		   mpq_time_elapsed(c->spread.no_gain, now) >= NO_GAIN_FOR) {
		gather(s, c, f, MPQ_STEER_NO_GAIN, now);
	}
}

/* For one that it would avoid. It does not go back for each small packet. */
static bool left_a_narrow_one(const struct mpq_steer *s,
			      const struct mpq_steer_class *c,
			      const struct mpq_steer_flow *f, size_t len,
			      mpq_time now)
{
	mpq_steer_set own = mpq_steer_bit(f->path) & c->answering;

	return f->reason == MPQ_STEER_TOO_NARROW && now - f->since < SETTLED &&
	       mpq_steer_path_fitting(s, own, len) != 0;
}

/* Before anything is asked of its path: that may be no more. One that is too
 * narrow for a packet is left by all that follow, so that they stay behind. */
static void leave_what_is_gone(struct mpq_steer *s, struct mpq_steer_class *c,
			       struct mpq_steer_flow *f, size_t len,
			       mpq_time now)
{
	mpq_steer_set own = mpq_steer_bit(f->path);

	if (!f->spread && (c->fits & own) == 0 &&
	    !left_a_narrow_one(s, c, f, len, now)) {
		change(s, c, f, MPQ_STEER_PINNED,
		       (c->eligible & own) == 0 ? MPQ_STEER_PATH_GONE
						: MPQ_STEER_TOO_NARROW,
		       mpq_steer_path_earliest(s, c->fits, len), now);
	}
}

/* A flow moves without reordering when its pause was longer than what it
 * gains in delay. One that made the queue from which it would flee stays. */
static void consider_moving(struct mpq_steer *s, struct mpq_steer_class *c,
			    struct mpq_steer_flow *f, size_t len, mpq_time now)
{
	unsigned best = mpq_steer_path_earliest(s, c->fits, len);
	mpq_duration here, there;

	here = mpq_steer_path_arrival(&s->path[f->path], len);
	there = mpq_steer_path_arrival(&s->path[best], len);
	if (there + BETTER_BY < here && now - f->since >= SETTLED &&
	    has_spare(&s->path[best], f->bps) &&
	    mpq_time_elapsed(f->last, now) > here - there) {
		change(s, c, f, MPQ_STEER_PINNED, MPQ_STEER_SOONER, best, now);
	}
}

void mpq_steer_auto_pick(struct mpq_steer *s, struct mpq_steer_class *c,
			 uint32_t flow, size_t len, mpq_time now,
			 struct mpq_steer_choice *ret)
{
	struct mpq_steer_flow *f = find(s, c, flow, len, now);

	leave_what_is_gone(s, c, f, len, now);
	if (measured(f, len, now)) {
		if (f->spread) {
			consider_gathering(s, c, f, now);
		} else {
			consider_spreading(s, c, f, now);
		}
	}
	if (!f->spread) {
		consider_spreading_early(s, c, f, now);
	}
	ret->shared = f->spread;
	if (!f->spread) {
		consider_moving(s, c, f, len, now);
		ret->n = 1;
		ret->path[0] = f->path;
	}
	f->last = now;
}
