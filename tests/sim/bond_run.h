/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of a bond_world with flows of one kind: what sim_bond's figures and
 * scenarios are made of. Each run has a process of its own, because the state
 * of the cryptography library's random generator outlives a world: so a seed
 * gives the same packets, whatever ran before.
 */
#ifndef MPQ_TESTS_SIM_BOND_RUN_H
#define MPQ_TESTS_SIM_BOND_RUN_H

#include "tests/sim/bond_world.h"

struct bond_load {
	struct bond_setup setup;
	struct bond_flow_config flow;
	unsigned flows;
	/* A path dies, or all of it comes back: relative to the flows' start;
	 * 0: never. */
	mpq_duration dead_at, back_at;
	unsigned dead;
	bool unplug; /* the device goes; else a silent black hole */
};

struct bond_result {
	double mbps, link_mbps;
	double p50_ms, p99_ms;
	double cpu_seconds; /* for a second of virtual time */
	double pool_most;
	uint64_t sent, lost, reordered, behind, spurious, refused;
	mpq_duration gap; /* the longest, after dead_at when there is one */
	unsigned paths_up;
	uint64_t print; /* of all that happened: equal runs have equal ones */
};

/* Runs `load` for setup.time and fills *ret, in a child process. */
void bond_run(struct sim_run *run, const struct bond_load *load,
	      struct bond_result *ret);

/* Runs `body` in a child process; `shared_bytes` of `shared` come back. */
void bond_run_apart(struct sim_run *run,
		    void (*body)(struct sim_run *run, void *shared),
		    void *shared, size_t shared_bytes);

#endif
