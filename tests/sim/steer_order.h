/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain model of the receiver's order for sim_steer: one lane a flow, a hole
 * is waited for until the cap, or until every path that is in use has passed
 * it and no repair can be under way any more.
 */
#ifndef MPQ_TESTS_SIM_STEER_ORDER_H
#define MPQ_TESTS_SIM_STEER_ORDER_H

#include "common/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_ORDER_WINDOW 16384
#define SIM_ORDER_PATHS  8

struct sim_order_clock {                  /* shared by all lanes */
	mpq_time passed[SIM_ORDER_PATHS]; /* latest sender's time delivered */
	mpq_time seen[SIM_ORDER_PATHS];   /* when; 0: never */
};

struct sim_order_packet {
	uint64_t seq; /* + 1; 0: empty */
	uint64_t inner;
	mpq_time sent, bound, arrived;
};

struct sim_order {
	mpq_duration cap, repair; /* 0: no repair */
	const struct sim_order_clock *clock;
	struct sim_order_packet held[SIM_ORDER_WINDOW];
	uint64_t done[SIM_ORDER_WINDOW]; /* sequences delivered; + 1 */
	uint64_t next, last;             /* sequences; last + 1 */
	uint64_t n_held, held_max;
	mpq_time first_held; /* its arrival; NEVER: none */
	mpq_time passed_at;  /* the hole is known to be lost since; or NEVER */
	uint64_t delivered, late, duplicates, gave_up;
	void (*deliver)(void *owner, const struct sim_order_packet *p);
	void *owner;
};

void sim_order_init(struct sim_order *o, const struct sim_order_clock *clock,
		    mpq_duration cap, mpq_duration repair);
void sim_order_arrived(struct sim_order *o, const struct sim_order_packet *p,
		       mpq_time now);
void sim_order_expire(struct sim_order *o, mpq_time now);

#endif
