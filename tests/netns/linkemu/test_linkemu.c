/* SPDX-License-Identifier: Apache-2.0 */
/* The emulator's model, driven through virtual time. */
#include "tests/netns/linkemu/emulator.h"
#include "tests/netns/linkemu/schedule.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FRAME_BYTES 1014 /* 1000 of layer 3 */

struct bench {
	struct emu_pool pool;
	struct emu_direction d;
	uint64_t arrived, overtaken, last_number;
	mpq_time now;
	mpq_duration least, most; /* time inside */
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b) {
		return -1;
	}
	emu_pool_init(&b->pool, 4096);
	emu_direction_init(&b->d, &b->pool, 7);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	emu_direction_finish(&b->d);
	emu_pool_finish(&b->pool);
	free(b);
	return 0;
}

static void shape(struct bench *b, const char *word)
{
	struct emu_shape s = b->d.shape;

	assert_int_equal(emu_shape_set(&s, word), 0);
	emu_direction_shape(&b->d, &s);
}

struct content {
	uint64_t number;
	mpq_time pushed;
};

static void push(struct bench *b, uint64_t number, mpq_time now)
{
	struct emu_frame *f = emu_pool_get(&b->pool);
	struct content c = {number, now};

	assert_non_null(f);
	f->bytes = FRAME_BYTES;
	memcpy(f->data, &c, sizeof(c));
	emu_direction_push(&b->d, f, now);
}

static void pop_all(struct bench *b, mpq_time now)
{
	struct emu_frame *f;
	struct content c;

	while ((f = emu_direction_pop(&b->d, now))) {
		memcpy(&c, f->data, sizeof(c));
		if (!b->arrived || now - c.pushed < b->least) {
			b->least = now - c.pushed;
		}
		if (now - c.pushed > b->most) {
			b->most = now - c.pushed;
		}
		b->overtaken += b->arrived && c.number < b->last_number;
		b->last_number = c.number;
		b->arrived++;
		emu_pool_put(&b->pool, f);
	}
}

/* n frames, one each `gap`, while time goes from deadline to deadline. */
static void run(struct bench *b, uint64_t n, mpq_duration gap)
{
	mpq_time now = b->now + MPQ_SECOND, next = now, due;

	for (uint64_t i = 0; i < n;) {
		due = emu_direction_deadline(&b->d);
		now = mpq_time_min(next, due);
		pop_all(b, now);
		if (now == next) {
			push(b, i++, now);
			next += gap;
		}
	}
	while ((due = emu_direction_deadline(&b->d)) != MPQ_TIME_NEVER) {
		pop_all(b, due);
		now = due;
	}
	b->now = now;
}

static void passes_everything_at_once_by_default(void **state)
{
	struct bench *b = *state;

	run(b, 1000, MPQ_MILLISECOND);
	assert_int_equal(b->arrived, 1000);
	assert_int_equal(b->most, 0);
}

static void delays_by_the_delay(void **state)
{
	struct bench *b = *state;

	shape(b, "delay=40ms");
	run(b, 1000, MPQ_MILLISECOND);
	assert_int_equal(b->arrived, 1000);
	assert_int_equal(b->least, 40 * MPQ_MILLISECOND);
	assert_int_equal(b->most, 40 * MPQ_MILLISECOND);
}

static void lets_through_what_the_rate_allows(void **state)
{
	struct bench *b = *state;

	/* 8 Mbit/s = 1000 frames a second; offered 2000 for 10 s */
	shape(b, "rate=8M");
	shape(b, "queue=50ms");
	run(b, 20000, MPQ_MILLISECOND / 2);
	assert_in_range(b->arrived, 10000, 10100);
	assert_int_equal(b->d.counters.queue_full, 20000 - b->arrived);
	assert_in_range(b->most, 49 * MPQ_MILLISECOND, 52 * MPQ_MILLISECOND);
}

static void twice_the_rate_carries_twice_as_much(void **state)
{
	struct bench *b = *state;
	uint64_t slow;

	shape(b, "rate=3M");
	run(b, 20000, MPQ_MILLISECOND / 2);
	slow = b->arrived;
	shape(b, "rate=6M");
	run(b, 20000, MPQ_MILLISECOND / 2);
	assert_in_range((b->arrived - slow) * 1000 / slow, 1950, 2050);
}

