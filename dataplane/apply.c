/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the snapshot in force to the next one: all that may fail comes first and
 * makes what is new beside what runs; then what is new is taken in, what stays
 * is told of its configuration, what is gone is ended, and nothing can fail.
 */
#include "dataplane/engine.h"

#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a snapshot needs and the engine does not have. */
struct fresh {
	struct mpq_tls *tls; /* NULL: the trust is the same */
	struct mpq_tunnel **tunnels;
	struct mpq_path **paths;
	struct mpq_listener **listeners;
	size_t n_tunnels, n_paths, n_listeners;
	bool trusts_others; /* than before */
};

struct apply {
	struct mpq_engine *engine;
	struct mpq_snapshot *snapshot;
	struct mpq_engine_descriptor *descriptors;
	size_t n_descriptors;
	struct fresh fresh;
	char *at, *message; /* [128], [256]: of a refusal */
};

static struct mpq_engine_descriptor *find_descriptor(const struct apply *a,
						     enum mpq_engine_kind kind,
						     const char *name)
{
	for (size_t i = 0; i < a->n_descriptors; i++) {
		struct mpq_engine_descriptor *d = &a->descriptors[i];

		if (d->fd >= 0 && d->kind == kind &&
		    strcmp(d->name, name) == 0) {
			return d;
		}
	}
	return NULL;
}

static int take(struct mpq_engine_descriptor *d)
{
	int fd = d->fd;

	d->fd = -1;
	return fd;
}

static int refuse(const struct apply *a, const char *list, size_t i, int error,
		  const char *what, const char *name)
{
	(void)snprintf(a->at, 128, "%s/%zu", list, i);
	(void)snprintf(a->message, 256, "%s \"%s\"%s%s", what, name,
		       error != 0 ? ": " : "",
		       error != 0 ? strerror(-error) : "");
	return error != 0 ? error : -EINVAL;
}

static int out_of_memory(const struct apply *a)
{
	a->at[0] = '\0';
	(void)snprintf(a->message, 256, "out of memory");
	return -ENOMEM;
}

/* ---- what may fail ------------------------------------------------------ */

static int check_role(const struct apply *a)
{
	const struct mpq_snapshot *old = a->engine->snapshot;

	if (old == NULL || old->edge == a->snapshot->edge) {
		return 0;
	}
	(void)snprintf(a->at, 128, "role");
	(void)snprintf(a->message, 256,
		       "the role changes only with a restart of mpquic-data");
	return -EINVAL;
}

static int make_tls(struct apply *a)
{
	const struct mpq_snapshot *s = a->snapshot, *old = a->engine->snapshot;
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
	int r;

	if (old != NULL && mpq_snapshot_trust_equal(&old->trust, &s->trust)) {
		return 0;
	}
	a->fresh.trusts_others =
		old != NULL &&
		!mpq_snapshot_trusts_same(&old->trust, &s->trust);
	r = mpq_tls_new(&a->fresh.tls, &config, reason);
	if (r < 0) {
		(void)snprintf(a->at, 128, "trust");
		(void)snprintf(a->message, 256, "%s", reason);
	}
	return r;
}

static int grow(void *list, size_t n)
{
	void **at = list;
	void *bigger = realloc(*at, (n + 1) * sizeof(void *));

	if (bigger == NULL) {
		return -ENOMEM;
	}
	*at = bigger;
	return 0;
}

/* Room for all that is and all that comes. */
static int make_room(struct apply *a)
{
	struct mpq_engine *e = a->engine;
	const struct mpq_snapshot *s = a->snapshot;
	struct fresh *f = &a->fresh;

	if (grow(&e->tunnels, e->n_tunnels + s->n_tunnels) < 0 ||
	    grow(&e->paths, e->n_paths + s->n_paths) < 0 ||
	    grow(&e->listeners, e->n_listeners + s->n_paths) < 0 ||
	    grow(&f->tunnels, s->n_tunnels) < 0 ||
	    grow(&f->paths, s->n_paths) < 0 ||
	    grow(&f->listeners, s->n_paths) < 0) {
		return out_of_memory(a);
	}
	return 0;
}

/* A device that came is for us to use, even if ours seems well: mpquic-control
 * may be the first to see that it is not. */
static int make_tunnel(struct apply *a, size_t i, mpq_time now)
{
	const struct mpq_snapshot_tunnel *config = &a->snapshot->tunnels[i];
	struct mpq_engine *e = a->engine;
	struct mpq_tunnel *t = mpq_engine_tunnel(e, config->name);
	struct mpq_engine_descriptor *d =
		find_descriptor(a, MPQ_ENGINE_TUN, config->name);
	int r;

	if (d == NULL) {
		return t != NULL && !t->device_gone
			       ? 0
			       : refuse(a, "tunnels", i, 0,
					"no TUN descriptor came for",
					config->name);
	}
	if (t != NULL) {
		r = mpq_tunnel_set_device(t, take(d));
	} else {
		r = mpq_tunnel_new(&t, &e->tunnel_shared, config,
				   a->snapshot->edge, take(d), now);
		if (r == 0) {
			a->fresh.tunnels[a->fresh.n_tunnels++] = t;
		}
	}
	return r == 0 ? 0
		      : refuse(a, "tunnels", i, r,
			       "no use can be made of the TUN descriptor for",
			       config->name);
}

