/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of peers: each has one defect, and gets one answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/certificate.h"
#include "tests/unit/common/pki.h"

#define HOST      "concentrator.example"
#define LONG_AGO  ((time_t)1600000000)
#define YESTERDAY (PKI_NOW - 86400)
#define TOMORROW  (PKI_NOW + 86400)

struct fixture {
	struct pki_set set;
	struct mpq_certificate_trust *trust; /* of set.authority, high */
	struct mpq_certificate_identity identity;
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
};

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

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

static int stop(void **state)
{
	struct fixture *f = *state;

	mpq_certificate_trust_free(f->trust);
	pki_set_free(&f->set);
	free(f);
	return 0;
}

/* A good server's certificate of the fixture's authority, to be spoilt. */
static struct pki_wish server_wish(struct fixture *f)
{
	return (struct pki_wish){.cn = "concentrator",
				 .issuer = f->set.authority,
				 .server = true,
				 .names = {HOST}};
}

static enum mpq_certificate_result
check_chain(struct fixture *f, const struct mpq_certificate_trust *t,
	    struct pki_certificate *const *chain, size_t n, const char *host)
{
	struct mpq_certificate_der der[16];

	for (size_t i = 0; i < n; i++) {
		der[i].data = chain[i]->der;
		der[i].len = chain[i]->der_len;
	}
	return mpq_certificate_check(t, der, n, MPQ_CERTIFICATE_SERVER, host,
				     PKI_NOW, &f->identity, f->reason);
}

static enum mpq_certificate_result
check_with(struct fixture *f, const struct mpq_certificate_trust *t,
	   const struct pki_wish *w)
{
	struct pki_certificate *c = pki_new(w);
	enum mpq_certificate_result r = check_chain(f, t, &c, 1, HOST);

	pki_free(c);
	return r;
}

static enum mpq_certificate_result check(struct fixture *f,
					 const struct pki_wish *w)
{
	return check_with(f, f->trust, w);
}

static struct mpq_certificate_trust *
trust_of(struct fixture *f, const struct pki_certificate *authority,
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

static void takes_a_good_chain_and_reads_its_identity(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check_chain(f, f->trust, &f->set.server, 1, HOST), 0);
	assert_string_equal(f->reason, "");
	assert_int_equal(f->identity.names, 1);
	assert_string_equal(f->identity.name[0], HOST);
	assert_string_equal(f->identity.subject, "CN=concentrator");
	assert_memory_equal(f->identity.spki_sha256, f->set.server->spki_sha256,
			    32);
	assert_true(f->identity.not_before < PKI_NOW);
	assert_true(f->identity.not_after > PKI_NOW);
}

static void takes_a_client_for_a_client_only(void **state)
{
	struct fixture *f = *state;
	struct mpq_certificate_der der = {f->set.client->der,
					  f->set.client->der_len};

	assert_int_equal(mpq_certificate_check(f->trust, &der, 1,
					       MPQ_CERTIFICATE_CLIENT, NULL,
					       PKI_NOW, &f->identity,
					       f->reason),
			 0);
	assert_int_equal(check_chain(f, f->trust, &f->set.client, 1, NULL),
			 MPQ_CERTIFICATE_WRONG_USAGE);
}

static void refuses_an_expired_one(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);

	w.not_before = LONG_AGO;
	w.not_after = YESTERDAY;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_EXPIRED);
	assert_string_equal(f->reason,
			    "certificate of CN=concentrator expired on "
			    "2027-01-14 08:00 UTC, and the clock here says "
			    "2027-01-15 08:00 UTC");
	w.not_after = PKI_NOW; /* RFC 5280 §4.1.2.5: inclusive */
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_OK);
}

static void refuses_one_that_is_not_yet_valid(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);

	w.not_before = TOMORROW;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_NOT_YET_VALID);
	assert_string_equal(f->reason,
			    "certificate of CN=concentrator is not valid "
			    "before 2027-01-16 08:00 UTC, and the clock here "
			    "says 2027-01-15 08:00 UTC");
	w.not_before = PKI_NOW;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_OK);
}

static void refuses_another_authoritys(void **state)
{
	struct fixture *f = *state;
	struct pki_wish other = {.cn = "other authority", .authority = true};
	struct pki_certificate *authority = pki_new(&other);
	struct pki_wish w = server_wish(f);

	w.issuer = authority;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	assert_string_equal(f->reason,
			    "the chain ends at issuer CN=other authority, "
			    "wanted is CN=test authority");
	w.issuer = NULL;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	pki_free(authority);
}

