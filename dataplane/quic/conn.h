/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One QUIC connection (RFC 9000, RFC 9221) with mutual TLS 1.3 and BBR. Owns
 * ngtcp2. Does no I/O and reads no clock: packets and `now` come in, packets
 * and a deadline come out, so that the same code runs under a virtual clock.
 *
 *	mpq_conn_read()   for each UDP payload received, then, once a burst,
 *	mpq_conn_write()  until it returns 0, then
 *	mpq_conn_burst_end() and re-arm the timer to mpq_conn_deadline();
 *	mpq_conn_expire() when that is due, then write again.
 *
 * Inside an event, streams may be opened and the connection closed, but it must
 * not be freed, read or written.
 */
#ifndef MPQ_QUIC_CONN_H
#define MPQ_QUIC_CONN_H

#include "common/certificate.h"
#include "common/clock.h"
#include "common/sockaddr.h"
#include "dataplane/quic/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define MPQ_CONN_CID_MAX_BYTES 20
/* Connection IDs that a server hands out; a client's have length 0, because
 * it has a socket for each connection. */
#define MPQ_CONN_SERVER_CID_BYTES 4
/* From the UDP payload's size to the largest HTTP-datagram payload, worst case:
 * 1 flags, 4 DCID, 4 packet number, 1 type + 2 length, 16 tag. */
#define MPQ_CONN_OVERHEAD_BYTES 28
#define MPQ_CONN_MAX_UDP_BYTES  1472

struct mpq_conn;

/* Why a connection ended, for people and for the state machine. */
enum mpq_conn_layer {
	MPQ_CONN_OPEN,        /* it has not */
	MPQ_CONN_LOCAL,       /* we closed it */
	MPQ_CONN_TRANSPORT,   /* a QUIC error code, from the peer or ours */
	MPQ_CONN_TLS,         /* a TLS alert (code = alert) */
	MPQ_CONN_APPLICATION, /* the peer's application closed: HTTP/3 code */
	MPQ_CONN_IDLE,        /* idle or handshake time-out */
	MPQ_CONN_RESET,       /* stateless reset: the peer knows us no more */
	MPQ_CONN_VERIFY,      /* we refused the peer's certificate */
};

struct mpq_conn_end {
	enum mpq_conn_layer layer;
	bool by_peer;
	uint64_t code;
	char reason[MPQ_CERTIFICATE_REASON_BYTES]; /* a sentence */
};

/* Any of them may be NULL; the three after stream_pull only with it. */
struct mpq_conn_events {
	/* TLS is asking: the chain is good; is this the right peer? 0, or
	 * nonzero with a sentence: refused. */
	int (*verify)(void *owner, const struct mpq_certificate_identity *peer,
		      char reason[MPQ_CERTIFICATE_REASON_BYTES]);
	/* The handshake is confirmed (RFC 9001 §4.1.2) by both sides: streams
	 * and datagrams may be used. None of the events below comes before it
	 * (a server may speak sooner; what it says on streams is kept). */
	void (*established)(void *owner);
	/* Nonzero from a stream event closes the connection; set the code with
	 * mpq_conn_close(). */
	int (*stream_data)(void *owner, int64_t stream_id, const uint8_t *data,
			   size_t len, bool fin);
	int (*stream_acked)(void *owner, int64_t stream_id, uint64_t bytes);
	int (*stream_closed)(void *owner, int64_t stream_id, uint64_t code);
	int (*stream_reset)(void *owner, int64_t stream_id);
	/* We asked the peer to stop: read no further (the peer's own request
	 * to stop shows as stream_blocked). */
	int (*stop_sending)(void *owner, int64_t stream_id);
	int (*stream_unblocked)(void *owner, int64_t stream_id);
	/* What to write next on streams: as mpq_h3_pull(). */
	int (*stream_pull)(void *owner, int64_t *ret_stream_id, bool *ret_fin,
			   struct iovec *vec, size_t room);
	int (*stream_wrote)(void *owner, int64_t stream_id, size_t bytes);
	void (*stream_blocked)(void *owner, int64_t stream_id);
	/* A DATAGRAM frame's payload, valid during the call. */
	void (*datagram)(void *owner, const uint8_t *data, size_t len);
	/* May both come for one id: acked after lost means it was spurious. */
	void (*datagram_acked)(void *owner, uint64_t id);
	void (*datagram_lost)(void *owner, uint64_t id);
	/* Server: connection IDs by which packets find us (for quic/demux), the
	 * first of them inside mpq_conn_accept(), the last are taken away in
	 * mpq_conn_free(). Nonzero: this one is taken, try another. */
	int (*cid_added)(void *owner, const uint8_t *cid, size_t len);
	void (*cid_removed)(void *owner, const uint8_t *cid, size_t len);
	/* Client: an address validation token for the next time. */
	void (*token)(void *owner, const uint8_t *token, size_t len);
};

