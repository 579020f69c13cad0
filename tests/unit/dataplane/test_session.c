/* SPDX-License-Identifier: Apache-2.0 */
/* Bonding: two whole engines, three paths, one tunnel; in virtual time. */
#include "tests/unit/dataplane/bonded.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void all_paths_join_one_session(void **state)
{
	struct site *s = *state;

	bonded_bring_up(s);
	assert_memory_equal(bonded_session(&s->edge)->key.id,
			    bonded_session(&s->vps)->key.id, MPQ_JOIN_ID_BYTES);
	assert_int_equal(bonded_session(&s->vps)->counters.opens, 1);
	assert_int_equal(bonded_session(&s->vps)->counters.joins,
			 BONDED_PATHS - 1);
	bonded_exchange(s, 100);
}

/* Neither headers nor probes count. */
static void what_one_end_sent_the_other_one_got(void **state)
{
	struct site *s = *state;
	uint64_t sent = 0, got = 0;

	bonded_bring_up(s);
	bonded_exchange(s, 100);
	for (int i = 0; i < BONDED_PATHS; i++) {
		sent += bonded_session(&s->edge)->path[i].bytes_out;
		got += bonded_session(&s->vps)->path[i].bytes_in;
	}
	assert_int_equal(got, 100 * 500);
	assert_int_equal(sent, got);
}

static void any_path_can_be_the_first(void **state)
{
	struct site *s = *state;

	for (int i = BONDED_PATHS - 1; i >= 0; i--) {
		bonded_link_ready(s, i);
		fake_run(1 * MPQ_SECOND);
		assert_int_equal(bonded_used(&s->edge),
				 (unsigned)(BONDED_PATHS - i));
		assert_int_equal(bonded_used(&s->vps),
				 (unsigned)(BONDED_PATHS - i));
		bonded_exchange(s, 20);
	}
}

static void who_is_away_tells_its_latest_trouble(void **state)
{
	struct site *s = *state;
	const struct mpq_session_path *m;

	bonded_bring_up(s);
	m = &bonded_edge(s)->path[0];
	bonded_link_gone(s, 0);
	assert_string_equal(m->reason, "unplugged");
	(void)mpq_path_link(bonded_path(s, 0), MPQ_LIFE_NO_ADDRESS,
			    "no default route yet", NULL, fake_now());
	assert_string_equal(m->reason, "no default route yet");
	assert_int_equal(m->state, MPQ_SESSION_AWAY);
	bonded_link_ready(s, 0);
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(m->state, MPQ_SESSION_USED);
	assert_string_equal(m->reason, "it has behaved well");
}

/* Its first probes show what it loses. */
static void a_path_beside_others_is_looked_at_first(void **state)
{
	struct site *s = *state;
	const struct mpq_session_path *m;

	bonded_link_ready(s, 0);
	fake_run(MPQ_SECOND);
	m = &bonded_session(&s->edge)->path[1];
	bonded_link_ready(s, 1);
	while (m->state != MPQ_SESSION_TRIED) {
		assert_int_not_equal(m->state, MPQ_SESSION_USED);
		fake_run(10 * MPQ_MILLISECOND);
	}
	fake_run(MPQ_SECOND / 2);
	assert_int_equal(m->state, MPQ_SESSION_USED);
	assert_true(m->estimate.acked >= 20);
}

static void each_path_may_go_and_come_back(void **state)
{
	struct site *s = *state;

	bonded_bring_up(s);
	for (int i = 0; i < BONDED_PATHS; i++) {
		bonded_link_gone(s, i);
		fake_run(100 * MPQ_MILLISECOND);
		assert_int_equal(bonded_used(&s->edge), BONDED_PATHS - 1);
		assert_int_equal(bonded_used(&s->vps), BONDED_PATHS - 1);
		bonded_exchange(s, 20);
		bonded_link_ready(s, i);
		fake_run(2 * MPQ_SECOND);
		assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
		assert_int_equal(bonded_used(&s->vps), BONDED_PATHS);
	}
	assert_int_equal(bonded_session(&s->vps)->counters.opens, 1);
	bonded_exchange(s, 20);
}

