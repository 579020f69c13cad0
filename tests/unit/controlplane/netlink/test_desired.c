/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/netlink/desired.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct mpq_prefix prefix(const char *text)
{
	struct mpq_prefix p;

	assert_int_equal(mpq_prefix_parse(text, &p), 0);
	return p;
}

/* A sound one, which each test spoils. */
struct example {
	struct mpq_prefix addresses[2];
	struct mpq_desired_tunnel tunnels[2];
	struct mpq_desired_lan lans[3];
	struct mpq_desired_wan wans[2];
	struct mpq_desired_remote remotes[2];
	struct mpq_desired d;
};

static struct mpq_desired *fill(struct example *e)
{
	e->addresses[0] = prefix("10.200.1.1/30");
	e->addresses[1] = prefix("fd00::1/64");
	e->tunnels[0] = (struct mpq_desired_tunnel){"mpq1", 1400, true,
						    e->addresses, 2};
	e->tunnels[1] = (struct mpq_desired_tunnel){"mpq2", 1400, true,
						    e->addresses, 0};
	e->lans[0] = (struct mpq_desired_lan){"lan1", "mpq1", 1001};
	e->lans[1] = (struct mpq_desired_lan){"br-lan.7", "mpq1", 1001};
	e->lans[2] = (struct mpq_desired_lan){"lan2", "mpq2", 1002};
	e->wans[0] = (struct mpq_desired_wan){"wan1", 2001, 1};
	e->wans[1] = (struct mpq_desired_wan){"wwan0", 2002, 2};
	e->remotes[0] =
		(struct mpq_desired_remote){prefix("10.8.0.0/16"), "mpq1"};
	e->remotes[1] =
		(struct mpq_desired_remote){prefix("10.9.0.0/16"), "mpq2"};
	e->d = (struct mpq_desired){e->tunnels, 2, e->lans,    3,
				    e->wans,    2, e->remotes, 2};
	return &e->d;
}

static void expect_refusal(const struct example *e, const char *part)
{
	char reason[MPQ_DESIRED_REASON_BYTES] = "";

	assert_int_equal(mpq_desired_check(&e->d, reason), -EINVAL);
	if (strstr(reason, part) == NULL) {
		print_error("'%s' does not say '%s'\n", reason, part);
	}
	assert_non_null(strstr(reason, part));
}

static void accepts_what_is_sound(void **state)
{
	char reason[MPQ_DESIRED_REASON_BYTES] = "untouched";
	const struct mpq_desired none = {0};
	struct example e;

	(void)state;
	assert_int_equal(mpq_desired_check(fill(&e), reason), 0);
	assert_int_equal(mpq_desired_check(&none, reason), 0);
	assert_string_equal(reason, "untouched");
}

static void refuses_names_that_rules_cannot_carry(void **state)
{
	static const char *const bad[] = {
		"",           ".",     "..",       "lan*",  "lan\"",
		"lan 1",      "lan/1", "lan;drop", "lan\n", "a-name-of-16-ch.",
		"l\xc3\xa4n", "$lan",  "@lan"};
	static const char *const good[] = {"lan1",   "eth0.100",
					   "br-lan", "6in4",
					   "_x",     "a-name-of-15-c"};
	struct example e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(mpq_desired_name_valid(bad[i]));
		(void)fill(&e);
		e.lans[0].interface = bad[i];
		expect_refusal(&e, "can be guarded");
		(void)fill(&e);
		e.tunnels[1].name = bad[i];
		expect_refusal(&e, "can be guarded");
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(mpq_desired_name_valid(good[i]));
	}
}

static void refuses_the_systems_tables(void **state)
{
	static const uint32_t tables[] = {0, 253, 254, 255};
	struct example e;

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		(void)fill(&e);
		e.lans[2].table = tables[i];
		expect_refusal(&e, "is the system's own");
		(void)fill(&e);
		e.wans[0].table = tables[i];
		expect_refusal(&e, "is the system's own");
	}
}

