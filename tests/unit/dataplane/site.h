/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site: an edge with one WAN and a concentrator with one listener, both whole
 * engines, in one process and in virtual time (fake_io.h).
 *
 *	10.200.1.1 mpq1 - edge - 10.0.1.2 ~~~~ 192.0.2.1:45001 - vps - mpq1
 */
#ifndef MPQ_TESTS_DATAPLANE_SITE_H
#define MPQ_TESTS_DATAPLANE_SITE_H

#include "tests/fake/config.h"
#include "tests/unit/dataplane/fake_io.h"

#define SITE_WAN  "10.0.1.2"
#define SITE_VPS  "192.0.2.1"
#define SITE_PORT 45001

#define SITE_EDGE_PATH                                                         \
	"{'name':'wan1','wan':'eth1','remote-address':'192.0.2.1',"            \
	"'remote-port':45001,'server-name':'concentrator.example'}"
#define SITE_EDGE_TUNNEL                                                       \
	"{'name':'mpq1','paths':['wan1'],'mtu':1400,"                          \
	"'addresses':['10.200.1.1/30']}"
#define SITE_PEER "{'name':'edge-1','certificate-name':'edge-1.example'}"
#define SITE_VPS_PATH                                                          \
	"{'name':'port1','listen-address':'192.0.2.1','listen-port':45001}"
#define SITE_VPS_TUNNEL                                                        \
	"{'name':'mpq1','paths':['port1'],'peer':'edge-1','mtu':1400,"         \
	"'assign':['10.200.1.1/32'],'remote-prefixes':['10.1.0.0/16']}"

struct site_side {
	struct mpq_engine engine;
	int tun;
	unsigned applied; /* snapshots: the generation of the last */
	char at[128], message[256];
	/* events: how many, and the last one */
	unsigned path_events, tunnel_events, refusals;
	enum mpq_life_state state;
	bool seen[MPQ_LIFE_STATES]; /* for the test to clear */
	char path_reason[256], refusal[256], refused_tunnel[32];
	bool tunnel_up;
};

struct site {
	struct pki_set pki;
	struct site_side edge, vps;
	/* for the next snapshot of either end; NULL: those of `pki` */
	const char *authority_pem, *crl_pem;
	const struct pki_certificate *edge_own, *vps_own;
};

/* For cmocka: *state is a struct site. Both ends are configured and have their
 * devices and sockets, and the tunnel is up. */
int site_setup(void **state);
/* The same, but neither end has heard of a configuration. */
int site_setup_bare(void **state);
/* Ends both; no descriptor is left open. */
int site_teardown(void **state);

/* Applies a snapshot of these lists (with ' for "), with `n` descriptors. What
 * mpq_engine_apply() returned; s->at and s->message say why. */
int site_apply_edge(struct site *s, const char *paths, const char *tunnels,
		    struct mpq_engine_descriptor *d, size_t n);
int site_apply_vps(struct site *s, const char *peers, const char *paths,
		   const char *tunnels, struct mpq_engine_descriptor *d,
		   size_t n);
/* Gives the edge's path two fresh sockets on the WAN. */
void site_link_ready(struct site *s);

struct mpq_path *site_path(struct site *s);
struct mpq_tunnel *site_tunnel(struct site_side *side);

/* Sends an UDP packet of `len` bytes in all into the device: from the edge's
 * LAN to the world, or back. */
void site_send_out(struct site *s, size_t len);
void site_send_in(struct site *s, size_t len);
void site_udp(uint8_t *packet, size_t len, const char *from, const char *to);

#endif
