/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N 200

static struct mpq_heap_entry entries[N], *slots[N];
static struct mpq_heap heap;

static int setup(void **state)
{
	(void)state;
	heap = (struct mpq_heap){.slots = slots};
	for (size_t i = 0; i < N; i++) {
		entries[i] = (struct mpq_heap_entry){0};
		mpq_heap_put(&heap, &entries[i], i * 7919 % N);
	}
	return 0;
}

static void gives_the_least_first(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < N; i++) {
		struct mpq_heap_entry *e = mpq_heap_least(&heap);

		assert_int_equal(e->key, i);
		mpq_heap_remove(&heap, e);
		assert_int_equal(e->place, 0);
	}
	assert_null(mpq_heap_least(&heap));
}

static void moves_an_entry_that_is_in_already(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		mpq_heap_put(&heap, &entries[i], i * 104729 % 1009);
	}
	assert_int_equal(heap.entries, N);
	while (heap.entries > 0) {
		struct mpq_heap_entry *e = mpq_heap_least(&heap);

		assert_true(e->key >= last);
		last = e->key;
		mpq_heap_remove(&heap, e);
	}
}

static void takes_any_entry_out_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i += 2) {
		mpq_heap_remove(&heap, &entries[i]);
		mpq_heap_remove(&heap, &entries[i]);
	}
	assert_int_equal(heap.entries, N / 2);
	for (uint64_t last = 0; heap.entries > 0;) {
		struct mpq_heap_entry *e = mpq_heap_least(&heap);

		assert_true(e->key >= last);
		assert_int_equal((e - entries) % 2, 1);
		last = e->key;
		mpq_heap_remove(&heap, e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gives_the_least_first, setup),
		cmocka_unit_test_setup(moves_an_entry_that_is_in_already,
				       setup),
		cmocka_unit_test_setup(takes_any_entry_out_once, setup),
	};

	return cmocka_run_group_tests_name("bond/heap", tests, NULL, NULL);
}
