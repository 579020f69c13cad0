/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two channels and the demultiplexer face to face, in memory and in virtual
 * time: dial, request, packets both ways, refusals, the end.
 */
#include "dataplane/channel.h"
#include "dataplane/quic/demux.h"
#include "tests/unit/common/pki.h"
#include "tests/unit/dataplane/queue_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ONE_WAY (10 * MPQ_MILLISECOND)

struct end {
	struct mpq_channel *ch;
	struct queue_source out;
	struct mpq_demux *demux; /* the server's */
	bool up;
	unsigned answer; /* what the server says to the request */
	unsigned packets;
	size_t last_len;
	struct mpq_connect_ip_address address[4];
	size_t n_addresses;
};

struct world {
	struct pki_set pki;
	struct mpq_tls *client_tls, *server_tls;
	struct mpq_sockaddr client_at, server_at;
	struct mpq_packet_pool pool;
	struct end client, server;
	mpq_time now;
};

static const uint8_t secret[32] = {1, 2, 3};

static unsigned on_request(struct mpq_channel *ch,
			   const struct mpq_h3_request *request,
			   char reason[MPQ_CHANNEL_REASON_BYTES])
{
	struct end *end = ch->owner;

	assert_string_equal(request->tunnel, "mpq1");
	(void)strcpy(reason, "not on this port");
	end->up = end->answer == 200;
	return end->answer;
}

static void on_up(struct mpq_channel *ch)
{
	((struct end *)ch->owner)->up = true;
}

static void on_packet(struct mpq_channel *ch, const uint8_t *data, size_t len)
{
	struct end *end = ch->owner;

	(void)data;
	end->packets++;
	end->last_len = len;
}

static void on_addresses(struct mpq_channel *ch,
			 const struct mpq_connect_ip_address *addresses,
			 size_t n)
{
	struct end *end = ch->owner;

	assert_in_range(n, 1, 4);
	memcpy(end->address, addresses, n * sizeof(addresses[0]));
	end->n_addresses = n;
}

static int on_cid_added(struct mpq_channel *ch, const uint8_t *cid, size_t len)
{
	struct end *end = ch->owner;

	return mpq_demux_add(end->demux, cid, len, end);
}

static void on_cid_removed(struct mpq_channel *ch, const uint8_t *cid,
			   size_t len)
{
	mpq_demux_remove(((struct end *)ch->owner)->demux, cid, len);
}

static const struct mpq_channel_events client_events = {
	.up = on_up,
	.packet = on_packet,
	.addresses = on_addresses,
};

static const struct mpq_channel_events server_events = {
	.request = on_request,
	.packet = on_packet,
	.cid_added = on_cid_added,
	.cid_removed = on_cid_removed,
};

static struct mpq_tls *make_tls(const struct pki_certificate *own,
				const struct pki_certificate *ca, bool server)
{
	struct mpq_tls_config config = {
		.certificate_pem = own->certificate_pem,
		.private_key_pem = own->key_pem,
		.authority_pem = ca->certificate_pem,
		.server = server,
	};
	char reason[MPQ_CERTIFICATE_REASON_BYTES];
	struct mpq_tls *tls;

	assert_int_equal(mpq_tls_new(&tls, &config, reason), 0);
	return tls;
}

static int setup(void **state)
{
	static const struct mpq_fair_config queue = {.limit_pkts = 64};
	struct world *w = calloc(1, sizeof(*w));

	w->pki = pki_set_new();
	w->client_tls = make_tls(w->pki.client, w->pki.authority, false);
	w->server_tls = make_tls(w->pki.server, w->pki.authority, true);
	assert_int_equal(mpq_sockaddr_parse("192.0.2.9", 1000, &w->client_at),
			 0);
	assert_int_equal(mpq_sockaddr_parse("192.0.2.1", 45001, &w->server_at),
			 0);
	assert_int_equal(mpq_packet_pool_init(&w->pool, 128), 0);
	mpq_fair_init(&w->client.out.queue, &w->pool, &queue,
		      &w->client.out.room);
	mpq_fair_init(&w->server.out.queue, &w->pool, &queue,
		      &w->server.out.room);
	w->server.demux = mpq_demux_new(secret);
	w->server.answer = 200;
	w->now = MPQ_SECOND;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	mpq_channel_free(w->client.ch);
	mpq_channel_free(w->server.ch);
	mpq_demux_free(w->server.demux);
	mpq_fair_finish(&w->client.out.queue);
	mpq_fair_finish(&w->server.out.queue);
	mpq_packet_pool_finish(&w->pool);
	mpq_tls_unref(w->client_tls);
	mpq_tls_unref(w->server_tls);
	pki_set_free(&w->pki);
	free(w);
	return 0;
}

