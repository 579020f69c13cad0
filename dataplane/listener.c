/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/listener.h"

#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BUDGET       1024 /* datagrams a turn */
#define IDLE_TIMEOUT      (30 * MPQ_SECOND)
#define HANDSHAKE_TIMEOUT (5 * MPQ_SECOND)
#define STALL             (1 * MPQ_SECOND) /* large packets do not pass */
#define INITIAL_RTT       (100 * MPQ_MILLISECOND)

/* ---- guests -------------------------------------------------------------- */

static struct mpq_guest *guest_of(struct mpq_channel *ch)
{
	return ch->owner;
}

static void unlink_guest(struct mpq_guest *g)
{
	struct mpq_listener *l = g->listener;

	if (g->prev != NULL) {
		g->prev->next = g->next;
	} else {
		l->guests = g->next;
	}
	if (g->next != NULL) {
		g->next->prev = g->prev;
	}
	l->n_guests--;
	if (g->tunnel == NULL) {
		l->n_handshakes--;
	}
}

static void link_guest(struct mpq_listener *l, struct mpq_guest *g)
{
	g->next = l->guests;
	if (l->guests != NULL) {
		l->guests->prev = g;
	}
	l->guests = g;
	l->n_guests++;
	l->n_handshakes++;
}

static struct mpq_guest *newest(struct mpq_listener *l,
				const struct mpq_tunnel *t,
				const struct mpq_guest *except)
{
	for (struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		if (g != except && g->tunnel == t && g->channel->up) {
			return g;
		}
	}
	return NULL;
}

static void attach(struct mpq_guest *g, mpq_time now)
{
	struct mpq_listener *l = g->listener;

	if (mpq_tunnel_attach(g->tunnel, g->channel, now)) {
		g->channel->dirty = true;
		l->shared->events->tunnel(l->shared->owner, g->tunnel,
					  &g->remote);
	}
}

/* The channel ends; another of the same tunnel carries on, if there is one. */
static void detach(struct mpq_guest *g, const char *reason, mpq_time now)
{
	struct mpq_listener *l = g->listener;
	struct mpq_guest *heir;

	if (g->tunnel == NULL ||
	    !mpq_tunnel_detach(g->tunnel, g->channel, reason, now)) {
		return;
	}
	heir = newest(l, g->tunnel, g);
	if (heir != NULL) {
		attach(heir, now);
	} else {
		l->shared->events->tunnel(l->shared->owner, g->tunnel,
					  &g->remote);
	}
}

static void free_guest(struct mpq_guest *g, const char *reason, mpq_time now)
{
	detach(g, reason, now);
	unlink_guest(g);
	mpq_channel_free(g->channel);
	free(g);
}

/* ---- what a channel tells ------------------------------------------------ */

static int on_verify(struct mpq_channel *ch,
		     const struct mpq_certificate_identity *identity,
		     char reason[MPQ_CERTIFICATE_REASON_BYTES])
{
	struct mpq_guest *g = guest_of(ch);
	struct mpq_listener *l = g->listener;
	const struct mpq_snapshot_peer *peer =
		l->shared->events->identify(l->shared->owner, identity);

	if (peer == NULL) {
		(void)snprintf(reason, MPQ_CERTIFICATE_REASON_BYTES,
			       "certificate of %.100s is good, but no peer "
			       "with its name (%.80s) or key is configured",
			       identity->subject,
			       identity->names > 0 ? identity->name[0]
						   : "none");
		return -EACCES;
	}
	(void)snprintf(g->peer, sizeof(g->peer), "%s", peer->name);
	return 0;
}

/* An edge that dials again and again may not pile up channels. */
static void limit_channels(struct mpq_listener *l, const struct mpq_tunnel *t)
{
	size_t n = 0;

	for (struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		if (g->tunnel == t && !g->channel->over &&
		    ++n > MPQ_LISTENER_TUNNEL_CHANNELS) {
			mpq_channel_close(g->channel,
					  "replaced by newer connections");
		}
	}
}

