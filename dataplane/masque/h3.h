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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct mpq_h3;

/* The request, as a server sees it and a client gives it. */
struct mpq_h3_request {
	char authority[256];
	char path[256]; /* "/.well-known/masque/ip/<star>/<star>/" */
	char tunnel[33]; /* header "mpquic-tunnel": which of the peer's tunnels;
			  * "" when absent (a plain RFC 9484 client) */
};

struct mpq_h3_events {
	/* Client: the peer's SETTINGS allow HTTP datagrams: time to request. */
	void (*ready)(void *owner);
	/* Server: a well-formed CONNECT-IP request. Answer now or later with
	 * mpq_h3_respond(). Anything else was answered by itself: 501 for a
	 * wrong :protocol, 400 for malformed, 404 for a wrong path, 429 for a
	 * second request. */
	void (*request)(void *owner, const struct mpq_h3_request *request);
	/* Client: the final response. */
	void (*response)(void *owner, unsigned status);
	/* A capsule, valid during the call. Nonzero: close the connection. */
	int (*capsule)(void *owner, const struct mpq_capsule *capsule);
	/* The request stream ended or was reset: the tunnel is gone. */
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

/* Once the three unidirectional streams of this side exist. 0 or -EPROTO. */
int mpq_h3_bind(struct mpq_h3 *h, int64_t control, int64_t qpack_encoder,
		int64_t qpack_decoder);

/* Client: sends the request on bidi stream `stream_id`. 0 or -EPROTO. */
int mpq_h3_connect(struct mpq_h3 *h, int64_t stream_id,
		   const struct mpq_h3_request *request);
/* Server: 200 keeps the stream open, anything else ends it. */
int mpq_h3_respond(struct mpq_h3 *h, unsigned status);

/* Queues a capsule on the request stream. -ENOBUFS: the peer does not read. */
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

/* What to write next: the number of vectors (0: nothing), *ret_stream_id -1
 * when none. *ret_fin: the stream ends after them. */
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
