/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site with three paths and one bonded tunnel (site.h): two whole engines in
 * virtual time.
 */
#ifndef MPQ_TESTS_DATAPLANE_BONDED_H
#define MPQ_TESTS_DATAPLANE_BONDED_H

#include "tests/unit/dataplane/site.h"

#define BONDED_PATHS 3

#define BONDED_EDGE_PATH(n, port)                                              \
	"{'name':'wan" #n "','wan':'eth" #n "','remote-address':'192.0.2.1',"  \
	"'remote-port':" #port ",'server-name':'concentrator.example'}"
#define BONDED_EDGE_PATHS                                                      \
	BONDED_EDGE_PATH(1, 45001)                                             \
	"," BONDED_EDGE_PATH(2, 45002) "," BONDED_EDGE_PATH(3, 45003)
#define BONDED_VPS_PATH(n, port)                                               \
	"{'name':'port" #n                                                     \
	"','listen-address':'192.0.2.1','listen-port':" #port "}"
#define BONDED_VPS_PATHS                                                       \
	BONDED_VPS_PATH(1, 45001)                                              \
	"," BONDED_VPS_PATH(2, 45002) "," BONDED_VPS_PATH(3, 45003)
#define BONDED_EDGE_TUNNEL                                                     \
	"{'name':'mpq1','paths':['wan1','wan2','wan3'],'mtu':1400,"            \
	"'addresses':['10.200.1.1/30']}"
#define BONDED_VPS_TUNNEL                                                      \
	"{'name':'mpq1','paths':['port1','port2','port3'],'peer':'edge-1',"    \
	"'mtu':1400,'assign':['10.200.1.1/32'],"                               \
	"'remote-prefixes':['10.1.0.0/16']}"

/* Of each WAN. */
extern const char *const bonded_address[BONDED_PATHS];

/* For cmocka: configured, no path has a link yet; site_teardown() ends it. */
int bonded_setup(void **state);

struct mpq_path *bonded_path(struct site *s, int i);
struct mpq_session *bonded_session(struct site_side *side);
struct mpq_session *bonded_edge(struct site *s); /* its session there */
/* How many members are in use. */
unsigned bonded_used(struct site_side *side);

void bonded_link_ready(struct site *s, int i);
void bonded_link_gone(struct site *s, int i);
/* All paths, until both ends use them. */
void bonded_bring_up(struct site *s);
/* `n` packets each way, none of which may be lost. */
void bonded_exchange(struct site *s, unsigned n);

/* A UDP packet of `len` bytes in all with this code point, of the site's LAN:
 * in a buffer of the session's; given to it, n times. */
struct mpq_packet *bonded_packet(struct mpq_session *s, uint8_t dscp,
				 size_t len);
void bonded_give(struct mpq_session *s, uint8_t dscp, size_t len, unsigned n);
/* The next packet that a path sends, as its connection takes it: its class. */
unsigned bonded_take(struct mpq_session_path *m, size_t *ret_len);
/* Has the path anything to send but what it says for itself? It is on offer. */
bool bonded_offers(struct mpq_session_path *m);
/* Of the edge's only class. */
void bonded_set_mode(struct site *s, enum mpq_steer_mode mode, mpq_time now);
/* All members of a session, at once. */
void bonded_fall_silent(struct mpq_session *s);

#endif
