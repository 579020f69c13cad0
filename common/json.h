/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON whose shape we know, with errors that say where. A reader
 * collects the first error and goes on harmlessly, so a caller reads a whole
 * structure and checks once:
 *
 *   struct mpq_json_reader r = { 0 };
 *   const char *name = mpq_json_string(&r, object, "name");
 *   uint64_t mtu = mpq_json_uint_or(&r, object, "mtu", 68, 65535, 1400);
 *   if (r.error[0]) ...       "mtu: 12 is out of range 68..65535"
 */
#ifndef MPQ_COMMON_JSON_H
#define MPQ_COMMON_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct mpq_json_reader {
	char at[128];    /* where we are, prefixed to errors: "tunnels/0" */
	char error[256]; /* first error, "" while there is none */
};

/* Mandatory members. On a missing or ill-typed one: error, and "" / 0 / false /
 * NULL is returned. Strings are borrowed from the object. Numbers may come as
 * JSON numbers or, as RFC 7951 §6.1 prints 64-bit ones, as strings. */
const char *mpq_json_string(struct mpq_json_reader *r, struct json_object *o,
			    const char *key);
uint64_t mpq_json_uint(struct mpq_json_reader *r, struct json_object *o,
		       const char *key, uint64_t min, uint64_t max);
bool mpq_json_bool(struct mpq_json_reader *r, struct json_object *o,
		   const char *key);
struct json_object *mpq_json_object(struct mpq_json_reader *r,
				    struct json_object *o, const char *key);
struct json_object *mpq_json_array(struct mpq_json_reader *r,
				   struct json_object *o, const char *key);

/* Optional members: `fallback` (or NULL) when absent, an error when ill-typed.
 */
const char *mpq_json_string_or(struct mpq_json_reader *r, struct json_object *o,
			       const char *key, const char *fallback);
uint64_t mpq_json_uint_or(struct mpq_json_reader *r, struct json_object *o,
			  const char *key, uint64_t min, uint64_t max,
			  uint64_t fallback);
bool mpq_json_bool_or(struct mpq_json_reader *r, struct json_object *o,
		      const char *key, bool fallback);
struct json_object *mpq_json_array_or_null(struct mpq_json_reader *r,
					   struct json_object *o,
					   const char *key);

void mpq_json_fail(struct mpq_json_reader *r, const char *key,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
