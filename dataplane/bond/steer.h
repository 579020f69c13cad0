/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steering: which path, or paths, an inner packet takes. The modes are those of
 * 3GPP ATSSS (TS 23.501 §5.32.8), and `auto`, which chooses by measuring. Pure,
 * and of fixed size: the flow table is hashed and never grows.
 *
 *	             +-> active-standby   the first usable path
 *	             +-> smallest-delay   the earliest arrival           shared
 *	packet,      +-> load-balancing   in proportion to capacity      shared
 *	class, flow -+-> priority-based   fill in order, then overflow   shared
 *	             +-> redundant        copies on several paths
 *	             '-> auto             pinned, or spread if it pays  (shared)
 *
 * A packet that has one way to go is bound to it when it comes, and waits in
 * that path's queue. Those of modes and flows that use several paths wait in
 * one queue of their class, and paths take from it when they have room: so no
 * guess of a path's rate is needed, nothing is stuck behind a path that slows
 * down, and what delay control drops leaves no hole in the order, when
 * sequences are given out as packets leave their queues.
 *
 *	path has room --> may_pull? --yes--> the connection --took it--> pulled
 *	                      '-no: a better path will take it sooner
 *
 * The caller tells estimate of its queues' lengths after each call, and calls
 * expire in each turn of its loop. A shared queue's delay target is that of the
 * other queues and mpq_steer_delay_spread() more: so long it has to become
 * before a slower path is worth it.
 *
 * Every change of mind is an event with its reason.
 */
#ifndef MPQ_BOND_STEER_H
#define MPQ_BOND_STEER_H

#include "common/clock.h"
#include "dataplane/bond/estimate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_STEER_PATHS   8
#define MPQ_STEER_CLASSES 8
#define MPQ_STEER_FLOWS   4096 /* a power of two */
#define MPQ_STEER_NO_FLOW UINT32_MAX

/* Names equal those of YANG's steering-mode. */
enum mpq_steer_mode {
	MPQ_STEER_AUTO,
	MPQ_STEER_SMALLEST_DELAY,
	MPQ_STEER_LOAD_BALANCING,
	MPQ_STEER_PRIORITY_BASED,
	MPQ_STEER_ACTIVE_STANDBY,
	MPQ_STEER_REDUNDANT,
	MPQ_STEER_MODES,
};
const char *mpq_steer_mode_name(enum mpq_steer_mode m); /* "smallest-delay" */
/* A name, or an alias: priority, failover, balanced. 0; -EINVAL, *ret
 * untouched. */
int mpq_steer_mode_parse(const char *name, enum mpq_steer_mode *ret);

/* A set of paths: bit i is path i. */
typedef uint32_t mpq_steer_set;

struct mpq_steer_class_config {
	enum mpq_steer_mode mode;
	uint8_t order[MPQ_STEER_PATHS]; /* preferred first; those that are not
					 * named follow by their number */
	uint8_t n_order;
	mpq_steer_set excluded; /* never used, whatever happens */
	bool avoid_metered;     /* only when nothing else is left */
	uint8_t copies;         /* redundant: paths a packet takes; 0: all */
	/* How long the receiver's order window may hold a packet back; 0: the
	 * class wants no order. Spreading is limited by it. */
	mpq_duration order_cap;
	/* Beyond them a path is avoided; 0: no threshold. */
	uint32_t loss_max_ppm;
	mpq_duration rtt_max;
	/* For what cannot wait: as long as there is another one, a path is
	 * avoided around outages that come on a clock (rhythm.h). */
	bool guarded;
	uint64_t rate_limit_bps; /* 0: none */
	uint32_t burst_bytes;    /* of the rate limit; 0: 50 ms of it */
};
/* auto, all paths, 100 ms of order, a path with 8 % loss avoided. */
extern const struct mpq_steer_class_config mpq_steer_class_default;

enum mpq_steer_kind {
	MPQ_STEER_PINNED,   /* a flow was given its path, or another one */
	MPQ_STEER_SPREAD,   /* a flow goes over several paths from now on */
	MPQ_STEER_GATHERED, /* a spread flow is pinned again */
	MPQ_STEER_MEMBERS,  /* the class's paths for spreading have changed */
	MPQ_STEER_ACTIVE,   /* active-standby: another path carries */
	MPQ_STEER_AVOIDED,  /* a path is avoided by the class */
	MPQ_STEER_TRUSTED,  /* and no longer */
	MPQ_STEER_KINDS,
};

