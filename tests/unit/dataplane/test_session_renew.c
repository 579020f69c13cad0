/* SPDX-License-Identifier: Apache-2.0 */
/* Which members a session wants renewed, and what that costs. */
#include "dataplane/session_private.h"
#include "tests/unit/dataplane/bonded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LONG (20 * MPQ_SECOND)

/* It carried 20 Mbit/s at 40 ms, 100 kB; losses have left it a third. */
static struct mpq_session_path *shrink(struct mpq_session *s, unsigned i)
{
	struct mpq_session_path *m = &s->path[i];
	struct mpq_estimate *e = &m->estimate;

	m->joined = fake_now() - LONG;
	e->most.bps = 20000000;
	e->most.at = e->proven = fake_now();
	e->recent.acked = 1000;
	e->recent.lost = 10;
	e->recent.halved = fake_now();
	e->view.rtt_min = 40 * MPQ_MILLISECOND;
	e->view.cwnd_bytes = 33000;
	e->view.in_flight_bytes = 1000;
	return m;
}

static bool wants(struct mpq_session *s, const struct mpq_session_path *m,
		  mpq_duration after)
{
	mpq_session_watch_windows(s, fake_now());
	return mpq_session_wants_renewal(s, m->channel, fake_now() + after);
}

static void losses_that_shrink_a_window_are_left_behind(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	m = shrink(s, 0);
	assert_false(wants(s, m, MPQ_SECOND / 2)); /* a loss does that */
	assert_true(wants(s, m, MPQ_SECOND));
	m->estimate.view.in_flight_bytes = 33000; /* once it was seen */
	assert_true(wants(s, m, MPQ_SECOND));
	m->estimate.view.cwnd_bytes = 90000;
	assert_false(wants(s, m, MPQ_SECOND));
}

static void a_path_that_is_full_is_left_alone(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	m = shrink(s, 0);
	m->estimate.view.in_flight_bytes = 33000; /* it has become slower */
	assert_false(wants(s, m, LONG));
}

static void a_path_that_loses_nothing_is_left_alone(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	m = shrink(s, 0);
	m->estimate.recent.lost = 0;
	assert_false(wants(s, m, LONG));
}

static void who_begins_is_left_alone(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	m = shrink(s, 0);
	m->joined = fake_now();
	assert_false(wants(s, m, 2 * MPQ_SECOND));
	m = shrink(s, 1);
	m->estimate.proven = MPQ_TIME_NEVER; /* it was another connection */
	assert_false(wants(s, m, LONG));
}

static void what_comes_is_not_interrupted(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	m = shrink(s, 0);
	m->rate_in_bps = 10000000;
	assert_false(wants(s, m, LONG));
	m->rate_in_bps = 100000;
	assert_true(wants(s, m, LONG));
}

static void the_last_path_is_left_alone(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	m = shrink(s, 0);
	mpq_session_withdraw(s, s->path[1].channel, "test", fake_now());
	mpq_session_withdraw(s, s->path[2].channel, "test", fake_now());
	assert_false(wants(s, m, LONG));
}

/* It can only say so. */
static void only_the_edge_renews(void **state)
{
	struct site *site = *state;
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_session(&site->vps);
	m = shrink(s, 0);
	assert_false(wants(s, m, LONG));
	assert_true(mpq_session_is_worn(m, fake_now() + MPQ_SECOND));
}

static void what_the_concentrator_says_is_heard(void **state)
{
	struct mpq_session_path *m;
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	m = &s->path[0];
	m->told.renew = true;
	m->told_at = fake_now();
	assert_false(wants(s, m, 0)); /* it has just joined */
	m->joined = fake_now() - LONG;
	assert_true(wants(s, m, 0));
	assert_false(wants(s, m, LONG)); /* long ago */
	m->told.renew = false;
	assert_false(wants(s, m, 0));
}

static void the_concentrator_says_so(void **state)
{
	struct site *site = *state;
	struct mpq_session *vps;

	bonded_bring_up(site);
	vps = bonded_session(&site->vps);
	for (int i = 0; i < 2000 && !bonded_edge(site)->path[0].told.renew;
	     i++) {
		(void)shrink(vps, 0);
		mpq_session_watch_windows(vps, fake_now());
		bonded_exchange(site, 1);
		assert_false(bonded_edge(site)->path[1].told.renew);
	}
	assert_true(bonded_edge(site)->path[0].told.renew);
}