static void what_a_silent_path_swallowed_is_sent_again(void **state)
{
	struct site *s = *state;

	bonded_bring_up(s);
	bonded_exchange(s, 20);
	for (int i = 0; i < BONDED_PATHS; i++) {
		unsigned out = fake_tun_came(s->vps.tun);
		unsigned in = fake_tun_came(s->edge.tun);

		for (int k = 0; k < 200; k++) {
			if (k == 100) {
				fake_cut(bonded_address[i], true);
			}
			site_send_out(s, 500);
			site_send_in(s, 500);
			fake_run(2 * MPQ_MILLISECOND);
		}
		fake_run(500 * MPQ_MILLISECOND);
		assert_int_equal(fake_tun_came(s->vps.tun) - out, 200);
		assert_int_equal(fake_tun_came(s->edge.tun) - in, 200);
		fake_cut(bonded_address[i], false);
		fake_run(4 * MPQ_SECOND);
		assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	}
}

static void a_session_begins_anew_when_all_paths_were_gone(void **state)
{
	struct site *s = *state;

	bonded_bring_up(s);
	for (int i = 0; i < BONDED_PATHS; i++) {
		bonded_link_gone(s, i);
	}
	fake_run(3 * MPQ_SECOND);
	assert_false(s->edge.tunnel_up);
	bonded_bring_up(s);
	assert_int_equal(bonded_session(&s->vps)->counters.opens, 2);
	bonded_exchange(s, 20);
}

static void the_peer_hears_of_a_lost_device_by_another_path(void **state)
{
	struct site *s = *state;

	bonded_bring_up(s);
	for (int i = 0; i < BONDED_PATHS; i++) {
		fake_run(50 * MPQ_MILLISECOND);
		bonded_link_gone(s, i);
		fake_run(FAKE_ONE_WAY + MPQ_MILLISECOND);
		assert_int_equal(bonded_session(&s->vps)->path[i].state,
				 MPQ_SESSION_AWAY);
		bonded_link_ready(s, i);
		fake_run(2 * MPQ_SECOND);
	}
}

/* The word of a path that went comes when the path is back already. */
static void a_farewell_that_is_late_parts_nobody(void **state)
{
	struct site *s = *state;

	bonded_bring_up(s);
	for (int i = 1; i < BONDED_PATHS; i++) {
		fake_cut(bonded_address[i], true);
	}
	bonded_link_gone(s, 0);
	bonded_link_ready(s, 0);
	fake_run(1500 * MPQ_MILLISECOND);
	assert_int_equal(bonded_session(&s->vps)->counters.joins, BONDED_PATHS);
	for (int i = 1; i < BONDED_PATHS; i++) {
		fake_cut(bonded_address[i], false);
	}
	fake_run(3 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&s->vps), BONDED_PATHS);
	assert_int_equal(bonded_session(&s->vps)->counters.joins, BONDED_PATHS);
	bonded_exchange(s, 20);
}

static void who_is_told_to_have_left_dials_anew(void **state)
{
	struct site *s = *state;
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	int n;

	bonded_bring_up(s);
	n = mpq_join_write_leave(value, 0,
				 bonded_session(&s->edge)->path[0].mark);
	assert_int_equal(mpq_channel_send_capsule(
				 bonded_session(&s->edge)->path[1].channel,
				 MPQ_JOIN_LEAVE, value, (size_t)n),
			 0);
	mpq_channel_ping(bonded_session(&s->edge)->path[1].channel, fake_now());
	fake_run(5 * MPQ_SECOND);
	assert_int_equal(bonded_session(&s->vps)->counters.joins, BONDED_PATHS);
	assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&s->vps), BONDED_PATHS);
	bonded_exchange(s, 20);
}

static void a_policy_is_heard_once_and_refused_never(void **state)
{
	struct site *s = *state;

	bonded_bring_up(s);
	assert_int_equal(bonded_session(&s->vps)->policy_number, 1);
	assert_int_equal(bonded_session(&s->vps)->counters.policies, 1);
	assert_int_equal(bonded_session(&s->vps)->counters.refused_policies, 0);
}

