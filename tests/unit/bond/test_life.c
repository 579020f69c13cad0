/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/bond/life.h"

#define MS MPQ_MILLISECOND
#define S  MPQ_SECOND

#define DROP_CURRENT   MPQ_LIFE_DROP_CURRENT
#define DROP_CANDIDATE MPQ_LIFE_DROP_CANDIDATE
#define PROMOTE        MPQ_LIFE_PROMOTE
#define DIAL           MPQ_LIFE_DIAL
#define PROBE          MPQ_LIFE_PROBE
#define CHANGED        MPQ_LIFE_CHANGED

static const char *yang; /* the model's path */

static struct mpq_life life;
static mpq_time now;

static int set_up(void **state)
{
	(void)state;
	now = 1000 * S;
	mpq_life_init(&life, &mpq_life_default, now);
	return 0;
}

static unsigned ready(void)
{
	return mpq_life_link(&life, MPQ_LIFE_CONNECTING, NULL, now);
}

static unsigned lost(void)
{
	return mpq_life_link(&life, MPQ_LIFE_NO_LINK, "the modem is unplugged",
			     now);
}

/* Lets time pass up to the next deadline, which must lie `after` ahead. */
static unsigned due(mpq_duration after)
{
	assert_int_equal(mpq_life_deadline(&life) - now, after);
	now += after;
	return mpq_life_expire(&life, now);
}

static void connect_up(mpq_duration rtt)
{
	assert_int_equal(ready() & DIAL, DIAL);
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_UP);
	assert_int_equal(mpq_life_observe(&life, MPQ_TIME_NEVER, rtt, now), 0);
	now += 60 * S;
}

static void has_the_names_of_the_model(void **state)
{
	char *text = calloc(1, 1 << 20), *at, *end;
	FILE *file = fopen(yang, "r");
	unsigned n = 0;

	(void)state;
	assert_non_null(text);
	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	assert_int_equal(fclose(file), 0);
	at = strstr(text, "typedef path-oper-state");
	assert_non_null(at);
	end = strstr(at + 1, "\n  }");
	assert_non_null(end);
	*end = '\0';
	while ((at = strstr(at, "enum ")) != NULL) {
		char name[32];
		enum mpq_life_state s;

		at += strlen("enum ");
		assert_int_equal(sscanf(at, "%31[a-z-]", name), 1);
		assert_int_equal(mpq_life_state_parse(name, &s), 0);
		assert_int_equal(s, n);
		assert_string_equal(mpq_life_state_name(s), name);
		n++;
	}
	assert_int_equal(n, MPQ_LIFE_STATES);
	free(text);
}

static void does_not_know_other_names(void **state)
{
	enum mpq_life_state s = MPQ_LIFE_UP;

	(void)state;
	assert_int_equal(mpq_life_state_parse("ready", &s), -EINVAL);
	assert_int_equal(mpq_life_state_parse("", &s), -EINVAL);
	assert_int_equal(s, MPQ_LIFE_UP);
}

static void waits_for_a_link_at_first(void **state)
{
	(void)state;
	assert_int_equal(life.state, MPQ_LIFE_NO_LINK);
	assert_string_not_equal(life.reason, "");
	assert_int_equal(mpq_life_deadline(&life), MPQ_TIME_NEVER);
	assert_int_equal(mpq_life_enable(&life, now), 0);
	assert_int_equal(mpq_life_expire(&life, now + S), 0);
}

static void dials_as_soon_as_the_link_is_ready(void **state)
{
	(void)state;
	assert_int_equal(ready(), DIAL | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_CONNECTING);
	assert_int_equal(life.dials, 1);
	now += 50 * MS;
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_UP);
	assert_int_equal(life.since, now);
	assert_int_equal(life.connects, 1);
	assert_int_equal(mpq_life_deadline(&life), MPQ_TIME_NEVER);
}

static void names_each_way_of_having_no_link(void **state)
{
	(void)state;
	assert_int_equal(mpq_life_link(&life, MPQ_LIFE_NO_CARRIER, "", now),
			 CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_NO_CARRIER);
	assert_string_equal(life.reason, "the device has no carrier");
	assert_int_equal(mpq_life_link(&life, MPQ_LIFE_NO_ADDRESS,
				       "waiting for DHCP on wan3", now),
			 CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_NO_ADDRESS);
	assert_string_equal(life.reason, "waiting for DHCP on wan3");
	assert_int_equal(mpq_life_link(&life, MPQ_LIFE_NO_ADDRESS,
				       "waiting for DHCP on wan3", now),
			 0);
	assert_int_equal(mpq_life_link(&life, MPQ_LIFE_UP, NULL, now), CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_NO_LINK);
}

