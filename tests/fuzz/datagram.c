/* SPDX-License-Identifier: Apache-2.0 */
/* Input: a DATAGRAM frame's payload. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "dataplane/masque/datagram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[MPQ_DATAGRAM_HEAD_MAX_BYTES];
	int64_t stream = -1, stream_again;
	uint64_t context = 0, context_again;
	int n = mpq_datagram_read_head(data, size, &stream, &context);
	size_t written;

	if (n < 0) {
		FUZZ_HOLDS(n == -EBADMSG && stream == -1 && context == 0);
		return 0;
	}
	FUZZ_HOLDS(n >= 2 && (size_t)n <= size);
	FUZZ_HOLDS(stream >= 0 && stream % 4 == 0);
	written = mpq_datagram_write_head(head, stream, context);
	FUZZ_HOLDS(written >= 2 && written <= (size_t)n);
	FUZZ_HOLDS(mpq_datagram_read_head(head, written, &stream_again,
					  &context_again) == (int)written);
	FUZZ_HOLDS(stream == stream_again && context == context_again);
	return 0;
}
