/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel ought to hold, as the policy code says it: in nouns of the
 * configuration, not of the kernel. reconcile.h makes it true. All pointers are
 * borrowed for the call.
 */
#ifndef MPQ_NETLINK_DESIRED_H
#define MPQ_NETLINK_DESIRED_H

#include "common/prefix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_DESIRED_REASON_BYTES 192

/* A TUN device. It is made by the caller (controlplane/tundev.h); while it does
 * not exist all else about it is in place already. */
struct mpq_desired_tunnel {
	const char *name;
	unsigned mtu;
	bool up; /* false: down, no route into it, the fences stand */
	const struct mpq_prefix *addresses; /* with host bits */
	size_t n_addresses;
};

/* What comes in by `interface` leaves by `tunnel` or not at all. Several LANs
 * of one tunnel share its table. */
struct mpq_desired_lan {
	const char *interface;
	const char *tunnel;
	uint32_t table;
	/* Its hosts, as far as they are told; for the guards alone. */
	const struct mpq_prefix *prefixes;
	size_t n_prefixes;
};

/* What carries `mark` leaves by `interface` or not at all, by the gateway that
 * the kernel has learnt for it from whomever. One a WAN, however many paths use
 * it. */
struct mpq_desired_wan {
	const char *interface;
	uint32_t table;
	uint32_t mark; /* not 0 */
};

/* Table main: `prefix` is behind `tunnel`, or unreachable. */
struct mpq_desired_remote {
	struct mpq_prefix prefix;
	const char *tunnel;
};

struct mpq_desired {
	const struct mpq_desired_tunnel *tunnels;
	size_t n_tunnels;
	const struct mpq_desired_lan *lans;
	size_t n_lans;
	const struct mpq_desired_wan *wans;
	size_t n_wans;
	const struct mpq_desired_remote *remotes;
	size_t n_remotes;
};

/* Can it be made true at all? For a configuration's validation. 0; -EINVAL with
 * a sentence: a table used twice or reserved, an interface that is both LAN and
 * WAN or LAN of two tunnels, a LAN of an unknown tunnel, a name with characters
 * that rules cannot carry (letters, digits, '.', '_' and '-' can). */
int mpq_desired_check(const struct mpq_desired *d,
		      char reason[MPQ_DESIRED_REASON_BYTES]);

/* Tells one `desired` from another: equal for equal content. */
uint64_t mpq_desired_fingerprint(const struct mpq_desired *d);

/* May an interface of this name be guarded? */
bool mpq_desired_name_valid(const char *name);

#endif
