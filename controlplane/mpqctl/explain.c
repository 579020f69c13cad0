/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controlplane/mpqctl/client.h"
#include "controlplane/mpqctl/format.h"
#include "controlplane/mpqctl/steering.h"
#include "controlplane/mpqctl/wrap.h"

#define END_BYTES 64
#define INDENT    9 /* "  class  " */

/* ---- the question ---- */

/* "10.1.0.5:40000", "[fd00::1]:443", "10.1.0.5", "fd00::1": the address in
 * `text`, which is changed, and the port's digits, NULL: none. -EINVAL. */
static int split_end(char *text, char **ret_address, char **ret_port)
{
	char *colon = strrchr(text, ':'), *close = strchr(text, ']');

	*ret_address = text;
	*ret_port = NULL;
	if (text[0] == '[') {
		if (close == NULL || (close[1] != '\0' && close[1] != ':')) {
			return -EINVAL;
		}
		*ret_address = text + 1;
		*ret_port = close[1] == ':' ? close + 2 : NULL;
		*close = '\0';
	} else if (colon != NULL && strchr(text, ':') == colon) {
		*colon = '\0';
		*ret_port = colon + 1;
	}
	return 0;
}

static bool is_number(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0' &&
	       strlen(text) < 6;
}

static enum mpq_exit refuse_end(const char *text)
{
	(void)fprintf(
		stderr,
		"mpqctl: explain: '%s' is no address and port; allowed: "
		"192.0.2.1:443, [2001:db8::1]:443, and without ports what "
		"has none\n",
		text);
	return MPQ_EXIT_USAGE;
}

static enum mpq_exit add_end(struct json_object *p, const char *argument,
			     const char *address_key, const char *port_key)
{
	char text[END_BYTES], *address, *port;

	if (strlen(argument) >= sizeof(text)) {
		return refuse_end(argument);
	}
	memcpy(text, argument, strlen(argument) + 1);
	if (split_end(text, &address, &port) != 0 ||
	    (port != NULL && !is_number(port))) {
		return refuse_end(argument);
	}
	json_object_object_add(p, address_key, json_object_new_string(address));
	if (port != NULL) {
		json_object_object_add(p, port_key,
				       json_object_new_int(atoi(port)));
	}
	return MPQ_EXIT_OK;
}

/* By number or by name, as the configuration has it. */
static void add_number(struct json_object *p, const char *key, const char *text)
{
	json_object_object_add(p, key,
			       is_number(text) ? json_object_new_int(atoi(text))
					       : json_object_new_string(text));
}

static enum mpq_exit parameters(const struct mpq_call *call,
				struct json_object *p)
{
	enum mpq_exit result;

	json_object_object_add(p, "tunnel",
			       json_object_new_string(call->argument[0]));
	add_number(p, "protocol", call->argument[1]);
	if (call->dscp != NULL) {
		add_number(p, "dscp", call->dscp);
	}
	result = add_end(p, call->argument[2], "source", "source-port");
	return result != MPQ_EXIT_OK
		       ? result
		       : add_end(p, call->argument[3], "destination",
				 "destination-port");
}

/* ---- the answer, a line each ---- */

static void write_flow(FILE *f, const struct mpq_call *call,
		       struct json_object *reply)
{
	(void)reply;
	(void)fprintf(f, "%s %s -> %s by %s", call->argument[1],
		      call->argument[2], call->argument[3], call->argument[0]);
	if (call->dscp != NULL) {
		(void)fprintf(f, ", dscp %s", call->dscp);
	}
}

static void write_class(FILE *f, const struct mpq_call *call,
			struct json_object *reply)
{
	const char *rule = mpq_format_member(reply, "rule", NULL);

	(void)call;
	(void)fprintf(f, "  class  %s, ",
		      mpq_format_member(reply, "class", "?"));
	if (rule != NULL) {
		(void)fprintf(f, "by rule %s", rule);
	} else {
		(void)fputs("as no rule matches", f);
	}
	(void)fprintf(f, "; steering mode %s",
		      mpq_format_member(reply, "mode", "?"));
}

static void write_measures(FILE *f, struct json_object *reply)
{
	const char *since = mpq_format_member(reply, "since", NULL);
	char text[MPQ_FORMAT_BYTES];
	uint64_t n;

	if (since != NULL) {
		(void)fprintf(f, " for %s",
			      mpq_format_since(since, time(NULL), text));
	}
	if (mpq_format_number(reply, "bps", &n)) {
		(void)fprintf(f, ", %s", mpq_format_rate(n, text));
	}
	if (mpq_format_number(reply, "idle-us", &n)) {
		(void)fprintf(f, ", last packet %s ago",
			      n < 1000000 ? mpq_format_us(n, text)
					  : mpq_format_age(n / 1000000, text));
	}
}

static void write_paths(FILE *f, const struct mpq_call *call,
			struct json_object *reply)
{
	const char *state = mpq_format_member(reply, "state", "?"),
		   *mode = mpq_format_member(reply, "mode", "auto");
	struct json_object *v = NULL;
	char *paths;

	(void)call;
	(void)json_object_object_get_ex(reply, "paths", &v);
	paths = mpq_steering_paths(v);
	if (paths[0] == '\0') {
		(void)fputs("  paths  none can take it now", f);
	} else if (strcmp(state, "unseen") == 0 && strcmp(mode, "auto") != 0) {
		(void)fprintf(f, "  paths  may take %s", paths);
	} else if (strcmp(state, "unseen") == 0) {
		(void)fprintf(f, "  paths  not seen lately; it would go by %s",
			      paths);
	} else {
		(void)fprintf(f, "  paths  %s %s %s", state,
			      strcmp(state, "spread") == 0 ? "over" : "to",
			      paths);
		write_measures(f, reply);
	}
	free(paths);
}

static void write_why(FILE *f, const struct mpq_call *call,
		      struct json_object *reply)
{
	const char *why = mpq_format_member(reply, "why", ""),
		   *reason = mpq_format_member(reply, "reason", "");

	(void)call;
	(void)fprintf(f, "  why    %s",
		      why[0] != '\0' ? why : mpq_steering_reason(reason));
}

static void print_answer(const struct mpq_call *call, struct json_object *reply)
{
	static void (*const lines[])(FILE * f, const struct mpq_call *call,
				     struct json_object *reply) = {
		write_flow,
		write_class,
		write_paths,
		write_why,
	};
	char *text;
	size_t size;
	FILE *f;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		text = NULL;
		f = open_memstream(&text, &size);
		if (f == NULL) {
			return;
		}
		lines[i](f, call, reply);
		(void)fclose(f);
		mpq_format_blunt(text);
		mpq_wrap_print(text, 0, INDENT, mpq_wrap_columns());
		(void)putchar('\n');
		free(text);
	}
}

enum mpq_exit mpq_explain_run(const struct mpq_call *call)
{
	struct json_object *p = json_object_new_object(), *reply;
	enum mpq_exit result = parameters(call, p);

	if (result != MPQ_EXIT_OK) {
		json_object_put(p);
		return result;
	}
	result = mpq_client_once(call, "Explain", p, &reply);
	if (result != MPQ_EXIT_OK) {
		return result;
	}
	if (call->json) {
		mpq_format_json(reply, true);
	} else {
		print_answer(call, reply);
	}
	json_object_put(reply);
	return MPQ_EXIT_OK;
}
