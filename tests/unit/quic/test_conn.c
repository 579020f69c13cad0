/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/quic/pair.h"

#include "dataplane/quic/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static struct pair *up(void)
{
	struct pair *p = pair_new();

	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	return p;
}

static struct pair *up_with_mtu(void)
{
	struct pair *p = up();

	assert_true(pair_run(p, pair_mtu_is_known, 20 * MPQ_SECOND));
	return p;
}

static void both_ends_know_each_other_after_the_handshake(void **state)
{
	struct pair *p = up();

	(void)state;
	assert_int_equal(p->client.established, 1);
	assert_int_equal(p->server.established, 1);
	assert_int_equal(p->client.verified, 1);
	assert_int_equal(p->server.verified, 1);
	assert_true(mpq_certificate_has_name(mpq_conn_peer(p->client.conn),
					     "concentrator.example"));
	assert_true(mpq_certificate_has_name(mpq_conn_peer(p->server.conn),
					     "edge-1.example"));
	pair_free(p);
}

/* Four legs of 10 ms: Initial, Handshake, Finished, HANDSHAKE_DONE; a Retry
 * takes two more. */
static void a_first_dial_takes_a_retry_and_a_second_none(void **state)
{
	struct pair *p = up();

	(void)state;
	assert_int_equal(p->client.established_at - PAIR_START, 6 * p->delay);
	assert_int_equal(mpq_demux_counters(p->demux)->retries, 1);
	pair_wait(p, 100 * MPQ_MILLISECOND);
	assert_true(p->client.token_len > 0);

	mpq_time start = p->now;

	p->client_config.token = p->client.token;
	p->client_config.token_len = p->client.token_len;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	assert_int_equal(p->client.established_at - start, 4 * p->delay);
	assert_int_equal(mpq_demux_counters(p->demux)->retries, 1);
	assert_int_equal(p->server.accepted, 2);
	pair_free(p);
}

static void a_token_serves_after_a_restart_too(void **state)
{
	struct pair *p = up();

	(void)state;
	pair_wait(p, 100 * MPQ_MILLISECOND);
	pair_restart_server(p);
	p->client_config.token = p->client.token;
	p->client_config.token_len = p->client.token_len;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	assert_int_equal(mpq_demux_counters(p->demux)->retries, 0);
	pair_free(p);
}

static void a_token_of_a_day_ago_costs_a_retry(void **state)
{
	struct pair *p = up();

	(void)state;
	pair_wait(p, 100 * MPQ_MILLISECOND);
	pair_restart_server(p);
	p->now += 25 * 3600 * MPQ_SECOND;
	p->client_config.token = p->client.token;
	p->client_config.token_len = p->client.token_len;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	assert_int_equal(mpq_demux_counters(p->demux)->retries, 1);
	assert_int_equal(mpq_demux_counters(p->demux)->bad_token, 1);
	pair_free(p);
}

static void carries_datagrams_both_ways_and_reports_each(void **state)
{
	struct pair *p = up_with_mtu();

	(void)state;
	for (uint64_t id = 0; id < 500; id++) {
		pair_queue(&p->client, 1200 + id % 200, id);
		pair_queue(&p->server, 20 + id, id);
	}
	pair_wait(p, 5 * MPQ_SECOND);
	assert_int_equal(p->server.datagrams, 500);
	assert_int_equal(p->client.datagrams, 500);
	assert_int_equal(p->server.wrong_bytes + p->client.wrong_bytes, 0);
	assert_int_equal(p->client.acked, 500);
	assert_int_equal(p->server.acked, 500);
	assert_int_equal(p->client.lost + p->server.lost, 0);
	pair_free(p);
}

static int lose_every_tenth(struct pair *p, const struct pair_packet *packet)
{
	(void)packet;
	return p->seen % 10 == 0;
}

static void reports_lost_datagrams_and_never_both_by_mistake(void **state)
{
	struct pair *p = up_with_mtu();

	(void)state;
	p->lose = lose_every_tenth;
	for (uint64_t id = 0; id < 1000; id++) {
		pair_queue(&p->client, 1000, id);
	}
	pair_wait(p, 20 * MPQ_SECOND);
	assert_int_equal(p->client.sent, 1000);
	assert_in_range(p->client.lost, 50, 200);
	assert_int_equal(p->client.acked + p->client.lost,
			 1000 + p->client.spurious);
	assert_int_equal(p->server.datagrams, p->client.acked);
	pair_free(p);
}

