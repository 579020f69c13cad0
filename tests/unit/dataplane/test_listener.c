/* SPDX-License-Identifier: Apache-2.0 */
/* The concentrator's door: who may stay, who carries, and what strangers and
 * hostile peers cannot do. */
#include "dataplane/telemetry.h"
#include "tests/unit/dataplane/crowd.h"
#include "tests/unit/dataplane/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct mpq_listener *listener(struct site *s)
{
	return s->vps.engine.listeners[0];
}

static void hold_edge(struct site *s, bool held)
{
	mpq_path_hold(site_path(s), held, fake_now());
}

/* The carrier's own address. */
static bool carried_by(struct site *s, const struct crowd_member *m)
{
	const struct mpq_channel *ch = site_tunnel(&s->vps)->channel;
	struct mpq_conn_info info;

	if (ch == NULL) {
		return false;
	}
	mpq_conn_info(ch->conn, &info);
	return mpq_sockaddr_equal(&info.remote, &m->udp.local);
}

static void who_asks_for_nothing_is_sent_away(void **state)
{
	struct site *s = *state;
	struct crowd c;
	struct crowd_member *m;

	crowd_init(&c, s->pki.client, s->pki.authority);
	m = crowd_add_mute(&c, "203.0.113.9", 9);
	(void)crowd_add_mute(&c, "203.0.113.10", 9);
	fake_run(1 * MPQ_SECOND);
	fake_cut("203.0.113.10", true);
	fake_run(4 * MPQ_SECOND);
	assert_int_equal(listener(s)->n_guests, 3);
	assert_int_equal(listener(s)->n_handshakes, 2);
	fake_run(10 * MPQ_SECOND);
	assert_int_equal(listener(s)->n_guests, 1);
	assert_int_equal(listener(s)->n_handshakes, 0);
	assert_non_null(strstr(m->reason, "no request"));
	assert_true(s->vps.tunnel_up);
	crowd_finish(&c);
}

/* Retry gets to them, so that they prove their address; then they hang. */
static bool only_small(void *context, const struct mpq_sockaddr *from,
		       const struct mpq_sockaddr *to, size_t len)
{
	struct mpq_sockaddr *address = context;

	(void)from;
	return to->in.sin_addr.s_addr != address->in.sin_addr.s_addr ||
	       len < 300;
}

static void strangers_of_one_address_leave_room_for_others(void **state)
{
	struct site *s = *state;
	struct mpq_sockaddr address;
	struct crowd c;

	crowd_init(&c, s->pki.client, s->pki.authority);
	hold_edge(s, true);
	fake_run(100 * MPQ_MILLISECOND);
	assert_int_equal(mpq_sockaddr_parse("203.0.113.9", 0, &address), 0);
	fake_filter(only_small, &address);
	for (uint16_t i = 0; i < 300; i++) {
		(void)crowd_add_mute(&c, "203.0.113.9", 1000 + i);
	}
	fake_run(200 * MPQ_MILLISECOND);
	assert_true(listener(s)->n_handshakes > 0);
	assert_true(listener(s)->dropped_address > 0);
	hold_edge(s, false);
	fake_run(1 * MPQ_SECOND);
	assert_true(s->vps.tunnel_up);
	crowd_finish(&c);
}

/* We stood still, say, and read all of its dials at once. Its farewells do not
 * count: in an Initial the library leaves out the token that its first ones
 * had. */
static void who_dials_again_and_again_is_let_in(void **state)
{
	struct site *s = *state;
	struct mpq_sockaddr address;
	struct crowd_member *m;
	struct crowd c;

	assert_int_equal(mpq_sockaddr_parse("203.0.113.9", 0, &address), 0);
	for (int i = 0; i < 40; i++) {
		crowd_init(&c, s->pki.client, s->pki.authority);
		fake_filter(only_small, &address);
		(void)crowd_add_mute(&c, "203.0.113.9", 1000);
		fake_run(50 * MPQ_MILLISECOND);
		crowd_finish(&c);
	}
	assert_int_equal(listener(s)->n_handshakes,
			 MPQ_LISTENER_ADDRESS_HANDSHAKES);
	crowd_init(&c, s->pki.client, s->pki.authority);
	m = crowd_add(&c, "203.0.113.9", 1000);
	fake_run(200 * MPQ_MILLISECOND);
	assert_true(m->channel->up);
	assert_int_equal(listener(s)->dropped_address, 0);
	crowd_finish(&c);
}