/* The last member goes while another path is being let in. */
static void who_is_let_in_when_the_last_goes_keeps_the_session(void **state)
{
	struct site *s = *state;

	bonded_link_ready(s, 0);
	fake_run(1 * MPQ_SECOND);
	bonded_link_ready(s, 1);
	for (int i = 0; i < 1000 && bonded_session(&s->edge)->path[1].state !=
					    MPQ_SESSION_JOINING;
	     i++) {
		fake_run(1 * MPQ_MILLISECOND);
	}
	assert_int_equal(bonded_session(&s->edge)->path[1].state,
			 MPQ_SESSION_JOINING);
	bonded_link_gone(s, 0);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), 1);
	bonded_link_ready(s, 0);
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), 2);
	assert_int_equal(bonded_session(&s->vps)->counters.opens, 1);
	bonded_exchange(s, 20);
}

/* Its connection may answer yet, but a request joins once. */
static void who_left_the_session_joins_by_a_fresh_connection(void **state)
{
	struct site *s = *state;
	struct mpq_session *session;
	struct mpq_channel *ch;

	bonded_link_ready(s, 0);
	fake_run(2 * MPQ_SECOND);
	session = bonded_session(&s->edge);
	ch = session->path[0].channel;
	mpq_session_withdraw(session, ch, "for a test", fake_now());
	mpq_session_offer(session, 0, ch, fake_now());
	fake_run(20 * MPQ_MILLISECOND); /* sooner than it dials */
	assert_string_equal(s->edge.path_reason,
			    "it was silent and left the session");
	fake_run(3 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), 1);
	assert_int_equal(bonded_used(&s->vps), 1);
	bonded_exchange(s, 20);
}

static mpq_duration until_used(struct site *s)
{
	mpq_time begun = fake_now();

	while (bonded_used(&s->edge) == 0 &&
	       mpq_time_elapsed(begun, fake_now()) < 3 * MPQ_SECOND) {
		fake_run(1 * MPQ_MILLISECOND);
	}
	return mpq_time_elapsed(begun, fake_now());
}

/* Whenever the outage ends: what is lost of a dial is sent again after 60, 120,
 * 240 and 480 ms. The old connection, which cannot join again, is not waited
 * for. */
static void a_dial_under_way_brings_a_path_back(void **state)
{
	struct site *s = *state;

	bonded_link_ready(s, 0);
	fake_run(2 * MPQ_SECOND);
	for (unsigned i = 0; i < 10; i++) {
		fake_cut(bonded_address[0], true);
		fake_run((2500 + i * 110) * MPQ_MILLISECOND);
		assert_int_equal(bonded_used(&s->edge), 0);
		fake_cut(bonded_address[0], false);
		assert_true(until_used(s) <= 600 * MPQ_MILLISECOND);
		fake_run(2 * MPQ_SECOND);
		bonded_exchange(s, 20);
	}
}

static void set_mode(struct site *s, enum mpq_steer_mode mode)
{
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.class[0].steer.mode = mode;
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
	assert_int_equal(bonded_session(&s->vps)->policy.class[0].steer.mode,
			 mode);
}

static void both_ends_know_what_is_metered(void **state)
{
	struct site *s = *state;
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.metered = 2;
	bonded_bring_up(s);
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
	for (int i = 0; i < BONDED_PATHS; i++) {
		assert_int_equal(bonded_session(&s->edge)->path[i].metered,
				 i == 1);
		assert_int_equal(bonded_session(&s->vps)->path[i].metered,
				 i == 1);
	}
}

