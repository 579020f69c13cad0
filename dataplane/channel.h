/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel: one QUIC connection and its one CONNECT-IP request (RFC 9484):
 * what carries a tunnel's packets over a path for the time being. A path that
 * dials anew has two for a moment. Composes quic/conn and masque/h3; does no
 * I/O, so it runs under a virtual clock as well.
 *
 * Inner packets come in by events->packet and are taken from a source by
 * mpq_channel_write(). A channel that is one of several of a session has
 * datagrams of another kind besides (bond/README.md): those it gives to its
 * member. Never call mpq_channel_free() inside an event.
 */
#ifndef MPQ_DATAPLANE_CHANNEL_H
#define MPQ_DATAPLANE_CHANNEL_H

#include "dataplane/bond/loss.h"
#include "dataplane/flow/packet.h"
#include "dataplane/masque/connect_ip.h"
#include "dataplane/masque/datagram.h"
#include "dataplane/masque/h3.h"
#include "dataplane/quic/conn.h"

#define MPQ_CHANNEL_REASON_BYTES 128

struct mpq_channel;

struct mpq_channel_events {
	/* Is this the right peer? As mpq_conn_events.verify. */
	int (*verify)(struct mpq_channel *ch,
		      const struct mpq_certificate_identity *peer,
		      char reason[MPQ_CERTIFICATE_REASON_BYTES]);
	/* Concentrator: the peer asks for a tunnel; the HTTP status to answer
	 * with. 200: the channel is up, capsules may be sent. Else `reason` is
	 * told to the peer's operator. */
	unsigned (*request)(struct mpq_channel *ch,
			    const struct mpq_h3_request *request,
			    char reason[MPQ_CHANNEL_REASON_BYTES]);
	/* Edge: the request was accepted: the channel is up. */
	void (*up)(struct mpq_channel *ch);
	/* An inner packet came out. Valid during the call. */
	void (*packet)(struct mpq_channel *ch, const uint8_t *data, size_t len);
	/* A capsule of bonding (join.h). Nonzero: it is malformed, the
	 * connection ends. NULL: not understood here, ignored. */
	int (*capsule)(struct mpq_channel *ch, const struct mpq_capsule *c);
	/* The peer assigned addresses (all that hold now). May be NULL. */
	void (*addresses)(struct mpq_channel *ch,
			  const struct mpq_connect_ip_address *addresses,
			  size_t n);
	/* Connection IDs for the demultiplexer; NULL at an edge. */
	int (*cid_added)(struct mpq_channel *ch, const uint8_t *cid,
			 size_t len);
	void (*cid_removed)(struct mpq_channel *ch, const uint8_t *cid,
			    size_t len);
	/* A token for the next dial; NULL at a concentrator. */
	void (*token)(struct mpq_channel *ch, const uint8_t *token, size_t len);
	/* It has become dirty, or what waits for it may be sent. NULL: it has a
	 * turn anyhow. */
	void (*touched)(struct mpq_channel *ch);
};

/* What a source offers to be sent, as one datagram. */
struct mpq_channel_offer {
	bool bonded;         /* in our registered context, else Context ID 0 */
	const uint8_t *head; /* before the data; of no bytes if it has none */
	size_t head_bytes;
	const uint8_t *data;
	size_t data_bytes;
	bool more; /* others wait: a small one may wait for company */
};

/* Where a channel takes its datagrams from. An offer stands until it is taken
 * or found too big, or until the next one is asked for: only then is it known
 * what will be sent. */
struct mpq_channel_source {
	/* false: nothing for this channel now. */
	bool (*offer)(void *owner, struct mpq_channel_offer *ret, mpq_time now);
	/* The offer is in a packet, as the datagram of this number. */
	void (*taken)(void *owner, uint64_t id, mpq_time now);
	/* It is larger than what the path carries: `limit_bytes` of data. */
	void (*too_big)(void *owner, size_t limit_bytes, mpq_time now);
};

/* Who hears of bonded datagrams. */
struct mpq_channel_member {
	void (*datagram)(void *owner, const uint8_t *data, size_t len);
	/* Both may come for one id: acked after lost was a spurious loss. */
	void (*acked)(void *owner, uint64_t id);
	void (*lost)(void *owner, uint64_t id);
	/* Something was read, or a timer fired: what the connection shows may
	 * have changed. */
	void (*moved)(void *owner);
};

struct mpq_channel {
	const struct mpq_channel_events *events;
	void *owner; /* for the events' implementer; borrowed */

	struct mpq_conn *conn;
	struct mpq_h3 *h3;
	bool server;
	bool up;   /* request accepted, and no end in sight */
	bool over; /* ended: `end` says why; free it after the turn */
	uint16_t wanted_bytes; /* size of the tunnel's largest datagrams */
	bool dirty;            /* something was read or is due: write */
	struct mpq_conn_end end;
	char authority[256], tunnel[33]; /* edge: what to request */

	uint8_t head[MPQ_DATAGRAM_HEAD_MAX_BYTES]; /* of each HTTP datagram */
	size_t head_bytes;
	struct mpq_prefix assigned[MPQ_CONNECT_IP_ADDRESSES]; /* to the peer */
	size_t n_assigned;

