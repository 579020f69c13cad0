/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/engine.h"

#include "common/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- finding things ------------------------------------------------------ */

struct mpq_path *mpq_engine_path(struct mpq_engine *e, const char *name)
{
	for (size_t i = 0; i < e->n_paths; i++) {
		if (strcmp(e->paths[i]->config.name, name) == 0) {
			return e->paths[i];
		}
	}
	return NULL;
}

struct mpq_tunnel *mpq_engine_tunnel(const struct mpq_engine *e,
				     const char *name)
{
	for (size_t i = 0; i < e->n_tunnels; i++) {
		if (strcmp(e->tunnels[i]->config.name, name) == 0) {
			return e->tunnels[i];
		}
	}
	return NULL;
}

struct mpq_listener *mpq_engine_listener(const struct mpq_engine *e,
					 const char *name)
{
	for (size_t i = 0; i < e->n_listeners; i++) {
		if (strcmp(e->listeners[i]->config.name, name) == 0) {
			return e->listeners[i];
		}
	}
	return NULL;
}

/* ---- what the parts tell ------------------------------------------------- */

static void on_path_changed(struct mpq_path *p, enum mpq_life_state was,
			    void *owner)
{
	struct mpq_engine *e = owner;

	e->events->path(e->owner, p, was);
}

static void on_path_tunnel(struct mpq_tunnel *t, void *owner)
{
	struct mpq_engine *e = owner;

	e->events->tunnel(e->owner, t, NULL);
}

static const struct mpq_path_events path_events = {
	.changed = on_path_changed,
	.tunnel = on_path_tunnel,
};

static const struct mpq_snapshot_peer *
on_identify(void *owner, const struct mpq_certificate_identity *identity)
{
	struct mpq_engine *e = owner;

	return mpq_snapshot_identify(e->snapshot, identity);
}

static struct mpq_tunnel *on_find(void *owner, const char *peer,
				  const char *path)
{
	struct mpq_engine *e = owner;

	for (size_t i = 0; i < e->n_tunnels; i++) {
		struct mpq_tunnel *t = e->tunnels[i];

		if (t->config.enabled && strcmp(t->config.peer, peer) == 0 &&
		    mpq_snapshot_tunnel_path_index(&t->config, path) >= 0) {
			return t;
		}
	}
	return NULL;
}

static void on_listener_tunnel(void *owner, struct mpq_tunnel *t,
			       const struct mpq_sockaddr *remote)
{
	struct mpq_engine *e = owner;

	e->events->tunnel(e->owner, t, remote);
}

static void on_refused(void *owner, struct mpq_listener *l,
		       const struct mpq_tunnel *t,
		       const struct mpq_sockaddr *remote, const char *reason)
{
	struct mpq_engine *e = owner;

	e->events->refused(e->owner, l->config.name, t, remote, reason);
}

static const struct mpq_listener_events listener_events = {
	.identify = on_identify,
	.find = on_find,
	.tunnel = on_listener_tunnel,
	.refused = on_refused,
};

static void on_session_changed(void *owner, struct mpq_tunnel *t)
{
	struct mpq_engine *e = owner;

	e->events->tunnel(e->owner, t, NULL);
}

static void on_session_member(void *owner, struct mpq_tunnel *t, unsigned path,
			      enum mpq_session_member_state was,
			      const char *reason, mpq_duration gap)
{
	struct mpq_engine *e = owner;

	if (e->events->member != NULL) {
		e->events->member(e->owner, t, path, was, reason, gap);
	}
}

static void on_session_steered(void *owner, struct mpq_tunnel *t,
			       const struct mpq_steer_event *event)
{
	struct mpq_engine *e = owner;

	if (e->events->steered != NULL) {
		e->events->steered(e->owner, t, event);
	}
}

static const struct mpq_tunnel_events tunnel_events = {
	.changed = on_session_changed,
	.member = on_session_member,
	.steered = on_session_steered,
};

/* ---- the turn ------------------------------------------------------------ */

