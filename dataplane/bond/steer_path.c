/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/steer_private.h"

#define SMOOTHING (200 * MPQ_MILLISECOND) /* of a path's load, a class's */
/* Around a hand-over: clocks drift, and what is sent before it is to arrive. */
#define GUARD_BEFORE   (300 * MPQ_MILLISECOND)
#define GUARD_AFTER    (600 * MPQ_MILLISECOND)
#define PAUSE_BEFORE   (20 * MPQ_MILLISECOND) /* and what the way takes */
#define PAUSE_KEPT     (20 * MPQ_MILLISECOND) /* the way is not always as long */
#define HELPED_PART    8  /* of what it carries others can: it may pause .. */
#define HELPS_PART     16 /* .. and goes on to */
#define COPIES_SHARE   2  /* of a path's capacity: half, for copies */
#define COPIES_MORE    2  /* of one that was never full: times what it did */
#define COPIES_MIN_BPS 256000
#define COPIES_BURST   (50 * MPQ_MILLISECOND)
/* Of a path that never was full: one that a thin flow alone has used looks as
 * slow as the flow. */
#define COPIES_UNPROVEN_BPS 20000000
#define BITS                8

static uint64_t bytes_in(uint64_t bps, mpq_duration time)
{
	time = time < MPQ_SECOND ? time : MPQ_SECOND;
	return bps / BITS * (time / MPQ_MICROSECOND) /
	       (MPQ_SECOND / MPQ_MICROSECOND);
}

static uint64_t fill(uint64_t tokens, uint64_t more, uint64_t most)
{
	return tokens + more < most ? tokens + more : most;
}

static uint64_t smoothed(uint64_t load_bps, uint64_t bytes, mpq_duration time)
{
	uint64_t bps = bytes * BITS * (MPQ_SECOND / MPQ_MICROSECOND) /
		       (time / MPQ_MICROSECOND + 1);
	uint64_t part = (time << 10) / (time + SMOOTHING);

	return (load_bps * (1024 - part) + bps * part) >> 10;
}

/* It owes an answer, while the peer speaks by others. */
static bool is_passed_over(const struct mpq_steer *s,
			   const struct mpq_steer_path *p, mpq_time now)
{
	if (now < mpq_estimate_quiet_at(p->estimate)) {
		return false;
	}
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		const struct mpq_estimate *other = s->path[i].estimate;

		if (other != NULL && s->path[i].usable &&
		    mpq_estimate_spoke_after(other, p->estimate)) {
			return true;
		}
	}
	return false;
}

/* The first answer came by what was sent a round trip before. */
static void watch_silence(struct mpq_steer_path *p, bool silent)
{
	const struct mpq_estimate *e = p->estimate;

	if (silent && !p->silent) {
		mpq_rhythm_outage(&p->rhythm, e->unanswered);
	} else if (!silent && p->silent && e->answered > e->view.rtt_min) {
		mpq_rhythm_over(&p->rhythm, e->answered - e->view.rtt_min);
	}
	p->silent = silent;
}

static void measure(const struct mpq_steer *s, struct mpq_steer_path *p,
		    mpq_duration time, mpq_time now)
{
	const struct mpq_estimate *e = p->estimate;
	uint64_t copies, least;
	bool full; /* it was, so we know what it can do */

	p->rate_bps = mpq_estimate_rate_bps(e, now);
	p->proven = mpq_estimate_is_proven(e, now);
	p->one_way = mpq_estimate_one_way(e);
	p->base = mpq_estimate_one_way_base(e);
	p->variation = e->view.rtt_variation;
	watch_silence(p, now >= mpq_estimate_silent_at(e) ||
				 is_passed_over(s, p, now));
	p->wavers =
		mpq_rhythm_is_near(&p->rhythm, GUARD_BEFORE, GUARD_AFTER, now);
	p->pauses = mpq_rhythm_is_due(&p->rhythm,
				      p->one_way + PAUSE_BEFORE +
					      (p->pauses ? PAUSE_KEPT : 0),
				      now);
	p->load_bps = smoothed(p->load_bps, p->picked_bytes, time);
	p->picked_bytes = 0;
	full = p->proven && !e->capacity.at_least;
	copies = full ? p->rate_bps / COPIES_SHARE : p->rate_bps * COPIES_MORE;
	least = full ? COPIES_MIN_BPS : COPIES_UNPROVEN_BPS;
	copies = copies > least ? copies : least;
	p->copy_tokens_bytes =
		fill(p->copy_tokens_bytes, bytes_in(copies, time),
		     bytes_in(copies, COPIES_BURST) + 3000);
}

