/* SPDX-License-Identifier: Apache-2.0 */
/* Which class goes first, and how what is sent again takes its turn. */
#include "tests/unit/dataplane/bonded.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOW  8 /* code points */
#define HIGH 46

/* "default", "low", which is as high, and "high"; all by one path. */
static void set_classes(struct site *s)
{
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.class[0].steer.mode = MPQ_STEER_ACTIVE_STANDBY;
	policy.class[0].repair_deadline = 0;
	policy.class[1] = policy.class[2] = policy.class[0];
	(void)snprintf(policy.class[1].name, MPQ_POLICY_NAME_BYTES, "low");
	(void)snprintf(policy.class[2].name, MPQ_POLICY_NAME_BYTES, "high");
	policy.class[2].priority = 7;
	policy.n_classes = 3;
	policy.classify.rule[0] =
		(struct mpq_classify_rule){.class_id = 1,
					   .dscp = UINT64_C(1) << LOW,
					   .protocol = MPQ_CLASSIFY_ANY};
	policy.classify.rule[1] =
		(struct mpq_classify_rule){.class_id = 2,
					   .dscp = UINT64_C(1) << HIGH,
					   .protocol = MPQ_CLASSIFY_ANY};
	policy.classify.n_rules = 2;
	(void)snprintf(policy.rule_name[0], MPQ_POLICY_NAME_BYTES, "a");
	(void)snprintf(policy.rule_name[1], MPQ_POLICY_NAME_BYTES, "b");
	mpq_classify_compile(&policy.classify);
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
	fake_run(100 * MPQ_MILLISECOND);
}

/* The edge's session, with these classes. */
static struct mpq_session *begin(struct site *s)
{
	bonded_bring_up(s);
	set_classes(s);
	return bonded_session(&s->edge);
}

static struct mpq_session_path *busy_path(struct mpq_session *s)
{
	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		if (s->path[i].own[0].pkts > 0) {
			return &s->path[i];
		}
	}
	fail();
	return NULL;
}

static void the_highest_class_goes_first_and_equal_ones_share(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *e;
	size_t bytes[3] = {0}, len;

	e = begin(*state);
	bonded_give(e, 0, 1300, 40);
	bonded_give(e, LOW, 200, 200);
	bonded_give(e, HIGH, 300, 3);
	m = busy_path(e);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(bonded_take(m, &len), 2);
	}
	for (unsigned i = 0; i < 120; i++) {
		unsigned c = bonded_take(m, &len);

		bytes[c] += len;
		assert_true(bytes[0] <= bytes[1] + 3000);
		assert_true(bytes[1] <= bytes[0] + 3000);
		if (i % 10 == 5) {
			bonded_give(e, HIGH, 300, 1);
			assert_int_equal(bonded_take(m, &len), 2);
		}
	}
	assert_int_equal(bytes[2], 0);
}

/* Beside others it would wait for what they leave standing in the path. */
static void what_cannot_wait_keeps_a_queue_short_beside_others(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *e;
	size_t len;

	e = begin(*state);
	bonded_give(e, 0, 1300, 1);
	m = busy_path(e);
	(void)bonded_take(m, &len);
	bonded_give(e, HIGH, 200, 2);
	(void)bonded_take(m, &len);
	(void)bonded_take(m, &len);
	assert_true(m->guarded == MPQ_TIME_NEVER);

	bonded_give(e, LOW, 1300, 2);
	(void)bonded_take(m, &len);
	assert_true(m->guarded == MPQ_TIME_NEVER);
	bonded_give(e, HIGH, 200, 1);
	assert_int_equal(bonded_take(m, &len), 2);
	assert_true(m->guarded == fake_now());
}

/* A class that fills the path leaves one byte in 16 to those below, and they
 * share it. */
static void who_is_passed_for_long_goes_once(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *e;
	size_t bytes[3] = {0}, len;

	e = begin(*state);
	bonded_give(e, 0, 1000, 30);
	bonded_give(e, LOW, 1000, 30);
	m = busy_path(e);
	for (unsigned i = 0; i < 400; i++) {
		bonded_give(e, HIGH, 1000, 1);
		bytes[bonded_take(m, &len)] += len;
	}
	assert_in_range(bytes[0] + bytes[1], 400000 / 20, 400000 / 16);
	assert_in_range(bytes[0], bytes[1] - 2000, bytes[1] + 2000);
}

