/* SPDX-License-Identifier: Apache-2.0 */
/* A window and what it is told, under a clock that the test moves. */
#ifndef MPQ_TESTS_QUIC_WINDOW_FIXTURE_H
#define MPQ_TESTS_QUIC_WINDOW_FIXTURE_H

#include "dataplane/quic/window.h"

#include <stdlib.h>

#define MS     MPQ_MILLISECOND
#define RTT    (40 * MS)
#define PACKET 1450

struct fixture {
	struct mpq_window window;
	struct mpq_window_view view;
	mpq_time now;
};

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->now = 9 * MPQ_SECOND;
	f->view.cwnd_bytes = 200000;
	f->view.rtt_latest = f->view.rtt_smoothed = RTT;
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	free(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
