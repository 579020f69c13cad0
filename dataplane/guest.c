/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/guest_private.h"

#include "dataplane/listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_TIMEOUT      (30 * MPQ_SECOND)
#define HANDSHAKE_TIMEOUT (5 * MPQ_SECOND)
#define INITIAL_RTT       (100 * MPQ_MILLISECOND)
/* Our edges say something each 2 s; others are asked. */
#define KEEP_ALIVE (5 * MPQ_SECOND)
/* Of a newer guest, after which an older one may carry again. Longer than what
 * was under way on the older one when the edge changed over. */
#define SILENCE (250 * MPQ_MILLISECOND)

static struct mpq_guest *guest_of(struct mpq_channel *ch)
{
	return ch->owner;
}

/* ---- who carries the tunnel --------------------------------------------- */

static void report(const struct mpq_guest *g)
{
	const struct mpq_listener_shared *s = g->listener->shared;

	s->events->tunnel(s->owner, g->tunnel, &g->remote);
}

void mpq_guest_attach(struct mpq_guest *g, mpq_time now)
{
	g->silent = false;
	if (mpq_tunnel_attach(g->tunnel, g->channel, now)) {
		mpq_channel_touch(g->channel);
		report(g);
	}
}

static struct mpq_guest *newest_heir(const struct mpq_guest *except)
{
	struct mpq_guest *g = except->listener->guests;

	while (g != NULL && (g == except || g->tunnel != except->tunnel ||
			     !g->channel->up || g->silent || g->bonded)) {
		g = g->next;
	}
	return g;
}

/* Another guest of the same tunnel carries on, if there is one. */
void mpq_guest_detach(struct mpq_guest *g, const char *reason, mpq_time now)
{
	struct mpq_guest *heir;

	if (g->tunnel == NULL ||
	    !mpq_tunnel_detach(g->tunnel, g->channel, reason, now)) {
		return;
	}
	heir = newest_heir(g);
	if (heir != NULL) {
		mpq_guest_attach(heir, now);
	} else {
		report(g);
	}
}

static bool may_carry(const struct mpq_guest *g, mpq_time now)
{
	const struct mpq_guest *carrier;
	struct mpq_conn_info info;

	if (!g->channel->up || g->bonded) {
		return false;
	}
	if (g->tunnel->channel == NULL) {
		return true;
	}
	carrier = guest_of(g->tunnel->channel);
	if (carrier->number < g->number) {
		return true;
	}
	mpq_conn_info(carrier->channel->conn, &info);
	return mpq_time_elapsed(info.last_read, now) > SILENCE;
}

static void set_tunnel(struct mpq_guest *g, struct mpq_tunnel *t)
{
	const char *why = g->channel->end.reason;
	struct mpq_listener *l = g->listener;

	if (g->tunnel != NULL && g->tunnel != t) {
		mpq_tunnel_withdraw(g->tunnel, g->channel,
				    why[0] != '\0' ? why : "it is closed",
				    mpq_loop_now(l->shared->loop));
	}
	if (g->tunnel != NULL) {
		g->tunnel->lost += g->channel->loss.lost;
		g->tunnel->spurious += g->channel->loss.spurious;
	}
	l->n_handshakes -= g->tunnel == NULL;
	g->tunnel = t;
	l->n_handshakes += g->tunnel == NULL;
}

/* ---- what a channel tells ----------------------------------------------- */

static const struct mpq_snapshot_peer *
identify(const struct mpq_listener *l,
	 const struct mpq_certificate_identity *identity)
{
	return identity != NULL
		       ? l->shared->events->identify(l->shared->owner, identity)
		       : NULL;
}

static int on_verify(struct mpq_channel *ch,
		     const struct mpq_certificate_identity *identity,
		     char reason[MPQ_CERTIFICATE_REASON_BYTES])
{
	if (identify(guest_of(ch)->listener, identity) != NULL) {
		return 0;
	}
	(void)snprintf(reason, MPQ_CERTIFICATE_REASON_BYTES,
		       "certificate of %.100s is good, but no peer with its "
		       "name (%.80s) or key is configured",
		       identity->subject,
		       identity->names > 0 ? identity->name[0] : "none");
	return -EACCES;
}

