/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane whose packets are copied to several paths: how far each path is in it.
 * Pure; part of order.h, which decides what follows from it.
 *
 * Copies have one sequence, but leave each path when its queue lets them, so
 * what a path shows by its clock says nothing about a copy that waits there.
 * Yet a path brings the lane in order: what it has not brought when it brings
 * something later, it does not bring any more. Where the network lets packets
 * overtake each other, that is so only once what may be behind has come
 * (mpq_delay_passed).
 */
#ifndef MPQ_BOND_COPIES_H
#define MPQ_BOND_COPIES_H

#include "dataplane/bond/delay.h"

/* How far a path is: up to `sure`; up to `seen` as soon as it has passed what
 * left at `sent`. Sequences of the lane and KNOWN; 0: none. */
struct mpq_copies_path {
	uint32_t sure, seen;
	mpq_time sent;
};

struct mpq_copies_lane { /* all zero: nothing came */
	struct mpq_copies_path path[MPQ_DELAY_PATHS];
};

/* Since when others bring copies of a class and a path brings none; 0: it is
 * not behind. Silence alone would say nothing: there may have been none to
 * send. */
struct mpq_copies_class {
	mpq_time behind[MPQ_DELAY_PATHS];
};

/* A copy of the class came on `path`. */
void mpq_copies_heard(struct mpq_copies_class *class, unsigned path,
		      mpq_time now);

/* `path` brought this sequence, that left at `sent`; not for a repair, which
 * comes behind its place. `delay` knows of it. */
void mpq_copies_arrived(struct mpq_copies_lane *lane,
			const struct mpq_delay *delay, unsigned path,
			uint32_t sequence, mpq_time sent);

/* No copy of this sequence comes on `path` any more, as it has brought one of
 * the 4096 behind it, or is not known to delay. */
bool mpq_copies_passed(const struct mpq_copies_lane *lane,
		       const struct mpq_delay *delay, unsigned path,
		       uint32_t sequence);

#endif
