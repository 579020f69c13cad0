/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/masque/capsule.h"

/* Of a type nobody knows, as greasing peers send it (RFC 9297 §5.4). */
#define UNKNOWN_TYPE 0x17

static void writes_and_reads_varints_at_their_borders(void **state)
{
	static const struct {
		uint64_t value;
		size_t size;
	} cases[] = {
		{0, 1},
		{63, 1},
		{64, 2},
		{16383, 2},
		{16384, 4},
		{(1 << 30) - 1, 4},
		{UINT64_C(1) << 30, 8},
		{MPQ_VARINT_MAX, 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[MPQ_VARINT_MAX_BYTES];
		uint64_t value = 1;

		assert_int_equal(mpq_varint_size(cases[i].value),
				 cases[i].size);
		assert_int_equal(mpq_varint_write(bytes, cases[i].value),
				 cases[i].size);
		assert_int_equal(mpq_varint_read(bytes, sizeof(bytes), &value),
				 cases[i].size);
		assert_int_equal(value, cases[i].value);
		assert_int_equal(mpq_varint_read(bytes, cases[i].size - 1,
						 &value),
				 0);
	}
}

/* RFC 9000 §A.1 */
static void reads_the_examples_of_rfc_9000(void **state)
{
	static const uint8_t eight[] = {0xc2, 0x19, 0x7c, 0x5e,
					0xff, 0x14, 0xe8, 0x8c};
	static const uint8_t four[] = {0x9d, 0x7f, 0x3e, 0x7d};
	static const uint8_t two[] = {0x7b, 0xbd};
	static const uint8_t long_way[] = {0x40, 0x25};
	uint64_t value;

	(void)state;
	assert_int_equal(mpq_varint_read(eight, 8, &value), 8);
	assert_int_equal(value, UINT64_C(151288809941952652));
	assert_int_equal(mpq_varint_read(four, 4, &value), 4);
	assert_int_equal(value, 494878333);
	assert_int_equal(mpq_varint_read(two, 2, &value), 2);
	assert_int_equal(value, 15293);
	assert_int_equal(mpq_varint_read(long_way, 2, &value), 2);
	assert_int_equal(value, 37);
}

struct stream {
	uint8_t bytes[3 * MPQ_CAPSULE_MAX_BYTES];
	size_t len;
};

static void add(struct stream *s, uint64_t type, const void *value, size_t len)
{
	size_t n =
		mpq_capsule_write(s->bytes + s->len, sizeof(s->bytes) - s->len,
				  type, value, len);

	assert_true(n > 0);
	s->len += n;
}

static void add_filled(struct stream *s, uint64_t type, size_t len)
{
	static uint8_t value[2 * MPQ_CAPSULE_MAX_BYTES];

	memset(value, (int)(len & 0xff), sizeof(value));
	add(s, type, value, len);
}

/* What a parser made of a stream that was cut into pieces. */
struct seen {
	size_t n;
	uint64_t types[8], lengths[8];
	int rc;
};

static void feed(struct mpq_capsule_parser *p, const uint8_t *data, size_t len,
		 struct seen *seen)
{
	struct mpq_capsule c;

	while ((seen->rc = mpq_capsule_parse(p, &data, &len, &c)) > 0) {
		assert_true(seen->n < 8);
		seen->types[seen->n] = c.type;
		seen->lengths[seen->n++] = c.len_bytes;
		assert_int_equal(c.value == NULL,
				 c.len_bytes > MPQ_CAPSULE_MAX_BYTES);
		for (size_t i = 0; c.value != NULL && i < c.len_bytes; i++) {
			assert_int_equal(c.value[i], c.len_bytes & 0xff);
		}
	}
	assert_true(seen->rc < 0 || len == 0);
}

static void yields_the_same_at_every_split(void **state)
{
	struct mpq_capsule_parser p;
	struct stream s = {0};

	(void)state;
	add_filled(&s, MPQ_CAPSULE_ADDRESS_ASSIGN, 7);
	add_filled(&s, UINT64_C(0x2b37000000000001), 0);
	add_filled(&s, MPQ_CAPSULE_ROUTE_ADVERTISEMENT, 70);
	add_filled(&s, MPQ_CAPSULE_DATAGRAM, 1);
	for (size_t i = 0; i <= s.len; i++) {
		for (size_t j = i; j <= s.len; j++) {
			struct seen seen = {0};

			mpq_capsule_parser_init(&p);
			feed(&p, s.bytes, i, &seen);
			feed(&p, s.bytes + i, j - i, &seen);
			feed(&p, s.bytes + j, s.len - j, &seen);
			assert_int_equal(seen.n, 4);
			assert_int_equal(seen.types[0], 1);
			assert_int_equal(seen.types[1],
					 UINT64_C(0x2b37000000000001));
			assert_int_equal(seen.types[2], 3);
			assert_int_equal(seen.types[3], 0);
			assert_int_equal(seen.lengths[0], 7);
			assert_int_equal(seen.lengths[1], 0);
			assert_int_equal(seen.lengths[2], 70);
			assert_int_equal(seen.lengths[3], 1);
			assert_true(mpq_capsule_parser_empty(&p));
		}
	}
}

static void keeps_the_largest_value_byte_by_byte(void **state)
{
	struct mpq_capsule_parser p;
	struct seen seen = {0};
	struct stream s = {0};

	(void)state;
	add_filled(&s, MPQ_CAPSULE_ADDRESS_ASSIGN, MPQ_CAPSULE_MAX_BYTES);
	mpq_capsule_parser_init(&p);
	for (size_t i = 0; i < s.len; i++) {
		assert_int_equal(seen.n, 0);
		feed(&p, s.bytes + i, 1, &seen);
	}
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.lengths[0], MPQ_CAPSULE_MAX_BYTES);
}

