/* SPDX-License-Identifier: Apache-2.0 */
/* Bonding: two whole engines, three paths, one tunnel; in virtual time. */
#include "tests/unit/dataplane/site.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATHS 3

#define EDGE_PATH(n, port)                                                     \
	"{'name':'wan" #n "','wan':'eth" #n "','remote-address':'192.0.2.1',"  \
	"'remote-port':" #port ",'server-name':'concentrator.example'}"
#define EDGE_PATHS                                                             \
	EDGE_PATH(1, 45001) "," EDGE_PATH(2, 45002) "," EDGE_PATH(3, 45003)
#define VPS_PATH(n, port)                                                      \
	"{'name':'port" #n                                                     \
	"','listen-address':'192.0.2.1','listen-port':" #port "}"
#define VPS_PATHS                                                              \
	VPS_PATH(1, 45001) "," VPS_PATH(2, 45002) "," VPS_PATH(3, 45003)
#define EDGE_TUNNEL                                                            \
	"{'name':'mpq1','paths':['wan1','wan2','wan3'],'mtu':1400,"            \
	"'addresses':['10.200.1.1/30']}"
#define VPS_TUNNEL                                                             \
	"{'name':'mpq1','paths':['port1','port2','port3'],'peer':'edge-1',"    \
	"'mtu':1400,'assign':['10.200.1.1/32'],"                               \
	"'remote-prefixes':['10.1.0.0/16']}"

static const char *const wan_address[PATHS] = {"10.0.1.2", "10.0.2.2",
					       "10.0.3.2"};

static struct mpq_path *path(struct site *s, int i)
{
	char name[8];

	(void)snprintf(name, sizeof(name), "wan%d", i + 1);
	return mpq_engine_path(&s->edge.engine, name);
}

static void link_ready(struct site *s, int i)
{
	static uint16_t port = 1000;
	int fds[MPQ_PATH_SOCKETS];

	for (int k = 0; k < MPQ_PATH_SOCKETS; k++) {
		fds[k] = fake_udp(wan_address[i], ++port);
	}
	(void)mpq_path_link(path(s, i), MPQ_LIFE_CONNECTING, "", fds,
			    fake_now());
}

static void link_gone(struct site *s, int i)
{
	(void)mpq_path_link(path(s, i), MPQ_LIFE_NO_LINK, "unplugged", NULL,
			    fake_now());
}

