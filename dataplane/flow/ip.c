/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/flow/ip.h"

#include "dataplane/flow/bytes.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define IPV4_MIN_BYTES   20
#define IPV6_FIXED_BYTES 40
#define ECN_MASK         3

/* The sum of 32-bit words in 64-bit lanes is congruent to the sum of 16-bit
 * words (RFC 1071 §2 (A), (B)) and cannot overflow within 2^32 words, so that
 * no carry has to be looked after. Vectors of the compiler: SSE2, NEON, or
 * plain registers where there is neither. */
typedef uint64_t lanes __attribute__((vector_size(16)));

struct accumulator {
	lanes low, high;
};

static inline void accumulate(struct accumulator *a, lanes words)
{
	a->low += words & 0xffffffff;
	a->high += words >> 32;
}

static inline uint64_t accumulated(const struct accumulator *a)
{
	lanes sum = a->low + a->high;

	return sum[0] + sum[1];
}

/* Fewer bytes than a vector has. */
static uint64_t sum_tail(const uint8_t *p, size_t len, uint64_t sum)
{
	uint32_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, p, len);
	return sum + word;
}

uint64_t mpq_ip_sum(const void *data, size_t len, uint64_t sum)
{
	const uint8_t *p = data;
	struct accumulator a = {0}, b = {0};
	lanes v, w;

	for (; len >= 2 * sizeof(v); p += 2 * sizeof(v), len -= 2 * sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		memcpy(&w, p + sizeof(v), sizeof(w));
		accumulate(&a, v);
		accumulate(&b, w);
	}
	sum += accumulated(&a) + accumulated(&b);
	return sum_tail(p, len, sum);
}

uint64_t mpq_ip_copy_sum(void *restrict to, const void *restrict data,
			 size_t len, uint64_t sum)
{
	const uint8_t *p = data;
	uint8_t *out = to;
	struct accumulator a = {0}, b = {0};
	lanes v, w;

	for (; len >= 2 * sizeof(v); p += 2 * sizeof(v), len -= 2 * sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		memcpy(&w, p + sizeof(v), sizeof(w));
		memcpy(out, &v, sizeof(v));
		memcpy(out + sizeof(v), &w, sizeof(w));
		accumulate(&a, v);
		accumulate(&b, w);
		out += 2 * sizeof(v);
	}
	memcpy(out, p, len);
	sum += accumulated(&a) + accumulated(&b);
	return sum_tail(p, len, sum);
}

uint16_t mpq_ip_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint64_t mpq_ip_pseudo_sum(const struct mpq_ip *ip, uint8_t protocol,
			   size_t len)
{
	size_t address_bytes = ip->version == 4 ? 4 : 16;
	uint64_t sum = (uint64_t)htons(protocol) + htonl((uint32_t)len);

	sum = mpq_ip_sum(ip->source, address_bytes, sum);
	return mpq_ip_sum(ip->destination, address_bytes, sum);
}

static void read_ports(struct mpq_ip *ip, const uint8_t *data)
{
	const uint8_t *payload = data + ip->header_bytes;

	if ((ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP) ||
	    ip->fragment_offset_bytes != 0 ||
	    ip->total_bytes - ip->header_bytes < 4) {
		return;
	}
	ip->source_port = mpq_bytes_get16(payload);
	ip->destination_port = mpq_bytes_get16(payload + 2);
}

static int parse_v4(struct mpq_ip *ip, const uint8_t *p, size_t len)
{
	size_t header_bytes = (size_t)(p[0] & 0xf) * 4;
	uint16_t fragment;

	if (len < IPV4_MIN_BYTES || header_bytes < IPV4_MIN_BYTES ||
	    header_bytes > len || mpq_bytes_get16(p + 2) != len) {
		return -EBADMSG;
	}
	fragment = mpq_bytes_get16(p + 6);
	ip->header_bytes = (uint16_t)header_bytes;
	ip->traffic_class = p[1];
	ip->dont_fragment = (fragment & 0x4000) != 0;
	ip->fragment = (fragment & 0x3fff) != 0; /* more to come, or offset */
	ip->fragment_offset_bytes = (uint16_t)((fragment & 0x1fff) * 8);
	ip->hop_limit = p[8];
	ip->protocol = p[9];
	ip->source = p + 12;
	ip->destination = p + 16;
	return 0;
}

