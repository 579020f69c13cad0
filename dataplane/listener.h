/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A concentrator's port: finds the guest that a datagram belongs to, lets
 * proven newcomers in while there is room, and gives each its turn.
 */
#ifndef MPQ_DATAPLANE_LISTENER_H
#define MPQ_DATAPLANE_LISTENER_H

#include "dataplane/guest.h"
#include "dataplane/io/loop.h"
#include "dataplane/io/udp.h"
#include "dataplane/quic/demux.h"
#include "dataplane/snapshot.h"
#include "dataplane/tunnel.h"

#define MPQ_LISTENER_CHANNELS           4096 /* at most, established or not */
#define MPQ_LISTENER_HANDSHAKES         256  /* at most, without a tunnel yet */
#define MPQ_LISTENER_ADDRESS_HANDSHAKES 32   /* of these, of one address */
#define MPQ_LISTENER_TUNNEL_CHANNELS                                           \
	4 /* at most, of one tunnel, beside                                    \
	   * those of its session */

struct mpq_listener;

/* What listeners need of the one who composes them. */
struct mpq_listener_events {
	/* Who is this? NULL: nobody we know. Borrowed until the next
	 * configuration. */
	const struct mpq_snapshot_peer *(*identify)(
		void *owner, const struct mpq_certificate_identity *identity);
	/* The enabled tunnel of that peer on this listener, or NULL. */
	struct mpq_tunnel *(*find)(void *owner, const char *peer,
				   const char *path);
	/* A tunnel came up, moved or went down. */
	void (*tunnel)(void *owner, struct mpq_tunnel *t,
		       const struct mpq_sockaddr *remote);
	/* We turned somebody away. Not more than a few times a second. */
	void (*refused)(void *owner, struct mpq_listener *l,
			const struct mpq_tunnel *t, /* NULL: none yet */
			const struct mpq_sockaddr *remote, const char *reason);
};

/* What all listeners share; borrowed. */
struct mpq_listener_shared {
	struct mpq_loop *loop;
	struct mpq_tls *const *tls; /* the one for new handshakes */
	const struct mpq_listener_events *events;
	void *owner;
};

struct mpq_listener {
	struct mpq_snapshot_path config;
	const struct mpq_listener_shared *shared;
	uint8_t secret[MPQ_DEMUX_SECRET_BYTES]; /* of this listener alone */
	struct mpq_udp udp;
	struct mpq_loop_fd watch;
	struct mpq_demux *demux;
	struct mpq_guest *guests; /* newest first */
	struct mpq_agenda agenda; /* of them */
	size_t n_guests, n_handshakes;
	uint64_t n_admitted;      /* ever */
	uint16_t inner_bytes;     /* the largest packets of any tunnel here */
	uint64_t dropped_full;    /* newcomers: no room at all .. */
	uint64_t dropped_address; /* .. or for more of their address */
	uint64_t refusals;
	mpq_time reports_spent; /* lies ahead by what was reported lately */
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

/* We trust others now: guests whose certificate is no longer good are
 * refused, the others stay. */
void mpq_listener_verify(struct mpq_listener *l);

void mpq_listener_turn(struct mpq_listener *l, mpq_time now);
mpq_time mpq_listener_deadline(const struct mpq_listener *l);

/* For guests: counts a refusal, and reports it when there were few lately. `t`:
 * the tunnel that it had; NULL: none yet. */
void mpq_listener_refused(struct mpq_listener *l, const struct mpq_tunnel *t,
			  const struct mpq_sockaddr *remote,
			  const char *reason);

/* Adds what the guests of this tunnel have lost to what it lost before. */
void mpq_listener_losses(const struct mpq_listener *l,
			 const struct mpq_tunnel *t, uint64_t *ret_lost,
			 uint64_t *ret_spurious);

#endif
