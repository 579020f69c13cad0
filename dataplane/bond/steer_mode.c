/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/steer_private.h"

#include <errno.h>
#include <string.h>

/* priority-based: a path is full above, and has room again below. */
#define OVERFLOW_ABOVE (15 * MPQ_MILLISECOND)
#define OVERFLOW_BELOW (5 * MPQ_MILLISECOND)
/* load-balancing: a share that cannot be taken is not insisted upon. */
#define LAG_MAX (50 * MPQ_MILLISECOND)
/* smallest-delay: closer arrivals are no reason to change. */
#define STICKINESS (1 * MPQ_MILLISECOND)

static void choose(struct mpq_steer_choice *ret, unsigned path)
{
	ret->path[ret->n++] = (uint8_t)path;
}

static bool may(const struct mpq_steer_class *c, unsigned path)
{
	return (c->eligible & mpq_steer_bit(path)) != 0;
}

static void active_standby(struct mpq_steer *s, struct mpq_steer_class *c,
			   uint32_t flow, size_t len, mpq_time now,
			   struct mpq_steer_choice *ret)
{
	struct mpq_steer_event event = {.kind = MPQ_STEER_ACTIVE,
					.flow = MPQ_STEER_NO_FLOW};
	unsigned i = 0;

	(void)flow;
	(void)len;
	while (!may(c, c->order[i])) {
		i++;
	}
	if (c->active != c->order[i]) {
		bool had = c->active < MPQ_STEER_PATHS;

		event.reason = had && !may(c, c->active) ? MPQ_STEER_PATH_GONE
			       : had                     ? MPQ_STEER_RECOVERED
							 : MPQ_STEER_CONFIGURED;
		event.from = had ? mpq_steer_bit(c->active) : 0;
		event.to = mpq_steer_bit(c->order[i]);
		c->active = c->order[i];
		mpq_steer_tell(s, c, &event, now);
	}
	choose(ret, c->active);
}

/* Packet by packet; near a tie the path of the packet before is kept, so that
 * noise does not reorder. */
static void smallest_delay(struct mpq_steer *s, struct mpq_steer_class *c,
			   uint32_t flow, size_t len, mpq_time now,
			   struct mpq_steer_choice *ret)
{
	unsigned best = mpq_steer_path_earliest(s, c->eligible, len);
	unsigned last = c->active;

	(void)flow;
	(void)now;
	if (last < MPQ_STEER_PATHS && may(c, last) &&
	    mpq_steer_path_arrival(&s->path[last], len) <
		    mpq_steer_path_arrival(&s->path[best], len) + STICKINESS) {
		best = last;
	}
	c->active = (uint8_t)best;
	choose(ret, best);
}

/* Credit comes to each by its part of the capacity, with each packet sent, and
 * who has most of it pays for the packet. */
static void load_balancing(struct mpq_steer *s, struct mpq_steer_class *c,
			   uint32_t flow, size_t len, mpq_time now,
			   struct mpq_steer_choice *ret)
{
	unsigned best = MPQ_STEER_PATHS;
	unsigned shortest = mpq_steer_path_shortest(s, c->eligible, len);
	mpq_duration most =
		mpq_steer_path_queue(&s->path[shortest], len) + LAG_MAX;
	uint64_t sum = 0;

	(void)flow;
	(void)now;
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		sum += may(c, i) ? s->path[i].rate_bps : 0;
	}
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		struct mpq_steer_verdict *v = &c->verdict[i];

		if (!may(c, i) ||
		    mpq_steer_path_queue(&s->path[i], len) > most) {
			v->credit = 0;
			continue;
		}
		v->credit += (int64_t)(len * s->path[i].rate_bps * 64 / sum);
		if (best == MPQ_STEER_PATHS ||
		    v->credit > c->verdict[best].credit) {
			best = i;
		}
	}
	c->verdict[best].credit -= (int64_t)len * 64;
	choose(ret, best);
}

static void priority_based(struct mpq_steer *s, struct mpq_steer_class *c,
			   uint32_t flow, size_t len, mpq_time now,
			   struct mpq_steer_choice *ret)
{
	(void)flow;
	(void)now;
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		unsigned path = c->order[i];
		struct mpq_steer_verdict *v = &c->verdict[path];
		mpq_duration wait;

		if (!may(c, path)) {
			continue;
		}
		wait = mpq_steer_path_queue(&s->path[path], len);
		v->overflowing = wait > (v->overflowing ? OVERFLOW_BELOW
							: OVERFLOW_ABOVE);
		if (!v->overflowing) {
			choose(ret, path);
			return;
		}
	}
	choose(ret, mpq_steer_path_earliest(s, c->eligible, len));
}

/* The first goes where it arrives first, or where the order says; a copy only
 * where copies have not had their share of the path. */
static void redundant(struct mpq_steer *s, struct mpq_steer_class *c,
		      uint32_t flow, size_t len, mpq_time now,
		      struct mpq_steer_choice *ret)
{
	unsigned copies =
		c->config.copies > 0 ? c->config.copies : MPQ_STEER_PATHS;
	mpq_steer_set left = c->eligible;
	bool all = c->config.copies == 0;

	(void)flow;
	(void)now;
	for (unsigned i = 0; ret->n < copies && i < MPQ_STEER_PATHS; i++) {
		unsigned path = i < c->config.n_order
					? c->order[i]
					: mpq_steer_path_earliest(s, left, len);
		struct mpq_steer_path *p;

		if (left == 0) {
			break;
		}
		if ((left & mpq_steer_bit(path)) == 0) {
			continue;
		}
		left &= ~mpq_steer_bit(path);
		p = &s->path[path];
		if (ret->n > 0) {
			if (p->copy_tokens_bytes < len) {
				c->counters.copies_withheld++;
				continue;
			}
			p->copy_tokens_bytes -= len;
		}
		choose(ret, path);
	}
	if (!all && ret->n < copies) {
		c->counters.copies_short++;
	}
}

static const struct mode {
	const char *name, *alias;
	void (*pick)(struct mpq_steer *s, struct mpq_steer_class *c,
		     uint32_t flow, size_t len, mpq_time now,
		     struct mpq_steer_choice *ret);
} modes[MPQ_STEER_MODES] = {
	[MPQ_STEER_AUTO] = {"auto", NULL, mpq_steer_auto_pick},
	[MPQ_STEER_SMALLEST_DELAY] = {"smallest-delay", NULL, smallest_delay},
	[MPQ_STEER_LOAD_BALANCING] = {"load-balancing", "balanced",
				      load_balancing},
	[MPQ_STEER_PRIORITY_BASED] = {"priority-based", "priority",
				      priority_based},
	[MPQ_STEER_ACTIVE_STANDBY] = {"active-standby", "failover",
				      active_standby},
	[MPQ_STEER_REDUNDANT] = {"redundant", NULL, redundant},
};

const char *mpq_steer_mode_name(enum mpq_steer_mode m)
{
	return modes[m].name;
}

int mpq_steer_mode_parse(const char *name, enum mpq_steer_mode *ret)
{
	for (unsigned i = 0; i < MPQ_STEER_MODES; i++) {
		if (strcmp(name, modes[i].name) == 0 ||
		    (modes[i].alias != NULL &&
		     strcmp(name, modes[i].alias) == 0)) {
			*ret = (enum mpq_steer_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

void mpq_steer_mode_pick(struct mpq_steer *s, struct mpq_steer_class *c,
			 uint32_t flow, size_t len, mpq_time now,
			 struct mpq_steer_choice *ret)
{
	modes[c->config.mode].pick(s, c, flow, len, now, ret);
}
