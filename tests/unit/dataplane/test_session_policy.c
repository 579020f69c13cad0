/* SPDX-License-Identifier: Apache-2.0 */
/* Policies that change while a session lives: what is followed, what stays. */
#include "dataplane/masque/capsule.h"
#include "dataplane/session.h"
#include "tests/unit/dataplane/fake_io.h"
#include "tests/unit/dataplane/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGE_ERROR 0x10e /* RFC 9114 §8.1 */

#define TUNNEL(accepts)                                                        \
	"{'name':'mpq1','paths':['port1','port2'],'peer':'edge-1',"            \
	"'mtu':1400,'accept-policy':" accepts ",'assign':['10.200.1.1/32'],"   \
	"'remote-prefixes':['10.1.0.0/16']}"

static struct mpq_session *session(struct hostile *h)
{
	return hostile_session_of(h, 1);
}

/* Classes of these names behind "default", each filled by its code point. */
static void make(struct mpq_policy *p, const char *const *names, size_t n)
{
	mpq_policy_init(p);
	p->class[0].steer.mode = MPQ_STEER_ACTIVE_STANDBY;
	for (size_t i = 0; i < n; i++) {
		struct mpq_policy_class *c = &p->class[1 + i];

		*c = p->class[0];
		(void)snprintf(c->name, sizeof(c->name), "%s", names[i]);
		p->classify.rule[i] =
			(struct mpq_classify_rule){.class_id = (uint8_t)(1 + i),
						   .dscp = UINT64_C(1)
							   << names[i][0] % 64,
						   .protocol =
							   MPQ_CLASSIFY_ANY};
		(void)snprintf(p->rule_name[i], sizeof(p->rule_name[i]), "%s",
			       names[i]);
	}
	p->n_classes = 1 + n;
	p->classify.n_rules = n;
	mpq_classify_compile(&p->classify);
}

static void tell_policy(struct peer *p, uint32_t number,
			const struct mpq_policy *policy)
{
	uint8_t value[MPQ_CAPSULE_MAX_BYTES] = {0, 0, 0, (uint8_t)number};
	int n = mpq_policy_write(policy, value + 4, sizeof(value) - 4);

	assert_true(n > 0);
	peer_capsule(p, MPQ_JOIN_POLICY, value, 4 + (size_t)n);
	fake_run(50 * MPQ_MILLISECOND);
}

static void tell(struct peer *p, uint32_t number, size_t classes)
{
	static const char *const names[] = {"a", "b", "c"};
	struct mpq_policy policy;

	make(&policy, names, classes - 1);
	tell_policy(p, number, &policy);
}

static void what_was_told_before_is_followed_once_it_may_be(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];

	hostile_session(h, &key, member, 2);
	tell(member[0], 1, 2);
	assert_int_equal(session(h)->policy.n_classes, 2);
	hostile_apply(h, HOSTILE_PEERS, TUNNEL("false"));
	assert_int_equal(session(h)->policy.n_classes, 1);
	hostile_apply(h, HOSTILE_PEERS, TUNNEL("true"));
	assert_int_equal(session(h)->policy.n_classes, 2);
}

static void what_was_told_meanwhile_is_followed_once_it_may_be(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];

	hostile_apply(h, HOSTILE_PEERS, TUNNEL("false"));
	hostile_session(h, &key, member, 2);
	tell(member[0], 1, 4);
	tell(member[1], 1, 4); /* on each path */
	tell(member[1], 2, 3);
	assert_int_equal(session(h)->policy.n_classes, 1);
	assert_int_equal(session(h)->counters.refused_policies, 2);
	hostile_apply(h, HOSTILE_PEERS, TUNNEL("true"));
	assert_int_equal(session(h)->policy.n_classes, 3);
	tell(member[0], 3, 4);
	assert_int_equal(session(h)->policy.n_classes, 4);
}

/* Of the edge's last session, which is over. */
static void what_another_session_was_told_is_forgotten(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2], *p;

	hostile_apply(h, HOSTILE_PEERS, TUNNEL("false"));
	hostile_session(h, &key, member, 2);
	tell(member[0], 9, 3);
	p = hostile_ready(h);
	peer_open(p, &key, 0);
	fake_run(50 * MPQ_MILLISECOND);
	assert_true(peer_is_accepted(p, &key));
	hostile_apply(h, HOSTILE_PEERS, TUNNEL("true"));
	assert_int_equal(session(h)->policy.n_classes, 1);
	tell(p, 1, 2);
	assert_int_equal(session(h)->policy.n_classes, 2);
}

