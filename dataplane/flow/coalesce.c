/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/flow/coalesce.h"

#include "dataplane/flow/bytes.h"
#include "dataplane/flow/ip.h"
#include "dataplane/flow/segment.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define IPV4_BYTES    20
#define IPV6_BYTES    40
#define TCP_MIN_BYTES 20
#define TCP_PSH       0x08
#define TCP_ACK       0x10
#define TCP_CSUM      16
#define UDP_BYTES     8
#define UDP_CSUM      6
/* UDP_MAX_SEGMENTS of kernels before 6.9: they refuse more. */
#define UDP_MAX_SEGMENTS 64

/* A packet that may be merged, taken apart. */
struct piece {
	struct mpq_ip ip;
	const uint8_t *data;
	const uint8_t *l4;
	size_t l4_bytes;      /* of the TCP or UDP header */
	size_t headers_bytes; /* with the IP header */
	size_t payload_bytes;
	bool last; /* nothing may follow it in a frame: PSH */
};

/* A frame that grows. Its headers are those of the first packet; lengths and
 * checksums are mended when it goes out. */
struct flow {
	struct mpq_ip ip; /* its addresses point into frame */
	size_t len_bytes;
	size_t headers_bytes, segment_bytes;
	size_t segments;
	uint8_t frame[MPQ_COALESCE_FRAME_BYTES];
};

struct mpq_coalesce {
	const struct mpq_coalesce_events *events;
	void *owner;
	bool udp;
	/* The first `held` are in use, the eldest first; then the free ones,
	 * the last used first, whose memory is most likely in the cache. */
	struct flow *order[MPQ_COALESCE_FLOWS];
	size_t held;
	struct flow flow[MPQ_COALESCE_FLOWS];
};

struct mpq_coalesce *mpq_coalesce_new(const struct mpq_coalesce_events *events,
				      void *owner, bool udp)
{
	/* calloc: pages that no flow needs stay untouched. */
	struct mpq_coalesce *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return NULL;
	}
	c->events = events;
	c->owner = owner;
	c->udp = udp;
	for (size_t i = 0; i < MPQ_COALESCE_FLOWS; i++) {
		c->order[i] = &c->flow[i];
	}
	return c;
}

void mpq_coalesce_free(struct mpq_coalesce *c)
{
	free(c);
}

static size_t address_bytes(const struct mpq_ip *ip)
{
	return ip->version == 4 ? 4 : 16;
}

static bool same_hosts(const struct mpq_ip *a, const struct mpq_ip *b)
{
	size_t n = address_bytes(a);

	return a->version == b->version && a->protocol == b->protocol &&
	       memcmp(a->source, b->source, n) == 0 &&
	       memcmp(a->destination, b->destination, n) == 0;
}

static bool same_flow(const struct mpq_ip *a, const struct mpq_ip *b)
{
	return a->source_port == b->source_port &&
	       a->destination_port == b->destination_port && same_hosts(a, b);
}

/* The index in order[], or `held`. */
static size_t find(const struct mpq_coalesce *c, const struct mpq_ip *ip)
{
	size_t i = 0;

	while (i < c->held && !same_flow(&c->order[i]->ip, ip)) {
		i++;
	}
	return i;
}

static void pass(struct mpq_coalesce *c, const uint8_t *data, size_t len)
{
	static const struct virtio_net_hdr plain;

	c->events->frame(c->owner, &plain, data, len);
}

static uint8_t gso_type(const struct flow *f)
{
	if (f->ip.protocol == IPPROTO_UDP) {
		return MPQ_SEGMENT_GSO_UDP_L4;
	}
	return f->ip.version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
				  : VIRTIO_NET_HDR_GSO_TCPV6;
}

static void write_lengths(struct flow *f)
{
	uint8_t *p = f->frame;

	if (f->ip.version == 4) {
		mpq_bytes_put16(p + 2, (uint16_t)f->len_bytes);
		mpq_bytes_put16(p + 10, 0);
		mpq_bytes_put_sum(p + 10,
				  mpq_ip_fold(mpq_ip_sum(p, IPV4_BYTES, 0)));
	} else {
		mpq_bytes_put16(p + 4, (uint16_t)(f->len_bytes - IPV6_BYTES));
	}
	if (f->ip.protocol == IPPROTO_UDP) {
		mpq_bytes_put16(p + f->ip.header_bytes + 4,
				(uint16_t)(f->len_bytes - f->ip.header_bytes));
	}
}

/* What NEEDS_CSUM asks for: the pseudo-header's sum, not inverted. */
static void write_pseudo_sum(struct flow *f, size_t csum_offset)
{
	uint64_t sum = mpq_ip_pseudo_sum(&f->ip, f->ip.protocol,
					 f->len_bytes - f->ip.header_bytes);

	mpq_bytes_put_sum(f->frame + f->ip.header_bytes + csum_offset,
			  (uint16_t)~mpq_ip_fold(sum));
}

