/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: owns the loop, the tunnels, and an edge's paths or a
 * concentrator's listeners, and brings them to a snapshot by changing only what
 * differs. Talks to nobody: events go to the one who composes it.
 */
#ifndef MPQ_DATAPLANE_ENGINE_H
#define MPQ_DATAPLANE_ENGINE_H

#include "dataplane/listener.h"
#include "dataplane/path.h"
#include "dataplane/snapshot.h"

#define MPQ_ENGINE_POOL_PKTS 16384 /* 25 MB, touched as needed */

struct mpq_engine;

struct mpq_engine_events {
	/* Of a session; any of the two may be NULL. */
	void (*member)(void *owner, const struct mpq_tunnel *t, unsigned path,
		       enum mpq_session_member_state was, const char *reason,
		       mpq_duration gap);
	void (*steered)(void *owner, const struct mpq_tunnel *t,
			const struct mpq_steer_event *event);
	void (*path)(void *owner, const struct mpq_path *p,
		     enum mpq_life_state was);
	void (*tunnel)(void *owner, const struct mpq_tunnel *t,
		       const struct mpq_sockaddr *remote);
	void (*refused)(void *owner, const char *path,
			const struct mpq_tunnel *t, /* NULL: none yet */
			const struct mpq_sockaddr *remote, const char *reason);
};

enum mpq_engine_kind {
	MPQ_ENGINE_TUN,
	MPQ_ENGINE_LISTEN
};

struct mpq_engine_descriptor { /* handed over with a snapshot */
	enum mpq_engine_kind kind;
	char name[MPQ_SNAPSHOT_NAME_BYTES];
	int fd; /* -1 once taken */
};

struct mpq_engine {
	const struct mpq_engine_events *events;
	void *owner;
	struct mpq_loop *loop;
	struct mpq_packet_pool pool;
	struct mpq_agenda agenda; /* of the tunnels */
	struct mpq_tunnel_shared tunnel_shared;
	struct mpq_path_shared path_shared;
	struct mpq_listener_shared listener_shared;
	struct mpq_tls *tls;
	struct mpq_snapshot *snapshot; /* NULL before the first */
	struct mpq_tunnel **tunnels;
	struct mpq_path **paths;         /* edge */
	struct mpq_listener **listeners; /* concentrator */
	size_t n_tunnels, n_paths, n_listeners;
};

int mpq_engine_init(struct mpq_engine *e,
		    const struct mpq_engine_events *events, void *owner);
void mpq_engine_finish(struct mpq_engine *e);

/* Takes the snapshot and, of the descriptors, those it needs (fd becomes -1; a
 * TUN device takes the place of one that is there). 0; -errno with where and
 * why: the configuration is as it was. */
int mpq_engine_apply(struct mpq_engine *e, struct mpq_snapshot *snapshot,
		     struct mpq_engine_descriptor *descriptors, size_t n,
		     char at[128], char message[256]);

struct mpq_path *mpq_engine_path(struct mpq_engine *e, const char *name);
struct mpq_tunnel *mpq_engine_tunnel(const struct mpq_engine *e,
				     const char *name);
struct mpq_listener *mpq_engine_listener(const struct mpq_engine *e,
					 const char *name);

#endif
