/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the place of dataplane/channel and of QUIC below it: a modelled connection
 * of one path, so that whole sessions run without cryptography, a hundred times
 * faster. A program that links this has dataplane/session and all below it for
 * real; what the model keeps of a connection is what a session sees of it:
 *
 *	datagrams    numbered, acknowledged or lost, both if that was too early
 *	capsules     each once and in order, sent again when lost
 *	window       BBR-like (steer_transport.h), with its ProbeRTT; pacing
 *	life         a hello and its answer; closing, with or without a word
 *	keys         the same at both ends of a connection, and nowhere else
 *
 * It does not have streams, flow control, handshakes that cost anything, or the
 * search for a path's MTU. Never free one inside an event.
 */
#ifndef MPQ_TESTS_SIM_SESSION_CHANNEL_H
#define MPQ_TESTS_SIM_SESSION_CHANNEL_H

#include "dataplane/channel.h"
#include "tests/sim/random.h"
#include "tests/sim/steer_transport.h"

#define SESSION_CHANNEL_HEAD_BYTES 66 /* of a packet, with a datagram's */
#define SESSION_CHANNEL_MAX_BYTES  1500
#define SESSION_CHANNEL_ACKED      256 /* packets that one tells of */

struct session_channel;

struct session_channel_events {
	/* The client's hello was answered. */
	void (*up)(void *owner, struct session_channel *c);
	void (*capsule)(void *owner, struct session_channel *c,
			const struct mpq_capsule *capsule);
	/* A datagram that nobody here wants, or not yet. */
	void (*early)(void *owner);
	/* What the session is about to be given, and what it has just given,
	 * for accounts. */
	void (*arrives)(void *owner, struct session_channel *c,
			const uint8_t *data, size_t len);
	void (*taken)(void *owner, struct session_channel *c, uint64_t id,
		      const struct mpq_channel_offer *offer);
};

struct session_channel_capsule { /* to be sent, or not yet acknowledged */
	struct session_channel_capsule *next;
	uint32_t number;
	bool due;
	uint64_t type;
	size_t len;
	uint8_t value[];
};

struct session_channel_sent { /* what was in a packet */
	uint64_t datagram;    /* its id + 1; 0: none */
	uint32_t capsule;     /* its number + 1; 0: none */
};

struct mpq_conn {
	struct sim_transport *transport;
	uint64_t number; /* of the connection: both ends have it */
	mpq_time last_read;
};

struct session_channel {
	struct mpq_channel channel; /* the first: they are one */
	struct mpq_conn conn;
	const struct session_channel_events *events;
	void *owner;
	unsigned path;    /* the owner's */
	size_t max_bytes; /* of a datagram, without HTTP's head */

	struct session_channel_capsule *capsules;
	uint32_t next_capsule, expected_capsule;
	struct session_channel_sent sent[SIM_TRANSPORT_FLIGHT];

	bool close_due, ping_due;
	mpq_time hello_due, ack_due, probe_rtt;
	mpq_duration hello_wait;
	uint64_t largest; /* packet that came, + 1; 0: none */
	uint8_t came[SESSION_CHANNEL_ACKED / 8]; /* ring, of the last ones */
	unsigned unacked;
	bool paced; /* something waits for the window's time */
};

/* Keys and what else has to be unique are drawn from this; borrowed. */
void session_channel_seed(struct sim_random *random);

/* `number`: the client's choice; of a server what came in the hello. */
struct session_channel *
session_channel_new(bool server, uint64_t number,
		    const struct session_channel_events *events, void *owner,
		    unsigned path, mpq_time now);
void session_channel_free(struct session_channel *c);

/* The connection that a packet is of; *ret_hello: it may begin one. */
uint64_t session_channel_number(const uint8_t *data, size_t len,
				bool *ret_hello);
void session_channel_read(struct session_channel *c, const uint8_t *data,
			  size_t len, mpq_time now);
/* A packet's length; 0: nothing to send now. */
size_t session_channel_write(struct session_channel *c,
			     const struct mpq_channel_source *source,
			     void *owner,
			     uint8_t dest[SESSION_CHANNEL_MAX_BYTES],
			     mpq_time now);
mpq_time session_channel_deadline(const struct session_channel *c);
void session_channel_expire(struct session_channel *c, mpq_time now);

#endif