/* ---- capsules longer than any that is kept ------------------------------- */

static void say_long(struct peer *p, uint64_t type, uint64_t len)
{
	peer_capsule_head(p, type, len);
	fake_run(100 * MPQ_MILLISECOND);
}

static void one_that_is_too_long_ends_its_connection(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2], *p;
	unsigned refused = 0;

	hostile_session(h, &key, member, 2);
	for (uint64_t type = MPQ_JOIN_OPEN; type < MPQ_JOIN_POLICY; type++) {
		p = hostile_ready(h);
		say_long(p, type, 5000);
		assert_true(p->over && p->end.by_peer);
		assert_int_equal(p->end.code, MESSAGE_ERROR);
		assert_int_equal(session(h)->counters.refused_capsules,
				 ++refused);
	}
	say_long(member[1], MPQ_JOIN_LEAVE, 5000);
	assert_true(member[1]->over);
	assert_string_equal(session(h)->path[1].reason,
			    "the peer sent a SESSION_LEAVE of 5000 bytes that "
			    "is malformed, or not its to send now");
	assert_false(member[0]->over);
	assert_int_equal(hostile_members(h), 1);
}

/* Its end is not waited for. */
static void one_without_end_ends_its_connection_at_its_head(void **state)
{
	struct hostile *h = *state;
	struct peer *p = hostile_ready(h);

	say_long(p, MPQ_JOIN_JOIN, MPQ_VARINT_MAX);
	assert_true(p->over);
	assert_int_equal(p->end.code, MESSAGE_ERROR);
}

/* It may be of a version that is yet to come. */
static void a_policy_that_is_too_long_changes_nothing(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];

	hostile_session(h, &key, member, 2);
	tell(member[0], 1, 3);
	say_long(member[0], MPQ_JOIN_POLICY, 5000);
	assert_int_equal(session(h)->policy.n_classes, 3);
	assert_int_equal(session(h)->counters.refused_policies, 1);
	assert_false(member[0]->over);
	tell(member[0], 2, 2);
	assert_int_equal(session(h)->policy.n_classes, 2);
}

/* ---- what waits, and what was counted ------------------------------------ */

/* n packets of `len` bytes, and each one byte longer than the one before. */
static void give(struct hostile *h, char code_point, size_t len, unsigned n)
{
	struct mpq_session *s = session(h);

	for (unsigned i = 0; i < n; i++) {
		struct mpq_packet *p = mpq_packet_get(s->pool);
		struct mpq_ip ip;

		assert_non_null(p);
		site_udp(p->data, len + i, "198.51.100.1", "10.1.2.3");
		p->data[1] = (uint8_t)(code_point % 64 << 2);
		p->len_bytes = (uint16_t)(len + i);
		assert_int_equal(mpq_ip_parse(&ip, p->data, len + i), 0);
		mpq_session_send(s, p, &ip, fake_now());
	}
}

static void configure(struct hostile *h, const struct mpq_policy *policy)
{
	mpq_session_configure(session(h), policy, false, 15 * MPQ_MILLISECOND,
			      fake_now());
}

static unsigned class_of(struct hostile *h, const char *name)
{
	unsigned i = 0;

	while (strcmp(session(h)->policy.class[i].name, name) != 0) {
		assert_true(++i < session(h)->policy.n_classes);
	}
	return i;
}

static uint64_t enqueued(struct hostile *h, unsigned class_id)
{
	uint64_t n = session(h)->shared[class_id].enqueued;

	for (unsigned i = 0; i < MPQ_SESSION_PATHS; i++) {
		n += session(h)->path[i].own[class_id].enqueued;
	}
	return n;
}

static void counted(struct hostile *h, const char *name, uint64_t out,
		    uint64_t in)
{
	unsigned c = class_of(h, name);

	assert_int_equal(session(h)->class[c].packets_out, out);
	assert_int_equal(mpq_steer_counters(session(h)->steer, c)->packets,
			 out);
	assert_int_equal(enqueued(h, c), out);
	assert_int_equal(session(h)->order.counters[c].delivered, in);
}

