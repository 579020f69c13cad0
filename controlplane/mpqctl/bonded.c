/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/bonded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/mpqctl/format.h"
#include "controlplane/mpqctl/rate.h"
#include "controlplane/mpqctl/table.h"
#include "controlplane/mpqctl/wrap.h"

struct session { /* of two samples */
	const struct mpq_bonded *b;
	struct json_object *before, *now;
};

static struct json_object *session_of(struct json_object *tunnel)
{
	struct json_object *s = NULL;

	return json_object_is_type(tunnel, json_type_object) &&
			       json_object_object_get_ex(tunnel, "session",
							 &s) &&
			       json_object_is_type(s, json_type_object)
		       ? s
		       : NULL;
}

static struct json_object *array(const struct session *s, const char *key)
{
	struct json_object *v = NULL;

	return s->now != NULL && json_object_object_get_ex(s->now, key, &v) &&
			       json_object_is_type(v, json_type_array) &&
			       json_object_array_length(v) > 0
		       ? v
		       : NULL;
}

/* ---- cells ---- */

static void add_number(struct mpq_table *t, struct json_object *o,
		       const char *key)
{
	uint64_t n;

	if (mpq_format_number(o, key, &n)) {
		mpq_table_add(t, MPQ_TABLE_PLAIN, "%llu",
			      (unsigned long long)n);
	} else {
		mpq_table_add(t, MPQ_TABLE_PLAIN, "-");
	}
}

static void add_formatted(struct mpq_table *t, struct json_object *o,
			  const char *key,
			  const char *(*format)(uint64_t value, char *text))
{
	char text[MPQ_FORMAT_BYTES];
	uint64_t n;

	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      mpq_format_number(o, key, &n) ? format(n, text) : "-");
}

/* ---- members ---- */

/* A concentrator knows them by their number alone. */
static void write_name(FILE *f, struct json_object *member)
{
	const char *name = mpq_format_member(member, "path", "");
	uint64_t id;

	if (name[0] != '\0') {
		(void)fputs(name, f);
	} else if (mpq_format_number(member, "id", &id)) {
		(void)fprintf(f, "path %llu", (unsigned long long)id);
	} else {
		(void)fputc('?', f);
	}
}

char *mpq_bonded_carriers(struct json_object *tunnel)
{
	struct session s = {.now = session_of(tunnel)};
	struct json_object *a = array(&s, "members");
	char *text = NULL;
	size_t size, n = 0;
	FILE *f;

	if (s.now == NULL) {
		return NULL;
	}
	f = open_memstream(&text, &size);
	for (size_t i = 0;
	     f != NULL && a != NULL && i < json_object_array_length(a); i++) {
		struct json_object *m = json_object_array_get_idx(a, i);

		if (mpq_format_true(m, "usable")) {
			(void)fputs(n++ > 0 ? ", " : "", f);
			write_name(f, m);
		}
	}
	if (f != NULL) {
		(void)fclose(f);
	}
	return text;
}

static bool member_bps(const struct session *s, struct json_object *member,
		       const char *counter, uint64_t *ret_bps)
{
	return mpq_rate(mpq_rate_entry(s->before, "members", "id", member),
			member, counter, s->b->between, ret_bps);
}

/* Its rate, and its share of what all of them bring. */
static void add_traffic(const struct session *s, struct mpq_table *t,
			struct json_object *member, const char *counter)
{
	struct json_object *a = array(s, "members");
	uint64_t total = 0, bps = 0, own;
	char text[MPQ_FORMAT_BYTES];

	for (size_t i = 0; i < json_object_array_length(a); i++) {
		if (member_bps(s, json_object_array_get_idx(a, i), counter,
			       &bps)) {
			total += bps;
		}
	}
	if (!member_bps(s, member, counter, &own)) {
		mpq_table_add(t, MPQ_TABLE_PLAIN, "-");
		mpq_table_add(t, MPQ_TABLE_PLAIN, "-");
		return;
	}
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s", mpq_format_rate(own, text));
	mpq_table_add(t, MPQ_TABLE_PLAIN, total > 0 ? "%.0f%%" : "-",
		      total > 0 ? 100.0 * (double)own / (double)total : 0.0);
}

