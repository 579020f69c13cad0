/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of a listener: a connection, from its first packet to its end. Finds
 * out who it is, which tunnel it may have, and when it carries that tunnel.
 *
 * Downlink follows uplink, forwards only: a tunnel is carried by the newest
 * guest that brought a packet of it, so that both ends agree when an edge
 * changes connections, and late packets of the old one turn nothing back.
 */
#ifndef MPQ_DATAPLANE_GUEST_H
#define MPQ_DATAPLANE_GUEST_H

#include "dataplane/agenda.h"
#include "dataplane/channel.h"
#include "dataplane/io/udp.h"
#include "dataplane/tunnel.h"

struct mpq_listener;

struct mpq_guest {
	struct mpq_guest *next, *prev; /* newest first */
	struct mpq_listener *listener;
	struct mpq_channel *channel;
	struct mpq_tunnel *tunnel;  /* borrowed; NULL: has asked for none */
	struct mpq_sockaddr remote; /* where it came from */
	mpq_time admitted;
	uint64_t number;   /* of this listener's guests: the newer the higher */
	bool newcomer;     /* request accepted, not yet carrying */
	bool bonded;       /* is, or was, a member of the tunnel's session */
	mpq_time accepted; /* its request; NEVER: not yet */
	bool silent;       /* does not answer: carries nothing */
	bool refused;      /* and that was reported */
	unsigned offered;  /* the tunnel's addresses that it knows; 0: none */
	struct mpq_agenda_entry turn; /* of the listener's */
};

/* Proven newcomer: it is read the datagram by mpq_guest_read(). NULL: out of
 * memory, or it is no connection. */
struct mpq_guest *mpq_guest_new(struct mpq_listener *l,
				const struct mpq_udp_datagram *d,
				const struct mpq_conn_initial *initial,
				mpq_time now);
void mpq_guest_free(struct mpq_guest *g, const char *reason, mpq_time now);

void mpq_guest_read(struct mpq_guest *g, const struct mpq_udp_datagram *d,
		    mpq_time now);

/* Everything that is due, then everything that is to be written; waits for its
 * next deadline then, or is freed when it is over. */
void mpq_guest_turn(struct mpq_guest *g, mpq_time now);

/* The configuration changed: it is sent away unless its tunnel is still its
 * own. */
void mpq_guest_review(struct mpq_guest *g, mpq_time now);

/* We trust others now: its peer is judged anew. */
void mpq_guest_verify(struct mpq_guest *g, mpq_time now);

/* Says good-bye, carries nothing any more. */
void mpq_guest_close(struct mpq_guest *g, const char *reason, mpq_time now);

/* Is the peer heard, but has acknowledged nothing for long? Outages took all
 * that was under way, and what the library sent each time that it asked; the
 * next time may be long after the path is back. An edge sees that of its own
 * packets (bond/life), so a guest whose connection is stuck is closed. */
bool mpq_guest_is_stuck(const struct mpq_conn_info *info, mpq_time now);

#endif
