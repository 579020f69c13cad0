/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of a bond_world under a load: what sim_bond's figures and scenarios
 * are made of. Each run has a process of its own, because the state of the
 * cryptography library's random generator outlives a world: so a seed gives
 * the same packets, whatever ran before.
 */
#ifndef MPQ_TESTS_SIM_BOND_RUN_H
#define MPQ_TESTS_SIM_BOND_RUN_H

#include "tests/sim/bond_world.h"

#define BOND_LOADS  8
#define BOND_EVENTS 128

struct bond_load { /* flows that are alike */
	struct bond_flow_config flow;
	unsigned flows;
	/* After the first load's start; those before it end then. 0: they begin
	 * together. */
	mpq_duration begins;
};

struct bond_event {
	mpq_duration at; /* after the flows' start */
	unsigned path;
	enum bond_event_kind {
		BOND_SILENT, /* a black hole: nobody is told */
		BOND_HEARD,  /* and its end */
		BOND_UNPLUGGED,
		BOND_REPLUGGED, /* with another address */
		BOND_MARK,      /* gaps, delays and counts begin here */
	} kind;
};

struct bond_plan {
	struct bond_setup setup;
	struct bond_load load[BOND_LOADS];
	struct bond_event event[BOND_EVENTS]; /* in order; the first with `at`
					       * 0 ends them */
};

struct bond_outcome {             /* of a load */
	double mbps, marked_mbps; /* in all; since the mark */
	/* Delays: of its last flow, since the mark. */
	double p50_ms, p95_ms, p99_ms, max_ms;
	uint64_t sent, lost, reordered, behind, spurious, refused;
	mpq_duration gap;  /* the longest without any, since the mark */
	double least_mbps; /* of its flows */
};

struct bond_result {
	struct bond_outcome load[BOND_LOADS];
	double link_mbps;   /* one way, of the first load's direction */
	double cpu_seconds; /* for a second of virtual time */
	double pool_most;
	unsigned paths_up;
	uint64_t late; /* packets that order let come behind, both ends */
	/* Since the mark, on each link of the first load's direction. */
	double path_mbps[SIM_PROFILE_PATHS];
	double link_p95_ms[SIM_PROFILE_PATHS]; /* that packets waited there */
	/* Since the last path was heard again, or replugged: until each link
	 * that ever came back had carried, in the first load's direction, an
	 * eighth, and four fifths, of its rate for 100 ms; 0: not so far. */
	mpq_duration used_after, full_after;
	uint64_t print; /* of all that happened: equal runs have equal ones */
};

/* In a child process; what it writes to is shared memory, or lost, but for the
 * run. */
void bond_run_apart(struct sim_run *run,
		    void (*what)(struct sim_run *run, void *arg), void *arg);
/* The plan, in a child process. */
void bond_run(struct sim_run *run, const struct bond_plan *plan,
	      struct bond_result *ret);

#endif
