/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A modelled sender with congestion control: what sim_steer uses both for the
 * outer connection of a path (BBR-like) and for inner flows (CUBIC, BBR-like,
 * or QUIC-like). Every datagram has its own id, as in QUIC; what is in it is
 * the owner's business. Models, not implementations: rounds, gains and
 * thresholds are the real ones, corner cases are not.
 */
#ifndef MPQ_TESTS_SIM_STEER_TRANSPORT_H
#define MPQ_TESTS_SIM_STEER_TRANSPORT_H

#include "common/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_TRANSPORT_FLIGHT 16384
#define SIM_TRANSPORT_MSS    1500
#define SIM_TRANSPORT_ROUNDS 10

enum sim_transport_kind {
	SIM_TRANSPORT_CUBIC, /* TCP: RACK once reordering was seen */
	SIM_TRANSPORT_QUIC,  /* CUBIC, packet threshold 3 for ever */
	SIM_TRANSPORT_BBR
};

struct sim_transport_packet {
	uint64_t id; /* + 1; 0: done with */
	mpq_time sent, delivered_at;
	uint64_t delivered;
	uint16_t len;
	bool lost, limited;
};

struct sim_transport {
	enum sim_transport_kind kind;
	bool outer;
	uint64_t next, oldest, largest_acked; /* ids; largest + 1, 0: none */
	mpq_time largest_sent;
	uint64_t cwnd, in_flight, ssthresh;
	mpq_duration srtt, variation, min_rtt;
	mpq_time min_rtt_at;
	bool merged; /* those acked now come with later ones, in one: only the
		      * last one's round trip is measured */
	bool reordering; /* seen: time decides, not the threshold */
	mpq_time last_ack, last_send, next_send, recovery, probe_at;
	unsigned probes; /* in a row */
	uint64_t acked_pkts, lost_pkts, spurious, delivered;
	uint64_t limited_until; /* delivered; 0: it is not limited */
	mpq_time delivered_at;
	struct { /* HyStart */
		uint64_t end;
		mpq_duration least;
		unsigned samples;
		mpq_time began, last; /* of the round; of its train */
	} slow_start;
	struct { /* CUBIC */
		double w_max, origin, k;
		double reno; /* what that would have */
		mpq_time epoch;
	} cubic;
	struct {                                 /* BBR */
		double bw[SIM_TRANSPORT_ROUNDS]; /* bytes a second */
		unsigned round, flat, phase;
		uint64_t round_end;
		double full;
		double pace; /* bytes a second, in STARTUP */
		bool filled;
		mpq_time phase_at;
	} bbr;
	void (*on_lost)(void *owner, uint64_t id, mpq_time now);
	void *owner;
	/* The last: what is in it counts only once it was sent. */
	struct sim_transport_packet flight[SIM_TRANSPORT_FLIGHT];
};

void sim_transport_init(struct sim_transport *t, enum sim_transport_kind kind,
			bool outer, mpq_time now);
bool sim_transport_may_send(const struct sim_transport *t, mpq_time now);
/* Returns the id. `limited`: nothing more was waiting, see idle. */
uint64_t sim_transport_sent(struct sim_transport *t, size_t len, bool limited,
			    mpq_time now);
/* It may send, and there is nothing for it to send: what is in flight until
 * now says nothing about the path's capacity. */
void sim_transport_idle(struct sim_transport *t);
/* true: it counts for the first time (not lost before). */
bool sim_transport_acked(struct sim_transport *t, uint64_t id, mpq_time now);
/* After the acknowledgements of a moment. */
void sim_transport_detect(struct sim_transport *t, mpq_time now);
mpq_time sim_transport_deadline(const struct sim_transport *t);
/* true: send a probe, whatever the window says. */
bool sim_transport_expire(struct sim_transport *t, mpq_time now);

#endif
