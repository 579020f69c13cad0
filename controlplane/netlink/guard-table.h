/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guards' table as a text in nft's own shape: written from what is desired,
 * and read back. Pure; guard.c brings the text into the kernel.
 */
#ifndef MPQ_NETLINK_GUARD_TABLE_H
#define MPQ_NETLINK_GUARD_TABLE_H

#include "controlplane/netlink/desired.h"
#include "controlplane/netlink/guard.h"

#include <net/if.h>
#include <stddef.h>

#define MPQ_GUARD_TABLE_PAIRS_MAX 256

struct mpq_guard_table_pair {
	char lan[IFNAMSIZ], tunnel[IFNAMSIZ];
};

struct mpq_guard_table_pairs {
	struct mpq_guard_table_pair pair[MPQ_GUARD_TABLE_PAIRS_MAX];
	size_t n;
};

/* The LANs of `d`. 0, or -E2BIG. */
int mpq_guard_table_wanted(struct mpq_guard_table_pairs *ret,
			   const struct mpq_desired *d);

/* Adds the LANs that the table `text` guards and `pairs` lacks. 0 or -E2BIG. */
int mpq_guard_table_keep(struct mpq_guard_table_pairs *pairs, const char *text);

/* The whole table as `nft --stateless list table` prints it; "" when there is
 * nothing to guard. With `counters`, the text of a listing with state, its
 * counters' values are carried over. The caller's to free; NULL: no memory. */
char *mpq_guard_table_write(const struct mpq_guard_table_pairs *pairs,
			    const struct mpq_desired *d, const char *counters);

/* The counters of a listing with state, in their order. */
void mpq_guard_table_counters(const char *text,
			      void (*each)(void *context,
					   const struct mpq_guard_counter *c),
			      void *context);

#endif
