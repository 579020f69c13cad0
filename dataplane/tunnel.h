/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tunnel: a TUN device, the queue of packets that wait for its path, and the
 * rules for what may come out of it. It does not know paths: it is told which
 * channel carries it, or has a session, which knows all of its channels.
 *
 *	TUN -> cut into packets -> queue, or session -> (channels take them)
 *	(channel or session delivers) -> guard -> merge -> TUN
 */
#ifndef MPQ_DATAPLANE_TUNNEL_H
#define MPQ_DATAPLANE_TUNNEL_H

#include "dataplane/agenda.h"
#include "dataplane/channel.h"
#include "dataplane/flow/coalesce.h"
#include "dataplane/flow/guard.h"
#include "dataplane/flow/icmp.h"
#include "dataplane/io/loop.h"
#include "dataplane/io/tun.h"
#include "dataplane/session.h"
#include "dataplane/snapshot.h"

#define MPQ_TUNNEL_FRAME_BYTES  65536
#define MPQ_TUNNEL_REASON_BYTES 256

enum mpq_tunnel_drop {             /* each with a counter; names in tunnel.c */
	MPQ_TUNNEL_DROP_NO_PATH,   /* out: nothing carries the tunnel */
	MPQ_TUNNEL_DROP_MALFORMED, /* out: not an IP packet */
	MPQ_TUNNEL_DROP_TOO_BIG,   /* out: ICMP was answered */
	MPQ_TUNNEL_DROP_NO_BUFFER, /* out: others need what is left */
	MPQ_TUNNEL_DROP_MALFORMED_IN, /* in: the peer sent no IP packet */
	MPQ_TUNNEL_DROP_SOURCE,       /* in: not the peer's to use */
	MPQ_TUNNEL_DROP_DESTINATION,  /* in: not one of ours */
	MPQ_TUNNEL_DROP_SCOPE,        /* in: link-local and the like */
	MPQ_TUNNEL_DROP_TTL,          /* in: hop limit 0 */
	MPQ_TUNNEL_DROPS,
};
const char *mpq_tunnel_drop_name(enum mpq_tunnel_drop d); /* "no-path" */

struct mpq_tunnel;

/* What a session of a tunnel tells. */
struct mpq_tunnel_events {
	void (*changed)(void *owner, struct mpq_tunnel *t);
	void (*member)(void *owner, struct mpq_tunnel *t, unsigned path,
		       enum mpq_session_member_state was, const char *reason,
		       mpq_duration gap);
	void (*steered)(void *owner, struct mpq_tunnel *t,
			const struct mpq_steer_event *event);
};

/* What all tunnels of the process share; borrowed. */
struct mpq_tunnel_shared {
	const struct mpq_tunnel_events *events;
	void *owner;
	struct mpq_loop *loop;
	struct mpq_agenda *agenda; /* of them all */
	struct mpq_packet_pool *pool;
	uint8_t *frame; /* MPQ_TUNNEL_FRAME_BYTES */
};

struct mpq_tunnel {
	/* configuration */
	struct mpq_snapshot_tunnel config;
	struct mpq_guard guard;
	/* state */
	const struct mpq_tunnel_shared *shared;
	struct mpq_agenda_entry turn;
	struct mpq_tun tun;
	struct mpq_loop_fd watch;
	struct mpq_fair queue;
	struct mpq_fair_room room; /* of the queue */
	uint64_t seed;             /* of flow hashes */
	mpq_duration rtt;          /* of what carries it */
	struct mpq_coalesce *coalesce;
	struct mpq_channel *channel; /* carries it now; borrowed; or NULL */
	struct mpq_session *session; /* goes before it; NULL: there is none */
	bool delivered;              /* coalesce holds something */
	bool device_gone;            /* somebody deleted the TUN device */
	mpq_time since;              /* of up or down */
	char reason[MPQ_TUNNEL_REASON_BYTES]; /* why it is down */
	struct mpq_icmp_limiter icmp;
	struct mpq_policy policy; /* of its session */
	/* Its paths by their ID in the session, which stays while others come
	 * and go; "": free. */
	char members[MPQ_SESSION_PATHS][MPQ_SNAPSHOT_NAME_BYTES];
	unsigned addresses_version; /* of config.assign; counts from 1 */
	uint64_t packets_in, packets_out, bytes_in, bytes_out;
	uint64_t lost, spurious; /* by channels of a concentrator, now gone */
	uint64_t drops[MPQ_TUNNEL_DROPS];
};

