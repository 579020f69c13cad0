/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/steer_private.h"

#include <errno.h>
#include <string.h>

static void choose(struct mpq_steer_choice *ret, unsigned path)
{
	ret->path[ret->n++] = (uint8_t)path;
}

static bool may(const struct mpq_steer_class *c, unsigned path)
{
	return (c->eligible & mpq_steer_bit(path)) != 0;
}

static bool fits(const struct mpq_steer_class *c, unsigned path)
{
	return (c->fits & mpq_steer_bit(path)) != 0;
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
	/* One that does not fit there goes by another; the class stays. */
	ret->diverted = !fits(c, c->active);
	for (i = 0; ret->diverted && !fits(c, c->order[i]);) {
		i++;
	}
	choose(ret, ret->diverted ? c->order[i] : c->active);
}

/* Whoever has room takes it, if he may. */
static void shared(struct mpq_steer *s, struct mpq_steer_class *c,
		   uint32_t flow, size_t len, mpq_time now,
		   struct mpq_steer_choice *ret)
{
	(void)s;
	(void)c;
	(void)flow;
	(void)len;
	(void)now;
	ret->shared = true;
}

/* Where the order says, then where it arrives first; of a set that is not
 * empty. */
static unsigned preferred(const struct mpq_steer *s,
			  const struct mpq_steer_class *c, mpq_steer_set left,
			  size_t len)
{
	for (unsigned i = 0; i < c->config.n_order; i++) {
		if ((left & mpq_steer_bit(c->order[i])) != 0) {
			return c->order[i];
		}
	}
	return mpq_steer_path_earliest(s, left, len);
}

/* Only where copies have not had their share of the path. */
static bool pay_copy(struct mpq_steer_class *c, struct mpq_steer_path *p,
		     size_t len)
{
	if (p->copy_tokens_bytes < len) {
		c->counters.copies_withheld++;
		return false;
	}
	p->copy_tokens_bytes -= len;
	return true;
}

static void redundant(struct mpq_steer *s, struct mpq_steer_class *c,
		      uint32_t flow, size_t len, mpq_time now,
		      struct mpq_steer_choice *ret)
{
	unsigned copies =
		c->config.copies > 0 ? c->config.copies : MPQ_STEER_PATHS;
	mpq_steer_set left = c->fits;
	bool all = c->config.copies == 0;

	(void)flow;
	(void)now;
	while (left != 0 && ret->n < copies) {
		unsigned path = preferred(s, c, left, len);

		left &= ~mpq_steer_bit(path);
		if (ret->n == 0 || pay_copy(c, &s->path[path], len)) {
			choose(ret, path);
		}
	}
	if (!all && ret->n < copies) {
		c->counters.copies_short++;
	}
	ret->diverted = c->fits != c->eligible;
}

static const struct mode {
	const char *name, *alias;
	void (*pick)(struct mpq_steer *s, struct mpq_steer_class *c,
		     uint32_t flow, size_t len, mpq_time now,
		     struct mpq_steer_choice *ret);
	bool (*may_pull)(const struct mpq_steer *s,
			 const struct mpq_steer_class *c, mpq_steer_set may,
			 unsigned path,
			 uint64_t waiting_bytes); /* NULL: binds at once */
} modes[MPQ_STEER_MODES] = {
	[MPQ_STEER_AUTO] = {"auto", NULL, mpq_steer_auto_pick,
			    mpq_steer_pull_spread},
	[MPQ_STEER_SMALLEST_DELAY] = {"smallest-delay", NULL, shared,
				      mpq_steer_pull_sooner},
	[MPQ_STEER_LOAD_BALANCING] = {"load-balancing", "balanced", shared,
				      mpq_steer_pull_by_share},
	[MPQ_STEER_PRIORITY_BASED] = {"priority-based", "priority", shared,
				      mpq_steer_pull_by_order},
	[MPQ_STEER_ACTIVE_STANDBY] = {"active-standby", "failover",
				      active_standby, NULL},
	[MPQ_STEER_REDUNDANT] = {"redundant", NULL, redundant, NULL},
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

void mpq_steer_mode_pick_one(struct mpq_steer *s, struct mpq_steer_class *c,
			     uint32_t flow, size_t len, mpq_time now,
			     struct mpq_steer_choice *ret)
{
	if (c->config.mode == MPQ_STEER_REDUNDANT) {
		choose(ret, preferred(s, c, c->fits, len));
	} else {
		mpq_steer_mode_pick(s, c, flow, len, now, ret);
	}
}

mpq_steer_set mpq_steer_may_take(const struct mpq_steer *s, unsigned class)
{
	const struct mpq_steer_class *c = &s->class[class];

	if (c->config.mode != MPQ_STEER_ACTIVE_STANDBY) {
		return c->eligible;
	}
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		if (may(c, c->order[i])) {
			return mpq_steer_bit(c->order[i]);
		}
	}
	return 0;
}

/* What is left of a mode before is taken by whoever may be used. */
bool mpq_steer_mode_may_pull(const struct mpq_steer *s,
			     const struct mpq_steer_class *c, mpq_steer_set may,
			     unsigned path, uint64_t waiting_bytes)
{
	const struct mode *m = &modes[c->config.mode];

	return (may & mpq_steer_bit(path)) != 0 &&
	       (m->may_pull == NULL ||
		m->may_pull(s, c, may, path, waiting_bytes));
}
