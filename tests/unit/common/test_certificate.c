/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of peers: each has one defect, and gets one answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/common/trusted.h"

static void takes_a_good_chain_and_reads_its_identity(void **state)
{
	struct trusted *f = *state;

	assert_int_equal(trusted_check_chain(f, f->trust, &f->set.server, 1,
					     TRUSTED_HOST),
			 0);
	assert_string_equal(f->reason, "");
	assert_int_equal(f->identity.names, 1);
	assert_string_equal(f->identity.name[0], TRUSTED_HOST);
	assert_string_equal(f->identity.subject, "CN=concentrator");
	assert_memory_equal(f->identity.spki_sha256, f->set.server->spki_sha256,
			    32);
	assert_true(f->identity.not_before < PKI_NOW);
	assert_true(f->identity.not_after > PKI_NOW);
}

static void takes_a_client_for_a_client_only(void **state)
{
	struct trusted *f = *state;
	struct mpq_certificate_der der = {f->set.client->der,
					  f->set.client->der_len};

	assert_int_equal(mpq_certificate_check(f->trust, &der, 1,
					       MPQ_CERTIFICATE_CLIENT, NULL,
					       PKI_NOW, &f->identity,
					       f->reason),
			 0);
	assert_int_equal(trusted_check_chain(f, f->trust, &f->set.client, 1,
					     NULL),
			 MPQ_CERTIFICATE_WRONG_USAGE);
}

static void refuses_an_expired_one(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);

	w.not_before = TRUSTED_LONG_AGO;
	w.not_after = TRUSTED_YESTERDAY;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_EXPIRED);
	assert_string_equal(f->reason,
			    "certificate of CN=concentrator expired on "
			    "2027-01-14 08:00 UTC, and the clock here says "
			    "2027-01-15 08:00 UTC");
	w.not_after = PKI_NOW; /* RFC 5280 §4.1.2.5: inclusive */
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_OK);
}

static void refuses_one_that_is_not_yet_valid(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);

	w.not_before = TRUSTED_TOMORROW;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_NOT_YET_VALID);
	assert_string_equal(f->reason,
			    "certificate of CN=concentrator is not valid "
			    "before 2027-01-16 08:00 UTC, and the clock here "
			    "says 2027-01-15 08:00 UTC");
	w.not_before = PKI_NOW;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_OK);
}

static void refuses_an_altered_one(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);
	struct pki_certificate *c = pki_new(&w);
	char *cn =
		memmem(c->der, c->der_len, TRUSTED_HOST, strlen(TRUSTED_HOST));

	assert_non_null(cn);
	cn[0] = 'k'; /* another name under the same signature */
	assert_int_equal(trusted_check_chain(f, f->trust, &c, 1, NULL),
			 MPQ_CERTIFICATE_BAD_SIGNATURE);
	assert_non_null(strstr(f->reason, "altered or forged"));
	cn[0] = 'c';
	assert_int_equal(trusted_check_chain(f, f->trust, &c, 1, NULL), 0);
	((uint8_t *)c->der)[c->der_len - 1] ^= 1; /* in the signature */
	assert_int_equal(trusted_check_chain(f, f->trust, &c, 1, NULL),
			 MPQ_CERTIFICATE_BAD_SIGNATURE);
	pki_free(c);
}

static void refuses_a_wrong_name(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);

	w.names[0] = "a.example";
	w.names[1] = "192.0.2.7";
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_WRONG_NAME);
	assert_string_equal(f->reason,
			    "certificate of CN=concentrator is for a.example, "
			    "192.0.2.7, wanted is concentrator.example as a "
			    "subjectAltName");
}

static void looks_at_neither_common_name_nor_wildcards(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);

	w.cn = TRUSTED_HOST;
	w.names[0] = NULL;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_WRONG_NAME);
	w.names[0] = "*.example";
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_WRONG_NAME);
	w.names[0] = TRUSTED_HOST ".evil";
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_WRONG_NAME);
}

static void finds_names_in_any_case_and_addresses(void **state)
{
	struct trusted *f = *state;
	struct pki_certificate *const *c = &f->set.server;

	assert_int_equal(trusted_check_chain(f, f->trust, c, 1,
					     "CONCENTRATOR.Example"),
			 0);
	assert_int_equal(trusted_check_chain(f, f->trust, c, 1, "127.0.0.1"),
			 0);
	assert_int_equal(trusted_check_chain(f, f->trust, c, 1, "0:0::1"), 0);
	assert_int_equal(trusted_check_chain(f, f->trust, c, 1, NULL), 0);
	assert_int_equal(trusted_check_chain(f, f->trust, c, 1, "127.0.0.2"),
			 MPQ_CERTIFICATE_WRONG_NAME);
	assert_int_equal(trusted_check_chain(f, f->trust, c, 1, "::2"),
			 MPQ_CERTIFICATE_WRONG_NAME);
}

