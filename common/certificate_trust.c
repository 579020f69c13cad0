/* SPDX-License-Identifier: Apache-2.0 */
#include "common/certificate_trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/certificate_rule.h"

#define say mpq_certificate_rule_say

/* Strength and dates have rules of their own, with better sentences: here
 * GnuTLS shall look at the signature only. */
#define SIGNATURE_ONLY                                                         \
	(GNUTLS_VERIFY_DISABLE_TIME_CHECKS |                                   \
	 GNUTLS_VERIFY_DISABLE_CRL_CHECKS | GNUTLS_VERIFY_ALLOW_BROKEN |       \
	 GNUTLS_VERIFY_ALLOW_SIGN_WITH_SHA1)

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){(unsigned char *)text, (unsigned)strlen(text)};
}

static bool is_authority(gnutls_x509_crt_t crt)
{
	return gnutls_x509_crt_get_basic_constraints(crt, NULL, NULL, NULL) > 0;
}

static int load_authorities(struct mpq_certificate_trust *t, const char *pem,
			    char *reason)
{
	gnutls_datum_t d = datum(pem);
	int result =
		gnutls_x509_crt_list_import2(&t->authorities, &t->n_authorities,
					     &d, GNUTLS_X509_FMT_PEM, 0);
	char subject[MPQ_CERTIFICATE_SUBJECT_BYTES];

	if (result < 0 || t->n_authorities == 0) {
		t->n_authorities = 0;
		(void)say(reason, 0,
			  "the authority is not readable (%s); wanted is PEM, "
			  "-----BEGIN CERTIFICATE-----",
			  result < 0 ? gnutls_strerror(result) : "empty");
		return -EINVAL;
	}
	for (unsigned i = 0; i < t->n_authorities; i++) {
		gnutls_x509_crt_t crt = t->authorities[i];

		if (!is_authority(crt)) {
			mpq_certificate_rule_subject(crt, subject);
			(void)say(reason, 0,
				  "%.96s is not an authority (CA:FALSE); give "
				  "the certificate that signed it, or pin its "
				  "key instead",
				  subject);
			return -EINVAL;
		}
		if (mpq_certificate_rule_key(crt, t->profile, reason) != 0) {
			return -EINVAL;
		}
	}
	return 0;
}

/* The library takes the first authority of the issuer's name, which an
 * authority whose key was changed shares with the one before it. */
static bool is_signed(const struct mpq_certificate_trust *t,
		      gnutls_x509_crl_t crl)
{
	for (unsigned i = 0; i < t->n_authorities; i++) {
		unsigned status;

		if (gnutls_x509_crl_verify(crl, &t->authorities[i], 1,
					   GNUTLS_VERIFY_DISABLE_TIME_CHECKS,
					   &status) >= 0 &&
		    status == 0) {
			return true;
		}
	}
	return false;
}

static int load_crls(struct mpq_certificate_trust *t, const char *pem,
		     char *reason)
{
	gnutls_datum_t d = datum(pem);
	int result = gnutls_x509_crl_list_import2(&t->crls, &t->n_crls, &d,
						  GNUTLS_X509_FMT_PEM, 0);

	if (result < 0 || t->n_crls == 0) {
		t->n_crls = 0;
		(void)say(reason, 0,
			  "the revocation list is not readable (%s); wanted is "
			  "PEM, -----BEGIN X509 CRL-----",
			  result < 0 ? gnutls_strerror(result) : "empty");
		return -EINVAL;
	}
	for (unsigned i = 0; i < t->n_crls; i++) {
		if (!is_signed(t, t->crls[i])) {
			(void)say(reason, 0,
				  "revocation list %u is not signed by the "
				  "authority given",
				  i + 1);
			return -EINVAL;
		}
	}
	return 0;
}

static int make_list(struct mpq_certificate_trust *t)
{
	if (gnutls_x509_trust_list_init(&t->list, 0) < 0) {
		return -ENOMEM;
	}
	if (gnutls_x509_trust_list_add_cas(t->list, t->authorities,
					   t->n_authorities,
					   0) != (int)t->n_authorities) {
		return -ENOMEM;
	}
	return 0;
}

static int copy_pins(struct mpq_certificate_trust *t, const uint8_t (*pins)[32],
		     size_t n)
{
	if (n == 0) {
		return 0;
	}
	t->pins = calloc(n, sizeof(t->pins[0]));
	if (t->pins == NULL) {
		return -ENOMEM;
	}
	memcpy(t->pins, pins, n * sizeof(t->pins[0]));
	t->n_pins = n;
	return 0;
}

