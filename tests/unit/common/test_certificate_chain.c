/* SPDX-License-Identifier: Apache-2.0 */
/* Who stands behind a peer's certificate: authorities, intermediates, pins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/common/trusted.h"

static void refuses_another_authoritys(void **state)
{
	struct trusted *f = *state;
	struct pki_wish other = {.cn = "other authority", .authority = true};
	struct pki_certificate *authority = pki_new(&other);
	struct pki_wish w = trusted_wish(f);

	w.issuer = authority;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	assert_string_equal(f->reason,
			    "the chain ends at issuer CN=other authority, "
			    "wanted is CN=test authority");
	w.issuer = NULL;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	pki_free(authority);
}

static void refuses_an_authority_of_the_same_name(void **state)
{
	struct trusted *f = *state;
	struct pki_wish rogue = {.cn = "test authority", .authority = true};
	struct pki_certificate *chain[2];
	struct pki_wish w = trusted_wish(f);

	chain[1] = pki_new(&rogue);
	w.issuer = chain[1];
	chain[0] = pki_new(&w);
	assert_int_equal(trusted_check_chain(f, f->trust, chain, 1,
					     TRUSTED_HOST),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	assert_int_equal(trusted_check_chain(f, f->trust, chain, 2,
					     TRUSTED_HOST),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	pki_free(chain[0]);
	pki_free(chain[1]);
}

static void refuses_an_authority_as_a_leaf(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);

	w.authority = true;
	assert_int_equal(trusted_check(f, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	assert_non_null(strstr(f->reason, "CA:TRUE"));
	assert_int_equal(trusted_check_chain(f, f->trust, &f->set.authority, 1,
					     NULL),
			 MPQ_CERTIFICATE_WRONG_USAGE);
}

/* authority <- intermediate <- server, one of them spoilt by the caller. */
static enum mpq_certificate_result
check_three(struct trusted *f, struct pki_wish *middle, size_t sent)
{
	struct pki_certificate *chain[2];
	enum mpq_certificate_result r;
	struct pki_wish w = trusted_wish(f);

	middle->issuer = f->set.authority;
	chain[1] = pki_new(middle);
	w.issuer = chain[1];
	chain[0] = pki_new(&w);
	r = trusted_check_chain(f, f->trust, chain, sent, TRUSTED_HOST);
	pki_free(chain[0]);
	pki_free(chain[1]);
	return r;
}

