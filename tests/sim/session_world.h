/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ends of a bonded tunnel under virtual time: whole sessions, with all of
 * bond/ and flow/ below them, over modelled connections (session_channel.h) and
 * modelled links. A scenario lays links, flows and what happens; the world runs
 * it and holds that whatever happens
 *
 *	- nothing is delivered twice;
 *	- a flow's packets come in order, but for those that order counts as
 *	  late, or that waited while their session began anew;
 *	- none is held at the receiver for longer than its class allows;
 *	- no flow that has something to send waits while others of its priority
 *	  or below are served;
 *	- queues and buffers keep to their bounds, and are empty in the end;
 *	- what did not come was dropped where it is counted, for that reason.
 *
 *	flows    (client)                                  (server)   flows
 *	  '--> session 0 -> channels -> links -> channels -> session 1 --'
 *	          <----------- the same back ------------
 */
#ifndef MPQ_TESTS_SIM_SESSION_WORLD_H
#define MPQ_TESTS_SIM_SESSION_WORLD_H

#include "dataplane/session.h"
#include "tests/sim/link.h"
#include "tests/sim/scenario.h"
#include "tests/sim/session_channel.h"

#define SESSION_PATHS       6
#define SESSION_FLOWS       48
#define SESSION_EVENTS      256
#define SESSION_POLICIES    8
#define SESSION_CHANNELS    8 /* of a path and end, old and new */
#define SESSION_ENDS        2
#define SESSION_POOL        4096
#define SESSION_QUEUE_DELAY (15 * MPQ_MILLISECOND)

enum session_flow_kind {
	SESSION_STEADY, /* so many packets a second, in bursts */
	SESSION_WINDOW, /* so many under way, answered by the other end */
	SESSION_ANSWERS /* to the window flow before it */
};

struct session_flow_plan {
	enum session_flow_kind kind;
	unsigned end; /* that sends it */
	uint8_t dscp; /* 8 * class, see session_policy_rules() */
	unsigned bytes;
	double pps;      /* STEADY */
	unsigned burst;  /* .. of so many at once; 0: 1 */
	unsigned window; /* WINDOW */
	mpq_duration start, stop;
};

struct session_flow {
	struct session_flow_plan plan;
	mpq_time next;
	uint32_t sent_up;                  /* while there was a path */
	uint32_t sent, delivered, highest; /* highest number that came + 1 */
	uint32_t answered; /* of WINDOW: what the other end had, as told */
	mpq_time answered_at;
	double window;
	uint32_t owed; /* of ANSWERS */
	uint8_t class_id;
	mpq_time unordered; /* its class changed: no order until then */
	/* starving */
	mpq_time waits_since; /* NEVER: everything was taken */
	uint32_t waits_pkts;
	uint64_t passed_bytes; /* by others, meanwhile */
	mpq_duration waited_most;
};

enum session_event_kind {
	SESSION_SHAPE,  /* both directions of a link are like this now */
	SESSION_HOLE,   /* .. lose everything */
	SESSION_UNHOLE, /* .. and are as before */
	SESSION_GONE,   /* the client's device is not there any more */
	SESSION_BACK,
	SESSION_REDIAL, /* the client dials although it has a connection */
	SESSION_POLICY, /* the client is configured */
	SESSION_FORGED, /* a burst of datagrams that no session would send */
	SESSION_SHUT    /* the server closes this path's connections */
};

struct session_event {
	mpq_duration at;
	enum session_event_kind kind;
	unsigned path, number; /* policy, or how many */
	struct sim_link_shape shape;
};

struct session_record {         /* of a packet */
	mpq_time sent, arrived; /* NEVER: it has not */
	uint32_t number;        /* in its flow */
	uint8_t flow, class_id;
	uint8_t taken, delivered;
	bool unkept; /* sent, once at least, as one that is not repaired */
};

