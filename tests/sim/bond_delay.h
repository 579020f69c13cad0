/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The delay that the tunnel adds under load: to a thin flow of a critical class
 * beside 8 CUBIC flows, and to a stream of .85 of the sum, on the links' own
 * queues and in all. Tables for people.
 */
#ifndef MPQ_TESTS_SIM_BOND_DELAY_H
#define MPQ_TESTS_SIM_BOND_DELAY_H

#include "tests/sim/bond_run.h"

/* Of `seeds` runs from `seed` on each; `which` profile from 1 on, 0: all. */
void bond_delay_figures(unsigned which, mpq_duration time, uint64_t seed,
			unsigned seeds, bool trace);

#endif
