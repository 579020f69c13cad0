/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/steer_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOST_AGAIN (20 * MPQ_MILLISECOND) /* until that is noticed */

const struct mpq_steer_class_config mpq_steer_class_default = {
	.mode = MPQ_STEER_AUTO,
	.order_cap = 100 * MPQ_MILLISECOND,
	.loss_max_ppm = 80000,
};

static const char *const kinds[MPQ_STEER_KINDS] = {
	[MPQ_STEER_PINNED] = "pinned",     [MPQ_STEER_SPREAD] = "spread",
	[MPQ_STEER_GATHERED] = "gathered", [MPQ_STEER_MEMBERS] = "members",
	[MPQ_STEER_ACTIVE] = "active",     [MPQ_STEER_AVOIDED] = "avoided",
	[MPQ_STEER_TRUSTED] = "trusted",
};

static const char *const reasons[MPQ_STEER_REASONS] = {
	[MPQ_STEER_FIRST_PACKET] = "first-packet",
	[MPQ_STEER_SOONER] = "sooner",
	[MPQ_STEER_PATH_GONE] = "path-gone",
	[MPQ_STEER_IDLE_CAPACITY] = "idle-capacity",
	[MPQ_STEER_UNPROVEN] = "unproven",
	[MPQ_STEER_NO_GAIN] = "no-gain",
	[MPQ_STEER_FITS_ONE] = "fits-one",
	[MPQ_STEER_DELAY_SPREAD] = "delay-spread",
	[MPQ_STEER_SILENCE] = "silence",
	[MPQ_STEER_LOSS] = "loss",
	[MPQ_STEER_RTT] = "rtt",
	[MPQ_STEER_RECOVERED] = "recovered",
	[MPQ_STEER_CONFIGURED] = "configured",
	[MPQ_STEER_HANDOVER] = "hand-over",
	[MPQ_STEER_BUFFERBLOAT] = "bufferbloat",
	[MPQ_STEER_DECAYED] = "decayed-capacity",
	[MPQ_STEER_TOO_NARROW] = "too-narrow",
};

const char *mpq_steer_kind_name(enum mpq_steer_kind k)
{
	return kinds[k];
}

const char *mpq_steer_reason_name(enum mpq_steer_reason r)
{
	return reasons[r];
}

void mpq_steer_tell(struct mpq_steer *s, const struct mpq_steer_class *c,
		    struct mpq_steer_event *event, mpq_time now)
{
	event->at = now;
	event->class = (uint8_t)mpq_steer_class_index(s, c);
	event->one_bps = c->spread.one_bps;
	event->all_bps = c->spread.all_bps;
	event->delay_spread = c->spread.delay_spread;
	if (s->events != NULL) {
		s->events->changed(s->owner, event);
	}
}

static void complete_order(struct mpq_steer_class *c)
{
	mpq_steer_set named = 0;
	unsigned n = c->config.n_order;

	for (unsigned i = 0; i < n; i++) {
		c->order[i] = c->config.order[i];
		named |= mpq_steer_bit(c->order[i]);
	}
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		if ((named & mpq_steer_bit(i)) == 0) {
			c->order[n++] = (uint8_t)i;
		}
	}
}

static bool is_valid(const struct mpq_steer_class_config *c)
{
	mpq_steer_set named = 0;

	if ((unsigned)c->mode >= MPQ_STEER_MODES ||
	    c->n_order > MPQ_STEER_PATHS || c->copies > MPQ_STEER_PATHS) {
		return false;
	}
	for (unsigned i = 0; i < c->n_order; i++) {
		mpq_steer_set bit;

		if (c->order[i] >= MPQ_STEER_PATHS) {
			return false;
		}
		bit = mpq_steer_bit(c->order[i]);
		if (((named | c->excluded) & bit) != 0) {
			return false;
		}
		named |= bit;
	}
	return true;
}

static void init_class(struct mpq_steer_class *c)
{
	c->config = mpq_steer_class_default;
	c->active = MPQ_STEER_PATHS;
	c->spread.no_gain = c->spread.lull = MPQ_TIME_NEVER;
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		c->verdict[i].other = MPQ_TIME_NEVER;
		c->verdict[i].mark.at = MPQ_TIME_NEVER;
	}
	complete_order(c);
}

struct mpq_steer *mpq_steer_new(const struct mpq_steer_events *events,
				void *owner, mpq_time now)
{
	struct mpq_steer *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	s->events = events;
	s->owner = owner;
	s->tick = now;
	for (unsigned i = 0; i < MPQ_STEER_CLASSES; i++) {
		init_class(&s->class[i]);
	}
	return s;
}

void mpq_steer_free(struct mpq_steer *s)
{
	free(s);
}

static void tick(struct mpq_steer *s, mpq_time now)
{
	mpq_steer_path_tick(s, now);
	for (unsigned i = 0; i < MPQ_STEER_CLASSES; i++) {
		if (s->class[i].used) {
			mpq_steer_members_tick(s, &s->class[i], now);
		}
	}
}