/* What the configuration of now gives to this guest, or NULL with a reason. */
static struct mpq_tunnel *own_tunnel(const struct mpq_guest *g,
				     char reason[MPQ_CHANNEL_REASON_BYTES])
{
	const struct mpq_listener *l = g->listener;
	const struct mpq_snapshot_peer *peer =
		identify(l, mpq_conn_peer(g->channel->conn));
	struct mpq_tunnel *t;

	if (peer == NULL) {
		(void)snprintf(reason, MPQ_CHANNEL_REASON_BYTES,
			       "no peer with this certificate is configured "
			       "here any more");
		return NULL;
	}
	t = l->shared->events->find(l->shared->owner, peer->name,
				    l->config.name);
	if (t == NULL) {
		(void)snprintf(reason, MPQ_CHANNEL_REASON_BYTES,
			       "peer %s has no enabled tunnel on path %s here",
			       peer->name, l->config.name);
	}
	return t;
}

/* An edge that dials again and again may not pile up channels; the oldest go,
 * but for the one that carries. */
static void limit_channels(const struct mpq_listener *l,
			   const struct mpq_tunnel *t)
{
	size_t n = 1;

	for (struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		if (g->tunnel == t && g->channel != t->channel &&
		    g->channel->member == NULL &&
		    ++n > MPQ_LISTENER_TUNNEL_CHANNELS) {
			mpq_channel_close(g->channel,
					  "replaced by newer connections");
		}
	}
}

static unsigned on_request(struct mpq_channel *ch,
			   const struct mpq_h3_request *request,
			   char reason[MPQ_CHANNEL_REASON_BYTES])
{
	struct mpq_guest *g = guest_of(ch);
	struct mpq_tunnel *t = own_tunnel(g, reason);

	(void)request;
	if (t == NULL) {
		mpq_listener_refused(g->listener, NULL, &g->remote, reason);
		return 403;
	}
	set_tunnel(g, t);
	ch->wanted_bytes = t->config.mtu_bytes;
	limit_channels(g->listener, t);
	g->accepted = mpq_loop_now(g->listener->shared->loop);
	g->newcomer = true; /* the rest after the library's callback */
	return 200;
}

static void on_packet(struct mpq_channel *ch, const uint8_t *data, size_t len)
{
	struct mpq_guest *g = guest_of(ch);
	mpq_time now;

	if (g->tunnel == NULL) {
		return;
	}
	if (g->tunnel->channel != ch) {
		now = mpq_loop_now(g->listener->shared->loop);
		if (may_carry(g, now)) {
			mpq_guest_attach(g, now);
		}
	}
	mpq_tunnel_deliver(g->tunnel, data, len);
}

/* It carried the tunnel alone until it opened the session, or another guest
 * does: a session goes before it. */
static void become_member(struct mpq_guest *g, mpq_time now)
{
	g->bonded = true;
	g->newcomer = false;
	g->channel->wanted_bytes =
		g->tunnel->config.mtu_bytes + MPQ_HEADER_BYTES;
	if (g->tunnel->channel == g->channel) {
		(void)mpq_tunnel_detach(g->tunnel, g->channel,
					"the session begins", now);
	}
}

