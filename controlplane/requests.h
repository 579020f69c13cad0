/* SPDX-License-Identifier: Apache-2.0 */
/* What each call of common/northbound.h does. */
#ifndef MPQ_CONTROLPLANE_REQUESTS_H
#define MPQ_CONTROLPLANE_REQUESTS_H

#include "controlplane/northbound.h"

struct mpq_daemon;

/* Now, or once the commit that is under way has ended. */
void mpq_requests_dispatch(struct mpq_daemon *d,
			   struct mpq_northbound_call *call);

/* A commit or a push has ended: the calls that wait have their turn. */
void mpq_requests_resume(struct mpq_daemon *d);

#endif
