/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/repair.h"

#include <stdlib.h>

#define NONE UINT32_MAX

enum list {
	FREE,
	FLYING,
	DUE
};

struct entry {
	struct mpq_repair_item item;
	uint64_t id;
	uint32_t next_in_bucket; /* as in `bucket` */
	uint32_t before, after;  /* in its list */
	enum list list;
	bool known; /* in a bucket: reports can find it */
};

struct chain {
	uint32_t first, last;
};

struct mpq_repair {
	const struct mpq_repair_events *events;
	void *owner;
	size_t limit, buckets, held;
	uint64_t order; /* of the last first sending */
	struct chain free_list, due, flying[MPQ_REPAIR_PATHS];
	uint32_t latest; /* that became due; the next is near it */
	uint32_t fresh;  /* those from here on were never used */
	struct mpq_repair_counters counters;
	uint32_t *bucket; /* entries from 1 on; 0: none */
	struct entry *entry;
};

static size_t buckets_for(size_t limit)
{
	size_t n = 1;

	while (n < limit) {
		n *= 2;
	}
	return n;
}

static uint32_t *bucket_of(struct mpq_repair *r, unsigned path, uint64_t id)
{
	uint64_t h =
		(id * MPQ_REPAIR_PATHS + path) * UINT64_C(0x9e3779b97f4a7c15);

	return &r->bucket[(h >> 32) & (r->buckets - 1)];
}

static struct chain *chain_of(struct mpq_repair *r, const struct entry *e)
{
	return e->list == FREE  ? &r->free_list
	       : e->list == DUE ? &r->due
				: &r->flying[e->item.path];
}

static void unlink_entry(struct mpq_repair *r, uint32_t i)
{
	struct entry *e = &r->entry[i];
	struct chain *c = chain_of(r, e);

	*(e->before == NONE ? &c->first : &r->entry[e->before].after) =
		e->after;
	*(e->after == NONE ? &c->last : &r->entry[e->after].before) = e->before;
}

/* Behind `before`; NONE: in front of all. */
static void link_behind(struct mpq_repair *r, uint32_t i, enum list list,
			uint32_t before)
{
	struct entry *e = &r->entry[i];
	struct chain *c;

	e->list = list;
	c = chain_of(r, e);
	e->before = before;
	e->after = before == NONE ? c->first : r->entry[before].after;
	*(before == NONE ? &c->first : &r->entry[before].after) = i;
	*(e->after == NONE ? &c->last : &r->entry[e->after].before) = i;
}

static void know(struct mpq_repair *r, uint32_t i)
{
	struct entry *e = &r->entry[i];
	uint32_t *b = bucket_of(r, e->item.path, e->id);

	e->next_in_bucket = *b;
	e->known = true;
	*b = i + 1;
}

static void forget(struct mpq_repair *r, uint32_t i)
{
	struct entry *e = &r->entry[i];
	uint32_t *b = bucket_of(r, e->item.path, e->id);

	if (!e->known) {
		return;
	}
	while (*b != i + 1) {
		b = &r->entry[*b - 1].next_in_bucket;
	}
	*b = e->next_in_bucket;
	e->known = false;
}

static uint32_t find(struct mpq_repair *r, unsigned path, uint64_t id)
{
	uint32_t at = *bucket_of(r, path, id);

	while (at != 0 && (r->entry[at - 1].id != id ||
			   r->entry[at - 1].item.path != path)) {
		at = r->entry[at - 1].next_in_bucket;
	}
	return at != 0 ? at - 1 : NONE;
}

static void take_out(struct mpq_repair *r, uint32_t i)
{
	forget(r, i);
	unlink_entry(r, i);
	link_behind(r, i, FREE, NONE);
	r->held--;
}

static void release(struct mpq_repair *r, uint32_t i)
{
	void *packet = r->entry[i].item.packet;

	take_out(r, i);
	r->events->released(r->owner, packet);
}

struct mpq_repair *mpq_repair_new(size_t limit_pkts,
				  const struct mpq_repair_events *events,
				  void *owner)
{
	struct mpq_repair *r = calloc(1, sizeof(*r));
	const struct chain empty = {NONE, NONE};

	if (r == NULL || limit_pkts == 0 || limit_pkts >= NONE) {
		free(r);
		return NULL;
	}
	r->events = events;
	r->owner = owner;
	r->limit = limit_pkts;
	r->buckets = buckets_for(limit_pkts);
	r->entry = calloc(limit_pkts, sizeof(*r->entry));
	r->bucket = calloc(r->buckets, sizeof(*r->bucket));
	if (r->entry == NULL || r->bucket == NULL) {
		free(r->entry);
		free(r->bucket);
		free(r);
		return NULL;
	}
	r->free_list = r->due = empty;
	for (unsigned i = 0; i < MPQ_REPAIR_PATHS; i++) {
		r->flying[i] = empty;
	}
	return r;
}

static void release_all(struct mpq_repair *r, struct chain *c)
{
	while (c->first != NONE) {
		release(r, c->first);
	}
}

void mpq_repair_free(struct mpq_repair *r)
{
	if (r == NULL) {
		return;
	}
	release_all(r, &r->due);
	for (unsigned i = 0; i < MPQ_REPAIR_PATHS; i++) {
		release_all(r, &r->flying[i]);
	}
	free(r->entry);
	free(r->bucket);
	free(r);
}

