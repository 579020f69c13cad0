/* SPDX-License-Identifier: Apache-2.0 */
/* What waits in a session, while its members and its policy come and go. */
#include "dataplane/session_private.h"
#include "dataplane/telemetry_private.h"
#include "tests/unit/dataplane/bonded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TICK (100 * MPQ_MILLISECOND)

/* On the first two paths. */
static void set_two_copies(void **state)
{
	struct site *s = *state;
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.class[0].steer.mode = MPQ_STEER_REDUNDANT;
	policy.class[0].steer.copies = 2;
	policy.class[0].steer.n_order = 2;
	policy.class[0].steer.order[1] = 1;
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
}

/* A second class, of packets with this code point, that is redundant. */
#define COPIED 46

static void add_redundant_class(void **state)
{
	struct site *s = *state;
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	mpq_policy_class_init(&policy.class[1]);
	(void)snprintf(policy.class[1].name, MPQ_POLICY_NAME_BYTES, "copied");
	policy.class[1].steer.mode = MPQ_STEER_REDUNDANT;
	policy.n_classes = 2;
	policy.classify.rule[0] =
		(struct mpq_classify_rule){.class_id = 1,
					   .dscp = UINT64_C(1) << COPIED,
					   .protocol = MPQ_CLASSIFY_ANY};
	policy.classify.n_rules = 1;
	(void)snprintf(policy.rule_name[0], MPQ_POLICY_NAME_BYTES, "rule");
	mpq_classify_compile(&policy.classify);
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, fake_now());
}

static size_t own_pkts(const struct mpq_session *s)
{
	size_t pkts = 0;

	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		pkts += s->path[i].own[0].pkts;
	}
	return pkts;
}

/* ---- another connection, another session --------------------------------- */

/* The connection of another path, as one that this path has dialled. */
static struct mpq_channel *another_channel(struct mpq_session *s, unsigned of)
{
	struct mpq_channel *ch = s->path[of].channel;

	mpq_session_withdraw(s, ch, "test", fake_now());
	ch->own_context = 0;
	return ch;
}

static void what_waits_for_a_path_that_dials_anew_goes_elsewhere(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	bonded_give(s, 0, 500, 5);
	m = &s->path[0];
	assert_int_equal(m->own[0].pkts, 5);
	mpq_session_offer(s, 0, another_channel(s, 2), fake_now());
	assert_int_equal(m->state, MPQ_SESSION_WAITING);
	assert_int_equal(m->own[0].pkts, 0);
	assert_int_equal(s->path[1].own[0].pkts, 5);
}

static void who_leaves_has_nothing_waiting(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	m = &s->path[0];
	bonded_give(s, 0, 500, 5);
	assert_int_equal(m->estimate.queued_bytes, 5 * 500);
	mpq_session_withdraw(s, m->channel, "test", fake_now());
	assert_int_equal(m->estimate.queued_bytes, 0);
	assert_int_equal(s->path[1].estimate.queued_bytes, 5 * 500);
}

/* Of the first two one has left already. */
static void
one_copy_of_what_has_not_left_waits_for_another_session(void **state)
{
	struct mpq_session *s;
	size_t len;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_REDUNDANT, fake_now());
	bonded_give(s, 0, 500, 5);
	assert_int_equal(own_pkts(s), 5 * BONDED_PATHS);
	(void)bonded_take(&s->path[1], &len);
	(void)bonded_take(&s->path[1], &len);
	bonded_fall_silent(s);
	assert_int_equal(mpq_session_restart(s, fake_now()), 0);
	assert_int_equal(own_pkts(s), 3);
	assert_int_equal(s->class[0].copies_gone, 5 * BONDED_PATHS - 2 - 3);
	for (unsigned i = 0; i < 3; i++) {
		(void)bonded_take(&s->path[0], &len);
		assert_int_equal(s->path[0].offer.header.kind, MPQ_HEADER_DATA);
		assert_int_equal(s->path[0].offer.header.sequence, i);
	}
}

