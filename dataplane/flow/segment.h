/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TUN device with offloads hands us frames of up to 64 KiB: TCP (TSO) or UDP
 * (USO) that is still to be cut, or single packets whose checksum is still to
 * be filled in (virtio_net_hdr, linux/virtio_net.h). This cuts them into IP
 * packets with right lengths, ids, sequence numbers, flags and checksums.
 * Pure; no copies beyond the one into the packet.
 */
#ifndef MPQ_FLOW_SEGMENT_H
#define MPQ_FLOW_SEGMENT_H

#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>

/* VIRTIO_NET_HDR_GSO_UDP_L4; the kernel's header has it from Linux 6.2 on. */
#define MPQ_SEGMENT_GSO_UDP_L4 5

struct mpq_segment {
	const uint8_t *frame;
	size_t len_bytes;
	size_t headers_bytes; /* IP and TCP/UDP header, repeated in each */
	size_t payload_bytes; /* of a full segment */
	size_t offset_bytes;  /* payload already cut */
	uint16_t index;       /* of the next segment */
	uint16_t csum_start, csum_offset;
	uint8_t gso_type, ip_version;
	uint8_t needs_csum, done;
	uint16_t ip_bytes;   /* of headers_bytes: up to TCP or UDP */
	uint64_t pseudo_sum; /* all of it but the length */
};

/* `hdr` is as the kernel gave it (host byte order: no IFF_VNET_LE games on
 * little-endian; on big-endian the TUN is set to native). 0; -EBADMSG: the
 * frame contradicts its header; -EOPNOTSUPP: a gso_type we did not ask for. */
int mpq_segment_start(struct mpq_segment *s, const struct virtio_net_hdr *hdr,
		      const uint8_t *frame, size_t len);

/* How many packets are still to come. */
size_t mpq_segment_left(const struct mpq_segment *s);

/* Writes the next IP packet to out[0..cap) and returns its length; 0 after the
 * last; -EMSGSIZE: it is longer than cap (that segment is skipped, go on). */
int mpq_segment_next(struct mpq_segment *s, uint8_t *out, size_t cap);

#endif
