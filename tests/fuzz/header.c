/* SPDX-License-Identifier: Apache-2.0 */
/* Input: what follows the Context ID of a bonded datagram. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "dataplane/bond/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mpq_header header = {0};
	uint8_t again[MPQ_HEADER_BYTES];
	int n = mpq_header_read(data, size, &header);

	if (n < 0) {
		FUZZ_HOLDS(n == -EBADMSG && size < MPQ_HEADER_BYTES);
		return 0;
	}
	FUZZ_HOLDS(n == MPQ_HEADER_BYTES && size >= MPQ_HEADER_BYTES);
	FUZZ_HOLDS(header.kind < MPQ_HEADER_KINDS);
	FUZZ_HOLDS(header.class_id < MPQ_HEADER_CLASSES);
	FUZZ_HOLDS(header.sequence <= MPQ_HEADER_MASK24);
	FUZZ_HOLDS(header.clock <= MPQ_HEADER_MASK24);
	FUZZ_HOLDS(mpq_header_in_lane(&header) == (data[0] < 0x80));
	mpq_header_write(again, &header);
	FUZZ_HOLDS(memcmp(again, data, sizeof(again)) == 0);
	return 0;
}
