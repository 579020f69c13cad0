/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/steer_private.h"

/*
 * Who takes of a shared queue, and how far from behind: a path that has room
 * asks, and is refused when a better one will have taken it before that costs
 * more than it is better by. How long that takes is told by what waits and by
 * what the better ones carry; that they are slower just now shows in what
 * waits.
 */
#define CLOSE (2 * MPQ_MILLISECOND) /* delays that make no difference */
/* auto: a flow that was just spread is in its slow start, which goes on until
 * it sees delay grow. Then the other paths help at once, late as they are.
 * Later they take what comes sooner by them: late packets would hold back the
 * others, and a window that fits one path would fill none of them. */
#define YOUNG      (1 * MPQ_SECOND)
#define YOUNG_WAIT (2 * MPQ_MILLISECOND)
/* priority-based: the paths before are full. */
#define OVERFLOW (8 * MPQ_MILLISECOND)
/* load-balancing: that far a path may be ahead of its share; and a share that
 * could not be taken is not made up for beyond so much. */
#define AHEAD       (1 * MPQ_MILLISECOND)
#define LAG_MAX     (20 * MPQ_MILLISECOND)
#define INSIST      (4 * MPQ_MILLISECOND)
#define TRIAL_BYTES (4 * PKT_BYTES)
#define BITS        8
#define PKT_BYTES   1500

/* Until those that carry so much have taken what waits; one packet is no
 * queue. */
static mpq_duration wait_of(uint64_t waiting_bytes, uint64_t bps)
{
	uint64_t bytes =
		waiting_bytes > PKT_BYTES ? waiting_bytes - PKT_BYTES : 0;

	return bps > 0 ? bytes * BITS * MPQ_SECOND / bps : MPQ_TIME_NEVER;
}

/* What is in flight beyond what fits the way stands in a queue there. */
static mpq_duration standing(const struct mpq_steer_path *p)
{
	mpq_duration flight = p->estimate->view.in_flight_bytes * BITS *
			      MPQ_SECOND / p->rate_bps;

	return flight > 2 * p->base ? flight - 2 * p->base : 0;
}

/* The same for a path that was proven once, and may carry more by now: twice as
 * much is tried, or a few packets. */
static mpq_duration standing_of_trial(const struct mpq_steer_path *p)
{
	uint64_t flight = p->estimate->view.in_flight_bytes;
	uint64_t fits = 2 * p->rate_bps / BITS *
			(p->estimate->view.rtt_min / MPQ_MICROSECOND) / 1000000;

	fits = fits > TRIAL_BYTES ? fits : TRIAL_BYTES;
	return flight > fits
		       ? (flight - fits) * BITS * MPQ_SECOND / (2 * p->rate_bps)
		       : 0;
}

/* How late it comes by this path. BBR, probing, makes queues for no good, and
 * in a stream over several paths everything waits for them. A path that decays
 * has one before it is known how little it carries now; and when that was long
 * ago, all that it would take at once may be too much. */
static mpq_duration way_of(const struct mpq_steer_path *p)
{
	const struct mpq_estimate *e = p->estimate;
	mpq_duration queue;

	if (!p->proven) {
		return p->one_way +
		       (e->proven != MPQ_TIME_NEVER ? standing_of_trial(p) : 0);
	}
	queue = standing(p);
	if (mpq_estimate_is_standing(e) && e->view.queueing > queue) {
		queue = e->view.queueing;
	}
	return p->base + queue;
}

/* Is it worth waiting for paths that are faster than this one, `most` long? */
static bool is_sooner(const struct mpq_steer *s, mpq_steer_set set,
		      unsigned path, uint64_t waiting_bytes, mpq_duration most)
{
	mpq_duration own = way_of(&s->path[path]);
	mpq_duration gain = 0;
	uint64_t bps = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		mpq_duration way;

		if ((set & mpq_steer_bit(i)) == 0) {
			continue;
		}
		way = way_of(&s->path[i]);
		if (way + CLOSE >= own) {
			continue;
		}
		bps += s->path[i].rate_bps;
		gain = own - way > gain ? own - way : gain;
	}
	return bps == 0 ||
	       wait_of(waiting_bytes, bps) >= (gain < most ? gain : most);
}

/* What the paths that are faster than this one will have brought until it could
 * have brought anything; and how much faster the fastest is. */
static uint64_t brought_before(const struct mpq_steer *s, mpq_steer_set set,
			       unsigned path, mpq_duration *ret_gain)
{
	mpq_duration own = way_of(&s->path[path]), gain = 0;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		mpq_duration way;

		if ((set & mpq_steer_bit(i)) == 0) {
			continue;
		}
		way = way_of(&s->path[i]);
		if (way + CLOSE < own) {
			bytes += s->path[i].rate_bps / BITS *
				 ((own - way) / MPQ_MICROSECOND) / 1000000;
			gain = own - way > gain ? own - way : gain;
		}
	}
	*ret_gain = gain;
	return bytes;
}

