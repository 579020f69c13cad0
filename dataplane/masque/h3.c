/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/masque/h3_private.h"

#include <errno.h>
#include <stdlib.h>

#define PULL_VECTORS 16

int mpq_h3_fail(struct mpq_h3 *h, uint64_t code, const char *sentence)
{
	if (h->error == 0) {
		h->error = code;
		h->sentence = sentence;
	}
	return -EPROTO;
}

int mpq_h3_fail_library(struct mpq_h3 *h, int error)
{
	return mpq_h3_fail(h, nghttp3_err_infer_quic_app_error_code(error),
			   nghttp3_strerror(error));
}

void mpq_h3_gone(struct mpq_h3 *h, uint64_t code)
{
	h->phase = MPQ_H3_GONE;
	if (!h->told_closed) {
		h->told_closed = true;
		h->events->closed(h->owner, code);
	}
}

/* No dynamic table: nothing waits for another stream, and a connection has one
 * header section each way. */
static int start(struct mpq_h3 *h)
{
	nghttp3_settings settings;
	int rv;

	nghttp3_settings_default(&settings);
	settings.max_field_section_size = MPQ_H3_STRAY_MAX_BYTES;
	settings.qpack_max_dtable_capacity = 0;
	settings.qpack_encoder_max_dtable_capacity = 0;
	settings.qpack_blocked_streams = 0;
	settings.enable_connect_protocol = h->server;
	settings.h3_datagram = 1;
	if (!h->server) {
		return nghttp3_conn_client_new(&h->conn, &mpq_h3_callbacks,
					       &settings, NULL, h);
	}
	rv = nghttp3_conn_server_new(&h->conn, &mpq_h3_callbacks, &settings,
				     NULL, h);
	if (rv == 0) {
		/* For which streams there may be PRIORITY_UPDATE. */
		nghttp3_conn_set_max_client_streams_bidi(h->conn, 4);
	}
	return rv;
}

struct mpq_h3 *mpq_h3_new(bool server, const struct mpq_h3_events *events,
			  void *owner)
{
	struct mpq_h3 *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		return NULL;
	}
	h->server = server;
	h->events = events;
	h->owner = owner;
	h->stream = h->control = h->encoder = h->decoder = -1;
	mpq_h3_request_init(&h->fields);
	mpq_capsule_parser_init(&h->parser);
	mpq_h3_queue_init(&h->queue);
	if (start(h) != 0) {
		free(h);
		return NULL;
	}
	return h;
}

void mpq_h3_free(struct mpq_h3 *h)
{
	if (h == NULL) {
		return;
	}
	nghttp3_conn_del(h->conn);
	free(h);
}

int mpq_h3_bind(struct mpq_h3 *h, int64_t control, int64_t qpack_encoder,
		int64_t qpack_decoder)
{
	int rv = nghttp3_conn_bind_control_stream(h->conn, control);

	if (rv == 0) {
		rv = nghttp3_conn_bind_qpack_streams(h->conn, qpack_encoder,
						     qpack_decoder);
	}
	if (rv != 0) {
		return mpq_h3_fail_library(h, rv);
	}
	h->control = control;
	h->encoder = qpack_encoder;
	h->decoder = qpack_decoder;
	h->bound = true;
	return 0;
}

int mpq_h3_read(struct mpq_h3 *h, int64_t stream_id, const uint8_t *data,
		size_t len, bool fin)
{
	nghttp3_ssize n;

	if (h->error != 0) {
		return -EPROTO;
	}
	n = nghttp3_conn_read_stream(h->conn, stream_id, data, len, fin);
	if (n < 0) {
		return mpq_h3_fail_library(h, (int)n);
	}
	h->events->consumed(h->owner, stream_id, (size_t)n);
	if (stream_id == h->stream && mpq_h3_takes_capsules(h)) {
		return 0;
	}
	h->stray_bytes += len;
	if (h->stray_bytes > MPQ_H3_STRAY_MAX_BYTES) {
		return mpq_h3_fail(
			h, NGHTTP3_H3_EXCESSIVE_LOAD,
			"the peer sends too much that is no capsule");
	}
	return 0;
}