/* An unproven path may be as good as the best. */
static void hope(struct mpq_steer *s)
{
	uint64_t best = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		best = s->path[i].rate_bps > best ? s->path[i].rate_bps : best;
	}
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		struct mpq_steer_path *p = &s->path[i];

		p->hoped_bps = p->proven ? p->rate_bps : best;
	}
}

/* The first set that is not empty: what is avoided is better than nothing. */
static void select_paths(struct mpq_steer *s, struct mpq_steer_class *c)
{
	mpq_steer_set all = 0, good = 0, answering = 0, free_of_charge = 0;
	mpq_steer_set steady = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		const struct mpq_steer_path *p = &s->path[i];
		mpq_steer_set bit = mpq_steer_bit(i);

		if (p->estimate == NULL || !p->usable ||
		    (c->config.excluded & bit) != 0) {
			continue;
		}
		all |= bit;
		good |= c->verdict[i].avoided ? 0 : bit;
		answering |= p->silent ? 0 : bit;
		steady |= c->verdict[i].guarded ? 0 : bit;
		free_of_charge |=
			p->metered && c->config.avoid_metered ? 0 : bit;
	}
	const mpq_steer_set sets[] = {good & free_of_charge & steady,
				      good & free_of_charge,
				      answering & free_of_charge,
				      good,
				      answering,
				      all};

	c->eligible = 0;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (c->eligible == 0) {
			c->eligible = sets[i];
		}
	}
	c->answering = (c->eligible & ~free_of_charge) != 0
			       ? answering
			       : answering & free_of_charge;
}

static void refill(struct mpq_steer_class *c, mpq_duration time)
{
	const struct mpq_steer_class_config *config = &c->config;
	uint64_t burst =
		config->burst_bytes > 0
			? config->burst_bytes
			: bytes_in(config->rate_limit_bps, COPIES_BURST) + 3000;

	c->tokens_bytes = fill(c->tokens_bytes,
			       bytes_in(config->rate_limit_bps, time), burst);
}

/* Can the others take a good part of what it carries? Else that would only
 * wait. */
static bool others_help(const struct mpq_steer *s,
			const struct mpq_steer_class *c, unsigned path)
{
	unsigned part = c->verdict[path].guarded ? HELPS_PART : HELPED_PART;
	uint64_t bps = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		const struct mpq_steer_path *p = &s->path[i];

		if (i != path && p->estimate != NULL && p->usable &&
		    !p->silent && !p->pauses && !c->verdict[i].avoided &&
		    (c->config.excluded & mpq_steer_bit(i)) == 0) {
			bps += p->rate_bps;
		}
	}
	return bps >= s->path[path].rate_bps / part;
}

/* What is under way when a hand-over begins is lost, so nobody uses the path
 * then, if it is known exactly. Copies need no guard: they are on other paths
 * too. */
