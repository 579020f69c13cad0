/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/mpqctl/client.h"
#include "controlplane/mpqctl/format.h"
#include "controlplane/mpqctl/steering.h"

static const char *text_of(struct json_object *e, const char *key)
{
	return mpq_format_member(e, key, "?");
}

static void add_reason(FILE *f, struct json_object *e)
{
	const char *reason = mpq_format_member(e, "reason", "");

	if (reason[0] != '\0') {
		(void)fprintf(f, ": %s", reason);
	}
}

static void add_gap(FILE *f, struct json_object *e)
{
	char text[MPQ_FORMAT_BYTES];
	uint64_t gap;

	if (mpq_format_number(e, "gap-us", &gap)) {
		(void)fprintf(f, " (gap %s)", mpq_format_us(gap, text));
	}
}

static void write_path(FILE *f, struct json_object *e)
{
	const char *was = text_of(e, "was"), *is = text_of(e, "is");

	(void)fprintf(f, "path %s: ", text_of(e, "path"));
	if (strcmp(was, is) != 0) { /* else another reason for the same */
		(void)fprintf(f, "%s -> ", was);
	}
	(void)fputs(is, f);
	add_reason(f, e);
	add_gap(f, e);
}

static void write_tunnel(FILE *f, struct json_object *e)
{
	const char *peer = mpq_format_member(e, "peer-address", "");

	(void)fprintf(f, "tunnel %s: %s", text_of(e, "tunnel"),
		      mpq_format_true(e, "up") ? "up" : "down");
	if (peer[0] != '\0' && mpq_format_true(e, "up")) {
		(void)fprintf(f, " to %s", peer);
	}
	add_reason(f, e);
}

static void write_refused(FILE *f, struct json_object *e)
{
	const char *tunnel = mpq_format_member(e, "tunnel", "");

	(void)fprintf(f, "%s%s%spath %s: turned %s away",
		      tunnel[0] != '\0' ? "tunnel " : "", tunnel,
		      tunnel[0] != '\0' ? ", " : "", text_of(e, "path"),
		      text_of(e, "peer-address"));
	add_reason(f, e);
}

static void write_configuration(FILE *f, struct json_object *e)
{
	uint64_t generation = 0;

	(void)mpq_format_number(e, "generation", &generation);
	(void)fprintf(f, "configuration: generation %llu runs",
		      (unsigned long long)generation);
	if (mpq_format_member(e, "by", NULL) != NULL) {
		(void)fprintf(f, ", by %s", text_of(e, "by"));
	}
}

static void write_link(FILE *f, struct json_object *e)
{
	const char *address = mpq_format_member(e, "local-address", "");

	(void)fprintf(f, "link %s of path %s: %s", text_of(e, "wan"),
		      text_of(e, "path"), text_of(e, "is"));
	if (address[0] != '\0') {
		(void)fprintf(f, " with %s", address);
	}
	add_reason(f, e);
}

static void write_data_plane(FILE *f, struct json_object *e)
{
	(void)fprintf(f, "data plane: %s", text_of(e, "is"));
	add_reason(f, e);
}

static void write_restored(FILE *f, struct json_object *e)
{
	(void)fprintf(f, "restored what another had deleted: %s",
		      text_of(e, "what"));
}

static void write_session(FILE *f, struct json_object *e)
{
	(void)fprintf(f, "tunnel %s: session %s", text_of(e, "tunnel"),
		      text_of(e, "is"));
	add_reason(f, e);
}

/* At a concentrator, a path of a session has a number only. */
static void write_member(FILE *f, struct json_object *e)
{
	const char *was = mpq_format_member(e, "was", ""),
		   *path = mpq_format_member(e, "path", "");
	uint64_t id = 0;

	(void)fprintf(f, "tunnel %s, path ", text_of(e, "tunnel"));
	if (path[0] == '\0' && mpq_format_number(e, "id", &id)) {
		(void)fprintf(f, "%llu: ", (unsigned long long)id);
	} else {
		(void)fprintf(f, "%s: ", path);
	}
	if (was[0] != '\0' && strcmp(was, text_of(e, "is")) != 0) {
		(void)fprintf(f, "%s -> ", was);
	}
	(void)fputs(text_of(e, "is"), f);
	add_reason(f, e);
	add_gap(f, e);
}