/* Takes tun_fd (closed on failure, too). */
int mpq_tunnel_new(struct mpq_tunnel **ret,
		   const struct mpq_tunnel_shared *shared,
		   const struct mpq_snapshot_tunnel *config, bool edge,
		   int tun_fd, mpq_time now);
void mpq_tunnel_free(struct mpq_tunnel *t);

/* Another device for the same tunnel. Takes tun_fd (closed on failure, too).
 * 0 or -errno: it is none, and the old one stays. */
int mpq_tunnel_set_device(struct mpq_tunnel *t, int tun_fd);

/* Takes over what changed; no packet is lost. */
void mpq_tunnel_configure(struct mpq_tunnel *t,
			  const struct mpq_snapshot_tunnel *config, bool edge);

/* From now on this channel carries it: true when it was another or none. */
bool mpq_tunnel_attach(struct mpq_tunnel *t, struct mpq_channel *ch,
		       mpq_time now);
/* This channel no longer does; true when it did. */
bool mpq_tunnel_detach(struct mpq_tunnel *t, const struct mpq_channel *ch,
		       const char *reason, mpq_time now);
/* Why it is still down; nothing while a channel carries it. */
void mpq_tunnel_explain(struct mpq_tunnel *t, const char *reason);

/* By a channel or by its session. */
bool mpq_tunnel_is_up(const struct mpq_tunnel *t);

/* Bonding: there is a session from now on, if there was none. 0 or -ENOMEM. */
int mpq_tunnel_open_session(struct mpq_tunnel *t, bool client, mpq_time now);
void mpq_tunnel_close_session(struct mpq_tunnel *t);
/* This channel is no member of it any more; harmless if it was none. */
void mpq_tunnel_withdraw(struct mpq_tunnel *t, const struct mpq_channel *ch,
			 const char *reason, mpq_time now);
/* The ID of one of its paths in the session; -1: it has no such path. */
int mpq_tunnel_path_id(const struct mpq_tunnel *t, const char *path);
/* What holds for its session, now or once there is one; paths by their place in
 * the configuration. */
void mpq_tunnel_set_policy(struct mpq_tunnel *t,
			   const struct mpq_policy *policy, mpq_time now);
/* Before its channels write: what is due, what was merged; wakes the channels
 * for which something waits. */
void mpq_tunnel_turn(struct mpq_tunnel *t, mpq_time now);
mpq_time mpq_tunnel_deadline(const struct mpq_tunnel *t);

/* The round-trip time of what carries it: how long a queue may stand before it
 * is more than a passing one. */
void mpq_tunnel_set_rtt(struct mpq_tunnel *t, mpq_duration rtt);

/* What this channel has to send, for mpq_channel_write(); NULL when it has no
 * part in the tunnel (t may be NULL). */
const struct mpq_channel_source *mpq_tunnel_source(struct mpq_tunnel *t,
						   const struct mpq_channel *ch,
						   void **ret_owner,
						   mpq_time now);
/* Might it have anything to send? (t may be NULL) */
bool mpq_tunnel_waits(const struct mpq_tunnel *t, const struct mpq_channel *ch);

/* An inner packet from the peer. */
void mpq_tunnel_deliver(struct mpq_tunnel *t, const uint8_t *data, size_t len);
uint64_t mpq_tunnel_out_drops(const struct mpq_tunnel *t);
uint64_t mpq_tunnel_in_drops(const struct mpq_tunnel *t);

#endif
