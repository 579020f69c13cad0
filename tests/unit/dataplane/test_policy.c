/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION_POLICY's policy: what is written, what is read, what is refused. */
#include "dataplane/policy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct mpq_policy p, q;
	uint8_t out[1 << 16];
	size_t len;
	char reason[128];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	mpq_policy_init(&f->p);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static struct mpq_prefix prefix(const char *text)
{
	struct mpq_prefix p;

	assert_int_equal(mpq_prefix_parse(text, &p), 0);
	return p;
}

static void fill_class(struct mpq_policy *p)
{
	p->n_classes = 2;
	p->class[1] = (struct mpq_policy_class){
		.name = "voice",
		.priority = 6,
		.repair_deadline = MPQ_SECOND,
		.steer = {.mode = MPQ_STEER_REDUNDANT,
			  .order = {3, 0},
			  .n_order = 2,
			  .excluded = 1 << 7 | 1 << 1,
			  .avoid_metered = true,
			  .copies = 2,
			  .order_cap = 20 * MPQ_MILLISECOND,
			  .loss_max_ppm = 20000,
			  .rtt_max = 150 * MPQ_MILLISECOND,
			  .rate_limit_bps = UINT64_C(40000000000),
			  .burst_bytes = 65000},
	};
	p->metered = 1 << 3;
}

static void fill_rule(struct mpq_policy *p)
{
	struct mpq_classify_rule *r = &p->classify.rule[0];

	(void)strcpy(p->rule_name[0], "web");
	*r = (struct mpq_classify_rule){.class_id = 1,
					.dscp = UINT64_C(1) << 63 | 1,
					.protocol = 0,
					.sources = 2,
					.destinations = 1,
					.source_ports = 1,
					.destination_ports = 2};
	r->source[0] = prefix("10.1.2.3/13");
	r->source[1] = prefix("2001:db8::1/128");
	r->destination[0] = prefix("::/0");
	r->source_port[0] = (struct mpq_classify_ports){0, 65535};
	r->destination_port[0] = (struct mpq_classify_ports){80, 80};
	r->destination_port[1] = (struct mpq_classify_ports){8000, 8080};
	(void)strcpy(p->rule_name[1], "all");
	p->classify.rule[1] =
		(struct mpq_classify_rule){.protocol = MPQ_CLASSIFY_ANY};
	p->classify.n_rules = 2;
	p->classify.fallback = 1;
}

static void write_policy(struct fixture *f)
{
	int n = mpq_policy_write(&f->p, f->out, sizeof(f->out));

	assert_true(n > 0);
	f->len = (size_t)n;
}

/* From a buffer of that very length, so that a read past it is seen. */
static int read_exactly(struct fixture *f, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));
	int r;

	memcpy(copy, data, len);
	f->reason[0] = '\0';
	r = mpq_policy_read(&f->q, copy, len, f->reason);
	free(copy);
	return r;
}

static void is_the_same_at_the_other_end(void **state)
{
	struct fixture *f = *state;

	write_policy(f);
	assert_int_equal(read_exactly(f, f->out, f->len), 0);
	assert_true(mpq_policy_equal(&f->p, &f->q));
	fill_class(&f->p);
	fill_rule(&f->p);
	assert_false(mpq_policy_equal(&f->p, &f->q));
	write_policy(f);
	assert_int_equal(read_exactly(f, f->out, f->len), 0);
	assert_true(mpq_policy_equal(&f->p, &f->q));
	assert_string_equal(f->q.class[1].name, "voice");
	assert_int_equal(f->q.class[1].steer.order[0], 3);
	assert_int_equal(f->q.class[1].steer.excluded, 0x82);
	assert_int_equal(f->q.class[1].steer.rate_limit_bps, 40000000000);
	assert_int_equal(f->q.metered, 8);
	assert_string_equal(f->q.rule_name[0], "web");
	assert_int_equal(f->q.classify.rule[0].protocol, 0);
	assert_int_equal(f->q.classify.rule[1].protocol, MPQ_CLASSIFY_ANY);
}