static void takes_an_intermediate_that_is_sent(void **state)
{
	struct trusted *f = *state;
	struct pki_wish middle = {.cn = "middle", .authority = true};

	assert_int_equal(check_three(f, &middle, 2), MPQ_CERTIFICATE_OK);
	assert_int_equal(check_three(f, &middle, 1),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	assert_non_null(strstr(f->reason, "ends at issuer CN=middle"));
}

static void holds_intermediates_to_the_rules(void **state)
{
	struct trusted *f = *state;
	struct pki_wish sha1 = {.cn = "middle",
				.authority = true,
				.digest = GNUTLS_DIG_SHA1},
			old = {.cn = "middle",
			       .authority = true,
			       .not_before = TRUSTED_LONG_AGO,
			       .not_after = TRUSTED_YESTERDAY},
			weak = {.cn = "middle",
				.authority = true,
				.pk = GNUTLS_PK_RSA,
				.bits = 2048},
			no_authority = {.cn = "middle"};

	assert_int_equal(check_three(f, &sha1, 2),
			 MPQ_CERTIFICATE_WEAK_SIGNATURE);
	assert_non_null(strstr(f->reason, "CN=middle"));
	assert_int_equal(check_three(f, &old, 2), MPQ_CERTIFICATE_EXPIRED);
	assert_int_equal(check_three(f, &weak, 2), MPQ_CERTIFICATE_WEAK_KEY);
	assert_int_equal(check_three(f, &no_authority, 2),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	assert_non_null(strstr(f->reason, "CN=middle signed the certificate "
					  "but is not an authority"));
}

/* No rule of ours: GnuTLS's own verdict. */
static void an_intermediates_usage_limits_those_below(void **state)
{
	struct trusted *f = *state;
	struct pki_wish middle = {.cn = "middle",
				  .authority = true,
				  .client = true};

	assert_int_equal(check_three(f, &middle, 2),
			 MPQ_CERTIFICATE_WRONG_USAGE);
	assert_non_null(strstr(f->reason, "GnuTLS refuses the chain"));
}

static void an_edge_does_not_pass_for_its_issuer(void **state)
{
	struct trusted *f = *state;
	struct pki_certificate *chain[2] = {NULL, f->set.client};
	struct pki_wish w = trusted_wish(f);

	w.issuer = f->set.client;
	chain[0] = pki_new(&w);
	assert_int_equal(trusted_check_chain(f, f->trust, chain, 2,
					     TRUSTED_HOST),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	pki_free(chain[0]);
}

static void refuses_an_expired_authority(void **state)
{
	struct trusted *f = *state;
	struct pki_wish old = {.cn = "old authority",
			       .authority = true,
			       .not_before = TRUSTED_LONG_AGO,
			       .not_after = TRUSTED_YESTERDAY};
	struct pki_certificate *authority = pki_new(&old);
	struct mpq_certificate_trust *t =
		trusted_new(f, authority, NULL, MPQ_CERTIFICATE_HIGH);
	struct pki_wish w = trusted_wish(f);

	w.issuer = authority;
	assert_int_equal(trusted_check_with(f, t, &w), MPQ_CERTIFICATE_EXPIRED);
	assert_non_null(strstr(f->reason, "CN=old authority"));
	mpq_certificate_trust_free(t);
	pki_free(authority);
}

static void refuses_a_revoked_one_only(void **state)
{
	struct trusted *f = *state;
	char *crl = pki_crl(f->set.authority, f->set.server);
	struct mpq_certificate_trust *t = NULL;
	struct pki_wish w = trusted_wish(f);

	assert_int_equal(mpq_certificate_trust_new(
				 &t, f->set.authority->certificate_pem, crl,
				 NULL, 0, MPQ_CERTIFICATE_HIGH, f->reason),
			 0);
	assert_int_equal(trusted_check_chain(f, t, &f->set.server, 1,
					     TRUSTED_HOST),
			 MPQ_CERTIFICATE_REVOKED);
	assert_non_null(strstr(f->reason, "CN=concentrator is in the "
					  "revocation list"));
	assert_int_equal(trusted_check_with(f, t, &w), MPQ_CERTIFICATE_OK);
	mpq_certificate_trust_free(t);
	free(crl);
}

static void refuses_what_is_not_pinned(void **state)
{
	struct trusted *f = *state;
	struct mpq_certificate_trust *pins_only =
		trusted_new(f, NULL, f->set.client, MPQ_CERTIFICATE_HIGH);
	struct mpq_certificate_trust *both =
		trusted_new(f, f->set.authority, f->set.client,
			    MPQ_CERTIFICATE_HIGH);

	assert_int_equal(trusted_check_chain(f, pins_only, &f->set.server, 1,
					     TRUSTED_HOST),
			 MPQ_CERTIFICATE_NOT_PINNED);
	assert_non_null(strstr(f->reason, "CN=concentrator has the SHA-256 "
					  "pin "));
	assert_int_equal(trusted_check_chain(f, both, &f->set.server, 1,
					     TRUSTED_HOST),
			 MPQ_CERTIFICATE_NOT_PINNED);
	mpq_certificate_trust_free(pins_only);
	mpq_certificate_trust_free(both);
}

static void a_pin_does_not_replace_the_authority(void **state)
{
	struct trusted *f = *state;
	struct pki_wish w = trusted_wish(f);
	struct pki_certificate *own;
	struct mpq_certificate_trust *t;

	w.issuer = NULL;
	own = pki_new(&w);
	t = trusted_new(f, f->set.authority, own, MPQ_CERTIFICATE_HIGH);
	assert_int_equal(trusted_check_chain(f, t, &own, 1, TRUSTED_HOST),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	mpq_certificate_trust_free(t);
	t = trusted_new(f, f->set.authority, f->set.server,
			MPQ_CERTIFICATE_HIGH);
	assert_int_equal(trusted_check_chain(f, t, &f->set.server, 1,
					     TRUSTED_HOST),
			 0);
	mpq_certificate_trust_free(t);
	pki_free(own);
}

static enum mpq_certificate_result check_pinned(struct trusted *f,
						const struct pki_wish *w)
{
	struct pki_certificate *own = pki_new(w);
	struct mpq_certificate_trust *t =
		trusted_new(f, NULL, own, MPQ_CERTIFICATE_HIGH);
	enum mpq_certificate_result r =
		trusted_check_chain(f, t, &own, 1, TRUSTED_HOST);

	mpq_certificate_trust_free(t);
	pki_free(own);
	return r;
}

static void a_pin_alone_does_not_excuse_anything_else(void **state)
{
	struct trusted *f = *state;
	struct pki_wish good = trusted_wish(f), w;

	good.issuer = NULL;
	assert_int_equal(check_pinned(f, &good), MPQ_CERTIFICATE_OK);
	w = good;
	w.not_before = TRUSTED_LONG_AGO;
	w.not_after = TRUSTED_YESTERDAY;
	assert_int_equal(check_pinned(f, &w), MPQ_CERTIFICATE_EXPIRED);
	w = good;
	w.not_before = TRUSTED_TOMORROW;
	assert_int_equal(check_pinned(f, &w), MPQ_CERTIFICATE_NOT_YET_VALID);
	w = good;
	w.pk = GNUTLS_PK_RSA;
	w.bits = 1024;
	assert_int_equal(check_pinned(f, &w), MPQ_CERTIFICATE_WEAK_KEY);
	w = good;
	w.server = false;
	assert_int_equal(check_pinned(f, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	w = good;
	w.names[0] = "a.example";
	assert_int_equal(check_pinned(f, &w), MPQ_CERTIFICATE_WRONG_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_another_authoritys),
		cmocka_unit_test(refuses_an_authority_of_the_same_name),
		cmocka_unit_test(refuses_an_authority_as_a_leaf),
		cmocka_unit_test(takes_an_intermediate_that_is_sent),
		cmocka_unit_test(holds_intermediates_to_the_rules),
		cmocka_unit_test(an_intermediates_usage_limits_those_below),
		cmocka_unit_test(an_edge_does_not_pass_for_its_issuer),
		cmocka_unit_test(refuses_an_expired_authority),
		cmocka_unit_test(refuses_a_revoked_one_only),
		cmocka_unit_test(refuses_what_is_not_pinned),
		cmocka_unit_test(a_pin_does_not_replace_the_authority),
		cmocka_unit_test(a_pin_alone_does_not_excuse_anything_else),
	};

	return cmocka_run_group_tests(tests, trusted_start, trusted_stop);
}
