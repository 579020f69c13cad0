/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams of members that mean harm: caps, counters, never growth. */
#include "dataplane/bond/report.h"
#include "tests/unit/dataplane/fake_io.h"
#include "tests/unit/dataplane/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define EVERYTHING (3 * MPQ_SECOND) /* no packet waits longer */

static struct mpq_session *session(struct hostile *h)
{
	return hostile_session_of(h, 1);
}

/* As an honest one would: all of it comes. */
static void carries_as_before(struct hostile *h, struct peer *p, uint8_t lane)
{
	unsigned came = fake_tun_came(h->tun[0]);

	for (uint32_t i = 0; i < 20; i++) {
		const struct mpq_header header = {
			.lane = lane,
			.sequence = i,
			.clock = mpq_header_clock(fake_now()),
		};

		peer_send(p, &header, 100);
	}
	fake_run(500 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_came(h->tun[0]) - came, 20);
	assert_false(p->over);
}

static void nothing_is_left(struct hostile *h)
{
	fake_run(EVERYTHING);
	assert_int_equal(session(h)->order.held.pkts, 0);
	assert_int_equal(hostile_packets(h), 0);
}

static void any_header_is_borne(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint64_t x = 1;

	hostile_session(h, &key, member, 2);
	for (int i = 0; i < 20000; i++) {
		peer_send_any(member[i % 2], &x);
		if (i % 100 == 0) {
			fake_run(2 * MPQ_MILLISECOND);
			assert_in_range(session(h)->order.held.pkts, 0,
					session(h)->order.held.max_pkts);
		}
	}
	fake_run(2 * MPQ_SECOND);
	assert_true(session(h)->counters.datagrams_in > 19000);
	carries_as_before(h, member[0], 200);
	nothing_is_left(h);
}

static void endless_holes_are_held_up_to_the_cap(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	unsigned came;
	size_t most = 0;

	hostile_session(h, &key, member, 2);
	came = fake_tun_came(h->tun[0]);
	for (uint32_t i = 0; i < 12000; i++) {
		const struct mpq_header header = {
			.lane = (uint8_t)i,
			.sequence = 2 * (i / 256) + 1,
			.clock = mpq_header_clock(fake_now()),
		};

		peer_send(member[0], &header, 28);
		if (i % 200 == 0) {
			fake_run(1 * MPQ_MILLISECOND);
			most = session(h)->order.held.pkts > most
				       ? session(h)->order.held.pkts
				       : most;
			assert_in_range(session(h)->order.held.pkts, 0,
					session(h)->order.held.max_pkts);
		}
	}
	assert_true(most > 1000);
	nothing_is_left(h);
	assert_int_equal(fake_tun_came(h->tun[0]) - came, 12000);
	for (int i = 0; i < MPQ_SESSION_CLASSES; i++) {
		assert_true(session(h)->order.counters[i].waited_max <=
			    MPQ_POLICY_ORDER_MAX);
	}
}

static struct mpq_packet *taken; /* by tunnels that are busy */

static void take_all_but(struct hostile *h, size_t pkts)
{
	struct mpq_packet_pool *pool = &h->site->vps.engine.pool;

	while (pool->free_pkts > pkts) {
		struct mpq_packet *p = mpq_packet_get(pool);

		p->next = taken;
		taken = p;
	}
}

static void give_back(struct hostile *h)
{
	struct mpq_packet *p;

	while ((p = taken) != NULL) {
		taken = p->next;
		mpq_packet_put(&h->site->vps.engine.pool, p);
	}
}

static int teardown(void **state)
{
	give_back(*state);
	return hostile_teardown(state);
}