static void dial(struct world *w)
{
	struct mpq_conn_config config = {
		.tls = w->client_tls,
		.server_name = "concentrator.example",
		.local = w->client_at,
		.remote = w->server_at,
		.max_udp_bytes = 1472,
		.idle_timeout = 30 * MPQ_SECOND,
		.handshake_timeout = 10 * MPQ_SECOND,
		.initial_rtt = 100 * MPQ_MILLISECOND,
	};

	assert_int_equal(mpq_channel_connect(&w->client.ch, &config,
					     "concentrator.example:45001",
					     "mpq1", &client_events, &w->client,
					     w->now),
			 0);
	w->client.ch->wanted_bytes = 1400;
}

static void accept_newcomer(struct world *w,
			    const struct mpq_conn_initial *initial)
{
	struct mpq_conn_config config = {
		.tls = w->server_tls,
		.local = w->server_at,
		.remote = w->client_at,
		.max_udp_bytes = 1472,
		.idle_timeout = 30 * MPQ_SECOND,
		.handshake_timeout = 10 * MPQ_SECOND,
		.initial_rtt = 100 * MPQ_MILLISECOND,
		.reset_secret = secret,
	};

	assert_null(w->server.ch);
	assert_int_equal(mpq_channel_accept(&w->server.ch, &config, initial,
					    &server_events, &w->server, w->now),
			 0);
	w->server.ch->wanted_bytes = 1400;
}

static void to_client(struct world *w, const uint8_t *data, size_t len)
{
	if (w->client.ch != NULL) {
		mpq_channel_read(w->client.ch, &w->client_at, &w->server_at, 0,
				 data, len, w->now);
	}
}

static void to_server(struct world *w, const uint8_t *data, size_t len)
{
	struct mpq_demux_result result;

	switch (mpq_demux_route(w->server.demux, &w->client_at, data, len,
				w->now, &result)) {
	case MPQ_DEMUX_ACCEPT:
		accept_newcomer(w, &result.initial);
		break;
	case MPQ_DEMUX_REPLY:
		to_client(w, result.reply, result.reply_len);
		return;
	case MPQ_DEMUX_DROP:
		return;
	case MPQ_DEMUX_OWNER:
		break;
	}
	mpq_channel_read(w->server.ch, &w->server_at, &w->client_at, 0, data,
			 len, w->now);
}

/* Everything that one end has to send now; the number of payloads. */
static unsigned carry(struct world *w, struct end *from, bool from_client)
{
	struct mpq_conn_written written;
	uint8_t buffer[MPQ_CONN_MAX_UDP_BYTES];
	unsigned n = 0;
	size_t len;

	if (from->ch == NULL) {
		return 0;
	}
	if (mpq_channel_deadline(from->ch) <= w->now) {
		mpq_channel_expire(from->ch, w->now);
	}
	while ((len = mpq_channel_write(from->ch, &queue_source, &from->out,
					buffer, sizeof(buffer), &written,
					w->now)) > 0) {
		n++;
		if (from_client) {
			to_server(w, buffer, len);
		} else {
			to_client(w, buffer, len);
		}
	}
	mpq_channel_burst_end(from->ch, w->now);
	return n;
}

static void run(struct world *w, mpq_duration how_long)
{
	mpq_time end = w->now + how_long;

	while (w->now < end) {
		(void)carry(w, &w->client, true);
		w->now += ONE_WAY;
		(void)carry(w, &w->server, false);
		w->now += ONE_WAY;
	}
}

static bool push(struct world *w, struct end *end, size_t len)
{
	struct mpq_packet *p = mpq_packet_get(&w->pool);

	assert_non_null(p);
	memset(p->data, 0x45, len);
	p->len_bytes = (uint16_t)len;
	p->flow = 0;
	return mpq_fair_push(&end->out.queue, p, w->now);
}

