/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/masque/pair.h"

static void failed(struct pair_end *e, int rc)
{
	if (rc < 0 && e->rc == 0) {
		e->rc = rc;
	}
}

static void on_ready(void *owner)
{
	struct pair_end *e = owner;

	e->n_ready++;
	failed(e, mpq_h3_connect(e->h3, 0, &e->request));
}

static void on_request(void *owner, const struct mpq_h3_request *request)
{
	struct pair_end *e = owner;

	e->n_requests++;
	e->request = *request;
	if (e->answer != 0) {
		failed(e, mpq_h3_respond(e->h3, e->answer));
	}
}

static void on_response(void *owner, unsigned status)
{
	struct pair_end *e = owner;

	assert_int_equal(e->n_closed, 0);
	e->n_responses++;
	e->status = status;
}

static int on_capsule(void *owner, const struct mpq_capsule *capsule)
{
	struct pair_end *e = owner;

	assert_true(e->n_capsules < PAIR_CAPSULES);
	for (size_t i = 0; i < capsule->len_bytes; i++) {
		assert_int_equal(capsule->value[i], capsule->len_bytes & 0xff);
	}
	e->capsule_type[e->n_capsules] = capsule->type;
	e->capsule_len[e->n_capsules++] = capsule->len_bytes;
	return e->refuse_capsules;
}

static void on_closed(void *owner, uint64_t code)
{
	struct pair_end *e = owner;

	e->n_closed++;
	e->closed_code = code;
}

static void on_consumed(void *owner, int64_t stream_id, size_t bytes)
{
	struct pair_end *e = owner;

	e->consumed[stream_id] += bytes;
}

static void on_stop_sending(void *owner, int64_t stream_id, uint64_t code)
{
	struct pair_end *e = owner;

	e->stop[stream_id] = true;
	e->stop_code[stream_id] = code;
}

static void on_reset_stream(void *owner, int64_t stream_id, uint64_t code)
{
	struct pair_end *e = owner;

	(void)code;
	e->reset[stream_id] = true;
}

static const struct mpq_h3_events events = {
	.ready = on_ready,
	.request = on_request,
	.response = on_response,
	.capsule = on_capsule,
	.closed = on_closed,
	.consumed = on_consumed,
	.stop_sending = on_stop_sending,
	.reset_stream = on_reset_stream,
};

void pair_init(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	p->chunk = 1200;
	p->server.server = true;
	p->server.answer = 200;
	p->client.peer = &p->server;
	p->server.peer = &p->client;
	p->client.h3 = mpq_h3_new(false, &events, &p->client);
	p->server.h3 = mpq_h3_new(true, &events, &p->server);
	assert_non_null(p->client.h3);
	assert_non_null(p->server.h3);
	(void)snprintf(p->client.request.authority,
		       sizeof(p->client.request.authority), "vps.example");
}

void pair_finish(struct pair *p)
{
	mpq_h3_free(p->client.h3);
	mpq_h3_free(p->server.h3);
}

void pair_bind(struct pair_end *e)
{
	int64_t first = e->server ? 3 : 2;

	assert_int_equal(mpq_h3_bind(e->h3, first, first + 4, first + 8), 0);
}

static void close_if_over(struct pair_end *e, int64_t stream_id)
{
	bool over = stream_id & 2
			    ? e->ended[stream_id] || e->peer->ended[stream_id]
			    : e->ended[stream_id] && e->peer->ended[stream_id];

	if (over && !e->gone[stream_id]) {
		e->gone[stream_id] = true;
		failed(e, mpq_h3_stream_closed(e->h3, stream_id, 0x100));
	}
}

static void reset(struct pair_end *from, int64_t stream_id)
{
	if (!from->ended[stream_id]) {
		from->ended[stream_id] = true;
		failed(from->peer,
		       mpq_h3_stream_reset(from->peer->h3, stream_id));
	}
}

static bool carry_signals(struct pair_end *e)
{
	bool moved = false;

	for (int64_t id = 0; id < PAIR_STREAMS; id++) {
		if (e->stop[id]) {
			e->stop[id] = false;
			moved = true;
			if (!e->peer->ended[id]) {
				failed(e->peer,
				       mpq_h3_stop_sending(e->peer->h3, id));
				reset(e->peer, id); /* RFC 9000 §3.5 */
			}
		}
		if (e->reset[id]) {
			e->reset[id] = false;
			moved = true;
			reset(e, id);
		}
		close_if_over(e, id);
	}
	return moved;
}

void pair_feed(struct pair *p, struct pair_end *to, int64_t stream_id,
	       const uint8_t *data, size_t len, bool fin)
{
	do {
		size_t n = len < p->chunk ? len : p->chunk;

		if (to->rc < 0) {
			return;
		}
		to->fed[stream_id] += n;
		failed(to, mpq_h3_read(to->h3, stream_id, data, n,
				       fin && n == len));
		if (to->rc == 0) {
			assert_int_equal(to->consumed[stream_id],
					 to->fed[stream_id]);
		}
		data += n;
		len -= n;
	} while (len > 0);
	to->peer->ended[stream_id] |= fin;
}

/* One write of at most a chunk. */
static bool carry(struct pair *p, struct pair_end *from)
{
	uint8_t bytes[4096];
	struct iovec vec[8];
	size_t len = 0, n;
	int64_t id;
	bool fin;
	int count = mpq_h3_pull(from->h3, &id, &fin, vec, 8);

	failed(from, count);
	if (id < 0) {
		assert_true(count <= 0);
		return false;
	}
	for (int i = 0; i < count; i++) {
		n = vec[i].iov_len;
		if (n > p->chunk - len) {
			n = p->chunk - len;
			fin = false;
		}
		assert_true(len + n <= sizeof(bytes));
		memcpy(bytes + len, vec[i].iov_base, n);
		len += n;
	}
	failed(from, mpq_h3_wrote(from->h3, id, len));
	if (!(p->drop_request && !from->server && id == 0)) {
		pair_feed(p, from->peer, id, bytes, len, fin);
	}
	failed(from, mpq_h3_acked(from->h3, id, len));
	return true;
}

void pair_run(struct pair *p)
{
	bool moved = true;

	for (int i = 0; moved; i++) {
		assert_true(i < 200000);
		moved = carry(p, &p->client);
		moved |= carry(p, &p->server);
		moved |= carry_signals(&p->client);
		moved |= carry_signals(&p->server);
	}
}

void pair_connect(struct pair *p, const char *tunnel)
{
	(void)snprintf(p->client.request.tunnel,
		       sizeof(p->client.request.tunnel), "%s", tunnel);
	pair_bind(&p->client);
	pair_bind(&p->server);
	pair_run(p);
}