/* RFC 9484 §4.7: what the edge may use, and where we forward to. */
static void offer(struct mpq_channel *ch, const struct mpq_tunnel *t)
{
	static const struct mpq_prefix everything[] = {{.family = 4},
						       {.family = 6}};

	(void)mpq_channel_assign(ch, t->config.assign.prefix,
				 t->config.assign.n < MPQ_CONNECT_IP_ADDRESSES
					 ? t->config.assign.n
					 : MPQ_CONNECT_IP_ADDRESSES);
	(void)mpq_channel_advertise(ch, everything, 2);
}

static unsigned on_request(struct mpq_channel *ch,
			   const struct mpq_h3_request *request,
			   char reason[MPQ_CHANNEL_REASON_BYTES])
{
	struct mpq_guest *g = guest_of(ch);
	struct mpq_listener *l = g->listener;
	struct mpq_tunnel *t = l->shared->events->find(l->shared->owner,
						       g->peer, l->config.name);

	(void)request;
	if (t == NULL) {
		(void)snprintf(reason, MPQ_CHANNEL_REASON_BYTES,
			       "peer %s has no enabled tunnel on path %s here",
			       g->peer, l->config.name);
		l->shared->events->refused(l->shared->owner, l, &g->remote,
					   reason);
		return 403;
	}
	g->tunnel = t;
	ch->wanted_bytes = t->config.mtu_bytes;
	l->n_handshakes--;
	limit_channels(l, t);
	g->newcomer = true; /* the rest after the library's callback */
	return 200;
}

static void on_packet(struct mpq_channel *ch, const uint8_t *data, size_t len)
{
	struct mpq_guest *g = guest_of(ch);

	if (g->tunnel == NULL) {
		return;
	}
	if (g->tunnel->channel != ch && ch->up) {
		attach(g, mpq_loop_now(g->listener->shared->loop));
	}
	mpq_tunnel_deliver(g->tunnel, data, len);
}

static void on_too_big(struct mpq_channel *ch, const struct mpq_packet *p)
{
	struct mpq_guest *g = guest_of(ch);

	mpq_tunnel_too_big(g->tunnel, p, mpq_channel_max_packet(ch),
			   mpq_loop_now(g->listener->shared->loop));
}

static int on_cid_added(struct mpq_channel *ch, const uint8_t *cid, size_t len)
{
	struct mpq_guest *g = guest_of(ch);

	return mpq_demux_add(g->listener->demux, cid, len, g);
}

static void on_cid_removed(struct mpq_channel *ch, const uint8_t *cid,
			   size_t len)
{
	mpq_demux_remove(guest_of(ch)->listener->demux, cid, len);
}

static const struct mpq_channel_events channel_events = {
	.verify = on_verify,
	.request = on_request,
	.packet = on_packet,
	.too_big = on_too_big,
	.cid_added = on_cid_added,
	.cid_removed = on_cid_removed,
};

/* ---- newcomers ----------------------------------------------------------- */

static struct mpq_guest *admit(struct mpq_listener *l,
			       const struct mpq_udp_datagram *d,
			       const struct mpq_conn_initial *initial,
			       mpq_time now)
{
	struct mpq_conn_config config = {
		.tls = *l->shared->tls,
		.local = d->local,
		.remote = d->remote,
		.max_udp_bytes =
			mpq_channel_max_udp(l->inner_bytes, &d->remote),
		.idle_timeout = IDLE_TIMEOUT,
		.handshake_timeout = HANDSHAKE_TIMEOUT,
		.initial_rtt = INITIAL_RTT,
		.reset_secret = l->secret,
	};
	struct mpq_guest *g;

	if (l->n_guests >= MPQ_LISTENER_CHANNELS ||
	    l->n_handshakes >= MPQ_LISTENER_HANDSHAKES) {
		l->dropped_full++;
		return NULL;
	}
	g = calloc(1, sizeof(*g));
	if (g == NULL) {
		return NULL;
	}
	g->listener = l;
	g->remote = d->remote;
	if (mpq_channel_accept(&g->channel, &config, initial, &channel_events,
			       g, now) < 0) {
		free(g);
		return NULL;
	}
	link_guest(l, g);
	return g;
}

