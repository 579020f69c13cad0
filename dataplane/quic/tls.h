/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we present and whom we trust, as one counted object: connections keep
 * a reference, so that new material serves new handshakes while old
 * connections live on. TLS 1.3 only, ALPN h3, mutual; there is no way to skip
 * verification. 0-RTT is off (it would need an anti-replay store).
 */
#ifndef MPQ_QUIC_TLS_H
#define MPQ_QUIC_TLS_H

#include "common/certificate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mpq_tls;

enum mpq_tls_cipher {
	MPQ_TLS_CIPHER_AUTO, /* AES first where the CPU has it; on agreeing, the
			      * client's order counts */
	MPQ_TLS_CIPHER_AES,
	MPQ_TLS_CIPHER_CHACHA,
};

struct mpq_tls_config {
	const char *certificate_pem; /* chain, leaf first */
	const char *private_key_pem;
	const char *authority_pem; /* NULL: pins only */
	const char *crl_pem;       /* or NULL */
	const uint8_t (*pins)[32]; /* SHA-256 of SubjectPublicKeyInfo */
	size_t n_pins;
	enum mpq_certificate_profile profile;
	enum mpq_tls_cipher cipher;
	bool server;
};

/* 0; -EINVAL with a sentence in reason. The strings are copied. */
int mpq_tls_new(struct mpq_tls **ret, const struct mpq_tls_config *config,
		char reason[MPQ_CERTIFICATE_REASON_BYTES]);
struct mpq_tls *mpq_tls_ref(struct mpq_tls *t);
void mpq_tls_unref(struct mpq_tls *t);

#endif
