/* SPDX-License-Identifier: Apache-2.0 */
/* What grew between two samples of the same thing. */
#ifndef MPQ_MPQCTL_RATE_H
#define MPQ_MPQCTL_RATE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

/* The entry of the array `list` of `o` in which `key` is as in `like`;
 * borrowed, NULL: none. */
struct json_object *mpq_rate_entry(struct json_object *o, const char *list,
				   const char *key, struct json_object *like);

/* Bits per second of a counter of bytes. false: there is nothing to compare, it
 * is new or counted from 0 again. */
bool mpq_rate(struct json_object *before, struct json_object *now,
	      const char *counter, mpq_duration between, uint64_t *ret_bps);

#endif
