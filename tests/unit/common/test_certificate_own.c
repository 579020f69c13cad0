/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's files: what we would present, and whom we would trust. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/common/trusted.h"

static const uint8_t (*pin_of(const struct pki_certificate *c))[32]
{
	return (const uint8_t(*)[32]) & c->spki_sha256;
}

static enum mpq_certificate_result
check_own(struct trusted *f, const struct mpq_certificate_trust *t,
	  const char *chain_pem, const char *key_pem)
{
	return mpq_certificate_check_own(t, chain_pem, key_pem,
					 MPQ_CERTIFICATE_HIGH,
					 MPQ_CERTIFICATE_CLIENT, PKI_NOW,
					 &f->identity, f->reason);
}

static void takes_a_certificate_and_its_key(void **state)
{
	struct trusted *f = *state;
	struct pki_certificate *c = f->set.client;

	assert_int_equal(check_own(f, NULL, c->certificate_pem, c->key_pem), 0);
	assert_string_equal(f->identity.name[0], "edge-1.example");
	assert_int_equal(check_own(f, f->trust, c->certificate_pem, c->key_pem),
			 0);
}

static void takes_a_chain_with_its_authority_at_the_end(void **state)
{
	struct trusted *f = *state;
	struct pki_certificate *c = f->set.client;
	char *chain =
		pki_join(c->certificate_pem, f->set.authority->certificate_pem);

	assert_int_equal(check_own(f, NULL, chain, c->key_pem), 0);
	assert_int_equal(check_own(f, f->trust, chain, c->key_pem), 0);
	free(chain);
}

static void refuses_another_ones_key(void **state)
{
	struct trusted *f = *state;

	assert_int_equal(check_own(f, NULL, f->set.client->certificate_pem,
				   f->set.server->key_pem),
			 MPQ_CERTIFICATE_KEY_MISMATCH);
	assert_string_equal(f->reason,
			    "the private key belongs to another certificate "
			    "than that of CN=edge-1");
}

static void refuses_garbage(void **state)
{
	struct trusted *f = *state;
	struct pki_certificate *c = f->set.client;
	char *cut = strdup(c->certificate_pem);

	assert_int_equal(check_own(f, NULL, "garbage", c->key_pem),
			 MPQ_CERTIFICATE_UNREADABLE);
	assert_non_null(strstr(f->reason, "BEGIN CERTIFICATE"));
	assert_int_equal(check_own(f, NULL, "", c->key_pem),
			 MPQ_CERTIFICATE_UNREADABLE);
	cut[strlen(cut) / 2] = '\0';
	assert_int_equal(check_own(f, NULL, cut, c->key_pem),
			 MPQ_CERTIFICATE_UNREADABLE);
	assert_int_equal(check_own(f, NULL, c->certificate_pem, "garbage"),
			 MPQ_CERTIFICATE_UNREADABLE);
	assert_non_null(strstr(f->reason, "private key is not readable"));
	assert_int_equal(check_own(f, NULL, c->key_pem, c->key_pem),
			 MPQ_CERTIFICATE_UNREADABLE);
	free(cut);
}

static void refuses_a_key_with_a_password(void **state)
{
	struct trusted *f = *state;
	gnutls_datum_t d;

	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(
				 f->set.client->key, GNUTLS_X509_FMT_PEM,
				 "secret", GNUTLS_PKCS_PBES2_AES_256, &d),
			 0);
	assert_int_equal(check_own(f, NULL, f->set.client->certificate_pem,
				   (const char *)d.data),
			 MPQ_CERTIFICATE_UNREADABLE);
	assert_non_null(strstr(f->reason, "without a password"));
	gnutls_free(d.data);
}

