/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "common/prefix.h"

static struct mpq_prefix prefix(const char *text)
{
	struct mpq_prefix p;

	assert_int_equal(mpq_prefix_parse(text, &p), 0);
	return p;
}

static void prints_what_it_read(void **state)
{
	static const char *const texts[][2] = {
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"10.200.1.1/30", "10.200.1.1/30"},
		{"192.0.2.7", "192.0.2.7/32"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"fd00::1", "fd00::1/128"},
		{"2001:DB8:0::/32", "2001:db8::/32"},
		{"::/0", "::/0"},
	};
	char text[MPQ_PREFIX_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct mpq_prefix p = prefix(texts[i][0]);

		assert_string_equal(mpq_prefix_format(&p, text), texts[i][1]);
	}
}

static void rejects_what_is_no_prefix_and_leaves_the_result(void **state)
{
	static const char *const texts[] = {
		"",
		"/",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0/8",
		"10.0.0.0/08",
		"10.0.0.0/+8",
		"10.0.0.0/8 ",
		" 10.0.0.0/8",
		"::/129",
		"::/1000",
		"fe80::1%eth0/64",
		"10.0.0.0/8/8",
		"example.net",
		"aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa/8"};
	struct mpq_prefix before, p;

	(void)state;
	memset(&p, 0xa5, sizeof(p));
	before = p;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(mpq_prefix_parse(texts[i], &p), -EINVAL);
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

static bool contains(const char *text, const char *address)
{
	struct mpq_prefix p = prefix(text), a = prefix(address);

	return mpq_prefix_contains(&p, a.family, a.addr);
}

static void contains_by_the_bits_of_its_length_only(void **state)
{
	(void)state;
	assert_true(contains("10.0.0.0/8", "10.255.255.255"));
	assert_false(contains("10.0.0.0/8", "11.0.0.0"));
	assert_true(contains("10.200.1.1/30", "10.200.1.2"));
	assert_false(contains("10.200.1.1/30", "10.200.1.4"));
	assert_true(contains("10.200.1.1/32", "10.200.1.1"));
	assert_false(contains("10.200.1.1/32", "10.200.1.0"));
	assert_true(contains("0.0.0.0/0", "255.255.255.255"));
	assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(contains("fd00::1/128", "fd00::1"));
	assert_false(contains("fd00::1/128", "fd00::2"));
}

static void families_never_match_each_other(void **state)
{
	(void)state;
	assert_false(contains("0.0.0.0/0", "::"));
	assert_false(contains("::/0", "0.0.0.0"));
	assert_false(contains("::ffff:0:0/96", "192.0.2.1"));
}

static void equality_ignores_host_bits(void **state)
{
	struct mpq_prefix a = prefix("10.200.1.1/30"),
			  b = prefix("10.200.1.2/30"),
			  c = prefix("10.200.1.1/31"), d = prefix("::/30");

	(void)state;
	assert_true(mpq_prefix_equal(&a, &b));
	assert_false(mpq_prefix_equal(&a, &c));
	assert_false(mpq_prefix_equal(&a, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_what_it_read),
		cmocka_unit_test(
			rejects_what_is_no_prefix_and_leaves_the_result),
		cmocka_unit_test(contains_by_the_bits_of_its_length_only),
		cmocka_unit_test(families_never_match_each_other),
		cmocka_unit_test(equality_ignores_host_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
