/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/flow/segment.h"
#include "tests/unit/flow/sample.h"

#define FRAME_BYTES 65535

struct fixture {
	struct virtio_net_hdr hdr;
	struct mpq_segment segment;
	uint8_t frame[FRAME_BYTES + 1];
	uint8_t out[FRAME_BYTES + 1];
	uint8_t wanted[FRAME_BYTES + 1];
};

static struct fixture *fixture(void)
{
	static struct fixture f;

	memset(&f, 0xa5, sizeof(f));
	return &f;
}

/* The n-th packet that a sender without offloads would have sent. */
static struct sample nth(const struct sample *s, size_t n, uint16_t gso_bytes)
{
	struct sample one = *s;
	size_t at = n * gso_bytes;

	one.skip_bytes = at;
	one.payload_bytes = s->payload_bytes - at;
	if (one.payload_bytes > gso_bytes) {
		one.payload_bytes = gso_bytes;
		one.flags &= (uint8_t) ~(SAMPLE_FIN | SAMPLE_PSH);
	}
	if (n > 0) {
		one.flags &= (uint8_t)~SAMPLE_CWR;
	}
	one.seq += (uint32_t)at;
	one.id = (uint16_t)(one.id + n);
	return one;
}

static void assert_next(struct fixture *f, const struct sample *wanted)
{
	size_t len = sample_write(wanted, f->wanted);

	assert_int_equal(mpq_segment_next(&f->segment, f->out, sizeof(f->out)),
			 len);
	assert_memory_equal(f->out, f->wanted, len);
	assert_true(sample_is_sound(f->out, len));
}

static void assert_cut(struct fixture *f, const struct sample *s,
		       uint16_t gso_bytes)
{
	size_t n = (s->payload_bytes + gso_bytes - 1) / gso_bytes;
	size_t len = sample_write_frame(s, gso_bytes, &f->hdr, f->frame);

	assert_int_equal(mpq_segment_start(&f->segment, &f->hdr, f->frame, len),
			 0);
	for (size_t i = 0; i < n; i++) {
		struct sample one = nth(s, i, gso_bytes);

		assert_int_equal(mpq_segment_left(&f->segment), n - i);
		assert_next(f, &one);
	}
	assert_int_equal(mpq_segment_left(&f->segment), 0);
	assert_int_equal(mpq_segment_next(&f->segment, f->out, FRAME_BYTES), 0);
	assert_int_equal(mpq_segment_next(&f->segment, f->out, FRAME_BYTES), 0);
}

static void cuts_as_a_sender_without_offloads(int version, int protocol)
{
	struct fixture *f = fixture();
	uint32_t random = 4711;

	for (int i = 0; i < 60; i++) {
		struct sample s = protocol == 6 ? sample_tcp(version)
						: sample_udp(version);
		uint16_t gso = (uint16_t)(1 + sample_random(&random) % 1448);

		s.option_bytes = sample_random(&random) % 11 * 4;
		s.payload_bytes = 1 + sample_random(&random) % (40u * gso);
		if (s.payload_bytes > 65000) {
			s.payload_bytes = 65000;
		}
		s.id = (uint16_t)sample_random(&random);
		s.seq = sample_random(&random);
		s.seed = sample_random(&random) | 1;
		assert_cut(f, &s, gso);
	}
}

static void cuts_tcp_over_ipv4(void **state)
{
	(void)state;
	cuts_as_a_sender_without_offloads(4, 6);
}

static void cuts_tcp_over_ipv6(void **state)
{
	(void)state;
	cuts_as_a_sender_without_offloads(6, 6);
}

static void cuts_udp_over_ipv4(void **state)
{
	(void)state;
	cuts_as_a_sender_without_offloads(4, 17);
}

static void cuts_udp_over_ipv6(void **state)
{
	(void)state;
	cuts_as_a_sender_without_offloads(6, 17);
}

static void cuts_the_largest_frame(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_tcp(4);

	(void)state;
	s.payload_bytes = FRAME_BYTES - 20 - 32;
	assert_cut(f, &s, 1348);
	s = sample_tcp(6);
	s.payload_bytes = FRAME_BYTES - 40 - 32;
	assert_cut(f, &s, 1348);
	s.payload_bytes = 2000;
	assert_cut(f, &s, 1);
}

