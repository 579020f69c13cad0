/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the place of dataplane/io and of the kernel below it: loops, UDP sockets
 * and TUN devices in memory and in virtual time. A program that links this has
 * as many data planes as it makes loops. What lies between the sockets is the
 * program's: it is told what is sent, and hands over what has arrived.
 * Descriptors are real ones, of nothing, so that a lost one can be counted;
 * others, such as real Unix sockets, can be watched too.
 */
#ifndef MPQ_TESTS_FAKE_KERNEL_H
#define MPQ_TESTS_FAKE_KERNEL_H

#include "common/clock.h"
#include "common/sockaddr.h"

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mpq_loop;

#define KERNEL_HEAD_BYTES 28   /* IPv4 and UDP */
#define KERNEL_TUN_PKTS   1000 /* that wait in a device */

struct kernel_datagram {
	const struct mpq_sockaddr *from, *to;
	uint8_t ecn;
	const uint8_t *data; /* of one sent: room for its head before it */
	size_t len;
};

struct kernel_events {
	/* A socket sends. */
	void (*sent)(void *owner, const struct kernel_datagram *d);
	/* A data plane wrote to a device. */
	void (*came)(void *owner, int tun, const struct virtio_net_hdr *hdr,
		     const uint8_t *frame, size_t len);
	/* Is the device with this address gone? NULL: none ever is. */
	bool (*is_gone)(void *owner, const struct mpq_sockaddr *local);
};

/* Everything as it was before: descriptors are closed, loops forgotten. */
void kernel_reset(mpq_time now, const struct kernel_events *events,
		  void *owner);

mpq_time kernel_now(void);
void kernel_advance(mpq_time now);

/* Descriptors for mpq_udp_init() and mpq_tun_init(). */
int kernel_udp(const char *address, uint16_t port);
int kernel_tun(void);

/* For the socket with the address that it is sent to; false: there is none. */
bool kernel_arrive(const struct kernel_datagram *d);
/* The kernel sends a packet into the device; false: its queue is full. */
bool kernel_tun_push(int tun, const void *packet, size_t len);
void kernel_tun_delete(int tun);
bool kernel_tun_is_deleted(int tun);

/* To be called after each turn of a loop; NULL: nothing is. */
void kernel_watch(void (*turned)(void *owner), void *owner);

/* Each loop that has something to do, once; false: none had. */
bool kernel_turn(void);
/* This one, whether it has or not. */
void kernel_turn_loop(struct mpq_loop *l);
/* Somebody outside of the loops called a data plane: they turn once. */
void kernel_wake(void);
/* When a loop has something to do again. */
mpq_time kernel_deadline(void);

#endif
