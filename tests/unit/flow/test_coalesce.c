/* SPDX-License-Identifier: Apache-2.0 */
/* What is merged: frames are what was cut, full, and of one flow. */
#include "tests/unit/flow/coalesce_fixture.h"

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
	};

	return cmocka_run_group_tests_name("flow/coalesce", tests, NULL, NULL);
}
