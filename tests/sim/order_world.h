/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets over modelled links into bond/delay and bond/order, and what must
 * hold of what comes out. A plan says how the links and the sender are; the
 * world asserts the rest:
 *
 *	sender: lanes, weights, copies, repairs
 *	   |  bond/header
 *	   +--> link 0 --.
 *	   +--> link 1 ---+--> bond/delay, bond/order --> once, in order, in
 *time
 *	   '--> link n --'
 */
#ifndef MPQ_TESTS_SIM_ORDER_WORLD_H
#define MPQ_TESTS_SIM_ORDER_WORLD_H

#include "dataplane/bond/order.h"
#include "tests/sim/link.h"
#include "tests/sim/scenario.h"

#define ORDER_LINKS 6
#define ORDER_LANES 8

enum order_spread {    /* which link takes a packet */
	ORDER_STRIPED, /* by weight, packet for packet */
	ORDER_PINNED,  /* a link a lane, for good */
	ORDER_FLOWLETS /* a link a lane, another one now and then */
};

struct order_plan {
	unsigned links;
	struct sim_link_shape shapes[ORDER_LINKS];
	unsigned weights[ORDER_LINKS]; /* 0: not used */
	struct {                       /* in the order of their times */
		mpq_duration at;
		unsigned link;
		struct sim_link_shape shape;
		mpq_duration noticed; /* after that the sender goes round it
				       * while it is down */
	} changes[SIM_LINK_CHANGES];
	unsigned n_changes;

	enum order_spread spread;
	unsigned packets, lanes;
	unsigned burst;        /* packets of one clock reading, at most */
	mpq_duration interval; /* between bursts, on average */
	mpq_duration queue;    /* of the sender: before each link, after clock
				* and sequence; lane 0 goes past it */
	unsigned copies;       /* of each packet, on as many links; 1 */
	mpq_duration waits;    /* of copies: up to so long before each link, a
				* while each; their clock is read behind it */
	/* Slower links take what they bring with those before it, which leave
	 * later by the fastest, up to so much later than was expected; clocks
	 * are read then. 0: not. */
	mpq_duration ahead;
	mpq_duration stall; /* up to so long the receiver is not run, .. */
	uint32_t stall_ppm; /* .. at this share of arrivals */
	bool repairs;       /* the sender hears of a loss after 1.25 RTT */
	uint32_t first_sequence;
	mpq_time clock; /* of the sender, at the start */
	int32_t drift_ppm;

	struct mpq_order_class class;
	size_t held_pkts, held_bytes;
	/* What the links promise. */
	bool never_late;       /* nothing comes after its hole was given up */
	bool never_waits;      /* nothing is held */
	bool never_gives_up;   /* each hole is filled */
	mpq_duration wait_max; /* of each packet; 0: the cap */
};

/* What every scenario begins with: one lane or more, no order of links. */
void order_plan_init(struct order_plan *p, unsigned links);
void order_plan_change(struct order_plan *p, mpq_duration at, unsigned link,
		       const struct sim_link_shape *shape,
		       mpq_duration noticed);

/* Adds what order cost each delivered packet to run->durations. */
void order_world_run(struct sim_run *run, const struct order_plan *plan,
		     struct sim_random *random);

#endif
