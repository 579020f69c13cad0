/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the library calls: trampolines to struct mpq_conn_events, connection
 * IDs, tokens.
 */
#include "dataplane/quic/connection.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <string.h>

#define CID_TRIES 16 /* in 2^32 ids a collision is rare, 16 mean a bug */

/* DATAGRAM frame: type, length (RFC 9221 §4). */
#define DATAGRAM_FRAME_BYTES 3

static struct mpq_conn *conn_of(void *user_data)
{
	return user_data;
}

static int result(int event_result)
{
	return event_result ? NGTCP2_ERR_CALLBACK_FAILURE : 0;
}

static void random_bytes(uint8_t *dest, size_t len,
			 const ngtcp2_rand_ctx *unused)
{
	(void)unused;
	(void)gnutls_rnd(GNUTLS_RND_NONCE, dest, len);
}

static int add_cid(struct mpq_conn *c, const uint8_t *cid, size_t len)
{
	if (len == 0) {
		return 0; /* a client's: packets find it by its socket */
	}
	if (c->events->cid_added && c->events->cid_added(c->owner, cid, len)) {
		return -1;
	}
	memcpy(c->cids[c->n_cids++], cid, MPQ_CONN_SERVER_CID_BYTES);
	return 0;
}

int mpq_connection_new_cid(
	struct mpq_conn *c, ngtcp2_cid *ret, size_t len,
	uint8_t ret_reset_token[NGTCP2_STATELESS_RESET_TOKENLEN])
{
	uint8_t bytes[MPQ_CONN_SERVER_CID_BYTES];

	assert(len == 0 || len == sizeof(bytes));
	if (c->n_cids == MPQ_CONNECTION_CIDS) {
		return -1;
	}
	for (int i = 0; i < CID_TRIES; i++) {
		if (gnutls_rnd(GNUTLS_RND_RANDOM, bytes, len) < 0) {
			return -1;
		}
		if (add_cid(c, bytes, len) == 0) {
			ngtcp2_cid_init(ret, bytes, len);
			return ngtcp2_crypto_generate_stateless_reset_token(
				ret_reset_token, c->secret, sizeof(c->secret),
				ret);
		}
	}
	return -1;
}

static void tell_removed(struct mpq_conn *c, const uint8_t *cid, size_t len)
{
	if (len > 0 && c->events->cid_removed) {
		c->events->cid_removed(c->owner, cid, len);
	}
}

void mpq_connection_release_cids(struct mpq_conn *c)
{
	tell_removed(c, c->initial_dcid.data, c->initial_dcid.datalen);
	c->initial_dcid.datalen = 0;
	while (c->n_cids > 0) {
		tell_removed(c, c->cids[--c->n_cids],
			     MPQ_CONN_SERVER_CID_BYTES);
	}
}

static int get_new_connection_id(ngtcp2_conn *quic, ngtcp2_cid *cid,
				 uint8_t *token, size_t len, void *user_data)
{
	(void)quic;
	return result(
		mpq_connection_new_cid(conn_of(user_data), cid, len, token));
}

static int remove_connection_id(ngtcp2_conn *quic, const ngtcp2_cid *cid,
				void *user_data)
{
	struct mpq_conn *c = conn_of(user_data);

	(void)quic;
	for (size_t i = 0; i < c->n_cids; i++) {
		if (memcmp(c->cids[i], cid->data, sizeof(c->cids[i])) == 0) {
			tell_removed(c, cid->data, cid->datalen);
			memmove(c->cids[i], c->cids[--c->n_cids],
				sizeof(c->cids[i]));
			break;
		}
	}
	return 0;
}

static void learn_peer_limits(struct mpq_conn *c)
{
	const ngtcp2_transport_params *p =
		ngtcp2_conn_get_remote_transport_params(c->quic);
	uint64_t frame = p ? p->max_datagram_frame_size : 0;

	if (frame > UINT16_MAX) {
		frame = UINT16_MAX;
	}
	c->peer_max_datagram =
		frame > DATAGRAM_FRAME_BYTES ? frame - DATAGRAM_FRAME_BYTES : 0;
}