static void refuses_an_authority_of_the_same_name(void **state)
{
	struct fixture *f = *state;
	struct pki_wish rogue = {.cn = "test authority", .authority = true};
	struct pki_certificate *chain[2];
	struct pki_wish w = server_wish(f);

	chain[1] = pki_new(&rogue);
	w.issuer = chain[1];
	chain[0] = pki_new(&w);
	assert_int_equal(check_chain(f, f->trust, chain, 1, HOST),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	assert_int_equal(check_chain(f, f->trust, chain, 2, HOST),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	pki_free(chain[0]);
	pki_free(chain[1]);
}

static void refuses_an_altered_one(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);
	struct pki_certificate *c = pki_new(&w);
	char *cn = memmem(c->der, c->der_len, HOST, strlen(HOST));

	assert_non_null(cn);
	cn[0] = 'k'; /* another name under the same signature */
	assert_int_equal(check_chain(f, f->trust, &c, 1, NULL),
			 MPQ_CERTIFICATE_BAD_SIGNATURE);
	assert_non_null(strstr(f->reason, "altered or forged"));
	cn[0] = 'c';
	assert_int_equal(check_chain(f, f->trust, &c, 1, NULL), 0);
	((uint8_t *)c->der)[c->der_len - 1] ^= 1; /* in the signature */
	assert_int_equal(check_chain(f, f->trust, &c, 1, NULL),
			 MPQ_CERTIFICATE_BAD_SIGNATURE);
	pki_free(c);
}

static void refuses_a_wrong_name(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);

	w.names[0] = "a.example";
	w.names[1] = "192.0.2.7";
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_WRONG_NAME);
	assert_string_equal(f->reason,
			    "certificate of CN=concentrator is for a.example, "
			    "192.0.2.7, wanted is concentrator.example as a "
			    "subjectAltName");
}

static void looks_at_neither_common_name_nor_wildcards(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);

	w.cn = HOST;
	w.names[0] = NULL;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_WRONG_NAME);
	w.names[0] = "*.example";
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_WRONG_NAME);
	w.names[0] = HOST ".evil";
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_WRONG_NAME);
}

static void finds_names_in_any_case_and_addresses(void **state)
{
	struct fixture *f = *state;
	struct pki_certificate *const *c = &f->set.server;

	assert_int_equal(check_chain(f, f->trust, c, 1, "CONCENTRATOR.Example"),
			 0);
	assert_int_equal(check_chain(f, f->trust, c, 1, "127.0.0.1"), 0);
	assert_int_equal(check_chain(f, f->trust, c, 1, "0:0::1"), 0);
	assert_int_equal(check_chain(f, f->trust, c, 1, NULL), 0);
	assert_int_equal(check_chain(f, f->trust, c, 1, "127.0.0.2"),
			 MPQ_CERTIFICATE_WRONG_NAME);
	assert_int_equal(check_chain(f, f->trust, c, 1, "::2"),
			 MPQ_CERTIFICATE_WRONG_NAME);
}

static void an_address_in_a_dns_name_is_no_address(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);
	struct pki_certificate *c;

	w.names[0] = "127.0.0.1.";
	c = pki_new(&w);
	assert_int_equal(check_chain(f, f->trust, &c, 1, "127.0.0.1"),
			 MPQ_CERTIFICATE_WRONG_NAME);
	pki_free(c);
}

static void finds_a_name_beyond_those_that_it_keeps(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);

	for (size_t i = 0; i < 9; i++) {
		w.names[i] = "other.example";
	}
	w.names[8] = HOST;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_OK);
	assert_int_equal(f->identity.names, MPQ_CERTIFICATE_NAMES);
}

static void refuses_a_wrong_usage(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);

	w.server = false;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	assert_non_null(strstr(f->reason, "no extended key usage, wanted is "
					  "serverAuth"));
	w.client = true;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	assert_non_null(strstr(f->reason, "for something else, wanted is "
					  "serverAuth"));
	w.server = true;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_OK);
	w.key_usage = GNUTLS_KEY_KEY_ENCIPHERMENT;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	assert_non_null(strstr(f->reason, "digitalSignature"));
}

static void refuses_an_authority_as_a_leaf(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);

	w.authority = true;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_WRONG_USAGE);
	assert_non_null(strstr(f->reason, "CA:TRUE"));
	assert_int_equal(check_chain(f, f->trust, &f->set.authority, 1, NULL),
			 MPQ_CERTIFICATE_WRONG_USAGE);
}