static void one_segment_is_a_frame_too(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_tcp(4);

	(void)state;
	s.flags = SAMPLE_ACK | SAMPLE_PSH | SAMPLE_FIN | SAMPLE_CWR;
	assert_cut(f, &s, 1348);
	assert_cut(f, &s, 1400);
}

static void ids_and_sequence_numbers_wrap(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_tcp(4);

	(void)state;
	s.id = 0xfffe;
	s.seq = 0xffffff00;
	s.payload_bytes = 9000;
	assert_cut(f, &s, 1000);
}

static void fin_and_psh_end_the_last_cwr_opens_the_first(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_tcp(6);
	static const uint8_t flags[] = {
		SAMPLE_ACK | SAMPLE_FIN | SAMPLE_PSH | SAMPLE_CWR,
		SAMPLE_ACK | SAMPLE_PSH | SAMPLE_ECE,
		SAMPLE_ACK | SAMPLE_CWR,
	};

	(void)state;
	s.payload_bytes = 5000;
	for (size_t i = 0; i < sizeof(flags); i++) {
		s.flags = flags[i];
		assert_cut(f, &s, 1348);
	}
}

static void takes_the_ecn_bit_of_gso_type(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_tcp(4);
	size_t len;

	(void)state;
	s.flags = SAMPLE_ACK | SAMPLE_CWR;
	s.payload_bytes = 3000;
	len = sample_write_frame(&s, 1348, &f->hdr, f->frame);
	f->hdr.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	assert_int_equal(mpq_segment_start(&f->segment, &f->hdr, f->frame, len),
			 0);
	for (size_t i = 0; i < 3; i++) {
		struct sample one = nth(&s, i, 1348);

		assert_next(f, &one);
	}
}

static void udp_without_checksum_stays_without(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_udp(4);
	size_t len;

	(void)state;
	s.payload_bytes = 2000;
	len = sample_write_frame(&s, 1200, &f->hdr, f->frame);
	f->hdr.flags = 0;
	memset(f->frame + 26, 0, 2);
	assert_int_equal(mpq_segment_start(&f->segment, &f->hdr, f->frame, len),
			 0);
	assert_int_equal(mpq_segment_next(&f->segment, f->out, 1500), 1228);
	assert_true(sample_is_sound(f->out, 1228));
	assert_int_equal(f->out[26] | f->out[27], 0);
	assert_int_equal(mpq_segment_next(&f->segment, f->out, 1500), 828);
	assert_int_equal(f->out[26] | f->out[27], 0);
}

/* Such a payload that the checksum comes out as 0, which means "none". */
static size_t write_zero_sum(struct fixture *f, struct sample *s)
{
	uint8_t *udp = f->frame + (s->version == 4 ? 20 : 40);
	size_t len = sample_write(s, f->frame);

	memset(udp + 8, 0, 2);
	sample_mend(f->frame, len);
	memcpy(udp + 8, udp + 6, 2);
	sample_mend(f->frame, len);
	assert_int_equal(udp[6] & udp[7], 0xff);
	return len;
}

/* As one segment of a frame, and as a whole packet. */
static void a_udp_checksum_of_zero_is_written_as_ones(void **state)
{
	static const uint8_t types[] = {VIRTIO_NET_HDR_GSO_NONE,
					MPQ_SEGMENT_GSO_UDP_L4};
	struct fixture *f = fixture();

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct sample s = sample_udp(i % 2 ? 4 : 6);
		size_t len;

		s.payload_bytes = 1000;
		len = write_zero_sum(f, &s);
		memcpy(f->wanted, f->frame, len);
		(void)sample_write_frame(&s, 1000, &f->hdr, f->out);
		memcpy(f->frame, f->out, len - 1000);
		f->hdr.gso_type = types[i / 2];
		assert_int_equal(mpq_segment_start(&f->segment, &f->hdr,
						   f->frame, len),
				 0);
		assert_int_equal(mpq_segment_next(&f->segment, f->out, 1500),
				 len);
		assert_memory_equal(f->out, f->wanted, len);
	}
}

