/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/masque/h3_private.h"

#include <string.h>

/* Inside nghttp3's callbacks. */
static int fail_callback(struct mpq_h3 *h, uint64_t code, const char *sentence)
{
	(void)mpq_h3_fail(h, code, sentence);
	return NGHTTP3_ERR_CALLBACK_FAILURE;
}

bool mpq_h3_takes_capsules(const struct mpq_h3 *h)
{
	return h->phase == MPQ_H3_OPEN ||
	       (h->server && h->phase == MPQ_H3_ASKED);
}

static int on_acked(nghttp3_conn *conn, int64_t stream_id, uint64_t bytes,
		    void *owner, void *stream_owner)
{
	struct mpq_h3 *h = owner;

	(void)conn;
	(void)stream_id;
	(void)stream_owner;
	mpq_h3_queue_ack(&h->queue, bytes);
	return 0;
}

static int on_begin_headers(nghttp3_conn *conn, int64_t stream_id, void *owner,
			    void *stream_owner)
{
	struct mpq_h3 *h = owner;

	(void)conn;
	(void)stream_owner;
	if (!h->bound) {
		/* RFC 9114 §6.2. nghttp3 would abort on the response. */
		return fail_callback(h, NGHTTP3_H3_GENERAL_PROTOCOL_ERROR,
				     "a request came while the peer does not "
				     "let us open our three streams");
	}
	if (h->server && h->stream < 0) {
		h->stream = stream_id;
	}
	return 0;
}

static void on_response_header(struct mpq_h3 *h, int32_t token,
			       nghttp3_vec name, nghttp3_vec value)
{
	static const char proxy_status[] = "proxy-status";

	if (token == NGHTTP3_QPACK_TOKEN__STATUS && value.len == 3) {
		/* nghttp3 lets pass three digits only. */
		h->status = (unsigned)(value.base[0] - '0') * 100 +
			    (unsigned)(value.base[1] - '0') * 10 +
			    (unsigned)(value.base[2] - '0');
	} else if (name.len == sizeof(proxy_status) - 1 &&
		   memcmp(name.base, proxy_status, name.len) == 0) {
		mpq_h3_reason_read((const char *)value.base, value.len,
				   h->reason);
	}
}

static int on_header(nghttp3_conn *conn, int64_t stream_id, int32_t token,
		     nghttp3_rcbuf *name_buf, nghttp3_rcbuf *value_buf,
		     uint8_t flags, void *owner, void *stream_owner)
{
	struct mpq_h3 *h = owner;
	nghttp3_vec name = nghttp3_rcbuf_get_buf(name_buf);
	nghttp3_vec value = nghttp3_rcbuf_get_buf(value_buf);

	(void)conn;
	(void)flags;
	(void)stream_owner;
	if (stream_id != h->stream) {
		return 0;
	}
	if (h->server) {
		mpq_h3_request_field(&h->fields, (const char *)name.base,
				     name.len, (const char *)value.base,
				     value.len);
	} else {
		on_response_header(h, token, name, value);
	}
	return 0;
}

static int on_request(struct mpq_h3 *h)
{
	const char *sentence;
	unsigned status = mpq_h3_request_check(&h->fields, &sentence);

	if (status != 0) {
		h->phase = MPQ_H3_REFUSED;
		return mpq_h3_submit_refusal(h, h->stream, status, sentence);
	}
	h->phase = MPQ_H3_ASKED;
	h->events->request(h->owner, &h->fields.request);
	return 0;
}

static void on_response(struct mpq_h3 *h)
{
	if (h->status / 100 == 1) {
		return; /* RFC 9110 §15.2: not the final one */
	}
	h->phase = h->status / 100 == 2 ? MPQ_H3_OPEN : MPQ_H3_REFUSED;
	h->events->response(h->owner, h->status);
}

static int on_end_headers(nghttp3_conn *conn, int64_t stream_id, int fin,
			  void *owner, void *stream_owner)
{
	struct mpq_h3 *h = owner;
	int rc = 0;

	(void)conn;
	(void)fin;
	(void)stream_owner;
	if (stream_id != h->stream) {
		rc = mpq_h3_submit_refusal(h, stream_id, 429,
					   "a connection carries one request");
	} else if (h->server) {
		rc = on_request(h);
	} else {
		on_response(h);
	}
	return rc == 0 ? 0 : NGHTTP3_ERR_CALLBACK_FAILURE;
}