static void loses_the_share_that_was_asked_for(void **state)
{
	struct bench *b = *state;

	shape(b, "loss=5%");
	run(b, 100000, MPQ_MILLISECOND);
	assert_in_range(b->d.counters.lost, 4700, 5300);
	assert_int_equal(b->arrived, 100000 - b->d.counters.lost);
}

static void loses_in_bursts(void **state)
{
	struct bench *b = *state;

	/* p/(p+r) of the time in the bad state: 1 in 11 */
	shape(b, "burst=0.01:0.1");
	run(b, 100000, MPQ_MILLISECOND);
	assert_in_range(b->d.counters.burst_lost, 8200, 10000);
	assert_int_equal(b->d.counters.lost, 0);
}

static void keeps_the_order_under_jitter(void **state)
{
	struct bench *b = *state;

	shape(b, "delay=30ms");
	shape(b, "jitter=20ms");
	run(b, 10000, MPQ_MILLISECOND);
	assert_int_equal(b->arrived, 10000);
	assert_int_equal(b->overtaken, 0);
	assert_true(b->least < 20 * MPQ_MILLISECOND);
	assert_true(b->most > 40 * MPQ_MILLISECOND);
}

static void lets_frames_overtake_when_told_so(void **state)
{
	struct bench *b = *state;

	shape(b, "delay=30ms");
	shape(b, "jitter=20ms");
	shape(b, "order=free");
	run(b, 10000, MPQ_MILLISECOND);
	assert_int_equal(b->arrived, 10000);
	assert_true(b->overtaken > 3000);
}

static void reorders_the_share_that_was_asked_for(void **state)
{
	struct bench *b = *state;

	shape(b, "reorder=2%");
	shape(b, "gap=10ms");
	run(b, 50000, MPQ_MILLISECOND);
	assert_int_equal(b->arrived, 50000);
	assert_in_range(b->d.counters.reordered, 850, 1150);
	assert_true(b->overtaken > 800);
}

static void duplicates_the_share_that_was_asked_for(void **state)
{
	struct bench *b = *state;

	shape(b, "duplicate=10%");
	run(b, 10000, MPQ_MILLISECOND);
	assert_in_range(b->d.counters.duplicated, 850, 1150);
	assert_int_equal(b->arrived, 10000 + b->d.counters.duplicated);
}

static void swallows_all_in_a_hole_also_what_is_inside(void **state)
{
	struct bench *b = *state;

	shape(b, "delay=40ms");
	push(b, 0, MPQ_SECOND);
	shape(b, "hole=1");
	push(b, 1, MPQ_SECOND);
	pop_all(b, 2 * MPQ_SECOND);
	assert_int_equal(b->arrived, 0);
	assert_int_equal(b->d.counters.hole, 2);
	shape(b, "hole=0");
	push(b, 2, 3 * MPQ_SECOND);
	pop_all(b, 4 * MPQ_SECOND);
	assert_int_equal(b->arrived, 1);
}

static void bounds_its_memory(void **state)
{
	struct bench *b = *state;
	struct emu_frame *f;
	size_t n = 0;

	while ((f = emu_pool_get(&b->pool))) {
		emu_direction_push(&b->d, f, MPQ_SECOND);
		n++;
	}
	assert_int_equal(n, 4096);
}

static void repeats_itself_for_a_seed(void **state)
{
	struct emu_random a, b, c;
	bool differs = false;

	(void)state;
	emu_random_init(&a, 1);
	emu_random_init(&b, 1);
	emu_random_init(&c, 2);
	for (int i = 0; i < 100; i++) {
		double x = emu_random_unit(&a);

		assert_true(x >= 0 && x < 1);
		assert_true(x == emu_random_unit(&b));
		differs |= x != emu_random_unit(&c);
	}
	assert_true(differs);
}

