/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steering's state, for its own files: steer (entry and configuration),
 * steer_mode (the table of modes), steer_path (what each path is worth, and to
 * whom), steer_verdict (which ones a class avoids), steer_members (what flows
 * may be spread over), steer_auto (pinned or spread), steer_pull (who takes of
 * a shared queue).
 */
#ifndef MPQ_BOND_STEER_PRIVATE_H
#define MPQ_BOND_STEER_PRIVATE_H

#include "dataplane/bond/rhythm.h"
#include "dataplane/bond/steer.h"

#define MPQ_STEER_TICK (10 * MPQ_MILLISECOND)

/* A path as of the last tick; delays of our queue are read live. */
struct mpq_steer_path {
	const struct mpq_estimate *estimate; /* borrowed; NULL: no such path */
	bool usable, metered, silent;
	struct mpq_rhythm rhythm; /* of its silences; outlives connections */
	bool wavers;              /* one is due, or just over */
	bool pauses; /* one is so surely due that nobody is to use it */
	uint64_t rate_bps;
	uint64_t hoped_bps; /* >= rate_bps: if unproven, the best path's */
	bool proven;
	mpq_duration one_way, base, variation; /* base: without queues */
	uint64_t picked_bytes;                 /* since the last tick */
	uint64_t load_bps; /* of what was steered here, smoothed */
	mpq_time sent;     /* last pick */
	uint64_t copy_tokens_bytes;
};

struct mpq_steer_verdict { /* of a class on a path */
	bool avoided;
	bool guarded; /* away from it until its hand-over is over */
	bool comes;   /* what its probation showed is not judged yet */
	enum mpq_steer_reason reason;
	mpq_time other;   /* since when the measurement says otherwise; NEVER */
	mpq_time trusted; /* again, the last time */
	mpq_time silent;  /* the last time; 0: never */
	mpq_duration hold;   /* good for so long before it is trusted again */
	struct {             /* what is counted since it was avoided */
		mpq_time at; /* NEVER: not for loss */
		uint64_t acked, lost;
	} mark;
	mpq_duration served; /* load-balancing: time's worth of what it took */
};

struct mpq_steer_class {
	bool used; /* configured, or a packet came: others are silent */
	struct mpq_steer_class_config config;
	uint8_t order[MPQ_STEER_PATHS]; /* complete */
	struct mpq_steer_verdict verdict[MPQ_STEER_PATHS];
	mpq_steer_set eligible;  /* best that is to be had; see steer_path.c */
	mpq_steer_set answering; /* of what costs no more; avoided ones, too */
	mpq_steer_set fits;      /* the packet that is picked for */
	uint8_t active;          /* active-standby; MPQ_STEER_PATHS: none */
	struct {                 /* auto */
		mpq_steer_set members;
		mpq_duration delay_spread, base_spread;
		uint64_t one_bps, all_bps, idle_bps, load_bps;
		bool unproven; /* idle_bps is hoped for */
		mpq_time last_promoted;
		mpq_time started; /* the last one in its slow start */
		mpq_time no_gain; /* since when; or NEVER */
		mpq_time lull;    /* a path is silent or left alone, since
				   * when; or NEVER */
	} spread;
	uint64_t tokens_bytes; /* of the rate limit */
	uint64_t load_bps;     /* of what came, smoothed .. */
	uint64_t loaded_bytes; /* .. up to here */
	struct mpq_steer_class_counters counters;
};

struct mpq_steer_flow {
	uint32_t hash;
	uint8_t class;
	uint8_t path;
	bool used, spread;
	enum mpq_steer_reason reason;
	mpq_time since, last;
	mpq_time heavy; /* since when it fills its path; or NEVER */
	mpq_time light; /* since when it would fit one path; or NEVER */
	mpq_time retry; /* not spread before */
	mpq_duration backoff;
	mpq_time window; /* start of the measurement */
	uint64_t window_bytes;
	uint64_t bps;
};

struct mpq_steer {
	const struct mpq_steer_events *events;
	void *owner;
	mpq_time tick; /* the last */
	struct mpq_steer_path path[MPQ_STEER_PATHS];
	struct mpq_steer_class class[MPQ_STEER_CLASSES];
	struct mpq_steer_flow flow[MPQ_STEER_FLOWS];
};

