/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/flow/classify.h"
#include "tests/unit/flow/sample.h"

struct fixture {
	struct mpq_classify c;
	uint8_t packet[1600];
	struct mpq_ip ip;
	uint32_t random;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->random = 20221;
	f->c.fallback = 7;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static struct mpq_classify_rule *add_rule(struct fixture *f, uint8_t class_id)
{
	struct mpq_classify_rule *r = &f->c.rule[f->c.n_rules++];

	*r = (struct mpq_classify_rule){.class_id = class_id,
					.protocol = MPQ_CLASSIFY_ANY};
	return r;
}

static struct mpq_prefix prefix(const char *text)
{
	struct mpq_prefix p;

	assert_int_equal(mpq_prefix_parse(text, &p), 0);
	return p;
}

/* An address into a parsed packet: 4 or 16 bytes at `at`. */
static void set_address(const uint8_t *at, const char *text)
{
	struct mpq_prefix p = prefix(text);

	memcpy((uint8_t *)(uintptr_t)at, p.addr, p.family == 4 ? 4 : 16);
}

static void make(struct fixture *f, const struct sample *s, const char *source,
		 const char *destination)
{
	size_t len = sample_write(s, f->packet);

	assert_int_equal(mpq_ip_parse(&f->ip, f->packet, len), 0);
	set_address(f->ip.source, source);
	set_address(f->ip.destination, destination);
}

static uint8_t class_of(struct fixture *f)
{
	mpq_classify_compile(&f->c);
	return mpq_classify(&f->c, &f->ip);
}

static uint8_t class_of_udp(struct fixture *f, uint8_t tos, uint16_t port)
{
	struct sample s = sample_udp(4);

	s.tos = tos;
	s.destination_port = port;
	make(f, &s, "10.0.0.1", "192.0.2.1");
	return class_of(f);
}

static void what_no_rule_matches_falls_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(class_of_udp(f, 0, 53), 7);
	add_rule(f, 1)->protocol = 6;
	assert_int_equal(class_of_udp(f, 0, 53), 7);
	assert_int_equal(f->c.hits[MPQ_CLASSIFY_RULES].packets, 2);
	assert_int_equal(f->c.hits[MPQ_CLASSIFY_RULES].bytes,
			 2 * f->ip.total_bytes);
	assert_int_equal(f->c.hits[0].packets, 0);
}

static void the_first_that_matches_decides(void **state)
{
	struct fixture *f = *state;

	add_rule(f, 1)->protocol = 6;
	add_rule(f, 2)->protocol = 17;
	add_rule(f, 3)->protocol = 17;
	assert_int_equal(class_of_udp(f, 0, 53), 2);
	assert_int_equal(f->c.hits[1].packets, 1);
	assert_int_equal(f->c.hits[1].bytes, f->ip.total_bytes);
	assert_int_equal(f->c.hits[2].packets, 0);
}

static void an_empty_rule_matches_everything(void **state)
{
	struct fixture *f = *state;

	(void)add_rule(f, 4);
	assert_int_equal(class_of_udp(f, 0xff, 53), 4);
}

static void code_points_are_seen_without_ecn(void **state)
{
	struct fixture *f = *state;

	add_rule(f, 1)->dscp = UINT64_C(1) << 46 | UINT64_C(1) << 63;
	assert_int_equal(class_of_udp(f, 46 << 2, 53), 1);
	assert_int_equal(class_of_udp(f, 46 << 2 | 3, 53), 1);
	assert_int_equal(class_of_udp(f, 63 << 2, 53), 1);
	assert_int_equal(class_of_udp(f, 45 << 2, 53), 7);
	assert_int_equal(class_of_udp(f, 0, 53), 7);
}

static void a_range_of_ports_holds_its_ends(void **state)
{
	struct fixture *f = *state;
	struct mpq_classify_rule *r = add_rule(f, 1);

	r->destination_port[0] = (struct mpq_classify_ports){250, 260};
	r->destination_port[1] = (struct mpq_classify_ports){5000, 5000};
	r->destination_ports = 2;
	assert_int_equal(class_of_udp(f, 0, 249), 7);
	assert_int_equal(class_of_udp(f, 0, 250), 1);
	assert_int_equal(class_of_udp(f, 0, 260), 1);
	assert_int_equal(class_of_udp(f, 0, 261), 7);
	assert_int_equal(class_of_udp(f, 0, 5000), 1);
	r->destination_port[1] = (struct mpq_classify_ports){0, 65535};
	assert_int_equal(class_of_udp(f, 0, 65535), 1);
}