static int load(struct mpq_certificate_trust *t, const char *authority_pem,
		const char *crl_pem, char *reason)
{
	int result;

	if (authority_pem == NULL && t->n_pins == 0) {
		(void)say(reason, 0,
			  "neither an authority nor a pin: nobody could be "
			  "trusted");
		return -EINVAL;
	}
	if (authority_pem == NULL && crl_pem != NULL) {
		(void)say(reason, 0,
			  "a revocation list needs the authority that signed "
			  "it; with pins only, remove the pin instead");
		return -EINVAL;
	}
	if (authority_pem == NULL) {
		return 0;
	}
	result = load_authorities(t, authority_pem, reason);
	if (result == 0 && crl_pem != NULL) {
		result = load_crls(t, crl_pem, reason);
	}
	return result != 0 ? result : make_list(t);
}

int mpq_certificate_trust_new(struct mpq_certificate_trust **ret,
			      const char *authority_pem, const char *crl_pem,
			      const uint8_t (*pins)[32], size_t n_pins,
			      enum mpq_certificate_profile profile,
			      char reason[MPQ_CERTIFICATE_REASON_BYTES])
{
	struct mpq_certificate_trust *t = calloc(1, sizeof(*t));
	int result;

	(void)say(reason, 0, "out of memory");
	if (t == NULL) {
		return -ENOMEM;
	}
	t->profile = profile;
	result = copy_pins(t, pins, n_pins);
	if (result == 0) {
		result = load(t, authority_pem, crl_pem, reason);
	}
	if (result != 0) {
		mpq_certificate_trust_free(t);
		return result;
	}
	reason[0] = '\0';
	*ret = t;
	return 0;
}

void mpq_certificate_trust_free(struct mpq_certificate_trust *t)
{
	if (t == NULL) {
		return;
	}
	if (t->list != NULL) {
		gnutls_x509_trust_list_deinit(t->list, 0);
	}
	for (unsigned i = 0; i < t->n_authorities; i++) {
		gnutls_x509_crt_deinit(t->authorities[i]);
	}
	for (unsigned i = 0; i < t->n_crls; i++) {
		gnutls_x509_crl_deinit(t->crls[i]);
	}
	gnutls_free(t->authorities);
	gnutls_free(t->crls);
	free(t->pins);
	free(t);
}

bool mpq_certificate_trust_signed(gnutls_x509_crt_t crt,
				  gnutls_x509_crt_t issuer)
{
	unsigned status = 0;

	return gnutls_x509_crt_verify(crt, &issuer, 1, SIGNATURE_ONLY,
				      &status) >= 0 &&
	       (status & (GNUTLS_CERT_SIGNATURE_FAILURE |
			  GNUTLS_CERT_SIGNER_NOT_FOUND)) == 0;
}

/* The one of the candidates that signed crt, NULL when none did. Sets
 * *ret_forged when one has the issuer's name but did not sign. */
static gnutls_x509_crt_t find_signer(gnutls_x509_crt_t crt,
				     const gnutls_x509_crt_t *candidates,
				     unsigned n, bool *ret_forged)
{
	for (unsigned i = 0; i < n; i++) {
		if (!gnutls_x509_crt_check_issuer(crt, candidates[i])) {
			continue;
		}
		if (mpq_certificate_trust_signed(crt, candidates[i])) {
			return candidates[i];
		}
		*ret_forged = true;
	}
	return NULL;
}

static enum mpq_certificate_result no_way(const struct mpq_certificate_trust *t,
					  gnutls_x509_crt_t last, bool forged,
					  char *reason)
{
	char issuer[MPQ_CERTIFICATE_SUBJECT_BYTES] = "(no name)",
	     ours[MPQ_CERTIFICATE_SUBJECT_BYTES];
	size_t len = sizeof(issuer);

	(void)gnutls_x509_crt_get_issuer_dn(last, issuer, &len);
	for (char *c = issuer; *c != '\0'; c++) {
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	}
	if (forged) {
		return say(reason, MPQ_CERTIFICATE_BAD_SIGNATURE,
			   "the signature of %.64s does not fit the "
			   "certificate: it was altered or forged",
			   issuer);
	}
	mpq_certificate_rule_subject(t->authorities[0], ours);
	return say(reason, MPQ_CERTIFICATE_UNKNOWN_ISSUER,
		   "the chain ends at issuer %.64s, wanted is %.64s%s", issuer,
		   ours,
		   t->n_authorities > 1 ? " or another authority given" : "");
}

static enum mpq_certificate_result no_authority(gnutls_x509_crt_t crt,
						char *reason)
{
	char subject[MPQ_CERTIFICATE_SUBJECT_BYTES];

	mpq_certificate_rule_subject(crt, subject);
	return say(reason, MPQ_CERTIFICATE_UNKNOWN_ISSUER,
		   "%.96s signed the certificate but is not an authority "
		   "(CA:FALSE)",
		   subject);
}

