/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A redundant class over two paths, 500 packets a second each way, while a path
 * loses much, goes, or comes and goes. bond_copies_hold() is what is promised
 * of it; the figures are tables for people.
 */
#ifndef MPQ_TESTS_SIM_BOND_COPIES_H
#define MPQ_TESTS_SIM_BOND_COPIES_H

#include "tests/sim/bond_run.h"

enum bond_copies_case {
	BOND_COPIES_SILENT, /* a path is a black hole from 4 s on */
	BOND_COPIES_UNPLUGGED,
	BOND_COPIES_LOSSY,   /* one path loses 30 % each way */
	BOND_COPIES_RETURNS, /* that one goes, and comes back */
	BOND_COPIES_FLAPS,   /* one goes and comes back, again and again */
	BOND_COPIES_CASES
};

/* Round trips of the two; with `bulk`, CUBIC of a lower class beside it. The
 * seed says which path, and when. */
struct bond_copies {
	enum bond_copies_case which;
	double rtt_ms[2];
	bool bulk;
};

/* Nothing lost, and nothing out of order; the result for more. */
void bond_copies_hold(struct sim_run *run, const struct bond_copies *c,
		      struct bond_result *ret);

/* 50 seeds from `seed` of each; `which` from 1 on, 0: all. */
void bond_copies_figures(unsigned which, uint64_t seed, bool trace);

#endif
