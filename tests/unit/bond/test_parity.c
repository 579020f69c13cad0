/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/parity.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONGEST MPQ_PARITY_MAX_BYTES

/* One path: what left it, and both ends. */
struct world {
	struct mpq_parity_out out;
	struct mpq_parity_in in;
	uint16_t next;
	uint32_t lane_sequence;
	uint8_t class_id;
	size_t restored; /* all of them true */
	struct {
		struct mpq_header header;
		size_t len;
		uint8_t packet[LONGEST];
	} sent[256]; /* by sequence on the path */
};

static struct world *new_world(uint16_t first)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	mpq_parity_out_init(&w->out);
	mpq_parity_in_init(&w->in);
	w->next = first;
	return w;
}

static int setup(void **state)
{
	*state = new_world(65500); /* it will wrap */
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* Each is what was sent, to the last byte. */
static void drain(struct world *w)
{
	uint8_t packet[LONGEST];
	struct mpq_header h;
	size_t len;

	while ((len = mpq_parity_next(&w->in, &h, packet)) > 0) {
		const struct mpq_header *sent =
			&w->sent[h.path_sequence % 256].header;

		assert_int_equal(h.kind, MPQ_HEADER_REPAIR);
		assert_int_equal(h.path_sequence, sent->path_sequence);
		assert_int_equal(h.class_id, sent->class_id);
		assert_int_equal(h.lane, sent->lane);
		assert_int_equal(h.sequence, sent->sequence);
		assert_int_equal(len, w->sent[h.path_sequence % 256].len);
		assert_memory_equal(packet,
				    w->sent[h.path_sequence % 256].packet, len);
		w->restored++;
	}
}

static void make_packet(uint8_t *packet, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++) {
		packet[i] = (uint8_t)(seed * 7 + i * 13 + (i * seed >> 5));
	}
	packet[0] = seed % 3 == 0 ? 0x60 : 0x45;
	if (packet[0] == 0x60) {
		packet[4] = (uint8_t)((len - 40) >> 8);
		packet[5] = (uint8_t)(len - 40);
	} else {
		packet[2] = (uint8_t)(len >> 8);
		packet[3] = (uint8_t)len;
	}
}

static void send_as(struct world *w, uint8_t kind, size_t len, bool comes)
{
	uint16_t at = w->next++;
	uint8_t *packet = w->sent[at % 256].packet;
	struct mpq_header *h = &w->sent[at % 256].header;

	*h = (struct mpq_header){.kind = kind,
				 .class_id = w->class_id,
				 .lane = (uint8_t)(at % 3 * 100),
				 .sequence = w->lane_sequence++ * 4099 &
					     MPQ_HEADER_MASK24,
				 .path_sequence = at};
	w->sent[at % 256].len = len;
	make_packet(packet, len, at);
	mpq_parity_add(&w->out, h, packet, len);
	if (comes) {
		mpq_parity_take(&w->in, h, packet, len);
		drain(w);
	}
}

static void send(struct world *w, size_t len, bool comes)
{
	send_as(w, MPQ_HEADER_DATA, len, comes);
}

static void send_n(struct world *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		send(w, 60 + i * 37 % 1400, true);
	}
}

/* A report, say. */
static void send_other(struct world *w, bool comes)
{
	struct mpq_header h = {.kind = MPQ_HEADER_REPORT,
			       .path_sequence = w->next++};

	mpq_parity_add(&w->out, &h, NULL, 0);
	if (comes) {
		mpq_parity_take(&w->in, &h, NULL, 0);
		drain(w);
	}
}

static void send_others(struct world *w, unsigned n)
{
	while (n-- > 0) {
		send_other(w, true);
	}
}

/* One that is sent while nobody thinks of parities there. */
static void send_untold(struct world *w, size_t len)
{
	struct mpq_parity_out *out = malloc(sizeof(*out));

	assert_non_null(out);
	memcpy(out, &w->out, sizeof(*out));
	send(w, len, true);
	memcpy(&w->out, out, sizeof(*out));
	free(out);
}

/* One that was lost, or so it seemed. */
static void come_late(struct world *w, uint16_t sequence)
{
	mpq_parity_take(&w->in, &w->sent[sequence % 256].header,
			w->sent[sequence % 256].packet,
			w->sent[sequence % 256].len);
	drain(w);
}

