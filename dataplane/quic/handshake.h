/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS session of one connection: gnutls, configured from struct mpq_tls,
 * and our verdict on the peer. Internal to dataplane/quic. There is no
 * resumption: a full handshake costs 2 ms and always checks the peer anew.
 */
#ifndef MPQ_QUIC_HANDSHAKE_H
#define MPQ_QUIC_HANDSHAKE_H

#include "common/certificate.h"
#include "dataplane/quic/tls.h"

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <stdbool.h>

struct mpq_handshake {
	/* What gnutls' session pointer leads to; ngtcp2's helper reads it. */
	ngtcp2_crypto_conn_ref ref;
	struct mpq_tls *tls;   /* a reference */
	struct mpq_tls *trust; /* whose trust judges the peer; a reference */
	gnutls_session_t session;
	bool server;
	char host[MPQ_CERTIFICATE_NAME_BYTES]; /* client: whom we dial */
	int (*verify)(void *owner, const struct mpq_certificate_identity *peer,
		      char reason[MPQ_CERTIFICATE_REASON_BYTES]);
	void *owner; /* of verify */

	bool accepted; /* `peer` is verified */
	struct mpq_certificate_identity peer;
	uint8_t alert; /* with which we refused the peer; 0: we did not */
	char refusal[MPQ_CERTIFICATE_REASON_BYTES];
};

/* `h` is zeroed but for ref, verify and owner. `host`: client only. 0 or
 * -errno. */
int mpq_handshake_init(struct mpq_handshake *h, struct mpq_tls *tls,
		       const char *host);
void mpq_handshake_finish(struct mpq_handshake *h);
/* From now on `tls` is whom we trust. A peer that was accepted is judged
 * anew, by the chain that it presented. False: it is refused. */
bool mpq_handshake_verify(struct mpq_handshake *h, struct mpq_tls *tls);

/* What tls.c has for us. */
struct mpq_tls_material {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	const struct mpq_certificate_trust *trust;
	bool server;
};
const struct mpq_tls_material *mpq_tls_material(const struct mpq_tls *t);

#endif
