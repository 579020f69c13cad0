/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path's surroundings as bond/life sees them: a link that comes and goes, a
 * network that swallows packets, a peer that restarts or refuses, an operator.
 * Connections are models: a handshake of three round trips and probe time-outs
 * that double, then traffic with acknowledgements. After every event the
 * invariants are checked that the header of life_composer.c lists.
 */
#ifndef MPQ_TESTS_SIM_LIFE_WORLD_H
#define MPQ_TESTS_SIM_LIFE_WORLD_H

#include "dataplane/bond/life.h"
#include "tests/sim/random.h"
#include "tests/sim/scenario.h"

#define LIFE_PACKETS     512
#define LIFE_OBSTACLES   32
#define LIFE_CONNECTIONS 16384

enum life_obstacle_kind {
	LIFE_LINK_LOST,   /* unplugged, no carrier, no address */
	LIFE_READDRESS,   /* fresh sockets without a gap */
	LIFE_HOLE,        /* packets vanish, nobody says so */
	LIFE_RESTART,     /* the peer forgets us; tells so afterwards */
	LIFE_AMNESIA,     /* the same, and never tells */
	LIFE_REFUSE,      /* the peer refuses requests */
	LIFE_HOLD,        /* the operator takes it out */
	LIFE_DISABLE,     /* the configuration does */
	LIFE_CANNOT_DIAL, /* no memory, no socket */
	LIFE_OBSTACLE_KINDS,
};

struct life_obstacle {
	enum life_obstacle_kind kind;
	mpq_time from, until;
};

struct life_connection {
	bool used, established;
	unsigned id, step, unacked, timeouts;
	mpq_time created, last_read, oldest_unanswered;
	mpq_time next_traffic, next_timeout;
};

struct life_packet {
	mpq_time at;
	bool to_server;
	unsigned id;
	int kind; /* enum packet_kind in life_network.c */
	unsigned step;
};

struct life_world {
	struct sim_run *run;
	struct sim_random random;
	struct sim_random renewals; /* asked for at any time .. */
	uint32_t renewals_ppm;      /* .. so often */
	mpq_time now, end;

	/* What is modelled. */
	mpq_duration rtt, traffic; /* the second: between packets of ours */
	uint32_t loss_ppm;
	struct life_obstacle obstacles[LIFE_OBSTACLES];
	size_t n_obstacles;

	/* Obstacles at work, a count each. */
	unsigned active[LIFE_OBSTACLE_KINDS];

	struct mpq_life life;
	struct life_connection slot[2];
	int current, candidate; /* slots; -1 */
	unsigned last_id;
	bool known[LIFE_CONNECTIONS]; /* to the server */
	bool tells_resets;            /* of the others */
	struct life_packet packets[LIFE_PACKETS];
	size_t n_packets;

	/* What is watched. */
	mpq_duration bound;   /* to recover within */
	mpq_time clear_since; /* of every obstacle; or NEVER */
	mpq_time last_dial;
	bool let_in;         /* the last dial led to a connection */
	bool may_dial_early; /* a link, an enable or a release came since */
	unsigned changes, events; /* states reported; what could cause them */
	mpq_duration slowest;     /* recovery */
};

/* A quiet world: link ready at 1 s. */
void life_world_init(struct life_world *w, struct sim_run *run,
		     mpq_duration rtt, mpq_duration traffic);
void life_world_add(struct life_world *w, enum life_obstacle_kind kind,
		    mpq_time from, mpq_duration duration);
/* Up to `end`, or to the first thing that does not hold. */
void life_world_run(struct life_world *w, mpq_time end);

/* Up, and the peer knows the connection. */
bool life_world_works(const struct life_world *w);

#endif
