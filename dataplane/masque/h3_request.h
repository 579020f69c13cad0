/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CONNECT-IP request says and whether we serve it: field by field as
 * they come from the header section, then the verdict. Pure; knows nothing of
 * the tunnels that exist (that is the composer's question).
 */
#ifndef MPQ_MASQUE_H3_REQUEST_H
#define MPQ_MASQUE_H3_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 9484 §3: the default template, for any target and any protocol. */
#define MPQ_H3_REQUEST_PATH "/.well-known/masque/ip/*/*/"
/* A header section of more fields than this is refused. */
#define MPQ_H3_REQUEST_FIELDS 64

/* The request, as a server sees it and a client gives it. */
struct mpq_h3_request {
	char authority[256];
	char path[256];  /* MPQ_H3_REQUEST_PATH; "" from a client: that one */
	char tunnel[33]; /* header "mpquic-tunnel": which of the peer's tunnels;
			  * "" when absent (a plain RFC 9484 client) */
};

struct mpq_h3_request_fields {
	struct mpq_h3_request request;
	char method[16], protocol[32], scheme[16];
	unsigned n_fields;
	unsigned status; /* of the first thing found wrong; 0: none */
	const char *sentence;
};

void mpq_h3_request_init(struct mpq_h3_request_fields *f);
void mpq_h3_request_field(struct mpq_h3_request_fields *f, const char *name,
			  size_t name_len, const char *value, size_t value_len);

/* At the section's end: 0: good; else the status to refuse it with, and why:
 * 400 malformed, 404 not our path, 431 too large, 501 not CONNECT-IP. */
unsigned mpq_h3_request_check(struct mpq_h3_request_fields *f,
			      const char **ret_sentence);

/* May this be a header's value "mpquic-tunnel"? Letters, digits, "_.-", 1 to
 * 32 of them. */
bool mpq_h3_request_tunnel_valid(const char *name, size_t len);

#endif