static mpq_steer_set members_of(const struct mpq_steer_class *c,
				mpq_steer_set may)
{
	mpq_steer_set members = c->spread.members & may;

	return members != 0 ? members : may;
}

uint64_t mpq_steer_pull_behind(const struct mpq_steer *s, unsigned class,
			       unsigned path, size_t len_bytes,
			       mpq_duration *ret_gain)
{
	const struct mpq_steer_class *c = &s->class[class];
	mpq_steer_set may = mpq_steer_path_choice(s, c, len_bytes);

	if (c->config.mode != MPQ_STEER_AUTO &&
	    c->config.mode != MPQ_STEER_SMALLEST_DELAY) {
		/* By shares or by order a faster path may not take what is left
		 * to it, while this one is idle. */
		*ret_gain = 0;
		return 0;
	}
	return brought_before(s,
			      c->config.mode == MPQ_STEER_AUTO
				      ? members_of(c, may)
				      : may,
			      path, ret_gain);
}

bool mpq_steer_pull_sooner(const struct mpq_steer *s,
			   const struct mpq_steer_class *c, mpq_steer_set may,
			   unsigned path, uint64_t waiting_bytes)
{
	(void)c;
	return is_sooner(s, may, path, waiting_bytes, MPQ_TIME_NEVER);
}

bool mpq_steer_pull_spread(const struct mpq_steer *s,
			   const struct mpq_steer_class *c, mpq_steer_set may,
			   unsigned path, uint64_t waiting_bytes)
{
	may = members_of(c, may);
	return (may & mpq_steer_bit(path)) != 0 &&
	       is_sooner(s, may, path, waiting_bytes,
			 mpq_time_elapsed(c->spread.started, s->tick) < YOUNG
				 ? YOUNG_WAIT
				 : MPQ_TIME_NEVER);
}

bool mpq_steer_pull_by_order(const struct mpq_steer *s,
			     const struct mpq_steer_class *c, mpq_steer_set may,
			     unsigned path, uint64_t waiting_bytes)
{
	uint64_t before_bps = 0;

	for (unsigned i = 0; c->order[i] != path; i++) {
		if ((may & mpq_steer_bit(c->order[i])) != 0) {
			before_bps += s->path[c->order[i]].rate_bps;
		}
	}
	return wait_of(waiting_bytes, before_bps) >= OVERFLOW;
}

/* Those whose window is full do not ask: nobody waits for them. */
bool mpq_steer_pull_by_share(const struct mpq_steer *s,
			     const struct mpq_steer_class *c, mpq_steer_set may,
			     unsigned path, uint64_t waiting_bytes)
{
	uint64_t bps = 0;
	bool ahead = false;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		if ((may & mpq_steer_bit(i)) == 0) {
			continue;
		}
		bps += s->path[i].rate_bps;
		ahead |= mpq_estimate_window_left(s->path[i].estimate) >=
				 PKT_BYTES &&
			 c->verdict[path].served > c->verdict[i].served + AHEAD;
	}
	return !ahead || wait_of(waiting_bytes, bps) >= INSIST;
}

bool mpq_steer_may_pull(const struct mpq_steer *s, unsigned class,
			unsigned path, uint64_t waiting_bytes, size_t len_bytes)
{
	const struct mpq_steer_class *c = &s->class[class];

	return mpq_steer_mode_may_pull(s, c,
				       mpq_steer_path_choice(s, c, len_bytes),
				       path, waiting_bytes);
}

/* Times are compared among paths only: who was away begins near the others. */
static void serve(struct mpq_steer *s, struct mpq_steer_class *c, unsigned path,
		  size_t len_bytes)
{
	mpq_duration *served = &c->verdict[path].served;
	mpq_duration most = 0;

	for (unsigned i = 0; i < MPQ_STEER_PATHS; i++) {
		most = c->verdict[i].served > most ? c->verdict[i].served
						   : most;
	}
	if (*served + LAG_MAX < most) {
		*served = most - LAG_MAX;
	}
	*served += len_bytes * BITS * MPQ_SECOND / s->path[path].rate_bps;
}

void mpq_steer_pulled(struct mpq_steer *s, unsigned class, unsigned path,
		      size_t len_bytes, mpq_time now)
{
	serve(s, &s->class[class], path, len_bytes);
	s->path[path].picked_bytes += len_bytes;
	s->path[path].sent = now;
}
