/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/quic/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t pattern(uint64_t id, size_t i)
{
	return (uint8_t)(id * 31 + i);
}

/* Events */

static struct pair_end *end_of(void *owner)
{
	return owner;
}

static int on_verify(void *owner, const struct mpq_certificate_identity *peer,
		     char reason[MPQ_CERTIFICATE_REASON_BYTES])
{
	struct pair_end *e = end_of(owner);

	e->verified++;
	e->peer = *peer;
	if (!e->refuse) {
		return 0;
	}
	snprintf(reason, MPQ_CERTIFICATE_REASON_BYTES, "%s", e->refuse);
	return 1;
}

static void on_established(void *owner)
{
	struct pair_end *e = end_of(owner);

	e->established++;
	e->established_at = e->pair->now;
}

static int on_stream_data(void *owner, int64_t stream_id, const uint8_t *data,
			  size_t len, bool fin)
{
	struct pair_end *e = end_of(owner);

	assert_true(e->stream_read + len <= PAIR_STREAM);
	memcpy(e->stream_in + e->stream_read, data, len);
	e->stream_read += len;
	e->stream_fin_read = fin;
	mpq_conn_consumed(e->conn, stream_id, len);
	return 0;
}

static int on_stream_closed(void *owner, int64_t stream_id, uint64_t code)
{
	(void)stream_id;
	(void)code;
	end_of(owner)->closed_streams++;
	return 0;
}

static int on_stream_unblocked(void *owner, int64_t stream_id)
{
	(void)stream_id;
	end_of(owner)->stream_blocked = false;
	return 0;
}

static int on_stream_pull(void *owner, int64_t *ret_stream_id, bool *ret_fin,
			  struct iovec *vec, size_t room)
{
	struct pair_end *e = end_of(owner);
	size_t left = e->stream_len - e->stream_sent;

	assert_true(room >= 1);
	if (e->stream_id < 0 || e->stream_blocked ||
	    (left == 0 && (!e->stream_fin || e->stream_fin_sent))) {
		return 0;
	}
	*ret_stream_id = e->stream_id;
	*ret_fin = e->stream_fin;
	vec[0].iov_base = e->stream_out + e->stream_sent;
	vec[0].iov_len = left;
	return left > 0;
}

static int on_stream_wrote(void *owner, int64_t stream_id, size_t bytes)
{
	struct pair_end *e = end_of(owner);

	assert_int_equal(stream_id, e->stream_id);
	e->stream_sent += bytes;
	e->stream_fin_sent = e->stream_fin && e->stream_sent == e->stream_len;
	return 0;
}

static void on_stream_blocked(void *owner, int64_t stream_id)
{
	assert_int_equal(stream_id, end_of(owner)->stream_id);
	end_of(owner)->stream_blocked = true;
}

static void on_datagram(void *owner, const uint8_t *data, size_t len)
{
	struct pair_end *e = end_of(owner);
	uint64_t id = 0;

	e->datagrams++;
	memcpy(&id, data, len < sizeof(id) ? len : sizeof(id));
	e->last_id = id;
	for (size_t i = sizeof(id); i < len; i++) {
		e->wrong_bytes += data[i] != pattern(id, i);
	}
}

static void on_acked(void *owner, uint64_t id)
{
	struct pair_end *e = end_of(owner);

	e->acked++;
	e->spurious += id < PAIR_QUEUE && e->was_lost[id];
}

static void on_lost(void *owner, uint64_t id)
{
	struct pair_end *e = end_of(owner);

	e->lost++;
	if (id < PAIR_QUEUE) {
		e->was_lost[id] = true;
	}
}

static int on_cid_added(void *owner, const uint8_t *cid, size_t len)
{
	struct pair_end *e = end_of(owner);
	int rv = mpq_demux_add(e->pair->demux, cid, len, e);

	e->cids += rv == 0;
	return rv;
}

static void on_cid_removed(void *owner, const uint8_t *cid, size_t len)
{
	struct pair_end *e = end_of(owner);

	assert_true(e->cids > 0);
	e->cids--;
	mpq_demux_remove(e->pair->demux, cid, len);
}

static void on_token(void *owner, const uint8_t *token, size_t len)
{
	struct pair_end *e = end_of(owner);

	assert_true(len <= sizeof(e->token));
	memcpy(e->token, token, len);
	e->token_len = len;
}

static const struct mpq_conn_events events = {
	.verify = on_verify,
	.established = on_established,
	.stream_data = on_stream_data,
	.stream_closed = on_stream_closed,
	.stream_unblocked = on_stream_unblocked,
	.stream_pull = on_stream_pull,
	.stream_wrote = on_stream_wrote,
	.stream_blocked = on_stream_blocked,
	.datagram = on_datagram,
	.datagram_acked = on_acked,
	.datagram_lost = on_lost,
	.cid_added = on_cid_added,
	.cid_removed = on_cid_removed,
	.token = on_token,
};

