/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/quic/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <stdlib.h>
#include <string.h>

#define NOW         (1000 * MPQ_SECOND)
#define MIN_INITIAL 1200

struct front {
	struct mpq_demux *d;
	struct mpq_sockaddr remote;
	struct mpq_demux_result result;
	uint8_t packet[MPQ_CONN_MAX_UDP_BYTES];
	size_t len; /* of an Initial without a token */
};

static const uint8_t secret[MPQ_DEMUX_SECRET_BYTES] = {1, 2, 3};

/* A real client's first Initial. */
static void take_initial(struct front *f)
{
	struct pair *p = pair_new();

	pair_dial(p);
	assert_non_null(pair_head(&p->to_server));
	f->remote = pair_head(&p->to_server)->from;
	f->len = pair_head(&p->to_server)->len;
	memcpy(f->packet, pair_head(&p->to_server)->data, f->len);
	assert_true(f->len >= MIN_INITIAL);
	pair_free(p);
}

static struct front *front_new(void)
{
	struct front *f = test_calloc(1, sizeof(*f));

	f->d = mpq_demux_new(secret);
	assert_non_null(f->d);
	take_initial(f);
	return f;
}

static void front_free(struct front *f)
{
	mpq_demux_free(f->d);
	test_free(f);
}

static enum mpq_demux_verdict route(struct front *f, const uint8_t *data,
				    size_t len, mpq_time now)
{
	return mpq_demux_route(f->d, &f->remote, data, len, now, &f->result);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void fill(uint8_t *data, size_t len, uint32_t *seed)
{
	for (size_t i = 0; i < len; i++) {
		data[i] = (uint8_t)next_random(seed);
	}
}

static void id_of(uint32_t i, uint8_t cid[8])
{
	uint32_t seed = 2 * i + 1;

	fill(cid, 8, &seed);
	memcpy(cid, &i, sizeof(i));
}

static bool finds(struct front *f, uint32_t i, const void *owner)
{
	uint8_t packet[64] = {0xc0, 0, 0, 0, 1, 8};

	id_of(i, packet + 6);
	return route(f, packet, sizeof(packet), NOW) == MPQ_DEMUX_OWNER &&
	       f->result.owner == owner;
}

static void finds_each_of_many_ids_and_none_that_is_gone(void **state)
{
	enum {
		n = 3000
	};
	struct front *f = front_new();
	static char owners[n];
	uint8_t cid[8];

	(void)state;
	for (uint32_t i = 0; i < n; i++) {
		id_of(i, cid);
		assert_int_equal(mpq_demux_add(f->d, cid, 8, &owners[i]), 0);
	}
	id_of(7, cid);
	assert_int_equal(mpq_demux_add(f->d, cid, 8, &owners[8]), -EEXIST);
	for (uint32_t i = 0; i < n; i += 3) {
		id_of(i, cid);
		mpq_demux_remove(f->d, cid, 8);
		mpq_demux_remove(f->d, cid, 8);
	}
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(finds(f, i, &owners[i]), i % 3 != 0);
	}
	front_free(f);
}

static void ids_of_a_wrong_length_are_refused(void **state)
{
	struct front *f = front_new();
	uint8_t cid[21] = {0};

	(void)state;
	assert_int_equal(mpq_demux_add(f->d, cid, 0, f), -EINVAL);
	assert_int_equal(mpq_demux_add(f->d, cid, 21, f), -EINVAL);
	assert_int_equal(mpq_demux_add(f->d, cid, 20, f), 0);
	assert_int_equal(mpq_demux_add(f->d, cid, 19, f), 0);
	mpq_demux_remove(f->d, cid, 0);
	mpq_demux_remove(f->d, cid, 21);
	front_free(f);
}

static void drops_what_is_too_short_to_be_quic(void **state)
{
	struct front *f = front_new();

	(void)state;
	for (size_t len = 0; len < 21; len++) {
		uint8_t *exact = malloc(len ? len : 1); /* for the sanitizer */

		memset(exact, 0x40, len ? len : 1);
		assert_int_equal(route(f, exact, len, NOW), MPQ_DEMUX_DROP);
		free(exact);
	}
	assert_int_equal(mpq_demux_counters(f->d)->too_short, 21);
	front_free(f);
}

/* Whatever comes: never an answer longer than the question, and a reset is
 * shorter (RFC 9000 §10.3.3). */
