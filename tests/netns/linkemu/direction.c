/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/linkemu/direction.h"

#include <stdlib.h>
#include <string.h>

void emu_direction_init(struct emu_direction *d, struct emu_pool *pool,
			uint64_t seed)
{
	*d = (struct emu_direction){.pool = pool};
	emu_shape_init(&d->shape);
	emu_random_init(&d->random, seed);
}

static struct emu_frame *queue_pop(struct emu_direction *d)
{
	struct emu_frame *f = d->head;

	d->head = f->next;
	if (!d->head) {
		d->tail = NULL;
	}
	d->queue_bytes -= f->bytes;
	f->next = NULL;
	return f;
}

static void queue_push(struct emu_direction *d, struct emu_frame *f)
{
	f->next = NULL;
	if (d->tail) {
		d->tail->next = f;
	} else {
		d->head = f;
	}
	d->tail = f;
	d->queue_bytes += f->bytes;
	if (d->queue_bytes > d->counters.queue_peak_bytes) {
		d->counters.queue_peak_bytes = d->queue_bytes;
	}
}

static bool before(const struct emu_frame *a, const struct emu_frame *b)
{
	return a->due < b->due || (a->due == b->due && a->order < b->order);
}

static bool heap_grow(struct emu_direction *d)
{
	size_t room = d->heap_room ? d->heap_room * 2 : 256;
	struct emu_frame **heap = realloc(d->heap, room * sizeof(*heap));

	if (!heap) {
		return false;
	}
	d->heap = heap;
	d->heap_room = room;
	return true;
}

static void heap_push(struct emu_direction *d, struct emu_frame *f)
{
	size_t i = d->n_heap;

	if (i == d->heap_room && !heap_grow(d)) {
		d->counters.no_memory++;
		emu_pool_put(d->pool, f);
		return;
	}
	for (d->n_heap++; i && before(f, d->heap[(i - 1) / 2]);
	     i = (i - 1) / 2) {
		d->heap[i] = d->heap[(i - 1) / 2];
	}
	d->heap[i] = f;
}

static struct emu_frame *heap_pop(struct emu_direction *d)
{
	struct emu_frame *top = d->heap[0], *last = d->heap[--d->n_heap];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < d->n_heap) {
		if (child + 1 < d->n_heap &&
		    before(d->heap[child + 1], d->heap[child])) {
			child++;
		}
		if (!before(d->heap[child], last)) {
			break;
		}
		d->heap[i] = d->heap[child];
		i = child;
	}
	d->heap[i] = last;
	return top;
}

static void empty(struct emu_direction *d)
{
	while (d->head) {
		emu_pool_put(d->pool, queue_pop(d));
		d->counters.hole++;
	}
	while (d->n_heap) {
		emu_pool_put(d->pool, heap_pop(d));
		d->counters.hole++;
	}
}

void emu_direction_finish(struct emu_direction *d)
{
	empty(d);
	free(d->heap);
	d->heap = NULL;
}

void emu_direction_shape(struct emu_direction *d, const struct emu_shape *s)
{
	if (s->hole && !d->shape.hole) {
		empty(d);
	}
	d->shape = *s;
}

static bool burst(struct emu_direction *d)
{
	const struct emu_shape *s = &d->shape;

	if (s->burst_begin <= 0) {
		return false;
	}
	if (emu_random_chance(&d->random,
			      d->in_burst ? s->burst_end : s->burst_begin)) {
		d->in_burst = !d->in_burst;
	}
	return d->in_burst && emu_random_chance(&d->random, s->burst_loss);
}

/* The counter of what befalls a frame on arrival, or NULL: it is queued. */
static uint64_t *fate(struct emu_direction *d, const struct emu_frame *f)
{
	uint64_t limit = emu_shape_queue_bytes(&d->shape);

	if (d->shape.hole) {
		return &d->counters.hole;
	}
	if (emu_random_chance(&d->random, d->shape.loss)) {
		return &d->counters.lost;
	}
	if (burst(d)) {
		return &d->counters.burst_lost;
	}
	if (limit && d->queue_bytes + f->bytes > limit) {
		return &d->counters.queue_full;
	}
	return NULL;
}