static int make_path(struct apply *a, size_t i, mpq_time now)
{
	const struct mpq_snapshot_path *config = &a->snapshot->paths[i];
	struct mpq_path *p;

	if (mpq_engine_path(a->engine, config->name) != NULL) {
		return 0;
	}
	p = mpq_path_new(&a->engine->path_shared, config, now);
	if (p == NULL) {
		return out_of_memory(a);
	}
	a->fresh.paths[a->fresh.n_paths++] = p;
	return 0;
}

static bool listener_stays(const struct mpq_listener *l,
			   const struct mpq_snapshot *s)
{
	const struct mpq_snapshot_path *config =
		mpq_snapshot_path(s, l->config.name);

	return config != NULL && config->enabled &&
	       mpq_snapshot_path_equal(&l->config, config);
}

static int make_listener(struct apply *a, size_t i)
{
	const struct mpq_snapshot *s = a->snapshot;
	const struct mpq_snapshot_path *config = &s->paths[i];
	struct mpq_listener *l = mpq_engine_listener(a->engine, config->name);
	struct mpq_engine_descriptor *d =
		find_descriptor(a, MPQ_ENGINE_LISTEN, config->name);
	int r;

	if (!config->enabled || (l != NULL && listener_stays(l, s))) {
		return 0;
	}
	if (d == NULL) {
		return refuse(a, "paths", i, 0, "no socket came for listener",
			      config->name);
	}
	r = mpq_listener_new(&l, &a->engine->listener_shared, config, s->secret,
			     take(d));
	if (r < 0) {
		return refuse(a, "paths", i, r,
			      "no use can be made of the socket for listener",
			      config->name);
	}
	a->fresh.listeners[a->fresh.n_listeners++] = l;
	return 0;
}

static int prepare(struct apply *a, mpq_time now)
{
	const struct mpq_snapshot *s = a->snapshot;
	int r = check_role(a);

	if (r == 0) {
		r = make_tls(a);
	}
	if (r == 0) {
		r = make_room(a);
	}
	for (size_t i = 0; i < s->n_tunnels && r == 0; i++) {
		r = make_tunnel(a, i, now);
	}
	for (size_t i = 0; i < s->n_paths && r == 0; i++) {
		r = s->edge ? make_path(a, i, now) : make_listener(a, i);
	}
	return r;
}

static void abandon(struct apply *a)
{
	struct fresh *f = &a->fresh;

	while (f->n_tunnels > 0) {
		mpq_tunnel_free(f->tunnels[--f->n_tunnels]);
	}
	while (f->n_paths > 0) {
		mpq_path_free(f->paths[--f->n_paths]);
	}
	while (f->n_listeners > 0) {
		mpq_listener_free(f->listeners[--f->n_listeners]);
	}
	mpq_tls_unref(f->tls);
	mpq_snapshot_free(a->snapshot);
}

/* ---- what may not ------------------------------------------------------- */

/* Tunnels that go stay until nobody borrows them any more; being disabled, they
 * are found by nobody. */
static void change_session(struct apply *a, struct mpq_tunnel *t, mpq_time now)
{
	struct mpq_policy policy;

	mpq_snapshot_policy(a->snapshot, &t->config, &policy);
	mpq_tunnel_set_policy(t, &policy, now);
	if (!a->snapshot->edge) {
		return; /* edges open sessions here */
	}
	if (t->config.n_paths == 1) {
		mpq_tunnel_close_session(t);
	} else if (mpq_tunnel_open_session(t, true, now) < 0) {
		mpq_log_error("tunnel=%s: out of memory: it is not bonded, and "
			      "has one of its paths at a time",
			      t->config.name);
	}
}

static void change_tunnels(struct apply *a, mpq_time now)
{
	struct mpq_engine *e = a->engine;

	for (size_t i = 0; i < e->n_tunnels; i++) {
		struct mpq_tunnel *t = e->tunnels[i];
		const struct mpq_snapshot_tunnel *config =
			mpq_snapshot_tunnel(a->snapshot, t->config.name);

		if (config != NULL) {
			mpq_tunnel_configure(t, config, a->snapshot->edge);
			change_session(a, t, now);
		} else {
			t->config.enabled = false;
		}
	}
	for (size_t i = 0; i < a->fresh.n_tunnels; i++) {
		change_session(a, a->fresh.tunnels[i], now);
		e->tunnels[e->n_tunnels++] = a->fresh.tunnels[i];
	}
}

