/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "common/sockaddr.h"

static struct mpq_sockaddr address(const char *text, uint16_t port)
{
	struct mpq_sockaddr a;

	assert_int_equal(mpq_sockaddr_parse(text, port, &a), 0);
	return a;
}

static void prints_address_and_port(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1:45001"},
		{"2001:db8::1", "[2001:db8::1]:45001"},
		{"::ffff:192.0.2.1", "192.0.2.1:45001"},
		{"::", "[::]:45001"},
	};
	char text[MPQ_SOCKADDR_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mpq_sockaddr a = address(cases[i].in, 45001);

		assert_string_equal(mpq_sockaddr_format(&a, text),
				    cases[i].out);
		assert_int_equal(mpq_sockaddr_port(&a), 45001);
	}
}

static void no_address_prints_as_a_dash(void **state)
{
	struct mpq_sockaddr none = {.len = 0};
	char text[MPQ_SOCKADDR_TEXT_BYTES];

	(void)state;
	assert_string_equal(mpq_sockaddr_format(&none, text), "-");
	assert_int_equal(mpq_sockaddr_port(&none), 0);
}

static void has_the_length_of_its_family(void **state)
{
	struct mpq_sockaddr a = address("192.0.2.1", 1), b = address("::1", 1);

	(void)state;
	assert_int_equal(a.len, sizeof(struct sockaddr_in));
	assert_int_equal(b.len, sizeof(struct sockaddr_in6));
}

static void rejects_what_is_no_address_and_leaves_the_result(void **state)
{
	static const char *const texts[] = {"",        "localhost",
					    "192.0.2", "192.0.2.1:5",
					    "[::1]",   "::1/128"};
	struct mpq_sockaddr before, a;

	(void)state;
	memset(&a, 0xa5, sizeof(a));
	before = a;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(mpq_sockaddr_parse(texts[i], 1, &a), -EINVAL);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

static void equal_means_family_address_and_port(void **state)
{
	struct mpq_sockaddr a = address("192.0.2.1", 1),
			    b = address("192.0.2.1", 1),
			    c = address("192.0.2.1", 2),
			    d = address("192.0.2.2", 1), e = address("::1", 1),
			    f = address("::1", 1), g = address("::2", 1),
			    none = {.len = 0};

	(void)state;
	assert_true(mpq_sockaddr_equal(&a, &b));
	assert_false(mpq_sockaddr_equal(&a, &c));
	assert_false(mpq_sockaddr_equal(&a, &d));
	assert_false(mpq_sockaddr_equal(&a, &e));
	assert_true(mpq_sockaddr_equal(&e, &f));
	assert_false(mpq_sockaddr_equal(&e, &g));
	assert_false(mpq_sockaddr_equal(&a, &none));
	assert_true(mpq_sockaddr_equal(&none, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_address_and_port),
		cmocka_unit_test(no_address_prints_as_a_dash),
		cmocka_unit_test(has_the_length_of_its_family),
		cmocka_unit_test(
			rejects_what_is_no_address_and_leaves_the_result),
		cmocka_unit_test(equal_means_family_address_and_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
