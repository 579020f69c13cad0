/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/rhythm.h"

#include <string.h>

enum {
	FITTING_MIN = 4,      /* outages: three periods in a row */
	FITTING_PERCENT = 70, /* of the outages */
	SEEN_PERCENT = 60,    /* of those that a period promises */
	PARTS = 3,            /* two outages are up to so many periods apart */
	LATEST = 5,           /* periods */
	MISSED_MAX = 4,       /* so many in a row, and it is forgotten */
};
/* Off by more than that, to wait for one would cost more than to bear it. */
#define EXACT (60 * MPQ_MILLISECOND)

struct fit {
	unsigned outages;
	mpq_time first, last; /* of them */
	uint64_t periods;     /* between these two */
};

void mpq_rhythm_init(struct mpq_rhythm *r)
{
	memset(r, 0, sizeof(*r));
}

static uint64_t rounded(mpq_duration time, mpq_duration period)
{
	return (time + period / 2) / period;
}

/* How far it is from its time, which another one tells. */
static mpq_duration off_time(mpq_time at, mpq_time from, mpq_duration period)
{
	mpq_duration apart = at > from ? at - from : from - at;
	mpq_duration on_time = rounded(apart, period) * period;

	return apart > on_time ? apart - on_time : on_time - apart;
}

/* Counted from one that is taken to be on time. */
static struct fit fit(const struct mpq_rhythm *r, unsigned anchor,
		      mpq_duration period)
{
	struct fit f = {.first = MPQ_TIME_NEVER};

	for (unsigned i = 0; i < r->events; i++) {
		mpq_time at = r->event[i];
		mpq_duration off = off_time(at, r->event[anchor], period);

		if (off <= MPQ_RHYTHM_TOLERANCE) {
			f.first = f.outages == 0 ? at : f.first;
			f.last = at;
			f.outages++;
		}
	}
	f.periods = f.outages > 0 ? rounded(f.last - f.first, period) : 0;
	return f;
}

static bool is_believable(const struct mpq_rhythm *r, const struct fit *f)
{
	return f->outages >= FITTING_MIN &&
	       f->outages * 100 >= r->events * FITTING_PERCENT &&
	       (uint64_t)f->outages * 100 >= (f->periods + 1) * SEEN_PERCENT;
}

/* Of the latest that fit: an older one shows what the period is off, too. */
static mpq_duration most_off(const struct mpq_rhythm *r)
{
	mpq_duration most = 0;

	for (unsigned i = 0; i < r->events; i++) {
		mpq_time at = r->event[i];
		mpq_duration off = off_time(at, r->phase, r->period);

		if (off <= MPQ_RHYTHM_TOLERANCE && off > most &&
		    at + LATEST * r->period > r->phase) {
			most = off;
		}
	}
	return most;
}

/* Of all that two outages may mean, what most of them agree upon. */
static void learn(struct mpq_rhythm *r)
{
	unsigned best = 0;

	r->period = 0;
	for (unsigned i = 0; i + 1 < r->events; i++) {
		for (unsigned k = i + 1; k < r->events; k++) {
			for (unsigned part = 1; part <= PARTS; part++) {
				mpq_duration period =
					(r->event[k] - r->event[i]) / part;
				struct fit f;

				if (period < MPQ_RHYTHM_MIN ||
				    period > MPQ_RHYTHM_MAX) {
					continue;
				}
				f = fit(r, k, period);
				if (!is_believable(r, &f) ||
				    f.outages <= best) {
					continue;
				}
				best = f.outages;
				r->period = (f.last - f.first) / f.periods;
				r->phase = f.last;
				r->percent = best * 100 / r->events;
			}
		}
	}
}

void mpq_rhythm_outage(struct mpq_rhythm *r, mpq_time at)
{
	if (r->events > 0 &&
	    at - r->event[r->events - 1] < MPQ_RHYTHM_TOGETHER) {
		return;
	}
	if (r->events == MPQ_RHYTHM_REMEMBERED) {
		memmove(&r->event[0], &r->event[1],
			(MPQ_RHYTHM_REMEMBERED - 1) * sizeof(r->event[0]));
		r->events--;
	}
	r->event[r->events++] = at;
	r->lasts = true;
	learn(r);
	r->off = r->period > 0 ? most_off(r) : 0;
}

void mpq_rhythm_over(struct mpq_rhythm *r, mpq_time at)
{
	mpq_time began = r->events > 0 ? r->event[r->events - 1] : at;

	if (r->lasts && at > began) {
		r->length[r->lengths++ % MPQ_RHYTHM_LENGTHS] = at - began;
	}
	r->lasts = false;
}

mpq_time mpq_rhythm_next(const struct mpq_rhythm *r, mpq_time now)
{
	mpq_duration since = mpq_time_elapsed(r->phase, now);
	uint64_t passed;

	if (r->period == 0 || since > MISSED_MAX * r->period) {
		return MPQ_TIME_NEVER;
	}
	/* One that was due just now may still come. */
	passed = since > MPQ_RHYTHM_TOLERANCE
			 ? (since - MPQ_RHYTHM_TOLERANCE) / r->period
			 : 0;
	return r->phase + (passed + 1) * r->period;
}

bool mpq_rhythm_is_near(const struct mpq_rhythm *r, mpq_duration before,
			mpq_duration after, mpq_time now)
{
	mpq_time next = mpq_rhythm_next(r, now);

	if (next == MPQ_TIME_NEVER) {
		return false;
	}
	return now + before >= next || now <= next - r->period + after;
}

static mpq_duration longest(const struct mpq_rhythm *r)
{
	mpq_duration most = 0;

	for (unsigned i = 0; i < r->lengths && i < MPQ_RHYTHM_LENGTHS; i++) {
		most = r->length[i] > most ? r->length[i] : most;
	}
	return most;
}

bool mpq_rhythm_is_due(const struct mpq_rhythm *r, mpq_duration before,
		       mpq_time now)
{
	mpq_time next = mpq_rhythm_next(r, now);

	return next != MPQ_TIME_NEVER && r->off <= EXACT &&
	       now + before + r->off >= next &&
	       now < next + r->off + longest(r);
}