static void add_since(const struct session *s, struct mpq_table *t,
		      struct json_object *member)
{
	const char *since = mpq_format_member(member, "since", NULL);
	char text[MPQ_FORMAT_BYTES];

	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      since != NULL ? mpq_format_since(since, s->b->wall, text)
				    : "-");
}

static void add_name(struct mpq_table *t, struct json_object *member)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f != NULL) {
		write_name(f, member);
		(void)fclose(f);
	}
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s", text != NULL ? text : "?");
	free(text);
}

/* What was never full can do at least what it did. */
static void add_capacity(struct mpq_table *t, struct json_object *m)
{
	char text[MPQ_FORMAT_BYTES];
	uint64_t bps;

	if (!mpq_format_number(m, "capacity-bps", &bps)) {
		mpq_table_add(t, MPQ_TABLE_PLAIN, "-");
		return;
	}
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s%s",
		      mpq_format_true(m, "capacity-proven") ? "" : ">",
		      mpq_format_rate(bps, text));
}

/* What it sends, and what it is. */
static void add_out(const struct session *s, struct mpq_table *t,
		    struct json_object *m)
{
	bool usable = mpq_format_true(m, "usable");

	add_name(t, m);
	mpq_table_add(t, usable ? MPQ_TABLE_GOOD : MPQ_TABLE_BAD, "%s",
		      mpq_format_member(m, "state", usable ? "used" : "-"));
	add_since(s, t, m);
	add_formatted(t, m, "rtt-us", mpq_format_us);
	mpq_table_add(t, MPQ_TABLE_PLAIN, "out");
	add_traffic(s, t, m, "out-bytes");
	add_capacity(t, m);
	add_formatted(t, m, "loss-ppm", mpq_format_ppm);
	add_formatted(t, m, "one-way-offset-us", mpq_format_us);
	add_formatted(t, m, "jitter-us", mpq_format_us);
	add_formatted(t, m, "queueing-us", mpq_format_us);
	add_number(t, m, "repaired");
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      usable ? "" : mpq_format_member(m, "reason", ""));
}

/* Made good of what came, with no need to be sent again. */
static void add_restored(struct mpq_table *t, struct json_object *m)
{
	uint64_t n;

	if (mpq_format_number(m, "restored", &n)) {
		add_number(t, m, "restored");
	} else {
		mpq_table_add(t, MPQ_TABLE_PLAIN, "%s", "");
	}
}

/* What it brings, in a line of its own below. */
static void add_in(const struct session *s, struct mpq_table *t,
		   struct json_object *m)
{
	for (int i = 0; i < 4; i++) {
		mpq_table_add(t, MPQ_TABLE_PLAIN, "%s", "");
	}
	mpq_table_add(t, MPQ_TABLE_PLAIN, "in");
	add_traffic(s, t, m, "in-bytes");
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s", "");
	add_formatted(t, m, "in-loss-ppm", mpq_format_ppm);
	add_formatted(t, m, "in-one-way-offset-us", mpq_format_us);
	add_formatted(t, m, "in-jitter-us", mpq_format_us);
	add_formatted(t, m, "in-queueing-us", mpq_format_us);
	add_restored(t, m);
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s", "");
}

static void print_members(const struct session *s)
{
	static const char *const heads[] = {"MEMBER",    "STATE",     ">SINCE",
					    ">RTT",      "-",         ">RATE",
					    ">SHARE",    ">CAPACITY", ">LOSS",
					    ">OFFSET",   ">JITTER",   ">QUEUE",
					    ">REPAIRED", "REASON"};
	struct json_object *a = array(s, "members");
	struct mpq_table t;

	if (a == NULL) {
		return;
	}
	mpq_table_init(&t, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < json_object_array_length(a); i++) {
		struct json_object *m = json_object_array_get_idx(a, i);

		add_out(s, &t, m);
		if (mpq_format_true(m, "usable")) {
			add_in(s, &t, m);
		}
	}
	mpq_table_print(&t, s->b->colour, s->b->columns);
	mpq_table_finish(&t);
}

/* ---- classes and rules ---- */