static void all_counters_are_of_names(void **state)
{
	static const char *const first[] = {"a", "b"};
	static const char *const then[] = {"x", "b", "a"};
	static const char *const last[] = {"b"};
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	struct mpq_policy policy;

	hostile_session(h, &key, member, 2);
	make(&policy, first, 2);
	tell_policy(member[0], 1, &policy);
	give(h, 'a', 200, 3);
	give(h, 'b', 200, 5);
	for (uint32_t i = 0; i < 7; i++) {
		const struct mpq_header header = {.class_id = 2, .sequence = i};

		peer_send(member[0], &header, 100);
	}
	fake_run(200 * MPQ_MILLISECOND);
	counted(h, "a", 3, 0);
	counted(h, "b", 5, 7);
	make(&policy, then, 3);
	tell_policy(member[0], 2, &policy);
	counted(h, "x", 0, 0);
	counted(h, "a", 3, 0);
	counted(h, "b", 5, 7);
	make(&policy, last, 1);
	tell_policy(member[0], 3, &policy);
	counted(h, "b", 5, 7);
}

static void assert_in_order(struct mpq_fair *q, size_t first, unsigned n)
{
	assert_int_equal(q->pkts, n);
	for (unsigned i = 0; i < n; i++) {
		struct mpq_packet *p = mpq_fair_pop(q, fake_now());

		assert_int_equal(p->len_bytes, first + i);
		mpq_packet_put(q->pool, p);
	}
}

static void another_active_path_takes_what_waits(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	struct mpq_policy policy;

	hostile_session(h, &key, member, 2);
	make(&policy, NULL, 0);
	policy.class[0].steer.order[0] = 0;
	policy.class[0].steer.n_order = 1;
	configure(h, &policy);
	give(h, 0, 200, 10);
	assert_int_equal(session(h)->path[0].own[0].pkts, 10);
	policy.class[0].steer.order[0] = 1;
	configure(h, &policy);
	give(h, 0, 210, 1);
	assert_int_equal(session(h)->path[0].own[0].pkts, 0);
	assert_in_order(&session(h)->path[1].own[0], 200, 11);
}

static void another_mode_takes_what_waits(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	struct mpq_policy policy;

	hostile_session(h, &key, member, 2);
	make(&policy, NULL, 0);
	configure(h, &policy);
	give(h, 0, 200, 10);
	policy.class[0].steer.mode = MPQ_STEER_LOAD_BALANCING;
	configure(h, &policy);
	give(h, 0, 210, 10);
	assert_int_equal(session(h)->shared[0].pkts, 20);
	policy.class[0].steer.mode = MPQ_STEER_ACTIVE_STANDBY;
	configure(h, &policy);
	give(h, 0, 220, 10);
	assert_in_order(&session(h)->path[0].own[0], 200, 30);
	assert_int_equal(session(h)->class[0].packets_out, 30);
}

/* Two packets are within the burst, and its rate is nothing. */
static void a_rate_is_paid_once(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	struct mpq_policy policy;

	hostile_session(h, &key, member, 2);
	make(&policy, NULL, 0);
	policy.class[0].steer.rate_limit_bps = 8;
	policy.class[0].steer.burst_bytes = 3000;
	configure(h, &policy);
	give(h, 0, 1000, 3);
	assert_int_equal(session(h)->class[0].over_rate, 1);
	assert_int_equal(session(h)->path[0].own[0].pkts, 2);
	mpq_session_withdraw(session(h), session(h)->path[0].channel, "test",
			     fake_now());
	assert_int_equal(session(h)->path[1].own[0].pkts, 2);
	mpq_session_withdraw(session(h), session(h)->path[1].channel, "test",
			     fake_now());
	assert_int_equal(session(h)->shared[0].pkts, 2);
	assert_int_equal(session(h)->class[0].over_rate, 1);
	assert_int_equal(session(h)->class[0].packets_out, 2);
}

#define TEST(test)                                                             \
	cmocka_unit_test_setup_teardown(test, hostile_setup, hostile_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_told_before_is_followed_once_it_may_be),
		TEST(what_was_told_meanwhile_is_followed_once_it_may_be),
		TEST(what_another_session_was_told_is_forgotten),
		TEST(one_that_is_too_long_ends_its_connection),
		TEST(one_without_end_ends_its_connection_at_its_head),
		TEST(a_policy_that_is_too_long_changes_nothing),
		TEST(all_counters_are_of_names),
		TEST(another_active_path_takes_what_waits),
		TEST(another_mode_takes_what_waits),
		TEST(a_rate_is_paid_once),
	};

	return cmocka_run_group_tests_name("dataplane/session_policy", tests,
					   NULL, NULL);
}
