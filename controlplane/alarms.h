/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator ought to look at now. Worked out anew each time from the
 * state of things, so an alarm cannot stay behind when its cause is gone.
 */
#ifndef MPQ_CONTROLPLANE_ALARMS_H
#define MPQ_CONTROLPLANE_ALARMS_H

#include <json-c/json.h>
#include <time.h>

struct mpq_daemon;

/* An array of {"what", "message"}; the caller's to put. */
struct json_object *mpq_alarms_new(const struct mpq_daemon *d, time_t now);

/* The sentence about our certificate's dates, "" while there is nothing to say.
 * Its steps are 30, 7 and 1 days before the end, the end, and before the
 * beginning. */
#define MPQ_ALARMS_TEXT_BYTES 256
void mpq_alarms_dates(time_t not_before, time_t not_after, time_t now,
		      char text[MPQ_ALARMS_TEXT_BYTES]);

#endif