/* The example of bond/README.md §7. */
static void is_written_as_the_draft_says(void **state)
{
	static const uint8_t want[] = {
		1,  0,     /* version, fallback */
		1,  0, 30, /* class: */
		1,  7, 'd', 'e', 'f',  'a',  'u',  'l', 't', /* name */
		3,  1, 3,                                    /* priority */
		8,  4, 0,   1,   0x86, 0xa0,       /* 100 ms of order */
		9,  4, 0,   7,   0xa1, 0x20,       /* 500 ms of repair */
		10, 4, 0,   1,   0x38, 0x80,       /* 80000 ppm */
		2,  0, 18,                         /* rule: */
		1,  3, 'd', 'n', 's',              /* name */
		6,  5, 4,   20,  10,   1,    0x20, /* to 10.1.32.0/20 */
		8,  4, 0,   53,  0,    53,         /* port 53 */
	};
	struct fixture *f = *state;
	struct mpq_classify_rule *r = &f->p.classify.rule[0];

	(void)strcpy(f->p.rule_name[0], "dns");
	r->protocol = MPQ_CLASSIFY_ANY;
	r->destination[0] = prefix("10.1.47.255/20");
	r->destinations = 1;
	r->destination_port[0] = (struct mpq_classify_ports){53, 53};
	r->destination_ports = 1;
	f->p.classify.n_rules = 1;
	write_policy(f);
	assert_int_equal(f->len, sizeof(want));
	assert_memory_equal(f->out, want, sizeof(want));
}

static void tells_policies_apart(void **state)
{
	struct fixture *f = *state;

	fill_class(&f->p);
	fill_rule(&f->p);
#define DIFFERS(member, value)                                                 \
	do {                                                                   \
		f->q = f->p;                                                   \
		assert_true(mpq_policy_equal(&f->p, &f->q));                   \
		f->q.member = value;                                           \
		assert_false(mpq_policy_equal(&f->p, &f->q));                  \
	} while (0)
	DIFFERS(metered, 0);
	DIFFERS(n_classes, 1);
	DIFFERS(class[1].name[0], 'w');
	DIFFERS(class[1].priority, 5);
	DIFFERS(class[1].repair_deadline, 5);
	DIFFERS(class[1].steer.mode, MPQ_STEER_AUTO);
	DIFFERS(class[1].steer.order[1], 2);
	DIFFERS(class[1].steer.n_order, 1);
	DIFFERS(class[1].steer.excluded, 0);
	DIFFERS(class[1].steer.avoid_metered, false);
	DIFFERS(class[1].steer.copies, 0);
	DIFFERS(class[1].steer.order_cap, 0);
	DIFFERS(class[1].steer.loss_max_ppm, 0);
	DIFFERS(class[1].steer.rtt_max, 0);
	DIFFERS(class[1].steer.rate_limit_bps, 0);
	DIFFERS(class[1].steer.burst_bytes, 0);
	DIFFERS(classify.fallback, 0);
	DIFFERS(classify.n_rules, 1);
	DIFFERS(classify.rule[0].class_id, 0);
	DIFFERS(classify.rule[0].dscp, 0);
	DIFFERS(classify.rule[0].protocol, 6);
	DIFFERS(classify.rule[0].sources, 1);
	DIFFERS(classify.rule[0].source[0].addr[0], 11);
	DIFFERS(classify.rule[0].destination[0].length, 1);
	DIFFERS(classify.rule[0].source_port[0].first, 1);
	DIFFERS(classify.rule[0].destination_port[1].last, 1);
	DIFFERS(rule_name[1][0], 'A');
#undef DIFFERS
}