	/* bonding; member NULL: none */
	const struct mpq_channel_member *member;
	void *member_owner;
	uint64_t own_context, peer_context; /* registered; 0: not */
	uint8_t bonded_head[MPQ_DATAGRAM_HEAD_MAX_BYTES];
	size_t bonded_head_bytes;

	uint64_t next_id; /* of the next datagram */
	uint64_t packets_in, packets_out, bytes_in, bytes_out;
	struct mpq_loss loss; /* what became of the datagrams sent */
	mpq_time now;         /* of the call under way, for callbacks */
	uint64_t dropped_context, dropped_size, dropped_capsules;
};

/* How large UDP payloads to `remote` are worth looking for: what carries inner
 * packets of that size whole, within 1500 bytes on the wire. Larger ones would
 * only make discovery fail, and last, on narrower paths. */
uint16_t mpq_channel_max_udp(uint16_t inner_bytes,
			     const struct mpq_sockaddr *remote);

/* Edge: dials. `authority`: for the request, "vps.example:45001". */
int mpq_channel_connect(struct mpq_channel **ret,
			const struct mpq_conn_config *config,
			const char *authority, const char *tunnel,
			const struct mpq_channel_events *events, void *owner,
			mpq_time now);

/* Concentrator: a proven newcomer; feed it the packet by mpq_channel_read(). */
int mpq_channel_accept(struct mpq_channel **ret,
		       const struct mpq_conn_config *config,
		       const struct mpq_conn_initial *initial,
		       const struct mpq_channel_events *events, void *owner,
		       mpq_time now);

void mpq_channel_free(struct mpq_channel *ch);

void mpq_channel_read(struct mpq_channel *ch, const struct mpq_sockaddr *local,
		      const struct mpq_sockaddr *remote, uint8_t ecn,
		      const uint8_t *data, size_t len, mpq_time now);

/* Writes one UDP payload to dest[0..cap) with what is due and, when the channel
 * carries, what `source` offers (may be NULL). Returns its length, 0: nothing
 * to send now. ret->local/remote/ecn say how to send it. */
size_t mpq_channel_write(struct mpq_channel *ch,
			 const struct mpq_channel_source *source, void *owner,
			 uint8_t *dest, size_t cap,
			 struct mpq_conn_written *ret, mpq_time now);

/* After the last write of a turn. */
void mpq_channel_burst_end(struct mpq_channel *ch, mpq_time now);

mpq_time mpq_channel_deadline(const struct mpq_channel *ch);
void mpq_channel_expire(struct mpq_channel *ch, mpq_time now);

/* Says good-bye: the next write gives the CONNECTION_CLOSE, then it is over. */
void mpq_channel_close(struct mpq_channel *ch, const char *reason);

/* We trust others now: ends it if `tls` would not let its peer in. True: it
 * goes on. */
bool mpq_channel_verify(struct mpq_channel *ch, struct mpq_tls *tls);

/* It is dirty from now on. */
void mpq_channel_touch(struct mpq_channel *ch);
/* Something waits for it, or may now be sent. */
void mpq_channel_wake(struct mpq_channel *ch);

/* Makes the peer answer, if it can (PING). */
void mpq_channel_ping(struct mpq_channel *ch, mpq_time now);

/* Concentrator, when up. 0 or -errno. */
int mpq_channel_assign(struct mpq_channel *ch, const struct mpq_prefix *assign,
		       size_t n);
int mpq_channel_advertise(struct mpq_channel *ch,
			  const struct mpq_prefix *routes, size_t n);

/* Bonding: sends a capsule (join.h); says in which context bonded datagrams go
 * out, and come in (0: none); who hears of them. 0 or -errno. */
int mpq_channel_send_capsule(struct mpq_channel *ch, uint64_t type,
			     const void *value, size_t len);
void mpq_channel_set_contexts(struct mpq_channel *ch, uint64_t own,
			      uint64_t peer);
void mpq_channel_set_member(struct mpq_channel *ch,
			    const struct mpq_channel_member *member,
			    void *owner);
/* Ends it as one that has no business here (H3_REQUEST_REJECTED). */
void mpq_channel_reject(struct mpq_channel *ch, const char *reason);
/* Ends it for a capsule that is not as it has to be (H3_MESSAGE_ERROR). */
void mpq_channel_malformed(struct mpq_channel *ch, const char *reason);

/* Up, and wide enough for wanted_bytes or done with looking for the path's MTU:
 * packets are taken from the queue. Until then full-size ones would get a
 * "packet too big" that is not true a round trip later. */
bool mpq_channel_carries(const struct mpq_channel *ch);

/* The largest datagram, without its HTTP head, that the path carries now: an
 * inner packet, or one with the header of bonding. */
size_t mpq_channel_max_packet(const struct mpq_channel *ch);

/* The same for a bonded one with a head of so many bytes of its own: its data.
 */
size_t mpq_channel_max_bonded(const struct mpq_channel *ch, size_t head_bytes);

/* Was it ended by a decision of one of the ends (certificate, identity, HTTP
 * status), not by silence or loss? */
bool mpq_channel_refused(const struct mpq_channel *ch);

#endif
