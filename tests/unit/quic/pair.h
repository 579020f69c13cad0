/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and a server of dataplane/quic in one process, under virtual time,
 * with a wire between them that the test may cut, narrow or put a NAT into.
 * The server's side has a demux, as a listener has. No sockets.
 *
 *   struct pair *p = pair_new();
 *   pair_dial(p);
 *   assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
 *   pair_queue(&p->client, 1000, 7);
 *   pair_wait(p, MPQ_SECOND);
 *   assert_int_equal(p->server.datagrams, 1);
 *   pair_free(p);
 */
#ifndef MPQ_TESTS_QUIC_PAIR_H
#define MPQ_TESTS_QUIC_PAIR_H

#include "dataplane/quic/conn.h"
#include "dataplane/quic/demux.h"
#include "tests/unit/common/pki.h"

#define PAIR_QUEUE       4096
#define PAIR_WIRE        8192
#define PAIR_STREAM      (256 * 1024)
#define PAIR_START       (1000 * MPQ_SECOND)
#define PAIR_CLIENT_PORT 40000
#define PAIR_SERVER_PORT 45001

struct pair;

struct pair_datagram {
	size_t len;
	uint64_t id;
};

/* One side: its connection, what happened to it, what it has to send. */
struct pair_end {
	struct pair *pair;
	struct mpq_conn *conn;
	bool is_server;
	mpq_time timer; /* from mpq_conn_deadline() */

	/* happened */
	unsigned established, verified, accepted;
	mpq_time established_at;
	unsigned datagrams, acked, lost, spurious, too_big, wrong_bytes;
	uint64_t last_id;
	bool was_lost[PAIR_QUEUE];
	uint64_t bytes_out, bytes_in; /* on the wire */
	unsigned packets_out, packets_in, largest_out;
	unsigned cids, closed_streams;
	uint8_t token[256];
	size_t token_len;
	struct mpq_certificate_identity peer; /* as verify saw it */

	/* to do */
	const char *refuse; /* verify answers with this sentence */
	/* Called with a new connection before it reads or writes. */
	void (*prepare)(struct mpq_conn *c);
	struct pair_datagram queue[PAIR_QUEUE];
	size_t queued, sent;
	int64_t stream_id; /* -1 */
	uint8_t *stream_out, *stream_in;
	size_t stream_len, stream_sent, stream_read;
	bool stream_fin, stream_fin_sent, stream_fin_read, stream_blocked;
};

struct pair_packet {
	mpq_time at;
	bool to_server;
	size_t len;
	struct mpq_sockaddr from, to;
	uint8_t data[MPQ_CONN_MAX_UDP_BYTES];
};

/* One direction of the wire. */
struct pair_wire {
	struct pair_packet *packet; /* a ring of PAIR_WIRE */
	size_t first, n;
	uint64_t rate_bps;   /* 0: no limit */
	mpq_duration buffer; /* what waits longer is dropped */
	mpq_time free_at, longest_wait;
	unsigned dropped;
	bool cut;
};

struct pair {
	mpq_time now;
	struct pki_set pki;
	struct mpq_tls_config client_tls, server_tls;
	struct mpq_conn_config client_config, server_config;
	struct mpq_conn_events client_events, server_events;
	uint8_t secret[MPQ_DEMUX_SECRET_BYTES];
	struct mpq_demux *demux;
	struct pair_end client, server;
	struct mpq_sockaddr server_address;

	/* the wire */
	mpq_duration delay; /* one way, 10 ms */
	size_t mtu;         /* larger payloads vanish */
	uint16_t nat_port;  /* the client's port as the server sees it */
	struct pair_wire to_server, to_client;
	/* Nonzero: this packet vanishes. */
	int (*lose)(struct pair *p, const struct pair_packet *packet);
	/* Called before a packet is delivered. */
	void (*deliver)(struct pair *p, const struct pair_packet *packet);
	unsigned seen;    /* packets, for the use of lose() */
	unsigned replies; /* of the demux */
};

struct pair *pair_new(void);
void pair_free(struct pair *p);

/* Makes the client's connection of client_config and client_tls, gets rid of
 * one before. The server's comes by itself, of server_config and server_tls. */
void pair_dial(struct pair *p);
/* The server's process dies and comes back: same secret, no connections. */
void pair_restart_server(struct pair *p);

/* Runs until `done`, at most for `limit`. True: done. */
bool pair_run(struct pair *p, bool (*done)(const struct pair *p),
	      mpq_duration limit);
void pair_wait(struct pair *p, mpq_duration time);

bool pair_is_up(const struct pair *p); /* both sides established */
bool pair_client_is_over(const struct pair *p);
bool pair_server_is_over(const struct pair *p);
bool pair_mtu_is_known(const struct pair *p);

/* A datagram to send; the other side checks its bytes. */
void pair_queue(struct pair_end *e, size_t len, uint64_t id);
/* Bytes on a new bidirectional stream. */
void pair_stream(struct pair_end *e, size_t len, bool fin);
/* The oldest packet on its way; NULL: none. */
struct pair_packet *pair_head(const struct pair_wire *w);
/* Writes what there is to write, now. */
void pair_pump(struct pair_end *e);

#endif
