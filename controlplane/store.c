/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGED_NAME  "staged.json"
#define SECRET_NAME  "secret"
#define SECRET_BYTES 32

static int refuse(struct mpq_refusal *r, const char *what, const char *path,
		  int e)
{
	(void)mpq_refusal_set(r, "", "cannot %s %s: %s.", what, path,
			      strerror(-e));
	return e;
}

static void generation_name(uint32_t number, char *name, size_t cap)
{
	(void)snprintf(name, cap, "generation-%09u.json", number);
}

static void path_of(const struct mpq_store *s, const char *name, char *path)
{
	(void)snprintf(path, PATH_MAX, "%s/%s", s->dir, name);
}

/* mkdir -p, 0700 for the last: it holds the secret. */
static int make_dirs(const char *dir)
{
	char path[PATH_MAX];
	char *slash;

	(void)snprintf(path, sizeof(path), "%s", dir);
	for (slash = strchr(path + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST) {
			return -errno;
		}
		*slash = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

int mpq_store_init(struct mpq_store *s, const char *dir, struct mpq_refusal *r)
{
	int ret = make_dirs(dir);

	if (ret) {
		return refuse(r, "make the folder", dir, ret);
	}
	*s = (struct mpq_store){.dir = strdup(dir)};
	return s->dir ? 0 : -ENOMEM;
}

void mpq_store_finish(struct mpq_store *s)
{
	free(s->dir);
	s->dir = NULL;
}

static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;

	if (fd < 0) {
		return -errno;
	}
	ret = fsync(fd) ? -errno : 0;
	(void)close(fd);
	return ret;
}

static int write_synced(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;
	int ret = 0;

	if (fd < 0) {
		return -errno;
	}
	while (len > 0 && !ret) {
		n = write(fd, text, len);
		if (n < 0) {
			ret = errno == EINTR ? 0 : -errno;
			continue;
		}
		text += n;
		len -= (size_t)n;
	}
	if (!ret && fsync(fd)) {
		ret = -errno;
	}
	(void)close(fd);
	return ret;
}

static char *generation_text(const struct mpq_store_generation *g)
{
	struct json_object *o = json_object_new_object();
	char hash[17], *text;

	(void)snprintf(hash, sizeof(hash), "%016" PRIx64, g->file_hash);
	json_object_object_add(o, "generation",
			       json_object_new_int64(g->number));
	json_object_object_add(o, "file-hash", json_object_new_string(hash));
	json_object_object_add(o, "config", json_object_get(g->config));
	text = strdup(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return text;
}

int mpq_store_stage(struct mpq_store *s, const struct mpq_store_generation *g,
		    struct mpq_refusal *r)
{
	char path[PATH_MAX], *text = generation_text(g);
	int ret;

	if (!text) {
		return -ENOMEM;
	}
	path_of(s, STAGED_NAME, path);
	ret = write_synced(path, text, strlen(text));
	free(text);
	if (ret) {
		(void)unlink(path);
		return refuse(r, "write", path, ret);
	}
	s->staged = g->number;
	return 0;
}

/* What is older than the last MPQ_STORE_GENERATIONS goes. */
static void prune(const struct mpq_store *s, uint32_t newest)
{
	DIR *d = opendir(s->dir);
	struct dirent *e;
	char path[PATH_MAX];
	unsigned number;

	if (!d) {
		return;
	}
	while ((e = readdir(d))) {
		if (sscanf(e->d_name, "generation-%9u.json", &number) == 1 &&
		    number + MPQ_STORE_GENERATIONS <= newest) {
			path_of(s, e->d_name, path);
			(void)unlink(path);
		}
	}
	(void)closedir(d);
}

int mpq_store_keep(struct mpq_store *s, struct mpq_refusal *r)
{
	char from[PATH_MAX], to[PATH_MAX], name[64];
	uint32_t number = s->staged;
	int ret;

	generation_name(number, name, sizeof(name));
	path_of(s, STAGED_NAME, from);
	path_of(s, name, to);
	ret = rename(from, to) ? -errno : sync_dir(s->dir);
	if (ret) {
		(void)unlink(to); /* or the next start would take it */
		return refuse(r, "keep", to, ret);
	}
	s->staged = 0;
	prune(s, number);
	return 0;
}

void mpq_store_drop(struct mpq_store *s)
{
	char path[PATH_MAX];

	if (s->staged) {
		path_of(s, STAGED_NAME, path);
		(void)unlink(path);
		s->staged = 0;
	}
}

static bool read_generation(const struct mpq_store *s, uint32_t number,
			    struct mpq_store_generation *ret)
{
	struct json_object *o, *config = NULL, *hash = NULL;
	char path[PATH_MAX], name[64];

	generation_name(number, name, sizeof(name));
	path_of(s, name, path);
	o = json_object_from_file(path);
	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, "config", &config)) {
		json_object_put(o);
		return false;
	}
	ret->number = number;
	ret->config = json_object_get(config);
	ret->file_hash =
		json_object_object_get_ex(o, "file-hash", &hash)
			? strtoull(json_object_get_string(hash), NULL, 16)
			: 0;
	json_object_put(o);
	return true;
}

/* The highest number below `before` that has a file, 0: none. */
static uint32_t newest(const struct mpq_store *s, uint32_t before)
{
	DIR *d = opendir(s->dir);
	struct dirent *e;
	unsigned number, best = 0;

	if (!d) {
		return 0;
	}
	while ((e = readdir(d))) {
		if (sscanf(e->d_name, "generation-%9u.json", &number) == 1 &&
		    number < before && number > best) {
			best = number;
		}
	}
	(void)closedir(d);
	return best;
}

int mpq_store_load(const struct mpq_store *s, uint32_t before,
		   struct mpq_store_generation *ret)
{
	uint32_t number = before;

	while ((number = newest(s, number)) > 0) {
		if (read_generation(s, number, ret)) {
			return 1;
		}
	}
	return 0;
}

static int make_secret(const struct mpq_store *s, const char *path,
		       char ret[MPQ_STORE_SECRET_TEXT])
{
	uint8_t bytes[SECRET_BYTES];
	char text[MPQ_STORE_SECRET_TEXT];
	size_t i;
	int e;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
		return -errno;
	}
	for (i = 0; i < sizeof(bytes); i++) {
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	}
	e = write_synced(path, text, sizeof(text) - 1);
	if (!e) {
		e = sync_dir(s->dir);
	}
	if (!e) {
		memcpy(ret, text, sizeof(text));
	}
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(text, sizeof(text));
	return e;
}

int mpq_store_secret(const struct mpq_store *s, char ret[MPQ_STORE_SECRET_TEXT],
		     struct mpq_refusal *r)
{
	char path[PATH_MAX], text[MPQ_STORE_SECRET_TEXT] = "";
	ssize_t n;
	int fd, e;

	path_of(s, SECRET_NAME, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		(void)close(fd);
		if (n == sizeof(text) - 1 &&
		    strspn(text, "0123456789abcdef") == sizeof(text) - 1) {
			memcpy(ret, text, sizeof(text));
			return 0;
		}
	}
	e = make_secret(s, path, ret); /* none yet, or cut short */
	return e ? refuse(r, "write", path, e) : 0;
}

uint64_t mpq_store_hash(const char *text, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;
	size_t i;

	for (i = 0; i < len; i++) {
		h = (h ^ (uint8_t)text[i]) * 0x100000001b3u;
	}
	return h ? h : 1;
}
