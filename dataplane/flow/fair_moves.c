/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves a fair queue other than by its turn: too old, or to go on waiting
 * elsewhere. */
#include "dataplane/flow/fair_private.h"

#include <assert.h>
#include <string.h>

/* ---- what grew too old -------------------------------------------------- */

static void drop_older_of(struct mpq_fair *f, unsigned b, mpq_duration age,
			  mpq_time now)
{
	struct mpq_fair_bucket *k = &f->room->bucket[b];

	while (k->head != NULL &&
	       mpq_time_elapsed(k->head->enqueued, now) > age) {
		mpq_fair_drop_head(f, b, &f->dropped_delay);
	}
	if (k->head != NULL) {
		f->oldest = mpq_time_min(f->oldest, k->head->enqueued);
	}
}

size_t mpq_fair_drop_older(struct mpq_fair *f, mpq_duration age, mpq_time now)
{
	size_t before = f->pkts;

	if (f->pkts == 0 || mpq_time_elapsed(f->oldest, now) <= age) {
		return 0;
	}
	f->oldest = now;
	if (f->decided != NULL) {
		if (mpq_time_elapsed(f->decided->enqueued, now) > age) {
			f->dropped_delay++;
			mpq_packet_put(f->pool, mpq_fair_let_go(f, f->decided));
			f->decided = NULL;
		} else {
			f->oldest = f->decided->enqueued;
		}
	}
	for (unsigned b = 0; b < MPQ_FAIR_BUCKETS; b++) {
		drop_older_of(f, b, age, now);
	}
	return before - f->pkts;
}

/* ---- all of a flow, all of all ------------------------------------------- */

static void take_decided(struct mpq_fair *f, struct mpq_packet ***end)
{
	if (f->decided != NULL) {
		**end = mpq_fair_let_go(f, f->decided);
		*end = &f->decided->next;
		f->decided = NULL;
	}
}

/* What stays is as if it came now, but for what was passed. */
static void keep(struct mpq_fair *f, unsigned b, struct mpq_packet *p,
		 bool passed)
{
	struct mpq_fair_bucket *k = &f->room->bucket[b];

	mpq_fair_put_last(f, b, p);
	if (passed) {
		k->passed = p;
		k->passed_bytes += p->len_bytes;
	}
}

/* Moves what a bucket has of this flow to the end of a list. */
static void take_flow(struct mpq_fair *f, unsigned b, uint32_t flow,
		      struct mpq_packet ***end)
{
	struct mpq_fair_bucket *k = &f->room->bucket[b];
	struct mpq_packet *p = k->head, *next;
	const struct mpq_packet *last_passed = k->passed;
	bool passed = last_passed != NULL;

	f->flows -= k->head != NULL;
	k->head = k->tail = k->passed = NULL;
	k->passed_bytes = 0;
	f->room->bytes[b] = 0;
	for (; p != NULL; p = next) {
		bool was_passed = passed;

		next = p->next;
		passed = passed && p != last_passed;
		if (p->flow != flow) {
			keep(f, b, p, was_passed);
			continue;
		}
		p->next = NULL;
		**end = mpq_fair_let_go(f, p);
		*end = &p->next;
	}
	f->room->guests[b] &= k->head != NULL;
}

static void put_all(struct mpq_fair *f, struct mpq_packet *p)
{
	struct mpq_packet *next;

	for (; p != NULL; p = next) {
		next = p->next;
		mpq_fair_put(f, p);
	}
}

size_t mpq_fair_move_flow(struct mpq_fair *f, uint32_t flow,
			  struct mpq_fair *to)
{
	struct mpq_packet *first = NULL, **end = &first;
	unsigned set = mpq_fair_set_of(flow);
	size_t before = f->pkts;

	if (before == 0) {
		return 0;
	}
	if (f->decided != NULL && f->decided->flow == flow) {
		take_decided(f, &end);
	}
	for (unsigned b = set; b < set + MPQ_FAIR_WAYS; b++) {
		take_flow(f, b, flow, &end);
	}
	put_all(to, first);
	return before - f->pkts;
}

size_t mpq_fair_take_all(struct mpq_fair *f, struct mpq_packet **ret_first)
{
	struct mpq_packet *first = NULL, **end = &first;
	size_t n = f->pkts;

	if (n == 0 && f->fresh.first == 0 && f->old.first == 0) {
		*ret_first = NULL;
		return 0;
	}
	take_decided(f, &end);
	for (unsigned b = 0; b < MPQ_FAIR_BUCKETS; b++) {
		while (f->room->bucket[b].head != NULL) {
			struct mpq_packet *p =
				mpq_fair_let_go(f, mpq_fair_take_head(f, b));

			*end = p;
			end = &p->next;
		}
	}
	assert(f->pkts == 0 && f->bytes == 0 && f->flows == 0);
	memset(f->room, 0, sizeof(*f->room));
	f->fresh = f->old = (struct mpq_fair_list){0};
	*ret_first = first;
	return n;
}

size_t mpq_fair_move_all(struct mpq_fair *f, struct mpq_fair *to)
{
	struct mpq_packet *first;
	size_t n = mpq_fair_take_all(f, &first);

	put_all(to, first);
	return n;
}

size_t mpq_fair_clear(struct mpq_fair *f)
{
	struct mpq_packet *p, *next;
	size_t n = mpq_fair_take_all(f, &p);

	for (; p != NULL; p = next) {
		next = p->next;
		mpq_packet_put(f->pool, p);
	}
	return n;
}