static void refuses_words_that_mean_nothing(void **state)
{
	static const char *const wrong[] = {
		"",          "rate",     "rate=",      "rate=fast", "rate=-1",
		"rate=1X",   "rate=1MM", "delay=5m",   "loss=101%", "loss=x",
		"burst=0.1", "hole=2",   "colour=red", "order=up",  "queue=1q",
	};
	struct emu_shape s, before;

	(void)state;
	emu_shape_init(&s);
	before = s;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(emu_shape_set(&s, wrong[i]), -EINVAL);
	}
	assert_memory_equal(&s, &before, sizeof(s));
}

static void changes_nothing_when_one_word_is_wrong(void **state)
{
	static struct emu e;

	(void)state;
	emu_init(&e, 1);
	assert_int_equal(emu_add_link(&e, "a:x0:x1,rate=1M,up.rate=2M"), 0);
	assert_int_equal(emu_add_link(&e, "a:x0"), -EINVAL);
	assert_int_equal(emu_apply(&e, "a both rate=5M delay=?"), -EINVAL);
	assert_int_equal(emu_apply(&e, "b both rate=5M"), -EINVAL);
	assert_int_equal(emu_apply(&e, "a sideways rate=5M"), -EINVAL);
	assert_true(e.link[0].direction[EMU_UP].shape.rate_bps == 2e6);
	assert_true(e.link[0].direction[EMU_DOWN].shape.rate_bps == 1e6);
	assert_int_equal(emu_apply(&e, "all down rate=5M delay=1ms"), 0);
	assert_true(e.link[0].direction[EMU_DOWN].shape.rate_bps == 5e6);
	emu_finish(&e);
}

static void schedule_of(const char *text, struct emu_schedule *s, int expected,
			unsigned *line)
{
	char name[] = "/tmp/linkemu-schedule-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	assert_int_equal(emu_schedule_read(s, name, line), expected);
	(void)unlink(name);
}

static void follows_its_schedule_and_repeats_it(void **state)
{
	struct emu_schedule s;
	unsigned line = 0;

	(void)state;
	schedule_of("# hand-over\n0 a both hole=1\n150ms a both hole=0\n"
		    "repeat 15s\n",
		    &s, 0, &line);
	emu_schedule_start(&s, MPQ_SECOND);
	assert_string_equal(emu_schedule_pop(&s, MPQ_SECOND), "a both hole=1");
	assert_null(emu_schedule_pop(&s, MPQ_SECOND));
	assert_int_equal(emu_schedule_deadline(&s),
			 MPQ_SECOND + 150 * MPQ_MILLISECOND);
	assert_string_equal(emu_schedule_pop(&s, 2 * MPQ_SECOND),
			    "a both hole=0");
	assert_int_equal(emu_schedule_deadline(&s), 16 * MPQ_SECOND);
	emu_schedule_finish(&s);
}

static void names_the_wrong_line_of_a_schedule(void **state)
{
	struct emu_schedule s;
	unsigned line = 0;

	(void)state;
	schedule_of("1s a both hole=1\n500ms a both hole=0\n", &s, -EINVAL,
		    &line);
	assert_int_equal(line, 2);
	emu_schedule_finish(&s);
}

#define MODEL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MODEL(passes_everything_at_once_by_default),
		MODEL(delays_by_the_delay),
		MODEL(lets_through_what_the_rate_allows),
		MODEL(twice_the_rate_carries_twice_as_much),
		MODEL(loses_the_share_that_was_asked_for),
		MODEL(loses_in_bursts),
		MODEL(keeps_the_order_under_jitter),
		MODEL(lets_frames_overtake_when_told_so),
		MODEL(reorders_the_share_that_was_asked_for),
		MODEL(duplicates_the_share_that_was_asked_for),
		MODEL(swallows_all_in_a_hole_also_what_is_inside),
		MODEL(bounds_its_memory),
		cmocka_unit_test(repeats_itself_for_a_seed),
		cmocka_unit_test(refuses_words_that_mean_nothing),
		cmocka_unit_test(changes_nothing_when_one_word_is_wrong),
		cmocka_unit_test(follows_its_schedule_and_repeats_it),
		cmocka_unit_test(names_the_wrong_line_of_a_schedule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
