/* SPDX-License-Identifier: Apache-2.0 */
/* A session of which some paths carry smaller packets than others. */
#include "dataplane/session_private.h"
#include "dataplane/telemetry.h"
#include "tests/unit/dataplane/bonded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LARGE        1400
#define NARROW_BYTES 1400 /* of UDP payload, for which LARGE is too large */

/* ---- links --------------------------------------------------------------- */

static bool is_of(const struct mpq_sockaddr *a, unsigned wan)
{
	struct mpq_sockaddr own;

	assert_int_equal(mpq_sockaddr_parse(bonded_address[wan],
					    mpq_sockaddr_port(a), &own),
			 0);
	return mpq_sockaddr_equal(a, &own);
}

/* The first `*context` WANs lose what is larger. */
static bool passes(void *context, const struct mpq_sockaddr *from,
		   const struct mpq_sockaddr *to, size_t len)
{
	const unsigned *narrow = context;

	for (unsigned i = 0; i < *narrow && len > NARROW_BYTES; i++) {
		if (is_of(from, i) || is_of(to, i)) {
			return false;
		}
	}
	return true;
}

static void bring_up(struct site *s, unsigned *narrow)
{
	fake_filter(passes, narrow);
	bonded_bring_up(s);
	fake_run(5 * MPQ_SECOND);
}

static void send_large(struct site *s, unsigned n)
{
	while (n-- > 0) {
		site_send_out(s, LARGE);
		site_send_in(s, LARGE);
		fake_run(MPQ_MILLISECOND);
	}
	fake_run(MPQ_SECOND);
}

static void large_packets_go_where_they_fit_in_every_mode(void **state)
{
	struct site *s = *state;
	unsigned narrow = 2;

	bring_up(s, &narrow);
	for (unsigned mode = 0; mode < MPQ_STEER_MODES; mode++) {
		unsigned out = fake_tun_came(s->vps.tun);
		unsigned in = fake_tun_came(s->edge.tun);

		bonded_set_mode(s, mode, fake_now());
		fake_run(100 * MPQ_MILLISECOND);
		send_large(s, 200);
		assert_int_equal(fake_tun_came(s->vps.tun) - out, 200);
		assert_int_equal(fake_tun_came(s->edge.tun) - in, 200);
	}
	assert_int_equal(bonded_edge(s)->class[0].too_big, 0);
	assert_int_equal(bonded_session(&s->vps)->class[0].too_big, 0);
	fake_filter(NULL, NULL);
}

