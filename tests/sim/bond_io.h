/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the place of dataplane/io: loops, UDP sockets and TUN devices in memory
 * and in virtual time, for whole engines that meet over modelled links
 * (link.h). Every address 10.0.N.x is behind WAN N: what it sends goes up that
 * WAN's link, what is sent to it comes down. Links count whole IPv4 packets.
 * Chance is made repeatable too (bond_io_seed).
 */
#ifndef MPQ_TESTS_SIM_BOND_IO_H
#define MPQ_TESTS_SIM_BOND_IO_H

#include "common/clock.h"
#include "tests/sim/link.h"

#define BOND_IO_WANS 8

/* What the cryptography library asks the system for comes from this seed, from
 * now on; in a process that has used it already, what it had before counts. */
void bond_io_seed(uint64_t seed);

/* `came`: an engine wrote an IP packet to a device. */
void bond_io_init(mpq_time now,
		  void (*came)(void *owner, int tun, const uint8_t *packet,
			       size_t len),
		  void *owner);
/* After the engines. */
void bond_io_finish(void);

mpq_time bond_io_now(void);
/* Links are borrowed. */
void bond_io_wire(unsigned wan, struct sim_link *up, struct sim_link *down);
/* The device of this WAN is gone: sends fail. */
void bond_io_unplug(unsigned wan, bool gone);

int bond_io_udp(const char *address, uint16_t port);
int bond_io_tun(void);
/* The kernel sends a packet into the device; false: its queue is full. */
bool bond_io_tun_push(int tun, const void *packet, size_t len);

/* Everything that is due now, each loop at most once; false: nothing was. */
bool bond_io_turn(void);
/* Somebody outside of the loops called an engine: they turn once. */
void bond_io_wake(void);
/* When something is due again. */
mpq_time bond_io_deadline(void);
void bond_io_advance(mpq_time now);

#endif
