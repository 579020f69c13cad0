/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/steer_private.h"

/*
 * Which paths a class avoids: those that are silent, lose too much, take too
 * long, or have a queue in them that nobody needs. What is avoided carries only
 * probes, and these tell of an end of loss and of queues; of capacity they tell
 * nothing, so it is tried.
 */
#define BELIEVE_BAD   (200 * MPQ_MILLISECOND) /* before a path is avoided */
#define BELIEVE_QUEUE (500 * MPQ_MILLISECOND) /* which may be a start's */
#define BELIEVE_BACK  (250 * MPQ_MILLISECOND) /* that silence is over .. */
#define BELIEVE_CLOCK (50 * MPQ_MILLISECOND)  /* .. as others of its clock */
/* That it is over is seen best by trying, which costs; so each time that it was
 * wrong it takes longer. */
#define BELIEVE_GOOD     (5 * MPQ_SECOND)
#define BELIEVE_DRAINED  (2 * MPQ_SECOND)
#define BELIEVE_GOOD_MAX (80 * MPQ_SECOND)
/* What silences swallow looks like loss, and ends with them: while there are
 * any, it takes no longer. */
#define FLAPPING     (60 * MPQ_SECOND)
#define FLAPPING_MAX (10 * MPQ_SECOND)
#define MARK_KEPT    (30 * MPQ_SECOND)
#define BLOAT        (250 * MPQ_MILLISECOND)

enum {
	WHOLE = 16,          /* of a threshold, to become bad .. */
	PART_TO_END = 10,    /* .. and to be good again */
	BLOAT_RTTS = 2,      /* of the path's own: its BBR starts with that */
	DECAYED_PART = 2,    /* of what it carried within a minute */
	SLOW_PART = 16,      /* .. also without much of a queue */
	MARK_PKTS = 20,      /* fewer say nothing */
	OTHERS_PERCENT = 50, /* of what it carries, others can */
	GUARDED_LOSS = 5000, /* parts per million, of what cannot wait .. */
	CLEAN_PART = 2,      /* .. and another path loses half of it at most */
	THIN_PART = 4        /* of a path: what would not miss the others */
};

static uint64_t truly_lost(const struct mpq_estimate *e)
{
	uint64_t not_its_own = e->congested + e->in_outages + e->spurious;

	return e->lost > not_its_own ? e->lost - not_its_own : 0;
}

static void set_mark(struct mpq_steer_verdict *v, const struct mpq_estimate *e,
		     mpq_time now)
{
	v->mark.at = now;
	v->mark.acked = e->acked;
	v->mark.lost = truly_lost(e);
}

/* What was lost since it was avoided: the estimate of what was sent before
 * would stand for as long as nothing else is sent. */
static uint64_t loss_since(const struct mpq_steer_verdict *v,
			   const struct mpq_estimate *e)
{
	uint64_t lost = truly_lost(e), acked = e->acked, all;

	if (acked < v->mark.acked) {
		return 0; /* another connection */
	}
	lost = lost > v->mark.lost ? lost - v->mark.lost : 0;
	all = lost + acked - v->mark.acked;
	return lost * 1000000 / (all > MARK_PKTS ? all : MARK_PKTS);
}

static uint64_t loss_of(const struct mpq_steer_verdict *v,
			const struct mpq_estimate *e, mpq_time now)
{
	uint64_t recent = mpq_estimate_loss_ppm(e, now), since;

	if (v->mark.at == MPQ_TIME_NEVER) {
		return recent;
	}
	since = loss_since(v, e);
	return since < recent ? since : recent;
}

/* Probes alone say little of what is to be avoided for seconds then. */
static bool loses_too_much(const struct mpq_steer_verdict *v,
			   const struct mpq_estimate *e, uint64_t max_ppm,
			   mpq_time now)
{
	uint64_t ppm = loss_of(v, e, now);

	return v->avoided
		       ? ppm * WHOLE > max_ppm * PART_TO_END
		       : ppm > max_ppm && mpq_estimate_loses(e, max_ppm, now);
}

/* While others fill it, all that it loses is laid to its queue. */
static bool hides_loss(const struct mpq_steer_verdict *v,
		       const struct mpq_estimate *e)
{
	return v->avoided && v->reason == MPQ_STEER_LOSS &&
	       mpq_estimate_is_congested(e);
}

/* Is there enough beside this path? Else it is better than nothing. */
static bool others_do(const struct mpq_steer *s,
		      const struct mpq_steer_class *c, unsigned path)
{
	uint64_t bps = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		const struct mpq_steer_path *p = &s->path[i];

		if (i != path && p->estimate != NULL && p->usable &&
		    !p->silent && !c->verdict[i].avoided &&
		    (c->config.excluded & mpq_steer_bit(i)) == 0) {
			bps += p->rate_bps;
		}
	}
	return bps * 100 >= s->path[path].rate_bps * OTHERS_PERCENT;
}

