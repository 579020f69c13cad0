/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of an edge path: when to dial, when to believe that it works, when
 * to dial again. Pure: events and `now` come in, what is to be done comes out.
 *
 *	           link ready                established
 *	no-link  -----------> connecting ------------------> up
 *	no-carrier                ^  |                        |
 *	no-address                |  | silent or refused      | silence, reset
 *	   ^                      |  v                        v
 *	   '---- link lost --- (any)  down <------------------'
 *
 * A path has a current connection and, while that one is silent or there is
 * none, a candidate: a fresh connection on the path's other socket. Whichever
 * answers first carries the traffic, so recovery never waits for the probe
 * time-out of a connection whose timer has doubled during an outage. One that
 * answers is replaced only when its owner asks for that (mpq_life_renew).
 *
 * Silence is met with dialling at a steady pace for ever: connectivity comes
 * back without a word, and then the next dial is what finds it. Only a refusal
 * is met with patience, because it was an answer.
 */
#ifndef MPQ_BOND_LIFE_H
#define MPQ_BOND_LIFE_H

#include "common/clock.h"

#include <stdbool.h>

/* Names equal those of YANG's path-oper-state; a test compares them. */
enum mpq_life_state {
	MPQ_LIFE_DISABLED,   /* by configuration */
	MPQ_LIFE_HELD,       /* by the operator, for a while */
	MPQ_LIFE_NO_LINK,    /* no such device: modem unplugged */
	MPQ_LIFE_NO_CARRIER, /* the device is there, its link is not */
	MPQ_LIFE_NO_ADDRESS, /* no usable address, or no route yet (DHCP) */
	MPQ_LIFE_CONNECTING, /* dialling */
	MPQ_LIFE_UP,
	MPQ_LIFE_DOWN,    /* no answer: dialling on */
	MPQ_LIFE_REFUSED, /* one end refused the other; retried slowly */
	MPQ_LIFE_STATES,
};
const char *mpq_life_state_name(enum mpq_life_state s); /* "no-link" */
/* 0; -EINVAL, *ret untouched. */
int mpq_life_state_parse(const char *name, enum mpq_life_state *ret);

enum mpq_life_action { /* a set; done by the caller in this order */
	MPQ_LIFE_DROP_CURRENT = 1,
	MPQ_LIFE_DROP_CANDIDATE = 2,
	MPQ_LIFE_PROMOTE = 4,  /* candidate becomes current, old one drains */
	MPQ_LIFE_DIAL = 8,     /* start a candidate; if that is not possible:
				* mpq_life_ended(candidate), tried again later */
	MPQ_LIFE_PROBE = 16,   /* make the current one send a PING */
	MPQ_LIFE_CHANGED = 32, /* state or reason: report it */
};

struct mpq_life_config {
	mpq_duration silence_min; /* 500 ms: no answer for longer than this ..*/
	unsigned silence_rtts;    /* .. and this many smoothed RTTs: dial */
	mpq_duration down_after;  /* 2 s: no answer for longer: it is down */
	mpq_duration redial_soon; /* 100 ms: after a dial that was let in, the
				   * next, should that connection be lost;
				   * doubles to `redial` while connections
				   * hold for less than `redial` */
	mpq_duration redial;      /* 1 s: a candidate's time to answer, or .. */
	unsigned redial_rtts;     /* .. this many RTTs if that is longer .. */
	mpq_duration redial_slack; /* .. and this: acknowledgements wait */
	mpq_duration redial_max;   /* 2 s: up to which `redial` doubles while
				    * no RTT is known: it might be a long one */
	mpq_duration accept_max;   /* 10 s: of a candidate that does answer */
	mpq_duration refused_min, refused_max; /* 2 s doubling to 60 s */
};
extern const struct mpq_life_config mpq_life_default;

struct mpq_life {
	const struct mpq_life_config *config;
	enum mpq_life_state state;
	char reason[256]; /* a sentence; never "" */
	mpq_time since;   /* of state */

	/* What it was told. */
	enum mpq_life_state link; /* NO_LINK.., or CONNECTING: link is ready */
	char link_reason[256];
	const char *disabled; /* why; NULL: it is enabled */
	mpq_time held_until;  /* 0: not held; MPQ_TIME_NEVER: until release */

	/* The connections. */
	bool running; /* link ready, enabled, not held */
	bool has_current, has_candidate;
	const char *renewing; /* why the candidate is to replace a current one
			       * that answers; NULL: it is not */
	mpq_time dialled, next_dial;
	mpq_time heard;         /* the candidate's first answer; or NEVER .. */
	mpq_time heard_last;    /* .. and its last one */
	mpq_time waiting_since; /* dialling and no answer since; or NEVER */
	mpq_time silent_since;  /* of current; MPQ_TIME_NEVER: it answers */
	mpq_time established;   /* the last; NEVER: none since a refusal */
	mpq_duration rtt;       /* last known smoothed RTT; 0: none yet */
	mpq_duration refused_backoff;
	unsigned unanswered;  /* candidates in a row */
	unsigned short_lived; /* connections in a row */

	unsigned connects, dials; /* counters */
};

/* Enabled, not held, no link yet. */
void mpq_life_init(struct mpq_life *l, const struct mpq_life_config *config,
		   mpq_time now);

/* Each returns a set of mpq_life_action. */
unsigned mpq_life_enable(struct mpq_life *l, mpq_time now);
/* `why`: a sentence; borrowed until it is enabled. */
unsigned mpq_life_disable(struct mpq_life *l, const char *why, mpq_time now);
unsigned mpq_life_hold(struct mpq_life *l, mpq_time until, mpq_time now);
unsigned mpq_life_release(struct mpq_life *l, mpq_time now);

/* The link lost (NO_LINK, NO_CARRIER, NO_ADDRESS, with a reason, or NULL or ""
 * for the usual one), or ready (CONNECTING): then with fresh sockets, so what
 * ran on the old ones is over. A state that is none of a link is NO_LINK. */
unsigned mpq_life_link(struct mpq_life *l, enum mpq_life_state link,
		       const char *reason, mpq_time now);

/* The candidate answered: its request was accepted. */
unsigned mpq_life_established(struct mpq_life *l, mpq_time now);

/* A connection ended. `refused`: by decision of one of the ends. */
unsigned mpq_life_ended(struct mpq_life *l, bool current, bool refused,
			const char *reason, mpq_time now);

/* The current connection was given up: it is of no use any more, although it
 * may answer yet. Only while it is silent. */
void mpq_life_dropped(struct mpq_life *l);

/* The current connection answers, and yet a fresh one would serve better: dials
 * that beside it. Nothing while another dial is under way, or too soon after
 * one, and nothing is lost when it is not let in. `why` follows "connected, "
 * in the reason; borrowed until that dial has come to its end. Returns a set of
 * mpq_life_action. */
unsigned mpq_life_renew(struct mpq_life *l, const char *why, mpq_time now);

/* What the current connection shows, each time something was read or written:
 * see struct mpq_conn_info. */
unsigned mpq_life_observe(struct mpq_life *l, mpq_time oldest_unanswered,
			  mpq_duration rtt, mpq_time now);

/* What the candidate shows, each time something was read: the time of the last
 * packet that was good (one not later than its dial: none). It is not given up
 * while its handshake goes on. */
unsigned mpq_life_observe_candidate(struct mpq_life *l, mpq_time last_read,
				    mpq_duration rtt, mpq_time now);

mpq_time mpq_life_deadline(const struct mpq_life *l);
unsigned mpq_life_expire(struct mpq_life *l, mpq_time now);

#endif
