/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/delay.h"

#include <assert.h>
#include <string.h>

#define LOW_SPAN     (5 * MPQ_SECOND)
#define HIGH_SPAN    (500 * MPQ_MILLISECOND)
#define SMOOTH_SPAN  (100 * MPQ_MILLISECOND)
#define REORDER_SPAN (2 * MPQ_SECOND)
/* The arbitrary zero: far enough from 0 for every clock that runs backwards. */
#define SENT_ZERO (UINT64_C(1) << 60)
/* A clock that steps back by more was set; or its owner lies. */
#define CLOCK_STEP (10 * MPQ_SECOND)
/* A clock that its owner sets back again and again must not run out of room. */
#define SENT_MIN (SENT_ZERO / 2)
#define SENT_MAX (SENT_ZERO * 2)
/* Not even a liar makes us wait longer for what may still come. */
#define REORDER_MAX (1 * MPQ_SECOND)
/* What a tick, a turn of the loop and a longer packet take. */
#define DUE_SLACK (1 * MPQ_MILLISECOND)
/* Sequences that step by more than can be lost at once: the sender began
 * again. */
#define SEQUENCE_STEP 16384

void mpq_delay_init(struct mpq_delay *d)
{
	memset(d, 0, sizeof(*d));
}

void mpq_delay_forget(struct mpq_delay *d, unsigned path)
{
	assert(path < MPQ_DELAY_PATHS);
	memset(&d->paths[path], 0, sizeof(d->paths[path]));
}

/* The time nearest to the one that the last datagram and the time since let
 * expect: the field may have wrapped in a pause. */
static mpq_time unwrap(struct mpq_delay *d, uint32_t clock, mpq_time now)
{
	mpq_time expected = d->sent + mpq_time_elapsed(d->heard, now);
	uint64_t ticks = expected / MPQ_HEADER_TICK;

	if (!d->started || expected < SENT_MIN || expected > SENT_MAX) {
		ticks = SENT_ZERO / MPQ_HEADER_TICK;
		d->started = true;
	}
	ticks += (uint64_t)(int64_t)mpq_header_distance24(
		clock, (uint32_t)ticks & MPQ_HEADER_MASK24);
	d->sent = ticks * MPQ_HEADER_TICK;
	d->heard = now;
	return d->sent;
}

/* A new span begins with the old one's last value as the previous. */
static void roll(struct mpq_delay_extreme *e, mpq_duration span,
		 mpq_transit value, mpq_time now)
{
	if (now - e->since < span) {
		return;
	}
	/* After a pause of a whole span what was is no guide. */
	e->previous = now - e->since < 2 * span ? e->current : value;
	e->current = value;
	e->since = now;
}

static void take_low(struct mpq_delay_extreme *e, mpq_transit value,
		     mpq_time now)
{
	roll(e, LOW_SPAN, value, now);
	e->current = value < e->current ? value : e->current;
}

static void take_high(struct mpq_delay_extreme *e, mpq_transit value,
		      mpq_time now)
{
	roll(e, HIGH_SPAN, value, now);
	e->current = value > e->current ? value : e->current;
}

static mpq_transit low_of(const struct mpq_delay_path *p)
{
	return p->low.current < p->low.previous ? p->low.current
						: p->low.previous;
}

static mpq_transit high_of(const struct mpq_delay_path *p)
{
	return p->high.current > p->high.previous ? p->high.current
						  : p->high.previous;
}

static void start_path(struct mpq_delay_path *p, mpq_transit transit,
		       uint16_t sequence, mpq_time sent, mpq_time now)
{
	const struct mpq_delay_extreme extreme = {transit, transit, now};

	memset(p, 0, sizeof(*p));
	p->known = true;
	p->sent = sent;
	p->transit = p->smoothed = transit;
	p->low = p->high = extreme;
	p->next = (uint64_t)UINT16_MAX + 1 + sequence;
	p->reorder_since = p->heard = now;
	mpq_jitter_init(&p->jitter);
	mpq_lately_init(&p->lately, now);
}

