/* SPDX-License-Identifier: Apache-2.0 */
/* An engine's events, for a world that does not listen to them. */
#ifndef MPQ_TESTS_FAKE_QUIET_H
#define MPQ_TESTS_FAKE_QUIET_H

#include "dataplane/engine.h"

void quiet_path(void *owner, const struct mpq_path *p, enum mpq_life_state was);
void quiet_tunnel(void *owner, const struct mpq_tunnel *t,
		  const struct mpq_sockaddr *remote);
void quiet_refused(void *owner, const char *path, const struct mpq_tunnel *t,
		   const struct mpq_sockaddr *remote, const char *reason);

#endif
