/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/crowd.h"

#include "tests/unit/dataplane/fake_io.h"
#include "tests/unit/dataplane/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void on_packet(struct mpq_channel *ch, const uint8_t *data, size_t len)
{
	struct crowd_member *m = ch->owner;

	(void)data;
	(void)len;
	m->packets++;
}

static void on_up(struct mpq_channel *ch)
{
	(void)ch;
}

static const struct mpq_channel_events channel_events = {
	.packet = on_packet,
	.up = on_up,
};

static const struct mpq_conn_events mute_events = {.verify = NULL};

/* ---- bytes in and out --------------------------------------------------- */

static void on_datagram(void *owner, const struct mpq_udp_datagram *d)
{
	struct crowd_member *m = owner;

	if (m->channel != NULL) {
		mpq_channel_read(m->channel, &d->local, &d->remote, 0, d->data,
				 d->len_bytes, fake_now());
	} else {
		(void)mpq_conn_read(m->conn, &d->local, &d->remote, 0, d->data,
				    d->len_bytes, fake_now());
	}
}

static void on_readable(void *owner, mpq_time now)
{
	struct crowd_member *m = owner;

	(void)now;
	(void)mpq_udp_receive(&m->udp, 1000, on_datagram, m);
}

static size_t write_one(struct crowd_member *m, uint8_t *dest,
			struct mpq_conn_written *written, mpq_time now)
{
	if (m->channel != NULL) {
		return mpq_channel_write(m->channel, &queue_source, &m->out,
					 dest, MPQ_CONN_MAX_UDP_BYTES, written,
					 now);
	}
	return mpq_conn_write(m->conn, dest, MPQ_CONN_MAX_UDP_BYTES, NULL,
			      false, written, now) == MPQ_CONN_PACKET
		       ? written->len_bytes
		       : 0;
}

static void expire(struct crowd_member *m, mpq_time now)
{
	if (m->channel != NULL) {
		if (mpq_channel_deadline(m->channel) <= now) {
			mpq_channel_expire(m->channel, now);
		}
	} else if (mpq_conn_deadline(m->conn) <= now) {
		(void)mpq_conn_expire(m->conn, now);
	}
}

static void note_end(struct crowd_member *m)
{
	const struct mpq_conn_end *end =
		m->channel != NULL ? &m->channel->end : mpq_conn_end(m->conn);

	if (end->layer != MPQ_CONN_OPEN) {
		(void)snprintf(m->reason, sizeof(m->reason), "%s", end->reason);
	}
}

static mpq_time turn_member(struct crowd_member *m, mpq_time now)
{
	struct mpq_conn_written written;
	size_t n;

	expire(m, now);
	while ((n = write_one(m,
			      mpq_udp_reserve(&m->udp, MPQ_CONN_MAX_UDP_BYTES),
			      &written, now)) > 0) {
		mpq_udp_commit(&m->udp, n, 0, &written.local, &written.remote);
	}
	note_end(m);
	if (m->channel != NULL) {
		mpq_channel_burst_end(m->channel, now);
		return mpq_channel_deadline(m->channel);
	}
	mpq_conn_burst_end(m->conn, now);
	return mpq_conn_deadline(m->conn);
}

static mpq_time on_turn_end(void *owner, mpq_time now)
{
	struct crowd *c = owner;
	mpq_time due = MPQ_TIME_NEVER;

	for (size_t i = 0; i < c->n; i++) {
		due = mpq_time_min(due, turn_member(c->member[i], now));
	}
	return due;
}

static const struct mpq_loop_events loop_events = {.turn_end = on_turn_end};

/* ---- life --------------------------------------------------------------- */

void crowd_init(struct crowd *c, const struct pki_certificate *own,
		const struct pki_certificate *authority)
{
	const struct mpq_tls_config config = {
		.certificate_pem = own->certificate_pem,
		.private_key_pem = own->key_pem,
		.authority_pem = authority->certificate_pem,
	};
	char reason[MPQ_CERTIFICATE_REASON_BYTES];

	memset(c, 0, sizeof(*c));
	assert_int_equal(mpq_tls_new(&c->tls, &config, reason), 0);
	assert_int_equal(mpq_loop_new(&c->loop, &loop_events, c), 0);
}

void crowd_finish(struct crowd *c)
{
	fake_filter(NULL, NULL);
	for (size_t i = 0; i < c->n; i++) {
		struct crowd_member *m = c->member[i];

		mpq_channel_free(m->channel);
		mpq_conn_free(m->conn);
		mpq_loop_unwatch(&m->watch);
		mpq_udp_finish(&m->udp);
		mpq_fair_finish(&m->out.queue);
		mpq_packet_pool_finish(&m->pool);
		free(m);
	}
	mpq_loop_free(c->loop);
	mpq_tls_unref(c->tls);
}

static struct crowd_member *new_member(struct crowd *c, const char *address,
				       uint16_t port)
{
	static const struct mpq_fair_config queue = {.limit_pkts = 32};
	struct crowd_member *m = calloc(1, sizeof(*m));

	assert_true(c->n < CROWD_MAX);
	m->crowd = c;
	assert_int_equal(mpq_udp_init(&m->udp, fake_udp(address, port)), 0);
	m->watch = (struct mpq_loop_fd){.fd = m->udp.fd,
					.readable = on_readable,
					.owner = m};
	assert_int_equal(mpq_loop_watch(c->loop, &m->watch), 0);
	assert_int_equal(mpq_packet_pool_init(&m->pool, 32), 0);
	mpq_fair_init(&m->out.queue, &m->pool, &queue, &m->out.room);
	return m;
}

static struct mpq_conn_config config_of(const struct crowd_member *m)
{
	struct mpq_conn_config config = {
		.tls = m->crowd->tls,
		.server_name = "concentrator.example",
		.local = m->udp.local,
		.max_udp_bytes = 1430,
		.idle_timeout = 30 * MPQ_SECOND,
		.handshake_timeout = 30 * MPQ_SECOND,
		.initial_rtt = 100 * MPQ_MILLISECOND,
	};

	assert_int_equal(mpq_sockaddr_parse(SITE_VPS, SITE_PORT,
					    &config.remote),
			 0);
	return config;
}

struct crowd_member *crowd_add(struct crowd *c, const char *address,
			       uint16_t port)
{
	struct crowd_member *m = new_member(c, address, port);
	struct mpq_conn_config config = config_of(m);

	assert_int_equal(mpq_channel_connect(&m->channel, &config,
					     "concentrator.example:45001",
					     "mpq1", &channel_events, m,
					     fake_now()),
			 0);
	c->member[c->n++] = m;
	return m;
}

struct crowd_member *crowd_add_mute(struct crowd *c, const char *address,
				    uint16_t port)
{
	struct crowd_member *m = new_member(c, address, port);
	struct mpq_conn_config config = config_of(m);

	config.keep_alive = 1 * MPQ_SECOND;
	assert_int_equal(mpq_conn_connect(&m->conn, &config, &mute_events, m,
					  fake_now()),
			 0);
	c->member[c->n++] = m;
	return m;
}

void crowd_send(struct crowd_member *m, size_t len)
{
	struct mpq_packet *p = mpq_packet_get(&m->pool);

	assert_non_null(p);
	site_udp(p->data, len, "10.1.0.7", "198.51.100.1");
	p->len_bytes = (uint16_t)len;
	p->flow = 0;
	assert_true(mpq_fair_push(&m->out.queue, p, fake_now()));
}