/* Packets of the highest class that go before one of the default one. */
static unsigned passed_by(struct mpq_session_path *m)
{
	unsigned n = 0;
	size_t len;

	bonded_give(m->session, 0, 100, 1);
	bonded_give(m->session, HIGH, 1000, 30);
	while (bonded_take(m, &len) == 2) {
		n++;
	}
	while (m->own[2].pkts > 0) {
		(void)bonded_take(m, &len);
	}
	return n;
}

static void who_had_nothing_to_send_was_not_passed(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *e;
	unsigned n;

	e = begin(*state);
	m = &e->path[0];
	n = passed_by(m);
	assert_in_range(n, 20, 30);
	assert_int_equal(mpq_session_queued(e), 0);
	assert_in_range(passed_by(m), n - 1, n + 1);
}

/* Two classes wait for any path, the first one for another than this. */
static void a_path_that_takes_of_one_class_is_not_idle(void **state)
{
	struct mpq_session_path *m;
	struct mpq_policy policy;
	struct mpq_session *e;
	size_t len;

	e = begin(*state);
	policy = e->policy;
	for (unsigned c = 0; c < 2; c++) {
		policy.class[c].steer.mode = MPQ_STEER_PRIORITY_BASED;
		policy.class[c].steer.order[0] = (uint8_t)c;
		policy.class[c].steer.n_order = 1;
	}
	mpq_tunnel_set_policy(site_tunnel(&((struct site *)*state)->edge),
			      &policy, fake_now());
	m = &e->path[1];
	bonded_give(e, 0, 100, 1);
	bonded_give(e, LOW, 100, 5);
	assert_int_equal(bonded_take(m, &len), 1);
	assert_int_equal(e->shared[0].pkts, 1);
	assert_int_equal(e->shared[1].pkts, 4);
	assert_true(m->estimate.queued_bytes > 0);
}

/* It is to be sent again by this path. */
static void lose(struct mpq_session_path *m, struct mpq_packet *p)
{
	p->kind = MPQ_HEADER_REPAIR;
	p->deadline = fake_now() + MPQ_SECOND;
	m->urgent_pkts++;
	m->urgent_bytes += p->len_bytes;
	assert_true(mpq_fair_push(&m->urgent[p->class_id], p, fake_now()));
}

/* A storm of repairs of bulk does not hold up what matters more. */
static void what_is_sent_again_goes_before_its_equals_only(void **state)
{
	struct mpq_session_path *m;
	struct mpq_packet *again;
	struct mpq_session *e;
	size_t len;

	e = begin(*state);
	bonded_give(e, 0, 1300, 3);
	bonded_give(e, LOW, 1000, 3);
	bonded_give(e, HIGH, 300, 2);
	m = busy_path(e);
	again = bonded_packet(e, 0, 777);
	again->class_id = 0;
	lose(m, again);
	assert_int_equal(bonded_take(m, &len), 2);
	assert_int_equal(bonded_take(m, &len), 2);
	assert_int_equal(bonded_take(m, &len), 0);
	assert_int_equal(len, 777);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_not_equal(bonded_take(m, &len), 2);
	}
	assert_int_equal(mpq_session_queued(e), 0);
}

static void lose_flow(struct mpq_session_path *m, uint32_t flow, size_t len,
		      unsigned n)
{
	while (n-- > 0) {
		struct mpq_packet *p = bonded_packet(m->session, 0, len);

		p->class_id = 0;
		p->flow = flow;
		lose(m, p);
	}
}

/* Of the default class, of a flow that has a bucket of its own. */
static void wait_in(struct mpq_session *s, struct mpq_fair *queue,
		    uint32_t flow, size_t len)
{
	struct mpq_packet *p = bonded_packet(s, 0, len);

	p->flow = flow;
	p->class_id = 0;
	p->kind = MPQ_HEADER_DATA;
	assert_true(mpq_fair_push(queue, p, fake_now()));
}

/* Packets that the path sends until it is one of so many bytes. */
static unsigned taken_until(struct mpq_session_path *m, size_t bytes)
{
	unsigned n = 1;
	size_t len;

	for ((void)bonded_take(m, &len); len != bytes; n++) {
		(void)bonded_take(m, &len);
		assert_true(n < 20);
	}
	return n;
}

/* A path was out, and all that it had in flight waits to be sent again. The
 * slow flow's bucket is not new any more when its next packet comes. */
