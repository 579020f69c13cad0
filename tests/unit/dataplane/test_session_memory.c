/* SPDX-License-Identifier: Apache-2.0 */
/* A session without memory: refused as a whole, or as it was. */
#include "dataplane/session_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW        (1000 * MPQ_SECOND)
#define ATTEMPTS   100
#define NO_FAILURE (-1)

/* So many allocations still succeed. The linker sends all of them here. */
static int left = NO_FAILURE;

void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);

static bool fails(void)
{
	return left != NO_FAILURE && left-- <= 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
	if (fails()) {
		left = 0;
		return NULL;
	}
	return __real_calloc(n, size);
}

void *__wrap_malloc(size_t size)
{
	if (fails()) {
		left = 0;
		return NULL;
	}
	return __real_malloc(size);
}

static struct mpq_packet_pool pool;

static int setup(void **state)
{
	(void)state;
	return mpq_packet_pool_init(&pool, 100);
}

static int teardown(void **state)
{
	(void)state;
	left = NO_FAILURE;
	mpq_packet_pool_finish(&pool);
	return 0;
}

static struct mpq_session *attempt(int allocations)
{
	static const struct mpq_session_events events;
	struct mpq_session *s;

	left = allocations;
	s = mpq_session_new(false, &events, NULL, &pool, 42, NOW);
	left = NO_FAILURE;
	return s;
}

static void is_there_as_a_whole_or_not_at_all(void **state)
{
	struct mpq_session *s = NULL;
	int n = 0;

	(void)state;
	while ((s = attempt(n)) == NULL) {
		assert_true(++n < ATTEMPTS);
	}
	assert_true(n > 5);
	mpq_session_turn(s, NOW);
	assert_int_equal(mpq_session_deadline(s), MPQ_TIME_NEVER);
	mpq_session_free(s);
}

static void goes_on_as_it_was_when_it_cannot_begin_anew(void **state)
{
	struct mpq_session *s = attempt(NO_FAILURE);
	int n = 0, r;

	(void)state;
	assert_non_null(s);
	do {
		const struct mpq_repair *repair = s->repair;
		const void *lanes = s->order.lanes;

		s->sequence[0][7] = 77;
		left = n;
		r = mpq_session_restart(s, NOW);
		left = NO_FAILURE;
		assert_int_equal(s->sequence[0][7], r < 0 ? 77 : 0);
		assert_true(r == 0 || s->repair == repair);
		assert_true(r == 0 || s->order.lanes == lanes);
		mpq_session_turn(s, NOW);
		assert_true(++n < ATTEMPTS);
	} while (r < 0);
	assert_true(n > 5);
	mpq_session_free(s);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_there_as_a_whole_or_not_at_all),
		TEST(goes_on_as_it_was_when_it_cannot_begin_anew),
	};

	return cmocka_run_group_tests_name("dataplane/session_memory", tests,
					   NULL, NULL);
}
