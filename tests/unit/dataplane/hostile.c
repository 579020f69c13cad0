/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/hostile.h"

#include "tests/unit/dataplane/fake_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATHS_JSON                                                             \
	"{'name':'port1','listen-address':'192.0.2.1','listen-port':45001},"   \
	"{'name':'port2','listen-address':'192.0.2.1','listen-port':45002}"

void hostile_apply(struct hostile *h, const char *peers, const char *tunnels)
{
	struct mpq_engine *e = &h->site->vps.engine;
	struct mpq_engine_descriptor d[4];
	char name[8];
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		(void)snprintf(name, sizeof(name), "mpq%c", '1' + i);
		if (strstr(tunnels, name) != NULL &&
		    mpq_engine_tunnel(e, name) == NULL) {
			h->tun[i] = fake_tun();
			d[n++] = config_descriptor(MPQ_ENGINE_TUN, name,
						   h->tun[i]);
		}
		(void)snprintf(name, sizeof(name), "port%c", '1' + i);
		if (mpq_engine_listener(e, name) == NULL) {
			d[n++] = config_descriptor(
				MPQ_ENGINE_LISTEN, name,
				fake_udp(SITE_VPS, (uint16_t)(SITE_PORT + i)));
		}
	}
	if (site_apply_vps(h->site, peers, PATHS_JSON, tunnels, d, n) != 0) {
		fail_msg("%s: %s", h->site->vps.at, h->site->vps.message);
	}
}

int hostile_setup(void **state)
{
	struct hostile *h = calloc(1, sizeof(*h));
	struct pki_wish wish = {.client = true, .names = {"edge-2.example"}};

	(void)site_setup_bare(state);
	h->site = *state;
	wish.issuer = h->site->pki.authority;
	h->other = pki_new(&wish);
	hostile_apply(h, HOSTILE_PEERS,
		      HOSTILE_TUNNEL(1) "," HOSTILE_TUNNEL(2));
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
	const struct mpq_tunnel *t =
		mpq_engine_tunnel(&h->site->vps.engine,
				  edge == 1 ? "mpq1" : "mpq2");

	return t != NULL ? t->session : NULL;
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

void hostile_both_carry(struct hostile *h, struct peer **member,
			uint32_t *sequence)
{
	unsigned came = fake_tun_came(h->tun[0]);

	hostile_stream(member[0], sequence, 5);
	hostile_stream(member[1], sequence, 5);
	fake_run(300 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_came(h->tun[0]) - came, 10);
	assert_false(member[0]->over || member[1]->over);
}

void hostile_is_sound(struct hostile *h, struct peer **member,
		      uint32_t *sequence)
{
	hostile_both_carry(h, member, sequence);
	assert_int_equal(hostile_members(h), 2);
	assert_true(hostile_is_member(h, 0) && hostile_is_member(h, 1));
}
