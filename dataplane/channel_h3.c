/* SPDX-License-Identifier: Apache-2.0 */
/* The request and its capsules: what HTTP/3 tells a channel. */
#include "dataplane/channel_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void set_head(struct mpq_channel *ch)
{
	ch->head_bytes =
		mpq_datagram_write_head(ch->head, mpq_h3_stream(ch->h3),
					MPQ_DATAGRAM_CONTEXT_IP);
}

static void on_ready(void *owner)
{
	struct mpq_channel *ch = owner;
	struct mpq_h3_request request = {0};
	int64_t id = mpq_conn_open_bidi(ch->conn);

	(void)snprintf(request.authority, sizeof(request.authority), "%s",
		       ch->authority);
	(void)snprintf(request.tunnel, sizeof(request.tunnel), "%s",
		       ch->tunnel);
	if (id < 0) {
		mpq_channel_close(ch, "the peer allows no request stream");
	} else if (mpq_h3_connect(ch->h3, id, &request) < 0) {
		mpq_channel_close(ch, "no request can be made of our tunnel's "
				      "and the server's names");
	} else {
		set_head(ch);
	}
}

static void on_request(void *owner, const struct mpq_h3_request *request)
{
	struct mpq_channel *ch = owner;
	char reason[MPQ_CHANNEL_REASON_BYTES] = "";
	unsigned status = ch->events->request(ch, request, reason);
	int r = status == 200 ? mpq_h3_respond(ch->h3, status)
			      : mpq_h3_refuse(ch->h3, status, reason);

	set_head(ch);
	if (r == -EPROTO) {
		(void)mpq_channel_fail_h3(ch);
	}
	ch->up = status == 200 && ch->end.layer == MPQ_CONN_OPEN;
}

static void on_response(void *owner, unsigned status)
{
	struct mpq_channel *ch = owner;
	const char *why = mpq_h3_reason(ch->h3);
	char reason[256];

	if (status >= 200 && status < 300) {
		ch->up = true;
		ch->events->up(ch);
		return;
	}
	(void)snprintf(reason, sizeof(reason),
		       "the concentrator refused the tunnel (HTTP status "
		       "%u%s%s)",
		       status, why[0] != '\0' ? ": " : "", why);
	mpq_channel_end(ch, MPQ_CONN_APPLICATION, true, status,
			MPQ_CHANNEL_H3_NO_ERROR, reason);
}

static void on_closed(void *owner, uint64_t code)
{
	char reason[64];

	(void)snprintf(reason, sizeof(reason),
		       "the request stream ended (HTTP/3 code 0x%llx)",
		       (unsigned long long)code);
	mpq_channel_end(owner, MPQ_CONN_APPLICATION, true, code,
			MPQ_CHANNEL_H3_NO_ERROR, reason);
}

/* ---- capsules ----------------------------------------------------------- */

/* RFC 9297 §3.5: a datagram that came by the stream is one like any other. */
static int on_datagram_capsule(struct mpq_channel *ch,
			       const struct mpq_capsule *c)
{
	uint64_t context;
	size_t head = mpq_varint_read(c->value, c->len_bytes, &context);

	if (head == 0) {
		return -EBADMSG;
	}
	if (context == MPQ_DATAGRAM_CONTEXT_IP) {
		mpq_channel_deliver(ch, c->value + head, c->len_bytes - head);
	} else if (context == ch->peer_context) {
		mpq_channel_deliver_bonded(ch, c->value + head,
					   c->len_bytes - head);
	} else {
		ch->dropped_context++;
	}
	return 0;
}

static int on_addresses(struct mpq_channel *ch, const struct mpq_capsule *c)
{
	struct mpq_connect_ip_address list[MPQ_CONNECT_IP_ADDRESSES];
	int n = mpq_connect_ip_parse_addresses(c->value, c->len_bytes, list,
					       MPQ_CONNECT_IP_ADDRESSES, 0);

	if (n < 0) {
		return n;
	}
	if (ch->events->addresses != NULL) {
		ch->events->addresses(ch, list, (size_t)n);
	}
	return 0;
}

static int send_addresses(struct mpq_channel *ch,
			  const struct mpq_connect_ip_address *list, size_t n)
{
	uint8_t value[MPQ_CAPSULE_MAX_BYTES];
	size_t len =
		mpq_connect_ip_write_addresses(value, sizeof(value), list, n);

	mpq_channel_touch(ch);
	return mpq_h3_send_capsule(ch->h3, MPQ_CAPSULE_ADDRESS_ASSIGN, value,
				   len);
}

/* Gives request `id` the first address of its family that answers none yet. */
static bool grant(struct mpq_connect_ip_address *list, size_t n,
		  const struct mpq_connect_ip_address *wanted)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].request_id == 0 &&
		    list[i].prefix.family == wanted->prefix.family) {
			list[i].request_id = wanted->request_id;
			return true;
		}
	}
	return false;
}

