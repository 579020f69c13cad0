/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a byte (0 a client, 1 a server, +2: answers later), then records: a
 * byte of stream (low 5 bits) and event (high 3), a byte of length, the bytes.
 * QUIC's promises are kept: nothing comes on a stream after its end.
 */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/masque/h3.h"

#define STREAMS 32

enum event {
	EVENT_DATA,
	EVENT_LONG, /* the length counts 64 bytes */
	EVENT_FIN,
	EVENT_RESET,
	EVENT_STOP,
	EVENT_CLOSED,
	EVENT_CAPSULE, /* we send one */
	EVENT_RESPOND,
};

struct end {
	struct mpq_h3 *h3;
	bool server, later;
	unsigned n_closed;
	uint64_t fed, consumed;
	bool over[STREAMS]; /* nothing comes any more */
};

static void on_ready(void *owner)
{
	struct mpq_h3_request request = {.authority = "x", .tunnel = "mpq1"};
	struct end *e = owner;

	FUZZ_HOLDS(!e->server);
	FUZZ_HOLDS(mpq_h3_connect(e->h3, 0, &request) == 0);
}

static void on_request(void *owner, const struct mpq_h3_request *request)
{
	struct end *e = owner;

	FUZZ_HOLDS(e->server && request->authority[0] != '\0');
	FUZZ_HOLDS(strlen(request->tunnel) < sizeof(request->tunnel));
	FUZZ_HOLDS(e->later || mpq_h3_respond(e->h3, 200) == 0);
}

static void on_response(void *owner, unsigned status)
{
	struct end *e = owner;

	FUZZ_HOLDS(!e->server && status >= 200 && status <= 999);
	FUZZ_HOLDS(e->n_closed == 0);
}

static int on_capsule(void *owner, const struct mpq_capsule *capsule)
{
	struct end *e = owner;

	FUZZ_HOLDS(e->n_closed == 0);
	FUZZ_HOLDS(capsule->len_bytes <= MPQ_CAPSULE_MAX_BYTES);
	return capsule->type == 0x29;
}

static void on_closed(void *owner, uint64_t code)
{
	struct end *e = owner;

	(void)code;
	FUZZ_HOLDS(++e->n_closed == 1);
}

static void on_consumed(void *owner, int64_t stream_id, size_t bytes)
{
	struct end *e = owner;

	(void)stream_id;
	e->consumed += bytes;
	FUZZ_HOLDS(e->consumed <= e->fed);
}

static void on_code(void *owner, int64_t stream_id, uint64_t code)
{
	(void)owner;
	(void)code;
	FUZZ_HOLDS(stream_id >= 0);
}

static const struct mpq_h3_events events = {
	.ready = on_ready,
	.request = on_request,
	.response = on_response,
	.capsule = on_capsule,
	.closed = on_closed,
	.consumed = on_consumed,
	.stop_sending = on_code,
	.reset_stream = on_code,
};

/* Is this a stream on which the peer may send? */
static bool readable(const struct end *e, int64_t id)
{
	if (id == 0 && !e->server) {
		return mpq_h3_stream(e->h3) == 0;
	}
	return e->server ? (id & 1) == 0 : id % 4 != 2 && id % 4 != 0;
}

static int receive(struct end *e, int64_t id, const uint8_t *data, size_t len,
		   bool fin)
{
	int rc;

	if (!readable(e, id) || e->over[id]) {
		return 0;
	}
	e->over[id] = fin;
	e->fed += len;
	rc = mpq_h3_read(e->h3, id, data, len, fin);
	FUZZ_HOLDS(rc < 0 || e->fed == e->consumed);
	return rc;
}

static int finish(struct end *e, int64_t id, bool closed)
{
	if (!readable(e, id) || (!closed && e->over[id])) {
		return 0;
	}
	e->over[id] = true;
	return closed ? mpq_h3_stream_closed(e->h3, id, 0x100)
		      : mpq_h3_stream_reset(e->h3, id);
}

static int step(struct end *e, enum event event, int64_t id,
		const uint8_t *data, size_t len)
{
	switch (event) {
	case EVENT_DATA:
	case EVENT_LONG:
		return receive(e, id, data, len, false);
	case EVENT_FIN:
		return receive(e, id, data, len, true);
	case EVENT_RESET:
		return finish(e, id, false);
	case EVENT_STOP:
		return mpq_h3_stop_sending(e->h3, id);
	case EVENT_CLOSED:
		return finish(e, id, true);
	case EVENT_CAPSULE:
		(void)mpq_h3_send_capsule(e->h3, 0x2b37, data, len);
		return 0;
	case EVENT_RESPOND:
	default:
		(void)mpq_h3_respond(e->h3, len % 2 ? 200 : 403);
		return 0;
	}
}

/* Writes and has acknowledged whatever is there. */
static void flush(struct end *e)
{
	struct iovec vec[4];
	int64_t id = 0;
	bool fin;

	for (int i = 0; id >= 0; i++) {
		int n = mpq_h3_pull(e->h3, &id, &fin, vec, 4);
		size_t bytes = 0;

		FUZZ_HOLDS(i < 10000);
		for (int v = 0; v < n; v++) {
			bytes += vec[v].iov_len;
		}
		if (id >= 0) {
			FUZZ_HOLDS(mpq_h3_wrote(e->h3, id, bytes) == 0);
			FUZZ_HOLDS(mpq_h3_acked(e->h3, id, bytes) == 0);
		}
	}
}

static void run(struct end *e, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		enum event event = data[0] >> 5;
		int64_t id = data[0] % STREAMS;
		size_t len = data[1];

		data += 2;
		size -= 2;
		len = event == EVENT_LONG ? len * 64 : len;
		len = len < size ? len : size;
		if (step(e, event, id, data, len) < 0) {
			const char *sentence;

			FUZZ_HOLDS(mpq_h3_error(e->h3, &sentence) != 0);
			FUZZ_HOLDS(mpq_h3_read(e->h3, 0, data, len, false) < 0);
			return;
		}
		flush(e);
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct end e = {0};
	int64_t first;

	if (size < 1) {
		return 0;
	}
	e.server = data[0] & 1;
	e.later = data[0] & 2;
	first = e.server ? 3 : 2;
	e.h3 = mpq_h3_new(e.server, &events, &e);
	if (e.h3 == NULL) {
		return 0;
	}
	FUZZ_HOLDS(mpq_h3_bind(e.h3, first, first + 4, first + 8) == 0);
	flush(&e);
	run(&e, data + 1, size - 1);
	flush(&e);
	mpq_h3_free(e.h3);
	return 0;
}
