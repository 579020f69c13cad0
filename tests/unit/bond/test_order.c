/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS  MPQ_MILLISECOND
#define S   MPQ_SECOND
#define CAP (100 * MS)

enum {
	FAST = 0, /* 10 ms */
	SLOW = 1, /* 40 ms */
};

static struct mpq_delay delay;
static struct mpq_order order;
static uint16_t path_sequence[MPQ_DELAY_PATHS];
static char log_text[4096]; /* what came out: "0 1 L7 D7 " */
static char packets[1000];  /* a packet is its sequence's place here */
static mpq_time now;

static void note(const char *mark, const void *packet)
{
	size_t len = strlen(log_text);

	(void)snprintf(log_text + len, sizeof(log_text) - len, "%s%d ", mark,
		       (int)((const char *)packet - packets));
}

static void deliver(void *user, void *packet, bool late)
{
	(void)user;
	note(late ? "L" : "", packet);
}

static void drop(void *user, void *packet, enum mpq_order_drop why)
{
	static const char *const marks[] = {"D", "W", "U", "F"};

	(void)user;
	note(marks[why], packet);
}

static void arrive(unsigned path, enum mpq_header_kind kind, uint8_t lane,
		   uint32_t sequence, mpq_time sent)
{
	const struct mpq_header header = {
		.kind = kind,
		.lane = lane,
		.sequence = sequence,
		.clock = mpq_header_clock(sent),
		.path_sequence = path_sequence[path]++,
	};
	mpq_time at;

	at = mpq_delay_arrived(&delay, path, &header, now);
	if (mpq_header_in_lane(&header)) {
		mpq_order_arrived(&order, &header, path, at,
				  &packets[sequence % 1000], 100, now);
	}
	mpq_order_expire(&order, now);
}

/* Sent so many ms after the test's beginning, and on its way for so long as the
 * path takes. Calls are in the order of arrivals. */
static void data(unsigned path, uint32_t sequence, unsigned sent_ms)
{
	now = 1000 * S + (sent_ms + (path == FAST ? 10 : 40)) * MS;
	arrive(path, MPQ_HEADER_DATA, 0, sequence, 1000 * S + sent_ms * MS);
}

/* Sent so many ms after the test's beginning, which may be long after another
 * copy of it was; comes so many ms after that. */
static void copy(unsigned path, uint32_t sequence, unsigned sent_ms,
		 unsigned at_ms)
{
	now = 1000 * S + at_ms * MS;
	arrive(path, MPQ_HEADER_COPY, 0, sequence, 1000 * S + sent_ms * MS);
}

static void expect(const char *text)
{
	assert_string_equal(log_text, text);
	log_text[0] = '\0';
}

static void set_class(mpq_duration cap, mpq_duration repair)
{
	const struct mpq_order_class class = {.cap = cap, .repair = repair};

	mpq_order_set_class(&order, 0, &class);
}

static void start(size_t held_pkts, size_t held_bytes)
{
	const struct mpq_order_config config = {
		.classes = 1,
		.held_pkts = held_pkts,
		.held_bytes = held_bytes,
	};
	static const struct mpq_order_events events = {deliver, drop};

	mpq_delay_init(&delay);
	memset(path_sequence, 0, sizeof(path_sequence));
	log_text[0] = '\0';
	assert_int_equal(mpq_order_init(&order, &config, &delay, &events, NULL),
			 0);
	set_class(CAP, 0);
	for (unsigned i = FAST; i <= SLOW; i++) {
		now = 999 * S + (i == FAST ? 10 : 40) * MS;
		arrive(i, MPQ_HEADER_PROBE, 0, 0, 999 * S);
	}
}

