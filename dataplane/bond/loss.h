/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of the datagrams that a connection sent, as its library reports
 * it: how many are truly lost lately, and whether it is the large ones only.
 * Pure.
 *
 * A datagram reported lost and acknowledged later was only overtaken: such
 * spurious losses are taken out (a quarter of them under 10 ms of reordering).
 *
 * QUIC never notices that a path's MTU has shrunk (its probes are small and get
 * through): large datagrams lost one after another, while answers do come, is
 * how it shows here.
 */
#ifndef MPQ_BOND_LOSS_H
#define MPQ_BOND_LOSS_H

#include "common/clock.h"
#include "dataplane/bond/lately.h"

#include <stddef.h>
#include <stdint.h>

#define MPQ_LOSS_REMEMBERED   4096 /* datagrams */
#define MPQ_LOSS_LARGE_BYTES  1150 /* less passes every path (RFC 9000 §14) */
#define MPQ_LOSS_STALL_LOSSES 16   /* large ones in a row */
/* What an outage took is told at its end, all at once. */
#define MPQ_LOSS_STALL_SPAN (250 * MPQ_MILLISECOND)

struct mpq_loss {
	uint64_t id[MPQ_LOSS_REMEMBERED]; /* id + 1 of what the slot holds */
	uint8_t flags[MPQ_LOSS_REMEMBERED];
	uint64_t acked, lost, spurious; /* totals */
	struct mpq_lately lately;
	unsigned large_losses;     /* in a row */
	mpq_time large_lost_first; /* of that row; MPQ_TIME_NEVER: none */
	mpq_time large_lost_last;
};

void mpq_loss_init(struct mpq_loss *l);
void mpq_loss_sent(struct mpq_loss *l, uint64_t id, size_t len_bytes);
void mpq_loss_lost(struct mpq_loss *l, uint64_t id, mpq_time now);
void mpq_loss_acked(struct mpq_loss *l, uint64_t id, mpq_time now);

/* Lost of those that were told of in the last ten seconds, in parts per
 * million; of some more where little is sent (lately.h). */
uint32_t mpq_loss_ppm(const struct mpq_loss *l);

/* Since when no large datagram has got through, MPQ_TIME_NEVER: they do. */
mpq_time mpq_loss_stalled_since(const struct mpq_loss *l);

#endif
