/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/host.h"

#include <errno.h>

bool mpq_host_is_zero(const uint8_t *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (bytes[i]) {
			return false;
		}
	}
	return true;
}

const char *mpq_host_unusable(uint8_t family, const uint8_t *a)
{
	if (mpq_host_is_zero(a, family == 4 ? 4 : 16)) {
		return "the unspecified address";
	}
	if (family == 4) {
		return a[0] == 127   ? "a loopback address"
		       : a[0] == 0   ? "an address of \"this network\""
		       : a[0] >= 240 ? "a reserved address"
		       : a[0] >= 224 ? "a multicast address"
				     : NULL;
	}
	if (mpq_host_is_zero(a, 15) && a[15] == 1) {
		return "the loopback address";
	}
	return a[0] == 0xff                            ? "a multicast address"
	       : a[0] == 0xfe && (a[1] & 0xc0) == 0x80 ? "a link-local address"
						       : NULL;
}

/* Are all bits after the prefix equal to `bit`? */
static bool host_bits_are(const struct mpq_prefix *p, int bit)
{
	unsigned width = p->family == 4 ? 32 : 128, i;

	for (i = p->length; i < width; i++) {
		if (((p->addr[i / 8] >> (7 - i % 8)) & 1) != bit) {
			return false;
		}
	}
	return true;
}

int mpq_host_check(const char *at, const struct mpq_prefix *p,
		   struct mpq_refusal *r)
{
	unsigned width = p->family == 4 ? 32 : 128;
	char text[MPQ_PREFIX_TEXT_BYTES];
	const char *why = mpq_host_unusable(p->family, p->addr);

	if (p->length > width) {
		(void)mpq_refusal_set(r, at,
				      "the prefix length %u is too long for "
				      "an IPv%u address.",
				      p->length, p->family);
		return mpq_refusal_allow(r, "0..%u", width);
	}
	(void)mpq_prefix_format(p, text);
	if (why) {
		return mpq_refusal_set(r, at,
				       "%s is %s: no device can have it.", text,
				       why);
	}
	if (p->family == 4 && p->length < 31 && host_bits_are(p, 0)) {
		return mpq_refusal_set(r, at,
				       "%s is the network's own address, not "
				       "a host's.",
				       text);
	}
	if (p->family == 4 && p->length < 31 && host_bits_are(p, 1)) {
		return mpq_refusal_set(r, at,
				       "%s is the network's broadcast address, "
				       "not a host's.",
				       text);
	}
	return 0;
}