static int setup(void **state)
{
	(void)state;
	start(100, 100000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mpq_order_finish(&order);
	return 0;
}

static void expire_at_deadline(void)
{
	now = mpq_order_deadline(&order);
	assert_int_not_equal(now, MPQ_TIME_NEVER);
	mpq_order_expire(&order, now);
}

static void delivers_at_once_what_is_in_order(void **state)
{
	(void)state;
	data(FAST, 0, 0);
	data(FAST, 1, 1);
	expect("0 1 ");
	assert_int_equal(mpq_order_deadline(&order), MPQ_TIME_NEVER);
	assert_int_equal(order.counters[0].delivered, 2);
	assert_int_equal(order.counters[0].held, 0);
}

static void holds_the_faster_for_the_slower(void **state)
{
	(void)state;
	data(FAST, 1, 0); /* 0 is under way on the slow one */
	data(FAST, 2, 2);
	expect("");
	data(SLOW, 0, 0);
	expect("0 1 2 ");
	assert_int_equal(order.counters[0].held, 2);
	assert_int_equal(order.counters[0].waited_max, 30 * MS);
	assert_int_equal(order.held.pkts, 0);
}

static void ahead(unsigned path, uint32_t sequence, unsigned sent_ms)
{
	now = 1000 * S + (sent_ms + (path == FAST ? 10 : 40)) * MS;
	arrive(path, MPQ_HEADER_AHEAD, 0, sequence, 1000 * S + sent_ms * MS);
}

/* The slow path left at 0, as the fast one will at 30. */
static void what_left_ahead_waits_for_those_that_left_later(void **state)
{
	(void)state;
	data(FAST, 0, 0);
	ahead(SLOW, 4, 0);
	data(FAST, 1, 31);
	expect("0 1 ");
	now = 1000 * S + 45 * MS;
	arrive(SLOW, MPQ_HEADER_PROBE, 0, 0, 1000 * S + 5 * MS);
	expect("");
	data(FAST, 2, 38);
	data(FAST, 3, 39);
	expect("2 3 4 ");
	assert_int_equal(order.counters[0].released_early, 0);
}

/* It left 30 ms later at most, and a bit: by then both paths have passed. */
static void gives_up_what_no_path_brings_before_what_left_ahead(void **state)
{
	(void)state;
	data(FAST, 0, 0);
	ahead(SLOW, 2, 0);
	expect("0 ");
	now = 1000 * S + 51 * MS;
	arrive(FAST, MPQ_HEADER_PROBE, 0, 0, 1000 * S + 41 * MS);
	now = 1000 * S + 79 * MS;
	arrive(SLOW, MPQ_HEADER_PROBE, 0, 0, 1000 * S + 39 * MS);
	expect("");
	now = 1000 * S + 81 * MS;
	arrive(SLOW, MPQ_HEADER_PROBE, 0, 0, 1000 * S + 41 * MS);
	expect("2 ");
	assert_int_equal(order.counters[0].released_early, 1);
}

/* Whatever a peer says of it. */
static void what_left_ahead_waits_no_longer_than_the_cap(void **state)
{
	(void)state;
	set_class(20 * MS, 0);
	data(FAST, 0, 0);
	for (uint32_t i = 2; i < 50; i++) {
		ahead(SLOW, i, 0);
		assert_true(mpq_order_deadline(&order) <=
			    1000 * S + (40 + 20) * MS);
	}
	expire_at_deadline();
	assert_int_equal(order.held.pkts, 0);
	assert_int_equal(order.counters[0].waited_max, 20 * MS);
}

static void lanes_do_not_wait_for_one_another(void **state)
{
	(void)state;
	data(FAST, 1, 0);
	arrive(FAST, MPQ_HEADER_DATA, 1, 0, now);
	expect("0 ");
}

static void gives_up_what_every_path_has_passed(void **state)
{
	(void)state;
	data(FAST, 0, 0);
	data(FAST, 2, 2);
	data(SLOW, 3, 0); /* sent before 2 was: 1 may still come behind it */
	expect("0 ");
	data(SLOW, 4, 3);
	expect("2 3 4 ");
	assert_int_equal(order.counters[0].released_early, 1);
	assert_int_equal(order.counters[0].released_timeout, 0);
}

static void a_probe_shows_that_a_path_has_passed(void **state)
{
	(void)state;
	data(FAST, 0, 0);
	data(FAST, 2, 2);
	now = 1000 * S + 43 * MS;
	arrive(SLOW, MPQ_HEADER_PROBE, 0, 0, 1000 * S + 2 * MS);
	expect("0 "); /* at the same moment: it may be behind */
	arrive(SLOW, MPQ_HEADER_PROBE, 0, 0, 1000 * S + 3 * MS);
	expect("2 ");
}

/* A copy that waits in the slow one's queue leaves after later ones did on the
 * fast one; what it shows is only that the path is not there yet. */
static void a_copy_that_left_later_shows_nothing_of_those_behind(void **state)
{
	(void)state;
	copy(FAST, 0, 0, 10);
	copy(FAST, 2, 2, 12); /* 1 is lost there */
	copy(SLOW, 0, 5, 45);
	expect("0 D0 ");
	copy(SLOW, 1, 6, 46);
	expect("1 2 ");
	copy(SLOW, 2, 6, 46);
	expect("D2 ");
	assert_int_equal(order.counters[0].released_early, 0);
}

static void gives_up_copies_once_every_path_brought_a_later_one(void **state)
{
	(void)state;
	copy(FAST, 0, 0, 10);
	copy(FAST, 2, 2, 12);
	copy(SLOW, 0, 0, 40);
	expect("0 D0 ");
	copy(SLOW, 2, 2, 42);
	expect("D2 2 ");
	assert_int_equal(order.counters[0].released_early, 1);
	copy(FAST, 3, 50, 60);
	expect("3 ");
}

/* Neither the slow one's delay nor its clock says when. */
static void waits_for_a_copy_that_is_late_up_to_the_cap(void **state)
{
	(void)state;
	copy(FAST, 0, 0, 10);
	copy(SLOW, 0, 0, 40);
	copy(FAST, 2, 42, 52);
	now = 1000 * S + 151 * MS;
	mpq_order_expire(&order, now);
	expect("0 D0 ");
	expire_at_deadline();
	expect("2 ");
	assert_int_equal(now, 1000 * S + 152 * MS);
}

/* Not run for long, we read one path's socket first: all of it is late. */
static void waits_for_what_was_not_read_yet(void **state)
{
	(void)state;
	copy(FAST, 0, 0, 10);
	copy(SLOW, 0, 0, 40);
	copy(FAST, 1, 50, 500);
	copy(FAST, 3, 52, 500);
	expect("0 D0 1 ");
	copy(SLOW, 1, 50, 502);
	copy(SLOW, 2, 51, 502);
	expect("D1 2 3 ");
}

static void
does_not_wait_for_a_path_that_brings_no_copies_any_more(void **state)
{
	(void)state;
	copy(SLOW, 0, 0, 40);
	for (uint32_t i = 1; i < 50; i++) {
		copy(FAST, i, 40 + 10 * i, 50 + 10 * i);
	}
	log_text[0] = '\0';
	copy(FAST, 51, 550, 560); /* 50 would be due at 592 on the slow one */
	expire_at_deadline();
	expect("51 ");
	assert_in_range(now, 1000 * S + 565 * MS, 1000 * S + 600 * MS);
}

/* It brings the lane for the first time: its first copy is not the first. */
static void waits_for_a_path_that_begins_to_bring_copies(void **state)
{
	const struct mpq_order_class narrow = {.cap = CAP, .never = 1 << SLOW};

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		copy(FAST, i, 10 * i, 10 + 10 * i);
	}
	now = 1000 * S + 2010 * MS;
	arrive(SLOW, MPQ_HEADER_PROBE, 0, 0, 1000 * S + 1970 * MS);
	log_text[0] = '\0';
	copy(FAST, 201, 2010, 2020); /* 200 is lost there */
	expect("");
	copy(SLOW, 200, 2000, 2040);
	expect("200 201 ");
	mpq_order_set_class(&order, 0, &narrow);
	copy(FAST, 203, 2050, 2060);
	expect("203 ");
}

