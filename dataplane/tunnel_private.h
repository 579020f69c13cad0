/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a tunnel share: tunnel.c (its life, packets in),
 * tunnel_out.c (packets out), tunnel_session.c (what its session asks and
 * tells). For nobody else.
 */
#ifndef MPQ_DATAPLANE_TUNNEL_PRIVATE_H
#define MPQ_DATAPLANE_TUNNEL_PRIVATE_H

#include "dataplane/tunnel.h"

/* A tunnel that is down for less keeps its packets: a channel may be changing.
 */
#define MPQ_TUNNEL_GRACE (1 * MPQ_SECOND)

static inline void mpq_tunnel_count(struct mpq_tunnel *t,
				    enum mpq_tunnel_drop why)
{
	t->drops[why]++;
}

/* Its session carries it. */
static inline bool mpq_tunnel_is_bonded(const struct mpq_tunnel *t)
{
	return t->session != NULL && mpq_session_is_up(t->session);
}

/* tunnel_out.c: the device has something. */
void mpq_tunnel_on_readable(void *owner, mpq_time now);
/* A packet that a path cannot carry: tell its sender (RFC 9484 §7.2.1). One
 * that is diverted goes by other paths all the same; one that is too big for
 * all is counted, and its owner drops it. */
void mpq_tunnel_diverted(struct mpq_tunnel *t, const struct mpq_packet *p,
			 size_t limit_bytes, mpq_time now);
void mpq_tunnel_too_big(struct mpq_tunnel *t, const struct mpq_packet *p,
			size_t limit_bytes, mpq_time now);

#endif
