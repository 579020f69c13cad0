/* SPDX-License-Identifier: Apache-2.0 */
/* A tunnel without a path: what it reads, keeps, answers and delivers. */
#include "dataplane/tunnel.h"
#include "tests/unit/dataplane/fake_io.h"
#include "tests/unit/dataplane/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POOL    120
#define TUNNELS 4

static const struct mpq_channel_events events;

struct world {
	struct mpq_loop *loop;
	struct mpq_packet_pool pool;
	struct mpq_agenda agenda;
	struct mpq_tunnel_shared shared;
	struct mpq_tunnel *tunnel[TUNNELS];
	int tun[TUNNELS];
};

static mpq_time on_turn_end(void *owner, mpq_time now)
{
	struct world *w = owner;

	for (int i = 0; i < TUNNELS; i++) {
		mpq_tunnel_turn(w->tunnel[i], now);
	}
	return MPQ_TIME_NEVER;
}

static const struct mpq_loop_events loop_events = {.turn_end = on_turn_end};

/* Those of a concentrator, whose peer may use 10.1.0.0/16. */
static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct mpq_snapshot_tunnel config = {
		.name = "mpq1",
		.mtu_bytes = 1400,
		.queue_delay = 15 * MPQ_MILLISECOND,
		.enabled = true,
	};

	fake_reset();
	assert_int_equal(mpq_prefix_parse("10.1.0.0/16",
					  &config.remote.prefix[0]),
			 0);
	config.remote.n = 1;
	assert_int_equal(mpq_loop_new(&w->loop, &loop_events, w), 0);
	assert_int_equal(mpq_packet_pool_init(&w->pool, POOL), 0);
	w->shared = (struct mpq_tunnel_shared){
		.loop = w->loop,
		.agenda = &w->agenda,
		.pool = &w->pool,
		.frame = malloc(MPQ_TUNNEL_FRAME_BYTES),
	};
	for (int i = 0; i < TUNNELS; i++) {
		w->tun[i] = fake_tun();
		assert_int_equal(mpq_tunnel_new(&w->tunnel[i], &w->shared,
						&config, false, w->tun[i],
						fake_now()),
				 0);
	}
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < TUNNELS; i++) {
		mpq_tunnel_free(w->tunnel[i]);
	}
	mpq_agenda_finish(&w->agenda);
	free(w->shared.frame);
	mpq_packet_pool_finish(&w->pool);
	mpq_loop_free(w->loop);
	fake_reset();
	free(w);
	return 0;
}

static void send_out(struct world *w, int i, unsigned n)
{
	uint8_t packet[600];

	site_udp(packet, sizeof(packet), "198.51.100.1", "10.1.0.7");
	while (n-- > 0) {
		fake_tun_push(w->tun[i], packet, sizeof(packet));
	}
	fake_run(1);
}

static void a_stuck_tunnel_leaves_buffers_to_others(void **state)
{
	struct world *w = *state;

	send_out(w, 0, 2 * POOL);
	assert_int_equal(w->tunnel[0]->queue.pkts, POOL / 2);
	send_out(w, 1, 2 * POOL);
	send_out(w, 2, 2 * POOL);
	assert_true(w->tunnel[1]->queue.pkts >= POOL / 4);
	assert_true(w->tunnel[2]->queue.pkts >= POOL / 8);
	send_out(w, 3, 5);
	assert_int_equal(w->tunnel[3]->queue.pkts, 5);
}

static void what_is_dropped_does_not_count_as_sent(void **state)
{
	struct world *w = *state;
	const struct mpq_tunnel *t = w->tunnel[0];

	send_out(w, 0, 2 * POOL);
	assert_int_equal(t->packets_out, t->queue.pkts);
	assert_int_equal(t->packets_out + mpq_tunnel_out_drops(t), 2 * POOL);
	assert_int_equal(t->bytes_out, 600 * t->packets_out);
}

static void without_a_path_senders_are_told(void **state)
{
	struct world *w = *state;

	send_out(w, 0, 3);
	assert_int_equal(fake_tun_errors(w->tun[0]), 0);
	assert_int_equal(w->tunnel[0]->queue.pkts, 3);
	fake_run(2 * MPQ_SECOND);
	send_out(w, 0, 3);
	assert_int_equal(fake_tun_errors(w->tun[0]), 3);
	assert_int_equal(w->tunnel[0]->drops[MPQ_TUNNEL_DROP_NO_PATH], 3);
}

static void only_the_channel_that_carries_has_the_queue(void **state)
{
	struct world *w = *state;
	struct mpq_tunnel *t = w->tunnel[0];
	struct mpq_channel carrier = {.events = &events, .up = true},
			   other = {.events = &events, .up = true};
	const struct mpq_channel_source *source;
	struct mpq_channel_offer offer;
	void *owner;

	send_out(w, 0, 3);
	assert_null(mpq_tunnel_source(NULL, &carrier, &owner, fake_now()));
	assert_null(mpq_tunnel_source(t, &carrier, &owner, fake_now()));
	assert_null(mpq_tunnel_source(t, NULL, &owner, fake_now()));
	assert_false(mpq_tunnel_waits(t, &carrier));
	assert_true(mpq_tunnel_attach(t, &carrier, fake_now()));
	assert_false(mpq_tunnel_attach(t, &carrier, fake_now()));
	source = mpq_tunnel_source(t, &carrier, &owner, fake_now());
	assert_true(source->offer(owner, &offer, fake_now()));
	assert_int_equal(offer.data_bytes, 600);
	assert_true(mpq_tunnel_waits(t, &carrier));
	assert_null(mpq_tunnel_source(t, &other, &owner, fake_now()));
	assert_false(mpq_tunnel_waits(t, &other));
	assert_int_equal(t->queue.pkts, 3);
	fake_run(2 * MPQ_SECOND);
	(void)mpq_tunnel_source(t, &carrier, &owner, fake_now());
	assert_int_equal(t->queue.pkts, 0);
	assert_false(mpq_tunnel_detach(t, &other, "x", fake_now()));
	assert_true(mpq_tunnel_detach(t, &carrier, "x", fake_now()));
}

