/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and a server of masque/h3 with a perfect QUIC in between, that
 * carries stream bytes in chunks of any size and does with STOP_SENDING,
 * RESET_STREAM and the ends of streams what QUIC does.
 */
#ifndef MPQ_TESTS_MASQUE_PAIR_H
#define MPQ_TESTS_MASQUE_PAIR_H

#include "dataplane/masque/h3.h"

#define PAIR_STREAMS  32
#define PAIR_CAPSULES 64

/* What an end saw. */
struct pair_end {
	struct mpq_h3 *h3;
	struct pair_end *peer;
	bool server;
	int rc; /* of the first call that failed */
	unsigned n_ready, n_requests, n_responses, n_closed, n_capsules;
	struct mpq_h3_request
		request; /* server: the last one; client: to send */
	unsigned status;
	uint64_t closed_code;
	uint64_t capsule_type[PAIR_CAPSULES];
	size_t capsule_len[PAIR_CAPSULES];
	bool refuse_capsules; /* say that they are malformed */
	unsigned answer;      /* server: to a request; 0: later */
	size_t fed[PAIR_STREAMS], consumed[PAIR_STREAMS];
	bool ended[PAIR_STREAMS]; /* our sending side: FIN or RESET */
	bool stop[PAIR_STREAMS], reset[PAIR_STREAMS]; /* to be carried out */
	bool gone[PAIR_STREAMS];
	uint64_t stop_code[PAIR_STREAMS];
};

struct pair {
	struct pair_end client, server;
	size_t chunk;      /* most bytes at a time */
	bool drop_request; /* the client's stream 0 leads nowhere: the test
			    * writes in its place */
};

void pair_init(struct pair *p);
void pair_finish(struct pair *p);

/* The three streams of an end. */
void pair_bind(struct pair_end *e);

/* Both ways until nothing moves. */
void pair_run(struct pair *p);

/* Bytes for an end as if from its peer. */
void pair_feed(struct pair *p, struct pair_end *to, int64_t stream_id,
	       const uint8_t *data, size_t len, bool fin);

/* Up to 200, with the client's request for `tunnel`. */
void pair_connect(struct pair *p, const char *tunnel);

#endif
