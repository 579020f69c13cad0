/* SPDX-License-Identifier: Apache-2.0 */
/* A peer's connection, and those who are dialled. */
#include "tests/unit/dataplane/peer.h"

#include "dataplane/masque/datagram.h"
#include "dataplane/masque/h3_private.h"
#include "tests/unit/dataplane/fake_io.h"
#include "tests/unit/dataplane/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NO_ERROR 0x100 /* RFC 9114 §8.1 */

static void check(struct peer *p, int result)
{
	const char *sentence;

	if (result < 0) {
		mpq_conn_close(p->conn, mpq_h3_error(p->h3, &sentence), "");
	}
}

/* ---- what HTTP/3 tells --------------------------------------------------- */

static void on_ready(void *owner)
{
	struct peer *p = owner;
	const struct mpq_h3_request request = {
		.authority = "concentrator.example:45001",
		.tunnel = "mpq1",
	};

	check(p, mpq_h3_connect(p->h3, mpq_conn_open_bidi(p->conn), &request));
}

static void on_request(void *owner, const struct mpq_h3_request *request)
{
	struct peer *p = owner;

	(void)request;
	p->status = 200;
	check(p, mpq_h3_respond(p->h3, 200));
}

static void on_response(void *owner, unsigned status)
{
	((struct peer *)owner)->status = status;
}

static int on_capsule(void *owner, const struct mpq_capsule *c)
{
	struct peer *p = owner;
	struct mpq_join_message m;

	if (p->n_capsules < PEER_CAPSULES) {
		struct peer_capsule *kept = &p->capsule[p->n_capsules];

		kept->type = c->type;
		kept->len = c->len_bytes < sizeof(kept->value)
				    ? c->len_bytes
				    : sizeof(kept->value);
		memcpy(kept->value, c->value, kept->len);
	}
	p->n_capsules++;
	if (mpq_join_parse(&m, c->type, c->value, c->len_bytes) == 0) {
		p->accepts += m.type == MPQ_JOIN_ACCEPT;
		if (m.type == MPQ_JOIN_OPEN || m.type == MPQ_JOIN_JOIN) {
			p->asked = true;
			p->question = m;
		}
		p->their_context = m.type == MPQ_JOIN_REGISTER
					   ? m.context
					   : p->their_context;
	}
	return 0;
}

static void on_closed(void *owner, uint64_t code)
{
	struct peer *p = owner;

	p->closed = true;
	p->close_code = code;
}

static void on_consumed(void *owner, int64_t stream_id, size_t bytes)
{
	mpq_conn_consumed(((struct peer *)owner)->conn, stream_id, bytes);
}

static void on_stop_sending(void *owner, int64_t stream_id, uint64_t code)
{
	mpq_conn_stop_sending(((struct peer *)owner)->conn, stream_id, code);
}

static void on_reset_stream(void *owner, int64_t stream_id, uint64_t code)
{
	mpq_conn_reset_stream(((struct peer *)owner)->conn, stream_id, code);
}

static const struct mpq_h3_events h3_events = {
	.ready = on_ready,
	.request = on_request,
	.response = on_response,
	.capsule = on_capsule,
	.closed = on_closed,
	.consumed = on_consumed,
	.stop_sending = on_stop_sending,
	.reset_stream = on_reset_stream,
};

/* ---- what QUIC tells ----------------------------------------------------- */

static void on_established(void *owner)
{
	struct peer *p = owner;
	int64_t control = mpq_conn_open_uni(p->conn);
	int64_t encoder = mpq_conn_open_uni(p->conn);
	int64_t decoder = mpq_conn_open_uni(p->conn);

	check(p, mpq_h3_bind(p->h3, control, encoder, decoder));
}

static int on_stream_data(void *owner, int64_t stream_id, const uint8_t *data,
			  size_t len, bool fin)
{
	return mpq_h3_read(((struct peer *)owner)->h3, stream_id, data, len,
			   fin);
}