int mpq_h3_stream_closed(struct mpq_h3 *h, int64_t stream_id, uint64_t code)
{
	int rv;

	if (h->error != 0) {
		return -EPROTO;
	}
	rv = nghttp3_conn_close_stream(h->conn, stream_id, code);
	if (stream_id == h->stream) {
		mpq_h3_gone(h, code);
	}
	return rv == 0 || rv == NGHTTP3_ERR_STREAM_NOT_FOUND
		       ? 0
		       : mpq_h3_fail_library(h, rv);
}

int mpq_h3_stream_reset(struct mpq_h3 *h, int64_t stream_id)
{
	int rv;

	if (h->error != 0) {
		return -EPROTO;
	}
	rv = nghttp3_conn_shutdown_stream_read(h->conn, stream_id);
	if (rv != 0) {
		return mpq_h3_fail_library(h, rv);
	}
	if (stream_id == h->stream && h->phase != MPQ_H3_REFUSED &&
	    !h->told_closed) {
		h->events->reset_stream(h->owner, stream_id,
					NGHTTP3_H3_REQUEST_CANCELLED);
		mpq_h3_gone(h, NGHTTP3_H3_REQUEST_CANCELLED);
	}
	return 0;
}

int mpq_h3_stop_sending(struct mpq_h3 *h, int64_t stream_id)
{
	if (h->error != 0) {
		return -EPROTO;
	}
	if (stream_id == h->control || stream_id == h->encoder ||
	    stream_id == h->decoder) {
		return mpq_h3_fail(h, NGHTTP3_H3_CLOSED_CRITICAL_STREAM,
				   "the peer stops one of our three streams");
	}
	nghttp3_conn_shutdown_stream_write(h->conn, stream_id);
	/* A refusal says so before its status arrives: wait for that. */
	if (stream_id == h->stream && mpq_h3_takes_capsules(h)) {
		mpq_h3_gone(h, NGHTTP3_H3_REQUEST_CANCELLED);
	}
	return 0;
}

int mpq_h3_pull(struct mpq_h3 *h, int64_t *ret_stream_id, bool *ret_fin,
		struct iovec *vec, size_t room)
{
	nghttp3_vec pulled[PULL_VECTORS];
	nghttp3_ssize n;
	int fin;

	*ret_stream_id = -1;
	*ret_fin = false;
	if (h->error != 0) {
		return 0;
	}
	room = room < PULL_VECTORS ? room : PULL_VECTORS;
	n = nghttp3_conn_writev_stream(h->conn, ret_stream_id, &fin, pulled,
				       room);
	if (n < 0) {
		*ret_stream_id = -1;
		return mpq_h3_fail_library(h, (int)n);
	}
	for (nghttp3_ssize i = 0; i < n; i++) {
		vec[i].iov_base = pulled[i].base;
		vec[i].iov_len = pulled[i].len;
	}
	*ret_fin = fin != 0;
	return (int)n;
}

int mpq_h3_wrote(struct mpq_h3 *h, int64_t stream_id, size_t bytes)
{
	int rv = nghttp3_conn_add_write_offset(h->conn, stream_id, bytes);

	return rv == 0 ? 0 : mpq_h3_fail_library(h, rv);
}

int mpq_h3_acked(struct mpq_h3 *h, int64_t stream_id, uint64_t bytes)
{
	int rv = nghttp3_conn_add_ack_offset(h->conn, stream_id, bytes);

	return rv == 0 ? 0 : mpq_h3_fail_library(h, rv);
}

void mpq_h3_block(struct mpq_h3 *h, int64_t stream_id)
{
	nghttp3_conn_block_stream(h->conn, stream_id);
	h->blocked |= stream_id == h->stream;
}

void mpq_h3_unblock(struct mpq_h3 *h, int64_t stream_id)
{
	int rv = nghttp3_conn_unblock_stream(h->conn, stream_id);

	if (rv == 0 && stream_id == h->stream) {
		h->blocked = false;
		rv = nghttp3_conn_resume_stream(h->conn, stream_id);
	}
	if (rv != 0) {
		(void)mpq_h3_fail_library(h, rv);
	}
}

int64_t mpq_h3_stream(const struct mpq_h3 *h)
{
	return h->stream;
}

uint64_t mpq_h3_error(const struct mpq_h3 *h, const char **ret_sentence)
{
	*ret_sentence = h->error != 0 ? h->sentence : "no error";
	return h->error != 0 ? h->error : NGHTTP3_H3_NO_ERROR;
}
