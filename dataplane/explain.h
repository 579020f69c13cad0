/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a flow that leaves by a bonded tunnel, and why: the answer to
 * Explain (common/southbound.h). Reads, and counts nothing.
 */
#ifndef MPQ_DATAPLANE_EXPLAIN_H
#define MPQ_DATAPLANE_EXPLAIN_H

#include "common/json.h"
#include "dataplane/engine.h"

/* A new object; NULL: in->error says what is wrong with the question. */
struct json_object *mpq_explain(const struct mpq_engine *e,
				struct json_object *question,
				struct mpq_json_reader *in, mpq_time now);

#endif
