/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends as whole engines: what a snapshot changes, and what it does not. */
#include "tests/unit/dataplane/crowd.h"
#include "tests/unit/dataplane/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND_TUNNEL                                                          \
	"{'name':'mpq2','paths':['port1'],'peer':'edge-2','mtu':1400}"
#define SITE_PEER_2 "{'name':'edge-2','certificate-name':'edge-2.example'}"

/* Packets that pass from now on, of ten each way. */
static unsigned passing(struct site *s)
{
	unsigned before =
		fake_tun_came(s->vps.tun) + fake_tun_came(s->edge.tun);

	for (int i = 0; i < 10; i++) {
		site_send_out(s, 1000);
		site_send_in(s, 1000);
	}
	fake_run(1 * MPQ_SECOND);
	return fake_tun_came(s->vps.tun) + fake_tun_came(s->edge.tun) - before;
}

static void packets_flow_both_ways(void **state)
{
	struct site *s = *state;

	assert_int_equal(passing(s), 20);
}

static void the_same_snapshot_again_changes_nothing(void **state)
{
	struct site *s = *state;
	unsigned connects = site_path(s)->life.connects;
	unsigned events = s->edge.path_events + s->edge.tunnel_events +
			  s->vps.tunnel_events;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(site_apply_edge(s, SITE_EDGE_PATH,
						 SITE_EDGE_TUNNEL, NULL, 0),
				 0);
		assert_int_equal(site_apply_vps(s, SITE_PEER, SITE_VPS_PATH,
						SITE_VPS_TUNNEL, NULL, 0),
				 0);
		fake_run(100 * MPQ_MILLISECOND);
	}
	assert_int_equal(site_path(s)->life.connects, connects);
	assert_int_equal(s->edge.path_events + s->edge.tunnel_events +
				 s->vps.tunnel_events,
			 events);
	assert_int_equal(passing(s), 20);
}

static int give_tun(struct site *s, struct site_side *side)
{
	struct mpq_engine_descriptor d;

	side->tun = fake_tun();
	d = config_descriptor(MPQ_ENGINE_TUN, "mpq1", side->tun);
	return side == &s->edge ? site_apply_edge(s, SITE_EDGE_PATH,
						  SITE_EDGE_TUNNEL, &d, 1)
				: site_apply_vps(s, SITE_PEER, SITE_VPS_PATH,
						 SITE_VPS_TUNNEL, &d, 1);
}

static void a_device_made_anew_is_taken_and_the_connection_stays(void **state)
{
	struct site *s = *state;
	unsigned connects = site_path(s)->life.connects;

	fake_tun_delete(s->edge.tun);
	fake_tun_delete(s->vps.tun);
	fake_run(100 * MPQ_MILLISECOND);
	assert_true(site_tunnel(&s->edge)->device_gone);
	assert_int_equal(give_tun(s, &s->edge), 0);
	assert_int_equal(give_tun(s, &s->vps), 0);
	assert_false(site_tunnel(&s->edge)->device_gone);
	assert_int_equal(passing(s), 20);
	assert_int_equal(site_path(s)->life.connects, connects);
}

/* mpquic-control may be the first of the two to see a device go. */
static void a_device_that_comes_replaces_one_that_seems_well(void **state)
{
	struct site *s = *state;
	unsigned descriptors = fake_open_descriptors();

	fake_tun_delete(s->edge.tun);
	assert_int_equal(give_tun(s, &s->edge), 0);
	fake_run(100 * MPQ_MILLISECOND);
	assert_false(site_tunnel(&s->edge)->device_gone);
	assert_int_equal(passing(s), 20);
	assert_int_equal(fake_open_descriptors(), descriptors);
}