static void only_what_may_have_had_no_copy_waits_for_its_repair(void **state)
{
	(void)state;
	set_class(CAP, 150 * MS);
	copy(FAST, 0, 0, 10);
	copy(SLOW, 0, 0, 40);
	copy(FAST, 2, 40, 50);
	copy(SLOW, 2, 40, 80);
	expect("0 D0 D2 2 ");
	data(FAST, 4, 80);
	expect("");
	arrive(FAST, MPQ_HEADER_REPAIR, 0, 3, now);
	expect("3 4 ");
	copy(FAST, 6, 100, 110); /* 5 may have had none */
	copy(SLOW, 6, 100, 140);
	expect("D6 ");
	arrive(FAST, MPQ_HEADER_REPAIR, 0, 5, now);
	expect("5 6 ");
}

/* Clocks that jump to and fro would make a hole ask path after path for ever.
 */
static void asks_no_path_twice_for_the_same_hole(void **state)
{
	(void)state;
	data(FAST, 0, 0);
	data(FAST, 2, 2);
	now = 1000 * S + 43 * MS;
	arrive(FAST, MPQ_HEADER_PROBE, 0, 0, 980 * S);
	arrive(SLOW, MPQ_HEADER_PROBE, 0, 0, 1000 * S + 3 * MS);
	expect("0 "); /* now for the other */
	arrive(SLOW, MPQ_HEADER_PROBE, 0, 0, 980 * S);
	arrive(FAST, MPQ_HEADER_PROBE, 0, 0, 1000 * S + 3 * MS);
	expect("2 ");
	assert_int_equal(order.counters[0].released_early, 1);
}

