/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guards: table `inet mpquic` of nftables. They drop what must never leave
 * by a WAN or come in beside a tunnel, whatever the routes say, in both
 * families. They outlive the daemons. Owns libnftables.
 *
 * The wanted table is written in nft's own words and shape, so that "is it
 * installed?" is one comparison of texts. One transaction replaces the table;
 * its counters go on counting.
 */
#ifndef MPQ_NETLINK_GUARD_H
#define MPQ_NETLINK_GUARD_H

#include "controlplane/netlink/desired.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_GUARD_TABLE        "mpquic" /* family inet */
#define MPQ_GUARD_REASON_BYTES 256

struct mpq_guard_counter {
	char name[32]; /* "leak-lan1" */
	uint64_t packets, bytes;
};

struct mpq_guard;

/* 0 or -errno. */
int mpq_guard_new(struct mpq_guard **ret);
void mpq_guard_free(struct mpq_guard *g); /* the kernel keeps the table */

/* Somebody touched the table: the next apply looks at what is there. */
void mpq_guard_doubt(struct mpq_guard *g);

enum {
	MPQ_GUARD_SAME = 0,
	MPQ_GUARD_CHANGED = 1,
	MPQ_GUARD_RESTORED = 2, /* this very table had been there already */
	MPQ_GUARD_REMOVED = 3,  /* there is no table now */
};

/* Brings the table to what `d` wants; with `keep`, guards that are installed
 * for LANs that `d` does not have stay. A `d` without LANs and addresses means
 * no table. One of the above, or -errno with a sentence in reason. */
int mpq_guard_apply(struct mpq_guard *g, const struct mpq_desired *d, bool keep,
		    char reason[MPQ_GUARD_REASON_BYTES]);

/* 0 or -errno. */
int mpq_guard_read_counters(struct mpq_guard *g,
			    void (*each)(void *context,
					 const struct mpq_guard_counter *c),
			    void *context);

#endif
