/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/engine.h"

#include "common/log.h"

#include <errno.h>
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

static struct mpq_listener *find_listener(const struct mpq_engine *e,
					  const char *name)
{
	for (size_t i = 0; i < e->n_listeners; i++) {
		if (strcmp(e->listeners[i]->config.name, name) == 0) {
			return e->listeners[i];
		}
	}
	return NULL;
}

static struct mpq_engine_descriptor *
find_descriptor(struct mpq_engine_descriptor *d, size_t n,
		enum mpq_engine_kind kind, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (d[i].fd >= 0 && d[i].kind == kind &&
		    strcmp(d[i].name, name) == 0) {
			return &d[i];
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
		    strcmp(t->config.path, path) == 0) {
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
		       const struct mpq_sockaddr *remote, const char *reason)
{
	struct mpq_engine *e = owner;

	e->events->refused(e->owner, l->config.name, remote, reason);
}

static const struct mpq_listener_events listener_events = {
	.identify = on_identify,
	.find = on_find,
	.tunnel = on_listener_tunnel,
	.refused = on_refused,
};

/* ---- the turn ------------------------------------------------------------ */

/* Everything was read: deliver what was merged, then write what is due. */
static mpq_time on_turn_end(void *owner, mpq_time now)
{
	struct mpq_engine *e = owner;
	mpq_time due = MPQ_TIME_NEVER;

	for (size_t i = 0; i < e->n_tunnels; i++) {
		mpq_tunnel_flush(e->tunnels[i]);
	}
	for (size_t i = 0; i < e->n_paths; i++) {
		mpq_path_turn(e->paths[i], now);
		due = mpq_time_min(due, mpq_path_deadline(e->paths[i]));
	}
	for (size_t i = 0; i < e->n_listeners; i++) {
		mpq_listener_turn(e->listeners[i], now);
		due = mpq_time_min(due, mpq_listener_deadline(e->listeners[i]));
	}
	return due;
}

static const struct mpq_loop_events loop_events = {.turn_end = on_turn_end};

/* ---- applying a snapshot: check -------------------------------------------
 */

static int refuse(char at[128], char message[256], const char *list, size_t i,
		  const char *what, const char *name)
{
	(void)snprintf(at, 128, "%s/%zu", list, i);
	(void)snprintf(message, 256, "%s \"%s\"", what, name);
	return -EINVAL;
}

static bool listener_kept(const struct mpq_engine *e,
			  const struct mpq_snapshot_path *config)
{
	struct mpq_listener *l = find_listener(e, config->name);

	return l != NULL && config->enabled &&
	       mpq_snapshot_path_equal(&l->config, config);
}

static int check(struct mpq_engine *e, const struct mpq_snapshot *s,
		 struct mpq_engine_descriptor *d, size_t n, char at[128],
		 char message[256])
{
	if (e->snapshot != NULL && e->snapshot->edge != s->edge) {
		(void)snprintf(at, 128, "role");
		(void)snprintf(message, 256,
			       "the role changes only with a restart of "
			       "mpquic-data");
		return -EINVAL;
	}
	for (size_t i = 0; i < s->n_tunnels; i++) {
		const char *name = s->tunnels[i].name;
		struct mpq_tunnel *t = mpq_engine_tunnel(e, name);

		if ((t == NULL || t->device_gone) &&
		    find_descriptor(d, n, MPQ_ENGINE_TUN, name) == NULL) {
			return refuse(at, message, "tunnels", i,
				      "no TUN descriptor came for", name);
		}
	}
	for (size_t i = 0; !s->edge && i < s->n_paths; i++) {
		if (s->paths[i].enabled && !listener_kept(e, &s->paths[i]) &&
		    find_descriptor(d, n, MPQ_ENGINE_LISTEN,
				    s->paths[i].name) == NULL) {
			return refuse(at, message, "paths", i,
				      "no socket came for listener",
				      s->paths[i].name);
		}
	}
	return 0;
}

static int make_tls(const struct mpq_snapshot *s, struct mpq_tls **ret,
		    char at[128], char message[256])
{
	struct mpq_tls_config config = {
		.certificate_pem = s->trust.certificate_pem,
		.private_key_pem = s->trust.private_key_pem,
		.authority_pem = s->trust.authority_pem,
		.crl_pem = s->trust.crl_pem,
		.pins = s->trust.pins,
		.n_pins = s->trust.n_pins,
		.profile = s->trust.profile,
		.cipher = s->trust.cipher,
		.server = !s->edge,
	};
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
	int r = mpq_tls_new(ret, &config, reason);

	if (r < 0) {
		(void)snprintf(at, 128, "trust");
		(void)snprintf(message, 256, "%s", reason);
	}
	return r;
}

/* ---- applying a snapshot: do -----------------------------------------------
 */

static int take(struct mpq_engine_descriptor *d)
{
	int fd = d->fd;

	d->fd = -1;
	return fd;
}

static void forget_tunnel(struct mpq_engine *e, struct mpq_tunnel *t,
			  mpq_time now)
{
	for (size_t i = 0; i < e->n_paths; i++) {
		struct mpq_path *p = e->paths[i];

		if (p->tunnel == t) {
			mpq_path_configure(p, &p->config, NULL, now);
		}
	}
}

static bool tunnel_kept(const struct mpq_tunnel *t,
			const struct mpq_snapshot *s)
{
	return !t->device_gone && mpq_snapshot_tunnel(s, t->config.name);
}

static void remove_tunnels(struct mpq_engine *e, const struct mpq_snapshot *s,
			   mpq_time now)
{
	size_t left = 0;

	for (size_t i = 0; i < e->n_tunnels; i++) {
		if (!tunnel_kept(e->tunnels[i], s)) {
			e->tunnels[i]->config.enabled = false;
			forget_tunnel(e, e->tunnels[i], now);
		}
	}
	/* Guests find no disabled tunnel, so none borrows it after this. */
	for (size_t i = 0; i < e->n_listeners; i++) {
		mpq_listener_review(e->listeners[i]);
	}
	for (size_t i = 0; i < e->n_tunnels; i++) {
		if (tunnel_kept(e->tunnels[i], s)) {
			e->tunnels[left++] = e->tunnels[i];
		} else {
			mpq_tunnel_free(e->tunnels[i]);
		}
	}
	e->n_tunnels = left;
}

static int apply_tunnels(struct mpq_engine *e, const struct mpq_snapshot *s,
			 struct mpq_engine_descriptor *d, size_t n,
			 mpq_time now)
{
	for (size_t i = 0; i < s->n_tunnels; i++) {
		const struct mpq_snapshot_tunnel *config = &s->tunnels[i];
		struct mpq_tunnel *t = mpq_engine_tunnel(e, config->name);
		struct mpq_engine_descriptor *fd;
		int r;

		if (t != NULL) {
			mpq_tunnel_configure(t, config, s->edge);
			continue;
		}
		fd = find_descriptor(d, n, MPQ_ENGINE_TUN, config->name);
		r = mpq_tunnel_new(&t, &e->tunnel_shared, config, s->edge,
				   take(fd), now);
		if (r < 0) {
			return r;
		}
		e->tunnels[e->n_tunnels++] = t;
	}
	return 0;
}

static void remove_paths(struct mpq_engine *e, const struct mpq_snapshot *s)
{
	size_t left = 0;

	for (size_t i = 0; i < e->n_paths; i++) {
		if (mpq_snapshot_path(s, e->paths[i]->config.name) != NULL) {
			e->paths[left++] = e->paths[i];
		} else {
			mpq_path_free(e->paths[i]);
		}
	}
	e->n_paths = left;
}

static int apply_paths(struct mpq_engine *e, const struct mpq_snapshot *s,
		       mpq_time now)
{
	for (size_t i = 0; i < s->n_paths; i++) {
		const struct mpq_snapshot_path *config = &s->paths[i];
		const struct mpq_snapshot_tunnel *t =
			mpq_snapshot_tunnel_of(s, config->name);
		struct mpq_path *p = mpq_engine_path(e, config->name);

		if (p == NULL) {
			p = mpq_path_new(&e->path_shared, config, now);
			if (p == NULL) {
				return -ENOMEM;
			}
			e->paths[e->n_paths++] = p;
		}
		mpq_path_configure(p, config,
				   t != NULL ? mpq_engine_tunnel(e, t->name)
					     : NULL,
				   now);
	}
	return 0;
}

static void remove_listeners(struct mpq_engine *e, const struct mpq_snapshot *s)
{
	size_t left = 0;

	for (size_t i = 0; i < e->n_listeners; i++) {
		struct mpq_listener *l = e->listeners[i];
		const struct mpq_snapshot_path *config =
			mpq_snapshot_path(s, l->config.name);

		if (config != NULL && config->enabled &&
		    mpq_snapshot_path_equal(&l->config, config)) {
			e->listeners[left++] = l;
		} else {
			mpq_listener_free(l);
		}
	}
	e->n_listeners = left;
}

static int apply_listeners(struct mpq_engine *e, const struct mpq_snapshot *s,
			   struct mpq_engine_descriptor *d, size_t n)
{
	for (size_t i = 0; i < s->n_paths; i++) {
		const struct mpq_snapshot_path *config = &s->paths[i];
		struct mpq_engine_descriptor *fd;
		struct mpq_listener *l;
		int r;

		if (!config->enabled || find_listener(e, config->name)) {
			continue;
		}
		fd = find_descriptor(d, n, MPQ_ENGINE_LISTEN, config->name);
		r = mpq_listener_new(&l, config, e->loop, &e->tls, e->secret,
				     &listener_events, e, take(fd));
		if (r < 0) {
			return r;
		}
		e->listeners[e->n_listeners++] = l;
	}
	return 0;
}

/* What each listener needs to know of the tunnels behind it. */
static void review_listeners(struct mpq_engine *e)
{
	for (size_t i = 0; i < e->n_listeners; i++) {
		struct mpq_listener *l = e->listeners[i];

		l->inner_bytes = 0;
		for (size_t k = 0; k < e->n_tunnels; k++) {
			const struct mpq_snapshot_tunnel *t =
				&e->tunnels[k]->config;

			if (strcmp(t->path, l->config.name) == 0 &&
			    t->mtu_bytes > l->inner_bytes) {
				l->inner_bytes = t->mtu_bytes;
			}
		}
		mpq_listener_review(l);
	}
}

static int grow(void **list, size_t n)
{
	void *bigger = realloc(*list, (n + 1) * sizeof(void *));

	if (bigger == NULL) {
		return -ENOMEM;
	}
	*list = bigger;
	return 0;
}

/* Room for all that is and all that comes, so that nothing fails half-way. */
static int make_room(struct mpq_engine *e, const struct mpq_snapshot *s)
{
	int r = grow((void **)&e->tunnels, e->n_tunnels + s->n_tunnels);

	if (r == 0) {
		r = grow((void **)&e->paths, e->n_paths + s->n_paths);
	}
	if (r == 0) {
		r = grow((void **)&e->listeners, e->n_listeners + s->n_paths);
	}
	return r;
}

static int change(struct mpq_engine *e, struct mpq_snapshot *s,
		  struct mpq_engine_descriptor *d, size_t n)
{
	mpq_time now = mpq_loop_now(e->loop);
	struct mpq_snapshot *old = e->snapshot;
	int r;

	memcpy(e->secret, s->secret, sizeof(e->secret));
	e->snapshot = s;
	remove_paths(e, s);
	remove_listeners(e, s);
	remove_tunnels(e, s, now);
	mpq_snapshot_free(old);
	r = apply_tunnels(e, s, d, n, now);
	if (r == 0) {
		r = s->edge ? apply_paths(e, s, now)
			    : apply_listeners(e, s, d, n);
	}
	review_listeners(e);
	return r;
}

int mpq_engine_apply(struct mpq_engine *e, struct mpq_snapshot *snapshot,
		     struct mpq_engine_descriptor *descriptors, size_t n,
		     char at[128], char message[256])
{
	bool same_trust =
		e->snapshot != NULL &&
		mpq_snapshot_trust_equal(&e->snapshot->trust, &snapshot->trust);
	struct mpq_tls *tls = NULL;
	int r = check(e, snapshot, descriptors, n, at, message);

	if (r == 0 && !same_trust) {
		r = make_tls(snapshot, &tls, at, message);
	}
	if (r == 0) {
		r = make_room(e, snapshot);
	}
	if (r < 0) {
		mpq_tls_unref(tls);
		mpq_snapshot_free(snapshot);
		return r;
	}
	if (tls != NULL) {
		mpq_tls_unref(e->tls);
		e->tls = tls;
	}
	r = change(e, snapshot, descriptors, n);
	if (r < 0) {
		at[0] = '\0';
		(void)snprintf(message, 256,
			       "a device or socket could not be "
			       "used: %s",
			       strerror(-r));
	}
	return r;
}

int mpq_engine_init(struct mpq_engine *e,
		    const struct mpq_engine_events *events, void *owner)
{
	int r;

	memset(e, 0, sizeof(*e));
	e->events = events;
	e->owner = owner;
	r = mpq_packet_pool_init(&e->pool, MPQ_ENGINE_POOL_PKTS);
	if (r < 0) {
		return r;
	}
	r = mpq_loop_new(&e->loop, &loop_events, e);
	if (r < 0) {
		return r;
	}
	e->tunnel_shared = (struct mpq_tunnel_shared){
		.loop = e->loop,
		.pool = &e->pool,
		.frame = malloc(MPQ_TUNNEL_FRAME_BYTES),
	};
	e->path_shared = (struct mpq_path_shared){
		.loop = e->loop,
		.tls = &e->tls,
		.events = &path_events,
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
	free(e->paths);
	free(e->listeners);
	free(e->tunnels);
	mpq_snapshot_free(e->snapshot);
	mpq_tls_unref(e->tls);
	free(e->tunnel_shared.frame);
	mpq_packet_pool_finish(&e->pool);
	mpq_loop_free(e->loop);
}