static void says_when_it_is_too_long(void **state)
{
	struct fixture *f = *state;
	uint8_t small[64];

	fill_class(&f->p);
	fill_rule(&f->p);
	write_policy(f);
	for (size_t cap = 0; cap < f->len; cap++) {
		uint8_t *out = malloc(cap + 1);

		assert_int_equal(mpq_policy_write(&f->p, out, cap), -EMSGSIZE);
		free(out);
	}
	assert_int_equal(mpq_policy_write(&f->p, f->out, f->len), f->len);
	memset(small, 0xaa, sizeof(small));
	assert_int_equal(mpq_policy_write(&f->p, small, 32), -EMSGSIZE);
	for (size_t i = 32; i < sizeof(small); i++) {
		assert_int_equal(small[i], 0xaa);
	}
}

/* All that mpquic-control could ever send, in one. */
static void the_largest_is_the_same_at_the_other_end(void **state)
{
	struct fixture *f = *state;

	fill_class(&f->p);
	for (unsigned i = 2; i < MPQ_POLICY_CLASSES; i++) {
		f->p.class[i] = f->p.class[1];
		(void)snprintf(f->p.class[i].name, sizeof(f->p.class[i].name),
			       "%u-a-class-with-quite-a-long-name", i);
	}
	f->p.n_classes = MPQ_POLICY_CLASSES;
	fill_rule(&f->p);
	for (unsigned i = 1; i < MPQ_CLASSIFY_RULES; i++) {
		f->p.classify.rule[i] = f->p.classify.rule[0];
		(void)snprintf(f->p.rule_name[i], sizeof(f->p.rule_name[i]),
			       "%u", i);
	}
	f->p.classify.n_rules = MPQ_CLASSIFY_RULES;
	write_policy(f);
	assert_int_equal(read_exactly(f, f->out, f->len), 0);
	assert_true(mpq_policy_equal(&f->p, &f->q));
}

static void what_is_read_is_ready_to_classify(void **state)
{
	struct fixture *f = *state;
	uint8_t address[2][4] = {{10, 0, 0, 1}, {192, 0, 2, 1}};
	struct mpq_ip ip = {.version = 4,
			    .protocol = 17,
			    .source = address[0],
			    .destination = address[1]};

	fill_class(&f->p);
	fill_rule(&f->p);
	f->p.classify.rule[0] =
		(struct mpq_classify_rule){.class_id = 1,
					   .protocol = MPQ_CLASSIFY_ANY,
					   .sources = 1};
	f->p.classify.rule[0].source[0] = prefix("10.0.0.0/8");
	write_policy(f);
	assert_int_equal(read_exactly(f, f->out, f->len), 0);
	assert_int_equal(mpq_classify(&f->q.classify, &ip), 1);
	mpq_classify_reverse(&f->q.classify);
	assert_int_equal(mpq_classify(&f->q.classify, &ip), 0);
}

static void refuses_it_cut_short_anywhere(void **state)
{
	struct fixture *f = *state;
	size_t good = 0;

	fill_class(&f->p);
	fill_rule(&f->p);
	write_policy(f);
	memset(&f->q, 0x55, sizeof(f->q));
	for (size_t n = 0; n < f->len; n++) {
		if (read_exactly(f, f->out, n) == 0) {
			good++;
			memset(&f->q, 0x55, sizeof(f->q));
			continue;
		}
		assert_true(f->reason[0] != '\0');
		assert_int_equal(f->q.n_classes, 0x5555555555555555);
	}
	/* Whole without the paths, or a rule, or both. */
	assert_int_equal(good, 3);
}

#define HEAD "\x01\x00"
#define CLASS                                                                  \
	HEAD "\x01\x00\x09\x01\x07"                                            \
	     "default"

