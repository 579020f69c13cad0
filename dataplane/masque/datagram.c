/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/masque/datagram.h"

#include "dataplane/masque/capsule.h"

#include <assert.h>
#include <errno.h>

/* RFC 9297 §2.1: stream ids end at 2^62 - 1. */
#define QUARTER_STREAM_ID_MAX ((UINT64_C(1) << 60) - 1)

size_t mpq_datagram_write_head(uint8_t out[MPQ_DATAGRAM_HEAD_MAX_BYTES],
			       int64_t stream_id, uint64_t context)
{
	size_t n;

	/* Requests run on client-initiated bidirectional streams. */
	assert(stream_id >= 0 && stream_id % 4 == 0);
	n = mpq_varint_write(out, (uint64_t)stream_id / 4);
	return n + mpq_varint_write(out + n, context);
}

int mpq_datagram_read_head(const uint8_t *data, size_t len,
			   int64_t *ret_stream_id, uint64_t *ret_context)
{
	uint64_t quarter, context;
	size_t n, m;

	n = mpq_varint_read(data, len, &quarter);
	if (n == 0 || quarter > QUARTER_STREAM_ID_MAX) {
		return -EBADMSG;
	}
	m = mpq_varint_read(data + n, len - n, &context);
	if (m == 0) {
		return -EBADMSG;
	}
	*ret_stream_id = (int64_t)(quarter * 4);
	*ret_context = context;
	return (int)(n + m);
}