static void dials_for_ever_while_nobody_answers(void **state)
{
	unsigned reports = 0;

	(void)state;
	(void)ready();
	assert_int_equal(due(1 * S), DROP_CANDIDATE | DIAL);
	assert_int_equal(due(1 * S), CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_DOWN);
	assert_string_equal(life.reason, "no answer for 2.0 s, dialling again");
	assert_int_equal(due(1 * S), DROP_CANDIDATE | DIAL);
	for (int i = 0; i < 1000; i++) {
		unsigned actions = due(2 * S);

		assert_int_equal(actions & ~CHANGED, DROP_CANDIDATE | DIAL);
		reports += (actions & CHANGED) != 0;
	}
	assert_int_equal(reports, 0);
	assert_int_equal(life.state, MPQ_LIFE_DOWN);
}

static void gives_a_known_long_way_its_time(void **state)
{
	(void)state;
	connect_up(600 * MS);
	(void)lost();
	assert_int_equal(ready(), DIAL | CHANGED);
	assert_int_equal(due(3 * 600 * MS + 200 * MS), DROP_CANDIDATE | DIAL);
	assert_int_equal(life.state, MPQ_LIFE_CONNECTING);
}

static void keeps_a_candidate_whose_handshake_goes_on(void **state)
{
	(void)state;
	(void)ready();
	now += 900 * MS;
	assert_int_equal(mpq_life_observe_candidate(&life, now, 100 * MS, now),
			 0);
	assert_int_equal(mpq_life_deadline(&life), now + 1 * S);
	now += 900 * MS;
	assert_int_equal(mpq_life_observe_candidate(&life, now, 900 * MS, now),
			 0);
	assert_int_equal(mpq_life_deadline(&life),
			 now + 3 * 900 * MS + 200 * MS);
	now += 900 * MS;
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_UP);
	assert_int_equal(life.dials, 1);
}

static void does_not_take_the_dial_for_an_answer(void **state)
{
	(void)state;
	(void)ready();
	assert_int_equal(mpq_life_observe_candidate(&life, 0, 100 * MS, now),
			 0);
	assert_int_equal(mpq_life_observe_candidate(&life, now, 100 * MS, now),
			 0);
	assert_int_equal(mpq_life_observe_candidate(&life, MPQ_TIME_NEVER,
						    100 * MS, now),
			 0);
	assert_int_equal(life.rtt, 0);
	assert_int_equal(due(1 * S), DROP_CANDIDATE | DIAL);
}

static void gives_up_one_that_answers_and_never_lets_in(void **state)
{
	unsigned actions = 0;
	mpq_time dialled = now;

	(void)state;
	(void)ready();
	while ((actions & DROP_CANDIDATE) == 0) {
		now += 100 * MS;
		assert_true(now <= dialled + 11 * S);
		actions = mpq_life_observe_candidate(&life, now, 50 * MS, now);
	}
	assert_int_equal(now, dialled + 10 * S);
	assert_int_equal(actions, DROP_CANDIDATE | DIAL | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_DOWN);
	assert_string_equal(life.reason,
			    "the peer answers but does not let us in, "
			    "dialling again");
}

static void dials_beside_a_silent_connection_and_keeps_it_in_use(void **state)
{
	mpq_time silent;

	(void)state;
	connect_up(40 * MS);
	silent = now;
	assert_int_equal(mpq_life_observe(&life, silent, 40 * MS, now), 0);
	assert_int_equal(due(500 * MS), DIAL | PROBE);
	assert_int_equal(life.state, MPQ_LIFE_UP);
	assert_true(life.has_current);
	/* Its own pace, then down. */
	assert_int_equal(due(1 * S), DROP_CANDIDATE | DIAL | PROBE);
	assert_int_equal(due(500 * MS), CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_DOWN);
	assert_int_equal(now, silent + 2 * S);
	assert_true(life.has_current);
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_UP);
	assert_int_equal(life.connects, 2);
}

static void waits_longer_for_silence_on_a_long_way(void **state)
{
	(void)state;
	connect_up(600 * MS);
	(void)mpq_life_observe(&life, now, 600 * MS, now);
	assert_int_equal(due(1800 * MS), DIAL | PROBE);
	assert_int_equal(due(1800 * MS), CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_DOWN);
}

