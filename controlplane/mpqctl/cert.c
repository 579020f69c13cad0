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
#include "controlplane/mpqctl/issue.h"

#define DAY               ((time_t)86400)
#define AUTHORITY_DAYS    3650
#define DEFAULT_DAYS      "730"
#define MAX_DAYS          AUTHORITY_DAYS
#define AUTHORITY_NAME    "mpquic authority"
#define EDGE_NAME         "edge.mpquic.internal"
#define CONCENTRATOR_NAME "concentrator.mpquic.internal"

struct plan {
	char dir[PATH_MAX]; /* absolute */
	const char *edge, *concentrator;
	time_t now, not_after;
	struct mpq_issue_pair authority, edge_pair, concentrator_pair;
};

/* RFC 1123 §2.1, as inet:domain-name has it; no address, no wildcard. */
static bool is_host_name(const char *name)
{
	size_t n = strlen(name), label = 0;
	bool letter = false;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c == '.' && label > 0 && i + 1 < n && name[i - 1] != '-') {
			label = 0;
			continue;
		}
		if (!(isalnum(c) || (c == '-' && label > 0)) || c > 127 ||
		    ++label > 63) {
			return false;
		}
		letter = letter || isalpha(c);
	}
	return n > 0 && n < 254 && letter && name[n - 1] != '-';
}

static bool check_name(const char *option, const char *name)
{
	if (is_host_name(name)) {
		return true;
	}
	(void)fprintf(stderr,
		      "mpqctl: %s '%s' is no host name; allowed: labels of "
		      "letters, digits and hyphens with dots between, for "
		      "example ship-1.example.net\n",
		      option, name);
	return false;
}

static bool read_days(const char *text, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && *ret >= 1 &&
	    *ret <= MAX_DAYS) {
		return true;
	}
	(void)fprintf(stderr, "mpqctl: --days '%s': allowed are 1 to %d\n",
		      text, MAX_DAYS);
	return false;
}

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
			      p->now + AUTHORITY_DAYS * DAY, &p->authority);
}

static bool make_all(struct plan *p)
{
	time_t from = p->now - DAY; /* a clock that is a little behind */
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

/* With the eyes of mpquic-control. */
static bool check_pair(const struct mpq_certificate_trust *t,
		       const struct mpq_issue_pair *pair,
		       enum mpq_certificate_usage usage, time_t now)
{
	struct mpq_certificate_identity id;
	char reason[MPQ_CERTIFICATE_REASON_BYTES];

	if (mpq_certificate_check_own(t, pair->certificate_pem, pair->key_pem,
				      MPQ_CERTIFICATE_HIGH, usage, now, &id,
				      reason) == MPQ_CERTIFICATE_OK) {
		return true;
	}
	(void)fprintf(stderr, "mpqctl: the new certificates are not good: %s\n",
		      reason);
	return false;
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
	good = check_pair(t, &p->edge_pair, MPQ_CERTIFICATE_CLIENT, p->now) &&
	       check_pair(t, &p->concentrator_pair, MPQ_CERTIFICATE_SERVER,
			  p->now);
	mpq_certificate_trust_free(t);
	return good;
}

struct file {
	const char *name;
	mode_t mode;
	const char *text;
};

#define FILES 6

static void list_files(const struct plan *p, struct file file[FILES])
{
	const struct file all[FILES] = {
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

static bool write_text(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t written = write(fd, text, n);

		if (written < 0 && errno != EINTR) {
			return false;
		}
		if (written > 0) {
			text += written;
			n -= (size_t)written;
		}
	}
	return fsync(fd) == 0;
}

/* O_EXCL: what is there stays, and nobody puts a link in our way. */
static bool write_file(int dir, const struct file *f)
{
	int fd = openat(dir, f->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			f->mode);
	bool good;

	if (fd < 0) {
		return false;
	}
	good = write_text(fd, f->text);
	if (close(fd) != 0 || !good) {
		int error = errno;

		(void)unlinkat(dir, f->name, 0);
		errno = error;
		return false;
	}
	return true;
}

/* All or none: what was written before a failure is taken away again. */
static bool write_all(const struct plan *p)
{
	struct file file[FILES];
	int dir = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t done = 0;

	list_files(p, file);
	while (dir >= 0 && done < FILES && write_file(dir, &file[done])) {
		done++;
	}
	if (done == FILES) {
		(void)fsync(dir);
		(void)close(dir);
		return true;
	}
	(void)fprintf(stderr, "mpqctl: %s/%s: %s%s\n", p->dir, file[done].name,
		      strerror(errno),
		      errno == EEXIST ? "; nothing is overwritten: give an "
					"empty directory, or remove the old "
					"files yourself"
				      : "");
	while (dir >= 0 && done > 0) {
		(void)unlinkat(dir, file[--done].name, 0);
	}
	if (dir >= 0) {
		(void)close(dir);
	}
	return false;
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

	if (!check_name("--edge", p.edge) ||
	    !check_name("--concentrator", p.concentrator) ||
	    !read_days(call->days != NULL ? call->days : DEFAULT_DAYS, &days)) {
		return MPQ_EXIT_USAGE;
	}
	p.not_after = p.now + days * DAY;
	done = make_dir(&p, call->argument[0]) && make_all(&p) &&
	       check_all(&p) && write_all(&p);
	if (done) {
		print_config(&p);
	}
	finish(&p);
	return done ? MPQ_EXIT_OK : MPQ_EXIT_REFUSED;
}
