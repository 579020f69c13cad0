/* SPDX-License-Identifier: Apache-2.0 */
/* A modelled path with a queue, and a window that is to fill it. */
#ifndef MPQ_TESTS_QUIC_WINDOW_PATH_H
#define MPQ_TESTS_QUIC_WINDOW_PATH_H

#include "tests/unit/quic/window_fixture.h"

#define PATH_PKTS 20000

struct path {
	struct fixture *f;
	double bps, rtt_ms, loss; /* now */
	double jitter_ms;         /* up to so much more, in order */
	double wander_ms;         /* all the time, up to so much either way */
	double queue_pkts;
	unsigned waits[400], steps; /* of the queue, by ms */
	bool limited;               /* we have more than it carries */
	uint64_t left_bytes;        /* there is to send */
	mpq_time sent[PATH_PKTS], back[PATH_PKTS];
	bool lost[PATH_PKTS];
	uint64_t head, tail; /* under way: head .. tail - 1 */
	uint64_t acked, unacked;
	uint32_t random;
	struct {
		mpq_time since;
		double from, to;
	} wander;
	mpq_duration least_told;
};

/* Of so many Mbit/s and ms, on a fixture's window; free() ends it. */
struct path *path_new(struct fixture *f, double mbps, double rtt_ms);
/* Sends what there is to send, for so long. */
void flow(struct path *p, double seconds);

/* Of the link's rate, in the last run of so many seconds. */
double used(const struct path *p, double seconds);
/* Milliseconds that so many of 100 packets find less than; 95 of them. */
unsigned queue_of(const struct path *p, unsigned percent);
unsigned queue_ms(const struct path *p);

#endif
