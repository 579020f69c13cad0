/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mpquic-control may call (common/southbound.h): reads a call, does it,
 * makes the reply. Knows nothing of the line it came by.
 */
#ifndef MPQ_DATAPLANE_CALLS_H
#define MPQ_DATAPLANE_CALLS_H

#include "dataplane/engine.h"

#include <json-c/json.h>

/* A message with "method" and the descriptors beside it, as many as it has
 * labels: taken, closed unless they are of use. The reply is the caller's;
 * NULL: none is due. */
struct json_object *mpq_calls_do(struct mpq_engine *e,
				 struct json_object *message, int *fds,
				 size_t n_fds);

#endif
