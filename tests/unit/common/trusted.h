/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who trusts one authority, and is shown certificates of it: the
 * fixture of the tests of common/certificate.
 */
#ifndef MPQ_TESTS_COMMON_TRUSTED_H
#define MPQ_TESTS_COMMON_TRUSTED_H

#include "common/certificate.h"
#include "tests/unit/common/pki.h"

#define TRUSTED_HOST      "concentrator.example"
#define TRUSTED_LONG_AGO  ((time_t)1600000000)
#define TRUSTED_YESTERDAY (PKI_NOW - 86400)
#define TRUSTED_TOMORROW  (PKI_NOW + 86400)

struct trusted {
	struct pki_set set;
	struct mpq_certificate_trust *trust; /* of set.authority, high */
	struct mpq_certificate_identity identity;
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
};

/* Of a group of tests: *state is a struct trusted. */
int trusted_start(void **state);
int trusted_stop(void **state);

/* A good server's certificate of the fixture's authority, to be spoilt. */
struct pki_wish trusted_wish(struct trusted *f);

/* What is said of a server's chain, as presented by `host`; of one certificate
 * made by a wish, presented by TRUSTED_HOST. */
enum mpq_certificate_result
trusted_check_chain(struct trusted *f, const struct mpq_certificate_trust *t,
		    struct pki_certificate *const *chain, size_t n,
		    const char *host);
enum mpq_certificate_result
trusted_check_with(struct trusted *f, const struct mpq_certificate_trust *t,
		   const struct pki_wish *w);
enum mpq_certificate_result trusted_check(struct trusted *f,
					  const struct pki_wish *w);

/* Another trust, in an authority, a pin, or both. */
struct mpq_certificate_trust *
trusted_new(struct trusted *f, const struct pki_certificate *authority,
	    const struct pki_certificate *pinned,
	    enum mpq_certificate_profile profile);

#endif