static void a_rule_keeps_its_count(void **state)
{
	struct site *s = *state;
	struct mpq_policy policy;
	const struct mpq_policy *now;

	mpq_policy_init(&policy);
	policy.classify.n_rules = 1;
	policy.classify.rule[0] =
		(struct mpq_classify_rule){.protocol = IPPROTO_UDP};
	(void)snprintf(policy.rule_name[0], sizeof(policy.rule_name[0]), "udp");
	mpq_classify_compile(&policy.classify);
	bonded_bring_up(s);
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
	bonded_exchange(s, 20);
	policy.classify.n_rules = 2;
	policy.classify.rule[1] = policy.classify.rule[0];
	policy.classify.rule[0].protocol = IPPROTO_TCP;
	memcpy(policy.rule_name[1], "udp", 4);
	memcpy(policy.rule_name[0], "tcp", 4);
	mpq_classify_compile(&policy.classify);
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
	bonded_exchange(s, 20);
	now = &bonded_session(&s->edge)->policy;
	assert_int_equal(now->classify.hits[0].packets, 0);
	assert_int_equal(now->classify.hits[1].packets, 40);
	now = &bonded_session(&s->vps)->policy;
	assert_int_equal(now->classify.hits[1].packets, 40);
}

/* Each way 500 packets a second while path i goes, in both ways of going. */
static void copies_survive_any_path(void **state)
{
	struct site *s = *state;

	bonded_bring_up(s);
	set_mode(s, MPQ_STEER_REDUNDANT);
	for (int i = 0; i < 2 * BONDED_PATHS; i++) {
		unsigned out = fake_tun_came(s->vps.tun);
		unsigned in = fake_tun_came(s->edge.tun);

		for (int k = 0; k < 200; k++) {
			if (k == 100 && i < BONDED_PATHS) {
				fake_cut(bonded_address[i], true);
				bonded_link_gone(s, i);
			} else if (k == 100) {
				fake_cut(bonded_address[i - BONDED_PATHS],
					 true);
			}
			site_send_out(s, 500);
			site_send_in(s, 500);
			fake_run(2 * MPQ_MILLISECOND);
		}
		fake_run(500 * MPQ_MILLISECOND);
		assert_int_equal(fake_tun_came(s->vps.tun) - out, 200);
		assert_int_equal(fake_tun_came(s->edge.tun) - in, 200);
		fake_cut(bonded_address[i % BONDED_PATHS], false);
		if (i < BONDED_PATHS) {
			bonded_link_ready(s, i);
		}
		fake_run(4 * MPQ_SECOND);
		assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	}
}

/* One leaves the configuration, another one comes: the third is not touched. */
static void paths_come_and_go_by_configuration(void **state)
{
	struct site *s = *state;
	const struct mpq_channel *stays;
	unsigned connects;

	bonded_bring_up(s);
	stays = mpq_path_channel(bonded_path(s, 2));
	connects = bonded_path(s, 2)->life.connects;
	assert_int_equal(
		site_apply_edge(s,
				BONDED_EDGE_PATH(2, 45002) "," BONDED_EDGE_PATH(
					3, 45003),
				"{'name':'mpq1','paths':['wan3',"
				"'wan2'],'mtu':1400,'addresses':"
				"['10.200.1.1/30']}",
				NULL, 0),
		0);
	fake_run(500 * MPQ_MILLISECOND);
	assert_int_equal(bonded_used(&s->edge), 2);
	assert_int_equal(bonded_used(&s->vps), 2);
	bonded_exchange(s, 20);
	assert_int_equal(site_apply_edge(s, BONDED_EDGE_PATHS,
					 BONDED_EDGE_TUNNEL, NULL, 0),
			 0);
	bonded_link_ready(s, 0);
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&s->vps), BONDED_PATHS);
	bonded_exchange(s, 20);
	assert_ptr_equal(mpq_path_channel(bonded_path(s, 2)), stays);
	assert_int_equal(bonded_path(s, 2)->life.connects, connects);
	assert_int_equal(bonded_session(&s->vps)->counters.opens, 1);
}

/* The concentrator has lost the session, and only one path is left to hear of
 * it: that one begins anew, and does not wait until the others are given up. */
