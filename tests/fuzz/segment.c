/* SPDX-License-Identifier: Apache-2.0 */
/* Input: a virtio_net_hdr of 10 bytes, then the frame, as a TUN gives it. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/flow/ip.h"
#include "dataplane/flow/segment.h"
#include "tests/unit/flow/sample.h"

#define CAP_BYTES 1500

/* The judge knows no extension headers. */
static bool is_judged(const uint8_t *packet)
{
	return packet[0] >> 4 == 4 || packet[6] == 6 || packet[6] == 17;
}

static void check_packet(const struct mpq_segment *s, const uint8_t *out,
			 size_t len)
{
	struct mpq_ip ip;

	FUZZ_HOLDS(len <= CAP_BYTES);
	if (s->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		FUZZ_HOLDS(len == s->len_bytes);
		return;
	}
	FUZZ_HOLDS(mpq_ip_parse(&ip, out, len) == 0);
	FUZZ_HOLDS(ip.total_bytes == len);
	FUZZ_HOLDS(!is_judged(out) || sample_is_sound(out, len));
}

/* Payload of a cut frame: all of it, once, in order. */
static void check_payload(const struct mpq_segment *s, size_t offset,
			  const uint8_t *out, size_t len)
{
	size_t n = len - s->headers_bytes;

	if (s->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		return;
	}
	FUZZ_HOLDS(len > s->headers_bytes && n <= s->payload_bytes);
	FUZZ_HOLDS(memcmp(out + s->headers_bytes,
			  s->frame + s->headers_bytes + offset, n) == 0);
}

static void cut(struct mpq_segment *s)
{
	/* Exactly as large as it is said to be. */
	uint8_t *out = malloc(CAP_BYTES);
	size_t turns = 0, offset = 0;
	int n;

	while ((n = mpq_segment_next(s, out, CAP_BYTES)) != 0) {
		FUZZ_HOLDS(n > 0 || n == -EMSGSIZE);
		FUZZ_HOLDS(++turns <= s->len_bytes);
		if (n > 0) {
			check_packet(s, out, (size_t)n);
			check_payload(s, offset, out, (size_t)n);
		}
		offset = s->offset_bytes;
	}
	FUZZ_HOLDS(turns > 0);
	FUZZ_HOLDS(s->gso_type == VIRTIO_NET_HDR_GSO_NONE ||
		   s->headers_bytes + s->offset_bytes == s->len_bytes);
	FUZZ_HOLDS(mpq_segment_next(s, out, CAP_BYTES) == 0);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr hdr;
	struct mpq_segment s;

	if (size < sizeof(hdr)) {
		return 0;
	}
	memcpy(&hdr, data, sizeof(hdr));
	if (mpq_segment_start(&s, &hdr, data + sizeof(hdr),
			      size - sizeof(hdr)) == 0) {
		cut(&s);
	}
	return 0;
}
