/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/listener.h"

#include "common/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BUDGET 1024 /* datagrams a turn */
/* Refusals reported at once, and then one in this time. Each handshake costs a
 * stranger as much as us, but mpquic-control and the journal nothing. */
#define REPORTS         10
#define REPORT_INTERVAL (500 * MPQ_MILLISECOND)

/* ---- newcomers ---------------------------------------------------------- */

/* An address, or a site's /64. */
static bool same_host(const struct mpq_sockaddr *a,
		      const struct mpq_sockaddr *b)
{
	const struct in6_addr *x = &a->in6.sin6_addr, *y = &b->in6.sin6_addr;

	if (a->sa.sa_family != b->sa.sa_family) {
		return false;
	}
	if (a->sa.sa_family == AF_INET) {
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	}
	return memcmp(x, y, IN6_IS_ADDR_V4MAPPED(x) ? 16 : 8) == 0;
}

static size_t handshakes_of(const struct mpq_listener *l,
			    const struct mpq_sockaddr *remote)
{
	size_t n = 0;

	for (const struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		n += g->tunnel == NULL && same_host(&g->remote, remote);
	}
	return n;
}

/* The oldest of this very address and port, which has dialled anew since. */
static struct mpq_guest *given_up(const struct mpq_listener *l,
				  const struct mpq_sockaddr *remote)
{
	struct mpq_guest *oldest = NULL;

	for (struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		if (g->tunnel == NULL &&
		    mpq_sockaddr_equal(&g->remote, remote)) {
			oldest = g; /* new ones are put in front */
		}
	}
	return oldest;
}

/* Of one address there are enough, unless one of them makes room. */
static bool has_room(struct mpq_listener *l, const struct mpq_sockaddr *remote,
		     mpq_time now)
{
	struct mpq_guest *g;

	if (handshakes_of(l, remote) < MPQ_LISTENER_ADDRESS_HANDSHAKES) {
		return true;
	}
	g = given_up(l, remote);
	if (g != NULL) {
		mpq_guest_free(g, "it dialled anew", now);
	}
	return g != NULL;
}

static struct mpq_guest *admit(struct mpq_listener *l,
			       const struct mpq_udp_datagram *d,
			       const struct mpq_conn_initial *initial,
			       mpq_time now)
{
	if (l->n_guests >= MPQ_LISTENER_CHANNELS ||
	    l->n_handshakes >= MPQ_LISTENER_HANDSHAKES) {
		l->dropped_full++;
		return NULL;
	}
	if (!has_room(l, &d->remote, now)) {
		l->dropped_address++;
		return NULL;
	}
	return mpq_guest_new(l, d, initial, now);
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
	struct mpq_demux_result result;
	struct mpq_guest *g = NULL;
	mpq_time now;

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
		mpq_guest_read(g, d, now);
	}
}

static void on_readable(void *owner, mpq_time now)
{
	struct mpq_listener *l = owner;
	int r = mpq_udp_receive(&l->udp, READ_BUDGET, on_datagram, l);

	(void)now;
	if (r < 0) {
		mpq_log_error("path=%s: the listening socket failed: %s; "
			      "nobody can come in until its address is "
			      "configured anew",
			      l->config.name, strerror(-r));
		mpq_loop_want_read(&l->watch, false);
	}
}

void mpq_listener_refused(struct mpq_listener *l, const struct mpq_tunnel *t,
			  const struct mpq_sockaddr *remote, const char *reason)
{
	mpq_time now = mpq_loop_now(l->shared->loop);

	l->refusals++;
	if (l->reports_spent < now) {
		l->reports_spent = now;
	}
	if (l->reports_spent - now < REPORTS * REPORT_INTERVAL) {
		l->reports_spent += REPORT_INTERVAL;
		l->shared->events->refused(l->shared->owner, l, t, remote,
					   reason);
	}
}

/* ---- life --------------------------------------------------------------- */

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
	mpq_agenda_init(&l->agenda);
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

void mpq_listener_free(struct mpq_listener *l)
{
	static const char reason[] = "the concentrator closes this port";
	mpq_time now;

	if (l == NULL) {
		return;
	}
	now = mpq_loop_now(l->shared->loop);
	for (struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		mpq_channel_close(g->channel, reason);
	}
	mpq_listener_turn(l, now);
	while (l->guests != NULL) {
		mpq_guest_free(l->guests, reason, now);
	}
	mpq_agenda_finish(&l->agenda);
	mpq_loop_unwatch(&l->watch);
	mpq_demux_free(l->demux);
	mpq_udp_finish(&l->udp);
	explicit_bzero(l->secret, sizeof(l->secret));
	free(l);
}

void mpq_listener_review(struct mpq_listener *l)
{
	mpq_time now = mpq_loop_now(l->shared->loop);

	for (struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		mpq_guest_review(g, now);
	}
}

void mpq_listener_verify(struct mpq_listener *l)
{
	mpq_time now = mpq_loop_now(l->shared->loop);

	for (struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		mpq_guest_verify(g, now);
	}
}

static struct mpq_guest *guest_of(struct mpq_agenda_entry *e)
{
	return (struct mpq_guest *)((char *)e -
				    offsetof(struct mpq_guest, turn));
}

void mpq_listener_turn(struct mpq_listener *l, mpq_time now)
{
	size_t n = mpq_agenda_gather(&l->agenda, now);
	struct mpq_agenda_entry *e;

	while (n-- > 0 && (e = mpq_agenda_take(&l->agenda)) != NULL) {
		mpq_guest_turn(guest_of(e), now);
	}
	(void)mpq_udp_flush(&l->udp);
}

mpq_time mpq_listener_deadline(const struct mpq_listener *l)
{
	return mpq_agenda_deadline(&l->agenda);
}

void mpq_listener_losses(const struct mpq_listener *l,
			 const struct mpq_tunnel *t, uint64_t *ret_lost,
			 uint64_t *ret_spurious)
{
	for (const struct mpq_guest *g = l->guests; g != NULL; g = g->next) {
		if (g->tunnel == t) {
			*ret_lost += g->channel->loss.lost;
			*ret_spurious += g->channel->loss.spurious;
		}
	}
}
