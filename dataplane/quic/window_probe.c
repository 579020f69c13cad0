/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/window_probe.h"

#define EACH  (5 * MPQ_SECOND)        /* ProbeRTTInterval, in the library */
#define LASTS (200 * MPQ_MILLISECOND) /* ProbeRTTDuration */
#define SLACK (30 * MPQ_MILLISECOND)  /* of acknowledgements */
/* Each that was enough brings the next ProbeRTT nearer, so they are as few as
 * there is time for: the last of the interval, in which enough can be tried. */
#define TRIED(rtt) (1500 * MPQ_MILLISECOND + 15 * (rtt))
#define REST_MIN   (1 * MPQ_SECOND)
#define STEP_MIN   (100 * MPQ_MICROSECOND) /* less, or .. */
#define STEP_PART  256                     /* .. of a round trip; doubled .. */
#define TRIES      4                       /* .. after so many .. */
#define STEPS      5                       /* .. so often */
#define PART       6                       /* too little at most */

void mpq_window_probe_observe(struct mpq_window_probe *p, mpq_duration rtt,
			      mpq_time now)
{
	bool over = now > p->since + EACH;

	if (p->least == 0 || over || (rtt > 0 && rtt < p->least)) {
		p->began = over && p->least > 0 ? now : p->began;
		p->least = rtt > 0 ? rtt : p->least;
		p->since = now;
		p->tries = 0;
	}
}

bool mpq_window_probe_doctored(const struct mpq_window_probe *p,
			       mpq_duration rtt, mpq_duration least,
			       mpq_duration rtt_smoothed, mpq_time now)
{
	return p->tried > 0 && rtt < least &&
	       now - p->tried < 2 * rtt_smoothed + SLACK;
}

static mpq_duration rest(mpq_duration rtt)
{
	return TRIED(rtt) < EACH - REST_MIN ? EACH - TRIED(rtt) : REST_MIN;
}

static mpq_duration step(const struct mpq_window_probe *p, mpq_duration least)
{
	unsigned doubled = p->tries / TRIES;
	mpq_duration once =
		least / STEP_PART > STEP_MIN ? least / STEP_PART : STEP_MIN;

	return once << (doubled < STEPS ? doubled : STEPS);
}

bool mpq_window_probe_is_near(const struct mpq_window_probe *p,
			      mpq_duration rtt_smoothed, mpq_time now)
{
	mpq_time due = p->since + EACH;

	return p->least > 0 && ((now + rtt_smoothed + SLACK > due &&
				 now < due + rtt_smoothed) ||
				(p->began > 0 && now < p->began + LASTS));
}

mpq_duration mpq_window_probe_later(const struct mpq_window_probe *p,
				    mpq_duration rtt, mpq_duration least,
				    mpq_duration rtt_smoothed, mpq_time now)
{
	mpq_duration more = step(p, least);

	if (p->least == 0 || now < p->since + rest(rtt_smoothed) ||
	    now < p->tried + rtt_smoothed + SLACK ||
	    p->least < least - least / PART || rtt > least + least / PART) {
		return 0;
	}
	/* Its queue may be gone when it gets there, and then it says too much:
	 * no more is made up for than is tried. */
	rtt = rtt < least + more ? rtt : least + more;
	return (rtt > p->least ? rtt - p->least : 0) + more;
}

void mpq_window_probe_tried(struct mpq_window_probe *p, mpq_time now)
{
	p->tried = now;
	p->tries++;
}
