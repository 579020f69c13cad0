/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server says on streams before the handshake is confirmed ("0.5-RTT
 * data", or the packets changed order on the way): kept by the client until
 * its owner may hear it. Internal to dataplane/quic. Bounded by flow control
 * in bytes and here in number.
 */
#ifndef MPQ_QUIC_EARLY_H
#define MPQ_QUIC_EARLY_H

#include "dataplane/quic/conn.h"

#define MPQ_EARLY_MAX 64

enum mpq_early_kind {
	MPQ_EARLY_DATA,
	MPQ_EARLY_CLOSED,
	MPQ_EARLY_RESET,
};

struct mpq_early_event;

struct mpq_early {
	struct mpq_early_event *first, **last; /* zeroed: empty */
	size_t n;
};

/* `value`: fin of MPQ_EARLY_DATA, code of MPQ_EARLY_CLOSED. 0; -ENOSPC;
 * -ENOMEM. */
int mpq_early_keep(struct mpq_early *e, enum mpq_early_kind kind,
		   int64_t stream_id, uint64_t value, const uint8_t *data,
		   size_t len);

/* Calls the events in their order, and forgets them. 0, or the first result
 * that is not. */
int mpq_early_replay(struct mpq_early *e, const struct mpq_conn_events *events,
		     void *owner);

void mpq_early_drop(struct mpq_early *e);

#endif