/* RFC 9484 §4.7.2: each wish is answered by its number; the answer lists all
 * that is assigned (§4.7.1), and a wish that is not granted as no address. */
static int on_wishes(struct mpq_channel *ch, const struct mpq_capsule *c)
{
	struct mpq_connect_ip_address wanted[MPQ_CONNECT_IP_ADDRESSES];
	struct mpq_connect_ip_address list[2 * MPQ_CONNECT_IP_ADDRESSES] = {0};
	int n = mpq_connect_ip_parse_addresses(c->value, c->len_bytes, wanted,
					       MPQ_CONNECT_IP_ADDRESSES, 1);
	size_t total = ch->n_assigned;

	if (n < 0) {
		return n;
	}
	for (size_t i = 0; i < ch->n_assigned; i++) {
		list[i].prefix = ch->assigned[i];
	}
	for (int i = 0; i < n; i++) {
		uint8_t family = wanted[i].prefix.family;

		if (!grant(list, ch->n_assigned, &wanted[i])) {
			list[total].request_id = wanted[i].request_id;
			list[total].prefix.family = family;
			list[total++].prefix.length = family == 4 ? 32 : 128;
		}
	}
	if (send_addresses(ch, list, total) < 0) {
		ch->dropped_capsules++; /* the peer does not read */
	}
	return 0;
}

static int on_routes(const struct mpq_capsule *c)
{
	struct mpq_connect_ip_route routes[MPQ_CONNECT_IP_ROUTES];
	int n = mpq_connect_ip_parse_routes(c->value, c->len_bytes, routes,
					    MPQ_CONNECT_IP_ROUTES);

	return n < 0 ? n : 0;
}

/* RFC 9484 §4.7: a malformed capsule ends the request. */
static int on_capsule(void *owner, const struct mpq_capsule *c)
{
	struct mpq_channel *ch = owner;

	switch (c->type) {
	case MPQ_CAPSULE_DATAGRAM:
		return on_datagram_capsule(ch, c);
	case MPQ_CAPSULE_ADDRESS_ASSIGN:
		return on_addresses(ch, c);
	case MPQ_CAPSULE_ADDRESS_REQUEST:
		return on_wishes(ch, c);
	case MPQ_CAPSULE_ROUTE_ADVERTISEMENT:
		return on_routes(c);
	default: /* RFC 9297 §3.2: unknown types are ignored */
		return ch->events->capsule != NULL ? ch->events->capsule(ch, c)
						   : 0;
	}
}

int mpq_channel_send_capsule(struct mpq_channel *ch, uint64_t type,
			     const void *value, size_t len)
{
	mpq_channel_touch(ch);
	return mpq_h3_send_capsule(ch->h3, type, value, len);
}

void mpq_channel_set_contexts(struct mpq_channel *ch, uint64_t own,
			      uint64_t peer)
{
	ch->own_context = own;
	ch->peer_context = peer;
	ch->bonded_head_bytes =
		mpq_datagram_write_head(ch->bonded_head, mpq_h3_stream(ch->h3),
					own);
}

int mpq_channel_assign(struct mpq_channel *ch, const struct mpq_prefix *assign,
		       size_t n)
{
	struct mpq_connect_ip_address list[MPQ_CONNECT_IP_ADDRESSES] = {0};

	if (n > MPQ_CONNECT_IP_ADDRESSES) {
		return -E2BIG;
	}
	ch->n_assigned = n;
	for (size_t i = 0; i < n; i++) {
		list[i].prefix = ch->assigned[i] = assign[i];
	}
	return send_addresses(ch, list, n);
}

int mpq_channel_advertise(struct mpq_channel *ch,
			  const struct mpq_prefix *routes, size_t n)
{
	uint8_t value[MPQ_CAPSULE_MAX_BYTES];
	size_t len =
		mpq_connect_ip_write_routes(value, sizeof(value), routes, n);

	mpq_channel_touch(ch);
	return mpq_h3_send_capsule(ch->h3, MPQ_CAPSULE_ROUTE_ADVERTISEMENT,
				   value, len);
}

/* ---- needs of HTTP/3 ---------------------------------------------------- */

static void on_consumed(void *owner, int64_t stream_id, size_t bytes)
{
	struct mpq_channel *ch = owner;

	mpq_conn_consumed(ch->conn, stream_id, bytes);
}

static void on_stop_sending(void *owner, int64_t stream_id, uint64_t code)
{
	struct mpq_channel *ch = owner;

	mpq_conn_stop_sending(ch->conn, stream_id, code);
}

static void on_reset_stream(void *owner, int64_t stream_id, uint64_t code)
{
	struct mpq_channel *ch = owner;

	mpq_conn_reset_stream(ch->conn, stream_id, code);
}

const struct mpq_h3_events mpq_channel_h3_events = {
	.ready = on_ready,
	.request = on_request,
	.response = on_response,
	.capsule = on_capsule,
	.closed = on_closed,
	.consumed = on_consumed,
	.stop_sending = on_stop_sending,
	.reset_stream = on_reset_stream,
};
