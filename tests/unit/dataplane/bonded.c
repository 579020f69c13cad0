/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/bonded.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const bonded_address[BONDED_PATHS] = {"10.0.1.2", "10.0.2.2",
						  "10.0.3.2"};

struct mpq_path *bonded_path(struct site *s, int i)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "wan%d", i + 1);
	return mpq_engine_path(&s->edge.engine, name);
}

void bonded_link_ready(struct site *s, int i)
{
	static uint16_t port = 1000;
	int fds[MPQ_PATH_SOCKETS];

	for (int k = 0; k < MPQ_PATH_SOCKETS; k++) {
		fds[k] = fake_udp(bonded_address[i], ++port);
	}
	(void)mpq_path_link(bonded_path(s, i), MPQ_LIFE_CONNECTING, "", fds,
			    fake_now());
}

void bonded_link_gone(struct site *s, int i)
{
	(void)mpq_path_link(bonded_path(s, i), MPQ_LIFE_NO_LINK, "unplugged",
			    NULL, fake_now());
}

int bonded_setup(void **state)
{
	struct mpq_engine_descriptor edge[1], vps[1 + BONDED_PATHS];
	struct site *s;
	char name[16];

	(void)site_setup_bare(state);
	s = *state;
	s->edge.tun = fake_tun();
	s->vps.tun = fake_tun();
	edge[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", s->edge.tun);
	vps[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", s->vps.tun);
	for (int i = 0; i < BONDED_PATHS; i++) {
		(void)snprintf(name, sizeof(name), "port%d", i + 1);
		vps[1 + i] =
			config_descriptor(MPQ_ENGINE_LISTEN, name,
					  fake_udp(SITE_VPS,
						   (uint16_t)(SITE_PORT + i)));
	}
	assert_int_equal(site_apply_vps(s, SITE_PEER, BONDED_VPS_PATHS,
					BONDED_VPS_TUNNEL, vps,
					1 + BONDED_PATHS),
			 0);
	assert_int_equal(site_apply_edge(s, BONDED_EDGE_PATHS,
					 BONDED_EDGE_TUNNEL, edge, 1),
			 0);
	return 0;
}

struct mpq_session *bonded_session(struct site_side *side)
{
	struct mpq_session *s = site_tunnel(side)->session;

	assert_non_null(s);
	return s;
}

struct mpq_session *bonded_edge(struct site *s)
{
	return bonded_session(&s->edge);
}

unsigned bonded_used(struct site_side *side)
{
	unsigned n = 0;

	for (int i = 0; i < MPQ_SESSION_PATHS; i++) {
		n += bonded_session(side)->path[i].state == MPQ_SESSION_USED;
	}
	return n;
}

void bonded_bring_up(struct site *s)
{
	for (int i = 0; i < BONDED_PATHS; i++) {
		bonded_link_ready(s, i);
	}
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&s->vps), BONDED_PATHS);
	assert_true(s->edge.tunnel_up);
	assert_true(s->vps.tunnel_up);
}

void bonded_exchange(struct site *s, unsigned n)
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

struct mpq_packet *bonded_packet(struct mpq_session *s, uint8_t dscp,
				 size_t len)
{
	struct mpq_packet *p = mpq_packet_get(s->pool);

	assert_non_null(p);
	site_udp(p->data, len, "10.1.2.3", "198.51.100.1");
	p->data[1] = (uint8_t)(dscp << 2);
	p->len_bytes = (uint16_t)len;
	return p;
}

void bonded_give(struct mpq_session *s, uint8_t dscp, size_t len, unsigned n)
{
	while (n-- > 0) {
		struct mpq_packet *p = bonded_packet(s, dscp, len);
		struct mpq_ip ip;

		assert_int_equal(mpq_ip_parse(&ip, p->data, len), 0);
		mpq_session_send(s, p, &ip, fake_now());
	}
}

unsigned bonded_take(struct mpq_session_path *m, size_t *ret_len)
{
	const struct mpq_channel_source *source;
	struct mpq_channel_offer offer;
	void *owner;

	source = mpq_session_source(m->session, m->channel, &owner);
	do {
		assert_true(source->offer(owner, &offer, fake_now()));
		*ret_len = offer.data_bytes;
		source->taken(owner, m->estimate.next_id, fake_now());
	} while (m->offer.what == MPQ_SESSION_OFFER_CONTROL);
	return m->offer.class_id;
}

bool bonded_offers(struct mpq_session_path *m)
{
	const struct mpq_channel_source *source;
	struct mpq_channel_offer offer;
	void *owner;

	m->control = 0;
	source = mpq_session_source(m->session, m->channel, &owner);
	return source->offer(owner, &offer, fake_now());
}

void bonded_set_mode(struct site *s, enum mpq_steer_mode mode, mpq_time now)
{
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.class[0].steer.mode = mode;
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, now);
}

void bonded_fall_silent(struct mpq_session *s)
{
	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		s->path[i].state = MPQ_SESSION_SILENT;
	}
}