/* Making and freeing */

static void end_init(struct pair *p, struct pair_end *e, bool is_server)
{
	e->pair = p;
	e->is_server = is_server;
	e->timer = MPQ_TIME_NEVER;
	e->stream_id = -1;
	e->stream_out = test_malloc(PAIR_STREAM);
	e->stream_in = test_malloc(PAIR_STREAM);
	for (size_t i = 0; i < PAIR_STREAM; i++) {
		e->stream_out[i] = pattern(is_server, i);
	}
}

static void set_config(struct pair *p)
{
	struct mpq_conn_config config = {
		.max_udp_bytes = MPQ_CONN_MAX_UDP_BYTES,
		.idle_timeout = 30 * MPQ_SECOND,
		.handshake_timeout = 10 * MPQ_SECOND,
		.initial_rtt = 50 * MPQ_MILLISECOND,
	};
	struct mpq_sockaddr client;

	mpq_sockaddr_parse("192.0.2.1", PAIR_CLIENT_PORT, &client);
	mpq_sockaddr_parse("198.51.100.1", PAIR_SERVER_PORT,
			   &p->server_address);
	p->server_config = p->client_config = config;
	p->server_config.reset_secret = p->secret;
	p->client_config.local = client;
	p->client_config.remote = p->server_address;
	p->client_config.server_name = "concentrator.example";
	p->client_tls.certificate_pem = p->pki.client->certificate_pem;
	p->client_tls.private_key_pem = p->pki.client->key_pem;
	p->client_tls.authority_pem = p->pki.authority->certificate_pem;
	p->server_tls = p->client_tls;
	p->server_tls.certificate_pem = p->pki.server->certificate_pem;
	p->server_tls.private_key_pem = p->pki.server->key_pem;
	p->server_tls.server = true;
}

struct pair *pair_new(void)
{
	struct pair *p = test_calloc(1, sizeof(*p));

	p->now = PAIR_START;
	p->pki = pki_set_new();
	memset(p->secret, 0x5a, sizeof(p->secret));
	p->demux = mpq_demux_new(p->secret);
	assert_non_null(p->demux);
	p->delay = 10 * MPQ_MILLISECOND;
	p->mtu = MPQ_CONN_MAX_UDP_BYTES;
	p->nat_port = PAIR_CLIENT_PORT;
	p->to_server.packet =
		test_calloc(PAIR_WIRE, sizeof(struct pair_packet));
	p->to_client.packet =
		test_calloc(PAIR_WIRE, sizeof(struct pair_packet));
	p->client_events = p->server_events = events;
	p->client_events.cid_added = NULL;
	p->client_events.cid_removed = NULL;
	set_config(p);
	end_init(p, &p->client, false);
	end_init(p, &p->server, true);
	return p;
}

static void end_finish(struct pair_end *e)
{
	mpq_conn_free(e->conn);
	assert_int_equal(e->cids, 0);
	test_free(e->stream_out);
	test_free(e->stream_in);
}

void pair_free(struct pair *p)
{
	end_finish(&p->client);
	end_finish(&p->server);
	mpq_demux_free(p->demux);
	pki_set_free(&p->pki);
	test_free(p->to_server.packet);
	test_free(p->to_client.packet);
	test_free(p);
}

static struct mpq_tls *tls_new(const struct mpq_tls_config *config)
{
	char reason[MPQ_CERTIFICATE_REASON_BYTES] = "";
	struct mpq_tls *tls = NULL;

	if (mpq_tls_new(&tls, config, reason)) {
		fail_msg("mpq_tls_new: %s", reason);
	}
	return tls;
}

void pair_dial(struct pair *p)
{
	struct mpq_conn_config config = p->client_config;

	mpq_conn_free(p->client.conn);
	p->client.conn = NULL;
	config.tls = tls_new(&p->client_tls);
	assert_int_equal(mpq_conn_connect(&p->client.conn, &config,
					  &p->client_events, &p->client,
					  p->now),
			 0);
	mpq_tls_unref(config.tls);
	if (p->client.prepare) {
		p->client.prepare(p->client.conn);
	}
	pair_pump(&p->client);
}

void pair_restart_server(struct pair *p)
{
	mpq_conn_free(p->server.conn);
	p->server.conn = NULL;
	p->server.timer = MPQ_TIME_NEVER;
	mpq_demux_free(p->demux);
	p->demux = mpq_demux_new(p->secret);
	assert_non_null(p->demux);
}

