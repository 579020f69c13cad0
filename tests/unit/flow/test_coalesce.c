/* SPDX-License-Identifier: Apache-2.0 */
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

static void keep_frame(void *owner, const struct virtio_net_hdr *hdr,
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

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->coalesce = mpq_coalesce_new(&events, f, true);
	*state = f;
	return f->coalesce == NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	mpq_coalesce_free(f->coalesce);
	free(f);
	return 0;
}

static void push(struct fixture *f, const struct sample *s)
{
	size_t len = sample_write(s, f->packet);

	mpq_coalesce_push(f->coalesce, f->packet, len);
}

static void flush(struct fixture *f)
{
	mpq_coalesce_flush(f->coalesce);
}

/* Frame n is the packet `s`, as it was, on its own. */
static void assert_whole(struct fixture *f, size_t n, const struct sample *s)
{
	static const struct virtio_net_hdr plain;
	size_t len = sample_write(s, f->packet);

	assert_in_range(n, 0, f->frames - 1);
	assert_int_equal(f->frame[n].len, len);
	assert_memory_equal(f->frame[n].data, f->packet, len);
	assert_memory_equal(&f->frame[n].hdr, &plain, sizeof(plain));
}

/* Frame n is what a kernel would hand out for `s` in cuts of gso_bytes. */
static void assert_merged(struct fixture *f, size_t n, const struct sample *s,
			  size_t gso_bytes)
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
static struct sample following(const struct sample *s)
{
	struct sample next = *s;

	next.seq += (uint32_t)s->payload_bytes;
	next.id++;
	next.skip_bytes += s->payload_bytes;
	return next;
}

static struct sample joined(const struct sample *s, size_t payload_bytes)
{
	struct sample all = *s;

	all.payload_bytes = payload_bytes;
	return all;
}

static void push_burst(struct fixture *f, struct sample s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		push(f, &s);
		s = following(&s);
	}
}

static struct sample random_sample(uint32_t *random, int version, int protocol)
{
	struct sample s =
		protocol == 6 ? sample_tcp(version) : sample_udp(version);

	s.option_bytes = sample_random(random) % 11 * 4;
	s.id = (uint16_t)sample_random(random);
	s.dont_fragment = sample_random(random) % 2;
	s.tos = (uint8_t)sample_random(random);
	s.seq = sample_random(random);
	s.seed = sample_random(random) | 1;
	if (sample_random(random) % 2) {
		s.flags |= SAMPLE_PSH;
	}
	return s;
}

static void push_cut(struct fixture *f, const struct sample *s, uint16_t gso)
{
	static uint8_t frame[FRAME_BYTES + 1];
	struct mpq_segment segment;
	struct virtio_net_hdr hdr;
	size_t len = sample_write_frame(s, gso, &hdr, frame);
	int n;

	assert_int_equal(mpq_segment_start(&segment, &hdr, frame, len), 0);
	while ((n = mpq_segment_next(&segment, f->packet, FRAME_BYTES)) != 0) {
		assert_in_range(n, 1, FRAME_BYTES);
		mpq_coalesce_push(f->coalesce, f->packet, (size_t)n);
	}
}

/* Cut by flow/segment, merged again: the frame that was there before. */
static void undoes_segment(struct fixture *f, int version, int protocol)
{
	uint32_t random = 99;

	for (int i = 0; i < 100; i++) {
		struct sample s = random_sample(&random, version, protocol);
		size_t gso = 2 + sample_random(&random) % 1400;
		size_t n = 2 + sample_random(&random) % 62;

		s.payload_bytes =
			gso * (n - 1) + 1 + sample_random(&random) % gso;
		if (s.payload_bytes > 65000) {
			continue;
		}
		f->frames = 0;
		push_cut(f, &s, (uint16_t)gso);
		flush(f);
		assert_int_equal(f->frames, 1);
		assert_merged(f, 0, &s, gso);
	}
}

