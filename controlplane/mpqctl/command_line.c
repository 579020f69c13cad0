/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/command_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/northbound.h"

#define MAX_WORDS   8
#define MAX_OPTIONS 16

struct line { /* before we know the verb */
	const char *word[MAX_WORDS];
	size_t words;
	const struct mpq_option *option[MAX_OPTIONS]; /* as they were given */
	size_t options;
	struct mpq_call *call;
};

static enum mpq_exit usage(void)
{
	(void)fputs("mpqctl: 'mpqctl help' lists the verbs\n", stderr);
	return MPQ_EXIT_USAGE;
}

static const struct mpq_option *find_option(const char *text)
{
	size_t len = strcspn(text, "=");

	for (const struct mpq_option *o = mpq_options; o->name != NULL; o++) {
		if (strlen(o->name) == len &&
		    strncmp(o->name, text, len) == 0) {
			return o;
		}
	}
	return NULL;
}

static enum mpq_exit unknown_option(const char *text)
{
	const char *nearest = mpq_option_nearest(text);

	(void)fprintf(stderr, "mpqctl: unknown option '%s'", text);
	if (nearest != NULL) {
		(void)fprintf(stderr, "; did you mean '%s'?", nearest);
	}
	(void)fputc('\n', stderr);
	return usage();
}

/* Stores argv[*at]'s value, which may be the next word: then *at moves on. */
static enum mpq_exit store(struct line *l, const struct mpq_option *o,
			   char **argv, int *at)
{
	void *member = (char *)l->call + o->offset;
	char *equals = strchr(argv[*at], '=');

	if (o->argument == NULL) {
		if (equals != NULL) {
			(void)fprintf(stderr, "mpqctl: %s takes no value\n",
				      o->name);
			return usage();
		}
		*(bool *)member = true;
		return MPQ_EXIT_OK;
	}
	if (equals == NULL && argv[*at + 1] == NULL) {
		(void)fprintf(stderr, "mpqctl: %s needs a value: %s %s\n",
			      o->name, o->name, o->argument);
		return usage();
	}
	*(const char **)member = equals != NULL ? equals + 1 : argv[++*at];
	return MPQ_EXIT_OK;
}

static enum mpq_exit add_option(struct line *l, char **argv, int *at)
{
	const struct mpq_option *o = strcmp(argv[*at], "-h") == 0
					     ? find_option("--help")
					     : find_option(argv[*at]);

	if (o == NULL) {
		return unknown_option(argv[*at]);
	}
	if (l->options == MAX_OPTIONS) {
		(void)fputs("mpqctl: too many options\n", stderr);
		return usage();
	}
	l->option[l->options++] = o;
	return store(l, o, argv, at);
}

static enum mpq_exit add_word(struct line *l, const char *word)
{
	if (l->words == MAX_WORDS) {
		(void)fprintf(stderr, "mpqctl: too many arguments, from '%s'\n",
			      word);
		return usage();
	}
	l->word[l->words++] = word;
	return MPQ_EXIT_OK;
}

static enum mpq_exit split(struct line *l, int argc, char **argv)
{
	enum mpq_exit result = MPQ_EXIT_OK;
	bool options = true;

	for (int i = 1; i < argc && result == MPQ_EXIT_OK; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
			result = add_option(l, argv, &i);
		} else {
			result = add_word(l, argv[i]);
		}
	}
	return result;
}

/* The second words of a verb like "path", NULL when it is no such word. */
static bool print_seconds(const char *first)
{
	size_t n = strlen(first);
	bool any = false;

	for (const struct mpq_verb *v = mpq_verbs; v->name != NULL; v++) {
		if (strncmp(v->name, first, n) == 0 && v->name[n] == ' ') {
			(void)fprintf(stderr, "%s%s", any ? ", " : "",
				      v->name + n + 1);
			any = true;
		}
	}
	return any;
}

static bool is_first_word(const char *first)
{
	size_t n = strlen(first);

	for (const struct mpq_verb *v = mpq_verbs; v->name != NULL; v++) {
		if (strncmp(v->name, first, n) == 0 && v->name[n] == ' ') {
			return true;
		}
	}
	return false;
}

static enum mpq_exit unknown_verb(const struct line *l)
{
	const char *second = l->words > 1 ? l->word[1] : NULL;
	const char *nearest = mpq_verb_nearest(l->word[0], second);

	if (is_first_word(l->word[0])) {
		(void)fprintf(stderr,
			      "mpqctl: %s %s? After '%s' comes: ", l->word[0],
			      second != NULL ? second : "what", l->word[0]);
		(void)print_seconds(l->word[0]);
	} else {
		(void)fprintf(stderr, "mpqctl: unknown verb '%s'", l->word[0]);
	}
	if (nearest != NULL) {
		(void)fprintf(stderr, "; did you mean '%s'?", nearest);
	}
	(void)fputc('\n', stderr);
	return usage();
}

static enum mpq_exit check_options(const struct line *l)
{
	for (size_t i = 0; i < l->options; i++) {
		if (!mpq_verb_takes(l->call->verb, l->option[i])) {
			(void)fprintf(stderr,
				      "mpqctl: '%s' does not take %s; 'mpqctl "
				      "help %s' lists what it takes\n",
				      l->call->verb->name, l->option[i]->name,
				      l->call->verb->name);
			return MPQ_EXIT_USAGE;
		}
	}
	return MPQ_EXIT_OK;
}

static enum mpq_exit check_arguments(const struct mpq_call *c)
{
	if (c->help || (c->arguments >= c->verb->at_least &&
			c->arguments <= c->verb->at_most)) {
		return MPQ_EXIT_OK;
	}
	(void)fprintf(stderr,
		      "mpqctl: '%s' got %zu argument%s\nusage: mpqctl %s%s%s\n",
		      c->verb->name, c->arguments, c->arguments == 1 ? "" : "s",
		      c->verb->name, c->verb->arguments[0] ? " " : "",
		      c->verb->arguments);
	return MPQ_EXIT_USAGE;
}

/* Which verb, and what is left for it. */
static enum mpq_exit resolve(struct line *l)
{
	static const char *const status[] = {"status"};
	struct mpq_call *c = l->call;
	size_t words = 0;

	if (l->words == 0) {
		c->verb = mpq_verb_find(status, 1, &words);
		words = 0;
	} else {
		c->verb = mpq_verb_find(l->word, l->words, &words);
	}
	if (c->verb == NULL) {
		return unknown_verb(l);
	}
	for (; words < l->words; words++) {
		if (c->arguments < MPQ_CALL_ARGUMENTS) {
			c->argument[c->arguments] = l->word[words];
		}
		c->arguments++; /* too many are told with their number */
	}
	return check_options(l);
}

static const char *default_socket(void)
{
	const char *socket = getenv("MPQUIC_SOCKET");

	return socket != NULL && socket[0] != '\0' ? socket
						   : MPQ_NORTHBOUND_SOCKET;
}

enum mpq_exit mpq_command_line_read(int argc, char **argv, struct mpq_call *ret)
{
	struct mpq_call call = {.socket = default_socket()};
	struct line line = {.call = &call};
	enum mpq_exit result = split(&line, argc, argv);

	if (result == MPQ_EXIT_OK) {
		result = resolve(&line);
	}
	if (result == MPQ_EXIT_OK) {
		result = check_arguments(&call);
	}
	if (result == MPQ_EXIT_OK) {
		*ret = call;
	}
	return result;
}