static void remove_tunnels(struct apply *a)
{
	struct mpq_engine *e = a->engine;
	size_t left = 0;

	for (size_t i = 0; i < e->n_tunnels; i++) {
		struct mpq_tunnel *t = e->tunnels[i];

		if (mpq_snapshot_tunnel(a->snapshot, t->config.name) != NULL) {
			e->tunnels[left++] = t;
		} else {
			mpq_tunnel_free(t);
		}
	}
	e->n_tunnels = left;
}

static void remove_paths(struct apply *a)
{
	struct mpq_engine *e = a->engine;
	size_t left = 0;

	for (size_t i = 0; i < e->n_paths; i++) {
		struct mpq_path *p = e->paths[i];

		if (mpq_snapshot_path(a->snapshot, p->config.name) != NULL) {
			e->paths[left++] = p;
		} else {
			mpq_path_free(p);
		}
	}
	e->n_paths = left;
}

static void change_paths(struct apply *a, mpq_time now)
{
	struct mpq_engine *e = a->engine;

	remove_paths(a);
	for (size_t i = 0; i < a->fresh.n_paths; i++) {
		e->paths[e->n_paths++] = a->fresh.paths[i];
	}
	for (size_t i = 0; i < e->n_paths; i++) {
		const char *name = e->paths[i]->config.name;
		const struct mpq_snapshot_tunnel *t =
			mpq_snapshot_tunnel_of(a->snapshot, name);

		mpq_path_configure(
			e->paths[i], mpq_snapshot_path(a->snapshot, name),
			t != NULL ? mpq_engine_tunnel(e, t->name) : NULL,
			t != NULL ? mpq_tunnel_path_id(
					    mpq_engine_tunnel(e, t->name), name)
				  : -1,
			now);
	}
}

static void remove_listeners(struct apply *a)
{
	struct mpq_engine *e = a->engine;
	size_t left = 0;

	for (size_t i = 0; i < e->n_listeners; i++) {
		struct mpq_listener *l = e->listeners[i];

		if (listener_stays(l, a->snapshot)) {
			e->listeners[left++] = l;
		} else {
			mpq_listener_free(l);
		}
	}
	e->n_listeners = left;
}

static uint16_t largest_mtu(const struct mpq_snapshot *s, const char *path)
{
	uint16_t largest = 0;

	for (size_t i = 0; i < s->n_tunnels; i++) {
		const struct mpq_snapshot_tunnel *t = &s->tunnels[i];

		if (mpq_snapshot_tunnel_path_index(t, path) >= 0 &&
		    t->mtu_bytes > largest) {
			largest = t->mtu_bytes;
		}
	}
	return largest;
}

static void change_listeners(struct apply *a)
{
	struct mpq_engine *e = a->engine;

	remove_listeners(a);
	for (size_t i = 0; i < a->fresh.n_listeners; i++) {
		e->listeners[e->n_listeners++] = a->fresh.listeners[i];
	}
	for (size_t i = 0; i < e->n_listeners; i++) {
		struct mpq_listener *l = e->listeners[i];

		l->inner_bytes = largest_mtu(a->snapshot, l->config.name) +
				 MPQ_HEADER_BYTES;
		mpq_listener_review(l);
	}
}

/* Those whom nobody would let in any more go, the others keep what stands. */
static void verify_peers(const struct mpq_engine *e)
{
	for (size_t i = 0; i < e->n_paths; i++) {
		mpq_path_verify(e->paths[i]);
	}
	for (size_t i = 0; i < e->n_listeners; i++) {
		mpq_listener_verify(e->listeners[i]);
	}
}

static void commit(struct apply *a, mpq_time now)
{
	struct mpq_engine *e = a->engine;

	mpq_snapshot_free(e->snapshot);
	e->snapshot = a->snapshot;
	if (a->fresh.tls != NULL) {
		mpq_tls_unref(e->tls);
		e->tls = a->fresh.tls;
	}
	change_tunnels(a, now);
	if (a->snapshot->edge) {
		change_paths(a, now);
	} else {
		change_listeners(a);
	}
	remove_tunnels(a);
	if (a->fresh.trusts_others) {
		verify_peers(e);
	}
}

int mpq_engine_apply(struct mpq_engine *e, struct mpq_snapshot *snapshot,
		     struct mpq_engine_descriptor *descriptors, size_t n,
		     char at[128], char message[256])
{
	struct apply a = {
		.engine = e,
		.snapshot = snapshot,
		.descriptors = descriptors,
		.n_descriptors = n,
		.at = at,
		.message = message,
	};
	mpq_time now = mpq_loop_now(e->loop);
	int r = prepare(&a, now);

	if (r == 0) {
		commit(&a, now);
	} else {
		abandon(&a);
	}
	free(a.fresh.tunnels);
	free(a.fresh.paths);
	free(a.fresh.listeners);
	return r;
}