static void the_only_ones_of_their_number_get_another_one(void **state)
{
	struct mpq_session *s;
	size_t len;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_REDUNDANT, fake_now());
	mpq_session_withdraw(s, s->path[1].channel, "test", fake_now());
	mpq_session_withdraw(s, s->path[2].channel, "test", fake_now());
	bonded_give(s, 0, 500, 3);
	(void)bonded_take(&s->path[0], &len);
	assert_int_equal(s->path[0].offer.header.sequence, 0);
	bonded_fall_silent(s);
	assert_int_equal(mpq_session_restart(s, fake_now()), 0);
	for (unsigned i = 0; i < 2; i++) {
		(void)bonded_take(&s->path[0], &len);
		assert_int_equal(s->path[0].offer.header.kind, MPQ_HEADER_DATA);
		assert_int_equal(s->path[0].offer.header.sequence, i);
	}
}

/* A queue of another path holds the earlier one. */
static void numbers_that_begin_anew_keep_their_order(void **state)
{
	struct mpq_session *s;
	struct mpq_packet *first;
	size_t len;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_REDUNDANT, fake_now());
	mpq_session_withdraw(s, s->path[1].channel, "test", fake_now());
	mpq_session_withdraw(s, s->path[2].channel, "test", fake_now());
	bonded_give(s, 0, 500, 2);
	(void)mpq_fair_put_back(&s->path[2].own[0],
				mpq_fair_pop(&s->path[0].own[0], fake_now()));
	assert_int_equal(s->path[2].own[0].pkts, 1);
	bonded_fall_silent(s);
	assert_int_equal(mpq_session_restart(s, fake_now()), 0);
	first = mpq_fair_pop(&s->path[2].own[0], fake_now());
	assert_int_equal(first->sequence, 0);
	mpq_packet_put(s->pool, first);
	(void)bonded_take(&s->path[0], &len);
	assert_int_equal(s->path[0].offer.header.sequence, 1);
	bonded_give(s, 0, 500, 1);
	(void)bonded_take(&s->path[0], &len);
	assert_int_equal(s->path[0].offer.header.sequence, 2);
}

/* Five that were lost on the first path: the one that is to send them again. */
static struct mpq_session_path *lose_five(void **state)
{
	struct mpq_session *s = bonded_edge(*state);
	struct mpq_session_path *m = &s->path[0];
	size_t len;

	bonded_set_mode(*state, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	bonded_give(s, 0, 500, 5);
	for (unsigned i = 0; i < 5; i++) {
		(void)bonded_take(m, &len);
		mpq_estimate_acked(&m->estimate, m->estimate.next_id - 1,
				   fake_now());
	}
	mpq_repair_path_out(s->repair, 0, fake_now());
	mpq_session_send_repairs(s, fake_now());
	m = m->urgent_pkts > 0 ? m : m[1].urgent_pkts > 0 ? m + 1 : m + 2;
	assert_int_equal(m->urgent_pkts, 5);
	return m;
}

static void nothing_is_sent_again_in_another_session(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	m = lose_five(state);
	bonded_fall_silent(s);
	assert_int_equal(mpq_session_restart(s, fake_now()), 0);
	assert_int_equal(m->urgent_pkts, 0);
	assert_int_equal(m->urgent_bytes, 0);
	assert_int_equal(s->class[0].expired, 5);
}

/* Of a path whose window stays full nothing is taken, not even what is late. */
static void what_is_too_late_to_be_sent_again_goes(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;
	mpq_time late;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	m = lose_five(state);
	late = fake_now() + s->policy.class[0].repair_deadline;
	mpq_session_turn(s, late - MPQ_MILLISECOND);
	assert_int_equal(m->urgent_pkts, 5);
	mpq_session_turn(s, late + TICK);
	assert_int_equal(m->urgent_pkts, 0);
	assert_int_equal(m->urgent_bytes, 0);
	assert_int_equal(s->class[0].expired, 5);
}

/* ---- age ----------------------------------------------------------------- */

static uint64_t told(const struct json_object *of, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(of, key, &value));
	return json_object_get_uint64(value);
}

