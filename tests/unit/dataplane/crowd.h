/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strangers at the concentrator's door, as many as a test wants, each with a
 * socket of its own: ones that ask for a tunnel, ones that only shake hands.
 */
#ifndef MPQ_TESTS_DATAPLANE_CROWD_H
#define MPQ_TESTS_DATAPLANE_CROWD_H

#include "dataplane/channel.h"
#include "dataplane/io/loop.h"
#include "dataplane/io/udp.h"
#include "tests/unit/common/pki.h"
#include "tests/unit/dataplane/queue_source.h"

#define CROWD_MAX 400

struct crowd;

struct crowd_member {
	struct crowd *crowd;
	struct mpq_udp udp;
	struct mpq_loop_fd watch;
	struct mpq_channel *channel; /* asks, or .. */
	struct mpq_conn *conn;       /* .. is mute */
	struct mpq_packet_pool pool;
	struct queue_source out;
	unsigned packets; /* that came out */
	char reason[256]; /* why it ended; "": it has not */
};

struct crowd {
	struct mpq_loop *loop;
	struct mpq_tls *tls;
	struct crowd_member *member[CROWD_MAX];
	size_t n;
};

void crowd_init(struct crowd *c, const struct pki_certificate *own,
		const struct pki_certificate *authority);
void crowd_finish(struct crowd *c);

/* One more at this address: dials. */
struct crowd_member *crowd_add(struct crowd *c, const char *address,
			       uint16_t port);
struct crowd_member *crowd_add_mute(struct crowd *c, const char *address,
				    uint16_t port);

/* Sends an inner packet of `len` bytes. */
void crowd_send(struct crowd_member *m, size_t len);

#endif
