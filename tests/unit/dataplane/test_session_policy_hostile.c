/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of peers that mean harm, or come late. */
#include "dataplane/policy.h"
#include "tests/unit/dataplane/fake_io.h"
#include "tests/unit/dataplane/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define REQUEST_REJECTED 0x10b /* RFC 9114 §8.1 */

static size_t policy(uint8_t *out, uint32_t number, size_t classes)
{
	struct mpq_policy p;
	int n;

	mpq_policy_init(&p);
	for (size_t i = 1; i < classes; i++) {
		p.class[i] = p.class[0];
		p.class[i].name[0] = (char)('a' + i);
		p.class[i].name[1] = '\0';
	}
	p.n_classes = classes;
	for (int i = 0; i < 4; i++) {
		out[i] = (uint8_t)(number >> (24 - 8 * i));
	}
	n = mpq_policy_write(&p, out + 4, MPQ_CAPSULE_MAX_BYTES - 4);
	assert_true(n > 0);
	return 4 + (size_t)n;
}

static void the_newest_policy_holds(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint8_t value[MPQ_CAPSULE_MAX_BYTES];
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	peer_capsule(member[0], MPQ_JOIN_POLICY, value, policy(value, 7, 3));
	fake_run(50 * MPQ_MILLISECOND);
	assert_int_equal(hostile_session_of(h, 1)->policy.n_classes, 3);
	peer_capsule(member[1], MPQ_JOIN_POLICY, value, policy(value, 6, 2));
	peer_capsule(member[1], MPQ_JOIN_POLICY, value, policy(value, 7, 2));
	fake_run(50 * MPQ_MILLISECOND);
	assert_int_equal(hostile_session_of(h, 1)->policy.n_classes, 3);
	hostile_is_sound(h, member, &sequence);
}

/* An edge that was restarted counts from 1 again. */
static void a_new_session_tells_its_policy_anew(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2], *p;
	uint8_t value[MPQ_CAPSULE_MAX_BYTES];

	hostile_session(h, &key, member, 2);
	peer_capsule(member[0], MPQ_JOIN_POLICY, value, policy(value, 7, 3));
	fake_run(50 * MPQ_MILLISECOND);
	p = hostile_ready(h);
	peer_open(p, &key, 0);
	peer_capsule(p, MPQ_JOIN_POLICY, value, policy(value, 1, 2));
	fake_run(50 * MPQ_MILLISECOND);
	assert_true(peer_is_accepted(p, &key));
	assert_int_equal(hostile_session_of(h, 1)->policy.n_classes, 2);
}

/* It may be of a version that is yet to come: that is no reason to carry no
 * packets. */
static void a_policy_of_nonsense_changes_nothing(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint8_t value[MPQ_CAPSULE_MAX_BYTES];
	uint32_t sequence = 0;

	hostile_session(h, &key, member, 2);
	peer_capsule(member[0], MPQ_JOIN_POLICY, value, policy(value, 7, 3));
	memset(value, 0xff, sizeof(value));
	memset(value, 0, 3);
	peer_capsule(member[0], MPQ_JOIN_POLICY, value, sizeof(value));
	peer_capsule(member[0], MPQ_JOIN_POLICY, value, 4);
	fake_run(50 * MPQ_MILLISECOND);
	assert_int_equal(hostile_session_of(h, 1)->policy.n_classes, 3);
	assert_int_equal(hostile_session_of(h, 1)->counters.refused_policies,
			 2);
	hostile_is_sound(h, member, &sequence);
}

/* Each costs more than a hundred packets do. */
static void who_floods_with_policies_is_sent_away(void **state)
{
	struct hostile *h = *state;
	struct mpq_join_key key;
	struct peer *member[2];
	uint8_t value[MPQ_CAPSULE_MAX_BYTES];
	uint32_t number = 0;

	hostile_session(h, &key, member, 2);
	for (int i = 0; i < 50; i++) { /* as often as one should */
		peer_capsule(member[1], MPQ_JOIN_POLICY, value,
			     policy(value, ++number, 3));
		fake_run(10 * MPQ_MILLISECOND);
	}
	fake_run(20 * MPQ_MILLISECOND);
	assert_int_equal(hostile_session_of(h, 1)->counters.policies, 50);
	for (int i = 0; i < 1000; i++) {
		peer_capsule(member[0], MPQ_JOIN_POLICY, value,
			     policy(value, ++number, 3));
		if (i % 10 == 0) {
			fake_run(1 * MPQ_MILLISECOND);
		}
	}
	fake_run(1 * MPQ_SECOND);
	assert_true(member[0]->over);
	assert_int_equal(member[0]->end.code, REQUEST_REJECTED);
	assert_in_range(hostile_session_of(h, 1)->counters.policies, 51, 120);
	assert_false(member[1]->over);
	assert_int_equal(hostile_members(h), 1);
	assert_int_equal(hostile_packets(h), 0);
}

#define TEST(test)                                                             \
	cmocka_unit_test_setup_teardown(test, hostile_setup, hostile_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_newest_policy_holds),
		TEST(a_new_session_tells_its_policy_anew),
		TEST(a_policy_of_nonsense_changes_nothing),
		TEST(who_floods_with_policies_is_sent_away),
	};

	return cmocka_run_group_tests_name("dataplane/session_policy_hostile",
					   tests, NULL, NULL);
}
