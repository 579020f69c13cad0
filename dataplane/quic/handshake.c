/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/handshake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <stdio.h>
#include <string.h>

#define MAX_CHAIN 16

/* The alert that tells the peer what is wrong with its certificate; the
 * sentence stays here, a stranger is not told how we judge. */
static uint8_t alert_of(enum mpq_certificate_result r)
{
	switch (r) {
	case MPQ_CERTIFICATE_EXPIRED:
	case MPQ_CERTIFICATE_NOT_YET_VALID:
		return GNUTLS_A_CERTIFICATE_EXPIRED;
	case MPQ_CERTIFICATE_UNKNOWN_ISSUER:
	case MPQ_CERTIFICATE_NOT_PINNED:
		return GNUTLS_A_UNKNOWN_CA;
	case MPQ_CERTIFICATE_REVOKED:
		return GNUTLS_A_CERTIFICATE_REVOKED;
	case MPQ_CERTIFICATE_WRONG_USAGE:
	case MPQ_CERTIFICATE_WEAK_KEY:
	case MPQ_CERTIFICATE_WEAK_SIGNATURE:
		return GNUTLS_A_UNSUPPORTED_CERTIFICATE;
	default:
		return GNUTLS_A_BAD_CERTIFICATE;
	}
}

static void judge(struct mpq_handshake *h,
		  const struct mpq_certificate_der *chain, size_t n)
{
	enum mpq_certificate_result r = mpq_certificate_check(
		mpq_tls_material(h->trust)->trust, chain, n,
		h->server ? MPQ_CERTIFICATE_CLIENT : MPQ_CERTIFICATE_SERVER,
		h->server ? NULL : h->host, time(NULL), &h->peer, h->refusal);

	if (r != MPQ_CERTIFICATE_OK) {
		h->alert = alert_of(r);
		return;
	}
	if (h->verify && h->verify(h->owner, &h->peer, h->refusal)) {
		h->alert = GNUTLS_A_ACCESS_DENIED;
		return;
	}
	h->accepted = true;
}

/* Called by gnutls in the place of its own verification. */
static int verify_peer(gnutls_session_t session)
{
	ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
	struct mpq_handshake *h = (struct mpq_handshake *)ref;
	struct mpq_certificate_der chain[MAX_CHAIN];
	unsigned n = 0;
	const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &n);

	if (!peers || n == 0 || n > MAX_CHAIN) {
		snprintf(h->refusal, sizeof(h->refusal),
			 "the peer sent %u certificates, 1 to %d are allowed",
			 peers ? n : 0, MAX_CHAIN);
		h->alert = GNUTLS_A_BAD_CERTIFICATE;
		return GNUTLS_E_CERTIFICATE_ERROR;
	}
	for (unsigned i = 0; i < n; i++) {
		chain[i].data = peers[i].data;
		chain[i].len = peers[i].size;
	}
	judge(h, chain, n);
	return h->accepted ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

static int configure_server(struct mpq_handshake *h)
{
	gnutls_certificate_server_set_request(h->session, GNUTLS_CERT_REQUIRE);
	/* Name no authorities: a client then sends what it has, and a refusal
	 * has its true reason instead of "no certificate". */
	gnutls_certificate_send_x509_rdn_sequence(h->session, 1);
	return ngtcp2_crypto_gnutls_configure_server_session(h->session);
}

static int configure_client(struct mpq_handshake *h)
{
	struct in6_addr unused;

	/* No addresses in SNI, RFC 6066 §3. */
	if (inet_pton(AF_INET, h->host, &unused) != 1 &&
	    inet_pton(AF_INET6, h->host, &unused) != 1 &&
	    gnutls_server_name_set(h->session, GNUTLS_NAME_DNS, h->host,
				   strlen(h->host)) < 0) {
		return -1;
	}
	return ngtcp2_crypto_gnutls_configure_client_session(h->session);
}

static int configure(struct mpq_handshake *h, const struct mpq_tls_material *m)
{
	const gnutls_datum_t h3 = {
		.data = (unsigned char *)(uintptr_t) "h3",
		.size = 2,
	};

	gnutls_session_set_ptr(h->session, &h->ref);
	gnutls_session_set_verify_function(h->session, verify_peer);
	if (gnutls_priority_set(h->session, m->priority) < 0 ||
	    gnutls_credentials_set(h->session, GNUTLS_CRD_CERTIFICATE,
				   m->credentials) < 0 ||
	    gnutls_alpn_set_protocols(h->session, &h3, 1,
				      GNUTLS_ALPN_MANDATORY) < 0) {
		return -1;
	}
	return h->server ? configure_server(h) : configure_client(h);
}

int mpq_handshake_init(struct mpq_handshake *h, struct mpq_tls *tls,
		       const char *host)
{
	const struct mpq_tls_material *m = mpq_tls_material(tls);
	unsigned flags = GNUTLS_NO_TICKETS | GNUTLS_NO_AUTO_SEND_TICKET |
			 (m->server ? GNUTLS_SERVER : GNUTLS_CLIENT);

	h->server = m->server;
	if (!m->server) {
		if (!host || !*host || strlen(host) >= sizeof(h->host)) {
			return -EINVAL;
		}
		snprintf(h->host, sizeof(h->host), "%s", host);
	}
	if (gnutls_init(&h->session, flags) < 0) {
		h->session = NULL;
		return -ENOMEM;
	}
	h->tls = mpq_tls_ref(tls);
	h->trust = mpq_tls_ref(tls);
	return configure(h, m) ? -ENOMEM : 0;
}

void mpq_handshake_finish(struct mpq_handshake *h)
{
	if (h->session) {
		gnutls_deinit(h->session);
		h->session = NULL;
	}
	mpq_tls_unref(h->tls);
	mpq_tls_unref(h->trust);
	h->tls = NULL;
	h->trust = NULL;
}

bool mpq_handshake_verify(struct mpq_handshake *h, struct mpq_tls *tls)
{
	mpq_tls_unref(h->trust);
	h->trust = mpq_tls_ref(tls);
	if (!h->accepted) {
		return true; /* refused already, or not judged yet */
	}
	h->accepted = false;
	return verify_peer(h->session) == 0;
}