static void carries_packets_both_ways(void **state)
{
	struct world *w = *state;

	dial(w);
	run(w, 2 * MPQ_SECOND);
	assert_true(w->client.up);
	assert_true(w->server.up);
	assert_true(mpq_channel_carries(w->client.ch));
	assert_true(mpq_channel_max_packet(w->client.ch) >= 1400);
	for (int i = 0; i < 20; i++) {
		assert_true(push(w, &w->client, i % 2 ? 1400 : 60));
		assert_true(push(w, &w->server, 1400));
	}
	run(w, 1 * MPQ_SECOND);
	assert_int_equal(w->server.packets, 20);
	assert_int_equal(w->client.packets, 20);
	assert_int_equal(w->client.last_len, 1400);
	assert_int_equal(w->client.ch->packets_out, 20);
	assert_int_equal(w->client.ch->loss.lost, 0);
	assert_int_equal(mpq_loss_ppm(&w->client.ch->loss), 0);
}

static void drops_what_the_path_cannot_carry_and_goes_on(void **state)
{
	struct world *w = *state;

	dial(w);
	run(w, 2 * MPQ_SECOND);
	assert_true(push(w, &w->client, 1500));
	assert_true(push(w, &w->client, 100));
	run(w, 1 * MPQ_SECOND);
	assert_int_equal(w->client.out.too_big, 1);
	assert_int_equal(w->server.packets, 1);
	assert_int_equal(w->server.last_len, 100);
}

static void tells_the_edge_its_addresses(void **state)
{
	struct world *w = *state;
	struct mpq_prefix assign;

	assert_int_equal(mpq_prefix_parse("10.200.1.1/32", &assign), 0);
	dial(w);
	run(w, 1 * MPQ_SECOND);
	assert_int_equal(mpq_channel_assign(w->server.ch, &assign, 1), 0);
	run(w, 1 * MPQ_SECOND);
	assert_int_equal(w->client.n_addresses, 1);
	assert_true(mpq_prefix_equal(&w->client.address[0].prefix, &assign));
}

static void assert_address(const struct mpq_connect_ip_address *a, unsigned id,
			   const char *prefix)
{
	struct mpq_prefix p;

	assert_int_equal(mpq_prefix_parse(prefix, &p), 0);
	assert_int_equal(a->request_id, id);
	assert_true(mpq_prefix_equal(&a->prefix, &p));
	assert_int_equal(a->prefix.length, p.length);
}

/* RFC 9484 §4.7.2, as a client of somebody else's would ask. */
static void answers_wishes_for_addresses(void **state)
{
	static const uint8_t wishes[] = {
		7, 4, 0, 0, 0, 0, 32, /* any IPv4 address */
		8, 4, 0, 0, 0, 0, 32, /* and another */
		9, 6, 0, 0, 0, 0, 0,  0, 0,   0,
		0, 0, 0, 0, 0, 0, 0,  0, 128, /* any IPv6 address */
	};
	struct world *w = *state;
	struct mpq_prefix assign;

	assert_int_equal(mpq_prefix_parse("10.200.1.1/32", &assign), 0);
	dial(w);
	run(w, 1 * MPQ_SECOND);
	assert_int_equal(mpq_channel_assign(w->server.ch, &assign, 1), 0);
	assert_int_equal(mpq_h3_send_capsule(w->client.ch->h3,
					     MPQ_CAPSULE_ADDRESS_REQUEST,
					     wishes, sizeof(wishes)),
			 0);
	run(w, 1 * MPQ_SECOND);
	assert_int_equal(w->client.n_addresses, 3);
	assert_address(&w->client.address[0], 7, "10.200.1.1/32");
	assert_address(&w->client.address[1], 8, "0.0.0.0/32");
	assert_address(&w->client.address[2], 9, "::/128");
}

static void takes_packets_in_capsules_too(void **state)
{
	static const uint8_t datagram[] = {0, 0x45, 1, 2, 3};
	static const uint8_t foreign[] = {2, 0x45, 1, 2, 3};
	struct world *w = *state;
	struct mpq_h3 *h3;

	dial(w);
	run(w, 1 * MPQ_SECOND);
	h3 = w->client.ch->h3;
	assert_int_equal(mpq_h3_send_capsule(h3, MPQ_CAPSULE_DATAGRAM, datagram,
					     sizeof(datagram)),
			 0);
	assert_int_equal(mpq_h3_send_capsule(h3, MPQ_CAPSULE_DATAGRAM, foreign,
					     sizeof(foreign)),
			 0);
	run(w, 1 * MPQ_SECOND);
	assert_int_equal(w->server.packets, 1);
	assert_int_equal(w->server.last_len, 4);
	assert_int_equal(w->server.ch->dropped_context, 1);
}

