/* SPDX-License-Identifier: Apache-2.0 */
/* An edge's path over its whole life: links, sockets, silence, changes. */
#include "tests/unit/dataplane/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void a_silent_path_takes_its_tunnel_down(void **state)
{
	struct site *s = *state;
	unsigned errors;

	fake_cut(SITE_WAN, true);
	site_send_out(s, 1000);
	fake_run(4 * MPQ_SECOND);
	assert_int_equal(s->edge.state, MPQ_LIFE_DOWN);
	assert_false(s->edge.tunnel_up);
	assert_string_equal(site_tunnel(&s->edge)->reason, s->edge.path_reason);
	errors = fake_tun_errors(s->edge.tun);
	site_send_out(s, 1000);
	fake_run(1 * MPQ_SECOND);
	assert_true(fake_tun_errors(s->edge.tun) > errors);
	fake_cut(SITE_WAN, false);
	fake_run(2 * MPQ_SECOND);
	assert_true(s->edge.tunnel_up);
	site_send_out(s, 1000);
	fake_run(100 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_came(s->vps.tun), 1);
}

/* An outage that is shorter than the patience changes nothing. */
static void a_short_silence_is_none(void **state)
{
	struct site *s = *state;
	unsigned events = s->edge.tunnel_events;

	fake_cut(SITE_WAN, true);
	site_send_out(s, 1000);
	fake_run(300 * MPQ_MILLISECOND);
	fake_cut(SITE_WAN, false);
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(site_path(s)->life.connects, 1);
	assert_int_equal(s->edge.tunnel_events, events);
}

static void what_waited_too_long_is_not_sent(void **state)
{
	struct site *s = *state;

	fake_cut(SITE_WAN, true);
	for (int i = 0; i < 1000; i++) {
		site_send_out(s, 1000);
		site_send_in(s, 1000);
	}
	fake_run(200 * MPQ_MILLISECOND);
	assert_true(site_tunnel(&s->edge)->queue.pkts > 100);
	assert_true(site_tunnel(&s->vps)->queue.pkts > 100);
	fake_run(10 * MPQ_SECOND);
	fake_cut(SITE_WAN, false);
	fake_run(5 * MPQ_SECOND);
	assert_true(s->edge.tunnel_up);
	assert_int_equal(fake_tun_came(s->edge.tun), 0);
	assert_int_equal(fake_tun_came(s->vps.tun), 0);
}

static int apply_path(struct site *s, const char *path)
{
	memset(s->edge.seen, 0, sizeof(s->edge.seen));
	return site_apply_edge(s, path, SITE_EDGE_TUNNEL, NULL, 0);
}

/* The sockets are bound to the WAN of before. */
static void another_wan_waits_for_its_sockets(void **state)
{
	struct site *s = *state;
	unsigned sent;

	assert_int_equal(apply_path(s, "{'name':'wan1','wan':'eth2',"
				       "'remote-address':'192.0.2.1',"
				       "'remote-port':45001,'server-name':"
				       "'concentrator.example'}"),
			 0);
	fake_run(1 * MPQ_MILLISECOND);
	sent = fake_sent_from(SITE_WAN);
	fake_run(5 * MPQ_SECOND);
	assert_int_equal(fake_sent_from(SITE_WAN), sent);
	assert_int_equal(s->edge.state, MPQ_LIFE_NO_LINK);
	assert_non_null(strstr(s->edge.path_reason, "eth2"));
	site_link_ready(s);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(s->edge.state, MPQ_LIFE_UP);
}

static void another_remote_is_dialled_without_detour(void **state)
{
	struct site *s = *state;

	assert_int_equal(apply_path(s, "{'name':'wan1','wan':'eth1',"
				       "'remote-address':'192.0.2.1',"
				       "'remote-port':45009,'server-name':"
				       "'concentrator.example'}"),
			 0);
	fake_run(10 * MPQ_MILLISECOND);
	assert_int_equal(s->edge.state, MPQ_LIFE_CONNECTING);
	assert_false(s->edge.seen[MPQ_LIFE_NO_LINK]);
	assert_int_equal(apply_path(s, SITE_EDGE_PATH), 0);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(s->edge.state, MPQ_LIFE_UP);
}

static void a_link_keeps_its_reason_over_a_change(void **state)
{
	struct site *s = *state;

	mpq_path_link(site_path(s), MPQ_LIFE_NO_CARRIER, "the cable is out",
		      NULL, fake_now());
	assert_int_equal(apply_path(s, "{'name':'wan1','wan':'eth1',"
				       "'remote-address':'192.0.2.1',"
				       "'remote-port':45009,'server-name':"
				       "'concentrator.example'}"),
			 0);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(s->edge.state, MPQ_LIFE_NO_CARRIER);
	assert_string_equal(s->edge.path_reason, "the cable is out");
}