static int setup(void **state)
{
	struct mpq_engine_descriptor edge[1], vps[1 + PATHS];
	struct site *s;
	char name[8];

	(void)site_setup_bare(state);
	s = *state;
	s->edge.tun = fake_tun();
	s->vps.tun = fake_tun();
	edge[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", s->edge.tun);
	vps[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", s->vps.tun);
	for (int i = 0; i < PATHS; i++) {
		(void)snprintf(name, sizeof(name), "port%d", i + 1);
		vps[1 + i] =
			config_descriptor(MPQ_ENGINE_LISTEN, name,
					  fake_udp(SITE_VPS,
						   (uint16_t)(SITE_PORT + i)));
	}
	assert_int_equal(site_apply_vps(s, SITE_PEER, VPS_PATHS, VPS_TUNNEL,
					vps, 1 + PATHS),
			 0);
	assert_int_equal(site_apply_edge(s, EDGE_PATHS, EDGE_TUNNEL, edge, 1),
			 0);
	return 0;
}

static struct mpq_session *session(struct site_side *side)
{
	struct mpq_session *s = site_tunnel(side)->session;

	assert_non_null(s);
	return s;
}

static unsigned used(struct site_side *side)
{
	unsigned n = 0;

	for (int i = 0; i < MPQ_SESSION_PATHS; i++) {
		n += session(side)->path[i].state == MPQ_SESSION_USED;
	}
	return n;
}

static void bring_up(struct site *s)
{
	for (int i = 0; i < PATHS; i++) {
		link_ready(s, i);
	}
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(used(&s->edge), PATHS);
	assert_int_equal(used(&s->vps), PATHS);
	assert_true(s->edge.tunnel_up);
	assert_true(s->vps.tunnel_up);
}

static void exchange(struct site *s, unsigned n)
{
	unsigned out = fake_tun_came(s->vps.tun);
	unsigned in = fake_tun_came(s->edge.tun);

	for (unsigned i = 0; i < n; i++) {
		site_send_out(s, 500);
		site_send_in(s, 500);
		fake_run(5 * MPQ_MILLISECOND);
	}
	fake_run(500 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_came(s->vps.tun) - out, n);
	assert_int_equal(fake_tun_came(s->edge.tun) - in, n);
}

static void all_paths_join_one_session(void **state)
{
	struct site *s = *state;

	bring_up(s);
	assert_memory_equal(session(&s->edge)->key.id, session(&s->vps)->key.id,
			    MPQ_JOIN_ID_BYTES);
	assert_int_equal(session(&s->vps)->counters.opens, 1);
	assert_int_equal(session(&s->vps)->counters.joins, PATHS - 1);
	exchange(s, 100);
}

/* Neither headers nor probes count. */
static void what_one_end_sent_the_other_one_got(void **state)
{
	struct site *s = *state;
	uint64_t sent = 0, got = 0;

	bring_up(s);
	exchange(s, 100);
	for (int i = 0; i < PATHS; i++) {
		sent += session(&s->edge)->path[i].bytes_out;
		got += session(&s->vps)->path[i].bytes_in;
	}
	assert_int_equal(got, 100 * 500);
	assert_int_equal(sent, got);
}

static void any_path_can_be_the_first(void **state)
{
	struct site *s = *state;

	for (int i = PATHS - 1; i >= 0; i--) {
		link_ready(s, i);
		fake_run(1 * MPQ_SECOND);
		assert_int_equal(used(&s->edge), (unsigned)(PATHS - i));
		assert_int_equal(used(&s->vps), (unsigned)(PATHS - i));
		exchange(s, 20);
	}
}

static void each_path_may_go_and_come_back(void **state)
{
	struct site *s = *state;

	bring_up(s);
	for (int i = 0; i < PATHS; i++) {
		link_gone(s, i);
		fake_run(100 * MPQ_MILLISECOND);
		assert_int_equal(used(&s->edge), PATHS - 1);
		assert_int_equal(used(&s->vps), PATHS - 1);
		exchange(s, 20);
		link_ready(s, i);
		fake_run(2 * MPQ_SECOND);
		assert_int_equal(used(&s->edge), PATHS);
		assert_int_equal(used(&s->vps), PATHS);
	}
	assert_int_equal(session(&s->vps)->counters.opens, 1);
	exchange(s, 20);
}

static void what_a_silent_path_swallowed_is_sent_again(void **state)
{
	struct site *s = *state;

	bring_up(s);
	exchange(s, 20);
	for (int i = 0; i < PATHS; i++) {
		unsigned out = fake_tun_came(s->vps.tun);
		unsigned in = fake_tun_came(s->edge.tun);

		for (int k = 0; k < 200; k++) {
			if (k == 100) {
				fake_cut(wan_address[i], true);
			}
			site_send_out(s, 500);
			site_send_in(s, 500);
			fake_run(2 * MPQ_MILLISECOND);
		}
		fake_run(500 * MPQ_MILLISECOND);
		assert_int_equal(fake_tun_came(s->vps.tun) - out, 200);
		assert_int_equal(fake_tun_came(s->edge.tun) - in, 200);
		fake_cut(wan_address[i], false);
		fake_run(4 * MPQ_SECOND);
		assert_int_equal(used(&s->edge), PATHS);
	}
}

static void a_session_begins_anew_when_all_paths_were_gone(void **state)
{
	struct site *s = *state;

	bring_up(s);
	for (int i = 0; i < PATHS; i++) {
		link_gone(s, i);
	}
	fake_run(3 * MPQ_SECOND);
	assert_false(s->edge.tunnel_up);
	bring_up(s);
	assert_int_equal(session(&s->vps)->counters.opens, 2);
	exchange(s, 20);
}

static void the_peer_hears_of_a_lost_device_by_another_path(void **state)
{
	struct site *s = *state;

	bring_up(s);
	for (int i = 0; i < PATHS; i++) {
		fake_run(50 * MPQ_MILLISECOND);
		link_gone(s, i);
		fake_run(FAKE_ONE_WAY + MPQ_MILLISECOND);
		assert_int_equal(session(&s->vps)->path[i].state,
				 MPQ_SESSION_AWAY);
		link_ready(s, i);
		fake_run(2 * MPQ_SECOND);
	}
}

/* The word of a path that went comes when the path is back already. */
static void a_farewell_that_is_late_parts_nobody(void **state)
{
	struct site *s = *state;

	bring_up(s);
	for (int i = 1; i < PATHS; i++) {
		fake_cut(wan_address[i], true);
	}
	link_gone(s, 0);
	link_ready(s, 0);
	fake_run(150 * MPQ_MILLISECOND);
	assert_int_equal(session(&s->vps)->counters.joins, PATHS);
	for (int i = 1; i < PATHS; i++) {
		fake_cut(wan_address[i], false);
	}
	fake_run(3 * MPQ_SECOND);
	assert_int_equal(used(&s->edge), PATHS);
	assert_int_equal(used(&s->vps), PATHS);
	assert_int_equal(session(&s->vps)->counters.joins, PATHS);
	exchange(s, 20);
}

/* That long after, it is believed, and the path dials anew. */
static void who_is_told_to_have_left_dials_anew(void **state)
{
	struct site *s = *state;
	uint8_t value[MPQ_JOIN_VALUE_MAX_BYTES];
	int n = mpq_join_write_leave(value, 0);

	bring_up(s);
	fake_run(10 * MPQ_SECOND);
	assert_int_equal(
		mpq_channel_send_capsule(session(&s->edge)->path[1].channel,
					 MPQ_JOIN_LEAVE, value, (size_t)n),
		0);
	mpq_channel_ping(session(&s->edge)->path[1].channel, fake_now());
	fake_run(5 * MPQ_SECOND);
	assert_int_equal(session(&s->vps)->counters.joins, PATHS);
	assert_int_equal(used(&s->edge), PATHS);
	assert_int_equal(used(&s->vps), PATHS);
	exchange(s, 20);
}

static void a_policy_is_heard_once_and_refused_never(void **state)
{
	struct site *s = *state;

	bring_up(s);
	assert_int_equal(session(&s->vps)->policy_number, 1);
	assert_int_equal(session(&s->vps)->counters.policies, 1);
	assert_int_equal(session(&s->vps)->counters.refused_policies, 0);
}

/* The last member goes while another path is being let in. */
static void who_is_let_in_when_the_last_goes_keeps_the_session(void **state)
{
	struct site *s = *state;

	link_ready(s, 0);
	fake_run(1 * MPQ_SECOND);
	link_ready(s, 1);
	for (int i = 0; i < 1000 &&
			session(&s->edge)->path[1].state != MPQ_SESSION_JOINING;
	     i++) {
		fake_run(1 * MPQ_MILLISECOND);
	}
	assert_int_equal(session(&s->edge)->path[1].state, MPQ_SESSION_JOINING);
	link_gone(s, 0);
	fake_run(1 * MPQ_SECOND);
	assert_int_equal(used(&s->edge), 1);
	link_ready(s, 0);
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(used(&s->edge), 2);
	assert_int_equal(session(&s->vps)->counters.opens, 1);
	exchange(s, 20);
}

static bool is_of_port(void *context, const struct mpq_sockaddr *from,
		       const struct mpq_sockaddr *to, size_t len)
{
	const struct mpq_sockaddr *only = context;
	bool ours = mpq_sockaddr_port(from) < 40000
			    ? mpq_sockaddr_port(from) == mpq_sockaddr_port(only)
			    : mpq_sockaddr_port(to) == mpq_sockaddr_port(only);

	(void)len;
	return ours;
}

/* Silent for so long that it left the session; then the old connection answers
 * before a fresh one does, but a request joins once. */
static void who_left_in_silence_joins_by_a_fresh_connection(void **state)
{
	struct site *s = *state;
	struct mpq_sockaddr old;

	link_ready(s, 0);
	fake_run(2 * MPQ_SECOND);
	old = path(s, 0)->slot[path(s, 0)->current].udp.local;
	fake_cut(wan_address[0], true);
	fake_run(2500 * MPQ_MILLISECOND);
	assert_int_equal(session(&s->edge)->path[0].state, MPQ_SESSION_AWAY);
	fake_cut(wan_address[0], false);
	fake_filter(is_of_port, &old);
	s->edge.seen[MPQ_LIFE_UP] = false;
	for (int i = 0; i < 100 && !s->edge.seen[MPQ_LIFE_UP]; i++) {
		fake_run(50 * MPQ_MILLISECOND);
	}
	assert_true(s->edge.seen[MPQ_LIFE_UP]);
	fake_run(20 * MPQ_MILLISECOND); /* sooner than it dials */
	assert_string_equal(s->edge.path_reason,
			    "it was silent and left the session");
	fake_filter(NULL, NULL);
	fake_run(3 * MPQ_SECOND);
	assert_int_equal(used(&s->edge), 1);
	assert_int_equal(used(&s->vps), 1);
	exchange(s, 20);
}

static void set_mode(struct site *s, enum mpq_steer_mode mode)
{
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.class[0].steer.mode = mode;
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
	assert_int_equal(session(&s->vps)->policy.class[0].steer.mode, mode);
}

static void both_ends_know_what_is_metered(void **state)
{
	struct site *s = *state;
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.metered = 2;
	bring_up(s);
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
	for (int i = 0; i < PATHS; i++) {
		assert_int_equal(session(&s->edge)->path[i].metered, i == 1);
		assert_int_equal(session(&s->vps)->path[i].metered, i == 1);
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
	bring_up(s);
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
	exchange(s, 20);
	policy.classify.n_rules = 2;
	policy.classify.rule[1] = policy.classify.rule[0];
	policy.classify.rule[0].protocol = IPPROTO_TCP;
	memcpy(policy.rule_name[1], "udp", 4);
	memcpy(policy.rule_name[0], "tcp", 4);
	mpq_classify_compile(&policy.classify);
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
	exchange(s, 20);
	now = &session(&s->edge)->policy;
	assert_int_equal(now->classify.hits[0].packets, 0);
	assert_int_equal(now->classify.hits[1].packets, 40);
	now = &session(&s->vps)->policy;
	assert_int_equal(now->classify.hits[1].packets, 40);
}

/* Each way 500 packets a second while path i goes, in both ways of going. */
static void copies_survive_any_path(void **state)
{
	struct site *s = *state;

	bring_up(s);
	set_mode(s, MPQ_STEER_REDUNDANT);
	for (int i = 0; i < 2 * PATHS; i++) {
		unsigned out = fake_tun_came(s->vps.tun);
		unsigned in = fake_tun_came(s->edge.tun);

		for (int k = 0; k < 200; k++) {
			if (k == 100 && i < PATHS) {
				fake_cut(wan_address[i], true);
				link_gone(s, i);
			} else if (k == 100) {
				fake_cut(wan_address[i - PATHS], true);
			}
			site_send_out(s, 500);
			site_send_in(s, 500);
			fake_run(2 * MPQ_MILLISECOND);
		}
		fake_run(500 * MPQ_MILLISECOND);
		assert_int_equal(fake_tun_came(s->vps.tun) - out, 200);
		assert_int_equal(fake_tun_came(s->edge.tun) - in, 200);
		fake_cut(wan_address[i % PATHS], false);
		if (i < PATHS) {
			link_ready(s, i);
		}
		fake_run(4 * MPQ_SECOND);
		assert_int_equal(used(&s->edge), PATHS);
	}
}

/* One leaves the configuration, another one comes: the third is not touched. */
static void paths_come_and_go_by_configuration(void **state)
{
	struct site *s = *state;
	const struct mpq_channel *stays;
	unsigned connects;

	bring_up(s);
	stays = mpq_path_channel(path(s, 2));
	connects = path(s, 2)->life.connects;
	assert_int_equal(
		site_apply_edge(s, EDGE_PATH(2, 45002) "," EDGE_PATH(3, 45003),
				"{'name':'mpq1','paths':['wan3',"
				"'wan2'],'mtu':1400,'addresses':"
				"['10.200.1.1/30']}",
				NULL, 0),
		0);
	fake_run(500 * MPQ_MILLISECOND);
	assert_int_equal(used(&s->edge), 2);
	assert_int_equal(used(&s->vps), 2);
	exchange(s, 20);
	assert_int_equal(site_apply_edge(s, EDGE_PATHS, EDGE_TUNNEL, NULL, 0),
			 0);
	link_ready(s, 0);
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(used(&s->edge), PATHS);
	assert_int_equal(used(&s->vps), PATHS);
	exchange(s, 20);
	assert_ptr_equal(mpq_path_channel(path(s, 2)), stays);
	assert_int_equal(path(s, 2)->life.connects, connects);
	assert_int_equal(session(&s->vps)->counters.opens, 1);
}

/* ---- classes ------------------------------------------------------------- */

#define LOW  8 /* code points */
#define HIGH 46

/* "default", "low", which is as high, and "high"; all by one path. */
static void set_classes(struct site *s)
{
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.class[0].steer.mode = MPQ_STEER_ACTIVE_STANDBY;
	policy.class[0].repair_deadline = 0;
	policy.class[1] = policy.class[2] = policy.class[0];
	(void)snprintf(policy.class[1].name, MPQ_POLICY_NAME_BYTES, "low");
	(void)snprintf(policy.class[2].name, MPQ_POLICY_NAME_BYTES, "high");
	policy.class[2].priority = 7;
	policy.n_classes = 3;
	policy.classify.rule[0] =
		(struct mpq_classify_rule){.class_id = 1,
					   .dscp = UINT64_C(1) << LOW,
					   .protocol = MPQ_CLASSIFY_ANY};
	policy.classify.rule[1] =
		(struct mpq_classify_rule){.class_id = 2,
					   .dscp = UINT64_C(1) << HIGH,
					   .protocol = MPQ_CLASSIFY_ANY};
	policy.classify.n_rules = 2;
	(void)snprintf(policy.rule_name[0], MPQ_POLICY_NAME_BYTES, "a");
	(void)snprintf(policy.rule_name[1], MPQ_POLICY_NAME_BYTES, "b");
	mpq_classify_compile(&policy.classify);
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
}

static struct mpq_packet *packet_of(struct mpq_session *s, uint8_t dscp,
				    size_t len)
{
	struct mpq_packet *p = mpq_packet_get(s->pool);

	assert_non_null(p);
	site_udp(p->data, len, "10.1.2.3", "198.51.100.1");
	p->data[1] = (uint8_t)(dscp << 2);
	p->len_bytes = (uint16_t)len;
	return p;
}

static void give(struct mpq_session *s, uint8_t dscp, size_t len, unsigned n)
{
	while (n-- > 0) {
		struct mpq_packet *p = packet_of(s, dscp, len);
		struct mpq_ip ip;

		assert_int_equal(mpq_ip_parse(&ip, p->data, len), 0);
		mpq_session_send(s, p, &ip, fake_now());
	}
}

static struct mpq_session_path *busy_path(struct mpq_session *s)
{
	for (unsigned i = 0; i < PATHS; i++) {
		if (s->path[i].own[0].pkts > 0) {
			return &s->path[i];
		}
	}
	fail();
	return NULL;
}

/* The next packet that a path sends, as its connection takes it: its class. */
static unsigned take_next(struct mpq_session_path *m, size_t *ret_len)
{
	const struct mpq_channel_source *source;
	struct mpq_channel_offer offer;
	void *owner;

	source = mpq_session_source(m->session, m->channel, &owner, fake_now());
	do {
		assert_true(source->offer(owner, &offer, fake_now()));
		*ret_len = offer.data_bytes;
		source->taken(owner, m->estimate.next_id, fake_now());
	} while (m->offer.what == MPQ_SESSION_OFFER_CONTROL);
	return m->offer.class_id;
}

static void the_highest_class_goes_first_and_equal_ones_share(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *e;
	size_t bytes[3] = {0}, len;

	bring_up(*state);
	set_classes(*state);
	e = session(&((struct site *)*state)->edge);
	give(e, 0, 1300, 40);
	give(e, LOW, 200, 200);
	give(e, HIGH, 300, 3);
	m = busy_path(e);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(take_next(m, &len), 2);
	}
	for (unsigned i = 0; i < 120; i++) {
		unsigned c = take_next(m, &len);

		bytes[c] += len;
		assert_true(bytes[0] <= bytes[1] + 3000);
		assert_true(bytes[1] <= bytes[0] + 3000);
		if (i % 10 == 5) {
			give(e, HIGH, 300, 1);
			assert_int_equal(take_next(m, &len), 2);
		}
	}
	assert_int_equal(bytes[2], 0);
}

/* A class that fills the path leaves one byte in 16 to those below, and they
 * share it. */
static void who_is_passed_for_long_goes_once(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *e;
	size_t bytes[3] = {0}, len;

	bring_up(*state);
	set_classes(*state);
	e = session(&((struct site *)*state)->edge);
	give(e, 0, 1000, 30);
	give(e, LOW, 1000, 30);
	m = busy_path(e);
	for (unsigned i = 0; i < 400; i++) {
		give(e, HIGH, 1000, 1);
		bytes[take_next(m, &len)] += len;
	}
	assert_in_range(bytes[0] + bytes[1], 400000 / 20, 400000 / 16);
	assert_in_range(bytes[0], bytes[1] - 2000, bytes[1] + 2000);
}

/* It is to be sent again by this path. */
static void lose(struct mpq_session_path *m, struct mpq_packet *p)
{
	p->kind = MPQ_HEADER_REPAIR;
	p->deadline = fake_now() + MPQ_SECOND;
	m->urgent_pkts++;
	m->urgent_bytes += p->len_bytes;
	assert_true(mpq_fair_push(&m->urgent[p->class_id], p, fake_now()));
}

/* A storm of repairs of bulk does not hold up what matters more. */
static void what_is_sent_again_goes_before_its_equals_only(void **state)
{
	struct mpq_session_path *m;
	struct mpq_packet *again;
	struct mpq_session *e;
	size_t len;

	bring_up(*state);
	set_classes(*state);
	e = session(&((struct site *)*state)->edge);
	give(e, 0, 1300, 3);
	give(e, LOW, 1000, 3);
	give(e, HIGH, 300, 2);
	m = busy_path(e);
	again = packet_of(e, 0, 777);
	again->class_id = 0;
	lose(m, again);
	assert_int_equal(take_next(m, &len), 2);
	assert_int_equal(take_next(m, &len), 2);
	assert_int_equal(take_next(m, &len), 0);
	assert_int_equal(len, 777);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_not_equal(take_next(m, &len), 2);
	}
	assert_int_equal(mpq_session_queued(e), 0);
}

static void lose_flow(struct mpq_session_path *m, uint32_t flow, size_t len,
		      unsigned n)
{
	while (n-- > 0) {
		struct mpq_packet *p = packet_of(m->session, 0, len);

		p->class_id = 0;
		p->flow = flow;
		lose(m, p);
	}
}

/* A path was out, and all that it had in flight waits to be sent again. */
static void a_slow_flow_waits_for_no_repairs_of_others(void **state)
{
	struct mpq_session_path *m;
	struct mpq_packet *fresh;
	unsigned slow = 0, bulk = 0;
	struct mpq_session *e;
	size_t len;

	bring_up(*state);
	set_classes(*state);
	e = session(&((struct site *)*state)->edge);
	give(e, 0, 1300, 8);
	m = busy_path(e);
	for (unsigned i = 0; i < 3; i++) { /* so that it is not new any more */
		(void)take_next(m, &len);
	}
	lose_flow(m, 111, 1200, 40);
	lose_flow(m, 222, 200, 4);
	fresh = packet_of(e, 0, 100);
	fresh->flow = 333;
	fresh->class_id = 0;
	fresh->kind = MPQ_HEADER_DATA;
	assert_true(mpq_fair_push(&m->own[0], fresh, fake_now()));
	for (unsigned i = 0; i < 9; i++) {
		(void)take_next(m, &len);
		slow += len == 100 || len == 200;
		bulk += len == 1300;
	}
	assert_int_equal(slow, 5);
	assert_true(bulk <= 1);
	for (unsigned i = 0; i < 35; i++) { /* then the rest of repairs */
		(void)take_next(m, &len);
		assert_int_equal(len, 1200);
	}
}

/* Some wait in the session when its last path goes, some come while there is
 * none, and are kept by the tunnel. */
static void what_was_kept_goes_before_what_came_later(void **state)
{
	struct site *s = *state;
	uint8_t packet[2048];
	unsigned came;

	bring_up(s);
	came = fake_tun_came(s->vps.tun);
	give(session(&s->edge), 0, 300, 3);
	for (int i = 0; i < PATHS; i++) {
		link_gone(s, i);
	}
	assert_false(s->edge.tunnel_up);
	assert_int_equal(mpq_session_queued(session(&s->edge)), 3);
	site_send_out(s, 400);
	fake_run(10 * MPQ_MILLISECOND);
	link_ready(s, 0);
	fake_run(500 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_came(s->vps.tun) - came, 4);
	assert_int_equal(fake_tun_last(s->vps.tun, packet, sizeof(packet)),
			 400);
}

/* The concentrator has lost the session, and only one path is left to hear of
 * it: that one begins anew, and does not wait until the others are given up. */
static void one_path_is_enough_to_begin_anew(void **state)
{
	struct site *s = *state;
	struct mpq_engine_descriptor d[1];
	unsigned came;

	bring_up(s);
	exchange(s, 20);
	for (int i = 1; i < PATHS; i++) {
		fake_cut(wan_address[i], true);
	}
	assert_int_equal(site_apply_vps(s, SITE_PEER, VPS_PATHS, "", NULL, 0),
			 0);
	fake_run(20 * MPQ_MILLISECOND);
	s->vps.tun = fake_tun();
	d[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", s->vps.tun);
	assert_int_equal(site_apply_vps(s, SITE_PEER, VPS_PATHS, VPS_TUNNEL, d,
					1),
			 0);
	came = fake_tun_came(s->vps.tun);
	for (int i = 0; i < 20 && fake_tun_came(s->vps.tun) == came; i++) {
		site_send_out(s, 500);
		fake_run(50 * MPQ_MILLISECOND);
	}
	assert_true(fake_tun_came(s->vps.tun) > came); /* within a second */
	assert_int_equal(used(&s->edge), 1);
	for (int i = 1; i < PATHS; i++) {
		fake_cut(wan_address[i], false);
	}
	fake_run(70 * MPQ_SECOND);
	assert_int_equal(used(&s->edge), PATHS);
	assert_int_equal(used(&s->vps), PATHS);
	exchange(s, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			one_path_is_enough_to_begin_anew, setup, site_teardown),
		cmocka_unit_test_setup_teardown(
			what_was_kept_goes_before_what_came_later, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(all_paths_join_one_session,
						setup, site_teardown),
		cmocka_unit_test_setup_teardown(
			what_one_end_sent_the_other_one_got, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(
			paths_come_and_go_by_configuration, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(
			the_peer_hears_of_a_lost_device_by_another_path, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(
			a_farewell_that_is_late_parts_nobody, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(
			who_is_told_to_have_left_dials_anew, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(
			a_policy_is_heard_once_and_refused_never, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(
			who_is_let_in_when_the_last_goes_keeps_the_session,
			setup, site_teardown),
		cmocka_unit_test_setup_teardown(
			who_left_in_silence_joins_by_a_fresh_connection, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(both_ends_know_what_is_metered,
						setup, site_teardown),
		cmocka_unit_test_setup_teardown(a_rule_keeps_its_count, setup,
						site_teardown),
		cmocka_unit_test_setup_teardown(copies_survive_any_path, setup,
						site_teardown),
		cmocka_unit_test_setup_teardown(
			a_slow_flow_waits_for_no_repairs_of_others, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(
			the_highest_class_goes_first_and_equal_ones_share,
			setup, site_teardown),
		cmocka_unit_test_setup_teardown(
			who_is_passed_for_long_goes_once, setup, site_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_sent_again_goes_before_its_equals_only, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(any_path_can_be_the_first,
						setup, site_teardown),
		cmocka_unit_test_setup_teardown(each_path_may_go_and_come_back,
						setup, site_teardown),
		cmocka_unit_test_setup_teardown(
			what_a_silent_path_swallowed_is_sent_again, setup,
			site_teardown),
		cmocka_unit_test_setup_teardown(
			a_session_begins_anew_when_all_paths_were_gone, setup,
			site_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