static void refuses_weak_rsa_keys_by_profile(void **state)
{
	struct fixture *f = *state;
	struct mpq_certificate_trust *medium =
		trust_of(f, f->set.authority, NULL, MPQ_CERTIFICATE_MEDIUM);
	struct pki_wish w = server_wish(f);
	struct pki_certificate *c;

	w.pk = GNUTLS_PK_RSA;
	w.bits = 1024;
	c = pki_new(&w);
	assert_int_equal(check_chain(f, medium, &c, 1, HOST),
			 MPQ_CERTIFICATE_WEAK_KEY);
	assert_non_null(strstr(f->reason, "RSA key of 1024 bits, profile "
					  "medium wants 2048"));
	assert_int_equal(check_chain(f, f->trust, &c, 1, HOST),
			 MPQ_CERTIFICATE_WEAK_KEY);
	pki_free(c);
	w.bits = 2048;
	c = pki_new(&w);
	assert_int_equal(check_chain(f, medium, &c, 1, HOST), 0);
	assert_int_equal(check_chain(f, f->trust, &c, 1, HOST),
			 MPQ_CERTIFICATE_WEAK_KEY);
	assert_non_null(strstr(f->reason, "2048 bits, profile high wants "
					  "3072"));
	pki_free(c);
	mpq_certificate_trust_free(medium);
}

static void takes_strong_keys_of_each_kind(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);

	w.pk = GNUTLS_PK_RSA;
	w.bits = 3072;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_OK);
	w.pk = GNUTLS_PK_EDDSA_ED25519;
	w.bits = 0;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_OK);
	w.pk = GNUTLS_PK_ECDSA;
	w.bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1);
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_OK);
}

static void refuses_a_small_curve(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);

	w.bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP192R1);
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_WEAK_KEY);
	assert_non_null(strstr(f->reason, "192 bits, wanted is P-256"));
}

static void refuses_sha1(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);

	w.digest = GNUTLS_DIG_SHA1;
	assert_int_equal(check(f, &w), MPQ_CERTIFICATE_WEAK_SIGNATURE);
	assert_string_equal(f->reason,
			    "certificate of CN=concentrator is signed with "
			    "ECDSA-SHA1, wanted is SHA-256 or better");
}

/* authority <- intermediate <- server, one of them spoilt by the caller. */
static enum mpq_certificate_result
check_three(struct fixture *f, struct pki_wish *middle, size_t sent)
{
	struct pki_certificate *chain[2];
	enum mpq_certificate_result r;
	struct pki_wish w = server_wish(f);

	middle->issuer = f->set.authority;
	chain[1] = pki_new(middle);
	w.issuer = chain[1];
	chain[0] = pki_new(&w);
	r = check_chain(f, f->trust, chain, sent, HOST);
	pki_free(chain[0]);
	pki_free(chain[1]);
	return r;
}

