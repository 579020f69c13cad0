/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: records that say what to push next. The judge is flow/segment: what
 * comes out, cut again, has to be all that went in, in order within each flow.
 *
 *   0x00 LL LL BYTES    a packet of LLLL bytes
 *   0x01 LL LL BYTES    the same, with its checksums mended
 *   0x02 AT AT XX       the packet before, with what continues a TCP flow:
 *                       sequence number and id, byte AT ^= XX, mended
 *   0x03 AT AT XX       the same, not mended
 *   0x04 AT AT XX       as 0x02, but XX bytes shorter, AT is not used
 *   other               flush
 */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "dataplane/flow/coalesce.h"
#include "dataplane/flow/ip.h"
#include "dataplane/flow/segment.h"
#include "tests/unit/flow/sample.h"

#define PACKETS      256
#define PACKET_BYTES 1500

struct packet {
	size_t len;
	bool out;
	uint8_t data[PACKET_BYTES];
};

static struct packet pushed[PACKETS];
static size_t packets;

static size_t ip_bytes(const uint8_t *p)
{
	return p[0] >> 4 == 4 ? (size_t)(p[0] & 15) * 4 : 40;
}

/* Two ways to write the same number, and ids that mean nothing. */
static void normalise(uint8_t *p, size_t len)
{
	size_t at = ip_bytes(p);
	bool v4 = p[0] >> 4 == 4;
	uint8_t protocol = v4 ? p[9] : p[6];

	if (v4 && (p[6] & 0x40) != 0) {
		memset(p + 4, 0, 2);
	}
	if (v4) {
		memset(p + 10, 0, 2);
	}
	if (protocol == 6 && len >= at + 18 &&
	    (p[at + 16] & p[at + 17]) == 0xff) {
		memset(p + at + 16, 0, 2);
	}
}

static bool same_packet(const struct packet *a, const uint8_t *data, size_t len)
{
	uint8_t x[PACKET_BYTES], y[PACKET_BYTES];
	struct mpq_ip ip;

	if (a->len != len) {
		return false;
	}
	if (mpq_ip_parse(&ip, data, len) != 0) {
		return memcmp(a->data, data, len) == 0;
	}
	memcpy(x, a->data, len);
	memcpy(y, data, len);
	normalise(x, len);
	normalise(y, len);
	return memcmp(x, y, len) == 0;
}

static bool same_flow(const struct packet *p, const struct mpq_ip *a)
{
	struct mpq_ip b;
	size_t n = a->version == 4 ? 4 : 16;

	return mpq_ip_parse(&b, p->data, p->len) == 0 &&
	       a->version == b.version && a->protocol == b.protocol &&
	       a->source_port == b.source_port &&
	       a->destination_port == b.destination_port &&
	       memcmp(a->source, b.source, n) == 0 &&
	       memcmp(a->destination, b.destination, n) == 0;
}

/* It is the eldest of its flow that is not out yet. */
static void take_out(const uint8_t *data, size_t len)
{
	struct mpq_ip ip;
	bool is_packet = mpq_ip_parse(&ip, data, len) == 0;

	for (size_t i = 0; i < packets; i++) {
		if (pushed[i].out) {
			continue;
		}
		if (same_packet(&pushed[i], data, len)) {
			pushed[i].out = true;
			return;
		}
		FUZZ_HOLDS(!is_packet || !same_flow(&pushed[i], &ip));
	}
	FUZZ_HOLDS(false);
}

