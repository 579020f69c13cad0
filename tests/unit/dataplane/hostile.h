/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A concentrator with two listeners, 45001 and 45002, and two identities that
 * have a bonded tunnel each; and peers (peer.h) with either's certificate.
 *
 *	edge-1 .. 10.1.0.0/16 .. mpq1
 *	edge-2 .. 10.2.0.0/16 .. mpq2
 */
#ifndef MPQ_TESTS_DATAPLANE_HOSTILE_H
#define MPQ_TESTS_DATAPLANE_HOSTILE_H

#include "tests/unit/dataplane/peer.h"
#include "tests/unit/dataplane/site.h"

struct hostile {
	struct site *site;
	struct peers peers;
	struct pki_certificate *other; /* edge-2's */
	int tun[2];
};

#define HOSTILE_PEERS                                                          \
	"{'name':'edge-1','certificate-name':'edge-1.example'},"               \
	"{'name':'edge-2','certificate-name':'edge-2.example'}"
#define HOSTILE_TUNNEL(n)                                                      \
	"{'name':'mpq" #n "','paths':['port1','port2'],'peer':'edge-" #n "',"  \
	"'mtu':1400,'accept-policy':true,'assign':['10.200." #n ".1/32'],"     \
	"'remote-prefixes':['10." #n ".0.0/16']}"

/* For cmocka: *state is a struct hostile. */
int hostile_setup(void **state);
int hostile_teardown(void **state);

/* Another configuration; what it lacks for it, it gets. */
void hostile_apply(struct hostile *h, const char *peers, const char *tunnels);

/* Dialled, the request granted. By port 45001 and 45002 in turns. */
struct peer *hostile_dial(struct hostile *h); /* as edge-1 */
struct peer *hostile_dial_other(struct hostile *h);
/* The same, and its context is registered. */
struct peer *hostile_ready(struct hostile *h);
struct peer *hostile_ready_other(struct hostile *h);
/* A session of edge-1 with paths 0 to n - 1, all used. */
void hostile_session(struct hostile *h, struct mpq_join_key *ret_key,
		     struct peer **ret_members, unsigned n);

/* Of edge-1 and edge-2 at the concentrator; NULL: it has none. */
struct mpq_session *hostile_session_of(struct hostile *h, int edge);
bool hostile_is_member(struct hostile *h, unsigned path);
unsigned hostile_members(struct hostile *h);
size_t hostile_guests(struct hostile *h);
/* Packets that are in use anywhere. */
size_t hostile_packets(struct hostile *h);

/* Sends n packets of one lane in order on this path, from `*sequence` on. */
void hostile_stream(struct peer *p, uint32_t *sequence, unsigned n);
/* Two members of edge-1's session carry packets of one lane .. */
void hostile_both_carry(struct hostile *h, struct peer **member,
			uint32_t *sequence);
/* .. and nobody else is in. */
void hostile_is_sound(struct hostile *h, struct peer **member,
		      uint32_t *sequence);

#endif
