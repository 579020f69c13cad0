/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/heap.h"

#include <assert.h>

/* Place 1 is the root; the slots begin with it. */
static void set(struct mpq_heap *h, size_t place, struct mpq_heap_entry *e)
{
	h->slots[place - 1] = e;
	e->place = place;
}

static struct mpq_heap_entry *get(const struct mpq_heap *h, size_t place)
{
	return h->slots[place - 1];
}

static void sift_up(struct mpq_heap *h, struct mpq_heap_entry *e)
{
	size_t place = e->place;

	while (place > 1 && get(h, place / 2)->key > e->key) {
		set(h, place, get(h, place / 2));
		place /= 2;
	}
	set(h, place, e);
}

static void sift_down(struct mpq_heap *h, struct mpq_heap_entry *e)
{
	size_t place = e->place;

	for (;;) {
		size_t child = 2 * place;

		if (child < h->entries &&
		    get(h, child + 1)->key < get(h, child)->key) {
			child++;
		}
		if (child > h->entries || get(h, child)->key >= e->key) {
			break;
		}
		set(h, place, get(h, child));
		place = child;
	}
	set(h, place, e);
}

struct mpq_heap_entry *mpq_heap_least(const struct mpq_heap *h)
{
	return h->entries > 0 ? get(h, 1) : NULL;
}

void mpq_heap_put(struct mpq_heap *h, struct mpq_heap_entry *e, uint64_t key)
{
	if (e->place == 0) {
		set(h, ++h->entries, e);
	}
	assert(e->place <= h->entries && get(h, e->place) == e);
	e->key = key;
	sift_up(h, e);
	sift_down(h, e);
}

void mpq_heap_remove(struct mpq_heap *h, struct mpq_heap_entry *e)
{
	struct mpq_heap_entry *last;

	if (e->place == 0) {
		return;
	}
	assert(e->place <= h->entries && get(h, e->place) == e);
	last = get(h, h->entries--);
	if (last != e) {
		set(h, e->place, last);
		sift_up(h, last);
		sift_down(h, last);
	}
	e->place = 0;
}
