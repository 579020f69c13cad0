/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/cert.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "common/certificate.h"
#include "controlplane/mpqctl/cert-internal.h"

#define AUTHORITY_DAYS    MPQ_CERT_DAYS_MAX
#define AUTHORITY_NAME    "mpquic authority"
#define EDGE_NAME         "edge.mpquic.internal"
#define CONCENTRATOR_NAME "concentrator.mpquic.internal"

struct plan {
	char dir[PATH_MAX]; /* absolute */
	const char *edge, *concentrator;
	time_t now, not_after;
	struct mpq_issue_pair authority, edge_pair, concentrator_pair;
};

static bool make_dir(struct plan *p, const char *dir)
{
	if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
		(void)fprintf(stderr, "mpqctl: %s: %s\n", dir, strerror(errno));
		return false;
	}
	if (realpath(dir, p->dir) == NULL) {
		(void)fprintf(stderr, "mpqctl: %s: %s\n", dir, strerror(errno));
		return false;
	}
	return true;
}

/* No two have the same name: who mixes up two authorities is told so. */
static int make_authority(struct plan *p, time_t from)
{
	char name[sizeof(AUTHORITY_NAME) + 16];
	uint32_t random;
	int result = gnutls_rnd(GNUTLS_RND_NONCE, &random, sizeof(random));

	if (result != 0) {
		return result;
	}
	(void)snprintf(name, sizeof(name), AUTHORITY_NAME " %08x", random);
	return mpq_issue_make(MPQ_ISSUE_AUTHORITY, name, NULL, from,
			      p->now + AUTHORITY_DAYS * MPQ_CERT_DAY,
			      &p->authority);
}

static bool make_all(struct plan *p)
{
	time_t from =
		p->now - MPQ_CERT_DAY; /* a clock that is a little behind */
	int result = make_authority(p, from);

	if (result == 0) {
		result = mpq_issue_make(MPQ_ISSUE_EDGE, p->edge, &p->authority,
					from, p->not_after, &p->edge_pair);
	}
	if (result == 0) {
		result = mpq_issue_make(MPQ_ISSUE_CONCENTRATOR, p->concentrator,
					&p->authority, from, p->not_after,
					&p->concentrator_pair);
	}
	if (result != 0) {
		(void)fprintf(stderr, "mpqctl: cannot make certificates: %s\n",
			      gnutls_strerror(result));
	}
	return result == 0;
}

static bool check_all(const struct plan *p)
{
	struct mpq_certificate_trust *t;
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
	bool good;

	if (mpq_certificate_trust_new(&t, p->authority.certificate_pem, NULL,
				      NULL, 0, MPQ_CERTIFICATE_HIGH,
				      reason) != 0) {
		(void)fprintf(stderr, "mpqctl: %s\n", reason);
		return false;
	}
	good = mpq_cert_check_pair(t, &p->edge_pair, MPQ_CERTIFICATE_CLIENT,
				   p->now) &&
	       mpq_cert_check_pair(t, &p->concentrator_pair,
				   MPQ_CERTIFICATE_SERVER, p->now);
	mpq_certificate_trust_free(t);
	return good;
}

#define FILES 6

static void list_files(const struct plan *p, struct mpq_cert_file file[FILES])
{
	const struct mpq_cert_file all[FILES] = {
		{"authority.key", 0600, p->authority.key_pem},
		{"edge.key", 0600, p->edge_pair.key_pem},
		{"concentrator.key", 0600, p->concentrator_pair.key_pem},
		{"authority.pem", 0644, p->authority.certificate_pem},
		{"edge.pem", 0644, p->edge_pair.certificate_pem},
		{"concentrator.pem", 0644,
		 p->concentrator_pair.certificate_pem},
	};

	memcpy(file, all, sizeof(all));
}

static bool write_all(const struct plan *p)
{
	struct mpq_cert_file file[FILES];

	list_files(p, file);
	return mpq_cert_write(p->dir, file, FILES,
			      "give an empty directory; for one end more, or "
			      "an end's next certificate, see mpqctl cert "
			      "issue");
}

static void print_trust(const struct plan *p, const char *end)
{
	(void)printf("      \"trust\": {\n"
		     "        \"certificate\": \"%s/%s.pem\",\n"
		     "        \"private-key\": \"%s/%s.key\",\n"
		     "        \"authority\": [\"%s/authority.pem\"]\n"
		     "      }",
		     p->dir, end, p->dir, end, p->dir);
}

static void print_config(const struct plan *p)
{
	(void)printf("made in %s: authority, edge (%s), concentrator (%s)\n\n",
		     p->dir, p->edge, p->concentrator);
	(void)printf("the edge's configuration:\n");
	print_trust(p, "edge");
	(void)printf(",\n      \"path\": [{.., \"remote\": {.., "
		     "\"server-name\": \"%s\"}}]\n\n",
		     p->concentrator);
	(void)printf("the concentrator's configuration:\n");
	print_trust(p, "concentrator");
	(void)printf(",\n      \"peer\": [{\"name\": \"edge\", "
		     "\"certificate-name\": \"%s\"}]\n\n",
		     p->edge);
	(void)printf("next: copy edge.pem, edge.key and authority.pem to the "
		     "edge, concentrator.pem, concentrator.key and "
		     "authority.pem to the concentrator; keep authority.key "
		     "off both\n");
}

static void finish(struct plan *p)
{
	mpq_issue_finish(&p->authority);
	mpq_issue_finish(&p->edge_pair);
	mpq_issue_finish(&p->concentrator_pair);
}

enum mpq_exit mpq_cert_init(const struct mpq_call *call)
{
	struct plan p = {
		.edge = call->edge != NULL ? call->edge : EDGE_NAME,
		.concentrator = call->concentrator != NULL ? call->concentrator
							   : CONCENTRATOR_NAME,
		.now = time(NULL),
	};
	long days;
	bool done;

	if (!mpq_cert_check_name("--edge", p.edge) ||
	    !mpq_cert_check_name("--concentrator", p.concentrator) ||
	    !mpq_cert_read_days(call->days, &days)) {
		return MPQ_EXIT_USAGE;
	}
	p.not_after = p.now + days * MPQ_CERT_DAY;
	done = make_dir(&p, call->argument[0]) && make_all(&p) &&
	       check_all(&p) && write_all(&p);
	if (done) {
		print_config(&p);
	}
	finish(&p);
	return done ? MPQ_EXIT_OK : MPQ_EXIT_REFUSED;
}
