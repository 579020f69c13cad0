/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/mpqctl/bonded.h"
#include "controlplane/mpqctl/format.h"
#include "controlplane/mpqctl/rate.h"
#include "controlplane/mpqctl/table.h"
#include "controlplane/mpqctl/wrap.h"

static struct json_object *array(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (!json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, json_type_array)) {
		return NULL;
	}
	return v;
}

static size_t count(struct json_object *o, const char *key)
{
	struct json_object *a = array(o, key);

	return a != NULL ? json_object_array_length(a) : 0;
}

static bool same(struct json_object *a, struct json_object *b, const char *key)
{
	return strcmp(mpq_format_member(a, key, ""),
		      mpq_format_member(b, key, "")) == 0;
}

/* The entry of the earlier sample that is about the same thing. */
static struct json_object *earlier(const struct mpq_picture *p,
				   const char *list, struct json_object *entry)
{
	struct json_object *a = array(p->before.status, list);

	for (size_t i = 0; a != NULL && i < json_object_array_length(a); i++) {
		struct json_object *e = json_object_array_get_idx(a, i);

		if (same(e, entry, "name") && same(e, entry, "tunnel") &&
		    same(e, entry, "peer-address")) {
			return e;
		}
	}
	return NULL;
}

static mpq_duration between(const struct mpq_picture *p)
{
	return mpq_time_elapsed(p->before.at, p->now.at);
}

static const char *rate(const struct mpq_picture *p, const char *list,
			struct json_object *entry, const char *counter,
			char text[MPQ_FORMAT_BYTES])
{
	uint64_t bps;

	return mpq_rate(earlier(p, list, entry), entry, counter, between(p),
			&bps)
		       ? mpq_format_rate(bps, text)
		       : "-";
}

static const char *since(const struct mpq_picture *p, struct json_object *entry,
			 char text[MPQ_FORMAT_BYTES])
{
	const char *s = mpq_format_member(entry, "since", NULL);

	return s != NULL ? mpq_format_since(s, p->wall, text) : "-";
}

/* Said in so many words: absent means enabled. */
static bool disabled(struct json_object *tunnel)
{
	struct json_object *v = NULL;

	return json_object_is_type(tunnel, json_type_object) &&
	       json_object_object_get_ex(tunnel, "enabled", &v) &&
	       json_object_is_type(v, json_type_boolean) &&
	       !json_object_get_boolean(v);
}

static size_t tunnels_disabled(struct json_object *status)
{
	struct json_object *a = array(status, "tunnels");
	size_t n = 0;

	for (size_t i = 0; i < count(status, "tunnels"); i++) {
		n += disabled(json_object_array_get_idx(a, i));
	}
	return n;
}

static size_t tunnels_up(struct json_object *status)
{
	struct json_object *a = array(status, "tunnels");
	size_t up = 0;

	for (size_t i = 0; i < count(status, "tunnels"); i++) {
		up += mpq_format_true(json_object_array_get_idx(a, i), "up");
	}
	return up;
}

static void append_data_plane(FILE *f, struct json_object *status)
{
	struct json_object *d = NULL;
	uint64_t n;

	if (!json_object_object_get_ex(status, "data-plane", &d)) {
		return;
	}
	if (!mpq_format_true(d, "connected")) {
		(void)fputs(", data plane NOT CONNECTED", f);
		return;
	}
	(void)fputs(", data plane running", f);
	if (mpq_format_number(d, "pid", &n)) {
		(void)fprintf(f, " (pid %llu)", (unsigned long long)n);
	}
	if (mpq_format_number(d, "restarts", &n) && n > 0) {
		(void)fprintf(f, ", %llu restart%s", (unsigned long long)n,
			      n == 1 ? "" : "s");
	}
}

/* Takes the text. */
static void print_whole(const struct mpq_picture *p, char *text,
			const char *code)
{
	mpq_format_blunt(text);
	(void)fputs(code, stdout);
	mpq_wrap_print(text, 0, 2, p->columns);
	(void)puts(code[0] != '\0' ? "\033[0m" : "");
	free(text);
}

