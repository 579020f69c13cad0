/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of tunnel_world share: tunnel_edge.c (as dataplane/path),
 * tunnel_concentrator.c (as dataplane/listener), tunnel_world.c (traffic, the
 * wire, time).
 */
#ifndef MPQ_TESTS_SIM_TUNNEL_PRIVATE_H
#define MPQ_TESTS_SIM_TUNNEL_PRIVATE_H

#include "tests/sim/tunnel_world.h"

#define TUNNEL_EDGE              "10.64.0.2"
#define TUNNEL_CONCENTRATOR      "192.0.2.1"
#define TUNNEL_PORT              45001
#define TUNNEL_IDLE_TIMEOUT      (30 * MPQ_SECOND)
#define TUNNEL_HANDSHAKE_TIMEOUT (10 * MPQ_SECOND)
#define TUNNEL_INITIAL_RTT       (100 * MPQ_MILLISECOND)

struct mpq_sockaddr tunnel_address(const char *text, uint16_t port);

/* An inner packet came out at the end that `t` belongs to. */
void tunnel_received(struct tunnel_world *w, struct tunnel_traffic *t,
		     const uint8_t *data, size_t len);

/* Writes all that is due, with packets of `q` (may be NULL), to the link. */
void tunnel_write(struct tunnel_world *w, struct mpq_channel *ch,
		  struct queue_source *out);
/* To the edge, from the concentrator. */
void tunnel_send_down(struct tunnel_world *w, const struct mpq_sockaddr *from,
		      const struct mpq_sockaddr *to, uint8_t ecn,
		      const uint8_t *data, size_t len);

void tunnel_edge_act(struct tunnel_world *w, unsigned actions);
void tunnel_edge_receive(struct tunnel_world *w,
			 const struct sim_link_packet *p);
void tunnel_edge_turn(struct tunnel_world *w);
void tunnel_edge_free(struct tunnel_world *w);

void tunnel_concentrator_receive(struct tunnel_world *w,
				 const struct sim_link_packet *p);
void tunnel_concentrator_turn(struct tunnel_world *w);

#endif