/* What one holds back is not taken from the others. */
static void a_peer_that_hoards_leaves_room_for_others(void **state)
{
	struct hostile *h = *state;
	struct mpq_packet_pool *pool = &h->site->vps.engine.pool;
	struct mpq_join_key key, own;
	struct peer *member[2], *other;
	unsigned came;
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	other = hostile_ready_other(h);
	peer_open(other, &own, 0);
	fake_run(500 * MPQ_MILLISECOND);
	take_all_but(h, 2000);
	came = fake_tun_came(h->tun[1]);
	for (uint32_t i = 0; i < 8000; i++) {
		const struct mpq_header header = {
			.lane = (uint8_t)i,
			.sequence = 2 * (i / 256) + 1,
			.clock = mpq_header_clock(fake_now()),
		};

		peer_send(member[0], &header, 28);
		if (i % 200 == 0) {
			hostile_stream(other, &sequence, 1);
			fake_run(1 * MPQ_MILLISECOND);
		}
		assert_true(pool->free_pkts >= 900);
	}
	fake_run(1 * MPQ_SECOND);
	/* Of edge-2's, whose LAN is another: the guard counts them. */
	assert_int_equal(hostile_session_of(h, 2)->counters.no_buffer, 0);
	assert_int_equal(fake_tun_came(h->tun[1]) - came, 0);
	assert_int_equal(hostile_session_of(h, 2)->order.counters[0].delivered,
			 sequence);
	give_back(h);
	nothing_is_left(h);
}

static void jumps_deliver_what_they_bring(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	unsigned came;

	hostile_session(h, &key, member, 2);
	came = fake_tun_came(h->tun[0]);
	for (uint32_t i = 0; i < 5000; i++) {
		const struct mpq_header header = {
			.sequence = i * 5000 & MPQ_HEADER_MASK24,
			.clock = i * 4000000 & MPQ_HEADER_MASK24,
		};

		member[0]->path_sequence = (uint16_t)(i * 16000);
		peer_send(member[0], &header, 28);
		if (i % 100 == 0) {
			fake_run(1 * MPQ_MILLISECOND);
		}
	}
	nothing_is_left(h);
	assert_int_equal(fake_tun_came(h->tun[0]) - came, 5000);
	assert_true(session(h)->order.counters[0].jumps > 4000);
	carries_as_before(h, member[0], 200);
}

static void copies_without_end_come_out_once(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	unsigned came;

	hostile_session(h, &key, member, 2);
	came = fake_tun_came(h->tun[0]);
	for (uint32_t i = 0; i < 5000; i++) {
		const struct mpq_header header = {
			.kind = i % 3, /* repairs among them */
			.sequence = i % 10,
			.clock = mpq_header_clock(fake_now()),
		};

		peer_send(member[i % 2], &header, 28);
		if (i % 100 == 0) {
			fake_run(1 * MPQ_MILLISECOND);
		}
	}
	nothing_is_left(h);
	assert_int_equal(fake_tun_came(h->tun[0]) - came, 10);
	assert_int_equal(session(h)->order.counters[0].duplicate, 4990);
}

static void probes_are_answered_once_in_10_ms(void **state)
{
	static const struct mpq_header probe = {.kind = MPQ_HEADER_PROBE};
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	unsigned answers;
	mpq_time start;

	hostile_session(h, &key, member, 2);
	answers = member[0]->kinds[MPQ_HEADER_ANSWER];
	start = fake_now();
	for (int i = 0; i < 10000; i++) {
		peer_send(member[0], &probe, (size_t)i % 100);
		if (i % 100 == 0) {
			fake_run(3 * MPQ_MILLISECOND);
		}
	}
	fake_run(200 * MPQ_MILLISECOND);
	answers = member[0]->kinds[MPQ_HEADER_ANSWER] - answers;
	assert_in_range(answers, 10,
			(fake_now() - start) / (10 * MPQ_MILLISECOND) + 1);
	assert_true(session(h)->counters.probes_limited > 9000);
	carries_as_before(h, member[0], 0);
	nothing_is_left(h);
}

