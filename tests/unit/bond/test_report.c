/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond/report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PATH_BYTES 24

/* README.md has it. */
static const uint8_t drawn[] = {
	0x00, 0x00, 0x01, 0x02, /* number 258 */
	0x03,                   /* path 3 */
	0x00, 0x3a, 0x98,       /* offset 15 ms */
	0x00, 0x04, 0xd2,       /* jitter 1.234 ms */
	0x01, 0x86, 0xa0,       /* queueing 100 ms */
	0x00, 0x27, 0x10,       /* silence 10 ms */
	0x00, 0x13, 0x88,       /* loss 0.5 % */
	0xff, 0xff, 0xff, 0xfe, /* received */
	0x00, 0x00, 0x4e, 0x20, /* 20 Mbit/s */
};

static struct mpq_report sample(void)
{
	return (struct mpq_report){
		.number = 258,
		.n_paths = 1,
		.path = {{.path = 3,
			  .offset = 15 * MPQ_MILLISECOND,
			  .jitter = 1234 * MPQ_MICROSECOND,
			  .queueing = 100 * MPQ_MILLISECOND,
			  .silence = 10 * MPQ_MILLISECOND,
			  .loss_ppm = 5000,
			  .received = UINT32_MAX - 1,
			  .rate_bps = 20000000}},
	};
}

static void assert_same(const struct mpq_report *a, const struct mpq_report *b)
{
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->n_paths, b->n_paths);
	for (size_t i = 0; i < a->n_paths; i++) {
		const struct mpq_report_path *p = &a->path[i], *q = &b->path[i];

		assert_int_equal(p->path, q->path);
		assert_int_equal(p->offset, q->offset);
		assert_int_equal(p->jitter, q->jitter);
		assert_int_equal(p->queueing, q->queueing);
		assert_int_equal(p->silence, q->silence);
		assert_int_equal(p->loss_ppm, q->loss_ppm);
		assert_int_equal(p->received, q->received);
		assert_int_equal(p->rate_bps, q->rate_bps);
		assert_int_equal(p->renew, q->renew);
	}
}

static void is_drawn_as_in_the_readme(void **state)
{
	const struct mpq_report r = sample();
	uint8_t out[MPQ_REPORT_MAX_BYTES];
	struct mpq_report read;

	(void)state;
	assert_int_equal(mpq_report_write(&r, out), sizeof(drawn));
	assert_memory_equal(out, drawn, sizeof(drawn));
	assert_int_equal(mpq_report_read(&read, drawn, sizeof(drawn)), 0);
	assert_same(&read, &r);
}

static void tells_of_none_and_of_all_paths(void **state)
{
	(void)state;
	for (size_t n = 0; n <= MPQ_REPORT_PATHS; n++) {
		struct mpq_report r = {.number = UINT32_MAX, .n_paths = n};
		uint8_t out[MPQ_REPORT_MAX_BYTES];
		struct mpq_report read;
		size_t len;

		for (size_t i = 0; i < n; i++) {
			r.path[i] = sample().path[0];
			r.path[i].path = (uint8_t)(MPQ_REPORT_PATHS - 1 - i);
			r.path[i].offset = i * MPQ_SECOND;
			r.path[i].renew = i % 2 != 0;
		}
		len = mpq_report_write(&r, out);
		assert_in_range(len, 4, MPQ_REPORT_MAX_BYTES);
		assert_int_equal(mpq_report_read(&read, out, len), 0);
		assert_same(&read, &r);
	}
}

static void cuts_what_does_not_fit(void **state)
{
	struct mpq_report r = {.n_paths = 1}, read;
	struct mpq_report_path *p = &r.path[0];
	uint8_t out[MPQ_REPORT_MAX_BYTES];
	size_t len;

	(void)state;
	p->offset = p->jitter = p->queueing = p->silence = MPQ_TIME_NEVER;
	p->loss_ppm = UINT32_MAX;
	p->rate_bps = UINT64_MAX;
	len = mpq_report_write(&r, out);
	assert_int_equal(mpq_report_read(&read, out, len), 0);
	p = &read.path[0];
	assert_int_equal(p->offset, MPQ_REPORT_MAX_TIME);
	assert_int_equal(p->jitter, MPQ_REPORT_MAX_TIME);
	assert_int_equal(p->queueing, MPQ_REPORT_MAX_TIME);
	assert_int_equal(p->silence, MPQ_REPORT_MAX_TIME);
	assert_int_equal(p->loss_ppm, 1000000);
	assert_int_equal(p->rate_bps, MPQ_REPORT_MAX_RATE_BPS);
}

static void cuts_what_is_out_of_all_reason(void **state)
{
	uint8_t wild[4 + PATH_BYTES];
	struct mpq_report read;

	(void)state;
	memset(wild, 0xff, sizeof(wild));
	wild[4] = 0;
	assert_int_equal(mpq_report_read(&read, wild, sizeof(wild)), 0);
	assert_int_equal(read.path[0].offset, MPQ_REPORT_MAX_TIME);
	assert_int_equal(read.path[0].silence, MPQ_REPORT_MAX_TIME);
	assert_int_equal(read.path[0].loss_ppm, 1000000);
	assert_int_equal(read.path[0].rate_bps, MPQ_REPORT_MAX_RATE_BPS);
}

static void rejects_every_other_length(void **state)
{
	uint8_t data[4 + PATH_BYTES * (MPQ_REPORT_PATHS + 1) + 1] = {0};

	(void)state;
	for (size_t i = 0; i <= MPQ_REPORT_PATHS; i++) {
		data[4 + i * PATH_BYTES] = (uint8_t)i;
	}
	for (size_t len = 0; len <= sizeof(data); len++) {
		bool good = len >= 4 && (len - 4) % PATH_BYTES == 0 &&
			    len <= 4 + PATH_BYTES * MPQ_REPORT_PATHS;
		struct mpq_report read = {.number = 77, .n_paths = 5};

		assert_int_equal(mpq_report_read(&read, data, len),
				 good ? 0 : -EBADMSG);
		assert_int_equal(read.number, good ? 0 : 77);
		assert_int_equal(read.n_paths,
				 good ? (len - 4) / PATH_BYTES : 5);
	}
}

static void rejects_paths_that_are_none_or_told_twice(void **state)
{
	uint8_t data[4 + 2 * PATH_BYTES] = {0};
	struct mpq_report read = {.number = 77};

	(void)state;
	assert_int_equal(mpq_report_read(&read, data, sizeof(data)), -EBADMSG);
	data[4] = MPQ_REPORT_PATHS;
	assert_int_equal(mpq_report_read(&read, data, sizeof(data)), -EBADMSG);
	data[4] = 255;
	assert_int_equal(mpq_report_read(&read, data, sizeof(data)), -EBADMSG);
	assert_int_equal(read.number, 77);
	data[4] = MPQ_REPORT_PATHS - 1;
	assert_int_equal(mpq_report_read(&read, data, sizeof(data)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_drawn_as_in_the_readme),
		cmocka_unit_test(tells_of_none_and_of_all_paths),
		cmocka_unit_test(cuts_what_does_not_fit),
		cmocka_unit_test(cuts_what_is_out_of_all_reason),
		cmocka_unit_test(rejects_every_other_length),
		cmocka_unit_test(rejects_paths_that_are_none_or_told_twice),
	};

	return cmocka_run_group_tests_name("bond/report", tests, NULL, NULL);
}