static bool is_used(struct site_side *side)
{
	return bonded_session(side)->path[0].state == MPQ_SESSION_USED;
}

/* The path dials beside it, and that one takes over: neither end is without
 * either for a moment. */
static void a_renewal_loses_no_packet(void **state)
{
	struct site *site = *state;
	struct mpq_path *p;
	struct mpq_session_path *m;
	unsigned connects;

	bonded_bring_up(*state);
	p = bonded_path(site, 0);
	connects = p->life.connects;
	fake_run(LONG);
	for (int i = 0; p->life.connects == connects && i < 3000; i++) {
		m = shrink(bonded_edge(site), 0);
		mpq_session_watch_windows(m->session, fake_now());
		bonded_exchange(site, 1);
		assert_int_equal(p->life.state, MPQ_LIFE_UP);
		assert_true(is_used(&site->edge));
		assert_true(is_used(&site->vps));
	}
	assert_int_equal(p->life.connects, connects + 1);
	fake_run(2 * MPQ_SECOND);
	/* Neither takes it for one that was lost. */
	m = &bonded_session(&site->vps)->path[0];
	assert_true(m->lost_at == MPQ_TIME_NEVER);
	assert_int_equal(bonded_used(&site->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&site->vps), BONDED_PATHS);
	bonded_exchange(site, 100);
}

static unsigned connects(struct site *site)
{
	unsigned n = 0;

	for (int i = 0; i < BONDED_PATHS; i++) {
		n += bonded_path(site, i)->life.connects;
	}
	return n;
}

/* All of them, as the flow that filled them ends: for a millisecond each. */
static void shrink_all(struct site *site, mpq_duration time,
		       unsigned *ret_least)
{
	struct mpq_session *s = bonded_edge(site);

	for (; time > 0; time -= MPQ_MILLISECOND) {
		for (unsigned i = 0; i < BONDED_PATHS; i++) {
			mpq_time joined = s->path[i].joined;

			(void)shrink(s, i);
			s->path[i].joined = joined;
		}
		mpq_session_watch_windows(s, fake_now());
		fake_run(MPQ_MILLISECOND);
		if (bonded_used(&site->edge) < *ret_least) {
			*ret_least = bonded_used(&site->edge);
		}
	}
}

static void one_after_another_is_renewed(void **state)
{
	struct site *site = *state;
	unsigned before, least = BONDED_PATHS;

	bonded_bring_up(site);
	fake_run(LONG);
	before = connects(site);
	shrink_all(site, 25 * MPQ_SECOND, &least);
	assert_int_equal(connects(site), before + BONDED_PATHS);
	assert_int_equal(least, BONDED_PATHS);
}

static void dial_beside(struct site *site, int path)
{
	const struct mpq_path *p = bonded_path(site, path);

	for (int i = 0; p->candidate < 0 && i < 3000; i++) {
		struct mpq_session_path *m =
			shrink(bonded_edge(site), (unsigned)path);

		m->estimate.most.bps = 2000000000; /* what it has is little */
		mpq_session_watch_windows(m->session, fake_now());
		fake_run(MPQ_MILLISECOND);
	}
	assert_true(p->candidate >= 0);
}

/* It was sent by a path that was out just then. */
static void a_late_farewell_ends_no_fresh_connection(void **state)
{
	struct site *site = *state;
	const struct mpq_path *p;

	bonded_bring_up(site);
	p = bonded_path(site, 0);
	for (unsigned i = 5; i < 25; i++) {
		unsigned before = p->life.connects;

		fake_run(2 * LONG);
		dial_beside(site, 0);
		fake_cut(bonded_address[2], true);
		fake_run(i * MPQ_SECOND / 10);
		fake_cut(bonded_address[2], false);
		fake_run(5 * MPQ_SECOND);
		assert_int_equal(p->life.connects, before + 1);
	}
}

struct tally {
	unsigned sent, came; /* both ways */
	unsigned least;      /* members in use, at either end */
};