static void print_headline(const struct mpq_picture *p)
{
	struct json_object *status = p->now.status;
	char *text = NULL;
	size_t size;
	uint64_t generation = 0;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL) {
		return;
	}
	(void)mpq_format_number(status, "generation", &generation);
	(void)fprintf(f, "%s %s: %zu of %zu tunnels up",
		      mpq_format_member(status, "role", "not configured"),
		      mpq_format_member(status, "name", ""), tunnels_up(status),
		      count(status, "tunnels"));
	if (tunnels_disabled(status) > 0) {
		(void)fprintf(f, " (%zu disabled)", tunnels_disabled(status));
	}
	(void)fprintf(f, ", generation %llu", (unsigned long long)generation);
	append_data_plane(f, status);
	(void)fprintf(f, ", mpquic %s",
		      mpq_format_member(status, "version", "?"));
	(void)fclose(f);
	print_whole(p, text, "");
}

static void print_alarms(const struct mpq_picture *p)
{
	struct json_object *a = array(p->now.status, "alarms");

	for (size_t i = 0; a != NULL && i < json_object_array_length(a); i++) {
		struct json_object *alarm = json_object_array_get_idx(a, i);
		char *text;

		if (asprintf(&text, "ALARM %s: %s",
			     mpq_format_member(alarm, "what", "?"),
			     mpq_format_member(alarm, "message", "?")) < 0) {
			return;
		}
		print_whole(p, text, p->colour ? "\033[31m" : "");
	}
}

/* A list of strings or one string. */
static void add_names(struct mpq_table *t, struct json_object *o,
		      const char *key, const char *before)
{
	struct json_object *v = NULL;
	char *text;

	if (!json_object_object_get_ex(o, key, &v) || v == NULL) {
		mpq_table_add(t, MPQ_TABLE_PLAIN, "%s", "");
		return;
	}
	text = mpq_format_value(v);
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s%s", before, text);
	free(text);
}

/* Those that carry it: of a bonded one the members that are used. */
static void add_paths(struct mpq_table *t, struct json_object *tunnel)
{
	char *members = mpq_bonded_carriers(tunnel);

	if (members == NULL) {
		add_names(t, tunnel, "path", "by ");
		return;
	}
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s%s",
		      members[0] != '\0' ? "by " : "", members);
	free(members);
}

static void add_tunnel(const struct mpq_picture *p, struct mpq_table *t,
		       struct json_object *tunnel)
{
	bool up = mpq_format_true(tunnel, "up"), off = disabled(tunnel);
	char text[MPQ_FORMAT_BYTES];

	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      mpq_format_member(tunnel, "name", "?"));
	mpq_table_add(t,
		      up    ? MPQ_TABLE_GOOD
		      : off ? MPQ_TABLE_DIM
			    : MPQ_TABLE_BAD,
		      "%s",
		      up    ? "up"
		      : off ? "disabled"
			    : "down");
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s", since(p, tunnel, text));
	add_paths(t, tunnel);
	add_names(t, tunnel, "peer-address", "to ");
	mpq_table_add(t, MPQ_TABLE_PLAIN, "in %s",
		      rate(p, "tunnels", tunnel, "in-bytes", text));
	mpq_table_add(t, MPQ_TABLE_PLAIN, "out %s",
		      rate(p, "tunnels", tunnel, "out-bytes", text));
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      up ? "" : mpq_format_member(tunnel, "reason", ""));
}

static void print_tunnels(const struct mpq_picture *p)
{
	static const char *const heads[] = {"-", "-", "-",  "-",
					    "-", "-", "-+", "-"};
	struct json_object *a = array(p->now.status, "tunnels");
	struct mpq_table t;

	mpq_table_init(&t, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; a != NULL && i < json_object_array_length(a); i++) {
		add_tunnel(p, &t, json_object_array_get_idx(a, i));
	}
	mpq_table_print(&t, p->colour, p->columns);
	mpq_table_finish(&t);
}

static enum mpq_table_tint state_tint(const char *state)
{
	if (strcmp(state, "up") == 0) {
		return MPQ_TABLE_GOOD;
	}
	if (strcmp(state, "disabled") == 0 || strcmp(state, "held") == 0) {
		return MPQ_TABLE_DIM;
	}
	return MPQ_TABLE_BAD;
}

/* Round trip and loss of a path that is not up are old news. */
static void add_quality(struct mpq_table *t, struct json_object *path, bool up)
{
	char text[MPQ_FORMAT_BYTES];
	uint64_t n;

	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      up && mpq_format_number(path, "rtt-us", &n)
			      ? mpq_format_us(n, text)
			      : "-");
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      up && mpq_format_number(path, "loss-ppm", &n)
			      ? mpq_format_ppm(n, text)
			      : "-");
}

