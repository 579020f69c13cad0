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

static void tell(struct peer *p, uint32_t number, size_t classes)
{
	static const char *const names[] = {"a", "b", "c"};
	uint8_t value[MPQ_CAPSULE_MAX_BYTES] = {0, 0, 0, (uint8_t)number};
	struct mpq_policy policy;
	int n;

	make(&policy, names, classes - 1);
	n = mpq_policy_write(&policy, value + 4, sizeof(value) - 4);
	assert_true(n > 0);
	peer_capsule(p, MPQ_JOIN_POLICY, value, 4 + (size_t)n);
	fake_run(50 * MPQ_MILLISECOND);
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
	uint8_t bytes[2 * MPQ_VARINT_MAX_BYTES + 5000] = {0};
	size_t n = mpq_varint_write(bytes, type);

	n += mpq_varint_write(bytes + n, len);
	peer_stream(p, bytes, n + (len < 5000 ? len : 5000));
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
	};

	return cmocka_run_group_tests_name("dataplane/session_policy", tests,
					   NULL, NULL);
}