/* Of an event that we know no sentence for: all that it says. */
static void write_other(FILE *f, struct json_object *e)
{
	(void)fprintf(f, "%s:", text_of(e, "event"));
	json_object_object_foreach (e, key, value) {
		char *text;

		if (strcmp(key, "event") == 0 || strcmp(key, "time") == 0) {
			continue;
		}
		text = mpq_format_value(value);
		(void)fprintf(f, " %s=%s", key, text);
		free(text);
	}
}

static const struct {
	const char *event;
	void (*write)(FILE *f, struct json_object *e);
} writers[] = {
	{"path", write_path},
	{"tunnel", write_tunnel},
	{"refused", write_refused},
	{"configuration-changed", write_configuration},
	{"link", write_link},
	{"data-plane", write_data_plane},
	{"restored", write_restored},
	{"session", write_session},
	{"member", write_member},
	{"steering", mpq_steering_write},
};

char *mpq_events_text(struct json_object *event)
{
	const char *kind = text_of(event, "event");
	char *text = NULL;
	size_t size, n = sizeof(writers) / sizeof(writers[0]), i = 0;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL) {
		return NULL;
	}
	while (i < n && strcmp(writers[i].event, kind) != 0) {
		i++;
	}
	if (i < n) {
		writers[i].write(f, event);
	} else if (json_object_is_type(event, json_type_object)) {
		write_other(f, event);
	}
	(void)fclose(f);
	mpq_format_blunt(text);
	return text;
}

static void print_event(const struct mpq_call *call, struct json_object *event)
{
	char *text, *when;

	if (call->json) {
		mpq_format_json(event, false);
		return;
	}
	text = mpq_events_text(event);
	when = strdup(mpq_format_member(event, "time", "-"));
	if (text != NULL && when != NULL) {
		mpq_format_blunt(when);
		(void)printf("%s  %s\n", when, text);
	}
	free(text);
	free(when);
}

static enum mpq_exit print_last(const struct mpq_call *call)
{
	struct json_object *reply, *events = NULL;
	enum mpq_exit result = mpq_client_once(call, "Events", NULL, &reply);

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	if (json_object_object_get_ex(reply, "events", &events) &&
	    json_object_is_type(events, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(events); i++) {
			print_event(call, json_object_array_get_idx(events, i));
		}
	}
	json_object_put(reply);
	return MPQ_EXIT_OK;
}

/* One reply of the stream. */
static enum mpq_exit print_reply(const struct mpq_call *call,
				 struct json_object *reply)
{
	struct json_object *p = NULL;

	if (json_object_object_get_ex(reply, "error", &p)) {
		char *text = mpq_format_value(p);

		(void)fprintf(stderr, "mpqctl: refused: %s\n", text);
		free(text);
		return MPQ_EXIT_REFUSED;
	}
	if (json_object_object_get_ex(reply, "parameters", &p)) {
		print_event(call, p);
	}
	/* Who pipes it into something wants it now. */
	if (fflush(stdout) != 0) {
		perror("mpqctl: standard output");
		return MPQ_EXIT_REFUSED;
	}
	return MPQ_EXIT_OK;
}

static enum mpq_exit follow(const struct mpq_call *call)
{
	struct json_object *parameters, *reply;
	struct mpq_client *c;
	enum mpq_exit result = mpq_client_open(call, &c);
	int got;

	if (result != MPQ_EXIT_OK) {
		return result;
	}
	parameters = json_object_new_object();
	json_object_object_add(parameters, "backlog",
			       json_object_new_boolean(1));
	got = mpq_client_subscribe(c, "Events", parameters);
	while (got >= 0 && result == MPQ_EXIT_OK) {
		got = mpq_client_next(c, -1, &reply);
		if (got > 0) {
			result = print_reply(call, reply);
			json_object_put(reply);
		}
	}
	mpq_client_close(c);
	return got < 0 ? mpq_client_complain(call->socket, got) : result;
}

enum mpq_exit mpq_events_run(const struct mpq_call *call)
{
	return call->follow ? follow(call) : print_last(call);
}
