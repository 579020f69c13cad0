/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/path_private.h"

#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define READ_BUDGET       512 /* datagrams a turn and socket */
#define IDLE_TIMEOUT      (30 * MPQ_SECOND)
#define KEEP_ALIVE        (2 * MPQ_SECOND)
#define HANDSHAKE_TIMEOUT (10 * MPQ_SECOND)
/* While none is known (RFC 9002 §6.2.2). */
#define INITIAL_RTT       (100 * MPQ_MILLISECOND)
#define INITIAL_RTT_LEAST (20 * MPQ_MILLISECOND)

static struct mpq_path_slot *slot_of(struct mpq_channel *ch)
{
	return ch->owner;
}

void mpq_path_slot_init(struct mpq_path_slot *slot, struct mpq_path *p)
{
	slot->path = p;
	slot->udp.fd = -1;
	slot->drain_until = MPQ_TIME_NEVER;
}

/* ---- channels ------------------------------------------------------------ */

static void keep_totals(struct mpq_path *p, const struct mpq_channel *ch)
{
	p->packets_in += ch->packets_in;
	p->packets_out += ch->packets_out;
	p->bytes_in += ch->bytes_in;
	p->bytes_out += ch->bytes_out;
	p->lost += ch->loss.lost;
	p->spurious += ch->loss.spurious;
}

/* Sends the good-bye, if the socket still takes it. */
static void say_goodbye(struct mpq_path_slot *slot, const char *reason,
			mpq_time now)
{
	struct mpq_conn_written written;
	struct mpq_channel *ch = slot->channel;
	uint8_t *dest;
	size_t n;

	mpq_channel_close(ch, reason);
	if (ch->over || slot->udp.fd < 0) {
		return;
	}
	dest = mpq_udp_reserve(&slot->udp, MPQ_CONN_MAX_UDP_BYTES);
	n = mpq_channel_write(ch, NULL, NULL, dest, MPQ_CONN_MAX_UDP_BYTES,
			      &written, now);
	if (n > 0) {
		mpq_udp_commit(&slot->udp, n, written.ecn, &written.local,
			       &written.remote);
	}
	(void)mpq_udp_flush(&slot->udp);
}

void mpq_path_slot_drop(struct mpq_path_slot *slot, const char *reason,
			mpq_time now)
{
	struct mpq_path *p = slot->path;
	struct mpq_channel *ch = slot->channel;

	if (ch == NULL) {
		return;
	}
	if (!ch->over) {
		say_goodbye(slot, reason, now);
	}
	if (p->tunnel != NULL) {
		mpq_tunnel_withdraw(p->tunnel, ch, reason, now);
		if (mpq_tunnel_detach(p->tunnel, ch, reason, now)) {
			p->shared->events->tunnel(p->tunnel, p->shared->owner);
		}
	}
	keep_totals(p, ch);
	mpq_channel_free(ch);
	slot->channel = NULL;
	slot->drain_until = MPQ_TIME_NEVER;
}

/* A request is accepted: life decides at the end of the turn, outside of the
 * library's callback. */
static void on_up(struct mpq_channel *ch)
{
	mpq_channel_touch(ch);
}

static void on_packet(struct mpq_channel *ch, const uint8_t *data, size_t len)
{
	struct mpq_tunnel *t = slot_of(ch)->path->tunnel;

	if (t != NULL) {
		mpq_tunnel_deliver(t, data, len);
	}
}

static int on_capsule(struct mpq_channel *ch, const struct mpq_capsule *c)
{
	const struct mpq_path *p = slot_of(ch)->path;

	return p->tunnel != NULL && p->tunnel->session != NULL
		       ? mpq_session_capsule(p->tunnel->session, ch, c,
					     mpq_loop_now(p->shared->loop))
		       : 0;
}

static bool assigned(const struct mpq_connect_ip_address *addresses, size_t n,
		     const struct mpq_prefix *own)
{
	for (size_t i = 0; i < n; i++) {
		if (mpq_prefix_contains(&addresses[i].prefix, own->family,
					own->addr)) {
			return true;
		}
	}
	return n == 0;
}

/* An address of ours that is not among them, or NULL. */
static const struct mpq_prefix *
not_assigned(const struct mpq_tunnel *t,
	     const struct mpq_connect_ip_address *addresses, size_t n)
{
	for (size_t i = 0; i < t->config.addresses.n; i++) {
		const struct mpq_prefix *own = &t->config.addresses.prefix[i];

		if (!assigned(addresses, n, own)) {
			return own;
		}
	}
	return NULL;
}

/* Logged when it changes: a peer may say it as often as it likes. */
static void on_addresses(struct mpq_channel *ch,
			 const struct mpq_connect_ip_address *addresses,
			 size_t n)
{
	struct mpq_path *p = slot_of(ch)->path;
	const struct mpq_prefix *own =
		p->tunnel != NULL ? not_assigned(p->tunnel, addresses, n)
				  : NULL;
	char text[MPQ_PREFIX_TEXT_BYTES];

	if (own != NULL && !p->address_mismatch) {
		mpq_log_warn("tunnel=%s path=%s: the concentrator does not "
			     "assign us %s: its packets will be dropped there "
			     "until one end is changed",
			     p->tunnel->config.name, p->config.name,
			     mpq_prefix_format(own, text));
	}
	p->address_mismatch = own != NULL;
}