static void expect_modest(struct front *f, const uint8_t *data, size_t len)
{
	const struct mpq_demux_counters *counters = mpq_demux_counters(f->d);
	uint64_t resets = counters->resets;

	if (route(f, data, len, NOW) == MPQ_DEMUX_REPLY) {
		assert_true(f->result.reply_len <= len);
		assert_true(counters->resets == resets ||
			    f->result.reply_len < len);
	}
}

static void rubbish_of_every_length_gets_a_modest_answer(void **state)
{
	struct front *f = front_new();
	uint32_t seed = 4711;

	(void)state;
	for (size_t len = 1; len <= MPQ_CONN_MAX_UDP_BYTES; len++) {
		uint8_t *exact = malloc(len);

		for (int round = 0; round < 8; round++) {
			fill(exact, len, &seed);
			exact[0] = (uint8_t)(exact[0] | (round & 1 ? 0x80 : 0));
			if (len > 5 && (round & 2)) {
				memcpy(exact + 1, "\0\0\0\1", 4);
			}
			if (len > 5 && (round & 4)) {
				exact[5] &= 31;
			}
			expect_modest(f, exact, len);
		}
		free(exact);
	}
	front_free(f);
}

static void an_initial_cut_at_any_byte_or_flipped_is_no_harm(void **state)
{
	struct front *f = front_new();

	(void)state;
	for (size_t len = 1; len < f->len; len++) {
		uint8_t *exact = malloc(len);

		memcpy(exact, f->packet, len);
		expect_modest(f, exact, len);
		assert_int_equal(mpq_demux_counters(f->d)->retries, 0);
		free(exact);
	}
	for (size_t i = 0; i < 64; i++) {
		for (uint8_t bit = 1; bit; bit = (uint8_t)(bit << 1)) {
			f->packet[i] ^= bit;
			expect_modest(f, f->packet, f->len);
			f->packet[i] ^= bit;
		}
	}
	front_free(f);
}

static void a_small_initial_gets_no_answer(void **state)
{
	struct front *f = front_new();
	/* One whole packet of 1,199 bytes: token length 0, Length to fit. */
	uint8_t packet[MIN_INITIAL - 1] = {0xc0, 0, 0, 0, 1, 8};
	size_t rest = sizeof(packet) - 18;

	(void)state;
	packet[16] = (uint8_t)(0x40 | rest >> 8);
	packet[17] = (uint8_t)rest;
	assert_int_equal(route(f, packet, sizeof(packet), NOW), MPQ_DEMUX_DROP);
	assert_int_equal(mpq_demux_counters(f->d)->small_initial, 1);
	front_free(f);
}

static void a_newcomer_gets_a_retry_within_limits(void **state)
{
	struct front *f = front_new();
	const struct mpq_demux_counters *c = mpq_demux_counters(f->d);
	mpq_time now = NOW;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		enum mpq_demux_verdict v = route(f, f->packet, f->len, now);

		assert_int_equal(v, i < 500 ? MPQ_DEMUX_REPLY : MPQ_DEMUX_DROP);
		assert_true(f->result.reply_len <= 160);
	}
	assert_int_equal(c->retries, 500);
	assert_int_equal(c->limited, 4500);

	/* A flood of 100,000/s for a second: 2,000 and not more. */
	for (int i = 0; i < 100000; i++) {
		now += 10 * MPQ_MICROSECOND;
		(void)route(f, f->packet, f->len, now);
	}
	assert_in_range(c->retries, 2490, 2510);
	front_free(f);
}

static void an_unknown_version_is_told_ours_within_limits(void **state)
{
	struct front *f = front_new();
	const struct mpq_demux_counters *c = mpq_demux_counters(f->d);
	uint8_t *reply = f->result.reply;

	(void)state;
	memcpy(f->packet + 1, "\x1a\x2a\x3a\x4a", 4);
	assert_int_equal(route(f, f->packet, f->len, NOW), MPQ_DEMUX_REPLY);
	assert_true(reply[0] & 0x80);
	assert_memory_equal(reply + 1, "\0\0\0\0", 4);
	assert_memory_equal(reply + f->result.reply_len - 4, "\0\0\0\1", 4);
	assert_int_equal(route(f, f->packet, MIN_INITIAL - 1, NOW),
			 MPQ_DEMUX_DROP);
	for (int i = 0; i < 1000; i++) {
		(void)route(f, f->packet, f->len, NOW);
	}
	assert_int_equal(c->version_negotiations, 20);
	assert_int_equal(c->limited, 981);
	front_free(f);
}

