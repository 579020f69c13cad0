/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UDP socket by a descriptor that mpquic-control created, bound and sized:
 * receives many datagrams a call (recvmmsg, UDP_GRO), sends many a call
 * (UDP_SEGMENT), carries ECN both ways, and answers from the address that was
 * asked (IP_PKTINFO). Falls back to plain sends where the device refuses GSO.
 */
#ifndef MPQ_IO_UDP_H
#define MPQ_IO_UDP_H

#include "common/clock.h"
#include "common/sockaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_UDP_BATCH_BYTES 65535
#define MPQ_UDP_GSO_MAX     64 /* packets that every kernel since 4.18 cuts */

struct mpq_udp_arena;

struct mpq_udp {
	int fd;                    /* owned; -1: none */
	struct mpq_sockaddr local; /* as bound: a wildcard on listeners */
	bool gso; /* sends may be segmented by the kernel; may be cleared */
	uint8_t gso_max; /* packets a send: the maximum, fewer on slow paths */
	/* the batch being filled: equal packets, the last may be shorter */
	uint8_t *batch;
	size_t batch_bytes;
	uint16_t segment_bytes;
	uint8_t batch_packets, batch_ecn;
	struct mpq_sockaddr batch_local, batch_remote;
	/* sends and receives: system calls that moved something; the rest
	 * counts packets */
	uint64_t sends, packets_out, bytes_out, receives, packets_in, bytes_in;
	uint64_t send_full;     /* lost: EAGAIN, ENOBUFS */
	uint64_t send_too_long; /* lost: above the device's MTU (PMTUD probe) */
	uint64_t send_errors;   /* lost: any other reason, see last_error */
	int last_error; /* errno of the last send_errors or ICMP error, 0: none;
			 * may be cleared */
	/* private */
	struct mpq_udp_arena *arena;
	bool wildcard;       /* bound to no address: it goes with each packet */
	uint8_t tos, tclass; /* the socket's own DSCP, ECN bits 0 */
	int fate;            /* -errno of the socket itself, until flush */
};

struct mpq_udp_datagram { /* valid during the call */
	const uint8_t *data;
	size_t len_bytes; /* 0 is possible: UDP has empty datagrams */
	uint8_t ecn;
	/* When it was read: not before it came, however long ago this turn of
	 * the loop began. A round trip is never measured too short by it. */
	mpq_time received;
	/* An IPv4 peer of a dual-stack socket is IPv4-mapped in both. */
	struct mpq_sockaddr local, remote; /* local: the address it came to */
};

/* Takes fd. 0 or -errno (fd is closed then). Sets what needs no privilege: ECN
 * and address reports, ICMP errors, UDP_GRO, no fragmentation (PMTUD is QUIC's
 * own). */
int mpq_udp_init(struct mpq_udp *u, int fd);
void mpq_udp_finish(struct mpq_udp *u);

/* Reads up to `budget` datagrams, calling `receive` for each GRO segment.
 * Returns the number read (budget or more: there may be more waiting), or
 * -errno of the socket itself (ENODEV, ENETDOWN, ENXIO: the device is gone).
 * ICMP errors (ECONNREFUSED, EHOSTUNREACH) are drained, remembered in
 * last_error. */
int mpq_udp_receive(struct mpq_udp *u, unsigned budget,
		    void (*receive)(void *owner,
				    const struct mpq_udp_datagram *d),
		    void *owner);

/* Room for the next packet, cap bytes, contiguous with those before it. cap is
 * at most MPQ_UDP_BATCH_BYTES. Valid until the next call on this socket. */
uint8_t *mpq_udp_reserve(struct mpq_udp *u, size_t cap);
/* The packet of `len` bytes written there goes from `local` (its address part
 * is used on wildcard sockets; none or a wildcard: the kernel chooses) to
 * `remote`. Sends the batch by itself when it is full, or when this packet
 * cannot join it (then the batch goes first). */
void mpq_udp_commit(struct mpq_udp *u, size_t len, uint8_t ecn,
		    const struct mpq_sockaddr *local,
		    const struct mpq_sockaddr *remote);
/* Sends what is batched. What was refused is lost, as on a wire, and counted.
 * 0, or -errno when a send since the last flush said that the socket itself is
 * done for (ENODEV, ENETDOWN, ENXIO). */
int mpq_udp_flush(struct mpq_udp *u);

#endif
