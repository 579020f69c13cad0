/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/conn.h"

#include "dataplane/quic/connection.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#define MIN_UDP_BYTES 1200 /* RFC 9000 §14 */

/* A packet's bytes around the DATAGRAM payload, but for the connection ID: see
 * MPQ_CONN_OVERHEAD_BYTES. */
#define OVERHEAD_BYTES (MPQ_CONN_OVERHEAD_BYTES - MPQ_CONN_SERVER_CID_BYTES)

/* One request stream and its capsules need little; a few streams more are there
 * to be refused politely. */
#define STREAMS      8
#define STREAM_BYTES (64 * 1024)
#define CONN_BYTES   (256 * 1024)

/* Acknowledge each tenth packet at the latest: a third of the cost of each
 * second, no difference in goodput. */
#define ACK_THRESHOLD 10

#define INITIAL_DCID_BYTES 16

/* Sizes of UDP payloads to try, as the library goes about it: in this order,
 * leaving out what earlier results have decided. The largest first, which works
 * on most links and takes one round trip; then by halves, because each failing
 * size takes five probe time-outs. They are IPv4 MTUs of 1430 (LTE), 1480, 1492
 * (PPPoE), 1460, 1344, 1400, 1280 and IPv6's 1280. */
static const uint16_t mtu_probes[] = {
	MPQ_CONN_MAX_UDP_BYTES, 1402, 1452, 1464, 1432, 1316, 1372, 1252, 1232};
#define MTU_PROBES (sizeof(mtu_probes) / sizeof(*mtu_probes))

/* A step back of the clock would be an assertion in the library. */
void mpq_connection_update_time(struct mpq_conn *c, mpq_time now)
{
	if (now > c->now) {
		c->now = now;
	}
}

mpq_time mpq_connection_time(struct mpq_conn *c)
{
	c->said = c->said > c->now ? c->said : c->now;
	return c->said + c->skipped;
}

mpq_time mpq_connection_expiry(const struct mpq_conn *c)
{
	mpq_time at = ngtcp2_conn_get_expiry(c->quic);

	if (at == UINT64_MAX) {
		return MPQ_TIME_NEVER;
	}
	return at > c->skipped ? at - c->skipped : 0;
}

static void set_transport(ngtcp2_transport_params *p,
			  const struct mpq_conn_config *config)
{
	ngtcp2_transport_params_default(p);
	p->initial_max_streams_bidi = STREAMS;
	p->initial_max_streams_uni = STREAMS;
	p->initial_max_stream_data_bidi_local = STREAM_BYTES;
	p->initial_max_stream_data_bidi_remote = STREAM_BYTES;
	p->initial_max_stream_data_uni = STREAM_BYTES;
	p->initial_max_data = CONN_BYTES;
	p->max_datagram_frame_size = UINT16_MAX;
	p->max_idle_timeout = config->idle_timeout;
}

/* The library copies the probes. It is never told not to discover the MTU,
 * because with that it makes an assertion when a peer migrates back. */
static void set_settings(ngtcp2_settings *s,
			 const struct mpq_conn_config *config,
			 uint16_t max_udp_bytes, uint16_t probes[MTU_PROBES],
			 mpq_time now)
{
	memcpy(probes, mtu_probes, sizeof(mtu_probes));
	if (max_udp_bytes > MIN_UDP_BYTES) {
		probes[0] = max_udp_bytes;
	}
	ngtcp2_settings_default(s);
	s->initial_ts = now;
	s->cc_algo = NGTCP2_CC_ALGO_BBR;
	s->ack_thresh = ACK_THRESHOLD;
	s->max_tx_udp_payload_size = max_udp_bytes;
	s->pmtud_probes = probes;
	s->pmtud_probeslen = MTU_PROBES;
	if (config->handshake_timeout) {
		s->handshake_timeout = config->handshake_timeout;
	}
	if (config->initial_rtt) {
		s->initial_rtt = config->initial_rtt;
	}
}

static ngtcp2_path path_of(const struct mpq_conn_config *config)
{
	return (ngtcp2_path){
		.local = {(ngtcp2_sockaddr *)(uintptr_t)&config->local.sa,
			  config->local.len},
		.remote = {(ngtcp2_sockaddr *)(uintptr_t)&config->remote.sa,
			   config->remote.len},
	};
}

static ngtcp2_conn *conn_of(ngtcp2_crypto_conn_ref *ref)
{
	struct mpq_conn *c = ref->user_data;

	return c->quic;
}

static int init(struct mpq_conn *c, const struct mpq_conn_config *config,
		mpq_time now)
{
	struct mpq_handshake *h = &c->handshake;

	c->now = now;
	c->max_udp_bytes = config->max_udp_bytes < MIN_UDP_BYTES
				   ? MIN_UDP_BYTES
				   : config->max_udp_bytes;
	c->keep_alive = config->keep_alive;
	c->last_read = c->oldest_unanswered = MPQ_TIME_NEVER;
	c->acknowledged = MPQ_TIME_NEVER;
	h->ref = (ngtcp2_crypto_conn_ref){conn_of, c};
	h->verify = c->events->verify;
	h->owner = c->owner;
	return mpq_handshake_init(h, config->tls, config->server_name);
}