static void a_snapshot_is_refused_as_a_whole(void **state)
{
	struct site *s = *state;
	unsigned descriptors = fake_open_descriptors();
	struct mpq_engine_descriptor d[2];

	d[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq2", fake_tun());
	d[1] = config_descriptor(MPQ_ENGINE_LISTEN, "port2", fake_other());
	assert_true(site_apply_vps(s, SITE_PEER "," SITE_PEER_2,
				   SITE_VPS_PATH
				   ",{'name':'port2','listen-address':"
				   "'192.0.2.1','listen-port':45002}",
				   SECOND_TUNNEL, d, 2) < 0);
	assert_non_null(strstr(s->vps.message, "port2"));
	assert_int_equal(s->vps.engine.n_tunnels, 1);
	assert_int_equal(s->vps.engine.n_listeners, 1);
	assert_int_equal(s->vps.engine.snapshot->generation, 1);
	assert_int_equal(fake_open_descriptors(), descriptors);
	assert_int_equal(passing(s), 20);
}

static void a_device_that_is_none_leaves_all_as_it_was(void **state)
{
	struct site *s = *state;
	struct mpq_engine_descriptor d =
		config_descriptor(MPQ_ENGINE_TUN, "mpq2", fake_other());

	assert_true(site_apply_vps(s, SITE_PEER "," SITE_PEER_2, SITE_VPS_PATH,
				   SITE_VPS_TUNNEL "," SECOND_TUNNEL, &d,
				   1) < 0);
	assert_non_null(strstr(s->vps.message, "mpq2"));
	assert_int_equal(s->vps.engine.n_tunnels, 1);
	assert_int_equal(passing(s), 20);
}

static void a_renamed_peer_keeps_its_connection(void **state)
{
	struct site *s = *state;
	unsigned connects = site_path(s)->life.connects;

	assert_int_equal(
		site_apply_vps(s,
			       "{'name':'ship','certificate-name':"
			       "'edge-1.example'}",
			       SITE_VPS_PATH,
			       "{'name':'mpq1','paths':['port1'],'peer':'ship',"
			       "'mtu':1400,'remote-prefixes':['10.1.0.0/16']}",
			       NULL, 0),
		0);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(site_path(s)->life.connects, connects);
	assert_int_equal(passing(s), 20);
}

static void a_peer_that_is_gone_is_sent_away(void **state)
{
	struct site *s = *state;

	assert_int_equal(site_apply_vps(s, SITE_PEER_2, SITE_VPS_PATH,
					"{'name':'mpq1','paths':['port1'],"
					"'peer':'edge-2','mtu':1400}",
					NULL, 0),
			 0);
	fake_run(1 * MPQ_SECOND);
	assert_false(s->vps.tunnel_up);
	assert_false(s->edge.tunnel_up);
	assert_int_equal(s->edge.state, MPQ_LIFE_REFUSED);
}

static void apply_vps(struct site *s)
{
	assert_int_equal(site_apply_vps(s, SITE_PEER, SITE_VPS_PATH,
					SITE_VPS_TUNNEL, NULL, 0),
			 0);
}

static void apply_edge(struct site *s)
{
	assert_int_equal(site_apply_edge(s, SITE_EDGE_PATH, SITE_EDGE_TUNNEL,
					 NULL, 0),
			 0);
}

static void a_revoked_edge_is_refused_at_once_and_told(void **state)
{
	struct site *s = *state;
	char *crl = pki_crl(s->pki.authority, s->pki.client);

	s->crl_pem = crl;
	apply_vps(s);
	assert_false(s->vps.tunnel_up);
	fake_run(100 * MPQ_MILLISECOND);
	assert_false(s->edge.tunnel_up);
	assert_int_equal(s->edge.state, MPQ_LIFE_REFUSED);
	assert_non_null(strstr(s->edge.path_reason, "certificate revoked"));
	assert_int_equal(s->vps.refusals, 1);
	assert_non_null(strstr(s->vps.refusal, "edge-1"));
	assert_non_null(strstr(s->vps.refusal, "revocation list"));
	assert_string_equal(s->vps.refused_tunnel, "mpq1");
	fake_run(60 * MPQ_SECOND); /* it backs off */
	assert_true(s->vps.refusals < 20);
	free(crl);
	s->crl_pem = NULL;
	apply_vps(s);
	fake_run(60 * MPQ_SECOND);
	assert_int_equal(passing(s), 20);
}

static void a_revoked_concentrator_is_left_at_once(void **state)
{
	struct site *s = *state;
	char *crl = pki_crl(s->pki.authority, s->pki.server);

	s->crl_pem = crl;
	apply_edge(s);
	fake_run(100 * MPQ_MILLISECOND);
	assert_false(s->edge.tunnel_up);
	assert_false(s->vps.tunnel_up);
	assert_int_equal(s->edge.state, MPQ_LIFE_REFUSED);
	assert_non_null(strstr(s->edge.path_reason, "revocation list"));
	free(crl);
}

static void of_two_edges_the_revoked_one_is_refused(void **state)
{
	struct site *s = *state;
	unsigned connects = site_path(s)->life.connects;
	struct pki_wish wish = {.client = true,
				.issuer = s->pki.authority,
				.names = {"edge-2.example"}};
	struct pki_certificate *own = pki_new(&wish);
	char *crl = pki_crl(s->pki.authority, own);
	struct crowd_member *other;
	struct crowd crowd;

	assert_int_equal(site_apply_vps(s, SITE_PEER "," SITE_PEER_2,
					SITE_VPS_PATH, SITE_VPS_TUNNEL, NULL,
					0),
			 0);
	crowd_init(&crowd, own, s->pki.authority);
	other = crowd_add_mute(&crowd, "203.0.113.9", 9);
	fake_run(1 * MPQ_SECOND);
	assert_true(mpq_conn_is_established(other->conn));
	s->crl_pem = crl;
	assert_int_equal(site_apply_vps(s, SITE_PEER "," SITE_PEER_2,
					SITE_VPS_PATH, SITE_VPS_TUNNEL, NULL,
					0),
			 0);
	assert_int_equal(passing(s), 20);
	assert_non_null(strstr(other->reason, "certificate revoked"));
	assert_int_equal(site_path(s)->life.connects, connects);
	assert_int_equal(s->vps.refusals, 1);
	crowd_finish(&crowd);
	free(crl);
	pki_free(own);
}

static void new_trust_that_still_holds_drops_nothing(void **state)
{
	struct site *s = *state;
	unsigned connects = site_path(s)->life.connects;
	struct pki_set other = pki_set_new();
	char *bundle = pki_join(s->pki.authority->certificate_pem,
				other.authority->certificate_pem);
	char *crl = pki_crl(s->pki.authority, NULL);

	s->authority_pem = bundle;
	s->crl_pem = crl;
	apply_vps(s);
	apply_edge(s);
	assert_int_equal(passing(s), 20);
	assert_int_equal(site_path(s)->life.connects, connects);
	assert_int_equal(s->vps.refusals, 0);
	pki_set_free(&other);
	free(bundle);
	free(crl);
}

static void a_certificate_of_our_own_made_anew_drops_nothing(void **state)
{
	struct site *s = *state;
	unsigned connects = site_path(s)->life.connects;
	struct pki_wish wish = {.server = true,
				.issuer = s->pki.authority,
				.names = {"concentrator.example"}};
	struct pki_certificate *renewed = pki_new(&wish);

	s->vps_own = renewed;
	apply_vps(s);
	assert_int_equal(passing(s), 20);
	assert_int_equal(site_path(s)->life.connects, connects);
	pki_free(renewed);
}

static void a_disabled_tunnel_stops_and_comes_back(void **state)
{
	struct site *s = *state;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			site_apply_edge(s, SITE_EDGE_PATH,
					"{'name':'mpq1','paths':['wan1'],"
					"'mtu':1400,'enabled':false}",
					NULL, 0),
			0);
		fake_run(2 * MPQ_SECOND);
		assert_int_equal(s->edge.state, MPQ_LIFE_DISABLED);
		assert_false(s->edge.tunnel_up);
		assert_false(s->vps.tunnel_up);
		assert_int_equal(passing(s), 0);
		assert_int_equal(site_apply_edge(s, SITE_EDGE_PATH,
						 SITE_EDGE_TUNNEL, NULL, 0),
				 0);
		fake_run(1 * MPQ_SECOND);
		assert_int_equal(passing(s), 20);
	}
}