/* Not each time; where no path is too narrow, not at all. */
static void who_sends_is_told_of_paths_that_are_too_narrow(void **state)
{
	struct site *s = *state;
	unsigned narrow = 1;

	bring_up(s, &narrow);
	bonded_set_mode(s, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	send_large(s, 100);
	assert_in_range(fake_tun_errors(s->edge.tun), 1, 15);
	fake_filter(NULL, NULL);
}

/* The only path of which status says so; 0: none is. */
static unsigned narrow_bytes(const struct site_side *side, unsigned paths)
{
	struct json_object *status =
		mpq_telemetry_status(&side->engine, fake_now());
	struct json_object *list, *bytes;
	unsigned found = 0;

	assert_true(json_object_object_get_ex(status, "paths", &list));
	assert_int_equal(json_object_array_length(list), paths);
	for (unsigned i = 0; i < paths; i++) {
		if (json_object_object_get_ex(json_object_array_get_idx(list,
									i),
					      "narrow-bytes", &bytes)) {
			assert_int_equal(found, 0);
			found = (unsigned)json_object_get_int(bytes);
		}
	}
	json_object_put(status);
	return found;
}

static void status_tells_of_paths_that_are_too_narrow(void **state)
{
	struct site *s = *state;
	unsigned narrow = 1, most;

	bring_up(s, &narrow);
	most = narrow_bytes(&s->edge, BONDED_PATHS);
	assert_in_range(most, NARROW_BYTES - 100, LARGE - 1);
	assert_int_equal(most,
			 mpq_session_max_packet(&bonded_edge(s)->path[0]));
	assert_in_range(narrow_bytes(&s->vps, BONDED_PATHS), most - 20,
			most + 20); /* of other connection IDs */
	fake_filter(NULL, NULL);
}

static void nobody_is_told_of_wide_paths(void **state)
{
	struct site *s = *state;
	unsigned narrow = 0;

	bring_up(s, &narrow);
	for (unsigned mode = 0; mode < MPQ_STEER_MODES; mode++) {
		bonded_set_mode(s, mode, fake_now());
		send_large(s, 100);
	}
	assert_int_equal(narrow_bytes(&s->edge, BONDED_PATHS), 0);
	assert_int_equal(fake_tun_errors(s->edge.tun), 0);
	assert_int_equal(fake_tun_errors(s->vps.tun), 0);
	fake_filter(NULL, NULL);
}

static void what_fits_no_path_is_dropped_and_its_sender_told(void **state)
{
	struct site *s = *state;
	unsigned narrow = BONDED_PATHS, came;

	bring_up(s, &narrow);
	came = fake_tun_came(s->vps.tun);
	send_large(s, 20);
	assert_int_equal(fake_tun_came(s->vps.tun), came);
	assert_int_equal(bonded_edge(s)->class[0].too_big, 20);
	assert_int_equal(fake_tun_errors(s->edge.tun), 20);
	fake_filter(NULL, NULL);
}

/* ---- what waits already -------------------------------------------------- */

/* Its connection has less room from now on. */
static void make_narrow(struct mpq_session_path *m)
{
	m->channel->bonded_head_bytes += 60;
}

/* The next that it offers is too large, as its channel finds out. */
static void find_too_big(struct mpq_session_path *m)
{
	const struct mpq_channel_source *source;
	void *owner;

	assert_true(bonded_offers(m));
	source = mpq_session_source(m->session, m->channel, &owner);
	source->too_big(owner, mpq_session_max_packet(m), fake_now());
}

static unsigned where_it_waits(const struct mpq_session *s)
{
	for (unsigned i = 0; i < BONDED_PATHS; i++) {
		if (s->path[i].own[0].pkts > 0) {
			return i;
		}
	}
	fail();
	return 0;
}

static void a_flow_that_waits_moves_in_its_order(void **state)
{
	static const size_t lens[] = {LARGE, 500, LARGE, 501};
	struct mpq_session *s;
	unsigned was;
	size_t len;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	for (unsigned i = 0; i < 4; i++) {
		bonded_give(s, 0, lens[i], 1);
	}
	was = where_it_waits(s);
	make_narrow(&s->path[was]);
	find_too_big(&s->path[was]);
	assert_int_equal(s->path[was].own[0].pkts, 0);
	assert_int_not_equal(where_it_waits(s), was);
	for (unsigned i = 0; i < 4; i++) {
		(void)bonded_take(&s->path[where_it_waits(s)], &len);
		assert_int_equal(len, lens[i]);
	}
	assert_int_equal(s->class[0].too_big, 0);
}

/* The class stays: what comes and fits takes its path. */
static void in_active_standby_a_flow_that_waits_goes_along(void **state)
{
	struct mpq_session *s;
	size_t len;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	bonded_give(s, 0, LARGE, 1);
	bonded_give(s, 0, 500, 1);
	make_narrow(&s->path[0]);
	find_too_big(&s->path[0]);
	(void)bonded_take(&s->path[1], &len);
	assert_int_equal(len, LARGE);
	(void)bonded_take(&s->path[1], &len);
	assert_int_equal(len, 500);
	bonded_give(s, 0, 501, 1);
	bonded_give(s, 0, LARGE, 1);
	assert_int_equal(s->path[0].own[0].pkts, 0);
	(void)bonded_take(&s->path[1], &len);
	assert_int_equal(len, 501);
	bonded_give(s, 0, 502, 1);
	assert_int_equal(s->path[0].own[0].pkts, 1);
	assert_int_equal(s->class[0].too_big, 0);
}

static void a_copy_that_does_not_fit_is_left_to_the_others(void **state)
{
	struct mpq_session *s;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_REDUNDANT, fake_now());
	bonded_give(s, 0, LARGE, 1);
	make_narrow(&s->path[1]);
	find_too_big(&s->path[1]);
	assert_int_equal(s->path[1].own[0].pkts, 0);
	assert_int_equal(s->path[0].own[0].pkts, 1);
	assert_int_equal(s->path[2].own[0].pkts, 1);
	assert_int_equal(s->class[0].copies_gone, 1);
	assert_int_equal(s->class[0].too_big, 0);
}

