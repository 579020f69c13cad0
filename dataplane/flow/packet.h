/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet buffers: one IP packet each, from a pool that is sized once at start.
 * Nothing on the packet path allocates; an empty pool is a drop and a counter.
 */
#ifndef MPQ_FLOW_PACKET_H
#define MPQ_FLOW_PACKET_H

#include "common/clock.h"

#include <stddef.h>
#include <stdint.h>

/* The largest IP packet that a tunnel carries. */
#define MPQ_PACKET_MAX_BYTES 1500
/* Room before an IP packet, so that a header can be put there in place. */
#define MPQ_PACKET_HEADROOM_BYTES 32

struct mpq_packet {
	struct mpq_packet *next; /* in the one queue or list that holds it */
	mpq_time enqueued;
	uint16_t len_bytes;
	/* What a bonded tunnel knows of it; others leave it alone. */
	uint8_t class_id, kind;
	uint8_t copies; /* on so many paths, with one sequence; 0: it has none
			 * of its own yet */
	uint8_t copied_to;           /* these, a set, while it is a copy */
	uint8_t path, tries, losses; /* while it waits to be sent again, what */
	uint32_t flow;               /* hash */
	uint32_t sequence;           /* in its lane, once it has one */
	uint64_t order;              /* as tries */
	mpq_time deadline;
	/* May be written. Aligned, as data is then, for copies by vectors. */
	_Alignas(16) uint8_t head[MPQ_PACKET_HEADROOM_BYTES];
	uint8_t data[MPQ_PACKET_MAX_BYTES];
};

struct mpq_packet_pool {
	struct mpq_packet *memory;
	struct mpq_packet *free_list; /* last in, first out: stays in cache */
	size_t size_pkts, free_pkts;
	size_t fresh_pkts;  /* of memory, from the front: handed out ever */
	uint64_t exhausted; /* how often get() found nothing */
};

/* Memory becomes resident only as packets are first used. 0 or -ENOMEM. */
int mpq_packet_pool_init(struct mpq_packet_pool *pool, size_t size_pkts);
/* All packets have been put back. NULL and a zeroed pool are fine. */
void mpq_packet_pool_finish(struct mpq_packet_pool *pool);
struct mpq_packet *mpq_packet_get(struct mpq_packet_pool *pool); /* or NULL */
void mpq_packet_put(struct mpq_packet_pool *pool, struct mpq_packet *p);

#endif
