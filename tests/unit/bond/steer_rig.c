/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bond/steer_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS MPQ_MILLISECOND

struct steer_rig rig;

static void changed(void *owner, const struct mpq_steer_event *e)
{
	(void)owner;
	assert_true(e->kind < MPQ_STEER_KINDS);
	assert_true(e->reason < MPQ_STEER_REASONS);
	rig.last[e->kind] = *e;
	rig.events_of[e->kind]++;
}

static const struct mpq_steer_events events = {changed};

void rig_shape(unsigned path, mpq_duration rtt, uint64_t bps)
{
	const struct mpq_estimate_view view = {.rtt_smoothed = rtt,
					       .rtt_min = rtt,
					       .rtt_variation = MS};

	mpq_estimate_observe(&rig.est[path], &view, rig.now);
	rig.est[path].rate_bps = bps;
	rig.est[path].proven = rig.now;
}

int rig_setup(void **state)
{
	(void)state;
	rig.now = MPQ_SECOND;
	memset(rig.last, 0, sizeof(rig.last));
	memset(rig.events_of, 0, sizeof(rig.events_of));
	memset(rig.picked, 0, sizeof(rig.picked));
	rig.steer = mpq_steer_new(&events, NULL, rig.now);
	if (rig.steer == NULL) {
		return -1;
	}
	for (unsigned i = 0; i < RIG_PATHS; i++) {
		mpq_estimate_init(&rig.est[i], rig.now);
	}
	rig_shape(0, 30 * MS, 50000000);
	rig_shape(1, 60 * MS, 20000000);
	rig_shape(2, 120 * MS, 10000000);
	for (unsigned i = 0; i < RIG_PATHS; i++) {
		mpq_steer_path(rig.steer, i, &rig.est[i], true, false, rig.now);
	}
	return 0;
}

int rig_teardown(void **state)
{
	(void)state;
	mpq_steer_free(rig.steer);
	return 0;
}

void rig_configure(const struct mpq_steer_class_config *c)
{
	assert_int_equal(mpq_steer_configure(rig.steer, 0, c, rig.now), 0);
}

unsigned rig_pick(uint32_t flow)
{
	struct mpq_steer_choice choice;

	assert_int_equal(mpq_steer_pick(rig.steer, 0, flow, RIG_LEN, rig.now,
					&choice),
			 0);
	assert_int_equal(choice.n, !choice.shared);
	return choice.shared ? RIG_SHARED : choice.path[0];
}

void rig_offer(uint32_t flow, uint64_t bps, mpq_duration time)
{
	mpq_duration gap = (uint64_t)RIG_LEN * 8 * MPQ_SECOND / bps;
	uint64_t queued[RIG_PATHS + 1] = {0};
	mpq_time busy[RIG_PATHS] = {0};

	for (mpq_time end = rig.now + time; rig.now < end; rig.now += gap) {
		unsigned to = rig_pick(flow);

		to = to == RIG_SHARED ? RIG_PATHS : to;
		queued[to] += queued[to] < 100 ? 1 : 0;
		for (unsigned i = 0; i < RIG_PATHS; i++) {
			rig.est[i].proven = rig.now;
			while (busy[i] <= rig.now) {
				unsigned from = queued[i] > 0 ? i : RIG_PATHS;

				if (queued[from] == 0 ||
				    (from == RIG_PATHS &&
				     !mpq_steer_may_pull(rig.steer, 0, i,
							 queued[from] * RIG_LEN,
							 RIG_LEN))) {
					break;
				}
				if (from == RIG_PATHS) {
					mpq_steer_pulled(rig.steer, 0, i,
							 RIG_LEN, rig.now);
				}
				queued[from]--;
				rig.picked[i]++;
				busy[i] = (busy[i] + MS > rig.now ? busy[i]
								  : rig.now) +
					  (uint64_t)RIG_LEN * 8 * MPQ_SECOND /
						  rig.est[i].rate_bps;
			}
			mpq_estimate_queued(&rig.est[i], queued[i] * RIG_LEN);
		}
	}
}

bool rig_may_pull(unsigned path, uint64_t waiting_bytes)
{
	return mpq_steer_may_pull(rig.steer, 0, path, waiting_bytes, RIG_LEN);
}

void rig_pass(mpq_duration time)
{
	for (mpq_time end = rig.now + time; rig.now < end; rig.now += 10 * MS) {
		(void)rig_pick(1);
	}
}
