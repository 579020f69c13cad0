/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/mpqctl/client.h"
#include "controlplane/mpqctl/format.h"
#include "controlplane/mpqctl/wrap.h"

#define MAX_FILE_BYTES (2u << 20) /* quoted, it has to fit one message */

/* How many bytes a character of UTF-8 has that begins so; 0: none does. */
static size_t character_bytes(unsigned char first)
{
	return first < 0x80                    ? 1
	       : first >= 0xc2 && first < 0xe0 ? 2
	       : first >= 0xe0 && first < 0xf0 ? 3
	       : first >= 0xf0 && first < 0xf5 ? 4
					       : 0;
}

/* Messages are UTF-8: what is not would end the connection. */
static bool is_utf8(const char *text, const char *name)
{
	const char *line_start = text;
	size_t line = 1;

	for (const char *q = text; *q != '\0';) {
		size_t n = character_bytes((unsigned char)*q), i = 1;

		while (i < n && ((unsigned char)q[i] & 0xc0) == 0x80) {
			i++;
		}
		if (n == 0 || i < n) {
			(void)fprintf(stderr,
				      "mpqctl: %s: line %zu, column %zu: not "
				      "UTF-8; save the file in that encoding\n",
				      name, line, (size_t)(q - line_start) + 1);
			return false;
		}
		if (*q == '\n') {
			line++;
			line_start = q + 1;
		}
		q += n;
	}
	return true;
}

/* All of it, or NULL with a word. */
static char *read_all(FILE *f, const char *name)
{
	char *text = malloc(MAX_FILE_BYTES + 1);
	size_t n;

	if (text == NULL) {
		perror("mpqctl");
		return NULL;
	}
	n = fread(text, 1, MAX_FILE_BYTES + 1, f);
	if (ferror(f)) {
		(void)fprintf(stderr, "mpqctl: %s: %s\n", name,
			      strerror(errno));
	} else if (n > MAX_FILE_BYTES) {
		(void)fprintf(stderr,
			      "mpqctl: %s: larger than %u bytes, which no "
			      "configuration is\n",
			      name, MAX_FILE_BYTES);
	} else if (memchr(text, '\0', n) != NULL) {
		(void)fprintf(stderr, "mpqctl: %s: not a text file\n", name);
	} else {
		text[n] = '\0';
		if (is_utf8(text, name)) {
			return text;
		}
	}
	free(text);
	return NULL;
}

static char *read_file(const char *name)
{
	FILE *f;
	char *text;

	if (strcmp(name, "-") == 0) {
		return read_all(stdin, "standard input");
	}
	f = fopen(name, "re");
	if (f == NULL) {
		(void)fprintf(stderr, "mpqctl: %s: %s\n", name,
			      strerror(errno));
		return NULL;
	}
	text = read_all(f, name);
	(void)fclose(f);
	return text;
}

/* A call whose parameter is the file of the command line. */
static enum mpq_exit call_with_file(const struct mpq_call *call,
				    const char *method,
				    struct json_object **ret_reply)
{
	struct json_object *parameters;
	char *text = read_file(call->argument[0]);

	if (text == NULL) {
		return MPQ_EXIT_REFUSED;
	}
	parameters = json_object_new_object();
	json_object_object_add(parameters, "config",
			       json_object_new_string(text));
	free(text);
	return mpq_client_once(call, method, parameters, ret_reply);
}

/* NULL when there is none, and of a whole subtree: its path tells enough. */
static char *member_text(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;
	char *text;

	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, key, &v)) {
		return NULL;
	}
	text = mpq_format_value(v);
	if (text != NULL && text[0] == '{') {
		free(text);
		return NULL;
	}
	return text;
}

static void print_remark(const char *kind, const char *path,
			 const char *message)
{
	char *text;

	if (asprintf(&text, "%s: %s: %s", kind, path, message) >= 0) {
		mpq_wrap_print(text, 0, 2, mpq_wrap_columns());
		(void)putchar('\n');
		free(text);
	}
}

/* "hints" and "warnings": what is sound, and can hardly be meant. */
static void print_remarks(struct json_object *reply, const char *list,
			  const char *kind)
{
	struct json_object *a = NULL, *o;

	if (!json_object_object_get_ex(reply, list, &a) ||
	    !json_object_is_type(a, json_type_array)) {
		return;
	}
	for (size_t i = 0; i < json_object_array_length(a); i++) {
		char *path, *message;

		o = json_object_array_get_idx(a, i);
		path = member_text(o, "path");
		message = member_text(o, "message");
		print_remark(kind, path != NULL ? path : "?",
			     message != NULL ? message : "?");
		free(path);
		free(message);
	}
}

enum mpq_exit mpq_config_check(const struct mpq_call *call)
{
	struct json_object *reply;
	enum mpq_exit result = call_with_file(call, "Check", &reply);

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	if (call->json) {
		mpq_format_json(reply, true);
	} else {
		(void)printf("%s: whole and sound\n", call->argument[0]);
		print_remarks(reply, "hints", "hint");
	}
	json_object_put(reply);
	return MPQ_EXIT_OK;
}

