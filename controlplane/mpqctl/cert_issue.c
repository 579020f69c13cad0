/* SPDX-License-Identifier: Apache-2.0 */
/* The verb cert issue: one end more of an authority that cert init made, or one
 * end's next certificate. */
#include "controlplane/mpqctl/cert.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/gnutls.h>

#include "controlplane/mpqctl/cert-internal.h"

struct order {
	const char *dir, *name;
	enum mpq_issue_kind kind;
	time_t now, not_after;
};

/* A NUL ends it, as in the files that this tool writes. */
static bool load(const char *dir, const char *name, char **ret)
{
	gnutls_datum_t d;
	char path[PATH_MAX];
	int result;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	result = gnutls_load_file(path, &d);
	if (result != 0) {
		(void)fprintf(stderr,
			      "mpqctl: %s cannot be read: DIR is where cert "
			      "init made authority.pem and authority.key\n",
			      path);
		return false;
	}
	*ret = strndup((const char *)d.data, d.size);
	gnutls_memset(d.data, 0, d.size);
	gnutls_free(d.data);
	return *ret != NULL;
}

static bool is_good(const struct order *o,
		    const struct mpq_issue_pair *authority,
		    const struct mpq_issue_pair *pair)
{
	struct mpq_certificate_trust *t;
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
	bool good;

	if (mpq_certificate_trust_new(&t, authority->certificate_pem, NULL,
				      NULL, 0, MPQ_CERTIFICATE_HIGH,
				      reason) != 0) {
		(void)fprintf(stderr, "mpqctl: %s/authority.pem: %s\n", o->dir,
			      reason);
		return false;
	}
	good = mpq_cert_check_pair(t, pair,
				   o->kind == MPQ_ISSUE_EDGE
					   ? MPQ_CERTIFICATE_CLIENT
					   : MPQ_CERTIFICATE_SERVER,
				   o->now);
	mpq_certificate_trust_free(t);
	return good;
}

static bool write_pair(const struct order *o, const struct mpq_issue_pair *pair)
{
	char key[NAME_MAX + 8], certificate[NAME_MAX + 8];
	const struct mpq_cert_file file[] = {
		{key, 0600, pair->key_pem},
		{certificate, 0644, pair->certificate_pem},
	};

	(void)snprintf(key, sizeof(key), "%s.key", o->name);
	(void)snprintf(certificate, sizeof(certificate), "%s.pem", o->name);
	return mpq_cert_write(o->dir, file, 2,
			      "for this end's next certificate move the old "
			      ".pem and .key of this name away first; another "
			      "end has to have another name");
}

static bool make(const struct order *o, const struct mpq_issue_pair *authority)
{
	struct mpq_issue_pair pair = {0};
	int result = mpq_issue_make(o->kind, o->name, authority,
				    o->now - MPQ_CERT_DAY, o->not_after, &pair);
	bool good;

	if (result != 0) {
		(void)fprintf(stderr, "mpqctl: cannot make a certificate: %s\n",
			      gnutls_strerror(result));
		return false;
	}
	good = is_good(o, authority, &pair) && write_pair(o, &pair);
	mpq_issue_finish(&pair);
	return good;
}

static void print_next(const struct order *o)
{
	bool edge = o->kind == MPQ_ISSUE_EDGE;

	(void)printf("made %s/%s.pem and %s.key, signed by %s/authority.pem\n",
		     o->dir, o->name, o->name, o->dir);
	(void)printf("next: copy both and authority.pem to the %s; %s \"%s\"\n",
		     edge ? "edge" : "concentrator",
		     edge ? "the concentrator's peer has the certificate-name"
			  : "the edges' paths have the server-name",
		     o->name);
}

enum mpq_exit mpq_cert_issue(const struct mpq_call *call)
{
	bool edge = call->edge != NULL;
	struct order o = {
		.dir = call->argument[0],
		.name = edge ? call->edge : call->concentrator,
		.kind = edge ? MPQ_ISSUE_EDGE : MPQ_ISSUE_CONCENTRATOR,
		.now = time(NULL),
	};
	struct mpq_issue_pair authority = {0};
	long days;
	bool done;

	if (edge == (call->concentrator != NULL)) {
		(void)fprintf(stderr, "mpqctl: cert issue: give one of --edge "
				      "NAME and --concentrator NAME\n");
		return MPQ_EXIT_USAGE;
	}
	if (!mpq_cert_check_name(edge ? "--edge" : "--concentrator", o.name) ||
	    !mpq_cert_read_days(call->days, &days)) {
		return MPQ_EXIT_USAGE;
	}
	o.not_after = o.now + days * MPQ_CERT_DAY;
	done = load(o.dir, "authority.pem", &authority.certificate_pem) &&
	       load(o.dir, "authority.key", &authority.key_pem) &&
	       make(&o, &authority);
	if (done) {
		print_next(&o);
	}
	mpq_issue_finish(&authority);
	return done ? MPQ_EXIT_OK : MPQ_EXIT_REFUSED;
}
