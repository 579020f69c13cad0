/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a datagram costs in dataplane/quic and the libraries below it: two
 * connections in memory, a virtual clock, no system calls. Prints nanoseconds
 * of CPU time per datagram at the sender and at the receiver, acknowledgements
 * included: the least over all rounds, because the machine is not ours alone.
 *
 *   quic_bench [BYTES [ROUNDS]]
 */
#include "dataplane/quic/conn.h"
#include "dataplane/quic/demux.h"
#include "tests/unit/common/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING  256
#define BURST 64
#define ROUND 20000
#define DELAY (200 * MPQ_MICROSECOND)

struct packet {
	mpq_time at;
	size_t len;
	uint8_t data[MPQ_CONN_MAX_UDP_BYTES];
};

struct side {
	struct bench *bench;
	struct mpq_conn *conn;
	struct mpq_sockaddr here, there;
	struct packet out[RING]; /* to the other side */
	unsigned head, tail;
	mpq_duration spent;
	unsigned long datagrams;
	bool established;
};

struct bench {
	mpq_time now;
	struct side client, server;
	struct mpq_tls *client_tls, *server_tls;
	struct mpq_demux *demux;
	size_t size;
	uint8_t payload[65536];
};

static void check(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "quic_bench: %s\n", what);
		exit(1);
	}
}

static mpq_duration cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (mpq_duration)ts.tv_sec * MPQ_SECOND + (mpq_duration)ts.tv_nsec;
}

static void on_established(void *owner)
{
	struct side *s = owner;

	s->established = true;
}

static void on_datagram(void *owner, const uint8_t *data, size_t len)
{
	struct side *s = owner;

	(void)data;
	(void)len;
	s->datagrams++;
}

static void on_datagram_fate(void *owner, uint64_t id)
{
	(void)owner;
	(void)id;
}

static const struct mpq_conn_events events = {
	.established = on_established,
	.datagram = on_datagram,
	.datagram_acked = on_datagram_fate,
	.datagram_lost = on_datagram_fate,
};

static struct mpq_tls *tls_new(const struct pki_certificate *own,
			       const struct pki_set *pki, bool server)
{
	struct mpq_tls_config config = {
		.certificate_pem = own->certificate_pem,
		.private_key_pem = own->key_pem,
		.authority_pem = pki->authority->certificate_pem,
		.server = server,
	};
	char reason[MPQ_CERTIFICATE_REASON_BYTES] = "";
	struct mpq_tls *tls = NULL;

	check(mpq_tls_new(&tls, &config, reason) == 0, reason);
	return tls;
}

static struct mpq_conn_config config_of(const struct side *s,
					struct mpq_tls *tls)
{
	static const uint8_t secret[32] = {1};

	return (struct mpq_conn_config){
		.tls = tls,
		.server_name = "concentrator.example",
		.local = s->here,
		.remote = s->there,
		.max_udp_bytes = MPQ_CONN_MAX_UDP_BYTES,
		.idle_timeout = 30 * MPQ_SECOND,
		.reset_secret = secret,
	};
}

/* Writes up to a burst. `datagrams`: send some. */
static unsigned long send_burst(struct side *s, bool datagrams)
{
	struct bench *b = s->bench;
	struct mpq_conn_datagram datagram = {
		.vec = {{b->payload, 2}, {b->payload + 2, b->size - 2}},
		.n = 2,
	};
	enum mpq_conn_wrote wrote = MPQ_CONN_PACKET;
	struct mpq_conn_written w;
	unsigned long accepted = 0;

	while (s->head - s->tail < BURST) {
		struct packet *p = &s->out[s->head % RING];

		wrote = mpq_conn_write(s->conn, p->data, sizeof(p->data),
				       datagrams ? &datagram : NULL, true, &w,
				       b->now);
		accepted += w.accepted;
		datagram.id += w.accepted;
		if (wrote == MPQ_CONN_PACKET) {
			p->len = w.len_bytes;
			p->at = b->now + DELAY;
			s->head++;
		} else if (wrote != MPQ_CONN_MORE) {
			break;
		}
	}
	mpq_conn_burst_end(s->conn, b->now);
	return accepted;
}

