/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was sent and may have to be sent again. Packets are kept, by path and
 * datagram, until they are acknowledged. A loss gives one back, twice at most,
 * while its class's deadline allows; a path that is out gives back everything
 * it had in flight. Pure, of fixed size, and it never looks into a packet.
 *
 *	sent --> in flight --acked--------------> released
 *	             |  lost, path out
 *	             v
 *	            due --next--> the caller's: sent again, as a rule elsewhere
 *	             '--late ack, deadline-------> released
 *
 * What is due comes in the order in which it was sent first, so that a lane's
 * order survives the move to another path.
 */
#ifndef MPQ_BOND_REPAIR_H
#define MPQ_BOND_REPAIR_H

#include "common/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_REPAIR_PATHS     8
#define MPQ_REPAIR_TRIES_MAX 3 /* with those by paths that went out */
/* At 1 % of loss each second repair spares an inner TCP a loss every 10,000
 * packets: a third of its window, every 3 s at 40 Mbit/s. */
#define MPQ_REPAIR_LOSSES_MAX 2

struct mpq_repair_item {
	void *packet; /* opaque */
	uint8_t path; /* on which it was sent last */
	uint8_t class;
	uint8_t tries;  /* how often it was sent again */
	uint8_t losses; /* .. of which because of a loss */
	uint16_t len_bytes;
	uint64_t order;    /* 0 with the first sending; kept by the caller */
	mpq_time deadline; /* not sent again after it */
};

struct mpq_repair_events {
	/* The packet is the owner's again, and done with. */
	void (*released)(void *owner, void *packet);
};

struct mpq_repair_counters {
	uint64_t kept;
	uint64_t acked;     /* in flight, then acknowledged: the usual end */
	uint64_t repaired;  /* given back to be sent again */
	uint64_t expired;   /* too late to be of use */
	uint64_t cancelled; /* acknowledged after all while it was due */
	uint64_t given_up;  /* lost again */
	uint64_t overflow;  /* the oldest made room: never repaired */
};

struct mpq_repair;

/* Keeps at most limit_pkts, and becomes resident as it is first used. NULL: no
 * memory, or a limit of 0. */
struct mpq_repair *mpq_repair_new(size_t limit_pkts,
				  const struct mpq_repair_events *events,
				  void *owner);
/* Releases all packets. NULL is fine. */
void mpq_repair_free(struct mpq_repair *r);

/* Takes the packet. `id` as the path's connection will report it; a path's ids
 * rise. For one that mpq_repair_next() gave, the item as it was given. */
void mpq_repair_sent(struct mpq_repair *r, unsigned path, uint64_t id,
		     const struct mpq_repair_item *item);
void mpq_repair_acked(struct mpq_repair *r, unsigned path, uint64_t id);
void mpq_repair_lost(struct mpq_repair *r, unsigned path, uint64_t id,
		     mpq_time now);
/* Everything in flight there is due. */
void mpq_repair_path_out(struct mpq_repair *r, unsigned path, mpq_time now);
/* The path's ids begin anew (another connection): what is in flight there is
 * due, what was due can no longer be cancelled. */
void mpq_repair_path_reset(struct mpq_repair *r, unsigned path, mpq_time now);

/* The next that is due: the caller's now, to send or to give up. */
bool mpq_repair_next(struct mpq_repair *r, mpq_time now,
		     struct mpq_repair_item *ret);
bool mpq_repair_is_due(const struct mpq_repair *r);

const struct mpq_repair_counters *
mpq_repair_counters(const struct mpq_repair *);
size_t mpq_repair_held_pkts(const struct mpq_repair *r);
size_t mpq_repair_footprint_bytes(const struct mpq_repair *r); /* constant */

#endif