static void completes_the_checksum_of_a_whole_packet(void **state)
{
	struct fixture *f = fixture();
	static const int protocols[] = {6, 17};

	(void)state;
	for (size_t n = 0; n < 1400; n += 7) {
		for (int i = 0; i < 4; i++) {
			struct sample s = sample_tcp(i % 2 ? 4 : 6);
			size_t len;

			s.protocol = protocols[i / 2];
			s.payload_bytes = n;
			len = sample_write_frame(&s, 0, &f->hdr, f->frame);
			assert_int_equal(mpq_segment_start(&f->segment, &f->hdr,
							   f->frame, len),
					 0);
			assert_next(f, &s);
			assert_int_equal(mpq_segment_next(&f->segment, f->out,
							  1500),
					 0);
		}
	}
}

static void passes_whole_packets_unchanged(void **state)
{
	static const uint8_t flags[] = {0, VIRTIO_NET_HDR_F_DATA_VALID};
	struct fixture *f = fixture();
	struct sample s = sample_tcp(4);
	size_t len = sample_write(&s, f->frame);

	(void)state;
	f->frame[36] ^= 1; /* its checksum is wrong, and stays so */
	for (size_t i = 0; i < sizeof(flags); i++) {
		f->hdr = (struct virtio_net_hdr){.flags = flags[i]};
		assert_int_equal(mpq_segment_start(&f->segment, &f->hdr,
						   f->frame, len),
				 0);
		assert_int_equal(mpq_segment_next(&f->segment, f->out, 1500),
				 len);
		assert_memory_equal(f->out, f->frame, len);
	}
}

static void skips_what_is_longer_than_the_room(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_tcp(4), last;
	size_t len;

	(void)state;
	s.payload_bytes = 2 * 1348 + 100;
	len = sample_write_frame(&s, 1348, &f->hdr, f->frame);
	assert_int_equal(mpq_segment_start(&f->segment, &f->hdr, f->frame, len),
			 0);
	assert_int_equal(mpq_segment_next(&f->segment, f->out, 1399),
			 -EMSGSIZE);
	assert_int_equal(mpq_segment_next(&f->segment, f->out, 1399),
			 -EMSGSIZE);
	last = nth(&s, 2, 1348);
	assert_next(f, &last);
	assert_int_equal(mpq_segment_next(&f->segment, f->out, 1399), 0);
}

static void writes_nothing_behind_the_packet(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_tcp(6);
	size_t len;

	(void)state;
	s.payload_bytes = 2000;
	len = sample_write_frame(&s, 1001, &f->hdr, f->frame);
	assert_int_equal(mpq_segment_start(&f->segment, &f->hdr, f->frame, len),
			 0);
	memset(f->out, 0x5a, sizeof(f->out));
	len = (size_t)mpq_segment_next(&f->segment, f->out, 40 + 32 + 1001);
	assert_int_equal(len, 40 + 32 + 1001);
	assert_int_equal(f->out[len], 0x5a);
}

static void assert_start(struct fixture *f, size_t len, int wanted)
{
	struct mpq_segment before;

	memset(&before, 0x5a, sizeof(before));
	f->segment = before;
	assert_int_equal(mpq_segment_start(&f->segment, &f->hdr, f->frame, len),
			 wanted);
	if (wanted != 0) {
		assert_memory_equal(&f->segment, &before, sizeof(before));
	}
}

static void refuses_a_frame_of_any_other_length(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_tcp(4);
	size_t len;

	(void)state;
	s.payload_bytes = 3000;
	len = sample_write_frame(&s, 1348, &f->hdr, f->frame);
	for (size_t n = 0; n <= len + 1; n++) {
		assert_start(f, n, n == len ? 0 : -EBADMSG);
	}
}

/* Headers alone: right lengths, but nothing to cut. */
static void refuses_a_frame_without_payload(void **state)
{
	struct fixture *f = fixture();
	size_t len;

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		struct sample s = sample_tcp(version);

		s.payload_bytes = 0;
		len = sample_write_frame(&s, 1000, &f->hdr, f->frame);
		assert_start(f, len, -EBADMSG);
		s = sample_udp(version);
		s.payload_bytes = 0;
		len = sample_write_frame(&s, 1000, &f->hdr, f->frame);
		assert_start(f, len, -EBADMSG);
	}
}

