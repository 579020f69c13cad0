/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in, who is not, and what each side says about it. */
#include "tests/unit/quic/pair.h"

#include "dataplane/quic/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <stdlib.h>
#include <string.h>

#define DAY (24 * 3600)

struct defect {
	const char *name;
	struct pki_wish wish; /* issuer: the pair's, unless `rogue` */
	bool rogue, revoked;
	uint8_t alert;      /* that the peer sees */
	const char *reason; /* in the sentence of the one who refuses */
};

static const struct defect server_defects[] = {
	{.name = "expired",
	 .wish = {.server = true,
		  .names = {"concentrator.example"},
		  .not_after = PKI_NOW - 2000 * DAY},
	 .alert = GNUTLS_A_CERTIFICATE_EXPIRED,
	 .reason = "expired"},
	{.name = "not yet valid",
	 .wish = {.server = true,
		  .names = {"concentrator.example"},
		  .not_before = PKI_NOW + 20000 * (time_t)DAY},
	 .alert = GNUTLS_A_CERTIFICATE_EXPIRED,
	 .reason = "valid"},
	{.name = "of another authority",
	 .wish = {.server = true, .names = {"concentrator.example"}},
	 .rogue = true,
	 .alert = GNUTLS_A_UNKNOWN_CA,
	 .reason = "authorit"},
	{.name = "of another host",
	 .wish = {.server = true, .names = {"other.example"}},
	 .alert = GNUTLS_A_BAD_CERTIFICATE,
	 .reason = "concentrator.example"},
	{.name = "a client's",
	 .wish = {.client = true, .names = {"concentrator.example"}},
	 .alert = GNUTLS_A_UNSUPPORTED_CERTIFICATE,
	 .reason = "server"},
	{.name = "a short key",
	 .wish = {.server = true,
		  .names = {"concentrator.example"},
		  .pk = GNUTLS_PK_RSA,
		  .bits = 2048},
	 .alert = GNUTLS_A_UNSUPPORTED_CERTIFICATE,
	 .reason = "2048"},
	{.name = "a SHA-1 signature",
	 .wish = {.server = true,
		  .names = {"concentrator.example"},
		  .digest = GNUTLS_DIG_SHA1},
	 .alert = GNUTLS_A_UNSUPPORTED_CERTIFICATE,
	 .reason = "SHA"},
	{.name = "revoked",
	 .wish = {.server = true, .names = {"concentrator.example"}},
	 .revoked = true,
	 .alert = GNUTLS_A_CERTIFICATE_REVOKED,
	 .reason = "revocation list"},
};

static const struct defect client_defects[] = {
	{.name = "expired",
	 .wish = {.client = true,
		  .names = {"edge-1.example"},
		  .not_after = PKI_NOW - 2000 * DAY},
	 .alert = GNUTLS_A_CERTIFICATE_EXPIRED,
	 .reason = "expired"},
	{.name = "of another authority",
	 .wish = {.client = true, .names = {"edge-1.example"}},
	 .rogue = true,
	 .alert = GNUTLS_A_UNKNOWN_CA,
	 .reason = "authorit"},
	{.name = "a server's",
	 .wish = {.server = true, .names = {"edge-1.example"}},
	 .alert = GNUTLS_A_UNSUPPORTED_CERTIFICATE,
	 .reason = "client"},
	{.name = "a short key",
	 .wish = {.client = true,
		  .names = {"edge-1.example"},
		  .pk = GNUTLS_PK_RSA,
		  .bits = 2048},
	 .alert = GNUTLS_A_UNSUPPORTED_CERTIFICATE,
	 .reason = "2048"},
	{.name = "revoked",
	 .wish = {.client = true, .names = {"edge-1.example"}},
	 .revoked = true,
	 .alert = GNUTLS_A_CERTIFICATE_REVOKED,
	 .reason = "revocation list"},
};

