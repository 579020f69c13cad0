/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/held.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int mpq_held_init(struct mpq_held *h, size_t max_pkts, size_t max_bytes,
		  uint64_t seed)
{
	assert(max_pkts > 0 && max_pkts <= MPQ_HELD_MAX_PKTS);
	*h = (struct mpq_held){
		.factor = seed | 1,
		.max_pkts = max_pkts,
		.max_bytes = max_bytes,
	};
	while ((size_t)1 << h->bucket_bits < 2 * max_pkts) {
		h->bucket_bits++;
	}
	h->slots = calloc(max_pkts, sizeof(*h->slots));
	h->buckets = calloc((size_t)1 << h->bucket_bits, sizeof(*h->buckets));
	if (h->slots == NULL || h->buckets == NULL) {
		mpq_held_finish(h);
		return -ENOMEM;
	}
	return 0;
}

void mpq_held_finish(struct mpq_held *h)
{
	assert(h->pkts == 0);
	free(h->slots);
	free(h->buckets);
	*h = (struct mpq_held){0};
}

bool mpq_held_has_room(const struct mpq_held *h, size_t len_bytes)
{
	return h->pkts < h->max_pkts && len_bytes <= h->max_bytes &&
	       h->bytes <= h->max_bytes - len_bytes;
}

/* The upper bits of a product are well mixed whatever the key. */
static uint32_t *bucket_of(const struct mpq_held *h, uint32_t lane,
			   uint32_t sequence)
{
	uint64_t key = (uint64_t)lane << 24 | sequence;

	return &h->buckets[key * h->factor >> (64 - h->bucket_bits)];
}

static struct mpq_held_packet *slot(const struct mpq_held *h, uint32_t number)
{
	return number != 0 ? &h->slots[number - 1] : NULL;
}

static uint32_t number_of(const struct mpq_held *h,
			  const struct mpq_held_packet *p)
{
	return (uint32_t)(p - h->slots) + 1;
}

static uint32_t take_free(struct mpq_held *h)
{
	uint32_t number = h->free;

	if (number == 0) {
		return ++h->fresh;
	}
	h->free = slot(h, number)->chain;
	return number;
}

void mpq_held_put(struct mpq_held *h, struct mpq_held_lane *lane,
		  const struct mpq_held_packet *packet)
{
	uint32_t *bucket = bucket_of(h, packet->lane, packet->sequence);
	uint32_t number;
	struct mpq_held_packet *p;

	assert(mpq_held_has_room(h, packet->len_bytes));
	assert(packet->packet != NULL);
	number = take_free(h);
	p = slot(h, number);
	*p = *packet;
	p->chain = *bucket;
	*bucket = number;
	p->newer = 0;
	p->older = lane->newest;
	if (p->older != 0) {
		slot(h, p->older)->newer = number;
	} else {
		lane->oldest = number;
	}
	lane->newest = number;
	h->pkts++;
	h->bytes += p->len_bytes;
}

const struct mpq_held_packet *mpq_held_find(const struct mpq_held *h,
					    uint32_t lane, uint32_t sequence)
{
	struct mpq_held_packet *p = slot(h, *bucket_of(h, lane, sequence));

	while (p != NULL && (p->lane != lane || p->sequence != sequence)) {
		p = slot(h, p->chain);
	}
	return p;
}

const struct mpq_held_packet *mpq_held_oldest(const struct mpq_held *h,
					      const struct mpq_held_lane *lane)
{
	return slot(h, lane->oldest);
}

static void unchain(struct mpq_held *h, const struct mpq_held_packet *p)
{
	uint32_t *at = bucket_of(h, p->lane, p->sequence);

	while (*at != number_of(h, p)) {
		at = &slot(h, *at)->chain;
	}
	*at = p->chain;
}

static void unqueue(struct mpq_held *h, struct mpq_held_lane *lane,
		    const struct mpq_held_packet *p)
{
	*(p->older != 0 ? &slot(h, p->older)->newer : &lane->oldest) = p->newer;
	*(p->newer != 0 ? &slot(h, p->newer)->older : &lane->newest) = p->older;
}

struct mpq_held_packet mpq_held_take(struct mpq_held *h,
				     struct mpq_held_lane *lane,
				     const struct mpq_held_packet *packet)
{
	struct mpq_held_packet taken = *packet;
	uint32_t number = number_of(h, packet);

	assert(taken.packet != NULL);
	unchain(h, packet);
	unqueue(h, lane, packet);
	slot(h, number)->packet = NULL;
	slot(h, number)->chain = h->free;
	h->free = number;
	h->pkts--;
	h->bytes -= taken.len_bytes;
	return taken;
}