static void late_packets_do_not_turn_the_downlink_back(void **state)
{
	struct site *s = *state;
	struct crowd_member *older, *newer;
	struct crowd c;
	unsigned events;

	crowd_init(&c, s->pki.client, s->pki.authority);
	hold_edge(s, true);
	older = crowd_add(&c, "203.0.113.9", 1);
	fake_run(1 * MPQ_SECOND);
	assert_true(carried_by(s, older));
	newer = crowd_add(&c, "203.0.113.9", 2);
	fake_run(1 * MPQ_SECOND);
	crowd_send(newer, 100);
	fake_run(20 * MPQ_MILLISECOND);
	assert_true(carried_by(s, newer));
	events = s->vps.tunnel_events;
	for (int i = 0; i < 20; i++) {
		crowd_send(older, 100);
		crowd_send(newer, 100);
		fake_run(5 * MPQ_MILLISECOND);
	}
	fake_run(50 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_came(s->vps.tun), 41);
	assert_true(carried_by(s, newer));
	assert_int_equal(s->vps.tunnel_events, events);
	crowd_finish(&c);
}

static void a_newer_one_that_fell_silent_loses_its_claim(void **state)
{
	struct site *s = *state;
	struct crowd_member *older, *newer;
	struct crowd c;

	crowd_init(&c, s->pki.client, s->pki.authority);
	hold_edge(s, true);
	older = crowd_add(&c, "203.0.113.9", 1);
	newer = crowd_add(&c, "203.0.113.10", 2);
	fake_run(1 * MPQ_SECOND);
	crowd_send(newer, 100);
	fake_run(20 * MPQ_MILLISECOND);
	assert_true(carried_by(s, newer));
	fake_cut("203.0.113.10", true);
	fake_run(1 * MPQ_SECOND);
	crowd_send(older, 100);
	fake_run(100 * MPQ_MILLISECOND);
	assert_true(carried_by(s, older));
	crowd_finish(&c);
}

static bool to_nobody(void *context, const struct mpq_sockaddr *from,
		      const struct mpq_sockaddr *to, size_t len)
{
	const struct crowd_member *m = context;

	(void)from;
	(void)len;
	return !mpq_sockaddr_equal(to, &m->udp.local);
}

static void what_a_carrier_leaves_its_heir_takes_at_once(void **state)
{
	struct site *s = *state;
	struct crowd_member *older, *newer;
	struct crowd c;

	crowd_init(&c, s->pki.client, s->pki.authority);
	hold_edge(s, true);
	newer = crowd_add(&c, "203.0.113.9", 1);
	fake_run(500 * MPQ_MILLISECOND);
	older = newer;
	newer = crowd_add(&c, "203.0.113.9", 2);
	fake_run(1 * MPQ_SECOND);
	crowd_send(newer, 100);
	fake_run(50 * MPQ_MILLISECOND);
	assert_true(carried_by(s, newer));
	fake_filter(to_nobody, newer);
	for (int i = 0; i < 200; i++) {
		site_send_in(s, 1400);
	}
	fake_run(20 * MPQ_MILLISECOND);
	assert_true(site_tunnel(&s->vps)->queue.pkts > 0);
	mpq_channel_close(newer->channel, "enough");
	fake_run(60 * MPQ_MILLISECOND);
	assert_true(carried_by(s, older));
	assert_true(older->packets > 0);
	crowd_finish(&c);
}

static void refusals_are_counted_and_some_reported(void **state)
{
	struct site *s = *state;
	struct pki_certificate *other = pki_new(&(struct pki_wish){
		.cn = "edge-9",
		.issuer = s->pki.authority,
		.client = true,
		.names = {"edge-9.example"},
	});
	struct crowd c;

	crowd_init(&c, other, s->pki.authority);
	for (uint16_t i = 0; i < 100; i++) {
		(void)crowd_add(&c, "203.0.113.9", 1000 + i);
		fake_run(10 * MPQ_MILLISECOND);
	}
	fake_run(1 * MPQ_SECOND);
	assert_true(listener(s)->refusals >= 90);
	assert_in_range(s->vps.refusals, 5, 25);
	assert_non_null(strstr(s->vps.refusal, "edge-9"));
	crowd_finish(&c);
	pki_free(other);
}