static void takes_an_intermediate_that_is_sent(void **state)
{
	struct fixture *f = *state;
	struct pki_wish middle = {.cn = "middle", .authority = true};

	assert_int_equal(check_three(f, &middle, 2), MPQ_CERTIFICATE_OK);
	assert_int_equal(check_three(f, &middle, 1),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	assert_non_null(strstr(f->reason, "ends at issuer CN=middle"));
}

static void holds_intermediates_to_the_rules(void **state)
{
	struct fixture *f = *state;
	struct pki_wish sha1 = {.cn = "middle",
				.authority = true,
				.digest = GNUTLS_DIG_SHA1},
			old = {.cn = "middle",
			       .authority = true,
			       .not_before = LONG_AGO,
			       .not_after = YESTERDAY},
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
	struct fixture *f = *state;
	struct pki_wish middle = {.cn = "middle",
				  .authority = true,
				  .client = true};

	assert_int_equal(check_three(f, &middle, 2),
			 MPQ_CERTIFICATE_WRONG_USAGE);
	assert_non_null(strstr(f->reason, "GnuTLS refuses the chain"));
}

static void an_edge_does_not_pass_for_its_issuer(void **state)
{
	struct fixture *f = *state;
	struct pki_certificate *chain[2] = {NULL, f->set.client};
	struct pki_wish w = server_wish(f);

	w.issuer = f->set.client;
	chain[0] = pki_new(&w);
	assert_int_equal(check_chain(f, f->trust, chain, 2, HOST),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	pki_free(chain[0]);
}

static void refuses_an_expired_authority(void **state)
{
	struct fixture *f = *state;
	struct pki_wish old = {.cn = "old authority",
			       .authority = true,
			       .not_before = LONG_AGO,
			       .not_after = YESTERDAY};
	struct pki_certificate *authority = pki_new(&old);
	struct mpq_certificate_trust *t =
		trust_of(f, authority, NULL, MPQ_CERTIFICATE_HIGH);
	struct pki_wish w = server_wish(f);

	w.issuer = authority;
	assert_int_equal(check_with(f, t, &w), MPQ_CERTIFICATE_EXPIRED);
	assert_non_null(strstr(f->reason, "CN=old authority"));
	mpq_certificate_trust_free(t);
	pki_free(authority);
}

static void refuses_a_revoked_one_only(void **state)
{
	struct fixture *f = *state;
	char *crl = pki_crl(f->set.authority, f->set.server);
	struct mpq_certificate_trust *t = NULL;
	struct pki_wish w = server_wish(f);

	assert_int_equal(mpq_certificate_trust_new(
				 &t, f->set.authority->certificate_pem, crl,
				 NULL, 0, MPQ_CERTIFICATE_HIGH, f->reason),
			 0);
	assert_int_equal(check_chain(f, t, &f->set.server, 1, HOST),
			 MPQ_CERTIFICATE_REVOKED);
	assert_non_null(strstr(f->reason, "CN=concentrator is in the "
					  "revocation list"));
	assert_int_equal(check_with(f, t, &w), MPQ_CERTIFICATE_OK);
	mpq_certificate_trust_free(t);
	free(crl);
}

static void refuses_what_is_not_pinned(void **state)
{
	struct fixture *f = *state;
	struct mpq_certificate_trust *pins_only =
		trust_of(f, NULL, f->set.client, MPQ_CERTIFICATE_HIGH);
	struct mpq_certificate_trust *both =
		trust_of(f, f->set.authority, f->set.client,
			 MPQ_CERTIFICATE_HIGH);

	assert_int_equal(check_chain(f, pins_only, &f->set.server, 1, HOST),
			 MPQ_CERTIFICATE_NOT_PINNED);
	assert_non_null(strstr(f->reason, "CN=concentrator has the SHA-256 "
					  "pin "));
	assert_int_equal(check_chain(f, both, &f->set.server, 1, HOST),
			 MPQ_CERTIFICATE_NOT_PINNED);
	mpq_certificate_trust_free(pins_only);
	mpq_certificate_trust_free(both);
}

static void a_pin_does_not_replace_the_authority(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);
	struct pki_certificate *own;
	struct mpq_certificate_trust *t;

	w.issuer = NULL;
	own = pki_new(&w);
	t = trust_of(f, f->set.authority, own, MPQ_CERTIFICATE_HIGH);
	assert_int_equal(check_chain(f, t, &own, 1, HOST),
			 MPQ_CERTIFICATE_UNKNOWN_ISSUER);
	mpq_certificate_trust_free(t);
	t = trust_of(f, f->set.authority, f->set.server, MPQ_CERTIFICATE_HIGH);
	assert_int_equal(check_chain(f, t, &f->set.server, 1, HOST), 0);
	mpq_certificate_trust_free(t);
	pki_free(own);
}

static enum mpq_certificate_result check_pinned(struct fixture *f,
						const struct pki_wish *w)
{
	struct pki_certificate *own = pki_new(w);
	struct mpq_certificate_trust *t =
		trust_of(f, NULL, own, MPQ_CERTIFICATE_HIGH);
	enum mpq_certificate_result r = check_chain(f, t, &own, 1, HOST);

	mpq_certificate_trust_free(t);
	pki_free(own);
	return r;
}

static void a_pin_alone_does_not_excuse_anything_else(void **state)
{
	struct fixture *f = *state;
	struct pki_wish good = server_wish(f), w;

	good.issuer = NULL;
	assert_int_equal(check_pinned(f, &good), MPQ_CERTIFICATE_OK);
	w = good;
	w.not_before = LONG_AGO;
	w.not_after = YESTERDAY;
	assert_int_equal(check_pinned(f, &w), MPQ_CERTIFICATE_EXPIRED);
	w = good;
	w.not_before = TOMORROW;
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

static void refuses_what_is_no_certificate(void **state)
{
	struct fixture *f = *state;
	struct mpq_certificate_der der = {"garbage", 7};
	struct pki_certificate *nine[9];

	memset(&f->identity, 0xa5, sizeof(f->identity));
	assert_int_equal(mpq_certificate_check(f->trust, &der, 1,
					       MPQ_CERTIFICATE_SERVER, HOST,
					       PKI_NOW, &f->identity,
					       f->reason),
			 MPQ_CERTIFICATE_UNREADABLE);
	assert_non_null(strstr(f->reason, "certificate 1 of 1 is not "
					  "readable"));
	assert_int_equal((uint8_t)f->identity.subject[0], 0xa5);
	assert_int_equal(check_chain(f, f->trust, NULL, 0, HOST),
			 MPQ_CERTIFICATE_UNREADABLE);
	for (size_t i = 0; i < 9; i++) {
		nine[i] = f->set.server;
	}
	assert_int_equal(check_chain(f, f->trust, nine, 9, HOST),
			 MPQ_CERTIFICATE_UNREADABLE);
	assert_string_equal(f->reason, "a chain of 9 certificates, allowed are "
				       "1 to 8");
}

/* GnuTLS does not make such a name: it is written into the finished DER, and
 * the pin, which does not look at the signature, lets it pass. */
static void shows_no_control_characters(void **state)
{
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);
	struct mpq_certificate_trust *t;
	struct pki_certificate *c;
	char *name;

	w.cn = "x\x1b[2J\ny";
	w.names[0] = "aX.example";
	c = pki_new(&w);
	name = memmem(c->der, c->der_len, "aX.example", 10);
	assert_non_null(name);
	name[1] = '\x1b';
	t = trust_of(f, NULL, c, MPQ_CERTIFICATE_HIGH);
	assert_int_equal(check_chain(f, t, &c, 1, HOST),
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
	struct fixture *f = *state;
	struct pki_wish w = server_wish(f);
	struct mpq_certificate_trust *t;
	struct pki_certificate *c;
	char *name;

	w.names[0] = HOST "X.evil";
	c = pki_new(&w);
	name = memmem(c->der, c->der_len, HOST "X", strlen(HOST) + 1);
	assert_non_null(name);
	name[strlen(HOST)] = '\0';
	t = trust_of(f, NULL, c, MPQ_CERTIFICATE_HIGH);
	assert_int_equal(check_chain(f, t, &c, 1, HOST),
			 MPQ_CERTIFICATE_WRONG_NAME);
	assert_false(mpq_certificate_has_name(&f->identity, HOST));
	mpq_certificate_trust_free(t);
	pki_free(c);
}

static void has_the_names_that_it_carries(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check_chain(f, f->trust, &f->set.server, 1, HOST), 0);
	assert_true(mpq_certificate_has_name(&f->identity, HOST));
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
		cmocka_unit_test(refuses_another_authoritys),
		cmocka_unit_test(refuses_an_authority_of_the_same_name),
		cmocka_unit_test(refuses_an_altered_one),
		cmocka_unit_test(refuses_a_wrong_name),
		cmocka_unit_test(looks_at_neither_common_name_nor_wildcards),
		cmocka_unit_test(finds_names_in_any_case_and_addresses),
		cmocka_unit_test(an_address_in_a_dns_name_is_no_address),
		cmocka_unit_test(finds_a_name_beyond_those_that_it_keeps),
		cmocka_unit_test(refuses_a_wrong_usage),
		cmocka_unit_test(refuses_an_authority_as_a_leaf),
		cmocka_unit_test(refuses_weak_rsa_keys_by_profile),
		cmocka_unit_test(takes_strong_keys_of_each_kind),
		cmocka_unit_test(refuses_a_small_curve),
		cmocka_unit_test(refuses_sha1),
		cmocka_unit_test(takes_an_intermediate_that_is_sent),
		cmocka_unit_test(holds_intermediates_to_the_rules),
		cmocka_unit_test(an_intermediates_usage_limits_those_below),
		cmocka_unit_test(an_edge_does_not_pass_for_its_issuer),
		cmocka_unit_test(refuses_an_expired_authority),
		cmocka_unit_test(refuses_a_revoked_one_only),
		cmocka_unit_test(refuses_what_is_not_pinned),
		cmocka_unit_test(a_pin_does_not_replace_the_authority),
		cmocka_unit_test(a_pin_alone_does_not_excuse_anything_else),
		cmocka_unit_test(refuses_what_is_no_certificate),
		cmocka_unit_test(shows_no_control_characters),
		cmocka_unit_test(a_name_does_not_end_at_a_nul),
		cmocka_unit_test(has_the_names_that_it_carries),
		cmocka_unit_test(every_result_has_its_own_name),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