static int on_capsule(struct mpq_channel *ch, const struct mpq_capsule *c)
{
	struct mpq_guest *g = guest_of(ch);
	mpq_time now = mpq_loop_now(g->listener->shared->loop);
	int r;

	if (c->type < MPQ_JOIN_OPEN || c->type > MPQ_JOIN_POLICY) {
		return 0;
	}
	if (g->tunnel == NULL) {
		return -EBADMSG; /* of nothing that we granted */
	}
	if (mpq_tunnel_open_session(g->tunnel, false, now) < 0) {
		return -ENOMEM;
	}
	r = mpq_session_capsule(g->tunnel->session, ch, c, now);
	if (!g->bonded && ch->member != NULL) {
		become_member(g, now);
	}
	return r;
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

static void on_touched(struct mpq_channel *ch)
{
	mpq_agenda_touch(&guest_of(ch)->turn);
}

static const struct mpq_channel_events channel_events = {
	.verify = on_verify,
	.request = on_request,
	.packet = on_packet,
	.capsule = on_capsule,
	.cid_added = on_cid_added,
	.cid_removed = on_cid_removed,
	.touched = on_touched,
};

/* ---- life --------------------------------------------------------------- */

static void link_guest(struct mpq_guest *g)
{
	struct mpq_listener *l = g->listener;

	g->number = ++l->n_admitted;
	g->next = l->guests;
	if (l->guests != NULL) {
		l->guests->prev = g;
	}
	l->guests = g;
	l->n_guests++;
	l->n_handshakes++;
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
	l->n_handshakes--;
}

struct mpq_guest *mpq_guest_new(struct mpq_listener *l,
				const struct mpq_udp_datagram *d,
				const struct mpq_conn_initial *initial,
				mpq_time now)
{
	const struct mpq_conn_config config = {
		.tls = *l->shared->tls,
		.local = d->local,
		.remote = d->remote,
		.max_udp_bytes =
			mpq_channel_max_udp(l->inner_bytes, &d->remote),
		.idle_timeout = IDLE_TIMEOUT,
		.keep_alive = KEEP_ALIVE,
		.handshake_timeout = HANDSHAKE_TIMEOUT,
		.initial_rtt = INITIAL_RTT,
		.reset_secret = l->secret,
	};
	struct mpq_guest *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		return NULL;
	}
	g->listener = l;
	g->remote = d->remote;
	g->admitted = now;
	g->accepted = MPQ_TIME_NEVER;
	if (mpq_agenda_add(&l->agenda, &g->turn) < 0) {
		free(g);
		return NULL;
	}
	if (mpq_channel_accept(&g->channel, &config, initial, &channel_events,
			       g, now) < 0) {
		mpq_agenda_remove(&g->turn);
		free(g);
		return NULL;
	}
	link_guest(g);
	return g;
}

void mpq_guest_free(struct mpq_guest *g, const char *reason, mpq_time now)
{
	mpq_guest_detach(g, reason, now);
	set_tunnel(g, NULL);
	unlink_guest(g);
	mpq_agenda_remove(&g->turn);
	mpq_channel_free(g->channel);
	free(g);
}

void mpq_guest_read(struct mpq_guest *g, const struct mpq_udp_datagram *d,
		    mpq_time now)
{
	mpq_channel_read(g->channel, &d->local, &d->remote, d->ecn, d->data,
			 d->len_bytes, now);
}

void mpq_guest_close(struct mpq_guest *g, const char *reason, mpq_time now)
{
	mpq_channel_close(g->channel, reason);
	mpq_guest_detach(g, reason, now);
	set_tunnel(g, NULL);
}

void mpq_guest_review(struct mpq_guest *g, mpq_time now)
{
	char reason[MPQ_CHANNEL_REASON_BYTES];
	struct mpq_tunnel *t;

	if (g->tunnel == NULL) {
		return;
	}
	mpq_channel_touch(g->channel);
	t = own_tunnel(g, reason);
	if (t == NULL) {
		mpq_guest_close(g, reason, now);
	} else if (t != g->tunnel) {
		mpq_guest_close(g, "there is another tunnel now: dial anew",
				now);
	} else if (t->config.mtu_bytes + (g->bonded ? MPQ_HEADER_BYTES : 0) >
		   g->channel->wanted_bytes) {
		mpq_guest_close(g, "the tunnel's MTU was raised: dial anew",
				now);
	}
}

void mpq_guest_verify(struct mpq_guest *g, mpq_time now)
{
	if (mpq_channel_verify(g->channel, *g->listener->shared->tls)) {
		return;
	}
	mpq_listener_refused(g->listener, g->tunnel, &g->remote,
			     g->channel->end.reason);
	g->refused = true;
	mpq_guest_detach(g, g->channel->end.reason, now);
	set_tunnel(g, NULL);
}