static void receive(struct side *s, struct side *from)
{
	struct bench *b = s->bench;

	while (from->tail != from->head &&
	       from->out[from->tail % RING].at <= b->now) {
		struct packet *p = &from->out[from->tail++ % RING];

		(void)mpq_conn_read(s->conn, &s->here, &s->there, 0, p->data,
				    p->len, b->now);
	}
	if (mpq_conn_deadline(s->conn) <= b->now) {
		(void)mpq_conn_expire(s->conn, b->now);
	}
}

/* One turn of both loops. */
static unsigned long turn(struct bench *b, bool datagrams)
{
	mpq_duration t0 = cpu_now(), t1, t2;
	unsigned long sent;

	receive(&b->client, &b->server);
	sent = send_burst(&b->client, datagrams);
	t1 = cpu_now();
	receive(&b->server, &b->client);
	(void)send_burst(&b->server, false);
	t2 = cpu_now();
	b->client.spent += t1 - t0;
	b->server.spent += t2 - t1;
	b->now += 50 * MPQ_MICROSECOND;
	return sent;
}

/* The client's first packets by way of the demux: Retry, then accepted. */
static void accept_client(struct bench *b)
{
	struct mpq_conn_config config = config_of(&b->server, b->server_tls);
	struct mpq_demux_result result;
	struct packet *p;

	while (!b->server.conn) {
		(void)send_burst(&b->client, false);
		p = &b->client.out[b->client.tail++ % RING];
		switch (mpq_demux_route(b->demux, &b->client.here, p->data,
					p->len, b->now, &result)) {
		case MPQ_DEMUX_ACCEPT:
			check(mpq_conn_accept(&b->server.conn, &config,
					      &result.initial, &events,
					      &b->server, b->now) == 0,
			      "accept");
			(void)mpq_conn_read(b->server.conn, &b->server.here,
					    &b->server.there, 0, p->data,
					    p->len, b->now);
			break;
		case MPQ_DEMUX_REPLY:
			(void)mpq_conn_read(b->client.conn, &b->client.here,
					    &b->client.there, 0, result.reply,
					    result.reply_len, b->now);
			break;
		default:
			check(false, "the demux dropped the first packet");
		}
	}
}

static void connect_both(struct bench *b)
{
	struct pki_set pki = pki_set_new();
	struct mpq_conn_config config;

	b->client_tls = tls_new(pki.client, &pki, false);
	b->server_tls = tls_new(pki.server, &pki, true);
	pki_set_free(&pki);
	mpq_sockaddr_parse("192.0.2.1", 40000, &b->client.here);
	mpq_sockaddr_parse("198.51.100.1", 45001, &b->server.here);
	b->client.there = b->server.here;
	b->server.there = b->client.here;
	config = config_of(&b->client, b->client_tls);
	b->demux = mpq_demux_new(config.reset_secret);
	check(b->demux != NULL, "demux");
	check(mpq_conn_connect(&b->client.conn, &config, &events, &b->client,
			       b->now) == 0,
	      "connect");
	accept_client(b);
	while (!b->client.established || mpq_conn_probing_mtu(b->client.conn)) {
		(void)turn(b, false);
	}
}

static void measure(struct bench *b, unsigned rounds)
{
	double least_out = 1e9, least_in = 1e9;

	for (unsigned i = 0; i < rounds; i++) {
		unsigned long sent = 0, got = b->server.datagrams;

		b->client.spent = b->server.spent = 0;
		while (sent < ROUND) {
			sent += turn(b, true);
		}
		got = b->server.datagrams - got;
		double out = (double)b->client.spent / (double)sent;
		double in = (double)b->server.spent / (double)got;

		least_out = out < least_out ? out : least_out;
		least_in = in < least_in ? in : least_in;
	}
	printf("%zu bytes: sender %.0f ns, receiver %.0f ns a datagram\n",
	       b->size, least_out, least_in);
}

int main(int argc, char **argv)
{
	struct bench *b = calloc(1, sizeof(*b));
	unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 20;

	check(b != NULL, "out of memory");
	b->now = MPQ_SECOND;
	b->size = argc > 1 ? (size_t)atoi(argv[1]) : 1350;
	check(b->size >= 3 && b->size < sizeof(b->payload), "bad size");
	b->client.bench = b->server.bench = b;
	connect_both(b);
	measure(b, rounds);
	mpq_conn_free(b->client.conn);
	mpq_conn_free(b->server.conn);
	mpq_demux_free(b->demux);
	mpq_tls_unref(b->client_tls);
	mpq_tls_unref(b->server_tls);
	free(b);
	return 0;
}
