/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one path can do just now, as its connection shows it: delay, capacity,
 * loss, and what stands in front of it. Pure; decides nothing.
 *
 * Capacity is what was delivered in a time, taken over about a round trip. Only
 * when the sender always had more to send does that say what the path can do
 * (a full sample); otherwise it says what it can do at least. A path that was
 * not filled lately, or whose rate still grows with each sample, is not
 * `proven`: its capacity is what it did at least, or what its window allows if
 * that is more.
 */
#ifndef MPQ_BOND_ESTIMATE_H
#define MPQ_BOND_ESTIMATE_H

#include "common/clock.h"
#include "dataplane/bond/capacity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_ESTIMATE_REMEMBERED 8192 /* datagrams in flight */
/* So long a full sample is believed, unless it shows much less than others
 * did. */
#define MPQ_ESTIMATE_PROVEN (60 * MPQ_SECOND)
/* Shorter silences are acknowledgements that wait for company. */
#define MPQ_ESTIMATE_SILENCE_SLACK (35 * MPQ_MILLISECOND)

/* What the connection shows; see struct mpq_conn_info. */
struct mpq_estimate_view {
	mpq_duration rtt_smoothed, rtt_min, rtt_variation; /* 0: unknown */
	mpq_duration rtt_least; /* of late, after a hand-over; likewise */
	/* Of this direction, from the peer's clock; 0: unknown, half the RTT */
	mpq_duration one_way;
	/* On the way, in this direction, as the peer sees it; 0: unknown. */
	mpq_duration queueing, jitter;
	uint64_t cwnd_bytes, in_flight_bytes;
	uint32_t wire_bytes; /* that a datagram has on the wire beside its own
			      */
	uint32_t max_bytes;  /* of a packet that it carries; 0: unknown, any */
};

struct mpq_estimate {
	struct mpq_estimate_view view;
	struct { /* least smoothed RTT of this span and of the one before */
		mpq_duration now, before;
		mpq_time since;
	} base;
	uint64_t queued_bytes;        /* in our own queue in front of it */
	struct mpq_capacity capacity; /* to be told; of the path */

	struct mpq_estimate_sent { /* ring, by id */
		uint64_t id;       /* + 1; 0: empty */
		uint16_t len_bytes;
		bool lost;
		uint32_t at_us;    /* when, of its last 32 bits */
		mpq_duration idle; /* of the path, in all, until then */
	} sent[MPQ_ESTIMATE_REMEMBERED];

	struct {                /* the sample under way */
		mpq_time start; /* an acknowledgement; MPQ_TIME_NEVER: none */
		mpq_duration idle; /* when what it acknowledged was sent */
		uint64_t bytes;
		unsigned pkts;
		bool standing; /* a queue in the path, all the time */
	} sample;
	mpq_duration idle;         /* in all: nothing was waiting to be sent */
	mpq_time idle_since;       /* MPQ_TIME_NEVER: something is */
	mpq_time seen;             /* the last time that we were told of */
	uint64_t rate_bps;         /* 0: no sample yet */
	mpq_time proven;           /* last full sample; MPQ_TIME_NEVER: never */
	mpq_duration believed;     /* for so long */
	struct mpq_estimate_most { /* proven, of the path: outlives restart */
		uint64_t bps;
		mpq_time at;
	} most;
	unsigned flat;        /* full samples in a row that brought no more */
	mpq_time answered;    /* last acknowledgement, or start */
	mpq_time unanswered;  /* so long something waits for one, else NEVER */
	mpq_time ignored;     /* so long some of them do; NEVER: fewer wait */
	unsigned waiting;     /* sent since the last answer, or before */
	uint64_t outstanding; /* datagrams neither acknowledged nor lost */

	struct mpq_estimate_recent { /* lately: halved every so often */
		uint32_t acked, lost;
		mpq_time halved;
	} recent;
	uint64_t acked, lost, spurious; /* totals */
	uint64_t congested;  /* of the lost: a queue stood at the bottleneck */
	uint64_t in_outages; /* of the lost: sent before a silence ended */
	uint64_t next_id, outage_id; /* sent before it: lost in an outage */
	struct { /* the latest sent of those acknowledged, so far */
		uint64_t next;       /* its id + 1 */
		mpq_duration rtt;    /* .. and what its way took */
		mpq_duration jitter; /* RFC 3550 §6.4.1, of round trips */
		mpq_duration pause;  /* longest lately between two of them,
				      * while something was to be answered */
	} newest;
};

