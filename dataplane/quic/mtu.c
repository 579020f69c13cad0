/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for the path's MTU. The library makes it: three probes of each
 * size, a probe time-out apart, whatever else comes through, and once only. Of
 * a path that is out for a moment it would believe for as long as the
 * connection lasts that it carries no more. So the second and the third probe
 * of a size are held back here until something that was sent after the one
 * before has been answered: a probe is lost to an outage, the next one only to
 * another outage.
 */
#include "dataplane/quic/connection.h"

#define TRIES 3 /* of each size, the library's count */

static size_t known_bytes(const struct mpq_conn *c)
{
	return ngtcp2_conn_get_path_max_tx_udp_payload_size(c->quic);
}

/* A packet larger than the path is known to carry can only be a probe. */
bool mpq_connection_is_mtu_probe(const struct mpq_conn *c, size_t len)
{
	return len > known_bytes(c);
}

/* The last one of a size is given up after three probe time-outs. */
void mpq_connection_mtu_probed(struct mpq_conn *c, size_t len)
{
	mpq_duration pto = ngtcp2_conn_get_pto(c->quic);

	if (c->mtu.bytes != len || c->mtu.tries == TRIES) {
		c->mtu.bytes = len;
		c->mtu.tries = 0;
	}
	c->mtu.tries++;
	c->mtu.held = c->mtu.tries < TRIES;
	c->mtu.asks = c->now + pto;
	c->mtu.ends = c->now + 4 * pto;
}

static bool is_held(const struct mpq_conn *c)
{
	return c->mtu.held && mpq_connection_is_mtu_probe(c, c->mtu.bytes);
}

void mpq_connection_mtu_answered(struct mpq_conn *c)
{
	if (c->now >= c->mtu.asks) {
		c->mtu.held = false;
	}
}

/* The library sends no probe for which there is no room. */
size_t mpq_connection_room(const struct mpq_conn *c)
{
	return is_held(c) ? known_bytes(c) : c->max_udp_bytes;
}

bool mpq_conn_probing_mtu(const struct mpq_conn *c)
{
	return c->established && c->end.layer == MPQ_CONN_OPEN &&
	       known_bytes(c) <
		       ngtcp2_conn_get_max_tx_udp_payload_size(c->quic) &&
	       (c->mtu.bytes == 0 || is_held(c) || c->now < c->mtu.ends);
}

/* When nothing is under way, nothing would be answered. */
bool mpq_connection_mtu_asks(const struct mpq_conn *c)
{
	return is_held(c) && !c->ping_due && c->now >= c->mtu.asks &&
	       mpq_connection_in_flight(c) == 0;
}

mpq_time mpq_connection_mtu_deadline(const struct mpq_conn *c)
{
	if (!mpq_conn_probing_mtu(c) || c->mtu.bytes == 0) {
		return MPQ_TIME_NEVER;
	}
	if (!is_held(c)) {
		return c->mtu.ends; /* to notice it */
	}
	return c->now < c->mtu.asks || mpq_connection_mtu_asks(c)
		       ? c->mtu.asks
		       : MPQ_TIME_NEVER;
}
