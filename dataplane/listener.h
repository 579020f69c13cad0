/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A concentrator's port: finds the connection that a datagram belongs to,
 * accepts proven newcomers, matches a peer's request to its tunnel. Downlink
 * follows uplink: a tunnel is carried by the channel that brought its latest
 * packet, so that both ends agree when an edge changes connections.
 */
#ifndef MPQ_DATAPLANE_LISTENER_H
#define MPQ_DATAPLANE_LISTENER_H

#include "dataplane/channel.h"
#include "dataplane/io/loop.h"
#include "dataplane/io/udp.h"
#include "dataplane/quic/demux.h"
#include "dataplane/snapshot.h"
#include "dataplane/tunnel.h"

#define MPQ_LISTENER_CHANNELS        4096 /* at most, established or not */
#define MPQ_LISTENER_HANDSHAKES      256  /* at most, not yet up */
#define MPQ_LISTENER_TUNNEL_CHANNELS 4    /* at most, of one tunnel */

struct mpq_listener;

/* What listeners need of the one who composes them. */
struct mpq_listener_events {
	/* Who is this? NULL: nobody we know. Borrowed until the next
	 * configuration. */
	const struct mpq_snapshot_peer *(*identify)(
		void *owner, const struct mpq_certificate_identity *identity);
	/* The tunnel of that peer on this listener, or NULL. */
	struct mpq_tunnel *(*find)(void *owner, const char *peer,
				   const char *path);
	/* A tunnel came up, moved or went down. */
	void (*tunnel)(void *owner, struct mpq_tunnel *t,
		       const struct mpq_sockaddr *remote);
	/* We turned somebody away. */
	void (*refused)(void *owner, struct mpq_listener *l,
			const struct mpq_sockaddr *remote, const char *reason);
};

/* What all listeners share; borrowed. */
struct mpq_listener_shared {
	struct mpq_loop *loop;
	struct mpq_tls *const *tls; /* the one for new handshakes */
	const struct mpq_listener_events *events;
	void *owner;
};

struct mpq_guest { /* a channel of a listener */
	struct mpq_guest *next, *prev;
	struct mpq_listener *listener;
	struct mpq_channel *channel;
	struct mpq_tunnel *tunnel; /* borrowed; NULL before its request */
	char peer[MPQ_SNAPSHOT_NAME_BYTES];
	struct mpq_sockaddr remote; /* where it came from */
	bool newcomer;              /* request accepted, not yet carrying */
	bool offered;               /* addresses and routes were sent */
};

struct mpq_listener {
	struct mpq_snapshot_path config;
	const struct mpq_listener_shared *shared;
	uint8_t secret[MPQ_DEMUX_SECRET_BYTES]; /* of this listener alone */
	struct mpq_udp udp;
	struct mpq_loop_fd watch;
	struct mpq_demux *demux;
	struct mpq_guest *guests;
	size_t n_guests, n_handshakes;
	uint16_t inner_bytes;  /* the largest packets of any tunnel here */
	uint64_t dropped_full; /* newcomers beyond the limits */
};

/* Takes fd (closed on failure, too). */
int mpq_listener_new(struct mpq_listener **ret,
		     const struct mpq_listener_shared *shared,
		     const struct mpq_snapshot_path *config,
		     const uint8_t secret[MPQ_DEMUX_SECRET_BYTES], int fd);
void mpq_listener_free(struct mpq_listener *l);

/* The configuration changed: guests whose peer or tunnel is gone are sent
 * away, the others stay. */
void mpq_listener_review(struct mpq_listener *l);

void mpq_listener_turn(struct mpq_listener *l, mpq_time now);
mpq_time mpq_listener_deadline(const struct mpq_listener *l);

/* The guest that carries this tunnel, or NULL. */
const struct mpq_guest *mpq_listener_guest(const struct mpq_listener *l,
					   const struct mpq_tunnel *t);

#endif
