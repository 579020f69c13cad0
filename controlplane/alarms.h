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

/* The sentence about a certificate that ends at `not_after`, "" while there are
 * more than 30 days left. Its steps are 30, 7 and 1 days, and the end. */
#define MPQ_ALARMS_TEXT_BYTES 256
void mpq_alarms_expiry(time_t not_after, time_t now,
		       char text[MPQ_ALARMS_TEXT_BYTES]);

#endif
