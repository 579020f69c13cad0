/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/pki.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#define DEFAULT_NOT_BEFORE ((time_t)1577836800) /* 2020-01-01 */
#define DEFAULT_NOT_AFTER  ((time_t)4070908800) /* 2099-01-01 */

static void must(int result, const char *what)
{
	if (result < 0) {
		(void)fprintf(stderr, "pki: %s: %s\n", what,
			      gnutls_strerror(result));
		abort();
	}
}

#define MUST(call) must((call), #call)

static char *to_text(gnutls_datum_t *d)
{
	char *text = strndup((const char *)d->data, d->size);

	must(text == NULL ? GNUTLS_E_MEMORY_ERROR : 0, "strndup");
	gnutls_free(d->data);
	return text;
}

static gnutls_x509_privkey_t make_key(const struct pki_wish *w)
{
	gnutls_pk_algorithm_t pk = w->pk != 0 ? w->pk : GNUTLS_PK_ECDSA;
	unsigned bits = w->bits;
	gnutls_x509_privkey_t key;

	if (pk == GNUTLS_PK_ECDSA && bits == 0) {
		bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
	}
	MUST(gnutls_x509_privkey_init(&key));
	MUST(gnutls_x509_privkey_generate(key, pk, bits, 0));
	return key;
}

static void add_name(gnutls_x509_crt_t crt, const char *name)
{
	unsigned char ip[16];

	if (inet_pton(AF_INET, name, ip) == 1) {
		MUST(gnutls_x509_crt_set_subject_alt_name(
			crt, GNUTLS_SAN_IPADDRESS, ip, 4, GNUTLS_FSAN_APPEND));
	} else if (inet_pton(AF_INET6, name, ip) == 1) {
		MUST(gnutls_x509_crt_set_subject_alt_name(
			crt, GNUTLS_SAN_IPADDRESS, ip, 16, GNUTLS_FSAN_APPEND));
	} else {
		MUST(gnutls_x509_crt_set_subject_alt_name(
			crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
			GNUTLS_FSAN_APPEND));
	}
}

static void set_usage(gnutls_x509_crt_t crt, const struct pki_wish *w)
{
	MUST(gnutls_x509_crt_set_basic_constraints(crt, w->authority, -1));
	if (w->client) {
		MUST(gnutls_x509_crt_set_key_purpose_oid(
			crt, GNUTLS_KP_TLS_WWW_CLIENT, 0));
	}
	if (w->server) {
		MUST(gnutls_x509_crt_set_key_purpose_oid(
			crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
	}
	if (w->key_usage != 0) {
		MUST(gnutls_x509_crt_set_key_usage(crt, w->key_usage));
	}
}

static void set_identifiers(struct pki_certificate *c,
			    const struct pki_certificate *issuer)
{
	unsigned char id[20], serial[8];
	size_t len = sizeof(id);

	MUST(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)));
	serial[0] = (serial[0] & 0x7f) | 1; /* positive, RFC 5280 §4.1.2.2 */
	MUST(gnutls_x509_crt_set_serial(c->crt, serial, sizeof(serial)));
	MUST(gnutls_x509_crt_get_key_id(c->crt, 0, id, &len));
	MUST(gnutls_x509_crt_set_subject_key_id(c->crt, id, len));
	len = sizeof(id);
	MUST(gnutls_x509_crt_get_key_id(issuer->crt, 0, id, &len));
	MUST(gnutls_x509_crt_set_authority_key_id(c->crt, id, len));
}

static void fill(struct pki_certificate *c, const struct pki_wish *w)
{
	const char *cn = w->cn != NULL ? w->cn : "test";

	MUST(gnutls_x509_crt_set_version(c->crt, 3));
	MUST(gnutls_x509_crt_set_key(c->crt, c->key));
	MUST(gnutls_x509_crt_set_dn_by_oid(c->crt, GNUTLS_OID_X520_COMMON_NAME,
					   0, cn, (unsigned)strlen(cn)));
	MUST(gnutls_x509_crt_set_activation_time(c->crt,
						 w->not_before != 0
							 ? w->not_before
							 : DEFAULT_NOT_BEFORE));
	MUST(gnutls_x509_crt_set_expiration_time(
		c->crt, w->not_after != 0 ? w->not_after : DEFAULT_NOT_AFTER));
	for (size_t i = 0; w->names[i] != NULL; i++) {
		add_name(c->crt, w->names[i]);
	}
	set_usage(c->crt, w);
}

