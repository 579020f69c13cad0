/* SPDX-License-Identifier: Apache-2.0 */
/* Input: a byte, how the stream is cut; then a capsule stream. */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "dataplane/masque/capsule.h"

/* What a parser made of the stream so far. */
struct result {
	uint64_t capsules, sum;
	int error;
};

static void add(struct result *r, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		r->sum = r->sum * 1099511628211u + data[i] + 1;
	}
}

/* A capsule that came out goes in again as the same. */
static void check_capsule(const struct mpq_capsule *c)
{
	static uint8_t out[2 * MPQ_VARINT_MAX_BYTES + MPQ_CAPSULE_MAX_BYTES];
	struct mpq_capsule_parser p;
	struct mpq_capsule again;
	const uint8_t *at = out;
	size_t n = mpq_capsule_write(out, sizeof(out), c->type, c->value,
				     c->len_bytes);

	FUZZ_HOLDS(n > 0);
	mpq_capsule_parser_init(&p);
	FUZZ_HOLDS(mpq_capsule_parse(&p, &at, &n, &again) == 1);
	FUZZ_HOLDS(n == 0 && again.type == c->type);
	FUZZ_HOLDS(again.len_bytes == c->len_bytes);
	FUZZ_HOLDS(memcmp(again.value, c->value, c->len_bytes) == 0);
}

static void feed(struct mpq_capsule_parser *p, const uint8_t *data, size_t len,
		 struct result *r)
{
	const uint8_t *end = data + len;
	struct mpq_capsule c;
	int rc;

	while ((rc = mpq_capsule_parse(p, &data, &len, &c)) > 0) {
		FUZZ_HOLDS((c.value == NULL) ==
			   (c.len_bytes > MPQ_CAPSULE_MAX_BYTES));
		FUZZ_HOLDS(data + len == end);
		r->capsules++;
		add(r, (const uint8_t *)&c.type, sizeof(c.type));
		if (c.value == NULL) {
			continue;
		}
		add(r, c.value, c.len_bytes);
		check_capsule(&c);
	}
	FUZZ_HOLDS(rc < 0 || len == 0);
	r->error = rc;
}

/* In pieces of 1 to `most` bytes, by turns. */
static bool feed_cut(struct mpq_capsule_parser *p, const uint8_t *data,
		     size_t len, size_t most, struct result *r)
{
	size_t n = 1;

	for (; len > 0 && r->error == 0; data += n, len -= n) {
		n = n % most + 1;
		n = n < len ? n : len;
		feed(p, data, n, r);
	}
	return mpq_capsule_parser_empty(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mpq_capsule_parser whole, cut;
	struct result a = {0}, b = {0};

	if (size < 1) {
		return 0;
	}
	mpq_capsule_parser_init(&whole);
	mpq_capsule_parser_init(&cut);
	feed(&whole, data + 1, size - 1, &a);
	(void)feed_cut(&cut, data + 1, size - 1, data[0] % 64 + 1, &b);
	FUZZ_HOLDS(a.error == b.error && a.capsules == b.capsules);
	FUZZ_HOLDS(a.sum == b.sum && whole.skipped == cut.skipped);
	FUZZ_HOLDS(a.error < 0 || mpq_capsule_parser_empty(&whole) ==
					  mpq_capsule_parser_empty(&cut));
	return 0;
}
