/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: what QUIC tells a channel. */
#include "dataplane/channel_private.h"

static int check_h3(struct mpq_channel *ch, int result)
{
	return result < 0 ? mpq_channel_fail_h3(ch) : 0;
}

static int on_verify(void *owner, const struct mpq_certificate_identity *peer,
		     char reason[MPQ_CERTIFICATE_REASON_BYTES])
{
	struct mpq_channel *ch = owner;

	return ch->events->verify != NULL ? ch->events->verify(ch, peer, reason)
					  : 0;
}

static void on_established(void *owner)
{
	struct mpq_channel *ch = owner;
	int64_t control = mpq_conn_open_uni(ch->conn);
	int64_t encoder = mpq_conn_open_uni(ch->conn);
	int64_t decoder = mpq_conn_open_uni(ch->conn);

	if (control < 0 || encoder < 0 || decoder < 0 ||
	    mpq_h3_bind(ch->h3, control, encoder, decoder) < 0) {
		mpq_channel_close(ch, "the peer allows no HTTP/3 streams");
	}
}

static int on_stream_data(void *owner, int64_t stream_id, const uint8_t *data,
			  size_t len, bool fin)
{
	struct mpq_channel *ch = owner;

	return check_h3(ch, mpq_h3_read(ch->h3, stream_id, data, len, fin));
}

static int on_stream_acked(void *owner, int64_t stream_id, uint64_t bytes)
{
	struct mpq_channel *ch = owner;

	return check_h3(ch, mpq_h3_acked(ch->h3, stream_id, bytes));
}

static int on_stream_closed(void *owner, int64_t stream_id, uint64_t code)
{
	struct mpq_channel *ch = owner;

	return check_h3(ch, mpq_h3_stream_closed(ch->h3, stream_id, code));
}

static int on_stream_reset(void *owner, int64_t stream_id)
{
	struct mpq_channel *ch = owner;

	return check_h3(ch, mpq_h3_stream_reset(ch->h3, stream_id));
}

static int on_stream_unblocked(void *owner, int64_t stream_id)
{
	struct mpq_channel *ch = owner;

	mpq_h3_unblock(ch->h3, stream_id);
	return 0;
}

static int on_stream_pull(void *owner, int64_t *ret_stream_id, bool *ret_fin,
			  struct iovec *vec, size_t room)
{
	struct mpq_channel *ch = owner;

	return mpq_h3_pull(ch->h3, ret_stream_id, ret_fin, vec, room);
}

static int on_stream_wrote(void *owner, int64_t stream_id, size_t bytes)
{
	struct mpq_channel *ch = owner;

	return check_h3(ch, mpq_h3_wrote(ch->h3, stream_id, bytes));
}

static void on_stream_blocked(void *owner, int64_t stream_id)
{
	struct mpq_channel *ch = owner;

	mpq_h3_block(ch->h3, stream_id);
}

void mpq_channel_deliver(struct mpq_channel *ch, const uint8_t *packet,
			 size_t len)
{
	ch->packets_in++;
	ch->bytes_in += len;
	ch->events->packet(ch, packet, len);
}

void mpq_channel_deliver_bonded(struct mpq_channel *ch, const uint8_t *data,
				size_t len)
{
	if (ch->member == NULL) {
		ch->dropped_context++;
		return;
	}
	ch->packets_in++;
	ch->bytes_in += len;
	ch->member->datagram(ch->member_owner, data, len);
}

static void on_datagram(void *owner, const uint8_t *data, size_t len)
{
	struct mpq_channel *ch = owner;
	int64_t stream_id;
	uint64_t context;
	int head = mpq_datagram_read_head(data, len, &stream_id, &context);

	/* RFC 9297 §2.1, RFC 9484 §6: unknown streams and contexts are dropped
	 * (they may be early), a broken head closes the connection. */
	if (head < 0) {
		mpq_channel_end(ch, MPQ_CONN_APPLICATION, false,
				MPQ_DATAGRAM_ERROR, MPQ_DATAGRAM_ERROR,
				"the peer sent a malformed HTTP datagram");
		return;
	}
	if (stream_id == mpq_h3_stream(ch->h3) &&
	    context == MPQ_DATAGRAM_CONTEXT_IP) {
		mpq_channel_deliver(ch, data + head, len - (size_t)head);
	} else if (stream_id == mpq_h3_stream(ch->h3) &&
		   context == ch->peer_context) {
		mpq_channel_deliver_bonded(ch, data + head, len - (size_t)head);
	} else {
		ch->dropped_context++;
	}
}

static void on_datagram_lost(void *owner, uint64_t id)
{
	struct mpq_channel *ch = owner;

	mpq_loss_lost(&ch->loss, id, ch->now);
	if (ch->member != NULL) {
		ch->member->lost(ch->member_owner, id);
	}
}

static void on_datagram_acked(void *owner, uint64_t id)
{
	struct mpq_channel *ch = owner;

	mpq_loss_acked(&ch->loss, id, ch->now);
	if (ch->member != NULL) {
		ch->member->acked(ch->member_owner, id);
	}
}

static int on_cid_added(void *owner, const uint8_t *cid, size_t len)
{
	struct mpq_channel *ch = owner;

	return ch->events->cid_added != NULL
		       ? ch->events->cid_added(ch, cid, len)
		       : 0;
}

static void on_cid_removed(void *owner, const uint8_t *cid, size_t len)
{
	struct mpq_channel *ch = owner;

	if (ch->events->cid_removed != NULL) {
		ch->events->cid_removed(ch, cid, len);
	}
}

static void on_token(void *owner, const uint8_t *token, size_t len)
{
	struct mpq_channel *ch = owner;

	if (ch->events->token != NULL) {
		ch->events->token(ch, token, len);
	}
}

const struct mpq_conn_events mpq_channel_conn_events = {
	.verify = on_verify,
	.established = on_established,
	.stream_data = on_stream_data,
	.stream_acked = on_stream_acked,
	.stream_closed = on_stream_closed,
	.stream_reset = on_stream_reset,
	.stream_unblocked = on_stream_unblocked,
	.stream_pull = on_stream_pull,
	.stream_wrote = on_stream_wrote,
	.stream_blocked = on_stream_blocked,
	.datagram = on_datagram,
	.datagram_acked = on_datagram_acked,
	.datagram_lost = on_datagram_lost,
	.cid_added = on_cid_added,
	.cid_removed = on_cid_removed,
	.token = on_token,
};
