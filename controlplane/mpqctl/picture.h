/* SPDX-License-Identifier: Apache-2.0 */
/* One picture of Status: a headline, a line a tunnel, tables of paths, of what
 * bonded tunnels make of theirs (bonded.h), and of listeners. Rates come from
 * two samples. */
#ifndef MPQ_MPQCTL_PICTURE_H
#define MPQ_MPQCTL_PICTURE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <time.h>

#include "common/clock.h"

struct mpq_picture_sample {
	struct json_object *status; /* NULL: none yet */
	mpq_time at;
};

struct mpq_picture {
	struct mpq_picture_sample before, now;
	time_t wall; /* when `now` was taken */
	bool colour;
	size_t columns; /* of the terminal; 0: lines may be long */
};

/* To standard output. */
void mpq_picture_draw(const struct mpq_picture *p);

#endif
