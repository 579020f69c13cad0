/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/material.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRUST           "/mpquic:mpquic/trust/"
#define FILE_MAX_BYTES  (1u << 20)
#define OTHERS_MAY_READ (S_IROTH | S_IWOTH)

static int read_all(int fd, char *text, size_t cap, size_t *ret_len)
{
	size_t len = 0;
	ssize_t n;

	while (len < cap) {
		n = read(fd, text + len, cap - len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		if (n == 0) {
			break;
		}
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

static int refuse_errno(const char *path, const char *file, int e,
			struct mpq_refusal *r)
{
	(void)mpq_refusal_set(r, path, "cannot read %s: %s.", file,
			      strerror(-e));
	if (e == -ENOENT) {
		(void)mpq_refusal_next(r, "put it there; mpqctl cert init "
					  "makes certificates where there are "
					  "none");
	}
	return -EINVAL;
}

static int check_file(const char *path, const char *file, const struct stat *st,
		      bool secret, struct mpq_refusal *r)
{
	if (!S_ISREG(st->st_mode)) {
		return mpq_refusal_set(r, path, "%s is not a file.", file);
	}
	if (st->st_size > (off_t)FILE_MAX_BYTES) {
		return mpq_refusal_set(r, path, "%s has %lld bytes.", file,
				       (long long)st->st_size),
		       mpq_refusal_allow(r, "at most %u bytes", FILE_MAX_BYTES);
	}
	if (secret && (st->st_mode & OTHERS_MAY_READ)) {
		(void)mpq_refusal_set(r, path,
				      "%s holds a private key that every user "
				      "of this machine may read (mode %04o).",
				      file, st->st_mode & 07777u);
		return mpq_refusal_next(r, "chmod 600 %s", file);
	}
	return 0;
}

/* Appends the file's text and a newline to *text. */
static int append_file(char **text, const char *path, const char *file,
		       bool secret, struct mpq_refusal *r)
{
	size_t was = *text ? strlen(*text) : 0, len = 0;
	struct stat st;
	char *grown;
	int fd, ret;

	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		return refuse_errno(path, file, -errno, r);
	}
	ret = fstat(fd, &st) ? refuse_errno(path, file, -errno, r)
			     : check_file(path, file, &st, secret, r);
	grown = ret ? NULL : realloc(*text, was + (size_t)st.st_size + 2);
	if (!ret && !grown) {
		ret = -ENOMEM;
	}
	if (!ret) {
		*text = grown;
		ret = read_all(fd, grown + was, (size_t)st.st_size, &len);
		grown[was + len] = '\n';
		grown[was + len + 1] = '\0';
		if (ret) {
			ret = refuse_errno(path, file, ret, r);
		}
	}
	(void)close(fd);
	return ret;
}

static int append_files(char **text, const char *node,
			const struct mpq_config_strings *files,
			struct mpq_refusal *r)
{
	char path[256];
	size_t i;
	int ret = 0;

	for (i = 0; i < files->n && !ret; i++) {
		(void)snprintf(path, sizeof(path), TRUST "%s", node);
		ret = append_file(text, path, files->item[i], false, r);
	}
	return ret;
}

static int read_files(struct mpq_material *m, const struct mpq_config_trust *t,
		      struct mpq_refusal *r)
{
	int ret;

	ret = append_file(&m->certificate_pem, TRUST "certificate",
			  t->certificate, false, r);
	if (!ret) {
		ret = append_file(&m->private_key_pem, TRUST "private-key",
				  t->private_key, true, r);
	}
	if (!ret) {
		ret = append_files(&m->authority_pem, "authority",
				   &t->authorities, r);
	}
	if (!ret) {
		ret = append_files(&m->crl_pem, "revocation-list",
				   &t->revocation_lists, r);
	}
	return ret;
}

static uint8_t hex_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void read_pin(const char *hex, uint8_t ret[32])
{
	size_t i;

	for (i = 0; i < 32; i++) {
		ret[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 |
				   hex_digit(hex[2 * i + 1]));
	}
}

/* Each file alone, so that what is wrong can be said of it by name. */
static int check_trust_file(const char *node, const char *file,
			    const char *authority_pem,
			    enum mpq_certificate_profile profile,
			    struct mpq_refusal *r)
{
	char reason[MPQ_CERTIFICATE_REASON_BYTES] = "", path[256], *text = NULL;
	struct mpq_certificate_trust *trust = NULL;
	int e;

	(void)snprintf(path, sizeof(path), TRUST "%s", node);
	e = append_file(&text, path, file, false, r);
	if (!e) {
		e = mpq_certificate_trust_new(&trust,
					      authority_pem ? authority_pem
							    : text,
					      authority_pem ? text : NULL, NULL,
					      0, profile, reason);
		if (e == -EINVAL) {
			(void)mpq_refusal_set(r, path, "%s: %s.", file, reason);
		}
	}
	mpq_certificate_trust_free(trust);
	free(text);
	return e;
}

static int check_trust_files(const struct mpq_material *m,
			     const struct mpq_config_trust *t,
			     struct mpq_refusal *r)
{
	size_t i;
	int e = 0;

	for (i = 0; i < t->authorities.n && !e; i++) {
		e = check_trust_file("authority", t->authorities.item[i], NULL,
				     t->profile, r);
	}
	if (!e && t->revocation_lists.n > 0 && !m->authority_pem) {
		return mpq_refusal_set(r, TRUST "revocation-list",
				       "a revocation list needs the authority "
				       "that signed it, and there is none.");
	}
	for (i = 0; i < t->revocation_lists.n && !e; i++) {
		e = check_trust_file("revocation-list",
				     t->revocation_lists.item[i],
				     m->authority_pem, t->profile, r);
	}
	return e;
}

static int new_trust(struct mpq_certificate_trust **ret,
		     const struct mpq_material *m,
		     const struct mpq_config_trust *t, struct mpq_refusal *r)
{
	char reason[MPQ_CERTIFICATE_REASON_BYTES] = "";
	uint8_t(*pins)[32] = calloc(t->pins.n + 1, sizeof(*pins));
	size_t i;
	int e = check_trust_files(m, t, r);

	if (e || !pins) {
		free(pins);
		return e ? e : -ENOMEM;
	}
	for (i = 0; i < t->pins.n; i++) {
		read_pin(t->pins.item[i], pins[i]);
	}
	e = mpq_certificate_trust_new(ret, m->authority_pem, m->crl_pem,
				      (const uint8_t(*)[32])pins, t->pins.n,
				      t->profile, reason);
	free(pins);
	if (e == -EINVAL) {
		(void)mpq_refusal_set(r, TRUST "authority", "%s.", reason);
	}
	return e;
}

static int refuse_own(const struct mpq_config_trust *t,
		      enum mpq_certificate_result why, const char *reason,
		      struct mpq_refusal *r)
{
	if (why == MPQ_CERTIFICATE_KEY_MISMATCH) {
		return mpq_refusal_set(r, TRUST "private-key",
				       "%s does not belong to %s: %s.",
				       t->private_key, t->certificate, reason);
	}
	if (why == MPQ_CERTIFICATE_UNREADABLE &&
	    strstr(reason, "private key")) {
		return mpq_refusal_set(r, TRUST "private-key", "%s: %s.",
				       t->private_key, reason);
	}
	return mpq_refusal_set(r, TRUST "certificate", "%s: %s.",
			       t->certificate, reason);
}

static int check(struct mpq_material *m, const struct mpq_config *c, time_t now,
		 bool known, struct mpq_refusal *r)
{
	char reason[MPQ_CERTIFICATE_REASON_BYTES] = "";
	struct mpq_certificate_trust *trust = NULL;
	enum mpq_certificate_result why;
	int ret;

	ret = new_trust(&trust, m, &c->trust, r);
	if (ret) {
		return ret;
	}
	/* With pins only there is no authority that could have issued ours. */
	why = mpq_certificate_check_own(m->authority_pem ? trust : NULL,
					m->certificate_pem, m->private_key_pem,
					c->trust.profile,
					c->edge ? MPQ_CERTIFICATE_CLIENT
						: MPQ_CERTIFICATE_SERVER,
					now, &m->own, reason);
	mpq_certificate_trust_free(trust);
	if (known && (why == MPQ_CERTIFICATE_EXPIRED ||
		      why == MPQ_CERTIFICATE_NOT_YET_VALID)) {
		return 0;
	}
	return why ? refuse_own(&c->trust, why, reason, r) : 0;
}

int mpq_material_load(struct mpq_material **ret, const struct mpq_config *c,
		      time_t now, bool known, struct mpq_refusal *r)
{
	struct mpq_material *m = calloc(1, sizeof(*m));
	int e;

	if (!m) {
		return -ENOMEM;
	}
	e = read_files(m, &c->trust, r);
	if (!e) {
		e = check(m, c, now, known, r);
	}
	if (e) {
		mpq_material_free(m);
		return e;
	}
	*ret = m;
	return 0;
}

void mpq_material_free(struct mpq_material *m)
{
	if (!m) {
		return;
	}
	if (m->private_key_pem) {
		explicit_bzero(m->private_key_pem, strlen(m->private_key_pem));
	}
	free(m->certificate_pem);
	free(m->private_key_pem);
	free(m->authority_pem);
	free(m->crl_pem);
	free(m);
}