static void refuses_a_known_type_that_is_too_long(void **state)
{
	struct mpq_capsule_parser p;

	(void)state;
	for (uint64_t type = 0; type <= 3; type++) {
		struct seen seen = {0};
		struct stream s = {0};

		add_filled(&s, type, MPQ_CAPSULE_MAX_BYTES + 1);
		mpq_capsule_parser_init(&p);
		feed(&p, s.bytes, s.len, &seen);
		assert_int_equal(seen.rc, -EMSGSIZE);
		assert_int_equal(seen.n, 0);
		/* and stays so */
		feed(&p, s.bytes, s.len, &seen);
		assert_int_equal(seen.rc, -EMSGSIZE);
	}
}

static void
gives_out_the_head_only_of_another_type_that_is_too_long(void **state)
{
	struct mpq_capsule_parser p;
	struct stream s = {0};
	size_t skipped;

	(void)state;
	add_filled(&s, UNKNOWN_TYPE, MPQ_CAPSULE_MAX_BYTES + 1);
	skipped = s.len;
	add_filled(&s, MPQ_CAPSULE_ADDRESS_ASSIGN, 3);
	for (size_t i = 0; i <= s.len; i++) {
		struct seen seen = {0};

		mpq_capsule_parser_init(&p);
		feed(&p, s.bytes, i, &seen);
		assert_int_equal(mpq_capsule_parser_empty(&p),
				 i == 0 || i == skipped || i == s.len);
		feed(&p, s.bytes + i, s.len - i, &seen);
		assert_int_equal(seen.n, 2);
		assert_int_equal(seen.types[0], UNKNOWN_TYPE);
		assert_int_equal(seen.lengths[0], MPQ_CAPSULE_MAX_BYTES + 1);
		assert_int_equal(seen.types[1], MPQ_CAPSULE_ADDRESS_ASSIGN);
		assert_int_equal(p.skipped, 1);
	}
}

static void skips_a_length_that_no_memory_holds(void **state)
{
	uint8_t head[] = {UNKNOWN_TYPE, 0xff, 0xff, 0xff, 0xff,
			  0xff,         0xff, 0xff, 0xff};
	struct mpq_capsule_parser p;
	struct seen seen = {0};

	(void)state;
	mpq_capsule_parser_init(&p);
	feed(&p, head, sizeof(head), &seen);
	feed(&p, head, sizeof(head), &seen);
	assert_int_equal(seen.rc, 0);
	assert_int_equal(p.skip_bytes, MPQ_VARINT_MAX - sizeof(head));
}

static void knows_when_it_stands_within_a_capsule(void **state)
{
	struct mpq_capsule_parser p;
	struct seen seen = {0};
	struct stream s = {0};

	(void)state;
	add_filled(&s, MPQ_CAPSULE_ADDRESS_ASSIGN, 3);
	mpq_capsule_parser_init(&p);
	assert_true(mpq_capsule_parser_empty(&p));
	for (size_t i = 0; i + 1 < s.len; i++) {
		feed(&p, s.bytes + i, 1, &seen);
		assert_false(mpq_capsule_parser_empty(&p));
	}
	feed(&p, s.bytes + s.len - 1, 1, &seen);
	assert_true(mpq_capsule_parser_empty(&p));
}

static void writes_nothing_where_it_does_not_fit(void **state)
{
	uint8_t out[8], untouched[8];

	(void)state;
	memset(untouched, 0xaa, sizeof(untouched));
	for (size_t cap = 0; cap < 5; cap++) {
		memset(out, 0xaa, sizeof(out));
		assert_int_equal(mpq_capsule_write(out, cap, 1, "abc", 3), 0);
		assert_memory_equal(out, untouched, sizeof(out));
	}
	assert_int_equal(mpq_capsule_write(out, 5, 1, "abc", 3), 5);
	assert_memory_equal(out,
			    "\x01\x03"
			    "abc",
			    5);
	assert_int_equal(mpq_capsule_write(out, 2, 1, NULL, 0), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_reads_varints_at_their_borders),
		cmocka_unit_test(reads_the_examples_of_rfc_9000),
		cmocka_unit_test(yields_the_same_at_every_split),
		cmocka_unit_test(keeps_the_largest_value_byte_by_byte),
		cmocka_unit_test(refuses_a_known_type_that_is_too_long),
		cmocka_unit_test(
			gives_out_the_head_only_of_another_type_that_is_too_long),
		cmocka_unit_test(skips_a_length_that_no_memory_holds),
		cmocka_unit_test(knows_when_it_stands_within_a_capsule),
		cmocka_unit_test(writes_nothing_where_it_does_not_fit),
	};

	return cmocka_run_group_tests_name("masque/capsule", tests, NULL, NULL);
}