static struct mpq_tunnel *tunnel_of(struct mpq_agenda_entry *e)
{
	return (struct mpq_tunnel *)((char *)e -
				     offsetof(struct mpq_tunnel, turn));
}

/* Those that had a turn remain touched, as those of which the channels take
 * something are: their deadlines are asked for when all is written. */
static void turn_tunnels(struct mpq_engine *e, mpq_time now)
{
	size_t n = mpq_agenda_gather(&e->agenda, now);
	struct mpq_agenda_entry *entry;

	while (n-- > 0 && (entry = mpq_agenda_take(&e->agenda)) != NULL) {
		mpq_tunnel_turn(tunnel_of(entry), now);
		mpq_agenda_touch(entry);
	}
}

static void settle_tunnels(struct mpq_engine *e)
{
	struct mpq_agenda_entry *entry;

	while ((entry = mpq_agenda_take(&e->agenda)) != NULL) {
		mpq_agenda_wait(entry, mpq_tunnel_deadline(tunnel_of(entry)));
	}
}

/* Everything was read: deliver what was merged, then write what is due. */
static mpq_time on_turn_end(void *owner, mpq_time now)
{
	struct mpq_engine *e = owner;
	mpq_time due = MPQ_TIME_NEVER;

	turn_tunnels(e, now);
	for (size_t i = 0; i < e->n_paths; i++) {
		mpq_path_turn(e->paths[i], now);
		due = mpq_time_min(due, mpq_path_deadline(e->paths[i]));
	}
	for (size_t i = 0; i < e->n_listeners; i++) {
		mpq_listener_turn(e->listeners[i], now);
		due = mpq_time_min(due, mpq_listener_deadline(e->listeners[i]));
	}
	settle_tunnels(e);
	return mpq_time_min(due, mpq_agenda_deadline(&e->agenda));
}

static const struct mpq_loop_events loop_events = {.turn_end = on_turn_end};

/* ---- life ---------------------------------------------------------------- */

int mpq_engine_init(struct mpq_engine *e,
		    const struct mpq_engine_events *events, void *owner)
{
	int r;

	memset(e, 0, sizeof(*e));
	e->events = events;
	e->owner = owner;
	mpq_agenda_init(&e->agenda);
	r = mpq_packet_pool_init(&e->pool, MPQ_ENGINE_POOL_PKTS);
	if (r < 0) {
		return r;
	}
	r = mpq_loop_new(&e->loop, &loop_events, e);
	if (r < 0) {
		return r;
	}
	e->tunnel_shared = (struct mpq_tunnel_shared){
		.events = &tunnel_events,
		.owner = e,
		.loop = e->loop,
		.agenda = &e->agenda,
		.pool = &e->pool,
		.frame = malloc(MPQ_TUNNEL_FRAME_BYTES),
	};
	e->path_shared = (struct mpq_path_shared){
		.loop = e->loop,
		.tls = &e->tls,
		.events = &path_events,
		.owner = e,
	};
	e->listener_shared = (struct mpq_listener_shared){
		.loop = e->loop,
		.tls = &e->tls,
		.events = &listener_events,
		.owner = e,
	};
	return e->tunnel_shared.frame != NULL ? 0 : -ENOMEM;
}

void mpq_engine_finish(struct mpq_engine *e)
{
	for (size_t i = 0; i < e->n_paths; i++) {
		mpq_path_free(e->paths[i]);
	}
	for (size_t i = 0; i < e->n_listeners; i++) {
		mpq_listener_free(e->listeners[i]);
	}
	for (size_t i = 0; i < e->n_tunnels; i++) {
		mpq_tunnel_free(e->tunnels[i]);
	}
	mpq_agenda_finish(&e->agenda);
	free(e->paths);
	free(e->listeners);
	free(e->tunnels);
	mpq_snapshot_free(e->snapshot);
	mpq_tls_unref(e->tls);
	free(e->tunnel_shared.frame);
	mpq_packet_pool_finish(&e->pool);
	mpq_loop_free(e->loop);
}
