/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/quiet.h"

void quiet_path(void *owner, const struct mpq_path *p, enum mpq_life_state was)
{
	(void)owner;
	(void)p;
	(void)was;
}

void quiet_tunnel(void *owner, const struct mpq_tunnel *t,
		  const struct mpq_sockaddr *remote)
{
	(void)owner;
	(void)t;
	(void)remote;
}

void quiet_refused(void *owner, const char *path, const struct mpq_tunnel *t,
		   const struct mpq_sockaddr *remote, const char *reason)
{
	(void)owner;
	(void)path;
	(void)t;
	(void)remote;
	(void)reason;
}