static void a_datagram_too_big_is_said_so_and_blocks_nothing(void **state)
{
	struct pair *p = up_with_mtu();
	size_t max = mpq_conn_max_datagram(p->client.conn);

	(void)state;
	assert_int_equal(max, MPQ_CONN_MAX_UDP_BYTES - MPQ_CONN_OVERHEAD_BYTES);
	pair_queue(&p->client, max + 1, 1);
	pair_queue(&p->client, max, 2);
	pair_queue(&p->client, 60000, 3);
	pair_queue(&p->client, 0, 4);
	pair_queue(&p->client, 1, 5);
	pair_wait(p, MPQ_SECOND);
	assert_int_equal(p->client.too_big, 2);
	assert_int_equal(p->server.datagrams, 2);
	assert_int_equal(p->server.last_id, 5);
	assert_int_equal(p->client.sent, 5);
	pair_free(p);
}

static void small_datagrams_share_a_packet(void **state)
{
	struct pair *p = up_with_mtu();
	unsigned before;

	(void)state;
	pair_wait(p, MPQ_SECOND);
	before = p->client.packets_out;
	for (uint64_t id = 0; id < 20; id++) {
		pair_queue(&p->client, 60, id);
	}
	pair_queue(&p->client, 1400, 20);
	pair_wait(p, MPQ_SECOND);
	assert_int_equal(p->server.datagrams, 21);
	assert_int_equal(p->server.wrong_bytes, 0);
	assert_int_equal(p->client.packets_out - before, 2);
	pair_free(p);
}

static void a_stream_and_datagrams_share_a_packet(void **state)
{
	struct pair *p = up_with_mtu();
	unsigned before;

	(void)state;
	pair_wait(p, MPQ_SECOND);
	before = p->client.packets_out;
	pair_stream(&p->client, 200, false);
	pair_queue(&p->client, 60, 1);
	pair_queue(&p->client, 61, 2);
	pair_pump(&p->client);
	assert_int_equal(p->client.packets_out - before, 1);
	pair_wait(p, MPQ_SECOND);
	assert_int_equal(p->server.datagrams, 2);
	assert_int_equal(p->server.stream_read, 200);
	pair_free(p);
}

static void nothing_is_sent_on_a_cut_wire_without_end(void **state)
{
	struct pair *p = up_with_mtu();
	unsigned before;

	(void)state;
	pair_wait(p, MPQ_SECOND);
	before = p->client.packets_out;
	p->to_server.cut = p->to_client.cut = true;
	for (uint64_t id = 0; id < 3000; id++) {
		pair_queue(&p->client, 1400, id);
	}
	pair_wait(p, 10 * MPQ_SECOND);
	assert_true(p->client.sent < 100);
	assert_true(p->client.packets_out - before < 200);
	pair_free(p);
}

static bool got_2000(const struct pair *p)
{
	return p->server.datagrams >= 2000;
}

/* 20 Mbit/s, 40 ms: bandwidth times delay is 70 packets. Paced, the queue
 * before the link stays far below what a whole window at once would make. */
static void a_link_is_filled_and_its_queue_is_not(void **state)
{
	struct pair *p = pair_new();
	const uint64_t rate = 20 * 1000 * 1000;
	mpq_time start;
	double share;

	(void)state;
	p->delay = 20 * MPQ_MILLISECOND;
	p->to_server.rate_bps = p->to_client.rate_bps = rate;
	p->to_server.buffer = p->to_client.buffer = 200 * MPQ_MILLISECOND;
	pair_dial(p);
	assert_true(pair_run(p, pair_mtu_is_known, 20 * MPQ_SECOND));
	for (uint64_t id = 0; id < 4000; id++) {
		pair_queue(&p->client, 1400, id);
	}
	pair_pump(&p->client);
	assert_true(pair_run(p, got_2000, 20 * MPQ_SECOND));
	start = p->now;
	p->to_server.longest_wait = 0;
	pair_wait(p, MPQ_SECOND);
	share = (p->server.datagrams - 2000) * 1400.0 * 8 * MPQ_SECOND / rate /
		(double)(p->now - start);
	assert_true(share > 0.8);
	assert_true(p->to_server.longest_wait < 60 * MPQ_MILLISECOND);
	pair_free(p);
}

