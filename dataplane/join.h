/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining a session: what is proven, and in which bytes (bond/README.md §2 and
 * §3). Knows neither channels nor tunnels: keys come in, capsules go out; who
 * may own which session is the caller's to know.
 *
 *	client  SESSION_OPEN or SESSION_JOIN  ->
 *	        <-  SESSION_ACCEPT                server
 */
#ifndef MPQ_DATAPLANE_JOIN_H
#define MPQ_DATAPLANE_JOIN_H

#include "dataplane/quic/export.h"

#define MPQ_JOIN_ID_BYTES        16
#define MPQ_JOIN_PATHS           8
#define MPQ_JOIN_VALUE_MAX_BYTES 64
/* By which a member's connection is known to both ends: its ACCEPT's proof
 * begins so. */
#define MPQ_JOIN_MARK_BYTES 8

enum mpq_join_capsule { /* private, see bond/README.md */
	MPQ_JOIN_OPEN = 0x6d7071,
	MPQ_JOIN_JOIN = 0x6d7072,
	MPQ_JOIN_ACCEPT = 0x6d7073,
	MPQ_JOIN_REGISTER = 0x6d7074, /* REGISTER_CONTEXT */
	MPQ_JOIN_LEAVE = 0x6d7075,
	MPQ_JOIN_POLICY = 0x6d7076,
};

struct mpq_join_key { /* of a session; the same at both ends */
	uint8_t id[MPQ_JOIN_ID_BYTES];
	uint8_t secret[MPQ_EXPORT_BYTES];
};

enum mpq_join_role { /* who proves it: a proof cannot be reflected */
	MPQ_JOIN_CLIENT = 0,
	MPQ_JOIN_SERVER = 1,
};

/* A message, parsed: its form is good, nothing is proven. */
struct mpq_join_message {
	enum mpq_join_capsule type;
	uint8_t id[MPQ_JOIN_ID_BYTES];
	uint8_t path;                      /* < MPQ_JOIN_PATHS */
	uint8_t proof[MPQ_EXPORT_BYTES];   /* JOIN, ACCEPT */
	uint8_t mark[MPQ_JOIN_MARK_BYTES]; /* ACCEPT; LEAVE: whose it was */
	uint64_t context; /* REGISTER: not 0; whose turn it is, even or odd, is
			   * the caller's to check */
};

/* 0; -EBADMSG: malformed (length, path, version); -ENOENT: none of the above
 * (so is POLICY, see policy.h). *ret is untouched then. */
int mpq_join_parse(struct mpq_join_message *ret, uint64_t type,
		   const uint8_t *value, size_t len);

/* Client, first connection: a new session. 0 or -errno. */
int mpq_join_new_key(struct mpq_join_key *ret, const struct mpq_conn *first);
/* Server, the same from what the client opened. */
int mpq_join_take_key(struct mpq_join_key *ret,
		      const uint8_t id[MPQ_JOIN_ID_BYTES],
		      const struct mpq_conn *first);

/* Capsule values; their length, or -errno. */
int mpq_join_write_open(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES],
			const struct mpq_join_key *key, unsigned path);
int mpq_join_write_join(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES],
			const struct mpq_join_key *key, unsigned path,
			const struct mpq_conn *joining);
int mpq_join_write_accept(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES],
			  const struct mpq_join_key *key, unsigned path,
			  const struct mpq_conn *joining);
int mpq_join_write_register(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES],
			    uint64_t context);
int mpq_join_write_leave(uint8_t out[MPQ_JOIN_VALUE_MAX_BYTES], unsigned path,
			 const uint8_t mark[MPQ_JOIN_MARK_BYTES]);
/* Of what mpq_join_write_accept() wrote. */
void mpq_join_read_mark(uint8_t ret[MPQ_JOIN_MARK_BYTES],
			const uint8_t accept[MPQ_JOIN_VALUE_MAX_BYTES]);

/* The proof itself, of what the connection exports; 0 or -EIO. */
int mpq_join_proof(uint8_t ret[MPQ_EXPORT_BYTES],
		   const struct mpq_join_key *key, enum mpq_join_role role,
		   unsigned path, const uint8_t exported[MPQ_EXPORT_BYTES]);

/* Is the proof in a JOIN (server) or ACCEPT (client) right for this session and
 * this connection? Says no in one way, whatever is wrong, and after the same
 * work. NULL for a session that there is not. */
bool mpq_join_is_proven(const struct mpq_join_message *m,
			const struct mpq_join_key *key,
			const struct mpq_conn *joining);

#endif