/* Sends bytes in from the device until the wires are empty again. */
static unsigned comes_down(struct hostile *h, struct peer **member, unsigned n)
{
	unsigned before = 0, after = 0;
	uint8_t packet[500];

	site_udp(packet, sizeof(packet), "198.51.100.1", "10.1.0.7");
	for (int i = 0; i < 2; i++) {
		before += member[i]->kinds[MPQ_HEADER_DATA];
	}
	for (unsigned i = 0; i < n; i++) {
		fake_tun_push(h->tun[0], packet, sizeof(packet));
		fake_run(5 * MPQ_MILLISECOND);
	}
	fake_run(500 * MPQ_MILLISECOND);
	for (int i = 0; i < 2; i++) {
		after += member[i]->kinds[MPQ_HEADER_DATA];
	}
	return after - before;
}

static void send_report(struct peer *p, const void *payload, size_t len)
{
	static const struct mpq_header header = {.kind = MPQ_HEADER_REPORT};
	uint8_t data[MPQ_HEADER_BYTES + 256];
	struct mpq_header own = header;

	own.path_sequence = p->path_sequence++;
	mpq_header_write(data, &own);
	memcpy(data + MPQ_HEADER_BYTES, payload, len);
	peer_datagram(p, PEER_CONTEXT, data, MPQ_HEADER_BYTES + len);
}

static void reports_of_nonsense_do_no_harm(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint8_t payload[256];
	uint64_t x = 7;

	hostile_session(h, &key, member, 2);
	assert_int_equal(comes_down(h, member, 20), 20);
	for (unsigned i = 0; i < 4000; i++) {
		size_t paths = peer_chance(&x) % 9;

		for (size_t k = 0; k < sizeof(payload); k++) {
			payload[k] = i % 4 ? (uint8_t)peer_chance(&x) : 0xff;
		}
		for (size_t k = 0; k < paths && i % 2; k++) {
			payload[4 + 24 * k] = (uint8_t)k;
		}
		send_report(member[i % 2], payload,
			    i % 8 ? 4 + 24 * paths : peer_chance(&x) % 200);
		if (i % 50 == 0) {
			fake_run(1 * MPQ_MILLISECOND);
		}
	}
	assert_int_equal(comes_down(h, member, 200), 200);
	assert_true(session(h)->counters.reports_in > 100);
	assert_true(session(h)->counters.malformed > 100);
	nothing_is_left(h);
}

/* Of a window of which some are missing, so that each is work. */
static void parities_are_solved_for_up_to_a_limit(void **state)
{
	static const struct mpq_header parity = {.kind = MPQ_HEADER_PARITY};
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint32_t sequence = 0;
	const struct mpq_session_path *m;
	uint64_t ignored;

	hostile_session(h, &key, member, 2);
	m = &session(h)->path[0];
	hostile_stream(member[0], &sequence, 40);
	for (int i = 0; i < 1000; i++) {
		member[0]->path_sequence -= i > 0;
		member[0]->path_sequence += i == 0;
		peer_send(member[0], &parity, 1000);
		if (i % 50 == 0) {
			fake_run(5 * MPQ_MILLISECOND);
		}
	}
	fake_run(500 * MPQ_MILLISECOND);
	ignored = m->parities_ignored;
	assert_int_equal(m->parities_in, 1000);
	assert_in_range(ignored, 800, 900);
	hostile_stream(member[0], &sequence, 200);
	fake_run(500 * MPQ_MILLISECOND);
	peer_send(member[0], &parity, 1000);
	fake_run(100 * MPQ_MILLISECOND);
	assert_int_equal(m->parities_in, 1001);
	assert_int_equal(m->parities_ignored, ignored);
	carries_as_before(h, member[0], 200);
	nothing_is_left(h);
}