static void says_why_it_refuses(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *reason;
	} cases[] = {
#define CASE(bytes, reason) {bytes, sizeof(bytes) - 1, reason}
		CASE("", "version -1 is not 1"),
		CASE("\x01", "version -1 is not 1"),
		CASE("\x02\x00", "version 2 is not 1"),
		CASE(HEAD, "there is no class 0 to fall back to"),
		CASE("\x01\x01\x01\x00\x09\x01\x07"
		     "default",
		     "there is no class 1 to fall back to"),
		CASE(CLASS "\x7f\x00\x00", "element 127 is unknown"),
		CASE(CLASS "\x80\x00\x01", "element 128 is cut short"),
		CASE(CLASS "\x02\x00", "element 2 is cut short"),
		CASE(HEAD "\x01\x00\x00", "class 0: has the name \"\""),
		CASE(HEAD "\x01\x00\x03\x01\x01"
			  "a",
		     "class 0: has the name \"a\""),
		CASE(CLASS "\x01\x00\x00", "class 1: has the name \"\""),
		CASE(CLASS "\x01\x00\x09\x01\x07"
			   "default",
		     "class 1: \"default\" is there twice"),
		CASE(CLASS "\x01\x00\x02\x01\x00",
		     "class 1: a name has 1 to 32 characters, not 0"),
		CASE(CLASS "\x01\x00\x05\x01\x03"
			   "a\x01"
			   "b",
		     "class 1: a name may not have the byte 01"),
		CASE(CLASS "\x01\x00\x05\x01\x03"
			   "a\x00"
			   "b",
		     "class 1: a name may not have the byte 00"),
		CASE(CLASS "\x01\x00\x04\x01\x02"
			   "\xc3\xa4",
		     "class 1: a name may not have the byte c3"),
		CASE(CLASS "\x01\x00\x06\x01\x01"
			   "a\x02\x01\x06",
		     "class 1: field 2 is 6, more than 5"),
		CASE(CLASS "\x01\x00\x06\x01\x01"
			   "a\x03\x01\x08",
		     "class 1: field 3 is 8, more than 7"),
		CASE(CLASS "\x01\x00\x07\x01\x01"
			   "a\x03\x02\x00\x01",
		     "class 1: field 3 has 2 bytes, not 1"),
		CASE(CLASS "\x01\x00\x06\x01\x01"
			   "a\x04\x01\x08",
		     "class 1: there is no path 8"),
		CASE(CLASS "\x01\x00\x07\x01\x01"
			   "a\x04\x02\x03\x03",
		     "class 1: path 3 is there twice"),
		CASE(CLASS "\x01\x00\x09\x01\x01"
			   "a\x04\x01\x03\x05\x01\x03",
		     "class 1: its order has the excluded path 3"),
		CASE(CLASS "\x01\x00\x06\x01\x01"
			   "a\x06\x01\x02",
		     "class 1: field 6 is 2, more than 1"),
		CASE(CLASS "\x01\x00\x06\x01\x01"
			   "a\x07\x01\x09",
		     "class 1: field 7 is 9, more than 8"),
		CASE(CLASS "\x01\x00\x09\x01\x01"
			   "a\x08\x04\x00\x0f\x42\x41",
		     "class 1: field 8 is 1000001, more than 1000000"),
		CASE(CLASS "\x01\x00\x09\x01\x01"
			   "a\x09\x04\x00\x0f\x42\x41",
		     "class 1: field 9 is 1000001, more than 1000000"),
		CASE(CLASS "\x01\x00\x09\x01\x01"
			   "a\x0a\x04\x00\x0f\x42\x41",
		     "class 1: field 10 is 1000001, more than 1000000"),
		CASE(CLASS "\x01\x00\x09\x01\x01"
			   "a\x0b\x04\x80\x00\x00\x00",
		     "class 1: field 11 is 2147483648, more than 60000000"),
		CASE(CLASS "\x01\x00\x0d\x01\x01"
			   "a\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff",
		     "class 1: field 12 is 18446744073709551615, more than "
		     "1000000000000"),
		CASE(CLASS "\x01\x00\x05\x01\x01"
			   "a\x0e\x00",
		     "class 1: field 14 is unknown"),
		CASE(CLASS "\x01\x00\x06\x01\x01"
			   "a\x01\x01"
			   "b",
		     "class 1: field 1 stands after 1"),
		CASE(CLASS "\x01\x00\x06\x03\x01\x01\x02\x01\x01",
		     "class 1: field 2 stands after 3"),
		CASE(CLASS "\x01\x00\x04\x01\x03"
			   "ab",
		     "class 1: field 1 is cut short"),
		CASE(CLASS "\x01\x00\x04\x01\x01"
			   "a\x02",
		     "class 1: field 2 is cut short"),
		CASE(HEAD "\x02\x00\x03\x01\x01"
			  "a",
		     "rule 0: there is no class 0 before it"),
		CASE(CLASS "\x02\x00\x00", "rule 0: has no name"),
		CASE(CLASS "\x02\x00\x06\x01\x01"
			   "a\x02\x01\x01",
		     "rule 0: there is no class 1 before it"),
		CASE(CLASS "\x02\x00\x03\x01\x01"
			   "a\x02\x00\x03\x01\x01"
			   "a",
		     "rule 1: \"a\" is there twice"),
		CASE(CLASS "\x02\x00\x0a\x01\x01"
			   "a\x03\x05\x00\x00\x00\x00"
			   "\x01",
		     "rule 0: field 3 has 5 bytes, not 8"),
		CASE(CLASS "\x02\x00\x07\x01\x01"
			   "a\x04\x02\x00\x06",
		     "rule 0: field 4 has 2 bytes, not 1"),
		CASE(CLASS "\x02\x00\x07\x01\x01"
			   "a\x05\x02\x05\x00",
		     "rule 0: field 5: prefix 0 is none"),
		CASE(CLASS "\x02\x00\x0c\x01\x01"
			   "a\x05\x07\x04\x21\x01\x02"
			   "\x03\x04\x05",
		     "rule 0: field 5: prefix 0 is none"),
		CASE(CLASS "\x02\x00\x09\x01\x01"
			   "a\x05\x04\x04\x14\x01\x02",
		     "rule 0: field 5: prefix 0 is none"),
		CASE(CLASS "\x02\x00\x0b\x01\x01"
			   "a\x06\x06\x06\x00\x04\x07"
			   "\x0b\x06",
		     "rule 0: field 6: prefix 1 is none"),
		CASE(CLASS "\x02\x00\x06\x01\x01"
			   "a\x06\x01\x06",
		     "rule 0: field 6: prefix 0 is none"),
		CASE(CLASS "\x02\x00\x17\x01\x01"
			   "a\x06\x12"
			   "\x04\x00\x04\x00\x04\x00\x04\x00\x04\x00"
			   "\x04\x00\x04\x00\x04\x00\x04\x00",
		     "rule 0: field 6 has more than 8 prefixes"),
		CASE(CLASS "\x02\x00\x08\x01\x01"
			   "a\x07\x03\x00\x00\x01",
		     "rule 0: field 7 has 3 bytes, not up to 8 times 4"),
		CASE(CLASS "\x02\x00\x09\x01\x01"
			   "a\x08\x04\x00\x02\x00\x01",
		     "rule 0: field 8: no port is from 2 to 1"),
		CASE(CLASS "\x02\x00\x05\x01\x01"
			   "a\x09\x00",
		     "rule 0: field 9 is unknown"),
		CASE(CLASS "\x03\x00\x03\x01\x01\x08", "there is no path 8"),
		CASE(CLASS "\x03\x00\x03\x01\x01\x01\x03\x00\x03\x01\x01\x02",
		     "metered paths are there twice"),
		CASE(CLASS "\x03\x00\x00\x03\x00\x00",
		     "metered paths are there twice"),
		CASE(CLASS "\x02\x00\x03\x01\x01"
			   "a\x01\x00\x03\x01\x01"
			   "b",
		     "class 1: stands after a rule"),
#undef CASE
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = read_exactly(f, (const uint8_t *)cases[i].bytes,
				     cases[i].len);

		assert_int_equal(r, -EBADMSG);
		assert_string_equal(f->reason, cases[i].reason);
	}
}