static void refuses_tables_and_marks_used_twice(void **state)
{
	struct example e;

	(void)state;
	(void)fill(&e);
	e.lans[2].table = 1001;
	expect_refusal(&e, "LANs of two tunnels cannot share a table");
	(void)fill(&e);
	e.lans[1].table = 1009;
	expect_refusal(&e, "LANs of one tunnel share its table");
	(void)fill(&e);
	e.wans[0].table = 1002;
	expect_refusal(&e, "a LAN and a WAN cannot share table 1002");
	(void)fill(&e);
	e.wans[1].table = 2001;
	expect_refusal(&e, "wan1 and wwan0");
	(void)fill(&e);
	e.wans[1].mark = 1;
	expect_refusal(&e, "wan1 and wwan0");
	(void)fill(&e);
	e.wans[1].mark = 0;
	expect_refusal(&e, "mark cannot be 0");
}

static void refuses_an_interface_in_two_parts(void **state)
{
	struct example e;

	(void)state;
	(void)fill(&e);
	e.lans[2].interface = "lan1";
	expect_refusal(&e, "lan1 is a LAN twice");
	(void)fill(&e);
	e.lans[2].interface = "mpq1";
	expect_refusal(&e, "mpq1 is a LAN and a tunnel");
	(void)fill(&e);
	e.wans[0].interface = "lan2";
	expect_refusal(&e, "lan2 is a LAN and a WAN");
	(void)fill(&e);
	e.wans[0].interface = "mpq2";
	expect_refusal(&e, "mpq2 is a WAN and a tunnel");
	(void)fill(&e);
	e.tunnels[1].name = "mpq1";
	expect_refusal(&e, "tunnel mpq1 is there twice");
}

static void refuses_what_leads_nowhere(void **state)
{
	struct example e;

	(void)state;
	(void)fill(&e);
	e.lans[0].tunnel = "mpq9";
	expect_refusal(&e, "there is no tunnel mpq9");
	(void)fill(&e);
	e.remotes[1].tunnel = "mpq9";
	expect_refusal(&e, "there is no tunnel mpq9");
	(void)fill(&e);
	e.remotes[1].prefix = prefix("10.8.7.7/16"); /* the same one */
	expect_refusal(&e, "10.8.7.7/16 is behind mpq1 and behind mpq2");
	(void)fill(&e);
	e.addresses[0].length = 33;
	expect_refusal(&e, "mpq1: an address that is none");
	(void)fill(&e);
	e.remotes[0].prefix.family = 0;
	expect_refusal(&e, "mpq1: an address that is none");
}

static void a_fingerprint_tells_content(void **state)
{
	struct example a, b;
	uint64_t was;

	(void)state;
	was = mpq_desired_fingerprint(fill(&a));
	assert_int_equal(mpq_desired_fingerprint(fill(&b)), was);
	b.tunnels[0].up = false;
	assert_int_not_equal(mpq_desired_fingerprint(&b.d), was);
	(void)fill(&b);
	b.addresses[1].addr[15] = 2;
	assert_int_not_equal(mpq_desired_fingerprint(&b.d), was);
	(void)fill(&b);
	b.wans[1].mark = 3;
	assert_int_not_equal(mpq_desired_fingerprint(&b.d), was);
	(void)fill(&b);
	b.lans[2].tunnel = "mpq1";
	assert_int_not_equal(mpq_desired_fingerprint(&b.d), was);
	(void)fill(&b);
	b.d.n_remotes = 1;
	assert_int_not_equal(mpq_desired_fingerprint(&b.d), was);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_is_sound),
		cmocka_unit_test(refuses_names_that_rules_cannot_carry),
		cmocka_unit_test(refuses_the_systems_tables),
		cmocka_unit_test(refuses_tables_and_marks_used_twice),
		cmocka_unit_test(refuses_an_interface_in_two_parts),
		cmocka_unit_test(refuses_what_leads_nowhere),
		cmocka_unit_test(a_fingerprint_tells_content),
	};

	return cmocka_run_group_tests_name("netlink/desired", tests, NULL,
					   NULL);
}
