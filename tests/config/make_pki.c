/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes certificates for the configuration tests into a folder: what an edge
 * and a concentrator need, and one of each kind that is to be refused.
 *
 *	make_pki DIR
 */
#include "tests/unit/common/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define YEAR_2021 ((time_t)1609459200)
#define YEAR_2098 ((time_t)4039372800)

static const char *dir;

static void put(const char *name, const char *suffix, const char *text,
		mode_t mode)
{
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) || chmod(path, mode)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

static void put_pair(const char *name, const struct pki_wish *wish)
{
	struct pki_certificate *c = pki_new(wish);

	put(name, ".pem", c->certificate_pem, 0644);
	put(name, ".key", c->key_pem, 0600);
	pki_free(c);
}

/* What an edge needs, renewed, and with one defect each. */
static void put_defects(const struct pki_certificate *authority,
			const struct pki_certificate *stranger)
{
	const struct pki_wish good = {
		.cn = "edge",
		.issuer = authority,
		.client = true,
		.names = {"edge.example"},
	};
	struct pki_wish w = good;

	w.not_after = YEAR_2021;
	put_pair("expired", &w);
	put_pair("renewed", &good);
	w = good;
	w.not_before = YEAR_2098;
	put_pair("not-yet", &w);
	w = good;
	w.issuer = stranger;
	put_pair("stranger", &w);
	w = good;
	w.pk = GNUTLS_PK_RSA;
	w.bits = 1024;
	put_pair("rsa-1024", &w);
	w.bits = 2048;
	put_pair("rsa-2048", &w);
	w = good;
	w.digest = GNUTLS_DIG_SHA1;
	put_pair("sha1", &w);
	w = good;
	w.authority = true;
	w.key_usage = GNUTLS_KEY_KEY_CERT_SIGN;
	put_pair("a-ca", &w);
}

int main(int argc, char **argv)
{
	struct pki_set s = pki_set_new();
	struct pki_certificate *stranger, *revoked;
	char *crl;

	if (argc != 2) {
		(void)fputs("usage: make_pki DIR\n", stderr);
		return 2;
	}
	dir = argv[1];
	put("authority", ".pem", s.authority->certificate_pem, 0644);
	put("edge", ".pem", s.client->certificate_pem, 0644);
	put("edge", ".key", s.client->key_pem, 0600);
	put("open", ".key", s.client->key_pem, 0644);
	put("concentrator", ".pem", s.server->certificate_pem, 0644);
	put("concentrator", ".key", s.server->key_pem, 0600);
	stranger = pki_new(&(struct pki_wish){.cn = "another authority",
					      .authority = true});
	put("stranger-authority", ".pem", stranger->certificate_pem, 0644);
	put_defects(s.authority, stranger);
	revoked = pki_new(&(struct pki_wish){.cn = "revoked",
					     .issuer = s.authority,
					     .client = true,
					     .names = {"edge.example"}});
	put("revoked", ".pem", revoked->certificate_pem, 0644);
	put("revoked", ".key", revoked->key_pem, 0600);
	crl = pki_crl(s.authority, revoked);
	put("revoked", ".crl", crl, 0644);
	put("garbage", ".pem", "this is no certificate\n", 0644);
	put("garbage", ".key", "this is no key\n", 0600);
	put("empty", ".pem", "", 0644);
	free(crl);
	pki_free(revoked);
	pki_free(stranger);
	pki_set_free(&s);
	return EXIT_SUCCESS;
}
