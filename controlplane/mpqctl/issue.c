/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/issue.h"

#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#define SERIAL_BYTES 16

/* A certificate being made, and who signs it. */
struct work {
	gnutls_x509_crt_t crt, issuer_crt;
	gnutls_x509_privkey_t key, issuer_key;
};

static int init(struct work *w)
{
	int result = gnutls_x509_crt_init(&w->crt);

	if (result >= 0) {
		result = gnutls_x509_crt_init(&w->issuer_crt);
	}
	if (result >= 0) {
		result = gnutls_x509_privkey_init(&w->key);
	}
	if (result >= 0) {
		result = gnutls_x509_privkey_init(&w->issuer_key);
	}
	if (result >= 0) {
		result = gnutls_x509_privkey_generate(
			w->key, GNUTLS_PK_ECDSA,
			GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	}
	return result;
}

static void finish(struct work *w)
{
	gnutls_x509_crt_deinit(w->crt);
	gnutls_x509_crt_deinit(w->issuer_crt);
	gnutls_x509_privkey_deinit(w->key);
	gnutls_x509_privkey_deinit(w->issuer_key);
}

static int set_serial(gnutls_x509_crt_t crt)
{
	unsigned char serial[SERIAL_BYTES];
	int result = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

	if (result < 0) {
		return result;
	}
	serial[0] &= 0x7f; /* positive, RFC 5280 §4.1.2.2 */
	serial[0] |= 0x01; /* and of full length */
	return gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
}

static int set_identifier(gnutls_x509_crt_t crt, gnutls_x509_crt_t of,
			  int (*set)(gnutls_x509_crt_t, const void *, size_t))
{
	unsigned char id[20];
	size_t len = sizeof(id);
	int result =
		gnutls_x509_crt_get_key_id(of, GNUTLS_KEYID_USE_SHA1, id, &len);

	return result < 0 ? result : set(crt, id, len);
}

static int set_holder(struct work *w, const char *name, time_t not_before,
		      time_t not_after)
{
	int result = gnutls_x509_crt_set_version(w->crt, 3);

	if (result >= 0) {
		result = set_serial(w->crt);
	}
	if (result >= 0) {
		result = gnutls_x509_crt_set_key(w->crt, w->key);
	}
	if (result >= 0) {
		result = gnutls_x509_crt_set_dn_by_oid(
			w->crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
			(unsigned)strlen(name));
	}
	if (result >= 0) {
		result =
			gnutls_x509_crt_set_activation_time(w->crt, not_before);
	}
	if (result >= 0) {
		result = gnutls_x509_crt_set_expiration_time(w->crt, not_after);
	}
	if (result >= 0) {
		result = set_identifier(w->crt, w->crt,
					gnutls_x509_crt_set_subject_key_id);
	}
	return result;
}

static int set_authority(gnutls_x509_crt_t crt)
{
	/* Path length 0: it signs ends, no further authorities. */
	int result = gnutls_x509_crt_set_basic_constraints(crt, 1, 0);

	if (result >= 0) {
		result = gnutls_x509_crt_set_key_usage(
			crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	}
	return result;
}

static int set_end(gnutls_x509_crt_t crt, const char *name, const char *purpose)
{
	int result = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);

	if (result >= 0) {
		result = gnutls_x509_crt_set_key_usage(
			crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	}
	if (result >= 0) {
		result = gnutls_x509_crt_set_key_purpose_oid(crt, purpose, 0);
	}
	if (result >= 0) {
		result = gnutls_x509_crt_set_subject_alt_name(
			crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
			GNUTLS_FSAN_SET);
	}
	return result;
}

static int sign(struct work *w, const struct mpq_issue_pair *issuer)
{
	gnutls_datum_t crt, key;
	int result;

	if (issuer == NULL) {
		return gnutls_x509_crt_sign2(w->crt, w->crt, w->key,
					     GNUTLS_DIG_SHA256, 0);
	}
	crt = (gnutls_datum_t){(unsigned char *)issuer->certificate_pem,
			       (unsigned)strlen(issuer->certificate_pem)};
	key = (gnutls_datum_t){(unsigned char *)issuer->key_pem,
			       (unsigned)strlen(issuer->key_pem)};
	result = gnutls_x509_crt_import(w->issuer_crt, &crt,
					GNUTLS_X509_FMT_PEM);
	if (result >= 0) {
		result = gnutls_x509_privkey_import(w->issuer_key, &key,
						    GNUTLS_X509_FMT_PEM);
	}
	if (result >= 0) {
		result = set_identifier(w->crt, w->issuer_crt,
					gnutls_x509_crt_set_authority_key_id);
	}
	if (result >= 0) {
		result = gnutls_x509_crt_sign2(w->crt, w->issuer_crt,
					       w->issuer_key, GNUTLS_DIG_SHA256,
					       0);
	}
	return result;
}

static char *take_text(gnutls_datum_t *d)
{
	char *text = strndup((const char *)d->data, d->size);

	gnutls_memset(d->data, 0, d->size);
	gnutls_free(d->data);
	return text;
}

static int print(const struct work *w, struct mpq_issue_pair *ret)
{
	gnutls_datum_t crt, key;
	int result = gnutls_x509_crt_export2(w->crt, GNUTLS_X509_FMT_PEM, &crt);

	if (result < 0) {
		return result;
	}
	ret->certificate_pem = take_text(&crt);
	result = gnutls_x509_privkey_export2_pkcs8(w->key, GNUTLS_X509_FMT_PEM,
						   NULL, GNUTLS_PKCS_PLAIN,
						   &key);
	if (result < 0) {
		return result;
	}
	ret->key_pem = take_text(&key);
	return ret->certificate_pem != NULL && ret->key_pem != NULL
		       ? 0
		       : GNUTLS_E_MEMORY_ERROR;
}

int mpq_issue_make(enum mpq_issue_kind kind, const char *name,
		   const struct mpq_issue_pair *issuer, time_t not_before,
		   time_t not_after, struct mpq_issue_pair *ret)
{
	struct mpq_issue_pair pair = {0};
	struct work w = {0};
	int result = init(&w);

	if (result >= 0) {
		result = set_holder(&w, name, not_before, not_after);
	}
	if (result >= 0) {
		result = kind == MPQ_ISSUE_AUTHORITY
				 ? set_authority(w.crt)
				 : set_end(w.crt, name,
					   kind == MPQ_ISSUE_EDGE
						   ? GNUTLS_KP_TLS_WWW_CLIENT
						   : GNUTLS_KP_TLS_WWW_SERVER);
	}
	if (result >= 0) {
		result = sign(&w, issuer);
	}
	if (result >= 0) {
		result = print(&w, &pair);
	}
	finish(&w);
	if (result < 0) {
		mpq_issue_finish(&pair);
		return result;
	}
	*ret = pair;
	return 0;
}

void mpq_issue_finish(struct mpq_issue_pair *p)
{
	if (p->key_pem != NULL) {
		gnutls_memset(p->key_pem, 0, strlen(p->key_pem));
	}
	free(p->certificate_pem);
	free(p->key_pem);
	*p = (struct mpq_issue_pair){0};
}
