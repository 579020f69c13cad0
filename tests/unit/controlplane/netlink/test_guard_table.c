/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/guard-table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mpq_prefix addresses[2], prefixes[4];
static const struct mpq_desired_tunnel tunnels[] = {
	{"mpq1", 1400, true, addresses, 2},
	{"mpq2", 1400, true, addresses, 0},
};
static const struct mpq_desired_lan lans[] = {
	{"lan1", "mpq1", 1001, prefixes, 4},
	{"eth0.7", "mpq1", 1001},
	{"lan2", "mpq2", 1002},
};
static const struct mpq_desired_wan wans[] = {
	{"wan1", 2001, 0x6d710001},
	{"wan2", 2002, 0x6d710002},
};
static const struct mpq_desired desired = {
	.tunnels = tunnels,
	.n_tunnels = 2,
	.lans = lans,
	.n_lans = 3,
	.wans = wans,
	.n_wans = 2,
};

#define ELSEWHERE                                                              \
	"\t\toifname != \"lo\" oifname != \"mpq1\" oifname != \"lan1\""        \
	" oifname != \"eth0.7\" "
#define ANSWER " counter name \"answer-mpq1\" drop\n"
#define ERRORS                                                                 \
	"icmp type { destination-unreachable, time-exceeded,"                  \
	" parameter-problem } "
#define ERRORS6                                                                \
	"icmpv6 type { destination-unreachable, packet-too-big,"               \
	" time-exceeded, parameter-problem } "

/* As nft 1.0.6 prints it with --stateless. */
static const char expected[] =
	"table inet mpquic {\n"
	"\tcounter leak-lan1 {\n\t}\n\n"
	"\tcounter inject-lan1 {\n\t}\n\n"
	"\tcounter stray-mpq1 {\n\t}\n\n"
	"\tcounter leak-eth0.7 {\n\t}\n\n"
	"\tcounter inject-eth0.7 {\n\t}\n\n"
	"\tcounter leak-lan2 {\n\t}\n\n"
	"\tcounter inject-lan2 {\n\t}\n\n"
	"\tcounter stray-mpq2 {\n\t}\n\n"
	"\tcounter spoof-mpq1 {\n\t}\n\n"
	"\tcounter answer-mpq1 {\n\t}\n\n"
	"\tchain forward {\n"
	"\t\ttype filter hook forward priority raw; policy accept;\n"
	"\t\tiifname \"lan1\" oifname != \"mpq1\""
	" counter name \"leak-lan1\" drop\n"
	"\t\toifname \"lan1\" iifname != \"mpq1\""
	" counter name \"inject-lan1\" drop\n"
	"\t\tiifname \"mpq1\" oifname != \"lan1\" oifname != \"eth0.7\""
	" counter name \"stray-mpq1\" drop\n"
	"\t\tiifname \"eth0.7\" oifname != \"mpq1\""
	" counter name \"leak-eth0.7\" drop\n"
	"\t\toifname \"eth0.7\" iifname != \"mpq1\""
	" counter name \"inject-eth0.7\" drop\n"
	"\t\tiifname \"lan2\" oifname != \"mpq2\""
	" counter name \"leak-lan2\" drop\n"
	"\t\toifname \"lan2\" iifname != \"mpq2\""
	" counter name \"inject-lan2\" drop\n"
	"\t\tiifname \"mpq2\" oifname != \"lan2\""
	" counter name \"stray-mpq2\" drop\n"
	"\t}\n\n"
	"\tchain prerouting {\n"
	"\t\ttype filter hook prerouting priority raw; policy accept;\n"
	"\t\tiifname != \"lo\" iifname != \"mpq1\" iifname != \"lan1\""
	" iifname != \"eth0.7\" ip daddr 10.200.1.1"
	" counter name \"spoof-mpq1\" drop\n"
	"\t\tiifname != \"lo\" iifname != \"mpq1\" iifname != \"lan1\""
	" iifname != \"eth0.7\" ip6 daddr fd00::1"
	" counter name \"spoof-mpq1\" drop\n"
	"\t}\n\n"
	"\tchain output {\n"
	"\t\ttype filter hook output priority raw; policy accept;\n"
	"\t\tmeta mark { 0x6d710001, 0x6d710002 } accept\n" ELSEWHERE
	"ip saddr 10.200.1.1" ANSWER ELSEWHERE
	"ip6 saddr fd00::1" ANSWER ELSEWHERE ERRORS
	"@th,192,24 0xac1001" ANSWER ELSEWHERE ERRORS
	"@th,192,24 & 0xfffff0 == 0xa0a010" ANSWER ELSEWHERE ERRORS6
	"@th,256,64 0xfd00001600010000" ANSWER ELSEWHERE ERRORS
	"counter name \"answer-mpq1\" drop\n"
	"\t}\n"
	"}\n";

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(mpq_prefix_parse("10.200.1.1/30", &addresses[0]), 0);
	assert_int_equal(mpq_prefix_parse("fd00::1/64", &addresses[1]), 0);
	assert_int_equal(mpq_prefix_parse("172.16.1.0/24", &prefixes[0]), 0);
	assert_int_equal(mpq_prefix_parse("160.160.16.0/20", &prefixes[1]), 0);
	assert_int_equal(mpq_prefix_parse("fd00:16:1::/64", &prefixes[2]), 0);
	assert_int_equal(mpq_prefix_parse("0.0.0.0/0", &prefixes[3]), 0);
	return 0;
}

