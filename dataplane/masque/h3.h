/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/3 with exactly one purpose: one CONNECT-IP request (RFC 9484) over
 * Extended CONNECT (RFC 9220), its capsules, and the knowledge of its stream
 * for HTTP datagrams. Owns nghttp3. Does no I/O: stream bytes come in by
 * mpq_h3_read(), bytes to send are pulled by mpq_h3_pull(); the composer ties
 * both to a QUIC connection. Errors are data: code and sentence.
 *
 * nghttp3 1.8: a client never sees SETTINGS_ENABLE_CONNECT_PROTOCOL, so it
 * waits for SETTINGS_H3_DATAGRAM = 1 and sends.
 */
#ifndef MPQ_MASQUE_H3_H
#define MPQ_MASQUE_H3_H

#include "dataplane/masque/capsule.h"
#include "dataplane/masque/h3_request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct mpq_h3;

/* All that a peer may send besides the capsules of its one request: frames on
 * its control stream, header sections, streams of unknown kind. More closes
 * the connection (H3_EXCESSIVE_LOAD). */
#define MPQ_H3_STRAY_MAX_BYTES 65536

struct mpq_h3_events {
	/* Client: the peer's SETTINGS allow HTTP datagrams: time to request. */
	void (*ready)(void *owner);
	/* Server: a well-formed CONNECT-IP request. Answer now or later with
	 * mpq_h3_respond() or mpq_h3_refuse(). Anything else was answered by
	 * itself: the stream is reset with H3_MESSAGE_ERROR when it is not
	 * HTTP (RFC 9114 §4.1.2), else 501 for a wrong :method or :protocol,
	 * 400 for malformed or a narrower scope, 404 for a wrong path, 431 for
	 * too many fields, 429 for a second request. */
	void (*request)(void *owner, const struct mpq_h3_request *request);
	/* Client: the final response. */
	void (*response)(void *owner, unsigned status);
	/* A capsule, valid during the call; of a type that is not known:
	 * ignore it. A client's may come before its request was answered.
	 * Nonzero: it is malformed (RFC 9297 §3.3), mpq_h3_read() fails with
	 * H3_MESSAGE_ERROR: the connection has no other request to spare. */
	int (*capsule)(void *owner, const struct mpq_capsule *capsule);
	/* The request stream ended or was reset: the tunnel is gone. Comes
	 * once, for a refused request too, then after the response. */
	void (*closed)(void *owner, uint64_t code);
	/* QUIC-side needs of the composer: credit for consumed bytes, and
	 * refusing to read or write a stream further. */
	void (*consumed)(void *owner, int64_t stream_id, size_t bytes);
	void (*stop_sending)(void *owner, int64_t stream_id, uint64_t code);
	void (*reset_stream)(void *owner, int64_t stream_id, uint64_t code);
};

/* NULL: out of memory. */
struct mpq_h3 *mpq_h3_new(bool server, const struct mpq_h3_events *events,
			  void *owner);
void mpq_h3_free(struct mpq_h3 *h);

/* Once the three unidirectional streams of this side exist. 0 or -EPROTO.
 * mpq_h3_free() is the only function that no event may call. */
int mpq_h3_bind(struct mpq_h3 *h, int64_t control, int64_t qpack_encoder,
		int64_t qpack_decoder);

/* Client: sends the request on bidi stream `stream_id`, once. 0; -EINVAL: it
 * says what no server would take; -EPROTO. */
int mpq_h3_connect(struct mpq_h3 *h, int64_t stream_id,
		   const struct mpq_h3_request *request);
/* Server: 200 keeps the stream open, anything else ends it. 0; -EPIPE: there
 * is no request that waits (it may have gone meanwhile); -EPROTO. */
int mpq_h3_respond(struct mpq_h3 *h, unsigned status);
/* The same, with the reason for the peer's log, in the field proxy-status
 * (RFC 9209 §2.1.2). */
int mpq_h3_refuse(struct mpq_h3 *h, unsigned status, const char *reason);
/* Client: the reason that came with a refusal, "" when none did. The peer's
 * words: printable ASCII, at most 127 bytes. */
const char *mpq_h3_reason(const struct mpq_h3 *h);

/* Queues a capsule on the request stream: from mpq_h3_connect() on at the
 * client, after 200 at the server. -ENOBUFS: the peer does not read; -EPIPE:
 * there is no open request. */
int mpq_h3_send_capsule(struct mpq_h3 *h, uint64_t type, const void *value,
			size_t len);

/* Bytes of a stream, in order. 0; -EPROTO: mpq_h3_error() says what, close the
 * connection with that application error code. */
int mpq_h3_read(struct mpq_h3 *h, int64_t stream_id, const uint8_t *data,
		size_t len, bool fin);
int mpq_h3_stream_closed(struct mpq_h3 *h, int64_t stream_id, uint64_t code);
int mpq_h3_stream_reset(struct mpq_h3 *h, int64_t stream_id);
/* QUIC said STOP_SENDING. */
int mpq_h3_stop_sending(struct mpq_h3 *h, int64_t stream_id);

/* What to write next: the number of vectors; *ret_stream_id -1 when there is
 * nothing. *ret_fin: the stream ends after them, and then 0 vectors with a
 * stream id are an end without bytes. Say mpq_h3_wrote() even of 0 bytes. */
int mpq_h3_pull(struct mpq_h3 *h, int64_t *ret_stream_id, bool *ret_fin,
		struct iovec *vec, size_t room);
int mpq_h3_wrote(struct mpq_h3 *h, int64_t stream_id, size_t bytes);
int mpq_h3_acked(struct mpq_h3 *h, int64_t stream_id, uint64_t bytes);
/* Flow control stopped this stream / it may go on. */
void mpq_h3_block(struct mpq_h3 *h, int64_t stream_id);
void mpq_h3_unblock(struct mpq_h3 *h, int64_t stream_id);

/* The request stream; -1 before there is one. */
int64_t mpq_h3_stream(const struct mpq_h3 *h);

/* The last error: an HTTP/3 error code (RFC 9114 §8.1) and a sentence. */
uint64_t mpq_h3_error(const struct mpq_h3 *h, const char **ret_sentence);

#endif
