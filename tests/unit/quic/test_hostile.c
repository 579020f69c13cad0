/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that someone between the two made, cut, changed or repeated. */
#include "tests/unit/quic/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static struct mpq_conn *receiver(struct pair *p,
				 const struct pair_packet *packet)
{
	return packet->to_server ? p->server.conn : p->client.conn;
}

/* Feeds bytes to the one for whom `packet` is; in memory of exactly their
 * length, so that the sanitizer sees a step too far. */
static void feed(struct pair *p, const struct pair_packet *packet,
		 const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);

	memcpy(exact, data, len);
	assert_int_equal(mpq_conn_read(receiver(p, packet), &packet->to,
				       &packet->from, 3, exact, len, p->now),
			 0);
	free(exact);
}

static void cut_everywhere(struct pair *p, const struct pair_packet *packet)
{
	if (!receiver(p, packet)) {
		return;
	}
	for (size_t len = 0; len < packet->len;
	     len += len < 100 || len + 40 > packet->len ? 1 : 23) {
		feed(p, packet, packet->data, len);
	}
}

/* All bits of the header, one of each byte after it. The two low bits of the
 * first byte say the packet number's length, so that header protection is in
 * it. */
static void flip_everywhere(struct pair *p, const struct pair_packet *packet)
{
	uint8_t data[MPQ_CONN_MAX_UDP_BYTES];

	if (!receiver(p, packet)) {
		return;
	}
	memcpy(data, packet->data, packet->len);
	for (size_t i = 0; i < packet->len; i += i < 64 ? 1 : 17) {
		for (unsigned bit = 1; bit < 256; bit <<= i < 64 ? 1 : 4) {
			data[i] ^= (uint8_t)bit;
			feed(p, packet, data, packet->len);
			data[i] ^= (uint8_t)bit;
		}
	}
}

static void repeat_thrice(struct pair *p, const struct pair_packet *packet)
{
	if (!receiver(p, packet)) {
		return;
	}
	for (int i = 0; i < 3; i++) {
		feed(p, packet, packet->data, packet->len);
	}
}

/* From the first packet to the last, and both sides never notice. */
static void survive(void (*treatment)(struct pair *,
				      const struct pair_packet *))
{
	struct pair *p = pair_new();

	p->deliver = treatment;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 20 * MPQ_SECOND));
	for (uint64_t id = 0; id < 20; id++) {
		pair_queue(&p->client, 900, id);
		pair_queue(&p->server, 900, id);
	}
	pair_stream(&p->client, 10000, true);
	pair_wait(p, 2 * MPQ_SECOND);
	assert_true(pair_is_up(p));
	assert_int_equal(p->client.datagrams, 20);
	assert_int_equal(p->server.datagrams, 20);
	assert_int_equal(p->server.stream_read, 10000);
	assert_int_equal(p->client.wrong_bytes + p->server.wrong_bytes, 0);
	pair_free(p);
}

static void packets_cut_at_any_byte_do_no_harm(void **state)
{
	(void)state;
	survive(cut_everywhere);
}

static void packets_with_a_flipped_bit_do_no_harm(void **state)
{
	(void)state;
	survive(flip_everywhere);
}

static void repeated_packets_are_delivered_once(void **state)
{
	(void)state;
	survive(repeat_thrice);
}

static void rubbish_counts_as_discarded_and_not_as_an_answer(void **state)
{
	struct pair *p = pair_new();
	struct mpq_conn_info before, after;
	uint8_t data[MPQ_CONN_MAX_UDP_BYTES];

	(void)state;
	pair_dial(p);
	assert_true(pair_run(p, pair_mtu_is_known, 20 * MPQ_SECOND));
	pair_wait(p, MPQ_SECOND);
	mpq_conn_info(p->client.conn, &before);
	srand(1);
	for (size_t len = 0; len <= sizeof(data); len++) {
		for (size_t i = 0; i < len; i++) {
			data[i] = (uint8_t)rand();
		}
		assert_int_equal(mpq_conn_read(p->client.conn,
					       &p->client_config.local,
					       &p->client_config.remote, 0,
					       data, len, p->now),
				 0);
	}
	mpq_conn_info(p->client.conn, &after);
	assert_int_equal(after.discarded - before.discarded, sizeof(data) + 1);
	assert_int_equal(after.packets_in - before.packets_in,
			 sizeof(data) + 1);
	assert_int_equal(after.last_read, before.last_read);
	assert_true(pair_is_up(p));
	pair_free(p);
}

static void another_port(struct pair *p, const struct pair_packet *packet)
{
	if (packet->to_server) {
		p->nat_port = (uint16_t)(PAIR_CLIENT_PORT + p->seen % 7);
	}
}

/* Path validation, MTU discovery and congestion state start anew each time,
 * and whatever is under way is broken off. */
static void a_nat_that_renumbers_each_packet_does_no_harm(void **state)
{
	struct pair *p = pair_new();
	struct mpq_conn_info info;

	(void)state;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 20 * MPQ_SECOND));
	p->deliver = another_port;
	for (uint64_t id = 0; id < 300; id++) {
		pair_queue(&p->client, 1000, id);
		pair_queue(&p->server, 1000, id);
	}
	pair_wait(p, 5 * MPQ_SECOND);
	p->deliver = NULL;
	p->nat_port = 50000;
	pair_queue(&p->client, 1000, 301);
	pair_wait(p, 5 * MPQ_SECOND);
	pair_queue(&p->server, 1000, 302);
	pair_wait(p, 5 * MPQ_SECOND);
	assert_true(pair_is_up(p));
	mpq_conn_info(p->server.conn, &info);
	assert_int_equal(mpq_sockaddr_port(&info.remote), 50000);
	assert_int_equal(p->client.last_id, 302);
	pair_free(p);
}

/* The clock of the caller may be old by a burst: never back in the library. */
static void a_step_back_of_the_clock_does_no_harm(void **state)
{
	struct pair *p = pair_new();

	(void)state;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 20 * MPQ_SECOND));
	p->now -= MPQ_SECOND / 2;
	pair_queue(&p->client, 900, 1);
	pair_wait(p, 2 * MPQ_SECOND);
	assert_int_equal(p->server.datagrams, 1);
	pair_free(p);
}

/* An answer to each wave of rubbish would serve a flood. */
static void rubbish_moves_nobody_to_send(void **state)
{
	struct pair *p = pair_new();
	uint8_t data[100] = {0x40};
	unsigned before;

	(void)state;
	pair_dial(p);
	assert_true(pair_run(p, pair_mtu_is_known, 20 * MPQ_SECOND));
	pair_wait(p, MPQ_SECOND);
	before = p->client.packets_out;
	for (int i = 0; i < 100; i++) {
		(void)mpq_conn_read(p->client.conn, &p->client_config.local,
				    &p->client_config.remote, 0, data,
				    sizeof(data), p->now);
		pair_pump(&p->client);
	}
	assert_int_equal(p->client.packets_out, before);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_cut_at_any_byte_do_no_harm),
		cmocka_unit_test(packets_with_a_flipped_bit_do_no_harm),
		cmocka_unit_test(repeated_packets_are_delivered_once),
		cmocka_unit_test(
			rubbish_counts_as_discarded_and_not_as_an_answer),
		cmocka_unit_test(a_nat_that_renumbers_each_packet_does_no_harm),
		cmocka_unit_test(a_step_back_of_the_clock_does_no_harm),
		cmocka_unit_test(rubbish_moves_nobody_to_send),
	};

	return cmocka_run_group_tests_name("quic/hostile", tests, NULL, NULL);
}
