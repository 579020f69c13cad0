/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds an engine to what its agendas rely on (dataplane/agenda.h): who is not
 * touched has nothing to do, and the deadline that it had. To be asked between
 * turns of the loop, in any world of whole engines.
 */
#ifndef MPQ_TESTS_FAKE_TOUCHED_H
#define MPQ_TESTS_FAKE_TOUCHED_H

#include "dataplane/engine.h"

/* NULL: it holds. Else what does not, until the next call. */
const char *touched_missed(const struct mpq_engine *e);

#endif
