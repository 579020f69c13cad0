/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/window_steady.h"

enum {
	CAME = 90,      /* per cent of what was sent, or it did not */
	CAME_LONG = 80, /* a try over many rounds ends in jitter, too */
	QUEUE_PART = 4, /* of the queue it would make, and there is none */
	USUAL_PART = 4, /* that a round counts for, and .. */
	USUAL_LONG = 8, /* .. where it tells little */
	OFF_PART = 16,
	RISE_PART = 2,  /* of what was tried, until that is sure */
	FALL_PART = 8,  /* of what came less; .. */
	FELL_PART = 2,  /* .. after it has risen much */
	FALL_LONG = 3,  /* of what was tried in vain, at least */
	LIKELY = 2,     /* tries in a row, .. */
	SOME_MORE = 10, /* .. then per cent: no great queue if that is wrong */
	SURE = 4,
	MUCH_MORE = 25,
	LONG = 30, /* rounds of a try, times their mean is off of itself */
	LONG_MAX = 6,
	IS_LONG = 3,
};

/* More is another way, or a queue that no jitter made. */
#define OFF_MAX(off) (4 * (off) + 2 * MPQ_MILLISECOND)

void mpq_window_steady_begin(struct mpq_window_steady *s)
{
	s->rtt_sum = 0;
	s->samples = 0;
}

void mpq_window_steady_sample(struct mpq_window_steady *s, mpq_duration rtt)
{
	s->rtt_sum += rtt;
	s->samples++;
}

unsigned mpq_window_steady_rounds(const struct mpq_window_steady *s)
{
	uint64_t rounds = 1 + LONG * s->off / (s->usual + 1);

	return rounds < LONG_MAX ? (unsigned)rounds : LONG_MAX;
}

bool mpq_window_steady_is_long(const struct mpq_window_steady *s)
{
	return mpq_window_steady_rounds(s) >= IS_LONG;
}

/* On a path that carries no more it would grow all the time, to this. */
static bool left_no_queue(const struct mpq_window_steady *s,
			  const struct mpq_window_try *t, uint64_t sent_bps)
{
	mpq_duration queue = t->rtt / MPQ_MICROSECOND * s->tries.rounds *
			     (sent_bps - t->most_bps) / (t->most_bps + 1) *
			     MPQ_MICROSECOND;

	return s->usual > 0 && s->tries.samples > 0 &&
	       s->tries.rtt / s->tries.samples < s->usual + queue / QUEUE_PART;
}

/* Half of the tries that fill a path to its brim look as if they did not, or
 * the other way round, so that they are worth the same. */
static void rise(struct mpq_window_steady *s, uint64_t most_bps,
		 uint64_t sent_bps, uint64_t came_bps)
{
	uint64_t enough = mpq_window_steady_is_long(s) ? CAME_LONG : CAME;
	unsigned part;

	s->through = came_bps * 100 >= sent_bps * enough ? s->through + 1 : 0;
	part = s->through > SURE || mpq_window_steady_is_long(s) ? 1
								 : RISE_PART;
	came_bps = mpq_window_steady_is_long(s) && s->through > 0 ? sent_bps
								  : came_bps;
	s->bps = came_bps > most_bps ? most_bps + (came_bps - most_bps) / part
				     : most_bps;
}

static void fall(struct mpq_window_steady *s, uint64_t most_bps,
		 uint64_t sent_bps, uint64_t came_bps)
{
	bool much =
		s->through >= LIKELY || (mpq_window_steady_is_long(s) &&
					 came_bps * 100 < most_bps * CAME_LONG);
	uint64_t less = most_bps > came_bps ? most_bps - came_bps : 0;
	uint64_t least = mpq_window_steady_is_long(s)
				 ? (sent_bps - most_bps) / RISE_PART
				 : 0;

	s->through = 0;
	less /= much ? FELL_PART : FALL_PART;
	s->bps = most_bps - (less > least ? less : least);
}

static void add(struct mpq_window_steady *s, const struct mpq_window_try *t)
{
	s->tries.rounds++;
	s->tries.samples += s->samples;
	s->tries.rtt += s->rtt_sum;
	s->tries.sent_bps += t->sent_bps;
	s->tries.came_bps += t->came_bps;
}

/* No more can come than was sent: beyond that it is jitter. */
bool mpq_window_steady_tried(struct mpq_window_steady *s,
			     const struct mpq_window_try *t)
{
	uint64_t sent, came;

	add(s, t);
	if (s->tries.rounds < mpq_window_steady_rounds(s)) {
		return false;
	}
	sent = s->tries.sent_bps / s->tries.rounds;
	came = s->tries.came_bps / s->tries.rounds;
	came = came < sent ? came : sent;
	if (left_no_queue(s, t, sent)) {
		rise(s, t->most_bps, sent, came);
	} else {
		fall(s, t->most_bps, sent, came);
	}
	s->tries = (struct mpq_window_steady_tries){0};
	return true;
}

void mpq_window_steady_rested(struct mpq_window_steady *s)
{
	unsigned part = mpq_window_steady_is_long(s) ? USUAL_LONG : USUAL_PART;
	mpq_duration mean, off;

	if (s->samples == 0) {
		return;
	}
	mean = s->rtt_sum / s->samples;
	if (s->usual == 0) {
		s->usual = mean;
		return;
	}
	off = mean > s->usual ? mean - s->usual : s->usual - mean;
	off = off < OFF_MAX(s->off) ? off : OFF_MAX(s->off);
	s->off = s->off - s->off / OFF_PART + off / OFF_PART;
	s->usual = s->usual - s->usual / part + mean / part;
}

unsigned mpq_window_steady_more(const struct mpq_window_steady *s)
{
	return s->through < LIKELY ? 0
	       : s->through < SURE ? SOME_MORE
				   : MUCH_MORE;
}