static void one_path_is_enough_to_begin_anew(void **state)
{
	struct site *s = *state;
	struct mpq_engine_descriptor d[1];
	unsigned came;

	bonded_bring_up(s);
	bonded_exchange(s, 20);
	for (int i = 1; i < BONDED_PATHS; i++) {
		fake_cut(bonded_address[i], true);
	}
	assert_int_equal(site_apply_vps(s, SITE_PEER, BONDED_VPS_PATHS, "",
					NULL, 0),
			 0);
	fake_run(20 * MPQ_MILLISECOND);
	s->vps.tun = fake_tun();
	d[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", s->vps.tun);
	assert_int_equal(site_apply_vps(s, SITE_PEER, BONDED_VPS_PATHS,
					BONDED_VPS_TUNNEL, d, 1),
			 0);
	came = fake_tun_came(s->vps.tun);
	for (int i = 0; i < 20 && fake_tun_came(s->vps.tun) == came; i++) {
		site_send_out(s, 500);
		fake_run(50 * MPQ_MILLISECOND);
	}
	assert_true(fake_tun_came(s->vps.tun) > came); /* within a second */
	assert_int_equal(bonded_used(&s->edge), 1);
	for (int i = 1; i < BONDED_PATHS; i++) {
		fake_cut(bonded_address[i], false);
	}
	fake_run(70 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&s->vps), BONDED_PATHS);
	bonded_exchange(s, 20);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, bonded_setup, site_teardown)

static bool while_it_does_not_open(void *context,
				   const struct mpq_sockaddr *from,
				   const struct mpq_sockaddr *to, size_t len)
{
	const struct mpq_session *s = context;
	struct mpq_sockaddr lossy;

	(void)len;
	assert_int_equal(mpq_sockaddr_parse(bonded_address[0], 0, &lossy), 0);
	return s->opener != 0 ||
	       (from->in.sin_addr.s_addr != lossy.in.sin_addr.s_addr &&
		to->in.sin_addr.s_addr != lossy.in.sin_addr.s_addr);
}

/* It is the first that is up, but what it says then is lost. */
static void who_is_not_answered_leaves_the_opening_to_others(void **state)
{
	struct site *s = *state;
	struct mpq_session *session = bonded_session(&s->edge);

	fake_filter(while_it_does_not_open, session);
	bonded_link_ready(s, 0);
	bonded_link_ready(s, 1);
	fake_run(400 * MPQ_MILLISECOND);
	assert_int_equal(session->path[1].state, MPQ_SESSION_USED);
	assert_int_equal(session->passed_over, 0);
	bonded_exchange(s, 20);
	fake_run(3 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), 2);
	assert_int_equal(bonded_used(&s->vps), 2);
	assert_int_equal(bonded_session(&s->vps)->counters.opens, 1);
	fake_filter(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_paths_join_one_session),
		TEST(what_one_end_sent_the_other_one_got),
		TEST(any_path_can_be_the_first),
		TEST(who_is_away_tells_its_latest_trouble),
		TEST(a_path_beside_others_is_looked_at_first),
		TEST(each_path_may_go_and_come_back),
		TEST(what_a_silent_path_swallowed_is_sent_again),
		TEST(a_session_begins_anew_when_all_paths_were_gone),
		TEST(the_peer_hears_of_a_lost_device_by_another_path),
		TEST(a_farewell_that_is_late_parts_nobody),
		TEST(who_is_told_to_have_left_dials_anew),
		TEST(a_policy_is_heard_once_and_refused_never),
		TEST(who_is_let_in_when_the_last_goes_keeps_the_session),
		TEST(who_left_the_session_joins_by_a_fresh_connection),
		TEST(a_dial_under_way_brings_a_path_back),
		TEST(both_ends_know_what_is_metered),
		TEST(a_rule_keeps_its_count),
		TEST(copies_survive_any_path),
		TEST(paths_come_and_go_by_configuration),
		TEST(one_path_is_enough_to_begin_anew),
		TEST(who_is_not_answered_leaves_the_opening_to_others),
	};

	return cmocka_run_group_tests_name("dataplane/session", tests, NULL,
					   NULL);
}
