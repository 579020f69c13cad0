/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back of flow/segment: consecutive TCP segments of a flow (and UDP
 * datagrams of equal size, where the device takes USO) are merged into one
 * frame with a virtio_net_hdr, so that the kernel's stack runs once for up to
 * 64 KiB. What cannot be merged goes out as it is; order within a flow is
 * kept. Pure.
 */
#ifndef MPQ_FLOW_COALESCE_H
#define MPQ_FLOW_COALESCE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPQ_COALESCE_FLOWS       8
#define MPQ_COALESCE_FRAME_BYTES 65535

struct mpq_coalesce_events {
	/* A frame is ready. `frame` is valid during the call only. */
	void (*frame)(void *owner, const struct virtio_net_hdr *hdr,
		      const uint8_t *frame, size_t len);
};

struct mpq_coalesce;

/* `udp`: merge UDP too (the TUN took TUN_F_USO4|6). NULL: out of memory. */
struct mpq_coalesce *mpq_coalesce_new(const struct mpq_coalesce_events *events,
				      void *owner, bool udp);
void mpq_coalesce_free(struct mpq_coalesce *c);

/* A received IP packet, already checked by mpq_ip_parse(). Copied. */
void mpq_coalesce_push(struct mpq_coalesce *c, const uint8_t *data, size_t len);

/* Emits all that is held: at the end of a burst. */
void mpq_coalesce_flush(struct mpq_coalesce *c);

#endif
