/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls of requests.c and edits.c have in common: reading a parameter,
 * and the refusals that all of them may give. Each refusal ends the call. */
#ifndef MPQ_CONTROLPLANE_ANSWERS_H
#define MPQ_CONTROLPLANE_ANSWERS_H

#include "controlplane/northbound.h"
#include "controlplane/refusal.h"

/* A string of the call; NULL: it is missing, and the call was refused. */
const char *mpq_answers_parameter(struct mpq_northbound_call *call,
				  const char *key);

/* `why` counts when e is -EINVAL. */
void mpq_answers_error(struct mpq_northbound_call *call, int e,
		       const struct mpq_refusal *why);

/* There is no such path, tunnel, .. */
void mpq_answers_not_found(struct mpq_northbound_call *call, const char *kind,
			   const char *name);

/* mpquic-data is not there to be asked. */
void mpq_answers_not_connected(struct mpq_northbound_call *call);

/* mpquic-data refused, or did not answer: as in mpq_southbound_done. */
void mpq_answers_remote(struct mpq_northbound_call *call, int e,
			struct json_object *parameters);

#endif
