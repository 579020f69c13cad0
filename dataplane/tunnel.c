/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/tunnel_private.h"

#include "dataplane/flow/ip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_LIMIT_PKTS 2048
/* CoDel's interval (RFC 8289 §4.3: at least a worst round trip) also has to
 * outlast BBR's ProbeRTT, which holds packets back for 200 ms and a round trip
 * every few seconds without any queue standing in the path: a stream of 250
 * packets a second lost some each time with the usual 100 ms. */
#define QUEUE_INTERVAL(rtt) (300 * MPQ_MILLISECOND + 2 * (rtt))

const char *mpq_tunnel_drop_name(enum mpq_tunnel_drop d)
{
	static const char *const names[MPQ_TUNNEL_DROPS] = {
		[MPQ_TUNNEL_DROP_NO_PATH] = "no-path",
		[MPQ_TUNNEL_DROP_MALFORMED] = "malformed-out",
		[MPQ_TUNNEL_DROP_TOO_BIG] = "too-big",
		[MPQ_TUNNEL_DROP_NO_BUFFER] = "no-buffer",
		[MPQ_TUNNEL_DROP_MALFORMED_IN] = "malformed-in",
		[MPQ_TUNNEL_DROP_SOURCE] = "source",
		[MPQ_TUNNEL_DROP_DESTINATION] = "destination",
		[MPQ_TUNNEL_DROP_SCOPE] = "scope",
		[MPQ_TUNNEL_DROP_TTL] = "ttl",
	};

	return names[d];
}

/* ---- channel -> TUN ------------------------------------------------------ */

static enum mpq_tunnel_drop drop_of(enum mpq_guard_verdict v)
{
	switch (v) {
	case MPQ_GUARD_SOURCE:
		return MPQ_TUNNEL_DROP_SOURCE;
	case MPQ_GUARD_DESTINATION:
		return MPQ_TUNNEL_DROP_DESTINATION;
	case MPQ_GUARD_TTL:
		return MPQ_TUNNEL_DROP_TTL;
	default:
		return MPQ_TUNNEL_DROP_SCOPE;
	}
}

void mpq_tunnel_deliver(struct mpq_tunnel *t, const uint8_t *data, size_t len)
{
	enum mpq_guard_verdict verdict;
	struct mpq_ip ip;

	if (mpq_ip_parse(&ip, data, len) < 0) {
		mpq_tunnel_count(t, MPQ_TUNNEL_DROP_MALFORMED_IN);
		return;
	}
	verdict = mpq_guard_check(&t->guard, &ip);
	if (verdict != MPQ_GUARD_PASS) {
		mpq_tunnel_count(t, drop_of(verdict));
		return;
	}
	t->packets_in++;
	t->bytes_in += len;
	t->delivered = true;
	mpq_agenda_touch(&t->turn);
	mpq_coalesce_push(t->coalesce, data, len);
}

static void on_frame(void *owner, const struct virtio_net_hdr *hdr,
		     const uint8_t *frame, size_t len)
{
	struct mpq_tunnel *t = owner;

	(void)mpq_tun_write(&t->tun, hdr, frame, len);
}

void mpq_tunnel_turn(struct mpq_tunnel *t, mpq_time now)
{
	if (t->session != NULL) {
		mpq_session_turn(t->session, now);
		mpq_session_wake(t->session);
	}
	if (t->delivered) {
		t->delivered = false;
		mpq_coalesce_flush(t->coalesce);
	}
	if (t->channel != NULL && t->queue.pkts > 0) {
		mpq_channel_wake(t->channel);
	}
}

/* ---- life ---------------------------------------------------------------- */

static void add(struct mpq_prefix *list, size_t *n,
		const struct mpq_snapshot_prefixes *more)
{
	for (size_t i = 0; i < more->n && *n < MPQ_GUARD_PREFIXES; i++) {
		list[(*n)++] = more->prefix[i];
	}
}

