/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/channel_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Quarter stream id and context id of the first request (RFC 9297 §2.1). */
#define DATAGRAM_HEAD_BYTES 2
#define SMALL_PACKET        512 /* below this, packets share a QUIC packet */

static void set_over(struct mpq_channel *ch)
{
	if (ch->end.layer == MPQ_CONN_OPEN) {
		ch->end = *mpq_conn_end(ch->conn);
	}
	ch->over = true;
	ch->up = false;
}

void mpq_channel_wake(struct mpq_channel *ch)
{
	if (ch->events->touched != NULL) {
		ch->events->touched(ch);
	}
}

void mpq_channel_touch(struct mpq_channel *ch)
{
	ch->dirty = true;
	mpq_channel_wake(ch);
}

static void tell_member(const struct mpq_channel *ch)
{
	if (ch->member != NULL) {
		ch->member->moved(ch->member_owner);
	}
}

void mpq_channel_end(struct mpq_channel *ch, enum mpq_conn_layer layer,
		     bool by_peer, uint64_t code, uint64_t wire_code,
		     const char *reason)
{
	if (ch->over) {
		return;
	}
	ch->up = false;
	mpq_channel_touch(ch);
	if (ch->end.layer != MPQ_CONN_OPEN ||
	    mpq_conn_end(ch->conn)->layer != MPQ_CONN_OPEN) {
		return;
	}
	ch->end.layer = layer;
	ch->end.by_peer = by_peer;
	ch->end.code = code;
	(void)snprintf(ch->end.reason, sizeof(ch->end.reason), "%s", reason);
	mpq_conn_close(ch->conn, wire_code, ch->end.reason);
}

int mpq_channel_fail_h3(struct mpq_channel *ch)
{
	const char *sentence;
	uint64_t code = mpq_h3_error(ch->h3, &sentence);

	mpq_channel_end(ch, MPQ_CONN_APPLICATION, false, code, code, sentence);
	return -EPROTO;
}

static struct mpq_channel *
channel_new(bool server, const struct mpq_channel_events *events, void *owner)
{
	struct mpq_channel *ch = calloc(1, sizeof(*ch));

	if (ch == NULL) {
		return NULL;
	}
	ch->server = server;
	ch->events = events;
	ch->owner = owner;
	ch->dirty = true;
	mpq_loss_init(&ch->loss);
	ch->h3 = mpq_h3_new(server, &mpq_channel_h3_events, ch);
	if (ch->h3 == NULL) {
		free(ch);
		return NULL;
	}
	return ch;
}

static bool is_ipv6(const struct mpq_sockaddr *a)
{
	return a->sa.sa_family == AF_INET6 &&
	       !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr);
}

uint16_t mpq_channel_max_udp(uint16_t inner_bytes,
			     const struct mpq_sockaddr *remote)
{
	uint16_t wire = is_ipv6(remote) ? 1500 - 40 - 8 : 1500 - 20 - 8;
	uint16_t wanted =
		inner_bytes + DATAGRAM_HEAD_BYTES + MPQ_CONN_OVERHEAD_BYTES;

	return wanted < wire ? wanted : wire;
}

int mpq_channel_connect(struct mpq_channel **ret,
			const struct mpq_conn_config *config,
			const char *authority, const char *tunnel,
			const struct mpq_channel_events *events, void *owner,
			mpq_time now)
{
	struct mpq_channel *ch = channel_new(false, events, owner);
	int r;

	if (ch == NULL) {
		return -ENOMEM;
	}
	(void)snprintf(ch->authority, sizeof(ch->authority), "%s", authority);
	(void)snprintf(ch->tunnel, sizeof(ch->tunnel), "%s", tunnel);
	r = mpq_conn_connect(&ch->conn, config, &mpq_channel_conn_events, ch,
			     now);
	if (r < 0) {
		mpq_channel_free(ch);
		return r;
	}
	*ret = ch;
	return 0;
}

int mpq_channel_accept(struct mpq_channel **ret,
		       const struct mpq_conn_config *config,
		       const struct mpq_conn_initial *initial,
		       const struct mpq_channel_events *events, void *owner,
		       mpq_time now)
{
	struct mpq_channel *ch = channel_new(true, events, owner);
	int r;

	if (ch == NULL) {
		return -ENOMEM;
	}
	r = mpq_conn_accept(&ch->conn, config, initial,
			    &mpq_channel_conn_events, ch, now);
	if (r < 0) {
		mpq_channel_free(ch);
		return r;
	}
	*ret = ch;
	return 0;
}

void mpq_channel_free(struct mpq_channel *ch)
{
	if (ch == NULL) {
		return;
	}
	mpq_conn_free(ch->conn);
	mpq_h3_free(ch->h3);
	free(ch);
}

void mpq_channel_read(struct mpq_channel *ch, const struct mpq_sockaddr *local,
		      const struct mpq_sockaddr *remote, uint8_t ecn,
		      const uint8_t *data, size_t len, mpq_time now)
{
	if (ch->over) {
		return;
	}
	mpq_channel_touch(ch);
	ch->now = now;
	if (mpq_conn_read(ch->conn, local, remote, ecn, data, len, now) < 0) {
		ch->up = false; /* the next write tells the peer and ends it */
	}
	tell_member(ch);
}

static void make_datagram(const struct mpq_channel *ch,
			  const struct mpq_channel_offer *offer,
			  struct mpq_conn_datagram *ret)
{
	ret->vec[0].iov_base =
		(void *)(offer->bonded ? ch->bonded_head : ch->head);
	ret->vec[0].iov_len =
		offer->bonded ? ch->bonded_head_bytes : ch->head_bytes;
	ret->vec[1].iov_base = (void *)offer->head;
	ret->vec[1].iov_len = offer->head_bytes;
	ret->vec[2].iov_base = (void *)offer->data;
	ret->vec[2].iov_len = offer->data_bytes;
	ret->n = 3;
	ret->id = ch->next_id;
}