/* Where in its list an entry is now. */
static void print_place(const char *after)
{
	char *text = strdup(after);

	if (text == NULL || text[0] == '\0') {
		(void)printf("  first now");
	} else {
		mpq_format_blunt(text);
		(void)printf("  after %s now", text);
	}
	free(text);
}

static void print_change(struct json_object *change)
{
	const char *operation = mpq_format_member(change, "operation", "?");
	char *path = member_text(change, "path"),
	     *was = member_text(change, "old"),
	     *is = member_text(change, "new"),
	     *applies = member_text(change, "applies");
	const char *after = mpq_format_member(change, "after", NULL);
	char sign = strcmp(operation, "create") == 0   ? '+'
		    : strcmp(operation, "delete") == 0 ? '-'
						       : '~';

	(void)printf("%c %s", sign, path != NULL ? path : "?");
	if (after != NULL) {
		print_place(after);
	}
	if (was != NULL) {
		(void)printf("  %s", was);
	}
	if (was != NULL && is != NULL) {
		(void)printf(" ->");
	}
	if (is != NULL) {
		(void)printf("%s %s", was != NULL ? "" : " ", is);
	}
	(void)printf("%s%s%s\n", applies != NULL ? "  [" : "",
		     applies != NULL ? applies : "",
		     applies != NULL ? "]" : "");
	free(path);
	free(was);
	free(is);
	free(applies);
}

/* How many there were. */
static size_t print_changes(struct json_object *reply)
{
	struct json_object *a = NULL;
	size_t n;

	if (!json_object_object_get_ex(reply, "changes", &a) ||
	    !json_object_is_type(a, json_type_array)) {
		return 0;
	}
	n = json_object_array_length(a);
	for (size_t i = 0; i < n; i++) {
		print_change(json_object_array_get_idx(a, i));
	}
	return n;
}

enum mpq_exit mpq_config_load(const struct mpq_call *call)
{
	struct json_object *reply;
	enum mpq_exit result = call_with_file(call, "Load", &reply);

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	if (call->json) {
		mpq_format_json(reply, true);
	} else if (print_changes(reply) == 0) {
		(void)printf("the candidate is what runs already\n");
	} else {
		(void)printf("the candidate is loaded; nothing runs yet: "
			     "'mpqctl commit' or 'mpqctl discard'\n");
		print_remarks(reply, "warnings", "warning");
		print_remarks(reply, "hints", "hint");
	}
	json_object_put(reply);
	return MPQ_EXIT_OK;
}

enum mpq_exit mpq_config_diff(const struct mpq_call *call)
{
	struct json_object *reply;
	enum mpq_exit result = mpq_client_once(call, "Diff", NULL, &reply);

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	if (call->json) {
		mpq_format_json(reply, true);
	} else if (print_changes(reply) == 0) {
		(void)printf("no changes: the candidate is what runs\n");
	} else {
		print_remarks(reply, "warnings", "warning");
	}
	json_object_put(reply);
	return MPQ_EXIT_OK;
}

enum mpq_exit mpq_config_commit(const struct mpq_call *call)
{
	struct json_object *reply;
	enum mpq_exit result = mpq_client_once(call, "Commit", NULL, &reply);
	uint64_t generation = 0;

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	if (call->json) {
		mpq_format_json(reply, true);
	} else {
		size_t n = print_changes(reply);

		(void)mpq_format_number(reply, "generation", &generation);
		(void)printf(
			"generation %llu runs and is kept, %zu change%s%s\n",
			(unsigned long long)generation, n, n == 1 ? "" : "s",
			n == 0 ? "; certificates and keys were read anew" : "");
		print_remarks(reply, "warnings", "warning");
	}
	json_object_put(reply);
	return MPQ_EXIT_OK;
}

enum mpq_exit mpq_config_discard(const struct mpq_call *call)
{
	struct json_object *reply;
	enum mpq_exit result = mpq_client_once(call, "Discard", NULL, &reply);

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	if (call->json) {
		mpq_format_json(reply, true);
	} else {
		(void)printf("the candidate is what runs again\n");
	}
	json_object_put(reply);
	return MPQ_EXIT_OK;
}

enum mpq_exit mpq_config_show(const struct mpq_call *call)
{
	const char *which = call->arguments > 0 ? call->argument[0] : "running";
	struct json_object *parameters, *reply, *config;
	enum mpq_exit result;

	if (strcmp(which, "running") != 0 && strcmp(which, "candidate") != 0) {
		(void)fprintf(stderr,
			      "mpqctl: show config '%s': allowed are running "
			      "and candidate\n",
			      which);
		return MPQ_EXIT_USAGE;
	}
	parameters = json_object_new_object();
	json_object_object_add(parameters, "which",
			       json_object_new_string(which));
	result = mpq_client_once(call, "ShowConfig", parameters, &reply);
	if (result != MPQ_EXIT_OK) {
		return result;
	}
	/* The configuration itself, so that what is printed can be loaded. */
	mpq_format_json(json_object_object_get_ex(reply, "config", &config)
				? config
				: reply,
			true);
	json_object_put(reply);
	return MPQ_EXIT_OK;
}