static void print(struct pki_certificate *c)
{
	gnutls_datum_t d;
	size_t len = sizeof(c->spki_sha256);

	MUST(gnutls_x509_crt_export2(c->crt, GNUTLS_X509_FMT_PEM, &d));
	c->certificate_pem = to_text(&d);
	MUST(gnutls_x509_privkey_export2_pkcs8(c->key, GNUTLS_X509_FMT_PEM,
					       NULL, GNUTLS_PKCS_PLAIN, &d));
	c->key_pem = to_text(&d);
	MUST(gnutls_x509_crt_export2(c->crt, GNUTLS_X509_FMT_DER, &d));
	c->der = malloc(d.size);
	must(c->der == NULL ? GNUTLS_E_MEMORY_ERROR : 0, "malloc");
	memcpy(c->der, d.data, d.size);
	c->der_len = d.size;
	gnutls_free(d.data);
	MUST(gnutls_x509_crt_get_key_id(c->crt, GNUTLS_KEYID_USE_SHA256,
					c->spki_sha256, &len));
}

struct pki_certificate *pki_new(const struct pki_wish *w)
{
	struct pki_certificate *c = calloc(1, sizeof(*c));
	const struct pki_certificate *issuer;
	gnutls_digest_algorithm_t digest =
		w->digest != 0 ? w->digest : GNUTLS_DIG_SHA256;

	must(c == NULL ? GNUTLS_E_MEMORY_ERROR : 0, "calloc");
	issuer = w->issuer != NULL ? w->issuer : c;
	c->key = make_key(w);
	MUST(gnutls_x509_crt_init(&c->crt));
	fill(c, w);
	set_identifiers(c, issuer);
	if (gnutls_x509_privkey_get_pk_algorithm(issuer->key) ==
	    GNUTLS_PK_EDDSA_ED25519) {
		digest = GNUTLS_DIG_SHA512; /* the only one that it has */
	}
	MUST(gnutls_x509_crt_sign2(c->crt, issuer->crt, issuer->key, digest,
				   0));
	print(c);
	return c;
}

void pki_free(struct pki_certificate *c)
{
	if (c == NULL) {
		return;
	}
	gnutls_x509_crt_deinit(c->crt);
	gnutls_x509_privkey_deinit(c->key);
	free(c->certificate_pem);
	free(c->key_pem);
	free(c->der);
	free(c);
}

char *pki_crl(const struct pki_certificate *issuer,
	      const struct pki_certificate *revoked)
{
	gnutls_x509_crl_t crl;
	gnutls_datum_t d;
	char *text;

	MUST(gnutls_x509_crl_init(&crl));
	MUST(gnutls_x509_crl_set_version(crl, 2));
	MUST(gnutls_x509_crl_set_this_update(crl, DEFAULT_NOT_BEFORE));
	MUST(gnutls_x509_crl_set_next_update(crl, DEFAULT_NOT_AFTER));
	MUST(gnutls_x509_crl_set_number(crl, "\x01", 1));
	if (revoked != NULL) {
		MUST(gnutls_x509_crl_set_crt(crl, revoked->crt,
					     DEFAULT_NOT_BEFORE));
	}
	MUST(gnutls_x509_crl_sign2(crl, issuer->crt, issuer->key,
				   GNUTLS_DIG_SHA256, 0));
	MUST(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &d));
	text = to_text(&d);
	gnutls_x509_crl_deinit(crl);
	return text;
}

char *pki_join(const char *first, const char *second)
{
	char *text;

	must(asprintf(&text, "%s%s", first, second), "asprintf");
	return text;
}

struct pki_set pki_set_new(void)
{
	struct pki_wish authority = {.cn = "test authority",
				     .authority = true,
				     .key_usage = GNUTLS_KEY_KEY_CERT_SIGN |
						  GNUTLS_KEY_CRL_SIGN};
	struct pki_wish server = {.cn = "concentrator",
				  .server = true,
				  .key_usage = GNUTLS_KEY_DIGITAL_SIGNATURE,
				  .names = {"concentrator.example", "127.0.0.1",
					    "::1"}};
	struct pki_wish client = {.cn = "edge-1",
				  .client = true,
				  .key_usage = GNUTLS_KEY_DIGITAL_SIGNATURE,
				  .names = {"edge-1.example"}};
	struct pki_set s;

	s.authority = pki_new(&authority);
	server.issuer = s.authority;
	client.issuer = s.authority;
	s.server = pki_new(&server);
	s.client = pki_new(&client);
	return s;
}

void pki_set_free(struct pki_set *s)
{
	pki_free(s->client);
	pki_free(s->server);
	pki_free(s->authority);
	memset(s, 0, sizeof(*s));
}