/* Between handshake and request its name was given to another. */
static void a_request_is_judged_by_the_certificate_of_now(void **state)
{
	struct site *s = *state;
	struct crowd_member *m;
	struct crowd c;

	crowd_init(&c, s->pki.client, s->pki.authority);
	hold_edge(s, true);
	fake_run(100 * MPQ_MILLISECOND);
	m = crowd_add(&c, "203.0.113.9", 1);
	for (int i = 0; i < 1000; i++) {
		fake_run(1 * MPQ_MILLISECOND);
		if (listener(s)->n_guests == 1 &&
		    mpq_conn_peer(listener(s)->guests->channel->conn) != NULL) {
			break;
		}
	}
	assert_int_equal(listener(s)->n_handshakes, 1);
	assert_int_equal(site_apply_vps(s,
					"{'name':'edge-1','certificate-name':"
					"'edge-2.example'}",
					SITE_VPS_PATH, SITE_VPS_TUNNEL, NULL,
					0),
			 0);
	fake_run(1 * MPQ_SECOND);
	assert_false(s->vps.tunnel_up);
	assert_non_null(strstr(m->reason, "403"));
	crowd_finish(&c);
}

static void other_addresses_are_told_at_once(void **state)
{
	struct site *s = *state;

	assert_false(site_path(s)->address_mismatch);
	assert_int_equal(site_apply_vps(s, SITE_PEER, SITE_VPS_PATH,
					"{'name':'mpq1','paths':['port1'],"
					"'peer':'edge-1','mtu':1400,"
					"'assign':['10.200.9.1/32']}",
					NULL, 0),
			 0);
	fake_run(100 * MPQ_MILLISECOND);
	assert_true(site_path(s)->address_mismatch);
}

static uint64_t lost_as_reported(struct site *s)
{
	struct json_object *o = mpq_telemetry_status(&s->vps.engine,
						     fake_now()),
			   *paths, *lost;
	uint64_t result;

	assert_true(json_object_object_get_ex(o, "paths", &paths));
	assert_true(
		json_object_object_get_ex(json_object_array_get_idx(paths, 0),
					  "lost", &lost));
	result = json_object_get_uint64(lost);
	json_object_put(o);
	return result;
}

static bool each_fifth(void *context, const struct mpq_sockaddr *from,
		       const struct mpq_sockaddr *to, size_t len)
{
	unsigned *count = context;

	(void)from;
	(void)to;
	return len < 500 || ++*count % 5 != 0;
}

static void losses_are_counted_over_connections(void **state)
{
	struct site *s = *state;
	unsigned count = 0;
	uint64_t lost;

	fake_filter(each_fifth, &count);
	for (int i = 0; i < 100; i++) {
		site_send_in(s, 1000);
		fake_run(10 * MPQ_MILLISECOND);
	}
	fake_filter(NULL, NULL);
	fake_run(2 * MPQ_SECOND);
	lost = lost_as_reported(s);
	assert_true(lost > 5);
	hold_edge(s, true);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(lost_as_reported(s), lost);
	hold_edge(s, false);
	fake_run(1 * MPQ_SECOND);
	assert_true(s->vps.tunnel_up);
	assert_int_equal(lost_as_reported(s), lost);
}

static void an_edge_cannot_pile_up_connections(void **state)
{
	struct site *s = *state;
	struct crowd c;

	crowd_init(&c, s->pki.client, s->pki.authority);
	hold_edge(s, true);
	fake_run(100 * MPQ_MILLISECOND);
	for (uint16_t i = 0; i < 20; i++) {
		(void)crowd_add(&c, "203.0.113.9", 1000 + i);
		fake_run(100 * MPQ_MILLISECOND);
	}
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(listener(s)->n_guests, MPQ_LISTENER_TUNNEL_CHANNELS);
	assert_true(carried_by(s, c.member[19]));
	assert_string_equal(c.member[19]->reason, "");
	crowd_finish(&c);
}