/* The oldest of what is in flight: it is nearest to its deadline. */
static void make_room(struct mpq_repair *r)
{
	uint32_t oldest = r->due.first;

	for (unsigned i = 0; i < MPQ_REPAIR_PATHS; i++) {
		uint32_t first = r->flying[i].first;

		if (first != NONE &&
		    (oldest == NONE || r->entry[first].item.order <
					       r->entry[oldest].item.order)) {
			oldest = first;
		}
	}
	r->counters.overflow++;
	release(r, oldest);
}

/* One that was used before first: the others' memory is not there yet. */
static uint32_t take_free(struct mpq_repair *r)
{
	uint32_t i;

	if (r->free_list.first == NONE && r->fresh < r->limit) {
		return r->fresh++;
	}
	if (r->free_list.first == NONE) {
		make_room(r);
	}
	i = r->free_list.first;
	unlink_entry(r, i);
	return i;
}

void mpq_repair_sent(struct mpq_repair *r, unsigned path, uint64_t id,
		     const struct mpq_repair_item *item)
{
	uint32_t i = take_free(r);
	struct entry *e = &r->entry[i];

	e->item = *item;
	e->item.path = (uint8_t)path;
	e->item.order = item->order > 0 ? item->order : ++r->order;
	e->id = id;
	link_behind(r, i, FLYING, r->flying[path].last);
	know(r, i);
	r->held++;
	r->counters.kept++;
}

void mpq_repair_acked(struct mpq_repair *r, unsigned path, uint64_t id)
{
	uint32_t i = find(r, path, id);

	if (i == NONE) {
		return;
	}
	if (r->entry[i].list == DUE) {
		r->counters.cancelled++;
	} else {
		r->counters.acked++;
	}
	release(r, i);
}

static bool is_worth_it(struct mpq_repair *r, const struct entry *e,
			mpq_time now)
{
	if (now > e->item.deadline) {
		r->counters.expired++;
		return false;
	}
	if (e->item.tries >= MPQ_REPAIR_TRIES_MAX) {
		r->counters.given_up++;
		return false;
	}
	return true;
}

/* Losses of a path are reported nearly in order, so the place is near that of
 * the one before; near the end, when that is due no more. Two paths that go at
 * once cost thousands of steps each packet if one looked from the end. */
static uint32_t place_of(const struct mpq_repair *r, uint64_t order)
{
	uint32_t before =
		r->entry[r->latest].list == DUE ? r->latest : r->due.last;
	uint32_t after;

	while (before != NONE && r->entry[before].item.order > order) {
		before = r->entry[before].before;
	}
	after = before == NONE ? r->due.first : r->entry[before].after;
	while (after != NONE && r->entry[after].item.order <= order) {
		before = after;
		after = r->entry[before].after;
	}
	return before;
}

static void make_due(struct mpq_repair *r, uint32_t i, mpq_time now)
{
	uint32_t before;

	if (!is_worth_it(r, &r->entry[i], now)) {
		release(r, i);
		return;
	}
	before = place_of(r, r->entry[i].item.order);
	unlink_entry(r, i);
	link_behind(r, i, DUE, before);
	r->latest = i;
}

void mpq_repair_lost(struct mpq_repair *r, unsigned path, uint64_t id,
		     mpq_time now)
{
	uint32_t i = find(r, path, id);

	if (i == NONE || r->entry[i].list == DUE) {
		return;
	}
	if (r->entry[i].item.losses >= MPQ_REPAIR_LOSSES_MAX) {
		r->counters.given_up++;
		release(r, i);
		return;
	}
	r->entry[i].item.losses++;
	make_due(r, i, now);
}

void mpq_repair_path_out(struct mpq_repair *r, unsigned path, mpq_time now)
{
	while (r->flying[path].first != NONE) {
		make_due(r, r->flying[path].first, now);
	}
}

void mpq_repair_path_reset(struct mpq_repair *r, unsigned path, mpq_time now)
{
	mpq_repair_path_out(r, path, now);
	for (uint32_t i = r->due.first; i != NONE; i = r->entry[i].after) {
		if (r->entry[i].item.path == path) {
			forget(r, i);
		}
	}
}

bool mpq_repair_next(struct mpq_repair *r, mpq_time now,
		     struct mpq_repair_item *ret)
{
	while (r->due.first != NONE) {
		uint32_t i = r->due.first;

		if (now > r->entry[i].item.deadline) {
			r->counters.expired++;
			release(r, i);
			continue;
		}
		*ret = r->entry[i].item;
		ret->tries++;
		take_out(r, i);
		r->counters.repaired++;
		return true;
	}
	return false;
}

bool mpq_repair_is_due(const struct mpq_repair *r)
{
	return r->due.first != NONE;
}

const struct mpq_repair_counters *
mpq_repair_counters(const struct mpq_repair *r)
{
	return &r->counters;
}

size_t mpq_repair_held_pkts(const struct mpq_repair *r)
{
	return r->held;
}

size_t mpq_repair_footprint_bytes(const struct mpq_repair *r)
{
	return sizeof(*r) + r->limit * sizeof(*r->entry) +
	       r->buckets * sizeof(*r->bucket);
}
