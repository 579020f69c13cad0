/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/wan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct mpq_link link_up;
static struct mpq_address address;
static struct mpq_route gateway;
static struct mpq_sockaddr remote;

static int set_up(void **state)
{
	(void)state;
	link_up = (struct mpq_link){.index = 7,
				    .name = "wan1",
				    .up = true,
				    .carrier = true};
	(void)mpq_prefix_parse("192.0.2.5/24", &address.local);
	(void)mpq_prefix_parse("192.0.2.0/24", &address.net);
	gateway = (struct mpq_route){.index = 7};
	(void)mpq_prefix_parse("192.0.2.1", &gateway.gateway);
	return mpq_sockaddr_parse("203.0.113.1", 45001, &remote);
}

static struct mpq_wan judge(const struct mpq_link *l,
			    const struct mpq_address *a,
			    const struct mpq_route *g)
{
	struct mpq_wan_view v = {.name = "wan1",
				 .link = l,
				 .address = a,
				 .gateway = g};
	struct mpq_wan w;

	mpq_wan_judge(&v, &remote, &w);
	/* Each state but ready comes with its reason. */
	assert_int_equal(w.reason[0] == '\0', w.state == MPQ_WAN_READY);
	assert_int_equal(w.index != 0, w.state == MPQ_WAN_READY);
	return w;
}

static void names_what_is_missing(void **state)
{
	struct mpq_link l = link_up;

	(void)state;
	assert_int_equal(judge(NULL, NULL, NULL).state, MPQ_WAN_NO_LINK);
	l.carrier = false;
	assert_int_equal(judge(&l, &address, &gateway).state,
			 MPQ_WAN_NO_CARRIER);
	l.up = false;
	assert_non_null(
		strstr(judge(&l, &address, &gateway).reason, "switched off"));
	assert_int_equal(judge(&link_up, NULL, NULL).state, MPQ_WAN_NO_ADDRESS);
	assert_int_equal(judge(&link_up, &address, NULL).state,
			 MPQ_WAN_NO_ADDRESS);
}

static void is_ready_with_address_and_gateway(void **state)
{
	struct mpq_wan w = judge(&link_up, &address, &gateway);

	(void)state;
	assert_int_equal(w.state, MPQ_WAN_READY);
	assert_int_equal(w.index, 7);
	assert_string_equal(w.address, "192.0.2.5");
	assert_int_equal(w.gateway.family, 4);
}

static void needs_no_gateway_to_its_own_network(void **state)
{
	(void)state;
	(void)mpq_sockaddr_parse("192.0.2.9", 45001, &remote);
	assert_int_equal(judge(&link_up, &address, NULL).state, MPQ_WAN_READY);
	(void)mpq_sockaddr_parse("192.0.3.9", 45001, &remote);
	assert_int_equal(judge(&link_up, &address, NULL).state,
			 MPQ_WAN_NO_ADDRESS);
}

static void needs_no_gateway_on_a_modem_that_has_none(void **state)
{
	(void)state;
	link_up.point_to_point = true;
	assert_int_equal(judge(&link_up, &address, NULL).state, MPQ_WAN_READY);
}

static void wants_new_sockets_when_something_moved(void **state)
{
	struct mpq_wan was = judge(&link_up, &address, &gateway), is;

	(void)state;
	assert_true(mpq_wan_same(&was, &was));
	link_up.index = 8; /* another device of the same name */
	is = judge(&link_up, &address, &gateway);
	assert_false(mpq_wan_same(&was, &is));
	link_up.index = 7;
	(void)mpq_prefix_parse("192.0.2.6/24", &address.local);
	is = judge(&link_up, &address, &gateway);
	assert_false(mpq_wan_same(&was, &is));
	(void)set_up(state);
	(void)mpq_prefix_parse("192.0.2.2", &gateway.gateway);
	is = judge(&link_up, &address, &gateway);
	assert_false(mpq_wan_same(&was, &is));
	is = judge(NULL, NULL, NULL);
	assert_false(mpq_wan_same(&was, &is));
}

static void reads_back_its_own_names(void **state)
{
	enum mpq_wan_state s;
	int i;

	(void)state;
	for (i = MPQ_WAN_NO_LINK; i <= MPQ_WAN_READY; i++) {
		assert_int_equal(
			mpq_wan_state_parse(
				mpq_wan_state_name((enum mpq_wan_state)i), &s),
			0);
		assert_int_equal(s, i);
	}
	assert_int_equal(mpq_wan_state_parse("up", &s), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names_what_is_missing, set_up),
		cmocka_unit_test_setup(is_ready_with_address_and_gateway,
				       set_up),
		cmocka_unit_test_setup(needs_no_gateway_to_its_own_network,
				       set_up),
		cmocka_unit_test_setup(
			needs_no_gateway_on_a_modem_that_has_none, set_up),
		cmocka_unit_test_setup(wants_new_sockets_when_something_moved,
				       set_up),
		cmocka_unit_test(reads_back_its_own_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