static void add_rate(const struct session *s, struct mpq_table *t,
		     const char *list, struct json_object *entry,
		     const char *counter)
{
	struct json_object *before =
		mpq_rate_entry(s->before, list, "name", entry);
	char text[MPQ_FORMAT_BYTES];
	uint64_t bps;

	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      mpq_rate(before, entry, counter, s->b->between, &bps)
			      ? mpq_format_rate(bps, text)
			      : "-");
}

static void add_class(const struct session *s, struct mpq_table *t,
		      struct json_object *c)
{
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      mpq_format_member(c, "name", "?"));
	mpq_table_add(t, MPQ_TABLE_PLAIN, "%s",
		      mpq_format_member(c, "mode", "-"));
	add_rate(s, t, "classes", c, "out-bytes");
	add_formatted(t, c, "queue-us", mpq_format_us);
	add_number(t, c, "dropped");
	add_number(t, c, "repaired");
	add_number(t, c, "copies");
	add_number(t, c, "delivered");
	add_number(t, c, "held");
	add_formatted(t, c, "waited-max-us", mpq_format_us);
	add_number(t, c, "late");
	add_number(t, c, "duplicate");
}

static void print_classes(const struct session *s)
{
	static const char *const heads[] = {"CLASS",    "MODE",
					    ">OUT",     ">QUEUE",
					    ">DROPPED", ">REPAIRED",
					    ">COPIES",  ">DELIVERED",
					    ">HELD",    ">LONGEST",
					    ">LATE",    ">DUPLICATE"};
	struct json_object *a = array(s, "classes");
	struct mpq_table t;

	if (a == NULL) {
		return;
	}
	mpq_table_init(&t, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < json_object_array_length(a); i++) {
		add_class(s, &t, json_object_array_get_idx(a, i));
	}
	(void)putchar('\n');
	mpq_table_print(&t, s->b->colour, s->b->columns);
	mpq_table_finish(&t);
}

static void print_rules(const struct session *s)
{
	static const char *const heads[] = {"RULE", ">PACKETS", ">BYTES",
					    ">OUT"};
	struct json_object *a = array(s, "rules");
	struct mpq_table t;

	if (a == NULL) {
		return;
	}
	mpq_table_init(&t, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < json_object_array_length(a); i++) {
		struct json_object *r = json_object_array_get_idx(a, i);
		const char *name = mpq_format_member(r, "name", "");

		mpq_table_add(&t,
			      name[0] != '\0' ? MPQ_TABLE_PLAIN : MPQ_TABLE_DIM,
			      "%s", name[0] != '\0' ? name : "(none matches)");
		add_number(&t, r, "packets");
		add_number(&t, r, "bytes");
		add_rate(s, &t, "rules", r, "bytes");
	}
	(void)putchar('\n');
	mpq_table_print(&t, s->b->colour, s->b->columns);
	mpq_table_finish(&t);
}

static void print_title(const struct session *s)
{
	struct json_object *a = array(s, "members");
	size_t n = a != NULL ? json_object_array_length(a) : 0, usable = 0;
	char *text;

	for (size_t i = 0; i < n; i++) {
		usable += mpq_format_true(json_object_array_get_idx(a, i),
					  "usable");
	}
	if (asprintf(&text, "%s: session %s, %zu of %zu paths carry it",
		     mpq_format_member(s->b->now, "name", "?"),
		     mpq_format_member(s->now, "state", "?"), usable, n) < 0) {
		return;
	}
	mpq_format_blunt(text);
	(void)putchar('\n');
	mpq_wrap_print(text, 0, 2, s->b->columns);
	(void)putchar('\n');
	free(text);
}

static bool has_members(const struct session *s)
{
	struct json_object *a = array(s, "members");

	return a != NULL && json_object_array_length(a) > 0;
}

void mpq_bonded_draw(const struct mpq_bonded *b)
{
	struct session s = {.b = b,
			    .before = session_of(b->before),
			    .now = session_of(b->now)};

	if (s.now == NULL || !has_members(&s)) {
		return; /* a plain client carries it now */
	}
	print_title(&s);
	print_members(&s);
	print_classes(&s);
	print_rules(&s);
}
