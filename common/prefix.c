/* SPDX-License-Identifier: Apache-2.0 */
#include "common/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static unsigned address_bits(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

/* Digits only, no leading zero: "08" and "+8" are typing errors. */
static int parse_length(const char *text, unsigned max, uint8_t *ret)
{
	unsigned value = 0;
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 3 || text[n] != '\0' || (n > 1 && text[0] == '0')) {
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) {
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	if (value > max) {
		return -EINVAL;
	}
	*ret = (uint8_t)value;
	return 0;
}

static int parse_address(const char *text, struct mpq_prefix *p)
{
	if (inet_pton(AF_INET, text, p->addr) == 1) {
		p->family = 4;
	} else if (inet_pton(AF_INET6, text, p->addr) == 1) {
		p->family = 6;
	} else {
		return -EINVAL;
	}
	p->length = (uint8_t)address_bits(p->family);
	return 0;
}

int mpq_prefix_parse(const char *text, struct mpq_prefix *ret)
{
	struct mpq_prefix p = {0};
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(text, '/');
	size_t n = (size_t)(slash - text);

	if (n >= sizeof(address)) {
		return -EINVAL;
	}
	memcpy(address, text, n);
	address[n] = '\0';
	if (parse_address(address, &p) != 0) {
		return -EINVAL;
	}
	if (*slash == '/' &&
	    parse_length(slash + 1, address_bits(p.family), &p.length) != 0) {
		return -EINVAL;
	}
	*ret = p;
	return 0;
}

const char *mpq_prefix_format(const struct mpq_prefix *p, char *text)
{
	char address[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->addr, address,
			sizeof(address));
	(void)snprintf(text, MPQ_PREFIX_TEXT_BYTES, "%s/%u", address,
		       p->length);
	return text;
}

bool mpq_prefix_contains(const struct mpq_prefix *p, uint8_t family,
			 const uint8_t *addr)
{
	unsigned bytes = p->length / 8, bits = p->length % 8;
	uint8_t mask = (uint8_t)(0xff00u >> bits);

	if (p->family != family || memcmp(p->addr, addr, bytes) != 0) {
		return false;
	}
	return bits == 0 || ((p->addr[bytes] ^ addr[bytes]) & mask) == 0;
}

bool mpq_prefix_equal(const struct mpq_prefix *a, const struct mpq_prefix *b)
{
	return a->length == b->length &&
	       mpq_prefix_contains(a, b->family, b->addr);
}
