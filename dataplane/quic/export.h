/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keying material of a connection's TLS session (RFC 9846 §7.5, formerly RFC
 * 8446; RFC 5705), and what proofs are made of it with. What is proven, and to
 * whom, is others' to know.
 */
#ifndef MPQ_QUIC_EXPORT_H
#define MPQ_QUIC_EXPORT_H

#include "dataplane/quic/conn.h"

#define MPQ_EXPORT_BYTES 32

/* The same at both ends of a connection, and at no end of another one. In TLS
 * 1.3 no context is the same as an empty one. 0; -ENOTCONN before the
 * connection is established; -EIO: the library refuses. */
int mpq_export_key(const struct mpq_conn *c, const char *label,
		   const void *context, size_t context_len,
		   uint8_t ret[MPQ_EXPORT_BYTES]);

/* HMAC-SHA256 (RFC 2104). 0 or -EIO. */
int mpq_export_hmac(const uint8_t key[MPQ_EXPORT_BYTES], const void *data,
		    size_t len, uint8_t ret[MPQ_EXPORT_BYTES]);

/* In constant time. */
bool mpq_export_equal(const uint8_t a[MPQ_EXPORT_BYTES],
		      const uint8_t b[MPQ_EXPORT_BYTES]);

/* Random bytes that nobody can guess. 0 or -EIO. */
int mpq_export_random(void *ret, size_t len);

#endif