static void cut_frame(void *owner, const struct virtio_net_hdr *hdr,
		      const uint8_t *frame, size_t len)
{
	struct mpq_segment s;
	uint8_t out[PACKET_BYTES];
	int n;

	(void)owner;
	FUZZ_HOLDS(len <= MPQ_COALESCE_FRAME_BYTES);
	if (hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		FUZZ_HOLDS(hdr->flags == 0);
		take_out(frame, len);
		return;
	}
	FUZZ_HOLDS(hdr->flags == VIRTIO_NET_HDR_F_NEEDS_CSUM);
	FUZZ_HOLDS(hdr->hdr_len + hdr->gso_size < len);
	FUZZ_HOLDS(mpq_segment_start(&s, hdr, frame, len) == 0);
	while ((n = mpq_segment_next(&s, out, sizeof(out))) != 0) {
		FUZZ_HOLDS(n > 0);
		take_out(out, (size_t)n);
	}
}

/* Writes what would follow the packet before; its length. */
static size_t follow(struct packet *p)
{
	const struct packet *before = &pushed[packets - 1];
	size_t at = ip_bytes(before->data);
	uint32_t seq;
	uint8_t *s;

	*p = *before;
	p->out = false;
	if (p->len < at + 20) {
		return p->len;
	}
	s = p->data + at;
	seq = (uint32_t)s[4] << 24 | (uint32_t)s[5] << 16 |
	      (uint32_t)s[6] << 8 | s[7];
	seq += (uint32_t)(p->len - at - (size_t)(s[12] >> 4) * 4);
	if (p->data[0] >> 4 == 6 ? p->data[6] == 6 : p->data[9] == 6) {
		for (int i = 0; i < 4; i++) {
			s[7 - i] = (uint8_t)(seq >> 8 * i);
		}
	}
	if (p->data[0] >> 4 == 4 && ++p->data[5] == 0) {
		p->data[4]++;
	}
	return p->len;
}

static void put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void shorten(struct packet *p, size_t n)
{
	size_t at = ip_bytes(p->data);
	bool v4 = p->data[0] >> 4 == 4;

	if (p->len < at + 20 + n) {
		return;
	}
	p->len -= n;
	put16(p->data + (v4 ? 2 : 4), v4 ? p->len : p->len - 40);
	if (p->data[v4 ? 9 : 6] == 17) {
		put16(p->data + at + 4, p->len - at);
	}
}

static void mend(struct packet *p)
{
	if (p->len < 40 || p->len < ip_bytes(p->data) + 20) {
		return;
	}
	sample_mend(p->data, p->len);
}

/* How many bytes the record took; 0: the input ends here. */
static size_t read_record(const uint8_t *data, size_t size, struct packet *p)
{
	size_t n = (size_t)data[1] << 8 | data[2];

	p->out = false;
	if (data[0] <= 1) {
		if (n > PACKET_BYTES || n > size - 3) {
			return 0;
		}
		memcpy(p->data, data + 3, n);
		p->len = n;
		n += 3;
	} else {
		if (packets == 0 || follow(p) == 0) {
			return 0;
		}
		if (data[0] == 4) {
			shorten(p, data[3]);
		} else {
			p->data[n % p->len] ^= data[3];
		}
		n = 4;
	}
	if (data[0] != 0 && data[0] != 3) {
		mend(p);
	}
	return n;
}

static void push_all(struct mpq_coalesce *c, const uint8_t *data, size_t size)
{
	size_t n;

	while (size >= 4 && packets < PACKETS) {
		struct packet *p = &pushed[packets];

		if (data[0] > 4) {
			mpq_coalesce_flush(c);
			data++;
			size--;
			continue;
		}
		n = read_record(data, size, p);
		if (n == 0) {
			return;
		}
		packets++;
		mpq_coalesce_push(c, p->data, p->len);
		data += n;
		size -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mpq_coalesce_events events = {.frame = cut_frame};
	static struct mpq_coalesce *c; /* as good as new when it is empty */

	if (c == NULL) {
		c = mpq_coalesce_new(&events, NULL, true);
	}
	packets = 0;
	push_all(c, data, size);
	mpq_coalesce_flush(c);
	for (size_t i = 0; i < packets; i++) {
		FUZZ_HOLDS(pushed[i].out);
	}
	return 0;
}
