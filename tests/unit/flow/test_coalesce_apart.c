/* SPDX-License-Identifier: Apache-2.0 */
/* What must not be merged, and goes out as it came. */
#include "tests/unit/flow/coalesce_fixture.h"

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

	return cmocka_run_group_tests_name("flow/coalesce_apart", tests, NULL,
					   NULL);
}