static void count_sent(struct mpq_channel *ch,
		       const struct mpq_channel_offer *offer)
{
	mpq_loss_sent(&ch->loss, ch->next_id++,
		      offer->head_bytes + offer->data_bytes);
	ch->packets_out++;
	ch->bytes_out += offer->data_bytes;
}

static size_t limit_of(const struct mpq_channel *ch,
		       const struct mpq_channel_offer *offer)
{
	return offer->bonded ? mpq_channel_max_bonded(ch, offer->head_bytes)
			     : mpq_channel_max_packet(ch);
}

size_t mpq_channel_write(struct mpq_channel *ch,
			 const struct mpq_channel_source *source, void *owner,
			 uint8_t *dest, size_t cap,
			 struct mpq_conn_written *ret, mpq_time now)
{
	struct mpq_conn_datagram datagram;
	struct mpq_channel_offer offer;

	ch->now = now;
	while (!ch->over) {
		bool offered = source != NULL && mpq_channel_carries(ch) &&
			       source->offer(owner, &offer, now);
		enum mpq_conn_wrote wrote;

		if (offered) {
			make_datagram(ch, &offer, &datagram);
		}
		wrote = mpq_conn_write(ch->conn, dest, cap,
				       offered ? &datagram : NULL,
				       offered && offer.more &&
					       offer.data_bytes < SMALL_PACKET,
				       ret, now);
		if (offered && ret->accepted) {
			uint64_t id = ch->next_id;

			count_sent(ch, &offer);
			source->taken(owner, id, now);
		} else if (offered && ret->too_big) {
			ch->dropped_size++;
			source->too_big(owner, limit_of(ch, &offer), now);
			if (wrote == MPQ_CONN_NOTHING) {
				continue;
			}
		}
		switch (wrote) {
		case MPQ_CONN_MORE:
			continue;
		case MPQ_CONN_PACKET:
			return ret->len_bytes;
		case MPQ_CONN_OVER:
			set_over(ch);
			return 0;
		case MPQ_CONN_NOTHING:
			ch->dirty = false;
			return 0;
		}
	}
	return 0;
}

void mpq_channel_burst_end(struct mpq_channel *ch, mpq_time now)
{
	if (!ch->over) {
		mpq_conn_burst_end(ch->conn, now);
	}
}

mpq_time mpq_channel_deadline(const struct mpq_channel *ch)
{
	return ch->over ? MPQ_TIME_NEVER : mpq_conn_deadline(ch->conn);
}

void mpq_channel_expire(struct mpq_channel *ch, mpq_time now)
{
	if (ch->over) {
		return;
	}
	mpq_channel_touch(ch);
	ch->now = now;
	if (mpq_conn_expire(ch->conn, now) < 0) {
		ch->up = false;
	}
	tell_member(ch);
}

void mpq_channel_close(struct mpq_channel *ch, const char *reason)
{
	mpq_channel_end(ch, MPQ_CONN_LOCAL, false, MPQ_CHANNEL_H3_NO_ERROR,
			MPQ_CHANNEL_H3_NO_ERROR, reason);
}

bool mpq_channel_verify(struct mpq_channel *ch, struct mpq_tls *tls)
{
	if (ch->over || mpq_conn_verify(ch->conn, tls) == 0) {
		return true;
	}
	ch->end = *mpq_conn_end(ch->conn);
	ch->up = false;
	mpq_channel_touch(ch);
	return false;
}

void mpq_channel_reject(struct mpq_channel *ch, const char *reason)
{
	mpq_channel_end(ch, MPQ_CONN_LOCAL, false, MPQ_CHANNEL_H3_NO_ERROR,
			MPQ_CHANNEL_H3_REQUEST_REJECTED, reason);
}

void mpq_channel_malformed(struct mpq_channel *ch, const char *reason)
{
	mpq_channel_end(ch, MPQ_CONN_APPLICATION, false,
			MPQ_CHANNEL_H3_MESSAGE_ERROR,
			MPQ_CHANNEL_H3_MESSAGE_ERROR, reason);
}

void mpq_channel_set_member(struct mpq_channel *ch,
			    const struct mpq_channel_member *member,
			    void *owner)
{
	ch->member = member;
	ch->member_owner = owner;
}

void mpq_channel_ping(struct mpq_channel *ch, mpq_time now)
{
	mpq_channel_touch(ch);
	mpq_conn_ping(ch->conn, now);
}

size_t mpq_channel_max_packet(const struct mpq_channel *ch)
{
	size_t max = mpq_conn_max_datagram(ch->conn);

	return max > ch->head_bytes ? max - ch->head_bytes : 0;
}

size_t mpq_channel_max_bonded(const struct mpq_channel *ch, size_t head_bytes)
{
	size_t max = mpq_conn_max_datagram(ch->conn);

	head_bytes += ch->bonded_head_bytes;
	return max > head_bytes ? max - head_bytes : 0;
}

bool mpq_channel_carries(const struct mpq_channel *ch)
{
	return ch->up && !ch->over &&
	       (mpq_channel_max_packet(ch) >= ch->wanted_bytes ||
		!mpq_conn_probing_mtu(ch->conn));
}

bool mpq_channel_refused(const struct mpq_channel *ch)
{
	switch (ch->end.layer) {
	case MPQ_CONN_TLS:
	case MPQ_CONN_VERIFY:
		return true;
	case MPQ_CONN_APPLICATION:
		return ch->end.by_peer && ch->end.code >= 400 &&
		       ch->end.code < 500;
	default:
		return false;
	}
}