void mpq_estimate_init(struct mpq_estimate *e, mpq_time now);
/* The same for one that was in use, or is zeroed: another connection of the
 * path. Touches no more memory than was used. */
void mpq_estimate_restart(struct mpq_estimate *e, mpq_time now);
/* Another connection of a path that goes on: its losses are as they were. */
void mpq_estimate_renew(struct mpq_estimate *e, mpq_time now);

/* Each time something was read from the connection. */
void mpq_estimate_observe(struct mpq_estimate *e,
			  const struct mpq_estimate_view *view, mpq_time now);
/* Our queue in front of the path has changed. Empty: it is idle from now on,
 * also when something waits that it was told to leave to others. */
void mpq_estimate_queued(struct mpq_estimate *e, uint64_t bytes);

/* The connection took a datagram; it was taken out of our queue before. */
void mpq_estimate_sent(struct mpq_estimate *e, uint64_t id, size_t len_bytes,
		       mpq_time now);
void mpq_estimate_acked(struct mpq_estimate *e, uint64_t id, mpq_time now);
/* May be followed by acked: then it was spurious, and is taken back. */
void mpq_estimate_lost(struct mpq_estimate *e, uint64_t id, mpq_time now);
/* Anything at all came from the peer; before the losses that it shows are told.
 * An acknowledgement says so itself. */
void mpq_estimate_answered(struct mpq_estimate *e, mpq_time now);

/* Never 0. A path that has stopped answering slows down here by itself. */
uint64_t mpq_estimate_rate_bps(const struct mpq_estimate *e, mpq_time now);
/* Was it filled lately? If not, it can perhaps do more than rate_bps. */
bool mpq_estimate_is_proven(const struct mpq_estimate *e, mpq_time now);
/* Does the peer tell of a queue in the path, longer than hand-overs and jitter
 * look like? */
bool mpq_estimate_is_standing(const struct mpq_estimate *e);

/* Does a queue of ours stand there, by the round trip? It may be what loses. */
bool mpq_estimate_is_congested(const struct mpq_estimate *e);

/* Lost for good of those sent lately, in parts per million; without those that
 * a full bottleneck dropped, which a start of BBR brings about, and those of a
 * silence, which has its own consequences. */
uint32_t mpq_estimate_loss_ppm(const struct mpq_estimate *e, mpq_time now);
/* Is that more than so much, by a standard deviation? Few say little: of 25
 * sent, a path that loses 5 % loses 3 or more each eighth time. */
bool mpq_estimate_loses(const struct mpq_estimate *e, uint64_t max_ppm,
			mpq_time now);

uint64_t mpq_estimate_window_left(const struct mpq_estimate *e);
mpq_duration mpq_estimate_one_way(const struct mpq_estimate *e);
/* Without the queues that we made ourselves lately: what the path's delay is
 * once the start of a burst is over. */
mpq_duration mpq_estimate_one_way_base(const struct mpq_estimate *e);

/* From when on its silence, with something unanswered, means that it is gone
 * or handing over; MPQ_TIME_NEVER: nothing is unanswered. One or two that were
 * lost at the end of a burst are no silence: they have until their
 * connection's probe must have been answered. */
mpq_time mpq_estimate_silent_at(const struct mpq_estimate *e);
/* From when on an answer to what was sent last is overdue, and from when on
 * nothing came meanwhile for longer than lately. The latter means silence, too,
 * when the peer itself speaks: mpq_estimate_spoke_after(). MPQ_TIME_NEVER: too
 * little was sent since what was last acknowledged. */
mpq_time mpq_estimate_overdue_at(const struct mpq_estimate *e);
mpq_time mpq_estimate_quiet_at(const struct mpq_estimate *e);
/* Did the peer send something by this path well after what it sent last by the
 * other one? */
bool mpq_estimate_spoke_after(const struct mpq_estimate *e,
			      const struct mpq_estimate *other);

#endif