static bool is_bloated(const struct mpq_estimate *e, unsigned part)
{
	mpq_duration limit = BLOAT_RTTS * e->view.rtt_min;

	limit = limit > BLOAT ? limit : BLOAT;
	return e->view.queueing * WHOLE > limit * part;
}

/* Seen to be full since it was tried the last time. */
static bool is_slow(const struct mpq_steer_verdict *v,
		    const struct mpq_estimate *e)
{
	return !v->avoided && !e->capacity.at_least && e->capacity.bps > 0 &&
	       e->capacity.at > v->trusted &&
	       e->capacity.bps * SLOW_PART < e->most.bps;
}

static enum mpq_steer_reason bad_queue(const struct mpq_steer *s,
				       const struct mpq_steer_class *c,
				       unsigned path, unsigned part)
{
	const struct mpq_steer_verdict *v = &c->verdict[path];
	const struct mpq_estimate *e = s->path[path].estimate;
	bool bloated = is_bloated(e, part);

	if ((!bloated && !is_slow(v, e)) ||
	    (!v->avoided && !others_do(s, c, path))) {
		return MPQ_STEER_CONFIGURED;
	}
	if (v->avoided) { /* and stays so for the reason that was told */
		return v->reason;
	}
	return !bloated || s->path[path].rate_bps * DECAYED_PART < e->most.bps
		       ? MPQ_STEER_DECAYED
		       : MPQ_STEER_BUFFERBLOAT;
}

/* By such a path all comes sooner than what this one loses and is repaired. */
static bool beats_repair(const struct mpq_steer *s,
			 const struct mpq_steer_class *c, unsigned path,
			 unsigned other, mpq_time now)
{
	const struct mpq_steer_path *p = &s->path[path], *o = &s->path[other];
	bool charged = o->metered && c->config.avoid_metered;

	return other != path && o->estimate != NULL && o->usable &&
	       !o->silent && !o->wavers && !c->verdict[other].avoided &&
	       (c->config.excluded & mpq_steer_bit(other)) == 0 && !charged &&
	       c->load_bps * THIN_PART <= o->rate_bps &&
	       o->one_way <= p->base + p->estimate->view.rtt_min &&
	       mpq_estimate_loss_ppm(o->estimate, now) * CLEAN_PART <=
		       GUARDED_LOSS;
}

/* A hole holds back what comes behind it until it is repaired, so that what
 * cannot wait, and is little, is better off where nothing is lost. */
static uint64_t loss_max_ppm(const struct mpq_steer *s,
			     const struct mpq_steer_class *c, unsigned path,
			     mpq_time now)
{
	uint64_t max = c->config.loss_max_ppm;

	if (!c->config.guarded || c->config.mode == MPQ_STEER_REDUNDANT ||
	    (max > 0 && max < GUARDED_LOSS)) {
		return max;
	}
	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		if (beats_repair(s, c, path, i, now)) {
			return GUARDED_LOSS;
		}
	}
	return max;
}

/* What the measurement says just now; CONFIGURED: nothing bad. */
static enum mpq_steer_reason bad(const struct mpq_steer *s,
				 const struct mpq_steer_class *c, unsigned path,
				 mpq_time now)
{
	const struct mpq_steer_class_config *config = &c->config;
	const struct mpq_steer_path *p = &s->path[path];
	const struct mpq_steer_verdict *v = &c->verdict[path];
	unsigned part = v->avoided ? PART_TO_END : WHOLE;
	uint64_t loss_max = loss_max_ppm(s, c, path, now);

	if (p->silent) {
		return MPQ_STEER_SILENCE;
	}
	if ((loss_max > 0 && loses_too_much(v, p->estimate, loss_max, now)) ||
	    (loss_max == GUARDED_LOSS && hides_loss(v, p->estimate))) {
		return MPQ_STEER_LOSS;
	}
	if (config->rtt_max > 0 &&
	    p->estimate->view.rtt_smoothed * WHOLE > config->rtt_max * part) {
		return MPQ_STEER_RTT;
	}
	return bad_queue(s, c, path, part);
}

