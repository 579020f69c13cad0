/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/flow/sample.h"

#include <string.h>

struct sample sample_tcp(int version)
{
	return (struct sample){
		.version = version,
		.protocol = 6,
		.ttl = 64,
		.id = 0x1234,
		.dont_fragment = true,
		.host = 1,
		.source_port = 5201,
		.destination_port = 40000,
		.seq = 0xfffff000,
		.ack = 0x01020304,
		.window = 502,
		.flags = SAMPLE_ACK,
		.option_bytes = 12,
		.payload_bytes = 1348,
		.seed = 7,
	};
}

struct sample sample_udp(int version)
{
	struct sample s = sample_tcp(version);

	s.protocol = 17;
	s.payload_bytes = 1200;
	return s;
}

uint32_t sample_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static unsigned add_words(const uint8_t *p, size_t len, unsigned sum)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (unsigned)p[i] << 8 : p[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static size_t ip_bytes(const uint8_t *packet)
{
	return packet[0] >> 4 == 4 ? (size_t)(packet[0] & 15) * 4 : 40;
}

static uint8_t protocol_of(const uint8_t *packet)
{
	return packet[0] >> 4 == 4 ? packet[9] : packet[6];
}

static unsigned pseudo(const uint8_t *packet, size_t len)
{
	bool v4 = packet[0] >> 4 == 4;
	size_t n = len - ip_bytes(packet);
	unsigned sum = add_words(packet + (v4 ? 12 : 8), v4 ? 8 : 32, 0);

	sum += (unsigned)n + protocol_of(packet);
	return (sum & 0xffff) + (sum >> 16);
}

/* Where the checksum is, from the transport header on; 0: there is none. */
static size_t sum_offset(uint8_t protocol)
{
	switch (protocol) {
	case 1:
	case 58:
		return 2;
	case 6:
		return 16;
	case 17:
		return 6;
	default:
		return 0;
	}
}

static unsigned transport_sum(const uint8_t *packet, size_t len)
{
	size_t at = ip_bytes(packet);
	unsigned sum = protocol_of(packet) == 1 ? 0 : pseudo(packet, len);

	return add_words(packet + at, len - at, sum);
}

static bool lengths_are_right(const uint8_t *packet, size_t len)
{
	size_t at = ip_bytes(packet);

	if (packet[0] >> 4 == 4 && get16(packet + 2) != len) {
		return false;
	}
	if (packet[0] >> 4 == 6 && get16(packet + 4) + 40 != len) {
		return false;
	}
	return protocol_of(packet) != 17 || get16(packet + at + 4) == len - at;
}

bool sample_is_sound(const uint8_t *packet, size_t len)
{
	size_t at = ip_bytes(packet);

	if (!lengths_are_right(packet, len)) {
		return false;
	}
	if (packet[0] >> 4 == 4 && add_words(packet, at, 0) != 0xffff) {
		return false;
	}
	if (sum_offset(protocol_of(packet)) == 0) {
		return true;
	}
	if (protocol_of(packet) == 17 && get16(packet + at + 6) == 0) {
		return packet[0] >> 4 == 4; /* none; IPv6 demands one */
	}
	return transport_sum(packet, len) == 0xffff;
}

void sample_mend(uint8_t *packet, size_t len)
{
	size_t at = ip_bytes(packet);
	size_t offset = sum_offset(protocol_of(packet));
	unsigned sum;

	if (packet[0] >> 4 == 4) {
		put16(packet + 10, 0);
		put16(packet + 10, ~add_words(packet, at, 0) & 0xffff);
	}
	if (offset == 0) {
		return;
	}
	put16(packet + at + offset, 0);
	sum = ~transport_sum(packet, len) & 0xffff;
	if (sum == 0 && protocol_of(packet) == 17) {
		sum = 0xffff;
	}
	put16(packet + at + offset, sum);
}

static size_t write_ip(const struct sample *s, uint8_t *out, size_t payload)
{
	static const uint8_t v4[8] = {10, 200, 1, 0, 192, 0, 2, 9};
	static const uint8_t v6[32] = {0x20, 1,   0xd,  0xb8, [15] = 0, 0x20,
				       1,    0xd, 0xb8, 9,    [31] = 9};

	if (s->version == 4) {
		memset(out, 0, 20);
		out[0] = 0x45;
		out[1] = s->tos;
		put16(out + 2, (unsigned)(20 + payload));
		put16(out + 4, s->id);
		out[6] = s->dont_fragment ? 0x40 : 0;
		out[8] = s->ttl;
		out[9] = (uint8_t)s->protocol;
		memcpy(out + 12, v4, 8);
		out[15] = s->host;
		return 20;
	}
	put32(out, 6u << 28 | (uint32_t)s->tos << 20 | 0x54321);
	put16(out + 4, (unsigned)payload);
	out[6] = (uint8_t)s->protocol;
	out[7] = s->ttl;
	memcpy(out + 8, v6, 32);
	out[23] = s->host;
	return 40;
}

static size_t write_transport(const struct sample *s, uint8_t *out)
{
	put16(out, s->source_port);
	put16(out + 2, s->destination_port);
	if (s->protocol == 17) {
		put16(out + 4, (unsigned)(8 + s->payload_bytes));
		put16(out + 6, 0);
		return 8;
	}
	put32(out + 4, s->seq);
	put32(out + 8, s->ack);
	out[12] = (uint8_t)((20 + s->option_bytes) / 4 << 4);
	out[13] = s->flags;
	put16(out + 14, s->window);
	put32(out + 16, 0);
	for (size_t i = 0; i < s->option_bytes; i++) {
		out[20 + i] = i < 4 ? 1 : (uint8_t)i;
	}
	return 20 + s->option_bytes;
}

static void write_payload(const struct sample *s, uint8_t *out)
{
	uint32_t state = s->seed;

	for (size_t i = 0; i < s->skip_bytes; i++) {
		(void)sample_random(&state);
	}
	for (size_t i = 0; i < s->payload_bytes; i++) {
		out[i] = (uint8_t)sample_random(&state);
	}
}

static size_t header_bytes(const struct sample *s)
{
	if (s->protocol == 6) {
		return 20 + s->option_bytes;
	}
	return s->protocol == 17 ? 8 : 0;
}

static size_t write_open(const struct sample *s, uint8_t *out)
{
	size_t n = header_bytes(s);
	size_t at = write_ip(s, out, n + s->payload_bytes);

	if (n != 0) {
		(void)write_transport(s, out + at);
	}
	write_payload(s, out + at + n);
	return at + n + s->payload_bytes;
}

size_t sample_write(const struct sample *s, uint8_t *out)
{
	size_t len = write_open(s, out);

	sample_mend(out, len);
	return len;
}

static uint8_t gso_type(const struct sample *s)
{
	if (s->protocol == 17) {
		return 5;
	}
	return s->version == 4 ? 1 : 4;
}

size_t sample_write_frame(const struct sample *s, uint16_t gso_bytes,
			  struct virtio_net_hdr *ret_hdr, uint8_t *out)
{
	size_t len = sample_write(s, out);
	size_t at = ip_bytes(out);
	size_t offset = sum_offset(protocol_of(out));

	put16(out + at + offset, pseudo(out, len));
	*ret_hdr = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso_bytes == 0 ? 0 : gso_type(s),
		.hdr_len = (uint16_t)(at + header_bytes(s)),
		.gso_size = gso_bytes,
		.csum_start = (uint16_t)at,
		.csum_offset = (uint16_t)offset,
	};
	return len;
}