enum mpq_certificate_result mpq_certificate_trust_walk(
	const struct mpq_certificate_trust *t, const gnutls_x509_crt_t *chain,
	unsigned n, gnutls_x509_crt_t ret_path[MPQ_CERTIFICATE_CHAIN_MAX],
	unsigned *ret_n, gnutls_x509_crt_t *ret_anchor, char *reason)
{
	gnutls_x509_crt_t at = chain[0], anchor, next;
	unsigned steps = 0;
	bool forged = false;

	/* At most as many steps as certificates: a ring ends, too. */
	while (steps < n && steps < MPQ_CERTIFICATE_CHAIN_MAX) {
		ret_path[steps++] = at;
		anchor = find_signer(at, t->authorities, t->n_authorities,
				     &forged);
		if (anchor != NULL) {
			*ret_n = steps;
			*ret_anchor = anchor;
			return MPQ_CERTIFICATE_OK;
		}
		next = find_signer(at, chain + 1, n - 1, &forged);
		if (next == NULL || next == at) {
			break;
		}
		if (!is_authority(next)) {
			return no_authority(next, reason);
		}
		at = next;
	}
	return no_way(t, at, forged, reason);
}

enum mpq_certificate_result
mpq_certificate_trust_revoked(const struct mpq_certificate_trust *t,
			      const gnutls_x509_crt_t *path, unsigned n,
			      char *reason)
{
	char subject[MPQ_CERTIFICATE_SUBJECT_BYTES];

	for (unsigned i = 0; i < n && t->n_crls > 0; i++) {
		if (gnutls_x509_crt_check_revocation(path[i], t->crls,
						     (int)t->n_crls) == 0) {
			continue;
		}
		mpq_certificate_rule_subject(path[i], subject);
		return say(reason, MPQ_CERTIFICATE_REVOKED,
			   "certificate of %.96s is in the revocation list of "
			   "its authority",
			   subject);
	}
	return MPQ_CERTIFICATE_OK;
}

bool mpq_certificate_trust_pinned(const struct mpq_certificate_trust *t,
				  const uint8_t spki_sha256[32])
{
	for (size_t i = 0; i < t->n_pins; i++) {
		if (memcmp(t->pins[i], spki_sha256, 32) == 0) {
			return true;
		}
	}
	return false;
}

static enum mpq_certificate_result name_status(unsigned status)
{
	if (status &
	    (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)) {
		return MPQ_CERTIFICATE_UNKNOWN_ISSUER;
	}
	if (status & GNUTLS_CERT_PURPOSE_MISMATCH) {
		return MPQ_CERTIFICATE_WRONG_USAGE;
	}
	if (status & GNUTLS_CERT_SIGNATURE_FAILURE) {
		return MPQ_CERTIFICATE_BAD_SIGNATURE;
	}
	if (status & GNUTLS_CERT_INSECURE_ALGORITHM) {
		return MPQ_CERTIFICATE_WEAK_SIGNATURE;
	}
	return MPQ_CERTIFICATE_UNKNOWN_ISSUER;
}

enum mpq_certificate_result
mpq_certificate_trust_verdict(const struct mpq_certificate_trust *t,
			      const gnutls_x509_crt_t *chain, unsigned n,
			      enum mpq_certificate_profile profile,
			      enum mpq_certificate_usage usage, char *reason)
{
	gnutls_x509_crt_t copy[MPQ_CERTIFICATE_CHAIN_MAX];
	gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID};
	unsigned status = 0, flags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
				     GNUTLS_PROFILE_TO_VFLAGS(
					     profile == MPQ_CERTIFICATE_HIGH
						     ? GNUTLS_PROFILE_HIGH
						     : GNUTLS_PROFILE_MEDIUM);
	gnutls_datum_t text = {0};
	int result;

	purpose.data = (unsigned char *)(usage == MPQ_CERTIFICATE_CLIENT
						 ? GNUTLS_KP_TLS_WWW_CLIENT
						 : GNUTLS_KP_TLS_WWW_SERVER);
	memcpy(copy, chain, n * sizeof(copy[0])); /* it sorts them */
	result = gnutls_x509_trust_list_verify_crt2(t->list, copy, n, &purpose,
						    1, flags, &status, NULL);
	if (result >= 0 && status == 0) {
		return MPQ_CERTIFICATE_OK;
	}
	(void)gnutls_certificate_verification_status_print(status,
							   GNUTLS_CRT_X509,
							   &text, 0);
	(void)say(reason, 0, "GnuTLS refuses the chain: %.160s",
		  result < 0          ? gnutls_strerror(result)
		  : text.data != NULL ? (char *)text.data
				      : "no reason given");
	gnutls_free(text.data);
	return name_status(status);
}
