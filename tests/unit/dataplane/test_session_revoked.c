/* SPDX-License-Identifier: Apache-2.0 */
/* Members whose certificate is trusted no more, beside others. */
#include "dataplane/session_private.h"
#include "tests/unit/dataplane/bonded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void apply_edge(struct site *s)
{
	assert_int_equal(site_apply_edge(s, BONDED_EDGE_PATHS,
					 BONDED_EDGE_TUNNEL, NULL, 0),
			 0);
}

static void apply_vps(struct site *s)
{
	assert_int_equal(site_apply_vps(s, SITE_PEER, BONDED_VPS_PATHS,
					BONDED_VPS_TUNNEL, NULL, 0),
			 0);
}

static struct pki_certificate *anew(const struct site *s, bool server)
{
	struct pki_wish wish = {.server = server,
				.client = !server,
				.issuer = s->pki.authority,
				.names = {server ? "concentrator.example"
						 : "edge-1.example"}};

	return pki_new(&wish);
}

/* One path has another certificate than the others. */
static void dial_with_another(struct site *s, int path)
{
	bonded_link_gone(s, path);
	fake_run(MPQ_SECOND);
	bonded_link_ready(s, path);
	fake_run(2 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&s->vps), BONDED_PATHS);
}

static bool is_used(struct site_side *side, unsigned path)
{
	return bonded_session(side)->path[path].state == MPQ_SESSION_USED;
}

static unsigned events(const struct site *s)
{
	return s->edge.tunnel_events + s->vps.tunnel_events;
}

/* Those of path 0 and 1 are; what is refused dials again with the other one. */
static void all_but_one_are_left(struct site *s, unsigned before)
{
	bonded_exchange(s, 20);
	assert_true(is_used(&s->edge, 2));
	assert_true(is_used(&s->vps, 2));
	assert_int_equal(events(s), before);
	fake_run(10 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&s->vps), BONDED_PATHS);
	assert_int_equal(events(s), before);
	bonded_exchange(s, 20);
}

static void a_revoked_certificate_costs_its_paths_only(void **state)
{
	struct site *s = *state;
	struct pki_certificate *renewed = anew(s, false);
	char *crl = pki_crl(s->pki.authority, s->pki.client);
	unsigned before;

	bonded_bring_up(s);
	s->edge_own = renewed;
	apply_edge(s);
	dial_with_another(s, 2);
	before = events(s);
	s->crl_pem = crl;
	apply_vps(s);
	assert_false(is_used(&s->vps, 0));
	assert_false(is_used(&s->vps, 1));
	all_but_one_are_left(s, before);
	assert_int_equal(s->vps.refusals, 2);
	free(crl);
	pki_free(renewed);
}

static void a_revoked_concentrator_costs_its_paths_only(void **state)
{
	struct site *s = *state;
	struct pki_certificate *renewed = anew(s, true);
	char *crl = pki_crl(s->pki.authority, s->pki.server);
	unsigned before;

	bonded_bring_up(s);
	s->vps_own = renewed;
	apply_vps(s);
	dial_with_another(s, 2);
	before = events(s);
	s->crl_pem = crl;
	apply_edge(s);
	fake_run(MPQ_MILLISECOND);
	assert_false(is_used(&s->edge, 0));
	assert_false(is_used(&s->edge, 1));
	all_but_one_are_left(s, before);
	free(crl);
	pki_free(renewed);
}

/* Nobody is let in until it has another one. */
static void of_a_revoked_edge_nothing_is_left(void **state)
{
	struct site *s = *state;
	struct pki_certificate *renewed = anew(s, false);
	char *crl = pki_crl(s->pki.authority, s->pki.client);

	bonded_bring_up(s);
	s->crl_pem = crl;
	apply_vps(s);
	assert_false(s->vps.tunnel_up);
	fake_run(60 * MPQ_SECOND);
	assert_false(s->edge.tunnel_up);
	assert_int_equal(bonded_used(&s->vps), 0);
	assert_true(s->vps.refusals < 20 * BONDED_PATHS);
	s->edge_own = renewed;
	apply_edge(s);
	fake_run(60 * MPQ_SECOND);
	assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&s->vps), BONDED_PATHS);
	bonded_exchange(s, 20);
	free(crl);
	pki_free(renewed);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, bonded_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_revoked_certificate_costs_its_paths_only),
		TEST(a_revoked_concentrator_costs_its_paths_only),
		TEST(of_a_revoked_edge_nothing_is_left),
	};

	return cmocka_run_group_tests_name("dataplane/session_revoked", tests,
					   NULL, NULL);
}