static int on_stream_acked(void *owner, int64_t stream_id, uint64_t bytes)
{
	return mpq_h3_acked(((struct peer *)owner)->h3, stream_id, bytes);
}

static int on_stream_closed(void *owner, int64_t stream_id, uint64_t code)
{
	return mpq_h3_stream_closed(((struct peer *)owner)->h3, stream_id,
				    code);
}

static int on_stream_reset(void *owner, int64_t stream_id)
{
	return mpq_h3_stream_reset(((struct peer *)owner)->h3, stream_id);
}

static int on_stream_unblocked(void *owner, int64_t stream_id)
{
	mpq_h3_unblock(((struct peer *)owner)->h3, stream_id);
	return 0;
}

static int on_stream_pull(void *owner, int64_t *ret_stream_id, bool *ret_fin,
			  struct iovec *vec, size_t room)
{
	return mpq_h3_pull(((struct peer *)owner)->h3, ret_stream_id, ret_fin,
			   vec, room);
}

static int on_stream_wrote(void *owner, int64_t stream_id, size_t bytes)
{
	return mpq_h3_wrote(((struct peer *)owner)->h3, stream_id, bytes);
}

static void on_stream_blocked(void *owner, int64_t stream_id)
{
	mpq_h3_block(((struct peer *)owner)->h3, stream_id);
}

static void on_datagram(void *owner, const uint8_t *data, size_t len)
{
	struct peer *p = owner;
	struct mpq_header header;
	int64_t stream_id;
	uint64_t context;
	int head = mpq_datagram_read_head(data, len, &stream_id, &context);

	if (head < 0 || stream_id != mpq_h3_stream(p->h3)) {
		p->strange++;
	} else if (context == MPQ_DATAGRAM_CONTEXT_IP) {
		p->packets++;
	} else if (context != p->their_context ||
		   mpq_header_read(data + head, len - (size_t)head, &header) <
			   0) {
		p->strange++;
	} else {
		p->kinds[header.kind]++;
	}
}

static int on_cid_added(void *owner, const uint8_t *cid, size_t len)
{
	struct peer *p = owner;

	return p->door != NULL ? mpq_demux_add(p->door->demux, cid, len, p) : 0;
}

static void on_cid_removed(void *owner, const uint8_t *cid, size_t len)
{
	struct peer *p = owner;

	if (p->door != NULL) {
		mpq_demux_remove(p->door->demux, cid, len);
	}
}

static const struct mpq_conn_events conn_events = {
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
	.cid_added = on_cid_added,
	.cid_removed = on_cid_removed,
};

/* ---- bytes in and out ---------------------------------------------------- */

static void on_udp(void *owner, const struct mpq_udp_datagram *d)
{
	struct peer *p = owner;

	if (!p->over) {
		(void)mpq_conn_read(p->conn, &d->local, &d->remote, 0, d->data,
				    d->len_bytes, fake_now());
	}
}

static void on_readable(void *owner, mpq_time now)
{
	struct peer *p = owner;

	(void)now;
	(void)mpq_udp_receive(&p->udp, 1000, on_udp, p);
}

static void pop(struct peer *p)
{
	free(p->queue[p->first].data);
	p->first = (p->first + 1) % PEER_QUEUE;
	p->n--;
	p->sent++;
}

/* Small ones share packets, as many as fit: the dearest for who reads them. */
static size_t write_one(struct peer *p, uint8_t *dest,
			struct mpq_conn_written *ret, mpq_time now)
{
	for (;;) {
		struct mpq_conn_datagram d = {.n = 1, .id = p->sent};
		bool any = p->n > 0 && mpq_conn_is_established(p->conn);
		enum mpq_conn_wrote wrote;

		if (any) {
			d.vec[0].iov_base = p->queue[p->first].data;
			d.vec[0].iov_len = p->queue[p->first].len;
		}
		wrote = mpq_conn_write(p->conn, dest, MPQ_CONN_MAX_UDP_BYTES,
				       any ? &d : NULL, any && p->n > 1, ret,
				       now);
		if (any && (ret->accepted || ret->too_big)) {
			pop(p);
		}
		if (wrote == MPQ_CONN_PACKET) {
			return ret->len_bytes;
		}
		if (wrote == MPQ_CONN_OVER) {
			p->over = true;
		}
		if (wrote != MPQ_CONN_MORE) {
			return 0;
		}
	}
}