static void reply(struct mpq_listener *l, const struct mpq_udp_datagram *d,
		  const struct mpq_demux_result *result)
{
	uint8_t *dest = mpq_udp_reserve(&l->udp, sizeof(result->reply));

	memcpy(dest, result->reply, result->reply_len);
	mpq_udp_commit(&l->udp, result->reply_len, 0, &d->local, &d->remote);
}

static void on_datagram(void *owner, const struct mpq_udp_datagram *d)
{
	struct mpq_listener *l = owner;
	mpq_time now;
	struct mpq_demux_result result;
	struct mpq_guest *g = NULL;

	mpq_loop_advance(l->shared->loop, d->received);
	now = mpq_loop_now(l->shared->loop);
	switch (mpq_demux_route(l->demux, &d->remote, d->data, d->len_bytes,
				now, &result)) {
	case MPQ_DEMUX_OWNER:
		g = result.owner;
		break;
	case MPQ_DEMUX_ACCEPT:
		g = admit(l, d, &result.initial, now);
		break;
	case MPQ_DEMUX_REPLY:
		reply(l, d, &result);
		break;
	case MPQ_DEMUX_DROP:
		break;
	}
	if (g != NULL) {
		mpq_channel_read(g->channel, &d->local, &d->remote, d->ecn,
				 d->data, d->len_bytes, now);
	}
}

static void on_readable(void *owner, mpq_time now)
{
	struct mpq_listener *l = owner;
	int r = mpq_udp_receive(&l->udp, READ_BUDGET, on_datagram, l);

	(void)now;
	if (r < 0) {
		mpq_log_error("path=%s: the listening socket failed: %s; "
			      "waiting for mpquic-control to make it anew",
			      l->config.name, strerror(-r));
		mpq_loop_want_read(&l->watch, false);
	}
}

/* ---- life ---------------------------------------------------------------- */