static void send_other(struct world *w, int i, size_t len)
{
	uint8_t packet[200];

	site_udp(packet, len, "198.51.100.1", "10.1.2.3");
	fake_tun_push(w->tun[i], packet, len);
	fake_run(1);
}

/* An acknowledgement, a ping, beside bulk. */
static void one_of_another_flow_does_not_wait_behind_many(void **state)
{
	struct world *w = *state;
	struct mpq_tunnel *t = w->tunnel[0];
	struct mpq_channel carrier = {.events = &events, .up = true};
	const struct mpq_channel_source *source;
	struct mpq_channel_offer offer;
	unsigned before = 0;
	void *owner;

	send_out(w, 0, 20);
	send_other(w, 0, 100);
	assert_int_equal(t->queue.pkts, 21);
	(void)mpq_tunnel_attach(t, &carrier, fake_now());
	source = mpq_tunnel_source(t, &carrier, &owner, fake_now());
	while (source->offer(owner, &offer, fake_now()) &&
	       offer.data_bytes != 100) {
		source->taken(owner, before++, fake_now());
	}
	assert_in_range(before, 1, 5);
	(void)mpq_tunnel_detach(t, &carrier, "x", fake_now());
}

/* A second only right after an outage. */
static void what_waits_is_not_old(void **state)
{
	struct world *w = *state;
	struct mpq_tunnel *t = w->tunnel[0];
	struct mpq_channel carrier = {.events = &events, .up = true};
	void *owner;

	send_out(w, 0, 3);
	fake_run(700 * MPQ_MILLISECOND);
	(void)mpq_tunnel_attach(t, &carrier, fake_now());
	mpq_tunnel_set_rtt(t, 40 * MPQ_MILLISECOND);
	(void)mpq_tunnel_source(t, &carrier, &owner, fake_now());
	assert_int_equal(t->queue.pkts, 3);
	fake_run(1 * MPQ_SECOND);
	(void)mpq_tunnel_source(t, &carrier, &owner, fake_now());
	assert_int_equal(t->queue.pkts, 0);
	send_out(w, 0, 3);
	fake_run(280 * MPQ_MILLISECOND);
	(void)mpq_tunnel_source(t, &carrier, &owner, fake_now());
	assert_int_equal(t->queue.pkts, 3);
	fake_run(20 * MPQ_MILLISECOND);
	(void)mpq_tunnel_source(t, &carrier, &owner, fake_now());
	assert_int_equal(t->queue.pkts, 0);
	(void)mpq_tunnel_detach(t, &carrier, "x", fake_now());
}

static void deliver(struct world *w, const char *from, const char *to)
{
	uint8_t packet[100];

	site_udp(packet, sizeof(packet), from, to);
	mpq_tunnel_deliver(w->tunnel[0], packet, sizeof(packet));
	fake_run(1);
}

static void only_the_peers_own_comes_out(void **state)
{
	struct world *w = *state;
	const struct mpq_tunnel *t = w->tunnel[0];

	deliver(w, "10.1.2.3", "198.51.100.1");
	assert_int_equal(fake_tun_came(w->tun[0]), 1);
	deliver(w, "10.2.2.3", "198.51.100.1");
	assert_int_equal(t->drops[MPQ_TUNNEL_DROP_SOURCE], 1);
	deliver(w, "10.1.2.3", "169.254.1.1");
	assert_int_equal(t->drops[MPQ_TUNNEL_DROP_SCOPE], 1);
	mpq_tunnel_deliver(w->tunnel[0], (const uint8_t *)"\x45", 1);
	assert_int_equal(t->drops[MPQ_TUNNEL_DROP_MALFORMED_IN], 1);
	assert_int_equal(fake_tun_came(w->tun[0]), 1);
	assert_int_equal(mpq_tunnel_in_drops(t), 3);
}

static void another_device_goes_on_where_the_old_one_was(void **state)
{
	struct world *w = *state;
	unsigned descriptors = fake_open_descriptors();
	struct mpq_tunnel *t = w->tunnel[0];

	send_out(w, 0, 3);
	fake_tun_delete(w->tun[0]);
	fake_run(1);
	assert_true(t->device_gone);
	assert_true(mpq_tunnel_set_device(t, fake_other()) < 0);
	assert_true(t->device_gone);
	w->tun[0] = fake_tun();
	assert_int_equal(mpq_tunnel_set_device(t, w->tun[0]), 0);
	assert_false(t->device_gone);
	assert_int_equal(fake_open_descriptors(), descriptors);
	send_out(w, 0, 2);
	assert_int_equal(t->queue.pkts, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_stuck_tunnel_leaves_buffers_to_others),
		TEST(what_is_dropped_does_not_count_as_sent),
		TEST(without_a_path_senders_are_told),
		TEST(only_the_channel_that_carries_has_the_queue),
		TEST(one_of_another_flow_does_not_wait_behind_many),
		TEST(what_waits_is_not_old),
		TEST(only_the_peers_own_comes_out),
		TEST(another_device_goes_on_where_the_old_one_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