static void what_is_sent_again_goes_where_it_fits(void **state)
{
	struct mpq_session *s;
	unsigned from;
	size_t len;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_ACTIVE_STANDBY, fake_now());
	bonded_give(s, 0, LARGE, 1);
	(void)bonded_take(&s->path[0], &len);
	mpq_repair_path_out(s->repair, 0, fake_now());
	mpq_session_send_repairs(s, fake_now());
	for (from = 0; s->path[from].urgent_pkts == 0; from++) {
	}
	make_narrow(&s->path[from]);
	find_too_big(&s->path[from]);
	assert_int_equal(s->path[from].urgent_pkts, 0);
	assert_int_equal(s->path[0].urgent_pkts + s->path[1].urgent_pkts +
				 s->path[2].urgent_pkts,
			 1);
	assert_int_equal(s->class[0].too_big, 0);
	assert_int_equal(s->class[0].expired, 0);
}

/* The first that waits is for others; so is what is behind it. */
static void a_shared_queue_keeps_what_a_narrow_path_cannot_take(void **state)
{
	struct mpq_session *s;
	size_t len;

	bonded_bring_up(*state);
	s = bonded_edge(*state);
	bonded_set_mode(*state, MPQ_STEER_PRIORITY_BASED, fake_now());
	bonded_give(s, 0, LARGE, 1);
	bonded_give(s, 0, 500, 1);
	make_narrow(&s->path[0]);
	assert_false(bonded_offers(&s->path[0]));
	(void)bonded_take(&s->path[1], &len);
	assert_int_equal(len, LARGE);
	(void)bonded_take(&s->path[0], &len);
	assert_int_equal(len, 500);
	assert_int_equal(s->class[0].too_big, 0);
}

/* Losses ended the search, or another link was below. */
static void after_ten_minutes_the_mtu_is_looked_for_anew(void **state)
{
	struct site *s = *state;
	const struct mpq_session_path *m, *far;
	unsigned narrow = 1;

	bring_up(s, &narrow);
	m = &bonded_edge(s)->path[0];
	far = &bonded_session(&s->vps)->path[0];
	assert_true(mpq_session_max_packet(m) < LARGE);
	fake_run(1500 * MPQ_SECOND); /* it is as narrow as before */
	assert_int_equal(bonded_path(s, 0)->life.connects, 3);
	assert_true(mpq_session_max_packet(m) < LARGE);
	fake_filter(NULL, NULL);
	fake_run(600 * MPQ_SECOND);
	assert_true(mpq_session_max_packet(m) >= LARGE);
	assert_true(mpq_session_max_packet(far) >= LARGE);
	fake_run(1500 * MPQ_SECOND);
	assert_int_equal(bonded_path(s, 0)->life.connects, 4);
	assert_int_equal(bonded_path(s, 1)->life.connects, 1);
	assert_int_equal(bonded_used(&s->edge), BONDED_PATHS);
	assert_int_equal(bonded_used(&s->vps), BONDED_PATHS);
}

#define SITE(f) cmocka_unit_test_setup_teardown(f, bonded_setup, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SITE(large_packets_go_where_they_fit_in_every_mode),
		SITE(who_sends_is_told_of_paths_that_are_too_narrow),
		SITE(status_tells_of_paths_that_are_too_narrow),
		SITE(nobody_is_told_of_wide_paths),
		SITE(what_fits_no_path_is_dropped_and_its_sender_told),
		SITE(a_flow_that_waits_moves_in_its_order),
		SITE(in_active_standby_a_flow_that_waits_goes_along),
		SITE(a_copy_that_does_not_fit_is_left_to_the_others),
		SITE(what_is_sent_again_goes_where_it_fits),
		SITE(after_ten_minutes_the_mtu_is_looked_for_anew),
		SITE(a_shared_queue_keeps_what_a_narrow_path_cannot_take),
	};

	return cmocka_run_group_tests_name("session/narrow", tests, NULL, NULL);
}