static struct mpq_conn *new_conn(const struct mpq_conn_config *config,
				 const struct mpq_conn_events *events,
				 void *owner, bool server, mpq_time now,
				 int *ret_error)
{
	struct mpq_conn *c = calloc(1, sizeof(*c));

	if (!c) {
		*ret_error = -ENOMEM;
		return NULL;
	}
	c->events = events;
	c->owner = owner;
	c->server = server;
	*ret_error = init(c, config, now);
	if (*ret_error) {
		mpq_conn_free(c);
		return NULL;
	}
	return c;
}

static bool config_is_sound(const struct mpq_conn_config *config, bool server)
{
	return config->max_udp_bytes <= MPQ_CONN_MAX_UDP_BYTES &&
	       config->local.len && config->remote.len &&
	       mpq_tls_material(config->tls)->server == server &&
	       (!server || config->reset_secret);
}

static int start_client(struct mpq_conn *c,
			const struct mpq_conn_config *config)
{
	ngtcp2_path path = path_of(config);
	ngtcp2_transport_params params;
	uint16_t probes[MTU_PROBES];
	ngtcp2_settings settings;
	ngtcp2_cid dcid = {.datalen = INITIAL_DCID_BYTES};
	const ngtcp2_cid scid = {0};

	if (gnutls_rnd(GNUTLS_RND_NONCE, dcid.data, dcid.datalen) < 0) {
		return -EIO;
	}
	set_transport(&params, config);
	set_settings(&settings, config, c->max_udp_bytes, probes, c->now);
	settings.token = config->token;
	settings.tokenlen = config->token_len;
	if (ngtcp2_conn_client_new(&c->quic, &dcid, &scid, &path,
				   NGTCP2_PROTO_VER_V1,
				   &mpq_connection_client_callbacks, &settings,
				   &params, NULL, c)) {
		return -ENOMEM;
	}
	ngtcp2_conn_set_tls_native_handle(c->quic, c->handshake.session);
	return 0;
}

int mpq_conn_connect(struct mpq_conn **ret,
		     const struct mpq_conn_config *config,
		     const struct mpq_conn_events *events, void *owner,
		     mpq_time now)
{
	struct mpq_conn *c;
	int rv;

	if (!config_is_sound(config, false)) {
		return -EINVAL;
	}
	c = new_conn(config, events, owner, false, now, &rv);
	if (!c) {
		return rv;
	}
	rv = start_client(c, config);
	if (rv) {
		mpq_conn_free(c);
		return rv;
	}
	*ret = c;
	return 0;
}

static void set_original(ngtcp2_transport_params *p,
			 const struct mpq_conn_initial *initial)
{
	p->original_dcid_present = 1;
	if (initial->original_dcid_len == 0) {
		ngtcp2_cid_init(&p->original_dcid, initial->dcid,
				initial->dcid_len);
		return;
	}
	ngtcp2_cid_init(&p->original_dcid, initial->original_dcid,
			initial->original_dcid_len);
	ngtcp2_cid_init(&p->retry_scid, initial->dcid, initial->dcid_len);
	p->retry_scid_present = 1;
}

/* Until the client has heard of our connection ID, and for what it repeats
 * later, packets come by the one of its first packet. */
static int claim_initial_dcid(struct mpq_conn *c,
			      const struct mpq_conn_initial *initial)
{
	if (c->events->cid_added &&
	    c->events->cid_added(c->owner, initial->dcid, initial->dcid_len)) {
		return -EEXIST;
	}
	ngtcp2_cid_init(&c->initial_dcid, initial->dcid, initial->dcid_len);
	return 0;
}

static int start_server(struct mpq_conn *c,
			const struct mpq_conn_config *config,
			const struct mpq_conn_initial *initial)
{
	ngtcp2_path path = path_of(config);
	ngtcp2_transport_params params;
	uint16_t probes[MTU_PROBES];
	ngtcp2_settings settings;
	ngtcp2_cid dcid, scid;

	memcpy(c->secret, config->reset_secret, sizeof(c->secret));
	if (claim_initial_dcid(c, initial)) {
		return -EEXIST;
	}
	set_transport(&params, config);
	set_settings(&settings, config, c->max_udp_bytes, probes, c->now);
	set_original(&params, initial);
	params.stateless_reset_token_present = 1;
	if (mpq_connection_new_cid(c, &scid, MPQ_CONN_SERVER_CID_BYTES,
				   params.stateless_reset_token)) {
		return -ENOSPC;
	}
	settings.token = initial->token;
	settings.tokenlen = initial->token_len;
	settings.token_type = initial->token_is_retry
				      ? NGTCP2_TOKEN_TYPE_RETRY
				      : NGTCP2_TOKEN_TYPE_NEW_TOKEN;
	ngtcp2_cid_init(&dcid, initial->scid, initial->scid_len);
	if (ngtcp2_conn_server_new(&c->quic, &dcid, &scid, &path,
				   initial->version,
				   &mpq_connection_server_callbacks, &settings,
				   &params, NULL, c)) {
		return -ENOMEM;
	}
	ngtcp2_conn_set_tls_native_handle(c->quic, c->handshake.session);
	return 0;
}

