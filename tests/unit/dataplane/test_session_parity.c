/* SPDX-License-Identifier: Apache-2.0 */
/* When a path carries parities, and what they cost where none are sent. */
#include "dataplane/session_private.h"
#include "tests/unit/dataplane/bonded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TICK   (100 * MPQ_MILLISECOND)
#define ENOUGH 40 /* packets: a whole window, and a parity's worth */

/* The first path alone carries. */
static struct mpq_session_path *one_path(void **state)
{
	bonded_bring_up(*state);
	bonded_set_mode(*state, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	return &bonded_edge(*state)->path[0];
}

static void set_loss(struct mpq_session_path *m, uint32_t ppm)
{
	m->estimate.recent.acked = 1000000 - ppm;
	m->estimate.recent.lost = ppm;
	m->estimate.recent.halved = fake_now();
}

/* Takes so many, or all: how many parities there are among them. */
static unsigned take(struct mpq_session_path *m, unsigned most)
{
	unsigned parities = 0;

	for (unsigned i = 0; i < most && bonded_offers(m); i++) {
		parities += m->offer.what == MPQ_SESSION_OFFER_PARITY;
		mpq_session_taken(m, m->estimate.next_id, fake_now());
	}
	return parities;
}

/* Of another flow each. */
static void give_flows(struct mpq_session *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct mpq_packet *p = bonded_packet(s, 0, 500);
		struct mpq_ip ip;

		p->data[19] = (uint8_t)(10 + i);
		assert_int_equal(mpq_ip_parse(&ip, p->data, p->len_bytes), 0);
		mpq_session_send(s, p, &ip, fake_now());
	}
}

static unsigned burst(struct mpq_session_path *m, unsigned n)
{
	bonded_give(m->session, 0, 1400, n);
	return take(m, UINT32_MAX);
}

static void a_path_that_loses_carries_parities_until_it_does_not(void **state)
{
	struct mpq_session_path *m = one_path(state);

	set_loss(m, 2900);
	assert_int_equal(burst(m, ENOUGH), 0);
	set_loss(m, 3100);
	(void)burst(m, ENOUGH);
	assert_true(burst(m, 5) > 0);
	set_loss(m, 1100);
	assert_true(burst(m, 5) > 0);
	set_loss(m, 900);
	assert_int_equal(burst(m, ENOUGH), 0);
}

static void what_is_sent_is_kept_only_where_parities_are(void **state)
{
	struct mpq_session_path *m = one_path(state);

	(void)burst(m, ENOUGH);
	assert_int_equal(m->parity.out.known, 0);
	assert_int_equal(m->parity.out.untold, 0);
	assert_false(mpq_session_parity_waits(m));
	set_loss(m, 10000);
	(void)burst(m, ENOUGH);
	assert_int_not_equal(m->parity.out.known, 0);
	assert_false(m->session->path[1].parity.out.window.symbol[0].used);
}

/* Where something has waited all the time none goes before it. */
static void a_path_that_is_always_full_carries_none(void **state)
{
	struct mpq_session_path *m = one_path(state);

	set_loss(m, 10000);
	(void)burst(m, ENOUGH);
	bonded_give(m->session, 0, 1400, ENOUGH);
	m->parity.idle = fake_now() - 3 * TICK;
	assert_int_equal(take(m, ENOUGH), 0);
	assert_int_equal(take(m, UINT32_MAX), 1); /* at the end */
	bonded_give(m->session, 0, 1400, ENOUGH);
	m->parity.idle = fake_now() - TICK;
	assert_int_equal(take(m, ENOUGH), 2);
}

static void many_flows_need_none(void **state)
{
	struct mpq_session_path *m = one_path(state);

	set_loss(m, 10000);
	(void)burst(m, ENOUGH);
	give_flows(m->session, 4);
	assert_int_equal(take(m, UINT32_MAX), 0);
	m->parity.crowded -= 3 * TICK;
	give_flows(m->session, 2);
	assert_true(take(m, UINT32_MAX) > 0);
}

/* Each burst has one as long as there is credit; then larger ones only. */
static void parities_are_paid_for(void **state)
{
	struct mpq_session_path *m = one_path(state);
	unsigned parities = 0;

	set_loss(m, 10000);
	(void)burst(m, ENOUGH);
	for (unsigned i = 0; i < 1000; i++) {
		parities += burst(m, 3);
	}
	assert_in_range(parities, 3000 / 14, 3000 / 14 + 80);
}

/* After probes alone there is nothing to tell of, and nothing waits. */
static void nothing_waits_when_its_packets_are_long_gone(void **state)
{
	struct mpq_session_path *m = one_path(state);

	set_loss(m, 10000);
	(void)burst(m, ENOUGH);
	m->parity.credit_bytes = 0;
	assert_int_equal(burst(m, 12), 0);
	m->parity.credit_bytes = 10000;
	assert_true(mpq_session_parity_waits(m));
	for (unsigned i = 0; i < MPQ_PARITY_WINDOW; i++) {
		m->control = MPQ_SESSION_PROBE;
		assert_int_equal(m->offer.what, MPQ_SESSION_OFFER_NONE);
		mpq_session_parity_left(m, NULL);
		m->offer.header.path_sequence++;
	}
	assert_false(bonded_offers(m));
	assert_false(mpq_session_parity_waits(m));
}

