/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An edge and a concentrator, both whole engines (real QUIC, TLS, session and
 * steering), joined by a profile's links (steer_profile.h), with inner flows
 * (bond_flow.h). A seed is a run.
 *
 *	flows - tun - edge = 10.0.1.2 ~~~ WAN 1 ~~~ :45001 = vps - tun - flows
 *	                   = 10.0.2.2 ~~~ WAN 2 ~~~ :45002 =
 *
 * What holds at every moment is checked as time passes: nothing is delivered
 * twice, what is held and queued stays within its bounds, and in the end no
 * packet buffer is missing.
 */
#ifndef MPQ_TESTS_SIM_BOND_WORLD_H
#define MPQ_TESTS_SIM_BOND_WORLD_H

#include "dataplane/engine.h"
#include "tests/sim/bond_flow.h"
#include "tests/sim/scenario.h"
#include "tests/sim/steer_profile.h"

#define BOND_WORLD_FLOWS      32
#define BOND_WORLD_START      (1000 * MPQ_SECOND)
#define BOND_WORLD_HELD       4096 /* dataplane/session.c */
#define BOND_WORLD_MTU        1400
#define BOND_WORLD_WIRE_BYTES 1470 /* that such a packet is on a link */
#define BOND_WORLD_CLASSES                                                     \
	"{'name':'default','mode':'auto','priority':3,'copies':0,"             \
	"'order-cap-us':100000,'repair-deadline-us':500000}"

struct bond_setup {
	const struct sim_profile *profile;
	uint32_t paths;      /* of the profile, a set; one: a 1:1 tunnel */
	mpq_duration time;   /* for which the links' schedules are made */
	const char *classes; /* with ' for "; NULL: the default */
	const char *rules;
};

struct bond_path {
	bool exists;
	unsigned wan; /* 1 .. */
	struct sim_link up, down;
	struct sim_link_shape up_shape, down_shape; /* when not dead */
	unsigned addresses;                         /* had so far */
};

struct bond_world;

struct bond_side {
	struct bond_world *world;
	const char *name;
	struct mpq_engine engine;
	int tun;
};

struct bond_world {
	struct sim_run *run;
	const struct bond_setup *setup;
	struct bond_side edge, vps;
	struct bond_path path[SIM_PROFILE_PATHS];
	struct bond_flow *flow[BOND_WORLD_FLOWS];
	size_t flows;
	mpq_time now, traced;
	double cpu_seconds; /* of the process, spent running */
	double pool_most;   /* packet buffers in use, part of all */
};

/* Configured, with links; the tunnel comes up while time passes. NULL, and
 * run->failed: it could not be. */
struct bond_world *bond_world_new(struct sim_run *run,
				  const struct bond_setup *setup);
/* Checks what must hold in the end. */
void bond_world_free(struct bond_world *w);

/* Nothing is under way, the flows being off: no buffer may be in use. */
void bond_world_rest(struct bond_world *w);

/* Lets time pass; returns early when the run has failed. */
void bond_world_run(struct bond_world *w, mpq_duration time);
/* Until all paths carry, at most 5 s; false: they do not. */
bool bond_world_up(struct bond_world *w);
/* How many paths are up now. */
unsigned bond_world_paths_up(const struct bond_world *w);

struct bond_flow *bond_world_flow(struct bond_world *w,
				  const struct bond_flow_config *config);

/* A silent black hole, in both directions, or no longer. */
void bond_world_silence(struct bond_world *w, unsigned path, bool dead);
/* The device goes (mpquic-control tells within 5 ms), or returns with another
 * address after its DHCP. */
void bond_world_unplug(struct bond_world *w, unsigned path);
void bond_world_replug(struct bond_world *w, unsigned path);

/* Summed rate of the links that the tunnel has, one way, mean over `time`. */
double bond_world_mbps(const struct bond_world *w, bool down, mpq_time from,
		       mpq_duration time);

#endif