struct mpq_conn_config {
	struct mpq_tls *tls;     /* referenced */
	const char *server_name; /* client: SNI, and what to verify */
	struct mpq_sockaddr local, remote;
	/* PMTUD's aim, <= MPQ_CONN_MAX_UDP_BYTES; less than QUIC's 1200 is
	 * taken as that. */
	uint16_t max_udp_bytes;
	mpq_duration idle_timeout; /* 30 s */
	mpq_duration keep_alive;   /* 0: none */
	mpq_duration handshake_timeout;
	mpq_duration initial_rtt;
	const uint8_t *token; /* client: from events.token, or NULL */
	size_t token_len;
	const uint8_t *reset_secret; /* server: 32 bytes, kept over restarts;
				      * that of the demux before it */
};

/* Client. 0 or -errno. */
int mpq_conn_connect(struct mpq_conn **ret,
		     const struct mpq_conn_config *config,
		     const struct mpq_conn_events *events, void *owner,
		     mpq_time now);

/* Server: what quic/demux made of a first Initial whose token proved its
 * sender's address. */
struct mpq_conn_initial {
	uint32_t version;
	uint8_t scid[MPQ_CONN_CID_MAX_BYTES], dcid[MPQ_CONN_CID_MAX_BYTES];
	size_t scid_len, dcid_len;
	uint8_t original_dcid[MPQ_CONN_CID_MAX_BYTES];
	size_t original_dcid_len; /* 0: no Retry was sent (NEW_TOKEN) */
	const uint8_t *token;     /* borrowed from the packet */
	size_t token_len;
	bool token_is_retry;
};
int mpq_conn_accept(struct mpq_conn **ret, const struct mpq_conn_config *config,
		    const struct mpq_conn_initial *initial,
		    const struct mpq_conn_events *events, void *owner,
		    mpq_time now);

void mpq_conn_free(struct mpq_conn *c);

/* One UDP payload received from `remote` at `local`; ecn: the IP header's two
 * bits. 0; -ECONNRESET: the connection is over (mpq_conn_end()), write once
 * more to tell the peer; a packet that cannot be used is dropped and counted,
 * never an error. */
int mpq_conn_read(struct mpq_conn *c, const struct mpq_sockaddr *local,
		  const struct mpq_sockaddr *remote, uint8_t ecn,
		  const uint8_t *data, size_t len, mpq_time now);

/* A datagram to send: gathered from up to 3 pieces. One of no bytes at all is
 * accepted and forgotten, because the library cannot write it. */
struct mpq_conn_datagram {
	struct iovec vec[3];
	size_t n;
	uint64_t id; /* comes back in events */
};

enum mpq_conn_wrote {
	MPQ_CONN_NOTHING, /* no packet; see *ret_refused for the datagram */
	MPQ_CONN_PACKET,  /* a packet of *ret_len bytes stands in dest */
	MPQ_CONN_MORE,    /* the datagram stands in the packet under way; call
			   * again, with another or none, to go on with it */
	MPQ_CONN_OVER,    /* the connection is over */
};

struct mpq_conn_written {
	size_t len_bytes;
	uint8_t ecn;
	bool accepted; /* the datagram is in, now the library's */
	bool too_big;  /* the datagram will not fit until MTU grows: drop it
			* or answer "packet too big", do not wait (set with
			* or without a packet of other things) */
	struct mpq_sockaddr local, remote; /* where from and to */
};

/* Writes at most one UDP payload into dest[0..cap), cap >= max_udp_bytes:
 * whatever is due (acknowledgements, streams, probes), and the datagram if
 * given, established and there is window. `more`: another datagram is at hand,
 * so a small one may wait for company in the same packet (MPQ_CONN_MORE): the
 * next call goes to the same dest, and nothing but mpq_conn_write() may come
 * between. A packet without the datagram is no refusal: offer it again. */
