/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/quic/window_probe.h"

#define EACH  (5 * MPQ_SECOND)        /* ProbeRTTInterval, in the library */
#define REST  (2 * MPQ_SECOND)        /* after one that was enough */
#define SLACK (30 * MPQ_MILLISECOND)  /* of acknowledgements */
#define STEP  (100 * MPQ_MICROSECOND) /* less, doubled .. */
#define TRIES 4                       /* .. after so many .. */
#define STEPS 5                       /* .. so often */
#define PART  10                      /* too little at most */

void mpq_window_probe_observe(struct mpq_window_probe *p, mpq_duration rtt,
			      mpq_time now)
{
	if (p->least == 0 || rtt < p->least || now > p->since + EACH) {
		p->least = rtt;
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

mpq_duration mpq_window_probe_later(const struct mpq_window_probe *p,
				    mpq_duration rtt, mpq_duration least,
				    mpq_duration rtt_smoothed, mpq_time now)
{
	unsigned doubled = p->tries / TRIES;

	if (p->least == 0 || now < p->since + REST ||
	    now < p->tried + rtt_smoothed + SLACK ||
	    p->least < least - least / PART || rtt > least + least / PART) {
		return 0;
	}
	return (rtt > p->least ? rtt - p->least : 0) +
	       (STEP << (doubled < STEPS ? doubled : STEPS));
}

void mpq_window_probe_tried(struct mpq_window_probe *p, mpq_time now)
{
	p->tried = now;
	p->tries++;
}
