/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/tunnel.h"

#include "dataplane/flow/ip.h"
#include "dataplane/flow/segment.h"

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
/* What one turn reads of one device: other tunnels want their turn. */
#define READ_BUDGET_BYTES (192 * 1024)
/* A tunnel that is down for less keeps its packets: a channel may be changing.
 */
#define GRACE (1 * MPQ_SECOND)
/* What has waited for longer was sent again, or is of no use: it would only
 * hold up what comes after it. After an outage there is more of it. */
#define MAX_AGE(rtt)   (250 * MPQ_MILLISECOND + (rtt))
#define MAX_AGE_OUTAGE (1 * MPQ_SECOND)

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

static void drop(struct mpq_tunnel *t, enum mpq_tunnel_drop why)
{
	t->drops[why]++;
}

/* ---- TUN -> queue -------------------------------------------------------- */

/* The error's source is the packet's destination: the tunnel's own address
 * would be a martian to the kernel when it comes in by the device. */
static void answer(struct mpq_tunnel *t, enum mpq_icmp_error error,
		   const uint8_t *packet, size_t len, uint16_t mtu,
		   mpq_time now)
{
	static const struct virtio_net_hdr plain = {0};
	uint8_t out[MPQ_ICMP_MAX_BYTES];
	int n = mpq_icmp_build(error, packet, len, NULL, mtu, &t->icmp, now,
			       out);

	if (n > 0) {
		(void)mpq_tun_write(&t->tun, &plain, out, (size_t)n);
	}
}

static bool carried(const struct mpq_tunnel *t, mpq_time now)
{
	return t->channel != NULL || mpq_time_elapsed(t->since, now) < GRACE;
}

static bool is_bonded(const struct mpq_tunnel *t)
{
	return t->session != NULL && mpq_session_is_up(t->session);
}

/* One IP packet from the device stands in p. */
static void enqueue(struct mpq_tunnel *t, struct mpq_packet *p, mpq_time now)
{
	struct mpq_ip ip;

	if (mpq_ip_parse(&ip, p->data, p->len_bytes) < 0) {
		drop(t, MPQ_TUNNEL_DROP_MALFORMED);
	} else if (is_bonded(t)) {
		t->packets_out++;
		t->bytes_out += p->len_bytes;
		mpq_session_send(t->session, p, &ip, now);
		return;
	} else if (!carried(t, now)) {
		drop(t, MPQ_TUNNEL_DROP_NO_PATH);
		answer(t, MPQ_ICMP_UNREACHABLE, p->data, p->len_bytes, 0, now);
	} else {
		size_t len = p->len_bytes;

		p->flow = mpq_classify_flow(&ip, t->seed);
		if (mpq_fair_push(&t->queue, p, now)) {
			t->packets_out++;
			t->bytes_out += len;
		}
		return;
	}
	mpq_packet_put(t->shared->pool, p);
}

/* A tunnel holds as many buffers as are left to the others: one whose path is
 * stuck leaves them half of the pool, two a third, and so on. */
static bool may_hold_more(const struct mpq_tunnel *t)
{
	size_t pkts = t->queue.pkts;

	if (t->session != NULL) {
		pkts += mpq_session_queued(t->session);
	}
	return pkts < t->shared->pool->free_pkts;
}

static void cut(struct mpq_tunnel *t, const struct virtio_net_hdr *hdr,
		size_t len, mpq_time now)
{
	struct mpq_segment segment;

	if (mpq_segment_start(&segment, hdr, t->shared->frame, len) < 0) {
		drop(t, MPQ_TUNNEL_DROP_MALFORMED);
		return;
	}
	for (;;) {
		struct mpq_packet *p = may_hold_more(t)
					       ? mpq_packet_get(t->shared->pool)
					       : NULL;
		int n;

		if (p == NULL) {
			t->drops[MPQ_TUNNEL_DROP_NO_BUFFER] +=
				mpq_segment_left(&segment);
			return;
		}
		n = mpq_segment_next(&segment, p->data, sizeof(p->data));
		if (n <= 0) {
			mpq_packet_put(t->shared->pool, p);
			if (n == 0) {
				return;
			}
			drop(t, MPQ_TUNNEL_DROP_TOO_BIG);
			continue;
		}
		p->len_bytes = (uint16_t)n;
		enqueue(t, p, now);
	}
}

