/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/tls.h"

#include "dataplane/quic/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

struct mpq_tls {
	unsigned references;
	struct mpq_tls_material material;
	struct mpq_certificate_trust *trust;
};

/* SECURE128 leaves out what is weaker than 128 bits; the size of the peer's key
 * is judged by common/certificate, whose sentence tells more. */
#define PRIORITY(ciphers)                                                      \
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:" ciphers                \
	":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1"                           \
	":%DISABLE_TLS13_COMPAT_MODE"
#define AES    "+AES-128-GCM:+AES-256-GCM"
#define CHACHA "+CHACHA20-POLY1305"

#if defined(__x86_64__) || defined(__i386__)
static bool cpu_has_aes(void)
{
	return __builtin_cpu_supports("aes") &&
	       __builtin_cpu_supports("pclmul");
}
#elif defined(__aarch64__)
static bool cpu_has_aes(void)
{
	const unsigned long aes = 1 << 3, pmull = 1 << 4; /* asm/hwcap.h */
	unsigned long has = getauxval(AT_HWCAP);

	return (has & aes) && (has & pmull);
}
#else
static bool cpu_has_aes(void)
{
	return false;
}
#endif

/* Without AES instructions ChaCha20 is several times cheaper, with them eight
 * times dearer. A server has the say, so it goes by its own CPU. */
static const char *priority_of(enum mpq_tls_cipher cipher)
{
	switch (cipher) {
	case MPQ_TLS_CIPHER_AES:
		return PRIORITY(AES ":" CHACHA);
	case MPQ_TLS_CIPHER_CHACHA:
		return PRIORITY(CHACHA ":" AES);
	case MPQ_TLS_CIPHER_AUTO:
		break;
	}
	return cpu_has_aes() ? PRIORITY(AES ":" CHACHA)
			     : PRIORITY(CHACHA ":" AES);
}

static int fail(char reason[MPQ_CERTIFICATE_REASON_BYTES], const char *what,
		int gnutls_error)
{
	snprintf(reason, MPQ_CERTIFICATE_REASON_BYTES, "%s: %s", what,
		 gnutls_strerror(gnutls_error));
	return -EINVAL;
}

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){
		.data = (unsigned char *)(uintptr_t)text,
		.size = (unsigned)strlen(text),
	};
}

static int load_own(gnutls_certificate_credentials_t credentials,
		    const struct mpq_tls_config *config,
		    char reason[MPQ_CERTIFICATE_REASON_BYTES])
{
	gnutls_datum_t certificate = datum(config->certificate_pem);
	gnutls_datum_t key = datum(config->private_key_pem);
	int rv = gnutls_certificate_set_x509_key_mem(credentials, &certificate,
						     &key, GNUTLS_X509_FMT_PEM);

	return rv < 0 ? fail(reason,
			     "our certificate and private key cannot be used",
			     rv)
		      : 0;
}

static int init(struct mpq_tls *t, const struct mpq_tls_config *config,
		char reason[MPQ_CERTIFICATE_REASON_BYTES])
{
	struct mpq_tls_material *m = &t->material;
	int rv;

	rv = mpq_certificate_trust_new(&t->trust, config->authority_pem,
				       config->crl_pem, config->pins,
				       config->n_pins, config->profile, reason);
	if (rv) {
		return rv;
	}
	rv = gnutls_certificate_allocate_credentials(&m->credentials);
	if (rv < 0) {
		m->credentials = NULL;
		return fail(reason, "credentials", rv);
	}
	rv = load_own(m->credentials, config, reason);
	if (rv) {
		return rv;
	}
	rv = gnutls_priority_init(&m->priority, priority_of(config->cipher),
				  NULL);
	if (rv < 0) {
		m->priority = NULL;
		return fail(reason, "the TLS library refuses our ciphers", rv);
	}
	m->trust = t->trust;
	m->server = config->server;
	return 0;
}

int mpq_tls_new(struct mpq_tls **ret, const struct mpq_tls_config *config,
		char reason[MPQ_CERTIFICATE_REASON_BYTES])
{
	struct mpq_tls *t = calloc(1, sizeof(*t));
	int rv;

	if (!t) {
		return fail(reason, "TLS", GNUTLS_E_MEMORY_ERROR);
	}
	t->references = 1;
	rv = init(t, config, reason);
	if (rv) {
		mpq_tls_unref(t);
		return rv;
	}
	*ret = t;
	return 0;
}

struct mpq_tls *mpq_tls_ref(struct mpq_tls *t)
{
	t->references++;
	return t;
}

void mpq_tls_unref(struct mpq_tls *t)
{
	if (!t || --t->references > 0) {
		return;
	}
	if (t->material.priority) {
		gnutls_priority_deinit(t->material.priority);
	}
	if (t->material.credentials) {
		gnutls_certificate_free_credentials(t->material.credentials);
	}
	mpq_certificate_trust_free(t->trust);
	free(t);
}

const struct mpq_tls_material *mpq_tls_material(const struct mpq_tls *t)
{
	return &t->material;
}
