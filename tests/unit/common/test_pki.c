/* SPDX-License-Identifier: Apache-2.0 */
/* The helper itself: what it makes is what GnuTLS reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/common/pki.h"

static void a_set_verifies_against_its_authority(void **state)
{
	struct pki_set s = pki_set_new();
	gnutls_x509_trust_list_t list;
	unsigned status;

	(void)state;
	assert_int_equal(gnutls_x509_trust_list_init(&list, 0), 0);
	assert_int_equal(gnutls_x509_trust_list_add_cas(list, &s.authority->crt,
							1, 0),
			 1);
	assert_int_equal(gnutls_x509_trust_list_verify_crt(list, &s.server->crt,
							   1, 0, &status, NULL),
			 0);
	assert_int_equal(status, 0);
	assert_int_equal(gnutls_x509_trust_list_verify_crt(list, &s.client->crt,
							   1, 0, &status, NULL),
			 0);
	assert_int_equal(status, 0);
	gnutls_x509_trust_list_deinit(list, 0);
	pki_set_free(&s);
}

static void the_key_text_belongs_to_the_certificate(void **state)
{
	struct pki_set s = pki_set_new();
	gnutls_certificate_credentials_t c;
	gnutls_datum_t crt = {(void *)s.server->certificate_pem, 0},
		       key = {(void *)s.server->key_pem, 0};

	(void)state;
	crt.size = (unsigned)__builtin_strlen(s.server->certificate_pem);
	key.size = (unsigned)__builtin_strlen(s.server->key_pem);
	assert_int_equal(gnutls_certificate_allocate_credentials(&c), 0);
	assert_int_equal(gnutls_certificate_set_x509_key_mem(
				 c, &crt, &key, GNUTLS_X509_FMT_PEM),
			 0);
	gnutls_certificate_free_credentials(c);
	pki_set_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_verifies_against_its_authority),
		cmocka_unit_test(the_key_text_belongs_to_the_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