/* The wire */

struct pair_packet *pair_head(const struct pair_wire *w)
{
	return w->n > 0 ? &w->packet[w->first] : NULL;
}

/* When a packet of `len` bytes has left the sender's queue; 0: it is full. */
static mpq_time serialize(struct pair_wire *w, size_t len, mpq_time now)
{
	mpq_time start = w->free_at > now ? w->free_at : now;

	if (w->rate_bps == 0) {
		return now;
	}
	if (start - now > w->buffer) {
		w->dropped++;
		return 0;
	}
	if (start - now > w->longest_wait) {
		w->longest_wait = start - now;
	}
	w->free_at = start + (len + 28) * 8 * MPQ_SECOND / w->rate_bps;
	return w->free_at;
}

static void transmit(struct pair *p, bool to_server,
		     const struct mpq_sockaddr *from,
		     const struct mpq_sockaddr *to, const uint8_t *data,
		     size_t len)
{
	struct pair_wire *w = to_server ? &p->to_server : &p->to_client;
	struct pair_packet *packet = &w->packet[(w->first + w->n) % PAIR_WIRE];
	mpq_time at = serialize(w, len, p->now);

	assert_true(w->n < PAIR_WIRE);
	assert_true(len > 0 && len <= sizeof(packet->data));
	packet->at = at + p->delay;
	packet->to_server = to_server;
	packet->from = *from;
	packet->to = *to;
	packet->len = len;
	memcpy(packet->data, data, len);
	p->seen++;
	if (at && len <= p->mtu && !w->cut &&
	    !(p->lose && p->lose(p, packet))) {
		w->n++;
	}
}

static void send_packet(struct pair_end *e, const uint8_t *data,
			const struct mpq_conn_written *w)
{
	e->packets_out++;
	e->bytes_out += w->len_bytes;
	if (w->len_bytes > e->largest_out) {
		e->largest_out = (unsigned)w->len_bytes;
	}
	transmit(e->pair, !e->is_server, &w->local, &w->remote, data,
		 w->len_bytes);
}

static const struct mpq_conn_datagram *
next_datagram(struct pair_end *e, uint8_t *head, uint8_t *tail,
	      struct mpq_conn_datagram *ret)
{
	const struct pair_datagram *d = &e->queue[e->sent % PAIR_QUEUE];
	size_t first = d->len < 8 ? d->len : 8;

	if (e->sent == e->queued) {
		return NULL;
	}
	memcpy(head, &d->id, sizeof(d->id));
	for (size_t i = first; i < d->len; i++) {
		tail[i - first] = pattern(d->id, i);
	}
	*ret = (struct mpq_conn_datagram){
		.vec = {{head, first}, {NULL, 0}, {tail, d->len - first}},
		.n = 3,
		.id = d->id,
	};
	return ret;
}

void pair_pump(struct pair_end *e)
{
	uint8_t dest[MPQ_CONN_MAX_UDP_BYTES], head[8], tail[65536];
	struct mpq_conn_datagram datagram;
	enum mpq_conn_wrote wrote;
	struct mpq_conn_written w;

	if (!e->conn) {
		return;
	}
	do {
		wrote = mpq_conn_write(e->conn, dest, sizeof(dest),
				       next_datagram(e, head, tail, &datagram),
				       e->queued - e->sent > 1, &w,
				       e->pair->now);
		if (wrote == MPQ_CONN_PACKET) {
			send_packet(e, dest, &w);
		}
		e->too_big += w.too_big;
		e->sent += w.accepted || w.too_big;
	} while (wrote == MPQ_CONN_PACKET || wrote == MPQ_CONN_MORE ||
		 w.too_big);
	mpq_conn_burst_end(e->conn, e->pair->now);
	e->timer = mpq_conn_deadline(e->conn);
}

static void accept_newcomer(struct pair *p, const struct pair_packet *packet,
			    const struct mpq_conn_initial *initial)
{
	struct mpq_conn_config config = p->server_config;

	mpq_conn_free(p->server.conn);
	p->server.conn = NULL;
	config.tls = tls_new(&p->server_tls);
	config.local = packet->to;
	config.remote = packet->from;
	assert_int_equal(mpq_conn_accept(&p->server.conn, &config, initial,
					 &p->server_events, &p->server, p->now),
			 0);
	mpq_tls_unref(config.tls);
	p->server.accepted++;
	if (p->server.prepare) {
		p->server.prepare(p->server.conn);
	}
}

static void read_packet(struct pair_end *e, const struct pair_packet *packet)
{
	e->packets_in++;
	e->bytes_in += packet->len;
	(void)mpq_conn_read(e->conn, &packet->to, &packet->from, 0,
			    packet->data, packet->len, e->pair->now);
	pair_pump(e);
}

