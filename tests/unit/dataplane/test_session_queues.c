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

static struct mpq_session *edge_of(void **state)
{
	struct site *s = *state;

	return bonded_session(&s->edge);
}

static void set_mode_at(void **state, enum mpq_steer_mode mode, mpq_time now)
{
	struct site *s = *state;
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.class[0].steer.mode = mode;
	mpq_tunnel_set_policy(site_tunnel(&s->edge), &policy, now);
}

static void set_mode(void **state, enum mpq_steer_mode mode)
{
	set_mode_at(state, mode, fake_now());
}

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
	s = edge_of(state);
	set_mode(state, MPQ_STEER_ACTIVE_STANDBY);
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
	s = edge_of(state);
	set_mode(state, MPQ_STEER_ACTIVE_STANDBY);
	m = &s->path[0];
	bonded_give(s, 0, 500, 5);
	assert_int_equal(m->estimate.queued_bytes, 5 * 500);
	mpq_session_withdraw(s, m->channel, "test", fake_now());
	assert_int_equal(m->estimate.queued_bytes, 0);
	assert_int_equal(s->path[1].estimate.queued_bytes, 5 * 500);
}

static void fall_silent(struct mpq_session *s)
{
	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		s->path[i].state = MPQ_SESSION_SILENT;
	}
}

/* Of the first two one has left already. */
static void
one_copy_of_what_has_not_left_waits_for_another_session(void **state)
{
	struct mpq_session *s;
	size_t len;

	bonded_bring_up(*state);
	s = edge_of(state);
	set_mode(state, MPQ_STEER_REDUNDANT);
	bonded_give(s, 0, 500, 5);
	assert_int_equal(own_pkts(s), 5 * BONDED_PATHS);
	(void)bonded_take(&s->path[1], &len);
	(void)bonded_take(&s->path[1], &len);
	fall_silent(s);
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
	s = edge_of(state);
	set_mode(state, MPQ_STEER_REDUNDANT);
	mpq_session_withdraw(s, s->path[1].channel, "test", fake_now());
	mpq_session_withdraw(s, s->path[2].channel, "test", fake_now());
	bonded_give(s, 0, 500, 3);
	(void)bonded_take(&s->path[0], &len);
	assert_int_equal(s->path[0].offer.header.sequence, 0);
	fall_silent(s);
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
	s = edge_of(state);
	set_mode(state, MPQ_STEER_REDUNDANT);
	mpq_session_withdraw(s, s->path[1].channel, "test", fake_now());
	mpq_session_withdraw(s, s->path[2].channel, "test", fake_now());
	bonded_give(s, 0, 500, 2);
	(void)mpq_fair_put_back(&s->path[2].own[0],
				mpq_fair_pop(&s->path[0].own[0], fake_now()));
	assert_int_equal(s->path[2].own[0].pkts, 1);
	fall_silent(s);
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
	struct mpq_session *s = edge_of(state);
	struct mpq_session_path *m = &s->path[0];
	size_t len;

	set_mode(state, MPQ_STEER_ACTIVE_STANDBY);
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
	s = edge_of(state);
	m = lose_five(state);
	fall_silent(s);
	assert_int_equal(mpq_session_restart(s, fake_now()), 0);
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
	s = edge_of(state);
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
	s = edge_of(state);
	came = fake_now();
	set_mode(state, MPQ_STEER_ACTIVE_STANDBY);
	bonded_give(s, 0, 500, 5);
	set_mode_at(state, MPQ_STEER_SMALLEST_DELAY, came + 99);
	assert_int_equal(s->shared[0].pkts, 5);
	assert_int_equal(s->shared[0].oldest, came);
	set_mode_at(state, MPQ_STEER_ACTIVE_STANDBY, came + 200);
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
	s = edge_of(state);
	came = fake_now();
	set_mode(state, MPQ_STEER_SMALLEST_DELAY);
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
	s = edge_of(state);
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
	s = edge_of(state);
	set_mode(state, MPQ_STEER_REDUNDANT);
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
	s = edge_of(state);
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
	s = edge_of(state);
	set_mode(state, MPQ_STEER_AUTO);
	bonded_give(s, 0, 500, 60);
	set_mode(state, MPQ_STEER_REDUNDANT);
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
	s = edge_of(state);
	add_redundant_class(state);
	bonded_give(s, COPIED, 500, 5);
	assert_int_equal(mpq_session_queued(s), 5 * BONDED_PATHS);
	(void)bonded_take(&s->path[2], &len);
	set_mode(state, MPQ_STEER_AUTO);
	assert_int_equal(mpq_session_queued(s), 4);
	assert_int_equal(told_of_class(state, "dropped"), 0);
}