static void gives_up_at_once_on_the_only_path(void **state)
{
	(void)state;
	mpq_delay_forget(&delay, SLOW);
	data(FAST, 0, 0);
	data(FAST, 2, 2);
	expect("0 2 ");
	assert_int_equal(order.counters[0].released_early, 1);
}

static void waits_no_longer_than_the_slowest_path_takes(void **state)
{
	(void)state;
	data(FAST, 0, 0);
	data(FAST, 2, 2);
	expire_at_deadline();
	expect("0 2 ");
	/* 30 ms more than the fast one, jitter, and 1 ms */
	assert_in_range(now, 1000 * S + 42 * MS, 1000 * S + 48 * MS);
	assert_int_equal(order.counters[0].released_timeout, 1);
	assert_int_equal(mpq_order_deadline(&order), MPQ_TIME_NEVER);
}

static void waits_no_longer_than_the_cap(void **state)
{
	(void)state;
	set_class(5 * MS, 0);
	data(FAST, 0, 0);
	data(FAST, 2, 2);
	expire_at_deadline();
	expect("0 2 ");
	assert_int_equal(now, 1000 * S + 17 * MS);
}

/* The first to wait is the one that counts, or each hole before it would begin
 * its time again. */
static void no_later_hole_makes_an_early_one_wait_longer(void **state)
{
	(void)state;
	set_class(20 * MS, 0);
	data(FAST, 8, 0);
	for (uint32_t i = 0; i < 7; i++) {
		now += 4 * MS;
		mpq_order_expire(&order, now);
		arrive(SLOW, MPQ_HEADER_DATA, 0, 7 - i, 1000 * S);
	}
	expect("4 5 6 7 8 L3 L2 L1 ");
	assert_int_equal(order.counters[0].waited_max, 20 * MS);
}

static void delivers_late_what_it_gave_up(void **state)
{
	(void)state;
	data(FAST, 0, 0);
	data(FAST, 2, 2);
	expire_at_deadline();
	data(SLOW, 1, 50);
	expect("0 2 L1 ");
	assert_int_equal(order.counters[0].late, 1);
}

static void drops_what_comes_twice(void **state)
{
	(void)state;
	data(FAST, 0, 0);
	data(FAST, 2, 2);
	data(FAST, 2, 3); /* held */
	data(FAST, 0, 4); /* delivered */
	expire_at_deadline();
	data(FAST, 1, 60); /* late */
	data(SLOW, 1, 70);
	expect("0 D2 D0 2 L1 D1 ");
	assert_int_equal(order.counters[0].duplicate, 3);
}

static void waits_for_a_repair_where_one_is_expected(void **state)
{
	(void)state;
	set_class(CAP, 60 * MS);
	data(FAST, 0, 0);
	data(FAST, 2, 2);
	data(SLOW, 3, 3); /* it is lost, for sure */
	expect("0 ");
	now = 1000 * S + 60 * MS;
	arrive(FAST, MPQ_HEADER_REPAIR, 0, 1, 1000 * S + 50 * MS);
	expect("1 2 3 ");
	assert_int_equal(order.counters[0].repaired, 1);
}

static void gives_up_a_repair_that_does_not_come(void **state)
{
	(void)state;
	set_class(CAP, 60 * MS);
	data(FAST, 0, 0);
	data(FAST, 2, 2);
	data(SLOW, 3, 3);
	expire_at_deadline();
	expect("0 2 3 ");
	assert_int_equal(now, 1000 * S + 72 * MS);
	assert_int_equal(order.counters[0].released_timeout, 1);
	now += MS;
	arrive(FAST, MPQ_HEADER_REPAIR, 0, 1, now - 10 * MS);
	expect("L1 ");
	assert_int_equal(order.counters[0].repaired_late, 1);
}

