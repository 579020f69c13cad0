/* SPDX-License-Identifier: Apache-2.0 */
#include "common/certificate.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <gnutls/x509.h>

#include "common/certificate_rule.h"
#include "common/certificate_trust.h"

#define say mpq_certificate_rule_say

struct chain {
	gnutls_x509_crt_t crt[MPQ_CERTIFICATE_CHAIN_MAX];
	unsigned n;
};

static void free_chain(struct chain *c)
{
	while (c->n > 0) {
		gnutls_x509_crt_deinit(c->crt[--c->n]);
	}
}

static enum mpq_certificate_result too_long(size_t n, char *reason)
{
	return say(reason, MPQ_CERTIFICATE_UNREADABLE,
		   "a chain of %zu certificates, allowed are 1 to %d", n,
		   MPQ_CERTIFICATE_CHAIN_MAX);
}

static enum mpq_certificate_result
read_der(const struct mpq_certificate_der *der, size_t n, struct chain *c,
	 char *reason)
{
	if (n == 0 || n > MPQ_CERTIFICATE_CHAIN_MAX) {
		return too_long(n, reason);
	}
	for (size_t i = 0; i < n; i++) {
		gnutls_datum_t d = {(unsigned char *)der[i].data,
				    (unsigned)der[i].len};
		int result = gnutls_x509_crt_init(&c->crt[c->n]);

		if (result >= 0) {
			c->n++;
			result = gnutls_x509_crt_import(c->crt[i], &d,
							GNUTLS_X509_FMT_DER);
		}
		if (result < 0) {
			return say(reason, MPQ_CERTIFICATE_UNREADABLE,
				   "certificate %zu of %zu is not readable: %s",
				   i + 1, n, gnutls_strerror(result));
		}
	}
	return MPQ_CERTIFICATE_OK;
}

static enum mpq_certificate_result read_pem(const char *pem, struct chain *c,
					    char *reason)
{
	gnutls_datum_t d = {(unsigned char *)pem, (unsigned)strlen(pem)};
	unsigned n = MPQ_CERTIFICATE_CHAIN_MAX;
	int result = gnutls_x509_crt_list_import(
		c->crt, &n, &d, GNUTLS_X509_FMT_PEM,
		GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);

	if (result == GNUTLS_E_SHORT_MEMORY_BUFFER) {
		return too_long(n, reason);
	}
	if (result <= 0) {
		return say(reason, MPQ_CERTIFICATE_UNREADABLE,
			   "the certificate is not readable (%s); wanted is "
			   "PEM, -----BEGIN CERTIFICATE-----",
			   result < 0 ? gnutls_strerror(result) : "empty");
	}
	c->n = (unsigned)result;
	return MPQ_CERTIFICATE_OK;
}

/* What every certificate on the way has to hold to. */
static enum mpq_certificate_result
check_each(const gnutls_x509_crt_t *path, unsigned n,
	   enum mpq_certificate_profile profile, time_t now, char *reason)
{
	enum mpq_certificate_result result = MPQ_CERTIFICATE_OK;

	for (unsigned i = 0; i < n && result == 0; i++) {
		result = mpq_certificate_rule_dates(path[i], now, reason);
		if (result == 0) {
			result = mpq_certificate_rule_key(path[i], profile,
							  reason);
		}
		if (result == 0) {
			result =
				mpq_certificate_rule_signature(path[i], reason);
		}
	}
	return result;
}

/* The chain up to an authority of ours. */
static enum mpq_certificate_result
check_issuers(const struct mpq_certificate_trust *t, const struct chain *c,
	      enum mpq_certificate_profile profile, time_t now, char *reason)
{
	gnutls_x509_crt_t path[MPQ_CERTIFICATE_CHAIN_MAX], anchor;
	enum mpq_certificate_result result;
	unsigned n;

	result = mpq_certificate_trust_walk(t, c->crt, c->n, path, &n, &anchor,
					    reason);
	if (result == 0) {
		result = check_each(path, n, profile, now, reason);
	}
	if (result == 0) {
		result = mpq_certificate_rule_dates(anchor, now, reason);
	}
	if (result == 0) {
		result = mpq_certificate_trust_revoked(t, path, n, reason);
	}
	return result;
}

