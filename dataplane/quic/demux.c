/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/demux.h"

#include "dataplane/quic/cidmap.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MIN_PACKET_BYTES  21   /* RFC 9000 §10.3: less is no QUIC packet */
#define MIN_INITIAL_BYTES 1200 /* RFC 9000 §14.1 */
#define MIN_DCID_BYTES    8    /* of a first Initial, RFC 9000 §7.2 */

#define RETRY_LIFETIME (10 * MPQ_SECOND)
#define TOKEN_LIFETIME (24 * 3600 * MPQ_SECOND)
/* What a client calls us after a Retry; long, as it is also part of the token's
 * proof and lives beside those of all other newcomers. */
#define RETRY_SCID_BYTES 8

/* A reset looks like any short packet; longer than this serves nobody. */
#define RESET_BYTES 43

/* Answers a second, and at once: a Retry costs 15 us of the CPU, checking a
 * token 10 us, the others are cheap but serve an attacker more than us. */
static const struct rate {
	uint64_t per_second, burst;
} retry_rate = {2000, 500}, token_rate = {5000, 1000}, reset_rate = {200, 50},
  version_rate = {100, 20};

struct bucket {
	const struct rate *rate;
	mpq_time full_at; /* lies ahead of now by what has been taken */
};

struct mpq_demux {
	uint8_t secret[MPQ_DEMUX_SECRET_BYTES];
	struct mpq_cidmap owners;
	struct bucket retries, tokens, resets, versions;
	struct mpq_demux_counters counters;
};

/* The bucket as a time: each token taken moves it 1/rate ahead, and it may be
 * ahead of now by a whole burst. */
static bool take(struct bucket *b, mpq_time now)
{
	mpq_duration one = MPQ_SECOND / b->rate->per_second;

	if (b->full_at < now) {
		b->full_at = now;
	}
	if (b->full_at - now > one * (b->rate->burst - 1)) {
		return false;
	}
	b->full_at += one;
	return true;
}

struct mpq_demux *mpq_demux_new(const uint8_t secret[MPQ_DEMUX_SECRET_BYTES])
{
	struct mpq_demux *d = calloc(1, sizeof(*d));

	if (!d) {
		return NULL;
	}
	if (mpq_cidmap_init(&d->owners)) {
		free(d);
		return NULL;
	}
	memcpy(d->secret, secret, sizeof(d->secret));
	d->retries.rate = &retry_rate;
	d->tokens.rate = &token_rate;
	d->resets.rate = &reset_rate;
	d->versions.rate = &version_rate;
	return d;
}

void mpq_demux_free(struct mpq_demux *d)
{
	if (d) {
		gnutls_memset(d->secret, 0, sizeof(d->secret));
		mpq_cidmap_finish(&d->owners);
		free(d);
	}
}

void mpq_demux_derive(uint8_t ret[MPQ_DEMUX_SECRET_BYTES],
		      const uint8_t secret[MPQ_DEMUX_SECRET_BYTES],
		      const struct mpq_sockaddr *local)
{
	char text[MPQ_SOCKADDR_TEXT_BYTES];

	mpq_sockaddr_format(local, text);
	(void)gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret,
			       MPQ_DEMUX_SECRET_BYTES, text, strlen(text), ret);
}

int mpq_demux_add(struct mpq_demux *d, const uint8_t *cid, size_t len,
		  void *owner)
{
	return mpq_cidmap_add(&d->owners, cid, len, owner);
}

void mpq_demux_remove(struct mpq_demux *d, const uint8_t *cid, size_t len)
{
	mpq_cidmap_remove(&d->owners, cid, len);
}

/* One of the counters goes up. */
static enum mpq_demux_verdict drop(uint64_t *counter)
{
	++*counter;
	return MPQ_DEMUX_DROP;
}

static enum mpq_demux_verdict reply(struct mpq_demux_result *ret,
				    ngtcp2_ssize len, uint64_t *counter)
{
	if (len <= 0) {
		return MPQ_DEMUX_DROP;
	}
	ret->reply_len = (size_t)len;
	++*counter;
	return MPQ_DEMUX_REPLY;
}

static enum mpq_demux_verdict negotiate_version(struct mpq_demux *d,
						const ngtcp2_version_cid *id,
						size_t len, mpq_time now,
						struct mpq_demux_result *ret)
{
	static const uint32_t ours[] = {NGTCP2_PROTO_VER_V1};
	uint8_t random = 0;