static void allow_any(struct mpq_prefix *list, size_t *n)
{
	list[(*n)++] = (struct mpq_prefix){.family = 4};
	list[(*n)++] = (struct mpq_prefix){.family = 6};
}

/* An edge takes in what the concentrator forwards from anywhere, but only to
 * its own LANs and addresses when those are named; a concentrator only what
 * comes from the site's own prefixes (RFC 9484 §7). */
static void set_guard(struct mpq_tunnel *t, bool edge)
{
	struct mpq_guard *g = &t->guard;

	memset(g, 0, sizeof(*g));
	if (edge) {
		allow_any(g->source, &g->sources);
		if (t->config.lan.n > 0) {
			add(g->destination, &g->destinations, &t->config.lan);
			add(g->destination, &g->destinations,
			    &t->config.addresses);
		}
		return;
	}
	add(g->source, &g->sources, &t->config.assign);
	add(g->source, &g->sources, &t->config.remote);
}

static bool prefixes_equal(const struct mpq_snapshot_prefixes *a,
			   const struct mpq_snapshot_prefixes *b)
{
	for (size_t i = 0; a->n == b->n && i < a->n; i++) {
		if (!mpq_prefix_equal(&a->prefix[i], &b->prefix[i])) {
			return false;
		}
	}
	return a->n == b->n;
}

int mpq_tunnel_path_id(const struct mpq_tunnel *t, const char *path)
{
	for (int i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (t->members[i][0] != '\0' &&
		    strcmp(t->members[i], path) == 0) {
			return i;
		}
	}
	return -1;
}

static void number_paths(struct mpq_tunnel *t)
{
	for (int i = 0; i < MPQ_SESSION_PATHS; i++) {
		if (mpq_snapshot_tunnel_path_index(&t->config, t->members[i]) <
		    0) {
			t->members[i][0] = '\0';
		}
	}
	for (size_t k = 0; k < t->config.n_paths; k++) {
		int i = 0;

		if (mpq_tunnel_path_id(t, t->config.paths[k]) >= 0) {
			continue;
		}
		while (t->members[i][0] != '\0') {
			i++;
		}
		memcpy(t->members[i], t->config.paths[k],
		       sizeof(t->members[i]));
	}
}

void mpq_tunnel_configure(struct mpq_tunnel *t,
			  const struct mpq_snapshot_tunnel *config, bool edge)
{
	if (t->addresses_version == 0 ||
	    !prefixes_equal(&t->config.assign, &config->assign)) {
		t->addresses_version++;
	}
	t->config = *config;
	number_paths(t);
	t->queue.config.target = config->queue_delay;
	set_guard(t, edge);
}

static int watch_device(struct mpq_tunnel *t)
{
	t->watch = (struct mpq_loop_fd){.fd = t->tun.fd,
					.readable = mpq_tunnel_on_readable,
					.owner = t};
	return mpq_loop_watch(t->shared->loop, &t->watch);
}

int mpq_tunnel_set_device(struct mpq_tunnel *t, int tun_fd)
{
	struct mpq_tun device;
	int r = mpq_tun_init(&device, tun_fd);

	if (r < 0) {
		return r;
	}
	device.write_errors = t->tun.write_errors;
	device.write_full = t->tun.write_full;
	mpq_loop_unwatch(&t->watch);
	mpq_tun_finish(&t->tun);
	t->tun = device;
	r = watch_device(t);
	t->device_gone = r < 0;
	return r;
}

static const struct mpq_coalesce_events coalesce_events = {.frame = on_frame};