static void silence_counts_from_the_first_unanswered_packet(void **state)
{
	struct pair *p = up_with_mtu();
	struct mpq_conn_info info;
	mpq_time cut;

	(void)state;
	pair_wait(p, MPQ_SECOND);
	mpq_conn_info(p->client.conn, &info);
	assert_true(info.oldest_unanswered == MPQ_TIME_NEVER);

	cut = p->now;
	p->to_client.cut = true;
	pair_queue(&p->client, 100, 1);
	pair_wait(p, MPQ_SECOND);
	mpq_conn_info(p->client.conn, &info);
	assert_int_equal(info.oldest_unanswered, cut);
	assert_true(info.last_read < cut);

	p->to_client.cut = false;
	pair_wait(p, 3 * MPQ_SECOND);
	mpq_conn_info(p->client.conn, &info);
	assert_true(info.oldest_unanswered == MPQ_TIME_NEVER);
	assert_true(info.last_read > cut);
	pair_free(p);
}

/* The server only acknowledges: nobody owes it an answer. */
static void acknowledgements_alone_ask_for_no_answer(void **state)
{
	struct pair *p = up_with_mtu();
	struct mpq_conn_info info;

	(void)state;
	pair_wait(p, MPQ_SECOND);
	pair_queue(&p->client, 100, 1);
	pair_wait(p, 100 * MPQ_MILLISECOND);
	mpq_conn_info(p->server.conn, &info);
	assert_int_equal(p->server.datagrams, 1);
	assert_true(info.oldest_unanswered == MPQ_TIME_NEVER);
	pair_free(p);
}

static void a_ping_brings_an_answer(void **state)
{
	struct pair *p = up_with_mtu();
	struct mpq_conn_info info;
	mpq_time start;

	(void)state;
	pair_wait(p, 5 * MPQ_SECOND);
	start = p->now;
	mpq_conn_ping(p->client.conn, p->now);
	pair_wait(p, 4 * p->delay + 30 * MPQ_MILLISECOND);
	mpq_conn_info(p->client.conn, &info);
	assert_in_range(info.last_read, start + 2 * p->delay, p->now);

	/* One ping only, and the usual (no) keep-alive after it. */
	start = info.last_read;
	pair_wait(p, 5 * MPQ_SECOND);
	mpq_conn_info(p->client.conn, &info);
	assert_int_equal(info.last_read, start);
	pair_free(p);
}

static void keep_alive_holds_an_idle_connection_up(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	p->client_config.keep_alive = 10 * MPQ_SECOND;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	pair_wait(p, 300 * MPQ_SECOND);
	assert_true(pair_is_up(p));
	pair_free(p);
}

static void an_idle_connection_ends_at_both_ends(void **state)
{
	struct pair *p = up();
	mpq_time start = p->now;

	(void)state;
	assert_true(pair_run(p, pair_client_is_over, 60 * MPQ_SECOND));
	assert_true(pair_run(p, pair_server_is_over, 60 * MPQ_SECOND));
	assert_int_equal(mpq_conn_end(p->client.conn)->layer, MPQ_CONN_IDLE);
	assert_int_equal(mpq_conn_end(p->server.conn)->layer, MPQ_CONN_IDLE);
	assert_in_range(p->now - start, 29 * MPQ_SECOND, 32 * MPQ_SECOND);
	pair_free(p);
}

static void a_dial_to_nobody_ends_in_time(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	p->to_server.cut = true;
	pair_dial(p);
	assert_true(pair_run(p, pair_client_is_over, 60 * MPQ_SECOND));
	assert_int_equal(mpq_conn_end(p->client.conn)->layer, MPQ_CONN_IDLE);
	assert_int_equal(p->now - PAIR_START, 10 * MPQ_SECOND);
	pair_free(p);
}