static void what_has_its_number_waits_for_a_path_that_comes(void **state)
{
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = edge_of(state);
	set_mode(state, MPQ_STEER_REDUNDANT);
	bonded_give(s, 0, 500, 5);
	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		mpq_session_withdraw(s, s->path[i].channel, "test", fake_now());
	}
	assert_int_equal(s->shared[0].pkts, 5);
	assert_int_equal(mpq_session_queued(s), 5);
	assert_int_equal(told_of_class(state, "dropped"), 0);
}

/* ---- when it has its turn ------------------------------------------------ */

#define TICK (100 * MPQ_MILLISECOND)

/* Without anything else the next turn would be for a probe, a second on. */
static void what_is_to_be_sent_again_does_not_rest(void **state)
{
	struct mpq_session *s;

	bonded_bring_up(*state);
	fake_run(5 * MPQ_SECOND);
	s = edge_of(state);
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
	s = edge_of(state);
	set_mode(state, MPQ_STEER_ACTIVE_STANDBY);
	bonded_give(s, 0, 500, 5);
	mpq_session_turn(s, fake_now());
	assert_true(mpq_session_deadline(s) > fake_now());
	mpq_session_withdraw(s, s->path[0].channel, "test", fake_now());
	assert_true(mpq_session_deadline(s) <= fake_now());
}

/* ---- from behind --------------------------------------------------------- */

/* The first path is 15 ms sooner than the others, and carries 50 Mbit/s: what
 * they take has 67 packets before it, as far as there are so many. */
static struct mpq_session *unlike_paths(void **state, enum mpq_steer_mode mode)
{
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = edge_of(state);
	set_mode(state, mode);
	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		mpq_duration rtt = (i == 0 ? 30 : 60) * MPQ_MILLISECOND;
		const struct mpq_estimate_view view = {
			.rtt_smoothed = rtt,
			.rtt_min = rtt,
			.cwnd_bytes = 1000000,
		};

		mpq_estimate_init(&s->path[i].estimate, fake_now());
		mpq_estimate_observe(&s->path[i].estimate, &view, fake_now());
		s->path[i].estimate.rate_bps = i == 0 ? 50000000 : 20000000;
		s->path[i].estimate.proven = fake_now();
		mpq_steer_path(s->steer, i, &s->path[i].estimate, true, false,
			       fake_now());
	}
	return s;
}

static bool offers(struct mpq_session_path *m)
{
	const struct mpq_channel_source *source;
	struct mpq_channel_offer offer;
	void *owner;

	m->control = 0;
	source = mpq_session_source(m->session, m->channel, &owner);
	return source->offer(owner, &offer, fake_now());
}

static void expect_taken(struct mpq_session_path *m, enum mpq_header_kind kind,
			 uint32_t sequence)
{
	size_t len;

	m->control = 0;
	(void)bonded_take(m, &len);
	assert_int_equal(m->offer.head[0] >> 5, m->offer.header.kind);
	assert_int_equal(m->offer.header.kind, kind);
	assert_int_equal(m->offer.header.sequence, sequence);
}

static void a_slower_path_takes_from_behind(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);

	bonded_give(s, 0, 1400, 100);
	expect_taken(&s->path[0], MPQ_HEADER_DATA, 0);
	for (uint32_t i = 0; i < 8; i++) {
		expect_taken(&s->path[1], MPQ_HEADER_AHEAD, 69 + i);
	}
	for (uint32_t i = 1; i < 69; i++) {
		expect_taken(&s->path[0], MPQ_HEADER_DATA, i);
	}
	expect_taken(&s->path[0], MPQ_HEADER_DATA, 77);
}