int mpq_tunnel_new(struct mpq_tunnel **ret,
		   const struct mpq_tunnel_shared *shared,
		   const struct mpq_snapshot_tunnel *config, bool edge,
		   int tun_fd, mpq_time now)
{
	static const struct mpq_fair_config queue = {
		.limit_pkts = QUEUE_LIMIT_PKTS, .interval = QUEUE_INTERVAL(0)};
	struct mpq_tunnel *t = calloc(1, sizeof(*t));
	int r;

	if (t == NULL) {
		(void)close(tun_fd);
		return -ENOMEM;
	}
	t->shared = shared;
	t->since = now;
	mpq_policy_init(&t->policy);
	(void)snprintf(t->reason, sizeof(t->reason),
		       "waiting for its path to come up");
	mpq_fair_init(&t->queue, shared->pool, &queue, &t->room);
	r = mpq_tun_init(&t->tun, tun_fd);
	if (r < 0) {
		free(t);
		return r;
	}
	if (mpq_export_random(&t->seed, sizeof(t->seed)) < 0) {
		mpq_tunnel_free(t);
		return -EIO;
	}
	mpq_tunnel_configure(t, config, edge);
	t->coalesce = mpq_coalesce_new(&coalesce_events, t, t->tun.uso);
	r = t->coalesce == NULL ? -ENOMEM
				: mpq_agenda_add(shared->agenda, &t->turn);
	r = r < 0 ? r : watch_device(t);
	if (r < 0) {
		mpq_tunnel_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void mpq_tunnel_free(struct mpq_tunnel *t)
{
	if (t == NULL) {
		return;
	}
	mpq_agenda_remove(&t->turn);
	mpq_loop_unwatch(&t->watch);
	mpq_session_free(t->session);
	mpq_fair_finish(&t->queue);
	mpq_coalesce_free(t->coalesce);
	mpq_tun_finish(&t->tun);
	free(t);
}

bool mpq_tunnel_attach(struct mpq_tunnel *t, struct mpq_channel *ch,
		       mpq_time now)
{
	if (t->channel == ch) {
		return false;
	}
	if (t->channel == NULL) {
		if (mpq_time_elapsed(t->since, now) >= MPQ_TUNNEL_GRACE) {
			(void)mpq_fair_clear(&t->queue);
		}
		t->since = now;
	}
	t->channel = ch;
	t->reason[0] = '\0';
	return true;
}

bool mpq_tunnel_detach(struct mpq_tunnel *t, const struct mpq_channel *ch,
		       const char *reason, mpq_time now)
{
	if (t->channel == NULL || t->channel != ch) {
		return false;
	}
	t->channel = NULL;
	t->since = now;
	(void)snprintf(t->reason, sizeof(t->reason), "%s", reason);
	return true;
}

void mpq_tunnel_explain(struct mpq_tunnel *t, const char *reason)
{
	if (!mpq_tunnel_is_up(t)) {
		(void)snprintf(t->reason, sizeof(t->reason), "%s", reason);
	}
}

void mpq_tunnel_set_rtt(struct mpq_tunnel *t, mpq_duration rtt)
{
	t->rtt = rtt;
	t->queue.config.interval = QUEUE_INTERVAL(rtt);
}

uint64_t mpq_tunnel_out_drops(const struct mpq_tunnel *t)
{
	return t->queue.dropped_full + t->queue.dropped_delay +
	       t->drops[MPQ_TUNNEL_DROP_NO_PATH] +
	       t->drops[MPQ_TUNNEL_DROP_MALFORMED] +
	       t->drops[MPQ_TUNNEL_DROP_TOO_BIG] +
	       t->drops[MPQ_TUNNEL_DROP_NO_BUFFER];
}

uint64_t mpq_tunnel_in_drops(const struct mpq_tunnel *t)
{
	return t->drops[MPQ_TUNNEL_DROP_MALFORMED_IN] +
	       t->drops[MPQ_TUNNEL_DROP_SOURCE] +
	       t->drops[MPQ_TUNNEL_DROP_DESTINATION] +
	       t->drops[MPQ_TUNNEL_DROP_SCOPE] + t->drops[MPQ_TUNNEL_DROP_TTL];
}

bool mpq_tunnel_is_up(const struct mpq_tunnel *t)
{
	return t->channel != NULL || mpq_tunnel_is_bonded(t);
}