static void on_readable(void *owner, mpq_time now)
{
	struct mpq_tunnel *t = owner;
	struct virtio_net_hdr hdr;
	size_t taken = 0;

	while (taken < READ_BUDGET_BYTES) {
		int n = mpq_tun_read(&t->tun, &hdr, t->shared->frame,
				     MPQ_TUNNEL_FRAME_BYTES);

		if (n == -EBADFD) {
			t->device_gone = true;
			mpq_loop_unwatch(&t->watch);
			return;
		}
		if (n <= 0) {
			return;
		}
		taken += (size_t)n;
		cut(t, &hdr, (size_t)n, now);
	}
}

/* A packet that the path cannot carry: tells its sender (RFC 9484 §7.2.1). */
static void too_big(struct mpq_tunnel *t, const struct mpq_packet *p,
		    size_t limit_bytes, mpq_time now)
{
	drop(t, MPQ_TUNNEL_DROP_TOO_BIG);
	answer(t, MPQ_ICMP_TOO_BIG, p->data, p->len_bytes,
	       (uint16_t)limit_bytes, now);
}

/* ---- queue -> channel ---------------------------------------------------- */

static bool on_offer(void *owner, struct mpq_channel_offer *ret, mpq_time now)
{
	struct mpq_tunnel *t = owner;
	const struct mpq_packet *p = mpq_fair_peek(&t->queue, now);

	if (p == NULL) {
		return false;
	}
	*ret = (struct mpq_channel_offer){
		.data = p->data,
		.data_bytes = p->len_bytes,
		.more = t->queue.pkts > 1,
	};
	return true;
}

static void on_taken(void *owner, uint64_t id, mpq_time now)
{
	struct mpq_tunnel *t = owner;

	(void)id;
	mpq_packet_put(t->queue.pool, mpq_fair_pop(&t->queue, now));
}

static void on_too_big(void *owner, size_t limit_bytes, mpq_time now)
{
	struct mpq_tunnel *t = owner;
	struct mpq_packet *p = mpq_fair_pop(&t->queue, now);

	too_big(t, p, limit_bytes, now);
	mpq_packet_put(t->queue.pool, p);
}

static const struct mpq_channel_source plain_source = {
	.offer = on_offer,
	.taken = on_taken,
	.too_big = on_too_big,
};

static mpq_duration max_age(const struct mpq_tunnel *t, mpq_time now)
{
	return mpq_time_elapsed(t->since, now) < MAX_AGE_OUTAGE
		       ? MAX_AGE_OUTAGE
		       : MAX_AGE(t->rtt);
}

const struct mpq_channel_source *mpq_tunnel_source(struct mpq_tunnel *t,
						   const struct mpq_channel *ch,
						   void **ret_owner,
						   mpq_time now)
{
	if (t != NULL && t->channel != NULL && t->channel == ch) {
		(void)mpq_fair_drop_older(&t->queue, max_age(t, now), now);
		*ret_owner = t;
		return &plain_source;
	}
	return t != NULL && t->session != NULL && ch != NULL
		       ? mpq_session_source(t->session, ch, ret_owner, now)
		       : NULL;
}

bool mpq_tunnel_waits(const struct mpq_tunnel *t, const struct mpq_channel *ch)
{
	if (t == NULL || ch == NULL) {
		return false;
	}
	return (t->channel == ch && t->queue.pkts > 0) ||
	       (t->session != NULL && mpq_session_waits(t->session, ch));
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
		drop(t, MPQ_TUNNEL_DROP_MALFORMED_IN);
		return;
	}
	verdict = mpq_guard_check(&t->guard, &ip);
	if (verdict != MPQ_GUARD_PASS) {
		drop(t, drop_of(verdict));
		return;
	}
	t->packets_in++;
	t->bytes_in += len;
	t->delivered = true;
	mpq_coalesce_push(t->coalesce, data, len);
}

static void on_frame(void *owner, const struct virtio_net_hdr *hdr,
		     const uint8_t *frame, size_t len)
{
	struct mpq_tunnel *t = owner;

	(void)mpq_tun_write(&t->tun, hdr, frame, len);
}

void mpq_tunnel_flush(struct mpq_tunnel *t)
{
	if (t->delivered) {
		t->delivered = false;
		mpq_coalesce_flush(t->coalesce);
	}
}

/* ---- the session --------------------------------------------------------- */

static void on_session_deliver(void *owner, const uint8_t *data, size_t len)
{
	mpq_tunnel_deliver(owner, data, len);
}

static void on_session_too_big(void *owner, const struct mpq_packet *p,
			       size_t limit)
{
	struct mpq_tunnel *t = owner;

	too_big(t, p, limit, mpq_loop_now(t->shared->loop));
}

