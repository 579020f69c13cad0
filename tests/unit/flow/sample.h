/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets to try things on, and a judge of packets that shares no code with
 * dataplane/flow: it adds 16-bit words one by one, as RFC 1071 §1 says it.
 */
#ifndef MPQ_TESTS_FLOW_SAMPLE_H
#define MPQ_TESTS_FLOW_SAMPLE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLE_FIN 0x01
#define SAMPLE_SYN 0x02
#define SAMPLE_PSH 0x08
#define SAMPLE_ACK 0x10
#define SAMPLE_URG 0x20
#define SAMPLE_ECE 0x40
#define SAMPLE_CWR 0x80

struct sample {
	int version;  /* 4 or 6 */
	int protocol; /* 6 or 17; others get the payload alone */
	uint8_t tos, ttl;
	uint16_t id;        /* IPv4 */
	bool dont_fragment; /* IPv4 */
	uint8_t host;       /* last byte of the source address */
	uint16_t source_port, destination_port;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;
	size_t option_bytes; /* of TCP, a multiple of 4; NOPs, then counting */
	size_t payload_bytes;
	uint32_t seed;     /* of the payload's bytes */
	size_t skip_bytes; /* the payload starts there in the seed's stream */
};

/* A TCP segment of a bulk flow: timestamps, ACK, 1348 bytes of payload. */
struct sample sample_tcp(int version);
struct sample sample_udp(int version);

/* Writes the packet, with right checksums, and returns its length. */
size_t sample_write(const struct sample *s, uint8_t *out);

/* The same as the kernel hands it to a TUN reader: one frame, to be cut into
 * `gso_bytes` of payload (0: only its checksum is open). */
size_t sample_write_frame(const struct sample *s, uint16_t gso_bytes,
			  struct virtio_net_hdr *ret_hdr, uint8_t *out);

/* Lengths and checksums of IP and of TCP, UDP or ICMP are right. */
bool sample_is_sound(const uint8_t *packet, size_t len);

/* Mends the checksums of a packet that was edited. */
void sample_mend(uint8_t *packet, size_t len);

uint32_t sample_random(uint32_t *state); /* xorshift; *state is not 0 */

#endif
