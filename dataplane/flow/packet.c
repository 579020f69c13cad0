/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/flow/packet.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int mpq_packet_pool_init(struct mpq_packet_pool *pool, size_t size_pkts)
{
	struct mpq_packet *memory = NULL;

	if (size_pkts <= PTRDIFF_MAX / sizeof(*memory)) {
		memory = calloc(size_pkts, sizeof(*memory));
	}
	if (memory == NULL) {
		return -ENOMEM;
	}
	*pool = (struct mpq_packet_pool){
		.memory = memory,
		.size_pkts = size_pkts,
		.free_pkts = size_pkts,
	};
	return 0;
}

void mpq_packet_pool_finish(struct mpq_packet_pool *pool)
{
	if (pool == NULL) {
		return;
	}
	assert(pool->free_pkts == pool->size_pkts);
	free(pool->memory);
	*pool = (struct mpq_packet_pool){0};
}

/* The memory behind is touched for the first time when it is needed for the
 * first time: a pool for the worst case costs only what was ever in use. */
static struct mpq_packet *take_fresh(struct mpq_packet_pool *pool)
{
	if (pool->fresh_pkts == pool->size_pkts) {
		return NULL;
	}
	return &pool->memory[pool->fresh_pkts++];
}

struct mpq_packet *mpq_packet_get(struct mpq_packet_pool *pool)
{
	struct mpq_packet *p = pool->free_list;

	if (p != NULL) {
		pool->free_list = p->next;
	} else {
		p = take_fresh(pool);
	}
	if (p == NULL) {
		pool->exhausted++;
		return NULL;
	}
	pool->free_pkts--;
	p->next = NULL;
	p->len_bytes = 0;
	return p;
}

void mpq_packet_put(struct mpq_packet_pool *pool, struct mpq_packet *p)
{
	assert(p >= pool->memory && p < pool->memory + pool->size_pkts);
	assert(pool->free_pkts < pool->size_pkts);
	p->next = pool->free_list;
	pool->free_list = p;
	pool->free_pkts++;
}
