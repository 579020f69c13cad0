/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renewals of all paths at any time, while links come and go, connections end
 * at either end, fall silent, classes change and certificates are looked at
 * anew. Nothing comes twice, and afterwards everything is as it was.
 *
 * MPQUIC_SEED=n runs that seed alone.
 */
#include "dataplane/path_private.h"
#include "dataplane/session_private.h"
#include "tests/sim/random.h"
#include "tests/unit/dataplane/bonded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS  10
#define EVENTS 60

struct chaos {
	struct site *site;
	struct sim_random random;
	bool gone[BONDED_PATHS];
	unsigned renewals;
};

static uint64_t any(struct chaos *c, uint64_t n)
{
	return sim_random_range(&c->random, 0, n - 1);
}

static void renew(struct chaos *c, int i)
{
	struct mpq_path *p = bonded_path(c->site, i);
	unsigned actions = mpq_life_renew(&p->life, "test", fake_now());

	c->renewals += actions != 0;
	mpq_path_act(p, actions, fake_now());
}

static void plug(struct chaos *c, int i)
{
	c->gone[i] = !c->gone[i];
	if (c->gone[i]) {
		bonded_link_gone(c->site, i);
	} else {
		bonded_link_ready(c->site, i);
	}
}

/* One of those that a path has at this end. */
static void close_one(struct chaos *c, struct site_side *side, int i)
{
	const struct mpq_session_path *m = &bonded_session(side)->path[i];
	struct mpq_channel *of[] = {m->channel, m->next.channel, m->last};
	struct mpq_channel *ch = of[any(c, 3)];

	if (ch != NULL) {
		mpq_channel_close(ch, "test");
	}
}

static void verify(struct chaos *c)
{
	assert_int_equal(site_apply_vps(c->site, SITE_PEER, BONDED_VPS_PATHS,
					BONDED_VPS_TUNNEL, NULL, 0),
			 0);
	assert_int_equal(site_apply_edge(c->site, BONDED_EDGE_PATHS,
					 BONDED_EDGE_TUNNEL, NULL, 0),
			 0);
}

static void anything(struct chaos *c)
{
	int i = (int)any(c, BONDED_PATHS);

	switch (any(c, 12)) {
	case 0:
	case 1:
		plug(c, i);
		break;
	case 2:
		fake_cut(bonded_address[i], any(c, 2) != 0);
		break;
	case 3:
		close_one(c, &c->site->edge, i);
		break;
	case 4:
		close_one(c, &c->site->vps, i);
		break;
	case 5:
		bonded_set_mode(c->site,
				(enum mpq_steer_mode)any(c, MPQ_STEER_MODES),
				fake_now());
		break;
	case 6:
		verify(c);
		break;
	default:
		renew(c, i);
		break;
	}
}

static unsigned came(const struct site *s)
{
	return fake_tun_came(s->edge.tun) + fake_tun_came(s->vps.tun);
}

static void speak(struct chaos *c, unsigned ms)
{
	unsigned before = came(c->site);

	for (unsigned i = 0; i < ms; i++) {
		site_send_out(c->site, 500);
		site_send_in(c->site, 500);
		fake_run(MPQ_MILLISECOND);
	}
	fake_run(any(c, 3) == 0 ? 0 : 300 * MPQ_MILLISECOND);
	/* What waited for a path may come, too. */
	assert_in_range(came(c->site) - before, 0, 2 * (ms + 1000));
}

static void recover(struct chaos *c)
{
	for (int i = 0; i < BONDED_PATHS; i++) {
		fake_cut(bonded_address[i], false);
		if (c->gone[i]) {
			plug(c, i);
		}
	}
	bonded_set_mode(c->site, MPQ_STEER_AUTO, fake_now());
	fake_run(20 * MPQ_SECOND);
	assert_int_equal(bonded_used(&c->site->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&c->site->vps), BONDED_PATHS);
	bonded_exchange(c->site, 20);
	for (int i = 0; i < BONDED_PATHS; i++) {
		assert_null(bonded_edge(c->site)->path[i].next.channel);
		assert_null(bonded_edge(c->site)->path[i].last);
		assert_null(
			bonded_session(&c->site->vps)->path[i].next.channel);
		assert_null(bonded_session(&c->site->vps)->path[i].last);
	}
}

static void run(uint64_t seed)
{
	struct chaos c = {.random.state = seed * 6364136223};
	void *state;

	(void)bonded_setup(&state);
	c.site = state;
	bonded_bring_up(c.site);
	for (int i = 0; i < EVENTS; i++) {
		anything(&c);
		speak(&c, (unsigned)any(&c, 60));
		if (i % 20 == 19) {
			recover(&c);
		}
	}
	assert_true(c.renewals > 0);
	(void)site_teardown(&state);
}

static void renewals_bear_whatever_happens(void **state)
{
	const char *one = getenv("MPQUIC_SEED");
	uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
	uint64_t last = one != NULL ? first : SEEDS;

	(void)state;
	for (uint64_t seed = first; seed <= last; seed++) {
		print_message("# seed %u\n", (unsigned)seed);
		run(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renewals_bear_whatever_happens),
	};

	return cmocka_run_group_tests_name("dataplane/session_renew_chaos",
					   tests, NULL, NULL);
}
