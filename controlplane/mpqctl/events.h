/* SPDX-License-Identifier: Apache-2.0 */
/* The verb events, and how an event reads. */
#ifndef MPQ_MPQCTL_EVENTS_H
#define MPQ_MPQCTL_EVENTS_H

#include <json-c/json.h>

#include "controlplane/mpqctl/verb.h"

enum mpq_exit mpq_events_run(const struct mpq_call *call);

/* "path wan3: up -> no-carrier: cable out", without its time; the caller frees.
 */
char *mpq_events_text(struct json_object *event);

#endif
