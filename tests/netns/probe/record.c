/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/netns/probe/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define RUNS_SHOWN 64

void probe_record_init(struct probe_record *r)
{
	*r = (struct probe_record){0};
}

void probe_record_finish(struct probe_record *r)
{
	free(r->entries);
	r->entries = NULL;
}

static int grow(struct probe_record *r)
{
	uint64_t room = r->room ? r->room * 2 : 4096;
	struct probe_record_entry *entries;

	if (r->n >= PROBE_RECORD_CAP) {
		return -ENOSPC;
	}
	entries = realloc(r->entries, room * sizeof(*entries));
	if (!entries) {
		return -ENOMEM;
	}
	r->entries = entries;
	r->room = room;
	return 0;
}

int probe_record_sent(struct probe_record *r, mpq_time now)
{
	int result = r->n < r->room ? 0 : grow(r);

	if (!result) {
		r->entries[r->n++] = (struct probe_record_entry){now, 0};
	}
	return result;
}

int probe_record_expect(struct probe_record *r, uint64_t end)
{
	int result = end <= PROBE_RECORD_CAP ? 0 : -ENOSPC;

	while (!result && r->n < end) {
		result = probe_record_sent(r, 0);
	}
	return result;
}

int probe_record_arrived(struct probe_record *r, uint64_t number, mpq_time sent,
			 mpq_time now)
{
	int result = probe_record_expect(r, number + 1);

	if (!result) {
		r->entries[number].sent = sent;
		probe_record_echoed(r, number, now);
	}
	return result;
}

void probe_record_echoed(struct probe_record *r, uint64_t number, mpq_time now)
{
	if (number >= r->n) {
		r->strange++;
		return;
	}
	if (r->entries[number].echoed) {
		r->duplicates++;
		return;
	}
	r->entries[number].echoed = now;
	if (number < r->highest_echoed) {
		r->reordered++;
	} else {
		r->highest_echoed = number;
	}
}

static double seconds(mpq_time t)
{
	return (double)t / 1e9;
}

static int compare(const void *a, const void *b)
{
	const mpq_duration *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void print_round_trips(const struct probe_record *r, uint64_t first,
			      uint64_t end, FILE *to)
{
	mpq_duration *trips = malloc((end - first + 1) * sizeof(*trips));
	size_t n = 0;

	if (!trips) {
		return;
	}
	for (uint64_t i = first; i < end; i++) {
		const struct probe_record_entry *e = &r->entries[i];

		if (e->echoed) {
			trips[n++] = e->echoed - e->sent;
		}
	}
	qsort(trips, n, sizeof(*trips), compare);
	if (n) {
		(void)fprintf(to,
			      ", \"rtt-us\": {\"min\": %" PRIu64
			      ", \"p50\": %" PRIu64 ", \"p95\": %" PRIu64
			      ", \"p99\": %" PRIu64 ", \"max\": %" PRIu64 "}",
			      trips[0] / 1000, trips[n / 2] / 1000,
			      trips[(n - 1) * 95 / 100] / 1000,
			      trips[(n - 1) * 99 / 100] / 1000,
			      trips[n - 1] / 1000);
	}
	free(trips);
}

static void print_gap(const struct probe_record *r, uint64_t first,
		      uint64_t end, FILE *to)
{
	mpq_time *came = malloc((end - first + 1) * sizeof(*came));
	mpq_duration gap = 0;
	size_t n = 0, at = 0;

	if (!came) {
		return;
	}
	for (uint64_t i = first; i < end; i++) {
		if (r->entries[i].echoed) {
			came[n++] = r->entries[i].echoed;
		}
	}
	qsort(came, n, sizeof(*came), compare);
	for (size_t i = 1; i < n; i++) {
		if (came[i] - came[i - 1] > gap) {
			gap = came[i] - came[i - 1];
			at = i - 1;
		}
	}
	if (n) {
		(void)fprintf(to,
			      ", \"gap-us\": %" PRIu64
			      ", \"gap-from\": %.6f, \"last-echo\": %.6f",
			      gap / 1000, seconds(came[at]),
			      seconds(came[n - 1]));
	}
	free(came);
}

static void print_run(const struct probe_record *r, uint64_t first,
		      uint64_t last, FILE *to, bool comma)
{
	(void)fprintf(to,
		      "%s{\"first\": %" PRIu64 ", \"last\": %" PRIu64
		      ", \"from\": %.6f, \"to\": %.6f}",
		      comma ? ", " : "", first, last,
		      seconds(r->entries[first].sent),
		      seconds(r->entries[last].sent));
}

/* Returns how many are lost. */
static uint64_t print_runs(const struct probe_record *r, uint64_t first,
			   uint64_t end, FILE *to)
{
	uint64_t lost = 0, shown = 0, begun = end;

	(void)fprintf(to, ", \"runs\": [");
	for (uint64_t i = first; i <= end; i++) {
		bool gone = i < end && !r->entries[i].echoed;

		lost += gone;
		if (gone && begun == end) {
			begun = i;
		} else if (!gone && begun != end) {
			if (shown < RUNS_SHOWN) {
				print_run(r, begun, i - 1, to, shown > 0);
			}
			shown++;
			begun = end;
		}
	}
	(void)fprintf(to, "]");
	return lost;
}

static mpq_time first_echo(const struct probe_record *r, uint64_t first,
			   uint64_t end)
{
	mpq_time earliest = MPQ_TIME_NEVER;

	for (uint64_t i = first; i < end; i++) {
		if (r->entries[i].echoed) {
			earliest = mpq_time_min(earliest, r->entries[i].echoed);
		}
	}
	return earliest;
}

void probe_record_report(const struct probe_record *r, uint64_t first,
			 uint64_t end, FILE *to)
{
	uint64_t lost;
	mpq_time echo;

	end = end < r->n ? end : r->n;
	first = first < end ? first : end;
	(void)fprintf(to, "{\"first\": %" PRIu64 ", \"sent\": %" PRIu64, first,
		      end - first);
	lost = print_runs(r, first, end, to);
	print_round_trips(r, first, end, to);
	print_gap(r, first, end, to);
	echo = first_echo(r, first, end);
	if (echo != MPQ_TIME_NEVER) {
		(void)fprintf(to, ", \"first-echo\": %.6f", seconds(echo));
	}
	(void)fprintf(to,
		      ", \"lost\": %" PRIu64 ", \"received\": %" PRIu64
		      ", \"duplicates\": %" PRIu64 ", \"reordered\": %" PRIu64
		      ", \"strange\": %" PRIu64 ", \"send-errors\": %" PRIu64
		      "}\n",
		      lost, end - first - lost, r->duplicates, r->reordered,
		      r->strange, r->send_errors);
	(void)fflush(to);
}
