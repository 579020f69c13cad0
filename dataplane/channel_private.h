/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a channel share: channel.c (its life, reading and writing),
 * channel_quic.c (what QUIC tells), channel_h3.c (what HTTP/3 tells, and
 * capsules). For nobody else.
 */
#ifndef MPQ_DATAPLANE_CHANNEL_PRIVATE_H
#define MPQ_DATAPLANE_CHANNEL_PRIVATE_H

#include "dataplane/channel.h"

#define MPQ_CHANNEL_H3_NO_ERROR         0x100 /* RFC 9114 §8.1 */
#define MPQ_CHANNEL_H3_REQUEST_REJECTED 0x10b
#define MPQ_CHANNEL_H3_MESSAGE_ERROR    0x10e

/* The connection is to end: `code` is for us, `wire_code` for the peer. The
 * first reason stands, what follows is its consequence. */
void mpq_channel_end(struct mpq_channel *ch, enum mpq_conn_layer layer,
		     bool by_peer, uint64_t code, uint64_t wire_code,
		     const char *reason);

/* HTTP/3 failed: ends the connection with its error. -EPROTO. */
int mpq_channel_fail_h3(struct mpq_channel *ch);

void mpq_channel_deliver(struct mpq_channel *ch, const uint8_t *packet,
			 size_t len);

/* A bonded datagram; counted when nobody is to hear of it. */
void mpq_channel_deliver_bonded(struct mpq_channel *ch, const uint8_t *data,
				size_t len);

extern const struct mpq_conn_events mpq_channel_conn_events;
extern const struct mpq_h3_events mpq_channel_h3_events;

#endif
