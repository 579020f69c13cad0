/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One edge with one LAN, one WAN and one tunnel, in three namespaces, and its
 * desired state. Both families everywhere.
 *
 *   host            edge                                   isp
 *   eth0 -------- lan1    mpq1 (10.200.1.1/30,      wan1 -------- eth0
 *   10.1.0.2      10.1.0.1      fd00:200:1::1/64)   192.0.2.2     192.0.2.1
 *   fd01::2       fd01::1                           2001:db8:1::2 2001:db8:1::1
 *                                                        198.51.100.1 too, and
 *                                                        2001:db8:100::1
 *
 * The isp answers for the far server, so a packet that leaks is one that
 * arrives there.
 */
#ifndef TESTS_NETLINK_SITE_H
#define TESTS_NETLINK_SITE_H

#include "controlplane/netlink/reconcile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SITE_LAN_TABLE 1001
#define SITE_WAN_TABLE 2001
#define SITE_WAN_MARK  0x6d710001u

struct site {
	int before; /* the namespace that the test came from */
	int edge, host, isp;
	int tun; /* -1: the device does not exist */
	/* packet sockets, for what arrives at each end of the two wires */
	int host_watch, lan_watch, wan_watch, isp_watch;

	struct mpq_prefix addresses[2];
	struct mpq_desired_tunnel tunnel;
	struct mpq_desired_lan lan;
	struct mpq_desired_wan wan;
	struct mpq_desired desired;

	struct mpq_monitor *monitor;
	struct mpq_reconcile *reconcile;
	mpq_time now;

	/* what was reported */
	unsigned added, removed, restored, failed;
	unsigned links, changed; /* calls of the monitor's events */
	unsigned last_changes;   /* of wan1 */
	char log[16384];
};

/* As cmocka's setup and teardown; *state is the site. In the edge's namespace;
 * nothing of ours is in it yet. */
int site_up(void **state);
int site_down(void **state);

void site_start(struct site *s); /* a control process's start */
void site_stop(struct site *s);  /* its kill -9: nothing is undone */

/* Reconciles, forgetting what was reported before; the test fails when it
 * fails. */
void site_run(struct site *s);

/* What the event loop does: reads the monitor, and restores when it says that
 * something changed. */
void site_follow(struct site *s);

/* The address family of what is sent: 4 or 6. */
enum {
	SITE_PACKETS = 50
};

/* Packets from the LAN's host to the far server; from the isp to an address;
 * out of the tunnel to the LAN's host. */
void site_send_from_host(struct site *s, int family);
void site_send_from_isp(struct site *s, const char *to);
void site_send_from_tunnel(struct site *s, int family);

/* How many of them came, since it was last asked. */
unsigned site_seen_in_tunnel(struct site *s);
unsigned site_seen_at_isp(struct site *s);
unsigned site_seen_at_host(struct site *s);

/* A guard's counter. */
uint64_t site_counter(struct site *s, const char *name);

#endif