static void add_reason(struct mpq_table *t, struct json_object *path, bool up)
{
	uint64_t most;

	if (up && mpq_format_number(path, "narrow-bytes", &most)) {
		mpq_table_add(t, MPQ_TABLE_PLAIN,
			      "carries packets of up to %llu bytes, less than "
			      "the tunnel's MTU",
			      (unsigned long long)most);
	} else {
		mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
			      up ? "" : mpq_format_member(path, "reason", ""));
	}
}

/* At a concentrator a path's name is its listener's: many have it. */
static void add_path(const struct mpq_picture *p, struct mpq_table *t,
		     struct json_object *path, bool is_edge)
{
	const char *state = mpq_format_member(path, "state", "?");
	bool up = strcmp(state, "up") == 0;
	char text[MPQ_FORMAT_BYTES];

	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      mpq_format_member(path, "name", "?"));
	if (!is_edge) {
		mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
			      mpq_format_member(path, "tunnel", "-"));
	}
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      mpq_format_member(path, "wan",
					mpq_format_member(path, "peer-address",
							  "-")));
	mpq_table_add(t, state_tint(state), "%s", state);
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s", since(p, path, text));
	add_quality(t, path, up);
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      up ? rate(p, "paths", path, "in-bytes", text) : "-");
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      up ? rate(p, "paths", path, "out-bytes", text) : "-");
	add_reason(t, path, up);
}

static void print_paths(const struct mpq_picture *p)
{
	static const char *const edge[] = {"PATH",   "WAN",  "STATE",
					   ">SINCE", ">RTT", ">LOSS",
					   ">IN",    ">OUT", "REASON"};
	static const char *const concentrator[] = {"PATH",  "TUNNEL", "FROM",
						   "STATE", ">SINCE", ">RTT",
						   ">LOSS", ">IN",    ">OUT",
						   "REASON"};
	struct json_object *a = array(p->now.status, "paths");
	bool is_edge = strcmp(mpq_format_member(p->now.status, "role", ""),
			      "concentrator") != 0;
	struct mpq_table t;

	if (a == NULL || json_object_array_length(a) == 0) {
		return;
	}
	mpq_table_init(&t, is_edge ? edge : concentrator, is_edge ? 9 : 10);
	for (size_t i = 0; i < json_object_array_length(a); i++) {
		add_path(p, &t, json_object_array_get_idx(a, i), is_edge);
	}
	(void)putchar('\n');
	mpq_table_print(&t, p->colour, p->columns);
	mpq_table_finish(&t);
}

static void print_listeners(const struct mpq_picture *p)
{
	static const char *const heads[] = {"LISTENER", "ADDRESS",
					    ">CONNECTIONS"};
	struct json_object *a = array(p->now.status, "listeners");
	struct mpq_table t;
	uint64_t n;

	if (a == NULL || json_object_array_length(a) == 0) {
		return;
	}
	mpq_table_init(&t, heads, 3);
	for (size_t i = 0; i < json_object_array_length(a); i++) {
		struct json_object *l = json_object_array_get_idx(a, i);

		n = 0;
		(void)mpq_format_number(l, "connections", &n);
		mpq_table_add(&t, MPQ_TABLE_PLAIN, "%s",
			      mpq_format_member(l, "name", "?"));
		mpq_table_add(&t, MPQ_TABLE_PLAIN, "%s",
			      mpq_format_member(l, "local-address", "-"));
		mpq_table_add(&t, MPQ_TABLE_PLAIN, "%llu",
			      (unsigned long long)n);
	}
	(void)putchar('\n');
	mpq_table_print(&t, p->colour, p->columns);
	mpq_table_finish(&t);
}

static void print_sessions(const struct mpq_picture *p)
{
	struct json_object *a = array(p->now.status, "tunnels");

	for (size_t i = 0; i < count(p->now.status, "tunnels"); i++) {
		struct mpq_bonded b = {
			.now = json_object_array_get_idx(a, i),
			.between = between(p),
			.wall = p->wall,
			.colour = p->colour,
			.columns = p->columns,
		};

		b.before = mpq_rate_entry(p->before.status, "tunnels", "name",
					  b.now);
		mpq_bonded_draw(&b);
	}
}

void mpq_picture_draw(const struct mpq_picture *p)
{
	print_headline(p);
	print_alarms(p);
	print_tunnels(p);
	print_paths(p);
	print_sessions(p);
	print_listeners(p);
}