static size_t send_parity(struct world *w, bool comes)
{
	const uint8_t *payload;
	struct mpq_header h;
	size_t len = mpq_parity_write(&w->out, w->next, &h, &payload);

	if (len == 0) {
		return 0;
	}
	assert_int_equal(h.kind, MPQ_HEADER_PARITY);
	assert_int_equal(len, mpq_parity_written_bytes(&w->out));
	mpq_parity_sent(&w->out);
	h.path_sequence = w->next++;
	mpq_parity_add(&w->out, &h, NULL, 0);
	if (comes) {
		assert_int_equal(mpq_parity_take_parity(&w->in, &h, payload,
							len),
				 0);
		drain(w);
	}
	return len;
}

/* ---- what is made good --------------------------------------------------- */

static void makes_good_one_that_is_missing(void **state)
{
	struct world *w = *state;

	send_n(w, 40);
	send(w, 700, false);
	send_n(w, 6);
	assert_true(send_parity(w, true) <= LONGEST);
	assert_int_equal(w->restored, 1);
}

static void has_nothing_to_do_where_nothing_is_missing(void **state)
{
	struct world *w = *state;

	send_n(w, 20);
	for (int i = 0; i < 10; i++) {
		send_n(w, 15);
		assert_true(send_parity(w, true) > 0);
	}
	assert_int_equal(w->restored, 0);
	assert_int_equal(w->in.rows, 0);
}

static void needs_a_parity_for_each_that_is_missing(void **state)
{
	struct world *w = *state;

	send_n(w, 40);
	send(w, 1500, false);
	send(w, 60, false);
	send_n(w, 3);
	send(w, 333, false);
	send_parity(w, true);
	send_n(w, 4);
	send_parity(w, true);
	assert_int_equal(w->restored, 0);
	send_n(w, 4);
	send_parity(w, true);
	assert_int_equal(w->restored, 3);
	assert_int_equal(w->in.rows, 0);
	assert_int_equal(w->in.unknowns, 0);
}

static void does_without_a_parity_that_is_lost(void **state)
{
	struct world *w = *state;

	send_n(w, 40);
	send(w, 700, false);
	send_parity(w, false);
	send_parity(w, true); /* two unknowns: it, and the parity */
	assert_int_equal(w->restored, 0);
	send_parity(w, true);
	assert_int_equal(w->restored, 1);
}

static void is_not_misled_by_what_has_no_lane(void **state)
{
	struct world *w = *state;

	send_n(w, 40);
	send_other(w, true);
	send(w, 99, false);
	send_other(w, false);
	send_parity(w, true);
	send_parity(w, true);
	assert_int_equal(w->restored, 1);
}

static void one_that_was_overtaken_helps_as_well(void **state)
{
	struct world *w = *state;

	send_n(w, 40);
	send(w, 100, false);
	send(w, 200, false);
	send_parity(w, true);
	assert_int_equal(w->restored, 0);
	come_late(w, (uint16_t)(w->next - 3));
	assert_int_equal(w->restored, 1);
}

static void those_that_were_overtaken_help_several_parities(void **state)
{
	struct world *w = *state;
	uint16_t first;

	send_n(w, 40);
	first = w->next;
	for (unsigned i = 0; i < 4; i++) {
		send(w, 100 + i, false);
	}
	send_parity(w, true);
	send_parity(w, true);
	come_late(w, first);
	assert_int_equal(w->restored, 0);
	come_late(w, (uint16_t)(first + 1));
	assert_int_equal(w->restored, 2);
}

static void tells_of_one_class_at_a_time(void **state)
{
	struct world *w = *state;

	send_n(w, 40);
	w->class_id = 5;
	send(w, 800, false);
	send_n(w, 3);
	w->class_id = 0;
	send_n(w, 3);
	send_parity(w, true); /* of class 0: nothing of it is missing */
	assert_int_equal(w->restored, 0);
	w->class_id = 5;
	send_n(w, 1);
	send_parity(w, true);
	assert_int_equal(w->restored, 1);
}

static void a_repair_is_made_good_too(void **state)
{
	struct world *w = *state;

	send_n(w, 40);
	send_as(w, MPQ_HEADER_REPAIR, 700, false);
	send_as(w, MPQ_HEADER_AHEAD, 700, false);
	send_parity(w, true);
	send_parity(w, true);
	assert_int_equal(w->restored, 2);
}

/* Whatever is lost of 5 %, what is made good is true (drain), and little is
 * not. */
static void makes_good_most_of_what_chance_takes(void **state)
{
	struct world *w = *state;
	unsigned chance = 12345, lost = 0;

	for (unsigned i = 0; i < 20000; i++) {
		bool comes;

		chance = chance * 1103515245 + 12345;
		comes = (chance >> 16) % 20 != 0;
		if (i % 6 == 5) {
			send_parity(w, comes);
		} else {
			send(w, 60 + chance % 1441, comes);
			lost += !comes;
		}
	}
	assert_true(lost > 700);
	assert_true(w->restored > lost * 95 / 100);
}

