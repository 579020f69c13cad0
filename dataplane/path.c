/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/path.h"

#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BUDGET       512 /* datagrams a turn and socket */
#define IDLE_TIMEOUT      (30 * MPQ_SECOND)
#define KEEP_ALIVE        (2 * MPQ_SECOND)
#define HANDSHAKE_TIMEOUT (10 * MPQ_SECOND)
#define INITIAL_RTT       (100 * MPQ_MILLISECOND)
/* How long the old channel may still deliver what was under way. */
#define DRAIN (1 * MPQ_SECOND)

static void act(struct mpq_path *p, unsigned actions, enum mpq_life_state was,
		mpq_time now);

static struct mpq_path_slot *slot_of(struct mpq_channel *ch)
{
	return ch->owner;
}

static bool is_current(const struct mpq_path *p,
		       const struct mpq_path_slot *slot)
{
	return p->current >= 0 && slot == &p->slot[p->current];
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
	n = mpq_channel_write(ch, NULL, dest, MPQ_CONN_MAX_UDP_BYTES, &written,
			      now);
	if (n > 0) {
		mpq_udp_commit(&slot->udp, n, written.ecn, &written.local,
			       &written.remote);
	}
	(void)mpq_udp_flush(&slot->udp);
}

static void drop_channel(struct mpq_path_slot *slot, const char *reason,
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
	if (p->tunnel != NULL &&
	    mpq_tunnel_detach(p->tunnel, ch, reason, now)) {
		p->shared->events->tunnel(p->tunnel, p->shared->owner);
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
	ch->dirty = true;
}

static void on_packet(struct mpq_channel *ch, const uint8_t *data, size_t len)
{
	struct mpq_tunnel *t = slot_of(ch)->path->tunnel;

	if (t != NULL) {
		mpq_tunnel_deliver(t, data, len);
	}
}

static void on_too_big(struct mpq_channel *ch, const struct mpq_packet *p)
{
	struct mpq_path *path = slot_of(ch)->path;

	mpq_tunnel_too_big(path->tunnel, p, mpq_channel_max_packet(ch),
			   mpq_loop_now(path->shared->loop));
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

static void on_addresses(struct mpq_channel *ch,
			 const struct mpq_connect_ip_address *addresses,
			 size_t n)
{
	struct mpq_path *p = slot_of(ch)->path;
	char text[MPQ_PREFIX_TEXT_BYTES];

	if (p->tunnel == NULL) {
		return;
	}
	p->address_mismatch = false;
	for (size_t i = 0; i < p->tunnel->config.addresses.n; i++) {
		const struct mpq_prefix *own =
			&p->tunnel->config.addresses.prefix[i];

		if (!assigned(addresses, n, own)) {
			p->address_mismatch = true;
			mpq_log_warn("tunnel=%s path=%s: the concentrator does "
				     "not assign us %s: its packets will be "
				     "dropped there until one end is changed",
				     p->tunnel->config.name, p->config.name,
				     mpq_prefix_format(own, text));
		}
	}
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
	.too_big = on_too_big,
	.addresses = on_addresses,
	.token = on_token,
};

static int dial(struct mpq_path *p, struct mpq_path_slot *slot, mpq_time now)
{
	char authority[256 + 8];
	int r;
	struct mpq_conn_config config = {
		.tls = *p->shared->tls,
		.server_name = p->config.server_name,
		.local = slot->udp.local,
		.remote = p->config.remote,
		.max_udp_bytes =
			mpq_channel_max_udp(p->tunnel->config.mtu_bytes,
					    &p->config.remote),
		.idle_timeout = IDLE_TIMEOUT,
		.keep_alive = KEEP_ALIVE,
		.handshake_timeout = HANDSHAKE_TIMEOUT,
		.initial_rtt = INITIAL_RTT,
		.token = p->token_len > 0 ? p->token : NULL,
		.token_len = p->token_len,
	};

	(void)snprintf(authority, sizeof(authority), "%s:%u",
		       p->config.server_name,
		       mpq_sockaddr_port(&p->config.remote));
	r = mpq_channel_connect(&slot->channel, &config, authority,
				p->tunnel->config.name, &channel_events, slot,
				now);
	if (r == 0) {
		slot->channel->wanted_bytes = p->tunnel->config.mtu_bytes;
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

static void close_socket(struct mpq_path_slot *slot)
{
	mpq_loop_unwatch(&slot->watch);
	if (slot->udp.fd >= 0) {
		mpq_udp_finish(&slot->udp);
	}
	slot->udp.fd = -1;
}

static int open_socket(struct mpq_path_slot *slot, int fd)
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
		close_socket(slot);
	}
	return r;
}

/* ---- life ---------------------------------------------------------------- */

static bool dialled_anew(struct mpq_path *p, mpq_time now)
{
	int i = p->current == 0 ? 1 : 0;
	struct mpq_path_slot *slot = &p->slot[i];
	int r;

	drop_channel(slot, "dialling anew", now);
	if (slot->udp.fd < 0 || p->tunnel == NULL) {
		return false;
	}
	r = dial(p, slot, now);
	if (r < 0) {
		mpq_log_warn("path=%s: cannot dial: %s; trying again",
			     p->config.name, strerror(-r));
		return false;
	}
	p->candidate = i;
	return true;
}

static void promote(struct mpq_path *p, mpq_time now)
{
	if (p->current >= 0) {
		p->slot[p->current].drain_until = now + DRAIN;
	}
	p->current = p->candidate;
	p->candidate = -1;
	if (p->tunnel != NULL &&
	    mpq_tunnel_attach(p->tunnel, p->slot[p->current].channel, now)) {
		p->shared->events->tunnel(p->tunnel, p->shared->owner);
	}
}

/* Does what bond/life decided, in the order its header gives. */
static void act(struct mpq_path *p, unsigned actions, enum mpq_life_state was,
		mpq_time now)
{
	if (actions & MPQ_LIFE_DROP_CURRENT && p->current >= 0) {
		drop_channel(&p->slot[p->current], p->life.reason, now);
		p->current = -1;
	}
	if (actions & MPQ_LIFE_DROP_CANDIDATE && p->candidate >= 0) {
		drop_channel(&p->slot[p->candidate], p->life.reason, now);
		p->candidate = -1;
	}
	if (actions & MPQ_LIFE_PROMOTE && p->candidate >= 0) {
		promote(p, now);
	}
	if (actions & MPQ_LIFE_DIAL && !dialled_anew(p, now)) {
		actions |= mpq_life_ended(&p->life, false, false,
					  "no socket to dial from", now) &
			   MPQ_LIFE_CHANGED;
	}
	if (actions & MPQ_LIFE_PROBE && p->current >= 0) {
		mpq_channel_ping(p->slot[p->current].channel, now);
	}
	if (actions & MPQ_LIFE_CHANGED) {
		p->shared->events->changed(p, was, p->shared->owner);
	}
}

struct mpq_path *mpq_path_new(const struct mpq_path_shared *shared,
			      const struct mpq_snapshot_path *config,
			      mpq_time now)
{
	struct mpq_path *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		return NULL;
	}
	p->shared = shared;
	p->config = *config;
	p->current = -1;
	p->candidate = -1;
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		p->slot[i].path = p;
		p->slot[i].udp.fd = -1;
		p->slot[i].drain_until = MPQ_TIME_NEVER;
	}
	mpq_life_init(&p->life, &mpq_life_default, now);
	return p;
}