static void a_close_tells_the_peer_code_and_reason(void **state)
{
	struct pair *p = up();
	const struct mpq_conn_end *end;

	(void)state;
	mpq_conn_close(p->client.conn, 0x10c, "the tunnel is\tgone");
	pair_wait(p, 100 * MPQ_MILLISECOND);
	end = mpq_conn_end(p->client.conn);
	assert_int_equal(end->layer, MPQ_CONN_LOCAL);
	assert_string_equal(end->reason, "the tunnel is\tgone");
	end = mpq_conn_end(p->server.conn);
	assert_int_equal(end->layer, MPQ_CONN_APPLICATION);
	assert_true(end->by_peer);
	assert_int_equal(end->code, 0x10c);
	assert_non_null(strstr(end->reason, "the tunnel is?gone"));
	pair_free(p);
}

static void a_restarted_server_resets_its_old_client_at_once(void **state)
{
	struct pair *p = up_with_mtu();
	mpq_time start;

	(void)state;
	pair_restart_server(p);
	start = p->now;
	pair_queue(&p->client, 500, 1);
	pair_pump(&p->client);
	assert_true(pair_run(p, pair_client_is_over, 60 * MPQ_SECOND));
	assert_int_equal(mpq_conn_end(p->client.conn)->layer, MPQ_CONN_RESET);
	assert_int_equal(p->now - start, 2 * p->delay);
	assert_int_equal(mpq_demux_counters(p->demux)->resets, 1);
	pair_free(p);
}

static void another_secret_makes_no_reset(void **state)
{
	struct pair *p = up_with_mtu();

	(void)state;
	p->secret[0] ^= 1;
	pair_restart_server(p);
	pair_queue(&p->client, 500, 1);
	pair_pump(&p->client);
	pair_wait(p, 5 * MPQ_SECOND);
	assert_false(pair_client_is_over(p));
	assert_true(mpq_demux_counters(p->demux)->resets > 0);
	pair_free(p);
}

static void the_server_follows_a_nat_to_another_port(void **state)
{
	struct pair *p = up_with_mtu();
	struct mpq_conn_info info;

	(void)state;
	p->nat_port = 50000;
	for (uint64_t id = 0; id < 5; id++) {
		pair_queue(&p->client, 1000, id);
	}
	pair_wait(p, MPQ_SECOND);
	pair_queue(&p->server, 900, 9);
	pair_wait(p, MPQ_SECOND);
	mpq_conn_info(p->server.conn, &info);
	assert_int_equal(mpq_sockaddr_port(&info.remote), 50000);
	assert_int_equal(p->server.datagrams, 5);
	assert_int_equal(p->client.datagrams, 1);

	p->nat_port = PAIR_CLIENT_PORT; /* and back */
	pair_queue(&p->client, 1000, 10);
	pair_wait(p, 3 * MPQ_SECOND);
	pair_queue(&p->server, 900, 11);
	pair_wait(p, MPQ_SECOND);
	assert_int_equal(p->client.last_id, 11);
	assert_true(pair_is_up(p));
	pair_free(p);
}

/* A peer may retire ids as fast as it likes; each stays with the demux until
 * it is rid of, and there is an end to it. */
static void ids_are_bounded_and_all_given_back(void **state)
{
	struct pair *p = up();
	uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN];
	ngtcp2_cid cid;
	unsigned n = 0;

	(void)state;
	while (n < 1000 &&
	       mpq_connection_new_cid(p->server.conn, &cid,
				      MPQ_CONN_SERVER_CID_BYTES, token) == 0) {
		n++;
	}
	assert_in_range(n, 8, MPQ_CONNECTION_CIDS);
	assert_int_equal(p->server.cids, MPQ_CONNECTION_CIDS + 1);
	pair_free(p); /* sees that none is left */
}

static void finds_the_mtu_of_the_path(void **state)
{
	static const struct {
		size_t mtu, found;
	} cases[] = {
		{1472, 1472}, {1471, 1464}, {1452, 1452}, {1440, 1432},
		{1410, 1402}, {1400, 1372}, {1340, 1316}, {1300, 1252},
		{1250, 1232}, {1210, 1200},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pair *p = pair_new();
		struct mpq_conn_info info;

		p->mtu = cases[i].mtu;
		pair_dial(p);
		assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
		assert_true(mpq_conn_probing_mtu(p->client.conn));
		assert_true(pair_run(p, pair_mtu_is_known, 20 * MPQ_SECOND));
		mpq_conn_info(p->client.conn, &info);
		assert_int_equal(info.max_udp_bytes, cases[i].found);
		pair_wait(p, 5 * MPQ_SECOND);
		mpq_conn_info(p->client.conn, &info);
		assert_int_equal(info.max_udp_bytes, cases[i].found);
		mpq_conn_info(p->server.conn, &info);
		assert_int_equal(info.max_udp_bytes, cases[i].found);
		pair_free(p);
	}
}

