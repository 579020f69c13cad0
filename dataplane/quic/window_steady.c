/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/window_steady.h"

#include <stdbool.h>

enum {
	CAME = 90,      /* per cent of what was sent, or it did not */
	QUEUE_PART = 4, /* of the queue it would make, and there is none */
	USUAL_PART = 4, /* that a round counts for */
	RISE_PART = 2,  /* of what was tried, until that is sure */
	FALL_PART = 8,  /* of what came less; .. */
	FELL_PART = 2,  /* .. after it has risen much */
	LIKELY = 2,     /* tries in a row, .. */
	SOME_MORE = 10, /* .. then per cent: no great queue if that is wrong */
	SURE = 4,
	MUCH_MORE = 25,
};

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

static mpq_duration mean(const struct mpq_window_steady *s)
{
	return s->samples > 0 ? s->rtt_sum / s->samples : 0;
}

static bool left_no_queue(const struct mpq_window_steady *s,
			  const struct mpq_window_try *t)
{
	mpq_duration queue = t->rtt / MPQ_MICROSECOND *
			     (t->sent_bps - t->most_bps) / (t->most_bps + 1) *
			     MPQ_MICROSECOND;

	return s->usual > 0 && s->samples > 0 &&
	       mean(s) < s->usual + queue / QUEUE_PART;
}

/* No more can come than was sent: beyond that it is jitter. */
void mpq_window_steady_tried(struct mpq_window_steady *s,
			     const struct mpq_window_try *t)
{
	uint64_t came = t->came_bps < t->sent_bps ? t->came_bps : t->sent_bps;
	unsigned part;

	if (left_no_queue(s, t)) {
		s->through =
			came * 100 >= t->sent_bps * CAME ? s->through + 1 : 0;
		part = s->through > SURE ? 1 : RISE_PART;
		s->bps = came > t->most_bps
				 ? t->most_bps + (came - t->most_bps) / part
				 : t->most_bps;
	} else {
		part = s->through >= LIKELY ? FELL_PART : FALL_PART;
		s->through = 0;
		s->bps = came < t->most_bps
				 ? t->most_bps - (t->most_bps - came) / part
				 : t->most_bps;
	}
}

void mpq_window_steady_rested(struct mpq_window_steady *s)
{
	if (s->samples > 0) {
		s->usual = s->usual > 0 ? s->usual - s->usual / USUAL_PART +
						  mean(s) / USUAL_PART
					: mean(s);
	}
}

unsigned mpq_window_steady_more(const struct mpq_window_steady *s)
{
	return s->through < LIKELY ? 0
	       : s->through < SURE ? SOME_MORE
				   : MUCH_MORE;
}
