/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/masque/capsule.h"
#include "dataplane/masque/h3_queue.h"

static struct mpq_h3_queue queue;

static int set_up(void **state)
{
	(void)state;
	mpq_h3_queue_init(&queue);
	return 0;
}

static void gives_what_was_pushed_once(void **state)
{
	struct iovec vec[2];

	(void)state;
	assert_int_equal(mpq_h3_queue_give(&queue, vec), 0);
	assert_int_equal(mpq_h3_queue_push(&queue, 1, "abc", 3), 0);
	assert_int_equal(mpq_h3_queue_push(&queue, 3, NULL, 0), 0);
	assert_int_equal(mpq_h3_queue_give(&queue, vec), 1);
	assert_int_equal(vec[0].iov_len, 7);
	assert_memory_equal(vec[0].iov_base,
			    "\x01\x03"
			    "abc\x03\x00",
			    7);
	assert_int_equal(mpq_h3_queue_give(&queue, vec), 0);
}

static void keeps_given_bytes_until_they_are_acknowledged(void **state)
{
	uint8_t value[MPQ_CAPSULE_MAX_BYTES - 3] = {0};
	struct iovec vec[2];

	(void)state;
	/* 1 byte of type, 2 of length: four fill the ring. */
	for (int i = 0; i < 4; i++) {
		assert_int_equal(mpq_h3_queue_push(&queue, 1, value,
						   sizeof(value)),
				 0);
	}
	assert_int_equal(mpq_h3_queue_push(&queue, 1, NULL, 0), -ENOBUFS);
	assert_int_equal(mpq_h3_queue_give(&queue, vec), 1);
	assert_int_equal(vec[0].iov_len, MPQ_H3_QUEUE_BYTES);
	assert_int_equal(mpq_h3_queue_push(&queue, 1, NULL, 0), -ENOBUFS);
	mpq_h3_queue_ack(&queue, 1);
	assert_int_equal(mpq_h3_queue_push(&queue, 1, NULL, 0), -ENOBUFS);
	mpq_h3_queue_ack(&queue, 1);
	assert_int_equal(mpq_h3_queue_push(&queue, 1, NULL, 0), 0);
	assert_int_equal(mpq_h3_queue_give(&queue, vec), 1);
	assert_int_equal(vec[0].iov_len, 2);
}

static void refuses_what_no_peer_of_ours_reads(void **state)
{
	uint8_t value[MPQ_CAPSULE_MAX_BYTES + 1] = {0};

	(void)state;
	assert_int_equal(mpq_h3_queue_push(&queue, 1, value, sizeof(value)),
			 -ENOBUFS);
	assert_int_equal(mpq_h3_queue_push(&queue, 1, value, sizeof(value) - 1),
			 0);
}

/* Many laps with a capsule of every size, read back by the parser. */
static void comes_out_whole_around_the_end(void **state)
{
	struct mpq_capsule_parser parser;
	struct mpq_capsule c;
	struct iovec vec[2];
	uint8_t value[1000];
	bool wrapped = false;

	(void)state;
	mpq_capsule_parser_init(&parser);
	for (size_t i = 0; i < sizeof(value); i++) {
		size_t n, total = 0, seen = 0;

		memset(value, (int)i, sizeof(value));
		assert_int_equal(mpq_h3_queue_push(&queue, i, value, i), 0);
		n = mpq_h3_queue_give(&queue, vec);
		wrapped |= n == 2;
		for (size_t v = 0; v < n; v++) {
			const uint8_t *at = vec[v].iov_base;
			size_t len = vec[v].iov_len;

			total += len;
			while (mpq_capsule_parse(&parser, &at, &len, &c) > 0) {
				seen++;
				assert_int_equal(c.type, i);
				assert_int_equal(c.len_bytes, i);
				assert_memory_equal(c.value, value, i);
			}
		}
		assert_int_equal(seen, 1);
		mpq_h3_queue_ack(&queue, total);
	}
	assert_true(wrapped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gives_what_was_pushed_once, set_up),
		cmocka_unit_test_setup(
			keeps_given_bytes_until_they_are_acknowledged, set_up),
		cmocka_unit_test_setup(refuses_what_no_peer_of_ours_reads,
				       set_up),
		cmocka_unit_test_setup(comes_out_whole_around_the_end, set_up),
	};

	return cmocka_run_group_tests_name("masque/h3_queue", tests, NULL,
					   NULL);
}
