/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/hostile.h"

#include "tests/unit/dataplane/fake_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PEERS_JSON                                                             \
	"{'name':'edge-1','certificate-name':'edge-1.example'},"               \
	"{'name':'edge-2','certificate-name':'edge-2.example'}"
#define PATHS_JSON                                                             \
	"{'name':'port1','listen-address':'192.0.2.1','listen-port':45001},"   \
	"{'name':'port2','listen-address':'192.0.2.1','listen-port':45002}"
#define TUNNEL_JSON(n)                                                         \
	"{'name':'mpq" #n "','paths':['port1','port2'],'peer':'edge-" #n "',"  \
	"'mtu':1400,'accept-policy':true,'assign':['10.200." #n ".1/32'],"     \
	"'remote-prefixes':['10." #n ".0.0/16']}"

static void configure(struct hostile *h)
{
	struct mpq_engine_descriptor d[4];

	for (int i = 0; i < 2; i++) {
		h->tun[i] = fake_tun();
	}
	d[0] = site_descriptor(MPQ_ENGINE_TUN, "mpq1", h->tun[0]);
	d[1] = site_descriptor(MPQ_ENGINE_TUN, "mpq2", h->tun[1]);
	d[2] = site_descriptor(MPQ_ENGINE_LISTEN, "port1",
			       fake_udp(SITE_VPS, SITE_PORT));
	d[3] = site_descriptor(MPQ_ENGINE_LISTEN, "port2",
			       fake_udp(SITE_VPS, SITE_PORT + 1));
	assert_int_equal(site_apply_vps(h->site, PEERS_JSON, PATHS_JSON,
					TUNNEL_JSON(1) "," TUNNEL_JSON(2), d,
					4),
			 0);
}

int hostile_setup(void **state)
{
	struct hostile *h = calloc(1, sizeof(*h));
	struct pki_wish wish = {.client = true, .names = {"edge-2.example"}};

	(void)site_setup_bare(state);
	h->site = *state;
	wish.issuer = h->site->pki.authority;
	h->other = pki_new(&wish);
	configure(h);
	peers_init(&h->peers);
	*state = h;
	return 0;
}

int hostile_teardown(void **state)
{
	struct hostile *h = *state;

	peers_finish(&h->peers);
	pki_free(h->other);
	*state = h->site;
	(void)site_teardown(state);
	free(h);
	return 0;
}

static struct peer *dial(struct hostile *h, const struct pki_certificate *own)
{
	char address[32];
	struct peer *p;

	(void)snprintf(address, sizeof(address), "203.0.113.%u",
		       (unsigned)h->peers.n + 1);
	p = peer_dial(&h->peers, own, h->site->pki.authority, address,
		      (uint16_t)(SITE_PORT + h->peers.n % 2));
	fake_run(200 * MPQ_MILLISECOND);
	assert_int_equal(p->status, 200);
	return p;
}

struct peer *hostile_dial(struct hostile *h)
{
	return dial(h, h->site->pki.client);
}

struct peer *hostile_dial_other(struct hostile *h)
{
	return dial(h, h->other);
}

struct peer *hostile_ready(struct hostile *h)
{
	struct peer *p = hostile_dial(h);

	peer_register(p);
	return p;
}

struct peer *hostile_ready_other(struct hostile *h)
{
	struct peer *p = hostile_dial_other(h);

	peer_register(p);
	return p;
}

void hostile_session(struct hostile *h, struct mpq_join_key *ret_key,
		     struct peer **ret_members, unsigned n)
{
	static const struct mpq_header probe = {.kind = MPQ_HEADER_PROBE};

	for (unsigned i = 0; i < n; i++) {
		struct peer *p = ret_members[i] = hostile_ready(h);

		if (i == 0) {
			peer_open(p, ret_key, i);
		} else {
			peer_join(p, ret_key, i);
		}
		fake_run(50 * MPQ_MILLISECOND);
		assert_true(peer_is_accepted(p, ret_key));
		peer_send(p, &probe, 8);
	}
	fake_run(2 * MPQ_SECOND);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(hostile_session_of(h, 1)->path[i].state,
				 MPQ_SESSION_USED);
	}
	assert_int_equal(hostile_members(h), n);
}

struct mpq_session *hostile_session_of(struct hostile *h, int edge)
{
	return mpq_engine_tunnel(&h->site->vps.engine,
				 edge == 1 ? "mpq1" : "mpq2")
		->session;
}

bool hostile_is_member(struct hostile *h, unsigned path)
{
	return hostile_session_of(h, 1)->path[path].state >= MPQ_SESSION_JOINED;
}

unsigned hostile_members(struct hostile *h)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		n += hostile_is_member(h, i);
	}
	return n;
}

size_t hostile_guests(struct hostile *h)
{
	const struct mpq_engine *e = &h->site->vps.engine;

	return e->listeners[0]->n_guests + e->listeners[1]->n_guests;
}

size_t hostile_packets(struct hostile *h)
{
	const struct mpq_packet_pool *pool = &h->site->vps.engine.pool;

	return pool->size_pkts - pool->free_pkts;
}

void hostile_stream(struct peer *p, uint32_t *sequence, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct mpq_header header = {
			.sequence = (*sequence)++,
			.clock = mpq_header_clock(fake_now()),
		};

		peer_send(p, &header, 100);
	}
}