static enum mpq_certificate_result
check_pins(const struct mpq_certificate_trust *t, gnutls_x509_crt_t leaf,
	   char *reason)
{
	struct mpq_certificate_identity id;
	char hex[65];

	mpq_certificate_rule_identity(leaf, &id);
	if (t->n_pins == 0 || mpq_certificate_trust_pinned(t, id.spki_sha256)) {
		return MPQ_CERTIFICATE_OK;
	}
	for (size_t i = 0; i < sizeof(id.spki_sha256); i++) {
		static const char digits[] = "0123456789abcdef";

		hex[2 * i] = digits[id.spki_sha256[i] >> 4];
		hex[2 * i + 1] = digits[id.spki_sha256[i] & 15];
	}
	hex[64] = '\0';
	return say(reason, MPQ_CERTIFICATE_NOT_PINNED,
		   "the key of %.64s has the SHA-256 pin %s, which is none of "
		   "the %zu given",
		   id.subject, hex, t->n_pins);
}

static enum mpq_certificate_result
check_peer(const struct mpq_certificate_trust *t, const struct chain *c,
	   enum mpq_certificate_usage usage, const char *host, time_t now,
	   char *reason)
{
	enum mpq_certificate_result result;

	result = t->n_authorities > 0
			 ? check_issuers(t, c, t->profile, now, reason)
			 : check_each(c->crt, 1, t->profile, now, reason);
	if (result == 0) {
		result = check_pins(t, c->crt[0], reason);
	}
	if (result == 0) {
		result = mpq_certificate_rule_usage(c->crt[0], usage, reason);
	}
	if (result == 0 && host != NULL) {
		result = mpq_certificate_rule_name(c->crt[0], host, reason);
	}
	if (result == 0 && t->n_authorities > 0) {
		result = mpq_certificate_trust_verdict(t, c->crt, c->n,
						       t->profile, usage,
						       reason);
	}
	return result;
}

enum mpq_certificate_result
mpq_certificate_check(const struct mpq_certificate_trust *t,
		      const struct mpq_certificate_der *chain, size_t n,
		      enum mpq_certificate_usage usage, const char *host,
		      time_t now, struct mpq_certificate_identity *ret_identity,
		      char reason[MPQ_CERTIFICATE_REASON_BYTES])
{
	struct chain c = {.n = 0};
	enum mpq_certificate_result result;

	reason[0] = '\0';
	result = read_der(chain, n, &c, reason);
	if (result == 0) {
		mpq_certificate_rule_identity(c.crt[0], ret_identity);
		result = check_peer(t, &c, usage, host, now, reason);
	}
	free_chain(&c);
	return result;
}

/* Each signed by the next: the order that TLS sends them in (RFC 8446
 * §4.4.2). */
static enum mpq_certificate_result check_order(const struct chain *c,
					       char *reason)
{
	for (unsigned i = 0; i + 1 < c->n; i++) {
		if (!gnutls_x509_crt_check_issuer(c->crt[i], c->crt[i + 1])) {
			return say(reason, MPQ_CERTIFICATE_UNKNOWN_ISSUER,
				   "certificate %u of the file is not issued "
				   "by certificate %u; wanted is our own first "
				   "and each followed by its issuer",
				   i + 1, i + 2);
		}
		if (!mpq_certificate_trust_signed(c->crt[i], c->crt[i + 1])) {
			return say(reason, MPQ_CERTIFICATE_BAD_SIGNATURE,
				   "certificate %u of the file names "
				   "certificate %u as issuer but is not signed "
				   "by it",
				   i + 1, i + 2);
		}
	}
	return MPQ_CERTIFICATE_OK;
}

static int read_key(const char *pem, gnutls_x509_privkey_t *ret, char *reason)
{
	gnutls_datum_t d = {(unsigned char *)pem, (unsigned)strlen(pem)};
	gnutls_x509_privkey_t key;
	int result = gnutls_x509_privkey_init(&key);

	if (result < 0) {
		(void)say(reason, 0, "out of memory");
		return -ENOMEM;
	}
	result = gnutls_x509_privkey_import2(key, &d, GNUTLS_X509_FMT_PEM, NULL,
					     0);
	if (result < 0) {
		gnutls_x509_privkey_deinit(key);
		(void)say(reason, 0,
			  "the private key is not readable (%s); wanted is "
			  "PEM without a password",
			  gnutls_strerror(result));
		return -EINVAL;
	}
	*ret = key;
	return 0;
}

