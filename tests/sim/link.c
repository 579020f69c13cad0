/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void sim_link_init(struct sim_link *l, const struct sim_link_shape *shape,
		   uint64_t seed, mpq_time now)
{
	memset(l, 0, sizeof(*l));
	l->shape = *shape;
	l->random.state = seed;
	l->now = now;
	l->queue_end = &l->queue;
}

static void free_list(struct sim_link_packet *p)
{
	while (p != NULL) {
		struct sim_link_packet *next = p->next;

		free(p);
		p = next;
	}
}

static void clear(struct sim_link *l)
{
	free_list(l->queue);
	free_list(l->flying);
	l->queue = l->flying = NULL;
	l->queue_end = &l->queue;
	l->queued_bytes = 0;
	l->head_left_bits = 0;
}

void sim_link_finish(struct sim_link *l)
{
	clear(l);
	free(l->popped);
	l->popped = NULL;
}

/* When the packet being transmitted is through. */
static mpq_time transmitted_at(const struct sim_link *l)
{
	uint64_t rate = l->shape.rate_bps;

	if (l->queue == NULL) {
		return MPQ_TIME_NEVER;
	}
	if (rate == 0) {
		return l->now;
	}
	/* Rounded up: never before its last bit. */
	return l->now + (l->head_left_bits * MPQ_SECOND - l->remainder + rate -
			 1) / rate;
}

static bool is_lost(struct sim_link *l)
{
	const struct sim_link_shape *s = &l->shape;

	if (l->burst_left > 0) {
		l->burst_left--;
		return true;
	}
	if (sim_random_chance(&l->random, s->burst_ppm)) {
		/* Even from 1 on has this mean. */
		l->burst_left = (unsigned)sim_random_range(
			&l->random, 0, 2 * (uint64_t)s->burst_pkts - 2);
		return true;
	}
	return sim_random_chance(&l->random, s->loss_ppm);
}

static int64_t point(struct sim_link *l)
{
	return (int64_t)sim_random_range(&l->random, 0, 2 * l->shape.wander) -
	       (int64_t)l->shape.wander;
}

/* As the lab's emulator does it. A shift of each packet's own would, kept in
 * order, stay at the worst seen lately and be no jitter at all. */
static mpq_duration wandered(struct sim_link *l)
{
	mpq_duration step = 2 * l->shape.wander;
	bool long_ago = l->now - l->wander.since >= 2 * step;
	int64_t delay;

	if (l->now - l->wander.since >= step) {
		l->wander.from = long_ago ? point(l) : l->wander.to;
		l->wander.to = point(l);
		l->wander.since = long_ago ? l->now : l->wander.since + step;
	}
	delay = (int64_t)l->shape.delay + l->wander.from +
		(int64_t)(l->now - l->wander.since) *
			(l->wander.to - l->wander.from) / (int64_t)step;
	return delay > 0 ? (mpq_duration)delay : 0;
}

static void fly(struct sim_link *l, struct sim_link_packet *p)
{
	struct sim_link_packet **at = &l->flying;

	p->at = l->now + (l->shape.wander > 0 ? wandered(l) : l->shape.delay);
	if (l->shape.jitter > 0) {
		p->at += sim_random_range(&l->random, 0, l->shape.jitter);
	}
	if (!l->shape.reorder && p->at < l->last_arrival) {
		p->at = l->last_arrival;
	}
	l->last_arrival = p->at > l->last_arrival ? p->at : l->last_arrival;
	while (*at != NULL && (*at)->at <= p->at) {
		at = &(*at)->next;
	}
	p->next = *at;
	*at = p;
}

static void take_head(struct sim_link *l)
{
	struct sim_link_packet *p = l->queue;

	l->queue = p->next;
	if (l->queue == NULL) {
		l->queue_end = &l->queue;
	}
	l->queued_bytes -= p->len;
	l->head_left_bits = l->queue != NULL ? 8 * l->queue->len : 0;
	l->remainder = 0;
	if (is_lost(l)) {
		l->counters.lost++;
		l->counters.large_lost += p->len >= SIM_LINK_LARGE;
		free(p);
		return;
	}
	fly(l, p);
}

static void transmit_until(struct sim_link *l, mpq_time now)
{
	uint64_t done;

	while (transmitted_at(l) <= now) {
		l->now = transmitted_at(l);
		take_head(l);
	}
	if (l->queue != NULL) {
		done = (now - l->now) * l->shape.rate_bps + l->remainder;
		l->head_left_bits -= done / MPQ_SECOND;
		l->remainder = done % MPQ_SECOND;
	}
	l->now = now;
}

