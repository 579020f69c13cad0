/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary heap of entries that live in their owners' structs: the least key is
 * at hand, any entry can be moved or taken out. Pure; its room is the caller's.
 */
#ifndef MPQ_BOND_HEAP_H
#define MPQ_BOND_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct mpq_heap_entry {
	uint64_t key;
	size_t place; /* in slots, from 1 on; 0: in no heap */
};

struct mpq_heap {
	struct mpq_heap_entry **slots; /* borrowed, as many as entries */
	size_t entries;
};

/* NULL: empty. */
struct mpq_heap_entry *mpq_heap_least(const struct mpq_heap *h);
/* Puts it in, or moves it when it is in already. */
void mpq_heap_put(struct mpq_heap *h, struct mpq_heap_entry *e, uint64_t key);
/* One that is in no heap is fine. */
void mpq_heap_remove(struct mpq_heap *h, struct mpq_heap_entry *e);

#endif
