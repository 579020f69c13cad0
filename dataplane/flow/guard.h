/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may come out of a tunnel: RFC 9484 §4.7.1 and §7: packets whose source
 * is not the peer's to use are dropped, as are those that must not cross a
 * router (link-local, loopback, multicast of link scope, TTL 0). Pure.
 */
#ifndef MPQ_FLOW_GUARD_H
#define MPQ_FLOW_GUARD_H

#include "common/prefix.h"
#include "dataplane/flow/ip.h"

enum mpq_guard_verdict {
	MPQ_GUARD_PASS,
	MPQ_GUARD_SOURCE,      /* not one of the peer's prefixes */
	MPQ_GUARD_DESTINATION, /* not one of ours */
	MPQ_GUARD_SCOPE,       /* must not leave its link */
	MPQ_GUARD_TTL,         /* hop limit 0 */
	MPQ_GUARD_VERDICTS,
};

#define MPQ_GUARD_PREFIXES 64

struct mpq_guard {
	struct mpq_prefix source[MPQ_GUARD_PREFIXES];
	size_t sources; /* 0: no source is allowed */
	struct mpq_prefix destination[MPQ_GUARD_PREFIXES];
	size_t destinations; /* 0: any */
};

enum mpq_guard_verdict mpq_guard_check(const struct mpq_guard *g,
				       const struct mpq_ip *ip);

#endif