static void pass_merged(struct mpq_coalesce *c, struct flow *f)
{
	struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso_type(f),
		.hdr_len = (uint16_t)f->headers_bytes,
		.gso_size = (uint16_t)f->segment_bytes,
		.csum_start = f->ip.header_bytes,
		.csum_offset =
			f->ip.protocol == IPPROTO_UDP ? UDP_CSUM : TCP_CSUM,
	};

	write_lengths(f);
	write_pseudo_sum(f, hdr.csum_offset);
	c->events->frame(c->owner, &hdr, f->frame, f->len_bytes);
}

static void flush_one(struct mpq_coalesce *c, size_t i)
{
	struct flow *f = c->order[i];

	assert(i < c->held);
	c->held--;
	memmove(&c->order[i], &c->order[i + 1],
		(c->held - i) * sizeof(c->order[0]));
	c->order[c->held] = f;
	if (f->segments == 1) {
		pass(c, f->frame, f->len_bytes);
	} else {
		pass_merged(c, f);
	}
}

void mpq_coalesce_flush(struct mpq_coalesce *c)
{
	while (c->held != 0) {
		flush_one(c, 0);
	}
}

/* The ports of a fragment may be unknown: all that it could belong to goes
 * first. */
static void flush_hosts(struct mpq_coalesce *c, const struct mpq_ip *ip)
{
	size_t i = 0;

	while (i < c->held) {
		if (same_hosts(&c->order[i]->ip, ip)) {
			flush_one(c, i);
		} else {
			i++;
		}
	}
}

/* No options, no extension headers, no reserved bit, a right checksum: what
 * merging would not carry over or would hide. */
static bool ip_is_plain(const struct piece *p)
{
	if (p->ip.version == 6) {
		return p->ip.header_bytes == IPV6_BYTES;
	}
	return p->ip.header_bytes == IPV4_BYTES && (p->data[6] & 0x80) == 0 &&
	       mpq_ip_fold(mpq_ip_sum(p->data, IPV4_BYTES, 0)) == 0;
}

static bool read_tcp(struct piece *p, size_t l4_len)
{
	if (l4_len <= TCP_MIN_BYTES) {
		return false;
	}
	/* Data with ACK and perhaps PSH, none of the others, no urgent data;
	 * the low half of byte 12 holds AccECN's and reserved bits. */
	if ((p->l4[13] & ~TCP_PSH) != TCP_ACK || (p->l4[12] & 0x0f) != 0 ||
	    mpq_bytes_get16(p->l4 + 18) != 0) {
		return false;
	}
	p->l4_bytes = (size_t)(p->l4[12] >> 4) * 4;
	p->last = (p->l4[13] & TCP_PSH) != 0;
	return p->l4_bytes >= TCP_MIN_BYTES && p->l4_bytes < l4_len;
}

static bool read_udp(struct piece *p, size_t l4_len)
{
	p->l4_bytes = UDP_BYTES;
	p->last = false;
	return l4_len > UDP_BYTES && mpq_bytes_get16(p->l4 + 4) == l4_len &&
	       mpq_bytes_get16(p->l4 + UDP_CSUM) != 0;
}

/* Fills p, whose ip is there; false: it is not to be merged. */
static bool read_piece(const struct mpq_coalesce *c, struct piece *p,
		       const uint8_t *data)
{
	size_t l4_len = (size_t)p->ip.total_bytes - p->ip.header_bytes;
	bool ok = false;

	p->data = data;
	p->l4 = data + p->ip.header_bytes;
	if (p->ip.fragment || !ip_is_plain(p)) {
		return false;
	}
	if (p->ip.protocol == IPPROTO_TCP) {
		ok = read_tcp(p, l4_len);
	} else if (p->ip.protocol == IPPROTO_UDP && c->udp) {
		ok = read_udp(p, l4_len);
	}
	p->headers_bytes = p->ip.header_bytes + p->l4_bytes;
	p->payload_bytes = l4_len - (ok ? p->l4_bytes : 0);
	return ok;
}

/* Everything in the IP header that cutting would give to all alike. Ids have to
 * count up, for that is what cutting does; with DF they mean nothing (RFC 6864
 * §4.1). Addresses are equal by now. */
static bool ip_continues(const struct flow *f, const struct piece *p)
{
	const uint8_t *a = f->frame, *b = p->data;
	uint16_t id;

	if (p->ip.version == 6) { /* class, flow label, hop limit */
		return memcmp(a, b, 4) == 0 && a[7] == b[7];
	}
	id = (uint16_t)(mpq_bytes_get16(a + 4) + f->segments);
	return a[1] == b[1] && memcmp(a + 6, b + 6, 3) == 0 &&
	       (p->ip.dont_fragment || mpq_bytes_get16(b + 4) == id);
}