/* Version 2 (RFC 9369) is known to the library, but not spoken here. */
static void only_version_1_is_spoken(void **state)
{
	struct front *f = front_new();

	(void)state;
	memcpy(f->packet + 1, "\x6b\x33\x43\xcf", 4);
	assert_int_equal(route(f, f->packet, f->len, NOW), MPQ_DEMUX_REPLY);
	assert_int_equal(mpq_demux_counters(f->d)->version_negotiations, 1);
	memcpy(f->packet + 1, "\0\0\0\0", 4);
	assert_int_equal(route(f, f->packet, f->len, NOW), MPQ_DEMUX_DROP);
	front_free(f);
}

static void a_reset_is_shorter_than_its_cause_and_limited(void **state)
{
	struct front *f = front_new();
	const struct mpq_demux_counters *c = mpq_demux_counters(f->d);
	uint8_t packet[100] = {0x41, 9, 9, 9, 9};
	uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN];
	ngtcp2_cid cid = {.datalen = 4, .data = {9, 9, 9, 9}};

	(void)state;
	ngtcp2_crypto_generate_stateless_reset_token(token, secret,
						     sizeof(secret), &cid);
	assert_int_equal(route(f, packet, 21, NOW), MPQ_DEMUX_DROP);
	for (size_t len = 22; len < sizeof(packet); len++) {
		size_t n;

		assert_int_equal(route(f, packet, len, NOW + len * MPQ_SECOND),
				 MPQ_DEMUX_REPLY);
		n = f->result.reply_len;
		assert_true(n < len && n >= 21 && n <= 43);
		assert_int_equal(f->result.reply[0] & 0xc0, 0x40);
		assert_memory_equal(f->result.reply + n - sizeof(token), token,
				    sizeof(token));
	}
	for (int i = 0; i < 1000; i++) {
		(void)route(f, packet, sizeof(packet), NOW + 200 * MPQ_SECOND);
	}
	assert_int_equal(c->resets, sizeof(packet) - 22 + 50);
	front_free(f);
}

static void a_handshake_packet_for_nobody_is_dropped(void **state)
{
	struct front *f = front_new();

	(void)state;
	f->packet[0] =
		0xe0; /* Handshake; no token length: the rest is longer */
	assert_int_equal(route(f, f->packet, f->len, NOW), MPQ_DEMUX_DROP);
	assert_int_equal(mpq_demux_counters(f->d)->unknown_connection +
				 mpq_demux_counters(f->d)->malformed,
			 1);
	front_free(f);
}

static unsigned port_after_retry;

static int move_after_retry(struct pair *p, const struct pair_packet *packet)
{
	if (!packet->to_server) {
		port_after_retry = 50001;
	} else if (port_after_retry) {
		p->nat_port = (uint16_t)port_after_retry;
	}
	return 0;
}

/* The token proves another port: the client is told at once, and need not wait
 * for its time-out. */
static void a_retry_token_from_another_port_is_refused(void **state)
{
	struct pair *p = pair_new();
	const struct mpq_conn_end *end;

	(void)state;
	port_after_retry = 0;
	p->lose = move_after_retry;
	pair_dial(p);
	assert_true(pair_run(p, pair_client_is_over, 20 * MPQ_SECOND));
	end = mpq_conn_end(p->client.conn);
	assert_int_equal(end->layer, MPQ_CONN_TRANSPORT);
	assert_true(end->by_peer);
	assert_int_equal(end->code, NGTCP2_INVALID_TOKEN);
	assert_int_equal(p->now - PAIR_START, 4 * p->delay);
	assert_int_equal(p->server.accepted, 0);
	assert_int_equal(mpq_demux_counters(p->demux)->bad_token, 1);
	assert_int_equal(mpq_demux_counters(p->demux)->refusals, 1);
	pair_free(p);
}