static void a_broken_capsule_ends_it_with_a_reason(void **state)
{
	struct world *w = *state;

	dial(w);
	run(w, 1 * MPQ_SECOND);
	assert_int_equal(mpq_h3_send_capsule(w->client.ch->h3,
					     MPQ_CAPSULE_ADDRESS_REQUEST, "",
					     0),
			 0);
	run(w, 1 * MPQ_SECOND);
	assert_true(w->server.ch->over);
	assert_true(w->client.ch->over);
	assert_non_null(strstr(w->server.ch->end.reason, "capsule"));
	assert_non_null(strstr(w->client.ch->end.reason, "capsule"));
}

static void reports_a_refused_request(void **state)
{
	struct world *w = *state;

	w->server.answer = 403;
	dial(w);
	run(w, 2 * MPQ_SECOND);
	assert_false(w->client.up);
	assert_true(w->client.ch->over);
	assert_true(mpq_channel_refused(w->client.ch));
	assert_non_null(strstr(w->client.ch->end.reason, "403"));
	assert_non_null(strstr(w->client.ch->end.reason, "not on this port"));
}

static void reports_a_server_of_another_name(void **state)
{
	struct world *w = *state;
	struct mpq_channel *old;

	dial(w);
	old = w->client.ch;
	mpq_channel_free(old);
	w->client.ch = NULL;
	struct mpq_conn_config config = {
		.tls = w->client_tls,
		.server_name = "another.example",
		.local = w->client_at,
		.remote = w->server_at,
		.max_udp_bytes = 1472,
		.idle_timeout = 30 * MPQ_SECOND,
		.handshake_timeout = 10 * MPQ_SECOND,
		.initial_rtt = 100 * MPQ_MILLISECOND,
	};
	assert_int_equal(mpq_channel_connect(&w->client.ch, &config,
					     "another.example:45001", "mpq1",
					     &client_events, &w->client,
					     w->now),
			 0);
	run(w, 2 * MPQ_SECOND);
	assert_true(w->client.ch->over);
	assert_int_equal(w->client.ch->end.layer, MPQ_CONN_VERIFY);
	assert_true(mpq_channel_refused(w->client.ch));
	assert_non_null(strstr(w->client.ch->end.reason, "another.example"));
}

/* What the peer said tells more than what we say to it afterwards. */
static void the_first_reason_stands(void **state)
{
	struct world *w = *state;

	dial(w);
	run(w, 1 * MPQ_SECOND);
	mpq_channel_close(w->client.ch, "enough");
	(void)carry(w, &w->client, true);
	assert_false(w->server.ch->over);
	mpq_channel_close(w->server.ch, "too late");
	assert_false(w->server.ch->up);
	run(w, 1 * MPQ_SECOND);
	assert_true(w->server.ch->end.by_peer);
	assert_non_null(strstr(w->server.ch->end.reason, "enough"));
}

static void a_good_bye_ends_both(void **state)
{
	struct world *w = *state;

	dial(w);
	run(w, 1 * MPQ_SECOND);
	mpq_channel_close(w->client.ch, "enough");
	run(w, 1 * MPQ_SECOND);
	assert_true(w->client.ch->over);
	assert_true(w->server.ch->over);
	assert_false(mpq_channel_refused(w->server.ch));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(carries_packets_both_ways,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			drops_what_the_path_cannot_carry_and_goes_on, setup,
			teardown),
		cmocka_unit_test_setup_teardown(tells_the_edge_its_addresses,
						setup, teardown),
		cmocka_unit_test_setup_teardown(reports_a_refused_request,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			reports_a_server_of_another_name, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_wishes_for_addresses,
						setup, teardown),
		cmocka_unit_test_setup_teardown(takes_packets_in_capsules_too,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_broken_capsule_ends_it_with_a_reason, setup,
			teardown),
		cmocka_unit_test_setup_teardown(the_first_reason_stands, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_good_bye_ends_both, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