static void ports_belong_to_tcp_and_udp_only(void **state)
{
	struct fixture *f = *state;
	struct mpq_classify_rule *r = add_rule(f, 1);
	struct sample s = sample_udp(4);

	r->source_port[0] = (struct mpq_classify_ports){0, 65535};
	r->source_ports = 1;
	make(f, &s, "10.0.0.1", "192.0.2.1");
	assert_int_equal(class_of(f), 1);
	s = sample_tcp(6);
	make(f, &s, "fd00::1", "2001:db8::1");
	assert_int_equal(class_of(f), 1);
	s = sample_udp(4);
	s.protocol = 1;
	make(f, &s, "10.0.0.1", "192.0.2.1");
	assert_int_equal(class_of(f), 7);
}

static void a_later_fragment_has_no_ports(void **state)
{
	struct fixture *f = *state;
	struct mpq_classify_rule *r = add_rule(f, 1);

	r->destination_port[0] = (struct mpq_classify_ports){0, 65535};
	r->destination_ports = 1;
	add_rule(f, 2)->protocol = 17;
	assert_int_equal(class_of_udp(f, 0, 53), 1);
	f->ip.fragment = true;
	assert_int_equal(class_of(f), 1);
	f->ip.fragment_offset_bytes = 8;
	assert_int_equal(class_of(f), 2);
}

static bool destination_within(struct fixture *f, const char *text,
			       const char *address)
{
	int version = strchr(address, ':') != NULL ? 6 : 4;
	struct mpq_classify_rule *r = &f->c.rule[0];
	struct sample s = sample_udp(version);

	f->c.n_rules = 0;
	r = add_rule(f, 1);
	r->destination[0] = prefix(text);
	r->destinations = 1;
	make(f, &s, version == 4 ? "10.0.0.1" : "fd00::1", address);
	return class_of(f) == 1;
}