static int establish(struct mpq_conn *c)
{
	learn_peer_limits(c);
	c->established = true;
	c->pull_due = true;
	if (c->keep_alive) {
		ngtcp2_conn_set_keep_alive_timeout(c->quic, c->keep_alive);
	}
	if (c->events->established) {
		c->events->established(c->owner);
	}
	return result(mpq_early_replay(&c->early, c->events, c->owner));
}

/* Its tag was good: the peer is there, if not let in. */
static int recv_retry(ngtcp2_conn *quic, const ngtcp2_pkt_hd *hd,
		      void *user_data)
{
	struct mpq_conn *c = conn_of(user_data);

	c->last_read = c->now;
	return ngtcp2_crypto_recv_retry_cb(quic, hd, user_data);
}

/* NEW_TOKEN: the client's next first packet needs no Retry. */
static int submit_token(struct mpq_conn *c)
{
	const ngtcp2_path *path = ngtcp2_conn_get_path(c->quic);
	uint8_t token[NGTCP2_CRYPTO_MAX_REGULAR_TOKENLEN];
	ngtcp2_ssize n = ngtcp2_crypto_generate_regular_token(
		token, c->secret, sizeof(c->secret), path->remote.addr,
		path->remote.addrlen, mpq_connection_time(c));

	return n < 0 ? -1
		     : ngtcp2_conn_submit_new_token(c->quic, token, (size_t)n);
}

