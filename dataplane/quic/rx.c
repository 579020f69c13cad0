/* SPDX-License-Identifier: Apache-2.0 */
/* Packets in, and timers. */
#include "dataplane/quic/connection.h"

#include <assert.h>
#include <errno.h>

/* Less cannot be a packet (RFC 9000 §10.3), and of nothing at all the library
 * makes an assertion. */
#define MIN_PACKET_BYTES 21
#define ANSWER_MAX       (300 * MPQ_MILLISECOND)
/* MinRTTFilterLen, in the library. */
#define MIN_RTT_LASTS (10 * MPQ_SECOND + MPQ_MILLISECOND)

/* How many packets proved authentic. The library does not tell, and its
 * callback comes without our pointer, so it is counted here and compared around
 * a call into the library. */
static _Thread_local uint64_t decrypted;

int mpq_connection_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
			   const ngtcp2_crypto_aead_ctx *aead_ctx,
			   const uint8_t *ciphertext, size_t ciphertext_len,
			   const uint8_t *nonce, size_t nonce_len,
			   const uint8_t *aad, size_t aad_len)
{
	int rv = ngtcp2_crypto_decrypt_cb(dest, aead, aead_ctx, ciphertext,
					  ciphertext_len, nonce, nonce_len, aad,
					  aad_len);

	decrypted += rv == 0;
	return rv;
}

static ngtcp2_addr addr_of(const struct mpq_sockaddr *a)
{
	return (ngtcp2_addr){
		.addr = (ngtcp2_sockaddr *)(uintptr_t)&a->sa,
		.addrlen = a->len,
	};
}

/* A packet says that the peer is there. That ours come through as well is not
 * asked of each, but when one has waited for long: then something must have
 * been acknowledged. */
static bool waits_for_long(const struct mpq_conn *c)
{
	return c->oldest_unanswered != MPQ_TIME_NEVER &&
	       c->now - c->oldest_unanswered > ANSWER_MAX;
}

static void was_read(struct mpq_conn *c, uint64_t flight)
{
	bool acknowledged = mpq_connection_in_flight(c) < flight;

	c->last_read = c->now;
	c->pull_due = true;
	if (acknowledged) {
		c->acknowledged = c->now;
		mpq_connection_mtu_answered(c);
	}
	if (acknowledged || flight == 0 || !waits_for_long(c)) {
		c->oldest_unanswered = MPQ_TIME_NEVER;
	}
}

/* BBR keeps the least round trip for ten seconds, and of a way that has become
 * longer meanwhile it fills no more than that allows: half of it. There is no
 * call to tell it so; but when nothing is under way, no sample is touched by
 * its clock going on at once to where that is long ago. */
static void tell_of_longer_way(struct mpq_conn *c)
{
	if (mpq_window_is_longer(&c->window, c->now) &&
	    mpq_connection_in_flight(c) == 0) {
		c->skipped += MIN_RTT_LASTS;
		mpq_window_was_told(&c->window);
	}
}

int mpq_conn_read(struct mpq_conn *c, const struct mpq_sockaddr *local,
		  const struct mpq_sockaddr *remote, uint8_t ecn,
		  const uint8_t *data, size_t len, mpq_time now)
{
	const ngtcp2_pkt_info info = {.ecn = ecn};
	const ngtcp2_path path = {
		.local = addr_of(local),
		.remote = addr_of(remote),
	};
	uint64_t before = decrypted, flight;
	int rv;

	assert(!c->gathering);
	mpq_connection_update_time(c, now);
	c->packets_in++;
	c->bytes_in += len;
	if (c->end.layer != MPQ_CONN_OPEN) {
		return -ECONNRESET;
	}
	if (len < MIN_PACKET_BYTES) {
		c->discarded++;
		return 0;
	}
	flight = mpq_connection_in_flight(c);
	rv = ngtcp2_conn_read_pkt(c->quic, &path, &info, data, len,
				  mpq_connection_time(c));
	if (decrypted != before) {
		was_read(c, flight);
		tell_of_longer_way(c);
	} else {
		c->discarded++;
	}
	return rv ? mpq_connection_fail(c, rv) : 0;
}

mpq_time mpq_conn_deadline(const struct mpq_conn *c)
{
	mpq_time at;

	if (c->end.layer != MPQ_CONN_OPEN) {
		return c->close_due ? c->now : MPQ_TIME_NEVER;
	}
	at = mpq_connection_expiry(c);
	at = mpq_time_min(at, mpq_connection_mtu_deadline(c));
	/* A timer that expired and got nothing written is not due again at
	 * once: whatever holds it back, the loop must not spin. */
	if (at <= c->expired && c->packets_out == c->expired_packets) {
		at = c->expired + MPQ_MILLISECOND;
	}
	return c->paced ? mpq_time_min(at, c->window.next) : at;
}

int mpq_conn_expire(struct mpq_conn *c, mpq_time now)
{
	int rv;

	assert(!c->gathering);
	mpq_connection_update_time(c, now);
	c->paced = c->paced && c->window.next > c->now;
	if (c->end.layer != MPQ_CONN_OPEN) {
		return -ECONNRESET;
	}
	if (mpq_connection_mtu_asks(c)) {
		mpq_conn_ping(c, now);
	}
	if (mpq_connection_expiry(c) > c->now) {
		return 0;
	}
	c->expired = c->now;
	c->expired_packets = c->packets_out;
	rv = ngtcp2_conn_handle_expiry(c->quic, mpq_connection_time(c));
	return rv ? mpq_connection_fail(c, rv) : 0;
}