static void holds_nothing_without_order_but_knows_duplicates(void **state)
{
	(void)state;
	set_class(0, 0);
	data(FAST, 3, 0);
	data(FAST, 5, 1);
	data(SLOW, 4, 1);
	data(SLOW, 3, 2);
	expect("3 5 4 D3 ");
	assert_int_equal(order.counters[0].late, 0);
	assert_int_equal(order.counters[0].held, 0);
}

static void lets_go_what_waits_when_order_is_switched_off(void **state)
{
	(void)state;
	data(FAST, 1, 0);
	data(FAST, 3, 1);
	set_class(0, 0);
	data(FAST, 2, 2); /* comes after what was held, now in no order */
	expect("1 3 2 ");
	assert_int_equal(mpq_order_deadline(&order), MPQ_TIME_NEVER);
}

static void makes_room_in_order(void **state)
{
	mpq_order_finish(&order);
	(void)state;
	start(2, 100000);
	data(FAST, 2, 0);
	data(FAST, 4, 1);
	data(FAST, 3, 2); /* no room: 2 goes, and it comes right behind */
	expect("2 3 4 ");
	data(FAST, 6, 3);
	data(FAST, 8, 4);
	data(FAST, 5, 5); /* needs none */
	expect("5 6 ");
	assert_int_equal(order.counters[0].released_cap, 1);
	data(FAST, 10, 6);
	data(FAST, 7, 6);
	expect("7 8 ");
}

static void makes_room_for_others_when_told_to(void **state)
{
	(void)state;
	for (uint32_t i = 2; i < 12; i += 2) {
		data(FAST, i, i);
	}
	expect("");
	mpq_order_set_room(&order, 3);
	data(FAST, 12, 12);
	expect("2 4 6 ");
	assert_int_equal(order.held.pkts, 3);
	mpq_order_set_room(&order, 0);
	data(FAST, 14, 14);
	expect("8 10 12 ");
	mpq_order_set_room(&order, 1000); /* no more than there ever was */
	assert_int_equal(order.held.max_pkts, 100);
	assert_int_equal(order.counters[0].released_cap, 6);
}

static void takes_what_comes_before_all_for_which_it_has_no_room(void **state)
{
	mpq_order_finish(&order);
	(void)state;
	start(2, 100000);
	data(FAST, 5, 0);
	data(FAST, 7, 1);
	data(FAST, 3, 2); /* 0 to 2 are given up, not 5's hole */
	expect("3 ");
	data(FAST, 4, 3);
	expect("4 5 ");
}

static void does_not_hold_what_is_larger_than_all_its_room(void **state)
{
	mpq_order_finish(&order);
	(void)state;
	start(10, 99);
	data(FAST, 1, 0);
	data(SLOW, 0, 0);
	expect("1 L0 ");
}

static void follows_the_sequence_around(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= MPQ_HEADER_MASK24; i += 4000) {
		data(FAST, i, i / 1000);
	}
	data(FAST, 0xffffff, 17000);
	now += CAP;
	mpq_order_expire(&order, now);
	log_text[0] = '\0';
	data(FAST, 1, 17100); /* only this path has brought any for long */
	data(SLOW, 0, 17100);
	expect("1 L0 ");
	data(FAST, 3, 17200);
	data(SLOW, 2, 17200);
	expect("2 3 ");
}

static void lets_go_everything_at_a_jump(void **state)
{
	(void)state;
	data(FAST, 1, 0);
	data(FAST, 5000, 1);
	expect("1 0 ");
	assert_int_equal(order.counters[0].jumps, 1);
	data(FAST, 5001, 2);
	expect("1 ");
	data(SLOW, 1, 0); /* it is known no more whether this came */
	expect("W1 ");
	assert_int_equal(order.counters[0].out_of_window, 1);
}

static void begins_anew_where_a_silent_lane_goes_on(void **state)
{
	(void)state;
	data(FAST, 0, 0);
	data(FAST, 100000, 1);
	data(FAST, 3, 9000); /* ms */
	expect("0 0 W3 ");
	data(FAST, 3, 20000);
	data(FAST, 4, 20001);
	expect("3 4 ");
	data(FAST, 100000, 20002); /* what is no longer silent does not */
	data(FAST, 3, 20003);
	expect("0 W3 ");
	data(FAST, 90000, 40000); /* nor what has just begun anew */
	data(FAST, 80000, 40001);
	expect("0 W0 ");
}

