/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/startup.h"

#include "common/log.h"
#include "controlplane/daemon.h"
#include "controlplane/hints.h"
#include "controlplane/transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES   (4u << 20)
#define PIPE_PATIENCE_MS 5000

/* A pipe whose writer is at work. */
static bool comes_later(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return errno == EAGAIN && poll(&p, 1, PIPE_PATIENCE_MS) > 0;
}

static int read_fd(int fd, char **ret_text, size_t *ret_len)
{
	char *text = malloc(FILE_MAX_BYTES + 1);
	size_t len = 0;
	ssize_t n = 1;

	if (!text) {
		return -ENOMEM;
	}
	while (n > 0 && len <= FILE_MAX_BYTES) {
		n = read(fd, text + len, FILE_MAX_BYTES + 1 - len);
		if (n < 0 && (errno == EINTR || comes_later(fd))) {
			n = 1;
			continue;
		}
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 || len > FILE_MAX_BYTES) {
		free(text);
		return n < 0 ? -errno : -EFBIG;
	}
	text[len] = '\0';
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int mpq_startup_read(const char *file, char **ret_text, size_t *ret_len,
		     struct mpq_refusal *r)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), e;

	e = fd < 0 ? -errno : read_fd(fd, ret_text, ret_len);
	if (fd >= 0) {
		(void)close(fd);
	}
	if (e) {
		(void)mpq_refusal_set(r, "", "cannot read %s: %s.", file,
				      strerror(-e));
	}
	if (e == -ENOENT) {
		(void)mpq_refusal_next(r, "write it as man mpquic.json tells, "
					  "or name another file");
	}
	return e;
}

/* The generation as it was, without a new one. */
static int adopt(struct mpq_daemon *d, const struct mpq_store_generation *g,
		 struct mpq_refusal *r)
{
	struct mpq_running is = {.generation = g->number,
				 .file_hash = g->file_hash};
	const char *text =
		json_object_to_json_string_ext(g->config,
					       JSON_C_TO_STRING_PLAIN);
	int e;

	e = mpq_version_new(&is.version, d->schema, text, strlen(text),
			    time(NULL), true, r);
	if (!e) {
		e = mpq_policy_new(&is.policy, is.version->config);
	}
	if (!e) {
		e = mpq_paths_configure(&d->paths, is.version->config,
					is.policy);
	}
	if (e) {
		mpq_policy_free(is.policy);
		mpq_version_free(is.version);
		return e;
	}
	d->running = is;
	mpq_kernel_apply(d->kernel, is.policy);
	mpq_log_notice("generation %u is in force again", g->number);
	return 0;
}

/* The newest stored generation that is still sound. 0; -ENOENT: none. */
static int adopt_last(struct mpq_daemon *d, struct mpq_refusal *r)
{
	struct mpq_store_generation g = {.number = UINT32_MAX};
	struct mpq_refusal why;
	int e = -ENOENT;

	(void)r;
	while (e && mpq_store_load(&d->store, g.number, &g)) {
		e = adopt(d, &g, &why);
		if (e) {
			mpq_log_error("generation %u cannot be used: %s%s%s",
				      g.number, why.path,
				      why.path[0] ? ": " : "", why.message);
		}
		json_object_put(g.config);
	}
	return e;
}

struct outcome {
	bool ok;
	struct mpq_refusal why;
};

static void on_taken(void *context, const struct mpq_refusal *why,
		     uint32_t generation, struct json_object *changes)
{
	struct outcome *o = context;

	(void)generation;
	(void)changes;
	o->ok = !why;
	if (why) {
		o->why = *why;
	}
}

/* The file's text as a new generation. */
static int take_file(struct mpq_daemon *d, const char *text, size_t len,
		     struct mpq_refusal *r)
{
	struct mpq_version *v = NULL;
	struct outcome outcome = {.ok = false};
	int e;

	e = mpq_version_new(&v, d->schema, text, len, time(NULL), false, r);
	if (e) {
		return e;
	}
	mpq_transaction_start(d, v, mpq_store_hash(text, len), "the file",
			      on_taken, &outcome);
	if (!outcome.ok) {
		*r = outcome.why;
		return -EINVAL;
	}
	return 0;
}

/* `r` says why the file is not usable. */
static int fall_back(struct mpq_daemon *d, struct mpq_refusal *r)
{
	char text[sizeof(d->file_trouble)];

	(void)mpq_refusal_format(r, text, sizeof(text));
	if (adopt_last(d, r)) {
		return -EINVAL;
	}
	memcpy(d->file_trouble, text, sizeof(text));
	mpq_log_warn("%s: %s; keeping generation %u", d->options->config, text,
		     d->running.generation);
	return 0;
}

static struct mpq_config *config_of(struct mpq_schema *schema,
				    struct json_object *stored)
{
	const char *text =
		json_object_to_json_string_ext(stored, JSON_C_TO_STRING_PLAIN);
	struct mpq_config *c = NULL;
	struct mpq_tree *tree = NULL;
	struct json_object *json;
	struct mpq_refusal why;

	if (mpq_schema_parse(schema, text, strlen(text), &tree, &why)) {
		return NULL;
	}
	json = mpq_tree_json(tree, true);
	mpq_tree_free(tree);
	if (json && mpq_config_new(&c, json)) {
		c = NULL;
	}
	json_object_put(json);
	return c;
}

/* Who edits the file gets no reply: the log says what a commit would warn of.
 * `was`: as it was stored; NULL: the first one. */
static void warn_of_change(struct mpq_daemon *d, struct json_object *was)
{
	struct mpq_config *c = was ? config_of(d->schema, was) : NULL;
	struct json_object *list, *o;

	if (!c) {
		return;
	}
	list = json_object_new_array();
	mpq_hints_of_change(c, d->running.version->config, list);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		mpq_log_warn("%s: %s",
			     json_object_get_string(
				     json_object_object_get(o, "path")),
			     json_object_get_string(
				     json_object_object_get(o, "message")));
	}
	json_object_put(list);
	mpq_config_free(c);
}

static int take_text(struct mpq_daemon *d,
		     const struct mpq_store_generation *last, const char *text,
		     size_t len, struct mpq_refusal *r)
{
	int e;

	if (last->number && mpq_store_hash(text, len) == last->file_hash &&
	    !adopt_last(d, r)) {
		return 0;
	}
	e = take_file(d, text, len, r);
	if (!e) {
		warn_of_change(d, last->config);
	}
	return e;
}

int mpq_startup_load(struct mpq_daemon *d, struct mpq_refusal *r)
{
	struct mpq_store_generation last = {0};
	char *text = NULL;
	size_t len = 0;
	int e;

	if (mpq_store_load(&d->store, UINT32_MAX, &last)) {
		d->running.generation = last.number; /* the next is higher */
	}
	e = mpq_startup_read(d->options->config, &text, &len, r);
	if (!e) {
		e = take_text(d, &last, text, len, r);
	}
	json_object_put(last.config);
	free(text);
	return e ? fall_back(d, r) : 0;
}
