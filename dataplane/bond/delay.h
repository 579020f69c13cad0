/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the headers of arriving datagrams tell about the paths that brought
 * them: delay of each against the others, jitter, true loss, reordering. Pure.
 *
 * The two ends' clocks are not synchronised, so a transit (arrival by our clock
 * minus departure by the sender's) has an unknown constant in it, the same for
 * all paths. Only differences mean something: between paths, and on one path
 * within seconds, over which the clocks hardly drift apart (100 ppm: 1 ms in
 * the 10 s that the minimum is kept).
 *
 * Loss is what is missing of the sequence on the path. What arrives late takes
 * its loss back.
 */
#ifndef MPQ_BOND_DELAY_H
#define MPQ_BOND_DELAY_H

#include "dataplane/bond/header.h"
#include "dataplane/bond/jitter.h"
#include "dataplane/bond/lately.h"

#define MPQ_DELAY_PATHS      8
#define MPQ_DELAY_REMEMBERED 1024 /* datagrams, to know one that came twice */
/* For so long a path that brings nothing is still compared with the others. */
#define MPQ_DELAY_IN_USE (1 * MPQ_SECOND)

typedef int64_t mpq_transit; /* nanoseconds, with the unknown constant */

/* The extreme of the last one to two spans; older when nothing came. */
struct mpq_delay_extreme {
	mpq_transit current, previous;
	mpq_time since; /* when current began */
};

struct mpq_delay_path {
	bool known;
	mpq_time heard; /* the last arrival */
	mpq_time sent;  /* the latest departure seen, by the sender's clock */
	mpq_transit transit;  /* of the last arrival */
	mpq_transit smoothed; /* over some 8 arrivals, or the last tenth of a
			       * second */
	struct mpq_delay_extreme low, high; /* over 5 to 10 s, 0.5 to 1 s */
	mpq_duration change;                /* from one to the next, mean */
	struct mpq_jitter jitter;           /* to be told */

	uint64_t expected, received; /* the first is number 1 */
	uint64_t next; /* sequence, 16 bits of it are on the wire */
	struct mpq_lately lately;
	uint64_t seen[MPQ_DELAY_REMEMBERED / 64];
	uint64_t reordered, repeated; /* counters */
	uint32_t reorder_pkts;        /* the deepest of the last seconds .. */
	mpq_duration reorder;         /* .. by the sender's clock */
	mpq_time reorder_since;
};

struct mpq_delay {
	bool started;
	mpq_time sent, heard; /* the last datagram of any path */
	struct mpq_delay_path paths[MPQ_DELAY_PATHS];
};

void mpq_delay_init(struct mpq_delay *d);

/* Forgets a path: it has a new connection, or has left the session. */
void mpq_delay_forget(struct mpq_delay *d, unsigned path);

/* A datagram of any kind arrived on `path`. Returns when it was
 * sent: the header's clock, unwrapped; its zero is arbitrary. */
mpq_time mpq_delay_arrived(struct mpq_delay *d, unsigned path,
			   const struct mpq_header *header, mpq_time now);

/* When one was sent that is of a connection of before: it tells nothing of the
 * path. */
mpq_time mpq_delay_sent(struct mpq_delay *d, const struct mpq_header *header,
			mpq_time now);

/* The paths that brought anything since they were forgotten, as bits. */
unsigned mpq_delay_known(const struct mpq_delay *d);
bool mpq_delay_in_use(const struct mpq_delay *d, unsigned path, mpq_time now);

/* Everything that was sent on this path before (not at) this time, by the
 * sender's clock, has arrived or is lost, as far as one can know.
 * MPQ_TIME_NEVER for a path that is not known. */
mpq_time mpq_delay_passed(const struct mpq_delay *d, unsigned path);

/* When what was sent at `sent` should have come on this path, at the latest:
 * highest transit of the last second, twice what it changes by from one to the
 * next, and 1 ms. */
mpq_time mpq_delay_due(const struct mpq_delay *d, unsigned path, mpq_time sent);

/* How much longer this path takes than the shortest in use; 0: not known. */
mpq_duration mpq_delay_offset(const struct mpq_delay *d, unsigned path,
			      mpq_time now);
/* What queues add on this path now, over the least of the last 10 s. */
mpq_duration mpq_delay_queueing(const struct mpq_delay *d, unsigned path);

/* Missing of what was sent on this path lately, in parts per million. */
uint32_t mpq_delay_loss_ppm(const struct mpq_delay *d, unsigned path);

#endif
