/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a modelled link. Pure: packets are pushed at one end, time
 * passes, packets are popped at the other.
 *
 *	push --> queue --> transmitter --> delay + jitter --> pop
 *	 |         |            |
 *	 mtu       full         loss, bursts of loss
 *
 * The shape can change on a schedule; what waits then goes on at the new rate,
 * and with `down` everything that is under way is gone. A seed gives the same
 * losses and the same jitter again.
 */
#ifndef MPQ_TESTS_SIM_LINK_H
#define MPQ_TESTS_SIM_LINK_H

#include "common/clock.h"
#include "common/sockaddr.h"
#include "tests/sim/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_LINK_MTU_BYTES 1500 /* of an UDP payload, at most */
#define SIM_LINK_LARGE     1000
#define SIM_LINK_CHANGES   256

struct sim_link_shape {
	uint64_t rate_bps;   /* 0: no limit */
	mpq_duration delay;  /* one way */
	mpq_duration jitter; /* up to so much more, evenly */
	mpq_duration wander; /* up to so much more or less, all the time */
	bool reorder;        /* jitter lets packets pass each other */
	uint32_t loss_ppm;   /* of single packets */
	uint32_t burst_ppm;  /* a packet begins a burst of loss .. */
	uint32_t burst_pkts; /* .. of so many packets on average */
	size_t queue_bytes;  /* 0: no limit */
	size_t mtu_bytes;    /* longer packets vanish; 0: no limit */
	bool down;           /* everything vanishes, nobody is told */
};

struct sim_link_packet {
	struct sim_link_packet *next;
	mpq_time at; /* of arrival */
	struct mpq_sockaddr from, to;
	uint8_t ecn;
	size_t len;
	uint8_t data[SIM_LINK_MTU_BYTES];
};

struct sim_link_counters {
	uint64_t pushed, delivered, delivered_bytes;
	uint64_t lost, dropped_queue, dropped_mtu, dropped_down;
	uint64_t large, large_lost; /* of those of at least SIM_LINK_LARGE */
};

#define SIM_LINK_WAIT  (MPQ_MILLISECOND / 2)
#define SIM_LINK_WAITS 1024

struct sim_link_waits { /* that packets found before them, ever */
	uint64_t pkts;
	uint32_t slot[SIM_LINK_WAITS]; /* of SIM_LINK_WAIT each */
};

struct sim_link {
	struct sim_link_shape shape;
	struct sim_random random;
	mpq_time now; /* up to which everything has happened */
	struct sim_link_packet *queue, **queue_end;
	size_t queued_bytes;
	uint64_t head_left_bits; /* of the packet being transmitted */
	uint64_t remainder;      /* of nanoseconds times rate, never lost */
	struct sim_link_packet *flying; /* in order of arrival */
	mpq_time last_arrival;
	/* The delay goes from one random point to the next. */
	struct {
		mpq_time since;
		int64_t from, to;
	} wander;
	struct sim_link_packet *popped;
	unsigned burst_left;
	struct {
		mpq_time at;
		struct sim_link_shape shape;
	} changes[SIM_LINK_CHANGES];
	size_t n_changes, next_change;
	struct sim_link_counters counters;
	struct sim_link_waits waits;
};

void sim_link_init(struct sim_link *l, const struct sim_link_shape *shape,
		   uint64_t seed, mpq_time now);
void sim_link_finish(struct sim_link *l);

/* From `at` on; changes are added in the order of their times. */
void sim_link_schedule(struct sim_link *l, mpq_time at,
		       const struct sim_link_shape *shape);
/* From `now` on. */
void sim_link_set(struct sim_link *l, const struct sim_link_shape *shape,
		  mpq_time now);

void sim_link_push(struct sim_link *l, const struct mpq_sockaddr *from,
		   const struct mpq_sockaddr *to, uint8_t ecn,
		   const uint8_t *data, size_t len, mpq_time now);

/* When something happens next: call pop then. */
mpq_time sim_link_deadline(const struct sim_link *l);

/* The next packet that has arrived by `now`, valid until the next call; NULL:
 * none. */
const struct sim_link_packet *sim_link_pop(struct sim_link *l, mpq_time now);

#endif
