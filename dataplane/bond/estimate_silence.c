/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the path answers, and from when on its silence means something. */
#include "dataplane/bond/estimate_private.h"

enum {
	IGNORED = 3, /* so many unanswered are no tail of a burst */
	PAUSES = 3,
};
#define ACK_DELAY (25 * MPQ_MILLISECOND)
#define FADED     (500 * MPQ_MILLISECOND)
#define OVERDUE   (10 * MPQ_MILLISECOND) /* what a busy machine takes */

void mpq_estimate_silence_sent(struct mpq_estimate *e, mpq_time now)
{
	if (e->unanswered == MPQ_TIME_NEVER) {
		e->unanswered = now;
	}
	if (++e->waiting >= IGNORED && e->ignored == MPQ_TIME_NEVER) {
		e->ignored = now;
	}
}

/* What came in a silence's time is no rate. */
void mpq_estimate_silence_end(struct mpq_estimate *e, mpq_time now)
{
	if (now >= mpq_estimate_silent_at(e)) {
		e->outage_id = e->next_id;
		e->sample.start = MPQ_TIME_NEVER;
		e->flat = 0;
		mpq_capacity_skip(&e->capacity);
	}
}

static mpq_time sent_at(const struct mpq_estimate *e,
			const struct mpq_estimate_sent *s)
{
	return e->seen -
	       (mpq_estimate_us(e->seen) - s->at_us) * MPQ_MICROSECOND;
}

/* From one answer to the next; the round trip to the first one is none. */
static void note_pause(struct mpq_estimate *e)
{
	mpq_duration pause = mpq_time_elapsed(e->answered, e->seen);
	mpq_duration part = pause < FADED ? pause : FADED;

	if (e->unanswered != e->answered) {
		return;
	}
	e->newest.pause -= e->newest.pause / MPQ_MICROSECOND * part / FADED *
			   MPQ_MICROSECOND;
	e->newest.pause = pause > e->newest.pause ? pause : e->newest.pause;
}

/* Queues grow and shrink within a few round trips, so that what is smoothed
 * over as many says little of the next answer; the last one says more. */
void mpq_estimate_silence_acked(struct mpq_estimate *e,
				const struct mpq_estimate_sent *s)
{
	mpq_duration trip = mpq_time_elapsed(sent_at(e, s), e->seen);
	mpq_duration change = trip > e->newest.rtt ? trip - e->newest.rtt
						   : e->newest.rtt - trip;

	if (s->id <= e->newest.next) {
		return;
	}
	if (e->newest.next > 0) {
		e->newest.jitter += change / 16;
		e->newest.jitter -= e->newest.jitter / 16;
		note_pause(e);
	}
	e->newest.next = s->id;
	e->newest.rtt = trip;
}

void mpq_estimate_answered(struct mpq_estimate *e, mpq_time now)
{
	mpq_estimate_silence_end(e, now);
	e->answered = now;
	e->unanswered = e->outstanding > 0 ? now : MPQ_TIME_NEVER;
	e->ignored = e->outstanding >= IGNORED ? now : MPQ_TIME_NEVER;
	e->waiting =
		e->outstanding < IGNORED ? (unsigned)e->outstanding : IGNORED;
}

mpq_time mpq_estimate_silent_at(const struct mpq_estimate *e)
{
	mpq_duration usual = mpq_estimate_rtt(e) + 4 * e->view.rtt_variation;
	mpq_time probed;

	if (e->unanswered == MPQ_TIME_NEVER) {
		return MPQ_TIME_NEVER;
	}
	/* RFC 9002 §6.2.1: sent after the usual time and the peer's largest
	 * delay, and answered a round trip later. */
	probed = e->unanswered + usual + ACK_DELAY + usual +
		 MPQ_ESTIMATE_SILENCE_SLACK;
	return e->ignored == MPQ_TIME_NEVER
		       ? probed
		       : mpq_time_min(probed,
				      e->ignored + usual +
					      MPQ_ESTIMATE_SILENCE_SLACK);
}

/* An acknowledgement is due with the second of them at the latest; they are
 * answered in turn, so that other than above nobody has to begin to wait anew
 * with each answer. */
mpq_time mpq_estimate_overdue_at(const struct mpq_estimate *e)
{
	uint64_t id = e->newest.next + IGNORED - 1;
	const struct mpq_estimate_sent *s =
		&e->sent[id % MPQ_ESTIMATE_REMEMBERED];

	if (s->id != id + 1 || s->lost || e->newest.next == 0) {
		return MPQ_TIME_NEVER;
	}
	return sent_at(e, s) + e->newest.rtt + 4 * e->newest.jitter + OVERDUE;
}

/* Longer than it was usual lately. */
static mpq_duration long_pause(const struct mpq_estimate *e)
{
	mpq_duration pause = PAUSES * e->newest.pause;

	return pause > MPQ_ESTIMATE_SILENCE_SLACK ? pause
						  : MPQ_ESTIMATE_SILENCE_SLACK;
}

mpq_time mpq_estimate_quiet_at(const struct mpq_estimate *e)
{
	mpq_time overdue = mpq_estimate_overdue_at(e);
	mpq_time quiet = e->answered + long_pause(e);

	return overdue > quiet ? overdue : quiet;
}

/* A peer that is busy, or we, are silent on all paths. What each way takes is
 * taken out; without queues, as those may be gone meanwhile. */
bool mpq_estimate_spoke_after(const struct mpq_estimate *e,
			      const struct mpq_estimate *other)
{
	return e->answered + other->view.rtt_min / 2 >
	       other->answered + e->view.rtt_min / 2 + long_pause(other);
}