static int on_begin_trailers(nghttp3_conn *conn, int64_t stream_id, void *owner,
			     void *stream_owner)
{
	(void)conn;
	(void)stream_id;
	(void)stream_owner;
	/* RFC 9114 §4.4: after CONNECT's headers only DATA is allowed. */
	return fail_callback(owner, NGHTTP3_H3_FRAME_UNEXPECTED,
			     "there are trailers on the request stream");
}

static int on_data(nghttp3_conn *conn, int64_t stream_id, const uint8_t *data,
		   size_t len, void *owner, void *stream_owner)
{
	struct mpq_h3 *h = owner;
	struct mpq_capsule capsule;
	int rc = 0;

	(void)conn;
	(void)stream_owner;
	/* nghttp3_conn_read_stream() does not count these. */
	h->events->consumed(h->owner, stream_id, len);
	while (stream_id == h->stream && mpq_h3_takes_capsules(h) &&
	       (rc = mpq_capsule_parse(&h->parser, &data, &len, &capsule)) >
		       0) {
		if (h->events->capsule(h->owner, &capsule) != 0) {
			return fail_callback(h, NGHTTP3_H3_MESSAGE_ERROR,
					     "a capsule is malformed");
		}
	}
	if (rc < 0) {
		return fail_callback(h, NGHTTP3_H3_EXCESSIVE_LOAD,
				     "a capsule is too long");
	}
	return 0;
}

static int on_end_stream(nghttp3_conn *conn, int64_t stream_id, void *owner,
			 void *stream_owner)
{
	struct mpq_h3 *h = owner;

	(void)stream_owner;
	if (stream_id != h->stream || !mpq_h3_takes_capsules(h)) {
		return 0;
	}
	if (!mpq_capsule_parser_empty(&h->parser)) {
		/* RFC 9297 §3.3 */
		return fail_callback(h, NGHTTP3_H3_MESSAGE_ERROR,
				     "the stream ended within a capsule");
	}
	h->finishing = true;
	(void)nghttp3_conn_resume_stream(conn, stream_id);
	mpq_h3_gone(h, NGHTTP3_H3_NO_ERROR);
	return 0;
}

static int on_stop_sending(nghttp3_conn *conn, int64_t stream_id, uint64_t code,
			   void *owner, void *stream_owner)
{
	struct mpq_h3 *h = owner;

	(void)conn;
	(void)stream_owner;
	h->events->stop_sending(h->owner, stream_id, code);
	return 0;
}

/* nghttp3 aborts a stream whose message is malformed. */
static int on_reset_stream(nghttp3_conn *conn, int64_t stream_id, uint64_t code,
			   void *owner, void *stream_owner)
{
	struct mpq_h3 *h = owner;

	(void)conn;
	(void)stream_owner;
	h->events->reset_stream(h->owner, stream_id, code);
	if (stream_id == h->stream) {
		mpq_h3_gone(h, code);
	}
	return 0;
}

static int on_settings(nghttp3_conn *conn, const nghttp3_settings *settings,
		       void *owner)
{
	struct mpq_h3 *h = owner;

	(void)conn;
	if (!settings->h3_datagram) {
		return fail_callback(h, NGHTTP3_H3_SETTINGS_ERROR,
				     "the peer does not take HTTP datagrams "
				     "(RFC 9297)");
	}
	if (!h->server) {
		h->events->ready(h->owner);
	}
	return 0;
}

const nghttp3_callbacks mpq_h3_callbacks = {
	.acked_stream_data = on_acked,
	.recv_data = on_data,
	.begin_headers = on_begin_headers,
	.recv_header = on_header,
	.end_headers = on_end_headers,
	.begin_trailers = on_begin_trailers,
	.stop_sending = on_stop_sending,
	.end_stream = on_end_stream,
	.reset_stream = on_reset_stream,
	.recv_settings = on_settings,
};