int mpq_steer_configure(struct mpq_steer *s, unsigned class,
			const struct mpq_steer_class_config *config,
			mpq_time now)
{
	struct mpq_steer_class *c;

	if (class >= MPQ_STEER_CLASSES || !is_valid(config)) {
		return -EINVAL;
	}
	c = &s->class[class];
	c->config = *config;
	complete_order(c);
	c->tokens_bytes = UINT32_MAX; /* full; the tick cuts it to its size */
	c->used = true;
	tick(s, now);
	return 0;
}

static void forget_flows(struct mpq_steer *s, const int8_t *was)
{
	for (unsigned i = 0; i < MPQ_STEER_FLOWS; i++) {
		struct mpq_steer_flow *f = &s->flow[i];

		if (f->used) { /* memory that nothing used stays untouched */
			f->used = was[f->class] == (int8_t)f->class;
		}
	}
}

void mpq_steer_renumber(struct mpq_steer *s,
			const int8_t was[MPQ_STEER_CLASSES])
{
	struct mpq_steer_class old[MPQ_STEER_CLASSES];

	memcpy(old, s->class, sizeof(old));
	memset(s->class, 0, sizeof(s->class));
	for (unsigned i = 0; i < MPQ_STEER_CLASSES; i++) {
		if (was[i] >= 0) {
			s->class[i] = old[was[i]];
		} else {
			init_class(&s->class[i]);
		}
	}
	forget_flows(s, was);
}

void mpq_steer_path(struct mpq_steer *s, unsigned path,
		    const struct mpq_estimate *estimate, bool usable,
		    bool metered, mpq_time now)
{
	struct mpq_steer_path *p = &s->path[path];

	if (p->estimate != estimate) {
		*p = (struct mpq_steer_path){.estimate = estimate,
					     .rhythm = p->rhythm,
					     .copy_tokens_bytes = UINT32_MAX};
	}
	if (usable && !p->usable) {
		mpq_steer_verdict_renew(s, path);
	}
	p->usable = usable;
	p->metered = metered;
	tick(s, now);
}

/* All packets come in proportion, so those of a class that is over its rate
 * are dropped before they take a path's capacity. */
static bool within_rate(struct mpq_steer_class *c, size_t len)
{
	if (c->config.rate_limit_bps == 0) {
		return true;
	}
	if (c->tokens_bytes < len) {
		return false;
	}
	c->tokens_bytes -= len;
	return true;
}

static void count(struct mpq_steer *s, struct mpq_steer_class *c, size_t len,
		  mpq_time now, const struct mpq_steer_choice *choice)
{
	c->counters.packets++;
	c->counters.bytes += len;
	c->counters.copies += choice->n > 1 ? choice->n - 1U : 0;
	for (unsigned i = 0; i < choice->n; i++) {
		s->path[choice->path[i]].picked_bytes += len;
		s->path[choice->path[i]].sent = now;
	}
}

static void refresh(struct mpq_steer *s, struct mpq_steer_class *c,
		    mpq_time now)
{
	if (!c->used) {
		c->used = true;
		tick(s, now);
	}
	mpq_steer_expire(s, now);
}

typedef void pick_of(struct mpq_steer *s, struct mpq_steer_class *c,
		     uint32_t flow, size_t len, mpq_time now,
		     struct mpq_steer_choice *ret);

static int pick_by(pick_of *pick, struct mpq_steer *s,
		   struct mpq_steer_class *c, uint32_t flow, size_t len,
		   mpq_time now, struct mpq_steer_choice *ret)
{
	if (c->eligible == 0) {
		c->counters.no_path++;
		return MPQ_STEER_NO_PATH;
	}
	*ret = (struct mpq_steer_choice){0};
	c->fits = mpq_steer_path_choice(s, c, len);
	ret->too_large = mpq_steer_path_fitting(s, c->fits, len) == 0;
	pick(s, c, flow, len, now, ret);
	count(s, c, len, now, ret);
	return MPQ_STEER_SEND;
}

int mpq_steer_pick(struct mpq_steer *s, unsigned class, uint32_t flow,
		   size_t len_bytes, mpq_time now, struct mpq_steer_choice *ret)
{
	struct mpq_steer_class *c = &s->class[class];

	refresh(s, c, now);
	if (!within_rate(c, len_bytes)) {
		c->counters.over_rate++;
		return MPQ_STEER_OVER_RATE;
	}
	return pick_by(mpq_steer_mode_pick, s, c, flow, len_bytes, now, ret);
}

int mpq_steer_pick_again(struct mpq_steer *s, unsigned class, uint32_t flow,
			 size_t len_bytes, mpq_time now,
			 struct mpq_steer_choice *ret)
{
	struct mpq_steer_class *c = &s->class[class];

	refresh(s, c, now);
	return pick_by(mpq_steer_mode_pick_one, s, c, flow, len_bytes, now,
		       ret);
}

/* It goes before what waits, so only the way counts, and that the window has
 * room. */
static mpq_duration repaired_by(const struct mpq_steer_path *p, size_t len)
{
	uint64_t room = mpq_estimate_window_left(p->estimate);
	uint64_t bytes = p->estimate->queued_bytes + len;

	return p->one_way +
	       (bytes > room ? (bytes - room) * 8 * MPQ_SECOND / p->rate_bps
			     : 0);
}