/* By an eighth, or by the time since the last one: what a path that was idle
 * brings says more than what it brought before. */
static void smooth(struct mpq_delay_path *p, mpq_transit transit, mpq_time now)
{
	mpq_duration pause = mpq_time_elapsed(p->heard, now);

	if (pause >= SMOOTH_SPAN) {
		p->smoothed = transit;
	} else if (pause > SMOOTH_SPAN / 8) {
		p->smoothed += (transit - p->smoothed) /
			       (mpq_transit)(SMOOTH_SPAN / pause);
	} else {
		p->smoothed += (transit - p->smoothed) / 8;
	}
}

static void take_transit(struct mpq_delay_path *p, mpq_transit transit,
			 mpq_time now)
{
	mpq_transit change = transit - p->transit;

	p->transit = transit;
	smooth(p, transit, now);
	take_low(&p->low, transit, now);
	take_high(&p->high, transit, now);
	change = change < 0 ? -change : change;
	p->change = (mpq_duration)((mpq_transit)p->change +
				   (change - (mpq_transit)p->change) / 16);
}

static bool was_seen(const struct mpq_delay_path *p, uint64_t sequence)
{
	size_t bit = sequence % MPQ_DELAY_REMEMBERED;

	return (p->seen[bit / 64] >> bit % 64 & 1) != 0;
}

static void set_seen(struct mpq_delay_path *p, uint64_t sequence)
{
	size_t bit = sequence % MPQ_DELAY_REMEMBERED;

	p->seen[bit / 64] |= UINT64_C(1) << bit % 64;
}

/* By words: a peer may send one header after the other that lies far ahead. */
static void clear_seen(struct mpq_delay_path *p, uint64_t from, uint64_t n)
{
	size_t first = from % MPQ_DELAY_REMEMBERED;

	n = n < MPQ_DELAY_REMEMBERED ? n : MPQ_DELAY_REMEMBERED;
	while (n > 0) {
		size_t bit = first % 64;
		size_t bits = n < 64 - bit ? (size_t)n : 64 - bit;

		p->seen[first / 64] &= ~(UINT64_MAX >> (64 - bits) << bit);
		first = (first + bits) % MPQ_DELAY_REMEMBERED;
		n -= bits;
	}
}

static void take_new(struct mpq_delay_path *p, uint64_t sequence)
{
	uint64_t gap = sequence - p->next;

	clear_seen(p, p->next, gap);
	set_seen(p, sequence);
	p->expected += gap + 1;
	p->received++;
	p->next = sequence + 1;
}

/* It was overtaken on the way. */
static void take_overtaken(struct mpq_delay_path *p, uint64_t sequence)
{
	uint64_t depth = p->next - 1 - sequence;

	if (depth >= MPQ_DELAY_REMEMBERED || was_seen(p, sequence)) {
		p->repeated++;
		return;
	}
	set_seen(p, sequence);
	p->reordered++;
	p->received += p->received < p->expected;
	p->reorder_pkts =
		depth > p->reorder_pkts ? (uint32_t)depth : p->reorder_pkts;
}

static void take_sequence(struct mpq_delay_path *p, uint16_t sequence)
{
	int32_t ahead = mpq_header_distance16(sequence, (uint16_t)p->next);

	if (ahead < -SEQUENCE_STEP || ahead > SEQUENCE_STEP) {
		memset(p->seen, 0, sizeof(p->seen));
		p->next += (uint64_t)(int64_t)ahead & UINT16_MAX;
		take_new(p, p->next);
	} else if (ahead >= 0) {
		take_new(p, p->next + (uint64_t)ahead);
	} else if ((uint64_t)-ahead <= p->expected) {
		take_overtaken(p, p->next - (uint64_t)-ahead);
	} else {
		/* Sent before what was the first to arrive. */
		p->reordered++;
	}
}