enum mpq_steer_reason {
	MPQ_STEER_FIRST_PACKET,  /* of a flow: earliest arrival then */
	MPQ_STEER_SOONER,        /* a pause allowed it, and it is sooner */
	MPQ_STEER_PATH_GONE,     /* not usable, silent or avoided */
	MPQ_STEER_IDLE_CAPACITY, /* the flow fills its path, others are idle */
	MPQ_STEER_UNPROVEN,      /* .. or perhaps idle: this is the way to
				  * know */
	MPQ_STEER_NO_GAIN,       /* less arrived than one path can carry */
	MPQ_STEER_FITS_ONE,      /* the flow has become small */
	MPQ_STEER_DELAY_SPREAD,  /* more than the order window allows */
	MPQ_STEER_SILENCE,
	MPQ_STEER_LOSS,
	MPQ_STEER_RTT,
	MPQ_STEER_RECOVERED,
	MPQ_STEER_CONFIGURED,  /* links and configuration */
	MPQ_STEER_HANDOVER,    /* one of the path's is due */
	MPQ_STEER_BUFFERBLOAT, /* a queue on the way, far beyond its RTT */
	MPQ_STEER_DECAYED,     /* it carries much less than a minute ago: less
				* than half and such a queue, or a 16th */
	MPQ_STEER_TOO_NARROW,  /* the packet does not fit the path */
	MPQ_STEER_REASONS,
};
const char *mpq_steer_kind_name(enum mpq_steer_kind k);
const char *mpq_steer_reason_name(enum mpq_steer_reason r);

struct mpq_steer_event {
	mpq_time at;
	enum mpq_steer_kind kind;
	enum mpq_steer_reason reason;
	uint8_t class;
	uint32_t flow;             /* its hash; MPQ_STEER_NO_FLOW: the class */
	mpq_steer_set from, to;    /* paths before and after */
	uint64_t flow_bps;         /* what the flow had */
	uint64_t one_bps, all_bps; /* the best path's capacity, the members' */
	mpq_duration delay_spread; /* of the members */
};

struct mpq_steer_events {
	/* Must not call back. Flows that are pinned by their first packet are
	 * no change of mind: they are counted only. What waits of a flow that
	 * is spread, gathered or pinned elsewhere, and of a class that has
	 * another active path, is to go with it to its new queue
	 * (mpq_fair_move_flow, mpq_fair_move_all), or what comes now overtakes
	 * it. */
	void (*changed)(void *owner, const struct mpq_steer_event *event);
};

struct mpq_steer_choice {
	uint8_t n;                     /* 1, or copies */
	uint8_t path[MPQ_STEER_PATHS]; /* the first is no copy */
	/* Put it into the class's shared queue instead of a path's: whichever
	 * path has room takes it (mpq_steer_may_pull). n is 0 then. */
	bool shared;
	/* It would have gone by others, or more, if it were not too large for
	 * them. A shared one: see mpq_steer_fitting(). */
	bool diverted;
	bool too_large; /* for all of them (mpq_steer_fitting) */
};

enum mpq_steer_result {
	MPQ_STEER_SEND, /* 0 */
	MPQ_STEER_NO_PATH,
	MPQ_STEER_OVER_RATE, /* the class's rate limit: drop it */
};

/* What `explain` says of a flow. */
struct mpq_steer_flow_view {
	bool spread;
	mpq_steer_set paths;
	enum mpq_steer_reason reason;
	mpq_time since, last;
	uint64_t bps;
};

struct mpq_steer_class_counters {
	uint64_t packets, bytes, no_path, over_rate;
	uint64_t copies, copies_withheld; /* withheld: copies had their share */
	uint64_t copies_short;            /* packets with fewer than wanted */
	uint64_t pinned, moved, spread, gathered;
};

struct mpq_steer;

/* NULL: no memory. Takes nothing; `events` may be NULL. All classes begin with
 * the default. */
struct mpq_steer *mpq_steer_new(const struct mpq_steer_events *events,
				void *owner, mpq_time now);
void mpq_steer_free(struct mpq_steer *s);

/* -EINVAL: no such class, mode or path, or order names an excluded path. In
 * force with the next packet; flows stay where they are if they may. */
int mpq_steer_configure(struct mpq_steer *s, unsigned class,
			const struct mpq_steer_class_config *config,
			mpq_time now);