static void an_edge_that_vanished_is_not_up(void **state)
{
	struct site *s = *state;

	fake_run(1 * MPQ_SECOND);
	fake_cut(SITE_WAN, true);
	fake_run(12 * MPQ_SECOND);
	assert_false(s->vps.tunnel_up);
	assert_non_null(strstr(site_tunnel(&s->vps)->reason, "no answer"));
	site_send_in(s, 1000);
	fake_run(10 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_errors(s->vps.tun), 1);
	fake_cut(SITE_WAN, false);
	fake_run(3 * MPQ_SECOND);
	assert_true(s->vps.tunnel_up);
}

/* Somebody else's, who says nothing when he has nothing to say. */
static void a_client_that_is_idle_stays_up(void **state)
{
	struct site *s = *state;
	struct crowd_member *m;
	struct crowd c;
	unsigned events;

	crowd_init(&c, s->pki.client, s->pki.authority);
	hold_edge(s, true);
	m = crowd_add(&c, "203.0.113.9", 1);
	fake_run(1 * MPQ_SECOND);
	assert_true(carried_by(s, m));
	events = s->vps.tunnel_events;
	fake_run(100 * MPQ_SECOND);
	site_send_in(s, 1000);
	fake_run(100 * MPQ_MILLISECOND);
	assert_int_equal(m->packets, 1);
	assert_int_equal(s->vps.tunnel_events, events);
	crowd_finish(&c);
}

/* One small packet of the concentrator comes through for each of the edge's:
 * its answers do, and what it asks itself does not. */
static bool only_answers(void *context, const struct mpq_sockaddr *from,
			 const struct mpq_sockaddr *to, size_t len)
{
	bool *owes = context, owed = *owes;

	(void)from;
	if (mpq_sockaddr_port(to) == SITE_PORT) {
		*owes = true;
		return true;
	}
	*owes = owed && len >= 100;
	return owed && len < 100;
}

static void one_that_hears_and_is_not_heard_sends_the_edge_away(void **state)
{
	struct site *s = *state;
	bool owes = false;
	unsigned dials, came;

	fake_run(3 * MPQ_SECOND);
	dials = site_path(s)->life.dials;
	fake_filter(only_answers, &owes);
	for (unsigned i = 0; i < 500; i++) {
		site_send_in(s, 1000);
	}
	for (unsigned i = 0; i < 10 && site_path(s)->life.dials == dials; i++) {
		assert_int_equal(s->edge.state, MPQ_LIFE_UP);
		site_send_out(s, 100);
		fake_run(400 * MPQ_MILLISECOND);
	}
	assert_int_equal(site_path(s)->life.dials, dials + 1);
	fake_filter(NULL, NULL);
	fake_run(1500 * MPQ_MILLISECOND);
	came = fake_tun_came(s->edge.tun);
	site_send_in(s, 1000);
	fake_run(100 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_came(s->edge.tun), came + 1);
}

/* The connection survives an outage that the edge does not notice. */
static void one_that_answers_again_carries_again(void **state)
{
	struct site *s = *state;
	struct crowd_member *m;
	struct crowd c;

	crowd_init(&c, s->pki.client, s->pki.authority);
	hold_edge(s, true);
	m = crowd_add(&c, "203.0.113.9", 1);
	fake_run(1 * MPQ_SECOND);
	fake_cut("203.0.113.9", true);
	fake_run(12 * MPQ_SECOND);
	assert_false(s->vps.tunnel_up);
	fake_cut("203.0.113.9", false);
	fake_run(10 * MPQ_SECOND);
	assert_true(s->vps.tunnel_up);
	assert_true(carried_by(s, m));
	crowd_finish(&c);
}

#define SITE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, site_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SITE(who_asks_for_nothing_is_sent_away),
		SITE(strangers_of_one_address_leave_room_for_others),
		SITE(who_dials_again_and_again_is_let_in),
		SITE(late_packets_do_not_turn_the_downlink_back),
		SITE(a_newer_one_that_fell_silent_loses_its_claim),
		SITE(what_a_carrier_leaves_its_heir_takes_at_once),
		SITE(refusals_are_counted_and_some_reported),
		SITE(a_request_is_judged_by_the_certificate_of_now),
		SITE(other_addresses_are_told_at_once),
		SITE(losses_are_counted_over_connections),
		SITE(an_edge_cannot_pile_up_connections),
		SITE(an_edge_that_vanished_is_not_up),
		SITE(a_client_that_is_idle_stays_up),
		SITE(one_that_hears_and_is_not_heard_sends_the_edge_away),
		SITE(one_that_answers_again_carries_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
