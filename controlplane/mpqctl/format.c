/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/mpqctl/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void mpq_format_blunt(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			*text = '?';
		}
	}
}

static void write_value(FILE *f, struct json_object *value)
{
	if (json_object_is_type(value, json_type_string)) {
		(void)fputs(json_object_get_string(value), f);
		return;
	}
	if (!json_object_is_type(value, json_type_array)) {
		(void)fputs(json_object_to_json_string_ext(
				    value,
				    JSON_C_TO_STRING_PLAIN |
					    JSON_C_TO_STRING_NOSLASHESCAPE),
			    f);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		(void)fputs(i > 0 ? ", " : "", f);
		write_value(f, json_object_array_get_idx(value, i));
	}
}

char *mpq_format_value(struct json_object *value)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL) {
		return strdup("-");
	}
	if (value == NULL) {
		(void)fputs("-", f);
	} else {
		write_value(f, value);
	}
	(void)fclose(f);
	mpq_format_blunt(text);
	return text;
}

static struct json_object *member(struct json_object *o, const char *key,
				  enum json_type type)
{
	struct json_object *v = NULL;

	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, type)) {
		return NULL;
	}
	return v;
}

const char *mpq_format_member(struct json_object *o, const char *key,
			      const char *fallback)
{
	struct json_object *v = member(o, key, json_type_string);

	return v != NULL ? json_object_get_string(v) : fallback;
}

bool mpq_format_number(struct json_object *o, const char *key, uint64_t *ret)
{
	struct json_object *v = member(o, key, json_type_int);

	if (v == NULL || json_object_get_int64(v) < 0) {
		return false;
	}
	*ret = json_object_get_uint64(v);
	return true;
}

bool mpq_format_true(struct json_object *o, const char *key)
{
	struct json_object *v = member(o, key, json_type_boolean);

	return v != NULL && json_object_get_boolean(v);
}

const char *mpq_format_age(uint64_t seconds, char text[MPQ_FORMAT_BYTES])
{
	unsigned long long s = seconds, m = s / 60, h = m / 60, d = h / 24;

	if (m == 0) {
		(void)snprintf(text, MPQ_FORMAT_BYTES, "%llus", s);
	} else if (h == 0) {
		(void)snprintf(text, MPQ_FORMAT_BYTES, "%llum%02llus", m,
			       s % 60);
	} else if (d == 0) {
		(void)snprintf(text, MPQ_FORMAT_BYTES, "%lluh%02llum", h,
			       m % 60);
	} else {
		(void)snprintf(text, MPQ_FORMAT_BYTES, "%llud%02lluh", d,
			       h % 24);
	}
	return text;
}

int mpq_format_parse_time(const char *text, time_t *ret)
{
	struct tm tm = {0};
	const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	unsigned hours, minutes;
	char sign;
	time_t t;

	if (at == NULL) {
		return -EINVAL;
	}
	t = timegm(&tm);
	if (*at == '.') {
		at += 1 + strspn(at + 1, "0123456789");
	}
	if (strcmp(at, "Z") == 0) {
		*ret = t;
		return 0;
	}
	if (sscanf(at, "%c%2u:%2u", &sign, &hours, &minutes) != 3 ||
	    (sign != '+' && sign != '-')) {
		return -EINVAL;
	}
	t += (time_t)(hours * 3600 + minutes * 60) * (sign == '+' ? -1 : 1);
	*ret = t;
	return 0;
}

const char *mpq_format_since(const char *since, time_t now,
			     char text[MPQ_FORMAT_BYTES])
{
	time_t then;

	if (mpq_format_parse_time(since, &then) != 0) {
		(void)snprintf(text, MPQ_FORMAT_BYTES, "%s", since);
		return text;
	}
	return mpq_format_age(then < now ? (uint64_t)(now - then) : 0, text);
}

const char *mpq_format_rate(uint64_t bps, char text[MPQ_FORMAT_BYTES])
{
	if (bps < 1000) {
		(void)snprintf(text, MPQ_FORMAT_BYTES, "%u bit/s",
			       (unsigned)bps);
	} else if (bps < 1000000) {
		(void)snprintf(text, MPQ_FORMAT_BYTES, "%.1f kbit/s",
			       (double)bps / 1e3);
	} else if (bps < 1000000000) {
		(void)snprintf(text, MPQ_FORMAT_BYTES, "%.1f Mbit/s",
			       (double)bps / 1e6);
	} else {
		(void)snprintf(text, MPQ_FORMAT_BYTES, "%.2f Gbit/s",
			       (double)bps / 1e9);
	}
	return text;
}

const char *mpq_format_us(uint64_t us, char text[MPQ_FORMAT_BYTES])
{
	(void)snprintf(text, MPQ_FORMAT_BYTES,
		       us < 100000 ? "%.1f ms" : "%.0f ms", (double)us / 1e3);
	return text;
}

const char *mpq_format_ppm(uint64_t ppm, char text[MPQ_FORMAT_BYTES])
{
	(void)snprintf(text, MPQ_FORMAT_BYTES, "%.2f%%", (double)ppm / 1e4);
	return text;
}

void mpq_format_json(struct json_object *value, bool pretty)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
		    (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
			    : JSON_C_TO_STRING_PLAIN);

	(void)puts(json_object_to_json_string_ext(value, flags));
}

bool mpq_format_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
	       term != NULL && strcmp(term, "dumb") != 0;
}
