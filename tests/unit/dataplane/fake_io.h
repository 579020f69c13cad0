/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the place of dataplane/io: loops, UDP sockets and TUN devices in memory
 * and in virtual time. A test program that links this has as many data planes
 * as it makes loops, and they meet on one wire with a delay. Descriptors are
 * real ones, of nothing, so that a lost one can be counted.
 */
#ifndef MPQ_TESTS_DATAPLANE_FAKE_IO_H
#define MPQ_TESTS_DATAPLANE_FAKE_IO_H

#include "common/clock.h"
#include "common/sockaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_ONE_WAY (10 * MPQ_MILLISECOND)

/* Everything as it was before the first test. */
void fake_reset(void);

mpq_time fake_now(void);
/* Lets time pass: packets arrive, timers fire, turns are made, the first of
 * each loop at once. One that turns again and again at one point in time fails
 * the test. */
void fake_run(mpq_duration how_long);

/* A socket's descriptor, for mpq_udp_init(). */
int fake_udp(const char *address, uint16_t port);
/* Says whether a packet gets through; NULL: all do. */
void fake_filter(bool (*passes)(void *context, const struct mpq_sockaddr *from,
				const struct mpq_sockaddr *to, size_t len),
		 void *context);
/* How long a packet is under way; NULL: all FAKE_ONE_WAY. */
void fake_delay(mpq_duration (*one_way)(void *context,
					const struct mpq_sockaddr *from,
					const struct mpq_sockaddr *to),
		void *context);
/* Nothing gets through to or from this address. */
void fake_cut(const char *address, bool cut);
/* A packet of a stranger. */
void fake_inject(const struct mpq_sockaddr *from, const struct mpq_sockaddr *to,
		 const uint8_t *data, size_t len);
/* Packets that were sent from this address. */
unsigned fake_sent_from(const char *address);

/* A device's descriptor, for mpq_tun_init(). */
int fake_tun(void);
void fake_tun_delete(int fd);
bool fake_tun_deleted(int fd);
/* The kernel sends `len` bytes into the device. */
void fake_tun_push(int fd, const void *packet, size_t len);
/* What came out of it: UDP packets, ICMP packets, and the last one's bytes. */
unsigned fake_tun_came(int fd);
unsigned fake_tun_errors(int fd);
size_t fake_tun_last(int fd, uint8_t *packet, size_t cap);

/* A file descriptor that is neither; mpq_udp_init() and mpq_tun_init() refuse
 * it. */
int fake_other(void);

/* Descriptors of this process. */
unsigned fake_open_descriptors(void);

#endif
