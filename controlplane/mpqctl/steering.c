/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/steering.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/mpqctl/format.h"

const char *mpq_steering_reason(const char *reason)
{
	static const char *const words[][2] = {
		{"first-packet", "its first packet arrives soonest there"},
		{"sooner", "after a pause it is sooner there"},
		{"path-gone", "its path is gone, silent or avoided"},
		{"idle-capacity", "it fills its path while others are idle"},
		{"unproven", "others may be idle, and this shows it"},
		{"no-gain", "less arrived than one path can carry"},
		{"fits-one", "it fits one path again"},
		{"delay-spread", "delays differ by what order may cost"},
		{"silence", "it does not answer"},
		{"loss", "it loses too much"},
		{"rtt", "its round trip is too long"},
		{"recovered", "it has recovered"},
		{"bufferbloat", "a queue stands on its way"},
		{"decayed-capacity", "it carries a part of what it did"},
		{"joined", "a path has become usable"},
		{"configured", "by links and configuration"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i][0], reason) == 0) {
			return words[i][1];
		}
	}
	return reason;
}

char *mpq_steering_paths(struct json_object *paths)
{
	char *text = NULL, *name;
	size_t size, n = json_object_is_type(paths, json_type_array)
				 ? json_object_array_length(paths)
				 : 0;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL) {
		return strdup("");
	}
	for (size_t i = 0; i < n; i++) {
		struct json_object *path = json_object_array_get_idx(paths, i);

		name = mpq_format_value(path);
		(void)fprintf(f, "%s%s%s", i > 0 ? ", " : "",
			      json_object_is_type(path, json_type_int) ? "path "
								       : "",
			      name);
		free(name);
	}
	(void)fclose(f);
	return text;
}

static bool write_paths(FILE *f, const char *before, struct json_object *e,
			const char *key)
{
	struct json_object *paths = NULL;
	bool any;
	char *text;

	(void)json_object_object_get_ex(e, key, &paths);
	text = mpq_steering_paths(paths);
	any = text[0] != '\0';
	if (any) {
		(void)fprintf(f, "%s%s", before, text);
	}
	free(text);
	return any;
}

/* What is before the paths that it had, and before those that it has. */
static const struct {
	const char *what, *to, *from;
} sentences[] = {
	{"pinned", " goes by ", ", no longer by "},
	{"spread", " is spread over ", ", before by "},
	{"gathered", " is gathered on ", ", before over "},
	{"members", " may spread over ", ", before over "},
	{"active", " goes by ", ", no longer by "},
	{"avoided", " takes ", " avoids "},
	{"trusted", " takes again ", " avoids "},
};

static void write_decision(FILE *f, struct json_object *e)
{
	const char *what = mpq_format_member(e, "what", "?");
	size_t i = 0, n = sizeof(sentences) / sizeof(sentences[0]);

	while (i < n && strcmp(sentences[i].what, what) != 0) {
		i++;
	}
	if (i == n) {
		(void)fprintf(f, " %s", what);
	}
	if (!write_paths(f, i < n ? sentences[i].to : " to ", e, "to") &&
	    strcmp(what, "members") == 0) {
		(void)fprintf(f, " has no path left");
	}
	(void)write_paths(f, i < n ? sentences[i].from : " from ", e, "from");
}

/* " (18.2 Mbit/s; best path 20.0 Mbit/s, all 58.0 Mbit/s, 12.0 ms apart)": what
 * was measured, of which nothing is no measurement. */
static void write_figures(FILE *f, struct json_object *e)
{
	char text[MPQ_FORMAT_BYTES];
	const char *sign = " (";
	uint64_t n;

	if (mpq_format_number(e, "flow-bps", &n) && n > 0) {
		(void)fprintf(f, "%sflow %s", sign, mpq_format_rate(n, text));
		sign = ", ";
	}
	if (mpq_format_number(e, "one-bps", &n) && n > 0) {
		(void)fprintf(f, "%sbest path %s", sign,
			      mpq_format_rate(n, text));
		sign = ", ";
	}
	if (mpq_format_number(e, "all-bps", &n) && n > 0) {
		(void)fprintf(f, "%sall %s", sign, mpq_format_rate(n, text));
		sign = ", ";
	}
	if (mpq_format_number(e, "spread-us", &n) && n > 0) {
		(void)fprintf(f, "%s%s apart", sign, mpq_format_us(n, text));
		sign = ", ";
	}
	(void)fputs(sign[0] == ',' ? ")" : "", f);
}

void mpq_steering_write(FILE *f, struct json_object *e)
{
	const char *flow = mpq_format_member(e, "flow", ""),
		   *reason = mpq_format_member(e, "reason", "");

	(void)fprintf(f, "tunnel %s: class %s",
		      mpq_format_member(e, "tunnel", "?"),
		      mpq_format_member(e, "class", "?"));
	if (flow[0] != '\0') {
		(void)fprintf(f, ", flow %s", flow);
	}
	write_decision(f, e);
	/* Of a class, its paths have become more: not all of them were away. */
	if (strcmp(mpq_format_member(e, "what", ""), "members") == 0 &&
	    strcmp(reason, "recovered") == 0) {
		reason = "joined";
	}
	if (reason[0] != '\0') {
		(void)fprintf(f, ": %s", mpq_steering_reason(reason));
	}
	write_figures(f, e);
}
