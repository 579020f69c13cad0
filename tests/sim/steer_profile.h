/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 20 profiles under which bonding must never be worse than the best path:
 * symmetric, asymmetric, lossy, jittery, bloated, LEO and LTE.
 */
#ifndef MPQ_TESTS_SIM_STEER_PROFILE_H
#define MPQ_TESTS_SIM_STEER_PROFILE_H

#include "tests/sim/link.h"

#define SIM_PROFILES      20
#define SIM_PROFILE_MORE  2 /* behind them */
#define SIM_PROFILE_PATHS 6

struct sim_profile {
	const char *name;
	unsigned paths;
	struct sim_profile_path {
		double mbps, rtt_ms, loss_percent, jitter_ms, queue_ms;
		double wander_ms;     /* more or less */
		double burst_percent; /* of packets, in bursts of 20 */
		enum {
			SIM_STEADY,
			SIM_LEO,
			SIM_WALK,
			SIM_DECAY
		} kind;
	} path[SIM_PROFILE_PATHS];
};
extern const struct sim_profile sim_profiles[SIM_PROFILES + SIM_PROFILE_MORE];

/* The forward link of path i, with its schedule over `time`. */
void sim_profile_link(const struct sim_profile *p, unsigned i,
		      struct sim_link *link, uint64_t seed, mpq_time start,
		      mpq_duration time);
/* Mean rate over that time. */
double sim_profile_mbps(const struct sim_profile *p, unsigned i,
			const struct sim_link *link, mpq_time start,
			mpq_duration time);

#endif