/* What a later version adds without harm has a type from 128 on. */
static void skips_what_is_marked_as_optional(void **state)
{
	static const char bytes[] = CLASS "\xff\x00\x03"
					  "???"
					  "\x02\x00\x07\x01\x01"
					  "a\x90\x02??";
	struct fixture *f = *state;

	assert_int_equal(read_exactly(f, (const uint8_t *)bytes,
				      sizeof(bytes) - 1),
			 0);
	assert_int_equal(f->q.n_classes, 1);
	assert_int_equal(f->q.classify.n_rules, 1);
	assert_string_equal(f->q.rule_name[0], "a");
}

static void nothing_beyond_our_limits_comes_in(void **state)
{
	struct fixture *f = *state;
	static const char class[] = "\x01\x00\x03\x01\x01";
	static const char rule[] = "\x02\x00\x03\x01\x01";
	uint8_t *at = f->out;

	memcpy(at, CLASS, sizeof(CLASS) - 1);
	at += sizeof(CLASS) - 1;
	for (unsigned i = 0; i < MPQ_POLICY_CLASSES; i++) {
		memcpy(at, class, sizeof(class) - 1);
		at += sizeof(class) - 1;
		*at++ = (uint8_t)('a' + i);
	}
	assert_int_equal(read_exactly(f, f->out, (size_t)(at - f->out) - 6), 0);
	assert_int_equal(read_exactly(f, f->out, (size_t)(at - f->out)),
			 -EBADMSG);
	assert_string_equal(f->reason, "class 8: is one too many");
	at = f->out + sizeof(CLASS) - 1;
	for (unsigned i = 0; i <= MPQ_CLASSIFY_RULES; i++) {
		memcpy(at, rule, sizeof(rule) - 1);
		at += sizeof(rule) - 1;
		*at++ = (uint8_t)('0' + i);
	}
	assert_int_equal(read_exactly(f, f->out, (size_t)(at - f->out) - 6), 0);
	assert_int_equal(read_exactly(f, f->out, (size_t)(at - f->out)),
			 -EBADMSG);
	assert_string_equal(f->reason, "rule 64: is one too many");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void classes_keep_their_numbers_as_far_as_there_are_so_many(void **state)
{
	static const char *const names[] = {"default", "a", "b", "c"};
	struct mpq_policy old, p;

	(void)state;
	mpq_policy_init(&old);
	for (size_t i = 1; i < 4; i++) {
		mpq_policy_class_init(&old.class[i]);
		(void)strcpy(old.class[i].name, names[i]);
	}
	old.n_classes = 4;
	p = old;
	(void)strcpy(p.class[1].name, "c");
	(void)strcpy(p.class[2].name, "x");
	(void)strcpy(p.class[3].name, "a");
	p.classify.n_rules = 2;
	p.classify.rule[0].class_id = 1;
	p.classify.rule[1].class_id = 2;
	p.classify.fallback = 3;
	mpq_policy_number_like(&p, &old);
	assert_string_equal(p.class[0].name, "default");
	assert_string_equal(p.class[1].name, "a");
	assert_string_equal(p.class[2].name, "x");
	assert_string_equal(p.class[3].name, "c");
	assert_int_equal(p.classify.rule[0].class_id, 3);
	assert_int_equal(p.classify.rule[1].class_id, 2);
	assert_int_equal(p.classify.fallback, 1);
	/* "c" is beyond, and takes the place that is free. */
	p.n_classes = 3;
	(void)strcpy(p.class[1].name, "c");
	(void)strcpy(p.class[2].name, "b");
	mpq_policy_number_like(&p, &old);
	assert_string_equal(p.class[1].name, "c");
	assert_string_equal(p.class[2].name, "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_the_same_at_the_other_end),
		TEST(is_written_as_the_draft_says),
		TEST(tells_policies_apart),
		TEST(says_when_it_is_too_long),
		TEST(the_largest_is_the_same_at_the_other_end),
		TEST(what_is_read_is_ready_to_classify),
		TEST(refuses_it_cut_short_anywhere),
		TEST(says_why_it_refuses),
		TEST(skips_what_is_marked_as_optional),
		TEST(nothing_beyond_our_limits_comes_in),
		cmocka_unit_test(
			classes_keep_their_numbers_as_far_as_there_are_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