/* What is told of a tunnel never counts backwards. */
static void counters_go_on_in_another_session(void **state)
{
	struct site *site = *state;
	struct mpq_session *s;
	struct json_object *o;

	bonded_bring_up(site);
	s = bonded_edge(*state);
	s->order.counters[0].delivered = 11;
	s->order.counters[0].late = 12;
	s->order.unknown_class = 13;
	((struct mpq_repair_counters *)mpq_repair_counters(s->repair))
		->overflow = 14;
	s->counters.unrepaired = 1;
	assert_int_equal(mpq_session_restart(s, fake_now()), 0);
	assert_int_equal(mpq_session_restart(s, fake_now()), 0);
	assert_int_equal(s->order.counters[0].delivered, 11);
	assert_int_equal(s->order.counters[0].late, 12);
	assert_int_equal(s->order.unknown_class, 13);
	((struct mpq_repair_counters *)mpq_repair_counters(s->repair))
		->overflow = 5;
	o = mpq_telemetry_session(site_tunnel(&site->edge), fake_now());
	assert_int_equal(told(json_object_object_get(o, "counters"),
			      "unrepaired"),
			 20);
	json_object_put(o);
}

static void another_policy_makes_nothing_young(void **state)
{
	struct mpq_session *s;
	mpq_time came;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	came = fake_now();
	bonded_set_mode(*state, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	bonded_give(s, 0, 500, 5);
	bonded_set_mode(*state, MPQ_STEER_SMALLEST_DELAY, came + 99);
	assert_int_equal(s->shared[0].pkts, 5);
	assert_int_equal(s->shared[0].oldest, came);
	bonded_set_mode(*state, MPQ_STEER_ACTIVE_STANDBY, came + 200);
	assert_int_equal(s->path[0].own[0].pkts, 5);
	assert_int_equal(s->path[0].own[0].oldest, came);
	assert_int_equal(s->path[0].own[0].enqueued, 5);
	assert_int_equal(s->shared[0].enqueued, 0);
}

/* A third path is there: what waits for any of them had others before. */
static void what_others_carry_is_not_steered_anew(void **state)
{
	struct mpq_session *s;
	mpq_time came;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	came = fake_now();
	bonded_set_mode(*state, MPQ_STEER_SMALLEST_DELAY, fake_now());
	bonded_give(s, 0, 500, 5);
	s->path[2].state = MPQ_SESSION_TRIED;
	s->path[2].trusted_at = came;
	mpq_session_turn(s, came + 99);
	assert_int_equal(s->path[2].state, MPQ_SESSION_USED);
	assert_int_equal(s->shared[0].pkts, 5);
	assert_int_equal(s->shared[0].oldest, came);
	assert_int_equal(mpq_steer_counters(s->steer, 0)->packets, 5);
}

/* Buffers come with what they held before: here a copy. */
static void what_is_kept_without_a_path_has_no_number(void **state)
{
	struct mpq_session *s;
	struct mpq_packet *p;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		mpq_session_withdraw(s, s->path[i].channel, "test", fake_now());
	}
	p = mpq_packet_get(s->pool);
	p->kind = MPQ_HEADER_COPY;
	p->copies = 2;
	mpq_packet_put(s->pool, p);
	bonded_give(s, 0, 500, 1);
	assert_ptr_equal(mpq_fair_peek(&s->shared[0], fake_now()), p);
	assert_int_equal(p->kind, MPQ_HEADER_DATA);
	assert_int_equal(p->copies, 0);
}

/* ---- copies -------------------------------------------------------------- */

/* Takes all buffers but so many; give them back. */
static struct mpq_packet *take_buffers(struct mpq_session *s, size_t but)
{
	struct mpq_packet *first = NULL;

	while (s->pool->free_pkts > but) {
		struct mpq_packet *p = mpq_packet_get(s->pool);

		p->next = first;
		first = p;
	}
	return first;
}