static void undoes_segment_tcp4(void **state)
{
	undoes_segment(*state, 4, 6);
}

static void undoes_segment_tcp6(void **state)
{
	undoes_segment(*state, 6, 6);
}

static void undoes_segment_udp4(void **state)
{
	undoes_segment(*state, 4, 17);
}

static void undoes_segment_udp6(void **state)
{
	undoes_segment(*state, 6, 17);
}

static void fills_a_frame_to_the_brim_and_no_more(void **state)
{
	struct fixture *f = *state;

	for (int version = 4; version <= 6; version += 2) {
		struct sample s = sample_tcp(version), rest = s;
		size_t header_bytes = version == 4 ? 52 : 72;
		size_t fit = (FRAME_BYTES - header_bytes) / s.payload_bytes;

		f->frames = 0;
		push_burst(f, s, fit + 1);
		assert_int_equal(f->frames, 1);
		flush(f);
		assert_int_equal(f->frames, 2);
		rest.id = (uint16_t)(s.id + fit);
		rest.seq += (uint32_t)(fit * s.payload_bytes);
		rest.skip_bytes = fit * s.payload_bytes;
		s.payload_bytes *= fit;
		assert_merged(f, 0, &s, rest.payload_bytes);
		assert_whole(f, 1, &rest);
	}
}

static void a_frame_of_the_very_largest_length_is_right(void **state)
{
	struct fixture *f = *state;
	struct sample s = sample_tcp(4);

	s.option_bytes = 0;
	s.payload_bytes = 65495; /* 65535 with headers: 5 * 13099 */
	push_cut(f, &s, 13099);
	assert_int_equal(f->frames, 1);
	assert_merged(f, 0, &s, 13099);
}

static void merges_64_datagrams_of_udp_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct sample s = sample_udp(6);

	s.payload_bytes = 100;
	push_burst(f, s, 65);
	flush(f);
	assert_int_equal(f->frames, 2);
	assert_int_equal(f->frame[0].len, 48 + 6400);
	s = joined(&s, 6400);
	assert_merged(f, 0, &s, 100);
}

static void leaves_udp_alone_unless_asked(void **state)
{
	struct fixture *f = *state;
	struct sample s = sample_udp(4);

	mpq_coalesce_free(f->coalesce);
	f->coalesce = mpq_coalesce_new(&events, f, false);
	push(f, &s);
	assert_int_equal(f->frames, 1);
	assert_whole(f, 0, &s);
}

static void a_lone_packet_goes_out_as_it_came(void **state)
{
	struct fixture *f = *state;
	struct sample s = sample_tcp(4), u = sample_udp(6);

	push(f, &s);
	push(f, &u);
	assert_int_equal(f->frames, 0);
	flush(f);
	assert_int_equal(f->frames, 2);
	assert_whole(f, 0, &s);
	assert_whole(f, 1, &u);
	flush(f);
	assert_int_equal(f->frames, 2);
}

static void psh_ends_a_frame(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(4), b = following(&a), c, all;

	b.flags |= SAMPLE_PSH;
	push(f, &a);
	push(f, &b);
	assert_int_equal(f->frames, 1);
	all = joined(&a, a.payload_bytes + b.payload_bytes);
	all.flags |= SAMPLE_PSH;
	assert_merged(f, 0, &all, a.payload_bytes);

	c = following(&b);
	push(f, &c); /* PSH alone: nobody waits for more */
	assert_int_equal(f->frames, 2);
	assert_whole(f, 1, &c);
}

static void a_shorter_one_ends_a_frame(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(6), b = following(&a), c;
	struct sample all = joined(&a, a.payload_bytes + 10);

	b.payload_bytes = 10;
	push(f, &a);
	push(f, &b);
	assert_int_equal(f->frames, 1);
	assert_merged(f, 0, &all, a.payload_bytes);
	c = following(&b);
	push(f, &c);
	flush(f);
	assert_int_equal(f->frames, 2);
	assert_whole(f, 1, &c);
}

