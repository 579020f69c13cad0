/* SPDX-License-Identifier: Apache-2.0 */
/* What is exported of a TLS session is the standard's, and only its ends'. */
#include "dataplane/quic/export.h"

#include "dataplane/quic/connection.h"
#include "tests/unit/quic/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

#define LABEL "EXPERIMENTAL-test"

struct keys {
	uint8_t client[MPQ_EXPORT_BYTES], server[MPQ_EXPORT_BYTES];
};

static struct pair *connected(void)
{
	struct pair *p = pair_new();

	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	return p;
}

static struct keys export(struct pair *p, const char *label,
			  const char *context)
{
	struct keys k;

	assert_int_equal(mpq_export_key(p->client.conn, label, context,
					strlen(context), k.client),
			 0);
	assert_int_equal(mpq_export_key(p->server.conn, label, context,
					strlen(context), k.server),
			 0);
	return k;
}

static void both_ends_export_the_same(void **state)
{
	struct pair *p = connected();
	struct keys k = export(p, LABEL, "context");
	struct keys again = export(p, LABEL, "context");

	(void)state;
	assert_memory_equal(k.client, k.server, MPQ_EXPORT_BYTES);
	assert_memory_equal(k.client, again.client, MPQ_EXPORT_BYTES);
	pair_free(p);
}

static void label_and_context_make_a_difference(void **state)
{
	struct pair *p = connected();
	struct keys k = export(p, LABEL, "context");
	struct keys other_label = export(p, LABEL "2", "context");
	struct keys other_context = export(p, LABEL, "context2");
	struct keys empty = export(p, LABEL, "");
	uint8_t none[MPQ_EXPORT_BYTES];

	(void)state;
	assert_memory_not_equal(k.client, other_label.client, MPQ_EXPORT_BYTES);
	assert_memory_not_equal(k.client, other_context.client,
				MPQ_EXPORT_BYTES);
	assert_memory_not_equal(k.client, empty.client, MPQ_EXPORT_BYTES);
	assert_int_equal(mpq_export_key(p->client.conn, LABEL, NULL, 0, none),
			 0);
	assert_memory_equal(none, empty.server, MPQ_EXPORT_BYTES);
	pair_free(p);
}

static void another_connection_exports_another_key(void **state)
{
	struct pair *p = connected();
	struct keys first = export(p, LABEL, "context"), second;

	(void)state;
	pair_restart_server(p);
	pair_dial(p);
	p->client.established = p->server.established = 0;
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	second = export(p, LABEL, "context");
	assert_memory_equal(second.client, second.server, MPQ_EXPORT_BYTES);
	assert_memory_not_equal(first.client, second.client, MPQ_EXPORT_BYTES);
	pair_free(p);
}

static void nothing_is_exported_before_both_are_known(void **state)
{
	struct pair *p = pair_new();
	uint8_t key[MPQ_EXPORT_BYTES], untouched[MPQ_EXPORT_BYTES];

	(void)state;
	memset(key, 0x55, sizeof(key));
	memset(untouched, 0x55, sizeof(untouched));
	pair_dial(p);
	while (!pair_is_up(p)) {
		if (p->server.conn && !p->server.established) {
			assert_int_equal(mpq_export_key(p->server.conn, LABEL,
							NULL, 0, key),
					 -ENOTCONN);
		}
		if (!p->client.established) {
			assert_int_equal(mpq_export_key(p->client.conn, LABEL,
							NULL, 0, key),
					 -ENOTCONN);
		}
		pair_wait(p, MPQ_MILLISECOND);
		assert_true(p->now < PAIR_START + 5 * MPQ_SECOND);
	}
	assert_memory_equal(key, untouched, sizeof(key));
	pair_free(p);
}

/* RFC 8446 §7.1. */
static void expand_label(const gnutls_datum_t *secret,
			 gnutls_mac_algorithm_t mac, const char *label,
			 const void *context, size_t context_len, void *ret,
			 size_t len)
{
	uint8_t info[256] = {(uint8_t)(len >> 8), (uint8_t)len,
			     (uint8_t)(6 + strlen(label))};
	size_t n = 3;
	gnutls_datum_t datum = {.data = info};

	memcpy(info + n, "tls13 ", 6);
	n += 6;
	memcpy(info + n, label, strlen(label));
	n += strlen(label);
	info[n++] = (uint8_t)context_len;
	memcpy(info + n, context, context_len);
	datum.size = (unsigned)(n + context_len);
	assert_int_equal(gnutls_hkdf_expand(mac, secret, &datum, ret, len), 0);
}

