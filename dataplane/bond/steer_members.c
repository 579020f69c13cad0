/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/steer_private.h"

/*
 * A class's members: the paths over which its flows may be spread, as the
 * receiver's order window bridges their delays; and what these carry in all, by
 * which it is judged whether spreading is a gain (steer_auto.c).
 */
enum {
	SMALL_PERCENT = 4,  /* a member that brings less is not worth it */
	WORTH_DELAY = 3,    /* times the capacity, for a later set of members */
	ALONE_PERCENT = 92, /* of the best path: it would do alone */
};

/* The delay of a path, as the receiver's window sees it. */
static mpq_duration latest(const struct mpq_steer_path *p)
{
	return p->base +
	       (p->variation < p->base / 2 ? p->variation : p->base / 2);
}

/* The paths that are behind `first` by no more than the order window bridges;
 * those that are members already may be a little farther. */
static mpq_steer_set within_reach(const struct mpq_steer *s,
				  const struct mpq_steer_class *c,
				  unsigned first, uint64_t *ret_bps)
{
	mpq_steer_set set = 0;
	mpq_duration cap = c->config.order_cap;

	*ret_bps = 0;
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		const struct mpq_steer_path *p = &s->path[i];
		mpq_steer_set bit = mpq_steer_bit(i);
		mpq_duration reach =
			s->path[first].base +
			((c->spread.members & bit) != 0 ? cap + cap / 4 : cap);

		if ((c->eligible & bit) == 0 ||
		    (i != first && p->base < s->path[first].base) ||
		    (i != first && cap > 0 && latest(p) > reach)) {
			continue;
		}
		set |= bit;
		*ret_bps += p->hoped_bps;
	}
	return set;
}

static mpq_steer_set without_small(const struct mpq_steer *s, mpq_steer_set set,
				   uint64_t all_bps)
{
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		if ((set & mpq_steer_bit(i)) != 0 &&
		    s->path[i].hoped_bps * 100 < all_bps * SMALL_PERCENT) {
			set &= ~mpq_steer_bit(i);
		}
	}
	return set;
}

/* Does the set behind path i count more than that behind another one? Much more
 * capacity is worth more delay, a little is not. */
static bool is_better(const struct mpq_steer *s, unsigned i, uint64_t i_bps,
		      unsigned other, uint64_t other_bps)
{
	bool sooner = s->path[i].base < s->path[other].base;

	return sooner ? i_bps * WORTH_DELAY > other_bps
		      : i_bps >= other_bps * WORTH_DELAY;
}

static mpq_steer_set best_members(const struct mpq_steer *s,
				  const struct mpq_steer_class *c)
{
	unsigned first = MPQ_STEER_PATHS;
	mpq_steer_set best = 0;
	uint64_t best_bps = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		mpq_steer_set set;
		uint64_t bps;

		if ((c->eligible & mpq_steer_bit(i)) == 0) {
			continue;
		}
		set = within_reach(s, c, i, &bps);
		if (first == MPQ_STEER_PATHS ||
		    is_better(s, i, bps, first, best_bps)) {
			first = i;
			best = set;
			best_bps = bps;
		}
	}
	return without_small(s, best, best_bps);
}

static void summarize(const struct mpq_steer *s, struct mpq_steer_class *c,
		      mpq_steer_set set)
{
	mpq_duration first = MPQ_TIME_NEVER, last = 0, last_base = 0;

	c->spread.all_bps = c->spread.idle_bps = c->spread.one_bps = 0;
	c->spread.load_bps = 0;
	c->spread.unproven = false;
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		const struct mpq_steer_path *p = &s->path[i];
		mpq_steer_set bit = mpq_steer_bit(i);

		if ((c->eligible & bit) != 0 &&
		    p->rate_bps > c->spread.one_bps) {
			c->spread.one_bps = p->rate_bps;
		}
		if ((set & bit) == 0) {
			continue;
		}
		c->spread.all_bps += p->hoped_bps;
		c->spread.load_bps += p->load_bps;
		if (p->load_bps < p->hoped_bps) {
			c->spread.idle_bps += p->hoped_bps - p->load_bps;
			c->spread.unproven |= !p->proven;
		}
		first = mpq_time_min(first, p->base);
		last = latest(p) > last ? latest(p) : last;
		last_base = p->base > last_base ? p->base : last_base;
	}
	c->spread.delay_spread = last > first ? last - first : 0;
	c->spread.base_spread = last_base > first ? last_base - first : 0;
}

/* Is what all members carry less than the best path carries alone? */
static void watch_gain(struct mpq_steer_class *c, mpq_time now)
{
	bool gain =
		c->spread.load_bps * 100 > c->spread.one_bps * ALONE_PERCENT;

	if (gain) {
		c->spread.no_gain = MPQ_TIME_NEVER;
	} else if (c->spread.no_gain == MPQ_TIME_NEVER) {
		c->spread.no_gain = now;
	}
}

/* Is one that the class may use silent, or left alone for an outage that is
 * due, so that the others carry for it? */
static bool is_lull(const struct mpq_steer *s, const struct mpq_steer_class *c)
{
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		const struct mpq_steer_path *p = &s->path[i];
		const struct mpq_steer_verdict *v = &c->verdict[i];

		if (p->estimate != NULL && p->usable &&
		    (c->config.excluded & mpq_steer_bit(i)) == 0 &&
		    (p->pauses ||
		     (v->avoided && v->reason == MPQ_STEER_SILENCE))) {
			return true;
		}
	}
	return false;
}

static void watch_lull(const struct mpq_steer *s, struct mpq_steer_class *c,
		       mpq_time now)
{
	if (!is_lull(s, c)) {
		c->spread.lull = MPQ_TIME_NEVER;
	} else if (c->spread.lull == MPQ_TIME_NEVER) {
		c->spread.lull = now;
	}
}

void mpq_steer_members_tick(struct mpq_steer *s, struct mpq_steer_class *c,
			    mpq_time now)
{
	mpq_steer_set set = best_members(s, c);
	struct mpq_steer_event event = {.kind = MPQ_STEER_MEMBERS,
					.reason = MPQ_STEER_DELAY_SPREAD,
					.flow = MPQ_STEER_NO_FLOW,
					.from = c->spread.members,
					.to = set};

	summarize(s, c, set);
	watch_gain(c, now);
	watch_lull(s, c, now);
	if (set == c->spread.members) {
		return;
	}
	if ((c->spread.members & ~c->eligible) != 0) {
		event.reason = MPQ_STEER_PATH_GONE;
	} else if ((c->spread.members & set) == c->spread.members) {
		event.reason = MPQ_STEER_RECOVERED;
	}
	c->spread.members = set;
	if (c->config.mode == MPQ_STEER_AUTO) {
		mpq_steer_tell(s, c, &event, now);
	}
}
