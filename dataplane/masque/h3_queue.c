/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/masque/h3_queue.h"

#include "dataplane/masque/capsule.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void mpq_h3_queue_init(struct mpq_h3_queue *q)
{
	q->acked = q->given = q->end = 0;
}

/* The free or used bytes from `at` on that lie in one piece. */
static size_t run(uint64_t at, uint64_t n)
{
	size_t left = MPQ_H3_QUEUE_BYTES - at % MPQ_H3_QUEUE_BYTES;

	return n < left ? (size_t)n : left;
}

static void append(struct mpq_h3_queue *q, const void *data, size_t len)
{
	const uint8_t *from = data;
	size_t n;

	for (; len > 0; len -= n, from += n, q->end += n) {
		n = run(q->end, len);
		memcpy(q->ring + q->end % MPQ_H3_QUEUE_BYTES, from, n);
	}
}

int mpq_h3_queue_push(struct mpq_h3_queue *q, uint64_t type, const void *value,
		      size_t len)
{
	uint8_t head[2 * MPQ_VARINT_MAX_BYTES];
	uint64_t room = MPQ_H3_QUEUE_BYTES - (q->end - q->acked);
	size_t n;

	if (len > MPQ_CAPSULE_MAX_BYTES) {
		return -ENOBUFS;
	}
	n = mpq_varint_write(head, type);
	n += mpq_varint_write(head + n, len);
	if (room < n + len) {
		return -ENOBUFS;
	}
	append(q, head, n);
	append(q, value, len);
	return 0;
}

size_t mpq_h3_queue_give(struct mpq_h3_queue *q, struct iovec vec[2])
{
	size_t n = 0;

	while (q->given < q->end) {
		assert(n < 2);
		vec[n].iov_base = q->ring + q->given % MPQ_H3_QUEUE_BYTES;
		vec[n].iov_len = run(q->given, q->end - q->given);
		q->given += vec[n++].iov_len;
	}
	return n;
}

void mpq_h3_queue_ack(struct mpq_h3_queue *q, uint64_t n)
{
	assert(n <= q->given - q->acked);
	q->acked += n;
}
