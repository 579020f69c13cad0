/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BBR's ProbeRTT, and how to do without it: the library would halve its window
 * for 200 ms and a round trip, each five seconds in which no sample was less
 * than all before, to see the path without a queue. Here a queue is short and
 * known, so now and then a packet is said to leave a little later than it does;
 * its sample is less by that. When this has told the library a sixth too
 * little, ProbeRTT is let come, and all begins again. Pure; which samples are
 * the path's own is asked here, what follows from them is quic/window's.
 */
#ifndef MPQ_QUIC_WINDOW_PROBE_H
#define MPQ_QUIC_WINDOW_PROBE_H

#include "common/clock.h"

#include <stdbool.h>

struct mpq_window_probe {
	mpq_duration least; /* the library's, by its rule; 0: none yet */
	mpq_time since;     /* when it was taken */
	mpq_time tried;     /* the last packet that was said to be late */
	unsigned tries;     /* that were not enough */
	mpq_time began;     /* the last ProbeRTT that came all the same */
};

/* Something was acknowledged, and the library has this sample; 0: it has none,
 * as when what was acknowledged last was no more than an acknowledgement. Then
 * its interval ends as well, but what was the least remains. */
void mpq_window_probe_observe(struct mpq_window_probe *p, mpq_duration rtt,
			      mpq_time now);

/* Is this sample less than the path's `least`, because we said so? */
bool mpq_window_probe_doctored(const struct mpq_window_probe *p,
			       mpq_duration rtt, mpq_duration least,
			       mpq_duration rtt_smoothed, mpq_time now);

/* Is ProbeRTT due within a round trip, or under way? */
bool mpq_window_probe_is_near(const struct mpq_window_probe *p,
			      mpq_duration rtt_smoothed, mpq_time now);

/* By how much later than now the next packet is to be said to leave; `rtt`: its
 * own, as far as can be told. When it leaves, tell with ..tried(). */
mpq_duration mpq_window_probe_later(const struct mpq_window_probe *p,
				    mpq_duration rtt, mpq_duration least,
				    mpq_duration rtt_smoothed, mpq_time now);
void mpq_window_probe_tried(struct mpq_window_probe *p, mpq_time now);

#endif