static void the_newest_report_counts(void **state)
{
	struct hostile *h = *state;
	struct mpq_report r = {.number = 100, .n_paths = 1};
	uint8_t payload[MPQ_REPORT_MAX_BYTES];
	struct mpq_join_key key;
	struct peer *member[2];

	hostile_session(h, &key, member, 2);
	r.path[0].loss_ppm = 1000;
	send_report(member[0], payload, mpq_report_write(&r, payload));
	fake_run(50 * MPQ_MILLISECOND);
	assert_int_equal(session(h)->path[0].told.loss_ppm, 1000);
	r.number = 99; /* overtaken on the way */
	r.path[0].loss_ppm = 2000;
	send_report(member[1], payload, mpq_report_write(&r, payload));
	fake_run(50 * MPQ_MILLISECOND);
	assert_int_equal(session(h)->path[0].told.loss_ppm, 1000);
	r.number = 101;
	send_report(member[1], payload, mpq_report_write(&r, payload));
	fake_run(50 * MPQ_MILLISECOND);
	assert_int_equal(session(h)->path[0].told.loss_ppm, 2000);
}

static void datagrams_of_no_context_or_header_are_counted(void **state)
{
	static const uint8_t data[64];
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2], *stranger;
	unsigned came;

	hostile_session(h, &key, member, 2);
	came = fake_tun_came(h->tun[0]);
	for (size_t len = 0; len < MPQ_HEADER_BYTES; len++) {
		peer_datagram(member[0], PEER_CONTEXT, data, len);
	}
	for (uint64_t context = 1; context < 50; context++) {
		if (context != PEER_CONTEXT) {
			peer_datagram(member[0], context, data, sizeof(data));
		}
	}
	peer_datagram(member[0], PEER_CONTEXT, data, MPQ_HEADER_BYTES);
	fake_run(100 * MPQ_MILLISECOND);
	assert_int_equal(session(h)->counters.malformed, 11);
	assert_int_equal(session(h)->path[0].channel->dropped_context, 48);
	/* Of one who registered and has not joined. */
	stranger = hostile_ready(h);
	hostile_stream(stranger, &(uint32_t){0}, 10);
	fake_run(100 * MPQ_MILLISECOND);
	assert_false(stranger->over);
	assert_int_equal(fake_tun_came(h->tun[0]), came);
	carries_as_before(h, member[0], 0);
	nothing_is_left(h);
}

static void strange_sources_do_not_get_through(void **state)
{
	struct hostile *h = *state;
	uint8_t data[MPQ_HEADER_BYTES + 100] = {0};
	struct mpq_join_key key;
	struct peer *member[2];
	unsigned came;

	hostile_session(h, &key, member, 2);
	came = fake_tun_came(h->tun[0]);
	for (uint32_t i = 0; i < 10; i++) {
		const struct mpq_header header = {.sequence = i};

		mpq_header_write(data, &header);
		site_udp(data + MPQ_HEADER_BYTES, 100, "10.2.0.7",
			 "198.51.100.1");
		peer_datagram(member[0], PEER_CONTEXT, data, sizeof(data));
		data[MPQ_HEADER_BYTES] = 0; /* and no IP at all */
		data[1]++;
		peer_datagram(member[0], PEER_CONTEXT, data, sizeof(data));
	}
	fake_run(200 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_came(h->tun[0]), came);
	assert_int_equal(fake_tun_came(h->tun[1]), 0);
	nothing_is_left(h);
}

#define TEST(test)                                                             \
	cmocka_unit_test_setup_teardown(test, hostile_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_header_is_borne),
		TEST(endless_holes_are_held_up_to_the_cap),
		TEST(a_peer_that_hoards_leaves_room_for_others),
		TEST(jumps_deliver_what_they_bring),
		TEST(copies_without_end_come_out_once),
		TEST(probes_are_answered_once_in_10_ms),
		TEST(reports_of_nonsense_do_no_harm),
		TEST(parities_are_solved_for_up_to_a_limit),
		TEST(the_newest_report_counts),
		TEST(datagrams_of_no_context_or_header_are_counted),
		TEST(strange_sources_do_not_get_through),
	};

	return cmocka_run_group_tests_name("dataplane/session_flood", tests,
					   NULL, NULL);
}