enum mpq_conn_wrote mpq_conn_write(struct mpq_conn *c, uint8_t *dest,
				   size_t cap,
				   const struct mpq_conn_datagram *datagram,
				   bool more, struct mpq_conn_written *ret,
				   mpq_time now);

/* After the last write of a burst: pacing. Writing stops by itself
 * (MPQ_CONN_NOTHING) when a burst has become as long as it should be. */
void mpq_conn_burst_end(struct mpq_conn *c, mpq_time now);

/* Little of what is written cannot wait: the rest is to leave the path's queue
 * short. */
void mpq_conn_keep_short(struct mpq_conn *c, bool keep);

/* When to call mpq_conn_expire() and write; MPQ_TIME_NEVER: not. */
mpq_time mpq_conn_deadline(const struct mpq_conn *c);
/* 0 or -ECONNRESET. */
int mpq_conn_expire(struct mpq_conn *c, mpq_time now);

/* Closes: the next mpq_conn_write() gives the CONNECTION_CLOSE packet, after
 * which it is MPQ_CONN_OVER. application_code: HTTP/3's. */
void mpq_conn_close(struct mpq_conn *c, uint64_t application_code,
		    const char *reason);

/* We trust others now: a peer that `tls` would not let in is refused, as in a
 * handshake (the next mpq_conn_write() tells it), and mpq_conn_end() says why.
 * What we present stays. 0; -ECONNRESET: refused. */
int mpq_conn_verify(struct mpq_conn *c, struct mpq_tls *tls);

/* The next write carries something that the peer has to acknowledge, a PING
 * if there is nothing else. */
void mpq_conn_ping(struct mpq_conn *c, mpq_time now);

/* Streams. Ids, or -EAGAIN (no credit from the peer yet), -errno. */
int64_t mpq_conn_open_uni(struct mpq_conn *c);
int64_t mpq_conn_open_bidi(struct mpq_conn *c);
void mpq_conn_consumed(struct mpq_conn *c, int64_t stream_id, size_t bytes);
void mpq_conn_stop_sending(struct mpq_conn *c, int64_t stream_id,
			   uint64_t code);
void mpq_conn_reset_stream(struct mpq_conn *c, int64_t stream_id,
			   uint64_t code);

/* The largest DATAGRAM payload that fits the path now (PMTUD, RFC 8899),
 * whatever the packet number; 0: the peer takes none. */
size_t mpq_conn_max_datagram(const struct mpq_conn *c);
/* True until path MTU discovery has come to its end, as far as one can see from
 * outside: sizes are probed from the largest down, each failing one takes five
 * probe time-outs or a little more, and the end of a failing search is known
 * one later. An outage of the path makes it longer, and changes nothing else.
 */
bool mpq_conn_probing_mtu(const struct mpq_conn *c);

struct mpq_conn_info {
	/* Before the first sample: the configured one, and 0. */
	mpq_duration rtt_smoothed, rtt_min, rtt_latest, rtt_variation;
	mpq_duration rtt_least; /* of late, on the path's way now */
	uint64_t cwnd_bytes, in_flight_bytes;
	uint16_t max_udp_bytes;
	mpq_time last_read; /* last packet that passed authentication */
	/* The first ack-eliciting packet sent since last_read, but for probes
	 * of the path's MTU; MPQ_TIME_NEVER: none. Once it has waited for
	 * 300 ms, reading is not enough: something must be acknowledged, or
	 * it goes on to wait. */
	mpq_time oldest_unanswered;
	/* Since when nothing of what is in flight has been acknowledged; NEVER:
	 * nothing is. When all of a full window was lost the library asks at
	 * intervals that double, whatever comes from the peer meanwhile. */
	mpq_time stuck_since;
	uint64_t packets_in, packets_out, bytes_in, bytes_out;
	uint64_t discarded;         /* packets read that were of no use */
	struct mpq_sockaddr remote; /* as of now: a NAT may move it */
};
void mpq_conn_info(const struct mpq_conn *c, struct mpq_conn_info *ret);

/* The verified peer; NULL before its certificate was accepted. */
const struct mpq_certificate_identity *mpq_conn_peer(const struct mpq_conn *c);

const struct mpq_conn_end *mpq_conn_end(const struct mpq_conn *c);
bool mpq_conn_is_established(const struct mpq_conn *c);

#endif