struct session_end {
	struct session_world *world;
	unsigned index;
	struct mpq_session *session;
	struct session_channel *channel[SESSION_PATHS][SESSION_CHANNELS];
	struct session_record *record; /* of what this end sent */
	uint32_t n_records, room;
	bool touched;
	unsigned overdue; /* turns in a row after which something was due */
	uint64_t refused; /* by the tunnel's rule: others need the buffers */
	uint64_t too_big, late, lates;
	uint64_t too_big_again; /* of what was to be sent once more */
	uint64_t restored;      /* came out and had not come: by parities */
	uint64_t early_context; /* datagrams that came before their context */
	const void *repair;     /* another one: the session began anew .. */
	mpq_time restarted;     /* .. then; 0: never */
	uint64_t unrepaired, gave_up; /* of sessions before */
	size_t held_most, queued_most, used_most;
	/* What classes allowed lately, as it follows the round trips: in this
	 * second and in the one before. */
	mpq_duration allowed[2][MPQ_SESSION_CLASSES];
	mpq_time allowed_since;
};

struct session_path { /* as the client has it */
	bool gone, holed;
	struct sim_link_shape shape[SESSION_ENDS]; /* before the hole */
	mpq_time dial_at;
	struct session_channel *up; /* to be offered */
};

struct session_world {
	struct sim_run *run;
	struct sim_random random;
	mpq_time start, now;
	mpq_duration length, grid; /* loops wake up no more often */

	/* what a scenario lays */
	unsigned paths;
	struct sim_link link[SESSION_PATHS][SESSION_ENDS]; /* [0]: up */
	struct session_flow flow[SESSION_FLOWS];
	unsigned flows;
	struct session_event event[SESSION_EVENTS]; /* by time */
	unsigned events;
	struct mpq_policy policy[SESSION_POLICIES];
	size_t pool_pkts;
	/* What a datagram of every other connection of this path, or of each,
	 * may have at most; 0: as all others. */
	struct {
		size_t bytes;
		bool always;
	} narrow[SESSION_PATHS];
	/* what it allows */
	bool hostile;    /* forged datagrams: their lanes have no order */
	bool may_starve; /* no path may carry for a while */
	bool renumbers;  /* policies give flows other classes */
	bool never_late; /* nothing comes after its hole was given up */
	bool never_lost; /* nothing at all is lost */
	bool never_big;  /* nothing is too large for all paths */
	mpq_duration starve_max;

	unsigned next_event;
	uint64_t next_number;
	struct session_path path[SESSION_PATHS];
	struct session_end end[SESSION_ENDS];
	uint64_t steps;
};

/* One world, begun anew; links are to be laid. */
struct session_world *session_world_begin(struct sim_run *run, unsigned paths);
struct session_flow_plan *session_world_flow(struct session_world *w);
void session_world_event(struct session_world *w,
			 const struct session_event *e);
void session_world_run(struct session_world *w);

/* For the world's own files. */
void session_world_dial(struct session_world *w, unsigned path);
void session_world_remove(struct session_end *end, struct session_channel *c,
			  const char *reason);

/* session_traffic.c: what is due of all flows, and when the next one is; an
 * inner packet has come out. */
void session_traffic_send(struct session_world *w);
mpq_time session_traffic_next(const struct session_world *w);
void session_traffic_answer(struct session_world *w, const uint8_t *data);

/* session_trouble.c: the events that are due, and when the next one is. */
void session_trouble_happen(struct session_world *w);
mpq_time session_trouble_next(const struct session_world *w);

/* session_account.c: what is told to it, and what it holds. */
uint32_t session_account_sent(struct session_end *from, unsigned flow,
			      uint32_t number);
void session_account_taken(struct session_end *from, unsigned path,
			   const struct mpq_channel_offer *offer);
void session_account_arrives(struct session_end *to, const uint8_t *data,
			     size_t len);
void session_account_delivered(struct session_end *to, const uint8_t *data,
			       size_t len);
void session_account_turn(struct session_end *end);
void session_account_end(struct session_world *w);

/* In an inner packet, behind IPv4 and UDP. */
#define SESSION_PACKET_HEAD 28
struct session_packet {
	uint32_t magic, serial; /* of the end that sends it */
	uint32_t acked;         /* ANSWERS: what has come so far */
	uint8_t end, flow;
};
#define SESSION_MAGIC UINT32_C(0x5e55102e)
#define SESSION_LEAST (SESSION_PACKET_HEAD + sizeof(struct session_packet))

#endif