/* ---- what it takes ------------------------------------------------------- */

static void is_as_long_as_the_longest(void **state)
{
	struct world *w = *state;

	send_others(w, 30);
	send(w, 1300, true);
	send_n(w, 5);
	send(w, 1301, true);
	send(w, 60, true);
	assert_int_equal(send_parity(w, true), 1301);
}

static void has_nothing_to_tell_of_without_packets(void **state)
{
	struct world *w = *state;

	assert_int_equal(send_parity(w, true), 0);
	send_n(w, 40);
	send_others(w, MPQ_PARITY_WINDOW - 1);
	assert_int_not_equal(w->out.untold, 0);
	assert_int_equal(send_parity(w, true), 0);
	assert_int_equal(w->out.untold, 0);
}

/* The receiver knows more than it could say. */
static void says_nothing_before_it_knows_a_whole_window(void **state)
{
	struct world *w = *state;

	send_n(w, MPQ_PARITY_WINDOW - 2);
	assert_int_equal(send_parity(w, true), 0);
	send_n(w, 40);
	send_untold(w, 500);
	assert_int_equal(send_parity(w, true), 0);
	send_n(w, MPQ_PARITY_WINDOW - 3);
	send(w, 300, false);
	assert_int_equal(send_parity(w, true), 0);
	send_n(w, 1);
	assert_true(send_parity(w, true) > 0);
	assert_int_equal(w->restored, 1);
}

/* Sequences have wrapped since, or have gone halfway round. */
static void is_right_after_a_long_pause(void **state)
{
	struct world *w = *state;

	for (unsigned pause = 30000; pause <= 70000; pause += 1000) {
		send_n(w, 40);
		send_others(w, pause);
		w->restored = 0;
		send_n(w, 3);
		send(w, 700, false);
		send_n(w, 3);
		assert_true(send_parity(w, true) > 0);
		assert_int_equal(w->restored, 1);
	}
}

/* ---- hostile ------------------------------------------------------------- */

static void refuses_what_is_empty_or_too_long(void **state)
{
	struct world *w = *state;
	uint8_t payload[LONGEST + 1] = {0};
	const struct mpq_header h = {.kind = MPQ_HEADER_PARITY};

	assert_int_equal(mpq_parity_take_parity(&w->in, &h, payload, 0),
			 -EBADMSG);
	assert_int_equal(mpq_parity_take_parity(&w->in, &h, payload,
						LONGEST + 1),
			 -EBADMSG);
}

static void makes_no_packet_of_a_lie(void **state)
{
	struct world *w = *state;
	uint8_t payload[200];
	struct mpq_header h = {.kind = MPQ_HEADER_PARITY};

	memset(payload, 0x5a, sizeof(payload));
	send_n(w, 40);
	send(w, 700, false);
	send_n(w, 2);
	h.path_sequence = w->next++;
	assert_int_equal(mpq_parity_take_parity(&w->in, &h, payload,
						sizeof(payload)),
			 0);
	drain(w);
	assert_int_equal(w->restored, 0);
}

static void keeps_no_more_than_it_has_room_for(void **state)
{
	struct world *w = *state;

	send_n(w, 40);
	for (unsigned i = 0; i < 200; i++) {
		send(w, 100, i % 5 != 0);
		send_parity(w, i % 7 == 0);
		assert_true(w->in.rows <= MPQ_PARITY_ROWS);
	}
	send_n(w, 200);
	assert_int_equal(w->in.rows, 0); /* too old */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(makes_good_one_that_is_missing),
		TEST(has_nothing_to_do_where_nothing_is_missing),
		TEST(needs_a_parity_for_each_that_is_missing),
		TEST(does_without_a_parity_that_is_lost),
		TEST(is_not_misled_by_what_has_no_lane),
		TEST(one_that_was_overtaken_helps_as_well),
		TEST(those_that_were_overtaken_help_several_parities),
		TEST(tells_of_one_class_at_a_time),
		TEST(a_repair_is_made_good_too),
		TEST(makes_good_most_of_what_chance_takes),
		TEST(is_as_long_as_the_longest),
		TEST(has_nothing_to_tell_of_without_packets),
		TEST(says_nothing_before_it_knows_a_whole_window),
		TEST(is_right_after_a_long_pause),
		TEST(refuses_what_is_empty_or_too_long),
		TEST(makes_no_packet_of_a_lie),
		TEST(keeps_no_more_than_it_has_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
