/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a lane's first hole waits for, and until when: for the paths that may
 * still bring what is missing, for its copies, or for its repair.
 */
#include "dataplane/bond/order_private.h"

#define PATHS_SPAN  (1 * MPQ_SECOND)
#define PATHS_PKTS  64
#define PATHS_STALE (10 * MPQ_SECOND)
/* After a copy, others of it or before it may wait in a socket that we have not
 * read yet. */
#define COPY_WAIT (5 * MPQ_MILLISECOND)
/* A path that is behind with its copies for so long has none, and a lane in
 * which none came is none of copies: outages of a hand-over are shorter. */
#define COPY_GONE (300 * MPQ_MILLISECOND)

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

bool mpq_order_wait_has_copies(const struct mpq_order_lane *lane, mpq_time now)
{
	return lane->copied != 0 &&
	       mpq_time_elapsed(lane->copied, now) < COPY_GONE;
}

static void note_paths(struct mpq_order *o, const struct mpq_held_packet *p,
		       mpq_time now)
{
	struct mpq_order_lane *lane = &o->lanes[p->lane];
	struct mpq_order_paths *all = &o->paths[mpq_order_class_of(o, lane)];

	note_path(all, p->path, mpq_delay_known(o->delay), now);
	note_path(&lane->paths, p->path, paths_of(all), now);
}

/* What has no copies shows as well how far its path is. */
static void note_copy(struct mpq_order *o, const struct mpq_held_packet *p,
		      bool copy, mpq_time now)
{
	struct mpq_order_lane *lane = &o->lanes[p->lane];

	if (!copy) {
		lane->single = now;
	} else {
		lane->copied = now;
		mpq_copies_heard(&o->copied[mpq_order_class_of(o, lane)],
				 p->path, now);
	}
	if (mpq_order_wait_has_copies(lane, now) && !p->repair) {
		mpq_copies_arrived(&o->copies[p->lane], o->delay, p->path,
				   p->sequence, p->sent);
	}
}

void mpq_order_wait_note(struct mpq_order *o, const struct mpq_held_packet *p,
			 bool copy, mpq_time now)
{
	if (!p->repair) { /* a repair's path says nothing about the others */
		note_paths(o, p, now);
	}
	note_copy(o, p, copy, now);
}

/* Of two bounds for when the missing was sent, the closer: what is held was
 * all sent after it. */
static const struct mpq_held_packet *bound_of(const struct mpq_order *o,
					      const struct mpq_order_lane *lane)
{
	const struct mpq_held_packet *oldest =
		mpq_held_oldest(&o->held, &lane->held);
	const struct mpq_held_packet *head =
		mpq_held_find(&o->held, mpq_order_lane_id(o, lane), lane->head);

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
	mpq_time behind = o->copied[mpq_order_class_of(o, lane)].behind[path];

	return (paths_of(&lane->paths) & mpq_delay_known(o->delay)) >> path &
		       1 &&
	       (behind == 0 || mpq_time_elapsed(behind, now) < COPY_GONE);
}

/* What is missing among copies was one, so nobody repairs it. */
static mpq_duration repair_of(const struct mpq_order *o,
			      const struct mpq_order_lane *lane, mpq_time now)
{
	return mpq_order_wait_has_copies(lane, now) &&
			       (lane->single == 0 ||
				mpq_time_elapsed(lane->single, now) >=
					PATHS_SPAN)
		       ? 0
		       : o->classes[mpq_order_class_of(o, lane)].repair;
}

/* Until the slowest path should have brought what is missing. */
static void await_paths(const struct mpq_order *o, struct mpq_order_lane *lane,
			const struct mpq_held_packet *bound,
			struct mpq_order_verdict *v)
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

	if (mpq_copies_passed(&o->copies[mpq_order_lane_id(o, lane)], o->delay,
			      path, lane->next)) {
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
			 struct mpq_order_verdict *v)
{
	unsigned never = o->classes[mpq_order_class_of(o, lane)].never;

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

struct mpq_order_verdict mpq_order_wait_judge(const struct mpq_order *o,
					      struct mpq_order_lane *lane,
					      mpq_time now)
{
	const struct mpq_held_packet *bound = bound_of(o, lane);
	mpq_time arrived = mpq_held_oldest(&o->held, &lane->held)->arrived;
	mpq_duration cap = o->classes[mpq_order_class_of(o, lane)].cap;
	mpq_duration repair = repair_of(o, lane, now);
	struct mpq_order_verdict v = {repair == 0, MPQ_ORDER_NO_PATH,
				      bound->sent, arrived + repair};

	if (mpq_order_wait_has_copies(lane, now)) {
		await_copies(o, lane, bound, arrived, &v);
	} else {
		await_paths(o, lane, bound, &v);
	}
	v.due = mpq_time_min(v.due, arrived + (cap > repair ? cap : repair));
	return v;
}