static void give_back(struct mpq_session *s, struct mpq_packet *p)
{
	struct mpq_packet *next;

	for (; p != NULL; p = next) {
		next = p->next;
		mpq_packet_put(s->pool, p);
	}
}

/* What is told of the first class. */
static uint64_t told_of_class(void **state, const char *key)
{
	struct site *site = *state;
	struct json_object *o = mpq_telemetry_session(site_tunnel(&site->edge),
						      fake_now()),
			   *list, *value;
	uint64_t n;

	assert_true(json_object_object_get_ex(o, "classes", &list));
	assert_true(
		json_object_object_get_ex(json_object_array_get_idx(list, 0),
					  key, &value));
	n = json_object_get_uint64(value);
	json_object_put(o);
	return n;
}

/* The only one of its number is sent again when it is lost. */
static void what_has_no_buffer_for_its_copies_is_none(void **state)
{
	struct mpq_session *s;
	struct mpq_packet *others;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_REDUNDANT, fake_now());
	for (unsigned copies = 1; copies <= BONDED_PATHS; copies++) {
		others = take_buffers(s, s->pool->size_pkts / 8 + copies - 1);
		bonded_give(s, 0, 500, 1);
		give_back(s, others);
		assert_int_equal(own_pkts(s), copies);
		for (unsigned i = 0; i < BONDED_PATHS; i++) {
			struct mpq_packet *p =
				mpq_fair_pop(&s->path[i].own[0], fake_now());

			if (p != NULL) {
				assert_int_equal(p->copies, copies);
				mpq_packet_put(s->pool, p);
			}
		}
	}
	assert_int_equal(s->class[0].copies_unmade, 2 + 1);
	assert_int_equal(told_of_class(state, "dropped"), 0);
	assert_int_equal(told_of_class(state, "copies"), 0 + 1 + 2);
	assert_int_equal(told_of_class(state, "copies-withheld"), 2 + 1);
}

static void the_last_copy_goes_elsewhere(void **state)
{
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	set_two_copies(state);
	bonded_give(s, 0, 500, 5);
	assert_int_equal(s->path[0].own[0].pkts, 5);
	assert_int_equal(s->path[1].own[0].pkts, 5);
	mpq_session_withdraw(s, s->path[0].channel, "test", fake_now());
	assert_int_equal(own_pkts(s), 5);
	assert_int_equal(s->class[0].copies_gone, 5);
	mpq_session_withdraw(s, s->path[1].channel, "test", fake_now());
	assert_int_equal(s->path[2].own[0].pkts, 5);
	assert_int_equal(s->class[0].copies_gone, 5);
}

static void what_waits_is_not_copied_by_another_policy(void **state)
{
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_AUTO, fake_now());
	bonded_give(s, 0, 500, 60);
	bonded_set_mode(*state, MPQ_STEER_REDUNDANT, fake_now());
	assert_int_equal(mpq_session_queued(s), 60);
	bonded_give(s, 0, 500, 1);
	assert_int_equal(mpq_session_queued(s), 60 + BONDED_PATHS);
}

/* One of each number goes on, as it has not left by another path. */
static void what_is_copied_outlives_its_class(void **state)
{
	struct mpq_session *s;
	size_t len;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	add_redundant_class(state);
	bonded_give(s, COPIED, 500, 5);
	assert_int_equal(mpq_session_queued(s), 5 * BONDED_PATHS);
	(void)bonded_take(&s->path[2], &len);
	bonded_set_mode(*state, MPQ_STEER_AUTO, fake_now());
	assert_int_equal(mpq_session_queued(s), 4);
	assert_int_equal(told_of_class(state, "dropped"), 0);
}

static void what_has_its_number_waits_for_a_path_that_comes(void **state)
{
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_REDUNDANT, fake_now());
	bonded_give(s, 0, 500, 5);
	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		mpq_session_withdraw(s, s->path[i].channel, "test", fake_now());
	}
	assert_int_equal(s->shared[0].pkts, 5);
	assert_int_equal(mpq_session_queued(s), 5);
	assert_int_equal(told_of_class(state, "dropped"), 0);
}

