/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capsules on their way out: a ring of fixed size, because nghttp3 refers to
 * bytes until they are acknowledged and because a peer that does not read must
 * not make us grow. Pure.
 *
 *	  acked           given            end       (counted from the start)
 *	----|---------------|---------------|------
 *	    | must not move | not given yet | free
 */
#ifndef MPQ_MASQUE_H3_QUEUE_H
#define MPQ_MASQUE_H3_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define MPQ_H3_QUEUE_BYTES 16384

struct mpq_h3_queue {
	uint64_t acked, given, end;
	uint8_t ring[MPQ_H3_QUEUE_BYTES];
};

void mpq_h3_queue_init(struct mpq_h3_queue *q);

/* Adds a capsule. -ENOBUFS: no room, nothing was added. */
int mpq_h3_queue_push(struct mpq_h3_queue *q, uint64_t type, const void *value,
		      size_t len);

/* Gives everything that was not given yet: 0, 1 or (around the ring's end) 2
 * pieces, which stay until acknowledged. */
size_t mpq_h3_queue_give(struct mpq_h3_queue *q, struct iovec vec[2]);

/* The oldest `n` of the given bytes are not needed any more. */
void mpq_h3_queue_ack(struct mpq_h3_queue *q, uint64_t n);

#endif