static void a_longer_one_starts_a_frame(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(4), b;

	a.payload_bytes = 1000;
	b = following(&a);
	b.payload_bytes = 1001;
	push(f, &a);
	push(f, &b);
	flush(f);
	assert_int_equal(f->frames, 2);
	assert_whole(f, 0, &a);
	assert_whole(f, 1, &b);
}

static void a_lost_packet_ends_a_frame(void **state)
{
	struct fixture *f = *state;
	struct sample s = sample_tcp(4), a, b;

	push_burst(f, s, 3);
	a = joined(&s, 3 * s.payload_bytes);
	b = following(&a);
	b.payload_bytes = s.payload_bytes;
	b.seq += (uint32_t)s.payload_bytes;
	b.id = (uint16_t)(s.id + 4);
	push_burst(f, b, 2);
	flush(f);
	assert_int_equal(f->frames, 2);
	assert_merged(f, 0, &a, s.payload_bytes);
	s = joined(&b, 2 * b.payload_bytes);
	assert_merged(f, 1, &s, b.payload_bytes);
}

static void reordered_packets_leave_in_the_order_they_came(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(4), b = following(&a), c = following(&b);

	push(f, &a);
	push(f, &c);
	push(f, &b);
	flush(f);
	assert_int_equal(f->frames, 3);
	assert_whole(f, 0, &a);
	assert_whole(f, 1, &c);
	assert_whole(f, 2, &b);
}

static void a_duplicate_is_not_merged(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(6);

	push(f, &a);
	push(f, &a);
	flush(f);
	assert_int_equal(f->frames, 2);
	assert_whole(f, 0, &a);
	assert_whole(f, 1, &a);
}

static void interleaved_flows_merge_each_on_its_own(void **state)
{
	struct fixture *f = *state;
	struct sample s[MPQ_COALESCE_FLOWS], all;

	for (size_t i = 0; i < MPQ_COALESCE_FLOWS; i++) {
		s[i] = sample_tcp(i % 2 ? 4 : 6);
		s[i].source_port = (uint16_t)(1000 + i / 2);
		s[i].payload_bytes = 700 + i;
	}
	for (size_t n = 0; n < 10; n++) {
		for (size_t i = 0; i < MPQ_COALESCE_FLOWS; i++) {
			push(f, &s[i]);
			s[i] = following(&s[i]);
		}
	}
	assert_int_equal(f->frames, 0);
	flush(f);
	assert_int_equal(f->frames, MPQ_COALESCE_FLOWS);
	for (size_t i = 0; i < MPQ_COALESCE_FLOWS; i++) {
		all = sample_tcp(i % 2 ? 4 : 6);
		all.source_port = (uint16_t)(1000 + i / 2);
		all.payload_bytes = 10 * (700 + i);
		assert_merged(f, i, &all, 700 + i);
	}
}

static void a_ninth_flow_sends_the_eldest_away(void **state)
{
	struct fixture *f = *state;
	struct sample s = sample_tcp(4);

	for (uint16_t i = 0; i <= MPQ_COALESCE_FLOWS; i++) {
		assert_int_equal(f->frames, 0);
		s.source_port = (uint16_t)(1000 + i);
		push(f, &s);
	}
	assert_int_equal(f->frames, 1);
	s.source_port = 1000;
	assert_whole(f, 0, &s);
	flush(f);
	assert_int_equal(f->frames, MPQ_COALESCE_FLOWS + 1);
	for (uint16_t i = 0; i <= MPQ_COALESCE_FLOWS; i++) {
		s.source_port = (uint16_t)(1000 + i);
		assert_whole(f, i, &s);
	}
}

static void flows_differ_by_any_part_of_the_tuple(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 6; i++) {
		struct sample a = sample_udp(i % 2 ? 4 : 6), b = following(&a);

		f->frames = 0;
		b.host = i / 2 == 0 ? 2 : 1;
		b.source_port = (uint16_t)(a.source_port + (i / 2 == 1));
		b.destination_port =
			(uint16_t)(a.destination_port + (i / 2 == 2));
		push(f, &a);
		push(f, &b);
		flush(f);
		assert_int_equal(f->frames, 2);
		assert_whole(f, 0, &a);
		assert_whole(f, 1, &b);
	}
}

