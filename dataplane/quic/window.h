/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to send, and how much may be under way. A path is kept busy and its
 * queue short: the rate at which it delivers, times what the queue says that
 * the last round found: a little more while there is none, less when it grows
 * beyond a few milliseconds. A queue that stands where it was meant to is the
 * proof that there is no more to be had, so nothing is tried at the expense of
 * those who share the path. A delay that stays although less was sent is not
 * ours (a satellite's hand-over, others' traffic): it belongs to the path from
 * then on.
 *
 * In the place of the library's pacing, which each round with a lost packet in
 * it slows down (bw_lo in BBR's draft) until it probes again seconds later: at
 * 1 % of random loss a third of the link stays unused, at 2 % two thirds. The
 * library's congestion window holds as well, with its answer to true
 * congestion. Pure.
 */
#ifndef MPQ_QUIC_WINDOW_H
#define MPQ_QUIC_WINDOW_H

#include "common/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct mpq_window_view { /* of the connection, now */
	/* RTT: the last sample, 0: none yet */
	mpq_duration rtt_latest, rtt_smoothed, rtt_variation;
	mpq_duration rtt_min; /* the library's; ours too, once we doctor some */
	uint64_t delivered_bytes; /* acknowledged, ever */
	uint64_t in_flight_bytes, cwnd_bytes;
	uint64_t sent_pkts, lost_pkts; /* ever */
};

/*
 * BBR's ProbeRTT: the library would halve its window for 200 ms and a round
 * trip, each five seconds in which no sample was less than all before, to see
 * the path without a queue. Here a queue is short and known, so now and then a
 * packet is said to leave a little later than it does; its sample is less by
 * that. When this has told the library a tenth too little, ProbeRTT is let
 * come, and all begins again.
 */
struct mpq_window_probe {
	mpq_duration least; /* the library's, by its rule; 0: none yet */
	mpq_time since;     /* when it was taken */
	mpq_time tried;     /* the last packet that was said to be late */
	unsigned tries;     /* that were not enough */
};

struct mpq_window {
	mpq_duration
		rtt_least[2]; /* of this span and the one before; 0: none */
	mpq_duration rtt_min; /* ever, as it was and not as we said; 0: none */
	struct mpq_window_view view; /* the last */
	mpq_time span_since;
	mpq_time round_since;          /* 0: none yet */
	struct mpq_window_view before; /* when it began */
	mpq_duration round_least;      /* RTT, of this round; 0: none yet */
	mpq_duration queue;            /* that the last round found */
	unsigned gain;                 /* per cent of rate_bps */
	unsigned empty; /* rounds in a row that found hardly any */
	/* When less began to be sent, to let a queue go. 0: it is not. */
	mpq_duration drain_rtt;
	uint64_t drain_in_flight;
	/* What was delivered when the queue was first found, and its delay. */
	uint64_t queued_bps;
	mpq_duration queued_rtt;
	/* The most that was delivered in a part of this round. */
	mpq_time peak_since;
	uint64_t peak_bytes, peak_bps;
	uint64_t jumped_bps; /* before the delay grew at once; 0: it did not */
	mpq_time looked;     /* for a queue that always stood there */
	mpq_duration looked_rtt;
	unsigned looks; /* rounds until it is known; 0: not looking */
	/* Of this round: bursts, and those after which more was waiting. One
	 * packet that waits for another is no sign of a full path. */
	unsigned bursts, full_bursts;
	bool full;           /* this burst */
	bool early;          /* only the time of the next had not come */
	mpq_duration unused; /* of this round: the path waited for us */
	uint64_t rate_bps;   /* that it delivers */
	uint64_t full_bps;   /* start-up: the most so far .. */
	unsigned flat;       /* .. and rounds without a quarter more */
	bool started;        /* the start is over */
	/* Of rounds that were no faster than the path: what is lost of them is
	 * not lost to our haste. */
	bool was_calm;
	uint32_t calm_pkts, calm_lost;
	struct mpq_window_probe probe;
	mpq_time next; /* when the next burst may leave */
};

/* Something was acknowledged, or time has passed. */
void mpq_window_observe(struct mpq_window *w, const struct mpq_window_view *v,
			mpq_time now);
/* A burst of so many bytes left. */
void mpq_window_sent(struct mpq_window *w, uint64_t bytes, mpq_time now);
/* More was there than might be sent. */
void mpq_window_was_full(struct mpq_window *w, mpq_time now);

/* By how much later than now the next packet is to be said to leave. */
mpq_duration mpq_window_later(struct mpq_window *w, mpq_time now);

/* UINT64_MAX: nothing is known yet. */
uint64_t mpq_window_bytes(const struct mpq_window *w);
/* Of a burst; UINT64_MAX: nothing is known yet. */
uint64_t mpq_window_quantum_bytes(const struct mpq_window *w);

#endif