static void drops_the_candidate_when_the_current_answers_again(void **state)
{
	(void)state;
	connect_up(40 * MS);
	(void)mpq_life_observe(&life, now, 40 * MS, now);
	assert_int_equal(due(500 * MS), DIAL | PROBE);
	now += 10 * MS;
	assert_int_equal(mpq_life_observe(&life, MPQ_TIME_NEVER, 40 * MS, now),
			 DROP_CANDIDATE);
	assert_int_equal(life.state, MPQ_LIFE_UP);
	assert_int_equal(life.connects, 1);
	assert_int_equal(mpq_life_deadline(&life), MPQ_TIME_NEVER);
}

static void comes_up_again_with_the_old_connection(void **state)
{
	(void)state;
	connect_up(40 * MS);
	(void)mpq_life_observe(&life, now, 40 * MS, now);
	now += 3 * S;
	assert_int_equal(mpq_life_expire(&life, now), DIAL | PROBE | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_DOWN);
	/* Something newer is unanswered: so it did answer. */
	assert_int_equal(mpq_life_observe(&life, now - 10 * MS, 40 * MS, now),
			 DROP_CANDIDATE | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_UP);
}

static void drops_everything_with_the_link(void **state)
{
	(void)state;
	connect_up(40 * MS);
	(void)mpq_life_observe(&life, now, 40 * MS, now);
	(void)due(500 * MS);
	assert_int_equal(lost(), DROP_CURRENT | DROP_CANDIDATE | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_NO_LINK);
	assert_string_equal(life.reason, "the modem is unplugged");
	assert_int_equal(mpq_life_deadline(&life), MPQ_TIME_NEVER);
	/* What comes late is nobody's. */
	assert_int_equal(mpq_life_established(&life, now), 0);
	assert_int_equal(mpq_life_ended(&life, true, false, "late", now), 0);
	assert_int_equal(mpq_life_ended(&life, false, true, "late", now), 0);
	assert_int_equal(mpq_life_observe(&life, now, 40 * MS, now), 0);
	assert_int_equal(life.state, MPQ_LIFE_NO_LINK);
}

static void starts_anew_with_fresh_sockets(void **state)
{
	(void)state;
	connect_up(40 * MS);
	assert_int_equal(ready(), DROP_CURRENT | DIAL | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_CONNECTING);
	assert_int_equal(ready(), DROP_CANDIDATE | DIAL);
}

static void dials_at_once_after_a_reset(void **state)
{
	(void)state;
	connect_up(40 * MS);
	assert_int_equal(mpq_life_ended(&life, true, false,
					"the peer knows us no more", now),
			 DIAL | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_DOWN);
	assert_string_equal(life.reason, "the peer knows us no more");
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
}

static void keeps_its_pace_with_a_peer_that_ends_each_connection(void **state)
{
	mpq_duration pace = 100 * MS;

	(void)state;
	(void)ready();
	for (int i = 0; i < 100; i++) {
		assert_int_equal(mpq_life_established(&life, now),
				 PROMOTE | CHANGED);
		assert_int_equal(mpq_life_ended(&life, true, false, "reset",
						now),
				 CHANGED);
		assert_int_equal(due(pace), DIAL);
		pace = pace < 500 * MS ? 2 * pace : 1 * S;
	}
	/* One that holds begins anew. */
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	now += 2 * S;
	assert_int_equal(mpq_life_ended(&life, true, false, "reset", now),
			 DIAL | CHANGED);
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	assert_int_equal(mpq_life_ended(&life, true, false, "reset", now),
			 CHANGED);
	assert_int_equal(due(100 * MS), DIAL);
}

static void keeps_its_pace_when_it_cannot_dial(void **state)
{
	(void)state;
	assert_int_equal(ready(), DIAL | CHANGED);
	assert_int_equal(mpq_life_ended(&life, false, false, "no socket", now),
			 CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_DOWN);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(due(1 * S), DIAL);
		assert_int_equal(mpq_life_ended(&life, false, false,
						"no socket", now),
				 0);
	}
}

