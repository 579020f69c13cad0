/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session: the paths of a bonded tunnel between one edge and the
 * concentrator, as one end has them. Owns what is shared: policy, steering,
 * order, repair, and a member for each path.
 *
 *	out   classify -> steer -> own or shared queue -> header -> channel
 *	in    channel -> header -> delay -> order -> (deliver)
 *	lost  repair -> urgent queue of the path that is soonest, seldom the
 *	      same, fair to flows
 *
 * A path that is up offers its channel; the session joins it (join.h) and takes
 * it back when it is silent. Pure: channels are its only way out, and `now`
 * comes in.
 */
#ifndef MPQ_DATAPLANE_SESSION_H
#define MPQ_DATAPLANE_SESSION_H

#include "dataplane/bond/delay.h"
#include "dataplane/bond/estimate.h"
#include "dataplane/bond/order.h"
#include "dataplane/bond/parity.h"
#include "dataplane/bond/repair.h"
#include "dataplane/bond/report.h"
#include "dataplane/bond/steer.h"
#include "dataplane/channel.h"
#include "dataplane/flow/fair.h"
#include "dataplane/flow/ip.h"
#include "dataplane/join.h"
#include "dataplane/policy.h"

#define MPQ_SESSION_PATHS        MPQ_JOIN_PATHS
#define MPQ_SESSION_CLASSES      MPQ_POLICY_CLASSES
#define MPQ_SESSION_URGENT       1024 /* packets to be sent again, a path */
#define MPQ_SESSION_REASON_BYTES 128
#define MPQ_SESSION_PART         256 /* of a byte, in `ahead` */

struct mpq_session;

enum mpq_session_member_state { /* names in session.c */
	MPQ_SESSION_AWAY,       /* no channel */
	MPQ_SESSION_WAITING,    /* client: until the session is open */
	MPQ_SESSION_JOINING,    /* client: asked */
	MPQ_SESSION_JOINED,     /* both ends agree, not to be used yet */
	MPQ_SESSION_TRIED,      /* it came, or came back: on probation */
	MPQ_SESSION_USED,
	MPQ_SESSION_SILENT, /* does not answer: what it had goes elsewhere */
	MPQ_SESSION_MEMBER_STATES,
};
const char *mpq_session_member_state_name(enum mpq_session_member_state s);

struct mpq_session_events {
	/* An inner packet came out. Valid during the call. */
	void (*deliver)(void *owner, const uint8_t *data, size_t len);
	/* A packet is larger than any path carries that could take it; it is
	 * dropped. */
	void (*too_big)(void *owner, const struct mpq_packet *p, size_t limit);
	/* It goes by other paths than it would if it were not larger than this.
	 * May be NULL. */
	void (*diverted)(void *owner, const struct mpq_packet *p, size_t limit);
	/* The first path is there, or the last one gone (mpq_session_is_up). */
	void (*changed)(void *owner, const char *reason);
	/* A member has another state; `gap`: since it last brought something,
	 * if that is why. */
	void (*member)(void *owner, unsigned path,
		       enum mpq_session_member_state was, const char *reason,
		       mpq_duration gap);
	/* Steering changed its mind. */
	void (*steered)(void *owner, const struct mpq_steer_event *event);
	/* Something happened: it wants a turn, and has another deadline. May be
	 * NULL, when turns are given and deadlines asked for anyhow. */
	void (*touched)(void *owner);
};

enum mpq_session_control { /* a set: what is to be sent on a path */
	MPQ_SESSION_PROBE = 1,
	MPQ_SESSION_ANSWER = 2,
	MPQ_SESSION_REPORT = 4,
};

struct mpq_session_counters {
	uint64_t datagrams_in, malformed;
	uint64_t no_buffer; /* in: the pool is empty */
	uint64_t probes_in, probes_out, probes_limited, reports_in, reports_out;
	uint64_t refused_joins, opens, joins, policies, refused_policies;
	uint64_t refused_capsules; /* each ended its connection */
	/* Not kept: buffers are short; and the overflow of repairs before. */
	uint64_t unrepaired;
};

struct mpq_session_class_counters {
	uint64_t packets_out, bytes_out, over_rate, too_big;
	uint64_t expired; /* repairs that came too late */
	/* Of packets of which another copy goes, or went: with the path that
	 * they waited for, or with their number; not made, as buffers are
	 * short. */
	uint64_t copies_gone, copies_unmade;
	uint64_t repaired;
};

