/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/masque/h3_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIELD(name, value)                                                     \
	{                                                                      \
		(uint8_t *)(name), (uint8_t *)(value), strlen(name),           \
			strlen(value), NGHTTP3_NV_FLAG_NONE                    \
	}

static nghttp3_ssize on_read_data(nghttp3_conn *conn, int64_t stream_id,
				  nghttp3_vec *vec, size_t room,
				  uint32_t *ret_flags, void *owner,
				  void *stream_owner)
{
	struct mpq_h3 *h = owner;
	struct iovec given[2];
	size_t n;

	(void)conn;
	(void)stream_id;
	(void)stream_owner;
	assert(room >= 2);
	n = mpq_h3_queue_give(&h->queue, given);
	for (size_t i = 0; i < n; i++) {
		vec[i].base = given[i].iov_base;
		vec[i].len = given[i].iov_len;
	}
	if (h->finishing) {
		*ret_flags |= NGHTTP3_DATA_FLAG_EOF;
	} else if (n == 0) {
		return NGHTTP3_ERR_WOULDBLOCK;
	}
	return (nghttp3_ssize)n;
}

int mpq_h3_submit_refusal(struct mpq_h3 *h, int64_t stream_id, unsigned status,
			  const char *reason)
{
	char code[4], why[MPQ_H3_REASON_FIELD_BYTES];
	int rv;

	(void)snprintf(code, sizeof(code), "%03u", status % 1000);
	mpq_h3_reason_write(why, reason);
	nghttp3_nv fields[] = {FIELD(":status", code),
			       FIELD("proxy-status", why)};
	rv = nghttp3_conn_submit_response(h->conn, stream_id, fields, 2, NULL);
	if (rv != 0) {
		return mpq_h3_fail_library(h, rv);
	}
	/* RFC 9114 §4.1: the response is whole without the rest. */
	h->events->stop_sending(h->owner, stream_id, NGHTTP3_H3_NO_ERROR);
	return 0;
}

static int submit_request(struct mpq_h3 *h, const struct mpq_h3_request *r)
{
	const nghttp3_data_reader reader = {.read_data = on_read_data};
	const char *path = r->path[0] != '\0' ? r->path : MPQ_H3_REQUEST_PATH;
	nghttp3_nv fields[] = {
		FIELD(":method", "CONNECT"),
		FIELD(":protocol", "connect-ip"),
		FIELD(":scheme", "https"),
		FIELD(":authority", r->authority),
		FIELD(":path", path),
		FIELD("capsule-protocol", "?1"),
		FIELD("mpquic-tunnel", r->tunnel),
	};
	size_t n = sizeof(fields) / sizeof(fields[0]);

	if (r->tunnel[0] == '\0') {
		n--; /* the last one */
	}
	return nghttp3_conn_submit_request(h->conn, h->stream, fields, n,
					   &reader, NULL);
}

int mpq_h3_connect(struct mpq_h3 *h, int64_t stream_id,
		   const struct mpq_h3_request *request)
{
	size_t len = strlen(request->tunnel);
	int rv;

	assert(!h->server && h->bound && h->phase == MPQ_H3_IDLE);
	if (request->authority[0] == '\0' ||
	    (len > 0 && !mpq_h3_request_tunnel_valid(request->tunnel, len))) {
		return -EINVAL;
	}
	h->stream = stream_id;
	h->phase = MPQ_H3_ASKED;
	rv = submit_request(h, request);
	return rv == 0 ? 0 : mpq_h3_fail_library(h, rv);
}

static int submit_success(struct mpq_h3 *h, unsigned status)
{
	const nghttp3_data_reader reader = {.read_data = on_read_data};
	char code[4];
	int rv;

	(void)snprintf(code, sizeof(code), "%03u", status % 1000);
	nghttp3_nv fields[] = {FIELD(":status", code),
			       FIELD("capsule-protocol", "?1")};
	rv = nghttp3_conn_submit_response(h->conn, h->stream, fields, 2,
					  &reader);
	return rv == 0 ? 0 : mpq_h3_fail_library(h, rv);
}

int mpq_h3_respond(struct mpq_h3 *h, unsigned status)
{
	if (status / 100 != 2) {
		return mpq_h3_refuse(h, status, "");
	}
	if (h->error != 0 || !h->server || h->phase != MPQ_H3_ASKED) {
		return -EPIPE;
	}
	h->phase = MPQ_H3_OPEN;
	return submit_success(h, status);
}

int mpq_h3_refuse(struct mpq_h3 *h, unsigned status, const char *reason)
{
	if (h->error != 0 || !h->server || h->phase != MPQ_H3_ASKED) {
		return -EPIPE;
	}
	h->phase = MPQ_H3_REFUSED;
	return mpq_h3_submit_refusal(h, h->stream, status, reason);
}

const char *mpq_h3_reason(const struct mpq_h3 *h)
{
	return h->reason;
}

int mpq_h3_send_capsule(struct mpq_h3 *h, uint64_t type, const void *value,
			size_t len)
{
	int rc;

	if (h->error != 0 || (h->phase != MPQ_H3_OPEN &&
			      (h->server || h->phase != MPQ_H3_ASKED))) {
		return -EPIPE;
	}
	rc = mpq_h3_queue_push(&h->queue, type, value, len);
	if (rc < 0) {
		return rc;
	}
	if (h->blocked) {
		return 0; /* resuming would give the stream out again */
	}
	rc = nghttp3_conn_resume_stream(h->conn, h->stream);
	return rc == 0 ? 0 : mpq_h3_fail_library(h, rc);
}
