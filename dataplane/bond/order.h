/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiver's order: packets of a lane come out in the order of their
 * sequence, each once. Pure; allocates at start only. It does not decide
 * whether order is worth its delay: whoever sets the classes' caps does.
 *
 *	            next
 *	 lane  ..o o o|. o o . o          o arrived, . hole
 *	       history|  held until the first hole is filled or given up
 *
 * A hole is given up
 * - early, once every path that lately brought packets of the lane has brought
 *   something sent later: what is missing is lost, and waiting is pointless;
 * - when the time is over in which the slowest of these paths should have
 *   brought it (delay.h), and no later than the class's cap after any of those
 *   that wait has arrived, or its repair's time if that is longer;
 * - when there is no room.
 * A class whose lost datagrams are sent again gives the repair a time of its
 * own: then a hole waits for that even though it is known to be lost.
 *
 * Where each packet goes over several paths, it is not the clock that tells
 * whether a path has passed the hole (copies.h), and a path that brings copies
 * is waited for up to the cap: all of a packet's copies are seldom lost. Copies
 * are not repaired, so where nothing else came lately no hole waits for that.
 *
 * What arrives after its hole was given up is delivered late, out of order: the
 * inner transport knows better than we do what it is still good for.
 *
 * What left ahead (MPQ_HEADER_AHEAD), by a slower path, was given its sequence
 * before those that precede it left: it counts as sent as much later as makes
 * all of them come together, and a bit.
 *
 * What this relies on: the sender gives a datagram its sequence in the lane and
 * its clock at one moment, but for copies, and for what another one that left
 * ahead has passed; what it sends of a lane on one path leaves in that order,
 * but for that; and a lane's first sequence is 0.
 */
#ifndef MPQ_BOND_ORDER_H
#define MPQ_BOND_ORDER_H

#include "dataplane/bond/copies.h"
#include "dataplane/bond/delay.h"
#include "dataplane/bond/header.h"
#include "dataplane/bond/heap.h"
#include "dataplane/bond/held.h"

/* Sequences that a lane remembers: half of them back, to know what came twice,
 * half ahead. 4096 packets are 0.15 s of one flow at 300 Mbit/s. */
#define MPQ_ORDER_WINDOW 8192
/* A lane that was silent for so long begins wherever it goes on. */
#define MPQ_ORDER_FORGET (10 * MPQ_SECOND)

struct mpq_order_class {
	mpq_duration cap;    /* no packet is held longer, but for a repair; 0:
			      * no order */
	mpq_duration repair; /* so long a hole is expected to be repaired, from
			      * the arrival of what waits for it; 0: never */
	uint8_t never;       /* paths that bring no copies of it, as bits */
};

struct mpq_order_config {
	unsigned classes;  /* 1 to MPQ_HEADER_CLASSES */
	size_t held_pkts;  /* at most, of all lanes; 1 to MPQ_HELD_MAX_PKTS */
	size_t held_bytes; /* at most; one larger than that is not held */
	uint64_t seed;     /* chance: keeps a peer from guessing collisions */
};

enum mpq_order_drop {
	MPQ_ORDER_DUPLICATE,
	MPQ_ORDER_OUT_OF_WINDOW, /* too old to know whether it came before */
	MPQ_ORDER_UNKNOWN_CLASS,
	MPQ_ORDER_FINISHED, /* still held at finish */
};

/* Both take the packet, and must not call back. */
struct mpq_order_events {
	void (*deliver)(void *user, void *packet, bool late);
	void (*drop)(void *user, void *packet, enum mpq_order_drop why);
};

struct mpq_order_counters { /* packets, but for the given-up holes */
	uint64_t delivered; /* late ones too */
	uint64_t held;      /* of the delivered, had to wait */
	uint64_t late;
	uint64_t duplicate;
	uint64_t out_of_window; /* dropped */
	uint64_t jumps;         /* ahead by more than the window */
	uint64_t released_early, released_timeout, released_cap; /* holes */
	uint64_t repaired; /* a repair came first, and in time */
	uint64_t repaired_late;
	mpq_duration waited; /* sum over those held */
	mpq_duration waited_max;
};

/* Which paths brought something in this span and in the one before: of a second
 * and of enough packets to have seen those that bring few. */
struct mpq_order_paths {
	mpq_time since;
	uint16_t pkts;
	uint8_t now, before; /* bits */
};

struct mpq_order_lane;

struct mpq_order {
	struct mpq_order_config config;
	const struct mpq_delay *delay; /* borrowed */
	const struct mpq_order_events *events;
	void *user;
	struct mpq_order_class classes[MPQ_HEADER_CLASSES];
	struct mpq_order_paths paths[MPQ_HEADER_CLASSES];
	struct mpq_copies_class copied[MPQ_HEADER_CLASSES];
	struct mpq_order_counters counters[MPQ_HEADER_CLASSES];
	uint64_t unknown_class;

	struct mpq_order_lane *lanes;
	uint64_t (*windows)[MPQ_ORDER_WINDOW / 64]; /* one a lane */
	struct mpq_copies_lane *copies;             /* one a lane */
	struct mpq_held held;
	struct mpq_heap_entry **heap_slots;
	struct mpq_heap due;                      /* lanes with a hole */
	struct mpq_heap blocked[MPQ_DELAY_PATHS]; /* by the path awaited */
};

/* Classes have no order until they are set. `delay` has been told of each
 * datagram before mpq_order_arrived() is. 0 or -ENOMEM; memory becomes resident
 * only as lanes are used: 1 KiB each. */
int mpq_order_init(struct mpq_order *o, const struct mpq_order_config *config,
		   const struct mpq_delay *delay,
		   const struct mpq_order_events *events, void *user);
/* Drops what is held. NULL and a zeroed one are fine. */
void mpq_order_finish(struct mpq_order *o);

/* From now on no more are held, whatever the configuration allows: packets come
 * from a store that others use, too. What is too much goes with the next
 * arrival; 1 at least. */
void mpq_order_set_room(struct mpq_order *o, size_t held_pkts);

/* In force for holes from now on; those that wait keep their time. */
void mpq_order_set_class(struct mpq_order *o, unsigned class_id,
			 const struct mpq_order_class *config);

/* Takes a packet with a place in a lane (mpq_header_in_lane) that was `sent` at
 * that time (mpq_delay_arrived) and came on `path`. */
void mpq_order_arrived(struct mpq_order *o, const struct mpq_header *header,
		       unsigned path, mpq_time sent, void *packet, size_t len,
		       mpq_time now);

/* Call at the deadline, and after each batch of arrivals of any kind: these may
 * show that nothing is to be waited for. */
mpq_time mpq_order_deadline(const struct mpq_order *o);
void mpq_order_expire(struct mpq_order *o, mpq_time now);

#endif