static void turn(struct mpq_steer *s, struct mpq_steer_class *c, unsigned path,
		 bool avoided, enum mpq_steer_reason reason, mpq_time now)
{
	struct mpq_steer_verdict *v = &c->verdict[path];
	struct mpq_steer_event event = {
		.kind = avoided ? MPQ_STEER_AVOIDED : MPQ_STEER_TRUSTED,
		.reason = reason,
		.flow = MPQ_STEER_NO_FLOW,
		.from = avoided ? mpq_steer_bit(path) : 0,
		.to = avoided ? 0 : mpq_steer_bit(path)};

	v->avoided = avoided;
	v->other = MPQ_TIME_NEVER;
	v->reason = reason;
	mpq_steer_tell(s, c, &event, now);
}

static mpq_duration patience(const struct mpq_steer_path *p,
			     const struct mpq_steer_verdict *v,
			     enum mpq_steer_reason reason, mpq_time now)
{
	mpq_duration longer = v->hold * 2;
	mpq_duration longest =
		v->silent != 0 && mpq_time_elapsed(v->silent, now) < FLAPPING
			? FLAPPING_MAX
			: BELIEVE_GOOD_MAX;
	mpq_duration first =
		reason == MPQ_STEER_BUFFERBLOAT || reason == MPQ_STEER_DECAYED
			? BELIEVE_DRAINED
			: BELIEVE_GOOD;

	if (reason == MPQ_STEER_SILENCE) {
		return p->wavers ? BELIEVE_CLOCK : BELIEVE_BACK;
	}
	if (v->hold == 0 ||
	    mpq_time_elapsed(v->trusted, now) > BELIEVE_GOOD_MAX) {
		return first;
	}
	longer = longer > first ? longer : first;
	return longer < longest ? longer : longest;
}

static mpq_duration disbelief(const struct mpq_steer_verdict *v,
			      enum mpq_steer_reason reason)
{
	switch (reason) {
	case MPQ_STEER_SILENCE:
		return 0; /* acted upon at once */
	case MPQ_STEER_LOSS:
		return v->comes ? 0 : BELIEVE_BAD;
	case MPQ_STEER_BUFFERBLOAT:
	case MPQ_STEER_DECAYED:
		return BELIEVE_QUEUE;
	default:
		return BELIEVE_BAD;
	}
}

static void follow_mark(struct mpq_steer_verdict *v,
			const struct mpq_estimate *e,
			enum mpq_steer_reason reason, mpq_time now)
{
	if (reason == MPQ_STEER_LOSS && v->avoided) {
		set_mark(v, e, now); /* still bad: from here on */
	} else if (!v->avoided && v->mark.at != MPQ_TIME_NEVER &&
		   mpq_time_elapsed(v->mark.at, now) > MARK_KEPT) {
		v->mark.at = MPQ_TIME_NEVER;
	} else if (v->mark.at != MPQ_TIME_NEVER && e->acked < v->mark.acked) {
		set_mark(v, e, now);
	}
}

void mpq_steer_verdict_renew(struct mpq_steer *s, unsigned path)
{
	for (unsigned i = 0; i < MPQ_STEER_CLASSES; i++) {
		struct mpq_steer_verdict *v = &s->class[i].verdict[path];

		v->comes = true;
		if (v->avoided && (v->reason == MPQ_STEER_BUFFERBLOAT ||
				   v->reason == MPQ_STEER_DECAYED)) {
			v->hold = BELIEVE_BACK;
		}
	}
}

static void avoid(struct mpq_steer *s, struct mpq_steer_class *c, unsigned path,
		  enum mpq_steer_reason reason, mpq_time now)
{
	struct mpq_steer_verdict *v = &c->verdict[path];

	v->hold = patience(&s->path[path], v, reason, now);
	turn(s, c, path, true, reason, now);
	follow_mark(v, s->path[path].estimate, reason, now);
}

/* Time has to confirm a change. */
void mpq_steer_verdict_judge(struct mpq_steer *s, struct mpq_steer_class *c,
			     unsigned path, mpq_time now)
{
	struct mpq_steer_verdict *v = &c->verdict[path];
	enum mpq_steer_reason reason = bad(s, c, path, now);
	bool is_bad = reason != MPQ_STEER_CONFIGURED;

	v->silent = s->path[path].silent ? now : v->silent;
	follow_mark(v, s->path[path].estimate, reason, now);
	if (is_bad == v->avoided) {
		v->other = MPQ_TIME_NEVER;
		v->comes = false;
		return;
	}
	if (v->other == MPQ_TIME_NEVER) {
		v->other = now;
	}
	if (is_bad && now - v->other >= disbelief(v, reason)) {
		avoid(s, c, path, reason, now);
	} else if (!is_bad && now - v->other >= v->hold) {
		v->trusted = now;
		turn(s, c, path, false, MPQ_STEER_RECOVERED, now);
	}
	v->comes = false;
}
