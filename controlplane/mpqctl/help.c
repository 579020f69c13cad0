/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/help.h"

#include <stdio.h>
#include <string.h>

#include "controlplane/mpqctl/wrap.h"

#define VERB_WIDTH   35 /* columns before what is said of it */
#define OPTION_WIDTH 27

static void print_item(const char *name, const char *arguments, size_t width,
		       const char *summary)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s%s%s", name,
		       arguments[0] != '\0' ? " " : "", arguments);
	(void)printf("  %-*s ", (int)width - 3, text);
	mpq_wrap_print(summary, width, width, mpq_wrap_columns());
	(void)putchar('\n');
}

static void print_options(const struct mpq_verb *v, bool general)
{
	for (const struct mpq_option *o = mpq_options; o->name != NULL; o++) {
		if (o->general != general ||
		    (v != NULL && !mpq_verb_takes(v, o))) {
			continue;
		}
		print_item(o->name, o->argument != NULL ? o->argument : "",
			   OPTION_WIDTH, o->summary);
	}
}

/* Those that begin with this word, NULL: all. How many. */
static size_t print_verbs(const char *first)
{
	size_t len = first != NULL ? strlen(first) : 0, n = 0;

	for (const struct mpq_verb *v = mpq_verbs; v->name != NULL; v++) {
		if (first != NULL && (strncmp(v->name, first, len) != 0 ||
				      v->name[len] != ' ')) {
			continue;
		}
		print_item(v->name, v->arguments, VERB_WIDTH, v->summary);
		n++;
	}
	return n;
}

void mpq_help_list(void)
{
	(void)printf("mpqctl [OPTION] [VERB [ARGUMENT]]\n\n"
		     "Asks mpquic-control, and tells it what to do.\n\n"
		     "Verbs:\n");
	(void)print_verbs(NULL);
	(void)printf("\nOptions of all verbs:\n");
	print_options(NULL, true);
	(void)printf("\n'mpqctl help VERB' tells more, mpqctl(1) all.\n");
	mpq_wrap_print("Exit status: 0 done, 1 refused or invalid, 2 usage, "
		       "3 mpquic-control does not answer.",
		       0, 2, mpq_wrap_columns());
	(void)putchar('\n');
}

void mpq_help_verb(const struct mpq_verb *v)
{
	(void)printf("mpqctl %s%s%s\n\n%s.\n", v->name,
		     v->arguments[0] != '\0' ? " " : "", v->arguments,
		     v->summary);
	if (v->help[0] != '\0') {
		(void)printf("\n%s", v->help);
	}
	(void)printf("\nOptions:\n");
	print_options(v, false);
	print_options(v, true);
}

enum mpq_exit mpq_help_run(const struct mpq_call *call)
{
	const struct mpq_verb *v;
	const char *nearest;
	size_t words;

	if (call->arguments == 0) {
		mpq_help_list();
		return MPQ_EXIT_OK;
	}
	v = mpq_verb_find(call->argument, call->arguments, &words);
	if (v != NULL) {
		mpq_help_verb(v);
		return MPQ_EXIT_OK;
	}
	if (call->arguments == 1 && print_verbs(call->argument[0]) > 0) {
		return MPQ_EXIT_OK;
	}
	nearest = mpq_verb_nearest(call->argument[0],
				   call->arguments > 1 ? call->argument[1]
						       : NULL);
	(void)fprintf(stderr, "mpqctl: no help for '%s'", call->argument[0]);
	if (nearest != NULL) {
		(void)fprintf(stderr, "; did you mean '%s'?", nearest);
	}
	(void)fputs("\nmpqctl: 'mpqctl help' lists the verbs\n", stderr);
	return MPQ_EXIT_USAGE;
}

enum mpq_exit mpq_help_version(const struct mpq_call *call)
{
	(void)call;
	(void)printf("mpqctl %s\n", MPQ_VERSION);
	return MPQ_EXIT_OK;
}
