/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of life_world share: life_network.c (packets, connections),
 * life_composer.c (what dataplane/path does with life, and the invariants),
 * life_world.c (obstacles and time).
 */
#ifndef MPQ_TESTS_SIM_LIFE_PRIVATE_H
#define MPQ_TESTS_SIM_LIFE_PRIVATE_H

#include "tests/sim/life_world.h"

/* Of a probe while no RTT is known: three times a guess of 100 ms. */
#define LIFE_INITIAL_TIMEOUT (300 * MPQ_MILLISECOND)

static inline bool life_link_ready(const struct life_world *w)
{
	return w->active[LIFE_LINK_LOST] == 0;
}

static inline bool life_allowed(const struct life_world *w)
{
	return life_link_ready(w) && w->active[LIFE_HOLD] == 0 &&
	       w->active[LIFE_DISABLE] == 0;
}

static inline struct life_connection *life_slot(struct life_world *w, int slot)
{
	return slot < 0 ? NULL : &w->slot[slot];
}

/* The client sends what its connection is about to send. */
void life_send(struct life_world *w, struct life_connection *c);
/* Everything that arrives now, and the connections' timers. */
void life_network_turn(struct life_world *w);
mpq_time life_network_deadline(const struct life_world *w);

/* Life as it was before a call. */
struct life_before {
	enum mpq_life_state state;
	char reason[256];
};
struct life_before life_remember(const struct life_world *w);
/* A call of life is over: checks what it said and does what it asks for. */
void life_settle(struct life_world *w, const struct life_before *b,
		 unsigned actions);

#define LIFE(w, call)                                                          \
	do {                                                                   \
		struct life_before before_ = life_remember(w);                 \
		unsigned actions_ = (call);                                    \
		life_settle(w, &before_, actions_);                            \
	} while (0)

/* The connection ended. */
void life_ended(struct life_world *w, struct life_connection *c, bool refused,
		const char *reason);
/* What the connections show, and what is due. */
void life_tell(struct life_world *w);

#endif