struct mpq_session_path {
	struct mpq_session *session;
	uint8_t index;
	enum mpq_session_member_state state;
	mpq_time since;
	char reason[MPQ_SESSION_REASON_BYTES];
	struct mpq_channel *channel;         /* borrowed; NULL: AWAY */
	struct {                             /* is to take its place */
		struct mpq_channel *channel; /* borrowed; NULL: none */
		mpq_time since;              /* it asked, or was let in */
		mpq_time agreed; /* client: it was let in; server: it was
				  * heard; NEVER: not yet */
		bool heard;      /* what comes is of this one */
		uint8_t mark[MPQ_JOIN_MARK_BYTES];
	} next;
	struct mpq_channel *last; /* the one before, which may still bring
				   * something; NULL: none */
	bool late;                /* what it brings is: this one was heard */
	bool metered;

	struct mpq_estimate estimate;
	struct mpq_fair own[MPQ_SESSION_CLASSES];
	struct mpq_fair urgent[MPQ_SESSION_CLASSES]; /* to be sent again */
	size_t urgent_pkts, urgent_bytes;            /* of all classes */
	bool again; /* the last packet was one of these */
	/* Bytes a flow of its own queue has had more than one of the shared
	 * queue, while both wait; in parts (MPQ_SESSION_PART). */
	int32_t ahead[MPQ_SESSION_CLASSES];
	/* What went before it of higher classes while it waited. */
	uint32_t passed[MPQ_SESSION_CLASSES];
	bool refused; /* shared queues have something, but none for us now */

	uint16_t path_sequence; /* of the next datagram */
	unsigned control;       /* set of mpq_session_control */
	uint8_t control_bytes[MPQ_REPORT_MAX_BYTES];
	uint8_t answer[64];
	size_t answer_bytes;
	mpq_time answered; /* the last probe */
	mpq_time sent;     /* the last datagram */
	mpq_time guarded;  /* .. of a class that cannot wait; NEVER: none */
	mpq_time heard;    /* the last datagram that came; NEVER: none */
	mpq_time last_read;
	mpq_time trusted_at; /* end of the probation */
	mpq_duration probation;
	mpq_time lost_at;                  /* fell silent or left */
	mpq_time joined;                   /* this connection */
	uint8_t mark[MPQ_JOIN_MARK_BYTES]; /* .. since then */
	mpq_time narrow; /* the last that was told to go by others; or 0 */
	mpq_time shrunk; /* its window, since then; NEVER: it is not */

	struct { /* what is on offer */
		enum mpq_session_offered {
			MPQ_SESSION_OFFER_NONE,
			MPQ_SESSION_OFFER_CONTROL,
			MPQ_SESSION_OFFER_URGENT,
			MPQ_SESSION_OFFER_OWN,
			MPQ_SESSION_OFFER_SHARED,
			MPQ_SESSION_OFFER_BEHIND, /* of the shared queue, too */
			MPQ_SESSION_OFFER_PARITY,
		} what;
		uint8_t class_id;
		unsigned control;
		struct mpq_packet *packet;
		struct mpq_header header;
		uint8_t head[MPQ_HEADER_BYTES];
	} offer;

	struct mpq_report_path told; /* what the peer says of our packets */
	mpq_time told_at;
	uint64_t in_bytes;   /* received: all after the Context ID, ever .. */
	uint64_t rate_bytes; /* .. and until rate_since */
	mpq_time rate_since;
	uint64_t rate_in_bps;
	uint64_t packets_out, bytes_out, packets_in, bytes_in; /* inner */
	uint64_t repaired, probes;

	struct {
		struct mpq_parity_out out;
		struct mpq_parity_in in;
		bool on;               /* the path loses */
		mpq_time heard;        /* the peer's last one; NEVER */
		mpq_time crowded;      /* many flows waited; NEVER */
		uint32_t credit_bytes; /* that they may take */
		uint32_t solve_bytes;  /* of the peer's that are solved for */
		mpq_time idle; /* the last time that nothing else waited */
	} parity;
	uint64_t parities_out, parities_in;
	uint64_t parities_ignored; /* more than a peer should send */
	uint64_t restored;         /* packets that a parity made good */
};

struct mpq_session {
	bool client;
	const struct mpq_session_events *events;
	void *owner;
	struct mpq_packet_pool *pool;
	mpq_duration queue_delay; /* CoDel's target */
	uint64_t seed;            /* of flow hashes */
	mpq_time now;             /* of the call under way */

	bool open;            /* both ends have the key */
	int opener;           /* client: the path that opens it; -1: none */
	unsigned passed_over; /* paths that were to, in a row */
	struct mpq_join_key key;
	bool up;

	struct mpq_policy policy; /* of what goes out */
	uint32_t policy_number;   /* of the policy told, or heard */
	uint8_t *heard_policy;    /* server: its bytes, followed or not; */
	size_t heard_bytes;       /* NULL: none */
	mpq_time policy_credit;   /* server: how many more are heard now, .. */
	mpq_time join_credit;     /* .. and joins: see session_capsule.c */
	bool accept_policy;
	/* The highest first; equal ones take turns by bytes. */
	uint8_t by_priority[MPQ_SESSION_CLASSES];
	uint32_t turn_bytes[MPQ_SESSION_CLASSES]; /* taken in this turn */

