/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An edge's path: one WAN to one port of the concentrator. Two sockets with
 * different local ports, so that a fresh connection can be tried while the old
 * one is in use (bond/life.h decides when). Carries its tunnel by whichever
 * channel is current.
 */
#ifndef MPQ_DATAPLANE_PATH_H
#define MPQ_DATAPLANE_PATH_H

#include "dataplane/bond/life.h"
#include "dataplane/channel.h"
#include "dataplane/io/udp.h"
#include "dataplane/tunnel.h"

#define MPQ_PATH_SOCKETS 2

struct mpq_path;

struct mpq_path_events {
	/* State or reason changed; `was` is the state before. */
	void (*changed)(struct mpq_path *p, enum mpq_life_state was,
			void *owner);
	/* The tunnel came up, changed channels or went down. */
	void (*tunnel)(struct mpq_tunnel *t, void *owner);
};

struct mpq_path_slot { /* a socket and the channel on it */
	struct mpq_path *path;
	struct mpq_udp udp;
	struct mpq_loop_fd watch;
	struct mpq_channel *channel;
	mpq_time drain_until; /* a successor carries on; MPQ_TIME_NEVER: none */
};

/* What all paths share; borrowed. */
struct mpq_path_shared {
	struct mpq_loop *loop;
	struct mpq_tls *const *tls; /* the one for new handshakes */
	const struct mpq_path_events *events;
	void *owner;
};

struct mpq_path {
	/* configuration */
	struct mpq_snapshot_path config;
	struct mpq_tunnel *tunnel; /* borrowed; may be NULL */
	int id;                    /* in its tunnel's session; -1: no tunnel */
	bool bonded; /* the tunnel had a session when it was configured */
	/* state */
	const struct mpq_path_shared *shared;
	struct mpq_life life;
	enum mpq_life_state told; /* the last that events.changed heard of */
	struct mpq_path_slot slot[MPQ_PATH_SOCKETS];
	int current, candidate; /* slots; -1: none */
	mpq_time renewed;       /* the last time; MPQ_TIME_NEVER: never */
	unsigned device_index;
	char local_address[MPQ_SOCKADDR_TEXT_BYTES];
	uint8_t token[512]; /* for the next dial (RFC 9000 §8.1.3) */
	size_t token_len;
	bool address_mismatch; /* ADDRESS_ASSIGN says other than we have */
	/* totals of the channels that are gone */
	uint64_t packets_in, packets_out, bytes_in, bytes_out, lost, spurious;
};

struct mpq_path *mpq_path_new(const struct mpq_path_shared *shared,
			      const struct mpq_snapshot_path *config,
			      mpq_time now);
void mpq_path_free(struct mpq_path *p);

/* Another remote, name to verify, tunnel or place in it, or a larger MTU: what
 * runs is made anew. Another WAN: it waits for mpq_path_link(). */
void mpq_path_configure(struct mpq_path *p,
			const struct mpq_snapshot_path *config,
			struct mpq_tunnel *tunnel, int id, mpq_time now);

/* We trust others now: what runs goes on if its concentrator would still be
 * let in. */
void mpq_path_verify(struct mpq_path *p);

/* The link as mpquic-control sees it. With MPQ_LIFE_CONNECTING: ready, and
 * fds[MPQ_PATH_SOCKETS], taken. 0; -errno: they are no sockets, and the path
 * has none. */
int mpq_path_link(struct mpq_path *p, enum mpq_life_state link,
		  const char *reason, const int *fds, mpq_time now);
void mpq_path_hold(struct mpq_path *p, bool held, mpq_time now);

/* Once a turn: timers, life, then everything that is to be written. */
void mpq_path_turn(struct mpq_path *p, mpq_time now);
mpq_time mpq_path_deadline(const struct mpq_path *p);

/* The current channel, or NULL. */
const struct mpq_channel *mpq_path_channel(const struct mpq_path *p);

#endif
