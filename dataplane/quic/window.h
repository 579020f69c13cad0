/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to send, and how much may be under way: at the rate that the path has
 * shown to deliver lately, with a round now and then that tries more, and one
 * that lets a queue go. In the place of the library's pacing, which each round
 * with a lost packet in it slows down (bw_lo in BBR's draft) until it probes
 * again seconds later: at 1 % of random loss a third of the link stays unused,
 * at 2 % two thirds. The library's congestion window holds as well, with its
 * answer to true congestion. Pure.
 */
#ifndef MPQ_QUIC_WINDOW_H
#define MPQ_QUIC_WINDOW_H

#include "common/clock.h"
#include "dataplane/quic/window_jitter.h"
#include "dataplane/quic/window_probe.h"
#include "dataplane/quic/window_steady.h"

#include <stdbool.h>
#include <stdint.h>

#define MPQ_WINDOW_ROUNDS 10

struct mpq_window_view { /* of the connection, now */
	/* RTT: the last sample, 0: none yet */
	mpq_duration rtt_latest, rtt_smoothed, rtt_variation;
	mpq_duration rtt_min; /* the library's; ours too, once we doctor some */
	uint64_t delivered_bytes; /* acknowledged, ever; what was lost is known
				   * by its number, so it is not to the byte */
	uint64_t in_flight_bytes, cwnd_bytes;
	uint64_t sent_pkts, lost_pkts; /* ever */
	uint64_t acked_pkts;           /* that were told, ever */
};

struct mpq_window {
	mpq_duration
		rtt_least[2]; /* of this span and the one before; 0: none */
	mpq_duration rtt_min; /* ever, as it was and not as we said; 0: none */
	mpq_duration round_least; /* RTT, since `queue` was told; 0: none yet */
	unsigned samples;         /* .. of so many */
	mpq_duration queue;       /* that stands in the path, as last found */
	struct mpq_window_jitter jitter; /* what it is without one */
	/* Rounds in which it stayed the same, and what they brought. */
	struct {
		mpq_duration rtt;
		unsigned rounds;
		uint64_t most_bps, least_bps;
	} same;
	mpq_time forgets; /* until then the library may be told; 0: nothing */
	mpq_duration least_before; /* when it was found */
	bool lower;                /* the least RTT since */
	/* The most that was delivered in a part of a round, of late. */
	mpq_time peak_since;
	uint64_t peak_bytes, peak_bps;
	uint64_t part_bps; /* the same, of this round */
	/* So many rounds more that it may be our queue, of what was tried, of
	 * the start. */
	unsigned pushed, start_shows;
	uint64_t jumped_bps; /* before the delay grew at once; 0: it did not */
	struct mpq_window_probe probe;
	struct mpq_window_steady steady;
	struct mpq_window_view view; /* the last */
	mpq_time span_since;
	mpq_time came;        /* when more was acknowledged, the last time .. */
	mpq_time came_before; /* .. and that when the round began */
	mpq_time round_since; /* 0: none yet */
	struct mpq_window_view before; /* when it began */
	/* Of this round: bursts, and those after which more was waiting. One
	 * packet that waits for another is no sign of a full path. */
	unsigned bursts, full_bursts;
	/* That left while more waited; in this round and in the one before. */
	uint64_t held_bytes, held_before;
	bool full;           /* this burst */
	bool early;          /* only the time of the next had not come */
	mpq_duration unused; /* of this round: the path waited for us */
	uint64_t
		rate_bps[MPQ_WINDOW_ROUNDS]; /* delivered, in the last rounds */
	unsigned round, cycle;
	unsigned tried;    /* rounds of this try, so far */
	bool grown;        /* by the last round that tried more */
	uint64_t full_bps; /* start-up: the most so far .. */
	unsigned flat;     /* .. and rounds without a quarter more */
	/* The same of what came in clumps: the most delivered in a part of a
	 * round, and the least of such since, in so many clumps. */
	uint64_t clump_most_bps, clump_bps;
	unsigned clumps;
	uint64_t pace_bps[2]; /* of this round and the one before; 0: start */
	bool short_queue;     /* what cannot wait uses the path, too */
	bool makes_room;      /* for ProbeRTT, which it would wait for else */
	bool drains;          /* what is left of the start */
	bool started;         /* the start is over */
	/* Of rounds that were no faster than the path: what is lost of them is
	 * not lost to our haste. */
	bool was_calm;
	uint32_t calm_pkts, calm_lost;
	mpq_time next; /* when the next burst may leave */
};

/* Something was acknowledged, or time has passed. */
void mpq_window_observe(struct mpq_window *w, const struct mpq_window_view *v,
			mpq_time now);
/* A burst of so many bytes left. */
void mpq_window_sent(struct mpq_window *w, uint64_t bytes, mpq_time now);
/* More was there than might be sent. */
void mpq_window_was_full(struct mpq_window *w, mpq_time now);

/* Does something that cannot wait use the path, beside what fills it? Then a
 * part of what it carries is left free. */
void mpq_window_keep_short(struct mpq_window *w, bool keep);

/* By how much later than now the next packet is to be said to leave, so that
 * the library does not probe for the round trip; and: that packet left. */
mpq_duration mpq_window_later(const struct mpq_window *w, mpq_time now);
void mpq_window_was_later(struct mpq_window *w, mpq_time now);

/* After an outage the way is longer: what the library takes for the least round
 * trip is wrong, and it may be told so when nothing is under way; and: it was.
 */
bool mpq_window_is_longer(const struct mpq_window *w, mpq_time now);
void mpq_window_was_told(struct mpq_window *w);

/* The least round trip of late, on the way that the path has now; 0: none. */
mpq_duration mpq_window_rtt_least(const struct mpq_window *w);

/* UINT64_MAX: nothing is known yet. */
uint64_t mpq_window_bytes(const struct mpq_window *w);
/* Of a burst; likewise. */
uint64_t mpq_window_quantum_bytes(const struct mpq_window *w);

#endif