static void a_tunnel_disabled_there_is_refused_here(void **state)
{
	struct site *s = *state;

	assert_int_equal(site_apply_vps(s, SITE_PEER, SITE_VPS_PATH,
					"{'name':'mpq1','paths':['port1'],"
					"'peer':'edge-1','mtu':1400,"
					"'enabled':false}",
					NULL, 0),
			 0);
	fake_run(3 * MPQ_SECOND);
	assert_int_equal(s->edge.state, MPQ_LIFE_REFUSED);
	assert_int_equal(site_apply_vps(s, SITE_PEER, SITE_VPS_PATH,
					SITE_VPS_TUNNEL, NULL, 0),
			 0);
	fake_run(60 * MPQ_SECOND);
	assert_int_equal(passing(s), 20);
}

static void tunnels_come_and_go_without_a_trace(void **state)
{
	struct site *s = *state;
	unsigned descriptors = fake_open_descriptors();

	for (int i = 0; i < 5; i++) {
		assert_int_equal(site_apply_edge(s, SITE_EDGE_PATH, "", NULL,
						 0),
				 0);
		fake_run(500 * MPQ_MILLISECOND);
		assert_false(s->vps.tunnel_up);
		assert_int_equal(fake_open_descriptors(), descriptors - 1);
		assert_int_equal(give_tun(s, &s->edge), 0);
		fake_run(1 * MPQ_SECOND);
		assert_int_equal(passing(s), 20);
		assert_int_equal(fake_open_descriptors(), descriptors);
	}
}

