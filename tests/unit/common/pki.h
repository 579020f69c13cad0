/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates for tests, made in memory: good ones and ones with exactly the
 * defect that a test wishes. Any failure inside ends the test program.
 *
 *   struct pki_set s = pki_set_new();      an authority, a server, a client
 *   ... s.server->certificate_pem, s.server->key_pem ...
 *   pki_set_free(&s);
 */
#ifndef MPQ_TESTS_PKI_H
#define MPQ_TESTS_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <gnutls/x509.h>

/* A virtual now; the default validity (2020 to 2099) holds today, too. */
#define PKI_NOW ((time_t)1800000000)

struct pki_certificate {
	char *certificate_pem;
	char *key_pem;
	void *der;
	size_t der_len;
	uint8_t spki_sha256[32];
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

/* All zero: a self-signed P-256 certificate without name or usage, no CA. */
struct pki_wish {
	const char *cn;
	const struct pki_certificate *issuer;
	bool authority;
	bool client, server;      /* extended key usage */
	unsigned key_usage;       /* GNUTLS_KEY_..., 0: no such extension */
	const char *names[10];    /* dNSName or, when it is one, IP address */
	gnutls_pk_algorithm_t pk; /* 0: ECDSA */
	unsigned bits;            /* RSA only */
	gnutls_digest_algorithm_t digest; /* 0: SHA-256 */
	time_t not_before, not_after;     /* 0: 2020-01-01, 2099-01-01 */
};

struct pki_certificate *pki_new(const struct pki_wish *wish);
void pki_free(struct pki_certificate *c);

/* A CRL of `issuer` that lists `revoked` (NULL: nothing). The caller frees. */
char *pki_crl(const struct pki_certificate *issuer,
	      const struct pki_certificate *revoked);

/* One PEM text of two. The caller frees. */
char *pki_join(const char *first, const char *second);

/* server: serverAuth, "concentrator.example" and 127.0.0.1 and ::1;
 * client: clientAuth, "edge-1.example". Both of `authority`. */
struct pki_set {
	struct pki_certificate *authority, *server, *client;
};

struct pki_set pki_set_new(void);
void pki_set_free(struct pki_set *s);

#endif