/* What came before the session was up. */
static void hand_over(struct mpq_tunnel *t, mpq_time now)
{
	struct mpq_packet *p;
	struct mpq_ip ip;

	while ((p = mpq_fair_peek(&t->queue, now)) != NULL) {
		p = mpq_fair_pop(&t->queue, now);
		if (mpq_ip_parse(&ip, p->data, p->len_bytes) == 0) {
			mpq_session_send(t->session, p, &ip, now);
		} else {
			mpq_packet_put(t->shared->pool, p);
		}
	}
}

static void on_session_changed(void *owner, const char *reason)
{
	struct mpq_tunnel *t = owner;
	mpq_time now = mpq_loop_now(t->shared->loop);

	if (t->channel == NULL) {
		t->since = now;
		(void)snprintf(t->reason, sizeof(t->reason), "%s",
			       is_bonded(t) ? "" : reason);
	}
	if (is_bonded(t)) {
		hand_over(t, now);
	}
	t->shared->events->changed(t->shared->owner, t);
}

static void on_session_member(void *owner, unsigned path,
			      enum mpq_session_member_state was,
			      const char *reason, mpq_duration gap)
{
	struct mpq_tunnel *t = owner;

	t->shared->events->member(t->shared->owner, t, path, was, reason, gap);
}

static void on_session_steered(void *owner, const struct mpq_steer_event *event)
{
	struct mpq_tunnel *t = owner;

	t->shared->events->steered(t->shared->owner, t, event);
}

static const struct mpq_session_events session_events = {
	.deliver = on_session_deliver,
	.too_big = on_session_too_big,
	.changed = on_session_changed,
	.member = on_session_member,
	.steered = on_session_steered,
};

static void configure_session(struct mpq_tunnel *t, mpq_time now)
{
	mpq_session_configure(t->session, &t->policy, t->config.accept_policy,
			      t->config.queue_delay, now);
}

int mpq_tunnel_open_session(struct mpq_tunnel *t, bool client, mpq_time now)
{
	if (t->session != NULL) {
		return 0;
	}
	t->session = mpq_session_new(client, &session_events, t,
				     t->shared->pool, t->seed, now);
	if (t->session == NULL) {
		return -ENOMEM;
	}
	configure_session(t, now);
	return 0;
}

void mpq_tunnel_withdraw(struct mpq_tunnel *t, const struct mpq_channel *ch,
			 const char *reason, mpq_time now)
{
	if (t->session != NULL) {
		mpq_session_withdraw(t->session, ch, reason, now);
	}
}

void mpq_tunnel_close_session(struct mpq_tunnel *t)
{
	mpq_session_free(t->session);
	t->session = NULL;
}

/* From places in the configuration to IDs. */
static mpq_steer_set number_set(const struct mpq_tunnel *t,
				mpq_steer_set places)
{
	mpq_steer_set set = 0;

	for (unsigned k = 0; k < t->config.n_paths; k++) {
		if ((places >> k & 1) != 0) {
			set |= (mpq_steer_set)1
			       << mpq_tunnel_path_id(t, t->config.paths[k]);
		}
	}
	return set;
}

static void number_class(const struct mpq_tunnel *t,
			 struct mpq_steer_class_config *c)
{
	for (unsigned i = 0; i < c->n_order; i++) {
		c->order[i] = (uint8_t)
			mpq_tunnel_path_id(t, t->config.paths[c->order[i]]);
	}
	c->excluded = number_set(t, c->excluded);
}

void mpq_tunnel_set_policy(struct mpq_tunnel *t,
			   const struct mpq_policy *policy, mpq_time now)
{
	t->policy = *policy;
	for (size_t i = 0; i < t->policy.n_classes; i++) {
		number_class(t, &t->policy.class[i].steer);
	}
	t->policy.metered = number_set(t, t->policy.metered);
	if (t->session != NULL) {
		configure_session(t, now);
	}
}

void mpq_tunnel_turn(struct mpq_tunnel *t, mpq_time now)
{
	if (t->session != NULL) {
		mpq_session_turn(t->session, now);
	}
}

mpq_time mpq_tunnel_deadline(const struct mpq_tunnel *t)
{
	return t->session != NULL ? mpq_session_deadline(t->session)
				  : MPQ_TIME_NEVER;
}

bool mpq_tunnel_is_up(const struct mpq_tunnel *t)
{
	return t->channel != NULL || is_bonded(t);
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
					.readable = on_readable,
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
	static const struct mpq_queue_config queue = {
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
	r = t->coalesce == NULL ? -ENOMEM : watch_device(t);
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
		if (mpq_time_elapsed(t->since, now) >= GRACE) {
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