/* b follows a in its flow but is not of its frame; then c after b. */
static void assert_apart(struct fixture *f, const struct sample *a,
			 const struct sample *b)
{
	struct sample c = following(b);

	f->frames = 0;
	push(f, a);
	push(f, b);
	push(f, &c);
	flush(f);
	assert_in_range(f->frames, 2, 3);
	assert_whole(f, 0, a);
	if (f->frames == 3) {
		assert_whole(f, 1, b);
		assert_whole(f, 2, &c);
	}
}

static void a_change_in_the_ip_header_ends_a_frame(void **state)
{
	struct fixture *f = *state;

	for (int version = 4; version <= 6; version += 2) {
		struct sample a = sample_tcp(version), b = following(&a);

		a.tos = b.tos = 2; /* ECT(0) */
		b.tos = 3;         /* CE */
		assert_apart(f, &a, &b);
		b.tos = 2 | 0xb8;
		assert_apart(f, &a, &b);
		b.tos = 2;
		b.ttl--;
		assert_apart(f, &a, &b);
	}
}

static void ids_count_up_unless_df_is_set(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(4), b, all;

	a.dont_fragment = false;
	b = following(&a);
	b.id++;
	assert_apart(f, &a, &b);
	b.id = a.id;
	assert_apart(f, &a, &b);
	b = following(&a);
	b.dont_fragment = true;
	assert_apart(f, &a, &b);

	a.dont_fragment = true;
	a.id = b.id = 0;
	f->frames = 0;
	push(f, &a);
	push(f, &b);
	flush(f);
	assert_int_equal(f->frames, 1);
	all = joined(&a, 2 * a.payload_bytes);
	assert_merged(f, 0, &all, a.payload_bytes);
}

static void a_change_in_the_tcp_header_ends_a_frame(void **state)
{
	struct fixture *f = *state;

	for (int version = 4; version <= 6; version += 2) {
		struct sample a = sample_tcp(version), b = following(&a);

		b.ack++;
		assert_apart(f, &a, &b);
		b = following(&a);
		b.window++;
		assert_apart(f, &a, &b);
		b = following(&a);
		b.option_bytes += 4;
		assert_apart(f, &a, &b);
	}
}

static void an_option_that_changed_ends_a_frame(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(4), b = following(&a);
	size_t len;

	for (size_t i = 40; i < 52; i++) {
		f->frames = 0;
		push(f, &a);
		len = sample_write(&b, f->packet);
		f->packet[i] ^= 0x80;
		sample_mend(f->packet, len);
		mpq_coalesce_push(f->coalesce, f->packet, len);
		flush(f);
		assert_int_equal(f->frames, 2);
		assert_whole(f, 0, &a);
	}
}

static void other_flags_are_never_merged(void **state)
{
	static const uint8_t flags[] = {
		SAMPLE_ACK | SAMPLE_FIN,
		SAMPLE_SYN,
		SAMPLE_ACK | SAMPLE_SYN,
		SAMPLE_ACK | 4 /* RST */,
		0,
		SAMPLE_ACK | SAMPLE_URG,
		SAMPLE_ACK | SAMPLE_ECE,
		SAMPLE_ACK | SAMPLE_CWR,
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(flags); i++) {
		struct sample a = sample_tcp(4), b = following(&a);
		struct sample c = following(&b);

		b.flags = flags[i];
		f->frames = 0;
		push(f, &a);
		push(f, &b);
		assert_int_equal(f->frames, 2);
		assert_whole(f, 0, &a);
		assert_whole(f, 1, &b);
		push(f, &c);
		flush(f);
		assert_int_equal(f->frames, 3);
		assert_whole(f, 2, &c);
	}
}