/* Where it was lost it is likelier to be lost again, and then a round trip
 * later. */
static mpq_duration repaired_again_by(const struct mpq_steer_path *p,
				      size_t len)
{
	return repaired_by(p, len) + 2 * p->one_way + LOST_AGAIN;
}

int mpq_steer_repair(struct mpq_steer *s, unsigned class, unsigned path,
		     size_t len_bytes, mpq_time now)
{
	struct mpq_steer_class *c = &s->class[class];
	mpq_duration best = MPQ_TIME_NEVER;
	int found = -ENETUNREACH;
	mpq_steer_set fits;

	refresh(s, c, now);
	fits = mpq_steer_path_choice(s, c, len_bytes);
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		mpq_duration by;

		if ((fits & mpq_steer_bit(i)) == 0) {
			continue;
		}
		by = i == path ? repaired_again_by(&s->path[i], len_bytes)
			       : repaired_by(&s->path[i], len_bytes);
		if (by < best) {
			best = by;
			found = (int)i;
		}
	}
	if (found >= 0) {
		s->path[found].picked_bytes += len_bytes;
	}
	return found;
}

static mpq_time unless_passed(mpq_time due, mpq_time now)
{
	return due > now ? due : MPQ_TIME_NEVER;
}

/* When something may be said of its silence: others are to be asked, or it is.
 * Who is quiet already waits for a word by another path, which is a turn of its
 * own. */
static mpq_time silence_due(const struct mpq_steer *s,
			    const struct mpq_estimate *e)
{
	mpq_time overdue = unless_passed(mpq_estimate_overdue_at(e), s->tick);
	mpq_time quiet = unless_passed(mpq_estimate_quiet_at(e), s->tick);

	return mpq_time_min(mpq_estimate_silent_at(e),
			    mpq_time_min(overdue, quiet));
}

mpq_time mpq_steer_deadline(const struct mpq_steer *s)
{
	mpq_time due = MPQ_TIME_NEVER;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		const struct mpq_steer_path *p = &s->path[i];
		mpq_time silent = p->estimate != NULL
					  ? mpq_estimate_silent_at(p->estimate)
					  : MPQ_TIME_NEVER;

		if (p->silent && p->estimate != NULL && silent > s->tick) {
			due = s->tick + MPQ_STEER_TICK; /* it has answered */
		} else if (!p->silent && p->estimate != NULL) {
			due = mpq_time_min(due, silence_due(s, p->estimate));
		}
	}
	return due == MPQ_TIME_NEVER || due > s->tick + MPQ_STEER_TICK
		       ? due
		       : s->tick + MPQ_STEER_TICK;
}

void mpq_steer_expire(struct mpq_steer *s, mpq_time now)
{
	if (now >= s->tick + MPQ_STEER_TICK) {
		tick(s, now);
	}
}

mpq_steer_set mpq_steer_silent(const struct mpq_steer *s)
{
	mpq_steer_set silent = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		silent |= s->path[i].silent ? mpq_steer_bit(i) : 0;
	}
	return silent;
}

mpq_steer_set mpq_steer_pausing(const struct mpq_steer *s)
{
	mpq_steer_set pausing = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		pausing |= s->path[i].pauses ? mpq_steer_bit(i) : 0;
	}
	return pausing;
}

mpq_steer_set mpq_steer_lossy(const struct mpq_steer *s)
{
	mpq_steer_set lossy = 0;

	for (unsigned c = 0; c < MPQ_STEER_CLASSES; c++) {
		const struct mpq_steer_class *class = &s->class[c];

		for (unsigned i = 0; class->used && i < MPQ_STEER_PATHS; i++) {
			if (class->verdict[i].avoided &&
			    class->verdict[i].reason == MPQ_STEER_LOSS) {
				lossy |= mpq_steer_bit(i);
			}
		}
	}
	return lossy;
}

mpq_duration mpq_steer_delay_spread(const struct mpq_steer *s, unsigned class)
{
	return s->class[class].spread.delay_spread;
}

bool mpq_steer_explain(const struct mpq_steer *s, unsigned class, uint32_t flow,
		       struct mpq_steer_flow_view *ret)
{
	const struct mpq_steer_flow *f = mpq_steer_flow(s, class, flow);

	if (s->class[class].config.mode != MPQ_STEER_AUTO || f == NULL) {
		return false;
	}
	*ret = (struct mpq_steer_flow_view){
		.spread = f->spread,
		.paths = f->spread ? s->class[class].spread.members
				   : mpq_steer_bit(f->path),
		.reason = f->reason,
		.since = f->since,
		.last = f->last,
		.bps = f->bps};
	return true;
}

const struct mpq_steer_class_counters *
mpq_steer_counters(const struct mpq_steer *s, unsigned class)
{
	return &s->class[class].counters;
}

size_t mpq_steer_footprint_bytes(const struct mpq_steer *s)
{
	return sizeof(*s);
}
