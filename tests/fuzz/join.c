/* SPDX-License-Identifier: Apache-2.0 */
/* Input: a byte, which capsule (from SESSION_OPEN on; others are not ours),
 * then its value. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "dataplane/join.h"

/* Written again it is the same, but that a varint may have come the long way.
 */
static void check_again(const struct mpq_join_message *m, const uint8_t *value,
			size_t len)
{
	struct mpq_join_key key = {0};
	uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES];
	struct mpq_join_message read;
	int n;

	memcpy(key.id, m->id, sizeof(key.id));
	switch (m->type) {
	case MPQ_JOIN_REGISTER:
		n = mpq_join_write_register(out, m->context);
		FUZZ_HOLDS(n > 0 && (size_t)n <= len);
		FUZZ_HOLDS(mpq_join_parse(&read, m->type, out, (size_t)n) == 0);
		FUZZ_HOLDS(read.context == m->context);
		return;
	case MPQ_JOIN_LEAVE:
		n = mpq_join_write_leave(out, m->path, m->mark);
		break;
	default:
		n = mpq_join_write_open(out, &key, m->path);
		if (m->type != MPQ_JOIN_OPEN) {
			memcpy(out + n, m->proof, sizeof(m->proof));
			n += (int)sizeof(m->proof);
		}
		break;
	}
	FUZZ_HOLDS(n > 0 && (size_t)n == len && memcmp(out, value, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mpq_join_message untouched;
	struct mpq_join_message m = untouched;
	uint64_t type;
	int rv;

	if (size < 1) {
		return 0;
	}
	type = MPQ_JOIN_OPEN + data[0];
	rv = mpq_join_parse(&m, type, data + 1, size - 1);
	FUZZ_HOLDS(rv == 0 || rv == -EBADMSG || rv == -ENOENT);
	FUZZ_HOLDS((rv == -ENOENT) == (type >= MPQ_JOIN_POLICY));
	if (rv != 0) {
		FUZZ_HOLDS(memcmp(&m, &untouched, sizeof(m)) == 0);
		return 0;
	}
	FUZZ_HOLDS(m.type == type && m.path < MPQ_JOIN_PATHS);
	FUZZ_HOLDS(type != MPQ_JOIN_REGISTER || m.context != 0);
	check_again(&m, data + 1, size - 1);
	return 0;
}
