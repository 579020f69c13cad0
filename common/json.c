/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 48 /* of a wrong value */

void mpq_json_fail(struct mpq_json_reader *r, const char *key,
		   const char *format, ...)
{
	size_t room = sizeof(r->error), n = 0;
	va_list ap;

	if (r->error[0] != '\0') {
		return;
	}
	n = (size_t)snprintf(r->error, room, "%s%s%s: ", r->at,
			     r->at[0] != '\0' && key[0] != '\0' ? "/" : "",
			     key);
	if (n >= room) {
		return;
	}
	va_start(ap, format);
	(void)vsnprintf(r->error + n, room - n, format, ap);
	va_end(ap);
}

/* The value as it stood in the text, shortened. */
static void show(struct json_object *value, char text[SHOWN_BYTES])
{
	const char *s =
		json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
	int n = snprintf(text, SHOWN_BYTES, "%s", s);

	if (n >= SHOWN_BYTES) {
		memcpy(text + SHOWN_BYTES - 4, "...", 4);
	}
}

static void fail_type(struct mpq_json_reader *r, const char *key,
		      struct json_object *value, const char *wanted)
{
	char text[SHOWN_BYTES];

	show(value, text);
	mpq_json_fail(r, key, "%s is not %s", text, wanted);
}

/* Is the member there? A JSON null is there, and has no type that we take. */
static bool look_up(struct json_object *o, const char *key,
		    struct json_object **ret)
{
	return json_object_is_type(o, json_type_object) &&
	       json_object_object_get_ex(o, key, ret);
}

static struct json_object *read_typed(struct mpq_json_reader *r,
				      struct json_object *o, const char *key,
				      enum json_type type, bool mandatory)
{
	static const char *const wanted[] = {
		[json_type_boolean] = "true or false",
		[json_type_object] = "an object",
		[json_type_array] = "an array",
		[json_type_string] = "a string",
	};
	struct json_object *value;

	if (!look_up(o, key, &value)) {
		if (mandatory) {
			mpq_json_fail(r, key, "is missing");
		}
		return NULL;
	}
	if (!json_object_is_type(value, type)) {
		fail_type(r, key, value, wanted[type]);
		return NULL;
	}
	return value;
}

const char *mpq_json_string(struct mpq_json_reader *r, struct json_object *o,
			    const char *key)
{
	struct json_object *v = read_typed(r, o, key, json_type_string, true);

	return v != NULL ? json_object_get_string(v) : "";
}

const char *mpq_json_string_or(struct mpq_json_reader *r, struct json_object *o,
			       const char *key, const char *fallback)
{
	struct json_object *v = read_typed(r, o, key, json_type_string, false);

	return v != NULL ? json_object_get_string(v) : fallback;
}

bool mpq_json_bool(struct mpq_json_reader *r, struct json_object *o,
		   const char *key)
{
	struct json_object *v = read_typed(r, o, key, json_type_boolean, true);

	return v != NULL && json_object_get_boolean(v);
}

bool mpq_json_bool_or(struct mpq_json_reader *r, struct json_object *o,
		      const char *key, bool fallback)
{
	struct json_object *v = read_typed(r, o, key, json_type_boolean, false);

	return v != NULL ? json_object_get_boolean(v) : fallback;
}

struct json_object *mpq_json_object(struct mpq_json_reader *r,
				    struct json_object *o, const char *key)
{
	return read_typed(r, o, key, json_type_object, true);
}

struct json_object *mpq_json_array(struct mpq_json_reader *r,
				   struct json_object *o, const char *key)
{
	return read_typed(r, o, key, json_type_array, true);
}

struct json_object *mpq_json_array_or_null(struct mpq_json_reader *r,
					   struct json_object *o,
					   const char *key)
{
	return read_typed(r, o, key, json_type_array, false);
}

enum number {
	NUMBER_OK,
	NUMBER_NEGATIVE,
	NUMBER_HUGE,
	NUMBER_NONE
};

static enum number read_digits(const char *s, uint64_t *ret)
{
	bool negative = *s == '-';
	const char *digits = s + negative;
	size_t n = strspn(digits, "0123456789");

	if (n == 0 || digits[n] != '\0') {
		return NUMBER_NONE;
	}
	if (negative) {
		return NUMBER_NEGATIVE;
	}
	errno = 0;
	*ret = strtoull(s, NULL, 10);
	return errno == ERANGE ? NUMBER_HUGE : NUMBER_OK;
}

/* RFC 7951 §6.1: int64 and uint64 are strings. */
static enum number read_number(struct json_object *v, uint64_t *ret)
{
	if (json_object_is_type(v, json_type_string)) {
		return read_digits(json_object_get_string(v), ret);
	}
	if (!json_object_is_type(v, json_type_int)) {
		return NUMBER_NONE;
	}
	if (json_object_get_int64(v) < 0) {
		return NUMBER_NEGATIVE;
	}
	*ret = json_object_get_uint64(v);
	return NUMBER_OK;
}

static uint64_t read_uint(struct mpq_json_reader *r, struct json_object *v,
			  const char *key, uint64_t min, uint64_t max,
			  uint64_t fallback)
{
	uint64_t value = 0;
	enum number kind = read_number(v, &value);
	char text[SHOWN_BYTES];

	if (kind == NUMBER_NONE) {
		fail_type(r, key, v, "a whole number");
		return fallback;
	}
	if (kind != NUMBER_OK || value < min || value > max) {
		show(v, text);
		mpq_json_fail(r, key, "%s is out of range %llu..%llu", text,
			      (unsigned long long)min, (unsigned long long)max);
		return fallback;
	}
	return value;
}

uint64_t mpq_json_uint(struct mpq_json_reader *r, struct json_object *o,
		       const char *key, uint64_t min, uint64_t max)
{
	struct json_object *v;

	if (!look_up(o, key, &v)) {
		mpq_json_fail(r, key, "is missing");
		return 0;
	}
	return read_uint(r, v, key, min, max, 0);
}

uint64_t mpq_json_uint_or(struct mpq_json_reader *r, struct json_object *o,
			  const char *key, uint64_t min, uint64_t max,
			  uint64_t fallback)
{
	struct json_object *v;

	if (!look_up(o, key, &v)) {
		return fallback;
	}
	return read_uint(r, v, key, min, max, fallback);
}