int mpq_listener_new(struct mpq_listener **ret,
		     const struct mpq_listener_shared *shared,
		     const struct mpq_snapshot_path *config,
		     const uint8_t secret[MPQ_DEMUX_SECRET_BYTES], int fd)
{
	struct mpq_listener *l = calloc(1, sizeof(*l));
	int r;

	if (l == NULL) {
		(void)close(fd);
		return -ENOMEM;
	}
	l->config = *config;
	l->shared = shared;
	mpq_demux_derive(l->secret, secret, &config->listen);
	l->inner_bytes = MPQ_PACKET_MAX_BYTES;
	r = mpq_udp_init(&l->udp, fd);
	if (r < 0) {
		free(l);
		return r;
	}
	l->demux = mpq_demux_new(l->secret);
	l->watch = (struct mpq_loop_fd){.fd = l->udp.fd,
					.readable = on_readable,
					.owner = l};
	r = l->demux == NULL ? -ENOMEM
			     : mpq_loop_watch(shared->loop, &l->watch);
	if (r < 0) {
		mpq_listener_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void write_guest(struct mpq_guest *g, mpq_time now)
{
	struct mpq_conn_info info;
	struct mpq_listener *l = g->listener;
	struct mpq_channel *ch = g->channel;
	struct mpq_queue *q = g->tunnel != NULL && g->tunnel->channel == ch
				      ? &g->tunnel->queue
				      : NULL;
	struct mpq_conn_written written;

	if (!ch->dirty && (q == NULL || q->pkts == 0)) {
		return;
	}
	for (;;) {
		uint8_t *dest =
			mpq_udp_reserve(&l->udp, MPQ_CONN_MAX_UDP_BYTES);
		size_t n =
			mpq_channel_write(ch, q, dest, MPQ_CONN_MAX_UDP_BYTES,
					  &written, now);

		if (n == 0) {
			break;
		}
		mpq_udp_commit(&l->udp, n, written.ecn, &written.local,
			       &written.remote);
	}
	mpq_channel_burst_end(ch, now);
	if (q != NULL) {
		mpq_conn_info(ch->conn, &info);
		mpq_tunnel_set_rtt(g->tunnel, info.rtt_smoothed);
	}
}

void mpq_listener_free(struct mpq_listener *l)
{
	mpq_time now;

	if (l == NULL) {
		return;
	}
	now = mpq_loop_now(l->shared->loop);
	while (l->guests != NULL) {
		struct mpq_guest *g = l->guests;

		mpq_channel_close(g->channel, "the concentrator stops");
		write_guest(g, now);
		free_guest(g, "the listener is gone", now);
	}
	(void)mpq_udp_flush(&l->udp);
	mpq_loop_unwatch(&l->watch);
	mpq_demux_free(l->demux);
	mpq_udp_finish(&l->udp);
	free(l);
}

void mpq_listener_review(struct mpq_listener *l)
{
	mpq_time now = mpq_loop_now(l->shared->loop);

	for (struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		const struct mpq_certificate_identity *identity =
			mpq_conn_peer(g->channel->conn);
		const struct mpq_snapshot_peer *peer =
			identity != NULL
				? l->shared->events->identify(l->shared->owner,
							      identity)
				: NULL;
		struct mpq_tunnel *t =
			peer != NULL ? l->shared->events->find(l->shared->owner,
							       peer->name,
							       l->config.name)
				     : NULL;

		if (g->tunnel != NULL && (t != g->tunnel || peer == NULL)) {
			detach(g, "the configuration changed", now);
			g->tunnel = NULL;
			l->n_handshakes++;
			mpq_channel_close(
				g->channel,
				"this tunnel is no longer configured");
		}
	}
}

static void report_refusal(struct mpq_guest *g)
{
	const struct mpq_conn_end *end = &g->channel->end;
	struct mpq_listener *l = g->listener;

	if (end->layer == MPQ_CONN_VERIFY || end->layer == MPQ_CONN_TLS) {
		l->shared->events->refused(l->shared->owner, l, &g->remote,
					   end->reason);
	}
}

/* The latest to ask carries the tunnel, once it can take full-size packets;
 * at once when nothing else carries it. */
static void welcome(struct mpq_guest *g, mpq_time now)
{
	if (g->tunnel == NULL || !g->channel->up) {
		g->newcomer = false;
		return;
	}
	if (!g->offered) {
		g->offered = true;
		offer(g->channel, g->tunnel);
	}
	if (g->tunnel->channel == NULL || mpq_channel_carries(g->channel)) {
		g->newcomer = false;
		attach(g, now);
	}
}

static void turn_guest(struct mpq_guest *g, mpq_time now)
{
	if (mpq_channel_deadline(g->channel) <= now) {
		mpq_channel_expire(g->channel, now);
	}
	if (g->newcomer) {
		welcome(g, now);
	}
	/* Only the edge can dial, so it is sent away to do so. */
	if (g->channel->up &&
	    mpq_time_elapsed(mpq_loss_stalled_since(&g->channel->loss), now) >
		    STALL) {
		mpq_channel_close(g->channel, "the path carries small packets "
					      "only: dial anew");
	}
	write_guest(g, now);
	if (g->channel->over) {
		char reason[MPQ_CERTIFICATE_REASON_BYTES];

		(void)snprintf(reason, sizeof(reason), "%s",
			       g->channel->end.reason);
		report_refusal(g);
		free_guest(g, reason, now);
	}
}

void mpq_listener_turn(struct mpq_listener *l, mpq_time now)
{
	for (struct mpq_guest *g = l->guests, *next; g != NULL; g = next) {
		next = g->next;
		turn_guest(g, now);
	}
	(void)mpq_udp_flush(&l->udp);
}

mpq_time mpq_listener_deadline(const struct mpq_listener *l)
{
	mpq_time due = MPQ_TIME_NEVER;

	for (const struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		due = mpq_time_min(due, mpq_channel_deadline(g->channel));
	}
	return due;
}

const struct mpq_guest *mpq_listener_guest(const struct mpq_listener *l,
					   const struct mpq_tunnel *t)
{
	for (const struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		if (g->tunnel == t && t->channel == g->channel) {
			return g;
		}
	}
	return NULL;
}
