/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/flow/guard.h"

#include <string.h>

/* RFC 1122 §3.2.1.3, RFC 6890: never the source of a packet between hosts. */
static bool bad_source_v4(const uint8_t *a)
{
	return a[0] == 0 || a[0] >= 224; /* unspecified; multicast and above */
}

/* RFC 3927 §7, RFC 1122 §3.2.1.3: neither end may be one of these. */
static bool link_scope_v4(const uint8_t *a)
{
	return a[0] == 127 || (a[0] == 169 && a[1] == 254);
}

static bool bad_destination_v4(const uint8_t *a)
{
	static const uint8_t local_control[3] = {224, 0, 0}; /* RFC 5771 §4 */
	static const uint8_t broadcast[4] = {255, 255, 255, 255};

	return a[0] == 0 || memcmp(a, local_control, 3) == 0 ||
	       memcmp(a, broadcast, 4) == 0;
}

static bool out_of_scope_v4(const uint8_t *source, const uint8_t *destination)
{
	return bad_source_v4(source) || link_scope_v4(source) ||
	       bad_destination_v4(destination) || link_scope_v4(destination);
}

/* RFC 4291 §2.5: unspecified, loopback and IPv4-mapped addresses stay inside
 * a host, fe80::/10 stays on a link. */
static bool link_scope_v6(const uint8_t *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t zero[15];

	return (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) ||
	       memcmp(a, mapped, sizeof(mapped)) == 0 ||
	       (memcmp(a, zero, sizeof(zero)) == 0 && a[15] <= 1);
}

/* Scopes 0 to 2 are reserved, interface and link, with any flags: RFC 4291
 * §2.7, RFC 7346 §2. */
static bool link_multicast_v6(const uint8_t *a)
{
	return a[0] == 0xff && (a[1] & 0x0f) <= 2;
}

static bool out_of_scope_v6(const uint8_t *source, const uint8_t *destination)
{
	return source[0] == 0xff || link_scope_v6(source) ||
	       link_scope_v6(destination) || link_multicast_v6(destination);
}

static bool out_of_scope(const struct mpq_ip *ip)
{
	return ip->version == 4 ? out_of_scope_v4(ip->source, ip->destination)
				: out_of_scope_v6(ip->source, ip->destination);
}

static bool is_in(const struct mpq_prefix *prefixes, size_t n, uint8_t family,
		  const uint8_t *address)
{
	for (size_t i = 0; i < n; i++) {
		if (mpq_prefix_contains(&prefixes[i], family, address)) {
			return true;
		}
	}
	return false;
}

enum mpq_guard_verdict mpq_guard_check(const struct mpq_guard *g,
				       const struct mpq_ip *ip)
{
	if (ip->hop_limit == 0) {
		return MPQ_GUARD_TTL;
	}
	if (out_of_scope(ip)) {
		return MPQ_GUARD_SCOPE;
	}
	if (!is_in(g->source, g->sources, ip->version, ip->source)) {
		return MPQ_GUARD_SOURCE;
	}
	if (g->destinations != 0 && !is_in(g->destination, g->destinations,
					   ip->version, ip->destination)) {
		return MPQ_GUARD_DESTINATION;
	}
	return MPQ_GUARD_PASS;
}