/* steer_path.c */
void mpq_steer_path_tick(struct mpq_steer *s, mpq_time now);
mpq_duration mpq_steer_path_queue(const struct mpq_steer_path *p, size_t len);
mpq_duration mpq_steer_path_arrival(const struct mpq_steer_path *p, size_t len);
/* Of a set those that carry a packet of this length. */
mpq_steer_set mpq_steer_path_fitting(const struct mpq_steer *s,
				     mpq_steer_set set, size_t len);
/* mpq_steer_fitting(); for what is too large all that the class may use. */
mpq_steer_set mpq_steer_path_choice(const struct mpq_steer *s,
				    const struct mpq_steer_class *c,
				    size_t len);
/* The earliest arrival in a set that is not empty. */
unsigned mpq_steer_path_earliest(const struct mpq_steer *s, mpq_steer_set set,
				 size_t len);
/* The one that carries most. */
unsigned mpq_steer_path_best(const struct mpq_steer *s, mpq_steer_set set);

/* steer_verdict.c: is the path one to avoid for this class, or no longer? */
void mpq_steer_verdict_judge(struct mpq_steer *s, struct mpq_steer_class *c,
			     unsigned path, mpq_time now);
/* It is up again: what queues it had before says nothing of it now. */
void mpq_steer_verdict_renew(struct mpq_steer *s, unsigned path);

/* steer_mode.c: fills *ret for a class whose `eligible` is not empty. */
void mpq_steer_mode_pick(struct mpq_steer *s, struct mpq_steer_class *c,
			 uint32_t flow, size_t len, mpq_time now,
			 struct mpq_steer_choice *ret);
/* The same, without copies. */
void mpq_steer_mode_pick_one(struct mpq_steer *s, struct mpq_steer_class *c,
			     uint32_t flow, size_t len, mpq_time now,
			     struct mpq_steer_choice *ret);

/* steer_members.c */
void mpq_steer_members_tick(struct mpq_steer *s, struct mpq_steer_class *c,
			    mpq_time now);

/* steer_auto.c */
void mpq_steer_auto_pick(struct mpq_steer *s, struct mpq_steer_class *c,
			 uint32_t flow, size_t len, mpq_time now,
			 struct mpq_steer_choice *ret);
/* What is known of a flow; NULL: nothing. */
const struct mpq_steer_flow *mpq_steer_flow(const struct mpq_steer *s,
					    unsigned class, uint32_t flow);

/* steer_pull.c: the modes' answers; `may`: the paths that could take it. */
bool mpq_steer_pull_sooner(const struct mpq_steer *s,
			   const struct mpq_steer_class *c, mpq_steer_set may,
			   unsigned path, uint64_t waiting_bytes);
bool mpq_steer_pull_spread(const struct mpq_steer *s,
			   const struct mpq_steer_class *c, mpq_steer_set may,
			   unsigned path, uint64_t waiting_bytes);
bool mpq_steer_pull_by_order(const struct mpq_steer *s,
			     const struct mpq_steer_class *c, mpq_steer_set may,
			     unsigned path, uint64_t waiting_bytes);
bool mpq_steer_pull_by_share(const struct mpq_steer *s,
			     const struct mpq_steer_class *c, mpq_steer_set may,
			     unsigned path, uint64_t waiting_bytes);

/* steer_mode.c: asks the class's mode. One without a shared queue lets any of
 * `may` take what a mode before it has left there. */
bool mpq_steer_mode_may_pull(const struct mpq_steer *s,
			     const struct mpq_steer_class *c, mpq_steer_set may,
			     unsigned path, uint64_t waiting_bytes);

/* steer.c: fills in the class's figures and tells. */
void mpq_steer_tell(struct mpq_steer *s, const struct mpq_steer_class *c,
		    struct mpq_steer_event *event, mpq_time now);

static inline mpq_steer_set mpq_steer_bit(unsigned path)
{
	return (mpq_steer_set)1 << path;
}

static inline unsigned mpq_steer_class_index(const struct mpq_steer *s,
					     const struct mpq_steer_class *c)
{
	return (unsigned)(c - s->class);
}

#endif
