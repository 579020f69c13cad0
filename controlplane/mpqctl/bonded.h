/* SPDX-License-Identifier: Apache-2.0 */
/* A bonded tunnel in the picture of Status: what its session makes of its
 * paths, and of which class and by which rule traffic is. */
#ifndef MPQ_MPQCTL_BONDED_H
#define MPQ_MPQCTL_BONDED_H

#include <json-c/json.h>
#include <stdbool.h>
#include <time.h>

#include "common/clock.h"

struct mpq_bonded {
	struct json_object *before, *now; /* the tunnel; before: may be NULL */
	mpq_duration between;
	time_t wall; /* when `now` was taken */
	bool colour;
	size_t columns; /* of the terminal; 0: lines may be long */
};

/* "wan1, wan2": the paths that carry the tunnel now. The caller frees. NULL: it
 * has no session. */
char *mpq_bonded_carriers(struct json_object *tunnel);

/* To standard output. Nothing, when the tunnel has no session. */
void mpq_bonded_draw(const struct mpq_bonded *b);

#endif