static void prefixes_hold_to_their_last_bit(void **state)
{
	static const struct {
		const char *prefix, *inside, *outside;
	} cases[] = {
		{"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
		{"10.0.0.0/7", "11.0.0.0", "12.0.0.0"},
		{"192.0.2.1/32", "192.0.2.1", "192.0.2.0"},
		{"192.0.2.1/31", "192.0.2.0", "192.0.2.2"},
		{"192.0.2.77/25", "192.0.2.127", "192.0.2.128"},
		{"0.0.0.0/0", "255.255.255.255", "::"},
		{"::/0", "ffff::1", "0.0.0.0"},
		{"2001:db8::/32", "2001:db8:ffff::", "2001:db9::"},
		{"2001:db8:0:1::/64", "2001:db8:0:1:ffff::", "2001:db8:0:2::"},
		{"2001:db8::/65", "2001:db8::7fff:0:0:1",
		 "2001:db8::8000:0:0:1"},
		{"2001:db8::1/127", "2001:db8::", "2001:db8::2"},
		{"2001:db8::1/128", "2001:db8::1", "2001:db8::"},
		{"fc00::/7", "fdff::1", "fe00::"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(destination_within(f, cases[i].prefix,
					       cases[i].inside));
		assert_false(destination_within(f, cases[i].prefix,
						cases[i].outside));
	}
}

static void one_rule_may_name_both_families(void **state)
{
	struct fixture *f = *state;
	struct mpq_classify_rule *r = add_rule(f, 1);
	struct sample s = sample_udp(4);

	r->source[0] = prefix("10.1.0.0/16");
	r->source[1] = prefix("fd01::/16");
	r->sources = 2;
	make(f, &s, "10.1.2.3", "192.0.2.1");
	assert_int_equal(class_of(f), 1);
	make(f, &s, "10.2.2.3", "192.0.2.1");
	assert_int_equal(class_of(f), 7);
	s = sample_udp(6);
	make(f, &s, "fd01::1", "2001:db8::1");
	assert_int_equal(class_of(f), 1);
	make(f, &s, "fd02::1", "2001:db8::1");
	assert_int_equal(class_of(f), 7);
}

static void the_way_back_changes_sides(void **state)
{
	struct fixture *f = *state;
	struct mpq_classify_rule *r = add_rule(f, 1);
	struct sample s = sample_udp(4);

	r->source[0] = prefix("10.1.0.0/16");
	r->sources = 1;
	r->destination_port[0] = (struct mpq_classify_ports){443, 443};
	r->destination_ports = 1;
	s.source_port = 40000;
	s.destination_port = 443;
	mpq_classify_reverse(&f->c);
	make(f, &s, "10.1.2.3", "192.0.2.1");
	assert_int_equal(mpq_classify(&f->c, &f->ip), 7);
	s.source_port = 443;
	s.destination_port = 40000;
	make(f, &s, "192.0.2.1", "10.1.2.3");
	assert_int_equal(mpq_classify(&f->c, &f->ip), 1);
	mpq_classify_reverse(&f->c);
	assert_int_equal(mpq_classify(&f->c, &f->ip), 7);
}

/* ---- against a model ---------------------------------------------------- */

static unsigned below(struct fixture *f, unsigned n)
{
	return sample_random(&f->random) % n;
}

/* From few values, so that a good part of the packets matches. */
static void random_address(struct fixture *f, uint8_t addr[16])
{
	static const uint8_t bytes[] = {10, 11, 0xfd, 0x80};

	for (unsigned i = 0; i < 16; i++) {
		addr[i] = bytes[below(f, 4)];
	}
}

static uint8_t random_prefixes(struct fixture *f, struct mpq_prefix *p)
{
	uint8_t n = (uint8_t)(below(f, 3) == 0 ? below(f, 9) : 0);

	for (unsigned i = 0; i < n; i++) {
		p[i].family = below(f, 2) == 0 ? 4 : 6;
		p[i].length = (uint8_t)below(f, p[i].family == 4 ? 33 : 129);
		random_address(f, p[i].addr);
	}
	return n;
}

static uint8_t random_ports(struct fixture *f, struct mpq_classify_ports *p)
{
	uint8_t n = (uint8_t)(below(f, 3) == 0 ? below(f, 9) : 0);

	for (unsigned i = 0; i < n; i++) {
		p[i].first = (uint16_t)below(f, 2000);
		p[i].last = (uint16_t)(p[i].first + below(f, 300));
	}
	return n;
}

static void random_rules(struct fixture *f)
{
	f->c.n_rules = 0;
	for (unsigned n = below(f, MPQ_CLASSIFY_RULES + 1); n > 0; n--) {
		struct mpq_classify_rule *r = add_rule(f, (uint8_t)below(f, 7));

		r->protocol =
			(int16_t)(below(f, 2) == 0 ? -1
						   : 5 + (int)below(f, 15));
		r->dscp = below(f, 2) == 0 ? UINT64_C(1) << below(f, 64) : 0;
		r->sources = random_prefixes(f, r->source);
		r->destinations = random_prefixes(f, r->destination);
		r->source_ports = random_ports(f, r->source_port);
		r->destination_ports = random_ports(f, r->destination_port);
	}
	mpq_classify_compile(&f->c);
}

static bool model_address(const struct mpq_prefix *p, size_t n, uint8_t version,
			  const uint8_t *addr)
{
	for (size_t i = 0; i < n; i++) {
		if (mpq_prefix_contains(&p[i], version, addr)) {
			return true;
		}
	}
	return n == 0;
}

static bool model_port(const struct mpq_classify_ports *p, size_t n,
		       const struct mpq_ip *ip, uint16_t port)
{
	bool shown = (ip->protocol == 6 || ip->protocol == 17) &&
		     ip->fragment_offset_bytes == 0;

	for (size_t i = 0; i < n; i++) {
		if (shown && port >= p[i].first && port <= p[i].last) {
			return true;
		}
	}
	return n == 0;
}

static bool model_matches(const struct mpq_classify_rule *r,
			  const struct mpq_ip *ip)
{
	return (r->dscp == 0 || (r->dscp >> (ip->traffic_class / 4) & 1)) &&
	       (r->protocol == MPQ_CLASSIFY_ANY ||
		r->protocol == ip->protocol) &&
	       model_address(r->source, r->sources, ip->version, ip->source) &&
	       model_address(r->destination, r->destinations, ip->version,
			     ip->destination) &&
	       model_port(r->source_port, r->source_ports, ip,
			  ip->source_port) &&
	       model_port(r->destination_port, r->destination_ports, ip,
			  ip->destination_port);
}

static size_t model(const struct mpq_classify *c, const struct mpq_ip *ip)
{
	for (size_t i = 0; i < c->n_rules; i++) {
		if (model_matches(&c->rule[i], ip)) {
			return i;
		}
	}
	return MPQ_CLASSIFY_RULES;
}

static void random_packet(struct fixture *f, uint8_t addresses[2][16])
{
	random_address(f, addresses[0]);
	random_address(f, addresses[1]);
	f->ip = (struct mpq_ip){
		.version = below(f, 2) == 0 ? 4 : 6,
		.protocol = (uint8_t)(5 + below(f, 15)),
		.traffic_class = (uint8_t)below(f, 256),
		.fragment_offset_bytes = below(f, 8) == 0 ? 8 : 0,
		.total_bytes = 100,
		.source = addresses[0],
		.destination = addresses[1],
		.source_port = (uint16_t)below(f, 2300),
		.destination_port = (uint16_t)below(f, 2300),
	};
	f->ip.fragment = f->ip.fragment_offset_bytes != 0;
}

static void it_agrees_with_a_plain_search(void **state)
{
	struct fixture *f = *state;
	uint8_t addresses[2][16];
	size_t matched = 0;

	for (int round = 0; round < 100; round++) {
		random_rules(f);
		for (int i = 0; i < 100; i++) {
			size_t want;
			uint64_t hits;

			random_packet(f, addresses);
			want = model(&f->c, &f->ip);
			hits = f->c.hits[want].packets;
			assert_int_equal(mpq_classify(&f->c, &f->ip),
					 want < MPQ_CLASSIFY_RULES
						 ? f->c.rule[want].class_id
						 : 7);
			assert_int_equal(f->c.hits[want].packets, hits + 1);
			matched += want < MPQ_CLASSIFY_RULES;
		}
	}
	/* Else it would not have tried much. */
	assert_in_range(matched, 2000, 9900);
}

/* ---- flows -------------------------------------------------------------- */

static uint32_t flow_of(struct fixture *f, const struct sample *s,
			const char *source, uint64_t seed)
{
	make(f, s, source, s->version == 4 ? "192.0.2.1" : "2001:db8::1");
	return mpq_classify_flow(&f->ip, seed);
}

static void a_flow_is_known_by_its_five_fields(void **state)
{
	struct fixture *f = *state;
	struct sample s = sample_udp(4);
	uint32_t first = flow_of(f, &s, "10.0.0.1", 5);

	s.tos = 0xb8;
	s.ttl = 3;
	s.id = 99;
	s.payload_bytes = 700;
	assert_int_equal(flow_of(f, &s, "10.0.0.1", 5), first);
	assert_int_not_equal(flow_of(f, &s, "10.0.0.2", 5), first);
	assert_int_not_equal(flow_of(f, &s, "10.0.0.1", 6), first);
	s.source_port++;
	assert_int_not_equal(flow_of(f, &s, "10.0.0.1", 5), first);
	s.source_port--;
	s.destination_port++;
	assert_int_not_equal(flow_of(f, &s, "10.0.0.1", 5), first);
	s.destination_port--;
	s.protocol = 6;
	assert_int_not_equal(flow_of(f, &s, "10.0.0.1", 5), first);
	s = sample_udp(6);
	first = flow_of(f, &s, "2001:db8:5::1", 5);
	assert_int_not_equal(flow_of(f, &s, "2001:db8:5::2", 5), first);
	assert_int_not_equal(flow_of(f, &s, "2001:db9:5::1", 5), first);
}

static void all_fragments_are_one_flow(void **state)
{
	struct fixture *f = *state;
	struct sample s = sample_udp(4);
	uint32_t first;

	(void)flow_of(f, &s, "10.0.0.1", 5);
	f->ip.fragment = true;
	first = mpq_classify_flow(&f->ip, 5);
	f->ip.fragment_offset_bytes = 1480;
	f->ip.source_port = 0;
	f->ip.destination_port = 0;
	assert_int_equal(mpq_classify_flow(&f->ip, 5), first);
}

/* 64 buckets by each byte of the hash: none stands out. */
static void hashes_spread_evenly(void **state)
{
	struct fixture *f = *state;
	unsigned count[4][64] = {{0}};
	struct sample s = sample_udp(4);

	(void)flow_of(f, &s, "10.0.0.1", 5);
	for (unsigned i = 0; i < 64 * 256; i++) {
		uint32_t hash;

		f->ip.source_port = (uint16_t)i;
		hash = mpq_classify_flow(&f->ip, 5);
		for (unsigned b = 0; b < 4; b++) {
			count[b][hash >> 8 * b & 63]++;
		}
	}
	for (unsigned b = 0; b < 4 * 64; b++) {
		assert_in_range(count[b / 64][b % 64], 176, 336); /* 5 sigma */
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_no_rule_matches_falls_back),
		TEST(the_first_that_matches_decides),
		TEST(an_empty_rule_matches_everything),
		TEST(code_points_are_seen_without_ecn),
		TEST(a_range_of_ports_holds_its_ends),
		TEST(ports_belong_to_tcp_and_udp_only),
		TEST(a_later_fragment_has_no_ports),
		TEST(prefixes_hold_to_their_last_bit),
		TEST(one_rule_may_name_both_families),
		TEST(the_way_back_changes_sides),
		TEST(it_agrees_with_a_plain_search),
		TEST(a_flow_is_known_by_its_five_fields),
		TEST(all_fragments_are_one_flow),
		TEST(hashes_spread_evenly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