	struct mpq_steer *steer;
	struct mpq_repair *repair;
	struct mpq_delay delay;
	struct mpq_order order;
	bool has_order;
	uint32_t sequence[MPQ_SESSION_CLASSES][MPQ_HEADER_LANES];
	struct mpq_fair shared[MPQ_SESSION_CLASSES];
	struct mpq_fair_room *room;    /* of all these queues */
	struct mpq_session_path *path; /* MPQ_SESSION_PATHS of them */

	uint32_t report_number;
	uint32_t told_number; /* of the peer's newest report .. */
	bool was_told;        /* .. if there was one */
	mpq_time report_due, tick_due;
	mpq_time renewed; /* a path, the last time; NEVER: none was */
	mpq_time lull;    /* a path was silent just now, or left alone, the last
			   * time; 0: never */
	bool received;    /* since the last report */
	mpq_time data_out, data_in; /* the last */
	struct mpq_session_counters counters;
	struct mpq_session_class_counters class[MPQ_SESSION_CLASSES];
};

/* NULL: out of memory. */
struct mpq_session *mpq_session_new(bool client,
				    const struct mpq_session_events *events,
				    void *owner, struct mpq_packet_pool *pool,
				    uint64_t seed, mpq_time now);
/* Leaves all channels as they are, without a member. NULL is fine. */
void mpq_session_free(struct mpq_session *s);

/* Client: the policy of both directions. Server: what holds until the client
 * tells its own, and whether that is listened to. In force with the next
 * packet. What waits goes on to wait, now where the new policy wants it; it
 * goes only where its new queue has no room. */
void mpq_session_configure(struct mpq_session *s,
			   const struct mpq_policy *policy, bool accept_policy,
			   mpq_duration queue_delay, mpq_time now);
/* Client: this channel is up and is to carry path `path` from now on; another
 * one of that path is done with. */
void mpq_session_offer(struct mpq_session *s, unsigned path,
		       struct mpq_channel *ch, mpq_time now);
/* Client: this channel is up and is to carry path `path`, which carries now: it
 * joins beside the one that does, and takes its place then. True: it has, or
 * nothing carries: offer it. */
bool mpq_session_replace(struct mpq_session *s, unsigned path,
			 struct mpq_channel *ch, mpq_time now);
/* Why the path is away, while it is: its troubles change. */
void mpq_session_explain(struct mpq_session *s, unsigned path,
			 const char *reason);
/* The channel is gone, or of no use: harmless when it was not a member. */
void mpq_session_withdraw(struct mpq_session *s, const struct mpq_channel *ch,
			  const char *reason, mpq_time now);

/* A capsule came on a channel. 0; negative: it is malformed. At a server it may
 * make the channel a member, or reject it, and closes the one whose place it
 * takes. */
int mpq_session_capsule(struct mpq_session *s, struct mpq_channel *ch,
			const struct mpq_capsule *c, mpq_time now);

/* Is there a path to send on? */
bool mpq_session_is_up(const struct mpq_session *s);

/* Takes a packet that was parsed; counts what it drops. */
void mpq_session_send(struct mpq_session *s, struct mpq_packet *p,
		      const struct mpq_ip *ip, mpq_time now);
size_t mpq_session_queued(const struct mpq_session *s); /* packets */

/* What this channel has to send, for mpq_channel_write(); NULL: it is no
 * member. */
const struct mpq_channel_source *
mpq_session_source(struct mpq_session *s, const struct mpq_channel *ch,
		   void **ret_owner);
/* Might it have anything to send? */
bool mpq_session_waits(const struct mpq_session *s,
		       const struct mpq_channel *ch);

/* Before the channels write, when it was touched or its deadline has come. */
void mpq_session_turn(struct mpq_session *s, mpq_time now);
/* Depends on nothing but what touches it: not asked again before. */
mpq_time mpq_session_deadline(const struct mpq_session *s);
/* Wakes the channels for which something waits. */
void mpq_session_wake(const struct mpq_session *s);

/* Client: would the path carry more by a fresh connection, one way or the
 * other, and can others stand in while that joins? */
bool mpq_session_wants_renewal(const struct mpq_session *s,
			       const struct mpq_channel *ch, mpq_time now);
/* It is dialled: one after another. */
void mpq_session_renews(struct mpq_session *s, mpq_time now);

/* The member that a channel is, or NULL. */
struct mpq_session_path *mpq_session_path_of(const struct mpq_session *s,
					     const struct mpq_channel *ch);

#endif