/* Classes change their numbers: class i goes on as what class was[i] is now,
 * with its counters, verdicts and paths; -1: begins anew. Flows of one that got
 * another number are forgotten. Then configure them. */
void mpq_steer_renumber(struct mpq_steer *s,
			const int8_t was[MPQ_STEER_CLASSES]);

/* The path's estimate is borrowed until another is told; NULL: there is no
 * such path. `usable`: it is up. */
void mpq_steer_path(struct mpq_steer *s, unsigned path,
		    const struct mpq_estimate *estimate, bool usable,
		    bool metered, mpq_time now);

/* enum mpq_steer_result; *ret only when it is SEND. */
int mpq_steer_pick(struct mpq_steer *s, unsigned class, uint32_t flow,
		   size_t len_bytes, mpq_time now,
		   struct mpq_steer_choice *ret);

/* The same for one that was picked before and goes another way, or had none: it
 * has paid its class's rate. It is not copied: all that waits would take all
 * buffers. */
int mpq_steer_pick_again(struct mpq_steer *s, unsigned class, uint32_t flow,
			 size_t len_bytes, mpq_time now,
			 struct mpq_steer_choice *ret);

/* The paths that the class may use for a packet of this length, by their
 * estimates' view: those that it avoids only if all others are too narrow.
 * None: it is too large, whoever gets it, and is steered as if it fitted. */
mpq_steer_set mpq_steer_fitting(const struct mpq_steer *s, unsigned class,
				size_t len_bytes);

/* A path has room: may it take a packet of this length of the class's shared
 * queue, in which `waiting_bytes` are? A question without effects, so that the
 * connection may still refuse. Not when a better path will have taken it
 * sooner: then this path is idle, and its estimate is to know of nothing
 * queued. Otherwise what it could take counts as queued. */
bool mpq_steer_may_pull(const struct mpq_steer *s, unsigned class,
			unsigned path, uint64_t waiting_bytes,
			size_t len_bytes);
/* What it takes is better not the first packet, of this length, but one that
 * has so many bytes before it, and will have left by a faster path after
 * *ret_gain: the faster paths will have brought those when this one brings
 * that. 0: none is, or the class goes by shares or by order. */
uint64_t mpq_steer_pull_behind(const struct mpq_steer *s, unsigned class,
			       unsigned path, size_t len_bytes,
			       mpq_duration *ret_gain);
/* The connection took it. */
void mpq_steer_pulled(struct mpq_steer *s, unsigned class, unsigned path,
		      size_t len_bytes, mpq_time now);

/* For a packet that was lost on `path` and goes before all others: where it
 * fits and arrives first; the same path only if that is a round trip sooner.
 * -ENETUNREACH: none. */
int mpq_steer_repair(struct mpq_steer *s, unsigned class, unsigned path,
		     size_t len_bytes, mpq_time now);

/* A path has just fallen silent or answers again: what depends on it is seen
 * by the next packet anyhow, or, without one, by expire. */
mpq_time mpq_steer_deadline(const struct mpq_steer *s);
void mpq_steer_expire(struct mpq_steer *s, mpq_time now);

/* Paths that have fallen silent with something unanswered. */
mpq_steer_set mpq_steer_silent(const struct mpq_steer *s);
/* Paths that some class avoids for their loss: only probes show its end. */
mpq_steer_set mpq_steer_lossy(const struct mpq_steer *s);
/* Paths that are left alone for an outage that is due: only probes show it. */
mpq_steer_set mpq_steer_pausing(const struct mpq_steer *s);
/* How far apart the members' arrivals are: what the receiver's order window
 * has to bridge for this class. */
mpq_duration mpq_steer_delay_spread(const struct mpq_steer *s, unsigned class);
/* false: no such flow lately, or the class does not steer by flows: only auto
 * does, and what a flow had before another mode came is no answer. */
bool mpq_steer_explain(const struct mpq_steer *s, unsigned class, uint32_t flow,
		       struct mpq_steer_flow_view *ret);
/* What the class's next packet may take, as things are; of active-standby the
 * one path that it takes. */
mpq_steer_set mpq_steer_may_take(const struct mpq_steer *s, unsigned class);
const struct mpq_steer_class_counters *
mpq_steer_counters(const struct mpq_steer *s, unsigned class);
size_t mpq_steer_footprint_bytes(const struct mpq_steer *s); /* constant */

#endif