static void a_full_mtu_is_known_within_two_round_trips(void **state)
{
	struct pair *p = up();
	mpq_time start = p->now;

	(void)state;
	assert_true(pair_run(p, pair_mtu_is_known, 20 * MPQ_SECOND));
	assert_true(p->now - start <= 4 * p->delay);
	pair_free(p);
}

static void never_writes_more_than_it_was_allowed(void **state)
{
	struct pair *p = pair_new();
	struct mpq_conn_info info;

	(void)state;
	p->client_config.max_udp_bytes = 700; /* taken as 1200 */
	p->server_config.max_udp_bytes = 1300;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	for (uint64_t id = 0; id < 50; id++) {
		pair_queue(&p->client, 1150, id);
		pair_queue(&p->server, 1150, id);
	}
	pair_wait(p, 5 * MPQ_SECOND);
	assert_int_equal(p->client.largest_out, 1200);
	assert_int_equal(p->server.largest_out, 1300);
	mpq_conn_info(p->client.conn, &info);
	assert_int_equal(info.max_udp_bytes, 1200);
	assert_int_equal(p->server.datagrams, 50);
	pair_free(p);
}

static void streams_carry_bytes_beyond_the_window(void **state)
{
	struct pair *p = up_with_mtu();

	(void)state;
	pair_stream(&p->client, PAIR_STREAM, true);
	for (uint64_t id = 0; id < 100; id++) {
		pair_queue(&p->client, 1000, id);
	}
	pair_wait(p, 20 * MPQ_SECOND);
	assert_int_equal(p->server.stream_read, PAIR_STREAM);
	assert_true(p->server.stream_fin_read);
	assert_memory_equal(p->server.stream_in, p->client.stream_out,
			    PAIR_STREAM);
	assert_int_equal(p->server.datagrams, 100);
	pair_free(p);
}

static bool server_is_up(const struct pair *p)
{
	return p->server.established > 0;
}

/* The packet with HANDSHAKE_DONE is lost, a stream's first bytes are not. */
static void early_stream_data_waits_for_the_handshake(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	pair_dial(p);
	assert_true(pair_run(p, server_is_up, 5 * MPQ_SECOND));
	p->to_client.n = 0;
	pair_stream(&p->server, 3000, true);
	pair_pump(&p->server);
	pair_wait(p, p->delay + MPQ_MILLISECOND);
	assert_int_equal(p->client.established, 0);
	assert_true(p->client.packets_in > 3);
	assert_int_equal(p->client.stream_read, 0);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	pair_wait(p, MPQ_SECOND);
	assert_int_equal(p->client.stream_read, 3000);
	assert_true(p->client.stream_fin_read);
	assert_memory_equal(p->client.stream_in, p->server.stream_out, 3000);
	pair_free(p);
}

static gnutls_cipher_algorithm_t agreed(enum mpq_tls_cipher client,
					enum mpq_tls_cipher server)
{
	struct pair *p = pair_new();
	gnutls_cipher_algorithm_t cipher;

	p->client_tls.cipher = client;
	p->server_tls.cipher = server;
	pair_dial(p);
	assert_true(pair_run(p, pair_mtu_is_known, 20 * MPQ_SECOND));
	pair_queue(&p->client, 1000, 1);
	pair_wait(p, MPQ_SECOND);
	assert_int_equal(p->server.datagrams, 1);
	cipher = gnutls_cipher_get(p->server.conn->handshake.session);
	pair_free(p);
	return cipher;
}

/* The edge is the weaker machine. */
static void the_cipher_is_what_the_client_prefers(void **state)
{
	(void)state;
	assert_int_equal(agreed(MPQ_TLS_CIPHER_AES, MPQ_TLS_CIPHER_CHACHA),
			 GNUTLS_CIPHER_AES_128_GCM);
	assert_int_equal(agreed(MPQ_TLS_CIPHER_CHACHA, MPQ_TLS_CIPHER_AES),
			 GNUTLS_CIPHER_CHACHA20_POLY1305);
}