static void expect_refusal(const struct defect *d, const struct pair_end *by,
			   const struct pair_end *of)
{
	const struct mpq_conn_end *refuser = mpq_conn_end(by->conn);
	const struct mpq_conn_end *refused = mpq_conn_end(of->conn);

	print_message("# %s: \"%s\", \"%s\"\n", d->name, refuser->reason,
		      refused->reason);
	assert_int_equal(refuser->layer, MPQ_CONN_VERIFY);
	assert_false(refuser->by_peer);
	assert_non_null(strstr(refuser->reason, d->reason));
	assert_int_equal(refused->layer, MPQ_CONN_TLS);
	assert_true(refused->by_peer);
	assert_int_equal(refused->code, d->alert);
	assert_non_null(
		strstr(refused->reason, "the peer refused our certificate"));
	assert_int_equal(by->established, 0);
	assert_int_equal(of->established, 0);
	assert_null(mpq_conn_peer(by->conn));
	assert_int_equal(by->verified, 0); /* our own checks come first */
}

/* Lets `d` be presented by one side and looks at both. */
static void present(const struct defect *d, bool by_server)
{
	struct pair *p = pair_new();
	struct pki_set rogue = pki_set_new();
	struct pki_wish wish = d->wish;
	struct pki_certificate *bad;
	struct mpq_tls_config *own =
		by_server ? &p->server_tls : &p->client_tls;
	struct mpq_tls_config *other =
		by_server ? &p->client_tls : &p->server_tls;
	char *crl;

	wish.issuer = d->rogue ? rogue.authority : p->pki.authority;
	bad = pki_new(&wish);
	crl = pki_crl(p->pki.authority, d->revoked ? bad : NULL);
	own->certificate_pem = bad->certificate_pem;
	own->private_key_pem = bad->key_pem;
	other->crl_pem = crl;
	pair_dial(p);
	assert_true(pair_run(p, pair_client_is_over, 20 * MPQ_SECOND));
	assert_true(pair_run(p, pair_server_is_over, 20 * MPQ_SECOND));
	if (by_server) {
		expect_refusal(d, &p->client, &p->server);
	} else {
		expect_refusal(d, &p->server, &p->client);
	}
	free(crl);
	pki_free(bad);
	pki_set_free(&rogue);
	pair_free(p);
}

static void a_client_refuses_each_bad_server(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(server_defects) / sizeof(struct defect);
	     i++) {
		present(&server_defects[i], true);
	}
}

static void a_server_refuses_each_bad_client(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(client_defects) / sizeof(struct defect);
	     i++) {
		present(&client_defects[i], false);
	}
}

static void the_owner_may_refuse_a_good_certificate(void **state)
{
	struct pair *p = pair_new();
	const struct mpq_conn_end *end;

	(void)state;
	p->server.refuse = "edge-1.example is no peer of any tunnel";
	pair_dial(p);
	assert_true(pair_run(p, pair_client_is_over, 20 * MPQ_SECOND));
	end = mpq_conn_end(p->server.conn);
	assert_int_equal(end->layer, MPQ_CONN_VERIFY);
	assert_string_equal(end->reason, p->server.refuse);
	end = mpq_conn_end(p->client.conn);
	assert_int_equal(end->layer, MPQ_CONN_TLS);
	assert_int_equal(end->code, GNUTLS_A_ACCESS_DENIED);
	assert_string_equal(end->reason, "the peer refused our certificate "
					 "(TLS alert 49, access denied)");
	assert_int_equal(p->client.established + p->server.established, 0);
	pair_free(p);
}

static void an_address_is_a_name_too(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	p->client_config.server_name = "127.0.0.1";
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	p->client_config.server_name = "127.0.0.2";
	pair_dial(p);
	assert_true(pair_run(p, pair_client_is_over, 5 * MPQ_SECOND));
	assert_int_equal(mpq_conn_end(p->client.conn)->layer, MPQ_CONN_VERIFY);
	pair_free(p);
}

/* gnutls 3.7.9 sends rubbish when the protocols of a session are set twice, so
 * the client gets another session. */
