/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scenario.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	const char *scenario; /* NULL: all */
	uint64_t first, last; /* seeds; last 0: each scenario's own number .. */
	uint64_t most;        /* .. but no more of each than these */
	size_t part, parts;   /* of the scenarios: each parts-th */
	bool trace, is_long;
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
	uint64_t own = s->seeds < o->most ? s->seeds : o->most;
	uint64_t last = o->last != 0 ? o->last : own;
	struct sim_histogram durations = {0};
	struct sim_run run, worst = {0};

	for (uint64_t seed = o->first; seed <= last; seed++) {
		run = (struct sim_run){.seed = seed,
				       .trace = o->trace,
				       .is_long = o->is_long,
				       .durations = &durations};
		s->run(&run);
		if (run.failed) {
			(void)printf("# seed %llu: %s\n"
				     "# again: --scenario %s --seed %llu "
				     "%s--trace\n",
				     (unsigned long long)run.seed, run.why,
				     s->name, (unsigned long long)run.seed,
				     o->is_long ? "--long " : "");
			return false;
		}
		worst = run.figure >= worst.figure ? run : worst;
	}
	if (s->figure != NULL) {
		(void)printf("# %s: at most %.3f s (seed %llu of %llu)\n",
			     s->figure, seconds(worst.figure),
			     (unsigned long long)worst.seed,
			     (unsigned long long)(last - o->first + 1));
	}
	if (s->durations != NULL) {
		print_durations(s->durations, &durations);
	}
	return true;
}

static int usage(const char *program)
{
	(void)fprintf(stderr,
		      "usage: %s [--scenario NAME] [--seed N | --seeds N | "
		      "--seeds A..B | --most N] [--part K/N] [--long] "
		      "[--trace]\n",
		      program);
	return 2;
}

/* "N": from 1 to N; "A..B". */
static bool parse_seeds(const char *text, struct options *o)
{
	char *end;

	o->first = 1;
	o->last = strtoull(text, &end, 10);
	if (strncmp(end, "..", 2) == 0) {
		o->first = o->last;
		o->last = strtoull(end + 2, &end, 10);
	}
	return *end == '\0' && o->first > 0 && o->first <= o->last;
}

/* "2/3": the second, fifth, .. of them. */
static bool parse_part(const char *text, struct options *o)
{
	char *end;

	o->part = strtoull(text, &end, 10);
	if (*end == '/') {
		o->parts = strtoull(end + 1, &end, 10);
	}
	return *end == '\0' && o->part > 0 && o->part <= o->parts;
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"scenario", required_argument, NULL, 'c'},
		{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'n'},
		{"most", required_argument, NULL, 'm'},
		{"part", required_argument, NULL, 'p'},
		{"long", no_argument, NULL, 'l'},
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
			o->first = o->last = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			if (!parse_seeds(optarg, o)) {
				return false;
			}
			break;
		case 'm':
			o->most = strtoull(optarg, NULL, 10);
			break;
		case 'p':
			if (!parse_part(optarg, o)) {
				return false;
			}
			break;
		case 'l':
			o->is_long = true;
			break;
		case 't':
			o->trace = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc && o->most > 0;
}

int sim_scenarios(int argc, char **argv, const struct sim_scenario *scenarios,
		  size_t n)
{
	struct options o = {.first = 1,
			    .most = UINT64_MAX,
			    .part = 1,
			    .parts = 1};
	unsigned count = 0;
	bool good = true;

	if (!parse(argc, argv, &o)) {
		return usage(argv[0]);
	}
	for (size_t i = 0; i < n; i++) {
		bool ok;

		if (i % o.parts != o.part - 1 ||
		    (o.scenario != NULL &&
		     strcmp(o.scenario, scenarios[i].name) != 0)) {
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