static void drop_all(struct mpq_path *p, const char *reason, mpq_time now)
{
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		drop_channel(&p->slot[i], reason, now);
	}
	p->current = -1;
	p->candidate = -1;
}

void mpq_path_free(struct mpq_path *p)
{
	if (p == NULL) {
		return;
	}
	drop_all(p, "the path is no longer configured",
		 mpq_loop_now(p->shared->loop));
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		close_socket(&p->slot[i]);
	}
	free(p);
}

/* Restarts from the link's state: what ran belongs to another wire. */
static void start_over(struct mpq_path *p, mpq_time now)
{
	enum mpq_life_state was = p->life.state, link = p->life.link;

	p->token_len = 0;
	act(p,
	    mpq_life_link(&p->life, MPQ_LIFE_NO_LINK,
			  "the configuration changed", now),
	    was, now);
	was = p->life.state;
	act(p, mpq_life_link(&p->life, link, "the configuration changed", now),
	    was, now);
}

void mpq_path_configure(struct mpq_path *p,
			const struct mpq_snapshot_path *config,
			struct mpq_tunnel *tunnel, mpq_time now)
{
	bool same = mpq_snapshot_path_equal(&p->config, config) &&
		    p->tunnel == tunnel;
	bool enabled =
		config->enabled && tunnel != NULL && tunnel->config.enabled;
	enum mpq_life_state was = p->life.state;

	if (!same && p->tunnel != tunnel) {
		drop_all(p, "the path has another tunnel now", now);
	}
	p->config = *config;
	p->tunnel = tunnel;
	act(p, mpq_life_enable(&p->life, enabled, now), was, now);
	if (!same) {
		start_over(p, now);
	}
}

void mpq_path_link(struct mpq_path *p, enum mpq_life_state link,
		   const char *reason, const int *fds, mpq_time now)
{
	enum mpq_life_state was = p->life.state;
	unsigned actions = mpq_life_link(&p->life, link, reason, now);

	act(p, actions & (MPQ_LIFE_DROP_CURRENT | MPQ_LIFE_DROP_CANDIDATE), was,
	    now);
	drop_all(p, reason, now);
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		close_socket(&p->slot[i]);
		if (link == MPQ_LIFE_CONNECTING) {
			int r = open_socket(&p->slot[i], fds[i]);

			if (r < 0) {
				mpq_log_error("path=%s: socket refused: %s",
					      p->config.name, strerror(-r));
			}
		}
	}
	act(p, actions & ~(MPQ_LIFE_DROP_CURRENT | MPQ_LIFE_DROP_CANDIDATE),
	    was, now);
}

