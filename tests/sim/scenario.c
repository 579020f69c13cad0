/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scenario.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	const char *scenario; /* NULL: all */
	uint64_t seed;        /* the only one; 0: as many as wanted */
	unsigned seeds;       /* 0: each scenario's own number */
	bool trace;
};

static double seconds(mpq_time t)
{
	return (double)t / (double)MPQ_SECOND;
}

bool sim_holds(struct sim_run *run, bool holds, mpq_time now,
	       const char *format, ...)
{
	va_list args;
	int n;

	if (holds || run->failed) {
		return holds;
	}
	run->failed = true;
	n = snprintf(run->why, sizeof(run->why), "at %.6f s: ", seconds(now));
	va_start(args, format);
	(void)vsnprintf(run->why + n, sizeof(run->why) - (size_t)n, format,
			args);
	va_end(args);
	return false;
}

void sim_trace(const struct sim_run *run, mpq_time now, const char *format, ...)
{
	va_list args;

	if (!run->trace) {
		return;
	}
	(void)printf("# %12.6f ", seconds(now));
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)putchar('\n');
}

static void print_durations(const char *what, const struct sim_histogram *h)
{
	(void)printf("# %s: p50 %.1f p90 %.1f p99 %.1f max %.1f ms (of %llu)\n",
		     what, 1e3 * seconds(sim_histogram_percentile(h, 500)),
		     1e3 * seconds(sim_histogram_percentile(h, 900)),
		     1e3 * seconds(sim_histogram_percentile(h, 990)),
		     1e3 * seconds(h->max), (unsigned long long)h->count);
}

static bool run_scenario(const struct sim_scenario *s, const struct options *o)
{
	unsigned seeds = o->seed != 0 ? 1 : o->seeds != 0 ? o->seeds : s->seeds;
	struct sim_histogram durations = {0};
	struct sim_run run, worst = {0};

	for (unsigned i = 0; i < seeds; i++) {
		run = (struct sim_run){.seed = o->seed != 0 ? o->seed : i + 1,
				       .trace = o->trace,
				       .durations = &durations};
		s->run(&run);
		if (run.failed) {
			(void)printf("# seed %llu: %s\n"
				     "# again: --scenario %s --seed %llu "
				     "--trace\n",
				     (unsigned long long)run.seed, run.why,
				     s->name, (unsigned long long)run.seed);
			return false;
		}
		worst = run.figure >= worst.figure ? run : worst;
	}
	if (s->figure != NULL) {
		(void)printf("# %s: at most %.3f s (seed %llu of %u)\n",
			     s->figure, seconds(worst.figure),
			     (unsigned long long)worst.seed, seeds);
	}
	if (s->durations != NULL) {
		print_durations(s->durations, &durations);
	}
	return true;
}

static int usage(const char *program)
{
	(void)fprintf(stderr,
		      "usage: %s [--scenario NAME] [--seed N | --seeds N] "
		      "[--trace]\n",
		      program);
	return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"scenario", required_argument, NULL, 'c'},
		{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'n'},
		{"trace", no_argument, NULL, 't'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->scenario = optarg;
			break;
		case 's':
			o->seed = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			o->seeds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			o->trace = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

int sim_scenarios(int argc, char **argv, const struct sim_scenario *scenarios,
		  size_t n)
{
	struct options o = {0};
	unsigned count = 0;
	bool good = true;

	if (!parse(argc, argv, &o)) {
		return usage(argv[0]);
	}
	for (size_t i = 0; i < n; i++) {
		bool ok;

		if (o.scenario != NULL &&
		    strcmp(o.scenario, scenarios[i].name) != 0) {
			continue;
		}
		ok = run_scenario(&scenarios[i], &o);
		good &= ok;
		(void)printf("%s %u - %s\n", ok ? "ok" : "not ok", ++count,
			     scenarios[i].name);
		(void)fflush(stdout);
	}
	(void)printf("1..%u\n", count);
	return good && count > 0 ? 0 : 1;
}
