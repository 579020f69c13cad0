/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of masque/h3 share: h3.c (life, the streams' bytes in and
 * out), h3_receive.c (what nghttp3 made of them), h3_send.c (request, response,
 * capsules). For nobody else.
 */
#ifndef MPQ_MASQUE_H3_PRIVATE_H
#define MPQ_MASQUE_H3_PRIVATE_H

#include "dataplane/masque/h3.h"
#include "dataplane/masque/h3_queue.h"
#include "dataplane/masque/h3_reason.h"

#include <nghttp3/nghttp3.h>

enum mpq_h3_phase {
	MPQ_H3_IDLE,
	MPQ_H3_ASKED,   /* there is a request and no answer yet */
	MPQ_H3_OPEN,    /* 2xx */
	MPQ_H3_REFUSED, /* the answer is on its way, the stream will end */
	MPQ_H3_GONE,
};

struct mpq_h3 {
	nghttp3_conn *conn;
	const struct mpq_h3_events *events;
	void *owner; /* borrowed */
	bool server;
	bool bound;       /* our control and QPACK streams exist */
	bool finishing;   /* no capsule will be added: end the stream */
	bool told_closed; /* the event went out */
	bool blocked;     /* flow control stops the request stream */
	enum mpq_h3_phase phase;
	int64_t stream; /* of the request; -1 */
	int64_t control, encoder, decoder;
	uint64_t stray_bytes;
	struct mpq_h3_request_fields fields; /* server: of the request */
	unsigned status;                     /* client: of the response */
	char reason[MPQ_H3_REASON_BYTES];    /* client: with the response */
	struct mpq_capsule_parser parser;
	struct mpq_h3_queue queue;
	uint64_t error; /* 0: none; nothing goes on after one */
	const char *sentence;
};

/* The first error counts: it is what the connection is closed with. Returns
 * -EPROTO. */
int mpq_h3_fail(struct mpq_h3 *h, uint64_t code, const char *sentence);
/* The same for an error of nghttp3's. */
int mpq_h3_fail_library(struct mpq_h3 *h, int error);

/* The request stream is over: tells the owner, once. */
void mpq_h3_gone(struct mpq_h3 *h, uint64_t code);

/* Do the bytes of the request stream belong to capsules? A client's may come
 * ahead of our answer. */
bool mpq_h3_takes_capsules(const struct mpq_h3 *h);

/* Answers any request stream, and wants no more of it. 0 or -EPROTO. */
int mpq_h3_submit_refusal(struct mpq_h3 *h, int64_t stream_id, unsigned status,
			  const char *reason);

extern const nghttp3_callbacks mpq_h3_callbacks;

#endif