static void bits_that_cutting_would_lose_are_never_merged(void **state)
{
	static const size_t at[] = {
		32, /* the AE bit beside the data offset */
		39, /* urgent pointer */
		6,  /* the reserved bit of IPv4 */
	};
	static const uint8_t bit[] = {0x01, 0x01, 0x80};
	struct fixture *f = *state;
	struct sample s = sample_tcp(4);

	for (size_t i = 0; i < sizeof(bit); i++) {
		size_t len = sample_write(&s, f->packet);

		f->frames = 0;
		f->packet[at[i]] |= bit[i];
		sample_mend(f->packet, len);
		mpq_coalesce_push(f->coalesce, f->packet, len);
		assert_int_equal(f->frames, 1);
		assert_int_equal(f->frame[0].len, len);
		assert_memory_equal(f->frame[0].data, f->packet, len);
	}
}

static void an_acknowledgement_flushes_its_flow_only(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(4), other = a, ack = following(&a);

	other.source_port++;
	ack.payload_bytes = 0;
	push(f, &a);
	push(f, &other);
	push(f, &ack);
	assert_int_equal(f->frames, 2);
	assert_whole(f, 0, &a);
	assert_whole(f, 1, &ack);
	flush(f);
	assert_int_equal(f->frames, 3);
	assert_whole(f, 2, &other);
}

/* Every byte of the second packet broken in turn: it is never merged, and goes
 * out as broken as it came. */
static void a_broken_packet_is_not_whitewashed(struct fixture *f,
					       const struct sample *a)
{
	struct sample b = following(a);
	size_t len = sample_write(&b, f->packet), n;
	static uint8_t broken[FRAME_BYTES];

	for (size_t i = 0; i < len; i++) {
		f->frames = 0;
		push(f, a);
		n = sample_write(&b, broken);
		assert_int_equal(n, len);
		broken[i] ^= 0x10;
		mpq_coalesce_push(f->coalesce, broken, len);
		flush(f);
		assert_int_equal(f->frames, 2);
		assert_int_equal(f->frame[0].hdr.gso_type, 0);
		assert_int_equal(f->frame[1].hdr.gso_type, 0);
		n = memcmp(f->frame[1].data, broken, len) == 0 ? 1 : 0;
		assert_int_equal(f->frame[n].len, len);
		assert_memory_equal(f->frame[n].data, broken, len);
		assert_whole(f, 1 - n, a);
	}
}

static void broken_packets_are_not_whitewashed(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct sample s = i < 2 ? sample_tcp(i % 2 ? 4 : 6)
					: sample_udp(i % 2 ? 4 : 6);

		s.payload_bytes = 61;
		s.dont_fragment = false;
		a_broken_packet_is_not_whitewashed(*state, &s);
	}
}

static void a_broken_first_packet_is_not_held(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(4), b = following(&a), c = following(&b);
	size_t len = sample_write(&a, f->packet);

	f->packet[len - 1] ^= 1;
	mpq_coalesce_push(f->coalesce, f->packet, len);
	assert_int_equal(f->frames, 1);
	assert_memory_equal(f->frame[0].data, f->packet, len);
	push(f, &b);
	push(f, &c);
	flush(f);
	assert_int_equal(f->frames, 2);
	a = joined(&b, 2 * b.payload_bytes);
	assert_merged(f, 1, &a, b.payload_bytes);
}

static void udp_without_checksum_is_not_merged(void **state)
{
	struct fixture *f = *state;
	struct sample s = sample_udp(4);
	size_t len = sample_write(&s, f->packet);

	memset(f->packet + 26, 0, 2);
	mpq_coalesce_push(f->coalesce, f->packet, len);
	assert_int_equal(f->frames, 1);
	assert_memory_equal(f->frame[0].data, f->packet, len);
}