static void an_address_in_a_dns_name_is_no_address(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);
	struct pki_certificate *c;

	w.names[0] = "127.0.0.1.";
	c = pki_new(&w);
	assert_int_equal(trusted_check_chain(f, f->trust, &c, 1, "127.0.0.1"),
			 MPQ_CERTIFICATE_WRONG_NAME);
	pki_free(c);
}

static void finds_a_name_beyond_those_that_it_keeps(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);

	for (size_t i = 0; i < 9; i++) {
		w.names[i] = "other.example";
	}
	w.names[8] = TRUSTED_HOST;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_OK);
	assert_int_equal(f->identity.names, MPQ_CERTIFICATE_NAMES);
}

static void refuses_a_wrong_usage(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);

	w.server = false;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	assert_non_null(strstr(f->reason, "no extended key usage, wanted is "
					  "serverAuth"));
	w.client = true;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	assert_non_null(strstr(f->reason, "for something else, wanted is "
					  "serverAuth"));
	w.server = true;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_OK);
	w.key_usage = GNUTLS_KEY_KEY_ENCIPHERMENT;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	assert_non_null(strstr(f->reason, "digitalSignature"));
}

static void refuses_weak_rsa_keys_by_profile(void **state)
{
	struct trusted *f = *state;
	struct mpq_certificate_trust *medium =
		trusted_new(f, f->set.authority, NULL, MPQ_CERTIFICATE_MEDIUM);
	struct pki_wish w = trusted_wish(f);
	struct pki_certificate *c;

	w.pk = GNUTLS_PK_RSA;
	w.bits = 1024;
	c = pki_new(&w);
	assert_int_equal(trusted_check_chain(f, medium, &c, 1, TRUSTED_HOST),
			 MPQ_CERTIFICATE_WEAK_KEY);
	assert_non_null(strstr(f->reason, "RSA key of 1024 bits, profile "
					  "medium wants 2048"));
	assert_int_equal(trusted_check_chain(f, f->trust, &c, 1, TRUSTED_HOST),
			 MPQ_CERTIFICATE_WEAK_KEY);
	pki_free(c);
	w.bits = 2048;
	c = pki_new(&w);
	assert_int_equal(trusted_check_chain(f, medium, &c, 1, TRUSTED_HOST),
			 0);
	assert_int_equal(trusted_check_chain(f, f->trust, &c, 1, TRUSTED_HOST),
			 MPQ_CERTIFICATE_WEAK_KEY);
	assert_non_null(strstr(f->reason, "2048 bits, profile high wants "
					  "3072"));
	pki_free(c);
	mpq_certificate_trust_free(medium);
}

static void takes_strong_keys_of_each_kind(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);

	w.pk = GNUTLS_PK_RSA;
	w.bits = 3072;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_OK);
	w.pk = GNUTLS_PK_EDDSA_ED25519;
	w.bits = 0;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_OK);
	w.pk = GNUTLS_PK_ECDSA;
	w.bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1);
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_OK);
}

static void refuses_a_small_curve(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);

	w.bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP192R1);
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_WEAK_KEY);
	assert_non_null(strstr(f->reason, "192 bits, wanted is P-256"));
}

static void refuses_sha1(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);

	w.digest = GNUTLS_DIG_SHA1;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_WEAK_SIGNATURE);
	assert_string_equal(f->reason,
			    "certificate of CN=concentrator is signed with "
			    "ECDSA-SHA1, wanted is SHA-256 or better");
}

static void refuses_what_is_no_certificate(void **state)
{
	struct trusted *f = *state;
	struct mpq_certificate_der der = {"garbage", 7};
	struct pki_certificate *nine[9];

	memset(&f->identity, 0xa5, sizeof(f->identity));
	assert_int_equal(mpq_certificate_check(f->trust, &der, 1,
					       MPQ_CERTIFICATE_SERVER,
					       TRUSTED_HOST, PKI_NOW,
					       &f->identity, f->reason),
			 MPQ_CERTIFICATE_UNREADABLE);
	assert_non_null(strstr(f->reason, "certificate 1 of 1 is not "
					  "readable"));
	assert_int_equal((uint8_t)f->identity.subject[0], 0xa5);
	assert_int_equal(trusted_check_chain(f, f->trust, NULL, 0,
					     TRUSTED_HOST),
			 MPQ_CERTIFICATE_UNREADABLE);
	for (size_t i = 0; i < 9; i++) {
		nine[i] = f->set.server;
	}
	assert_int_equal(trusted_check_chain(f, f->trust, nine, 9,
					     TRUSTED_HOST),
			 MPQ_CERTIFICATE_UNREADABLE);
	assert_string_equal(f->reason, "a chain of 9 certificates, allowed are "
				       "1 to 8");
}

