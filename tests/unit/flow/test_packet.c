/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "dataplane/flow/packet.h"

#define SIZE 8

static void gives_each_packet_once(void **state)
{
	struct mpq_packet_pool pool;
	struct mpq_packet *p[SIZE];

	(void)state;
	assert_int_equal(mpq_packet_pool_init(&pool, SIZE), 0);
	for (size_t i = 0; i < SIZE; i++) {
		p[i] = mpq_packet_get(&pool);
		assert_non_null(p[i]);
		assert_int_equal(pool.free_pkts, SIZE - 1 - i);
		for (size_t j = 0; j < i; j++) {
			assert_ptr_not_equal(p[i], p[j]);
		}
	}
	for (size_t i = 0; i < SIZE; i++) {
		mpq_packet_put(&pool, p[i]);
	}
	assert_int_equal(pool.free_pkts, SIZE);
	mpq_packet_pool_finish(&pool);
}

static void an_empty_pool_says_so_and_counts(void **state)
{
	struct mpq_packet_pool pool;
	struct mpq_packet *p;

	(void)state;
	assert_int_equal(mpq_packet_pool_init(&pool, 1), 0);
	p = mpq_packet_get(&pool);
	assert_null(mpq_packet_get(&pool));
	assert_null(mpq_packet_get(&pool));
	assert_int_equal(pool.exhausted, 2);
	mpq_packet_put(&pool, p);
	assert_ptr_equal(mpq_packet_get(&pool), p);
	mpq_packet_put(&pool, p);
	mpq_packet_pool_finish(&pool);
}

static void what_was_put_last_comes_first(void **state)
{
	struct mpq_packet_pool pool;
	struct mpq_packet *a, *b;

	(void)state;
	assert_int_equal(mpq_packet_pool_init(&pool, SIZE), 0);
	a = mpq_packet_get(&pool);
	b = mpq_packet_get(&pool);
	mpq_packet_put(&pool, a);
	mpq_packet_put(&pool, b);
	assert_ptr_equal(mpq_packet_get(&pool), b);
	assert_ptr_equal(mpq_packet_get(&pool), a);
	mpq_packet_put(&pool, a);
	mpq_packet_put(&pool, b);
	mpq_packet_pool_finish(&pool);
}

/* A pool for the worst case costs no more than was ever in use at once. */
static void memory_is_touched_only_as_it_is_used(void **state)
{
	struct mpq_packet_pool pool;

	(void)state;
	assert_int_equal(mpq_packet_pool_init(&pool, SIZE), 0);
	for (size_t i = 0; i < 100; i++) {
		struct mpq_packet *a = mpq_packet_get(&pool);
		struct mpq_packet *b = mpq_packet_get(&pool);

		mpq_packet_put(&pool, a);
		mpq_packet_put(&pool, b);
	}
	assert_int_equal(pool.fresh_pkts, 2);
	mpq_packet_pool_finish(&pool);
}

static void a_packet_comes_without_a_past(void **state)
{
	struct mpq_packet_pool pool;
	struct mpq_packet *a, *b;

	(void)state;
	assert_int_equal(mpq_packet_pool_init(&pool, SIZE), 0);
	a = mpq_packet_get(&pool);
	b = mpq_packet_get(&pool);
	a->len_bytes = 100;
	mpq_packet_put(&pool, b);
	mpq_packet_put(&pool, a);
	a = mpq_packet_get(&pool);
	assert_null(a->next);
	assert_int_equal(a->len_bytes, 0);
	mpq_packet_put(&pool, a);
	mpq_packet_pool_finish(&pool);
}

static void data_is_aligned_and_has_headroom(void **state)
{
	struct mpq_packet_pool pool;
	struct mpq_packet *a, *b;

	(void)state;
	assert_int_equal(mpq_packet_pool_init(&pool, SIZE), 0);
	a = mpq_packet_get(&pool);
	b = mpq_packet_get(&pool);
	assert_int_equal((uintptr_t)a->data % 16, 0);
	assert_int_equal((uintptr_t)b->data % 16, 0);
	assert_ptr_equal(a->head + MPQ_PACKET_HEADROOM_BYTES, a->data);
	mpq_packet_put(&pool, a);
	mpq_packet_put(&pool, b);
	mpq_packet_pool_finish(&pool);
}

static void an_impossible_size_is_refused(void **state)
{
	struct mpq_packet_pool pool;

	(void)state;
	assert_int_equal(mpq_packet_pool_init(&pool, SIZE_MAX / 2), -ENOMEM);
}

static void finishing_nothing_is_fine(void **state)
{
	struct mpq_packet_pool pool = {0};

	(void)state;
	mpq_packet_pool_finish(NULL);
	mpq_packet_pool_finish(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_each_packet_once),
		cmocka_unit_test(an_empty_pool_says_so_and_counts),
		cmocka_unit_test(what_was_put_last_comes_first),
		cmocka_unit_test(memory_is_touched_only_as_it_is_used),
		cmocka_unit_test(a_packet_comes_without_a_past),
		cmocka_unit_test(data_is_aligned_and_has_headroom),
		cmocka_unit_test(an_impossible_size_is_refused),
		cmocka_unit_test(finishing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