static void a_fragment_flushes_all_between_its_hosts(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_udp(4), b = a, other = a, part = a;
	size_t len;

	b.source_port++;
	other.host = 77;
	push(f, &a);
	push(f, &other);
	push(f, &b);
	len = sample_write(&part, f->packet);
	f->packet[6] = 0;
	f->packet[7] = 100; /* offset 800: no ports to know it by */
	sample_mend(f->packet, 20);
	mpq_coalesce_push(f->coalesce, f->packet, len);
	assert_int_equal(f->frames, 3);
	assert_memory_equal(f->frame[2].data, f->packet, len);
	assert_whole(f, 0, &a);
	assert_whole(f, 1, &b);
	flush(f);
	assert_whole(f, 3, &other);
}

static void other_protocols_pass_and_flush_nothing(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(4), icmp = a;

	icmp.protocol = 1;
	push(f, &a);
	push(f, &icmp);
	assert_int_equal(f->frames, 1);
	assert_whole(f, 0, &icmp);
	flush(f);
	assert_whole(f, 1, &a);
}

static void ipv4_options_and_extension_headers_pass_in_order(void **state)
{
	struct fixture *f = *state;
	struct sample a = sample_tcp(4);
	size_t len;

	push(f, &a);
	len = sample_write(&a, f->packet);
	memmove(f->packet + 24, f->packet + 20, len - 20);
	memset(f->packet + 20, 1, 4);
	f->packet[0] = 0x46;
	f->packet[2] = (uint8_t)((len + 4) >> 8);
	f->packet[3] = (uint8_t)(len + 4);
	sample_mend(f->packet, len + 4);
	mpq_coalesce_push(f->coalesce, f->packet, len + 4);
	assert_int_equal(f->frames, 2);
	assert_memory_equal(f->frame[1].data, f->packet, len + 4);
	assert_whole(f, 0, &a);
}

static void what_is_no_packet_passes_too(void **state)
{
	struct fixture *f = *state;
	static const uint8_t odd[3] = {0x45, 0, 0};

	mpq_coalesce_push(f->coalesce, odd, sizeof(odd));
	assert_int_equal(f->frames, 1);
	assert_int_equal(f->frame[0].len, 3);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	mpq_coalesce_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(undoes_segment_tcp4),
		TEST(undoes_segment_tcp6),
		TEST(undoes_segment_udp4),
		TEST(undoes_segment_udp6),
		TEST(fills_a_frame_to_the_brim_and_no_more),
		TEST(a_frame_of_the_very_largest_length_is_right),
		TEST(merges_64_datagrams_of_udp_and_no_more),
		TEST(leaves_udp_alone_unless_asked),
		TEST(a_lone_packet_goes_out_as_it_came),
		TEST(psh_ends_a_frame),
		TEST(a_shorter_one_ends_a_frame),
		TEST(a_longer_one_starts_a_frame),
		TEST(a_lost_packet_ends_a_frame),
		TEST(reordered_packets_leave_in_the_order_they_came),
		TEST(a_duplicate_is_not_merged),
		TEST(interleaved_flows_merge_each_on_its_own),
		TEST(a_ninth_flow_sends_the_eldest_away),
		TEST(flows_differ_by_any_part_of_the_tuple),
		TEST(a_change_in_the_ip_header_ends_a_frame),
		TEST(ids_count_up_unless_df_is_set),
		TEST(a_change_in_the_tcp_header_ends_a_frame),
		TEST(an_option_that_changed_ends_a_frame),
		TEST(other_flags_are_never_merged),
		TEST(bits_that_cutting_would_lose_are_never_merged),
		TEST(an_acknowledgement_flushes_its_flow_only),
		TEST(broken_packets_are_not_whitewashed),
		TEST(a_broken_first_packet_is_not_held),
		TEST(udp_without_checksum_is_not_merged),
		TEST(a_fragment_flushes_all_between_its_hosts),
		TEST(other_protocols_pass_and_flush_nothing),
		TEST(ipv4_options_and_extension_headers_pass_in_order),
		TEST(what_is_no_packet_passes_too),
		TEST(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