static void a_slow_flow_waits_for_no_repairs_of_others(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *e;

	e = begin(*state);
	bonded_give(e, 0, 700, 60);
	m = busy_path(e);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(taken_until(m, 700), 1);
	}
	lose_flow(m, 111, 1200, 60);
	lose_flow(m, 222, 200, 1);
	assert_in_range(taken_until(m, 200), 1, 6);
	for (unsigned i = 0; i < 5; i++) {
		wait_in(e, &m->own[0], 333, 100);
		assert_in_range(taken_until(m, 100), 1, 6);
		(void)taken_until(m, 1200);
		(void)taken_until(m, 1200);
	}
	assert_true(m->urgent_pkts <= 50);
}

/* So many flows wait for this path only, and so many for any, with as many
 * bytes each: the packets of the first among those that a flow each may send
 * ten times. */
static unsigned own_of(struct mpq_session_path *m, unsigned own,
		       unsigned shared)
{
	struct mpq_session *s = m->session;
	unsigned n = 0;
	size_t len;

	for (unsigned i = 0; i < 30 * own; i++) {
		wait_in(s, &m->own[0], 1000 + i % own, 1000);
	}
	for (unsigned i = 0; i < 60 * shared; i++) {
		wait_in(s, &s->shared[0], 2000 + i % shared, 500);
	}
	for (size_t bytes = 0; bytes < 10000 * (own + shared); bytes += len) {
		(void)bonded_take(m, &len);
		n += len == 1000;
	}
	mpq_fair_clear(&m->own[0]);
	mpq_fair_clear(&s->shared[0]);
	return n;
}

static void each_flow_has_its_share_wherever_it_waits(void **state)
{
	struct mpq_session *e;

	e = begin(*state);
	assert_in_range(own_of(&e->path[0], 1, 1), 9, 11);
	assert_in_range(own_of(&e->path[0], 20, 1), 190, 205);
	assert_in_range(own_of(&e->path[0], 1, 20), 9, 15);
	assert_in_range(own_of(&e->path[0], 5, 10), 47, 55);
}

/* It has nothing to wait for while the others are many. */
static void a_slow_flow_goes_before_those_that_are_spread(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *e;

	e = begin(*state);
	m = &e->path[0];
	for (unsigned i = 0; i < 200; i++) {
		wait_in(e, &e->shared[0], 1 + i % 10, 1000);
	}
	for (unsigned i = 0; i < 20; i++) {
		wait_in(e, &m->own[0], 333, 100);
		assert_in_range(taken_until(m, 100), 1, 2);
		(void)taken_until(m, 1000);
	}
}

/* Some wait in the session when its last path goes, some come while there is
 * none, and are kept by the tunnel. */
static void what_was_kept_goes_before_what_came_later(void **state)
{
	struct site *s = *state;
	uint8_t packet[2048];
	unsigned came;

	bonded_bring_up(s);
	came = fake_tun_came(s->vps.tun);
	bonded_give(bonded_session(&s->edge), 0, 300, 3);
	for (int i = 0; i < BONDED_PATHS; i++) {
		bonded_link_gone(s, i);
	}
	assert_false(s->edge.tunnel_up);
	assert_int_equal(mpq_session_queued(bonded_session(&s->edge)), 3);
	site_send_out(s, 400);
	fake_run(10 * MPQ_MILLISECOND);
	bonded_link_ready(s, 0);
	fake_run(500 * MPQ_MILLISECOND);
	assert_int_equal(fake_tun_came(s->vps.tun) - came, 4);
	assert_int_equal(fake_tun_last(s->vps.tun, packet, sizeof(packet)),
			 400);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, bonded_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_highest_class_goes_first_and_equal_ones_share),
		TEST(what_cannot_wait_keeps_a_queue_short_beside_others),
		TEST(who_is_passed_for_long_goes_once),
		TEST(who_had_nothing_to_send_was_not_passed),
		TEST(a_path_that_takes_of_one_class_is_not_idle),
		TEST(what_is_sent_again_goes_before_its_equals_only),
		TEST(a_slow_flow_waits_for_no_repairs_of_others),
		TEST(each_flow_has_its_share_wherever_it_waits),
		TEST(a_slow_flow_goes_before_those_that_are_spread),
		TEST(what_was_kept_goes_before_what_came_later),
	};

	return cmocka_run_group_tests_name("dataplane/session_classes", tests,
					   NULL, NULL);
}