static mpq_time turn(struct peer *p, mpq_time now)
{
	struct mpq_udp *udp = p->door != NULL ? &p->door->udp : &p->udp;
	struct mpq_conn_written written;
	size_t n;

	if (p->over) {
		return MPQ_TIME_NEVER;
	}
	if (mpq_conn_deadline(p->conn) <= now) {
		(void)mpq_conn_expire(p->conn, now);
	}
	while ((n = write_one(p, mpq_udp_reserve(udp, MPQ_CONN_MAX_UDP_BYTES),
			      &written, now)) > 0) {
		mpq_udp_commit(udp, n, 0, &written.local, &written.remote);
	}
	(void)mpq_udp_flush(udp);
	p->end = *mpq_conn_end(p->conn);
	if (p->over) {
		return MPQ_TIME_NEVER;
	}
	mpq_conn_burst_end(p->conn, now);
	return mpq_conn_deadline(p->conn);
}

static mpq_time on_turn_end(void *owner, mpq_time now)
{
	struct peers *ps = owner;
	mpq_time due = MPQ_TIME_NEVER;

	for (size_t i = 0; i < ps->n; i++) {
		due = mpq_time_min(due, turn(ps->peer[i], now));
	}
	return due;
}

/* ---- life ---------------------------------------------------------------- */

void peers_init(struct peers *ps)
{
	static const struct mpq_loop_events events = {.turn_end = on_turn_end};

	memset(ps, 0, sizeof(*ps));
	ps->remote = SITE_VPS;
	ps->server_name = "concentrator.example";
	assert_int_equal(mpq_loop_new(&ps->loop, &events, ps), 0);
}

void peers_finish(struct peers *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		struct peer *p = ps->peer[i];

		while (p->n > 0) {
			pop(p);
		}
		mpq_conn_free(p->conn);
		mpq_h3_free(p->h3);
		if (p->door == NULL) {
			mpq_loop_unwatch(&p->watch);
			mpq_udp_finish(&p->udp);
		}
		free(p);
	}
	for (size_t i = 0; i < ps->n_doors; i++) {
		struct peer_door *d = &ps->door[i];

		mpq_loop_unwatch(&d->watch);
		mpq_udp_finish(&d->udp);
		mpq_demux_free(d->demux);
		mpq_tls_unref(d->tls);
	}
	mpq_loop_free(ps->loop);
}

static struct mpq_tls *tls_of(const struct pki_certificate *own,
			      const struct pki_certificate *authority,
			      bool server)
{
	const struct mpq_tls_config config = {
		.certificate_pem = own->certificate_pem,
		.private_key_pem = own->key_pem,
		.authority_pem = authority->certificate_pem,
		.server = server,
	};
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
	struct mpq_tls *tls;

	assert_int_equal(mpq_tls_new(&tls, &config, reason), 0);
	return tls;
}

static void dial(struct peer *p, struct mpq_tls *tls, uint16_t port)
{
	struct mpq_conn_config config = {
		.tls = tls,
		.server_name = p->peers->server_name,
		.local = p->udp.local,
		.max_udp_bytes = 1430,
		.idle_timeout = 30 * MPQ_SECOND,
		.keep_alive = 1 * MPQ_SECOND,
		.handshake_timeout = 30 * MPQ_SECOND,
		.initial_rtt = 100 * MPQ_MILLISECOND,
	};

	assert_int_equal(mpq_sockaddr_parse(p->peers->remote, port,
					    &config.remote),
			 0);
	assert_int_equal(mpq_conn_connect(&p->conn, &config, &conn_events, p,
					  fake_now()),
			 0);
}

static struct peer *peer_new(struct peers *ps, struct peer_door *door)
{
	struct peer *p = calloc(1, sizeof(*p));