static void count_down(struct sim_link *l, const struct sim_link_packet *p)
{
	for (; p != NULL; p = p->next) {
		l->counters.dropped_down++;
	}
}

static void change(struct sim_link *l, const struct sim_link_shape *shape)
{
	l->shape = *shape;
	if (shape->down) {
		count_down(l, l->queue);
		count_down(l, l->flying);
		clear(l);
	}
}

/* Everything that happens by `now`, in its order. */
static void advance(struct sim_link *l, mpq_time now)
{
	assert(now >= l->now);
	while (l->next_change < l->n_changes &&
	       l->changes[l->next_change].at <= now) {
		mpq_time at = l->changes[l->next_change].at;

		transmit_until(l, at > l->now ? at : l->now);
		change(l, &l->changes[l->next_change++].shape);
	}
	transmit_until(l, now);
}

void sim_link_schedule(struct sim_link *l, mpq_time at,
		       const struct sim_link_shape *shape)
{
	assert(l->n_changes < SIM_LINK_CHANGES);
	assert(l->n_changes == 0 || l->changes[l->n_changes - 1].at <= at);
	l->changes[l->n_changes].at = at;
	l->changes[l->n_changes++].shape = *shape;
}

void sim_link_set(struct sim_link *l, const struct sim_link_shape *shape,
		  mpq_time now)
{
	advance(l, now);
	change(l, shape);
}

static bool has_room(struct sim_link *l, size_t len)
{
	const struct sim_link_shape *s = &l->shape;

	if (s->down) {
		l->counters.dropped_down++;
		return false;
	}
	if (len > SIM_LINK_MTU_BYTES ||
	    (s->mtu_bytes > 0 && len > s->mtu_bytes)) {
		l->counters.dropped_mtu++;
		return false;
	}
	if (s->queue_bytes > 0 && l->queued_bytes + len > s->queue_bytes) {
		l->counters.dropped_queue++;
		l->counters.large_lost += len >= SIM_LINK_LARGE;
		return false;
	}
	return true;
}

static void count_wait(struct sim_link *l)
{
	uint64_t rate = l->shape.rate_bps;
	uint64_t slot = rate > 0 ? l->queued_bytes * 8 *
					   (MPQ_SECOND / SIM_LINK_WAIT) / rate
				 : 0;

	l->waits.pkts++;
	l->waits.slot[slot < SIM_LINK_WAITS ? slot : SIM_LINK_WAITS - 1]++;
}

void sim_link_push(struct sim_link *l, const struct mpq_sockaddr *from,
		   const struct mpq_sockaddr *to, uint8_t ecn,
		   const uint8_t *data, size_t len, mpq_time now)
{
	struct sim_link_packet *p;

	advance(l, now);
	l->counters.pushed++;
	l->counters.large += len >= SIM_LINK_LARGE;
	if (!has_room(l, len)) {
		return;
	}
	p = malloc(sizeof(*p));
	if (p == NULL) {
		abort();
	}
	p->next = NULL;
	p->from = *from;
	p->to = *to;
	p->ecn = ecn;
	p->len = len;
	memcpy(p->data, data, len);
	if (l->queue == NULL) {
		l->head_left_bits = 8 * len;
		l->remainder = 0;
	}
	*l->queue_end = p;
	l->queue_end = &p->next;
	count_wait(l);
	l->queued_bytes += len;
	transmit_until(l, now); /* without a limit it is through at once */
}

mpq_time sim_link_deadline(const struct sim_link *l)
{
	mpq_time due = transmitted_at(l);

	if (l->flying != NULL) {
		due = mpq_time_min(due, l->flying->at);
	}
	if (l->next_change < l->n_changes) {
		due = mpq_time_min(due, l->changes[l->next_change].at);
	}
	return due;
}

const struct sim_link_packet *sim_link_pop(struct sim_link *l, mpq_time now)
{
	struct sim_link_packet *p;

	advance(l, now);
	free(l->popped);
	l->popped = NULL;
	p = l->flying;
	if (p == NULL || p->at > now) {
		return NULL;
	}
	l->flying = p->next;
	l->popped = p;
	l->counters.delivered++;
	l->counters.delivered_bytes += p->len;
	return p;
}