static void writes_it_as_nft_prints_it(void **state)
{
	struct mpq_guard_table_pairs pairs;
	char *text;

	(void)state;
	assert_int_equal(mpq_guard_table_wanted(&pairs, &desired), 0);
	text = mpq_guard_table_write(&pairs, &desired, NULL);
	assert_string_equal(text, expected);
	free(text);
}

static void writes_nothing_when_there_is_nothing_to_guard(void **state)
{
	const struct mpq_desired none = {.tunnels = &tunnels[1],
					 .n_tunnels = 1};
	struct mpq_guard_table_pairs pairs;
	char *text;

	(void)state;
	assert_int_equal(mpq_guard_table_wanted(&pairs, &none), 0);
	text = mpq_guard_table_write(&pairs, &none, NULL);
	assert_string_equal(text, "");
	free(text);
}

static void keeps_guards_that_are_installed(void **state)
{
	const struct mpq_desired less = {
		.tunnels = tunnels,
		.n_tunnels = 2,
		.lans = (const struct mpq_desired_lan[]){{"lan1", "mpq2", 1}},
		.n_lans = 1,
	};
	struct mpq_guard_table_pairs pairs;

	(void)state;
	assert_int_equal(mpq_guard_table_wanted(&pairs, &less), 0);
	assert_int_equal(mpq_guard_table_keep(&pairs, expected), 0);
	assert_int_equal(pairs.n, 3);
	/* What is desired goes before what was. */
	assert_string_equal(pairs.pair[0].lan, "lan1");
	assert_string_equal(pairs.pair[0].tunnel, "mpq2");
	assert_string_equal(pairs.pair[1].lan, "eth0.7");
	assert_string_equal(pairs.pair[1].tunnel, "mpq1");
	assert_string_equal(pairs.pair[2].lan, "lan2");
}

static void keeps_nothing_of_anothers_rules(void **state)
{
	static const char others[] =
		"table inet mpquic {\n"
		"\t\tiifname \"a\" oifname != \"b\" drop\n"
		"\t\tiifname \"a-name-that-is-too-long\" oifname != \"b\""
		" counter name \"leak-a\" drop\n"
		"iifname \"a\" oifname != \"b\" counter name \"stray-a\" drop";
	struct mpq_guard_table_pairs pairs = {.n = 0};

	(void)state;
	assert_int_equal(mpq_guard_table_keep(&pairs, others), 0);
	assert_int_equal(pairs.n, 0);
}

static void carries_counters_over(void **state)
{
	static const char listing[] =
		"table inet mpquic {\n"
		"\tcounter leak-lan1 {\n\t\tpackets 7 bytes 700\n\t}\n\n"
		"\tcounter of-old {\n\t\tpackets 1 bytes 1\n\t}\n\n"
		"\tcounter spoof-mpq1 {\n"
		"\t\tpackets 18446744073709551615 bytes 9\n\t}\n\n}\n";
	struct mpq_guard_table_pairs pairs;
	char *text;

	(void)state;
	assert_int_equal(mpq_guard_table_wanted(&pairs, &desired), 0);
	text = mpq_guard_table_write(&pairs, &desired, listing);
	assert_non_null(strstr(text, "\tcounter leak-lan1 {\n"
				     "\t\tpackets 7 bytes 700\n\t}\n"));
	assert_non_null(strstr(text, "\tcounter inject-lan1 {\n"
				     "\t\tpackets 0 bytes 0\n\t}\n"));
	assert_non_null(strstr(text, "packets 18446744073709551615 bytes 9"));
	assert_null(strstr(text, "of-old"));
	free(text);
}

static void refuses_more_lans_than_it_holds(void **state)
{
	static char names[MPQ_GUARD_TABLE_PAIRS_MAX + 1][8];
	static struct mpq_desired_lan many[MPQ_GUARD_TABLE_PAIRS_MAX + 1];
	struct mpq_desired d = {.tunnels = tunnels, .n_tunnels = 2};
	struct mpq_guard_table_pairs pairs;

	(void)state;
	for (size_t i = 0; i < MPQ_GUARD_TABLE_PAIRS_MAX + 1; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "l%zu", i);
		many[i] = (struct mpq_desired_lan){names[i], "mpq1", 1001};
	}
	d.lans = many;
	d.n_lans = MPQ_GUARD_TABLE_PAIRS_MAX;
	assert_int_equal(mpq_guard_table_wanted(&pairs, &d), 0);
	assert_int_equal(mpq_guard_table_keep(&pairs, expected), -E2BIG);
	d.n_lans++;
	assert_int_equal(mpq_guard_table_wanted(&pairs, &d), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_it_as_nft_prints_it),
		cmocka_unit_test(writes_nothing_when_there_is_nothing_to_guard),
		cmocka_unit_test(keeps_guards_that_are_installed),
		cmocka_unit_test(keeps_nothing_of_anothers_rules),
		cmocka_unit_test(carries_counters_over),
		cmocka_unit_test(refuses_more_lans_than_it_holds),
	};

	return cmocka_run_group_tests_name("netlink/guard-table", tests, set_up,
					   NULL);
}
