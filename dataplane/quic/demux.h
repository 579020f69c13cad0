/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door of a listening socket: to which connection does a datagram
 * belong, and what is the answer to one that belongs to none? Nothing is
 * allocated for a sender whose address is not proven (Retry, RFC 9000 §8.1.2),
 * and never is more sent than was received; both answers are rate limited and
 * everything dropped is counted. Pure.
 */
#ifndef MPQ_QUIC_DEMUX_H
#define MPQ_QUIC_DEMUX_H

#include "common/clock.h"
#include "common/sockaddr.h"
#include "dataplane/quic/conn.h"

#include <stddef.h>
#include <stdint.h>

struct mpq_demux;

#define MPQ_DEMUX_SECRET_BYTES 32

/* The secret of the listener at `local` from the program's own. Each has to
 * have another: else one would answer a connection ID of its neighbour with the
 * stateless reset that kills it (RFC 9000 §21.11). */
void mpq_demux_derive(uint8_t ret[MPQ_DEMUX_SECRET_BYTES],
		      const uint8_t secret[MPQ_DEMUX_SECRET_BYTES],
		      const struct mpq_sockaddr *local);

/* `secret`: for tokens and stateless resets, kept over restarts. NULL: out of
 * memory. Tokens tell their age by `now`, so after a reboot those of before
 * live longer than a day. */
struct mpq_demux *mpq_demux_new(const uint8_t secret[32]);
void mpq_demux_free(struct mpq_demux *d);

/* `owner` is not NULL. 0; -EINVAL: length; -EEXIST: another connection has this
 * id; -ENOSPC: too many; -ENOMEM. */
int mpq_demux_add(struct mpq_demux *d, const uint8_t *cid, size_t len,
		  void *owner);
void mpq_demux_remove(struct mpq_demux *d, const uint8_t *cid, size_t len);

enum mpq_demux_verdict {
	MPQ_DEMUX_OWNER,  /* *ret->owner has it */
	MPQ_DEMUX_ACCEPT, /* a proven newcomer: mpq_conn_accept(&ret->initial)
			   */
	MPQ_DEMUX_REPLY,  /* send ret->reply[0..reply_len) back */
	MPQ_DEMUX_DROP,
};

struct mpq_demux_result {
	void *owner;
	struct mpq_conn_initial initial;
	uint8_t reply[256];
	size_t reply_len;
};

struct mpq_demux_counters {
	uint64_t too_short, malformed, unknown_version, unknown_connection,
		small_initial, bad_token, retries, refusals, resets,
		version_negotiations, limited;
};

enum mpq_demux_verdict mpq_demux_route(struct mpq_demux *d,
				       const struct mpq_sockaddr *remote,
				       const uint8_t *data, size_t len,
				       mpq_time now,
				       struct mpq_demux_result *ret);

const struct mpq_demux_counters *mpq_demux_counters(const struct mpq_demux *d);

#endif