static void speak_http09(struct mpq_conn *c)
{
	const struct mpq_tls_material *m = mpq_tls_material(c->handshake.tls);
	gnutls_datum_t other = {(unsigned char *)(uintptr_t) "hq", 2};
	gnutls_session_t session;

	gnutls_deinit(c->handshake.session);
	assert_int_equal(gnutls_init(&session, GNUTLS_CLIENT), 0);
	gnutls_priority_set(session, m->priority);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, m->credentials);
	gnutls_alpn_set_protocols(session, &other, 1, GNUTLS_ALPN_MANDATORY);
	gnutls_session_set_ptr(session, &c->handshake.ref);
	ngtcp2_crypto_gnutls_configure_client_session(session);
	ngtcp2_conn_set_tls_native_handle(c->quic, session);
	c->handshake.session = session;
}

static void another_application_protocol_is_refused(void **state)
{
	struct pair *p = pair_new();
	const struct mpq_conn_end *end;

	(void)state;
	p->client.prepare = speak_http09;
	pair_dial(p);
	assert_true(pair_run(p, pair_client_is_over, 20 * MPQ_SECOND));
	end = mpq_conn_end(p->client.conn);
	assert_int_equal(end->layer, MPQ_CONN_TLS);
	assert_true(end->by_peer);
	assert_int_equal(end->code, GNUTLS_A_NO_APPLICATION_PROTOCOL);
	assert_int_equal(mpq_conn_end(p->server.conn)->layer, MPQ_CONN_TLS);
	pair_free(p);
}

static gnutls_certificate_credentials_t nothing;

static void forget_certificate(struct mpq_conn *c)
{
	gnutls_credentials_set(c->handshake.session, GNUTLS_CRD_CERTIFICATE,
			       nothing);
}

static void a_client_without_certificate_is_refused(void **state)
{
	struct pair *p = pair_new();
	const struct mpq_conn_end *end;

	(void)state;
	gnutls_certificate_allocate_credentials(&nothing);
	p->client.prepare = forget_certificate;
	pair_dial(p);
	assert_true(pair_run(p, pair_client_is_over, 20 * MPQ_SECOND));
	end = mpq_conn_end(p->server.conn);
	assert_int_equal(end->layer, MPQ_CONN_VERIFY);
	assert_non_null(strstr(end->reason, "no certificate"));
	end = mpq_conn_end(p->client.conn);
	assert_int_equal(end->layer, MPQ_CONN_TLS);
	assert_int_equal(end->code, GNUTLS_A_CERTIFICATE_REQUIRED);
	assert_int_equal(p->client.established + p->server.established, 0);
	pair_free(p);
	gnutls_certificate_free_credentials(nothing);
}

/* RFC 9001 §4.1.2: a client has finished before the server has judged it. */
static bool client_finished(const struct pair *p)
{
	return ngtcp2_conn_get_handshake_completed(p->client.conn->quic);
}

static void a_client_waits_for_the_servers_verdict(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	pair_dial(p);
	assert_true(pair_run(p, client_finished, 5 * MPQ_SECOND));
	assert_false(mpq_conn_is_established(p->client.conn));
	assert_int_equal(p->client.established, 0);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	pair_free(p);
}

static struct mpq_tls *tls_of(const struct mpq_tls_config *config)
{
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
	struct mpq_tls *tls;

	assert_int_equal(mpq_tls_new(&tls, config, reason), 0);
	return tls;
}

/* Has `by` judge its standing peer by `config`. */
static int verify(struct pair_end *by, const struct mpq_tls_config *config)
{
	struct mpq_tls *tls = tls_of(config);
	int r = mpq_conn_verify(by->conn, tls);

	mpq_tls_unref(tls);
	return r;
}

