/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out: from the device to the queue, and to a channel. */
#include "dataplane/tunnel_private.h"

#include "dataplane/flow/ip.h"
#include "dataplane/flow/segment.h"

#include <errno.h>

/* What one turn reads of one device: other tunnels want their turn. */
#define READ_BUDGET_BYTES (192 * 1024)
/* What has waited for longer was sent again, or is of no use: it would only
 * hold up what comes after it. After an outage there is more of it. */
#define MAX_AGE(rtt)   (250 * MPQ_MILLISECOND + (rtt))
#define MAX_AGE_OUTAGE (1 * MPQ_SECOND)

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
	return t->channel != NULL ||
	       mpq_time_elapsed(t->since, now) < MPQ_TUNNEL_GRACE;
}

/* One IP packet from the device stands in p. */
static void enqueue(struct mpq_tunnel *t, struct mpq_packet *p, mpq_time now)
{
	struct mpq_ip ip;

	if (mpq_ip_parse(&ip, p->data, p->len_bytes) < 0) {
		mpq_tunnel_count(t, MPQ_TUNNEL_DROP_MALFORMED);
	} else if (mpq_tunnel_is_bonded(t)) {
		t->packets_out++;
		t->bytes_out += p->len_bytes;
		mpq_session_send(t->session, p, &ip, now);
		return;
	} else if (!carried(t, now)) {
		mpq_tunnel_count(t, MPQ_TUNNEL_DROP_NO_PATH);
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
		mpq_tunnel_count(t, MPQ_TUNNEL_DROP_MALFORMED);
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
			mpq_tunnel_count(t, MPQ_TUNNEL_DROP_TOO_BIG);
			continue;
		}
		p->len_bytes = (uint16_t)n;
		enqueue(t, p, now);
	}
}

void mpq_tunnel_on_readable(void *owner, mpq_time now)
{
	struct mpq_tunnel *t = owner;
	struct virtio_net_hdr hdr;
	size_t taken = 0;

	mpq_agenda_touch(&t->turn);
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

void mpq_tunnel_diverted(struct mpq_tunnel *t, const struct mpq_packet *p,
			 size_t limit_bytes, mpq_time now)
{
	answer(t, MPQ_ICMP_TOO_BIG, p->data, p->len_bytes,
	       (uint16_t)limit_bytes, now);
}

void mpq_tunnel_too_big(struct mpq_tunnel *t, const struct mpq_packet *p,
			size_t limit_bytes, mpq_time now)
{
	mpq_tunnel_count(t, MPQ_TUNNEL_DROP_TOO_BIG);
	mpq_tunnel_diverted(t, p, limit_bytes, now);
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

	mpq_tunnel_too_big(t, p, limit_bytes, now);
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
		       ? mpq_session_source(t->session, ch, ret_owner)
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