static mpq_duration transmission(const struct emu_direction *d,
				 const struct emu_frame *f)
{
	double bytes = (double)f->bytes - EMU_DIRECTION_HEADER_BYTES +
		       d->shape.overhead_bytes;

	if (d->shape.rate_bps <= 0) {
		return 0;
	}
	return (mpq_duration)(bytes * 8e9 / d->shape.rate_bps);
}

/* With order to be kept the delay wanders from one random point to the next: a
 * shift of each frame's own would, kept in order, stay at the worst seen
 * lately and be no jitter at all. */
static double wander(struct emu_direction *d, mpq_time now)
{
	mpq_duration step = 2 * d->shape.jitter;
	double share;

	if (now - d->wander_since >= step) {
		bool long_ago = now - d->wander_since >= 2 * step;

		d->wander_from = long_ago ? 2 * emu_random_unit(&d->random) - 1
					  : d->wander_to;
		d->wander_to = 2 * emu_random_unit(&d->random) - 1;
		d->wander_since = long_ago ? now : d->wander_since + step;
	}
	share = (double)(now - d->wander_since) / (double)step;
	return d->wander_from + share * (d->wander_to - d->wander_from);
}

/* Jitter never makes a frame leave before it was sent. */
static mpq_time shifted(struct emu_direction *d, mpq_time sent)
{
	const struct emu_shape *s = &d->shape;
	double delay = (double)s->delay;

	if (s->jitter) {
		delay += (double)s->jitter *
			 (s->free_order ? 2 * emu_random_unit(&d->random) - 1
					: wander(d, sent));
	}
	return delay > 0 ? sent + (mpq_duration)delay : sent;
}

/* A reordered frame does not hold back those behind it. */
static mpq_time arrival(struct emu_direction *d, mpq_time sent)
{
	mpq_time due = shifted(d, sent);

	if (emu_random_chance(&d->random, d->shape.reorder)) {
		d->counters.reordered++;
		return due + d->shape.gap;
	}
	if (!d->shape.free_order) {
		if (due < d->last_due) {
			due = d->last_due;
		}
		d->last_due = due;
	}
	return due;
}

static void duplicate(struct emu_direction *d, const struct emu_frame *f)
{
	struct emu_frame *copy;

	if (!emu_random_chance(&d->random, d->shape.duplicate)) {
		return;
	}
	copy = emu_pool_get(d->pool);
	if (!copy) {
		d->counters.no_memory++;
		return;
	}
	memcpy(copy, f, offsetof(struct emu_frame, data) + f->bytes);
	copy->next = NULL;
	copy->order = d->order++;
	d->counters.duplicated++;
	heap_push(d, copy);
}

/* Whatever the rate has let through by now goes under way. */
static void serve(struct emu_direction *d, mpq_time now)
{
	while (d->head && d->busy_until <= now) {
		struct emu_frame *f = queue_pop(d);
		mpq_time begun =
			d->busy_until > f->due ? d->busy_until : f->due;

		d->busy_until = begun + transmission(d, f);
		f->due = arrival(d, d->busy_until);
		f->order = d->order++;
		duplicate(d, f);
		heap_push(d, f);
	}
}

void emu_direction_push(struct emu_direction *d, struct emu_frame *f,
			mpq_time now)
{
	uint64_t *counter;

	serve(d, now);
	d->counters.received++;
	d->counters.received_bytes += f->bytes;
	counter = fate(d, f);
	if (counter) {
		++*counter;
		emu_pool_put(d->pool, f);
		return;
	}
	f->due = now;
	queue_push(d, f);
	serve(d, now);
}

struct emu_frame *emu_direction_pop(struct emu_direction *d, mpq_time now)
{
	struct emu_frame *f;

	serve(d, now);
	if (!d->n_heap || d->heap[0]->due > now) {
		return NULL;
	}
	f = heap_pop(d);
	d->counters.sent++;
	d->counters.sent_bytes += f->bytes;
	return f;
}

mpq_time emu_direction_deadline(const struct emu_direction *d)
{
	mpq_time due = d->n_heap ? d->heap[0]->due : MPQ_TIME_NEVER;

	return d->head ? mpq_time_min(due, d->busy_until) : due;
}