static void a_retry_token_lives_for_seconds_only(void **state)
{
	struct pair *p = pair_new();
	struct mpq_demux_result result;
	struct pair_packet *packet;
	bool to_server = false;

	(void)state;
	pair_dial(p);
	while (!to_server) { /* until the client has answered the Retry */
		pair_wait(p, p->delay / 2);
		packet = pair_head(&p->to_server);
		to_server = packet && p->replies;
	}
	assert_int_equal(mpq_demux_route(p->demux, &packet->from, packet->data,
					 packet->len, p->now + 9 * MPQ_SECOND,
					 &result),
			 MPQ_DEMUX_ACCEPT);
	assert_true(result.initial.token_is_retry);
	assert_int_equal(mpq_demux_route(p->demux, &packet->from, packet->data,
					 packet->len, p->now + 11 * MPQ_SECOND,
					 &result),
			 MPQ_DEMUX_REPLY);
	pair_free(p);
}

static void a_token_of_another_address_costs_a_retry(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	pair_wait(p, 100 * MPQ_MILLISECOND);
	p->client_config.token = p->client.token;
	p->client_config.token_len = p->client.token_len;
	mpq_sockaddr_parse("192.0.2.9", PAIR_CLIENT_PORT,
			   &p->client_config.local);
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	assert_int_equal(mpq_demux_counters(p->demux)->retries, 2);
	assert_int_equal(mpq_demux_counters(p->demux)->bad_token, 1);
	pair_free(p);
}

/* Checking tokens costs, too. */
static void forged_tokens_are_limited(void **state)
{
	struct pair *p = pair_new();
	const struct mpq_demux_counters *c = mpq_demux_counters(p->demux);
	uint8_t forged[NGTCP2_CRYPTO_MAX_REGULAR_TOKENLEN] = {
		NGTCP2_CRYPTO_TOKEN_MAGIC_REGULAR};
	struct mpq_demux_result result;
	struct pair_packet packet;

	(void)state;
	p->client_config.token = forged;
	p->client_config.token_len = sizeof(forged);
	pair_dial(p);
	packet = *pair_head(&p->to_server);
	for (int i = 0; i < 3000; i++) {
		(void)mpq_demux_route(p->demux, &packet.from, packet.data,
				      packet.len, p->now, &result);
	}
	assert_int_equal(c->bad_token, 1000);
	assert_int_equal(c->retries, 500);
	assert_int_equal(c->limited, 2500);
	pair_free(p);
}

static void listeners_have_secrets_of_their_own(void **state)
{
	uint8_t one[MPQ_DEMUX_SECRET_BYTES], again[MPQ_DEMUX_SECRET_BYTES],
		other[MPQ_DEMUX_SECRET_BYTES];
	struct mpq_sockaddr a, b;

	(void)state;
	mpq_sockaddr_parse("198.51.100.1", 45001, &a);
	mpq_sockaddr_parse("198.51.100.1", 45002, &b);
	mpq_demux_derive(one, secret, &a);
	mpq_demux_derive(again, secret, &a);
	mpq_demux_derive(other, secret, &b);
	assert_memory_equal(one, again, sizeof(one));
	assert_memory_not_equal(one, other, sizeof(one));
	assert_memory_not_equal(one, secret, sizeof(one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_each_of_many_ids_and_none_that_is_gone),
		cmocka_unit_test(ids_of_a_wrong_length_are_refused),
		cmocka_unit_test(drops_what_is_too_short_to_be_quic),
		cmocka_unit_test(rubbish_of_every_length_gets_a_modest_answer),
		cmocka_unit_test(
			an_initial_cut_at_any_byte_or_flipped_is_no_harm),
		cmocka_unit_test(a_small_initial_gets_no_answer),
		cmocka_unit_test(a_newcomer_gets_a_retry_within_limits),
		cmocka_unit_test(an_unknown_version_is_told_ours_within_limits),
		cmocka_unit_test(only_version_1_is_spoken),
		cmocka_unit_test(a_reset_is_shorter_than_its_cause_and_limited),
		cmocka_unit_test(a_handshake_packet_for_nobody_is_dropped),
		cmocka_unit_test(a_retry_token_from_another_port_is_refused),
		cmocka_unit_test(a_retry_token_lives_for_seconds_only),
		cmocka_unit_test(a_token_of_another_address_costs_a_retry),
		cmocka_unit_test(forged_tokens_are_limited),
		cmocka_unit_test(listeners_have_secrets_of_their_own),
	};

	return cmocka_run_group_tests_name("quic/demux", tests, NULL, NULL);
}