static void refuses_a_chain_in_disorder(void **state)
{
	struct trusted *f = *state;
	struct pki_certificate *c = f->set.client;
	char *chain =
		pki_join(c->certificate_pem, f->set.server->certificate_pem);

	assert_int_equal(check_own(f, NULL, chain, c->key_pem),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	assert_non_null(strstr(f->reason, "certificate 1 of the file is not "
					  "issued by certificate 2"));
	free(chain);
}

static void refuses_more_certificates_than_a_peer_takes(void **state)
{
	struct trusted *f = *state;
	struct pki_certificate *c = f->set.client;
	char *chain = strdup(c->certificate_pem);

	for (int i = 0; i < 8; i++) {
		char *longer = pki_join(chain, c->certificate_pem);

		free(chain);
		chain = longer;
	}
	assert_int_equal(check_own(f, NULL, chain, c->key_pem),
			 MPQ_CERTIFICATE_UNREADABLE);
	assert_non_null(strstr(f->reason, "a chain of 9 certificates"));
	free(chain);
}

static enum mpq_certificate_result
check_wish(struct trusted *f, const struct mpq_certificate_trust *t,
	   const struct pki_wish *w)
{
	struct pki_certificate *c = pki_new(w);
	enum mpq_certificate_result r =
		check_own(f, t, c->certificate_pem, c->key_pem);

	pki_free(c);
	return r;
}

static void holds_ours_to_the_same_rules(void **state)
{
	struct trusted *f = *state;
	struct pki_wish good = {.cn = "edge-1",
				.issuer = f->set.authority,
				.client = true},
			w;

	assert_int_equal(check_wish(f, NULL, &good), MPQ_CERTIFICATE_OK);
	w = good;
	w.not_after = PKI_NOW - 1;
	assert_int_equal(check_wish(f, NULL, &w), MPQ_CERTIFICATE_EXPIRED);
	w = good;
	w.not_before = PKI_NOW + 1;
	assert_int_equal(check_wish(f, NULL, &w),
			 MPQ_CERTIFICATE_NOT_YET_VALID);
	w = good;
	w.client = false;
	w.server = true;
	assert_int_equal(check_wish(f, NULL, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	w = good;
	w.authority = true;
	assert_int_equal(check_wish(f, NULL, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	w = good;
	w.digest = GNUTLS_DIG_SHA1;
	assert_int_equal(check_wish(f, NULL, &w),
			 MPQ_CERTIFICATE_WEAK_SIGNATURE);
	w = good;
	w.pk = GNUTLS_PK_RSA;
	w.bits = 2048;
	assert_int_equal(check_wish(f, NULL, &w), MPQ_CERTIFICATE_WEAK_KEY);
	w = good;
	w.issuer = NULL;
	assert_int_equal(check_wish(f, NULL, &w), MPQ_CERTIFICATE_OK);
	assert_int_equal(check_wish(f, f->trust, &w),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
}

static void pins_are_the_peers_not_ours(void **state)
{
	struct trusted *f = *state;
	struct mpq_certificate_trust *t = NULL;
	struct pki_certificate *c = f->set.client;

	assert_int_equal(mpq_certificate_trust_new(&t, NULL, NULL,
						   pin_of(f->set.server), 1,
						   MPQ_CERTIFICATE_HIGH,
						   f->reason),
			 0);
	assert_int_equal(check_own(f, t, c->certificate_pem, c->key_pem), 0);
	mpq_certificate_trust_free(t);
}

static int try_trust(struct trusted *f, const char *authority, const char *crl,
		     enum mpq_certificate_profile profile)
{
	struct mpq_certificate_trust *t = NULL;
	int result = mpq_certificate_trust_new(&t, authority, crl, NULL, 0,
					       profile, f->reason);

	if (result != 0) {
		assert_null(t);
	}
	mpq_certificate_trust_free(t);
	return result;
}

static void trusting_nobody_is_no_trust(void **state)
{
	struct trusted *f = *state;

	assert_int_equal(try_trust(f, NULL, NULL, MPQ_CERTIFICATE_HIGH),
			 -EINVAL);
	assert_non_null(strstr(f->reason, "neither an authority nor a pin"));
}

static void refuses_an_authority_that_is_none(void **state)
{
	struct trusted *f = *state;

	assert_int_equal(try_trust(f, "garbage", NULL, MPQ_CERTIFICATE_HIGH),
			 -EINVAL);
	assert_non_null(strstr(f->reason, "authority is not readable"));
	assert_int_equal(try_trust(f, "", NULL, MPQ_CERTIFICATE_HIGH), -EINVAL);
	assert_int_equal(try_trust(f, f->set.server->certificate_pem, NULL,
				   MPQ_CERTIFICATE_HIGH),
			 -EINVAL);
	assert_non_null(strstr(f->reason, "CN=concentrator is not an "
					  "authority (CA:FALSE)"));
}

static void refuses_a_weak_authority(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = {.cn = "weak",
			     .authority = true,
			     .pk = GNUTLS_PK_RSA,
			     .bits = 2048};
	struct pki_certificate *c = pki_new(&w);

	assert_int_equal(try_trust(f, c->certificate_pem, NULL,
				   MPQ_CERTIFICATE_HIGH),
			 -EINVAL);
	assert_non_null(strstr(f->reason, "CN=weak has an RSA key of 2048"));
	assert_int_equal(try_trust(f, c->certificate_pem, NULL,
				   MPQ_CERTIFICATE_MEDIUM),
			 0);
	pki_free(c);
}

static void takes_several_authorities(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = {.cn = "second", .authority = true};
	struct pki_certificate *second = pki_new(&w);
	char *both = pki_join(second->certificate_pem,
			      f->set.authority->certificate_pem);
	struct mpq_certificate_trust *t = NULL;

	assert_int_equal(mpq_certificate_trust_new(&t, both, NULL, NULL, 0,
						   MPQ_CERTIFICATE_HIGH,
						   f->reason),
			 0);
	assert_int_equal(check_own(f, t, f->set.client->certificate_pem,
				   f->set.client->key_pem),
			 0);
	mpq_certificate_trust_free(t);
	free(both);
	pki_free(second);
}

static void refuses_a_revocation_list_of_a_stranger(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = {.cn = "stranger", .authority = true};
	struct pki_certificate *stranger = pki_new(&w);
	const char *authority = f->set.authority->certificate_pem;
	char *strange = pki_crl(stranger, NULL),
	     *ours = pki_crl(f->set.authority, NULL);

	assert_int_equal(try_trust(f, authority, strange, MPQ_CERTIFICATE_HIGH),
			 -EINVAL);
	assert_non_null(strstr(f->reason, "not signed by the authority"));
	assert_int_equal(try_trust(f, authority, "garbage",
				   MPQ_CERTIFICATE_HIGH),
			 -EINVAL);
	assert_non_null(strstr(f->reason, "BEGIN X509 CRL"));
	assert_int_equal(try_trust(f, authority, ours, MPQ_CERTIFICATE_HIGH),
			 0);
	free(strange);
	free(ours);
	pki_free(stranger);
}

/* As an authority whose key is changed has. */
static void takes_lists_of_two_authorities_of_one_name(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = {.cn = "authority", .authority = true};
	struct pki_certificate *a = pki_new(&w), *b = pki_new(&w);
	char *of_a = pki_crl(a, NULL), *of_b = pki_crl(b, NULL), *both;

	assert_true(asprintf(&both, "%s%s", a->certificate_pem,
			     b->certificate_pem) > 0);
	assert_int_equal(try_trust(f, both, of_a, MPQ_CERTIFICATE_HIGH), 0);
	assert_int_equal(try_trust(f, both, of_b, MPQ_CERTIFICATE_HIGH), 0);
	assert_int_equal(try_trust(f, a->certificate_pem, of_b,
				   MPQ_CERTIFICATE_HIGH),
			 -EINVAL);
	free(both);
	free(of_a);
	free(of_b);
	pki_free(a);
	pki_free(b);
}

static void a_revocation_list_needs_an_authority(void **state)
{
	struct trusted *f = *state;
	char *crl = pki_crl(f->set.authority, NULL);
	struct mpq_certificate_trust *t = NULL;

	assert_int_equal(mpq_certificate_trust_new(&t, NULL, crl,
						   pin_of(f->set.server), 1,
						   MPQ_CERTIFICATE_HIGH,
						   f->reason),
			 -EINVAL);
	assert_non_null(strstr(f->reason, "needs the authority"));
	free(crl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_certificate_and_its_key),
		cmocka_unit_test(takes_a_chain_with_its_authority_at_the_end),
		cmocka_unit_test(refuses_another_ones_key),
		cmocka_unit_test(refuses_garbage),
		cmocka_unit_test(refuses_a_key_with_a_password),
		cmocka_unit_test(refuses_a_chain_in_disorder),
		cmocka_unit_test(refuses_more_certificates_than_a_peer_takes),
		cmocka_unit_test(holds_ours_to_the_same_rules),
		cmocka_unit_test(pins_are_the_peers_not_ours),
		cmocka_unit_test(trusting_nobody_is_no_trust),
		cmocka_unit_test(refuses_an_authority_that_is_none),
		cmocka_unit_test(refuses_a_weak_authority),
		cmocka_unit_test(takes_several_authorities),
		cmocka_unit_test(refuses_a_revocation_list_of_a_stranger),
		cmocka_unit_test(takes_lists_of_two_authorities_of_one_name),
		cmocka_unit_test(a_revocation_list_needs_an_authority),
	};

	return cmocka_run_group_tests(tests, trusted_start, trusted_stop);
}
