/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a tunnel under virtual time: inner flows, steering, a queue
 * and a modelled connection per path, modelled links, a receiver that keeps
 * order. All of bond/ but life, and flow/codel run for real.
 *
 *	flow -> steer -> queue -> transport -> link -> order -> flow's receiver
 *	          ^         estimate, repair <- acks         |
 *	          '------------------ acks of the flows -----'
 */
#ifndef MPQ_TESTS_SIM_STEER_WORLD_H
#define MPQ_TESTS_SIM_STEER_WORLD_H

#include "dataplane/bond/repair.h"
#include "dataplane/bond/steer.h"
#include "tests/sim/scenario.h"
#include "tests/sim/steer_profile.h"
#include "tests/sim/steer_queue.h"
#include "tests/sim/steer_transport.h"

#define SIM_STEER_FLOWS    8
#define SIM_STEER_DELAYS   4096 /* buckets of 0.25 ms */
#define SIM_STEER_INNER    1435 /* bytes; 65 more are the tunnel's */
#define SIM_STEER_OVERHEAD 65
#define SIM_STEER_PAYLOAD  1383 /* of TCP in it */

enum sim_steer_traffic {
	SIM_TCP,
	SIM_TCP_BBR,
	SIM_TCP_8,
	SIM_QUIC,
	SIM_UDP,
	SIM_TRAFFICS
};
extern const char *const sim_steer_traffics[SIM_TRAFFICS];

struct sim_steer_setup {
	const struct sim_profile *profile;
	enum sim_steer_traffic traffic;
	double udp_mbps;
	mpq_steer_set paths; /* that exist */
	struct mpq_steer_class_config class;
	mpq_duration time; /* that counts */
	/* 100 packets a second in class 1, which goes first: it counts in the
	 * second half of the time. */
	bool critical;
	struct mpq_steer_class_config critical_class;
	/* Before: paths were never used, flows count from their start. Else all
	 * paths were filled shortly before, and flows count after 2 s. */
	bool cold;
	unsigned dead;    /* a path that becomes a black hole .. */
	mpq_time dead_at; /* .. then; 0: none */
	mpq_time back_at; /* .. and is back then */
	bool no_repair;
	bool check_copies; /* redundant: as many as asked for */
};

struct sim_steer_result {
	double mbps;      /* goodput of the inner payload */
	double link_mbps; /* the links' mean rate, summed */
	double udp_lost;  /* share */
	double p99_ms;    /* one-way delay */
	double critical_p999_ms, critical_lost; /* of class 1 */
	mpq_duration gap; /* longest without a delivery, from dead_at on */
	uint64_t sent, repaired, late, duplicates, events, held_max;
	uint64_t spread, gathered, moved;
};

void sim_steer_run(struct sim_run *run, const struct sim_steer_setup *setup,
		   struct sim_steer_result *ret);

#endif