/* The chain that a peer presented is there for as long as its connection. */
static void revoke(bool client)
{
	struct pair *p = pair_new();
	struct pki_certificate *bad = client ? p->pki.client : p->pki.server;
	struct pair_end *by = client ? &p->server : &p->client;
	struct pair_end *of = client ? &p->client : &p->server;
	struct mpq_tls_config config = client ? p->server_tls : p->client_tls;
	char *crl = pki_crl(p->pki.authority, bad);

	pair_dial(p);
	assert_true(pair_run(p, pair_mtu_is_known, 5 * MPQ_SECOND));
	config.crl_pem = crl;
	assert_int_equal(verify(by, &config), -ECONNRESET);
	assert_int_equal(verify(by, &config), 0); /* it is told once */
	pair_queue(by, 1000, 1);
	assert_true(pair_run(p,
			     client ? pair_client_is_over : pair_server_is_over,
			     20 * MPQ_SECOND));
	assert_int_equal(mpq_conn_end(by->conn)->layer, MPQ_CONN_VERIFY);
	assert_non_null(
		strstr(mpq_conn_end(by->conn)->reason, "revocation list"));
	assert_int_equal(mpq_conn_end(of->conn)->layer, MPQ_CONN_TLS);
	assert_int_equal(mpq_conn_end(of->conn)->code,
			 GNUTLS_A_CERTIFICATE_REVOKED);
	assert_int_equal(of->datagrams, 0);
	free(crl);
	pair_free(p);
}

static void a_standing_peer_that_is_revoked_is_refused(void **state)
{
	(void)state;
	revoke(true);
	revoke(false);
}

static void a_standing_peer_of_an_authority_taken_away_is_refused(void **state)
{
	struct pair *p = pair_new();
	struct pki_set other = pki_set_new();
	struct mpq_tls_config config = p->server_tls;

	(void)state;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	config.authority_pem = other.authority->certificate_pem;
	assert_int_equal(verify(&p->server, &config), -ECONNRESET);
	assert_true(pair_run(p, pair_client_is_over, 20 * MPQ_SECOND));
	assert_int_equal(mpq_conn_end(p->client.conn)->code,
			 GNUTLS_A_UNKNOWN_CA);
	pki_set_free(&other);
	pair_free(p);
}

static void a_standing_peer_that_is_still_good_stays(void **state)
{
	struct pair *p = pair_new();
	struct pki_set other = pki_set_new();
	char *crl = pki_crl(p->pki.authority, p->pki.server);
	struct mpq_tls_config config = p->server_tls;
	char *bundle = pki_join(p->pki.authority->certificate_pem,
				other.authority->certificate_pem);

	(void)state;
	pair_dial(p);
	assert_true(pair_run(p, pair_mtu_is_known, 5 * MPQ_SECOND));
	config.authority_pem = bundle;
	config.crl_pem = crl; /* of another one's certificate */
	assert_int_equal(verify(&p->server, &config), 0);
	pair_queue(&p->client, 1000, 1);
	pair_queue(&p->server, 1000, 2);
	pair_wait(p, MPQ_SECOND);
	assert_int_equal(p->server.datagrams + p->client.datagrams, 2);
	free(bundle);
	free(crl);
	pki_set_free(&other);
	pair_free(p);
}

static void who_is_not_judged_yet_is_judged_by_the_new_trust(void **state)
{
	struct pair *p = pair_new();
	struct mpq_tls_config config = p->client_tls;
	char *crl = pki_crl(p->pki.authority, p->pki.server);

	(void)state;
	pair_dial(p);
	config.crl_pem = crl;
	assert_int_equal(verify(&p->client, &config), 0);
	assert_true(pair_run(p, pair_client_is_over, 20 * MPQ_SECOND));
	assert_int_equal(mpq_conn_end(p->client.conn)->layer, MPQ_CONN_VERIFY);
	free(crl);
	pair_free(p);
}