static int server_handshake_completed(ngtcp2_conn *quic, void *user_data)
{
	struct mpq_conn *c = conn_of(user_data);

	(void)quic;
	if (submit_token(c)) {
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	return establish(c);
}

/* A client's handshake_completed comes before the server has judged its
 * certificate; only HANDSHAKE_DONE says that it was accepted. */
static int client_handshake_confirmed(ngtcp2_conn *quic, void *user_data)
{
	(void)quic;
	return establish(conn_of(user_data));
}

static int recv_new_token(ngtcp2_conn *quic, const uint8_t *token, size_t len,
			  void *user_data)
{
	struct mpq_conn *c = conn_of(user_data);

	(void)quic;
	if (c->events->token) {
		c->events->token(c->owner, token, len);
	}
	return 0;
}

static int recv_stateless_reset(ngtcp2_conn *quic,
				const ngtcp2_pkt_stateless_reset *reset,
				void *user_data)
{
	(void)quic;
	(void)reset;
	conn_of(user_data)->reset = true;
	return 0;
}

static int recv_stream_data(ngtcp2_conn *quic, uint32_t flags,
			    int64_t stream_id, uint64_t offset,
			    const uint8_t *data, size_t len, void *user_data,
			    void *unused)
{
	struct mpq_conn *c = conn_of(user_data);
	bool fin = flags & NGTCP2_STREAM_DATA_FLAG_FIN;

	(void)quic;
	(void)offset;
	(void)unused;
	if (!c->established) {
		return result(mpq_early_keep(&c->early, MPQ_EARLY_DATA,
					     stream_id, fin, data, len));
	}
	if (!c->events->stream_data) {
		return 0;
	}
	return result(
		c->events->stream_data(c->owner, stream_id, data, len, fin));
}

static int acked_stream_data(ngtcp2_conn *quic, int64_t stream_id,
			     uint64_t offset, uint64_t len, void *user_data,
			     void *unused)
{
	struct mpq_conn *c = conn_of(user_data);

	(void)quic;
	(void)offset;
	(void)unused;
	if (!c->events->stream_acked) {
		return 0;
	}
	return result(c->events->stream_acked(c->owner, stream_id, len));
}

/* The peer may open another stream for each that is gone. */
static void replace_stream(ngtcp2_conn *quic, int64_t stream_id)
{
	if (ngtcp2_conn_is_local_stream(quic, stream_id)) {
		return;
	}
	if (ngtcp2_is_bidi_stream(stream_id)) {
		ngtcp2_conn_extend_max_streams_bidi(quic, 1);
	} else {
		ngtcp2_conn_extend_max_streams_uni(quic, 1);
	}
}

static int stream_close(ngtcp2_conn *quic, uint32_t flags, int64_t stream_id,
			uint64_t code, void *user_data, void *unused)
{
	const uint64_t h3_no_error = 0x100; /* RFC 9114 §8.1 */
	struct mpq_conn *c = conn_of(user_data);

	(void)unused;
	replace_stream(quic, stream_id);
	if (!(flags & NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET)) {
		code = h3_no_error;
	}
	if (!c->established) {
		return result(mpq_early_keep(&c->early, MPQ_EARLY_CLOSED,
					     stream_id, code, NULL, 0));
	}
	if (!c->events->stream_closed) {
		return 0;
	}
	return result(c->events->stream_closed(c->owner, stream_id, code));
}

static int stream_reset(ngtcp2_conn *quic, int64_t stream_id,
			uint64_t final_size, uint64_t code, void *user_data,
			void *unused)
{
	struct mpq_conn *c = conn_of(user_data);

	(void)quic;
	(void)final_size;
	(void)code;
	(void)unused;
	if (!c->established) {
		return result(mpq_early_keep(&c->early, MPQ_EARLY_RESET,
					     stream_id, 0, NULL, 0));
	}
	if (!c->events->stream_reset) {
		return 0;
	}
	return result(c->events->stream_reset(c->owner, stream_id));
}

static int stream_stop_sending(ngtcp2_conn *quic, int64_t stream_id,
			       uint64_t code, void *user_data, void *unused)
{
	struct mpq_conn *c = conn_of(user_data);

	(void)quic;
	(void)code;
	(void)unused;
	if (!c->events->stop_sending) {
		return 0;
	}
	return result(c->events->stop_sending(c->owner, stream_id));
}

static int extend_max_stream_data(ngtcp2_conn *quic, int64_t stream_id,
				  uint64_t max, void *user_data, void *unused)
{
	struct mpq_conn *c = conn_of(user_data);

	(void)quic;
	(void)max;
	(void)unused;
	if (!c->events->stream_unblocked) {
		return 0;
	}
	return result(c->events->stream_unblocked(c->owner, stream_id));
}

static int recv_datagram(ngtcp2_conn *quic, uint32_t flags, const uint8_t *data,
			 size_t len, void *user_data)
{
	struct mpq_conn *c = conn_of(user_data);

	(void)quic;
	(void)flags;
	if (c->events->datagram && c->established) {
		c->events->datagram(c->owner, data, len);
	}
	return 0;
}

static int ack_datagram(ngtcp2_conn *quic, uint64_t id, void *user_data)
{
	struct mpq_conn *c = conn_of(user_data);

	(void)quic;
	c->acked_pkts++;
	if (c->events->datagram_acked) {
		c->events->datagram_acked(c->owner, id);
	}
	return 0;
}

static int lost_datagram(ngtcp2_conn *quic, uint64_t id, void *user_data)
{
	struct mpq_conn *c = conn_of(user_data);

	(void)quic;
	c->lost_pkts++;
	if (c->events->datagram_lost) {
		c->events->datagram_lost(c->owner, id);
	}
	return 0;
}

#define COMMON_CALLBACKS                                                       \
	.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,                 \
	.encrypt = ngtcp2_crypto_encrypt_cb,                                   \
	.decrypt = mpq_connection_decrypt,                                     \
	.hp_mask = ngtcp2_crypto_hp_mask_cb,                                   \
	.update_key = ngtcp2_crypto_update_key_cb,                             \
	.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,     \
	.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb, \
	.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,   \
	.version_negotiation = ngtcp2_crypto_version_negotiation_cb,           \
	.rand = random_bytes, .get_new_connection_id = get_new_connection_id,  \
	.remove_connection_id = remove_connection_id,                          \
	.recv_stream_data = recv_stream_data,                                  \
	.acked_stream_data_offset = acked_stream_data,                         \
	.stream_close = stream_close, .stream_reset = stream_reset,            \
	.stream_stop_sending = stream_stop_sending,                            \
	.extend_max_stream_data = extend_max_stream_data,                      \
	.recv_datagram = recv_datagram, .ack_datagram = ack_datagram,          \
	.lost_datagram = lost_datagram,                                        \
	.recv_stateless_reset = recv_stateless_reset

const ngtcp2_callbacks mpq_connection_client_callbacks = {
	COMMON_CALLBACKS,
	.client_initial = ngtcp2_crypto_client_initial_cb,
	.recv_retry = recv_retry,
	.handshake_confirmed = client_handshake_confirmed,
	.recv_new_token = recv_new_token,
};

const ngtcp2_callbacks mpq_connection_server_callbacks = {
	COMMON_CALLBACKS,
	.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
	.handshake_completed = server_handshake_completed,
};