static enum mpq_certificate_result check_key(gnutls_x509_crt_t leaf,
					     const char *key_pem, char *reason)
{
	struct mpq_certificate_identity id;
	gnutls_x509_privkey_t key;
	uint8_t spki[32];
	size_t len = sizeof(spki);
	int result;

	if (read_key(key_pem, &key, reason) != 0) {
		return MPQ_CERTIFICATE_UNREADABLE;
	}
	mpq_certificate_rule_identity(leaf, &id);
	result = gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256,
						spki, &len);
	gnutls_x509_privkey_deinit(key);
	if (result >= 0 && memcmp(spki, id.spki_sha256, sizeof(spki)) == 0) {
		return MPQ_CERTIFICATE_OK;
	}
	return say(reason, MPQ_CERTIFICATE_KEY_MISMATCH,
		   "the private key belongs to another certificate than that "
		   "of %.96s",
		   id.subject);
}

static enum mpq_certificate_result
check_own(const struct mpq_certificate_trust *t, const struct chain *c,
	  const char *key_pem, enum mpq_certificate_profile profile,
	  enum mpq_certificate_usage usage, time_t now, char *reason)
{
	bool issuers = t != NULL && t->n_authorities > 0;
	enum mpq_certificate_result result;

	result = check_key(c->crt[0], key_pem, reason);
	if (result == 0) {
		result = check_order(c, reason);
	}
	if (result == 0) {
		result = issuers ? check_issuers(t, c, profile, now, reason)
				 : check_each(c->crt, c->n, profile, now,
					      reason);
	}
	if (result == 0) {
		result = mpq_certificate_rule_usage(c->crt[0], usage, reason);
	}
	if (result == 0 && issuers) {
		result = mpq_certificate_trust_verdict(t, c->crt, c->n, profile,
						       usage, reason);
	}
	return result;
}

enum mpq_certificate_result
mpq_certificate_check_own(const struct mpq_certificate_trust *t,
			  const char *chain_pem, const char *key_pem,
			  enum mpq_certificate_profile profile,
			  enum mpq_certificate_usage usage, time_t now,
			  struct mpq_certificate_identity *ret_identity,
			  char reason[MPQ_CERTIFICATE_REASON_BYTES])
{
	struct chain c = {.n = 0};
	enum mpq_certificate_result result;

	reason[0] = '\0';
	result = read_pem(chain_pem, &c, reason);
	if (result == 0) {
		mpq_certificate_rule_identity(c.crt[0], ret_identity);
		result = check_own(t, &c, key_pem, profile, usage, now, reason);
	}
	free_chain(&c);
	return result;
}

bool mpq_certificate_has_name(const struct mpq_certificate_identity *identity,
			      const char *name)
{
	for (size_t i = 0; i < identity->names; i++) {
		if (strcasecmp(identity->name[i], name) == 0) {
			return true;
		}
	}
	return false;
}

const char *mpq_certificate_result_name(enum mpq_certificate_result r)
{
	switch (r) {
	case MPQ_CERTIFICATE_OK:
		return "ok";
	case MPQ_CERTIFICATE_UNREADABLE:
		return "unreadable";
	case MPQ_CERTIFICATE_EXPIRED:
		return "expired";
	case MPQ_CERTIFICATE_NOT_YET_VALID:
		return "not-yet-valid";
	case MPQ_CERTIFICATE_UNKNOWN_ISSUER:
		return "unknown-issuer";
	case MPQ_CERTIFICATE_NOT_PINNED:
		return "not-pinned";
	case MPQ_CERTIFICATE_WRONG_NAME:
		return "wrong-name";
	case MPQ_CERTIFICATE_WRONG_USAGE:
		return "wrong-usage";
	case MPQ_CERTIFICATE_WEAK_KEY:
		return "weak-key";
	case MPQ_CERTIFICATE_WEAK_SIGNATURE:
		return "weak-signature";
	case MPQ_CERTIFICATE_REVOKED:
		return "revoked";
	case MPQ_CERTIFICATE_KEY_MISMATCH:
		return "key-mismatch";
	case MPQ_CERTIFICATE_BAD_SIGNATURE:
		return "bad-signature";
	}
	return "unknown";
}