static void an_offer_that_is_not_taken_loses_no_number(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);

	bonded_give(s, 0, 1400, 100);
	assert_true(offers(&s->path[1]));
	assert_int_equal(s->path[1].offer.what, MPQ_SESSION_OFFER_BEHIND);
	assert_true(offers(&s->path[2]));
	assert_true(offers(&s->path[1]));
	for (uint32_t i = 0; i < 100; i++) {
		expect_taken(&s->path[0], MPQ_HEADER_DATA, i);
	}
}

/* The others of its share would not take it, and it would wait for ever. */
static void shares_leave_no_packet_to_nobody(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_LOAD_BALANCING);

	for (unsigned i = 0; i < 20; i++) {
		bool taken = false;
		size_t len;

		bonded_give(s, 0, 1400, 1);
		for (unsigned p = 0; !taken && p < BONDED_PATHS; p++) {
			taken = offers(&s->path[p]);
			if (taken) {
				(void)bonded_take(&s->path[p], &len);
			}
		}
		assert_true(taken);
	}
}

/* What comes later in the order takes none of it yet. */
static void the_first_of_an_order_takes_the_first(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.class[0].steer.mode = MPQ_STEER_PRIORITY_BASED;
	policy.class[0].steer.n_order = 2;
	policy.class[0].steer.order[0] = 1;
	mpq_tunnel_set_policy(site_tunnel(&((struct site *)*state)->edge),
			      &policy, fake_now());
	bonded_give(s, 0, 1400, 5);
	assert_false(offers(&s->path[0]));
	for (uint32_t i = 0; i < 5; i++) {
		expect_taken(&s->path[1], MPQ_HEADER_DATA, i);
	}
}

static void what_was_passed_is_numbered_anew_in_another_session(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);

	bonded_give(s, 0, 1400, 100);
	expect_taken(&s->path[1], MPQ_HEADER_AHEAD, 68);
	fall_silent(s);
	assert_int_equal(mpq_session_restart(s, fake_now()), 0);
	for (uint32_t i = 0; i < 99; i++) {
		expect_taken(&s->path[0], MPQ_HEADER_DATA, i);
	}
}

/* What has its number stays in the shared queue, what has none goes. */
static void what_was_passed_is_sent_whatever_the_mode_becomes(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);

	bonded_give(s, 0, 1400, 100);
	expect_taken(&s->path[1], MPQ_HEADER_AHEAD, 68);
	set_mode(state, MPQ_STEER_ACTIVE_STANDBY);
	assert_int_equal(s->shared[0].pkts, 68);
	assert_int_equal(s->path[0].own[0].pkts, 31);
	bonded_give(s, 0, 1400, 1);
	while (s->shared[0].pkts + s->path[0].own[0].pkts > 0) {
		size_t len;

		(void)bonded_take(&s->path[0], &len);
	}
	assert_int_equal(s->sequence[0][s->path[0].offer.header.lane], 101);
}

/* A flow was gathered, and its path goes. */
static void what_was_passed_keeps_its_number_on_another_path(void **state)
{
	struct mpq_session *s = unlike_paths(state, MPQ_STEER_SMALLEST_DELAY);
	struct mpq_session_path *m = &s->path[1];

	bonded_give(s, 0, 1400, 100);
	expect_taken(m, MPQ_HEADER_AHEAD, 68);
	assert_int_equal(mpq_fair_move_all(&s->shared[0], &m->own[0]), 99);
	mpq_session_withdraw(s, m->channel, "test", fake_now());
	assert_int_equal(m->own[0].pkts, 0);
	expect_taken(&s->path[0], MPQ_HEADER_REPAIR, 68);
	for (uint32_t i = 0; i < 99; i++) {
		expect_taken(&s->path[0], MPQ_HEADER_DATA, i + (i >= 68));
	}
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
	s = edge_of(state);
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
		TEST(a_slower_path_takes_from_behind),
		TEST(an_offer_that_is_not_taken_loses_no_number),
		TEST(shares_leave_no_packet_to_nobody),
		TEST(the_first_of_an_order_takes_the_first),
		TEST(what_was_passed_is_numbered_anew_in_another_session),
		TEST(what_was_passed_is_sent_whatever_the_mode_becomes),
		TEST(what_was_passed_keeps_its_number_on_another_path),
		TEST(a_moment_of_silence_leaves_the_shared_queue_its_length),
	};

	return cmocka_run_group_tests_name("dataplane/session_queues", tests,
					   NULL, NULL);
}
