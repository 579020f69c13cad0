/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection is made of. Internal to dataplane/quic: conn.c makes and
 * frees it, callback.c hears the library, rx.c and tx.c move packets, mtu.c
 * guards the search for the path's MTU, end.c says why it ended.
 */
#ifndef MPQ_QUIC_CONNECTION_H
#define MPQ_QUIC_CONNECTION_H

#include "dataplane/quic/conn.h"
#include "dataplane/quic/early.h"
#include "dataplane/quic/handshake.h"
#include "dataplane/quic/window.h"

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#define MPQ_CONNECTION_SECRET_BYTES 32
#define MPQ_CONNECTION_CIDS         32 /* of ours in use or lately retired */

struct mpq_conn {
	/* configuration */
	struct mpq_handshake handshake;
	const struct mpq_conn_events *events;
	void *owner;
	bool server;
	uint16_t max_udp_bytes;
	mpq_duration keep_alive;
	uint8_t secret[MPQ_CONNECTION_SECRET_BYTES]; /* server */

	/* state */
	ngtcp2_conn *quic;
	mpq_time now;         /* the latest we were told: never goes back */
	mpq_time said;        /* to the library: that, or a little later */
	mpq_duration skipped; /* its clock is ahead of ours by so much */
	bool established;     /* events.established was called */
	bool ping_due;
	size_t peer_max_datagram; /* payload that the peer's limit allows */
	ngtcp2_cid initial_dcid;  /* server: by which the newcomer calls us */
	uint8_t cids[MPQ_CONNECTION_CIDS][MPQ_CONN_SERVER_CID_BYTES];
	size_t n_cids; /* what the owner was told of and not yet rid of */

	struct mpq_early early; /* client */

	/* writing */
	bool pull_due;  /* ask for stream data again */
	bool gathering; /* MPQ_CONN_MORE was the last answer */
	size_t burst_bytes;
	struct mpq_window window;
	bool paced;            /* something waits for window.next */
	uint64_t flight_bytes; /* sent, ever, of what counts as in flight .. */
	uint64_t flight_pkts;
	uint64_t lost_pkts; /* .. of it lost */
	uint64_t acked_pkts;
	mpq_time expired; /* last mpq_conn_expire(), and what was written .. */
	uint64_t expired_packets; /* .. by then: no timer may spin */

	struct {                /* mtu.c */
		size_t bytes;   /* of the last probe; 0: none so far */
		unsigned tries; /* of that size */
		bool held; /* the next one is held back until an answer .. */
		mpq_time asks; /* .. that comes from then on */
		mpq_time ends; /* when it is given up */
	} mtu;

	/* the end */
	struct mpq_conn_end end;
	bool close_due; /* tell the peer with `close` */
	bool reset;     /* a stateless reset came */
	ngtcp2_ccerr close;

	/* measured */
	mpq_time last_read, oldest_unanswered;
	mpq_time acknowledged; /* the last time, or of what is in flight the
				* first was sent; NEVER: nothing was ever */
	uint64_t packets_in, packets_out, bytes_in, bytes_out, discarded;
};

/* conn.c */
void mpq_connection_update_time(struct mpq_conn *c, mpq_time now);
/* The time for the library; see mpq_window_later(). Never goes back. */
mpq_time mpq_connection_time(struct mpq_conn *c);
/* When it is to be called, by ours. */
mpq_time mpq_connection_expiry(const struct mpq_conn *c);

static inline uint64_t mpq_connection_in_flight(const struct mpq_conn *c)
{
	ngtcp2_conn_info info;

	ngtcp2_conn_get_conn_info(c->quic, &info);
	return info.bytes_in_flight;
}

/* mtu.c */
bool mpq_connection_is_mtu_probe(const struct mpq_conn *c, size_t len);
void mpq_connection_mtu_probed(struct mpq_conn *c, size_t len); /* it left */
/* Something that was in flight has been acknowledged. */
void mpq_connection_mtu_answered(struct mpq_conn *c);
/* How long a packet may be now, a probe too. */
size_t mpq_connection_room(const struct mpq_conn *c);
mpq_time mpq_connection_mtu_deadline(const struct mpq_conn *c);
/* It is due that a PING asks whether the path is there. */
bool mpq_connection_mtu_asks(const struct mpq_conn *c);

/* callback.c; a new ID: 0; negative: too many, a peer retires them too fast. */
extern const ngtcp2_callbacks mpq_connection_client_callbacks;
extern const ngtcp2_callbacks mpq_connection_server_callbacks;
int mpq_connection_new_cid(
	struct mpq_conn *c, ngtcp2_cid *ret, size_t len,
	uint8_t ret_reset_token[NGTCP2_STATELESS_RESET_TOKENLEN]);
void mpq_connection_release_cids(struct mpq_conn *c);

/* rx.c: the library's decryption, counted. */
int mpq_connection_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
			   const ngtcp2_crypto_aead_ctx *aead_ctx,
			   const uint8_t *ciphertext, size_t ciphertext_len,
			   const uint8_t *nonce, size_t nonce_len,
			   const uint8_t *aad, size_t aad_len);

/* end.c: the library said `error` (negative). After it c->end tells why and, if
 * the peer is to be told, c->close_due is set. -ECONNRESET. */
int mpq_connection_fail(struct mpq_conn *c, int error);

#endif
