/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An edge and a concentrator with real connections (bond/life, the channel of
 * quic/conn and masque/h3, quic/demux) over two modelled directions of a link
 * with a NAT, under virtual time. What is put together here is what
 * dataplane/path and dataplane/listener put together over sockets. Both ends
 * send numbered packets all the time.
 *
 * What the libraries draw (keys, connection IDs) is not of the seed, so two
 * runs of one seed differ in bytes, not in what the link does to packets.
 */
#ifndef MPQ_TESTS_SIM_TUNNEL_WORLD_H
#define MPQ_TESTS_SIM_TUNNEL_WORLD_H

#include "dataplane/bond/life.h"
#include "dataplane/channel.h"
#include "dataplane/quic/demux.h"
#include "tests/sim/link.h"
#include "tests/sim/scenario.h"
#include "tests/unit/dataplane/queue_source.h"

#define TUNNEL_GUESTS    64
#define TUNNEL_TOKEN_MAX 512

struct tunnel_world;

/* One end's inner packets, out and in. */
struct tunnel_traffic {
	struct queue_source out;
	mpq_duration interval; /* between packets; 0: none */
	size_t size_bytes;
	mpq_time next;
	uint32_t sent;
	/* In, from the other end. */
	uint64_t received, bytes, corrupt;
	mpq_time last;
	mpq_duration longest_gap;
};

struct tunnel_slot { /* of the edge */
	struct tunnel_world *world;
	struct mpq_channel *channel;
	struct mpq_sockaddr local;
	mpq_time drain_until;
};

struct tunnel_guest { /* of the concentrator */
	struct tunnel_world *world;
	struct mpq_channel *channel; /* NULL: this place is free */
};

struct tunnel_world {
	struct sim_run *run;
	mpq_time now;
	struct sim_link up, down; /* from the edge, to the edge */
	uint16_t nat_shift;       /* of the edge's ports, seen from outside */
	struct mpq_tls *edge_tls, *concentrator_tls;
	struct mpq_packet_pool pool;
	uint16_t inner_bytes; /* the tunnel's MTU */

	struct mpq_life life;
	struct tunnel_slot slot[2];
	int current, candidate; /* slots; -1 */
	uint16_t next_port;
	bool link_ready;
	uint8_t token[TUNNEL_TOKEN_MAX];
	size_t token_len;
	struct tunnel_traffic edge;
	unsigned state_changes;
	unsigned refuse_status; /* what the concentrator answers; 0: 200 */

	uint8_t secret[MPQ_DEMUX_SECRET_BYTES];
	struct mpq_demux *demux;
	struct tunnel_guest guest[TUNNEL_GUESTS];
	struct mpq_channel *carrier; /* of the downlink */
	bool concentrator_away;
	struct tunnel_traffic concentrator;
};

/* Both directions of `shape`, traffic of `inner_bytes` each `interval`. The
 * edge's link is lost at first. */
struct tunnel_world *tunnel_world_new(struct sim_run *run,
				      const struct sim_link_shape *shape,
				      uint16_t inner_bytes, size_t size_bytes,
				      mpq_duration interval);
void tunnel_world_free(struct tunnel_world *w);

void tunnel_world_run(struct tunnel_world *w, mpq_duration time);
/* Until `done`, at most `limit`; how long it took, MPQ_TIME_NEVER: it is not
 * done. */
mpq_duration tunnel_world_until(struct tunnel_world *w,
				bool (*done)(const struct tunnel_world *w),
				mpq_duration limit);

/* What happens. */
void tunnel_world_link(struct tunnel_world *w, enum mpq_life_state link);
void tunnel_world_shape(struct tunnel_world *w,
			const struct sim_link_shape *shape);
void tunnel_world_rebind(struct tunnel_world *w);
void tunnel_world_kill_concentrator(struct tunnel_world *w);
void tunnel_world_start_concentrator(struct tunnel_world *w);

/* Begins to count packets and gaps anew. */
void tunnel_world_count_anew(struct tunnel_world *w);

bool tunnel_world_is_up(const struct tunnel_world *w);
/* Packets have come both ways since the counting began. */
bool tunnel_world_carries(const struct tunnel_world *w);

#endif