/* The same header but for the sequence number, PSH and the checksum. The kernel
 * lets the window differ and forgets the later one; here nothing is lost. */
static bool tcp_continues(const struct flow *f, const struct piece *p)
{
	const uint8_t *a = f->frame + f->ip.header_bytes, *b = p->l4;
	uint32_t next = mpq_bytes_get32(a + 4) +
			(uint32_t)(f->len_bytes - f->headers_bytes);

	return mpq_bytes_get32(b + 4) == next && memcmp(a + 8, b + 8, 5) == 0 &&
	       memcmp(a + 14, b + 14, 2) == 0 &&
	       memcmp(a + 18, b + 18, p->l4_bytes - 18) == 0;
}

static bool continues(const struct flow *f, const struct piece *p)
{
	return f->headers_bytes == p->headers_bytes &&
	       p->payload_bytes <= f->segment_bytes && ip_continues(f, p) &&
	       (p->ip.protocol == IPPROTO_UDP || tcp_continues(f, p));
}

static bool has_room(const struct flow *f, size_t payload_bytes)
{
	if (f->ip.protocol == IPPROTO_UDP && f->segments == UDP_MAX_SEGMENTS) {
		return false;
	}
	return f->len_bytes + payload_bytes <= MPQ_COALESCE_FRAME_BYTES;
}

/* Copies the payload to `to` and says whether the packet's checksum is right: a
 * merged frame gets a new one, which must not whitewash a broken packet. */
static bool copy_checked(const struct piece *p, uint8_t *to)
{
	uint64_t sum = mpq_ip_pseudo_sum(&p->ip, p->ip.protocol,
					 p->l4_bytes + p->payload_bytes);

	sum = mpq_ip_sum(p->l4, p->l4_bytes, sum);
	sum = mpq_ip_copy_sum(to, p->l4 + p->l4_bytes, p->payload_bytes, sum);
	return mpq_ip_fold(sum) == 0;
}

static bool append(struct flow *f, const struct piece *p)
{
	if (!continues(f, p) || !has_room(f, p->payload_bytes) ||
	    !copy_checked(p, f->frame + f->len_bytes)) {
		return false;
	}
	f->len_bytes += p->payload_bytes;
	f->segments++;
	if (p->last) {
		f->frame[f->ip.header_bytes + 13] |= TCP_PSH;
	}
	return true;
}

/* Nothing can follow the piece that was appended last. */
static bool is_complete(const struct flow *f, const struct piece *p)
{
	return p->last || p->payload_bytes < f->segment_bytes ||
	       !has_room(f, f->segment_bytes);
}

/* false: nothing is held, the packet goes on its own. */
static bool start(struct mpq_coalesce *c, const struct piece *p)
{
	struct flow *f;

	if (p->last) {
		return false;
	}
	if (c->held == MPQ_COALESCE_FLOWS) {
		flush_one(c, 0);
	}
	f = c->order[c->held];
	if (!copy_checked(p, f->frame + p->headers_bytes)) {
		return false;
	}
	memcpy(f->frame, p->data, p->headers_bytes);
	f->ip = p->ip;
	f->ip.source = f->frame + (p->ip.source - p->data);
	f->ip.destination = f->frame + (p->ip.destination - p->data);
	f->len_bytes = p->headers_bytes + p->payload_bytes;
	f->headers_bytes = p->headers_bytes;
	f->segment_bytes = p->payload_bytes;
	f->segments = 1;
	c->held++;
	return true;
}

static void push_piece(struct mpq_coalesce *c, const struct piece *p)
{
	size_t i = find(c, &p->ip);

	if (i < c->held && append(c->order[i], p)) {
		if (is_complete(c->order[i], p)) {
			flush_one(c, i);
		}
		return;
	}
	if (i < c->held) {
		flush_one(c, i);
	}
	if (!start(c, p)) {
		pass(c, p->data, p->ip.total_bytes);
	}
}

void mpq_coalesce_push(struct mpq_coalesce *c, const uint8_t *data, size_t len)
{
	struct piece p;
	size_t i;

	if (mpq_ip_parse(&p.ip, data, len) != 0) {
		pass(c, data, len);
		return;
	}
	if (read_piece(c, &p, data)) {
		push_piece(c, &p);
		return;
	}
	i = find(c, &p.ip);
	if (p.ip.fragment) {
		flush_hosts(c, &p.ip);
	} else if (i < c->held) {
		flush_one(c, i);
	}
	pass(c, data, len);
}