static void drops_classes_that_it_was_not_made_for(void **state)
{
	const struct mpq_header header = {.class_id = 1};

	(void)state;
	mpq_order_arrived(&order, &header, FAST, 0, &packets[7], 100, now);
	expect("U7 ");
	assert_int_equal(order.unknown_class, 1);
}

static void gives_back_what_it_holds_at_the_end(void **state)
{
	(void)state;
	data(FAST, 1, 0);
	arrive(FAST, MPQ_HEADER_DATA, 9, 4, now);
	mpq_order_finish(&order);
	assert_true(strcmp(log_text, "F1 F4 ") == 0 ||
		    strcmp(log_text, "F4 F1 ") == 0);
}

/* Jumps, endless holes, any path, any clock: nothing grows, nothing stays. */
static void bears_any_header(void **state)
{
	uint64_t x = 7;

	mpq_order_finish(&order);
	(void)state;
	start(50, 3000);
	for (int i = 0; i < 300000; i++) {
		struct mpq_header header = {0};
		mpq_time sent;

		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		header.lane = x >> 32 & (i & 1 ? 255 : 3);
		header.sequence =
			x >> 40 & (i & 2 ? MPQ_HEADER_MASK24 : 0x1fff);
		header.clock = x >> 20 & MPQ_HEADER_MASK24;
		header.path_sequence = (uint16_t)(x >> 12);
		now += x >> 44;
		sent = mpq_delay_arrived(&delay, x >> 61, &header, now);
		mpq_order_arrived(&order, &header, x >> 61, sent, packets, 100,
				  now);
		mpq_order_expire(&order, now);
		log_text[0] = '\0';
		assert_in_range(order.held.pkts, 0, 30);
		assert_true(mpq_order_deadline(&order) > now);
		assert_true(order.held.pkts == 0 ||
			    mpq_order_deadline(&order) <= now + CAP);
	}
	assert_in_range(order.counters[0].waited_max, 1, CAP + 2 * MS);
	now += CAP;
	mpq_order_expire(&order, now);
	assert_int_equal(order.held.pkts, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(delivers_at_once_what_is_in_order),
		TEST(holds_the_faster_for_the_slower),
		TEST(what_left_ahead_waits_for_those_that_left_later),
		TEST(gives_up_what_no_path_brings_before_what_left_ahead),
		TEST(what_left_ahead_waits_no_longer_than_the_cap),
		TEST(lanes_do_not_wait_for_one_another),
		TEST(gives_up_what_every_path_has_passed),
		TEST(a_probe_shows_that_a_path_has_passed),
		TEST(a_copy_that_left_later_shows_nothing_of_those_behind),
		TEST(gives_up_copies_once_every_path_brought_a_later_one),
		TEST(waits_for_a_copy_that_is_late_up_to_the_cap),
		TEST(waits_for_what_was_not_read_yet),
		TEST(does_not_wait_for_a_path_that_brings_no_copies_any_more),
		TEST(waits_for_a_path_that_begins_to_bring_copies),
		TEST(only_what_may_have_had_no_copy_waits_for_its_repair),
		TEST(asks_no_path_twice_for_the_same_hole),
		TEST(gives_up_at_once_on_the_only_path),
		TEST(waits_no_longer_than_the_slowest_path_takes),
		TEST(waits_no_longer_than_the_cap),
		TEST(no_later_hole_makes_an_early_one_wait_longer),
		TEST(delivers_late_what_it_gave_up),
		TEST(drops_what_comes_twice),
		TEST(waits_for_a_repair_where_one_is_expected),
		TEST(gives_up_a_repair_that_does_not_come),
		TEST(holds_nothing_without_order_but_knows_duplicates),
		TEST(lets_go_what_waits_when_order_is_switched_off),
		TEST(makes_room_in_order),
		TEST(makes_room_for_others_when_told_to),
		TEST(takes_what_comes_before_all_for_which_it_has_no_room),
		TEST(does_not_hold_what_is_larger_than_all_its_room),
		TEST(follows_the_sequence_around),
		TEST(lets_go_everything_at_a_jump),
		TEST(begins_anew_where_a_silent_lane_goes_on),
		TEST(drops_classes_that_it_was_not_made_for),
		TEST(gives_back_what_it_holds_at_the_end),
		TEST(bears_any_header),
	};

	return cmocka_run_group_tests_name("bond/order", tests, NULL, NULL);
}