	d->counters.unknown_version++;
	if (len < MIN_INITIAL_BYTES || id->dcidlen > MPQ_CONN_CID_MAX_BYTES ||
	    id->scidlen > MPQ_CONN_CID_MAX_BYTES) {
		return MPQ_DEMUX_DROP;
	}
	if (!take(&d->versions, now)) {
		return drop(&d->counters.limited);
	}
	(void)gnutls_rnd(GNUTLS_RND_NONCE, &random, 1);
	return reply(ret,
		     ngtcp2_pkt_write_version_negotiation(
			     ret->reply, sizeof(ret->reply), random, id->scid,
			     id->scidlen, id->dcid, id->dcidlen, ours, 1),
		     &d->counters.version_negotiations);
}

/* A short packet of a connection that we do not have (any more): tell the peer,
 * with less than it sent (RFC 9000 §10.3.3). */
static enum mpq_demux_verdict reset(struct mpq_demux *d,
				    const ngtcp2_version_cid *id, size_t len,
				    mpq_time now, struct mpq_demux_result *ret)
{
	uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN];
	uint8_t random[RESET_BYTES - sizeof(token)];
	size_t size = len - 1 < RESET_BYTES ? len - 1 : RESET_BYTES;
	ngtcp2_cid cid;

	d->counters.unknown_connection++;
	if (size < MIN_PACKET_BYTES) {
		return MPQ_DEMUX_DROP;
	}
	if (!take(&d->resets, now)) {
		return drop(&d->counters.limited);
	}
	ngtcp2_cid_init(&cid, id->dcid, id->dcidlen);
	if (ngtcp2_crypto_generate_stateless_reset_token(token, d->secret,
							 sizeof(d->secret),
							 &cid) ||
	    gnutls_rnd(GNUTLS_RND_NONCE, random, sizeof(random)) < 0) {
		return MPQ_DEMUX_DROP;
	}
	return reply(ret,
		     ngtcp2_pkt_write_stateless_reset(ret->reply, size, token,
						      random,
						      size - sizeof(token)),
		     &d->counters.resets);
}

static enum mpq_demux_verdict retry(struct mpq_demux *d,
				    const struct mpq_sockaddr *remote,
				    const ngtcp2_pkt_hd *hd, mpq_time now,
				    struct mpq_demux_result *ret)
{
	uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2];
	ngtcp2_cid scid = {.datalen = RETRY_SCID_BYTES};
	ngtcp2_ssize n;

	if (!take(&d->retries, now)) {
		return drop(&d->counters.limited);
	}
	if (gnutls_rnd(GNUTLS_RND_NONCE, scid.data, scid.datalen) < 0) {
		return MPQ_DEMUX_DROP;
	}
	n = ngtcp2_crypto_generate_retry_token2(token, d->secret,
						sizeof(d->secret), hd->version,
						&remote->sa, remote->len, &scid,
						&hd->dcid, now);
	if (n < 0) {
		return MPQ_DEMUX_DROP;
	}
	return reply(ret,
		     ngtcp2_crypto_write_retry(ret->reply, sizeof(ret->reply),
					       hd->version, &hd->scid, &scid,
					       &hd->dcid, token, (size_t)n),
		     &d->counters.retries);
}

static enum mpq_demux_verdict welcome(const ngtcp2_pkt_hd *hd,
				      const ngtcp2_cid *original,
				      struct mpq_demux_result *ret)
{
	struct mpq_conn_initial *i = &ret->initial;

	*i = (struct mpq_conn_initial){
		.version = hd->version,
		.scid_len = hd->scid.datalen,
		.dcid_len = hd->dcid.datalen,
		.original_dcid_len = original ? original->datalen : 0,
		.token = hd->token,
		.token_len = hd->tokenlen,
		.token_is_retry = original != NULL,
	};
	memcpy(i->scid, hd->scid.data, hd->scid.datalen);
	memcpy(i->dcid, hd->dcid.data, hd->dcid.datalen);
	if (original) {
		memcpy(i->original_dcid, original->data, original->datalen);
	}
	return MPQ_DEMUX_ACCEPT;
}

/* A bad Retry token: the client would take no second Retry, so that it can try
 * anew at once it is told (RFC 9000 §8.1.3). */