static void is_patient_with_a_refusal_and_no_more_than_a_minute(void **state)
{
	static const mpq_duration waits[] = {2, 4, 8, 16, 32, 60, 60, 60};

	(void)state;
	(void)ready();
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		assert_int_equal(mpq_life_ended(&life, false, true,
						"403: no tunnel mpq3", now),
				 i == 0 ? CHANGED : 0);
		assert_int_equal(life.state, MPQ_LIFE_REFUSED);
		assert_string_equal(life.reason, "403: no tunnel mpq3");
		assert_int_equal(due(waits[i] * S), DIAL);
	}
	/* Nobody answers any more: that is no refusal. */
	assert_int_equal(due(1 * S), DROP_CANDIDATE | DIAL | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_DOWN);
	/* A connection that lasts ends the patience. */
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	now += 3600 * S;
	assert_int_equal(mpq_life_ended(&life, true, true, "revoked", now),
			 CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_REFUSED);
	assert_int_equal(due(2 * S), DIAL);
	/* One that does not, does not. */
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	now += 1 * S;
	assert_int_equal(mpq_life_ended(&life, true, true, "revoked", now),
			 CHANGED);
	assert_int_equal(due(4 * S), DIAL);
}

/* A silent connection whose replacement was refused. */
static void refuse_beside_a_silent_one(void)
{
	connect_up(40 * MS);
	(void)mpq_life_observe(&life, now, 40 * MS, now);
	(void)due(500 * MS);
	for (int i = 0; i < 4; i++) {
		(void)mpq_life_ended(&life, false, true, "403", now);
		now = mpq_life_deadline(&life);
		assert_int_equal(mpq_life_expire(&life, now), DIAL | PROBE);
	}
	(void)mpq_life_ended(&life, false, true, "403", now);
	assert_int_equal(life.state, MPQ_LIFE_REFUSED);
}

static void keeps_the_refusal_as_reason_while_it_waits(void **state)
{
	(void)state;
	refuse_beside_a_silent_one();
	now += 1 * S;
	assert_int_equal(mpq_life_ended(&life, true, false,
					"no answer for 30 s", now),
			 0);
	assert_int_equal(life.state, MPQ_LIFE_REFUSED);
	assert_string_equal(life.reason, "403");
	assert_int_equal(due(31 * S), DIAL);
}

static void forgets_a_refusal_once_the_current_answers(void **state)
{
	(void)state;
	refuse_beside_a_silent_one();
	now += 2 * S;
	assert_int_equal(mpq_life_observe(&life, MPQ_TIME_NEVER, 40 * MS, now),
			 CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_UP);
	(void)mpq_life_observe(&life, now, 40 * MS, now);
	assert_int_equal(due(500 * MS), DIAL | PROBE);
}

static void tries_a_refused_path_at_once_on_a_new_link(void **state)
{
	(void)state;
	(void)ready();
	(void)mpq_life_ended(&life, false, true, "403", now);
	(void)lost();
	assert_int_equal(ready(), DIAL | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_CONNECTING);
}

static void rests_while_disabled(void **state)
{
	(void)state;
	connect_up(40 * MS);
	assert_int_equal(mpq_life_disable(&life, "of no use", now),
			 DROP_CURRENT | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_DISABLED);
	assert_string_equal(life.reason, "of no use");
	assert_int_equal(mpq_life_deadline(&life), MPQ_TIME_NEVER);
	assert_int_equal(lost(), 0);
	assert_int_equal(ready(), 0);
	assert_int_equal(mpq_life_hold(&life, now + S, now), 0);
	assert_int_equal(mpq_life_release(&life, now), 0);
	assert_int_equal(mpq_life_enable(&life, now), DIAL | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_CONNECTING);
}

static void rests_while_held_and_no_longer(void **state)
{
	(void)state;
	connect_up(40 * MS);
	assert_int_equal(mpq_life_hold(&life, now + 30 * S, now),
			 DROP_CURRENT | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_HELD);
	assert_int_equal(due(30 * S), DIAL | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_CONNECTING);
}