/* ---- when it has its turn ------------------------------------------------ */

/* Without anything else the next turn would be for a probe, a second on. */
static void what_is_to_be_sent_again_does_not_rest(void **state)
{
	struct mpq_session *s;

	bonded_bring_up(*state);
	fake_run(5 * MPQ_SECOND);
	s = bonded_edge(*state);
	(void)lose_five(state);
	assert_int_equal(mpq_session_queued(s), 0);
	s->data_out = s->data_in = MPQ_TIME_NEVER;
	mpq_session_turn(s, fake_now());
	assert_in_range(mpq_session_deadline(s), fake_now(), fake_now() + TICK);
}

static void who_is_left_is_told_at_once_when_one_leaves(void **state)
{
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	bonded_give(s, 0, 500, 5);
	mpq_session_turn(s, fake_now());
	assert_true(mpq_session_deadline(s) > fake_now());
	mpq_session_withdraw(s, s->path[0].channel, "test", fake_now());
	assert_true(mpq_session_deadline(s) <= fake_now());
}

/* ---- how much may wait --------------------------------------------------- */

static void owe_answers(struct mpq_session_path *m, mpq_time since)
{
	struct mpq_estimate *e = &m->estimate;

	for (uint64_t i = 0; i < 5; i++) {
		mpq_estimate_sent(e, e->next_id, 1000, since);
	}
	e->answered = since;
}

/* As long as a hand-over takes; then there is one path less. */
static void a_moment_of_silence_leaves_the_shared_queue_its_length(void **state)
{
	struct mpq_session *s;
	mpq_duration age;
	mpq_time now;
	size_t limit;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	now = fake_now() + TICK;
	s->path[0].estimate.rate_bps = 40000000;
	s->path[0].estimate.proven = now;
	mpq_session_turn(s, now);
	limit = s->shared[0].config.limit_pkts;
	age = s->shared[0].config.max_age;
	owe_answers(&s->path[0], now);
	mpq_session_turn(s, now + 2 * TICK);
	assert_int_equal(s->path[0].state, MPQ_SESSION_SILENT);
	mpq_session_turn(s, now + 3 * TICK);
	assert_true(s->shared[0].config.limit_pkts >= limit);
	assert_true(s->shared[0].config.max_age >= age + 4 * TICK);
	mpq_session_turn(s, now + 15 * TICK);
	assert_int_equal(s->path[0].state, MPQ_SESSION_SILENT);
	assert_true(s->shared[0].config.limit_pkts < limit);
	assert_true(s->shared[0].config.max_age < age + TICK);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, bonded_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_waits_for_a_path_that_dials_anew_goes_elsewhere),
		TEST(who_leaves_has_nothing_waiting),
		TEST(one_copy_of_what_has_not_left_waits_for_another_session),
		TEST(the_only_ones_of_their_number_get_another_one),
		TEST(numbers_that_begin_anew_keep_their_order),
		TEST(nothing_is_sent_again_in_another_session),
		TEST(what_is_too_late_to_be_sent_again_goes),
		TEST(counters_go_on_in_another_session),
		TEST(another_policy_makes_nothing_young),
		TEST(what_others_carry_is_not_steered_anew),
		TEST(what_is_kept_without_a_path_has_no_number),
		TEST(what_has_no_buffer_for_its_copies_is_none),
		TEST(the_last_copy_goes_elsewhere),
		TEST(what_waits_is_not_copied_by_another_policy),
		TEST(what_is_copied_outlives_its_class),
		TEST(what_has_its_number_waits_for_a_path_that_comes),
		TEST(what_is_to_be_sent_again_does_not_rest),
		TEST(who_is_left_is_told_at_once_when_one_leaves),
		TEST(a_moment_of_silence_leaves_the_shared_queue_its_length),
	};

	return cmocka_run_group_tests_name("dataplane/session_queues", tests,
					   NULL, NULL);
}
