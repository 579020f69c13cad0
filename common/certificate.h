/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this certificate chain good enough? One answer for both programs:
 * mpquic-control asks it of the operator's files before it uses them,
 * mpquic-data asks it of the peer's chain in the handshake. Owns what we use
 * of gnutls/x509.h. Reads no files and fetches nothing.
 */
#ifndef MPQ_COMMON_CERTIFICATE_H
#define MPQ_COMMON_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define MPQ_CERTIFICATE_REASON_BYTES 256
#define MPQ_CERTIFICATE_NAMES        8
#define MPQ_CERTIFICATE_NAME_BYTES   256

enum mpq_certificate_result { /* stable: shown in events and tests */
	MPQ_CERTIFICATE_OK = 0,
	MPQ_CERTIFICATE_UNREADABLE, /* not PEM/DER, or no certificate */
	MPQ_CERTIFICATE_EXPIRED,
	MPQ_CERTIFICATE_NOT_YET_VALID,
	MPQ_CERTIFICATE_UNKNOWN_ISSUER, /* no chain to a given authority */
	MPQ_CERTIFICATE_NOT_PINNED,     /* pins only, and none matches */
	MPQ_CERTIFICATE_WRONG_NAME,
	MPQ_CERTIFICATE_WRONG_USAGE,    /* extended key usage, or is a CA */
	MPQ_CERTIFICATE_WEAK_KEY,       /* below the security profile */
	MPQ_CERTIFICATE_WEAK_SIGNATURE, /* MD5, SHA-1 */
	MPQ_CERTIFICATE_REVOKED,
	MPQ_CERTIFICATE_KEY_MISMATCH, /* private key of another one */
	MPQ_CERTIFICATE_BAD_SIGNATURE,
};

enum mpq_certificate_usage {
	MPQ_CERTIFICATE_CLIENT, /* id-kp-clientAuth, the edge's */
	MPQ_CERTIFICATE_SERVER, /* id-kp-serverAuth, the concentrator's */
};

enum mpq_certificate_profile {
	MPQ_CERTIFICATE_HIGH,   /* RSA >= 3072, P-256, Ed25519 (default) */
	MPQ_CERTIFICATE_MEDIUM, /* RSA >= 2048 */
};

struct mpq_certificate_trust; /* authorities, CRLs, pins, profile */

/* `authority_pem`: one or more CA certificates, or NULL for pins only.
 * `crl_pem`: may be NULL. `pins`: n SHA-256 values of SubjectPublicKeyInfo;
 * when there are pins, one has to match, in addition to the authority if given.
 * 0; -EINVAL with a sentence in reason. */
int mpq_certificate_trust_new(struct mpq_certificate_trust **ret,
			      const char *authority_pem, const char *crl_pem,
			      const uint8_t (*pins)[32], size_t n_pins,
			      enum mpq_certificate_profile profile,
			      char reason[MPQ_CERTIFICATE_REASON_BYTES]);
void mpq_certificate_trust_free(struct mpq_certificate_trust *t);

/* What a certificate says of its holder. */
struct mpq_certificate_identity {
	char name[MPQ_CERTIFICATE_NAMES][MPQ_CERTIFICATE_NAME_BYTES];
	size_t names; /* dNSName entries, as they stand */
	uint8_t spki_sha256[32];
	time_t not_before, not_after;
	char subject[256]; /* for people */
};

struct mpq_certificate_der {
	const void *data;
	size_t len;
};

/* Checks a chain (leaf first, DER). `host`: dNSName or IP address that the leaf
 * has to carry, NULL for any. Fills *ret_identity when it could be read at all.
 * The result; `reason` gets one sentence that names what was found and what was
 * wanted ("certificate of CN=ship-1 expired on 2026-11-01"). */
enum mpq_certificate_result
mpq_certificate_check(const struct mpq_certificate_trust *t,
		      const struct mpq_certificate_der *chain, size_t n,
		      enum mpq_certificate_usage usage, const char *host,
		      time_t now, struct mpq_certificate_identity *ret_identity,
		      char reason[MPQ_CERTIFICATE_REASON_BYTES]);

/* The same for a PEM chain and its private key: what we would present. With
 * `t` NULL the chain's issuer is not checked. */
enum mpq_certificate_result
mpq_certificate_check_own(const struct mpq_certificate_trust *t,
			  const char *chain_pem, const char *key_pem,
			  enum mpq_certificate_profile profile,
			  enum mpq_certificate_usage usage, time_t now,
			  struct mpq_certificate_identity *ret_identity,
			  char reason[MPQ_CERTIFICATE_REASON_BYTES]);

/* Does the identity carry this dNSName? Case-insensitive, no wildcards. */
bool mpq_certificate_has_name(const struct mpq_certificate_identity *identity,
			      const char *name);

const char *
mpq_certificate_result_name(enum mpq_certificate_result r); /* "expired" */

#endif