static enum mpq_demux_verdict refuse(struct mpq_demux *d,
				     const ngtcp2_pkt_hd *hd, mpq_time now,
				     struct mpq_demux_result *ret)
{
	d->counters.bad_token++;
	if (!take(&d->retries, now)) {
		return drop(&d->counters.limited);
	}
	return reply(ret,
		     ngtcp2_crypto_write_connection_close(
			     ret->reply, sizeof(ret->reply), hd->version,
			     &hd->scid, &hd->dcid, NGTCP2_INVALID_TOKEN, NULL,
			     0),
		     &d->counters.refusals);
}

static enum mpq_demux_verdict
check_retry_token(struct mpq_demux *d, const struct mpq_sockaddr *remote,
		  const ngtcp2_pkt_hd *hd, mpq_time now,
		  struct mpq_demux_result *ret)
{
	ngtcp2_cid original;

	if (ngtcp2_crypto_verify_retry_token2(&original, hd->token,
					      hd->tokenlen, d->secret,
					      sizeof(d->secret), hd->version,
					      &remote->sa, remote->len,
					      &hd->dcid, RETRY_LIFETIME, now)) {
		return refuse(d, hd, now, ret);
	}
	return welcome(hd, &original, ret);
}

static enum mpq_demux_verdict check_token(struct mpq_demux *d,
					  const struct mpq_sockaddr *remote,
					  const ngtcp2_pkt_hd *hd, mpq_time now,
					  struct mpq_demux_result *ret)
{
	if (!take(&d->tokens, now)) {
		return drop(&d->counters.limited);
	}
	if (hd->token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2) {
		return check_retry_token(d, remote, hd, now, ret);
	}
	if (hd->token[0] != NGTCP2_CRYPTO_TOKEN_MAGIC_REGULAR ||
	    ngtcp2_crypto_verify_regular_token(hd->token, hd->tokenlen,
					       d->secret, sizeof(d->secret),
					       &remote->sa, remote->len,
					       TOKEN_LIFETIME, now)) {
		d->counters.bad_token++;
		return retry(d, remote, hd, now, ret);
	}
	return welcome(hd, NULL, ret);
}

/* A long packet for nobody that we know. */
static enum mpq_demux_verdict newcomer(struct mpq_demux *d,
				       const struct mpq_sockaddr *remote,
				       const uint8_t *data, size_t len,
				       mpq_time now,
				       struct mpq_demux_result *ret)
{
	ngtcp2_pkt_hd hd;

	if (ngtcp2_pkt_decode_hd_long(&hd, data, len) < 0) {
		return drop(&d->counters.malformed);
	}
	if (hd.type != NGTCP2_PKT_INITIAL) {
		return drop(&d->counters.unknown_connection);
	}
	if (len < MIN_INITIAL_BYTES) {
		return drop(&d->counters.small_initial);
	}
	if (hd.dcid.datalen < MIN_DCID_BYTES) {
		return drop(&d->counters.malformed);
	}
	if (hd.tokenlen == 0) {
		return retry(d, remote, &hd, now, ret);
	}
	return check_token(d, remote, &hd, now, ret);
}

enum mpq_demux_verdict mpq_demux_route(struct mpq_demux *d,
				       const struct mpq_sockaddr *remote,
				       const uint8_t *data, size_t len,
				       mpq_time now,
				       struct mpq_demux_result *ret)
{
	bool is_long = len > 0 && (data[0] & 0x80);
	ngtcp2_version_cid id;
	void *owner;
	int rv;

	if (len < MIN_PACKET_BYTES) {
		return drop(&d->counters.too_short);
	}
	rv = ngtcp2_pkt_decode_version_cid(&id, data, len,
					   MPQ_CONN_SERVER_CID_BYTES);
	if (rv != 0 && rv != NGTCP2_ERR_VERSION_NEGOTIATION) {
		return drop(&d->counters.malformed);
	}
	if (is_long && id.version == 0) {
		return drop(&d->counters.malformed); /* for clients only */
	}
	if (is_long && id.version != NGTCP2_PROTO_VER_V1) {
		return negotiate_version(d, &id, len, now, ret);
	}
	owner = mpq_cidmap_find(&d->owners, id.dcid, id.dcidlen);
	if (owner) {
		ret->owner = owner;
		return MPQ_DEMUX_OWNER;
	}
	return is_long ? newcomer(d, remote, data, len, now, ret)
		       : reset(d, &id, len, now, ret);
}

const struct mpq_demux_counters *mpq_demux_counters(const struct mpq_demux *d)
{
	return &d->counters;
}
