/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct mpq_config_path wan(const char *name, const char *device)
{
	struct mpq_config_path p = {.enabled = true};

	strcpy(p.name, name);
	strcpy(p.wan, device);
	return p;
}

static struct mpq_config_tunnel tunnel(const char *name)
{
	struct mpq_config_tunnel t = {.enabled = true,
				      .mtu_bytes = 1400,
				      .queue_delay_ms = 15};

	strcpy(t.name, name);
	return t;
}

static struct mpq_config_lan lan(const char *interface)
{
	struct mpq_config_lan l = {0};

	strcpy(l.interface, interface);
	return l;
}

static struct mpq_prefix prefix(const char *text)
{
	struct mpq_prefix p;

	assert_int_equal(mpq_prefix_parse(text, &p), 0);
	return p;
}

static struct mpq_policy *policy_of(const struct mpq_config *c)
{
	char reason[MPQ_DESIRED_REASON_BYTES];
	struct mpq_policy *p = NULL;

	assert_int_equal(mpq_policy_new(&p, c), 0);
	assert_int_equal(mpq_desired_check(&p->desired, reason), 0);
	return p;
}

static void takes_numbers_from_names(void **state)
{
	struct mpq_config_lan lans[] = {lan("lan3"), lan("lan1")};
	struct mpq_config_tunnel tunnels[] = {tunnel("mpq3"), tunnel("mpq1")};
	struct mpq_config_path paths[] = {wan("wan6", "eth6"),
					  wan("wan2", "eth2")};
	struct mpq_config c = {.edge = true,
			       .tunnels = tunnels,
			       .n_tunnels = 2,
			       .paths = paths,
			       .n_paths = 2};
	struct mpq_policy *p;

	(void)state;
	tunnels[0].lans = &lans[0];
	tunnels[0].n_lans = 1;
	tunnels[1].lans = &lans[1];
	tunnels[1].n_lans = 1;
	p = policy_of(&c);
	assert_int_equal(p->desired.n_lans, 2);
	assert_int_equal(p->desired.lans[0].table, 1003);
	assert_string_equal(p->desired.lans[0].tunnel, "mpq3");
	assert_int_equal(p->desired.lans[1].table, 1001);
	assert_int_equal(p->desired.wans[0].table, 2006);
	assert_int_equal(mpq_policy_mark(p, "eth6"), MPQ_POLICY_MARK + 6);
	assert_int_equal(mpq_policy_mark(p, "eth2"), MPQ_POLICY_MARK + 2);
	assert_int_equal(mpq_policy_mark(p, "eth9"), 0);
	mpq_policy_free(p);
}

static void never_gives_one_number_twice(void **state)
{
	struct mpq_config_lan lans[] = {lan("a"), lan("b"), lan("c")};
	struct mpq_config_tunnel tunnels[] = {tunnel("a1"), tunnel("b1"),
					      tunnel("c1")};
	struct mpq_config_path paths[] = {wan("a1", "e1"), wan("b1", "e2"),
					  wan("c2", "e3")};
	struct mpq_config c = {.edge = true,
			       .tunnels = tunnels,
			       .n_tunnels = 3,
			       .paths = paths,
			       .n_paths = 3};
	struct mpq_policy *p;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		tunnels[i].lans = &lans[i];
		tunnels[i].n_lans = 1;
	}
	tunnels[2].table = 1002; /* the operator's own choice */
	p = policy_of(&c);
	assert_int_equal(p->desired.lans[0].table, 1001);
	assert_int_equal(p->desired.lans[1].table, 1003);
	assert_int_equal(p->desired.lans[2].table, 1002);
	assert_int_equal(p->desired.wans[0].mark, MPQ_POLICY_MARK + 1);
	assert_int_equal(p->desired.wans[1].mark, MPQ_POLICY_MARK + 2);
	assert_int_equal(p->desired.wans[2].mark, MPQ_POLICY_MARK + 3);
	mpq_policy_free(p);
}

static void moves_no_number_when_another_goes(void **state)
{
	struct mpq_config_lan lans[] = {lan("x"), lan("y")};
	struct mpq_config_tunnel tunnels[] = {tunnel("alpha"), tunnel("beta")};
	struct mpq_config both = {.edge = true,
				  .tunnels = tunnels,
				  .n_tunnels = 2};
	struct mpq_config alone = {.edge = true,
				   .tunnels = &tunnels[1],
				   .n_tunnels = 1};
	struct mpq_policy *p, *q;

	(void)state;
	tunnels[0].lans = &lans[0];
	tunnels[0].n_lans = 1;
	tunnels[1].lans = &lans[1];
	tunnels[1].n_lans = 1;
	p = policy_of(&both);
	q = policy_of(&alone);
	assert_int_equal(p->desired.lans[1].table, q->desired.lans[0].table);
	mpq_policy_free(p);
	mpq_policy_free(q);
}

static void gives_paths_of_one_wan_one_table(void **state)
{
	struct mpq_config_path paths[] = {wan("wan1", "eth1"),
					  wan("wan2", "eth1")};
	struct mpq_config c = {.edge = true, .paths = paths, .n_paths = 2};
	struct mpq_policy *p;

	(void)state;
	p = policy_of(&c);
	assert_int_equal(p->desired.n_wans, 1);
	mpq_policy_free(p);
}

static void routes_a_site_but_not_what_is_connected(void **state)
{
	struct mpq_prefix address = prefix("10.200.1.2/30"),
			  remote = prefix("172.16.1.0/24"),
			  assign[] = {prefix("10.200.1.1/32"),
				      prefix("10.99.0.1/32")};
	struct mpq_config_tunnel t = tunnel("mpq1");
	struct mpq_config c = {.tunnels = &t, .n_tunnels = 1};
	struct mpq_policy *p;

	(void)state;
	t.addresses = (struct mpq_config_prefixes){&address, 1};
	t.remote_prefixes = (struct mpq_config_prefixes){&remote, 1};
	t.assign = (struct mpq_config_prefixes){assign, 2};
	p = policy_of(&c);
	assert_int_equal(p->desired.n_remotes, 2);
	assert_true(mpq_prefix_equal(&p->desired.remotes[0].prefix, &remote));
	assert_true(
		mpq_prefix_equal(&p->desired.remotes[1].prefix, &assign[1]));
	mpq_policy_free(p);
}

static void keeps_the_fences_of_a_disabled_tunnel(void **state)
{
	struct mpq_config_lan l = lan("lan1");
	struct mpq_config_tunnel t = tunnel("mpq1");
	struct mpq_config c = {.edge = true, .tunnels = &t, .n_tunnels = 1};
	struct mpq_policy *p;

	(void)state;
	t.enabled = false;
	t.lans = &l;
	t.n_lans = 1;
	p = policy_of(&c);
	assert_false(p->desired.tunnels[0].up);
	assert_int_equal(p->desired.n_lans, 1);
	mpq_policy_free(p);
}

static void copes_with_nothing(void **state)
{
	struct mpq_config c = {0};
	struct mpq_policy *p;

	(void)state;
	p = policy_of(&c);
	assert_int_equal(p->desired.n_tunnels, 0);
	mpq_policy_free(p);
	mpq_policy_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_numbers_from_names),
		cmocka_unit_test(never_gives_one_number_twice),
		cmocka_unit_test(moves_no_number_when_another_goes),
		cmocka_unit_test(gives_paths_of_one_wan_one_table),
		cmocka_unit_test(routes_a_site_but_not_what_is_connected),
		cmocka_unit_test(keeps_the_fences_of_a_disabled_tunnel),
		cmocka_unit_test(copes_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
