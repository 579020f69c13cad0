/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/cert-internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

bool mpq_cert_check_name(const char *option, const char *name)
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

bool mpq_cert_read_days(const char *text, long *ret)
{
	char *end;

	if (text == NULL) {
		*ret = MPQ_CERT_DAYS;
		return true;
	}
	errno = 0;
	*ret = strtol(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && *ret >= 1 &&
	    *ret <= MPQ_CERT_DAYS_MAX) {
		return true;
	}
	(void)fprintf(stderr, "mpqctl: --days '%s': allowed are 1 to %d\n",
		      text, MPQ_CERT_DAYS_MAX);
	return false;
}

bool mpq_cert_check_pair(const struct mpq_certificate_trust *t,
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
static bool write_file(int dir, const struct mpq_cert_file *f)
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

bool mpq_cert_write(const char *path, const struct mpq_cert_file *file,
		    size_t n, const char *instead)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t done = 0;

	while (dir >= 0 && done < n && write_file(dir, &file[done])) {
		done++;
	}
	if (done == n) {
		(void)fsync(dir);
		(void)close(dir);
		return true;
	}
	(void)fprintf(stderr, "mpqctl: %s/%s: %s%s%s\n", path, file[done].name,
		      strerror(errno),
		      errno == EEXIST ? "; nothing is overwritten: " : "",
		      errno == EEXIST ? instead : "");
	while (dir >= 0 && done > 0) {
		(void)unlinkat(dir, file[--done].name, 0);
	}
	if (dir >= 0) {
		(void)close(dir);
	}
	return false;
}