/* RFC 8446 §7.5, written out; `secret` is the exporter_master_secret. */
static void tls_exporter(const gnutls_datum_t *secret,
			 gnutls_digest_algorithm_t hash, const char *label,
			 const char *context, uint8_t ret[MPQ_EXPORT_BYTES])
{
	gnutls_mac_algorithm_t mac = (gnutls_mac_algorithm_t)hash;
	size_t hash_len = gnutls_hash_get_len(hash);
	uint8_t derived[64], digest[64];
	gnutls_datum_t derived_datum = {derived, (unsigned)hash_len};

	gnutls_hash_fast(hash, "", 0, digest);
	expand_label(secret, mac, label, digest, hash_len, derived, hash_len);
	gnutls_hash_fast(hash, context, strlen(context), digest);
	expand_label(&derived_datum, mac, "exporter", digest, hash_len, ret,
		     MPQ_EXPORT_BYTES);
}

static struct {
	uint8_t bytes[64];
	gnutls_datum_t datum;
} exporter_secret;

static int on_secret(gnutls_session_t session, const char *label,
		     const gnutls_datum_t *secret)
{
	(void)session;
	if (strcmp(label, "EXPORTER_SECRET") == 0) {
		assert_in_range(secret->size, 1, sizeof(exporter_secret.bytes));
		memcpy(exporter_secret.bytes, secret->data, secret->size);
		exporter_secret.datum =
			(gnutls_datum_t){exporter_secret.bytes, secret->size};
	}
	return 0;
}

static void log_secrets(struct mpq_conn *c)
{
	gnutls_session_set_keylog_function(c->handshake.session, on_secret);
}

static void is_the_exporter_of_tls_1_3(void **state)
{
	static const enum mpq_tls_cipher ciphers[] = {MPQ_TLS_CIPHER_AES,
						      MPQ_TLS_CIPHER_CHACHA};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair *p = pair_new();
		uint8_t expected[MPQ_EXPORT_BYTES];
		struct keys k;

		p->client_tls.cipher = p->server_tls.cipher = ciphers[i];
		p->client.prepare = log_secrets;
		exporter_secret.datum.size = 0;
		pair_dial(p);
		assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
		assert_true(exporter_secret.datum.size > 0);
		k = export(p, LABEL, "context");
		tls_exporter(&exporter_secret.datum,
			     gnutls_prf_hash_get(
				     p->client.conn->handshake.session),
			     LABEL, "context", expected);
		assert_memory_equal(k.server, expected, sizeof(expected));
		pair_free(p);
	}
}

/* RFC 4231 §4.3; a key is filled up with zeros (RFC 2104 §2). */
static void the_hmac_is_that_of_the_rfc(void **state)
{
	static const uint8_t key[MPQ_EXPORT_BYTES] = "Jefe";
	static const char data[] = "what do ya want for nothing?";
	static const uint8_t expected[MPQ_EXPORT_BYTES] = {
		0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e,
		0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
		0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83,
		0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
	uint8_t ret[MPQ_EXPORT_BYTES];

	(void)state;
	assert_int_equal(mpq_export_hmac(key, data, strlen(data), ret), 0);
	assert_memory_equal(ret, expected, sizeof(expected));
}

static void every_bit_counts_in_a_comparison(void **state)
{
	uint8_t a[MPQ_EXPORT_BYTES], b[MPQ_EXPORT_BYTES];

	(void)state;
	assert_int_equal(mpq_export_random(a, sizeof(a)), 0);
	memcpy(b, a, sizeof(b));
	assert_true(mpq_export_equal(a, b));
	for (unsigned bit = 0; bit < 8 * sizeof(a); bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(mpq_export_equal(a, b));
		b[bit / 8] = a[bit / 8];
	}
}

static void random_bytes_do_not_repeat(void **state)
{
	uint8_t bytes[64][16];

	(void)state;
	assert_int_equal(mpq_export_random(bytes, sizeof(bytes)), 0);
	for (size_t i = 0; i < 64; i++) {
		for (size_t j = 0; j < i; j++) {
			assert_memory_not_equal(bytes[i], bytes[j], 16);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_export_the_same),
		cmocka_unit_test(label_and_context_make_a_difference),
		cmocka_unit_test(another_connection_exports_another_key),
		cmocka_unit_test(nothing_is_exported_before_both_are_known),
		cmocka_unit_test(is_the_exporter_of_tls_1_3),
		cmocka_unit_test(the_hmac_is_that_of_the_rfc),
		cmocka_unit_test(every_bit_counts_in_a_comparison),
		cmocka_unit_test(random_bytes_do_not_repeat),
	};

	return cmocka_run_group_tests_name("quic/export", tests, NULL, NULL);
}
