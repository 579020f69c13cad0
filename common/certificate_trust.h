/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom we trust, and whether a chain leads there. For common/certificate*.c
 * only; certificate_rule.h judges the certificates one by one.
 */
#ifndef MPQ_COMMON_CERTIFICATE_TRUST_H
#define MPQ_COMMON_CERTIFICATE_TRUST_H

#include "common/certificate.h"

#include <gnutls/x509.h>

#define MPQ_CERTIFICATE_CHAIN_MAX 8 /* certificates that a peer may send */

struct mpq_certificate_trust {
	gnutls_x509_crt_t *authorities;
	unsigned n_authorities;
	gnutls_x509_crl_t *crls;
	unsigned n_crls;
	uint8_t (*pins)[32];
	size_t n_pins;
	enum mpq_certificate_profile profile;
	gnutls_x509_trust_list_t list; /* borrows the ones above */
};

/* From chain[0] over others of the chain to an authority. Fills ret_path with
 * the certificates below it (borrowed, leaf first) and *ret_anchor (borrowed).
 * OK, UNKNOWN_ISSUER, BAD_SIGNATURE. */
enum mpq_certificate_result mpq_certificate_trust_walk(
	const struct mpq_certificate_trust *t, const gnutls_x509_crt_t *chain,
	unsigned n, gnutls_x509_crt_t ret_path[MPQ_CERTIFICATE_CHAIN_MAX],
	unsigned *ret_n, gnutls_x509_crt_t *ret_anchor, char *reason);

/* Did an authority take one of these back? */
enum mpq_certificate_result
mpq_certificate_trust_revoked(const struct mpq_certificate_trust *t,
			      const gnutls_x509_crt_t *path, unsigned n,
			      char *reason);

bool mpq_certificate_trust_pinned(const struct mpq_certificate_trust *t,
				  const uint8_t spki_sha256[32]);

/* GnuTLS's own strict verdict, for all that has no rule of ours (path length
 * and name constraints, critical extensions). */
enum mpq_certificate_result
mpq_certificate_trust_verdict(const struct mpq_certificate_trust *t,
			      const gnutls_x509_crt_t *chain, unsigned n,
			      enum mpq_certificate_profile profile,
			      enum mpq_certificate_usage usage, char *reason);

/* Was `crt` signed with the key of `issuer`, whatever the algorithm? */
bool mpq_certificate_trust_signed(gnutls_x509_crt_t crt,
				  gnutls_x509_crt_t issuer);

#endif
