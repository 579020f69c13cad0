/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/site.h"

#include "tests/fake/kernel.h"
#include "tests/fake/touched.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- events ------------------------------------------------------------- */

static void on_path(void *owner, const struct mpq_path *p,
		    enum mpq_life_state was)
{
	struct site_side *side = owner;

	(void)was;
	side->path_events++;
	side->state = p->life.state;
	side->seen[side->state] = true;
	(void)snprintf(side->path_reason, sizeof(side->path_reason), "%s",
		       p->life.reason);
}

static void on_tunnel(void *owner, const struct mpq_tunnel *t,
		      const struct mpq_sockaddr *remote)
{
	struct site_side *side = owner;

	(void)remote;
	side->tunnel_events++;
	side->tunnel_up = mpq_tunnel_is_up(t);
}

static void on_refused(void *owner, const char *path,
		       const struct mpq_tunnel *t,
		       const struct mpq_sockaddr *remote, const char *reason)
{
	struct site_side *side = owner;

	(void)path;
	(void)remote;
	side->refusals++;
	(void)snprintf(side->refused_tunnel, sizeof(side->refused_tunnel), "%s",
		       t != NULL ? t->config.name : "");
	(void)snprintf(side->refusal, sizeof(side->refusal), "%s", reason);
}

static const struct mpq_engine_events events = {
	.path = on_path,
	.tunnel = on_tunnel,
	.refused = on_refused,
};

/* ---- configuration ------------------------------------------------------ */

static void add_trust(const struct site *s, struct json_object *o)
{
	config_trust(o, "authority-pem", s->authority_pem);
	config_trust(o, "crl-pem", s->crl_pem);
}

static int apply(struct site_side *side, struct json_object *o,
		 struct mpq_engine_descriptor *d, size_t n)
{
	return config_apply(&side->engine, o, ++side->applied, d, n, side->at,
			    side->message);
}

int site_apply_edge(struct site *s, const char *paths, const char *tunnels,
		    struct mpq_engine_descriptor *d, size_t n)
{
	struct json_object *o =
		config_new("edge", &s->pki,
			   s->edge_own != NULL ? s->edge_own : s->pki.client);

	add_trust(s, o);
	config_list(o, "paths", paths);
	config_list(o, "tunnels", tunnels);
	return apply(&s->edge, o, d, n);
}

int site_apply_vps(struct site *s, const char *peers, const char *paths,
		   const char *tunnels, struct mpq_engine_descriptor *d,
		   size_t n)
{
	struct json_object *o =
		config_new("concentrator", &s->pki,
			   s->vps_own != NULL ? s->vps_own : s->pki.server);

	add_trust(s, o);
	config_list(o, "peers", peers);
	config_list(o, "paths", paths);
	config_list(o, "tunnels", tunnels);
	return apply(&s->vps, o, d, n);
}

static void configure(struct site *s)
{
	struct mpq_engine_descriptor edge[1], vps[2];

	s->edge.tun = fake_tun();
	s->vps.tun = fake_tun();
	edge[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", s->edge.tun);
	vps[0] = config_descriptor(MPQ_ENGINE_TUN, "mpq1", s->vps.tun);
	vps[1] = config_descriptor(MPQ_ENGINE_LISTEN, "port1",
				   fake_udp(SITE_VPS, SITE_PORT));
	assert_int_equal(site_apply_vps(s, SITE_PEER, SITE_VPS_PATH,
					SITE_VPS_TUNNEL, vps, 2),
			 0);
	assert_int_equal(site_apply_edge(s, SITE_EDGE_PATH, SITE_EDGE_TUNNEL,
					 edge, 1),
			 0);
}

/* ---- life --------------------------------------------------------------- */

static void check_engine(const struct mpq_engine *e)
{
	const char *missed = touched_missed(e);

	if (missed != NULL) {
		fail_msg("%s", missed);
	}
}

static void on_turned(void *owner)
{
	const struct site *s = owner;

	check_engine(&s->edge.engine);
	check_engine(&s->vps.engine);
}

int site_setup_bare(void **state)
{
	struct site *s = calloc(1, sizeof(*s));

	fake_reset();
	s->pki = pki_set_new();
	assert_int_equal(mpq_engine_init(&s->edge.engine, &events, &s->edge),
			 0);
	assert_int_equal(mpq_engine_init(&s->vps.engine, &events, &s->vps), 0);
	kernel_watch(on_turned, s);
	*state = s;
	return 0;
}

int site_setup(void **state)
{
	struct site *s;

	(void)site_setup_bare(state);
	s = *state;
	configure(s);
	site_link_ready(s);
	fake_run(1 * MPQ_SECOND);
	assert_true(s->edge.tunnel_up);
	assert_true(s->vps.tunnel_up);
	return 0;
}

int site_teardown(void **state)
{
	struct site *s = *state;

	kernel_watch(NULL, NULL);
	mpq_engine_finish(&s->edge.engine);
	mpq_engine_finish(&s->vps.engine);
	pki_set_free(&s->pki);
	fake_reset();
	free(s);
	return 0;
}

void site_link_ready(struct site *s)
{
	static uint16_t port = 1000;
	int fds[MPQ_PATH_SOCKETS];

	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		fds[i] = fake_udp(SITE_WAN, ++port);
	}
	mpq_path_link(site_path(s), MPQ_LIFE_CONNECTING, "", fds, fake_now());
}

struct mpq_path *site_path(struct site *s)
{
	struct mpq_path *p = mpq_engine_path(&s->edge.engine, "wan1");

	assert_non_null(p);
	return p;
}

struct mpq_tunnel *site_tunnel(struct site_side *side)
{
	struct mpq_tunnel *t = mpq_engine_tunnel(&side->engine, "mpq1");

	assert_non_null(t);
	return t;
}

/* ---- packets ------------------------------------------------------------ */

void site_send_out(struct site *s, size_t len)
{
	uint8_t packet[2048];

	site_udp(packet, len, "10.1.0.7", "198.51.100.1");
	fake_tun_push(s->edge.tun, packet, len);
}

void site_send_in(struct site *s, size_t len)
{
	uint8_t packet[2048];

	site_udp(packet, len, "198.51.100.1", "10.1.0.7");
	fake_tun_push(s->vps.tun, packet, len);
}