/* GnuTLS does not make such a name: it is written into the finished DER, and
 * the pin, which does not look at the signature, lets it pass. */
static void shows_no_control_characters(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);
	struct mpq_certificate_trust *t;
	struct pki_certificate *c;
	char *name;

	w.cn = "x\x1b[2J\ny";
	w.names[0] = "aX.example";
	c = pki_new(&w);
	name = memmem(c->der, c->der_len, "aX.example", 10);
	assert_non_null(name);
	name[1] = '\x1b';
	t = trusted_new(f, NULL, c, MPQ_CERTIFICATE_HIGH);
	assert_int_equal(trusted_check_chain(f, t, &c, 1, TRUSTED_HOST),
			 MPQ_CERTIFICATE_WRONG_NAME);
	assert_int_equal(f->identity.names, 0);
	for (const char *at = f->reason; *at != '\0'; at++) {
		assert_true(*at >= ' ' && *at <= '~');
	}
	for (const char *at = f->identity.subject; *at != '\0'; at++) {
		assert_true(*at >= ' ' && *at <= '~');
	}
	mpq_certificate_trust_free(t);
	pki_free(c);
}

/* "good.example\0.evil" must not pass for "good.example". */
static void a_name_does_not_end_at_a_nul(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);
	struct mpq_certificate_trust *t;
	struct pki_certificate *c;
	char *name;

	w.names[0] = TRUSTED_HOST "X.evil";
	c = pki_new(&w);
	name = memmem(c->der, c->der_len, TRUSTED_HOST "X",
		      strlen(TRUSTED_HOST) + 1);
	assert_non_null(name);
	name[strlen(TRUSTED_HOST)] = '\0';
	t = trusted_new(f, NULL, c, MPQ_CERTIFICATE_HIGH);
	assert_int_equal(trusted_check_chain(f, t, &c, 1, TRUSTED_HOST),
			 MPQ_CERTIFICATE_WRONG_NAME);
	assert_false(mpq_certificate_has_name(&f->identity, TRUSTED_HOST));
	mpq_certificate_trust_free(t);
	pki_free(c);
}

static void has_the_names_that_it_carries(void **state)
{
	struct trusted *f = *state;

	assert_int_equal(trusted_check_chain(f, f->trust, &f->set.server, 1,
					     TRUSTED_HOST),
			 0);
	assert_true(mpq_certificate_has_name(&f->identity, TRUSTED_HOST));
	assert_true(
		mpq_certificate_has_name(&f->identity, "Concentrator.EXAMPLE"));
	assert_false(mpq_certificate_has_name(&f->identity, "concentrator"));
	assert_false(mpq_certificate_has_name(&f->identity, ""));
}

static void every_result_has_its_own_name(void **state)
{
	(void)state;
	for (int i = MPQ_CERTIFICATE_OK; i <= MPQ_CERTIFICATE_BAD_SIGNATURE;
	     i++) {
		const char *name = mpq_certificate_result_name(i);

		assert_string_not_equal(name, "unknown");
		for (int j = MPQ_CERTIFICATE_OK; j < i; j++) {
			assert_string_not_equal(name,
						mpq_certificate_result_name(j));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_good_chain_and_reads_its_identity),
		cmocka_unit_test(takes_a_client_for_a_client_only),
		cmocka_unit_test(refuses_an_expired_one),
		cmocka_unit_test(refuses_one_that_is_not_yet_valid),
		cmocka_unit_test(refuses_an_altered_one),
		cmocka_unit_test(refuses_a_wrong_name),
		cmocka_unit_test(looks_at_neither_common_name_nor_wildcards),
		cmocka_unit_test(finds_names_in_any_case_and_addresses),
		cmocka_unit_test(an_address_in_a_dns_name_is_no_address),
		cmocka_unit_test(finds_a_name_beyond_those_that_it_keeps),
		cmocka_unit_test(refuses_a_wrong_usage),
		cmocka_unit_test(refuses_weak_rsa_keys_by_profile),
		cmocka_unit_test(takes_strong_keys_of_each_kind),
		cmocka_unit_test(refuses_a_small_curve),
		cmocka_unit_test(refuses_sha1),
		cmocka_unit_test(refuses_what_is_no_certificate),
		cmocka_unit_test(shows_no_control_characters),
		cmocka_unit_test(a_name_does_not_end_at_a_nul),
		cmocka_unit_test(has_the_names_that_it_carries),
		cmocka_unit_test(every_result_has_its_own_name),
	};

	return cmocka_run_group_tests(tests, trusted_start, trusted_stop);
}