int mpq_conn_accept(struct mpq_conn **ret, const struct mpq_conn_config *config,
		    const struct mpq_conn_initial *initial,
		    const struct mpq_conn_events *events, void *owner,
		    mpq_time now)
{
	struct mpq_conn *c;
	int rv;

	if (!config_is_sound(config, true)) {
		return -EINVAL;
	}
	c = new_conn(config, events, owner, true, now, &rv);
	if (!c) {
		return rv;
	}
	rv = start_server(c, config, initial);
	if (rv) {
		mpq_conn_free(c);
		return rv;
	}
	*ret = c;
	return 0;
}

void mpq_conn_free(struct mpq_conn *c)
{
	if (!c) {
		return;
	}
	mpq_connection_release_cids(c);
	ngtcp2_conn_del(c->quic);
	mpq_handshake_finish(&c->handshake);
	mpq_early_drop(&c->early);
	gnutls_memset(c->secret, 0, sizeof(c->secret));
	free(c);
}

static int64_t opened(int rv, int64_t id)
{
	return rv == 0                              ? id
	       : rv == NGTCP2_ERR_STREAM_ID_BLOCKED ? -EAGAIN
						    : -ENOMEM;
}

int64_t mpq_conn_open_uni(struct mpq_conn *c)
{
	int64_t id = -1;
	int rv = ngtcp2_conn_open_uni_stream(c->quic, &id, NULL);

	return opened(rv, id);
}

int64_t mpq_conn_open_bidi(struct mpq_conn *c)
{
	int64_t id = -1;
	int rv = ngtcp2_conn_open_bidi_stream(c->quic, &id, NULL);

	return opened(rv, id);
}

void mpq_conn_consumed(struct mpq_conn *c, int64_t stream_id, size_t bytes)
{
	(void)ngtcp2_conn_extend_max_stream_offset(c->quic, stream_id, bytes);
	ngtcp2_conn_extend_max_offset(c->quic, bytes);
}

void mpq_conn_stop_sending(struct mpq_conn *c, int64_t stream_id, uint64_t code)
{
	(void)ngtcp2_conn_shutdown_stream_read(c->quic, 0, stream_id, code);
}

void mpq_conn_reset_stream(struct mpq_conn *c, int64_t stream_id, uint64_t code)
{
	(void)ngtcp2_conn_shutdown_stream_write(c->quic, 0, stream_id, code);
}

size_t mpq_conn_max_datagram(const struct mpq_conn *c)
{
	size_t room = ngtcp2_conn_get_path_max_tx_udp_payload_size(c->quic) -
		      OVERHEAD_BYTES - ngtcp2_conn_get_dcid(c->quic)->datalen;

	return room < c->peer_max_datagram ? room : c->peer_max_datagram;
}

/* The library's own is of samples that the window made shorter, too. */
static mpq_duration rtt_min_of(const struct mpq_conn *c,
			       const ngtcp2_conn_info *info)
{
	if (c->window.rtt_min > 0) {
		return c->window.rtt_min;
	}
	return info->min_rtt == UINT64_MAX ? 0 : info->min_rtt;
}

void mpq_conn_info(const struct mpq_conn *c, struct mpq_conn_info *ret)
{
	const ngtcp2_path *path = ngtcp2_conn_get_path(c->quic);
	ngtcp2_conn_info info;

	ngtcp2_conn_get_conn_info(c->quic, &info);
	*ret = (struct mpq_conn_info){
		.rtt_smoothed = info.smoothed_rtt,
		.rtt_min = rtt_min_of(c, &info),
		.rtt_latest = info.latest_rtt,
		.rtt_least = mpq_window_rtt_least(&c->window),
		.rtt_variation = info.rttvar,
		.cwnd_bytes = info.cwnd,
		.in_flight_bytes = info.bytes_in_flight,
		.max_udp_bytes =
			(uint16_t)ngtcp2_conn_get_path_max_tx_udp_payload_size(
				c->quic),
		.last_read = c->last_read,
		.oldest_unanswered = c->oldest_unanswered,
		.stuck_since = info.bytes_in_flight > 0 ? c->acknowledged
							: MPQ_TIME_NEVER,
		.packets_in = c->packets_in,
		.packets_out = c->packets_out,
		.bytes_in = c->bytes_in,
		.bytes_out = c->bytes_out,
		.discarded = c->discarded,
	};
	memcpy(&ret->remote.sa, path->remote.addr, path->remote.addrlen);
	ret->remote.len = path->remote.addrlen;
}

const struct mpq_certificate_identity *mpq_conn_peer(const struct mpq_conn *c)
{
	return c->handshake.accepted ? &c->handshake.peer : NULL;
}

bool mpq_conn_is_established(const struct mpq_conn *c)
{
	return c->established && c->end.layer == MPQ_CONN_OPEN;
}
