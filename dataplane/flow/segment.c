/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/flow/segment.h"

#include "dataplane/flow/bytes.h"
#include "dataplane/flow/ip.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define TCP_MIN_BYTES   20
#define TCP_SEQUENCE    4
#define TCP_DATA_OFFSET 12
#define TCP_FLAGS       13
#define TCP_CSUM        16
#define TCP_FIN         0x01
#define TCP_PSH         0x08
#define TCP_CWR         0x80
#define UDP_BYTES       8
#define UDP_LENGTH      4
#define UDP_CSUM        6

/* A whole packet; at most its checksum is open. */
static int start_whole(struct mpq_segment *s, const struct virtio_net_hdr *hdr)
{
	if (s->len_bytes == 0 || s->len_bytes > UINT16_MAX) {
		return -EBADMSG;
	}
	s->needs_csum = (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
	if (s->needs_csum &&
	    (size_t)hdr->csum_start + hdr->csum_offset + 2 > s->len_bytes) {
		return -EBADMSG;
	}
	s->csum_start = hdr->csum_start;
	s->csum_offset = hdr->csum_offset;
	return 0;
}

static uint8_t gso_protocol(uint8_t gso_type)
{
	return gso_type == MPQ_SEGMENT_GSO_UDP_L4 ? IPPROTO_UDP : IPPROTO_TCP;
}

static bool is_of_type(const struct mpq_ip *ip, uint8_t gso_type)
{
	if (gso_type == VIRTIO_NET_HDR_GSO_TCPV4 && ip->version != 4) {
		return false;
	}
	if (gso_type == VIRTIO_NET_HDR_GSO_TCPV6 && ip->version != 6) {
		return false;
	}
	return !ip->fragment && ip->protocol == gso_protocol(gso_type);
}

/* Of the TCP or UDP header at l4, which has `len` bytes from there on; 0: it is
 * not whole. */
static size_t transport_bytes(uint8_t protocol, const uint8_t *l4, size_t len)
{
	size_t n;

	if (protocol == IPPROTO_UDP) {
		return len < UDP_BYTES ? 0 : UDP_BYTES;
	}
	if (len < TCP_MIN_BYTES) {
		return 0;
	}
	n = (size_t)(l4[TCP_DATA_OFFSET] >> 4) * 4;
	return n < TCP_MIN_BYTES || n > len ? 0 : n;
}

/* A UDP sender may have switched checksums off (IPv4 only). */
static bool has_checksum(const struct mpq_segment *s,
			 const struct virtio_net_hdr *hdr)
{
	const uint8_t *l4 = s->frame + s->ip_bytes;

	return gso_protocol(s->gso_type) == IPPROTO_TCP || s->ip_version == 6 ||
	       (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 ||
	       mpq_bytes_get16(l4 + UDP_CSUM) != 0;
}

static int start_cut(struct mpq_segment *s, const struct virtio_net_hdr *hdr)
{
	uint8_t protocol = gso_protocol(s->gso_type);
	struct mpq_ip ip;
	size_t n;

	if (mpq_ip_parse(&ip, s->frame, s->len_bytes) != 0 ||
	    !is_of_type(&ip, s->gso_type)) {
		return -EBADMSG;
	}
	n = transport_bytes(protocol, s->frame + ip.header_bytes,
			    s->len_bytes - ip.header_bytes);
	s->ip_version = ip.version;
	s->ip_bytes = ip.header_bytes;
	s->headers_bytes = ip.header_bytes + n;
	s->payload_bytes = hdr->gso_size;
	s->csum_start = ip.header_bytes;
	s->csum_offset = protocol == IPPROTO_TCP ? TCP_CSUM : UDP_CSUM;
	if (n == 0 || hdr->gso_size == 0 || s->headers_bytes == s->len_bytes) {
		return -EBADMSG;
	}
	if ((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 &&
	    (hdr->csum_start != s->csum_start ||
	     hdr->csum_offset != s->csum_offset)) {
		return -EBADMSG;
	}
	s->needs_csum = has_checksum(s, hdr);
	s->pseudo_sum = mpq_ip_pseudo_sum(&ip, protocol, 0);
	return 0;
}

int mpq_segment_start(struct mpq_segment *s, const struct virtio_net_hdr *hdr,
		      const uint8_t *frame, size_t len)
{
	struct mpq_segment n = {
		.frame = frame,
		.len_bytes = len,
		.gso_type = hdr->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN,
	};
	int r;

	switch (n.gso_type) {
	case VIRTIO_NET_HDR_GSO_NONE:
		r = start_whole(&n, hdr);
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
	case MPQ_SEGMENT_GSO_UDP_L4:
		r = start_cut(&n, hdr);
		break;
	default:
		r = -EOPNOTSUPP;
		break;
	}
	if (r == 0) {
		*s = n;
	}
	return r;
}

/* What NEEDS_CSUM leaves in the field is the pseudo-header's sum, so the sum of
 * all from csum_start on is complete. A result of 0 would say "none" in UDP;
 * 0xffff is the same number (RFC 768), so it is right for all. */
static int next_whole(struct mpq_segment *s, uint8_t *out, size_t cap)
{
	uint16_t sum;

	s->done = 1;
	if (s->len_bytes > cap) {
		return -EMSGSIZE;
	}
	memcpy(out, s->frame, s->len_bytes);
	if (s->needs_csum) {
		out += s->csum_start;
		sum = mpq_ip_fold(
			mpq_ip_sum(out, s->len_bytes - s->csum_start, 0));
		mpq_bytes_put_sum(out + s->csum_offset,
				  sum == 0 ? UINT16_MAX : sum);
	}
	return (int)s->len_bytes;
}

static void write_ip(const struct mpq_segment *s, uint8_t *p, size_t len)
{
	size_t header_bytes = (size_t)(p[0] & 0xf) * 4;

	if (s->ip_version == 6) {
		mpq_bytes_put16(p + 4, (uint16_t)(len - 40));
		return;
	}
	mpq_bytes_put16(p + 2, (uint16_t)len);
	mpq_bytes_put16(p + 4, (uint16_t)(mpq_bytes_get16(p + 4) + s->index));
	mpq_bytes_put16(p + 10, 0);
	mpq_bytes_put_sum(p + 10, mpq_ip_fold(mpq_ip_sum(p, header_bytes, 0)));
}

/* FIN and PSH belong to the last byte; CWR answers one mark and so belongs to
 * one segment, the first (RFC 3168 §6.1.2). */
static void write_tcp(const struct mpq_segment *s, uint8_t *tcp, bool last)
{
	mpq_bytes_put32(tcp + TCP_SEQUENCE,
			mpq_bytes_get32(tcp + TCP_SEQUENCE) +
				(uint32_t)s->offset_bytes);
	if (!last) {
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	}
	if (s->index != 0) {
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
	}
}

/* Copies the payload behind the headers, which are right by now but for the
 * checksum, and fills that in. */
static void write_payload(const struct mpq_segment *s, uint8_t *out, size_t n)
{
	uint8_t *l4 = out + s->ip_bytes;
	const uint8_t *payload = s->frame + s->headers_bytes + s->offset_bytes;
	size_t header_bytes = s->headers_bytes - s->ip_bytes;
	uint16_t sum;

	if (!s->needs_csum) {
		memcpy(out + s->headers_bytes, payload, n);
		return;
	}
	mpq_bytes_put16(l4 + s->csum_offset, 0);
	sum = mpq_ip_fold(mpq_ip_copy_sum(
		out + s->headers_bytes, payload, n,
		mpq_ip_sum(l4, header_bytes,
			   s->pseudo_sum +
				   htons((uint16_t)(header_bytes + n)))));
	if (sum == 0 && s->gso_type == MPQ_SEGMENT_GSO_UDP_L4) {
		sum = UINT16_MAX;
	}
	mpq_bytes_put_sum(l4 + s->csum_offset, sum);
}

static void write_segment(const struct mpq_segment *s, uint8_t *out, size_t n,
			  bool last)
{
	uint8_t *l4 = out + s->ip_bytes;

	memcpy(out, s->frame, s->headers_bytes);
	write_ip(s, out, s->headers_bytes + n);
	if (s->gso_type == MPQ_SEGMENT_GSO_UDP_L4) {
		mpq_bytes_put16(l4 + UDP_LENGTH, (uint16_t)(UDP_BYTES + n));
	} else {
		write_tcp(s, l4, last);
	}
	write_payload(s, out, n);
}

static int next_cut(struct mpq_segment *s, uint8_t *out, size_t cap)
{
	size_t left = s->len_bytes - s->headers_bytes - s->offset_bytes;
	size_t n = left < s->payload_bytes ? left : s->payload_bytes;
	int r = -EMSGSIZE;

	if (s->headers_bytes + n <= cap) {
		write_segment(s, out, n, n == left);
		r = (int)(s->headers_bytes + n);
	}
	s->offset_bytes += n;
	s->index++;
	s->done = n == left;
	return r;
}

size_t mpq_segment_left(const struct mpq_segment *s)
{
	size_t left = s->len_bytes - s->headers_bytes - s->offset_bytes;

	if (s->done) {
		return 0;
	}
	if (s->gso_type == VIRTIO_NET_HDR_GSO_NONE ||
	    left <= s->payload_bytes) {
		return 1;
	}
	return (left + s->payload_bytes - 1) / s->payload_bytes;
}

int mpq_segment_next(struct mpq_segment *s, uint8_t *out, size_t cap)
{
	if (s->done) {
		return 0;
	}
	if (s->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		return next_whole(s, out, cap);
	}
	return next_cut(s, out, cap);
}
