/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/trusted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

int trusted_start(void **state)
{
	struct trusted *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->set = pki_set_new();
	assert_int_equal(mpq_certificate_trust_new(
				 &f->trust, f->set.authority->certificate_pem,
				 NULL, NULL, 0, MPQ_CERTIFICATE_HIGH,
				 f->reason),
			 0);
	*state = f;
	return 0;
}

int trusted_stop(void **state)
{
	struct trusted *f = *state;

	mpq_certificate_trust_free(f->trust);
	pki_set_free(&f->set);
	free(f);
	return 0;
}

struct pki_wish trusted_wish(struct trusted *f)
{
	return (struct pki_wish){.cn = "concentrator",
				 .issuer = f->set.authority,
				 .server = true,
				 .names = {TRUSTED_HOST}};
}

enum mpq_certificate_result
trusted_check_chain(struct trusted *f, const struct mpq_certificate_trust *t,
		    struct pki_certificate *const *chain, size_t n,
		    const char *host)
{
	struct mpq_certificate_der der[16];

	for (size_t i = 0; i < n; i++) {
		der[i].data = chain[i]->der;
		der[i].len = chain[i]->der_len;
	}
	return mpq_certificate_check(t, der, n, MPQ_CERTIFICATE_SERVER, host,
				     PKI_NOW, &f->identity, f->reason);
}

enum mpq_certificate_result
trusted_check_with(struct trusted *f, const struct mpq_certificate_trust *t,
		   const struct pki_wish *w)
{
	struct pki_certificate *c = pki_new(w);
	enum mpq_certificate_result r =
		trusted_check_chain(f, t, &c, 1, TRUSTED_HOST);

	pki_free(c);
	return r;
}

enum mpq_certificate_result trusted_check(struct trusted *f,
					  const struct pki_wish *w)
{
	return trusted_check_with(f, f->trust, w);
}

struct mpq_certificate_trust *
trusted_new(struct trusted *f, const struct pki_certificate *authority,
	    const struct pki_certificate *pinned,
	    enum mpq_certificate_profile profile)
{
	struct mpq_certificate_trust *t = NULL;

	assert_int_equal(mpq_certificate_trust_new(
				 &t,
				 authority != NULL ? authority->certificate_pem
						   : NULL,
				 NULL,
				 pinned != NULL ? &pinned->spki_sha256 : NULL,
				 pinned != NULL, profile, f->reason),
			 0);
	return t;
}
