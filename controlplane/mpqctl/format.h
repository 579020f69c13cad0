/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as people read them: ages, rates, times; and JSON as programs do.
 * Text from the daemon may come from a peer's certificate: control characters
 * never reach the terminal.
 */
#ifndef MPQ_MPQCTL_FORMAT_H
#define MPQ_MPQCTL_FORMAT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define MPQ_FORMAT_BYTES 64

/* Control characters become '?'. */
void mpq_format_blunt(char *text);

/* A JSON value as text, without quotes when it is a string; the caller frees.
 * An array of strings becomes "a, b". NULL is "-". */
char *mpq_format_value(struct json_object *value);

/* A member that is a string, else `fallback`. Borrowed, not blunted. */
const char *mpq_format_member(struct json_object *o, const char *key,
			      const char *fallback);
bool mpq_format_number(struct json_object *o, const char *key, uint64_t *ret);
bool mpq_format_true(struct json_object *o, const char *key);

/* "12s", "5m12s", "3h05m", "2d04h"; returns text. */
const char *mpq_format_age(uint64_t seconds, char text[MPQ_FORMAT_BYTES]);
/* The age of an RFC 3339 time at `now`; what it is not is shown as it is. */
const char *mpq_format_since(const char *since, time_t now,
			     char text[MPQ_FORMAT_BYTES]);
const char *mpq_format_rate(uint64_t bits_per_second,
			    char text[MPQ_FORMAT_BYTES]);
/* Microseconds: "38.2 ms". */
const char *mpq_format_us(uint64_t us, char text[MPQ_FORMAT_BYTES]);
/* Parts in a million: "0.02%". */
const char *mpq_format_ppm(uint64_t ppm, char text[MPQ_FORMAT_BYTES]);

/* RFC 3339 §5.6, to the second. 0 or -EINVAL. */
int mpq_format_parse_time(const char *text, time_t *ret);

/* To standard output, pretty or on one line, and a line end. */
void mpq_format_json(struct json_object *value, bool pretty);

/* Does standard output want colour? A terminal, and no NO_COLOR. */
bool mpq_format_colour(void);

#endif