static void guard(struct mpq_steer *s, struct mpq_steer_class *c, unsigned path,
		  mpq_time now)
{
	struct mpq_steer_verdict *v = &c->verdict[path];
	bool pauses = s->path[path].pauses && others_help(s, c, path);
	bool wanted = ((c->config.guarded && s->path[path].wavers) || pauses) &&
		      c->config.mode != MPQ_STEER_REDUNDANT;
	struct mpq_steer_event event = {.kind = wanted ? MPQ_STEER_AVOIDED
						       : MPQ_STEER_TRUSTED,
					.reason = MPQ_STEER_HANDOVER,
					.flow = MPQ_STEER_NO_FLOW,
					.from = wanted ? mpq_steer_bit(path)
						       : 0,
					.to = wanted ? 0 : mpq_steer_bit(path)};

	if (wanted != v->guarded) {
		v->guarded = wanted;
		mpq_steer_tell(s, c, &event, now);
	}
}

static void class_tick(struct mpq_steer *s, struct mpq_steer_class *c,
		       mpq_duration time, mpq_time now)
{
	c->load_bps = smoothed(c->load_bps, c->counters.bytes - c->loaded_bytes,
			       time);
	c->loaded_bytes = c->counters.bytes;
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		if (s->path[i].estimate != NULL) {
			mpq_steer_verdict_judge(s, c, i, now);
			guard(s, c, i, now);
		}
	}
	refill(c, time);
	select_paths(s, c);
}

void mpq_steer_path_tick(struct mpq_steer *s, mpq_time now)
{
	mpq_duration time = mpq_time_elapsed(s->tick, now);

	s->tick = now;
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		if (s->path[i].estimate != NULL) {
			measure(s, &s->path[i], time, now);
		}
	}
	hope(s);
	for (unsigned k = 0; k < MPQ_STEER_CLASSES; k++) {
		if (s->class[k].used) {
			class_tick(s, &s->class[k], time, now);
		}
	}
}

mpq_steer_set mpq_steer_path_fitting(const struct mpq_steer *s,
				     mpq_steer_set set, size_t len)
{
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		const struct mpq_estimate *e = s->path[i].estimate;

		if (e != NULL && e->view.max_bytes > 0 &&
		    len > e->view.max_bytes) {
			set &= ~mpq_steer_bit(i);
		}
	}
	return set;
}

mpq_steer_set mpq_steer_fitting(const struct mpq_steer *s, unsigned class,
				size_t len_bytes)
{
	const struct mpq_steer_class *c = &s->class[class];
	mpq_steer_set fits = mpq_steer_path_fitting(s, c->eligible, len_bytes);

	return fits != 0 ? fits
			 : mpq_steer_path_fitting(s, c->answering, len_bytes);
}

mpq_steer_set mpq_steer_path_choice(const struct mpq_steer *s,
				    const struct mpq_steer_class *c, size_t len)
{
	mpq_steer_set fits =
		mpq_steer_fitting(s, mpq_steer_class_index(s, c), len);

	return fits != 0 ? fits : c->eligible;
}

mpq_duration mpq_steer_path_queue(const struct mpq_steer_path *p, size_t len)
{
	return (p->estimate->queued_bytes + len) * BITS * MPQ_SECOND /
	       p->rate_bps;
}

mpq_duration mpq_steer_path_arrival(const struct mpq_steer_path *p, size_t len)
{
	return mpq_steer_path_queue(p, len) + p->one_way;
}

unsigned mpq_steer_path_earliest(const struct mpq_steer *s, mpq_steer_set set,
				 size_t len)
{
	mpq_duration best = MPQ_TIME_NEVER;
	unsigned found = MPQ_STEER_PATHS;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		mpq_duration d;

		if ((set & mpq_steer_bit(i)) == 0) {
			continue;
		}
		d = mpq_steer_path_arrival(&s->path[i], len);
		if (d < best) {
			best = d;
			found = i;
		}
	}
	return found;
}

unsigned mpq_steer_path_best(const struct mpq_steer *s, mpq_steer_set set)
{
	unsigned found = MPQ_STEER_PATHS;
	uint64_t most = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		if ((set & mpq_steer_bit(i)) != 0 &&
		    s->path[i].rate_bps > most) {
			most = s->path[i].rate_bps;
			found = i;
		}
	}
	return found;
}