	assert_true(ps->n < PEERS);
	p->peers = ps;
	p->door = door;
	p->own_context = door != NULL ? 1 : PEER_CONTEXT;
	p->h3 = mpq_h3_new(door != NULL, &h3_events, p);
	assert_non_null(p->h3);
	ps->peer[ps->n++] = p;
	return p;
}

struct peer *peer_dial(struct peers *ps, const struct pki_certificate *own,
		       const struct pki_certificate *authority,
		       const char *address, uint16_t port)
{
	struct mpq_tls *tls = tls_of(own, authority, false);
	struct peer *p = peer_new(ps, NULL);

	(void)snprintf(p->address, sizeof(p->address), "%s", address);
	assert_int_equal(mpq_udp_init(&p->udp,
				      fake_udp(address,
					       (uint16_t)(2000 + ps->n))),
			 0);
	p->watch = (struct mpq_loop_fd){.fd = p->udp.fd,
					.readable = on_readable,
					.owner = p};
	assert_int_equal(mpq_loop_watch(ps->loop, &p->watch), 0);
	dial(p, tls, port);
	mpq_tls_unref(tls);
	return p;
}

static struct peer *admit(struct peer_door *door,
			  const struct mpq_udp_datagram *d,
			  const struct mpq_conn_initial *initial)
{
	const struct mpq_conn_config config = {
		.tls = door->tls,
		.local = d->local,
		.remote = d->remote,
		.max_udp_bytes = 1430,
		.idle_timeout = 30 * MPQ_SECOND,
		.handshake_timeout = 30 * MPQ_SECOND,
		.initial_rtt = 100 * MPQ_MILLISECOND,
		.reset_secret = door->secret,
	};
	struct peer *p = peer_new(door->peers, door);

	assert_int_equal(mpq_conn_accept(&p->conn, &config, initial,
					 &conn_events, p, fake_now()),
			 0);
	return p;
}

static void on_door_udp(void *owner, const struct mpq_udp_datagram *d)
{
	struct peer_door *door = owner;
	struct mpq_demux_result r;
	uint8_t *dest;

	switch (mpq_demux_route(door->demux, &d->remote, d->data, d->len_bytes,
				fake_now(), &r)) {
	case MPQ_DEMUX_OWNER:
		on_udp(r.owner, d);
		break;
	case MPQ_DEMUX_ACCEPT:
		on_udp(admit(door, d, &r.initial), d);
		break;
	case MPQ_DEMUX_REPLY:
		dest = mpq_udp_reserve(&door->udp, r.reply_len);
		memcpy(dest, r.reply, r.reply_len);
		mpq_udp_commit(&door->udp, r.reply_len, 0, &d->local,
			       &d->remote);
		break;
	case MPQ_DEMUX_DROP:
		break;
	}
}

static void on_door_readable(void *owner, mpq_time now)
{
	struct peer_door *door = owner;

	(void)now;
	(void)mpq_udp_receive(&door->udp, 1000, on_door_udp, door);
}

void peers_listen(struct peers *ps, const struct pki_certificate *own,
		  const struct pki_certificate *authority, const char *address,
		  uint16_t port)
{
	struct peer_door *d = &ps->door[ps->n_doors++];

	assert_true(ps->n_doors <= PEER_DOORS);
	d->peers = ps;
	d->secret[0] = (uint8_t)ps->n_doors;
	d->tls = tls_of(own, authority, true);
	d->demux = mpq_demux_new(d->secret);
	assert_non_null(d->demux);
	assert_int_equal(mpq_udp_init(&d->udp, fake_udp(address, port)), 0);
	d->watch = (struct mpq_loop_fd){.fd = d->udp.fd,
					.readable = on_door_readable,
					.owner = d};
	assert_int_equal(mpq_loop_watch(ps->loop, &d->watch), 0);
}

void peer_hang_up(struct peer *p)
{
	mpq_conn_close(p->conn, NO_ERROR, "");
}