static void rests_until_it_is_released(void **state)
{
	(void)state;
	connect_up(40 * MS);
	(void)mpq_life_hold(&life, MPQ_TIME_NEVER, now);
	assert_int_equal(mpq_life_deadline(&life), MPQ_TIME_NEVER);
	assert_int_equal(mpq_life_expire(&life, now + 3600 * S), 0);
	assert_int_equal(lost(), 0); /* held tells more */
	assert_int_equal(mpq_life_release(&life, now), CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_NO_LINK);
	assert_string_equal(life.reason, "the modem is unplugged");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

/* ---- a fresh one beside one that answers ----------------------------------
 */

#define WHY "and dialling anew"

static void renews_beside_one_that_answers(void **state)
{
	(void)state;
	connect_up(40 * MS);
	assert_int_equal(mpq_life_renew(&life, WHY, now), DIAL | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_UP);
	assert_string_equal(life.reason, "connected, " WHY);
	assert_int_equal(mpq_life_observe(&life, MPQ_TIME_NEVER, 40 * MS, now),
			 0);
	assert_int_equal(mpq_life_renew(&life, WHY, now), 0);
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	assert_string_equal(life.reason, "connected");
	assert_true(life.has_current);
	assert_int_equal(mpq_life_deadline(&life), MPQ_TIME_NEVER);
}

static void a_renewal_that_fails_costs_nothing(void **state)
{
	(void)state;
	connect_up(40 * MS);
	assert_int_equal(mpq_life_renew(&life, WHY, now), DIAL | CHANGED);
	assert_int_equal(mpq_life_ended(&life, false, true, "go away", now),
			 CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_UP);
	assert_string_equal(life.reason, "connected");
	now += 60 * S;
	assert_int_equal(mpq_life_renew(&life, WHY, now), DIAL | CHANGED);
	assert_int_equal(due(mpq_life_default.redial),
			 DROP_CANDIDATE | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_UP);
	assert_int_equal(mpq_life_deadline(&life), MPQ_TIME_NEVER);
}

static void what_is_renewed_and_falls_silent_is_replaced(void **state)
{
	(void)state;
	connect_up(40 * MS);
	assert_int_equal(mpq_life_renew(&life, WHY, now), DIAL | CHANGED);
	(void)mpq_life_observe(&life, now, 40 * MS, now);
	assert_int_equal(mpq_life_ended(&life, true, false, "reset", now),
			 CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_DOWN);
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	assert_int_equal(life.state, MPQ_LIFE_UP);
}

static void renews_nothing_that_does_not_answer(void **state)
{
	(void)state;
	assert_int_equal(mpq_life_renew(&life, WHY, now), 0);
	assert_int_equal(ready() & DIAL, DIAL);
	assert_int_equal(mpq_life_renew(&life, WHY, now), 0);
	assert_int_equal(mpq_life_established(&life, now), PROMOTE | CHANGED);
	assert_int_equal(mpq_life_renew(&life, WHY, now), 0); /* too soon */
	now += 60 * S;
	(void)mpq_life_observe(&life, now - 500 * MS, 40 * MS, now);
	assert_int_equal(mpq_life_renew(&life, WHY, now), 0); /* has one */
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(has_the_names_of_the_model),
		TEST(does_not_know_other_names),
		TEST(waits_for_a_link_at_first),
		TEST(dials_as_soon_as_the_link_is_ready),
		TEST(names_each_way_of_having_no_link),
		TEST(dials_for_ever_while_nobody_answers),
		TEST(gives_a_known_long_way_its_time),
		TEST(keeps_a_candidate_whose_handshake_goes_on),
		TEST(does_not_take_the_dial_for_an_answer),
		TEST(gives_up_one_that_answers_and_never_lets_in),
		TEST(dials_beside_a_silent_connection_and_keeps_it_in_use),
		TEST(waits_longer_for_silence_on_a_long_way),
		TEST(drops_the_candidate_when_the_current_answers_again),
		TEST(comes_up_again_with_the_old_connection),
		TEST(drops_everything_with_the_link),
		TEST(starts_anew_with_fresh_sockets),
		TEST(dials_at_once_after_a_reset),
		TEST(keeps_its_pace_with_a_peer_that_ends_each_connection),
		TEST(keeps_its_pace_when_it_cannot_dial),
		TEST(is_patient_with_a_refusal_and_no_more_than_a_minute),
		TEST(keeps_the_refusal_as_reason_while_it_waits),
		TEST(forgets_a_refusal_once_the_current_answers),
		TEST(tries_a_refused_path_at_once_on_a_new_link),
		TEST(rests_while_disabled),
		TEST(rests_while_held_and_no_longer),
		TEST(rests_until_it_is_released),
		TEST(renews_beside_one_that_answers),
		TEST(a_renewal_that_fails_costs_nothing),
		TEST(what_is_renewed_and_falls_silent_is_replaced),
		TEST(renews_nothing_that_does_not_answer),
	};

	if (argc != 2) {
		(void)fprintf(stderr, "usage: test_life MODEL\n");
		return 2;
	}
	yang = argv[1];
	return cmocka_run_group_tests_name("bond/life", tests, NULL, NULL);
}