static void a_larger_mtu_is_reached(void **state)
{
	struct site *s = *state;

	assert_int_equal(site_apply_vps(s, SITE_PEER, SITE_VPS_PATH,
					"{'name':'mpq1','paths':['port1'],"
					"'peer':'edge-1','mtu':1440,"
					"'remote-prefixes':['10.1.0.0/16']}",
					NULL, 0),
			 0);
	assert_int_equal(site_apply_edge(s, SITE_EDGE_PATH,
					 "{'name':'mpq1','paths':['wan1'],"
					 "'mtu':1440}",
					 NULL, 0),
			 0);
	fake_run(5 * MPQ_SECOND);
	site_send_out(s, 1440);
	site_send_in(s, 1440);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(fake_tun_came(s->vps.tun), 1);
	assert_int_equal(fake_tun_came(s->edge.tun), 1);
}

#define SITE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, site_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SITE(packets_flow_both_ways),
		SITE(the_same_snapshot_again_changes_nothing),
		SITE(a_device_made_anew_is_taken_and_the_connection_stays),
		SITE(a_device_that_comes_replaces_one_that_seems_well),
		SITE(a_snapshot_is_refused_as_a_whole),
		SITE(a_revoked_edge_is_refused_at_once_and_told),
		SITE(a_revoked_concentrator_is_left_at_once),
		SITE(of_two_edges_the_revoked_one_is_refused),
		SITE(new_trust_that_still_holds_drops_nothing),
		SITE(a_certificate_of_our_own_made_anew_drops_nothing),
		SITE(a_device_that_is_none_leaves_all_as_it_was),
		SITE(a_renamed_peer_keeps_its_connection),
		SITE(a_peer_that_is_gone_is_sent_away),
		SITE(a_disabled_tunnel_stops_and_comes_back),
		SITE(a_tunnel_disabled_there_is_refused_here),
		SITE(tunnels_come_and_go_without_a_trace),
		SITE(a_larger_mtu_is_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
