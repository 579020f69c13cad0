/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that know the protocol and do with it what they like: each is one
 * connection with a certificate, its CONNECT-IP request, and whatever capsules
 * and datagrams the test lets it send. Made of quic/ and masque/ only, so that
 * it shares no mistake of the session's with the other end. They dial a
 * concentrator, or are one that an edge dials.
 *
 *	edge-1 --- peer --- 203.0.113.N:port ~~~~ 192.0.2.1 --- vps
 *	edge ---- 10.0.N.2 ~~~~ 192.0.2.1:port --- peer
 */
#ifndef MPQ_TESTS_DATAPLANE_PEER_H
#define MPQ_TESTS_DATAPLANE_PEER_H

#include "dataplane/bond/header.h"
#include "dataplane/io/loop.h"
#include "dataplane/io/udp.h"
#include "dataplane/join.h"
#include "dataplane/masque/h3.h"
#include "dataplane/quic/demux.h"
#include "dataplane/session.h"
#include "tests/unit/common/pki.h"

#define PEERS         128
#define PEER_DOORS    2
#define PEER_CONTEXT  2 /* that we register; of one that was dialled: 1 */
#define PEER_CAPSULES 32
#define PEER_QUEUE    16384

struct peers;

struct peer_capsule {
	uint64_t type;
	size_t len;
	uint8_t value[256]; /* as much of it as fits */
};

struct peer_datagram {
	size_t len;
	uint8_t *data;
};

struct peer_door { /* where they are dialled */
	struct peers *peers;
	struct mpq_udp udp;
	struct mpq_loop_fd watch;
	struct mpq_demux *demux;
	struct mpq_tls *tls;
	uint8_t secret[MPQ_DEMUX_SECRET_BYTES];
};

struct peer {
	struct peers *peers;
	struct peer_door *door; /* that it came by; NULL: it dialled */
	char address[32];
	struct mpq_udp udp;
	struct mpq_loop_fd watch;
	uint64_t own_context;
	struct mpq_conn *conn;
	struct mpq_h3 *h3;

	/* happened */
	unsigned status; /* of the request; 0: none yet */
	bool over;       /* the connection */
	bool closed;     /* the request, with .. */
	uint64_t close_code;
	struct mpq_conn_end end;
	struct peer_capsule capsule[PEER_CAPSULES]; /* the first ones */
	unsigned n_capsules, no_room; /* no_room: the other end does not read */
	unsigned accepts;             /* SESSION_ACCEPTs */
	bool asked;                   /* SESSION_OPEN or SESSION_JOIN came */
	struct mpq_join_message question;
	uint64_t their_context; /* that they registered; 0: none */
	unsigned packets;       /* with context 0 */
	unsigned kinds[MPQ_HEADER_KINDS], strange; /* datagrams */

	/* to do */
	struct peer_datagram queue[PEER_QUEUE]; /* a ring */
	size_t first, n;
	uint64_t sent;
	uint16_t path_sequence;
};

struct peers {
	struct mpq_loop *loop;
	const char *remote, *server_name; /* the concentrator's */
	struct peer *peer[PEERS];
	size_t n;
	struct peer_door door[PEER_DOORS];
	size_t n_doors;
};

void peers_init(struct peers *ps);
void peers_finish(struct peers *ps);

/* Dials the concentrator's `port` from `address` (each has its own port there)
 * and asks for the tunnel "mpq1". */
struct peer *peer_dial(struct peers *ps, const struct pki_certificate *own,
		       const struct pki_certificate *authority,
		       const char *address, uint16_t port);
/* Is dialled here, and grants each request. Who dials is at the end of
 * ps->peer[]. */
void peers_listen(struct peers *ps, const struct pki_certificate *own,
		  const struct pki_certificate *authority, const char *address,
		  uint16_t port);
/* Closes its connection without a word about the session. */
void peer_hang_up(struct peer *p);

void peer_capsule(struct peer *p, uint64_t type, const void *value, size_t len);
/* One of `len` bytes, of which no more than 5000 are sent. */
void peer_capsule_head(struct peer *p, uint64_t type, uint64_t len);
/* Any bytes, where a capsule would begin. */
void peer_stream(struct peer *p, const void *data, size_t len);
/* What comes after the context ID. */
void peer_datagram(struct peer *p, uint64_t context, const void *data,
		   size_t len);

/* As one who follows the rules. */
void peer_open(struct peer *p, struct mpq_join_key *ret_key, unsigned path);
void peer_join(struct peer *p, const struct mpq_join_key *key, unsigned path);
/* What `s` has as this path is gone; any path, also none that can be. */
void peer_leave(struct peer *p, const struct mpq_session *s, unsigned path);
void peer_register(struct peer *p);
void peer_accept(struct peer *p, const struct mpq_join_key *key, unsigned path);
/* The last SESSION_ACCEPT is right. */
bool peer_is_accepted(const struct peer *p, const struct mpq_join_key *key);
/* A datagram of the session: an UDP packet of `len` bytes, or for kinds from 4
 * on so many bytes. The sequence on the path is the next one. */
void peer_send(struct peer *p, const struct mpq_header *header, size_t len);
/* 44 bits, the same each time from the same state. */
uint64_t peer_chance(uint64_t *state);
/* As one who does not: any kind, class, clock and sequences. */
void peer_send_any(struct peer *p, uint64_t *chance);

/* Of the first capsule of that type, or NULL. */
const struct peer_capsule *peer_find(const struct peer *p, uint64_t type);

#endif