static void on_token(struct mpq_channel *ch, const uint8_t *token, size_t len)
{
	struct mpq_path *p = slot_of(ch)->path;

	if (len <= sizeof(p->token)) {
		memcpy(p->token, token, len);
		p->token_len = len;
	}
}

static const struct mpq_channel_events channel_events = {
	.up = on_up,
	.packet = on_packet,
	.capsule = on_capsule,
	.addresses = on_addresses,
	.token = on_token,
};

/* What is lost of a handshake is sent again after three of it. No more than
 * where nothing is known: what stood in a queue has gone with it. */
static mpq_duration initial_rtt(const struct mpq_path *p)
{
	mpq_duration known = p->life.rtt;

	if (known == 0 || known > INITIAL_RTT) {
		return INITIAL_RTT;
	}
	return known > INITIAL_RTT_LEAST ? known : INITIAL_RTT_LEAST;
}

int mpq_path_slot_dial(struct mpq_path_slot *slot, mpq_time now)
{
	struct mpq_path *p = slot->path;
	char authority[256 + 8];
	int r;
	struct mpq_conn_config config = {
		.tls = *p->shared->tls,
		.server_name = p->config.server_name,
		.local = slot->udp.local,
		.remote = p->config.remote,
		.max_udp_bytes = mpq_channel_max_udp(mpq_path_wanted_bytes(p),
						     &p->config.remote),
		.idle_timeout = IDLE_TIMEOUT,
		.keep_alive = KEEP_ALIVE,
		.handshake_timeout = HANDSHAKE_TIMEOUT,
		.initial_rtt = initial_rtt(p),
		.token = p->token_len > 0 ? p->token : NULL,
		.token_len = p->token_len,
	};

	if (slot->udp.fd < 0) {
		return -ENODEV;
	}
	(void)snprintf(authority, sizeof(authority), "%s:%u",
		       p->config.server_name,
		       mpq_sockaddr_port(&p->config.remote));
	r = mpq_channel_connect(&slot->channel, &config, authority,
				p->tunnel->config.name, &channel_events, slot,
				now);
	if (r == 0) {
		slot->channel->wanted_bytes = mpq_path_wanted_bytes(p);
	}
	return r;
}

/* ---- sockets ------------------------------------------------------------- */

static void on_datagram(void *owner, const struct mpq_udp_datagram *d)
{
	struct mpq_path_slot *slot = owner;

	mpq_loop_advance(slot->path->shared->loop, d->received);
	if (slot->channel != NULL) {
		mpq_channel_read(slot->channel, &slot->udp.local, &d->remote,
				 d->ecn, d->data, d->len_bytes,
				 mpq_loop_now(slot->path->shared->loop));
	}
}

static void on_readable(void *owner, mpq_time now)
{
	struct mpq_path_slot *slot = owner;

	(void)now;
	/* A lost device shows here as an error and in mpquic-control as an
	 * event; the event decides, so the descriptor is only silenced. */
	if (mpq_udp_receive(&slot->udp, READ_BUDGET, on_datagram, slot) < 0) {
		mpq_loop_want_read(&slot->watch, false);
	}
}

void mpq_path_slot_close(struct mpq_path_slot *slot)
{
	mpq_loop_unwatch(&slot->watch);
	if (slot->udp.fd >= 0) {
		mpq_udp_finish(&slot->udp);
	}
	slot->udp.fd = -1;
}

int mpq_path_slot_open(struct mpq_path_slot *slot, int fd)
{
	int r = mpq_udp_init(&slot->udp, fd);

	if (r < 0) {
		slot->udp.fd = -1;
		return r;
	}
	slot->watch = (struct mpq_loop_fd){.fd = slot->udp.fd,
					   .readable = on_readable,
					   .owner = slot};
	r = mpq_loop_watch(slot->path->shared->loop, &slot->watch);
	if (r < 0) {
		mpq_path_slot_close(slot);
	}
	return r;
}

/* ---- out ---------------------------------------------------------------- */

void mpq_path_slot_write(struct mpq_path_slot *slot, mpq_time now)
{
	struct mpq_channel *ch = slot->channel;
	struct mpq_tunnel *t = slot->path->tunnel;
	const struct mpq_channel_source *source;
	struct mpq_conn_written written;
	void *owner = NULL;

	if (ch == NULL || (!ch->dirty && !mpq_tunnel_waits(t, ch))) {
		return;
	}
	source = mpq_tunnel_source(t, ch, &owner, now);
	for (;;) {
		uint8_t *dest =
			mpq_udp_reserve(&slot->udp, MPQ_CONN_MAX_UDP_BYTES);
		size_t n = mpq_channel_write(ch, source, owner, dest,
					     MPQ_CONN_MAX_UDP_BYTES, &written,
					     now);

		if (n == 0) {
			break;
		}
		mpq_udp_commit(&slot->udp, n, written.ecn, &written.local,
			       &written.remote);
	}
	mpq_channel_burst_end(ch, now);
	(void)mpq_udp_flush(&slot->udp);
}
