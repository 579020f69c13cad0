/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs and options of mpqctl. One table of each: parsing, help and the
 * tests that compare help with the man page all read it.
 */
#ifndef MPQ_MPQCTL_VERB_H
#define MPQ_MPQCTL_VERB_H

#include <stdbool.h>
#include <stddef.h>

enum mpq_exit { /* documented in mpqctl(1) */
	MPQ_EXIT_OK = 0,
	MPQ_EXIT_REFUSED = 1,     /* by mpquic-control, or invalid input */
	MPQ_EXIT_USAGE = 2,       /* the command line */
	MPQ_EXIT_UNREACHABLE = 3, /* mpquic-control does not answer */
};

#define MPQ_CALL_ARGUMENTS 4
#define MPQ_VERB_OPTIONS   6

/* What the command line says. All strings are borrowed from it. */
struct mpq_call {
	const struct mpq_verb *verb;
	const char *argument[MPQ_CALL_ARGUMENTS];
	size_t arguments;

	const char *socket; /* never NULL */
	bool help, version;
	bool json;
	bool watch;
	bool follow;
	const char *edge, *concentrator, *days, *dscp; /* NULL: not given */
};

struct mpq_verb {
	const char *name;         /* one or two words: "path hold" */
	const char *arguments;    /* "NAME [SECONDS]" */
	size_t at_least, at_most; /* arguments */
	const char *option[MPQ_VERB_OPTIONS]; /* beside the general ones */
	const char *summary;                  /* a line */
	const char *help;                     /* lines */
	enum mpq_exit (*run)(const struct mpq_call *call);
};

struct mpq_option {
	const char *name;     /* "--socket" */
	const char *argument; /* "PATH", NULL: a flag */
	bool general;         /* every verb takes it */
	const char *summary;
	size_t offset; /* in struct mpq_call, of a bool or a const char * */
};

/* Both end with an entry whose name is NULL. */
extern const struct mpq_verb mpq_verbs[];
extern const struct mpq_option mpq_options[];

bool mpq_verb_takes(const struct mpq_verb *v, const struct mpq_option *o);

/* The verb that these words begin with; *ret_words: how many are its name.
 * NULL when there is none. */
const struct mpq_verb *mpq_verb_find(const char *const *words, size_t n,
				     size_t *ret_words);

/* What a mistyped verb or option may have meant, NULL when nothing is near. */
const char *mpq_verb_nearest(const char *word, const char *second);
const char *mpq_option_nearest(const char *text);

#endif
