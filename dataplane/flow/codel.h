/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delay control of one queue (CoDel, RFC 8289): which packets at its head pay
 * for it. Pure; knows no packets. Whoever owns the queue asks for each one that
 * it would take out, and marks or drops it when it is to pay:
 *
 *   while (head && mpq_codel_charges(c, .., sojourn(head), ..)) {
 *           if (mark(head))
 *                   break;
 *           drop(head);
 *   }
 */
#ifndef MPQ_FLOW_CODEL_H
#define MPQ_FLOW_CODEL_H

#include "common/clock.h"

#include <stdbool.h>

struct mpq_codel { /* RFC 8289 §5; zeroed to begin with */
	mpq_time first_above, drop_next;
	uint32_t count, last_count;
	bool dropping;
};

/* Has the head to pay, by a mark or by its life? It stood for `sojourn`.
 * `standing`: what is behind it is more than a packet; a queue that short is
 * not a standing one, whatever its delay. */
bool mpq_codel_charges(struct mpq_codel *c, mpq_duration target,
		       mpq_duration interval, mpq_duration sojourn,
		       bool standing, mpq_time now);

/* The queue is empty. */
void mpq_codel_rest(struct mpq_codel *c);

#endif