/* A good IPv4 TCP frame with one thing changed in header or frame. */
static void refuses_contradictions(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_tcp(4);
	struct virtio_net_hdr good;
	size_t len;

	(void)state;
	s.payload_bytes = 3000;
	len = sample_write_frame(&s, 1348, &good, f->frame);
	f->hdr = good;
	assert_start(f, len, 0);
	f->hdr.gso_size = 0;
	assert_start(f, len, -EBADMSG);
	f->hdr = good;
	f->hdr.csum_start = 24;
	assert_start(f, len, -EBADMSG);
	f->hdr = good;
	f->hdr.csum_offset = 6;
	assert_start(f, len, -EBADMSG);
	f->hdr = good;
	f->hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	assert_start(f, len, -EBADMSG);
	f->hdr.gso_type = MPQ_SEGMENT_GSO_UDP_L4;
	assert_start(f, len, -EBADMSG);
}

static void refuses_headers_that_do_not_fit(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_tcp(4);
	size_t len;

	(void)state;
	s.payload_bytes = 3000;
	len = sample_write_frame(&s, 1348, &f->hdr, f->frame);
	f->frame[32] = 0x40; /* data offset: less than the fixed header */
	assert_start(f, len, -EBADMSG);
	f->frame[32] = 0x80;
	assert_start(f, len, 0);
	f->frame[6] = 0x20; /* more fragments */
	assert_start(f, len, -EBADMSG);
	f->frame[6] = 0;
	f->frame[0] = 0x44; /* IPv4 header of 16 bytes */
	assert_start(f, len, -EBADMSG);
	f->frame[0] = 0x55;
	assert_start(f, len, -EBADMSG);

	s.option_bytes = 0;
	s.payload_bytes = 8;
	len = sample_write_frame(&s, 4, &f->hdr, f->frame);
	f->frame[32] = 0x80; /* longer than the packet */
	assert_start(f, len, -EBADMSG);
}

static void refuses_a_checksum_outside_of_the_packet(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_udp(4);
	size_t len = sample_write(&s, f->frame);

	(void)state;
	f->hdr = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = 20,
		.csum_offset = (uint16_t)(len - 20 - 1),
	};
	assert_start(f, len, -EBADMSG);
	f->hdr.csum_offset--;
	assert_start(f, len, 0);
	f->hdr.csum_start = UINT16_MAX;
	f->hdr.csum_offset = UINT16_MAX;
	assert_start(f, len, -EBADMSG);
	assert_start(f, 0, -EBADMSG);
}

static void refuses_types_that_nobody_asked_for(void **state)
{
	struct fixture *f = fixture();
	struct sample s = sample_udp(4);
	size_t len = sample_write_frame(&s, 500, &f->hdr, f->frame);

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		unsigned known = type & 0x7f;

		if (known == 0 || known == 1 || known == 4 || known == 5) {
			continue;
		}
		f->hdr.gso_type = (uint8_t)type;
		assert_start(f, len, -EOPNOTSUPP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_tcp_over_ipv4),
		cmocka_unit_test(cuts_tcp_over_ipv6),
		cmocka_unit_test(cuts_udp_over_ipv4),
		cmocka_unit_test(cuts_udp_over_ipv6),
		cmocka_unit_test(cuts_the_largest_frame),
		cmocka_unit_test(one_segment_is_a_frame_too),
		cmocka_unit_test(ids_and_sequence_numbers_wrap),
		cmocka_unit_test(fin_and_psh_end_the_last_cwr_opens_the_first),
		cmocka_unit_test(takes_the_ecn_bit_of_gso_type),
		cmocka_unit_test(udp_without_checksum_stays_without),
		cmocka_unit_test(a_udp_checksum_of_zero_is_written_as_ones),
		cmocka_unit_test(completes_the_checksum_of_a_whole_packet),
		cmocka_unit_test(passes_whole_packets_unchanged),
		cmocka_unit_test(skips_what_is_longer_than_the_room),
		cmocka_unit_test(writes_nothing_behind_the_packet),
		cmocka_unit_test(refuses_a_frame_of_any_other_length),
		cmocka_unit_test(refuses_a_frame_without_payload),
		cmocka_unit_test(refuses_contradictions),
		cmocka_unit_test(refuses_headers_that_do_not_fit),
		cmocka_unit_test(refuses_a_checksum_outside_of_the_packet),
		cmocka_unit_test(refuses_types_that_nobody_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