static void new_material_serves_new_handshakes_only(void **state)
{
	struct pair *p = pair_new();
	struct pki_wish wish = {
		.server = true,
		.issuer = p->pki.authority,
		.names = {"concentrator.example", "renewed.example"},
	};
	struct pki_certificate *renewed = pki_new(&wish);

	(void)state;
	pair_dial(p);
	assert_true(pair_run(p, pair_mtu_is_known, 5 * MPQ_SECOND));
	p->server_tls.certificate_pem = renewed->certificate_pem;
	p->server_tls.private_key_pem = renewed->key_pem;

	/* The pair dropped its own reference at once: the old one lives on in
	 * the connection, through a key update, too. */
	assert_int_equal(ngtcp2_conn_initiate_key_update(p->client.conn->quic,
							 p->now),
			 0);
	pair_queue(&p->client, 1000, 1);
	pair_queue(&p->server, 1000, 2);
	pair_wait(p, MPQ_SECOND);
	assert_int_equal(p->server.datagrams + p->client.datagrams, 2);
	assert_false(mpq_certificate_has_name(mpq_conn_peer(p->client.conn),
					      "renewed.example"));

	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	assert_true(mpq_certificate_has_name(mpq_conn_peer(p->client.conn),
					     "renewed.example"));
	pki_free(renewed);
	pair_free(p);
}

static void pins_alone_are_enough(void **state)
{
	struct pair *p = pair_new();
	uint8_t pin[1][32];

	(void)state;
	memcpy(pin[0], p->pki.server->spki_sha256, sizeof(pin[0]));
	p->client_tls.authority_pem = NULL;
	p->client_tls.pins = (const uint8_t(*)[32])pin;
	p->client_tls.n_pins = 1;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	pin[0][0] ^= 1;
	pair_dial(p);
	assert_true(pair_run(p, pair_client_is_over, 5 * MPQ_SECOND));
	assert_int_equal(mpq_conn_end(p->client.conn)->layer, MPQ_CONN_VERIFY);
	pair_free(p);
}

static void unusable_material_is_refused_with_a_sentence(void **state)
{
	struct pair *p = pair_new();
	struct mpq_tls_config config = p->client_tls;
	char reason[MPQ_CERTIFICATE_REASON_BYTES] = "";
	struct mpq_tls *tls = NULL;

	(void)state;
	config.private_key_pem = p->pki.server->key_pem;
	assert_int_equal(mpq_tls_new(&tls, &config, reason), -EINVAL);
	assert_non_null(strstr(reason, "private key"));
	config = p->client_tls;
	config.authority_pem = "rubbish";
	reason[0] = '\0';
	assert_int_equal(mpq_tls_new(&tls, &config, reason), -EINVAL);
	assert_true(strlen(reason) > 10);
	config = p->client_tls;
	config.certificate_pem = "";
	reason[0] = '\0';
	assert_int_equal(mpq_tls_new(&tls, &config, reason), -EINVAL);
	assert_true(strlen(reason) > 10);
	assert_null(tls);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_refuses_each_bad_server),
		cmocka_unit_test(a_server_refuses_each_bad_client),
		cmocka_unit_test(the_owner_may_refuse_a_good_certificate),
		cmocka_unit_test(an_address_is_a_name_too),
		cmocka_unit_test(another_application_protocol_is_refused),
		cmocka_unit_test(a_client_without_certificate_is_refused),
		cmocka_unit_test(a_client_waits_for_the_servers_verdict),
		cmocka_unit_test(new_material_serves_new_handshakes_only),
		cmocka_unit_test(a_standing_peer_that_is_revoked_is_refused),
		cmocka_unit_test(
			a_standing_peer_of_an_authority_taken_away_is_refused),
		cmocka_unit_test(a_standing_peer_that_is_still_good_stays),
		cmocka_unit_test(
			who_is_not_judged_yet_is_judged_by_the_new_trust),
		cmocka_unit_test(pins_alone_are_enough),
		cmocka_unit_test(unusable_material_is_refused_with_a_sentence),
	};

	return cmocka_run_group_tests_name("quic/handshake", tests, NULL, NULL);
}