/* The far end of a path on which no parity came has kept nothing; then it
 * keeps what comes. */
static void what_came_is_kept_once_the_peer_sends_parities(void **state)
{
	struct site *site = *state;
	struct mpq_session_path *m = one_path(state), *far;

	far = &bonded_session(&site->vps)->path[0];
	bonded_exchange(site, ENOUGH);
	for (unsigned i = 0; i < MPQ_PARITY_WINDOW; i++) {
		assert_false(far->parity.in.window.symbol[i].used);
	}
	set_loss(m, 10000);
	bonded_exchange(site, 5);
	set_loss(m, 10000);
	bonded_exchange(site, ENOUGH);
	assert_true(far->parities_in > 0);
	for (unsigned i = 0; i < MPQ_PARITY_WINDOW; i++) {
		assert_true(far->parity.in.window.symbol[i].used);
	}
}

/* A datagram of this path comes, of those that its far end sends. */
static void come(struct mpq_session_path *m, const struct mpq_header *h,
		 const uint8_t *payload, size_t len)
{
	uint8_t data[MPQ_HEADER_BYTES + 1500];

	mpq_header_write(data, h);
	memcpy(data + MPQ_HEADER_BYTES, payload, len);
	mpq_session_member.datagram(m, data, MPQ_HEADER_BYTES + len);
}

#define LANE         77 /* of which nothing came before */
#define FIRST_PARITY 40

static void send_packet(struct mpq_session_path *m, struct mpq_parity_out *out,
			uint16_t at, bool comes)
{
	const struct mpq_header h = {
		.lane = LANE,
		.sequence = at > FIRST_PARITY ? at - 1u : at,
		.path_sequence = at,
	};
	uint8_t packet[100];

	site_udp(packet, sizeof(packet), "198.51.100.1", "10.1.2.3");
	mpq_parity_add(out, &h, packet, sizeof(packet));
	if (comes) {
		come(m, &h, packet, sizeof(packet));
	}
}

static void send_parity(struct mpq_session_path *m, struct mpq_parity_out *out,
			uint16_t at)
{
	const uint8_t *payload;
	struct mpq_header h;
	size_t len = mpq_parity_write(out, at, &h, &payload);

	assert_true(len > 0);
	h.path_sequence = at;
	mpq_parity_add(out, &h, NULL, 0);
	come(m, &h, payload, len);
}

/* But no packet that the path brought. */
static void what_is_restored_is_delivered(void **state)
{
	static struct mpq_parity_out out;
	struct site *site = *state;
	struct mpq_session_path *m;
	struct mpq_session *s;
	uint64_t came, delivered;
	uint16_t at = 0;

	bonded_bring_up(site);
	s = bonded_session(&site->vps);
	m = &s->path[0];
	came = m->packets_in;
	delivered = s->order.counters[0].delivered;
	mpq_parity_out_init(&out);
	for (; at < FIRST_PARITY; at++) {
		send_packet(m, &out, at, true);
	}
	send_parity(m, &out, at++); /* packets are kept from here on */
	for (; at < 80; at++) {
		send_packet(m, &out, at, at != 60);
	}
	send_parity(m, &out, at);
	assert_int_equal(m->parities_in, 2);
	assert_int_equal(m->restored, 1);
	assert_int_equal(m->packets_in - came, 78);
	assert_int_equal(m->bytes_in, 78 * 100);
	assert_int_equal(s->order.counters[0].delivered - delivered, 79);
	assert_int_equal(s->order.counters[0].repaired, 1);
	assert_int_equal(s->order.counters[0].late, 0);
}

static mpq_duration shared_target(struct mpq_session *s)
{
	s->tick_due = fake_now();
	mpq_session_turn(s, fake_now());
	return s->shared[0].config.target;
}

/* What stands in it keeps the paths busy until a hole is filled: for a round
 * trip of the longest path. */
static void a_shared_queue_is_longer_while_a_path_loses(void **state)
{
	struct mpq_session_path *m = one_path(state);
	mpq_duration rtt = 0, more, target = shared_target(m->session);

	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		const struct mpq_session_path *o = &m->session->path[i];

		rtt = o->estimate.view.rtt_smoothed > rtt
			      ? o->estimate.view.rtt_smoothed
			      : rtt;
	}
	more = rtt < 60 * MPQ_MILLISECOND ? rtt : 60 * MPQ_MILLISECOND;
	assert_int_not_equal(more, 0);
	m->parity.on = true;
	assert_int_equal(shared_target(m->session), target + more);
	m->state = MPQ_SESSION_TRIED; /* it carries nothing */
	m->trusted_at = MPQ_TIME_NEVER;
	assert_int_equal(shared_target(m->session), target);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, bonded_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_path_that_loses_carries_parities_until_it_does_not),
		TEST(what_is_sent_is_kept_only_where_parities_are),
		TEST(a_path_that_is_always_full_carries_none),
		TEST(many_flows_need_none),
		TEST(parities_are_paid_for),
		TEST(nothing_waits_when_its_packets_are_long_gone),
		TEST(what_came_is_kept_once_the_peer_sends_parities),
		TEST(what_is_restored_is_delivered),
		TEST(a_shared_queue_is_longer_while_a_path_loses),
	};

	return cmocka_run_group_tests_name("dataplane/session_parity", tests,
					   NULL, NULL);
}