void mpq_path_hold(struct mpq_path *p, bool held, mpq_time now)
{
	enum mpq_life_state was = p->life.state;

	act(p,
	    held ? mpq_life_hold(&p->life, MPQ_TIME_NEVER, now)
		 : mpq_life_release(&p->life, now),
	    was, now);
}

/* ---- the turn ------------------------------------------------------------ */

static void reap(struct mpq_path *p, struct mpq_path_slot *slot, mpq_time now)
{
	struct mpq_channel *ch = slot->channel;
	enum mpq_life_state was = p->life.state;
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
	bool refused, current = is_current(p, slot);

	if (ch == NULL || !ch->over) {
		return;
	}
	refused = mpq_channel_refused(ch);
	(void)snprintf(reason, sizeof(reason), "%s", ch->end.reason);
	if (current) {
		p->current = -1;
	} else if (p->candidate >= 0 && slot == &p->slot[p->candidate]) {
		p->candidate = -1;
	} else {
		drop_channel(slot, reason, now);
		return;
	}
	drop_channel(slot, reason, now);
	act(p, mpq_life_ended(&p->life, current, refused, reason, now), was,
	    now);
}

static void watch_candidate(struct mpq_path *p, mpq_time now)
{
	const struct mpq_channel *ch = p->slot[p->candidate].channel;
	enum mpq_life_state was = p->life.state;
	struct mpq_conn_info info;

	if (ch->up) {
		act(p, mpq_life_established(&p->life, now), was, now);
		return;
	}
	mpq_conn_info(ch->conn, &info);
	if (info.last_read != MPQ_TIME_NEVER) {
		act(p,
		    mpq_life_observe_candidate(&p->life, info.last_read,
					       info.rtt_smoothed, now),
		    was, now);
	}
}

static void watch_current(struct mpq_path *p, mpq_time now)
{
	const struct mpq_channel *ch = p->slot[p->current].channel;
	enum mpq_life_state was = p->life.state;
	struct mpq_conn_info info;
	mpq_time unanswered;

	mpq_conn_info(ch->conn, &info);
	if (p->tunnel != NULL) {
		mpq_tunnel_set_rtt(p->tunnel, info.rtt_smoothed);
	}
	/* A path that lost its MTU answers small packets only: dial anew,
	 * which finds out what it carries now. */
	unanswered = mpq_time_min(info.oldest_unanswered,
				  mpq_loss_stalled_since(&ch->loss));
	act(p, mpq_life_observe(&p->life, unanswered, info.rtt_smoothed, now),
	    was, now);
}

static void watch_life(struct mpq_path *p, mpq_time now)
{
	enum mpq_life_state was;

	if (p->candidate >= 0) {
		watch_candidate(p, now);
	}
	if (p->current >= 0) {
		watch_current(p, now);
	}
	was = p->life.state;
	if (mpq_life_deadline(&p->life) <= now) {
		act(p, mpq_life_expire(&p->life, now), was, now);
	}
}

static void write_slot(struct mpq_path *p, struct mpq_path_slot *slot,
		       mpq_time now)
{
	struct mpq_channel *ch = slot->channel;
	struct mpq_queue *q = p->tunnel != NULL && p->tunnel->channel == ch
				      ? &p->tunnel->queue
				      : NULL;
	struct mpq_conn_written written;

	if (ch == NULL || (!ch->dirty && (q == NULL || q->pkts == 0))) {
		return;
	}
	for (;;) {
		uint8_t *dest =
			mpq_udp_reserve(&slot->udp, MPQ_CONN_MAX_UDP_BYTES);
		size_t n =
			mpq_channel_write(ch, q, dest, MPQ_CONN_MAX_UDP_BYTES,
					  &written, now);

		if (n == 0) {
			break;
		}
		mpq_udp_commit(&slot->udp, n, written.ecn, &written.local,
			       &written.remote);
	}
	mpq_channel_burst_end(ch, now);
	(void)mpq_udp_flush(&slot->udp);
}

void mpq_path_turn(struct mpq_path *p, mpq_time now)
{
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		struct mpq_path_slot *slot = &p->slot[i];

		if (slot->channel != NULL &&
		    mpq_channel_deadline(slot->channel) <= now) {
			mpq_channel_expire(slot->channel, now);
		}
		if (slot->drain_until <= now) {
			drop_channel(slot, "a fresh connection took over", now);
		}
		reap(p, slot, now);
	}
	watch_life(p, now);
	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		write_slot(p, &p->slot[i], now);
	}
}

mpq_time mpq_path_deadline(const struct mpq_path *p)
{
	mpq_time due = mpq_life_deadline(&p->life);

	for (int i = 0; i < MPQ_PATH_SOCKETS; i++) {
		const struct mpq_path_slot *slot = &p->slot[i];

		due = mpq_time_min(due, slot->drain_until);
		if (slot->channel != NULL && slot->channel->over) {
			return 0;
		}
		if (slot->channel != NULL) {
			due = mpq_time_min(due,
					   mpq_channel_deadline(slot->channel));
		}
	}
	return due;
}

const struct mpq_channel *mpq_path_channel(const struct mpq_path *p)
{
	return p->current >= 0 ? p->slot[p->current].channel : NULL;
}