static unsigned came(struct site *site)
{
	return fake_tun_came(site->vps.tun) + fake_tun_came(site->edge.tun);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* `n` packets each way. */
static struct tally speak_each(struct site *site, mpq_duration interval,
			       unsigned n)
{
	struct tally t = {.came = came(site), .least = BONDED_PATHS};

	for (; t.sent < 2 * n; t.sent += 2) {
		site_send_out(site, 500);
		site_send_in(site, 500);
		fake_run(interval);
		t.least = least(t.least, least(bonded_used(&site->edge),
					       bonded_used(&site->vps)));
	}
	fake_run(200 * MPQ_MILLISECOND + 20 * interval);
	t.came = came(site) - t.came;
	return t;
}

/* A packet each way each millisecond. */
static struct tally speak(struct site *site, unsigned ms)
{
	return speak_each(site, MPQ_MILLISECOND, ms);
}

/* While one is dialled, the others are unplugged. */
static void a_renewal_bears_the_others_end(void **state)
{
	struct site *site = *state;
	const struct mpq_path *p;

	bonded_bring_up(site);
	p = bonded_path(site, 0);
	for (unsigned i = 0; i < 60; i += 5) {
		unsigned before = p->life.connects, events;
		struct tally t;

		fake_run(2 * LONG);
		dial_beside(site, 0);
		fake_run(1 + i * MPQ_MILLISECOND);
		events = site->edge.tunnel_events + site->vps.tunnel_events;
		bonded_link_gone(site, 1);
		bonded_link_gone(site, 2);
		t = speak(site, 300);
		assert_int_equal(t.came, t.sent);
		assert_int_equal(p->life.connects, before + 1);
		assert_int_equal(site->edge.tunnel_events +
					 site->vps.tunnel_events,
				 events);
		bonded_link_ready(site, 1);
		bonded_link_ready(site, 2);
	}
}

/* It joins nothing: too many have, it is said. */
static void a_renewal_that_is_refused_costs_nothing(void **state)
{
	struct site *site = *state;
	struct mpq_session *vps;
	const struct mpq_path *p;
	unsigned before;
	struct tally t;

	bonded_bring_up(site);
	p = bonded_path(site, 0);
	before = p->life.connects;
	vps = bonded_session(&site->vps);
	fake_run(2 * LONG);
	dial_beside(site, 0);
	vps->join_credit = fake_now() + 1000 * MPQ_SECOND;
	t = speak(site, 1000);
	assert_int_equal(t.came, t.sent);
	assert_int_equal(t.least, BONDED_PATHS);
	assert_int_equal(vps->counters.refused_joins, 1);
	assert_int_equal(p->life.connects, before);
	assert_true(p->candidate < 0);
}

/* Of the fresh connection, which has it, nothing gets through any more. */
static bool passes_but_for(void *context, const struct mpq_sockaddr *from,
			   const struct mpq_sockaddr *to, size_t len)
{
	const struct mpq_sockaddr *fresh = context;

	(void)len;
	return !mpq_sockaddr_equal(from, fresh) &&
	       !mpq_sockaddr_equal(to, fresh);
}

static void a_renewal_that_falls_silent_costs_nothing(void **state)
{
	struct site *site = *state;
	struct mpq_path *p;
	struct mpq_sockaddr fresh;

	bonded_bring_up(site);
	p = bonded_path(site, 0);
	for (unsigned i = 0; i < 60; i += 5) {
		unsigned before = p->life.connects;
		struct tally t;

		fake_run(2 * LONG);
		dial_beside(site, 0);
		fresh = p->slot[p->candidate].udp.local;
		fake_run(1 + i * MPQ_MILLISECOND);
		if (p->life.connects > before) {
			continue; /* it is the only one */
		}
		fake_filter(passes_but_for, &fresh);
		t = speak(site, 1000);
		assert_int_equal(t.came, t.sent);
		assert_int_equal(t.least, BONDED_PATHS);
		assert_int_equal(p->life.state, MPQ_LIFE_UP);
		fake_filter(NULL, NULL);
		fake_run(20 * MPQ_SECOND);
		assert_int_equal(bonded_used(&site->edge), BONDED_PATHS);
		assert_int_equal(bonded_used(&site->vps), BONDED_PATHS);
	}
}

static mpq_duration far_away(void *context, const struct mpq_sockaddr *from,
			     const struct mpq_sockaddr *to)
{
	(void)context;
	(void)from;
	(void)to;
	return 600 * MPQ_MILLISECOND;
}

/* Nothing goes by another path, nor twice. */
static void use_first(struct site *site)
{
	struct mpq_policy policy;

	mpq_policy_init(&policy);
	policy.class[0].steer.mode = MPQ_STEER_ACTIVE_STANDBY;
	policy.class[0].repair_deadline = 0;
	mpq_tunnel_set_policy(site_tunnel(&site->edge), &policy, fake_now());
}

/* By the connection before something comes for a round trip and half a second,
 * until the concentrator has heard the edge on the fresh one. */
static void a_renewal_of_a_long_path_loses_nothing(void **state)
{
	struct site *site = *state;
	const struct mpq_session *edge;
	struct tally t;

	fake_delay(far_away, NULL);
	for (int i = 0; i < BONDED_PATHS; i++) {
		bonded_link_ready(site, i);
	}
	fake_run(10 * MPQ_SECOND);
	use_first(site);
	bonded_session(&site->vps)->path[0].path_sequence = 60000;
	fake_run(LONG);
	edge = bonded_edge(site);
	dial_beside(site, 0);
	t = speak_each(site, 50 * MPQ_MILLISECOND, 200);
	assert_int_equal(bonded_path(site, 0)->life.connects, 2);
	assert_int_equal(mpq_delay_loss_ppm(&edge->delay, 0), 0);
	assert_int_equal(t.came, t.sent);
	assert_int_equal(t.least, BONDED_PATHS);
}

/* What goes by this socket takes longer than what goes by others. */
static mpq_duration later(void *context, const struct mpq_sockaddr *from,
			  const struct mpq_sockaddr *to)
{
	const struct mpq_sockaddr *slow = context;

	return mpq_sockaddr_equal(from, slow) || mpq_sockaddr_equal(to, slow)
		       ? 3 * FAKE_ONE_WAY
		       : FAKE_ONE_WAY;
}

/* The first ones of the fresh connection overtake the last ones of the one
 * before. */
static void what_is_overtaken_by_a_renewal_comes(void **state)
{
	struct site *site = *state;
	const struct mpq_path *p;
	struct mpq_sockaddr old;
	struct tally t;

	bonded_bring_up(site);
	p = bonded_path(site, 0);
	use_first(site);
	old = p->slot[p->current].udp.local;
	fake_delay(later, &old);
	fake_run(LONG);
	dial_beside(site, 0);
	t = speak(site, 1000);
	assert_int_equal(p->life.connects, 2);
	assert_int_equal(t.came, t.sent);
	assert_int_equal(t.least, BONDED_PATHS);
}

/* While the concentrator sends by the one before still, the fresh one is
 * lost. */
static void a_renewal_that_is_lost_at_once_loses_nothing(void **state)
{
	struct site *site = *state;
	struct mpq_session *edge;
	struct mpq_path *p;

	bonded_bring_up(site);
	bonded_set_mode(site, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	p = bonded_path(site, 0);
	edge = bonded_edge(site);
	for (unsigned i = 0; i < 60; i += 5) {
		unsigned before, connects = p->life.connects;
		struct tally t;

		fake_run(2 * LONG);
		dial_beside(site, 0);
		for (int k = 0; p->life.connects == connects && k < 1000; k++) {
			fake_run(MPQ_MILLISECOND);
		}
		assert_int_equal(p->life.connects, connects + 1);
		before = came(site);
		fake_run(i * MPQ_MILLISECOND);
		mpq_channel_close(edge->path[0].channel, "test");
		t = speak(site, 1000);
		assert_int_equal(came(site) - before, t.sent);
	}
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, bonded_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(losses_that_shrink_a_window_are_left_behind),
		TEST(a_path_that_is_full_is_left_alone),
		TEST(a_path_that_loses_nothing_is_left_alone),
		TEST(who_begins_is_left_alone),
		TEST(what_comes_is_not_interrupted),
		TEST(the_last_path_is_left_alone),
		TEST(only_the_edge_renews),
		TEST(what_the_concentrator_says_is_heard),
		TEST(the_concentrator_says_so),
		TEST(a_renewal_loses_no_packet),
		TEST(one_after_another_is_renewed),
		TEST(a_late_farewell_ends_no_fresh_connection),
		TEST(a_renewal_bears_the_others_end),
		TEST(a_renewal_that_is_refused_costs_nothing),
		TEST(a_renewal_that_falls_silent_costs_nothing),
		TEST(a_renewal_of_a_long_path_loses_nothing),
		TEST(what_is_overtaken_by_a_renewal_comes),
		TEST(a_renewal_that_is_lost_at_once_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
