/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What merges packets, and the frames that came out, for its tests.
 */
#ifndef MPQ_TESTS_FLOW_COALESCE_FIXTURE_H
#define MPQ_TESTS_FLOW_COALESCE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/flow/coalesce.h"
#include "dataplane/flow/segment.h"
#include "tests/unit/flow/sample.h"

#define FRAME_BYTES 65535
#define FRAMES      64

struct frame {
	struct virtio_net_hdr hdr;
	size_t len;
	uint8_t data[FRAME_BYTES];
};

struct fixture {
	struct mpq_coalesce *coalesce;
	size_t frames;
	struct frame frame[FRAMES];
	uint8_t packet[FRAME_BYTES + 1];
};

static inline void keep_frame(void *owner, const struct virtio_net_hdr *hdr,
			      const uint8_t *data, size_t len)
{
	struct fixture *f = owner;
	struct frame *frame = &f->frame[f->frames++];

	assert_in_range(f->frames, 1, FRAMES);
	assert_in_range(len, 0, FRAME_BYTES);
	frame->hdr = *hdr;
	frame->len = len;
	memcpy(frame->data, data, len);
}

static const struct mpq_coalesce_events events = {.frame = keep_frame};

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->coalesce = mpq_coalesce_new(&events, f, true);
	*state = f;
	return f->coalesce == NULL;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	mpq_coalesce_free(f->coalesce);
	free(f);
	return 0;
}

static inline void push(struct fixture *f, const struct sample *s)
{
	size_t len = sample_write(s, f->packet);

	mpq_coalesce_push(f->coalesce, f->packet, len);
}

static inline void flush(struct fixture *f)
{
	mpq_coalesce_flush(f->coalesce);
}

/* Frame n is the packet `s`, as it was, on its own. */
static inline void assert_whole(struct fixture *f, size_t n,
				const struct sample *s)
{
	static const struct virtio_net_hdr plain;
	size_t len = sample_write(s, f->packet);

	assert_in_range(n, 0, f->frames - 1);
	assert_int_equal(f->frame[n].len, len);
	assert_memory_equal(f->frame[n].data, f->packet, len);
	assert_memory_equal(&f->frame[n].hdr, &plain, sizeof(plain));
}

/* Frame n is what a kernel would hand out for `s` in cuts of gso_bytes. */
static inline void assert_merged(struct fixture *f, size_t n,
				 const struct sample *s, size_t gso_bytes)
{
	struct virtio_net_hdr hdr;
	size_t len =
		sample_write_frame(s, (uint16_t)gso_bytes, &hdr, f->packet);

	assert_in_range(n, 0, f->frames - 1);
	assert_int_equal(f->frame[n].len, len);
	assert_memory_equal(f->frame[n].data, f->packet, len);
	assert_memory_equal(&f->frame[n].hdr, &hdr, sizeof(hdr));
}

/* The packet after `s` in its flow. */
static inline struct sample following(const struct sample *s)
{
	struct sample next = *s;

	next.seq += (uint32_t)s->payload_bytes;
	next.id++;
	next.skip_bytes += s->payload_bytes;
	return next;
}

static inline struct sample joined(const struct sample *s, size_t payload_bytes)
{
	struct sample all = *s;

	all.payload_bytes = payload_bytes;
	return all;
}

static inline void push_burst(struct fixture *f, struct sample s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		push(f, &s);
		s = following(&s);
	}
}

#endif
