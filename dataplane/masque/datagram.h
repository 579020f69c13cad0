/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP Datagram in a QUIC DATAGRAM frame (RFC 9297 §2.1) with
 * CONNECT-IP's context (RFC 9484 §6). Pure.
 *
 *   { Quarter Stream ID (i), Context ID (i), Payload (..) }
 */
#ifndef MPQ_MASQUE_DATAGRAM_H
#define MPQ_MASQUE_DATAGRAM_H

#include <stddef.h>
#include <stdint.h>

#define MPQ_DATAGRAM_HEAD_MAX_BYTES 16
#define MPQ_DATAGRAM_CONTEXT_IP     0 /* a whole IP packet, RFC 9484 §6 */

/* Writes the head for request stream `stream_id`; returns its length. */
size_t mpq_datagram_write_head(uint8_t out[MPQ_DATAGRAM_HEAD_MAX_BYTES],
			       int64_t stream_id, uint64_t context);

/* What a connection is closed with for a head that cannot be read (RFC 9297
 * §2.1): H3_DATAGRAM_ERROR. */
#define MPQ_DATAGRAM_ERROR 0x33

/* The head's length, or -EBADMSG (truncated; quarter stream id too large,
 * RFC 9297 §2.1). A stream id that is not our request's and a context that
 * nobody registered are no errors: drop the datagram and count it. */
int mpq_datagram_read_head(const uint8_t *data, size_t len,
			   int64_t *ret_stream_id, uint64_t *ret_context);

#endif