/* Halved each span, so that a single stray does not slow things for long. */
static void forget_reordering(struct mpq_delay_path *p, mpq_time now)
{
	while (now - p->reorder_since >= REORDER_SPAN &&
	       (p->reorder > 0 || p->reorder_pkts > 0)) {
		p->reorder /= 2;
		p->reorder_pkts /= 2;
		p->reorder_since += REORDER_SPAN;
	}
	if (p->reorder == 0 && p->reorder_pkts == 0) {
		p->reorder_since = now;
	}
}

/* One that was sent before another that came before it says how far what may
 * still come can be behind: whether the link let it be overtaken, or a queue of
 * the sender's in which small ones go first. */
static void take_departure(struct mpq_delay_path *p, mpq_time sent)
{
	mpq_duration lateness = mpq_time_elapsed(sent, p->sent);

	if (lateness == 0 || lateness > CLOCK_STEP) {
		p->sent = sent;
	} else if (lateness > p->reorder) {
		p->reorder = lateness < REORDER_MAX ? lateness : REORDER_MAX;
	}
}

mpq_time mpq_delay_arrived(struct mpq_delay *d, unsigned path,
			   const struct mpq_header *header, mpq_time now)
{
	struct mpq_delay_path *p;
	mpq_time sent = unwrap(d, header->clock, now);
	mpq_transit transit = (mpq_transit)(now - sent);

	assert(path < MPQ_DELAY_PATHS);
	p = &d->paths[path];
	if (!p->known) {
		start_path(p, transit, header->path_sequence, sent, now);
	}
	forget_reordering(p, now);
	take_transit(p, transit, now);
	mpq_jitter_arrived(&p->jitter, sent, header->path_sequence, transit);
	mpq_lately_pass(&p->lately, p->expected, p->received, now);
	take_sequence(p, header->path_sequence);
	take_departure(p, sent);
	p->heard = now;
	return sent;
}

mpq_time mpq_delay_sent(struct mpq_delay *d, const struct mpq_header *header,
			mpq_time now)
{
	return unwrap(d, header->clock, now);
}

unsigned mpq_delay_known(const struct mpq_delay *d)
{
	unsigned known = 0;

	for (unsigned i = 0; i < MPQ_DELAY_PATHS; i++) {
		known |= (unsigned)d->paths[i].known << i;
	}
	return known;
}

bool mpq_delay_in_use(const struct mpq_delay *d, unsigned path, mpq_time now)
{
	const struct mpq_delay_path *p = &d->paths[path];

	return p->known && mpq_time_elapsed(p->heard, now) < MPQ_DELAY_IN_USE;
}

mpq_time mpq_delay_passed(const struct mpq_delay *d, unsigned path)
{
	const struct mpq_delay_path *p = &d->paths[path];

	return p->known ? p->sent - p->reorder : MPQ_TIME_NEVER;
}

mpq_time mpq_delay_due(const struct mpq_delay *d, unsigned path, mpq_time sent)
{
	const struct mpq_delay_path *p = &d->paths[path];

	return sent + (mpq_time)high_of(p) + 2 * p->change + DUE_SLACK;
}

mpq_duration mpq_delay_offset(const struct mpq_delay *d, unsigned path,
			      mpq_time now)
{
	mpq_transit least = d->paths[path].smoothed;
	mpq_transit own = least;

	if (!d->paths[path].known) {
		return 0;
	}
	for (unsigned i = 0; i < MPQ_DELAY_PATHS; i++) {
		if (mpq_delay_in_use(d, i, now) &&
		    d->paths[i].smoothed < least) {
			least = d->paths[i].smoothed;
		}
	}
	return (mpq_duration)(own - least);
}

mpq_duration mpq_delay_queueing(const struct mpq_delay *d, unsigned path)
{
	const struct mpq_delay_path *p = &d->paths[path];
	mpq_transit queueing = p->smoothed - low_of(p);

	return queueing > 0 ? (mpq_duration)queueing : 0;
}

uint32_t mpq_delay_loss_ppm(const struct mpq_delay *d, unsigned path)
{
	const struct mpq_delay_path *p = &d->paths[path];

	return mpq_lately_ppm(&p->lately, p->expected, p->received);
}
