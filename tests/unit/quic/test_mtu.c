/* SPDX-License-Identifier: Apache-2.0 */
/* The search for a path's MTU, when the path is not always there. */
#include "tests/unit/quic/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void cut(struct pair *p, bool to_server, bool to_client)
{
	p->to_server.cut = to_server;
	p->to_client.cut = to_client;
}

static bool is_cut(const struct pair *p)
{
	return p->to_server.cut || p->to_client.cut;
}

/* The path is out as soon as the MTU is asked for. */
static int lose_from_probe_to_server(struct pair *p,
				     const struct pair_packet *packet)
{
	p->to_server.cut |= packet->to_server && packet->len > 1200;
	return p->to_server.cut && packet->to_server;
}

static int lose_from_probe_to_client(struct pair *p,
				     const struct pair_packet *packet)
{
	p->to_client.cut |= !packet->to_server && packet->len > 1200;
	return p->to_client.cut && !packet->to_server;
}

static int lose_from_probe(struct pair *p, const struct pair_packet *packet)
{
	if (packet->len > 1200) {
		cut(p, true, true);
	}
	return is_cut(p);
}

/* A stream of small datagrams each way, or nothing. */
static void let_pass(struct pair *p, mpq_duration time, bool busy)
{
	const mpq_duration step = 5 * MPQ_MILLISECOND;

	for (; time > 0; time -= step) {
		if (busy && p->client.queued < p->client.sent + 100 &&
		    p->server.queued < p->server.sent + 100) {
			pair_queue(&p->client, 100, p->client.queued);
			pair_queue(&p->server, 100, p->server.queued);
		}
		pair_wait(p, step);
	}
}

static void assert_found(const struct pair *p, size_t udp_bytes)
{
	size_t most = udp_bytes - MPQ_CONN_OVERHEAD_BYTES;

	assert_true(pair_mtu_is_known(p));
	assert_int_equal(mpq_conn_max_datagram(p->client.conn), most);
	assert_int_equal(mpq_conn_max_datagram(p->server.conn),
			 most + MPQ_CONN_SERVER_CID_BYTES);
}

/* From the first probe on nothing comes through for so long, then the path has
 * 10 s. */
static struct pair *bear_outage(int (*lose)(struct pair *p,
					    const struct pair_packet *packet),
				mpq_duration outage, size_t mtu, bool busy)
{
	struct pair *p = pair_new();

	p->mtu = mtu;
	p->lose = lose;
	pair_dial(p);
	assert_true(pair_run(p, is_cut, 5 * MPQ_SECOND));
	let_pass(p, outage, busy);
	p->lose = NULL;
	cut(p, false, false);
	let_pass(p, 10 * MPQ_SECOND, busy);
	return p;
}

static void an_outage_tells_nothing_of_the_mtu(void **state)
{
	static int (*const lose[])(struct pair * p,
				   const struct pair_packet *packet) = {
		lose_from_probe, lose_from_probe_to_server,
		lose_from_probe_to_client};
	static const mpq_duration outages[] = {
		50 * MPQ_MILLISECOND,  150 * MPQ_MILLISECOND,
		400 * MPQ_MILLISECOND, 1 * MPQ_SECOND,
		3 * MPQ_SECOND,
	};

	(void)state;
	for (unsigned i = 0; i < 5 * 3 * 2; i++) {
		struct pair *p = bear_outage(lose[i / 5 % 3], outages[i % 5],
					     MPQ_CONN_MAX_UDP_BYTES, i >= 15);

		assert_found(p, MPQ_CONN_MAX_UDP_BYTES);
		pair_free(p);
	}
}

static void an_outage_does_not_hide_a_narrow_path(void **state)
{
	(void)state;
	for (unsigned busy = 0; busy < 2; busy++) {
		struct pair *p =
			bear_outage(lose_from_probe, 500 * MPQ_MILLISECOND,
				    1410, busy != 0);

		assert_found(p, 1402);
		pair_free(p);
	}
}

/* Nothing else is under way that could be answered. */
static void an_idle_connection_goes_on_to_search(void **state)
{
	struct pair *p = pair_new();
	mpq_time began;

	(void)state;
	p->client_config.keep_alive = p->server_config.keep_alive = 0;
	p->mtu = 1410;
	pair_dial(p);
	assert_true(pair_run(p, pair_is_up, 5 * MPQ_SECOND));
	began = p->now;
	assert_true(pair_run(p, pair_mtu_is_known, 20 * MPQ_SECOND));
	assert_in_range(p->now - began, 0, 5 * MPQ_SECOND);
	assert_found(p, 1402);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outage_tells_nothing_of_the_mtu),
		cmocka_unit_test(an_outage_does_not_hide_a_narrow_path),
		cmocka_unit_test(an_idle_connection_goes_on_to_search),
	};

	return cmocka_run_group_tests_name("quic/mtu", tests, NULL, NULL);
}