static void a_tunnel_tells_why_its_path_is_down_now(void **state)
{
	struct site *s = *state;

	mpq_path_link(site_path(s), MPQ_LIFE_NO_CARRIER, "the cable is out",
		      NULL, fake_now());
	assert_string_equal(site_tunnel(&s->edge)->reason, "the cable is out");
	mpq_path_link(site_path(s), MPQ_LIFE_NO_LINK, "unplugged", NULL,
		      fake_now());
	assert_string_equal(site_tunnel(&s->edge)->reason, "unplugged");
}

static void sockets_that_are_none_are_refused(void **state)
{
	struct site *s = *state;
	unsigned descriptors = fake_open_descriptors();
	int fds[MPQ_PATH_SOCKETS] = {fake_other(), fake_udp(SITE_WAN, 77)};

	assert_true(mpq_path_link(site_path(s), MPQ_LIFE_CONNECTING, "", fds,
				  fake_now()) < 0);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(s->edge.state, MPQ_LIFE_NO_LINK);
	assert_int_equal(fake_open_descriptors(),
			 descriptors - MPQ_PATH_SOCKETS);
	site_link_ready(s);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(s->edge.state, MPQ_LIFE_UP);
	assert_int_equal(fake_open_descriptors(), descriptors);
}

static void links_come_and_go_and_totals_grow(void **state)
{
	struct site *s = *state;
	unsigned descriptors = fake_open_descriptors();

	for (unsigned i = 1; i <= 10; i++) {
		site_send_out(s, 1000);
		fake_run(100 * MPQ_MILLISECOND);
		mpq_path_link(site_path(s), MPQ_LIFE_NO_LINK, "unplugged", NULL,
			      fake_now());
		fake_run(500 * MPQ_MILLISECOND);
		assert_false(s->edge.tunnel_up);
		assert_int_equal(site_path(s)->packets_out, i);
		site_link_ready(s);
		fake_run(1 * MPQ_SECOND);
		assert_true(s->edge.tunnel_up);
		assert_int_equal(fake_open_descriptors(), descriptors);
	}
	assert_int_equal(fake_tun_came(s->vps.tun), 10);
}

static void a_held_path_is_silent_until_released(void **state)
{
	struct site *s = *state;
	unsigned sent;

	mpq_path_hold(site_path(s), true, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
	sent = fake_sent_from(SITE_WAN);
	assert_int_equal(s->edge.state, MPQ_LIFE_HELD);
	site_link_ready(s);
	assert_int_equal(apply_path(s, SITE_EDGE_PATH), 0);
	fake_run(60 * MPQ_SECOND);
	assert_int_equal(fake_sent_from(SITE_WAN), sent);
	assert_int_equal(s->edge.state, MPQ_LIFE_HELD);
	mpq_path_hold(site_path(s), false, fake_now());
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(s->edge.state, MPQ_LIFE_UP);
}

/* The concentrator was killed: its first answer is a stateless reset. */
static void a_forgotten_connection_is_dialled_anew_at_once(void **state)
{
	struct site *s = *state;
	struct mpq_engine_descriptor d =
		config_descriptor(MPQ_ENGINE_LISTEN, "port1",
				  fake_udp(SITE_VPS, SITE_PORT));

	fake_cut(SITE_VPS, true);
	assert_int_equal(site_apply_vps(s, SITE_PEER, "", "", NULL, 0), 0);
	fake_cut(SITE_VPS, false);
	s->vps.tun = fake_tun();
	struct mpq_engine_descriptor both[] = {
		d, config_descriptor(MPQ_ENGINE_TUN, "mpq1", s->vps.tun)};
	assert_int_equal(site_apply_vps(s, SITE_PEER, SITE_VPS_PATH,
					SITE_VPS_TUNNEL, both, 2),
			 0);
	site_send_out(s, 1000);
	fake_run(200 * MPQ_MILLISECOND);
	assert_true(s->vps.tunnel_up);
	assert_int_equal(site_path(s)->life.connects, 2);
}

#define SITE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, site_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SITE(a_silent_path_takes_its_tunnel_down),
		SITE(a_short_silence_is_none),
		SITE(what_waited_too_long_is_not_sent),
		SITE(another_wan_waits_for_its_sockets),
		SITE(another_remote_is_dialled_without_detour),
		SITE(a_link_keeps_its_reason_over_a_change),
		SITE(a_tunnel_tells_why_its_path_is_down_now),
		SITE(sockets_that_are_none_are_refused),
		SITE(links_come_and_go_and_totals_grow),
		SITE(a_held_path_is_silent_until_released),
		SITE(a_forgotten_connection_is_dialled_anew_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
