/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steering over three paths, proven: 50 Mbit/s at 30 ms, 20 at 60, 10 at 120;
 * and a caller with its queues, under a clock that the test moves.
 */
#ifndef MPQ_TESTS_BOND_STEER_RIG_H
#define MPQ_TESTS_BOND_STEER_RIG_H

#include "dataplane/bond/steer.h"

#define RIG_LEN    1000 /* of each packet */
#define RIG_PATHS  3
#define RIG_SHARED MPQ_STEER_PATHS /* in the place of a path */

extern struct steer_rig {
	struct mpq_steer *steer;
	struct mpq_estimate est[RIG_PATHS];
	struct mpq_steer_event last[MPQ_STEER_KINDS]; /* of each kind .. */
	unsigned events_of[MPQ_STEER_KINDS];          /* .. of so many */
	mpq_time now;
	uint64_t picked[RIG_PATHS]; /* packets that rig_offer() sent */
} rig;

/* Of each test. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* The path is proven to be so. */
void rig_shape(unsigned path, mpq_duration rtt, uint64_t bps);
/* Class 0, of which all packets are. */
void rig_configure(const struct mpq_steer_class_config *c);
/* A path, or RIG_SHARED. */
unsigned rig_pick(uint32_t flow);
bool rig_may_pull(unsigned path, uint64_t waiting_bytes);
/* Offers for a while: a queue for each path and the shared one, of 20 ms. */
void rig_offer(uint32_t flow, uint64_t bps, mpq_duration time);
/* Time, with a packet each 10 ms: steering ticks with these. */
void rig_pass(mpq_duration time);

#endif