/* The bytes of the extension header of type `next` at p; 0: it is none, what
 * starts here is the payload. RFC 8200 §4, RFC 4302 §2.2. */
static size_t extension_bytes(uint8_t next, const uint8_t *p)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return ((size_t)p[1] + 1) * 8;
	case IPPROTO_FRAGMENT:
		return 8;
	case IPPROTO_AH:
		return ((size_t)p[1] + 2) * 4;
	default:
		return 0;
	}
}

static void note_fragment(struct mpq_ip *ip, const uint8_t *p)
{
	uint16_t field = mpq_bytes_get16(p + 2);

	/* Offset 0 with nothing to come is a whole packet: RFC 6946. */
	ip->fragment |= (field & 0xfff9) != 0;
	ip->fragment_offset_bytes = field & 0xfff8;
}

/* Walks to the payload; in a fragment other than the first it starts right
 * behind the fragment header, whatever is announced there. */
static int walk_extensions(struct mpq_ip *ip, const uint8_t *data, size_t len)
{
	static const uint8_t none[2];
	size_t at = IPV6_FIXED_BYTES, n;
	uint8_t next = data[6];

	while (ip->fragment_offset_bytes == 0 &&
	       extension_bytes(next, none) != 0) {
		if (len - at < 8) {
			return -EBADMSG;
		}
		n = extension_bytes(next, data + at);
		if (n > len - at) {
			return -EBADMSG;
		}
		if (next == IPPROTO_FRAGMENT) {
			note_fragment(ip, data + at);
		}
		next = data[at];
		at += n;
	}
	ip->protocol = next;
	ip->header_bytes = (uint16_t)at;
	return 0;
}

static int parse_v6(struct mpq_ip *ip, const uint8_t *p, size_t len)
{
	if (len < IPV6_FIXED_BYTES ||
	    (size_t)mpq_bytes_get16(p + 4) + IPV6_FIXED_BYTES != len) {
		return -EBADMSG;
	}
	ip->traffic_class = (uint8_t)(p[0] << 4 | p[1] >> 4);
	ip->dont_fragment = true;
	ip->hop_limit = p[7];
	ip->source = p + 8;
	ip->destination = p + 24;
	return walk_extensions(ip, p, len);
}

int mpq_ip_parse(struct mpq_ip *ret, const uint8_t *data, size_t len)
{
	struct mpq_ip ip = {0};
	int r = -EBADMSG;

	if (len == 0 || len > UINT16_MAX) {
		return -EBADMSG;
	}
	ip.version = data[0] >> 4;
	ip.total_bytes = (uint16_t)len;
	if (ip.version == 4) {
		r = parse_v4(&ip, data, len);
	} else if (ip.version == 6) {
		r = parse_v6(&ip, data, len);
	}
	if (r != 0) {
		return r;
	}
	read_ports(&ip, data);
	*ret = ip;
	return 0;
}

/* RFC 1624 §3, equation 3: HC' = ~(~HC + ~m + m'). */
static void mend_checksum(uint8_t *field, uint16_t was, uint16_t is)
{
	uint32_t sum = (uint16_t)~mpq_bytes_get16(field);

	sum += (uint16_t)~was;
	sum += is;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	mpq_bytes_put16(field, (uint16_t)~sum);
}

static bool mark_v4(uint8_t *p)
{
	uint16_t was = mpq_bytes_get16(p);

	if ((p[1] & ECN_MASK) == 0) {
		return false;
	}
	p[1] |= ECN_MASK;
	mend_checksum(p + 10, was, mpq_bytes_get16(p));
	return true;
}

static bool mark_v6(uint8_t *p)
{
	if ((p[1] >> 4 & ECN_MASK) == 0) {
		return false;
	}
	p[1] |= ECN_MASK << 4;
	return true;
}

bool mpq_ip_mark_ce(uint8_t *data, size_t len)
{
	if (len >= IPV4_MIN_BYTES && data[0] >> 4 == 4) {
		return mark_v4(data);
	}
	if (len >= IPV6_FIXED_BYTES && data[0] >> 4 == 6) {
		return mark_v6(data);
	}
	return false;
}
