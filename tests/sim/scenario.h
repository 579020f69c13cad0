/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulation as a test: scenarios that are run with many seeds, one line of
 * TAP a scenario. The first seed that fails is named, and is repeated with
 *
 *	sim_NAME --scenario NAME --seed N [--trace]
 *
 * --part K/N runs each N-th of the scenarios, from the K-th on;
 * --seeds N tries the first N, --seeds A..B those from A to B, --most N as many
 * as a scenario wants itself, but no more than N; --long runs what takes
 * minutes, where a scenario knows such a form.
 */
#ifndef MPQ_TESTS_SIM_SCENARIO_H
#define MPQ_TESTS_SIM_SCENARIO_H

#include "common/clock.h"
#include "tests/sim/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_run {
	uint64_t seed;
	bool trace;
	bool is_long; /* asked for, not as a test: take your time */
	bool failed;
	char why[256];       /* the first thing that did not hold */
	mpq_duration figure; /* what was measured; the worst is printed */
	struct sim_histogram *durations; /* of all the scenario's runs */
};

struct sim_scenario {
	const char *name; /* a sentence */
	void (*run)(struct sim_run *run);
	unsigned seeds;
	const char *figure;    /* what it measures; or NULL */
	const char *durations; /* what it adds to them; or NULL */
};

/* For main(): the program's status. */
int sim_scenarios(int argc, char **argv, const struct sim_scenario *scenarios,
		  size_t n);

/* The first failure counts. Returns `holds`. */
bool sim_holds(struct sim_run *run, bool holds, mpq_time now,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));

void sim_trace(const struct sim_run *run, mpq_time now, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