static void to_server(struct pair *p, const struct pair_packet *packet)
{
	struct mpq_demux_result result;

	switch (mpq_demux_route(p->demux, &packet->from, packet->data,
				packet->len, p->now, &result)) {
	case MPQ_DEMUX_OWNER:
		assert_ptr_equal(result.owner, &p->server);
		read_packet(&p->server, packet);
		break;
	case MPQ_DEMUX_ACCEPT:
		accept_newcomer(p, packet, &result.initial);
		read_packet(&p->server, packet);
		break;
	case MPQ_DEMUX_REPLY:
		assert_true(result.reply_len <= packet->len);
		p->replies++;
		transmit(p, false, &packet->to, &packet->from, result.reply,
			 result.reply_len);
		break;
	case MPQ_DEMUX_DROP:
		break;
	}
}

/* The NAT: outwards the client's port changes, inwards it changes back, and
 * what is for a port that is no more goes nowhere. */
static void deliver(struct pair *p, struct pair_wire *w)
{
	struct pair_packet *packet = pair_head(w);

	if (p->deliver) {
		p->deliver(p, packet);
	}
	w->first = (w->first + 1) % PAIR_WIRE;
	w->n--;
	if (packet->to_server) {
		packet->from.in.sin_port = htons(p->nat_port);
		to_server(p, packet);
	} else if (p->client.conn &&
		   packet->to.in.sin_port == htons(p->nat_port)) {
		packet->to = p->client_config.local;
		read_packet(&p->client, packet);
	}
}

static void deliver_due(struct pair *p, struct pair_wire *w)
{
	while (w->n > 0 && pair_head(w)->at <= p->now) {
		deliver(p, w);
	}
}

/* Time */

static void expire(struct pair_end *e)
{
	if (e->conn && e->timer <= e->pair->now) {
		(void)mpq_conn_expire(e->conn, e->pair->now);
		pair_pump(e);
	}
}

static mpq_time next_event(const struct pair *p)
{
	mpq_time at = mpq_time_min(p->client.timer, p->server.timer);

	if (p->to_server.n > 0) {
		at = mpq_time_min(at, pair_head(&p->to_server)->at);
	}
	if (p->to_client.n > 0) {
		at = mpq_time_min(at, pair_head(&p->to_client)->at);
	}
	return at;
}

bool pair_run(struct pair *p, bool (*done)(const struct pair *p),
	      mpq_duration limit)
{
	mpq_time end = p->now + limit;
	unsigned long turns = 0;

	while (!done(p)) {
		mpq_time at = next_event(p);

		if (at > end) {
			p->now = end;
			return done(p);
		}
		assert_true(++turns < 2000000); /* a timer that spins */
		if (at > p->now) {
			p->now = at;
		}
		deliver_due(p, &p->to_server);
		deliver_due(p, &p->to_client);
		expire(&p->client);
		expire(&p->server);
	}
	return true;
}

static bool never(const struct pair *p)
{
	(void)p;
	return false;
}

void pair_wait(struct pair *p, mpq_duration time)
{
	pair_pump(&p->client);
	pair_pump(&p->server);
	(void)pair_run(p, never, time);
}

bool pair_is_up(const struct pair *p)
{
	return p->client.conn && p->server.conn &&
	       mpq_conn_is_established(p->client.conn) &&
	       mpq_conn_is_established(p->server.conn);
}

static bool is_over(const struct pair_end *e)
{
	return e->conn && mpq_conn_end(e->conn)->layer != MPQ_CONN_OPEN;
}

bool pair_client_is_over(const struct pair *p)
{
	return is_over(&p->client);
}

bool pair_server_is_over(const struct pair *p)
{
	return is_over(&p->server);
}

bool pair_mtu_is_known(const struct pair *p)
{
	return pair_is_up(p) && !mpq_conn_probing_mtu(p->client.conn) &&
	       !mpq_conn_probing_mtu(p->server.conn);
}

void pair_queue(struct pair_end *e, size_t len, uint64_t id)
{
	assert_true(e->queued - e->sent < PAIR_QUEUE);
	e->queue[e->queued++ % PAIR_QUEUE] = (struct pair_datagram){len, id};
}

void pair_stream(struct pair_end *e, size_t len, bool fin)
{
	assert_true(len <= PAIR_STREAM);
	e->stream_id = mpq_conn_open_bidi(e->conn);
	assert_true(e->stream_id >= 0);
	e->stream_len = len;
	e->stream_sent = 0;
	e->stream_fin = fin;
}