static void a_handshake_survives_heavy_loss(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	p->lose = lose_every_tenth;
	for (unsigned first = 0; first < 10; first++) {
		p->seen = first;
		pair_dial(p);
		assert_true(pair_run(p, pair_is_up, 10 * MPQ_SECOND));
	}
	pair_free(p);
}

static int lose_after_the_retry(struct pair *p,
				const struct pair_packet *packet)
{
	return packet->to_server && p->seen > 3;
}

/* RFC 9000 §8.1: to a client that sends no more, the server is not to send more
 * than three times what it has got. The Retry's token proves the address, so
 * the library's own limit would not hold; a lost client costs a few packets. */
static void a_vanished_client_is_not_flooded(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	p->lose = lose_after_the_retry;
	pair_dial(p);
	assert_true(pair_run(p, pair_server_is_over, 60 * MPQ_SECOND));
	assert_int_equal(mpq_conn_end(p->server.conn)->layer, MPQ_CONN_IDLE);
	assert_true(p->server.packets_in >= 1);
	assert_true(p->server.bytes_out < 30000);
	pair_free(p);
}

static void a_retry_is_an_answer(void **state)
{
	struct pair *p = pair_new();
	struct mpq_conn_info info;

	(void)state;
	p->lose = lose_after_the_retry;
	p->seen = 2;
	pair_dial(p);
	pair_wait(p, 500 * MPQ_MILLISECOND);
	mpq_conn_info(p->client.conn, &info);
	assert_int_equal(mpq_demux_counters(p->demux)->retries, 1);
	assert_int_equal(info.last_read, PAIR_START + 2 * p->delay);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_know_each_other_after_the_handshake),
		cmocka_unit_test(a_first_dial_takes_a_retry_and_a_second_none),
		cmocka_unit_test(a_token_serves_after_a_restart_too),
		cmocka_unit_test(a_token_of_a_day_ago_costs_a_retry),
		cmocka_unit_test(carries_datagrams_both_ways_and_reports_each),
		cmocka_unit_test(
			reports_lost_datagrams_and_never_both_by_mistake),
		cmocka_unit_test(
			a_datagram_too_big_is_said_so_and_blocks_nothing),
		cmocka_unit_test(small_datagrams_share_a_packet),
		cmocka_unit_test(a_stream_and_datagrams_share_a_packet),
		cmocka_unit_test(nothing_is_sent_on_a_cut_wire_without_end),
		cmocka_unit_test(a_link_is_filled_and_its_queue_is_not),
		cmocka_unit_test(
			silence_counts_from_the_first_unanswered_packet),
		cmocka_unit_test(acknowledgements_alone_ask_for_no_answer),
		cmocka_unit_test(a_ping_brings_an_answer),
		cmocka_unit_test(keep_alive_holds_an_idle_connection_up),
		cmocka_unit_test(an_idle_connection_ends_at_both_ends),
		cmocka_unit_test(a_dial_to_nobody_ends_in_time),
		cmocka_unit_test(a_close_tells_the_peer_code_and_reason),
		cmocka_unit_test(
			a_restarted_server_resets_its_old_client_at_once),
		cmocka_unit_test(another_secret_makes_no_reset),
		cmocka_unit_test(the_server_follows_a_nat_to_another_port),
		cmocka_unit_test(ids_are_bounded_and_all_given_back),
		cmocka_unit_test(finds_the_mtu_of_the_path),
		cmocka_unit_test(a_full_mtu_is_known_within_two_round_trips),
		cmocka_unit_test(never_writes_more_than_it_was_allowed),
		cmocka_unit_test(streams_carry_bytes_beyond_the_window),
		cmocka_unit_test(early_stream_data_waits_for_the_handshake),
		cmocka_unit_test(the_cipher_is_what_the_client_prefers),
		cmocka_unit_test(a_handshake_survives_heavy_loss),
		cmocka_unit_test(a_vanished_client_is_not_flooded),
		cmocka_unit_test(a_retry_is_an_answer),
	};

	return cmocka_run_group_tests_name("quic/conn", tests, NULL, NULL);
}
